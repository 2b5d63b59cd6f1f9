//! Short texts that ask for too much get a message, and get it soon.

use crate::support::program;
use moe_grammar::FileId;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The codes of what is wrong with a text, by checking and by elaborating its models.
fn codes(text: &str) -> Vec<&'static str> {
    let program = program(text);
    let mut found: Vec<&str> = program.check_file(FileId(0)).iter().map(|mistake| mistake.code).collect();
    for model in program.models(FileId(0)) {
        let elaborated = program.elaborate(FileId(0), &model.name, &BTreeMap::new());
        found.extend(elaborated.err().into_iter().flatten().map(|mistake| mistake.code));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Definitions, each written from its number, and a model that calls the last.
fn tower(height: usize, first: &str, next: impl Fn(usize) -> String, model: &str) -> String {
    let mut text = first.to_owned() + "\n";
    for level in 1..height {
        writeln!(text, "{}", next(level)).unwrap();
    }
    text + model
}

#[test]
fn definitions_that_double() {
    let first = "fn f0(x: f32[N]) -> f32[N] { x }";
    let next = |i: usize| format!("fn f{i}(x: f32[N]) -> f32[N] {{ f{0}(x) + f{0}(x) }}", i - 1);
    let text = tower(40, first, next, "model M(x: f32[N]) -> f32[N] { f39(x) }");
    assert_eq!(codes(&text), ["E0108"]);
}

#[test]
fn parts_that_double() {
    let first = "layer l0[H](x: f32[N, D]) -> f32[N, D] { weight w: f32[D]\n x * w }";
    let next = |i: usize| {
        let kind = i - 1;
        format!("layer l{i}[H](x: f32[N, D]) -> f32[N, D] {{ part a = l{kind}[H]\n part b = l{kind}[H]\n b(a(x)) }}")
    };
    let model = "model M(x: f32[N, D = 4]) -> f32[N, D] { part p = l39[2]\n p(x) }";
    assert_eq!(codes(&tower(40, first, next, model)), ["E0108"]);
}

#[test]
fn calls_deep_in_each_other() {
    let first = "fn f0(x: f32[N]) -> f32[N] { x }";
    let next = |i: usize| format!("fn f{i}(x: f32[N]) -> f32[N] {{ f{}(x) + 1 }}", i - 1);
    let model = |top: usize| format!("model M(x: f32[N]) -> f32[N] {{ f{top}(x) }}");
    assert_eq!(codes(&tower(100, first, next, &model(99))), [""; 0]);
    assert_eq!(codes(&tower(200, first, next, &model(199))), ["E0108"]);
}

#[test]
fn static_recursion_and_parts_that_hold_themselves() {
    let text = "fn f[K](x: f32[N]) -> f32[N] { f[K + 1](x) }\nmodel M(x: f32[N]) -> f32[N] { f[1](x) }";
    assert_eq!(codes(text), ["E0106"]);
    let text = "layer l[K](x: f32[N]) -> f32[N] { part p = l[K]\n p(x) }\nmodel M(x: f32[N]) -> f32[N] { part p = l[1]\n p(x) }";
    assert_eq!(codes(text), ["E0106"]);
}

#[test]
fn sizes_that_grow_without_end() {
    let model = |first: &str, next: &dyn Fn(usize) -> String| {
        let mut text =
            format!("model M(x: f32[N, D = 2], y: f32[L], z: f32[T]) -> f32[N] {{\n axis A0 = {first}\n");
        for level in 1..30 {
            writeln!(text, " axis A{level} = {}", next(level)).unwrap();
        }
        text + " sum(x, over D) }"
    };
    let squared = |i: usize| format!("A{0} * A{0}", i - 1);
    for first in ["N", "N + 1", "N + L + T + 1", "2", "ceil_div(N, 3)"] {
        assert_eq!(codes(&model(first, &squared)), ["E0219"], "{first}");
    }
    let nested = |i: usize| format!("min(max(A{0}, T + {i}) + A{0}, A{0} * 2)", i - 1);
    assert_eq!(codes(&model("min(N, L)", &nested)), ["E0219"]);
    let rounded = |i: usize| format!("max(min(A{0}, T), L + {i})", i - 1);
    assert_eq!(codes(&model("N", &rounded)), ["E0219"]);
}

#[test]
fn numbers_beyond_64_bits() {
    let model = |size: &str| {
        format!("model M[A = 4000000000](x: f32[N, A]) -> f32[N] {{ axis B = {size}\n weight w: f32[A, B]\n sum(x @ w, over B) }}")
    };
    assert_eq!(codes(&model("A * A * A")), ["E0219"]);
    assert_eq!(codes(&model("9223372036854775807 + A")), ["E0219"]);
    assert_eq!(codes(&model("99999999999999999999")), ["E0216"]);
    assert_eq!(codes(&model("A - 4000000001")), ["E0216"]);
    assert_eq!(codes(&model("A / 0")), ["E0216"]);
    assert_eq!(codes(&model("ceil_div(A, A - A)")), ["E0216"]);
}

#[test]
fn tensors_of_many_axes() {
    let text = |count: usize| {
        let inputs: Vec<String> = (0..count).map(|axis| format!("x{axis}: f32[A{axis} = 2]")).collect();
        let product: Vec<String> = (0..count).map(|axis| format!("x{axis}")).collect();
        let mut value = product.join(" * ");
        for axis in 0..count {
            value = format!("sum({value}, over A{axis})");
        }
        format!("model M({}) -> f32 {{ {value} }}", inputs.join(", "))
    };
    assert_eq!(codes(&text(32)), [""; 0]);
    assert_eq!(codes(&text(33)), ["E0108"]);
    assert_eq!(codes(&text(90)), ["E0108"]);
}

#[test]
fn loops_in_loops() {
    let mut text = String::from("model M(x: f32[N]) -> f32[N] {\n");
    for level in 0..60 {
        writeln!(text, "repeat i{level} in 10 {{").unwrap();
    }
    text += "x = x * 1.5\n";
    text += &"}\n".repeat(60);
    text += "x }";
    let found = codes(&text);
    assert!(found.iter().all(|code| ["E0108", "E0411"].contains(code)), "{found:?}");
}
