//! What stands between the stages: each stage's work is verified before the next reads it.

use moe_diagnostics::Diagnostic;
use moe_graph::Module;
use moe_kernel::Plan;

/// The code of a mistake of the compiler itself.
pub const BUG: &str = "E0706";

fn bug(stage: &str, what: &str) -> Diagnostic {
    Diagnostic::plain_error(BUG, format!("{stage} made something malformed: {what}"))
        .hint("this is a bug in moe, please report it with the model")
}

/// Whether a graph is well formed.
///
/// # Errors
/// A message for each thing that is not; `stage` is who made the graph.
pub fn module(module: &Module, stage: &str) -> Result<(), Vec<Diagnostic>> {
    moe_graph::verify(module)
        .map_err(|errors| errors.iter().map(|error| bug(stage, &error.to_string())).collect())
}

/// Whether the kernels and the program of a plan are well formed.
///
/// # Errors
/// A message for the first thing that is not.
pub fn plan(plan: &Plan) -> Result<(), Vec<Diagnostic>> {
    for kernel in &plan.kernels {
        moe_kernel::verify(kernel)
            .map_err(|error| vec![bug("scheduling", &format!("kernel `{}`: {error}", kernel.name))])?;
    }
    moe_runtime::verify(&plan.program, plan.kernels.len())
        .map_err(|error| vec![bug("scheduling", error.message())])
}
