//! Polynomials, and pieces that several functions use.

use super::format::{format, Format};
use crate::writer::Writer;
use moe_kernel::{BinaryOperation, Comparison, Value};

/// The polynomial with these coefficients, the constant term first, by Horner's rule.
pub(super) fn polynomial(w: &mut Writer, x: Value, coefficients: &[f64]) -> Value {
    let mut result: Option<Value> = None;
    for coefficient in coefficients.iter().rev() {
        let coefficient = w.number(x, *coefficient);
        result = Some(match result {
            None => coefficient,
            Some(result) => w.multiply_add(result, x, coefficient),
        });
    }
    result.unwrap_or(x)
}

/// Two to the power of an integer of the float's width, which must be the exponent of a normal number.
pub(super) fn two_to(w: &mut Writer, exponent: Value) -> Value {
    let format = format(w, exponent);
    let bias = w.integer(exponent, format.bias);
    let biased = w.add(exponent, bias);
    let bits = w.integer(exponent, format.fraction_bits);
    let shifted = w.binary(BinaryOperation::ShiftLeft, biased, bits);
    w.reinterpret(shifted, format.float)
}

/// `x` times two to the power of an integer, in two steps so that the result may be as small or large as the type allows.
pub(super) fn scaled(w: &mut Writer, x: Value, exponent: Value) -> Value {
    let one = w.integer(exponent, 1);
    let half = w.binary(BinaryOperation::ShiftRight, exponent, one);
    let rest = w.subtract(exponent, half);
    let (first, second) = (two_to(w, half), two_to(w, rest));
    let product = w.multiply(x, first);
    w.multiply(product, second)
}

/// The integer nearest to a number that is far below 2^22, as a float and as an integer. Added to 1.5 times the power of two from which on
/// floats are whole, it is rounded, and stands in the lowest bits; a conversion would have to look after numbers that do not fit.
pub(super) fn nearest(w: &mut Writer, x: Value) -> (Value, Value) {
    let Format { integer, fraction_bits, .. } = format(w, x);
    let shift = w.number(x, 1.5 * f64::powi(2.0, fraction_bits as i32));
    let shifted = w.add(x, shift);
    let (bits, zero) = (w.reinterpret(shifted, integer), w.reinterpret(shift, integer));
    (w.subtract(shifted, shift), w.subtract(bits, zero))
}

/// `x` kept between two numbers; NaN stays.
pub(super) fn clamped(w: &mut Writer, x: Value, low: f64, high: f64) -> Value {
    // Written so that each choice is one instruction where there is one that keeps NaN in this place.
    let (low, high) = (w.number(x, low), w.number(x, high));
    let below = w.compare(Comparison::Less, x, low);
    let x = w.select(below, low, x);
    let above = w.compare(Comparison::Greater, x, high);
    w.select(above, high, x)
}
