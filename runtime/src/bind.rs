//! The free sizes of a program, from the shapes of the inputs it is given, and from offsets among them.

use crate::element::Element;
use crate::error::{codes, Error};
use crate::program::{Offsets, Program, SizeExpression, TensorDescription};
use crate::sizes;
use crate::stretches::longest_stretch;
use crate::tensor::{byte_length, TensorRef};

/// The value of every free size.
///
/// # Errors
/// If an input is missing, or has another element type, rank or size than the program says, or offsets do not cut the rows that there are
/// into stretches.
pub fn bind(program: &Program, inputs: &[TensorRef<'_>]) -> Result<Vec<i64>, Error> {
    if inputs.len() != program.inputs.len() {
        let (expected, found) = (program.inputs.len(), inputs.len());
        return Err(Error::new(
            codes::NAMES,
            format!("`{}` takes {expected} inputs and {found} were given", program.model),
        )
        .hint(format!("its inputs are {}", names(&program.inputs))));
    }
    for (description, input) in program.inputs.iter().zip(inputs) {
        check_kind(description, input)?;
    }
    let symbols = bind_symbols(program, inputs)?;
    for (description, input) in program.inputs.iter().zip(inputs) {
        check_sizes(program, description, input, &symbols)?;
    }
    Ok(symbols)
}

/// The names of tensors, for a message.
pub fn names(tensors: &[TensorDescription]) -> String {
    if tensors.is_empty() {
        return "none".to_owned();
    }
    tensors.iter().map(|tensor| format!("`{}`", tensor.name)).collect::<Vec<_>>().join(", ")
}

fn check_kind(description: &TensorDescription, input: &TensorRef<'_>) -> Result<(), Error> {
    let name = &description.name;
    if input.element != description.element {
        let (expected, found) = (description.element, input.element);
        return Err(Error::new(
            codes::INPUT,
            format!("input `{name}` has element type {found}; expected {expected}"),
        ));
    }
    if input.shape.len() != description.axes.len() {
        let axes: Vec<&str> = description.axes.iter().map(|axis| axis.name.as_str()).collect();
        return Err(Error::new(
            codes::INPUT,
            format!(
                "input `{name}` has {} axes, its shape is {:?}; expected {}: [{}]",
                input.shape.len(),
                input.shape,
                axes.len(),
                axes.join(", ")
            ),
        ));
    }
    Ok(())
}

/// What bound a free size.
#[derive(Clone, Copy)]
struct Binding<'a> {
    size: i64,
    input: &'a str,
    axis: usize,
}

fn bind_symbols(program: &Program, inputs: &[TensorRef<'_>]) -> Result<Vec<i64>, Error> {
    let mut bindings: Vec<Option<Binding<'_>>> = vec![None; program.symbols.len()];
    for (description, input) in program.inputs.iter().zip(inputs) {
        for (position, (axis, size)) in description.axes.iter().zip(input.shape).enumerate() {
            let Some((index, more)) = sizes::free(&axis.size) else { continue };
            let size = i64::try_from(*size).map_err(|_| too_large(&description.name))?.saturating_sub(more);
            // An axis that is shorter than the number says binds nothing, and is found not to fit.
            if size < 0 {
                continue;
            }
            let Some(binding) = bindings.get_mut(index as usize) else { continue };
            match binding {
                None => *binding = Some(Binding { size, input: &description.name, axis: position }),
                Some(earlier) if earlier.size != size && more == 0 => {
                    let reason = format!("as axis {} of `{}`", earlier.axis, earlier.input);
                    return Err(mismatch(description, position, earlier.size, size, &reason));
                }
                Some(_) => {}
            }
        }
    }
    let mut symbols: Vec<i64> =
        bindings.into_iter().map(|binding| binding.map_or(UNBOUND, |binding| binding.size)).collect();
    for offsets in &program.offsets {
        bind_longest(offsets, program, inputs, &mut symbols)?;
    }
    Ok(symbols)
}

/// What stands for a free size that nothing binds. A verified program has such a size only where an input does not fit, which is then found.
const UNBOUND: i64 = 0;

fn bind_longest(
    offsets: &Offsets,
    program: &Program,
    inputs: &[TensorRef<'_>],
    symbols: &mut [i64],
) -> Result<(), Error> {
    let place = offsets.input as usize;
    let (Some(description), Some(input)) = (program.inputs.get(place), inputs.get(place)) else {
        return Ok(());
    };
    check_length(description, input)?;
    let rows = sizes::evaluate(&offsets.rows, symbols).ok_or_else(|| too_large(&description.name))?;
    let longest = longest_stretch(input.bytes, rows).map_err(|problem| {
        let message = format!("the offsets `{}` {problem}", description.name);
        let hint =
            "offsets say where each stretch of rows begins: 0 first, ascending, and last the number of rows";
        Error::new(codes::INPUT, message).hint(hint)
    })?;
    if let Some(symbol) = symbols.get_mut(offsets.longest as usize) {
        *symbol = longest;
    }
    Ok(())
}

fn check_sizes(
    program: &Program,
    description: &TensorDescription,
    input: &TensorRef<'_>,
    symbols: &[i64],
) -> Result<(), Error> {
    for (position, (axis, size)) in description.axes.iter().zip(input.shape).enumerate() {
        let expected = sizes::evaluate(&axis.size, symbols).ok_or_else(|| too_large(&description.name))?;
        if i64::try_from(*size) != Ok(expected) {
            let found = i64::try_from(*size).map_err(|_| too_large(&description.name))?;
            let bound: Vec<String> = program
                .symbols
                .iter()
                .zip(symbols)
                .map(|(symbol, size)| format!("{} = {size}", symbol.name))
                .collect();
            let reason = match axis.size {
                SizeExpression::Constant(_) => "fixed when the model was compiled".to_owned(),
                _ => format!("with {}", bound.join(", ")),
            };
            return Err(mismatch(description, position, expected, found, &reason));
        }
    }
    Ok(())
}

/// # Errors
/// If an input has not the bytes that its shape says, or a `bool` is neither 0 nor 1.
pub fn check_contents(program: &Program, inputs: &[TensorRef<'_>]) -> Result<(), Error> {
    for (description, input) in program.inputs.iter().zip(inputs) {
        let name = &description.name;
        check_length(description, input)?;
        if input.element == Element::Bool && input.bytes.iter().any(|entry| *entry > 1) {
            let message = format!("input `{name}` is of bool and has an entry that is neither 0 nor 1");
            return Err(Error::new(codes::INPUT, message));
        }
    }
    Ok(())
}

fn check_length(description: &TensorDescription, input: &TensorRef<'_>) -> Result<(), Error> {
    if byte_length(input.element, input.shape) == Some(input.bytes.len()) {
        return Ok(());
    }
    let (name, shape) = (&description.name, input.shape);
    Err(Error::new(codes::INPUT, format!("input `{name}` has not as many bytes as its shape {shape:?} says")))
}

fn mismatch(tensor: &TensorDescription, position: usize, expected: i64, found: i64, reason: &str) -> Error {
    let axis = tensor.axes.get(position).map_or("", |axis| axis.name.as_str());
    let named = if axis.is_empty() { String::new() } else { format!(" ({axis})") };
    let message = format!(
        "axis {position}{named} of input `{}` has size {found}; expected {expected}, {reason}",
        tensor.name
    );
    Error::new(codes::INPUT, message)
}

fn too_large(name: &str) -> Error {
    Error::new(codes::SIZES, format!("the sizes of `{name}` are beyond what 64 bits hold"))
}
