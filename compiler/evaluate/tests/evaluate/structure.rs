//! Movement of entries, packing, calls.

use crate::common::Graph;
use moe_evaluate::{evaluate, Options};
use moe_graph::{
    Builder, Element, FunctionId, Module, Operation, OutputKind, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use moe_runtime::Tensor;

#[test]
fn merge_is_row_major_in_the_order_given_and_split_undoes_it() {
    let mut g = Graph::new();
    let (a, b, c) = (g.axis("A", 2), g.axis("B", 3), g.axis("C", 6));
    let (a2, b2) = (g.axis("A2", 2), g.axis("B2", 3));
    let x = g.f32(&[b, a], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
    let merged = g.add(Operation::Merge { from: vec![a, b], into: c }, &[x]);
    let split = g.add(Operation::Split { from: c, into: vec![a2, b2] }, &[merged]);
    let found = g.evaluate(&[merged, split]).unwrap();
    assert_eq!(found.outputs[0].to_f64(), [0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
    assert_eq!(found.outputs[1].shape(), [2, 3]);
    assert_eq!(found.outputs[1].to_f64(), [0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
}

#[test]
fn slice_pad_and_concatenate() {
    let mut g = Graph::new();
    let (n, a, b, c, d) = (g.axis("N", 2), g.axis("A", 3), g.axis("B", 2), g.axis("C", 4), g.axis("D", 5));
    let x = g.f32(&[n, a], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let slice = g.add(Operation::Slice { from: a, into: b, start: Size::constant(1) }, &[x]);
    let pad = g.add(
        Operation::Pad { from: b, into: c, before: Size::constant(1), value: Scalar::f32(-1.0) },
        &[slice],
    );
    let whole = g.add(Operation::Concatenate { from: vec![a, b], into: d }, &[x, slice]);
    let found = g.evaluate(&[slice, pad, whole]).unwrap();
    assert_eq!(found.outputs[0].to_f64(), [2.0, 3.0, 5.0, 6.0]);
    assert_eq!(found.outputs[1].to_f64(), [-1.0, 2.0, 3.0, -1.0, -1.0, 5.0, 6.0, -1.0]);
    assert_eq!(found.outputs[2].to_f64(), [1.0, 2.0, 3.0, 2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 6.0]);
}

#[test]
fn windows_step_dilate_and_show_a_number_beside() {
    let mut g = Graph::new();
    let (n, a, p, w) = (g.axis("N", 2), g.axis("A", 3), g.axis("P", 3), g.axis("W", 2));
    let x = g.f32(&[a, n], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    let window = Operation::Window {
        from: a,
        places: p,
        taps: w,
        stride: Size::constant(1),
        dilation: Size::constant(2),
        before: Size::constant(1),
        value: Scalar::f32(-1.0),
    };
    let shown = g.add(window, &[x]);
    let found = g.evaluate(&[shown]).unwrap();
    let expected = [-1.0, -1.0, 2.0, 20.0, 1.0, 10.0, 3.0, 30.0, 2.0, 20.0, -1.0, -1.0];
    assert_eq!(found.outputs[0].shape(), [3, 2, 2]);
    assert_eq!(found.outputs[0].to_f64(), expected);
}

#[test]
fn parts_that_lack_axes_are_repeated() {
    let mut g = Graph::new();
    let (n, a, b, c) = (g.axis("N", 2), g.axis("A", 1), g.axis("B", 1), g.axis("C", 2));
    let (x, y) = (g.f32(&[a], &[7.0]), g.f32(&[n, b], &[1.0, 2.0]));
    let node = g.add(Operation::Concatenate { from: vec![a, b], into: c }, &[x, y]);
    assert_eq!(g.run(node), [7.0, 7.0, 1.0, 2.0]);
}

#[test]
fn gather_aligns_shared_axes_and_scatter_adds_back() {
    let mut g = Graph::new();
    let (v, n, d) = (g.axis("V", 3), g.axis("N", 3), g.axis("D", 2));
    let table = g.f32(&[v, d], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);
    let own = g.f32(&[n, v], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let index = g.i64(&[n], &[2, 0, 2]);
    let rows = g.add(Operation::Gather { axis: v }, &[table, index]);
    let each = g.add(Operation::Gather { axis: v }, &[own, index]);
    let back = g.add(Operation::ScatterAdd { over: vec![n], into: v }, &[rows, index]);
    let found = g.evaluate(&[rows, each, back]).unwrap();
    assert_eq!(found.outputs[0].to_f64(), [20.0, 21.0, 0.0, 1.0, 20.0, 21.0]);
    assert_eq!(found.outputs[1].to_f64(), [2.0, 3.0, 8.0]);
    assert_eq!(found.outputs[2].to_f64(), [0.0, 1.0, 0.0, 0.0, 40.0, 42.0]);
}

#[test]
fn scatter_replaces_entries_and_the_last_update_counts() {
    let mut g = Graph::new();
    let (v, n, d) = (g.axis("V", 3), g.axis("N", 3), g.axis("D", 2));
    let base = g.f32(&[v], &[0.5, 1.5, 2.5]);
    let rows = g.f32(&[n, d], &[10.0, 11.0, 20.0, 21.0, 30.0, 31.0]);
    let index = g.i64(&[n], &[2, 0, 2]);
    let put = g.add(Operation::Scatter { over: vec![n], axis: v }, &[base, rows, index]);
    let found = g.evaluate(&[put]).unwrap();
    assert_eq!(found.outputs[0].to_f64(), [20.0, 21.0, 1.5, 1.5, 30.0, 31.0]);
    let mut g = Graph::new();
    let v = g.axis("V", 3);
    let (base, index) = (g.f32(&[v], &[0.0; 3]), g.i64(&[], &[3]));
    let one = g.f32(&[], &[1.0]);
    let put = g.add(Operation::Scatter { over: Vec::new(), axis: v }, &[base, one, index]);
    assert!(g.evaluate(&[put]).is_err());
}

#[test]
fn packing_gathers_rows_and_unpacking_fills_the_background() {
    let mut g = Graph::new();
    let (n, e, d) = (g.axis("N", 3), g.axis("E", 2), g.axis("D", 2));
    let p = g.builder.ragged_axis("P", Size::constant(6));
    let mask = g.bytes(Element::Bool, &[n, e], &[0, 1, 1, 1, 0, 0]);
    let x = g.f32(&[d, n], &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    let w = g.f32(&[e], &[5.0, 7.0]);
    let rows = g.add(Operation::Pack { into: p }, &[mask, x]);
    let weights = g.add(Operation::Pack { into: p }, &[mask, w]);
    let product = g.map(ScalarFunction::Multiply, &[rows, weights]);
    let unpacked = g.add(Operation::Unpack { from: p, background: Scalar::f32(-1.0) }, &[mask, product]);
    let reduced =
        g.add(Operation::SegmentReduce { kind: ReduceKind::Sum, from: p, over: vec![e] }, &[mask, product]);
    let found = g.evaluate(&[rows, unpacked, reduced]).unwrap();
    assert_eq!(found.outputs[0].shape(), [3, 2]);
    assert_eq!(found.outputs[0].to_f64(), [1.0, 10.0, 2.0, 20.0, 2.0, 20.0]);
    assert_eq!(
        found.outputs[1].to_f64(),
        [-1.0, -1.0, 7.0, 70.0, 10.0, 100.0, 14.0, 140.0, -1.0, -1.0, -1.0, -1.0]
    );
    assert_eq!(found.outputs[2].to_f64(), [7.0, 70.0, 24.0, 240.0, 0.0, 0.0]);
}

/// `(a, b) -> (a * b + 1, b)`, along an axis of free size.
fn step() -> moe_graph::Function {
    let mut b = Builder::new("step");
    let a = b.axis("A", Size::symbol("A"));
    let ty = Type { element: Element::F32, axes: vec![a] };
    let x = b.parameter("x", ParameterKind::Input, ty.clone());
    let y = b.parameter("y", ParameterKind::Input, ty);
    let product = b.map(ScalarFunction::Multiply, &[x, y]).unwrap();
    let one = b.constant(Scalar::f32(1.0));
    let sum = b.map(ScalarFunction::Add, &[product, one]).unwrap();
    b.output("next", sum, vec![a], OutputKind::Result);
    b.finish()
}

fn run(operation: impl Fn(&mut Builder) -> moe_graph::NodeId, inputs: &[Tensor]) -> Vec<f64> {
    let mut b = Builder::new("main");
    let node = operation(&mut b);
    let axes = b.ty(node).axes;
    b.output("y", node, axes, OutputKind::Result);
    let module = Module { functions: vec![step(), b.finish()], entry: 1, offsets: Vec::new() };
    evaluate(&module, inputs, &Options::default()).unwrap().outputs[0].to_f64()
}

#[test]
fn calls_repetitions_and_folds() {
    let inner = moe_graph::AxisId(0);
    let x = Tensor::from_f32(vec![2], &[1.0, 2.0]).unwrap();
    let y = Tensor::from_f32(vec![3, 2], &[2.0, 3.0, 1.0, 1.0, 0.5, 10.0]).unwrap();
    let called = run(
        |b| {
            let (d, l) = (b.axis("D", 2), b.axis("L", 3));
            let x = b.parameter("x", ParameterKind::Input, Type { element: Element::F32, axes: vec![d] });
            let y = b.parameter("y", ParameterKind::Input, Type { element: Element::F32, axes: vec![l, d] });
            let operation = Operation::Repeat {
                function: FunctionId(0),
                axes: vec![(inner, d)],
                over: l,
                carried: 1,
                stacked: 1,
                result: 0,
            };
            b.add_typed(operation, &[x, y], Type { element: Element::F32, axes: vec![d] })
        },
        &[x.clone(), y],
    );
    assert_eq!(called, [3.0, 81.0]);
    let folded = run(
        |b| {
            let d = b.axis("D", 2);
            let ty = Type { element: Element::F32, axes: vec![d] };
            let x = b.parameter("x", ParameterKind::Input, ty.clone());
            let count = b.constant(Scalar::index(3));
            let two = b.constant(Scalar::f32(2.0));
            let operation =
                Operation::Fold { function: FunctionId(0), axes: vec![(inner, d)], carried: 1, result: 0 };
            b.add_typed(operation, &[count, x, two], ty)
        },
        &[x],
    );
    assert_eq!(folded, [15.0, 23.0]);
}

#[test]
fn calls_nested_too_deeply_are_an_error() {
    for depth in [150_u32, 400] {
        let mut functions = vec![step()];
        for callee in 0..depth {
            let mut b = Builder::new("outer");
            let a = b.axis("A", Size::symbol("A"));
            let ty = Type { element: Element::F32, axes: vec![a] };
            let x = b.parameter("x", ParameterKind::Input, ty.clone());
            let y = b.parameter("y", ParameterKind::Input, ty.clone());
            let axes = vec![(moe_graph::AxisId(0), a)];
            let call = Operation::Call { function: FunctionId(callee), axes, result: 0 };
            let node = b.add_typed(call, &[x, y], ty);
            b.output("next", node, vec![a], OutputKind::Result);
            functions.push(b.finish());
        }
        let inputs = [1.0, 2.0].map(|entry| Tensor::from_f32(vec![1], &[entry]).unwrap());
        let found =
            evaluate(&Module { functions, entry: depth, offsets: Vec::new() }, &inputs, &Options::default());
        match found {
            Ok(found) => assert_eq!((depth, found.outputs[0].to_f64()), (150, vec![3.0])),
            Err(error) => {
                assert_eq!((depth, error), (400, moe_evaluate::EvaluateError::Depth { depth: 200 }))
            }
        }
    }
}
