//! The kernel form's tests: what is built, printed, refused and computed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod build;
mod meaning;
mod rules;

use moe_kernel::{interpret, Kernel};

/// The bytes of `f32` entries.
fn f32_bytes(entries: &[f32]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

/// `f32` entries of bytes.
fn f32_entries(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect()
}

/// Runs a kernel over `0..items` and expects it to end without a fault.
fn run(kernel: &Kernel, buffers: &mut [Vec<u8>], sizes: &[i64], items: i64) {
    assert_eq!(interpret(kernel, buffers, sizes, 0, items), Ok(0));
}
