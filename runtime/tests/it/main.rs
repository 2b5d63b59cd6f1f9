//! Programs built by hand, with kernels written in Rust, run as compiled ones are.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod fakes;
mod run;
mod weights;
