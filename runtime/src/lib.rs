//! What a compiled program needs while it runs: tensors and their files, weights, threads, and the program form.

mod bind;
pub mod c;
pub mod command;
mod context;
mod description;
pub mod element;
mod error;
mod execute;
pub mod files;
pub mod forms;
pub mod memory;
mod model;
pub mod npy;
mod pool;
pub mod program;
mod record;
mod resolve;
pub mod sizes;
mod stretches;
pub mod tensor;
pub mod text;
mod verify;
pub mod weights;

pub use context::Context;
pub use description::Description;
pub use element::Element;
pub use error::{codes, Error};
pub use model::{Kernels, Model};
pub use pool::thread_count;
pub use record::{Counts, TimedLaunch, Watch};
pub use stretches::{longest_stretch, OffsetsError};
pub use tensor::{Tensor, TensorMut, TensorRef};
pub use text::Tokenizer;
pub use verify::verify;
pub use weights::WeightFile;
