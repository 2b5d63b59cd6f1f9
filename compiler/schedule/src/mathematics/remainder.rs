//! The remainder of a truncating division, exact: the quotient is taken off a few bits at a time, largest first.

use super::polynomial::two_to;
use crate::writer::Writer;
use moe_graph::Element;
use moe_kernel::{BinaryOperation, Comparison, UnaryOperation, Value};

/// The bits of the quotient that one round takes off.
const BITS: i64 = 40;

/// `a - trunc(a / b) b` with the sign of `a`. Exact.
pub(crate) fn remainder(w: &mut Writer, a: Value, b: Value) -> Value {
    let element = w.ty(a).element;
    let (wide_a, wide_b) = (w.convert(a, Element::F64), w.convert(b, Element::F64));
    let value = in_f64(w, wide_a, wide_b);
    w.convert(value, element)
}

fn in_f64(w: &mut Writer, a: Value, b: Value) -> Value {
    let lanes = w.lanes(a).max(w.lanes(b));
    let (a, b) = (w.splat(a, lanes), w.splat(b, lanes));
    let (mut x, y) = (w.unary(UnaryOperation::Absolute, a), w.unary(UnaryOperation::Absolute, b));
    let infinity = w.number(x, f64::INFINITY);
    let zero = w.number(x, 0.0);
    let is_finite = w.compare(Comparison::Less, x, infinity);
    let is_nonzero = w.compare(Comparison::Greater, y, zero);
    let is_defined = w.and(is_finite, is_nonzero);
    let one = w.number(x, 1.0);
    x = w.select(is_defined, x, zero);
    let is_bounded = w.compare(Comparison::Less, y, infinity);
    let is_plain = w.and(is_defined, is_bounded);
    let divisor = w.select(is_plain, y, one);
    let (scaled_x, scaled_divisor) = raised(w, x, divisor);
    let rest = rounds(w, scaled_x, scaled_divisor);
    let down = w.number(rest, 2.0_f64.powi(-60));
    let lowered = w.multiply(rest, down);
    let small = is_small(w, divisor);
    let rest = w.select(small, lowered, rest);
    let value = w.select(is_bounded, rest, x);
    let nan = w.number(x, f64::NAN);
    let is_number = w.compare(Comparison::Equal, y, y);
    let is_defined = w.and(is_defined, is_number);
    let value = w.select(is_defined, value, nan);
    let negative = w.unary(UnaryOperation::Negate, value);
    let bits = w.reinterpret(a, Element::I64);
    let zero_bits = w.integer(bits, 0);
    let is_negative = w.compare(Comparison::Less, bits, zero_bits);
    w.select(is_negative, negative, value)
}

/// Whether the divisor is so small that products with it would not be exact.
fn is_small(w: &mut Writer, divisor: Value) -> Value {
    let limit = w.number(divisor, 2.0_f64.powi(-960));
    w.compare(Comparison::Less, divisor, limit)
}

/// Dividend and divisor, both times 2^60 where the divisor is small; the dividend loses multiples of the divisor first if that would
/// overflow, which it cannot: it is then taken modulo 2^900 times the divisor by `rounds` of its own.
fn raised(w: &mut Writer, x: Value, divisor: Value) -> (Value, Value) {
    let small = is_small(w, divisor);
    let up = w.number(x, 2.0_f64.powi(60));
    let raised_divisor = w.multiply(divisor, up);
    // A dividend near the top of the range is first reduced by the divisor times a power of two, which keeps the remainder.
    let far = w.number(x, 2.0_f64.powi(900));
    let far_divisor = w.multiply(raised_divisor, far);
    let reduced = rounds(w, x, far_divisor);
    let raised_x = w.multiply(reduced, up);
    (w.select(small, raised_x, x), w.select(small, raised_divisor, divisor))
}

/// `x` modulo `divisor`, both positive and finite.
fn rounds(w: &mut Writer, x: Value, divisor: Value) -> Value {
    let (zero, bits) = (w.index(0), w.index(BITS));
    let exponent_x = exponent(w, x);
    let exponent_divisor = exponent(w, divisor);
    let distance = w.subtract(exponent_x, exponent_divisor);
    let furthest = w.reduce_lanes(BinaryOperation::Maximum, distance);
    let furthest = w.binary(BinaryOperation::Maximum, furthest, zero);
    let count = w.divide(furthest, bits);
    let count = w.offset(count, 1);
    let open = w.open_loop(zero, count, 1, &[x]);
    let rest = open.inner.first().copied().unwrap_or(x);
    let next = round(w, rest, divisor);
    let results = w.close_loop(open, &[next]);
    results.first().copied().unwrap_or(x)
}

fn exponent(w: &mut Writer, x: Value) -> Value {
    let bits = w.reinterpret(x, Element::I64);
    let count = w.integer(bits, 52);
    w.binary(BinaryOperation::ShiftRight, bits, count)
}

/// Takes the quotient's leading bits off.
fn round(w: &mut Writer, rest: Value, divisor: Value) -> Value {
    let (exponent_rest, exponent_divisor) = (exponent(w, rest), exponent(w, divisor));
    let distance = w.subtract(exponent_rest, exponent_divisor);
    let bits = w.integer(distance, BITS);
    let shift = w.subtract(distance, bits);
    let zero = w.integer(distance, 0);
    let shift = w.binary(BinaryOperation::Maximum, shift, zero);
    // Two steps, since the shift may be more than the largest exponent.
    let one = w.integer(shift, 1);
    let half = w.binary(BinaryOperation::ShiftRight, shift, one);
    let other = w.subtract(shift, half);
    let (first, second) = (two_to(w, half), two_to(w, other));
    let scaled = w.multiply(divisor, first);
    let scaled = w.multiply(scaled, second);
    let quotient = w.divide(rest, scaled);
    let quotient = w.unary(UnaryOperation::Truncate, quotient);
    let negative = w.unary(UnaryOperation::Negate, quotient);
    let next = w.exact_multiply_add(negative, scaled, rest);
    // The quotient may have been rounded up by one.
    let zero = w.number(next, 0.0);
    let is_negative = w.compare(Comparison::Less, next, zero);
    let back = w.add(next, scaled);
    w.select(is_negative, back, next)
}
