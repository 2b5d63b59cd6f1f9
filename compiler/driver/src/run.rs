//! `moe run`: a model compiled in memory and run, or evaluated by the reference.

use crate::backend::{self, Wanted};
use crate::cache::Cache;
use crate::compile::{compile, Compiled};
use crate::cpu::NATIVE;
use crate::evaluation;
use crate::memory::kernels_in_memory;
use crate::session::{Failure, Selection, Session};
use moe_diagnostics::Diagnostic;
use moe_evaluate::EvaluateError;
use moe_graph::{Function, Module, OutputKind, Parameter, ParameterKind};
use moe_runtime::command::{
    open_text, read_inputs, run_command, show_output, tokenizer, Given, LoadedProgram, Outputs, RunOptions,
};
use moe_runtime::program::Program;
use moe_runtime::{sizes, weights, Error, Kernels, Tensor, WeightFile};
use std::io::Write;

/// Who runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// Cranelift's code.
    Cranelift,
    /// LLVM's code.
    Llvm,
    /// The reference evaluator.
    Reference,
}

/// Runs the chosen model as `options` ask. What is to be printed goes to `out`; warnings of the model are returned.
///
/// # Errors
/// The mistakes of the sources; weights and inputs that do not fit; outputs that cannot be written.
pub fn run(
    session: &Session,
    selection: &Selection,
    runner: Runner,
    options: &RunOptions,
    out: &mut dyn Write,
) -> Result<Vec<Diagnostic>, Failure> {
    let (backend, _) =
        backend::choose(Some(if runner == Runner::Llvm { Wanted::Llvm } else { Wanted::Cranelift }))
            .map_err(Failure::plain)?;
    let compiled = compile(session, selection)?;
    // All that can be observed, so that a name which is not among it is answered with those that are.
    let looks = options.check_finite || !options.dump.is_empty();
    let observed = if looks { vec!["*".to_owned()] } else { Vec::new() };
    let plan = compiled.plan_by(session, selection, &backend, NATIVE, &observed)?;
    let done = match runner {
        Runner::Reference => match evaluate(&compiled, &plan.program, options, out) {
            Err(Stopped::Fault(fault)) => {
                return Err(session.failure(vec![evaluation::diagnostic(&fault, None)]))
            }
            Err(Stopped::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        },
        Runner::Cranelift | Runner::Llvm => {
            let kernels =
                kernels_in_memory(&backend, &plan.kernels, &Cache::of_user()).map_err(Failure::plain)?;
            run_command(loaded(plan.program, kernels), options, out)
        }
    };
    done.map_err(|error| Failure::plain(diagnostic(&error)))?;
    Ok(compiled.warnings())
}

fn loaded(program: Program, kernels: Kernels) -> LoadedProgram {
    LoadedProgram { program, kernels, weights: None, text: Some(open_text) }
}

/// A message of the runtime as one of the compiler.
pub fn diagnostic(error: &Error) -> Diagnostic {
    let code = moe_diagnostics::CODES.iter().map(|(code, _)| *code).find(|code| *code == error.code());
    let mut diagnostic = Diagnostic::plain_error(code.unwrap_or("E0801"), error.message());
    diagnostic.notes = error.notes().to_vec();
    diagnostic.hint = error.hint_text().map(str::to_owned);
    diagnostic
}

/// Why the reference gave no result.
enum Stopped {
    /// A file, a weight or an input is not as it should be.
    Error(Error),
    /// The evaluator cannot go on.
    Fault(EvaluateError),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Error(error)
    }
}

/// The graph as it was written, by the evaluator; files and messages as for compiled programs.
fn evaluate(
    compiled: &Compiled,
    program: &Program,
    options: &RunOptions,
    out: &mut dyn Write,
) -> Result<(), Stopped> {
    refuse_what_needs_kernels(options)?;
    let outputs = Outputs::create(program, &options.outputs)?;
    let tokenizer = tokenizer(options, Some(open_text))?;
    let tokenizer = tokenizer.as_deref();
    let given = Given { inputs: &options.inputs, texts: &options.texts, tokenizer };
    let inputs = read_inputs(program, given)?;
    let file = options.weights.as_deref().map(WeightFile::open).transpose()?;
    let weights = weight_tensors(program, file.as_ref())?;
    let module = &compiled.elaborated.module;
    let failed = |message: String| Error::new(moe_runtime::codes::BUG, message);
    let entry = module.entry().ok_or_else(|| failed("the module has no entry".to_owned()))?;
    let named = |name: &str, tensors: &[(String, Tensor)]| {
        tensors.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor.clone())
    };
    let inputs: Vec<(String, Tensor)> =
        program.inputs.iter().map(|input| input.name.clone()).zip(inputs).collect();
    let mut arguments = Vec::new();
    for parameter in &entry.parameters {
        let found = match parameter.kind {
            ParameterKind::Input => named(&parameter.name, &inputs),
            ParameterKind::Weight => named(&parameter.name, &weights),
            ParameterKind::State => state(program, &parameter.name),
        };
        arguments.push(found.ok_or_else(|| failed(format!("`{}` has no value", parameter.name)))?);
    }
    begin(module, entry, &mut arguments)?;
    let evaluation = moe_evaluate::evaluate(module, &arguments, &moe_evaluate::Options::default())
        .map_err(Stopped::Fault)?;
    let kinds = entry.outputs.iter().map(|output| output.kind);
    let results: Vec<Tensor> = evaluation
        .outputs
        .into_iter()
        .zip(kinds)
        .filter(|(_, kind)| *kind == OutputKind::Result)
        .map(|(tensor, _)| tensor)
        .collect();
    let shown: Result<String, Error> = program
        .outputs
        .iter()
        .zip(&results)
        .enumerate()
        .filter(|(index, _)| !outputs.takes(*index))
        .map(|(_, (output, tensor))| show_output(&output.name, tensor, tokenizer))
        .collect();
    let shown = shown?;
    outputs.write(program, &results, tokenizer)?;
    // A reader that has gone away is no error.
    let _ = out.write_all(shown.as_bytes());
    Ok(())
}

/// The evaluator runs no kernels, so there is nothing to count or to time, and it keeps no value but the outputs.
fn refuse_what_needs_kernels(options: &RunOptions) -> Result<(), Error> {
    let asked = [
        ("--count", options.count),
        ("--profile", options.profile.is_some()),
        ("--repeat", options.repeat.is_some()),
        ("--dump", !options.dump.is_empty()),
        ("--check-finite", options.check_finite),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("`{name}` is for compiled code, and `--backend reference` compiles none");
            Err(Error::new(moe_runtime::codes::USAGE, message).hint("leave out one of the two"))
        }
    }
}

/// The weights as tensors of their own, by name.
fn weight_tensors(program: &Program, file: Option<&WeightFile>) -> Result<Vec<(String, Tensor)>, Error> {
    let loaded = weights::load(program, file)?;
    let tensors = program.weights.iter().zip(&loaded).filter_map(|(weight, loaded)| {
        let shape = shape(&weight.tensor.axes)?;
        let tensor = Tensor::new(weight.tensor.element, shape, loaded.bytes(file).to_vec())?;
        Some((weight.tensor.name.clone(), tensor))
    });
    Ok(tensors.collect())
}

/// Gives the states that do not begin as zeros their first values.
fn begin(module: &Module, entry: &Function, arguments: &mut [Tensor]) -> Result<(), Stopped> {
    if entry.outputs.iter().all(|output| output.kind != OutputKind::Initial) {
        return Ok(());
    }
    let options = moe_evaluate::Options::default();
    let evaluation = moe_evaluate::evaluate(module, arguments, &options).map_err(Stopped::Fault)?;
    let first = entry.outputs.iter().zip(evaluation.outputs);
    for (output, value) in first.filter(|(output, _)| output.kind == OutputKind::Initial) {
        let is_state = |own: &Parameter| own.kind == ParameterKind::State && own.name == output.name;
        let place = entry.parameters.iter().position(is_state);
        place
            .and_then(|place| arguments.get_mut(place))
            .into_iter()
            .for_each(|argument| *argument = value.clone());
    }
    Ok(())
}

/// A state of zeros.
fn state(program: &Program, name: &str) -> Option<Tensor> {
    let state = program.states.iter().find(|state| state.tensor.name == name)?;
    Tensor::zeros(state.tensor.element, shape(&state.tensor.axes)?)
}

/// The sizes of axes that have no free sizes.
fn shape(axes: &[moe_runtime::program::AxisDescription]) -> Option<Vec<usize>> {
    axes.iter().map(|axis| usize::try_from(sizes::evaluate(&axis.size, &[])?).ok()).collect()
}
