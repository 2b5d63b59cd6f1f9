//! Logarithms: x = m 2^e with m between √½ and √2, then the series of 2 artanh s with s = (m - 1) / (m + 1).

use super::format::{format, is_wide, Format};
use super::polynomial::polynomial;
use crate::writer::Writer;
use moe_kernel::{BinaryOperation, Comparison, Value};
use std::f64::consts::SQRT_2;

/// 2 artanh(s) / s - 2, divided by s²: 2/3, 2/5, …
pub(super) const SERIES: [f64; 11] = [
    2.0 / 3.0,
    2.0 / 5.0,
    2.0 / 7.0,
    2.0 / 9.0,
    2.0 / 11.0,
    2.0 / 13.0,
    2.0 / 15.0,
    2.0 / 17.0,
    2.0 / 19.0,
    2.0 / 21.0,
    2.0 / 23.0,
];

/// The fraction m and the exponent e (as a float) of a positive number.
pub(super) fn split(w: &mut Writer, x: Value) -> (Value, Value) {
    let Format { float, integer, fraction_bits, bias, least, .. } = format(w, x);
    // Numbers below the normal ones are brought among them first.
    let least = w.number(x, least);
    let is_small = w.compare(Comparison::Less, x, least);
    let rise = fraction_bits + 2;
    let scale = w.number(x, 2.0_f64.powi(rise as i32));
    let larger = w.multiply(x, scale);
    let x = w.select(is_small, larger, x);
    let bits = w.reinterpret(x, integer);
    let count = w.integer(bits, fraction_bits);
    let shifted = w.binary(BinaryOperation::ShiftRight, bits, count);
    let bias_of = w.integer(bits, bias);
    let exponent = w.subtract(shifted, bias_of);
    let mantissa_bits = w.integer(bits, (1 << fraction_bits) - 1);
    let mantissa = w.and(bits, mantissa_bits);
    let one_bits = w.integer(bits, bias << fraction_bits);
    let mantissa = w.or(mantissa, one_bits);
    let m = w.reinterpret(mantissa, float);
    let limit = w.number(m, SQRT_2);
    let is_high = w.compare(Comparison::Greater, m, limit);
    let half = w.number(m, 0.5);
    let halved = w.multiply(m, half);
    let m = w.select(is_high, halved, m);
    let e = w.convert(exponent, float);
    let one = w.number(e, 1.0);
    let above = w.add(e, one);
    let e = w.select(is_high, above, e);
    let correction = w.number(e, -(rise as f64));
    let below = w.add(e, correction);
    (m, w.select(is_small, below, e))
}

pub(super) fn logarithm(w: &mut Writer, x: Value) -> Value {
    let (m, e) = split(w, x);
    let one = w.number(x, 1.0);
    let two = w.number(x, 2.0);
    let f = w.subtract(m, one);
    let sum = w.add(two, f);
    let s = w.divide(f, sum);
    let square = w.multiply(s, s);
    let terms = SERIES.get(..if is_wide(w, x) { 11 } else { 5 }).unwrap_or_default();
    let series = polynomial(w, square, terms);
    // ln(1 + f) = f - s (f - s² series): what is taken away is small beside f.
    let product = w.multiply(square, series);
    let difference = w.subtract(f, product);
    let [high, low] = format(w, x).ln_2;
    let low = w.number(x, low);
    let small = w.multiply(e, low);
    let away = w.multiply(s, difference);
    let away = w.subtract(away, small);
    let value = w.subtract(f, away);
    let high = w.number(x, high);
    let large = w.multiply(e, high);
    let value = w.add(large, value);
    special(w, x, value)
}

/// Zero, infinity, NaN and negative numbers.
pub(super) fn special(w: &mut Writer, x: Value, value: Value) -> Value {
    let (zero, infinity) = (w.number(x, 0.0), w.number(x, f64::INFINITY));
    let nan = w.number(x, f64::NAN);
    let minus = w.number(x, f64::NEG_INFINITY);
    let is_finite = w.compare(Comparison::Less, x, infinity);
    let value = w.select(is_finite, value, x);
    let is_zero = w.compare(Comparison::Equal, x, zero);
    let value = w.select(is_zero, minus, value);
    let is_negative = w.compare(Comparison::Less, x, zero);
    w.select(is_negative, nan, value)
}

/// ln(1 + x) = ln(u) + (x - (u - 1)) / u where u is 1 + x as rounded.
pub(super) fn plus_one(w: &mut Writer, x: Value) -> Value {
    let one = w.number(x, 1.0);
    let u = w.add(one, x);
    let back = w.subtract(u, one);
    let lost = w.subtract(x, back);
    let correction = w.divide(lost, u);
    let value = logarithm(w, u);
    let exact = w.add(value, correction);
    // At infinity, at -1 and beyond there is nothing to correct; near zero ln(1 + x) is x.
    let (zero, infinity) = (w.number(x, 0.0), w.number(x, f64::INFINITY));
    let is_positive = w.compare(Comparison::Greater, u, zero);
    let is_finite = w.compare(Comparison::Less, u, infinity);
    let is_plain = w.and(is_positive, is_finite);
    let value = w.select(is_plain, exact, value);
    let is_zero = w.compare(Comparison::Equal, x, zero);
    w.select(is_zero, x, value)
}
