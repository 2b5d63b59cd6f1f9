//! The reference evaluator: what a graph means.
//!
//! It follows the definition of each primitive and nothing else: no schedule, no rewriting. Floats are computed as `f64` and rounded to
//! their type after each scalar function; sums go in ascending order, those of 16-bit floats in `f32`, rounded once at the end. A
//! reduction of scalar functions is evaluated entry by entry, so memory is bounded by the values that nodes have.
//!
//! Besides results it gives *margins*: for each entry of an output, how far the nearest choice behind it (a selection, comparison,
//! rounding or conversion to integers) is from falling out otherwise, in the units of what was compared. Where that is below
//! what rounding can move, another order of evaluation may rightly give something else, and comparisons leave such rows out.

mod array;
mod calls;
mod column;
mod data;
mod error;
mod expression;
mod frame;
mod lanes;
mod lengths;
mod margin;
mod moves;
mod nest;
mod offsets;
mod packing;
mod uses;

pub use error::EvaluateError;

use array::{Array, Value};
use frame::{Context, Frame};
use lengths::Lengths;
use moe_graph::{AxisId, Function, Module, Output, Parameter};
use moe_runtime::Tensor;

/// How to evaluate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether floats of every type are computed as `f64`; those of outputs come out as `f64`. Inputs may then be `f64` too.
    pub double: bool,
}

/// The outputs of a module and how near its choices were.
#[derive(Clone, PartialEq, Debug)]
pub struct Evaluation {
    /// In the order of the entry's outputs; the axes as each output says.
    pub outputs: Vec<Tensor>,
    /// In the same order: the margins behind each output, or `None` where no choice is behind it.
    pub margins: Vec<Option<Margin>>,
    axes: Vec<Vec<AxisId>>,
}

/// How far the nearest choice behind each entry of an output is from falling out otherwise.
#[derive(Clone, PartialEq, Debug)]
pub struct Margin {
    /// The axes along which it varies: some of the output's.
    pub axes: Vec<AxisId>,
    /// Their lengths.
    pub shape: Vec<usize>,
    /// Row-major; infinity where no choice is near.
    pub entries: Vec<f64>,
}

impl Evaluation {
    /// For each coordinate of an axis of outputs, the smallest margin behind any output's entries there; infinity where there is none.
    /// `None` if no output has the axis.
    ///
    /// Outputs without the axis are not looked at: see [`Evaluation::margins`] and [`Evaluation::smallest_margin`].
    pub fn margin_along(&self, axis: AxisId) -> Option<Vec<f64>> {
        let length = self.axes.iter().zip(&self.outputs).find_map(|(axes, output)| {
            let place = axes.iter().position(|other| *other == axis)?;
            output.shape().get(place).copied()
        })?;
        let mut along = vec![f64::INFINITY; length];
        for (margin, _) in self.margins.iter().zip(&self.axes).filter(|(_, axes)| axes.contains(&axis)) {
            margin.iter().for_each(|margin| margin.lower(axis, &mut along));
        }
        Some(along)
    }

    /// The smallest margin behind any entry of an output; infinity where there is none.
    pub fn smallest_margin(&self, output: usize) -> f64 {
        let margin = self.margins.get(output).and_then(Option::as_ref);
        margin.map_or(f64::INFINITY, |margin| margin.entries.iter().copied().fold(f64::INFINITY, f64::min))
    }
}

impl Margin {
    fn of(array: &Array) -> Self {
        Margin { axes: array.axes.clone(), shape: array.shape.clone(), entries: array.data.floats().to_vec() }
    }

    fn lower(&self, axis: AxisId, along: &mut [f64]) {
        let place = self.axes.iter().position(|other| *other == axis);
        let stride: usize = place.map_or(1, |place| self.shape.iter().skip(place + 1).product()).max(1);
        for (index, entry) in self.entries.iter().enumerate() {
            let own = (index / stride) % along.len().max(1);
            for (coordinate, slot) in along.iter_mut().enumerate() {
                if place.is_none() || coordinate == own {
                    *slot = slot.min(*entry);
                }
            }
        }
    }
}

/// The outputs of a module's entry function. Inputs are in the order of its parameters, weights and states among them; the free sizes are bound
/// by their shapes.
///
/// # Errors
/// If inputs do not fit the parameters, a value is too large, an index is out of range, a claim does not hold, or the graph is
/// malformed.
pub fn evaluate(module: &Module, inputs: &[Tensor], options: &Options) -> Result<Evaluation, EvaluateError> {
    let entry = module.entry().ok_or(EvaluateError::Malformed("no entry function"))?;
    let context = Context { module, options, depth: 0 };
    let mut lengths = bind(entry, inputs)?;
    for offsets in &module.offsets {
        offsets::bind(entry, offsets, inputs, &mut lengths)?;
    }
    fit(entry, inputs, &lengths)?;
    let parameters = entry.parameters.iter().zip(inputs);
    let parameters = parameters.map(|(parameter, input)| parameter_value(&context, parameter, input));
    let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
    let values = Frame::run(context, entry, lengths, parameters)?;
    let outputs = values.iter().map(|value| tensor(&value.array)).collect::<Result<Vec<_>, _>>()?;
    let margins = values.iter().map(|value| value.margin.as_ref().map(Margin::of)).collect();
    let axes = entry.outputs.iter().map(|output: &Output| output.axes.clone()).collect();
    Ok(Evaluation { outputs, margins, axes })
}

/// The free sizes and the lengths of the parameters' axes, from the inputs' shapes.
fn bind(entry: &Function, inputs: &[Tensor]) -> Result<Lengths, EvaluateError> {
    let (expected, found) = (entry.parameters.len(), inputs.len());
    if expected != found {
        return Err(EvaluateError::InputCount { expected, found });
    }
    let mut lengths = Lengths::default();
    for (parameter, input) in entry.parameters.iter().zip(inputs) {
        if parameter.ty.axes.len() != input.shape().len() {
            return Err(misfit(entry, parameter, input));
        }
        for (axis, length) in parameter.ty.axes.iter().zip(input.shape()) {
            let symbol = entry.axis(*axis).filter(|axis| !axis.ragged).and_then(|axis| axis.size.as_symbol());
            let known = symbol.and_then(|symbol| lengths.symbol(symbol));
            if known.is_some_and(|known| i64::try_from(*length) != Ok(known)) {
                return Err(misfit(entry, parameter, input));
            }
            calls::bind(&mut lengths, entry, *axis, *length);
        }
    }
    Ok(lengths)
}

/// Whether every input has the lengths that its parameter's axes have.
fn fit(entry: &Function, inputs: &[Tensor], lengths: &Lengths) -> Result<(), EvaluateError> {
    for (parameter, input) in entry.parameters.iter().zip(inputs) {
        let fits = |(axis, length): (&AxisId, &usize)| {
            let Some(found) = entry.axis(*axis) else { return false };
            let size = lengths.size(&found.size).and_then(|size| usize::try_from(size).ok());
            let same_axis = lengths.known(entry, *axis) == Some(*length);
            same_axis && size.is_some_and(|size| if found.ragged { *length <= size } else { *length == size })
        };
        if !parameter.ty.axes.iter().zip(input.shape()).all(fits) {
            return Err(misfit(entry, parameter, input));
        }
    }
    Ok(())
}

fn misfit(entry: &Function, parameter: &Parameter, input: &Tensor) -> EvaluateError {
    let axes = parameter.ty.axes.iter().filter_map(|axis| entry.axis(*axis));
    let axes: Vec<String> = axes.map(|axis| format!("{} = {}", axis.name, axis.size)).collect();
    EvaluateError::InputShape {
        name: parameter.name.clone(),
        expected: axes.join(", "),
        found: input.shape().to_vec(),
    }
}

fn parameter_value(context: &Context, parameter: &Parameter, input: &Tensor) -> Result<Value, EvaluateError> {
    let element = context.element(parameter.ty.element);
    if input.element() != parameter.ty.element && input.element() != element {
        return Err(EvaluateError::InputElement {
            name: parameter.name.clone(),
            expected: parameter.ty.element,
            found: input.element(),
        });
    }
    let data = data::decode(input.element(), input.bytes());
    Ok(Value::plain(Array::new(element, parameter.ty.axes.clone(), input.shape().to_vec(), data)))
}

fn tensor(array: &Array) -> Result<Tensor, EvaluateError> {
    let bytes = data::encode(array.element, &array.data);
    Tensor::new(array.element, array.shape.clone(), bytes)
        .ok_or(EvaluateError::Malformed("a value whose entries are not as many as its shape says"))
}
