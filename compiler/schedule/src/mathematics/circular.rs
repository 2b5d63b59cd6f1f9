//! Sine and cosine: x = n π/2 + r with |r| ≤ π/4, found in `f64`, then a Taylor polynomial chosen by n modulo 4 in the type of x.
//!
//! Up to 2^20 π/2 the multiple of π/2 is taken off in four parts (Cody and Waite 1980, chapter 8); beyond, the bits of 2/π that
//! matter are multiplied with x exactly, as integers (Payne and Hanek 1983, "Radian reduction for trigonometric functions").

use super::format::{format, is_wide, Format};
use super::polynomial::polynomial;
use crate::writer::Writer;
use moe_graph::Element;
use moe_kernel::{BinaryOperation, Comparison, UnaryOperation, Value};
use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// π/2 in parts of 33 bits, and the rest.
const HALF_PI: [f64; 4] =
    [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32];

/// Where the second way begins.
const FAR: f64 = 1_647_099.0;

/// The bits of 2/π in words of 32, after two words of zeros.
const TWO_OVER_PI: [u32; 39] = [
    0,
    0,
    0xa2f9_836e,
    0x4e44_1529,
    0xfc27_57d1,
    0xf534_ddc0,
    0xdb62_9599,
    0x3c43_9041,
    0xfe51_63ab,
    0xdebb_c561,
    0xb724_6e3a,
    0x424d_d2e0,
    0x0649_2eea,
    0x09d1_921c,
    0xfe1d_eb1c,
    0xb129_a73e,
    0xe882_35f5,
    0x2ebb_4484,
    0xe99c_7026,
    0xb45f_7e41,
    0x3991_d639,
    0x8353_39f4,
    0x9c84_5f8b,
    0xbdf9_283b,
    0x1ff8_97ff,
    0xde05_980f,
    0xef2f_118b,
    0x5a0a_6d1f,
    0x6d36_7ecf,
    0x27cb_09b7,
    0x4f46_3f66,
    0x9e5f_ea2d,
    0x7527_bac7,
    0xebe5_f17b,
    0x3d07_39f7,
    0x8a52_92ea,
    0x6bfb_5fb1,
    0x1f8d_5d08,
    0x5603_3046,
];

pub(super) fn sine(w: &mut Writer, x: Value) -> Value {
    let value = turned(w, x, 0);
    // The sign of zero stays.
    let zero = w.number(x, 0.0);
    let is_zero = w.compare(Comparison::Equal, x, zero);
    w.select(is_zero, x, value)
}

pub(super) fn cosine(w: &mut Writer, x: Value) -> Value {
    turned(w, x, 1)
}

/// The sine of x plus so many quarter turns.
fn turned(w: &mut Writer, x: Value, quarters: i64) -> Value {
    let Format { float, integer, .. } = format(w, x);
    let wide = w.convert(x, Element::F64);
    let (n, r) = reduced(w, wide);
    let r = w.convert(r, float);
    let n = w.convert(n, integer);
    let quarters = w.integer(n, quarters);
    let n = w.add(n, quarters);
    let (sine, cosine) = (near_sine(w, r), near_cosine(w, r));
    let (one, two, zero) = (w.integer(n, 1), w.integer(n, 2), w.integer(n, 0));
    let odd = w.and(n, one);
    let is_odd = w.compare(Comparison::NotEqual, odd, zero);
    let value = w.select(is_odd, cosine, sine);
    let second = w.and(n, two);
    let is_negative = w.compare(Comparison::NotEqual, second, zero);
    let negative = w.unary(UnaryOperation::Negate, value);
    w.select(is_negative, negative, value)
}

fn near_sine(w: &mut Writer, r: Value) -> Value {
    let terms = [
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0,
        1.0 / 355_687_428_096_000.0,
    ];
    let square = w.multiply(r, r);
    let terms = terms.get(..if is_wide(w, r) { 8 } else { 4 }).unwrap_or_default();
    let series = polynomial(w, square, terms);
    let cube = w.multiply(square, r);
    w.multiply_add(cube, series, r)
}

fn near_cosine(w: &mut Writer, r: Value) -> Value {
    let terms = [
        1.0 / 24.0,
        -1.0 / 720.0,
        1.0 / 40320.0,
        -1.0 / 3_628_800.0,
        1.0 / 479_001_600.0,
        -1.0 / 87_178_291_200.0,
        1.0 / 20_922_789_888_000.0,
    ];
    let square = w.multiply(r, r);
    let terms = terms.get(..if is_wide(w, r) { 7 } else { 4 }).unwrap_or_default();
    let series = polynomial(w, square, terms);
    let fourth = w.multiply(square, square);
    let minus_half = w.number(r, -0.5);
    let one = w.number(r, 1.0);
    let head = w.multiply_add(square, minus_half, one);
    w.multiply_add(fourth, series, head)
}

/// n modulo 4 as an `i64` and r. Infinity and NaN give NaN.
fn reduced(w: &mut Writer, x: Value) -> (Value, Value) {
    let magnitude = w.unary(UnaryOperation::Absolute, x);
    let limit = w.number(x, FAR);
    let is_far = w.compare(Comparison::GreaterEqual, magnitude, limit);
    let any = w.any(is_far);
    let mut choice = w.open_if(any);
    let (far_n, far_r) = far(w, x);
    let (near_n, near_r) = near(w, x);
    let (n, r) = (w.select(is_far, far_n, near_n), w.select(is_far, far_r, near_r));
    w.otherwise(&mut choice);
    let (near_n, near_r) = near(w, x);
    let results = w.close_if(choice, &[(n, near_n), (r, near_r)]);
    (results.first().copied().unwrap_or(near_n), results.get(1).copied().unwrap_or(x))
}

fn near(w: &mut Writer, x: Value) -> (Value, Value) {
    let scale = w.number(x, FRAC_2_PI);
    let product = w.multiply(x, scale);
    let nearest = w.unary(UnaryOperation::RoundEven, product);
    let mut r = x;
    for part in HALF_PI {
        let part = w.number(x, part);
        let product = w.multiply(nearest, part);
        r = w.subtract(r, product);
    }
    (w.convert(nearest, Element::I64), r)
}

/// The product of x with the bits of 2/π that give the turns modulo 4 and 190 bits of their fraction.
fn far(w: &mut Writer, x: Value) -> (Value, Value) {
    let bits = w.reinterpret(x, Element::I64);
    let (mantissa_bits, hidden) = (w.integer(bits, (1 << 52) - 1), w.integer(bits, 1 << 52));
    let mantissa = w.and(bits, mantissa_bits);
    let mantissa = w.or(mantissa, hidden);
    let count = w.integer(bits, 52);
    let exponent = w.binary(BinaryOperation::ShiftRight, bits, count);
    let exponent_bits = w.integer(bits, 2047);
    let exponent = w.and(exponent, exponent_bits);
    // x is the mantissa times 2^(exponent - 1075); the window begins two bits above the units, after 64 bits of zeros.
    let bias = w.integer(bits, 1075 + 2 - 64);
    let start = w.subtract(exponent, bias);
    let (zero, last) = (w.integer(start, 0), w.integer(start, 32 * 32 + 31));
    let start = w.binary(BinaryOperation::Maximum, start, zero);
    let start = w.minimum(start, last);
    let window = window(w, start);
    let limbs = product(w, &window, mantissa);
    let (n, r) = fraction(w, &limbs);
    let zero = w.number(x, 0.0);
    let is_negative = w.compare(Comparison::Less, x, zero);
    let (minus_n, minus_r) = (w.unary(UnaryOperation::Negate, n), w.unary(UnaryOperation::Negate, r));
    let (n, r) = (w.select(is_negative, minus_n, n), w.select(is_negative, minus_r, r));
    let infinity = w.number(x, f64::INFINITY);
    let magnitude = w.unary(UnaryOperation::Absolute, x);
    let is_finite = w.compare(Comparison::Less, magnitude, infinity);
    let nan = w.number(x, f64::NAN);
    (n, w.select(is_finite, r, nan))
}

/// Six words of 2/π from a bit on, the most significant first, as `u64`.
fn window(w: &mut Writer, start: Value) -> Vec<Value> {
    let like = w.convert(start, Element::U64);
    let mut words: Vec<Value> = TWO_OVER_PI.iter().map(|word| w.integer(like, i64::from(*word))).collect();
    let five = w.integer(start, 5);
    let place = w.binary(BinaryOperation::ShiftRight, start, five);
    let zero = w.integer(place, 0);
    // Each bit of the place moves all words that can still be wanted; at the end seven are.
    for step in [32_usize, 16, 8, 4, 2, 1] {
        let bit = w.integer(place, step as i64);
        let bit = w.and(place, bit);
        let moves = w.compare(Comparison::NotEqual, bit, zero);
        let wanted = 7 + step - 1;
        words = (0..wanted.min(words.len()))
            .filter_map(|at| {
                let stays = words.get(at).copied()?;
                Some(words.get(at + step).map_or(stays, |moved| w.select(moves, *moved, stays)))
            })
            .collect();
    }
    let within = w.integer(start, 31);
    let shift = w.and(start, within);
    let shift = w.convert(shift, Element::U64);
    let word_bits = w.integer(shift, 32);
    let back = w.subtract(word_bits, shift);
    let mask = w.integer(shift, 0xffff_ffff);
    let pairs: Vec<(Value, Value)> = words.iter().copied().zip(words.iter().skip(1).copied()).collect();
    pairs
        .into_iter()
        .take(6)
        .map(|(high, low)| {
            let high = w.binary(BinaryOperation::ShiftLeft, high, shift);
            let low = w.binary(BinaryOperation::ShiftRight, low, back);
            let both = w.or(high, low);
            w.and(both, mask)
        })
        .collect()
}

/// The words times the mantissa, modulo 2^192; the least significant word first.
fn product(w: &mut Writer, window: &[Value], mantissa: Value) -> Vec<Value> {
    let mantissa = w.convert(mantissa, Element::U64);
    let (mask, bits) = (w.integer(mantissa, 0xffff_ffff), w.integer(mantissa, 32));
    let low = w.and(mantissa, mask);
    let high = w.binary(BinaryOperation::ShiftRight, mantissa, bits);
    let mut carry = w.integer(mantissa, 0);
    let mut before = carry;
    let mut limbs = Vec::new();
    for word in window.iter().rev() {
        let (first, second) = (w.multiply(*word, low), w.multiply(before, high));
        let (first_low, second_low) = (w.and(first, mask), w.and(second, mask));
        let sum = w.add(first_low, second_low);
        let sum = w.add(sum, carry);
        limbs.push(w.and(sum, mask));
        let first_high = w.binary(BinaryOperation::ShiftRight, first, bits);
        let second_high = w.binary(BinaryOperation::ShiftRight, second, bits);
        carry = w.binary(BinaryOperation::ShiftRight, sum, bits);
        carry = w.add(carry, first_high);
        carry = w.add(carry, second_high);
        before = *word;
    }
    limbs
}

/// The nearest whole number of quarter turns, and the angle that is left.
fn fraction(w: &mut Writer, limbs: &[Value]) -> (Value, Value) {
    let limb = |place: usize| limbs.get(place).copied().unwrap_or(Value(0));
    let (fifth, fourth, third, second) = (limb(5), limb(4), limb(3), limb(2));
    let first = limb(1);
    let shift = |w: &mut Writer, value, by: i64| {
        let by = w.integer(value, by);
        w.binary(BinaryOperation::ShiftLeft, value, by)
    };
    let back = |w: &mut Writer, value, by: i64| {
        let by = w.integer(value, by);
        w.binary(BinaryOperation::ShiftRight, value, by)
    };
    // 64 bits of the fraction, and the 64 after them.
    let join = |w: &mut Writer, a, b, c| {
        let (a, b, c) = (shift(w, a, 34), shift(w, b, 2), back(w, c, 30));
        let both = w.or(a, b);
        w.or(both, c)
    };
    let upper = join(w, fifth, fourth, third);
    let lower = join(w, third, second, first);
    let turns = back(w, fifth, 30);
    let turns = w.convert(turns, Element::I64);
    let upper = w.convert(upper, Element::I64);
    // A fraction of a half or more counts back from the next whole number: as a signed number it does so by itself.
    let zero = w.integer(upper, 0);
    let is_upper_half = w.compare(Comparison::Less, upper, zero);
    let one = w.integer(turns, 1);
    let next = w.add(turns, one);
    let n = w.select(is_upper_half, next, turns);
    let leading = w.convert(upper, Element::F64);
    let again = w.convert(leading, Element::I64);
    let lost = w.subtract(upper, again);
    let lost = w.convert(lost, Element::F64);
    let lower = w.convert(lower, Element::F64);
    let unit = w.number(leading, 2.0_f64.powi(-64));
    let lower = w.multiply(lower, unit);
    let rest = w.add(lost, lower);
    let sum = w.add(leading, rest);
    let sum = w.multiply(sum, unit);
    let half_pi = w.number(sum, FRAC_PI_2);
    (n, w.multiply(sum, half_pi))
}
