//! Reverse-mode differentiation: the gradient of a graph is a graph of the same primitives.
//!
//! The rules are those of `PRIMITIVES.md` in `compiler/graph`, each by the textbook (Griewank and Walther, "Evaluating Derivatives", 2nd edition,
//! chapter 3). Every node hands its cotangent (the derivative of the final number by the node) on to its operands, summed over the axes
//! that they lack. A cotangent inherits no fact from the value; facts come from the same table of supports as everywhere. Selections, comparisons,
//! roundings and integers have no derivative; at a kink the rule picks one side, as the table says.
//!
//! Calls are calls of an adjoint function that works out the function's values anew. A repetition stores what it carries into each round and goes
//! backwards over that; a fold, whose rounds are counted only while running, works out the values of each round anew from the first.

mod adjoint;
mod calls;
mod error;
mod library;
mod lookups;
mod packing;
mod reductions;
mod rounds;
mod rules;
mod scalar;

pub use error::DifferentiateError;

use adjoint::Adjoint;
use library::Library;
use moe_graph::{simplify, Function, Module, OutputKind, Scalar};

/// The module that computes an output, a single float, and its gradient: for each parameter in `with_respect_to`, by name, an output `gradient.NAME` with the
/// parameter's axes. Next values of states and observed outputs are kept after them; other results are not.
///
/// # Errors
/// If a name is unknown, the output is not a single float, a parameter is no float, or the module is malformed.
pub fn gradient(
    module: &Module,
    output: &str,
    with_respect_to: &[String],
) -> Result<Module, DifferentiateError> {
    let entry = module.entry().ok_or(DifferentiateError::Malformed("no entry function"))?;
    let parameters = with_respect_to.iter().map(|name| parameter(entry, name));
    let parameters = parameters.collect::<Result<Vec<usize>, _>>()?;
    let mut library = Library::new(module);
    let wanted: Vec<bool> = (0..entry.parameters.len()).map(|index| parameters.contains(&index)).collect();
    let mut adjoint = Adjoint::new(&mut library, entry, &wanted)?;
    let found = entry.outputs.iter().find(|found| found.name == output && found.kind == OutputKind::Result);
    let found = found.ok_or_else(|| DifferentiateError::NoOutput(output.to_owned()))?;
    let node = entry.node(found.node).ok_or(DifferentiateError::Malformed("an output of no node"))?;
    if !found.axes.is_empty() {
        return Err(DifferentiateError::NotSingle(output.to_owned()));
    }
    let one = Scalar::float(node.ty.element, 1.0);
    let one = one.ok_or_else(|| DifferentiateError::NotFloat(output.to_owned()))?;
    let seed = adjoint.builder.constant(one);
    adjoint.seed(found.node, seed)?;
    adjoint.run()?;
    adjoint.output(found)?;
    for (index, name) in parameters.iter().zip(with_respect_to) {
        adjoint.gradient_output(*index, &format!("gradient.{name}"))?;
    }
    for other in entry.outputs.iter().filter(|other| other.kind != OutputKind::Result) {
        adjoint.output(other)?;
    }
    let function = adjoint.builder.finish();
    Ok(simplify(&library.finish(function))?)
}

fn parameter(entry: &Function, name: &str) -> Result<usize, DifferentiateError> {
    let index = entry.parameters.iter().position(|parameter| parameter.name == name);
    let index = index.ok_or_else(|| DifferentiateError::NoParameter(name.to_owned()))?;
    match entry.parameters.get(index) {
        Some(parameter) if parameter.ty.element.is_float() => Ok(index),
        _ => Err(DifferentiateError::NotFloat(name.to_owned())),
    }
}
