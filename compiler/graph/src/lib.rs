//! The tensor graph: what a model means, in a small closed set of primitives over named axes.

mod scalar;
mod size;

pub use moe_runtime::Element;
pub use scalar::Scalar;
pub use size::{Atom, Size};
