//! Every derivative rule against finite differences on the reference evaluator, and gradients of gradients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod absorption;
mod common;
mod functions;
mod random;
mod scalar;
mod second;
mod structure;
