//! Lookups by indices that are a line, against the evaluator.

use crate::support::{self, fault, model, AVX2, AVX512, CRANELIFT};

const MODELS: &str = "moe 1
use std::attention::score::score

/// Falls from lane to lane; bounded where it would leave the axis.
model Distance(bias: f32[R], x: f32[T, S]) -> f32[T, S] {
    x + bias[max(min(coordinate(T) - coordinate(S) + 20, size(R) - 1), 0)]
}

model Backwards(x: f32[T, C]) -> f32[T, C] {
    (x as [R = T])[size(T) - 1 - coordinate(T)] * 2
}

model Turned(x: f32[C, T]) -> f32[C, T] {
    (x as [R = T])[.., size(T) - 1 - coordinate(T)] * 2
}

/// Rises from lane to lane.
model Shifted(x: f32[R], y: f32[T]) -> f32[T] {
    y + x[coordinate(T) + 1]
}

/// By twos: no line of neighbours.
model Sparse(x: f32[R], y: f32[T]) -> f32[T] {
    y + x[coordinate(T) + coordinate(T)]
}

model Chosen(x: f32[R], y: i64[T]) -> f32[T] {
    x[y - coordinate(T) + coordinate(T)]
}

model Attention[H = 2, C = 7](q: f32[H, T, C], k: f32[H, T, C], v: f32[H, T, C], bias: f32[R]) -> f32[H, T, C] {
    let (k, v) = (k as [S = T], v as [S = T])
    let distance = coordinate(T) - coordinate(S)
    let a = score(q, k) + bias[max(distance, 0)]
    sum((if distance >= 0 { a / (1 + exp(-a)) } else { 0 }) * v, over S)
}
";

/// How many loads of all kernels are turned round, for vectors of 64 bytes.
fn turned(name: &str) -> usize {
    let plan = support::plan(&model(MODELS, Some(name), true), &AVX512);
    plan.kernels.iter().map(|kernel| moe_kernel::print(kernel).matches("= reverse").count()).sum()
}

fn check(name: &str, sizes: &[&[(&str, i64)]]) {
    for rewritten in [false, true] {
        support::check(&model(MODELS, Some(name), rewritten), sizes, |_| {});
    }
}

#[test]
fn indices_that_fall_by_one_are_one_load() {
    check("Distance", &[&[("T", 5), ("S", 3), ("R", 9)], &[("T", 40), ("S", 70), ("R", 33)]]);
    check("Backwards", &[&[("T", 5), ("C", 3)], &[("T", 40), ("C", 1)]]);
    check("Turned", &[&[("T", 5), ("C", 3)], &[("T", 83), ("C", 2)]]);
    check("Attention", &[&[("T", 5), ("R", 5)], &[("T", 131), ("R", 140)]]);
    assert!(["Distance", "Turned", "Attention"].iter().all(|name| turned(name) > 0));
}

#[test]
fn indices_that_rise_by_one_are_one_load_as_they_lie() {
    check("Shifted", &[&[("T", 5), ("R", 6)], &[("T", 70), ("R", 71)]]);
    assert_eq!(turned("Shifted"), 0);
}

#[test]
fn other_indices_are_looked_up_each_for_itself() {
    check("Sparse", &[&[("T", 5), ("R", 9)], &[("T", 70), ("R", 139)]]);
    assert_eq!(turned("Sparse"), 0);
    for target in [CRANELIFT, AVX2, AVX512] {
        let plan = support::plan(&model(MODELS, Some("Chosen"), true), &target);
        let text: String = plan.kernels.iter().map(moe_kernel::print).collect();
        assert!(text.contains("gather") && !text.contains("reverse"), "{text}");
    }
}

#[test]
fn a_line_that_leaves_the_axis_stops_the_run() {
    for name in ["Shifted", "Sparse"] {
        let module = model(MODELS, Some(name), true);
        let given = support::sized(&module, &[("T", 70), ("R", 70)]);
        let fault = fault(&module, &given);
        let (begin, end) = ("E0901: gather at test.moe:", ": an index is outside the axis R");
        assert!(fault.starts_with(begin) && fault.ends_with(end), "{name}: {fault}");
    }
}
