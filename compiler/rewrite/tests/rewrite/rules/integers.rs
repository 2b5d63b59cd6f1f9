//! Cases of the rules about integers that are written in floats.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId, Operation, ParameterKind, ReduceKind, ScalarFunction, Size, Type};

fn as_element(m: &mut Model, element: Element, x: NodeId) -> NodeId {
    m.operation(Operation::Cast(element), &[x])
}

/// A product of two values, each made a float before, along `D`.
fn layer(m: &mut Model, x: NodeId, w: NodeId, float: Element) {
    let (x, w) = (as_element(m, float, x), as_element(m, float, w));
    for [a, b] in [[x, w], [w, x]] {
        let y = m.contract(a, b, "D");
        m.output(y);
    }
}

/// A weight of -1, 0 and 1 as the difference of two tables of truth values.
fn ternary(m: &mut Model, element: Element) -> NodeId {
    let tables = ["plus", "minus"].map(|name| m.typed_weight(name, Element::Bool, &["D", "H"]));
    let [plus, minus] = tables.map(|table| as_element(m, element, table));
    m.map(ScalarFunction::Subtract, &[plus, minus])
}

pub const FIRES: &[Case] = &[
    case("contract-bytes", |m| {
        let (x, w) = (m.typed("x", Element::I8, &["N", "D"]), m.typed_weight("w", Element::I8, &["D", "H"]));
        layer(m, x, w, Element::F32);
    }),
    case("contract-bytes", |m| {
        let (x, w) = (m.typed("x", Element::U8, &["N", "D"]), m.typed_weight("w", Element::U8, &["D", "H"]));
        layer(m, x, w, Element::F64);
    }),
    // Rows and weights with scales of their own: those leave the sum first.
    Case {
        rule: "contract-bytes",
        with: &["factor-out-of-contraction"],
        build: |m| {
            let (x, w) =
                (m.typed("x", Element::I8, &["N", "D"]), m.typed_weight("w", Element::I8, &["D", "H"]));
            let (s, t) = (m.input("s", &["N"]), m.weight("t", &["H"]));
            let (x, w) = (as_element(m, Element::F32, x), as_element(m, Element::F32, w));
            let (x, w) = (m.multiply(x, s), m.multiply(w, t));
            let y = m.contract(x, w, "D");
            m.output(y);
        },
    },
    // Experts of bytes, of which each row has two.
    case("contract-bytes", |m| {
        let (x, w) =
            (m.typed("x", Element::I8, &["N", "D"]), m.typed_weight("w", Element::I8, &["E", "D", "H"]));
        let scores = m.input("scores", &["N", "E"]);
        let gate = m.keep_largest(scores, "K", "E", 0.0);
        let (x, w) = (as_element(m, Element::F32, x), as_element(m, Element::F32, w));
        let y = m.contract(x, w, "D");
        let y = m.contract(gate, y, "E");
        m.output(y);
    }),
    case("difference-of-truths", |m| {
        let w = ternary(m, Element::F32);
        let x = m.input("x", &["N", "D"]);
        let y = m.contract(x, w, "D");
        m.output(y);
    }),
    // A ternary weight meets rows of bytes as bytes.
    Case {
        rule: "contract-bytes",
        with: &["difference-of-truths"],
        build: |m| {
            let w = ternary(m, Element::F32);
            let x = m.typed("x", Element::I8, &["N", "D"]);
            let x = as_element(m, Element::F32, x);
            let y = m.contract(x, w, "D");
            m.output(y);
        },
    },
];

pub const REFUSES: &[Case] = &[
    // One side is no byte.
    case("contract-bytes", |m| {
        let (x, w) = (m.typed("x", Element::I64, &["N", "D"]), m.typed_weight("w", Element::I8, &["D", "H"]));
        layer(m, x, w, Element::F32);
    }),
    case("contract-bytes", |m| {
        let (x, w) = (m.input("x", &["N", "D"]), m.typed_weight("w", Element::I8, &["D", "H"]));
        let w = as_element(m, Element::F32, w);
        let y = m.contract(x, w, "D");
        m.output(y);
    }),
    // Nobody knows how many terms there are, or there may be too many.
    case("contract-bytes", |m| {
        let [x, w] = ["x", "w"].map(|name| m.typed(name, Element::I8, &["N", "D"]));
        let [x, w] = [x, w].map(|side| as_element(m, Element::F32, side));
        let y = m.contract(x, w, "N");
        m.output(y);
    }),
    case("contract-bytes", |m| {
        let long = m.builder.axis("Long", Size::constant((1 << 17) + 1));
        let [x, w] = ["x", "w"].map(|name| {
            let other = m.axis(if name == "x" { "N" } else { "H" });
            let ty = Type { element: Element::I8, axes: vec![other, long] };
            m.builder.parameter(name, ParameterKind::Input, ty)
        });
        let [x, w] = [x, w].map(|side| as_element(m, Element::F32, side));
        let product = m.multiply(x, w);
        let y = m.builder.reduce(ReduceKind::Sum, &[long], product).unwrap();
        m.output(y);
    }),
    // Products of 16-bit floats are rounded one by one.
    case("contract-bytes", |m| {
        let (x, w) = (m.typed("x", Element::I8, &["N", "D"]), m.typed_weight("w", Element::I8, &["D", "H"]));
        layer(m, x, w, Element::Bf16);
    }),
    case("difference-of-truths", |m| {
        let (a, b) = (m.typed("a", Element::I8, &["D", "H"]), m.typed("b", Element::Bool, &["D", "H"]));
        let (a, b) = (as_element(m, Element::F32, a), as_element(m, Element::F32, b));
        let y = m.map(ScalarFunction::Subtract, &[a, b]);
        m.output(y);
    }),
    case("difference-of-truths", |m| {
        let w = ternary(m, Element::I8);
        m.output(w);
    }),
];
