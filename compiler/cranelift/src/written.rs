//! Kernels as files: objects to be linked, and text to be read.

use crate::error::CraneliftError;
use crate::in_memory::{define_all, names_differ};
use crate::lower::Lowerer;
use crate::processor::{instructions, Destination};
use cranelift::codegen::ir::Function;
use cranelift_module::default_libcall_names;
use cranelift_object::{ObjectBuilder, ObjectModule};
use moe_kernel::Kernel;

/// Compiles kernels into an object file. Each is a global function of the kernel's name, in position-independent code.
/// `cpu` is `native` or a level of x86-64: `x86-64`, `x86-64-v2`, `x86-64-v3`, `x86-64-v4`. Code for the first two calls
/// `fma`, `fmaf` and, the first, rounding functions of the mathematics library where kernels ask for these operations.
///
/// # Errors
/// An unknown processor, a kernel that breaks the rules of the kernel form, two kernels of one name.
pub fn object(kernels: &[Kernel], cpu: &str) -> Result<Vec<u8>, CraneliftError> {
    names_differ(kernels)?;
    let place = |error: String| CraneliftError::Place(error);
    let isa = instructions(cpu, Destination::Object)?;
    let mut builder = ObjectBuilder::new(isa, "kernels", default_libcall_names())
        .map_err(|error| place(error.to_string()))?;
    builder.per_function_section(true);
    let mut module = ObjectModule::new(builder);
    define_all(&mut module, kernels)?;
    module.finish().emit().map_err(|error| place(error.to_string()))
}

/// Kernels as Cranelift's text, before it optimizes them.
///
/// # Errors
/// A kernel that breaks the rules of the kernel form, a machine that Cranelift does not know.
pub fn clif(kernels: &[Kernel]) -> Result<String, CraneliftError> {
    let isa = instructions("native", Destination::Memory)?;
    let mut lowerer = Lowerer::default();
    let mut text = String::new();
    for kernel in kernels {
        let mut function = Function::new();
        lowerer.lower(kernel, &*isa, &mut function)?;
        text.push_str(&format!("; {}\n{}\n", kernel.name, function.display()));
    }
    Ok(text)
}
