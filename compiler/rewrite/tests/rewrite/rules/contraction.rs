//! Cases of the rules about sums of products.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{AxisId, Element, NodeId, Operation, ParameterKind, ReduceKind, ScalarFunction, Type};

/// The two largest of scores over `over`, 0 elsewhere.
fn bounded(model: &mut Model, name: &str, axes: &[&str], over: &str) -> NodeId {
    let scores = model.input(name, axes);
    model.keep_largest(scores, "K", over, 0.0)
}

/// Rows along an axis as long as I and J together, and that axis.
fn grouped_input(model: &mut Model) -> (NodeId, AxisId) {
    let size = model.size("I").multiply(&model.size("J"));
    let (into, n) = (model.builder.axis("Whole", size), model.axis("N"));
    let ty = Type { element: Element::F32, axes: vec![n, into] };
    (model.builder.parameter("x", ParameterKind::Input, ty), into)
}

/// A value with its axes `I` and `J` merged into one.
fn merged(m: &mut Model, x: NodeId) -> (NodeId, AxisId) {
    let into = m.builder.axis("Whole", m.size("I").multiply(&m.size("J")));
    let from = vec![m.axis("I"), m.axis("J")];
    (m.operation(Operation::Merge { from, into }, &[x]), into)
}

/// Rows of a table, found by an index and put side by side.
fn found_rows(m: &mut Model, table: &str) -> (NodeId, AxisId) {
    let (table, index) = (m.input(table, &["P", "J"]), m.typed("i", Element::I64, &["N", "I"]));
    let axis = m.axis("P");
    let x = m.operation(Operation::Gather { axis }, &[table, index]);
    merged(m, x)
}

/// Two groups of features beside each other, and their axis.
fn joined_input(model: &mut Model, a: NodeId, b: NodeId) -> (NodeId, AxisId) {
    let size = model.size("D").add(&model.size("H"));
    let into = model.builder.axis("Whole", size);
    let from = vec![model.axis("D"), model.axis("H")];
    (model.operation(Operation::Concatenate { from, into }, &[a, b]), into)
}

/// A weight with an axis of features and others.
fn weight_along(model: &mut Model, along: AxisId, kind: ParameterKind, others: &[&str]) -> NodeId {
    let axes = [along].into_iter().chain(others.iter().map(|axis| model.axis(axis)).collect::<Vec<_>>());
    let ty = Type { element: Element::F32, axes: axes.collect() };
    model.builder.parameter("whole", kind, ty)
}

/// `sum along (x * w)`, with the factors in both orders.
fn layers(model: &mut Model, x: NodeId, w: NodeId, along: &[AxisId]) {
    for terms in [[x, w], [w, x]] {
        let terms = model.multiply(terms[0], terms[1]);
        let y = model.builder.reduce(ReduceKind::Sum, along, terms).unwrap();
        model.output(y);
    }
}

/// A layer over two groups of features, with the weight's other axis.
fn joined_layer(model: &mut Model, [a, b]: [NodeId; 2], kind: ParameterKind, other: &str) {
    let (x, into) = joined_input(model, a, b);
    let w = weight_along(model, into, kind, &[other]);
    layers(model, x, w, &[into]);
}

/// `sum whole (x * merge w)`, with the factors in both orders.
fn merged_contraction(model: &mut Model, x: NodeId, w: NodeId, into: AxisId) {
    let from = vec![model.axis("I"), model.axis("J")];
    let w = model.operation(Operation::Merge { from, into }, &[w]);
    layers(model, x, w, &[into]);
}

pub const FIRES: &[Case] = &[
    case("factor-out-of-sum", |m| {
        let (g, x) = (m.input("g", &["N", "E"]), m.input("x", &["N", "D"]));
        let y = m.contract(g, x, "D");
        m.output(y);
        let y = m.contract(x, g, "E");
        m.output(y);
    }),
    // What `x` holds where `g` is 0 does not count, before and after.
    case("factor-out-of-sum", |m| {
        let (g, x) = (bounded(m, "g", &["N", "E"], "E"), m.input("wild", &["N", "E", "D"]));
        let y = m.contract(g, x, "D");
        m.output(y);
        let y = m.contract(x, g, "D");
        m.output(y);
    }),
    case("factor-out-of-contraction", |m| {
        let (g, x, w) = (m.input("g", &["N"]), m.input("x", &["N", "D"]), m.input("w", &["D", "H"]));
        let scaled = m.multiply(g, x);
        let y = m.contract(scaled, w, "D");
        m.output(y);
        let y = m.contract(w, scaled, "D");
        m.output(y);
    }),
    // A scale for each column of a quantized weight.
    case("factor-out-of-contraction", |m| {
        let (x, s) = (m.input("x", &["N", "D"]), m.weight("s", &["H"]));
        let w = m.typed_weight("w", Element::I8, &["D", "H"]);
        let w = m.operation(Operation::Cast(Element::F32), &[w]);
        for scaled in [[s, w], [w, s]] {
            let scaled = m.multiply(scaled[0], scaled[1]);
            let y = m.contract(x, scaled, "D");
            m.output(y);
        }
    }),
    case("factor-out-of-contraction", |m| {
        let g = bounded(m, "g", &["N", "E"], "E");
        let (x, w) = (m.input("wild.x", &["N", "E", "D"]), m.input("wild.w", &["E", "D", "H"]));
        let scaled = m.multiply(x, g);
        let y = m.contract(scaled, w, "D");
        m.output(y);
    }),
    // A scale for each group, and the two largest of each group.
    case("contract-parts", |m| {
        let (x, into) = grouped_input(m);
        let (w, s) = (m.weight("w", &["I", "J", "H"]), m.weight("s", &["I", "H"]));
        let scaled = m.multiply(w, s);
        merged_contraction(m, x, scaled, into);
    }),
    case("contract-parts", |m| {
        let (x, into) = grouped_input(m);
        let w = m.weight("w", &["I", "J", "H"]);
        let magnitude = m.map(ScalarFunction::Absolute, &[w]);
        let (mask, zero) = (m.mask(magnitude, "K", "J"), m.number(0.0));
        let kept = m.map(ScalarFunction::Select, &[mask, w, zero]);
        merged_contraction(m, x, kept, into);
    }),
    case("contract-merged", |m| {
        let (x, into) = found_rows(m, "wild");
        let w = weight_along(m, into, ParameterKind::Weight, &["H"]);
        layers(m, x, w, &[into]);
    }),
    case("contract-joined", |m| {
        let (a, b) = (m.input("wild", &["N", "D"]), m.input("b", &["N", "H"]));
        joined_layer(m, [a, b], ParameterKind::Weight, "Out");
    }),
    // One part lacks axes of the other, the sum goes along one of them too, and both are joined once more.
    case("contract-joined", |m| {
        let (a, b) = (m.input("a", &["N", "J", "D"]), m.weight("b", &["H"]));
        let (x, into) = joined_input(m, a, b);
        let w = weight_along(m, into, ParameterKind::Weight, &["Out"]);
        let along = [into, m.axis("J")];
        layers(m, x, w, &along);
    }),
    // Rows of two tables beside each other: what each gives can be worked out once.
    Case {
        rule: "contract-joined",
        with: &["contract-before-lookup"],
        build: |m| {
            m.shape.insert("E", m.shape["E"].max(2));
            let (users, items) = (m.weight("users", &["E", "D"]), m.weight("items", &["E", "H"]));
            let (i, j) = (m.typed("i", Element::I64, &["N"]), m.typed("j", Element::I64, &["N"]));
            let axis = m.axis("E");
            let a = m.operation(Operation::Gather { axis }, &[users, i]);
            let b = m.operation(Operation::Gather { axis }, &[items, j]);
            joined_layer(m, [a, b], ParameterKind::Weight, "Out");
        },
    },
    case("factor-into-bounded-sum", |m| {
        let (g, h) = (bounded(m, "g", &["N", "E"], "E"), bounded(m, "h", &["N", "E", "J"], "J"));
        let x = m.input("wild", &["N", "E", "J"]);
        let terms = m.multiply(h, x);
        let sum = m.sum("J", terms);
        let y = m.multiply(g, sum);
        m.output(y);
        let y = m.multiply(sum, g);
        m.output(y);
    }),
];

pub const REFUSES: &[Case] = &[
    // What comes with the rows is not the same in every step.
    case("contract-merged", |m| {
        let (x, into) = found_rows(m, "x");
        let w = weight_along(m, into, ParameterKind::Input, &["H"]);
        layers(m, x, w, &[into]);
    }),
    // What was worked out in each step stays as it lies.
    case("contract-merged", |m| {
        let x = m.input("x", &["N", "I", "J"]);
        let (x, into) = merged(m, x);
        let w = weight_along(m, into, ParameterKind::Weight, &["H"]);
        layers(m, x, w, &[into]);
    }),
    // The weight varies along a part already.
    case("contract-merged", |m| {
        let (x, into) = found_rows(m, "x");
        let w = weight_along(m, into, ParameterKind::Weight, &["I"]);
        layers(m, x, w, &[into]);
    }),
    case("contract-joined", |m| {
        let (a, b) = (m.input("a", &["N", "D"]), m.input("b", &["N", "H"]));
        joined_layer(m, [a, b], ParameterKind::Input, "Out");
    }),
    case("contract-joined", |m| {
        let (a, b) = (m.input("a", &["N", "D"]), m.input("b", &["N", "H"]));
        joined_layer(m, [a, b], ParameterKind::Weight, "H");
    }),
    // A part of the axis stands for something else in the other factor.
    case("contract-parts", |m| {
        let (x, into) = grouped_input(m);
        let (g, w) = (m.input("g", &["I"]), m.weight("w", &["I", "J", "H"]));
        let x = m.multiply(x, g);
        merged_contraction(m, x, w, into);
    }),
    // Heads that are merged before a layer: its weight lies as one.
    case("contract-parts", |m| {
        let heads = m.input("heads", &["N", "I", "J"]);
        let (x, into) = grouped_input(m);
        merged_contraction(m, x, heads, into);
    }),
    // A sum along another axis.
    case("contract-parts", |m| {
        let (x, into) = grouped_input(m);
        let (from, w) = (vec![m.axis("I"), m.axis("J")], m.weight("w", &["I", "J", "H"]));
        let w = m.operation(Operation::Merge { from, into }, &[w]);
        let y = m.contract(x, w, "H");
        m.output(y);
    }),
    case("factor-out-of-sum", |m| {
        let (g, x) = (m.input("g", &["N", "D"]), m.input("x", &["N", "D"]));
        let y = m.contract(g, x, "D");
        m.output(y);
    }),
    // The terms absorb one by one: NaN times a term that is 0 is 0, and times their sum would be NaN.
    case("factor-out-of-sum", |m| {
        let (x, g) = (bounded(m, "x", &["N", "D"], "D"), m.input("wild", &["N"]));
        let y = m.contract(g, x, "D");
        m.output(y);
    }),
    case("factor-out-of-sum", |m| {
        let (g, x) = (m.typed("g", Element::Bf16, &["N"]), m.typed("x", Element::Bf16, &["N", "D"]));
        let y = m.contract(g, x, "D");
        m.output(y);
    }),
    case("factor-out-of-sum", |m| {
        let (scores, x) = (m.input("scores", &["N", "E"]), m.input("x", &["N", "D"]));
        let g = m.keep_largest(scores, "K", "E", f32::NEG_INFINITY);
        let y = m.contract(g, x, "D");
        m.output(y);
    }),
    case("factor-out-of-contraction", |m| {
        let (g, x, w) = (m.input("g", &["N", "D"]), m.input("x", &["D"]), m.input("w", &["D", "H"]));
        let scaled = m.multiply(g, x);
        let y = m.contract(scaled, w, "D");
        m.output(y);
    }),
    case("factor-out-of-contraction", |m| {
        let g = m.input("g", &["N"]);
        let (x, w) = (m.input("x", &["N", "D"]), bounded(m, "w", &["D", "H"], "D"));
        let scaled = m.multiply(g, x);
        let y = m.contract(scaled, w, "D");
        m.output(y);
    }),
    case("factor-into-bounded-sum", |m| {
        let (g, x) = (bounded(m, "g", &["N", "E"], "E"), m.input("x", &["N", "E", "J"]));
        let sum = m.sum("J", x);
        let y = m.multiply(g, sum);
        m.output(y);
    }),
    case("factor-into-bounded-sum", |m| {
        let (g, h) = (bounded(m, "g", &["N", "E"], "E"), bounded(m, "h", &["N", "J"], "J"));
        let sum = m.sum("J", h);
        let y = m.multiply(g, sum);
        m.output(y);
    }),
    case("factor-into-bounded-sum", |m| {
        let (g, h) = (m.input("g", &["N", "E"]), bounded(m, "h", &["N", "E", "J"], "J"));
        let sum = m.sum("J", h);
        let y = m.multiply(g, sum);
        m.output(y);
    }),
];
