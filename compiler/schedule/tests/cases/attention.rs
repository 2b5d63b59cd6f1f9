//! Attention in one kernel, against the evaluator.

use crate::support::{self, model};

const MODELS: &str = "moe 1
use std::attention::score::{capped, causal, score, window}
use std::nn::softmax::softmax

model Causal[H = 2, C = 12](q: f32[T, H, C], k: f32[T, H, C], v: f32[T, H, C]) -> f32[T, H, C] {
    let p = softmax(causal(score(q, k as [S = T]), coordinate(T), coordinate(S)), over S)
    sum(p * (v as [S = T]), over S)
}

model Full[H = 2, C = 5, V = 70](q: f32[T, H, C], k: f32[S, H, C], v: f32[S, H, V]) -> f32[H, T, V] {
    sum(softmax(capped[3.0](score(q, k)), over S) * v, over S) + 1
}

model Window[H = 2, G = 3, C = 8](q: f32[H, G, T, C], k: f32[T, H, C], v: f32[T, H, C], sink: f32[H, G]) -> f32[H, G, T, C] {
    let x = window[20](score(q, k as [S = T]), coordinate(T), coordinate(S))
    let largest = max(max(x, over S), sink)
    let shifted = exp(x - largest)
    let p = shifted / (sum(shifted, over S) + exp(sink - largest))
    sum(p * (v as [S = T]), over S)
}

model Pointwise[H = 2, C = 7](q: f32[T, H, C], k: f32[T, H, C], v: f32[T, H, C], bias: f32[H]) -> f32[T, H, C] {
    let a = sum(q * (k as [S = T]), over C) + bias
    let p = if coordinate(S) <= coordinate(T) { a / (1 + exp(-a)) } else { 0 }
    sum(p / (size(T) as f32) * (v as [S = T]), over S)
}

model Normalized[C = 7](q: f32[T, C], k: f32[S, C], v: f32[S, C]) -> f32[T, C] {
    let a = max(sum(q * k, over C), 0)
    sum(a / (sum(a, over S) + 1) * v, over S)
}

model Decode[H = 2, G = 2, C = 20](q: f32[H, G, C], k: f32[S, H, C], v: f32[S, H, C], place: i64) -> f32[H, G, C] {
    let p = softmax(causal(score(q, k), place, coordinate(S)), over S)
    sum(p * v, over S)
}

model One[C = 20](q: f32[C], k: f32[S, C], v: f32[S, C]) -> f32[C] {
    sum(softmax(score(q, k), over S) * v, over S)
}
";

const WINDOWS: &str = "moe 1
model Windows[C = 5](x: f32[N, C]) -> f32[P, W, C] {
    axis P = N + 0
    axis W = 1
    let v = window[P, W](x, over N, before = 1, value = 0.5)
    sum((v @ (v as [S = W])) * (v as [S = W]), over S)
}
";

/// Runs a model at several sizes; its scores are nowhere.
fn check(name: &str, rewritten: bool, sizes: &[&[(&str, i64)]]) {
    let module = model(MODELS, Some(name), rewritten);
    support::check(&module, sizes, |kernels| {
        let is_one = |name: &&str| name.starts_with("attention") || name.starts_with("panels");
        assert!(kernels.iter().all(is_one), "{name} {kernels:?}");
    });
}

#[test]
fn causal_softmax() {
    for rewritten in [false, true] {
        check("Causal", rewritten, &[&[("T", 1)], &[("T", 7)], &[("T", 130)]]);
    }
}

#[test]
fn softmax_of_capped_scores_over_all_keys() {
    check("Full", true, &[&[("T", 3), ("S", 65)], &[("T", 50), ("S", 6)]]);
}

#[test]
fn heads_that_share_keys_with_windows_and_sinks() {
    check("Window", true, &[&[("T", 1)], &[("T", 33)], &[("T", 100)]]);
}

#[test]
fn pointwise_weights() {
    check("Pointwise", true, &[&[("T", 5)], &[("T", 97)]]);
}

#[test]
fn weights_over_their_sum() {
    check("Normalized", true, &[&[("T", 5), ("S", 97)], &[("T", 49), ("S", 1)]]);
}

#[test]
fn a_few_rows_read_keys_as_they_lie() {
    check("Decode", true, &[&[("S", 1)], &[("S", 71)], &[("S", 200)]]);
    check("One", true, &[&[("S", 3)], &[("S", 64)]]);
    // Beyond the last feature are no zeros, as windows have other numbers outside.
    support::check(&model(WINDOWS, None, false), &[&[("N", 2)], &[("N", 9)]], |kernels| {
        assert!(kernels.iter().all(|name| name.starts_with("attention")), "{kernels:?}");
    });
}
