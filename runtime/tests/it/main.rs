//! Programs built by hand, with kernels written in Rust, run as compiled ones are.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod c;
mod command;
mod damage;
mod fakes;
mod npy;
mod run;
mod tokenizers;
mod weights;
