//! Adjoints under absorption: the absorbed operand gets nothing off the support, whatever stands there; the absorbing one the ordinary share.

use crate::common::{float_parameters, Graph};
use moe_differentiate::gradient;
use moe_evaluate::{evaluate, Options};
use moe_graph::{Absorb, NodeId, Operation, ScalarFunction};

/// The gradients by the operands of a function that absorbs.
fn gradients(function: ScalarFunction, absorb: Absorb, x: &[f64], y: &[f64]) -> [Vec<f64>; 2] {
    let mut g = Graph::new(0);
    let [n] = g.axes([x.len() as i64]);
    let (x, y) = (g.given(&[n], x), g.given(&[n], y));
    let node: NodeId = g.add(Operation::Map { function, absorb }, &[x, y]);
    let sum = g.builder.reduce(moe_graph::ReduceKind::Sum, &[n], node).unwrap();
    g.builder.output("y", sum, vec![], moe_graph::OutputKind::Result);
    let module = moe_graph::Module { functions: vec![g.builder.finish()], entry: 0, offsets: Vec::new() };
    let derived = gradient(&module, "y", &float_parameters(&module)).unwrap();
    let found = evaluate(&derived, &g.inputs, &Options::default()).unwrap();
    [found.outputs[1].to_f64(), found.outputs[2].to_f64()]
}

#[test]
fn of_a_product() {
    let [gate, value] =
        gradients(ScalarFunction::Multiply, Absorb::Left, &[0.0, 2.0, 0.0], &[f64::INFINITY, 3.0, 5.0]);
    assert_eq!(gate, [f64::INFINITY, 3.0, 5.0]);
    assert_eq!(value, [0.0, 2.0, 0.0]);
    let [gate, value] = gradients(ScalarFunction::Multiply, Absorb::Both, &[0.0, 2.0], &[f64::NAN, 0.0]);
    assert!(gate[0].is_nan());
    assert_eq!((gate[1], value), (0.0, vec![0.0, 2.0]));
}

#[test]
fn of_a_quotient() {
    let [numerator, denominator] = gradients(ScalarFunction::Divide, Absorb::Left, &[0.0, 3.0], &[0.0, 2.0]);
    assert_eq!(numerator, [f64::INFINITY, 0.5]);
    assert_eq!(denominator, [0.0, -0.75]);
}

#[test]
fn of_sums_and_extremes() {
    let low = f64::NEG_INFINITY;
    let [left, right] = gradients(ScalarFunction::Add, Absorb::Left, &[low, 1.0], &[f64::NAN, 1.0]);
    assert_eq!((left, right), (vec![1.0, 1.0], vec![0.0, 1.0]));
    let [left, right] = gradients(ScalarFunction::Subtract, Absorb::Left, &[low, 1.0], &[low, 1.0]);
    assert_eq!((left, right), (vec![1.0, 1.0], vec![-0.0, -1.0]));
    let [left, right] = gradients(ScalarFunction::Minimum, Absorb::Left, &[low, 1.0], &[f64::NAN, 0.5]);
    assert_eq!((left, right), (vec![1.0, 0.0], vec![0.0, 1.0]));
    let [left, right] = gradients(ScalarFunction::Maximum, Absorb::Right, &[f64::NAN, 1.0], &[-low, 0.5]);
    assert_eq!((left, right), (vec![0.0, 1.0], vec![1.0, 0.0]));
}

#[test]
fn a_gate_at_zero_can_come_back_and_experts_off_the_support_do_not_matter() {
    let mut g = Graph::new(4);
    let [n, e] = g.axes([2, 3]);
    let scores = g.given(&[n, e], &[3.0, 2.0, 1.0, 1.0, 5.0, 2.0]);
    let expert = g.given(&[n, e], &[1.0, f64::NAN, f64::NAN, f64::INFINITY, 2.0, f64::NAN]);
    let mask = g.largest(1, e, scores);
    let zero = g.number(0.0);
    let gate = g.map(ScalarFunction::Select, &[mask, scores, zero]);
    let product = g.map(ScalarFunction::Multiply, &[gate, expert]);
    let (module, inputs) = g.module(product, false);
    let derived = gradient(&module, "y", &float_parameters(&module)).unwrap();
    let found = evaluate(&derived, &inputs, &Options::default()).unwrap();
    for gradient in [&found.outputs[1], &found.outputs[2]] {
        let entries = gradient.to_f64();
        assert!(entries.iter().all(|entry| entry.is_finite()), "{entries:?}");
        assert_eq!([entries[1], entries[2], entries[3], entries[5]], [0.0; 4]);
        assert!(entries[0] != 0.0 && entries[4] != 0.0);
    }
}

#[test]
fn softmax_over_what_was_kept() {
    let mut g = Graph::new(8);
    let [n, e] = g.axes([4, 5]);
    let scores = g.values(&[n, e], -1.0, 1.0);
    let mask = g.largest(2, e, scores);
    let low = g.number(f64::NEG_INFINITY);
    let kept = g.map(ScalarFunction::Select, &[mask, scores, low]);
    let largest = g.builder.reduce(moe_graph::ReduceKind::Maximum, &[e], kept).unwrap();
    let shifted = g.map(ScalarFunction::Subtract, &[kept, largest]);
    let exponential = g.map(ScalarFunction::Exponential, &[shifted]);
    let sum = g.builder.reduce(moe_graph::ReduceKind::Sum, &[e], exponential).unwrap();
    let softmax = g.map(ScalarFunction::Divide, &[exponential, sum]);
    g.check(softmax);
}
