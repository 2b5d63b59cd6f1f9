//! Kernels compiled into this process.
#![allow(unsafe_code)]

use crate::error::CraneliftError;
use crate::lower::Lowerer;
use crate::processor::{instructions, Destination};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{default_libcall_names, FuncId, Linkage, Module};
use moe_kernel::Kernel;
use moe_runtime::program::KernelFunction;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Machine code in memory. The functions may be called as long as this lives, from any thread.
pub struct InMemory {
    functions: Vec<KernelFunction>,
    /// Taken when this is dropped; otherwise never touched. The lock makes this `Sync`.
    modules: Mutex<Vec<JITModule>>,
}

impl InMemory {
    /// The kernels' code, in their order. It may be called as long as `self` lives.
    pub fn functions(&self) -> Vec<KernelFunction> {
        self.functions.clone()
    }
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory").field("functions", &self.functions.len()).finish()
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        let modules = self.modules.get_mut().map(std::mem::take).unwrap_or_default();
        for module in modules {
            // SAFETY: the functions are only called while `self` lives, as `functions` says.
            unsafe { module.free_memory() };
        }
    }
}

/// How many kernels are worth a thread of their own.
const KERNELS_A_THREAD: usize = 4;

/// Compiles kernels for this machine, into memory, on several threads if there are many.
///
/// # Errors
/// A kernel that breaks the rules of the kernel form, two kernels of one name, a machine that Cranelift does not know.
pub fn compile(kernels: &[Kernel]) -> Result<InMemory, CraneliftError> {
    names_differ(kernels)?;
    let most = kernels.len().div_ceil(KERNELS_A_THREAD).max(1);
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(most));
    let share = kernels.len().div_ceil(threads).max(1);
    let mut shares = kernels.chunks(share);
    let first = shares.next().unwrap_or_default();
    let compiled: Vec<Result<Share, CraneliftError>> = std::thread::scope(|scope| {
        let others: Vec<_> = shares.map(|share| scope.spawn(|| compile_share(share))).collect();
        let first = compile_share(first);
        let joined = others.into_iter().map(|other| match other.join() {
            Ok(share) => share,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(first).chain(joined).collect()
    });
    let mut made = InMemory { functions: Vec::with_capacity(kernels.len()), modules: Mutex::default() };
    for share in compiled {
        let Share { module, functions } = share?;
        made.functions.extend(functions);
        if let Ok(modules) = made.modules.get_mut() {
            modules.push(module);
        }
    }
    Ok(made)
}

/// The kernels of one thread.
struct Share {
    module: JITModule,
    functions: Vec<KernelFunction>,
}

fn compile_share(kernels: &[Kernel]) -> Result<Share, CraneliftError> {
    let mut builder =
        JITBuilder::with_isa(instructions("native", Destination::Memory)?, default_libcall_names());
    builder.symbols(helpers());
    let mut module = JITModule::new(builder);
    let declared = define_all(&mut module, kernels)?;
    module.finalize_definitions().map_err(|error| CraneliftError::Place(error.to_string()))?;
    let functions = declared
        .into_iter()
        .map(|function| {
            let address = module.get_finalized_function(function);
            // SAFETY: the code at the address was written for this signature, and the host's calling convention.
            unsafe { std::mem::transmute::<*const u8, KernelFunction>(address) }
        })
        .collect();
    Ok(Share { module, functions })
}

/// That no two kernels have one name.
pub(crate) fn names_differ(kernels: &[Kernel]) -> Result<(), CraneliftError> {
    let mut names = BTreeSet::new();
    match kernels.iter().find(|kernel| !names.insert(kernel.name.as_str())) {
        None => Ok(()),
        Some(kernel) => {
            let message = "another kernel has its name".to_string();
            Err(CraneliftError::Code { kernel: kernel.name.clone(), message })
        }
    }
}

/// Writes the code of every kernel into a module, under its name.
pub(crate) fn define_all(
    module: &mut impl Module,
    kernels: &[Kernel],
) -> Result<Vec<FuncId>, CraneliftError> {
    let mut lowerer = Lowerer::default();
    let mut context = module.make_context();
    let mut declared = Vec::with_capacity(kernels.len());
    for kernel in kernels {
        let refused = |error: cranelift_module::ModuleError| CraneliftError::Code {
            kernel: kernel.name.clone(),
            message: format!("{error:?}"),
        };
        lowerer.lower(kernel, module.isa(), &mut context.func)?;
        let function = module
            .declare_function(&kernel.name, Linkage::Export, &context.func.signature)
            .map_err(refused)?;
        module.define_function(function, &mut context).map_err(refused)?;
        module.clear_context(&mut context);
        declared.push(function);
    }
    Ok(declared)
}

/// What the code calls on processors without instructions for it, by the names Cranelift gives them.
fn helpers() -> [(&'static str, *const u8); 10] {
    extern "C" fn fmaf(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    extern "C" fn fma(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
    macro_rules! rounding {
        ($($name:ident: $float:ident = $method:ident;)*) => {
            $(extern "C" fn $name(a: $float) -> $float {
                a.$method()
            })*
            [
                ("fmaf", fmaf as *const u8),
                ("fma", fma as *const u8),
                $((stringify!($name), $name as *const u8),)*
            ]
        };
    }
    rounding! {
        ceilf: f32 = ceil;
        ceil: f64 = ceil;
        floorf: f32 = floor;
        floor: f64 = floor;
        truncf: f32 = trunc;
        trunc: f64 = trunc;
        nearbyintf: f32 = round_ties_even;
        nearbyint: f64 = round_ties_even;
    }
}
