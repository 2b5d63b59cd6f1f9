//! A graph compiled and run, for the tests.

use moe_driver::{kernels_in_memory, Backend, Cache};
use moe_graph::{Module, OutputKind, Parameter, ParameterKind};
use moe_kernel::{Plan, Target};
use moe_runtime::{Context, Kernels, Model, Tensor, WeightFile};
use moe_schedule::FormRequest;
use std::collections::BTreeMap;

/// The numbers of one step, by name: a result or an observed value.
pub type Seen = BTreeMap<String, Tensor>;

/// Kernels and launches of a graph, with its results.
pub fn plan(module: &Module, target: &Target) -> Result<Plan, String> {
    plan_of(module, target, &[])
}

/// The same, with observed values as asked for.
pub fn plan_of(module: &Module, target: &Target, observe: &[String]) -> Result<Plan, String> {
    plan_forms(&[FormRequest::only(module)], target, observe)
}

/// Kernels and launches of forms of a graph without rows: it has 1 of them.
pub fn plan_forms(forms: &[FormRequest], target: &Target, observe: &[String]) -> Result<Plan, String> {
    let request = moe_schedule::PlanRequest {
        forms,
        rows: &[],
        model: "generated",
        target,
        weight_sources: &BTreeMap::new(),
        observe,
        tuning: &BTreeMap::new(),
        origin: &|_| String::new(),
    };
    let plan = moe_schedule::plan(&request).map_err(|error| error.to_string())?;
    for kernel in &plan.kernels {
        moe_kernel::verify(kernel).map_err(|error| format!("{error}\n{}", moe_kernel::print(kernel)))?;
    }
    Ok(plan)
}

/// A message of the runtime.
fn text(error: moe_runtime::Error) -> String {
    format!("{}: {}", error.code(), error.message())
}

/// A plan with its code and weights, ready to run.
pub fn opened(plan: &Plan, kernels: Kernels, weights: &Seen) -> Result<Model, String> {
    let weights: Vec<(String, Tensor)> = weights.clone().into_iter().collect();
    let file = (!weights.is_empty()).then(|| WeightFile::from_tensors("weights", &weights));
    Model::new(plan.program.clone(), kernels, file.transpose().map_err(text)?).map_err(text)
}

/// Steps one after the other, with what each gives and what is observed.
pub fn steps_done(context: &mut Context, plan: &Plan, steps: &[Vec<Tensor>]) -> Result<Vec<Seen>, String> {
    let mut seen = Vec::new();
    for inputs in steps {
        let results = context.run(inputs).map_err(text)?;
        let names = plan.program.outputs.iter().map(|output| output.name.clone());
        let mut now: Seen = names.zip(results).collect();
        let observed: Vec<String> = context.observable().map(str::to_owned).collect();
        for name in observed {
            let tensor = context.observe(&name).map_err(text)?;
            now.extend(tensor.map(|tensor| (name, tensor)));
        }
        seen.push(now);
    }
    Ok(seen)
}

/// What the evaluator says of one output.
#[derive(Clone, Debug)]
pub struct Expected {
    pub tensor: Tensor,
    /// For each entry, how near the nearest choice behind it was; none where there is no choice.
    pub margins: Option<Vec<f64>>,
}

/// What the evaluator says of a step.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub outputs: BTreeMap<String, Expected>,
    /// The smallest margin behind the states that the next step reads.
    pub states: f64,
}

/// The steps as the evaluator takes them, each state handed on from step to step.
pub fn evaluated(
    module: &Module,
    weights: &Seen,
    steps: &[Vec<Tensor>],
    options: &moe_evaluate::Options,
) -> Result<Vec<Known>, String> {
    let entry = module.entry().ok_or("no entry")?;
    let evaluate = |states: &Seen, inputs: &[Tensor]| {
        let mut inputs = inputs.iter();
        let mut given = |parameter: &Parameter| match parameter.kind {
            ParameterKind::Input => inputs.next(),
            ParameterKind::Weight => weights.get(&parameter.name),
            ParameterKind::State => states.get(&parameter.name),
        };
        let found = entry.parameters.iter().map(|own| given(own).cloned().ok_or_else(|| own.name.clone()));
        let arguments = found.collect::<Result<Vec<Tensor>, String>>()?;
        moe_evaluate::evaluate(module, &arguments, options).map_err(|error| error.to_string())
    };
    let mut states = Seen::new();
    for parameter in entry.parameters.iter().filter(|own| own.kind == ParameterKind::State) {
        let sizes = parameter.ty.axes.iter().map(|axis| entry.size(*axis).as_constant());
        let shape = sizes.map(|size| size.and_then(|size| usize::try_from(size).ok()));
        let shape = shape.collect::<Option<Vec<usize>>>().ok_or("a state whose size is not fixed")?;
        let zeros = Tensor::zeros(parameter.ty.element, shape).ok_or("a state that is too large")?;
        states.insert(parameter.name.clone(), zeros);
    }
    let mut known = Vec::new();
    for (place, inputs) in steps.iter().enumerate() {
        if place == 0 && !states.is_empty() {
            let first = evaluate(&states, inputs)?;
            let begun = entry.outputs.iter().zip(first.outputs);
            let begun = begun.filter(|(output, _)| output.kind == OutputKind::Initial);
            states.extend(begun.map(|(output, tensor)| (output.name.clone(), tensor)));
        }
        let evaluation = evaluate(&states, inputs)?;
        let mut now = Known { states: f64::INFINITY, ..Known::default() };
        for (place, (output, tensor)) in entry.outputs.iter().zip(&evaluation.outputs).enumerate() {
            let margins = evaluation.margins[place].as_ref();
            match output.kind {
                OutputKind::Next => {
                    now.states = now.states.min(evaluation.smallest_margin(place));
                    states.insert(output.name.clone(), tensor.clone());
                }
                OutputKind::Result | OutputKind::Observed => {
                    let margins = margins.map(|margin| spread(margin, &output.axes, tensor.shape()));
                    now.outputs.insert(output.name.clone(), Expected { tensor: tensor.clone(), margins });
                }
                OutputKind::Initial => {}
            }
        }
        known.push(now);
    }
    Ok(known)
}

/// The margin of each entry of an output.
fn spread(margin: &moe_evaluate::Margin, axes: &[moe_graph::AxisId], shape: &[usize]) -> Vec<f64> {
    let count = shape.iter().product::<usize>();
    let place = |entry: usize| {
        margin.axes.iter().zip(&margin.shape).fold(0, |place, (axis, length)| {
            let own = axes.iter().position(|own| own == axis).unwrap_or(0);
            let stride: usize = shape.iter().skip(own + 1).product();
            place * length + entry / stride.max(1) % shape[own]
        })
    };
    (0..count).map(|entry| margin.entries[place(entry)]).collect()
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
    let weights = of_kind(parameters, inputs, ParameterKind::Weight).collect();
    let model = opened(&plan, kernels, &weights)?;
    let mut context = Context::new(&model, Some(threads)).map_err(text)?;
    let inputs = of_kind(parameters, inputs, ParameterKind::Input);
    context.run(&inputs.map(|(_, tensor)| tensor).collect::<Vec<_>>()).map_err(text)
}

/// The tensors of the parameters of one kind, with their names.
pub fn of_kind<'a>(
    parameters: &'a [Parameter],
    tensors: &'a [Tensor],
    kind: ParameterKind,
) -> impl Iterator<Item = (String, Tensor)> + 'a {
    let pairs = parameters.iter().zip(tensors).filter(move |(parameter, _)| parameter.kind == kind);
    pairs.map(|(parameter, tensor)| (parameter.name.clone(), tensor.clone()))
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
