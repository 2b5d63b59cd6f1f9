//! Cases of the rules about sums of products.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId};

/// The two largest of scores over `over`, 0 elsewhere.
fn bounded(model: &mut Model, name: &str, axes: &[&str], over: &str) -> NodeId {
    let scores = model.input(name, axes);
    model.keep_largest(scores, "K", over, 0.0)
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
    case("factor-out-of-contraction", |m| {
        let g = bounded(m, "g", &["N", "E"], "E");
        let (x, w) = (m.input("wild.x", &["N", "E", "D"]), m.input("wild.w", &["E", "D", "H"]));
        let scaled = m.multiply(x, g);
        let y = m.contract(scaled, w, "D");
        m.output(y);
    }),
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
