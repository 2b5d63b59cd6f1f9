//! Weights: files of tensors, what of them fits a program, and how a weight is put together from somebody else's.

mod assemble;
mod convert;
mod file;
mod fit;
mod gather;
mod left_out;
mod suggest;

pub use convert::convert;
pub use file::{to_bytes, Entry, WeightFile};
pub use fit::{check, load, LoadedWeight};
pub use left_out::needed;
pub use suggest::closest;
