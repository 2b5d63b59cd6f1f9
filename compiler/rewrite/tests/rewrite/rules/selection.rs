//! Cases of the rules about choices, softmax and logarithms.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId, Operation, ScalarFunction as F, Size};

/// What is kept of `x` where a value is among the largest.
fn kept(model: &mut Model, by: NodeId, x: NodeId) {
    let mask = model.mask(by, "K", "E");
    let zero = model.number(0.0);
    let y = model.map(F::Select, &[mask, x, zero]);
    model.output(y);
}

fn scores(model: &mut Model) -> NodeId {
    model.input("scores", &["N", "E"])
}

fn sigmoid(model: &mut Model, x: NodeId) -> NodeId {
    let (one, negative) = (model.number(1.0), model.map(F::Negate, &[x]));
    let exponential = model.map(F::Exponential, &[negative]);
    let sum = model.add(one, exponential);
    model.map(F::Divide, &[one, sum])
}

/// Softmax over all, of which the largest are kept and divided by their sum.
fn renormalized(model: &mut Model) {
    let x = scores(model);
    let p = model.softmax(x, "E");
    let kept = model.keep_largest(p, "K", "E", 0.0);
    let total = model.sum("E", kept);
    let y = model.operation(
        Operation::Map { function: F::Divide, absorb: moe_graph::Absorb::Neither },
        &[kept, total],
    );
    model.output(y);
}

fn log_softmax(model: &mut Model) {
    let x = scores(model);
    let p = model.softmax(x, "E");
    let y = model.map(F::Logarithm, &[p]);
    model.output(y);
}

pub const FIRES: &[Case] = &[
    case("choose-among-all", |m| {
        let (x, all) = (m.input("wild", &["N", "E"]), m.axis("E"));
        let choice = Operation::LargestMask { count: Size::constant(4), axis: all };
        let (mask, zero) = (m.operation(choice, &[x]), m.number(0.0));
        let y = m.map(F::Select, &[mask, x, zero]);
        m.output(y);
    }),
    case("choose-before-widening", |m| {
        let x = m.typed("x", Element::I8, &["N", "E"]);
        let wide = m.operation(Operation::Cast(Element::F32), &[x]);
        kept(m, wide, wide);
    }),
    case("select-in-select", |m| {
        let (c, a) = (m.typed("c", Element::Bool, &["N"]), m.input("wild", &["N", "D"]));
        let (b, d) = (m.input("b", &["N", "D"]), m.input("wild.d", &["N", "D"]));
        let inner = m.map(F::Select, &[c, a, b]);
        let y = m.map(F::Select, &[c, inner, d]);
        m.output(y);
        let y = m.map(F::Select, &[c, b, inner]);
        m.output(y);
    }),
    case("choose-before-monotone", |m| {
        let x = scores(m);
        let e = m.map(F::Exponential, &[x]);
        kept(m, e, x);
        let c = m.input("c", &["N"]);
        let moved = m.map(F::Subtract, &[x, c]);
        kept(m, moved, x);
        let s = sigmoid(m, x);
        kept(m, s, x);
    }),
    // The largest of a softmax are the largest scores.
    case("choose-before-monotone", |m| {
        let x = scores(m);
        let p = m.softmax(x, "E");
        kept(m, p, p);
    }),
    case("select-before-divide", renormalized),
    Case { rule: "renormalize-once", with: &["select-before-divide"], build: renormalized },
    case("log-of-quotient", log_softmax),
    Case { rule: "log-of-exp", with: &["log-of-quotient"], build: log_softmax },
    case("log-of-exp", |m| {
        let x = scores(m);
        let e = m.map(F::Exponential, &[x]);
        let y = m.map(F::Logarithm, &[e]);
        m.output(y);
    }),
];

pub const REFUSES: &[Case] = &[
    case("choose-among-all", |m| {
        m.shape.insert("E", 4);
        let (x, all) = (m.input("x", &["N", "E"]), m.axis("E"));
        let choice = Operation::LargestMask { count: Size::constant(3), axis: all };
        let (mask, zero) = (m.operation(choice, &[x]), m.number(0.0));
        let y = m.map(F::Select, &[mask, x, zero]);
        m.output(y);
    }),
    // Large integers become equal as floats.
    case("choose-before-widening", |m| {
        let x = m.typed("x", Element::I64, &["N", "E"]);
        let wide = m.operation(Operation::Cast(Element::F32), &[x]);
        kept(m, wide, wide);
    }),
    case("select-in-select", |m| {
        let (c, other) = (m.typed("c", Element::Bool, &["N"]), m.typed("other", Element::Bool, &["N"]));
        let (a, b) = (m.input("a", &["N", "D"]), m.input("b", &["N", "D"]));
        let inner = m.map(F::Select, &[c, a, b]);
        let y = m.map(F::Select, &[other, inner, b]);
        m.output(y);
    }),
    // A square does not keep the order, and what varies along the axis decides with.
    case("choose-before-monotone", |m| {
        let x = scores(m);
        let square = m.multiply(x, x);
        kept(m, square, x);
        let bias = m.input("bias", &["E"]);
        let moved = m.add(x, bias);
        kept(m, moved, x);
        let negative = m.number(-2.0);
        let turned = m.multiply(x, negative);
        kept(m, turned, x);
    }),
    case("select-before-divide", |m| {
        let (x, z) = (scores(m), m.input("z", &["N"]));
        let y = m.map(F::Divide, &[x, z]);
        kept(m, x, y);
    }),
    case("renormalize-once", |m| {
        let (x, z) = (scores(m), m.input("z", &["E"]));
        let quotient = m.map(F::Divide, &[x, z]);
        let total = m.sum("E", quotient);
        let y = m.map(F::Divide, &[quotient, total]);
        m.output(y);
    }),
    case("log-of-quotient", |m| {
        let (x, z) = (scores(m), m.input("z", &["N"]));
        let quotient = m.map(F::Divide, &[x, z]);
        let y = m.map(F::Logarithm, &[quotient]);
        m.output(y);
    }),
    case("log-of-exp", |m| {
        let x = scores(m);
        let e = m.map(F::ExponentialMinusOne, &[x]);
        let y = m.map(F::Logarithm, &[e]);
        m.output(y);
    }),
];
