//! Polynomials, and pieces that several functions use.

use crate::writer::Writer;
use moe_graph::Element;
use moe_kernel::{BinaryOperation, Value};

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
    let wide = w.ty(exponent).element == Element::I64;
    let (bias, bits, float) = if wide { (1023, 52, Element::F64) } else { (127, 23, Element::F32) };
    let bias = w.integer(exponent, bias);
    let biased = w.add(exponent, bias);
    let bits = w.integer(exponent, bits);
    let shifted = w.binary(BinaryOperation::ShiftLeft, biased, bits);
    w.reinterpret(shifted, float)
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

/// The integer type as wide as a float.
pub(super) fn integer_of(w: &Writer, x: Value) -> Element {
    if w.ty(x).element == Element::F64 {
        Element::I64
    } else {
        Element::I32
    }
}

/// `x` kept between two numbers; NaN stays.
pub(super) fn clamped(w: &mut Writer, x: Value, low: f64, high: f64) -> Value {
    let (low, high) = (w.number(x, low), w.number(x, high));
    let x = w.binary(BinaryOperation::Maximum, x, low);
    w.binary(BinaryOperation::Minimum, x, high)
}
