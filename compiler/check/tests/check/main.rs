//! Tests of the checker as the rest of the compiler uses it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accepted;
mod codes;
mod examples;
mod facts;
mod library;
mod limits;
mod listings;
mod messages;
mod ragged;
mod robust;
mod support;
