//! Reductions, movements, lookups, order, packing.

use crate::common::Graph;
use moe_graph::{Operation, ReduceKind, Scalar, ScalarFunction, Size};

#[test]
fn reductions() {
    for kind in [ReduceKind::Sum, ReduceKind::Product, ReduceKind::Maximum, ReduceKind::Minimum] {
        let mut g = Graph::new(3);
        let [a, b, c] = g.axes([3, 2, 4]);
        let x = g.values(&[a, b, c], -1.5, 1.5);
        let node = g.builder.reduce(kind, &[a, c], x).unwrap();
        g.check(node);
        // An axis that the operand lacks counts as often as it is long.
        let mut g = Graph::new(4);
        let [a, b] = g.axes([3, 2]);
        let x = g.values(&[b], -1.5, 1.5);
        let node = g.builder.reduce(kind, &[a], x).unwrap();
        g.check(node);
    }
}

#[test]
fn a_product_with_zeros() {
    let mut g = Graph::new(3);
    let [a, b] = g.axes([3, 3]);
    let x = g.given(&[a, b], &[0.0, 2.0, 3.0, 0.0, 0.0, 2.0, 1.0, -1.0, 2.0]);
    let node = g.builder.reduce(ReduceKind::Product, &[b], x).unwrap();
    g.check(node);
}

#[test]
fn ties_share_equally() {
    let mut g = Graph::new(3);
    let [a] = g.axes([3]);
    let x = g.given(&[a], &[2.0, 1.0, 2.0]);
    let node = g.builder.reduce(ReduceKind::Maximum, &[a], x).unwrap();
    g.builder.output("y", node, vec![], moe_graph::OutputKind::Result);
    let module = moe_graph::Module { functions: vec![g.builder.finish()], entry: 0, offsets: Vec::new() };
    let derived = moe_differentiate::gradient(&module, "y", &["x1".to_owned()]).unwrap();
    let found = moe_evaluate::evaluate(&derived, &g.inputs, &moe_evaluate::Options::default()).unwrap();
    assert_eq!(found.outputs[1].to_f64(), [0.5, 0.0, 0.5]);
}

#[test]
fn contractions_and_broadcasts() {
    let mut g = Graph::new(5);
    let [n, d, h] = g.axes([3, 4, 2]);
    let (x, w, b) = (g.values(&[n, d], -1.0, 1.0), g.values(&[d, h], -1.0, 1.0), g.values(&[h], -1.0, 1.0));
    let product = g.map(ScalarFunction::Multiply, &[x, w]);
    let sum = g.builder.reduce(ReduceKind::Sum, &[d], product).unwrap();
    let node = g.map(ScalarFunction::Add, &[sum, b]);
    g.check(node);
}

#[test]
fn movements() {
    let build = |which: usize| {
        let mut g = Graph::new(6);
        let [n, a, b, m, part, long, whole] = g.axes([2, 3, 4, 12, 2, 7, 5]);
        let x = g.values(&[n, a, b], -1.0, 1.0);
        let node = match which {
            0 => {
                let [to] = g.axes([3]);
                g.add(Operation::Rename { from: a, to }, &[x])
            }
            1 => g.add(Operation::Merge { from: vec![b, a], into: m }, &[x]),
            2 => {
                let y = g.values(&[m, n], -1.0, 1.0);
                g.add(Operation::Split { from: m, into: vec![a, b] }, &[y])
            }
            3 => g.add(Operation::Slice { from: b, into: part, start: Size::constant(1) }, &[x]),
            4 => g.add(
                Operation::Pad { from: b, into: long, before: Size::constant(2), value: Scalar::f64(0.5) },
                &[x],
            ),
            5..8 => {
                let (stride, dilation) = if which == 5 { (2, 1) } else { (1, 2) };
                // As many places as entries: the axis stays.
                let places = if which == 7 { a } else { whole };
                let (stride, dilation) = (Size::constant(stride), Size::constant(dilation));
                let (before, value) = (Size::constant(1), Scalar::f64(0.5));
                let window =
                    Operation::Window { from: a, places, taps: part, stride, dilation, before, value };
                g.add(window, &[x])
            }
            _ => {
                let y = g.values(&[part], -1.0, 1.0);
                g.add(Operation::Concatenate { from: vec![a, part], into: whole }, &[x, y])
            }
        };
        (g, node)
    };
    for which in 0..9 {
        let (g, node) = build(which);
        g.check(node);
        // Summed up at once, the cotangent varies along none of the axes.
        let (mut g, node) = build(which);
        let axes = g.builder.ty(node).axes;
        let node = g.builder.reduce(ReduceKind::Sum, &axes, node).unwrap();
        g.check(node);
    }
}

#[test]
fn lookups() {
    let mut g = Graph::new(7);
    let [v, d, n] = g.axes([5, 2, 6]);
    let (table, index) = (g.values(&[v, d], -1.0, 1.0), g.indices(&[n], 5));
    let node = g.add(Operation::Gather { axis: v }, &[table, index]);
    g.check(node);
    // The table varies along the index's axis too.
    let mut g = Graph::new(8);
    let [v, n] = g.axes([5, 6]);
    let (table, index) = (g.values(&[v, n], -1.0, 1.0), g.indices(&[n], 5));
    let node = g.add(Operation::Gather { axis: v }, &[table, index]);
    g.check(node);
    let mut g = Graph::new(9);
    let [v, d, n, m] = g.axes([5, 2, 6, 3]);
    let (updates, index) = (g.values(&[n, d], -1.0, 1.0), g.indices(&[n, m], 5));
    let node = g.add(Operation::ScatterAdd { over: vec![n], into: v }, &[updates, index]);
    g.check(node);
}

#[test]
fn replaced_entries() {
    // Six updates of five entries: some replace others.
    let mut g = Graph::new(30);
    let [v, d, n] = g.axes([5, 2, 6]);
    let (base, updates) = (g.values(&[v, d], -1.0, 1.0), g.values(&[n, d], -1.0, 1.0));
    let index = g.indices(&[n], 5);
    let node = g.add(Operation::Scatter { over: vec![n], axis: v }, &[base, updates, index]);
    g.check(node);
    // One index for all updates, and a base that lacks an axis.
    let mut g = Graph::new(31);
    let [v, d, n] = g.axes([5, 2, 3]);
    let (base, updates) = (g.values(&[v], -1.0, 1.0), g.values(&[n, d], -1.0, 1.0));
    let index = g.indices(&[d], 5);
    let node = g.add(Operation::Scatter { over: vec![n], axis: v }, &[base, updates, index]);
    g.check(node);
}

#[test]
fn running_sums_and_order() {
    let mut g = Graph::new(10);
    let [n, d] = g.axes([5, 3]);
    let x = g.values(&[n, d], -1.0, 1.0);
    let node = g.add(Operation::CumulativeSum { axis: n }, &[x]);
    g.check(node);
    let mut g = Graph::new(11);
    let [n, d] = g.axes([5, 3]);
    let x = g.values(&[n, d], -1.0, 1.0);
    let node = g.add(Operation::Sort { axis: n }, &[x]);
    g.check(node);
}

#[test]
fn packing() {
    for which in 0..7 {
        let mut g = Graph::new(12 + which);
        let [n, e, d] = g.axes([4, 3, 2]);
        let p = g.builder.ragged_axis("P", Size::constant(8));
        let scores = g.values(&[n, e], -1.0, 1.0);
        let mask = g.largest(2, e, scores);
        let (x, w) = (g.values(&[n, d], 0.2, 1.0), g.values(&[e, d], 0.2, 1.0));
        let gate = g.add(Operation::Pack { into: p }, &[mask, scores]);
        let rows = g.add(Operation::Pack { into: p }, &[mask, x]);
        let weights = g.add(Operation::Pack { into: p }, &[mask, w]);
        let product = g.map(ScalarFunction::Multiply, &[rows, weights]);
        let product = g.map(ScalarFunction::Multiply, &[product, gate]);
        let segment = |kind, over| Operation::SegmentReduce { kind, from: p, over };
        let node = match which {
            0 => g.builder.reduce(ReduceKind::Sum, &[p], product).unwrap(),
            1 => g.add(Operation::Unpack { from: p, background: Scalar::f64(0.0) }, &[mask, product]),
            2 => g.add(segment(ReduceKind::Sum, vec![e]), &[mask, product]),
            3 => g.add(segment(ReduceKind::Sum, vec![n, e]), &[mask, product]),
            4 => g.add(segment(ReduceKind::Maximum, vec![e]), &[mask, product]),
            5 => g.add(segment(ReduceKind::Product, vec![e]), &[mask, product]),
            _ => g.add(Operation::CumulativeSum { axis: p }, &[product]),
        };
        g.check(node);
    }
}

#[test]
fn a_mixture_of_experts() {
    let mut g = Graph::new(30);
    let [n, d, e, h] = g.axes([4, 3, 5, 2]);
    let (x, gate) = (g.values(&[n, d], -1.0, 1.0), g.values(&[d, e], -1.0, 1.0));
    let (up, down) = (g.values(&[e, d, h], -1.0, 1.0), g.values(&[e, h, d], -1.0, 1.0));
    let contract = |g: &mut Graph, a, b, axis| {
        let product = g.map(ScalarFunction::Multiply, &[a, b]);
        g.builder.reduce(ReduceKind::Sum, &[axis], product).unwrap()
    };
    let scores = contract(&mut g, x, gate, d);
    let mask = g.largest(2, e, scores);
    let zero = g.number(0.0);
    let kept = g.map(ScalarFunction::Select, &[mask, scores, zero]);
    let inner = contract(&mut g, x, up, d);
    let inner = g.map(ScalarFunction::HyperbolicTangent, &[inner]);
    let out = contract(&mut g, inner, down, h);
    let node = contract(&mut g, kept, out, e);
    g.check(node);
}
