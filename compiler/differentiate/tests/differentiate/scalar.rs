//! Scalar functions.

use crate::common::Graph;
use moe_graph::{Element, Operation, ScalarFunction};

/// Where a function of one is differentiable, for the test.
fn domain(function: ScalarFunction) -> (f64, f64) {
    use ScalarFunction as F;
    match function {
        F::Logarithm | F::SquareRoot => (0.2, 3.0),
        F::LogarithmPlusOne => (-0.7, 2.0),
        _ => (-1.4, 1.4),
    }
}

#[test]
fn functions_of_one() {
    for function in ScalarFunction::ALL.into_iter().filter(|function| function.arity() == 1) {
        if matches!(function, ScalarFunction::Not | ScalarFunction::IsNan) {
            continue;
        }
        let mut g = Graph::new(3);
        let [n] = g.axes([7]);
        let (low, high) = domain(function);
        let x = g.values(&[n], low, high);
        let node = g.map(function, &[x]);
        g.check(node);
    }
}

#[test]
fn functions_of_two() {
    use ScalarFunction as F;
    for function in
        [F::Add, F::Subtract, F::Multiply, F::Divide, F::Remainder, F::Power, F::Minimum, F::Maximum]
    {
        let mut g = Graph::new(5);
        let [n, d] = g.axes([4, 3]);
        let x = g.values(&[n, d], 0.3, 3.0);
        let y = g.values(&[d], 0.5, 2.0);
        let node = g.map(function, &[x, y]);
        g.check(node);
    }
}

#[test]
fn the_same_operand_twice() {
    let mut g = Graph::new(1);
    let [n] = g.axes([4]);
    let x = g.values(&[n], -1.0, 1.0);
    let square = g.map(ScalarFunction::Multiply, &[x, x]);
    let node = g.map(ScalarFunction::Multiply, &[square, x]);
    g.check(node);
}

#[test]
fn powers_with_a_number_as_exponent_take_any_base() {
    for exponent in [0.0, 1.0, 2.0, 3.0] {
        let mut g = Graph::new(2);
        let [n] = g.axes([4]);
        let x = g.given(&[n], &[-1.5, -0.2, 0.0, 1.3]);
        let exponent = g.number(exponent);
        let node = g.map(ScalarFunction::Power, &[x, exponent]);
        g.check(node);
    }
}

#[test]
fn choices_and_comparisons() {
    let mut g = Graph::new(6);
    let [n, d] = g.axes([5, 4]);
    let (x, y, z) = (g.values(&[n, d], -1.0, 1.0), g.values(&[n], -1.0, 1.0), g.values(&[d], -1.0, 1.0));
    let mask = g.map(ScalarFunction::Less, &[x, y]);
    let node = g.map(ScalarFunction::Select, &[mask, z, x]);
    g.check(node);
}

#[test]
fn casts_between_floats_pass_and_others_stop() {
    let mut g = Graph::new(7);
    let [n] = g.axes([5]);
    let x = g.values(&[n], -1.0, 1.0);
    let same = g.add(Operation::Cast(Element::F64), &[x]);
    let whole = g.add(Operation::Cast(Element::I32), &[x]);
    let back = g.add(Operation::Cast(Element::F64), &[whole]);
    let node = g.map(ScalarFunction::Add, &[same, back]);
    g.check(node);
}
