//! MLIR text to LLVM's form: parsed, lowered to the LLVM dialect and translated.

use crate::error::LlvmError;
use inkwell::context::Context as LlvmContext;
use inkwell::module::Module as LlvmModule;
use melior::dialect::DialectRegistry;
use melior::ir::Module;
use melior::pass::{conversion, PassManager};
use melior::utility::register_all_llvm_translations;
use melior::Context;
use std::sync::{Arc, Mutex, PoisonError};

/// Translates MLIR text into an LLVM module of `llvm`.
///
/// # Errors
/// [`LlvmError::Refused`] with what MLIR said; the text is this crate's own, so that is a fault of this crate.
pub(crate) fn translate<'l>(text: &str, llvm: &'l LlvmContext) -> Result<LlvmModule<'l>, LlvmError> {
    let context = context();
    let said = Said::of(&context);
    let refused = |stage| LlvmError::Refused { stage, what: said.all() };
    let mut module = Module::parse(&context, text).ok_or_else(|| refused("reading MLIR"))?;
    let passes = passes(&context);
    passes.run(&mut module).map_err(|_| refused("lowering MLIR"))?;
    to_llvm(&module, llvm).ok_or_else(|| refused("translating MLIR"))
}

/// A context with the dialects that the text and the passes use, and no threads of its own.
fn context() -> Context {
    let registry = DialectRegistry::new();
    insert_dialects(&registry);
    let context = Context::new_with_registry(&registry, false);
    register_all_llvm_translations(&context);
    context
}

#[allow(unsafe_code)]
fn insert_dialects(registry: &DialectRegistry) {
    // SAFETY: the handles are functions of the linked MLIR, and the registry is alive.
    unsafe {
        for handle in [
            mlir_sys::mlirGetDialectHandle__func__(),
            mlir_sys::mlirGetDialectHandle__cf__(),
            mlir_sys::mlirGetDialectHandle__scf__(),
            mlir_sys::mlirGetDialectHandle__arith__(),
            mlir_sys::mlirGetDialectHandle__math__(),
            mlir_sys::mlirGetDialectHandle__vector__(),
            mlir_sys::mlirGetDialectHandle__memref__(),
            mlir_sys::mlirGetDialectHandle__llvm__(),
        ] {
            mlir_sys::mlirDialectHandleInsertDialect(handle, registry.to_raw());
        }
    }
}

/// From the structured dialects to the LLVM dialect.
fn passes(context: &Context) -> PassManager<'_> {
    let manager = PassManager::new(context);
    manager.enable_verifier(cfg!(debug_assertions));
    manager.add_pass(conversion::create_scf_to_control_flow());
    manager.add_pass(conversion::create_vector_to_llvm());
    manager.add_pass(conversion::create_finalize_mem_ref_to_llvm());
    manager.add_pass(conversion::create_math_to_llvm());
    manager.add_pass(conversion::create_arith_to_llvm());
    manager.add_pass(conversion::create_control_flow_to_llvm());
    manager.add_pass(conversion::create_func_to_llvm());
    manager.add_pass(conversion::create_reconcile_unrealized_casts());
    manager
}

#[allow(unsafe_code)]
fn to_llvm<'l>(module: &Module<'_>, llvm: &'l LlvmContext) -> Option<LlvmModule<'l>> {
    // SAFETY: the operation is a verified module that lives through the call; the context is LLVM's of the same
    // shared library, and the module that comes back belongs to it and to nobody else.
    unsafe {
        let operation = module.as_operation().to_raw();
        let raw = mlir_sys::mlirTranslateModuleToLLVMIR(operation, llvm.raw().cast());
        (!raw.is_null()).then(|| LlvmModule::new(raw.cast()))
    }
}

/// What MLIR says about errors, collected.
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    fn of(context: &Context) -> Self {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&messages);
        context.attach_diagnostic_handler(move |diagnostic| {
            let message = format!("{}: {diagnostic}", diagnostic.location());
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            true
        });
        Said(messages)
    }

    fn all(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("; ")
    }
}
