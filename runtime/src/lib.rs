//! What a compiled program needs while it runs: tensors and their files, weights, threads, and the program form.

pub mod element;
pub mod program;
pub mod tensor;

pub use element::Element;
pub use tensor::Tensor;
