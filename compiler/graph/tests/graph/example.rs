//! A module with every primitive.

use moe_graph::{
    Absorb, AxisId, Builder, Element, Function, FunctionId, Module, NodeId, Operation, OutputKind,
    ParameterKind, ReduceKind, Scalar, ScalarFunction, Size, Type,
};

pub fn ty(element: Element, axes: &[AxisId]) -> Type {
    Type { element, axes: axes.to_vec() }
}

/// `(x, y) -> x * y + 1`, along an axis of free size.
pub fn step(name: &str, symbol: &str) -> Function {
    let mut b = Builder::new(name);
    let a = b.axis(symbol, Size::symbol("A"));
    let x = b.parameter("x", ParameterKind::Input, ty(Element::F32, &[a]));
    let y = b.parameter("y", ParameterKind::Input, ty(Element::F32, &[a]));
    let product = b.map(ScalarFunction::Multiply, &[x, y]).unwrap();
    let one = b.constant(Scalar::f32(1.0));
    let sum = b.map(ScalarFunction::Add, &[product, one]).unwrap();
    b.output("next", sum, vec![a], OutputKind::Result);
    b.finish()
}

fn movements(b: &mut Builder, x: NodeId, n: AxisId, d: AxisId) -> Vec<NodeId> {
    let size = Size::symbol("N").multiply(&Size::constant(4));
    let (m, other, half, long) =
        (b.axis("M", size), b.axis("N", Size::symbol("N")), b.axis("half", 2), b.axis("4 * D", 6));
    let (d2, n2) = (b.axis("D", 4), b.axis("N", Size::symbol("N")));
    let renamed = b.add(Operation::Rename { from: n, to: other }, &[x]).unwrap();
    let merged = b.add(Operation::Merge { from: vec![n, d], into: m }, &[x]).unwrap();
    let split = b.add(Operation::Split { from: m, into: vec![n2, d2] }, &[merged]).unwrap();
    let slice = b.add(Operation::Slice { from: d, into: half, start: Size::constant(1) }, &[x]).unwrap();
    let pad = Operation::Pad { from: half, into: d, before: Size::constant(0), value: Scalar::f32(f32::NAN) };
    let padded = b.add(pad, &[slice]).unwrap();
    let whole = b.add(Operation::Concatenate { from: vec![d, half], into: long }, &[x, slice]).unwrap();
    let (places, taps) = (b.axis("P", 3), b.axis("W", 2));
    let window = Operation::Window {
        from: d,
        places,
        taps,
        stride: Size::constant(2),
        dilation: Size::constant(1),
        before: Size::constant(1),
        value: Scalar::f32(0.0),
    };
    vec![renamed, split, padded, whole, b.add(window, &[x]).unwrap()]
}

fn choices(b: &mut Builder, x: NodeId, n: AxisId, d: AxisId) -> Vec<NodeId> {
    let mask = b.add(Operation::LargestMask { count: Size::constant(2), axis: d }, &[x]).unwrap();
    let zero = b.constant(Scalar::f32(0.0));
    let gate = b.map(ScalarFunction::Select, &[mask, x, zero]).unwrap();
    let infinity = b.constant(Scalar::f32(f32::INFINITY));
    let product = b.map(ScalarFunction::Multiply, &[gate, infinity]).unwrap();
    let sum = b.reduce(ReduceKind::Sum, &[n, d], product).unwrap();
    let expected = b.add(Operation::Expect { count: Size::constant(2), axes: vec![d] }, &[mask]).unwrap();
    let first = b.add(Operation::ArgMax { axis: d }, &[x]).unwrap();
    let sums = b.add(Operation::CumulativeSum { axis: n }, &[x]).unwrap();
    let sorted = b.add(Operation::Sort { axis: n }, &[sums]).unwrap();
    let bound = Size::symbol("N").multiply(&Size::constant(2)).minimum(&Size::symbol("M"));
    let p = b.ragged_axis("P", bound);
    let packed = b.add(Operation::Pack { into: p }, &[mask, x]).unwrap();
    let unpack = Operation::Unpack { from: p, background: Scalar::f32(0.0) };
    let unpacked = b.add(unpack, &[mask, packed]).unwrap();
    let segments = Operation::SegmentReduce { kind: ReduceKind::Maximum, from: p, over: vec![d] };
    let segments = b.add(segments, &[mask, packed]).unwrap();
    vec![sum, expected, first, sorted, unpacked, segments]
}

fn lookups(b: &mut Builder, x: NodeId, n: AxisId, d: AxisId) -> Vec<NodeId> {
    let (v, k) = (b.axis("V", 4), b.axis("K", Size::symbol("N").add(&Size::constant(1))));
    let size = Size::symbol("N").ceiling_divide(&Size::constant(4)).unwrap().maximum(&Size::symbol("K"));
    let count = b.add(Operation::SizeOf(size), &[]).unwrap();
    let place = b.add(Operation::Coordinate(d), &[]).unwrap();
    let index = b.map(ScalarFunction::Minimum, &[place, count]).unwrap();
    let index = b.add(Operation::Cast(Element::U8), &[index]).unwrap();
    let table = b.table(ty(Element::F32, &[v]), (0..4).map(|i| Scalar::f32(i as f32 / 3.0)).collect());
    let looked_up = b.add(Operation::Gather { axis: v }, &[table, index]).unwrap();
    let updates = b.map(ScalarFunction::Add, &[x, looked_up]).unwrap();
    let scattered = b.add(Operation::ScatterAdd { over: vec![n, d], into: k }, &[updates, index]).unwrap();
    let plain = Operation::Map { function: ScalarFunction::Divide, absorb: Absorb::Left };
    let newest = b.reduce(ReduceKind::Sum, &[d], x).unwrap();
    let at = b.add(Operation::Coordinate(n), &[]).unwrap();
    let replaced = b.add(Operation::Scatter { over: vec![n], axis: k }, &[scattered, newest, at]).unwrap();
    vec![scattered, b.add(plain, &[x, looked_up]).unwrap(), replaced]
}

fn calls(b: &mut Builder, x: NodeId, d: AxisId, layers: AxisId, stack: NodeId) -> Vec<NodeId> {
    let axes = vec![(AxisId(0), d)];
    let row = b.reduce(ReduceKind::Maximum, &b.ty(x).axes[..1], x).unwrap();
    let result = ty(Element::F32, &[d]);
    let call = Operation::Call { function: FunctionId(0), axes: axes.clone(), result: 0 };
    let call = b.add_typed(call, &[row, row], result.clone());
    let repeat = Operation::Repeat {
        function: FunctionId(0),
        axes: axes.clone(),
        over: layers,
        carried: 1,
        stacked: 1,
        result: 0,
    };
    let repeat = b.add_typed(repeat, &[call, stack], result.clone());
    let three = b.constant(Scalar::index(3));
    let fold = Operation::Fold { function: FunctionId(1), axes, carried: 1, result: 0 };
    vec![repeat, b.add_typed(fold, &[three, call, row], result)]
}

/// A module with every primitive.
pub fn module() -> Module {
    let mut b = Builder::new("main");
    b.set_span(Some(moe_grammar::Span::new(moe_grammar::FileId(0), 3, 14)));
    let (n, d, l) = (b.axis("N", Size::symbol("N")), b.axis("D", 4), b.axis("L", 3));
    let x = b.parameter("x", ParameterKind::Input, ty(Element::F32, &[n, d]));
    b.set_span(None);
    let stack = b.parameter("layers.w", ParameterKind::Weight, ty(Element::F32, &[l, d]));
    let state = b.parameter("count", ParameterKind::State, ty(Element::I64, &[]));
    let mut outputs = movements(&mut b, x, n, d);
    outputs.extend(choices(&mut b, x, n, d));
    outputs.extend(lookups(&mut b, x, n, d));
    outputs.extend(calls(&mut b, x, d, l, stack));
    for (place, node) in outputs.into_iter().enumerate() {
        let axes = b.ty(node).axes;
        let kind = if place == 0 { OutputKind::Observed } else { OutputKind::Result };
        b.output(format!("y {place}"), node, axes, kind);
    }
    let one = b.constant(Scalar::index(1));
    let next = b.map(ScalarFunction::Add, &[state, one]).unwrap();
    b.output("count", next, Vec::new(), OutputKind::Next);
    Module {
        functions: vec![step("step", "A"), step("other", "B"), b.finish()],
        entry: 2,
        offsets: Vec::new(),
    }
}
