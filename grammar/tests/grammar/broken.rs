//! Texts with mistakes: all of them are reported at once, in the user's words.

use crate::tools::mistakes;
use moe_grammar::{parse, FileId};

fn snapshot(name: &str, text: &str) {
    insta::assert_snapshot!(name, format!("{text}\n=====\n{}", mistakes(text)));
}

#[test]
fn several_mistakes_in_one_body() {
    snapshot(
        "body",
        "\
model Broken[D = 512](x: f32[N, D]) -> f32[N, D] {
    let y = x * * 2
    let z =
    weight w f32[D]
    let s = f(x y)
    if a = b { x } else { y }
    repeat i in L {
        x = block[i x)
        y z
    }
    observe load
    part = 3 4
    x
    - y
    return x
}
",
    );
}

#[test]
fn several_broken_items() {
    snapshot(
        "items",
        "\
moe 1
use std::nn::{linear, rms_norm
use std::nn::softmax::softmax;

model A[D = 512](x: f32[N, D]) f32[N, D] {
    x
}

func b(x: f32) -> f32 { x }
more of the same

fn of(x: f32) -> f32 { x }

fn fine(x: f32) -> f32 { x }

gate g(x: f32[N, 2 E]) -> f32[N, K of] {
    model inner(x: f32) -> f32 { x }
    x
}

pub test t { assert a < b < c }

moe 1
",
    );
}

#[test]
fn brackets() {
    snapshot(
        "brackets",
        "\
fn a(x: f32[N) -> f32 { x }

fn b(x: f32) -> f32 { (x + 1] }

fn c(x: f32) -> f32 {
    let y = f(x, [1, 2)
    part p = [swiglu[H]; E
    y z
}

fn d(x: f32) -> f32 {
    let y = g(
        x,
        y
    let z = h * * y
    x)
}

fn e(x: f32) -> f32 {
    if x {
        let y = * x
        y
    } else {
        x
}

fn f(x: f32) -> f32 { x }
}

fn g(x: f32) -> f32 {
    \"no end
    \"wrong \\q escape\"
",
    );
}

#[test]
fn habits_of_other_languages() {
    snapshot(
        "habits",
        "\
fn f(x: f32) -> f32 {
    let a = x ** 2
    let b = x ^ 2
    let c = a & b
    let d = a and b
    let e = 'text'
    # comment
    /* comment */
    for i in x { }
    let 2x = 3
    let g = x ? 1 : 2
    let h = 1.
    let i = é
    let j = x × 2 − 1
    let k = x
    return x
}
",
    );
}

#[test]
fn blocks_of_entries() {
    snapshot(
        "entries",
        "\
weights B from z {
    a.b \"c\"
    a: c
    d.{a b}: \"x\" split row
    e: \"q\" transpose cast
    fine: \"y\" split interleaved
}

quantize B {
    a: int4[group = ]
    b {
        c: d
    }
    c: {
        d e
        f: g
    }
    sum x: 3
}
",
    );
}

#[test]
fn what_is_not_broken_is_in_the_tree() {
    let text =
        "fn a(x: f32) -> f32 { x x }\nfn b(x: f32) -> f32 { x }\ntest c { ) }\nfn d(x: f32) -> f32 { x }\n";
    let parse = parse(FileId(7), text);
    assert_eq!(parse.tree.items.len(), 2);
    assert_eq!(parse.errors.len(), 2);
    assert!(parse.errors.iter().all(|error| error.span.file == FileId(7)));
    assert_eq!(parse.unread.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn habits_from_other_languages() {
    snapshot(
        "more_habits",
        "\
fn a(x: f32[N, D]) -> f32[D] {
    y := x
    y += 1
    let z = x[0, :]
    x if x > 0 else 0
}

fn b(x: f32[N]): f32[N] {
    x
}
",
    );
}
