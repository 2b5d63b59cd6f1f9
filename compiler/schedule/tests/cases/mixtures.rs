//! Mixtures of experts, rewritten and packed by hand.

use crate::support::{
    check_rows, expected, module, plan, random, rough, Machine, Split, AVX2, AVX512, CRANELIFT,
};
use moe_graph::{
    AxisId, Builder, Element, Module, NodeId, Operation, OutputKind, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use moe_runtime::Tensor;

fn contract(b: &mut Builder, x: NodeId, y: NodeId, over: AxisId) -> NodeId {
    let product = b.map(ScalarFunction::Multiply, &[x, y]).unwrap();
    b.reduce(ReduceKind::Sum, &[over], product).unwrap()
}

fn relu(b: &mut Builder, x: NodeId) -> NodeId {
    let zero = b.constant(Scalar::zero(b.ty(x).element));
    b.map(ScalarFunction::Maximum, &[x, zero]).unwrap()
}

struct Sizes {
    d: i64,
    h: i64,
    e: i64,
    k: i64,
}

/// `x + sum e: g[n, e] * (relu(x up[e] + bias[e]) down[e])`, dense, with the scores of the gate as an input.
fn dense(sizes: &Sizes, element: Element) -> Module {
    let mut b = Builder::new("main");
    let n = b.axis("N", Size::symbol("N"));
    let [d, h, e] = [("D", sizes.d), ("H", sizes.h), ("E", sizes.e)].map(|(name, size)| b.axis(name, size));
    let out = b.axis("D", sizes.d);
    let of = |axes: Vec<AxisId>| Type { element, axes };
    let x = b.parameter("x", ParameterKind::Input, of(vec![n, d]));
    let scores = b.parameter("scores", ParameterKind::Input, of(vec![n, e]));
    let up = b.parameter("up", ParameterKind::Weight, of(vec![e, d, h]));
    let bias = b.parameter("bias", ParameterKind::Weight, of(vec![e, h]));
    let down = b.parameter("down", ParameterKind::Weight, of(vec![e, h, out]));
    let count = Size::constant(sizes.k);
    let mask = b.add(Operation::LargestMask { count, axis: e }, &[scores]).unwrap();
    let zero = b.constant(Scalar::zero(element));
    let gate = b.map(ScalarFunction::Select, &[mask, scores, zero]).unwrap();
    let hidden = contract(&mut b, x, up, d);
    let hidden = b.map(ScalarFunction::Add, &[hidden, bias]).unwrap();
    let hidden = relu(&mut b, hidden);
    let result = contract(&mut b, hidden, down, h);
    let result = b.add(Operation::Rename { from: out, to: d }, &[result]).unwrap();
    let mixed = contract(&mut b, gate, result, e);
    let sum = b.map(ScalarFunction::Add, &[x, mixed]).unwrap();
    b.output("y", sum, vec![n, d], OutputKind::Result);
    module(b)
}

fn inputs(n: usize, sizes: &Sizes, element: Element, seed: u64) -> Vec<Tensor> {
    let [d, h, e] = [sizes.d, sizes.h, sizes.e].map(|size| size as usize);
    let shapes = [vec![n, d], vec![n, e], vec![e, d, h], vec![e, h], vec![e, h, d]];
    shapes.into_iter().enumerate().map(|(place, shape)| random(element, shape, seed + place as u64)).collect()
}

fn rewritten(module: &Module) -> Module {
    let options = moe_rewrite::Options { prefer_rewritten: true, ..moe_rewrite::Options::default() };
    moe_rewrite::rewrite(module, &options).unwrap().module
}

fn grouped(log: &[(String, i64)]) -> Vec<i64> {
    log.iter().filter(|(name, _)| name.starts_with("grouped_product")).map(|(_, flops)| *flops).collect()
}

#[test]
fn rewritten_mixtures_are_dispatched_and_agree_bit_for_bit() {
    for (n, sizes) in [
        (0, Sizes { d: 8, h: 8, e: 4, k: 2 }),
        (1, Sizes { d: 1, h: 1, e: 1, k: 1 }),
        (5, Sizes { d: 20, h: 37, e: 4, k: 1 }),
        (19, Sizes { d: 37, h: 20, e: 8, k: 2 }),
        (3, Sizes { d: 16, h: 32, e: 3, k: 3 }),
        (70, Sizes { d: 5, h: 70, e: 2, k: 1 }),
    ] {
        let dense = dense(&sizes, Element::F32);
        let packed = rewritten(&dense);
        let given = inputs(n, &sizes, Element::F32, 7);
        let expected = expected(&dense, &given);
        for target in [CRANELIFT, AVX2, AVX512] {
            for split in [Split::Whole, Split::Odd] {
                let plan = plan(&packed, &target);
                let mut machine = Machine::new(&plan, &packed, &given, split);
                let found = machine.run().unwrap();
                assert_eq!(found, expected, "N = {n}");
                if n > 1 && sizes.k < sizes.e {
                    // Two products, each of N times K rows.
                    let flops = 2 * n as i64 * sizes.k * sizes.d * sizes.h;
                    assert_eq!(grouped(&machine.log), [flops, flops]);
                }
            }
        }
    }
}

#[test]
fn sixteen_bit_and_double_mixtures_agree() {
    for element in [Element::F64, Element::Bf16, Element::F16] {
        let sizes = Sizes { d: 24, h: 25, e: 4, k: 2 };
        let dense = dense(&sizes, element);
        let given = inputs(7, &sizes, element, 3);
        let expected = expected(&dense, &given);
        let packed = rewritten(&dense);
        let plan = plan(&packed, &AVX2);
        let found = Machine::new(&plan, &packed, &given, Split::Odd).run().unwrap();
        for (found, expected) in found[0].to_f64().iter().zip(expected[0].to_f64()) {
            assert!(
                (found - expected).abs() <= 0.02 * expected.abs().max(1.0),
                "{element}: {found} {expected}"
            );
        }
    }
}

/// A grouped product packed by hand from a mask that is given, gathered, with a bias and a weight for each row, summed for each row of x.
fn by_hand(d: i64, h: i64, e: i64) -> Module {
    let mut b = Builder::new("main");
    let n = b.axis("N", Size::symbol("N"));
    let [d, h, e] = [("D", d), ("H", h), ("E", e)].map(|(name, size)| b.axis(name, size));
    let bound = Size::symbol("N").multiply(&b.function().size(e));
    let p = b.ragged_axis("p", bound);
    let of = |axes: Vec<AxisId>| Type { element: Element::F32, axes };
    let mask = b.parameter("mask", ParameterKind::Input, Type { element: Element::Bool, axes: vec![n, e] });
    let gate = b.parameter("gate", ParameterKind::Input, of(vec![n, e]));
    let x = b.parameter("x", ParameterKind::Input, of(vec![n, d]));
    let w = b.parameter("w", ParameterKind::Weight, of(vec![e, d, h]));
    let bias = b.parameter("bias", ParameterKind::Weight, of(vec![e, h]));
    let [x, w, bias, gate] =
        [x, w, bias, gate].map(|value| b.add(Operation::Pack { into: p }, &[mask, value]).unwrap());
    let y = contract(&mut b, x, w, d);
    let y = b.map(ScalarFunction::Add, &[y, bias]).unwrap();
    let y = relu(&mut b, y);
    let y = b.map(ScalarFunction::Multiply, &[y, gate]).unwrap();
    let sum = Operation::SegmentReduce { kind: ReduceKind::Sum, from: p, over: vec![e] };
    let sum = b.add(sum, &[mask, y]).unwrap();
    let largest = Operation::SegmentReduce { kind: ReduceKind::Maximum, from: p, over: vec![n] };
    let largest = b.add(largest, &[mask, y]).unwrap();
    let spread = Operation::Unpack { from: p, background: Scalar::f32(-1.0) };
    let spread = b.add(spread, &[mask, y]).unwrap();
    b.output("sum", sum, vec![n, h], OutputKind::Result);
    b.output("largest", largest, vec![h, e], OutputKind::Result);
    b.output("spread", spread, vec![e, n, h], OutputKind::Result);
    module(b)
}

#[test]
fn segments_of_all_lengths() {
    let (n, e, d, h) = (301, 5, 12, 53);
    // Rows of the experts: none, one, seven, three hundred, and the last row alone.
    let mut mask = vec![0_u8; n * e];
    mask[17 * e + 1] = 1;
    (0..7).for_each(|row| mask[row * 40 * e + 2] = 1);
    (0..300).for_each(|row| mask[row * e + 3] = 1);
    mask[300 * e + 4] = 1;
    let given = [
        Tensor::new(Element::Bool, vec![n, e], mask).unwrap(),
        random(Element::F32, vec![n, e], 1),
        random(Element::F32, vec![n, d], 2),
        random(Element::F32, vec![e, d, h], 3),
        random(Element::F32, vec![e, h], 4),
    ];
    let module = by_hand(d as i64, h as i64, e as i64);
    let expected = expected(&module, &given);
    for target in [CRANELIFT, AVX512] {
        let plan = plan(&module, &target);
        let mut machine = Machine::new(&plan, &module, &given, Split::Odd);
        for (found, expected) in machine.run().unwrap().iter().zip(&expected) {
            assert_eq!(found.to_f64(), expected.to_f64());
        }
        assert_eq!(grouped(&machine.log), [2 * 309 * (d * h) as i64]);
    }
}

/// Blocks of rows that a bound has room for, and that begin behind the last row there is, read nothing.
#[test]
fn blocks_behind_the_last_row_are_empty() {
    let (n, d) = (301, 12);
    let mut b = Builder::new("main");
    let [rows, columns, one] = [("N", Size::symbol("N")), ("D", Size::constant(d)), ("H", Size::constant(1))]
        .map(|(name, size)| b.axis(name, size));
    let p = b.ragged_axis("p", Size::symbol("N"));
    let of = |axes: Vec<AxisId>| Type { element: Element::F32, axes };
    let mask = b.parameter("mask", ParameterKind::Input, Type { element: Element::Bool, axes: vec![rows] });
    let x = b.parameter("x", ParameterKind::Input, of(vec![rows, columns]));
    let w = b.parameter("w", ParameterKind::Weight, of(vec![columns, one]));
    let packed = b.add(Operation::Pack { into: p }, &[mask, x]).unwrap();
    let y = contract(&mut b, packed, w, columns);
    let y = b.add(Operation::Unpack { from: p, background: Scalar::f32(0.0) }, &[mask, y]).unwrap();
    b.output("y", y, vec![rows, one], OutputKind::Result);
    let module = module(b);
    for count in [0, 1, 2, 26, 63, 64, 65, n] {
        let mask = (0..n).map(|row| u8::from(row < count)).collect();
        let given = [
            Tensor::new(Element::Bool, vec![n], mask).unwrap(),
            random(Element::F32, vec![n, d as usize], 2),
            random(Element::F32, vec![d as usize, 1], 3),
        ];
        let expected = expected(&module, &given);
        for target in [CRANELIFT, AVX512] {
            let plan = plan(&module, &target);
            let found = Machine::new(&plan, &module, &given, Split::Odd).run().unwrap();
            assert_eq!(found[0].to_f64(), expected[0].to_f64(), "{count} rows");
        }
    }
}

#[test]
fn a_row_does_not_depend_on_how_many_there_are() {
    let sizes = Sizes { d: 100, h: 37, e: 8, k: 2 };
    let module = rewritten(&dense(&sizes, Element::F32));
    let given = inputs(70, &sizes, Element::F32, 11);
    let given: Vec<Tensor> = given.iter().zip(3..).map(|(tensor, step)| rough(tensor, step)).collect();
    check_rows(&module, &given, 2, &AVX2, &[1, 2, 3, 7, 64, 65]);
}
