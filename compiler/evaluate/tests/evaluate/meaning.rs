//! Scalar functions, reductions, selection.

use crate::common::Graph;
use moe_evaluate::{evaluate, EvaluateError, Options};
use moe_graph::{
    Absorb, Builder, Element, Module, Operation, OutputKind, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use moe_runtime::Tensor;

#[test]
fn axes_align_by_name() {
    let mut g = Graph::new();
    let (n, e) = (g.axis("N", 2), g.axis("E", 3));
    let x = g.f32(&[n, e], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let y = g.f32(&[e, n], &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    let sum = g.map(ScalarFunction::Add, &[x, y]);
    assert_eq!(g.run(sum), [11.0, 32.0, 53.0, 24.0, 45.0, 66.0]);
}

#[test]
fn a_product_lacking_axes_is_repeated() {
    let mut g = Graph::new();
    let (n, r) = (g.axis("N", 2), g.axis("R", 2));
    let (x, y) = (g.f32(&[n], &[2.0, 3.0]), g.f32(&[r], &[5.0, 7.0]));
    let product = g.map(ScalarFunction::Multiply, &[x, y]);
    assert_eq!(g.run(product), [10.0, 14.0, 15.0, 21.0]);
}

#[test]
fn contractions_agree_whichever_loop_is_innermost() {
    for width in [1_i64, 3, 8, 1500] {
        let mut g = Graph::new();
        let (n, d, h) = (g.axis("N", 2), g.axis("D", 5), g.axis("H", width));
        let entries: Vec<f32> = (0..5 * width).map(|i| (i % 7) as f32 - 3.0).collect();
        let x = g.f32(&[n, d], &[1.0, 2.0, 3.0, 4.0, 5.0, -1.0, -2.0, -3.0, -4.0, -5.0]);
        let w = g.f32(&[d, h], &entries);
        let product = g.map(ScalarFunction::Multiply, &[x, w]);
        let y = g.reduce(ReduceKind::Sum, &[d], product);
        let found = g.run(y);
        for column in 0..width as usize {
            let expected: f32 =
                (0..5).map(|row| (row + 1) as f32 * entries[row * width as usize + column]).sum();
            assert_eq!(found[column], f64::from(expected));
            assert_eq!(found[width as usize + column], -f64::from(expected));
        }
    }
}

#[test]
fn sums_of_f32_go_in_ascending_order() {
    // 2^24 + 1 + 1 is 2^24 in f32 from the left, 2^24 + 2 from the right.
    let mut g = Graph::new();
    let a = g.axis("A", 3);
    let x = g.f32(&[a], &[16_777_216.0, 1.0, 1.0]);
    let y = g.reduce(ReduceKind::Sum, &[a], x);
    assert_eq!(g.run(y), [16_777_216.0]);
    let mut g = Graph::new();
    let a = g.axis("A", 3);
    let x = g.f32(&[a], &[1.0, 1.0, 16_777_216.0]);
    let y = g.reduce(ReduceKind::Sum, &[a], x);
    assert_eq!(g.run(y), [16_777_218.0]);
}

#[test]
fn sums_of_16_bit_floats_are_kept_in_f32() {
    let mut g = Graph::new();
    let a = g.axis("A", 4);
    let entries: Vec<u8> =
        [256.0_f32, 1.0, 1.0, 2.0].iter().flat_map(|x| half::bf16::from_f32(*x).to_le_bytes()).collect();
    let x = g.bytes(Element::Bf16, &[a], &entries);
    let y = g.reduce(ReduceKind::Sum, &[a], x);
    // Rounding each step to bf16 would lose the ones: 258 instead of 260.
    assert_eq!(g.run(y), [260.0]);
}

#[test]
fn absorption_decides_alone() {
    for (function, value, result) in [
        (ScalarFunction::Multiply, 0.0, 0.0),
        (ScalarFunction::Divide, 0.0, 0.0),
        (ScalarFunction::Add, f32::NEG_INFINITY, f64::NEG_INFINITY),
        (ScalarFunction::Subtract, f32::NEG_INFINITY, f64::NEG_INFINITY),
        (ScalarFunction::Minimum, f32::NEG_INFINITY, f64::NEG_INFINITY),
        (ScalarFunction::Maximum, f32::INFINITY, f64::INFINITY),
    ] {
        let mut g = Graph::new();
        let a = g.axis("A", 3);
        let (x, y) = (g.f32(&[a], &[value; 3]), g.f32(&[a], &[f32::NAN, f32::INFINITY, 0.0]));
        let node = g.absorbing(function, Absorb::Left, &[x, y]);
        assert_eq!(g.run(node), [result; 3], "{function:?}");
    }
    let mut g = Graph::new();
    let a = g.axis("A", 2);
    let (x, y) = (g.f32(&[a], &[f32::NAN, 0.0]), g.f32(&[a], &[0.0, f32::NAN]));
    let right = g.absorbing(ScalarFunction::Multiply, Absorb::Right, &[x, y]);
    let found = g.run(right);
    assert_eq!(found[0], 0.0);
    assert!(found[1].is_nan());
}

#[test]
fn nothing_reduces_to_the_identity_and_lacking_axes_count() {
    let mut g = Graph::new();
    let (a, n, none) = (g.axis("A", 3), g.axis("N", 2), g.axis("Z", 0));
    let x = g.f32(&[n], &[1.5, 2.0]);
    let empty = g.f32(&[n, none], &[]);
    let thrice = g.reduce(ReduceKind::Sum, &[a], x);
    let cubed = g.reduce(ReduceKind::Product, &[a], x);
    let largest = g.reduce(ReduceKind::Maximum, &[none], empty);
    let zero = g.reduce(ReduceKind::Sum, &[none], empty);
    let found = g.evaluate(&[thrice, cubed, largest, zero]).unwrap();
    assert_eq!(found.outputs[0].to_f64(), [4.5, 6.0]);
    assert_eq!(found.outputs[1].to_f64(), [3.375, 8.0]);
    assert_eq!(found.outputs[2].to_f64(), [f64::NEG_INFINITY; 2]);
    assert_eq!(found.outputs[3].to_f64(), [0.0; 2]);
}

#[test]
fn integers_wrap_and_divide_by_zero_to_zero() {
    let mut g = Graph::new();
    let a = g.axis("A", 2);
    let (x, y) = (g.bytes(Element::U8, &[a], &[250, 7]), g.bytes(Element::U8, &[a], &[10, 0]));
    let sum = g.map(ScalarFunction::Add, &[x, y]);
    let quotient = g.map(ScalarFunction::Divide, &[x, y]);
    let total = g.reduce(ReduceKind::Sum, &[a], x);
    let found = g.evaluate(&[sum, quotient, total]).unwrap();
    assert_eq!(found.outputs[0].bytes(), [4, 7]);
    assert_eq!(found.outputs[1].bytes(), [25, 0]);
    assert_eq!(found.outputs[2].bytes(), [1]);
}

#[test]
fn unsigned_64_bit_numbers_are_compared_as_such() {
    let mut g = Graph::new();
    let a = g.axis("A", 2);
    let entries: Vec<u8> = [u64::MAX, 1].iter().flat_map(|x| x.to_le_bytes()).collect();
    let x = g.bytes(Element::U64, &[a], &entries);
    let one = g.builder.constant(Scalar::integer(Element::U64, 1).unwrap());
    let greater = g.map(ScalarFunction::Greater, &[x, one]);
    let largest = g.reduce(ReduceKind::Maximum, &[a], x);
    let first = g.add(Operation::ArgMax { axis: a }, &[x]);
    let found = g.evaluate(&[greater, largest, first]).unwrap();
    assert_eq!(found.outputs[0].bytes(), [1, 0]);
    assert_eq!(found.outputs[1].bytes(), u64::MAX.to_le_bytes());
    assert_eq!(found.outputs[2].to_f64(), [0.0]);
}

#[test]
fn selection_takes_the_lowest_of_ties_and_nan_last() {
    let mut g = Graph::new();
    let (n, e) = (g.axis("N", 3), g.axis("E", 4));
    let (nan, low) = (f32::NAN, f32::NEG_INFINITY);
    let x = g.f32(&[n, e], &[1.0, 2.0, 2.0, 2.0, nan, low, nan, nan, 3.0, nan, 1.0, 0.0]);
    let mask = g.add(Operation::LargestMask { count: Size::constant(2), axis: e }, &[x]);
    let first = g.add(Operation::ArgMax { axis: e }, &[x]);
    let all = g.add(Operation::LargestMask { count: Size::constant(9), axis: e }, &[x]);
    let found = g.evaluate(&[mask, first, all]).unwrap();
    assert_eq!(found.outputs[0].bytes(), [0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0]);
    assert_eq!(found.outputs[1].to_f64(), [1.0, 1.0, 0.0]);
    assert_eq!(found.outputs[2].bytes(), [1; 12]);
}

#[test]
fn sorting_and_running_sums() {
    let mut g = Graph::new();
    let (n, e) = (g.axis("N", 2), g.axis("E", 3));
    let x = g.f32(&[e, n], &[3.0, f32::NAN, 1.0, 2.0, 2.0, -1.0]);
    let sorted = g.add(Operation::Sort { axis: e }, &[x]);
    let sums = g.add(Operation::CumulativeSum { axis: n }, &[x]);
    let found = g.evaluate(&[sorted, sums]).unwrap();
    let sorted = found.outputs[0].to_f64();
    assert_eq!(sorted[..5], [1.0, -1.0, 2.0, 2.0, 3.0]);
    assert!(sorted[5].is_nan());
    assert_eq!(found.outputs[1].to_f64()[2..], [1.0, 3.0, 2.0, 1.0]);
}

#[test]
fn casts_saturate_and_truncate() {
    let mut g = Graph::new();
    let a = g.axis("A", 4);
    let x = g.f32(&[a], &[300.0, -1.5, f32::NAN, 2.9]);
    let node = g.add(Operation::Cast(Element::U8), &[x]);
    assert_eq!(g.run(node), [255.0, 0.0, 0.0, 2.0]);
}

#[test]
fn errors_while_running_are_values() {
    let mut g = Graph::new();
    let (v, n) = (g.axis("V", 3), g.axis("N", 2));
    let (table, index) = (g.f32(&[v], &[1.0, 2.0, 3.0]), g.i64(&[n], &[0, 3]));
    let node = g.add(Operation::Gather { axis: v }, &[table, index]);
    assert_eq!(g.error(node), EvaluateError::Index { index: 3, size: 3, span: None });

    let mut g = Graph::new();
    let a = g.axis("A", 3);
    let mask = g.bytes(Element::Bool, &[a], &[1, 1, 0]);
    let node = g.add(Operation::Expect { count: Size::constant(1), axes: vec![a] }, &[mask]);
    assert_eq!(g.error(node), EvaluateError::Expect { count: 1, found: 2, span: None });

    let mut g = Graph::new();
    let (a, b) = (g.axis("A", 1 << 40), g.axis("B", 1 << 40));
    let one = g.number(1.0);
    let [x, y] = [a, b].map(|axis| {
        let coordinate = g.add(Operation::Coordinate(axis), &[]);
        let float = g.add(Operation::Cast(Element::F32), &[coordinate]);
        g.map(ScalarFunction::Add, &[float, one])
    });
    let node = g.map(ScalarFunction::Add, &[x, y]);
    assert!(matches!(g.error(node), EvaluateError::TooLarge { .. }));
}

#[test]
fn the_product_under_a_sum_is_never_held() {
    // 2^34 products would not fit; one row of them is enough.
    let mut g = Graph::new();
    let (a, b) = (g.axis("A", 1 << 12), g.axis("B", 1 << 12));
    let x = g.f32(&[a], &vec![1.0; 1 << 12]);
    let y = g.f32(&[b], &vec![0.5; 1 << 12]);
    let product = g.map(ScalarFunction::Multiply, &[x, y]);
    let node = g.reduce(ReduceKind::Sum, &[a, b], product);
    assert_eq!(g.run(node), [8_388_608.0]);
}

fn free_size_module() -> Module {
    let mut b = Builder::new("main");
    let (n, d) =
        (b.axis("N", Size::symbol("N")), b.axis("D", Size::symbol("N").multiply(&Size::constant(2))));
    let x = b.parameter("x", ParameterKind::Input, Type { element: Element::F32, axes: vec![n] });
    let w = b.parameter("w", ParameterKind::Input, Type { element: Element::F32, axes: vec![d] });
    let product = b.map(ScalarFunction::Multiply, &[x, w]).unwrap();
    let sum = b.reduce(ReduceKind::Sum, &[d], product).unwrap();
    b.output("y", sum, vec![n], OutputKind::Result);
    Module { functions: vec![b.finish()], entry: 0, offsets: Vec::new() }
}

#[test]
fn free_sizes_are_bound_by_shapes() {
    let module = free_size_module();
    let x = Tensor::from_f32(vec![2], &[1.0, 2.0]).unwrap();
    let w = Tensor::from_f32(vec![4], &[1.0, 1.0, 1.0, 0.5]).unwrap();
    let found = evaluate(&module, &[x.clone(), w], &Options::default()).unwrap();
    assert_eq!(found.outputs[0].to_f64(), [3.5, 7.0]);
    let wrong = Tensor::from_f32(vec![3], &[0.0; 3]).unwrap();
    let error = evaluate(&module, &[x, wrong], &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "`w` has the axes [D = 2 * N] and was given the shape [3]");
    let none = Tensor::from_f32(vec![0], &[]).unwrap();
    let found = evaluate(&module, &[none.clone(), none], &Options::default()).unwrap();
    assert_eq!(found.outputs[0].shape(), [0]);
}

#[test]
fn double_computes_every_float_as_f64() {
    let mut g = Graph::new();
    let a = g.axis("A", 3);
    let x = g.f32(&[a], &[16_777_216.0, 1.0, 1.0]);
    let y = g.reduce(ReduceKind::Sum, &[a], x);
    let inputs = g.inputs.clone();
    let found = evaluate(&g.module(&[y]), &inputs, &Options { double: true }).unwrap();
    assert_eq!(found.outputs[0], Tensor::from_f64(vec![], &[16_777_218.0]).unwrap());
}

#[test]
fn large_integers_are_rounded_once() {
    // Through f64 this would become 2^60, then stay there.
    let mut g = Graph::new();
    let a = g.axis("A", 1);
    let x = g.i64(&[a], &[(1 << 60) + (1 << 36) + 1]);
    let node = g.add(Operation::Cast(Element::F32), &[x]);
    assert_eq!(g.run(node), [f64::from(((1_i64 << 60) + (1 << 37)) as f32)]);
}
