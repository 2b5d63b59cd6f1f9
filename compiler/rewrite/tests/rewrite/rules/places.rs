//! Cases of the rules about places that are known.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId, Operation, ReduceKind, Scalar, ScalarFunction as F, Type};

/// A table of truth values along an axis: true where the function says so.
fn known(m: &mut Model, axis: &str, truth: fn(i64) -> bool) -> NodeId {
    let length = m.size(axis).as_constant().unwrap();
    let values = (0..length).map(|place| Scalar::boolean(truth(place))).collect();
    let ty = Type { element: Element::Bool, axes: vec![m.axis(axis)] };
    m.builder.table(ty, values)
}

/// A value that is known to be 0 at every second place, or another number.
fn masked(m: &mut Model, axis: &str, x: NodeId, otherwise: f32) -> NodeId {
    let (mask, otherwise) = (known(m, axis, |place| place % 2 == 0), m.number(otherwise));
    m.map(F::Select, &[mask, x, otherwise])
}

/// Two layers with ranks between them, of which some are pruned.
fn pruned(m: &mut Model) {
    let (x, down, up) =
        (m.input("wild", &["N", "D"]), m.weight("down", &["D", "H"]), m.weight("up", &["H", "Out"]));
    let gate = m.weight("gate", &["H"]);
    let gate = masked(m, "H", gate, 0.0);
    let ranks = m.contract(x, down, "D");
    let ranks = m.relu(ranks);
    let ranks = m.multiply(gate, ranks);
    let y = m.contract(ranks, up, "H");
    m.output(y);
}

const ALL: &[&str] =
    &["reduce-places", "function-of-places", "reduction-of-places", "renaming-of-places", "select-at-places"];

pub const FIRES: &[Case] = &[
    case("reduce-places", pruned),
    // All reductions, of values that are what they begin with.
    case("reduce-places", |m| {
        let x = m.input("wild", &["N", "H"]);
        for (kind, otherwise) in [
            (ReduceKind::Sum, 0.0),
            (ReduceKind::Sum, -0.0),
            (ReduceKind::Product, 1.0),
            (ReduceKind::Maximum, f32::NEG_INFINITY),
            (ReduceKind::Minimum, f32::INFINITY),
        ] {
            let x = masked(m, "H", x, otherwise);
            let y = m.reduce(kind, &["H"], x);
            m.output(y);
        }
    }),
    // Conditions on places, and what two of them leave; along an axis and with another.
    case("reduce-places", |m| {
        let x = m.input("wild", &["N", "H", "J"]);
        let place = Operation::Coordinate(m.axis("H"));
        let place = m.operation(place, &[]);
        let one = m.builder.constant(Scalar::index(1));
        let after = m.map(F::Greater, &[place, one]);
        let zero = m.number(0.0);
        let first = m.map(F::Select, &[after, x, zero]);
        let both = masked(m, "H", first, 0.0);
        for axes in [&["H"], &["H", "J"] as &[&str]] {
            for x in [first, both] {
                let y = m.reduce(ReduceKind::Sum, axes, x);
                m.output(y);
            }
        }
    }),
    // Some of each group.
    case("reduce-places", |m| {
        let (x, w) = (m.input("x", &["N", "J", "H"]), m.weight("w", &["J", "H", "Out"]));
        let w = masked(m, "H", w, 0.0);
        let product = m.multiply(x, w);
        let y = m.reduce(ReduceKind::Sum, &["J", "H"], product);
        m.output(y);
    }),
    Case { rule: "function-of-places", with: ALL, build: pruned },
    Case { rule: "reduction-of-places", with: ALL, build: pruned },
    Case { rule: "select-at-places", with: ALL, build: pruned },
    // A dense mixture with a dead expert: its score is -inf.
    Case {
        rule: "reduction-of-places",
        with: ALL,
        build: |m| {
            let (x, router) = (m.input("x", &["N", "D"]), m.weight("router", &["D", "E"]));
            let (bias, w) = (m.weight("bias", &["E"]), m.weight("w", &["E", "D", "H"]));
            let bias = masked(m, "E", bias, f32::NEG_INFINITY);
            let scores = m.contract(x, router, "D");
            let scores = m.add(scores, bias);
            let gate = m.softmax(scores, "E");
            let y = m.contract(x, w, "D");
            let y = m.multiply(gate, y);
            let y = m.sum("E", y);
            m.output(y);
        },
    },
    // The axis that is renamed, and another one.
    Case {
        rule: "renaming-of-places",
        with: ALL,
        build: |m| {
            let (x, w) = (m.input("x", &["N", "H"]), m.weight("w", &["J", "P"]));
            let h = m.axis("H");
            let other = m.axis_like("Other", "H");
            let x = masked(m, "H", x, 0.0);
            let renamed = m.operation(Operation::Rename { from: h, to: other }, &[x]);
            let y = m.sum("Other", renamed);
            m.output(y);
            let (p, q) = (m.axis("P"), m.axis("Q"));
            let w = m.operation(Operation::Rename { from: p, to: q }, &[w]);
            let w = masked(m, "J", w, 0.0);
            let y = m.sum("J", w);
            m.output(y);
        },
    },
];

pub const REFUSES: &[Case] = &[
    // What a weight decides is not known.
    case("reduce-places", |m| {
        let (x, scores) = (m.input("x", &["N", "H"]), m.weight("scores", &["H"]));
        let zero = m.number(0.0);
        let mask = m.map(F::Greater, &[scores, zero]);
        let x = m.map(F::Select, &[mask, x, zero]);
        let y = m.sum("H", x);
        m.output(y);
    }),
    // 0 is not what a product begins with, and a sum is not bounded where one of two terms is.
    case("reduce-places", |m| {
        let x = m.input("x", &["N", "H"]);
        let masked = masked(m, "H", x, 0.0);
        let y = m.reduce(ReduceKind::Product, &["H"], masked);
        m.output(y);
        let y = m.add(masked, x);
        let y = m.sum("H", y);
        m.output(y);
    }),
    // Everything is left.
    case("reduce-places", |m| {
        let (x, zero) = (m.input("x", &["N", "H"]), m.number(0.0));
        let mask = known(m, "H", |_| true);
        let x = m.map(F::Select, &[mask, x, zero]);
        let y = m.sum("H", x);
        m.output(y);
    }),
    // What is known to be true everywhere is no bound.
    case("pack-bounded", |m| {
        let (x, zero) = (m.input("x", &["N", "H"]), m.number(0.0));
        let mask = known(m, "H", |_| true);
        let x = m.map(F::Select, &[mask, x, zero]);
        m.output(x);
    }),
    // An index that comes with the rows.
    case("function-of-places", |m| {
        let (x, index) = (m.input("x", &["E", "D"]), m.typed("index", Element::I64, &["N"]));
        let x = m.relu(x);
        let axis = m.axis("D");
        let y = m.operation(Operation::Gather { axis }, &[x, index]);
        m.output(y);
    }),
    case("reduction-of-places", |m| {
        let (x, index) = (m.input("x", &["E", "D"]), m.typed("index", Element::I64, &["N"]));
        let x = m.sum("E", x);
        let axis = m.axis("D");
        let y = m.operation(Operation::Gather { axis }, &[x, index]);
        m.output(y);
    }),
    case("renaming-of-places", |m| {
        let (x, index) = (m.input("x", &["H", "D"]), m.typed("index", Element::I64, &["N"]));
        let (h, other) = (m.axis("H"), m.axis_like("Other", "H"));
        let x = m.operation(Operation::Rename { from: h, to: other }, &[x]);
        let axis = m.axis("D");
        let y = m.operation(Operation::Gather { axis }, &[x, index]);
        m.output(y);
    }),
    // The condition is false at one of the places; of another it is not known.
    case("select-at-places", |m| {
        let (a, b) = (m.input("a", &["P"]), m.input("b", &["P"]));
        let list = Type { element: Element::I64, axes: vec![m.axis("P")] };
        let list = m.builder.table(list, vec![Scalar::index(1), Scalar::index(2)]);
        let scores = m.weight("scores", &["H"]);
        let zero = m.number(0.0);
        let conditions = [known(m, "H", |place| place != 2), m.map(F::Greater, &[scores, zero])];
        for condition in conditions {
            let axis = m.axis("H");
            let condition = m.operation(Operation::Gather { axis }, &[condition, list]);
            let y = m.map(F::Select, &[condition, a, b]);
            m.output(y);
        }
    }),
];
