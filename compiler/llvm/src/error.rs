//! What can go wrong between kernels and machine code.

use moe_kernel::KernelError;

/// Why there is no code.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LlvmError {
    /// The processor's name is none that this crate can write for.
    #[error("there is no processor `{name}` to write code for; {hint}")]
    UnknownCpu {
        /// The name that was given.
        name: String,
        /// Names that would do.
        hint: String,
    },
    /// The processor cannot do an operation, and there is no exact way round it.
    #[error("kernel `{kernel}`: the processor `{cpu}` cannot do {what}")]
    Unsupported {
        /// The kernel's name.
        kernel: String,
        /// The operation.
        what: &'static str,
        /// The processor.
        cpu: String,
    },
    /// A kernel breaks a rule of the kernel form.
    #[error(transparent)]
    Malformed(#[from] KernelError),
    /// MLIR or LLVM refused what this crate wrote: a fault of this crate.
    #[error("{stage} failed: {what}")]
    Refused {
        /// Where.
        stage: &'static str,
        /// What was said about it.
        what: String,
    },
}
