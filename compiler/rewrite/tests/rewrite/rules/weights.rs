//! Cases of the rules about what is the same in every step.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{Element, NodeId, Operation, ReduceKind, ScalarFunction as F};

fn layer(m: &mut Model, x: NodeId, w: NodeId, axes: &[&str], x_first: bool) -> NodeId {
    let terms = if x_first { m.multiply(x, w) } else { m.multiply(w, x) };
    m.reduce(ReduceKind::Sum, axes, terms)
}

/// `sum d ((x * s) * w)` in all orders.
fn scaled_inputs(m: &mut Model, x: NodeId, s: NodeId, w: NodeId) {
    for (s_first, x_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let scaled = if s_first { m.multiply(s, x) } else { m.multiply(x, s) };
        let y = layer(m, scaled, w, &["D"], x_first);
        m.output(y);
    }
}

/// `s * sum d (x * w)` in all orders.
fn scaled_outputs(m: &mut Model, x: NodeId, s: NodeId, w: NodeId) {
    for (s_first, x_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let y = layer(m, x, w, &["D"], x_first);
        let y = if s_first { m.multiply(s, y) } else { m.multiply(y, s) };
        m.output(y);
    }
}

/// A divisor that is more than 0.
fn positive(m: &mut Model, name: &str, axes: &[&str]) -> NodeId {
    let x = m.weight(name, axes);
    let (square, one) = (m.multiply(x, x), m.number(1.0));
    m.add(square, one)
}

pub const FIRES: &[Case] = &[
    // The gain of a normalization.
    case("scale-into-weight", |m| {
        let (x, s, w) = (m.input("x", &["N", "D"]), m.weight("s", &["D"]), m.weight("w", &["D", "H"]));
        scaled_inputs(m, x, s, w);
    }),
    // A gain of each expert for itself, and a number.
    case("scale-into-weight", |m| {
        let (x, w) = (m.input("x", &["N", "D"]), m.weight("w", &["E", "D", "H"]));
        let (s, number) = (m.weight("s", &["E", "D"]), m.number(0.5));
        scaled_inputs(m, x, s, w);
        scaled_inputs(m, x, number, w);
    }),
    // Off the scale's own axis the sum goes over what only the input has.
    case("scale-into-weight", |m| {
        let (x, s) = (m.input("x", &["N", "D", "I"]), m.weight("s", &["D"]));
        let w = m.weight("w", &["D", "H"]);
        let scaled = m.multiply(x, s);
        let y = layer(m, scaled, w, &["D", "I"], true);
        m.output(y);
    }),
    // What is divided by is not 0: where these graphs grow on, an infinite factor is outside what is equal in real arithmetic.
    case("scale-into-weight", |m| {
        let (x, w) = (m.input("wild", &["N", "D"]), m.weight("w", &["D", "H"]));
        let s = positive(m, "s", &["D"]);
        let divided = m.map(F::Divide, &[x, s]);
        for x_first in [true, false] {
            let y = layer(m, divided, w, &["D"], x_first);
            m.output(y);
        }
    }),
    // A weight stored in 16 bits stays in 32 when it is scaled.
    case("scale-into-weight", |m| {
        let (x, s) = (m.input("x", &["N", "D"]), m.weight("s", &["D"]));
        let w = m.typed_weight("w", Element::Bf16, &["D", "H"]);
        let w = m.operation(Operation::Cast(Element::F32), &[w]);
        scaled_inputs(m, x, s, w);
    }),
    case("scale-of-layer-into-weight", |m| {
        let (x, s, w) = (m.input("x", &["N", "D"]), m.weight("s", &["H"]), m.weight("w", &["D", "H"]));
        scaled_outputs(m, x, s, w);
    }),
    // A scale for each expert, one for all, and one that is divided by.
    case("scale-of-layer-into-weight", |m| {
        let (x, w) = (m.input("x", &["N", "D"]), m.weight("w", &["E", "D", "H"]));
        let (s, number, z) = (m.weight("s", &["E"]), m.number(0.5), positive(m, "z", &["H"]));
        scaled_outputs(m, x, s, w);
        scaled_outputs(m, x, number, w);
        for x_first in [true, false] {
            let y = layer(m, x, w, &["D"], x_first);
            let y = m.map(F::Divide, &[y, z]);
            m.output(y);
        }
    }),
    case("bias-through-weight", |m| {
        let (x, b, w) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.weight("w", &["D", "H"]));
        for (b_first, x_first) in [(true, true), (true, false), (false, true), (false, false)] {
            let biased = if b_first { m.add(b, x) } else { m.add(x, b) };
            let y = layer(m, biased, w, &["D"], x_first);
            m.output(y);
        }
    }),
    // A bias of each expert.
    case("bias-through-weight", |m| {
        let (x, w) = (m.input("x", &["N", "D"]), m.weight("w", &["E", "D", "H"]));
        let b = m.weight("b", &["E", "D"]);
        let biased = m.add(x, b);
        let y = layer(m, biased, w, &["D"], true);
        m.output(y);
    }),
    case("scale-through-bias", |m| {
        let (x, b, s) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.weight("s", &["D"]));
        let number = m.number(0.5);
        for (b_first, s_first) in [(true, true), (true, false), (false, true), (false, false)] {
            let y = if b_first { m.add(b, x) } else { m.add(x, b) };
            let y = if s_first { m.multiply(s, y) } else { m.multiply(y, s) };
            let y = m.multiply(y, number);
            m.output(y);
        }
    }),
    // Scales and biases before and after a layer, all of which go where they are worked out once.
    Case {
        rule: "scale-through-bias",
        with: &["scale-into-weight", "scale-of-layer-into-weight", "bias-through-weight", "join-biases"],
        build: |m| {
            let (x, b, s) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.weight("s", &["D"]));
            let (w, c, t) = (m.weight("w", &["D", "H"]), m.weight("c", &["H"]), m.weight("t", &["H"]));
            let scaled = m.multiply(x, s);
            let biased = m.add(scaled, b);
            let y = layer(m, biased, w, &["D"], true);
            let y = m.multiply(y, t);
            let y = m.add(y, c);
            m.output(y);
        },
    },
    case("join-biases", |m| {
        let (x, b, c) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.weight("c", &["D"]));
        for (b_first, c_first) in [(true, true), (true, false), (false, true), (false, false)] {
            let y = if b_first { m.add(b, x) } else { m.add(x, b) };
            let y = if c_first { m.add(c, y) } else { m.add(y, c) };
            m.output(y);
        }
    }),
    // A layer without a function between it and the next: its bias goes on through that, and meets the other bias.
    Case {
        rule: "join-biases",
        with: &["bias-through-weight"],
        build: |m| {
            let (x, b) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]));
            let (w, c) = (m.weight("w", &["D", "H"]), m.weight("c", &["H"]));
            let biased = m.add(x, b);
            let y = layer(m, biased, w, &["D"], true);
            let y = m.add(y, c);
            m.output(y);
        },
    },
];

pub const REFUSES: &[Case] = &[
    // A scale that comes with the rows.
    case("scale-into-weight", |m| {
        let (x, s, w) = (m.input("x", &["N", "D"]), m.input("s", &["D"]), m.weight("w", &["D", "H"]));
        scaled_inputs(m, x, s, w);
    }),
    // The weight would be larger.
    case("scale-into-weight", |m| {
        let (x, s) = (m.input("x", &["N", "D"]), m.weight("s", &["I", "D"]));
        let w = m.weight("w", &["D", "H"]);
        scaled_inputs(m, x, s, w);
    }),
    // Products of 16-bit floats are rounded one by one.
    case("scale-into-weight", |m| {
        let x = m.typed("x", Element::Bf16, &["N", "D"]);
        let [s, w] = [vec!["D"], vec!["D", "H"]]
            .map(|axes| m.typed_weight(&format!("{axes:?}"), Element::Bf16, &axes));
        scaled_inputs(m, x, s, w);
    }),
    // Quotients of integers.
    case("scale-into-weight", |m| {
        let x = m.typed("x", Element::I64, &["N", "D"]);
        let [s, w] =
            [vec!["D"], vec!["D", "H"]].map(|axes| m.typed_weight(&format!("{axes:?}"), Element::I64, &axes));
        let divided = m.map(F::Divide, &[x, s]);
        let y = layer(m, divided, w, &["D"], true);
        m.output(y);
    }),
    case("scale-of-layer-into-weight", |m| {
        let (x, s, w) = (m.input("x", &["N", "D"]), m.input("s", &["H"]), m.weight("w", &["D", "H"]));
        scaled_outputs(m, x, s, w);
    }),
    // A scale of a mask's entries absorbs, and a sum of NaN would not.
    case("scale-of-layer-into-weight", |m| {
        let (x, scores) = (m.input("x", &["N", "D"]), m.weight("s", &["H"]));
        let s = m.keep_largest(scores, "K", "H", 0.0);
        let w = m.weight("w", &["D", "H"]);
        scaled_outputs(m, x, s, w);
    }),
    // A divisor may be 0.
    case("scale-of-layer-into-weight", |m| {
        let (x, s, w) = (m.input("x", &["N", "D"]), m.weight("s", &["H"]), m.weight("w", &["D", "H"]));
        let y = layer(m, x, w, &["D"], true);
        let y = m.map(F::Divide, &[y, s]);
        m.output(y);
    }),
    case("bias-through-weight", |m| {
        let (x, b, w) = (m.input("x", &["N", "D"]), m.input("b", &["D"]), m.weight("w", &["D", "H"]));
        let biased = m.add(x, b);
        let y = layer(m, biased, w, &["D"], true);
        m.output(y);
    }),
    // What is between the layers is no sum.
    case("bias-through-weight", |m| {
        let (x, b, w) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.weight("w", &["D", "H"]));
        let biased = m.add(x, b);
        let biased = m.relu(biased);
        let y = layer(m, biased, w, &["D"], true);
        m.output(y);
    }),
    case("scale-through-bias", |m| {
        let (x, b, s) = (m.input("x", &["N", "D"]), m.input("b", &["D"]), m.weight("s", &["D"]));
        let y = m.add(x, b);
        let y = m.multiply(y, s);
        m.output(y);
    }),
    case("scale-through-bias", |m| {
        let (x, b, s) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.weight("s", &["H"]));
        let y = m.add(x, b);
        let y = m.multiply(y, s);
        m.output(y);
    }),
    case("join-biases", |m| {
        let (x, b, c) = (m.input("x", &["N", "D"]), m.weight("b", &["D"]), m.input("c", &["D"]));
        let y = m.add(x, b);
        let y = m.add(y, c);
        m.output(y);
    }),
    case("join-biases", |m| {
        let x = m.typed("x", Element::F16, &["N", "D"]);
        let [b, c] = ["b", "c"].map(|name| m.typed_weight(name, Element::F16, &["D"]));
        let y = m.add(x, b);
        let y = m.add(y, c);
        m.output(y);
    }),
];
