//! Powers: a^b = e^(b ln a), with ln a and its product with b carried in two numbers each where the type is `f64`.

use super::exponential::exponential;
use super::format::DOUBLE;
use super::logarithm::{split, SERIES};
use super::polynomial::{clamped, polynomial};
use crate::writer::Writer;
use moe_graph::Element;
use moe_kernel::{Comparison, UnaryOperation, Value};

/// `a` to the `b`, as IEEE 754's `pow`. Error: 4e-15 relative in `f64`; `f32` is computed in `f64` and rounded.
pub(crate) fn power(w: &mut Writer, a: Value, b: Value) -> Value {
    let element = w.ty(a).element;
    let (wide_a, wide_b) = (w.convert(a, Element::F64), w.convert(b, Element::F64));
    let value = in_f64(w, wide_a, wide_b);
    w.convert(value, element)
}

fn in_f64(w: &mut Writer, a: Value, b: Value) -> Value {
    let lanes = w.lanes(a).max(w.lanes(b));
    let (a, b) = (w.splat(a, lanes), w.splat(b, lanes));
    let magnitude = w.unary(UnaryOperation::Absolute, a);
    let (high, low) = logarithm(w, magnitude);
    // Beyond this every power but of 1 overflows or vanishes, and halves of the exponent would overflow too.
    let factor = clamped(w, b, -2.0_f64.powi(900), 2.0_f64.powi(900));
    let (product, rest) = exact_product(w, factor, high);
    let rest = w.multiply_add(factor, low, rest);
    let value = exponential(w, product);
    // e^(p + q) = e^p + e^p q for a small q, unless e^p overflows or vanishes.
    let (zero, infinity) = (w.number(a, 0.0), w.number(a, f64::INFINITY));
    let is_above = w.compare(Comparison::Greater, value, zero);
    let is_below = w.compare(Comparison::Less, value, infinity);
    let is_plain = w.and(is_above, is_below);
    let corrected = w.multiply_add(value, rest, value);
    let sum = w.add(product, rest);
    let at_the_end = exponential(w, sum);
    let value = w.select(is_plain, corrected, at_the_end);
    special(w, a, magnitude, b, value)
}

/// The product and what its rounding lost.
fn exact_product(w: &mut Writer, a: Value, b: Value) -> (Value, Value) {
    let product = w.multiply(a, b);
    if w.fused {
        let negative = w.unary(UnaryOperation::Negate, product);
        return (product, w.exact_multiply_add(a, b, negative));
    }
    // Dekker 1971: the halves of each factor multiply exactly.
    let halves = |w: &mut Writer, value| {
        let scale = w.number(value, 134_217_729.0);
        let scaled = w.multiply(value, scale);
        let rest = w.subtract(scaled, value);
        let high = w.subtract(scaled, rest);
        (high, w.subtract(value, high))
    };
    let ((a_high, a_low), (b_high, b_low)) = (halves(w, a), halves(w, b));
    let first = w.multiply(a_high, b_high);
    let first = w.subtract(first, product);
    let second = w.multiply(a_high, b_low);
    let third = w.multiply(a_low, b_high);
    let fourth = w.multiply(a_low, b_low);
    let sum = w.add(first, second);
    let sum = w.add(sum, third);
    (product, w.add(sum, fourth))
}

/// The sum and what its rounding lost, where the first is not the smaller.
fn exact_sum(w: &mut Writer, a: Value, b: Value) -> (Value, Value) {
    let sum = w.add(a, b);
    let back = w.subtract(sum, a);
    (sum, w.subtract(b, back))
}

/// ln x of a positive x in two numbers.
fn logarithm(w: &mut Writer, x: Value) -> (Value, Value) {
    let (m, e) = split(w, x);
    let (one, two) = (w.number(x, 1.0), w.number(x, 2.0));
    let above = w.subtract(m, one);
    let below = w.add(m, one);
    // What rounding m + 1 lost, and s = above / below in two numbers.
    let below_back = w.subtract(below, one);
    let below_low = w.subtract(m, below_back);
    let s = w.divide(above, below);
    let (back, back_low) = exact_product(w, s, below);
    let rest = w.subtract(above, back);
    let rest = w.subtract(rest, back_low);
    let shift = w.multiply(s, below_low);
    let rest = w.subtract(rest, shift);
    let s_low = w.divide(rest, below);
    let square = w.multiply(s, s);
    let series = polynomial(w, square, &SERIES);
    let cube = w.multiply(square, s);
    let tail = w.multiply(cube, series);
    let (double, double_low) = (w.multiply(s, two), w.multiply(s_low, two));
    let [high, low] = DOUBLE.ln_2;
    let (high, low) = (w.number(x, high), w.number(x, low));
    let large = w.multiply(e, high);
    let small = w.multiply(e, low);
    // Where e is 0 the larger is `double`; adding in both orders and keeping the right one costs less than a branch.
    let zero = w.number(x, 0.0);
    let is_near = w.compare(Comparison::Equal, e, zero);
    let (first, second) = (w.select(is_near, double, large), w.select(is_near, zero, double));
    let (sum, lost) = exact_sum(w, first, second);
    let rest = w.add(double_low, small);
    let (sum, lost_tail) = exact_sum(w, sum, tail);
    let rest = w.add(rest, lost);
    let rest = w.add(rest, lost_tail);
    exact_sum(w, sum, rest)
}

/// Zeros, ones, infinities, NaN and negative bases.
fn special(w: &mut Writer, a: Value, magnitude: Value, b: Value, value: Value) -> Value {
    let (zero, one) = (w.number(a, 0.0), w.number(a, 1.0));
    let (infinity, nan) = (w.number(a, f64::INFINITY), w.number(a, f64::NAN));
    // Of 0 and infinity, and to the infinity.
    let grows = w.compare(Comparison::Greater, b, zero);
    let is_zero = w.compare(Comparison::Equal, magnitude, zero);
    let at_zero = w.select(grows, zero, infinity);
    let value = w.select(is_zero, at_zero, value);
    let is_infinite = w.compare(Comparison::Equal, magnitude, infinity);
    let at_infinity = w.select(grows, infinity, zero);
    let value = w.select(is_infinite, at_infinity, value);
    let size = w.unary(UnaryOperation::Absolute, b);
    let is_endless = w.compare(Comparison::Equal, size, infinity);
    let is_large = w.compare(Comparison::Greater, magnitude, one);
    let is_unit = w.compare(Comparison::Equal, magnitude, one);
    let goes_up = w.compare(Comparison::Equal, is_large, grows);
    let endless = w.select(goes_up, infinity, zero);
    let endless = w.select(is_unit, one, endless);
    let value = w.select(is_endless, endless, value);
    // Negative bases: whole exponents only, odd ones give negative results.
    let whole = w.unary(UnaryOperation::Truncate, b);
    let is_whole = w.compare(Comparison::Equal, whole, b);
    let half = w.number(b, 0.5);
    let halved = w.multiply(b, half);
    let whole_half = w.unary(UnaryOperation::Truncate, halved);
    let is_odd = w.compare(Comparison::NotEqual, whole_half, halved);
    let is_odd = w.and(is_odd, is_whole);
    let bits = w.reinterpret(a, Element::I64);
    let zero_bits = w.integer(bits, 0);
    let is_negative = w.compare(Comparison::Less, bits, zero_bits);
    let flips = w.and(is_negative, is_odd);
    let negative = w.unary(UnaryOperation::Negate, value);
    let value = w.select(flips, negative, value);
    let is_below = w.compare(Comparison::Less, a, zero);
    let is_fraction = w.unary(UnaryOperation::Not, is_whole);
    let finite = w.compare(Comparison::Less, magnitude, infinity);
    let undefined = w.and(is_below, is_fraction);
    let undefined = w.and(undefined, finite);
    let value = w.select(undefined, nan, value);
    // NaN, then the cases in which even NaN gives 1.
    let unordered_a = w.compare(Comparison::NotEqual, a, a);
    let unordered_b = w.compare(Comparison::NotEqual, b, b);
    let unordered = w.or(unordered_a, unordered_b);
    let value = w.select(unordered, nan, value);
    let is_one = w.compare(Comparison::Equal, a, one);
    let is_nothing = w.compare(Comparison::Equal, b, zero);
    let gives_one = w.or(is_one, is_nothing);
    w.select(gives_one, one, value)
}
