//! The graph as its users see it: text form, verifier, passes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod documentation;
mod example;
mod passes;
mod supports;
mod text;
mod verify;
