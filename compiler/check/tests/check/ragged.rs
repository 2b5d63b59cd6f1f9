//! Axes whose size depends on another: what goes along them counts the entries that are there, and what cannot is said.

use crate::support::{check, elaborate, run};
use moe_graph::{AxisId, Operation};
use moe_runtime::Tensor;
use std::collections::BTreeSet;

/// Three sentences of 2, 0 and 3 words of one number each.
fn words(text: &str) -> Vec<Vec<f64>> {
    let x = Tensor::from_f32(vec![5], &[1.0, -2.0, 4.0, 0.5, 8.0]).unwrap();
    let offsets = Tensor::from_i64(vec![4], &[0, 2, 2, 5]).unwrap();
    run(&elaborate(text), &[x, offsets]).iter().map(Tensor::to_f64).collect()
}

#[test]
fn reductions_count_the_entries_that_are_there() {
    let found = words(
        "model M(x: f32[B, T[B]]) -> (sum: f32[B], mean: f32[B], max: f32[B], min: f32[B], product: f32[B], all: f32[], count: i64[B], any: bool[B], every: bool[B], plus: f32[B]) {
    (
        sum = sum(x, over T), mean = mean(x, over T), max = max(x - 10, over T), min = min(x + 10, over T), product = product(x, over T),
        all = mean(x, over (B, T)), count = T, any = any(x > 3, over T), every = all(x > 0, over T), plus = sum t: T { x[_, t] + 1 },
    )
}",
    );
    let inf = f64::INFINITY;
    assert_eq!(found[0], [-1.0, 0.0, 12.5]);
    assert_eq!(found[1][..2], [-0.5, 0.0]);
    assert!((found[1][2] - 12.5 / 3.0).abs() < 1e-6);
    assert_eq!(found[2], [-9.0, -inf, -2.0]);
    assert_eq!(found[3], [8.0, inf, 10.5]);
    assert_eq!(found[4], [-2.0, 1.0, 16.0]);
    assert_eq!(found[5], [f64::from(11.5_f32 / 5.0)]);
    assert_eq!(found[6], [2.0, 0.0, 3.0]);
    assert_eq!(found[7], [0.0, 0.0, 1.0]);
    assert_eq!(found[8], [0.0, 1.0, 1.0]);
    assert_eq!(found[9], [1.0, 0.0, 15.5]);
}

#[test]
fn work_along_the_axis_counts_them_too() {
    let found = words(
        "model M(x: f32[B, T[B]]) -> (kept: f32[B, T[B]], far: f32[B, T[B]], place: i64[B, T[B]], product: f32[B, T[B]], last: f32[B]) {
    let own = x - 10
    let kept = where(largest_mask[1](own, over T), own, 0)
    let other = x as [S = T]
    let table = where(coordinate(S) <= coordinate(T), other, 0) + 0 * x
    (kept = kept, far = cumsum(x, over T), place = coordinate(T) + 0 * T, product = sum(table, over S), last = sum(where(coordinate(T) == T - 1, x, 0), over T))
}",
    );
    assert_eq!(found[0], [-9.0, 0.0, 0.0, 0.0, -2.0]);
    assert_eq!(found[1], [1.0, -1.0, 4.0, 4.5, 12.5]);
    assert_eq!(found[2], [0.0, 1.0, 0.0, 1.0, 2.0]);
    assert_eq!(found[3], found[1]);
    assert_eq!(found[4], [-2.0, 0.0, 8.0]);
}

#[test]
fn entries_are_sorted_and_shown_among_their_own() {
    let found = words(
        "model M(x: f32[B, T[B]]) -> (up: f32[B, T[B]], down: f32[B, T[B]], before: f32[B, T[B]], after: f32[B, T[B]], whole: i64[B, T[B]]) {
    axis W = 2
    (
        up = sort(x, over T), down = -sort(-x, over T), before = sum(window[T, W](x, over T, before = 1), over W),
        after = sum(window[T, W](x, over T, value = 100), over W), whole = sort((x * 2) as i64, over T),
    )
}",
    );
    assert_eq!(found[0], [-2.0, 1.0, 0.5, 4.0, 8.0]);
    assert_eq!(found[1], [1.0, -2.0, 8.0, 4.0, 0.5]);
    assert_eq!(found[2], [1.0, -1.0, 4.0, 4.5, 8.5]);
    assert_eq!(found[3], [-1.0, 98.0, 4.5, 8.5, 108.0]);
    assert_eq!(found[4], [-4.0, 2.0, 1.0, 8.0, 16.0]);
}

#[test]
fn what_is_not_there_is_never_chosen_before_what_is_no_number() {
    let found = words(
        "model M(x: f32[B, T[B]]) -> (first: i64[B], kept: f32[B, T[B]]) {
    let odd = sqrt(x)
    (first = argmax(sqrt(-abs(x)), over T), kept = where(largest_mask[2](odd, over T), 1.0, 0.0))
}",
    );
    assert_eq!(found[0], [0.0, 0.0, 0.0]);
    assert_eq!(found[1], [1.0, 1.0, 1.0, 0.0, 1.0]);
}

#[test]
fn definitions_take_either_kind_of_axis() {
    let found = words(
        "fn spread[A](x: f32[.., A]) -> f32[..] { max(x, over A) - min(x, over A) }
fn counted(x: f32[.., B, T[B]]) -> f32[.., B] { spread(x) * T as f32 }
model M(x: f32[B, T[B]]) -> f32[B] { counted(where(present(T), x, 7)) }",
    );
    assert_eq!(found[0][0], 6.0);
    assert_eq!(found[0][2], 22.5);
}

#[test]
fn a_joint_bound_is_the_number_of_rows() {
    let module = elaborate("model M(x: f32[B, T[B], D = 4]) -> f32[B, T[B], D] { exp(x) }");
    let entry = module.entry().unwrap();
    let unpack = entry.nodes.iter().find(|node| matches!(node.operation, Operation::Unpack { .. })).unwrap();
    let support = &unpack.fact.as_ref().unwrap().support;
    let both: BTreeSet<AxisId> = unpack.ty.axes.iter().take(2).copied().collect();
    assert_eq!(support.axes, both);
    assert_eq!(
        support.degree(&both, &|axis| entry.size(axis)),
        module.offsets[0].rows.minimum(&{
            let [b, t] = [0, 1].map(|place| entry.size(unpack.ty.axes[place]));
            b.multiply(&t)
        })
    );
    let names: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["x", "T"]);
}

/// The codes of the mistakes in a text.
fn codes(text: &str) -> Vec<String> {
    let shown = check(text);
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("error[")?.split(']').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_has_no_size_is_refused() {
    let body = |body: &str| format!("model M(x: f32[B, T[B], D = 4]) -> f32[B, D] {{ {body} }}");
    for wrong in [
        "sum(x, over B) @ x",
        "sum(x as [C = B], over T)",
        "weight w: f32[T, D]
        sum(x * w, over T)",
        "x[_, 0..2] @ x",
        "axis W = 2
        sum(window[T, W](x, over T, stride = 2), over (T, W))",
        "axis W = 2
        axis P = 4
        sum(window[P, W](x, over T), over (P, W))",
        "axis W = 2
        sum(window[B, W](x, over T), over (T, W))",
        "repeat t in T { x = x + 1 }
        sum(x, over T)",
        "axis F = 2 * T
        sum(x, over T) * size(F) as f32",
        "axis M = 6
        sum(merge[M](x, over (B, T)), over M)",
    ] {
        let found = codes(&body(wrong));
        assert!(matches!(found.first().map(String::as_str), Some("E0220" | "E0410")), "{wrong}: {found:?}");
    }
    let refused = [
        ("model M(x: f32[B, T[B]], T: i64[B]) -> f32[B] { sum(x, over T) }", "E0104"),
        ("model M(x: f32[B, T[B, C], C]) -> f32[B] { sum(x, over (T, C)) }", "E0410"),
        (
            "model M(x: f32[B, T[B], C = 2]) -> f32[B] {
    let y: f32[B, T[B, C], C] = x
    sum(y, over (T, C))
}",
            "E0410",
        ),
        ("model M(x: f32[B, T[B], S[B]]) -> f32[B] { sum(x, over (T, S)) }", "E0410"),
        ("model M(x: f32[B, T[B], S[T]]) -> f32[B] { sum(x, over (T, S)) }", "E0410"),
        ("model M(x: f32[T[B], D = 4], y: f32[B]) -> f32[B] { y }", "E0203"),
        ("model M(x: f32[B, T[B]], y: f32[T]) -> f32[B] { sum(x, over T) }", "E0220"),
        (
            "fn f(x: f32[B, T[B]]) -> f32[B] { sum(x, over T) }
model M(x: f32[B, T]) -> f32[B] { f(x) }",
            "E0220",
        ),
    ];
    for (text, code) in refused {
        assert!(codes(text).iter().any(|found| found == code), "{text}: {}", check(text));
    }
}
