//! A graph compiled and run, for the tests.

use moe_driver::{kernels_in_memory, Backend, Cache};
use moe_graph::{Module, OutputKind, ParameterKind};
use moe_kernel::{Plan, Target};
use moe_runtime::{Context, Kernels, Model, Tensor, WeightFile};
use std::collections::BTreeMap;

/// Kernels and launches of a graph.
pub fn plan(module: &Module, target: &Target) -> Result<Plan, String> {
    let request = moe_schedule::PlanRequest {
        module,
        model: "generated",
        target,
        weight_sources: &BTreeMap::new(),
        observe: &[],
        origin: &|_| String::new(),
    };
    let plan = moe_schedule::plan(&request).map_err(|error| error.to_string())?;
    for kernel in &plan.kernels {
        moe_kernel::verify(kernel).map_err(|error| format!("{error}\n{}", moe_kernel::print(kernel)))?;
    }
    Ok(plan)
}

/// Runs a plan of `module` on inputs in the order of its parameters.
pub fn run(
    module: &Module,
    plan: Plan,
    kernels: Kernels,
    inputs: &[Tensor],
    threads: usize,
) -> Result<Vec<Tensor>, String> {
    let parameters = &module.entry().ok_or("no entry")?.parameters;
    let of_kind = |kind: ParameterKind| {
        let pairs = parameters.iter().zip(inputs).filter(move |(parameter, _)| parameter.kind == kind);
        pairs.map(|(parameter, tensor)| (parameter.name.clone(), tensor.clone())).collect::<Vec<_>>()
    };
    let weights = of_kind(ParameterKind::Weight);
    let text = |error: moe_runtime::Error| format!("{}: {}", error.code(), error.message());
    let file = if weights.is_empty() {
        None
    } else {
        Some(WeightFile::from_tensors("weights", &weights).map_err(text)?)
    };
    let model = Model::new(plan.program, kernels, file).map_err(text)?;
    let mut context = Context::new(&model, Some(threads)).map_err(text)?;
    let inputs: Vec<Tensor> = of_kind(ParameterKind::Input).into_iter().map(|(_, tensor)| tensor).collect();
    context.run(&inputs).map_err(text)
}

/// What the evaluator makes of it: the results alone.
pub fn reference(module: &Module, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let evaluation = moe_evaluate::evaluate(module, inputs, &moe_evaluate::Options::default())
        .map_err(|error| error.to_string())?;
    let outputs = &module.entry().ok_or("no entry")?.outputs;
    let results =
        outputs.iter().zip(evaluation.outputs).filter(|(output, _)| output.kind == OutputKind::Result);
    Ok(results.map(|(_, tensor)| tensor).collect())
}

/// Cranelift's code.
pub fn cranelift(plan: &Plan) -> Result<Kernels, String> {
    let cache = Cache::at(std::path::Path::new("/nonexistent"));
    kernels_in_memory(&Backend::Cranelift, &plan.kernels, &cache).map_err(|error| error.message)
}
