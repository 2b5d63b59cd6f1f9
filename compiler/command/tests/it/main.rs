//! The command as a person uses it, and rules about the tree.

mod bad_input;
mod bad_source;
mod examples;
mod library;
mod mixtures;
mod person;
mod tidy;
