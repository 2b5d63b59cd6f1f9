//! Kernels as machine code through Cranelift: in memory, at once, or as an object file.
//!
//! Every value of several lanes becomes as many 128-bit registers as it needs, each holding consecutive lanes; a value
//! smaller than a register leaves its upper lanes undefined. 16-bit floats are kept as their bits and converted by integer
//! arithmetic. Nothing is decided here: the schedule says everything.

mod error;
mod in_memory;
mod lower;
mod prepare;
mod processor;
mod written;

pub use error::CraneliftError;
pub use in_memory::{compile, InMemory};
pub use processor::target;
pub use written::{clif, object};
