//! Tests of the grammar as its users see it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod broken;
mod editors;
mod formatted;
mod generated;
mod library;
mod limits;
mod reference;
mod tools;
mod trees;
