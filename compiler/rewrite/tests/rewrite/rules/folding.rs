//! Cases of the rules of common folding.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Absorb, Element, NodeId, Operation, ReduceKind, Scalar, ScalarFunction as F};

fn with_number(model: &mut Model, function: F, value: f32, number_first: bool) {
    let (x, number) = (model.input("wild", &["N", "D"]), model.number(value));
    let operands = if number_first { [number, x] } else { [x, number] };
    // As the checker would write it where nothing is known of `x`.
    let y = model.operation(Operation::Map { function, absorb: Absorb::Neither }, &operands);
    model.output(y);
}

fn cast(model: &mut Model, from: Element, through: &[Element]) {
    let x = model.typed("x", from, &["N", "D"]);
    let y = through.iter().fold(x, |x, element| model.operation(Operation::Cast(*element), &[x]));
    model.output(y);
}

fn select(model: &mut Model, condition: NodeId, a: NodeId, b: NodeId) {
    let y = model.map(F::Select, &[condition, a, b]);
    model.output(y);
}

fn rename(model: &mut Model, x: NodeId, from: &str, to: &str) -> NodeId {
    let (from, to) = (model.axis(from), model.axis(to));
    model.operation(Operation::Rename { from, to }, &[x])
}

pub const FIRES: &[Case] = &[
    case("multiply-by-one", |m| with_number(m, F::Multiply, 1.0, false)),
    case("multiply-by-one", |m| with_number(m, F::Multiply, 1.0, true)),
    case("divide-by-one", |m| with_number(m, F::Divide, 1.0, false)),
    case("add-zero", |m| with_number(m, F::Add, -0.0, false)),
    case("add-zero", |m| {
        let x = m.typed("x", Element::I64, &["N", "D"]);
        let zero = m.builder.constant(Scalar::index(0));
        let y = m.add(zero, x);
        m.output(y);
    }),
    case("subtract-zero", |m| with_number(m, F::Subtract, 0.0, false)),
    case("negate-twice", |m| {
        let x = m.input("wild", &["N", "D"]);
        let y = m.map(F::Negate, &[x]);
        let y = m.map(F::Negate, &[y]);
        m.output(y);
    }),
    case("negate-twice", |m| {
        let x = m.typed("x", Element::Bool, &["N", "D"]);
        let y = m.map(F::Not, &[x]);
        let y = m.map(F::Not, &[y]);
        m.output(y);
    }),
    case("fold-constants", |m| {
        let (x, two, three) = (m.input("x", &["N"]), m.number(2.0), m.number(3.0));
        let six = m.multiply(two, three);
        let y = m.add(x, six);
        m.output(y);
    }),
    case("fold-constants", |m| {
        let (x, number) = (m.input("x", &["N"]), m.builder.constant(Scalar::index(7)));
        let number = m.operation(Operation::Cast(Element::F32), &[number]);
        let y = m.add(x, number);
        m.output(y);
    }),
    case("cast-to-same", |m| cast(m, Element::F32, &[Element::F32])),
    case("cast-twice", |m| cast(m, Element::I8, &[Element::I32, Element::F32])),
    case("cast-twice", |m| cast(m, Element::I8, &[Element::I64, Element::U8])),
    case("cast-twice", |m| cast(m, Element::Bool, &[Element::F32, Element::I64])),
    case("cast-twice", |m| cast(m, Element::F32, &[Element::F64, Element::Bf16])),
    case("select-by-constant", |m| {
        let (a, b) = (m.input("wild.a", &["N", "D"]), m.input("wild.b", &["N", "D"]));
        let condition = m.builder.constant(Scalar::boolean(true));
        select(m, condition, a, b);
        let condition = m.builder.constant(Scalar::boolean(false));
        select(m, condition, a, b);
    }),
    case("select-of-same", |m| {
        let (c, a) = (m.typed("c", Element::Bool, &["N"]), m.input("wild", &["N", "D"]));
        select(m, c, a, a);
    }),
    case("rename-twice", |m| {
        let x = m.input("x", &["N", "D"]);
        let (_, _) = (m.axis_like("A", "D"), m.axis_like("B", "D"));
        let y = rename(m, x, "D", "A");
        let y = rename(m, y, "A", "B");
        m.output(y);
    }),
    case("rename-twice", |m| {
        let x = m.input("x", &["N", "D"]);
        m.axis_like("A", "D");
        let y = rename(m, x, "D", "A");
        let y = rename(m, y, "A", "D");
        m.output(y);
    }),
    case("reduce-nothing", |m| {
        let x = m.input("wild", &["N", "D"]);
        let y = m.reduce(ReduceKind::Sum, &[], x);
        m.output(y);
    }),
    case("reduce-absent-axis", |m| {
        let x = m.input("x", &["N", "D"]);
        for kind in [ReduceKind::Sum, ReduceKind::Maximum, ReduceKind::Minimum] {
            let y = m.reduce(kind, &["D", "E"], x);
            m.output(y);
        }
    }),
    case("reduce-absent-axis", |m| {
        let x = m.typed("x", Element::Bool, &["N", "D"]);
        for kind in [ReduceKind::Any, ReduceKind::All] {
            let y = m.reduce(kind, &["D", "E"], x);
            m.output(y);
        }
    }),
    case("reduce-twice", |m| {
        let x = m.input("wild", &["N", "D", "E"]);
        for kind in [ReduceKind::Sum, ReduceKind::Product, ReduceKind::Maximum, ReduceKind::Minimum] {
            let y = m.reduce(kind, &["N"], x);
            let y = m.reduce(kind, &["D"], y);
            m.output(y);
        }
    }),
];

pub const REFUSES: &[Case] = &[
    case("multiply-by-one", |m| with_number(m, F::Multiply, 2.0, false)),
    // The product has an axis that `x` lacks.
    case("multiply-by-one", |m| {
        let (x, one) = (m.input("x", &["N"]), m.number(1.0));
        let e = m.axis("E");
        let place = m.operation(Operation::Coordinate(e), &[]);
        let place = m.operation(Operation::Cast(Element::F32), &[place]);
        let wide = m.add(place, one);
        let y = m.multiply(x, wide);
        m.output(y);
    }),
    case("divide-by-one", |m| with_number(m, F::Divide, 1.0, true)),
    // -0 + 0 is 0.
    case("add-zero", |m| with_number(m, F::Add, 0.0, false)),
    case("subtract-zero", |m| with_number(m, F::Subtract, -0.0, false)),
    case("subtract-zero", |m| with_number(m, F::Subtract, 0.0, true)),
    case("negate-twice", |m| {
        let x = m.input("x", &["N", "D"]);
        let y = m.map(F::Absolute, &[x]);
        let y = m.map(F::Negate, &[y]);
        m.output(y);
    }),
    case("fold-constants", |m| with_number(m, F::Add, 2.0, false)),
    case("cast-to-same", |m| cast(m, Element::F32, &[Element::F64])),
    // Truncation is not undone.
    case("cast-twice", |m| cast(m, Element::F32, &[Element::I32, Element::F32])),
    // -1 becomes 255 by itself, and 0 by way of a float.
    case("cast-twice", |m| cast(m, Element::I8, &[Element::F32, Element::U8])),
    case("select-by-constant", |m| {
        let (a, b) = (m.input("a", &["N"]), m.input("b", &["D"]));
        let condition = m.builder.constant(Scalar::boolean(true));
        select(m, condition, a, b);
    }),
    case("select-of-same", |m| {
        let (c, a) = (m.typed("c", Element::Bool, &["N"]), m.input("a", &["D"]));
        select(m, c, a, a);
    }),
    case("rename-twice", |m| {
        let x = m.input("x", &["N", "D"]);
        let (_, _) = (m.axis_like("A", "D"), m.axis_like("B", "N"));
        let y = rename(m, x, "D", "A");
        let y = rename(m, y, "N", "B");
        m.output(y);
    }),
    case("reduce-nothing", |m| {
        let x = m.input("x", &["N", "D"]);
        let y = m.sum("D", x);
        m.output(y);
    }),
    // There may be no rows, and then there is nothing to add.
    case("reduce-absent-axis", |m| {
        let (x, rows) = (m.input("x", &["D"]), m.input("rows", &["N"]));
        let y = m.sum("N", x);
        m.output(y);
        m.output(rows);
    }),
    case("reduce-absent-axis", |m| {
        let x = m.typed("x", Element::Bf16, &["N"]);
        let y = m.sum("D", x);
        m.output(y);
    }),
    case("reduce-twice", |m| {
        let x = m.input("x", &["N", "D"]);
        let y = m.sum("D", x);
        let y = m.reduce(ReduceKind::Maximum, &["N"], y);
        m.output(y);
    }),
    case("reduce-twice", |m| {
        let x = m.typed("x", Element::Bf16, &["N", "D"]);
        let y = m.sum("D", x);
        let y = m.sum("N", y);
        m.output(y);
    }),
];
