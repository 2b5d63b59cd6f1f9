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
    let is_value = |entry: &[u8]| to_float(entry, element) == Some(value.number());
    let entries = bytes.chunks_exact(element.bytes()).enumerate();
    for (mut rest, _) in entries.filter(|(_, entry)| !is_value(entry)) {
        for (size, places) in shape.iter().zip(&mut found).rev() {
            let size = (*size).max(1);
            places.get_mut(rest % size).into_iter().for_each(|place| *place = true);
            rest /= size;
        }
    }
    found
}

/// Whether a weight has nothing where the program that it is for leaves it out.
///
/// # Errors
/// If it has, with the first place.
pub fn check(weight: &WeightDescription, shape: &[usize], bytes: &[u8], file: &str) -> Result<(), Error> {
    for left_out in &weight.left_out {
        let tensor = &weight.tensor;
        let needed = needed(bytes, tensor.element, shape, left_out.value);
        let (axis, name) = (left_out.axis as usize, &tensor.name);
        let is_needed = |place: &&u64| {
            let place = usize::try_from(**place).ok();
            place.and_then(|place| needed.get(axis)?.get(place).copied()).unwrap_or(true)
        };
        let Some(place) = left_out.places.iter().find(is_needed) else { continue };
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
