//! Machine code for kernels by way of MLIR and LLVM.
//!
//! The road is: [`moe_kernel::Kernel`] → MLIR text (`print`) → the LLVM dialect (`mlir.rs`) → LLVM's own form, optimized,
//! and an object or assembly (`code.rs`). Kernels are shared out among a few modules that are compiled side by side; the
//! result does not depend on how many threads do it.

mod code;
pub mod cpu;
pub mod error;
mod merge;
mod mlir;
mod print;
mod probe;

pub use cpu::Cpu;
pub use error::LlvmError;

use moe_kernel::{Kernel, Target};

/// What a scheduler must know of a processor: `native`, a level such as `x86-64-v3`, or a name that LLVM knows.
///
/// # Errors
/// [`LlvmError::UnknownCpu`].
pub fn target(cpu: &str) -> Result<Target, LlvmError> {
    let capabilities = Cpu::named(cpu)?.capabilities()?;
    Ok(Target {
        vector_bytes: capabilities.vector_bytes,
        vector_registers: capabilities.vector_registers,
        fused_multiply_add: capabilities.fused_multiply_add,
        bf16_pairs: capabilities.bf16_pairs,
        word_pairs: capabilities.word_pairs,
        byte_quads: capabilities.byte_quads,
    })
}

/// The kernels as MLIR text, before any pass.
///
/// # Errors
/// See [`LlvmError`].
pub fn mlir(kernels: &[Kernel], cpu: &str) -> Result<String, LlvmError> {
    print::module(kernels, &Cpu::named(cpu)?.capabilities()?)
}

/// The kernels as LLVM's text form, optimized.
///
/// # Errors
/// See [`LlvmError`].
pub fn llvm(kernels: &[Kernel], cpu: &str) -> Result<String, LlvmError> {
    code::text(kernels, &Cpu::named(cpu)?, code::Text::Llvm)
}

/// The kernels as assembly.
///
/// # Errors
/// See [`LlvmError`].
pub fn assembly(kernels: &[Kernel], cpu: &str) -> Result<String, LlvmError> {
    code::text(kernels, &Cpu::named(cpu)?, code::Text::Assembly)
}

/// The kernels as one relocatable object: each a global function of the kernel's name and of the type
/// [`moe_runtime::program::KernelFunction`]. It refers to no symbol outside itself.
///
/// # Errors
/// See [`LlvmError`].
pub fn object(kernels: &[Kernel], cpu: &str) -> Result<Vec<u8>, LlvmError> {
    code::object(kernels, &Cpu::named(cpu)?)
}
