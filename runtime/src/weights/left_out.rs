//! Entries of weights that a program takes for granted and leaves out: found in a file when it is built, and looked for when weights are loaded.

use super::convert::to_float;
use crate::element::Element;
use crate::error::{codes, Error};
use crate::program::{LeftOutValue, WeightDescription};

impl LeftOutValue {
    /// As a number.
    pub fn number(self) -> f64 {
        match self {
            LeftOutValue::Zero => 0.0,
            LeftOutValue::NegativeInfinity => f64::NEG_INFINITY,
        }
    }
}

/// For each axis of a tensor, row-major, whether any entry at each of its places is something else than `value`.
pub fn needed(bytes: &[u8], element: Element, shape: &[usize], value: LeftOutValue) -> Vec<Vec<bool>> {
    let mut found: Vec<Vec<bool>> = shape.iter().map(|size| vec![false; *size]).collect();
    let entries = bytes.chunks_exact(element.bytes()).enumerate();
    for (mut rest, _) in entries.filter(|(_, entry)| !is_value(entry, element, value)) {
        for (size, places) in shape.iter().zip(&mut found).rev() {
            let size = (*size).max(1);
            places.get_mut(rest % size).into_iter().for_each(|place| *place = true);
            rest /= size;
        }
    }
    found
}

fn is_value(entry: &[u8], element: Element, value: LeftOutValue) -> bool {
    to_float(entry, element) == Some(value.number())
}

/// Whether a weight has nothing where the program that it is for leaves it out.
///
/// # Errors
/// If it has, with the first place.
pub fn check(weight: &WeightDescription, shape: &[usize], bytes: &[u8], file: &str) -> Result<(), Error> {
    for left_out in &weight.left_out {
        let tensor = &weight.tensor;
        let (axis, name) = (left_out.axis as usize, &tensor.name);
        let is_something =
            |place: &&u64| !has_only(bytes, tensor.element, shape, axis, **place, left_out.value);
        let Some(place) = left_out.places.iter().find(is_something) else { continue };
        let along = tensor.axes.get(axis).map_or("", |axis| &axis.name);
        let value = left_out.value.number();
        let message = format!("{file} has something in `{name}` at place {place} of {along}");
        return Err(Error::new(codes::WEIGHTS_LEFT_OUT, message)
            .note(format!(
                "the program was specialized to weights that are {value} there, and leaves that out"
            ))
            .hint("build the program with --specialize and these weights, or without it for all weights"));
    }
    Ok(())
}

/// Whether a tensor, row-major, has such a place along an axis, and nothing but `value` there. Only these entries are read.
fn has_only(
    bytes: &[u8],
    element: Element,
    shape: &[usize],
    axis: usize,
    place: u64,
    value: LeftOutValue,
) -> bool {
    let (Some(size), Ok(place)) = (shape.get(axis), usize::try_from(place)) else { return false };
    if place >= *size {
        return false;
    }
    let inner = shape.iter().skip(axis + 1).product::<usize>() * element.bytes();
    let rows = bytes.chunks_exact(inner.max(1)).skip(place).step_by(*size);
    rows.flat_map(|row| row.chunks_exact(element.bytes())).all(|entry| is_value(entry, element, value))
}
