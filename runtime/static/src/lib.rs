//! The runtime as a static library, which built programs and libraries link.
pub use moe_runtime as runtime;
