//! Kernels through MLIR and LLVM to machine code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agree;
mod emulated;
mod numbers;
mod object;
mod operations;
mod random;
mod support;
mod text;
