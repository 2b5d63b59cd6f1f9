//! Loads, stores, gathers and scatters, whole and masked.

use crate::harness::{bytes_of, check_everywhere, Case};
use moe_graph::Scalar;
use moe_kernel::{Builder, Kernel, Value, ValueType};
use moe_runtime::Element;

const LANES: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// So many entries, none alike in a row, none NaN.
fn entries(element: Element, count: usize) -> Vec<u8> {
    let entry = |number: u64| match element {
        Element::Bool => number % 3 % 2,
        Element::F64 => (number as f64 + 0.5).to_bits(),
        _ => number * 3 + 1,
    };
    bytes_of(element, (0..count as u64).map(entry))
}

/// Copies `n` entries, the last ones under a mask.
fn masked_copy(of: ValueType) -> Kernel {
    let mut b = Builder::new(format!("masked_copy_{of}"));
    let from = b.buffer("from", of.element);
    let to = b.written("to", of.element);
    let n = b.size("n");
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 1, |b, _| {
        let zero = b.index(0);
        b.for_each(zero, n, i64::from(of.lanes), |b, i| {
            let mask = b.tail_mask(i, n, of.lanes);
            let entries = b.load_masked(from, i, of.lanes, Some(mask));
            b.store_masked(to, i, entries, Some(mask));
        });
    });
    b.finish().unwrap()
}

#[test]
fn masked_edges_touch_nothing_behind_the_end() {
    let mut cases = Vec::new();
    for element in Element::ALL {
        for lanes in LANES {
            for n in [1, 2, 3, 5, 15, 16, 17, 33] {
                let of = ValueType::vector(element, lanes);
                let buffers = vec![entries(element, n), vec![0; n * element.bytes()]];
                let mut case = Case::new(masked_copy(of), buffers, &[n as i64], 1);
                case.kernel.name = format!("masked_copy_{of}_{n}");
                cases.push(case);
            }
        }
    }
    check_everywhere(&cases);
}

/// A mask with holes: entries whose number is a multiple of three are left out.
fn holes(b: &mut Builder, i: Value, lanes: u32) -> Value {
    let numbers = b.lane_numbers(lanes);
    let i = b.splat(i, lanes);
    let numbers = b.add(numbers, i);
    let three = b.constant_lanes(Scalar::index(3), lanes);
    let rest = b.remainder(numbers, three);
    b.convert(rest, Element::Bool)
}

#[test]
fn masks_with_holes() {
    let mut cases = Vec::new();
    for element in Element::ALL {
        for lanes in LANES {
            let of = ValueType::vector(element, lanes);
            let mut b = Builder::new(format!("holes_{of}"));
            let from = b.buffer("from", element);
            let to = b.written("to", element);
            let whole = b.written("whole", element);
            let (begin, end) = (b.begin(), b.end());
            b.for_each(begin, end, i64::from(lanes), |b, i| {
                let mask = holes(b, i, lanes);
                let loaded = b.load_masked(from, i, lanes, Some(mask));
                b.store(whole, i, loaded);
                let all = b.load(from, i, lanes);
                b.store_masked(to, i, all, Some(mask));
            });
            let bytes = 96 * element.bytes();
            let buffers = vec![entries(element, 96), vec![1; bytes], vec![1; bytes]];
            cases.push(Case::new(b.finish().unwrap(), buffers, &[], 96));
        }
    }
    check_everywhere(&cases);
}

#[test]
fn gathers_and_scatters() {
    let mut cases = Vec::new();
    for element in Element::ALL {
        for lanes in LANES {
            for masked in [false, true] {
                let of = ValueType::vector(element, lanes);
                let mut b = Builder::new(format!("gather_{of}_{masked}"));
                let from = b.buffer("from", element);
                let order = b.buffer("order", Element::I64);
                let gathered = b.written("gathered", element);
                let scattered = b.written("scattered", element);
                let (begin, end) = (b.begin(), b.end());
                b.for_each(begin, end, i64::from(lanes), |b, i| {
                    let mask = masked.then(|| holes(b, i, lanes));
                    let indices = b.load(order, i, lanes);
                    let entries = b.gather(from, indices, mask);
                    b.store(gathered, i, entries);
                    b.scatter(scattered, indices, entries, mask);
                });
                // Those left out are nowhere; others stand twice, and the later one wins.
                let order = (0..96_u64).map(|i| if masked && i % 3 == 0 { u64::MAX / 2 } else { i * 7 % 90 });
                let bytes = 96 * element.bytes();
                let order = bytes_of(Element::I64, order);
                let buffers = vec![entries(element, 96), order, vec![1; bytes], vec![1; bytes]];
                cases.push(Case::new(b.finish().unwrap(), buffers, &[], 96));
            }
        }
    }
    check_everywhere(&cases);
}

/// Constants added to indices and taken from them, in every order, become parts of addresses.
#[test]
fn sums_in_indices() {
    let mut b = Builder::new("sums");
    let from = b.buffer("from", Element::F32);
    let to = b.written("to", Element::F32);
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 1, |b, i| {
        let [one, two, seven, far] = [1, 2, 7, 1 << 60].map(|number| b.index(number));
        let up = b.add(i, seven);
        let up = b.add(two, up);
        let down = b.subtract(up, one);
        let near = b.load(from, down, 1);
        let away = b.add(i, far);
        let back = b.subtract(away, far);
        let also = b.load(from, back, 1);
        let constant = b.load(from, two, 1);
        let sum = b.add(near, also);
        let sum = b.add(sum, constant);
        b.store(to, i, sum);
        let mirrored = b.subtract(seven, i);
        let last = b.load(from, mirrored, 1);
        let eight = b.index(8);
        let place = b.add(i, eight);
        b.store(to, place, last);
    });
    check_everywhere(&[Case::new(
        b.finish().unwrap(),
        vec![entries(Element::F32, 16), entries(Element::F32, 16)],
        &[],
        8,
    )]);
}

/// What is stored is seen by later loads, of other sizes too, and buffers are told apart.
#[test]
fn loads_see_stores() {
    let mut b = Builder::new("sees");
    let x = b.written("x", Element::I32);
    let y = b.written("y", Element::I32);
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 4, |b, i| {
        let before = b.load(x, i, 4);
        let doubled = b.add(before, before);
        b.store(x, i, doubled);
        b.store(y, i, before);
        let one = b.index(1);
        let second = b.add(i, one);
        let single = b.load(x, second, 1);
        let negative = b.negate(single);
        b.store(x, i, negative);
        let after = b.load(x, i, 4);
        let sum = b.add(after, before);
        b.store(y, i, sum);
    });
    let buffers = vec![entries(Element::I32, 16), vec![0; 64]];
    check_everywhere(&[Case::new(b.finish().unwrap(), buffers, &[], 16)]);
}
