//! Plans, run by the interpreter of kernels, give what the reference evaluator gives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cases;
mod support;
