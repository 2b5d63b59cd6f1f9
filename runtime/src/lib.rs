//! What a compiled program needs while it runs: tensors and their files, weights, threads, and the program form.

pub mod element;
pub mod program;

pub use element::Element;
