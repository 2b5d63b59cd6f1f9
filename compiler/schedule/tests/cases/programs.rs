//! Programs as wholes: faults, states, observed values, the arena, kernels shared, sizes at their ends.

use crate::support::{
    check, expected, fault, model, module, plan, plan_observed, random, run, Machine, Split, AVX2, AVX512,
    CRANELIFT,
};
use moe_graph::{
    AxisId, Builder, Element, Module, NodeId, Operation, OutputKind, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use moe_runtime::sizes::evaluate;
use moe_runtime::Tensor;

fn of(axes: Vec<AxisId>) -> Type {
    Type { element: Element::F32, axes }
}

#[test]
fn an_index_outside_its_axis_stops_the_run() {
    let mut b = Builder::new("main");
    let (n, v, d) = (b.axis("N", Size::symbol("N")), b.axis("V", 4), b.axis("D", 20));
    let table = b.parameter("table", ParameterKind::Weight, of(vec![v, d]));
    let index = b.parameter("token", ParameterKind::Input, Type { element: Element::I64, axes: vec![n] });
    let rows = b.add(Operation::Gather { axis: v }, &[table, index]).unwrap();
    b.output("rows", rows, vec![n, d], OutputKind::Result);
    let module = module(b);
    let table = random(Element::F32, vec![4, 20], 1);
    let given = |tokens: &[i64]| [table.clone(), Tensor::from_i64(vec![tokens.len()], tokens).unwrap()];
    assert_eq!(run(&module, &given(&[3, 0, 1]), &CRANELIFT, Split::Odd)[0].shape(), [3, 20]);
    for tokens in [[0, 4, 1], [2, 1, -1]] {
        let message = "E0901: gather: an index is outside the axis V";
        assert_eq!(fault(&module, &given(&tokens)), message);
    }
}

#[test]
fn what_was_rounded_is_not_rounded_again() {
    let source = "moe 1
model Rounded(x: f32[N]) -> bf16[N] {
    x as bf16
}

model Cut(x: i32[N]) -> bf16[N] {
    (((x as bf16) * 0.75) as i32) as bf16
}
";
    for (name, roundings) in [("Rounded", 1), ("Cut", 3)] {
        let module = model(source, Some(name), true);
        let text = moe_kernel::print(&plan(&module, &AVX2).kernels[0]);
        let found = text.matches(": bf16x8 = convert").count();
        assert_eq!(found, 2 * roundings, "for whole vectors and for the rest: {text}");
        check(&module, &[&[("N", 1)], &[("N", 77)]], |_| {});
    }
}

#[test]
fn broken_expectations_stop_the_run() {
    let mut b = Builder::new("main");
    let (n, e) = (b.axis("N", 3), b.axis("E", 4));
    let gate = b.parameter("gate", ParameterKind::Input, of(vec![n, e]));
    let zero = b.constant(Scalar::f32(0.0));
    let mask = b.map(ScalarFunction::NotEqual, &[gate, zero]).unwrap();
    let mask = b.add(Operation::Expect { count: Size::constant(2), axes: vec![e] }, &[mask]).unwrap();
    // Room for two rows each, which is what was expected.
    let p = b.ragged_axis("p", Size::constant(6));
    let packed = b.add(Operation::Pack { into: p }, &[mask, gate]).unwrap();
    let doubled = b.map(ScalarFunction::Add, &[packed, packed]).unwrap();
    let sum = Operation::SegmentReduce { kind: ReduceKind::Sum, from: p, over: vec![e] };
    let sum = b.add(sum, &[mask, doubled]).unwrap();
    b.output("sum", sum, vec![n], OutputKind::Result);
    let module = module(b);
    let given = |entries: [f32; 12]| [Tensor::from_f32(vec![3, 4], &entries).unwrap()];
    let good = given([1., 2., 0., 0., 0., 0., 0., 0., 0., 3., 0., 4.]);
    assert_eq!(run(&module, &good, &AVX2, Split::Odd)[0].to_f64(), [6., 0., 14.]);
    let bad = given([1., 2., 0., 3., 0., 0., 0., 0., 0., 3., 0., 4.]);
    assert_eq!(fault(&module, &bad), "E0902: expect: more than 2 entries over E are not background");
}

#[test]
fn more_rows_than_there_is_room_for_stop_the_run() {
    let mut b = Builder::new("main");
    let n = b.axis("N", Size::symbol("N"));
    let mask = b.parameter("mask", ParameterKind::Input, Type { element: Element::Bool, axes: vec![n] });
    let x = b.parameter("x", ParameterKind::Input, of(vec![n]));
    let p = b.ragged_axis("p", Size::constant(2));
    let packed = b.add(Operation::Pack { into: p }, &[mask, x]).unwrap();
    let sum = b.reduce(ReduceKind::Sum, &[p], packed).unwrap();
    b.output("sum", sum, vec![], OutputKind::Result);
    let module = module(b);
    let x = Tensor::from_f32(vec![4], &[1., 2., 3., 4.]).unwrap();
    let mask = |bits: [u8; 4]| Tensor::new(Element::Bool, vec![4], bits.to_vec()).unwrap();
    // Of two slots one is filled: the other is not read.
    let found = run(&module, &[mask([0, 0, 1, 0]), x.clone()], &AVX2, Split::Whole);
    assert_eq!(found[0].to_f64(), [3.0]);
    let message = "E0903: dispatch: more than 2 entries of the mask are true";
    assert_eq!(fault(&module, &[mask([1, 0, 1, 1]), x]), message);
}

#[test]
fn the_largest_of_nothing_stops_the_run() {
    let mut b = Builder::new("main");
    let (n, m) = (b.axis("N", 2), b.axis("M", Size::symbol("M")));
    let x = b.parameter("x", ParameterKind::Input, of(vec![n, m]));
    let place = b.add(Operation::ArgMax { axis: m }, &[x]).unwrap();
    b.output("place", place, vec![n], OutputKind::Result);
    let module = module(b);
    let nan = f32::NAN;
    let x = Tensor::from_f32(vec![2, 3], &[nan, -1.0, nan, 5.0, 7.0, 7.0]).unwrap();
    assert_eq!(run(&module, &[x], &AVX2, Split::Odd)[0].to_f64(), [1.0, 1.0]);
    let nothing = Tensor::from_f32(vec![2, 0], &[]).unwrap();
    assert_eq!(fault(&module, &[nothing]), "E0904: argmax: the axis M is empty");
}

#[test]
fn selections_of_special_numbers() {
    let mut b = Builder::new("main");
    let (n, e) = (b.axis("N", 3), b.axis("E", Size::symbol("E")));
    let x = b.parameter("x", ParameterKind::Input, of(vec![n, e]));
    let masks = [0, 1, 2, 9]
        .map(|count| b.add(Operation::LargestMask { count: Size::constant(count), axis: e }, &[x]).unwrap());
    let sorted = b.add(Operation::Sort { axis: e }, &[x]).unwrap();
    for (place, mask) in masks.into_iter().enumerate() {
        b.output(format!("mask{place}"), mask, vec![n, e], OutputKind::Result);
    }
    b.output("sorted", sorted, vec![n, e], OutputKind::Result);
    let module = module(b);
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let rows = [[nan, -inf, 1.0, 1.0, 0.0], [-0.0, 0.0, nan, nan, -inf], [inf, inf, -1.0, nan, 2.0]];
    let x = Tensor::from_f32(vec![3, 5], rows.as_flattened()).unwrap();
    let given = [x];
    let expected = expected(&module, &given);
    let found = run(&module, &given, &AVX2, Split::Odd);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(format!("{:?}", found.to_f64()), format!("{:?}", expected.to_f64()));
    }
}

#[test]
fn the_largest_of_long_rows() {
    for element in [Element::F32, Element::F64, Element::Bf16, Element::I64, Element::U8, Element::U64] {
        let mut b = Builder::new("main");
        let (n, e) = (b.axis("N", Size::symbol("N")), b.axis("E", 70));
        let x = b.parameter("x", ParameterKind::Input, Type { element, axes: vec![n, e] });
        for (place, (count, axis)) in
            [(0, e), (1, e), (5, n), (33, e), (70, e), (99, n)].into_iter().enumerate()
        {
            let mask = b.add(Operation::LargestMask { count: Size::constant(count), axis }, &[x]).unwrap();
            b.output(format!("mask{place}"), mask, vec![n, e], OutputKind::Result);
        }
        let module = module(b);
        for rows in [0, 1, 9] {
            let x = if element.is_float() {
                random(element, vec![rows, 70], 3)
            } else {
                let bytes = (0..rows * 70 * element.bytes()).map(|at| (at * at * 89 % 251 / 16 * 17) as u8);
                Tensor::new(element, vec![rows, 70], bytes.collect()).unwrap()
            };
            let given = [x];
            let expected = expected(&module, &given);
            assert_eq!(run(&module, &given, &AVX2, Split::Odd), expected, "{element}, {rows} rows");
        }
    }
}

#[test]
fn states_change_together_when_all_is_read() {
    let mut b = Builder::new("main");
    let n = b.axis("N", 3);
    let x = b.parameter("x", ParameterKind::Input, of(vec![n]));
    let first = b.parameter("first", ParameterKind::State, of(vec![n]));
    let second = b.parameter("second", ParameterKind::State, of(vec![n]));
    let sum = b.map(ScalarFunction::Add, &[x, first]).unwrap();
    b.output("sum", sum, vec![n], OutputKind::Result);
    b.output("first", second, vec![n], OutputKind::Next);
    b.output("second", first, vec![n], OutputKind::Next);
    let module = module(b);
    let plan = plan(&module, &CRANELIFT);
    let [x, a, c] = [1, 2, 3].map(|seed| random(Element::F32, vec![3], seed));
    let mut machine = Machine::new(&plan, &module, &[x, a.clone(), c.clone()], Split::Whole);
    machine.run().unwrap();
    assert_eq!(machine.states, [c.bytes(), a.bytes()]);
    machine.run().unwrap();
    assert_eq!(machine.states, [a.bytes(), c.bytes()]);
}

#[test]
fn observed_values_are_computed_when_asked_for() {
    let mut b = Builder::new("main");
    let (n, m) = (b.axis("N", 3), b.axis("M", 5));
    let x = b.parameter("x", ParameterKind::Input, of(vec![n, m]));
    let sum = b.reduce(ReduceKind::Sum, &[n], x).unwrap();
    let largest = b.reduce(ReduceKind::Maximum, &[m], x).unwrap();
    b.output("sum", sum, vec![m], OutputKind::Result);
    b.output("norm.largest", largest, vec![n], OutputKind::Observed);
    let module = module(b);
    assert!(plan(&module, &AVX2).program.observations.is_empty());
    let plan = plan_observed(&module, &AVX2, &["norm.*".to_owned()]);
    let [observation] = plan.program.observations.as_slice() else { panic!() };
    assert_eq!(observation.tensor.name, "norm.largest");
    let x = random(Element::F32, vec![3, 5], 1);
    let mut machine = Machine::new(&plan, &module, std::slice::from_ref(&x), Split::Whole);
    machine.run().unwrap();
    let found = Tensor::new(Element::F32, vec![3], machine.read(observation.buffers[0])).unwrap().to_f64();
    let expected: Vec<f64> =
        x.to_f64().chunks(5).map(|row| row.iter().copied().fold(f64::MIN, f64::max)).collect();
    assert_eq!(found, expected);
}

/// A chain of layers, each `relu(x w)`.
fn layers(count: usize) -> Module {
    let mut b = Builder::new("main");
    let n = b.axis("N", Size::symbol("N"));
    let mut d = b.axis("D", 32);
    let first = d;
    let mut x: NodeId = b.parameter("x", ParameterKind::Input, of(vec![n, d]));
    for layer in 0..count {
        let h = b.axis("D", 32);
        let w = b.parameter(format!("layer{layer}.w"), ParameterKind::Weight, of(vec![d, h]));
        let product = b.map(ScalarFunction::Multiply, &[x, w]).unwrap();
        let sum = b.reduce(ReduceKind::Sum, &[d], product).unwrap();
        let zero = b.constant(Scalar::f32(0.0));
        x = b.map(ScalarFunction::Maximum, &[sum, zero]).unwrap();
        d = h;
    }
    let x = b.add(Operation::Rename { from: d, to: first }, &[x]).unwrap();
    b.output("y", x, vec![n, first], OutputKind::Result);
    module(b)
}

#[test]
fn equal_kernels_are_one_and_memory_is_used_again() {
    let plan = plan(&layers(6), &AVX2);
    assert_eq!(plan.program.forms[0].step.len(), 7);
    assert_eq!(plan.program.prepare.len(), 6);
    assert_eq!(
        plan.kernels.len(),
        3,
        "the layers', the one that brings weights into panels, the one that copies the result"
    );
    // Two layers' results are alive at a time.
    assert_eq!(evaluate(&plan.program.forms[0].arena_bytes, &[10]), Some(2 * 10 * 32 * 4));
}

#[test]
fn products_with_weights_by_row_and_by_column() {
    for (n, d, h) in [(1, 100, 37), (7, 1, 1), (9, 64, 64), (5, 37, 100), (2, 0, 3), (0, 3, 2), (6, 130, 260)]
    {
        for by_row in [false, true] {
            let mut b = Builder::new("main");
            let (rows, shared) = (b.axis("N", Size::symbol("N")), b.axis("D", d));
            let columns = b.axis("H", h);
            let x = b.parameter("x", ParameterKind::Input, of(vec![rows, shared]));
            let axes = if by_row { vec![columns, shared] } else { vec![shared, columns] };
            let w = b.parameter("w", ParameterKind::Weight, of(axes));
            let product = b.map(ScalarFunction::Multiply, &[x, w]).unwrap();
            let sum = b.reduce(ReduceKind::Sum, &[shared], product).unwrap();
            let total = b.reduce(ReduceKind::Sum, &[rows], sum).unwrap();
            b.output("y", sum, vec![rows, columns], OutputKind::Result);
            b.output("transposed", sum, vec![columns, rows], OutputKind::Result);
            b.output("total", total, vec![columns], OutputKind::Result);
            let module = module(b);
            let shape = if by_row { vec![h as usize, d as usize] } else { vec![d as usize, h as usize] };
            let given = [random(Element::F32, vec![n, d as usize], 5), random(Element::F32, shape, 6)];
            let expected = expected(&module, &given);
            for target in [CRANELIFT, AVX2, AVX512] {
                assert_eq!(run(&module, &given, &target, Split::Odd), expected, "{n} {d} {h} {by_row}");
            }
        }
    }
}

#[test]
fn zero_times_nan_is_zero_where_zero_absorbs() {
    let mut b = Builder::new("main");
    let (n, e, d) = (b.axis("N", 2), b.axis("E", 3), b.axis("D", 20));
    let scores = b.parameter("scores", ParameterKind::Input, of(vec![n, e]));
    let y = b.parameter("y", ParameterKind::Input, of(vec![n, e, d]));
    let mask = b.add(Operation::LargestMask { count: Size::constant(1), axis: e }, &[scores]).unwrap();
    let zero = b.constant(Scalar::f32(0.0));
    let gate = b.map(ScalarFunction::Select, &[mask, scores, zero]).unwrap();
    let product = b.map(ScalarFunction::Multiply, &[gate, y]).unwrap();
    let sum = b.reduce(ReduceKind::Sum, &[e], product).unwrap();
    b.output("sum", sum, vec![n, d], OutputKind::Result);
    let module = module(b);
    let scores = Tensor::from_f32(vec![2, 3], &[1., 2., 0., 4., 3., 2.]).unwrap();
    let mut y = random(Element::F32, vec![2, 3, 20], 1);
    for place in [0, 2, 4, 5] {
        for entry in 0..20 {
            let at = (place * 20 + entry) * 4;
            y.bytes_mut()[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
    }
    let given = [scores, y];
    let expected = expected(&module, &given);
    let found = run(&module, &given, &AVX2, Split::Odd);
    assert!(found[0].to_f64().iter().all(|entry| entry.is_finite()));
    assert_eq!(found, expected);
}
