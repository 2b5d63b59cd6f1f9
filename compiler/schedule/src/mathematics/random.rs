//! Numbers drawn by counter, 32-bit words in 64-bit lanes.

use crate::writer::Writer;
use moe_graph::{Element, PHILOX_MULTIPLIERS, PHILOX_ROUNDS, PHILOX_WEYL};
use moe_kernel::{BinaryOperation, Value};

/// The lower 32 bits.
fn low(w: &mut Writer, x: Value) -> Value {
    let mask = w.integer(x, i64::from(u32::MAX));
    w.binary(BinaryOperation::And, x, mask)
}

/// The upper 32 bits.
fn high(w: &mut Writer, x: Value) -> Value {
    let bits = w.integer(x, 32);
    let shifted = w.binary(BinaryOperation::ShiftRight, x, bits);
    low(w, shifted)
}

fn exclusive(w: &mut Writer, a: Value, b: Value) -> Value {
    w.binary(BinaryOperation::ExclusiveOr, a, b)
}

/// A number from 0 to below 1 of two `i64`, bit for bit as the graph defines it.
pub(crate) fn uniform(w: &mut Writer, key: Value, counter: Value) -> Value {
    let zero = w.integer(counter, 0);
    let mut words = [low(w, counter), high(w, counter), zero, zero];
    let mut keys = [low(w, key), high(w, key)];
    for round in 0..PHILOX_ROUNDS {
        let [a, b, c, d] = words;
        let product = |w: &mut Writer, word: Value, place: usize| {
            let by = PHILOX_MULTIPLIERS.get(place).copied().unwrap_or_default();
            let by = w.integer(word, i64::from(by));
            w.multiply(word, by)
        };
        let (left, right) = (product(w, a, 0), product(w, c, 1));
        let [first, second] = keys;
        let (upper_right, upper_left) = (high(w, right), high(w, left));
        let mixed = exclusive(w, upper_right, b);
        let new_a = exclusive(w, mixed, first);
        let mixed = exclusive(w, upper_left, d);
        let new_c = exclusive(w, mixed, second);
        words = [new_a, low(w, right), new_c, low(w, left)];
        if round + 1 < PHILOX_ROUNDS {
            for (key, step) in keys.iter_mut().zip(PHILOX_WEYL) {
                let step = w.integer(*key, i64::from(step));
                let sum = w.add(*key, step);
                *key = low(w, sum);
            }
        }
    }
    let [word, ..] = words;
    let bits = w.integer(word, 8);
    let upper = w.binary(BinaryOperation::ShiftRight, word, bits);
    let number = w.convert(upper, Element::F32);
    let scale = w.number(number, 1.0 / 16_777_216.0);
    w.multiply(number, scale)
}
