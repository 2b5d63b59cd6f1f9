//! The command as a person uses it, and rules about the tree.
// What the tests share may fail as they do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bad_input;
mod bad_source;
mod edges;
mod examples;
mod explained;
mod given;
mod keyboard;
mod library;
mod machine;
mod mixtures;
mod person;
mod proofs;
mod stages;
mod text;
mod tidy;
mod tutorial;
