//! Calls, repetitions and folds.

use crate::common::{compare, float, weighted_sum, Graph};
use moe_graph::{
    AxisId, Builder, Element, Function, FunctionId, Module, NodeId, Operation, OutputKind, ParameterKind,
    Scalar, ScalarFunction, Size, Type,
};

/// `(x, y, k, w, s) -> (sin(x * w) + y, y * s + k, k + 1)` with an integer `k`, along an axis of free size.
fn step() -> Function {
    use ScalarFunction as F;
    let mut b = Builder::new("step");
    let a = b.axis("A", Size::symbol("A"));
    let input = |b: &mut Builder, name: &str, ty: Type| b.parameter(name, ParameterKind::Input, ty);
    let (x, y) = (input(&mut b, "x", float(&[a])), input(&mut b, "y", float(&[])));
    let k = input(&mut b, "k", Type::scalar(Element::I64));
    let (w, s) = (input(&mut b, "w", float(&[a])), input(&mut b, "s", float(&[a])));
    let product = b.map(F::Multiply, &[x, w]).unwrap();
    let sine = b.map(F::Sine, &[product]).unwrap();
    let next_x = b.map(F::Add, &[sine, y]).unwrap();
    let scaled = b.map(F::Multiply, &[s, y]).unwrap();
    let scaled = b.reduce(moe_graph::ReduceKind::Sum, &[a], scaled).unwrap();
    let counted = b.add(Operation::Cast(Element::F64), &[k]).unwrap();
    let next_y = b.map(F::Add, &[scaled, counted]).unwrap();
    let one = b.constant(Scalar::index(1));
    let next_k = b.map(F::Add, &[k, one]).unwrap();
    b.output("x", next_x, vec![a], OutputKind::Result);
    b.output("y", next_y, vec![], OutputKind::Result);
    b.output("k", next_k, vec![], OutputKind::Result);
    b.finish()
}

/// Checks the gradient of a graph whose nodes `build` makes from the step's axis, and of their squares' sum.
fn check(build: impl Fn(&mut Graph, AxisId) -> Vec<NodeId>) {
    let mut g = Graph::new(2);
    let [d] = g.axes([3]);
    let nodes = build(&mut g, d);
    let mut sum = g.number(0.0);
    for node in nodes {
        let square = g.map(ScalarFunction::Multiply, &[node, node]);
        let own = weighted_sum(&mut g.builder, square);
        sum = g.map(ScalarFunction::Add, &[sum, own]);
    }
    g.builder.output("y", sum, vec![], OutputKind::Result);
    let module = Module { functions: vec![step(), g.builder.finish()], entry: 1, offsets: Vec::new() };
    compare(&module, &g.inputs, 1e-6).unwrap();
}

fn parameters(g: &mut Graph, d: AxisId) -> [NodeId; 5] {
    let (x, y) = (g.values(&[d], -1.0, 1.0), g.values(&[], -1.0, 1.0));
    let k = g.builder.constant(Scalar::index(0));
    let (w, s) = (g.values(&[d], -1.0, 1.0), g.values(&[d], -1.0, 1.0));
    [x, y, k, w, s]
}

#[test]
fn calls_of_one_and_of_several_results() {
    let call = |d, result| Operation::Call { function: FunctionId(0), axes: vec![(AxisId(0), d)], result };
    check(|g, d| {
        let operands = parameters(g, d);
        let first = g.builder.add_typed(call(d, 0), &operands, float(&[d]));
        let second = g.builder.add_typed(call(d, 1), &operands, float(&[]));
        vec![first, second]
    });
    check(|g, d| {
        let [x, y, k, w, s] = parameters(g, d);
        let first = g.builder.add_typed(call(d, 0), &[x, y, k, w, s], float(&[d]));
        vec![g.builder.add_typed(call(d, 0), &[first, y, k, first, s], float(&[d]))]
    });
}

#[test]
fn repetitions_over_stacked_weights() {
    for rounds in [0, 1, 4] {
        check(|g, d| {
            let [l] = g.axes([rounds]);
            let [x, y, k, _, s] = parameters(g, d);
            let w = g.values(&[l, d], -1.0, 1.0);
            let repeat = |result| Operation::Repeat {
                function: FunctionId(0),
                axes: vec![(AxisId(0), d)],
                over: l,
                carried: 3,
                stacked: 1,
                result,
            };
            let operands = [x, y, k, w, s];
            let first = g.builder.add_typed(repeat(0), &operands, float(&[d]));
            let second = g.builder.add_typed(repeat(1), &operands, float(&[]));
            vec![first, second]
        });
    }
}

#[test]
fn folds_of_a_number_of_rounds_found_while_running() {
    for rounds in [0, 1, 3] {
        check(|g, d| {
            let operands = parameters(g, d);
            let count = g.builder.constant(Scalar::index(rounds));
            let operands = [&[count], operands.as_slice()].concat();
            let fold = |result| Operation::Fold {
                function: FunctionId(0),
                axes: vec![(AxisId(0), d)],
                carried: 3,
                result,
            };
            let first = g.builder.add_typed(fold(0), &operands, float(&[d]));
            let second = g.builder.add_typed(fold(1), &operands, float(&[]));
            vec![first, second]
        });
    }
}
