//! Cases of the rules about movements.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{NodeId, Operation, Scalar, Size};

fn slice(model: &mut Model, x: NodeId, from: &str, into: (&str, i64), start: i64) -> NodeId {
    model.shape.insert("Whole", 9);
    let (from, into) = (model.axis(from), sized(model, into));
    model.operation(Operation::Slice { from, into, start: Size::constant(start) }, &[x])
}

fn sized(model: &mut Model, (name, size): (&str, i64)) -> moe_graph::AxisId {
    match name {
        "S" => model.shape.insert("S", size),
        "R" => model.shape.insert("R", size),
        _ => None,
    };
    model.axis(name)
}

/// Four entries in the middle of seven.
fn padded(model: &mut Model) -> NodeId {
    model.shape.insert("S", 7);
    let x = model.input("wild", &["N", "H"]);
    let (from, into) = (model.axis("H"), model.axis("S"));
    let pad = Operation::Pad { from, into, before: Size::constant(2), value: Scalar::f32(5.0) };
    model.operation(pad, &[x])
}

fn joined(model: &mut Model) -> NodeId {
    model.shape.insert("S", 7);
    let (a, b) = (model.input("wild.a", &["N", "D"]), model.input("wild.b", &["N", "H"]));
    let (from, into) = (vec![model.axis("D"), model.axis("H")], model.axis("S"));
    model.operation(Operation::Concatenate { from, into }, &[a, b])
}

fn merged(model: &mut Model) -> NodeId {
    model.shape.insert("S", 6);
    let x = model.input("wild", &["N", "I", "D"]);
    let (from, into) = (vec![model.axis("I"), model.axis("D")], model.axis("S"));
    model.operation(Operation::Merge { from, into }, &[x])
}

fn split(model: &mut Model, x: NodeId, into: [&str; 2]) -> NodeId {
    let (from, into) = (model.axis("S"), into.map(|name| model.axis(name)).into());
    model.operation(Operation::Split { from, into }, &[x])
}

fn merge(model: &mut Model, x: NodeId, from: [&str; 2], into: &str) {
    let from = from.map(|name| model.axis(name)).into();
    let into = if into == "S" { model.axis("S") } else { model.axis_like(into, "S") };
    let y = model.operation(Operation::Merge { from, into }, &[x]);
    model.output(y);
}

pub const FIRES: &[Case] = &[
    case("split-of-merge", |m| {
        let x = merged(m);
        let y = split(m, x, ["I", "D"]);
        m.output(y);
        let y = split(m, x, ["Q", "J"]);
        m.output(y);
    }),
    case("merge-of-split", |m| {
        m.shape.insert("S", 6);
        let x = m.input("wild", &["N", "S"]);
        let parts = split(m, x, ["I", "D"]);
        merge(m, parts, ["I", "D"], "S");
        merge(m, parts, ["I", "D"], "Again");
    }),
    case("slice-of-slice", |m| {
        let x = m.input("wild", &["N", "H"]);
        let y = slice(m, x, "H", ("S", 3), 1);
        let y = slice(m, y, "S", ("R", 2), 1);
        m.output(y);
    }),
    case("slice-of-pad", |m| {
        let x = padded(m);
        let y = slice(m, x, "S", ("R", 3), 2);
        m.output(y);
        let y = slice(m, x, "S", ("R", 3), 3);
        m.output(y);
    }),
    case("slice-of-concatenate", |m| {
        let x = joined(m);
        let y = slice(m, x, "S", ("R", 2), 1);
        m.output(y);
        let y = slice(m, x, "S", ("R", 2), 4);
        m.output(y);
    }),
];

pub const REFUSES: &[Case] = &[
    // The same number of entries, in other rows.
    case("split-of-merge", |m| {
        let x = merged(m);
        let y = split(m, x, ["J", "Q"]);
        m.output(y);
    }),
    case("merge-of-split", |m| {
        m.shape.insert("S", 6);
        let x = m.input("x", &["N", "S"]);
        let parts = split(m, x, ["I", "D"]);
        merge(m, parts, ["D", "I"], "S");
    }),
    case("slice-of-slice", |m| {
        let x = m.input("x", &["D", "H"]);
        let y = slice(m, x, "H", ("S", 3), 1);
        let y = slice(m, y, "D", ("R", 2), 1);
        m.output(y);
    }),
    case("slice-of-pad", |m| {
        let x = padded(m);
        let y = slice(m, x, "S", ("R", 3), 1);
        m.output(y);
        let y = slice(m, x, "S", ("R", 3), 4);
        m.output(y);
    }),
    case("slice-of-concatenate", |m| {
        let x = joined(m);
        let y = slice(m, x, "S", ("R", 3), 2);
        m.output(y);
    }),
];
