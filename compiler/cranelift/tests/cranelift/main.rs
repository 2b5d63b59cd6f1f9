//! Machine code against the interpreter: the same bits for every operation, element type and number of lanes.

#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod control;
mod harness;
mod memory;
mod objects;
mod operations;
mod random;
mod text;
