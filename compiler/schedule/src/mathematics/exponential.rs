//! Exponentials: x = k ln 2 + r with |r| ≤ ln 2 / 2, a Taylor polynomial of e^r, times 2^k (Cody and Waite 1980, chapter 6).

use super::format::{format, is_wide, Format};
use super::polynomial::{clamped, nearest, polynomial, scaled, two_to};
use crate::writer::Writer;
use moe_kernel::{BinaryOperation, Comparison, Value};
use std::f64::consts::LOG2_E;

/// 1/n! from n = 0.
const TAYLOR: [f64; 15] = [
    1.0,
    1.0,
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
    1.0 / 87_178_291_200.0,
];

/// The nearest k, as an integer, and r.
fn reduced(w: &mut Writer, x: Value) -> (Value, Value) {
    let [high, low] = format(w, x).ln_2;
    let scale = w.number(x, LOG2_E);
    let product = w.multiply(x, scale);
    let (nearest, k) = nearest(w, product);
    let (high, low) = (w.number(x, -high), w.number(x, -low));
    let r = w.multiply_add(nearest, high, x);
    let r = w.multiply_add(nearest, low, r);
    (k, r)
}

/// Coefficients of e^r for |r| ≤ ln 2 / 2 in `f32`, the constant term first: the polynomial of degree 6 whose largest relative error, 2e-9, is
/// least (Remez' exchange), where the first two round to 1.
const SINGLE: [f64; 7] = [
    1.0,
    1.0,
    0.499_999_910_593_032_84,
    0.166_664_198_040_962_22,
    0.041_668_225_079_774_86,
    0.008_374_824_188_649_654,
    0.001_383_683_527_819_812_3,
];

pub(super) fn exponential(w: &mut Writer, x: Value) -> Value {
    let wide = is_wide(w, x);
    let (low, high) = if wide { (-750.0, 710.0) } else { (LEAST, MOST) };
    let x = clamped(w, x, low, high);
    let (k, r) = reduced(w, x);
    // 1 + r + r² p: the leading terms are added last, where they lose least.
    let terms = TAYLOR.get(2..if wide { 14 } else { 8 }).unwrap_or_default();
    let p = polynomial(w, r, terms);
    let square = w.multiply(r, r);
    let tail = w.multiply_add(square, p, r);
    let one = w.number(x, 1.0);
    let value = w.add(one, tail);
    scaled(w, value, k)
}

/// Below this e^x is 0 in `f32`.
const LEAST: f64 = -105.0;
/// Above this it is infinite.
const MOST: f64 = 89.0;
/// Above this it is a normal number.
const NORMAL: f64 = -87.0;

/// e^x of an `f32` that is not above 0: powers of two are taken 64 times two too large, which makes all of them normal numbers.
pub(super) fn below_zero(w: &mut Writer, x: Value) -> Value {
    let least = w.number(x, LEAST);
    let is_below = w.compare(Comparison::Less, x, least);
    let x = w.select(is_below, least, x);
    scaled_once(w, x, 64)
}

/// e^x of an `f32` where what is no normal number may be 0: powers of two are taken half as large, so that none is too large.
pub(super) fn as_addend(w: &mut Writer, x: Value) -> Value {
    let x = clamped(w, x, NORMAL, MOST);
    scaled_once(w, x, -1)
}

/// e^x of an `f32`, where one multiplication by 2^k is enough as 2^(k + raised) is a normal number, or 0: the coefficients are as much smaller. The number
/// whose addition rounds x / ln 2 has `raised` and the exponent's bias in it, so that what comes out ends in the bits of the exponent; a NaN
/// stays one whatever bits it has there.
fn scaled_once(w: &mut Writer, x: Value, raised: i32) -> Value {
    let Format { integer, fraction_bits, bias, float, ln_2: [high, low], .. } = format(w, x);
    let scale = w.number(x, LOG2_E);
    let shift = 1.5 * f64::powi(2.0, fraction_bits as i32) + f64::from(raised) + bias as f64;
    let shift = w.number(x, shift);
    let product = w.multiply(x, scale);
    let shifted = w.add(product, shift);
    let nearest = w.subtract(shifted, shift);
    let (high, low) = (w.number(x, -high), w.number(x, -low));
    let r = w.multiply_add(nearest, high, x);
    let r = w.multiply_add(nearest, low, r);
    let value = polynomial(w, r, &SINGLE.map(|coefficient| coefficient * f64::powi(2.0, -raised)));
    let bits = w.reinterpret(shifted, integer);
    let places = w.integer(bits, fraction_bits);
    let power = w.binary(BinaryOperation::ShiftLeft, bits, places);
    let power = w.reinterpret(power, float);
    w.multiply(value, power)
}

pub(super) fn minus_one(w: &mut Writer, x: Value) -> Value {
    let small = clamped(w, x, -NEAR, NEAR);
    let value = minus_one_near(w, small);
    let whole = exponential(w, x);
    let limit = w.number(x, NEAR);
    let large = w.compare(Comparison::Greater, x, limit);
    let value = w.select(large, whole, value);
    // The sign of zero stays.
    let zero = w.number(x, 0.0);
    let is_zero = w.compare(Comparison::Equal, x, zero);
    w.select(is_zero, x, value)
}

/// Up to here 1 is worth taking away.
pub(super) const NEAR: f64 = 40.0;

/// e^x - 1 = 2^k (e^r - 1) + (2^k - 1) for x between -[`NEAR`] and it.
pub(super) fn minus_one_near(w: &mut Writer, x: Value) -> Value {
    let (k, r) = reduced(w, x);
    let terms = TAYLOR.get(2..if is_wide(w, x) { 15 } else { 9 }).unwrap_or_default();
    let p = polynomial(w, r, terms);
    let square = w.multiply(r, r);
    let fraction = w.multiply_add(square, p, r);
    let scale = two_to(w, k);
    let one = w.number(x, 1.0);
    let whole = w.subtract(scale, one);
    w.multiply_add(scale, fraction, whole)
}
