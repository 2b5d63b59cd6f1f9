//! Trees of small programs.

use crate::tools::{mistakes, short_tree};
use moe_grammar::{parse, FileId, Span};

fn snapshot(name: &str, text: &str) {
    let parse = parse(FileId(0), text);
    assert_eq!(mistakes(text), "");
    insta::assert_snapshot!(name, format!("{text}\n=====\n{}", short_tree(&parse)));
}

#[test]
fn items() {
    snapshot(
        "tree_items",
        "\
moe 1
//! What it is.
use a::b::{c, d as e}
use f as g
/// Doc.
/// More.
pub gate top[E, K = 2, eps: f32 = 1e-5](x: f32[.., D], base: linear[H, biased = false]) -> (y: f32[.., K of E], s: f32) { x }
adapt B { a.{q, v}: sora[R = 8], b: { *: keep } }
weights B from z { l.{i}.{a, b}: \"x.{i}\" split rows transpose cast f32 stack i }
",
    );
}

#[test]
fn types() {
    snapshot("tree_types", "fn f(a: f32[T[B], 4 * D, Pixel = 784, 2 of E = 8, K of (I, J) else -inf], b: f32, c: u8[]) -> f32[..] { a }\n");
}

#[test]
fn statements() {
    snapshot(
        "tree_statements",
        "\
fn f(x: f32) -> f32 {
    /// Doc.
    weight a, b: f32[D] = normal(0.02) frozen prox l1(lambda)
    part p = [swiglu[H]; E]; part q = [a[1], b,]
    axis F = 4 * D
    state k: f32[T] = zeros
    let (u, v): f32 = g(x)
    next k = u
    observe load = v
    repeat i in L { x = block[i](x) }
    assert u == v
    assert
}
"
        .replace("    assert\n", "")
        .as_str(),
    );
}

#[test]
fn expressions_by_strength() {
    snapshot(
        "tree_strength",
        "\
fn f(x: f32) -> f32 {
    let y = a || b && c == d + e * f @ g.h as f32
    let z = -a[0] as i64 - !b(c) - d
    let long = a +
        b
        * c
    let next = next
    y
}
",
    );
}

#[test]
fn expressions_of_every_kind() {
    snapshot(
        "tree_kinds",
        "\
fn f(x: f32) -> f32 {
    let a = f(x, eps = 1e-5, up.weight = [[1.0]], over (E, H), K of E)
    let b = k as [S = T] @ x[_, e, 1..n, .., 2.., R = 8]
    let c = sum e: E { g[_, e] } + max (i: I, j: J) where i != j { t } - max(i, j)
    let d = fold n with x = a, y = 1 { (x, y) }
    let e = if training { a } else if b { c } else { d }
    (y = (a), scores = std::nn::linear)
}
",
    );
}

#[test]
fn words_are_keywords_only_where_they_begin_something() {
    let text = "fn f(gate: f32, test: f32) -> f32 {\n    weight weight: f32\n    let let = part(weight, axis)\n    next = gate + test\n    weight(fold, sum, where, with, use)\n}\n";
    assert_eq!(mistakes(text), "");
}

#[test]
fn a_line_goes_on_only_at_an_operator_or_in_brackets() {
    let lines = |body: &str| {
        let text = format!("fn f(x: f32) -> f32 {{\n{body}\n}}\n");
        let parse = parse(FileId(0), &text);
        parse.errors.len()
    };
    assert_eq!(lines("x +\n y"), 0);
    assert_eq!(lines("x\n + y"), 0);
    assert_eq!(lines("x // why\n\n // and\n + y"), 0);
    assert_eq!(lines("f(x\n, y\n - z\n)"), 0);
    assert_eq!(lines("x\n - y"), 1);
    assert_eq!(lines("f\n (x)"), 1);
    assert_eq!(lines("f\n [x]"), 1);
    assert_eq!(lines("if x { y }\n else { z }"), 0);
}

#[test]
fn places_are_those_of_the_file() {
    let text = "// ü\nfn f(x: f32) -> f32 { // ü\n    x + /* no\n}\n".replace("/* no", "y");
    let parse = parse(FileId(3), &text);
    let item = &parse.tree.items[0];
    assert_eq!(item.span, Span::new(FileId(3), text.find("fn").unwrap(), text.rfind('}').unwrap() + 1));
    let moe_grammar::tree::ItemKind::Definition(definition) = &item.kind else { panic!() };
    let value = definition.body.value.as_ref().unwrap();
    assert_eq!(&text[value.span.range()], "x + y");
}
