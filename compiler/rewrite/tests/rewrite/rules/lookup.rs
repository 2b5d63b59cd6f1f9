//! Cases of the rules about lookups.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId, Operation, Scalar, ScalarFunction as F};

/// Indices that the choice over E compares with; of I64 parameters, some are beyond the axis if that is short.
fn index(model: &mut Model, axes: &[&str]) -> NodeId {
    model.typed("index", Element::I64, axes)
}

fn hot(model: &mut Model, index: NodeId, on: NodeId, off: f32, place_first: bool) -> NodeId {
    let axis = model.axis("E");
    let place = model.operation(Operation::Coordinate(axis), &[]);
    let operands = if place_first { [place, index] } else { [index, place] };
    let equal = model.map(F::Equal, &operands);
    let off = model.number(off);
    model.map(F::Select, &[equal, on, off])
}

fn lookup(model: &mut Model, table: NodeId, axis: &str, index: NodeId) -> NodeId {
    let axis = model.axis(axis);
    model.operation(Operation::Gather { axis }, &[table, index])
}

pub const FIRES: &[Case] = &[
    case("one-hot-to-lookup", |m| {
        let (i, one, table) = (index(m, &["N"]), m.number(1.0), m.input("wild", &["E", "D"]));
        let choice = hot(m, i, one, 0.0, true);
        let y = m.contract(choice, table, "E");
        m.output(y);
        let y = m.contract(table, choice, "E");
        m.output(y);
    }),
    // Several features with a table each, their rows weighed and added; and an index that is no place.
    case("one-hot-to-lookup", |m| {
        let (i, table) = (index(m, &["N", "I"]), m.input("wild", &["I", "E", "D"]));
        let two = m.builder.constant(Scalar::index(-1));
        let i = m.add(i, two);
        let weight = m.input("weight", &["N", "I"]);
        let choice = hot(m, i, weight, 0.0, false);
        let terms = m.multiply(choice, table);
        let y = m.reduce(moe_graph::ReduceKind::Sum, &["I", "E"], terms);
        m.output(y);
    }),
    case("select-one-to-lookup", |m| {
        let (i, table) = (index(m, &["N"]), m.input("wild", &["E", "D"]));
        let choice = hot(m, i, table, 0.0, true);
        let y = m.sum("E", choice);
        m.output(y);
    }),
    case("one-hot-to-scatter", |m| {
        let (i, one, x) = (index(m, &["N"]), m.number(1.0), m.input("x", &["N", "D"]));
        let choice = hot(m, i, one, 0.0, true);
        let y = m.contract(choice, x, "N");
        m.output(y);
    }),
    case("lookup-of-lookup", |m| {
        let (table, i) = (m.input("wild", &["D", "H"]), m.typed("i", Element::I64, &["J"]));
        let j = index(m, &["N"]);
        let y = lookup(m, table, "D", i);
        let y = lookup(m, y, "J", j);
        m.output(y);
    }),
    case("contract-before-lookup", |m| {
        let (table, i, w) = (m.input("table", &["J", "D"]), index(m, &["N"]), m.input("w", &["D", "H"]));
        let rows = lookup(m, table, "J", i);
        let y = m.contract(rows, w, "D");
        m.output(y);
        let y = m.contract(w, rows, "D");
        m.output(y);
    }),
    // A table and a layer that are weights meet once, however large they are, if the table does not become much larger.
    case("contract-before-lookup", |m| {
        m.shape.extend([("J", 100), ("I", 30), ("Q", 30)]);
        let (table, i, w) = (m.weight("table", &["J", "I"]), index(m, &["N"]), m.weight("w", &["I", "Q"]));
        let rows = lookup(m, table, "J", i);
        let y = m.contract(rows, w, "I");
        m.output(y);
    }),
    // A bag of features in one table, each with a part of the layer of its own.
    case("contract-before-lookup", |m| {
        let (table, i) = (m.weight("wild", &["J", "D"]), index(m, &["N", "I"]));
        let w = m.weight("w", &["I", "D", "H"]);
        let rows = lookup(m, table, "J", i);
        for terms in [[rows, w], [w, rows]] {
            let terms = m.multiply(terms[0], terms[1]);
            let y = m.reduce(moe_graph::ReduceKind::Sum, &["I", "D"], terms);
            m.output(y);
        }
    }),
    // A table for each feature, and one layer for all.
    case("contract-before-lookup", |m| {
        let (table, i) = (m.weight("table", &["I", "J", "D"]), index(m, &["N", "I"]));
        let w = m.weight("w", &["D", "H"]);
        let rows = lookup(m, table, "J", i);
        let terms = m.multiply(rows, w);
        let y = m.reduce(moe_graph::ReduceKind::Sum, &["I", "D"], terms);
        m.output(y);
    }),
    // An adapter for each row.
    case("matrix-lookup-to-choice", |m| {
        m.shape.insert("E", m.shape["E"].max(2));
        let (x, table, i) = (m.input("wild", &["N", "D"]), m.weight("w", &["E", "D", "H"]), index(m, &["N"]));
        let found = lookup(m, table, "E", i);
        for terms in [[x, found], [found, x]] {
            let terms = m.multiply(terms[0], terms[1]);
            let y = m.sum("D", terms);
            m.output(y);
        }
    }),
    // Down and up, one after the other, and the heads of a batch beside.
    case("matrix-lookup-to-choice", |m| {
        m.shape.insert("E", m.shape["E"].max(2));
        let (x, i) = (m.input("x", &["N", "J", "D"]), index(m, &["N"]));
        let (down, up) = (m.weight("down", &["E", "D", "P"]), m.input("up", &["E", "P", "H"]));
        let (down, up) = (lookup(m, down, "E", i), lookup(m, up, "E", i));
        let y = m.contract(x, down, "D");
        let y = m.contract(y, up, "P");
        m.output(y);
    }),
];

pub const REFUSES: &[Case] = &[
    // 0 times NaN is NaN where the choice does not absorb.
    case("one-hot-to-lookup", |m| {
        let (i, one, table) = (index(m, &["N"]), m.number(1.0), m.input("wild", &["E", "D"]));
        let choice = hot(m, i, one, 0.0, true);
        let plain = Operation::Map { function: F::Multiply, absorb: moe_graph::Absorb::Neither };
        let terms = m.operation(plain, &[choice, table]);
        let y = m.sum("E", terms);
        m.output(y);
    }),
    case("one-hot-to-lookup", |m| {
        let (i, one, table) = (index(m, &["N"]), m.number(1.0), m.input("table", &["E", "D"]));
        let choice = hot(m, i, one, 2.0, true);
        let y = m.contract(choice, table, "E");
        m.output(y);
    }),
    // The index varies along the axis: several places may be equal to it.
    case("select-one-to-lookup", |m| {
        let (i, table) = (index(m, &["N", "E"]), m.input("table", &["E", "D"]));
        let choice = hot(m, i, table, 0.0, true);
        let y = m.sum("E", choice);
        m.output(y);
    }),
    case("one-hot-to-scatter", |m| {
        let (i, one, x) = (index(m, &["N"]), m.number(1.0), m.input("x", &["N", "E"]));
        let choice = hot(m, i, one, 0.0, true);
        let y = m.contract(choice, x, "N");
        m.output(y);
    }),
    // The second lookup is along the table's own axis.
    case("lookup-of-lookup", |m| {
        let (table, i) = (m.input("table", &["D", "P"]), m.typed("i", Element::I64, &["J"]));
        let j = index(m, &["N"]);
        let y = lookup(m, table, "D", i);
        let y = lookup(m, y, "P", j);
        m.output(y);
    }),
    // A large table is not multiplied at every step for the few rows that are looked up.
    case("contract-before-lookup", |m| {
        m.shape.extend([("J", 1000), ("D", 100)]);
        let (table, i, w) = (m.input("table", &["J", "D"]), index(m, &["N"]), m.input("w", &["D", "H"]));
        let rows = lookup(m, table, "J", i);
        let y = m.contract(rows, w, "D");
        m.output(y);
    }),
    case("contract-before-lookup", |m| {
        let (table, i, w) = (m.input("table", &["J", "D"]), index(m, &["N"]), m.input("w", &["N", "D"]));
        let rows = lookup(m, table, "J", i);
        let y = m.contract(rows, w, "D");
        m.output(y);
    }),
    // Vectors for each row are no matrices.
    case("matrix-lookup-to-choice", |m| {
        let (x, table, i) = (m.input("x", &["N", "D"]), m.weight("w", &["E", "D"]), index(m, &["N"]));
        let found = lookup(m, table, "E", i);
        let y = m.contract(x, found, "D");
        m.output(y);
    }),
    // One matrix for all rows.
    case("matrix-lookup-to-choice", |m| {
        let (x, table, i) = (m.input("x", &["N", "D"]), m.weight("w", &["E", "D", "H"]), index(m, &[]));
        let found = lookup(m, table, "E", i);
        let y = m.contract(x, found, "D");
        m.output(y);
    }),
    // Matrices for other rows than those of the input.
    case("matrix-lookup-to-choice", |m| {
        let (x, table, i) = (m.input("x", &["N", "D"]), m.weight("w", &["E", "D", "H"]), index(m, &["I"]));
        let found = lookup(m, table, "E", i);
        let y = m.contract(x, found, "D");
        m.output(y);
    }),
    // At each step, and for a table much larger than the one that is there.
    case("contract-before-lookup", |m| {
        m.shape.extend([("J", 100), ("D", 30), ("H", 30)]);
        let (table, i, w) = (m.weight("table", &["J", "D"]), index(m, &["N"]), m.input("w", &["D", "H"]));
        let rows = lookup(m, table, "J", i);
        let y = m.contract(rows, w, "D");
        m.output(y);
    }),
    case("contract-before-lookup", |m| {
        m.shape.extend([("J", 2000), ("D", 1), ("H", 1000)]);
        let (table, i, w) = (m.weight("table", &["J", "D"]), index(m, &["N"]), m.weight("w", &["D", "H"]));
        let rows = lookup(m, table, "J", i);
        let y = m.contract(rows, w, "D");
        m.output(y);
    }),
];
