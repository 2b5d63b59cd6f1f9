//! Machine code in this process's memory.
#![allow(unsafe_code)]

use crate::backend::Backend;
use crate::cache::Cache;
use crate::cpu::NATIVE;
use crate::link;
use moe_diagnostics::Diagnostic;
use moe_kernel::Kernel;
use moe_runtime::program::KernelFunction;
use moe_runtime::Kernels;

/// The code of `kernels` by `backend` for this processor, ready to be called.
///
/// # Errors
/// If the code cannot be written, linked or loaded.
pub fn kernels_in_memory(
    backend: &Backend,
    kernels: &[Kernel],
    cache: &Cache,
) -> Result<Kernels, Diagnostic> {
    match backend {
        Backend::Cranelift => {
            let code = moe_cranelift::compile(kernels).map_err(|error| failed(&error))?;
            let functions = code.functions();
            // SAFETY: the schedule's kernels keep to the buffers and sizes of their launches, which tests check with the bounds-checked
            // interpreter, and the compiler writes what they say. The code lives as long as its owner.
            Ok(unsafe { Kernels::new(functions, Box::new(code)) })
        }
        Backend::Llvm(_) => {
            let object = backend.object(kernels, NATIVE, cache)?;
            load(kernels, &object)
        }
    }
}

fn failed(why: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::plain_error("E0705", format!("the machine code cannot be loaded: {why}"))
}

/// Links an object as a shared library and loads that.
fn load(kernels: &[Kernel], object: &[u8]) -> Result<Kernels, Diagnostic> {
    let folder = tempfile::Builder::new().prefix("moe-run-").tempdir().map_err(|error| failed(&error))?;
    let path = folder.path().join("kernels.so");
    link::shared(object, &path)?;
    // SAFETY: the library was written a moment ago from kernels alone; it has no initializers.
    let library = unsafe { libloading::Library::new(&path) }.map_err(|error| failed(&error))?;
    let functions: Result<Vec<KernelFunction>, Diagnostic> = kernels
        .iter()
        .map(|kernel| {
            // SAFETY: every kernel is written as a function of this type.
            let function = unsafe { library.get::<KernelFunction>(kernel.name.as_bytes()) };
            function.map(|function| *function).map_err(|error| failed(&error))
        })
        .collect();
    // SAFETY: as above; the library stays loaded as long as its owner lives.
    Ok(unsafe { Kernels::new(functions?, Box::new(library)) })
}
