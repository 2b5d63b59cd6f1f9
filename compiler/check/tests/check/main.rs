//! Tests of the checker as the rest of the compiler uses it.

mod accepted;
mod codes;
mod examples;
mod library;
mod listings;
mod messages;
mod support;
