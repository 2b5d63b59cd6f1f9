//! Every operation on every element type and number of lanes, on pairs of extreme values.

use crate::harness::{bytes_of, check_in_memory, check_linked, extremes, Case};
use moe_graph::Scalar;
use moe_kernel::{BinaryOperation, Builder, Comparison, LaneParts, UnaryOperation, Value, ValueType};
use moe_runtime::Element;

const LANES: [u32; 5] = [1, 2, 4, 16, 32];

/// Two lists that hold every pair of extreme values, as long as a multiple of 32. `second` mends what may not be an operand.
fn pairs(element: Element, second: impl Fn(u64) -> u64) -> [Vec<u64>; 2] {
    let values = extremes(element);
    // The many values of 16-bit floats are enough by themselves.
    let few = if values.len() > 100 { vec![values[7]] } else { values.clone() };
    let pairs: Vec<(u64, u64)> = values.iter().flat_map(|a| few.iter().map(|b| (*a, *b))).collect();
    let padded = pairs.iter().cycle().take(pairs.len().next_multiple_of(32));
    let (a, b): (Vec<u64>, Vec<u64>) = padded.map(|(a, b)| (*a, second(*b))).unzip();
    [a, b]
}

/// Applies what `build` does to lanes of two buffers and keeps the results.
fn case(
    name: &str,
    of: ValueType,
    result: Element,
    [a, b]: &[Vec<u64>; 2],
    build: impl FnOnce(&mut Builder, Value, Value) -> Value,
) -> Case {
    let mut builder = Builder::new(format!("{name}_{of}"));
    let first = builder.buffer("a", of.element);
    let second = builder.buffer("b", of.element);
    let results = builder.written("results", result);
    let (begin, end) = (builder.begin(), builder.end());
    builder.for_each(begin, end, i64::from(of.lanes), |builder, i| {
        let a = builder.load(first, i, of.lanes);
        let b = builder.load(second, i, of.lanes);
        let value = build(builder, a, b);
        builder.store(results, i, value);
    });
    let items = a.len() as i64;
    let buffers = [a, b].map(|entries| bytes_of(of.element, entries.iter().copied()));
    let [a, b] = buffers;
    let results = vec![0; items as usize * result.bytes()];
    Case::new(builder.finish().unwrap(), vec![a, b, results], &[], items)
}

fn unary(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for element in Element::ALL {
        let entries = pairs(element, |b| b);
        for operation in UnaryOperation::ALL.into_iter().filter(|operation| operation.takes(element)) {
            let of = ValueType::vector(element, lanes);
            cases.push(case(operation.name(), of, element, &entries, |b, x, _| b.unary(operation, x)));
        }
    }
    cases
}

/// The second operand as the operation may take it.
fn operand(operation: BinaryOperation, element: Element, bits: u64) -> u64 {
    match operation {
        BinaryOperation::Divide | BinaryOperation::Remainder if element.is_integer() && bits == 0 => 1,
        BinaryOperation::ShiftLeft | BinaryOperation::ShiftRight => bits % (element.bytes() as u64 * 8),
        _ => bits,
    }
}

fn binary(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for element in Element::ALL {
        for operation in BinaryOperation::ALL.into_iter().filter(|operation| operation.takes(element)) {
            let entries = pairs(element, |b| operand(operation, element, b));
            let of = ValueType::vector(element, lanes);
            cases.push(case(operation.name(), of, element, &entries, |b, x, y| b.binary(operation, x, y)));
        }
    }
    cases
}

/// The second operand a constant, of which code may know.
fn binary_with_constants(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for element in Element::ALL {
        for operation in BinaryOperation::ALL.into_iter().filter(|operation| operation.takes(element)) {
            for number in [-1.0, 0.0, 1.0, 3.0, 4.0, 7.0, 64.0, -5.0, 1e17, 5.5, f64::NAN] {
                let Some(scalar) = Scalar::of(element, number) else { continue };
                let bits = moe_kernel::scalar_bits(scalar) & (u64::MAX >> (64 - element.bytes() * 8));
                if operand(operation, element, bits) != bits {
                    continue;
                }
                let of = ValueType::vector(element, lanes);
                let name = format!("{}_by_{}", operation.name(), number.to_bits());
                let entries = pairs(element, |b| b);
                cases.push(case(&name, of, element, &entries, |b, x, _| {
                    let constant = b.constant_lanes(scalar, lanes);
                    b.binary(operation, x, constant)
                }));
            }
        }
    }
    cases
}

fn shifts_by_one_amount(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for element in Element::ALL {
        for operation in [BinaryOperation::ShiftLeft, BinaryOperation::ShiftRight] {
            if operation.takes(element) {
                let entries = pairs(element, |b| operand(operation, element, b));
                let of = ValueType::vector(element, lanes);
                let name = format!("{}_by_one", operation.name());
                cases.push(case(&name, of, element, &entries, |b, x, y| {
                    let amount = b.extract(y, 0);
                    let amount = b.splat(amount, lanes);
                    b.binary(operation, x, amount)
                }));
            }
        }
    }
    cases
}

fn comparisons(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for element in Element::ALL {
        let entries = pairs(element, |b| b);
        for comparison in Comparison::ALL.into_iter().filter(|comparison| comparison.takes(element)) {
            let of = ValueType::vector(element, lanes);
            cases.push(case(comparison.name(), of, Element::Bool, &entries, |b, x, y| {
                b.compare(comparison, x, y)
            }));
        }
    }
    cases
}

/// Selections by masks of every width, and by one condition; fused products; extractions and splats.
fn choices(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for element in Element::ALL {
        let of = ValueType::vector(element, lanes);
        let entries = pairs(element, |b| b);
        for width in [Element::U8, Element::F32, Element::U64] {
            let name = format!("select_{width}");
            cases.push(case(&name, of, element, &entries, |b, x, y| {
                let numbers = b.lane_numbers(lanes);
                let numbers = b.convert(numbers, width);
                let two = b.number(ValueType::vector(width, lanes), 2.0);
                let mask = b.less(numbers, two);
                b.select(mask, x, y)
            }));
        }
        cases.push(case("select_one", of, element, &entries, |b, x, y| {
            let first = b.extract(x, lanes - 1);
            let condition = b.convert(first, Element::Bool);
            b.select(condition, x, y)
        }));
        cases.push(case("reverse", of, element, &entries, |b, x, _| b.reverse(x)));
        cases.push(case("splat_last", of, element, &entries, |b, x, _| {
            let last = b.extract(x, lanes - 1);
            b.splat(last, lanes)
        }));
        if matches!(element, Element::F32 | Element::F64) {
            cases.push(case("multiply_add", of, element, &entries, |b, x, y| b.multiply_add(x, y, x)));
        }
    }
    cases
}

/// Pairs of `bf16` of few bits, so that no sum is rounded.
fn products_of_pairs(lanes: u32) -> Case {
    let half = |number: u64| u64::from(((number % 33) as f32 / 4.0 - 4.0).to_bits() >> 16);
    let pairs = |step: u64| (0..64).map(|place| half(place * step) | half(place + step) << 16).collect();
    let of = ValueType::vector(Element::U32, lanes);
    case("add_bf16_pairs", of, Element::F32, &[pairs(7), pairs(5)], |b, x, y| {
        let one = b.number(of.with_element(Element::F32), 1.0);
        b.add_products(LaneParts::Bf16Pairs, x, y, one)
    })
}

/// Extreme integers as parts of lanes; sums wrap.
fn products_of_parts(parts: LaneParts, lanes: u32) -> Case {
    let extremes =
        [0x8000_8001, 0x7fff_8000, 0xffff_0001, 0x8080_8080, 0xff7f_80ff, 0x0102_feff, 0x7f80_ff01];
    let of = ValueType::vector(Element::U32, lanes);
    let second = extremes.iter().cycle().skip(3).step_by(2);
    let both = [extremes.iter().cycle().take(64).copied().collect(), second.take(64).copied().collect()];
    case(&format!("add_{}", parts.name()), of, Element::I32, &both, |b, x, y| {
        let most = b.number(of.with_element(Element::I32), f64::from(i32::MAX));
        b.add_products(parts, x, y, most)
    })
}

/// Lanes joined to fewer wider ones.
fn joined(lanes: u32, from: Element, to: Element) -> Case {
    let parts = (to.bytes() / from.bytes()) as u32;
    let mut builder = Builder::new(format!("joined_{from}_{to}_{lanes}"));
    let first = builder.buffer("a", from);
    let results = builder.written("results", to);
    let (begin, end) = (builder.begin(), builder.end());
    builder.for_each(begin, end, i64::from(lanes), |builder, i| {
        let number = builder.index(i64::from(parts));
        let place = builder.multiply(i, number);
        let a = builder.load(first, place, lanes * parts);
        let value = builder.reinterpret(a, to);
        builder.store(results, i, value);
    });
    let entries: Vec<u64> = (0..64 * u64::from(parts)).map(|place| place * 37 + 5).collect();
    let buffers = vec![bytes_of(from, entries.into_iter()), vec![0; 64 * to.bytes()]];
    Case::new(builder.finish().unwrap(), buffers, &[], 64)
}

fn conversions(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for from in Element::ALL {
        let entries = pairs(from, |b| b);
        for to in Element::ALL.into_iter().filter(|to| *to != from) {
            let of = ValueType::vector(from, lanes);
            cases.push(case(&format!("convert_{to}"), of, to, &entries, |b, x, _| b.convert(x, to)));
            let bits = from != Element::Bool && to != Element::Bool;
            if bits && from.bytes() == to.bytes() {
                let name = format!("reinterpret_{to}");
                cases.push(case(&name, of, to, &entries, |b, x, _| b.reinterpret(x, to)));
            }
        }
    }
    cases
}

fn reductions(lanes: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    let reducing = || BinaryOperation::ALL.into_iter().filter(|operation| operation.reduces());
    for element in Element::ALL {
        let entries = pairs(element, |b| b);
        for operation in reducing().filter(|operation| operation.takes(element)) {
            let of = ValueType::vector(element, lanes);
            cases.push(case(&format!("reduce_{}", operation.name()), of, element, &entries, |b, x, y| {
                // Not the builder's method, which leaves scalars as they are.
                let of = ValueType::scalar(element);
                let one = b.define(of, moe_kernel::Operation::ReduceLanes(operation, x));
                let other = b.extract(y, 0);
                let zero = b.index(0);
                let never = b.less(zero, zero);
                let kept = b.select(never, other, one);
                b.splat(kept, lanes)
            }));
        }
    }
    cases
}

fn everything(lanes: u32) -> Vec<Case> {
    [
        unary(lanes),
        binary(lanes),
        if lanes <= 4 { binary_with_constants(lanes) } else { Vec::new() },
        shifts_by_one_amount(lanes),
        comparisons(lanes),
        choices(lanes),
        conversions(lanes),
        vec![
            products_of_pairs(lanes),
            products_of_parts(LaneParts::WordPairs, lanes),
            products_of_parts(LaneParts::ByteQuads, lanes),
            joined(lanes, Element::I8, Element::U32),
            joined(lanes, Element::U32, Element::I64),
        ],
        reductions(lanes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn in_memory() {
    for lanes in LANES {
        check_in_memory(&everything(lanes));
    }
}

/// Processors that lack instructions get other code.
#[cfg(target_arch = "x86_64")]
#[test]
fn on_older_processors() {
    for lanes in [1, 8] {
        check_linked(&everything(lanes), "x86-64");
    }
    check_linked(&everything(4), "x86-64-v2");
}
