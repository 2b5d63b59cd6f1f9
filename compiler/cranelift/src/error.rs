//! What can go wrong.

use moe_kernel::KernelError;
use thiserror::Error;

/// Why code was not written.
#[derive(Debug, Error)]
pub enum CraneliftError {
    /// The processor this runs on is not one that code can be written for.
    #[error("no code can be written for this machine: {0}")]
    Host(String),
    /// A name that is no processor.
    #[error("there is no processor `{name}`; there are native, x86-64, x86-64-v2, x86-64-v3 and x86-64-v4")]
    Processor {
        /// The name given.
        name: String,
    },
    /// A kernel breaks the rules of the kernel form: a mistake of the compiler.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Cranelift refused a kernel: a mistake of the compiler.
    #[error("kernel `{kernel}`: {message}")]
    Code {
        /// The kernel's name.
        kernel: String,
        /// What Cranelift says.
        message: String,
    },
    /// The object file or the memory for the code could not be made.
    #[error("the code could not be put in place: {0}")]
    Place(String),
}
