//! Rows in one kernel, against the evaluator.

use crate::support::{self, model};

const MODELS: &str = "moe 1
use std::nn::softmax::{log_softmax, softmax}

model Shares(x: f32[N, D]) -> f32[N, D] { softmax(x, over D) }

model Few(x: f32[N, E = 13]) -> f32[N, E] { softmax(x, over E) * 2 }

model Logarithms(x: f32[N, D]) -> f32[N, D] { log_softmax(x, over D) }

model Normalized(x: f32[A, B, D], w: f32[D], b: f32[D]) -> f32[A, B, D] {
    let y = x - sum(x, over D) / (size(D) as f32)
    y / sqrt(sum(y * y, over D) / (size(D) as f32) + 1e-5) * w + b
}

model Remainders(x: f32[N, D]) -> f32[N, D] {
    let y = (x - max(x, over D)) % 0.75
    y / (sum(abs(y), over D) + 1)
}

model Turned(x: f32[N, D]) -> f32[D, N] { softmax(x, over D) }

model Narrow(x: bf16[N, D]) -> bf16[N, D] { x / (max(x, over D) + sum(abs(x), over D) + 1) }

model Double(x: f64[N, D]) -> f64[N, D] { exp(x) / sum(exp(x), over D) }
";

/// Runs a model at several sizes, in so many launches.
fn check(name: &str, launches: usize, sizes: &[&[(&str, i64)]]) {
    let module = model(MODELS, Some(name), true);
    support::check(&module, sizes, |kernels| assert_eq!(kernels.len(), launches, "{name} {kernels:?}"));
}

#[test]
fn shares_of_long_and_short_rows() {
    let sizes: &[&[(&str, i64)]] =
        &[&[("N", 3), ("D", 1)], &[("N", 2), ("D", 16)], &[("N", 5), ("D", 61)], &[("N", 0), ("D", 4)]];
    check("Shares", 1, sizes);
    check("Few", 1, &[&[("N", 1)], &[("N", 9)]]);
}

#[test]
fn logarithms_of_shares() {
    check("Logarithms", 1, &[&[("N", 3), ("D", 50)]]);
}

#[test]
fn normalizations_with_weights() {
    check("Normalized", 1, &[&[("A", 2), ("B", 3), ("D", 37)], &[("A", 1), ("B", 1), ("D", 8)]]);
}

#[test]
fn costly_values_that_are_kept() {
    check("Remainders", 1, &[&[("N", 3), ("D", 50)], &[("N", 2), ("D", 300)]]);
}

#[test]
fn rows_that_are_wanted_in_another_order_are_copied() {
    check("Turned", 2, &[&[("N", 3), ("D", 20)]]);
}

#[test]
fn rows_of_other_numbers() {
    check("Narrow", 1, &[&[("N", 3), ("D", 20)]]);
    check("Double", 1, &[&[("N", 3), ("D", 20)]]);
}
