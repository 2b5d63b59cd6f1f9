//! Cases of the rules of linear algebra.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId, ScalarFunction as F};

/// Gate weights of 0 or more for two of the experts, 0 for the rest.
fn gate(model: &mut Model, name: &str) -> NodeId {
    let scores = model.input(name, &["N", "E"]);
    let kept = model.keep_largest(scores, "K", "E", f32::NEG_INFINITY);
    model.map(F::Exponential, &[kept])
}

/// The sum of two mixtures with the same experts.
fn two_mixtures(model: &mut Model, gates: [NodeId; 2]) {
    let y = model.input("wild", &["N", "E", "D"]);
    let [a, b] = gates.map(|gate| model.contract(gate, y, "E"));
    let sum = model.add(a, b);
    model.output(sum);
}

/// `x @ (w + a @ b)`
fn adapted(model: &mut Model, low_rank: bool) {
    model.shape.insert("P", 1);
    let (x, w) = (model.input("x", &["N", "D"]), model.input("w", &["D", "H"]));
    let (a, b) = (model.input("a", &["D", "P"]), model.input("b", &["P", "H"]));
    let update = if low_rank { model.contract(a, b, "P") } else { model.input("full", &["D", "H"]) };
    let both = model.add(w, update);
    let y = model.contract(x, both, "D");
    model.output(y);
}

pub const FIRES: &[Case] = &[
    case("associate-contractions", |m| {
        let (x, a, b) = (m.input("x", &["N", "D"]), m.input("a", &["D", "P"]), m.input("b", &["P", "H"]));
        let y = m.contract(x, a, "D");
        let y = m.contract(y, b, "P");
        m.output(y);
    }),
    // Two weights are multiplied once, however large they are.
    case("associate-contractions", |m| {
        m.shape.extend([("I", 260), ("P", 1), ("J", 260)]);
        let (x, a, b) = (m.input("x", &["N", "I"]), m.weight("a", &["I", "P"]), m.weight("b", &["P", "J"]));
        let y = m.contract(x, a, "I");
        let y = m.contract(y, b, "P");
        m.output(y);
    }),
    // On the other side, and with the factors in another order.
    case("associate-contractions", |m| {
        let (x, a, b) = (m.input("x", &["N", "D"]), m.input("a", &["D", "P"]), m.input("b", &["P", "H"]));
        let inner = m.contract(b, a, "P");
        let y = m.contract(inner, x, "D");
        m.output(y);
        let inner = m.contract(a, b, "P");
        let y = m.contract(x, inner, "D");
        m.output(y);
    }),
    // Attention without a softmax is linear: keys meet values first.
    case("associate-contractions", |m| {
        let (q, k) = (m.input("q", &["N", "D"]), m.input("k", &["I", "D"]));
        let v = m.input("v", &["I", "H"]);
        let scores = m.contract(q, k, "D");
        let y = m.contract(scores, v, "I");
        m.output(y);
    }),
    case("join-contractions", |m| {
        let (x, a, b) = (m.input("x", &["N", "D"]), m.input("a", &["D", "H"]), m.input("b", &["D", "H"]));
        for (left, right) in [([x, a], [x, b]), ([a, x], [x, b]), ([x, a], [b, x]), ([a, x], [b, x])] {
            let (left, right) = (m.contract(left[0], left[1], "D"), m.contract(right[0], right[1], "D"));
            let y = m.add(left, right);
            m.output(y);
        }
    }),
    // What the experts hold where neither gate goes does not count.
    case("join-contractions", |m| {
        let gates = [gate(m, "one"), gate(m, "other")];
        two_mixtures(m, gates);
    }),
    case("part-contraction", |m| adapted(m, true)),
    Case { rule: "part-contraction", with: &["associate-contractions"], build: |m| adapted(m, true) },
    case("join-scales", |m| {
        let (s, t, x) = (m.input("s", &["N"]), m.input("t", &[]), m.input("x", &["N", "D"]));
        let inner = m.multiply(t, x);
        let y = m.multiply(s, inner);
        m.output(y);
        let inner = m.multiply(x, s);
        let y = m.multiply(inner, t);
        m.output(y);
    }),
    // A scale for each group of entries, as quantized weights have it.
    case("factor-out-of-part", |m| {
        let (s, x) = (m.input("s", &["I", "H"]), m.input("x", &["N", "I", "J"]));
        let w = m.typed("w", Element::I8, &["I", "J", "H"]);
        let w = m.operation(moe_graph::Operation::Cast(Element::F32), &[w]);
        for (scaled, x_first) in [([s, w], true), ([w, s], false)] {
            let scaled = m.multiply(scaled[0], scaled[1]);
            let terms = if x_first { m.multiply(x, scaled) } else { m.multiply(scaled, x) };
            let y = m.reduce(moe_graph::ReduceKind::Sum, &["I", "J"], terms);
            m.output(y);
        }
    }),
];

pub const REFUSES: &[Case] = &[
    // Both inner factors vary along the outer sum's axis.
    case("associate-contractions", |m| {
        let (x, a, b) =
            (m.input("x", &["N", "D", "P"]), m.input("a", &["D", "P"]), m.input("b", &["P", "H"]));
        let y = m.contract(x, a, "D");
        let y = m.contract(y, b, "P");
        m.output(y);
    }),
    case("associate-contractions", |m| {
        let scores = m.input("x", &["N", "D"]);
        let x = m.keep_largest(scores, "K", "D", 0.0);
        let (a, b) = (m.input("a", &["D", "P"]), m.input("b", &["P", "H"]));
        let y = m.contract(x, a, "D");
        let y = m.contract(y, b, "P");
        m.output(y);
    }),
    case("associate-contractions", |m| {
        let [x, a, b] = [["N", "D"], ["D", "P"], ["P", "H"]]
            .map(|axes| m.typed(&format!("{axes:?}"), Element::Bf16, &axes));
        let y = m.contract(x, a, "D");
        let y = m.contract(y, b, "P");
        m.output(y);
    }),
    // Two large weights are not multiplied anew at every step, however many rows there may be.
    case("associate-contractions", |m| {
        m.shape.extend([("D", 300), ("P", 8), ("H", 300)]);
        let (x, a, b) = (m.input("x", &["N", "D"]), m.input("a", &["D", "P"]), m.input("b", &["P", "H"]));
        let y = m.contract(x, a, "D");
        let y = m.contract(y, b, "P");
        m.output(y);
    }),
    // Gates of both signs may cancel where an expert's result is NaN.
    case("join-contractions", |m| {
        let [a, b] = ["one", "other"].map(|name| {
            let scores = m.input(name, &["N", "E"]);
            m.keep_largest(scores, "K", "E", 0.0)
        });
        two_mixtures(m, [a, b]);
    }),
    case("join-contractions", |m| {
        let (x, a, b) =
            (m.input("x", &["N", "D"]), m.input("a", &["D", "H"]), m.input("b", &["N", "D", "H"]));
        let (left, right) = (m.contract(x, a, "D"), m.contract(x, b, "D"));
        let y = m.add(left, right);
        m.output(y);
    }),
    case("part-contraction", |m| adapted(m, false)),
    case("join-scales", |m| {
        let (s, t, x) = (m.input("s", &["N"]), m.input("t", &["D"]), m.input("x", &["N", "D"]));
        let inner = m.multiply(t, x);
        let y = m.multiply(s, inner);
        m.output(y);
    }),
    // Scales are joined two by two: with a product, there would be no end where a value is a multiple of itself.
    case("join-scales", |m| {
        let (s, t, x) = (m.input("s", &["N"]), m.input("t", &[]), m.input("x", &["N", "D"]));
        let square = m.multiply(s, s);
        let inner = m.multiply(t, x);
        let y = m.multiply(square, inner);
        m.output(y);
    }),
    case("factor-out-of-part", |m| {
        let (s, x, w) =
            (m.input("s", &["I", "J"]), m.input("x", &["N", "I", "J"]), m.input("w", &["I", "J", "H"]));
        let scaled = m.multiply(s, w);
        let terms = m.multiply(x, scaled);
        let y = m.reduce(moe_graph::ReduceKind::Sum, &["I", "J"], terms);
        m.output(y);
    }),
];
