//! What operations mean, on the values where it matters.

use moe_graph::Scalar;
use moe_kernel::{
    interpret, scalar_bits, BinaryOperation, Builder, Comparison, Kernel, KernelError, UnaryOperation, Value,
    ValueType,
};
use moe_runtime::Element;

/// Computes one scalar and gives its bits.
fn scalar(element: Element, build: impl FnOnce(&mut Builder) -> Value) -> u64 {
    let mut b = Builder::new("scalar");
    let y = b.written("y", element);
    let zero = b.index(0);
    let value = build(&mut b);
    b.store(y, zero, value);
    let mut buffers = [vec![0; element.bytes()]];
    assert_eq!(interpret(&b.finish().unwrap(), &mut buffers, &[], 0, 0), Ok(0));
    buffers[0].iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

fn binary(operation: BinaryOperation, a: Scalar, b: Scalar) -> u64 {
    scalar(a.element(), |build| {
        let (a, b) = (build.constant(a), build.constant(b));
        // Not `binary`, which may do it while building.
        build.define(build.type_of(a), moe_kernel::Operation::Binary(operation, a, b))
    })
}

fn convert(number: Scalar, to: Element) -> u64 {
    scalar(to, |build| {
        let number = build.constant(number);
        build.convert(number, to)
    })
}

fn i64(value: i64) -> u64 {
    value as u64
}

#[test]
fn integers_wrap() {
    let (least, minus_one) = (Scalar::index(i64::MIN), Scalar::index(-1));
    assert_eq!(binary(BinaryOperation::Add, least, minus_one), i64(i64::MAX));
    assert_eq!(binary(BinaryOperation::Divide, least, minus_one), i64(i64::MIN));
    assert_eq!(binary(BinaryOperation::Remainder, least, minus_one), 0);
    let byte = |value| Scalar::integer(Element::U8, value).unwrap();
    assert_eq!(binary(BinaryOperation::Multiply, byte(200), byte(3)), 600 % 256);
    let signed = |value| Scalar::integer(Element::I8, value).unwrap();
    assert_eq!(binary(BinaryOperation::ShiftRight, signed(-128), signed(3)), (-16_i8) as u8 as u64);
    let absolute = scalar(Element::I8, |build| {
        let least = build.constant(signed(-128));
        build.unary(UnaryOperation::Absolute, least)
    });
    assert_eq!(absolute, 128);
}

#[test]
fn extremes_of_zeros_and_nan() {
    use BinaryOperation::{Maximum, Minimum};
    let (zero, minus_zero, nan) = (Scalar::f32(0.0), Scalar::f32(-0.0), Scalar::f32(f32::NAN));
    for operation in [Minimum, Maximum] {
        assert_eq!(binary(operation, zero, minus_zero), 0x8000_0000);
        assert_eq!(binary(operation, minus_zero, zero), 0);
        for (a, b) in [(zero, nan), (nan, zero), (nan, nan)] {
            assert!(f32::from_bits(binary(operation, a, b) as u32).is_nan());
        }
    }
}

#[test]
fn conversions_saturate_and_round_once() {
    let f64 = Scalar::f64;
    assert_eq!(convert(f64(f64::NAN), Element::I32), 0);
    assert_eq!(convert(f64(1e300), Element::I64), i64(i64::MAX));
    assert_eq!(convert(f64(-1.0), Element::U8), 0);
    assert_eq!(convert(f64(-300.7), Element::I8), 0x80);
    assert_eq!(convert(f64(f64::NAN), Element::Bool), 1);
    assert_eq!(convert(Scalar::index(300), Element::U8), 44);
    assert_eq!(convert(Scalar::index(256), Element::Bool), 1);
    // Just above half way between two neighbours; by way of `f32` it would be half way, and rounded to even.
    let above = 1.0 + f64::powi(2.0, -11) + f64::powi(2.0, -40);
    assert_eq!(convert(f64(above), Element::F16), 0x3c01);
    let above = 1.0 + f64::powi(2.0, -8) + f64::powi(2.0, -40);
    assert_eq!(convert(f64(above), Element::Bf16), 0x3f81);
    assert_eq!(convert(f64(1e300), Element::F16), 0x7c00);
    assert_eq!(convert(f64(1e-300), Element::Bf16), 0);
    let exact = (1_i64 << 24) + 1;
    assert_eq!(convert(Scalar::index(exact), Element::F32), u64::from(16_777_216_f32.to_bits()));
}

#[test]
fn comparisons_with_nan_are_false_but_not_equal() {
    for comparison in Comparison::ALL {
        let holds = scalar(Element::Bool, |build| {
            let of = ValueType::scalar(Element::F32);
            let (nan, one) = (build.number(of, f64::NAN), build.number(of, 1.0));
            build.compare(comparison, nan, one)
        });
        assert_eq!(holds == 1, comparison == Comparison::NotEqual, "{comparison:?}");
    }
}

#[test]
fn lanes_are_reduced_by_halves() {
    // (1e8 + -1e8) + (1 + 1), which the order of the lanes would not give.
    let sum = scalar(Element::F32, |build| {
        let numbers = build.lane_numbers(4);
        let even = build.constant_lanes(Scalar::index(1), 4);
        let bit = build.and(numbers, even);
        let odd = build.convert(bit, Element::Bool);
        let upper = build.constant_lanes(Scalar::index(2), 4);
        let high = build.greater_equal(numbers, upper);
        let of = ValueType::vector(Element::F32, 4);
        let (big, minus_big, one) = (build.number(of, 1e8), build.number(of, -1e8), build.number(of, 1.0));
        let signed = build.select(high, minus_big, big);
        let lanes = build.select(odd, one, signed);
        build.reduce_lanes(BinaryOperation::Add, lanes)
    });
    assert_eq!(f32::from_bits(sum as u32), 2.0);
}

/// y[i] = x[i] in `lanes` lanes, under a mask that leaves out entries from `n` on.
fn masked_copy(lanes: u32) -> Kernel {
    let mut b = Builder::new("masked_copy");
    let x = b.buffer("x", Element::U8);
    let y = b.written("y", Element::U8);
    let n = b.size("n");
    let zero = b.index(0);
    let mask = b.tail_mask(zero, n, lanes);
    let entries = b.load_masked(x, zero, lanes, Some(mask));
    b.store_masked(y, zero, entries, Some(mask));
    b.finish().unwrap()
}

#[test]
fn masked_lanes_touch_nothing() {
    let mut buffers = [vec![1, 2, 3], vec![9; 3]];
    assert_eq!(interpret(&masked_copy(8), &mut buffers, &[3], 0, 0), Ok(0));
    assert_eq!(buffers[1], [1, 2, 3]);
    let mut longer = [vec![1, 2, 3], vec![9; 5]];
    assert_eq!(interpret(&masked_copy(8), &mut longer, &[3], 0, 0), Ok(0));
    assert_eq!(longer[1], [1, 2, 3, 9, 9]);
}

#[test]
fn entries_outside_are_found() {
    let mut buffers = [vec![1, 2, 3], vec![9; 8]];
    let error = interpret(&masked_copy(8), &mut buffers, &[4], 0, 0).unwrap_err();
    assert!(
        matches!(&error, KernelError::OutOfBounds { buffer, index: 3, length: 3, .. } if buffer == "x"),
        "{error}"
    );
}

#[test]
fn gather_and_scatter_go_lane_by_lane() {
    let mut b = Builder::new("permute");
    let x = b.buffer("x", Element::F32);
    let y = b.written("y", Element::F32);
    let numbers = b.lane_numbers(4);
    let three = b.constant_lanes(Scalar::index(3), 4);
    let backwards = b.subtract(three, numbers);
    let entries = b.gather(x, backwards, None);
    let two = b.constant_lanes(Scalar::index(2), 4);
    let halves = b.divide(numbers, two);
    b.scatter(y, halves, entries, None);
    let mut buffers = [crate::f32_bytes(&[1.0, 2.0, 3.0, 4.0]), crate::f32_bytes(&[0.0; 3])];
    crate::run(&b.finish().unwrap(), &mut buffers, &[], 0);
    assert_eq!(crate::f32_entries(&buffers[1]), [3.0, 1.0, 0.0]);
}

#[test]
fn what_is_not_defined_is_reported() {
    let mut b = Builder::new("undefined");
    let n = b.size("n");
    let one = b.index(1);
    b.divide(one, n);
    b.shift_left(one, n);
    let kernel = b.finish().unwrap();
    let message = |n| interpret(&kernel, &mut [], &[n], 0, 0).unwrap_err().to_string();
    assert_eq!(message(0), "kernel `undefined`: an integer division by zero, in `v2: i64 = divide v1, v0`");
    assert!(message(64).contains("shift"));
    assert!(message(-1).contains("shift"));
    assert!(interpret(&kernel, &mut [], &[63], 0, 0).is_ok());
    assert!(interpret(&kernel, &mut [], &[], 0, 0).unwrap_err().to_string().contains("1 sizes, not 0"));
}

#[test]
fn bits_of_numbers() {
    assert_eq!(scalar_bits(Scalar::f32(1.0)), 0x3f80_0000);
    assert_eq!(scalar_bits(Scalar::float(Element::F16, 1.0).unwrap()), 0x3c00);
    assert_eq!(scalar_bits(Scalar::boolean(true)), 1);
    assert_eq!(scalar_bits(Scalar::index(-1)), u64::MAX);
}
