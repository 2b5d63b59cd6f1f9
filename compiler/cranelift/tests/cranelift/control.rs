//! Loops, choices, carried values and faults.

use crate::harness::{check_in_memory, Case};
use moe_cranelift::compile;
use moe_kernel::{Builder, Kernel, ValueType};
use moe_runtime::Element;

/// Fibonacci numbers by two values that change places.
fn fibonacci() -> Kernel {
    let mut b = Builder::new("fibonacci");
    let y = b.written("y", Element::U64);
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 1, |b, n| {
        let of = ValueType::scalar(Element::U64);
        let (zero, one) = (b.zero(of), b.number(of, 1.0));
        let first = b.index(0);
        let [a, _] = b.fold(first, n, 1, [zero, one], |b, _, [a, c]| [c, b.add(a, c)]);
        b.store(y, n, a);
    });
    b.finish().unwrap()
}

#[test]
fn carried_values_change_together() {
    check_in_memory(&[Case::new(fibonacci(), vec![vec![0; 800]], &[], 100)]);
    let mut part = Case::new(fibonacci(), vec![vec![0; 800]], &[], 0);
    part.range = [10, 20];
    check_in_memory(&[part]);
}

/// Masks carried round a loop and through a choice, made by comparisons of different widths.
#[test]
fn masks_of_different_widths_meet() {
    let lanes = 8;
    let mut b = Builder::new("masks");
    let y = b.written("y", Element::Bool);
    let (begin, end) = (b.begin(), b.end());
    let of = |element| ValueType::vector(element, lanes);
    let none = b.zero(of(Element::Bool));
    let [mask] = b.fold(begin, end, 1, [none], |b, i, [mask]| {
        let numbers = b.lane_numbers(lanes);
        let at = b.splat(i, lanes);
        let wide = b.equal(numbers, at);
        let narrow = b.convert(numbers, Element::F32);
        let five = b.number(of(Element::F32), 5.0);
        let narrow = b.greater(narrow, five);
        let two = b.index(2);
        let even = b.remainder(i, two);
        let even = b.convert(even, Element::Bool);
        let [chosen] = b.choose(even, |_| [narrow], |_| [wide]);
        [b.exclusive_or(mask, chosen)]
    });
    let zero = b.index(0);
    b.store(y, zero, mask);
    let cases: Vec<Case> = (0..5)
        .map(|items| {
            let mut case = Case::new(b.clone().finish().unwrap(), vec![vec![0; 8]], &[], items);
            case.kernel.name = format!("masks_{items}");
            case
        })
        .collect();
    check_in_memory(&cases);
}

/// Steps, bounds that are passed, loops without a round, and values carried through them.
#[test]
fn loops_stop_where_they_should() {
    let mut b = Builder::new("sums");
    let y = b.written("y", Element::I64);
    let (from, to) = (b.size("from"), b.size("to"));
    for (place, step) in [(0, 1), (1, 3), (2, 7)] {
        let minus_one = b.index(-1);
        let [sum, last] = b.fold(from, to, step, [minus_one, minus_one], |b, i, [sum, _]| [b.add(sum, i), i]);
        let place = b.index(place * 2);
        b.store(y, place, sum);
        let one = b.index(1);
        let place = b.add(place, one);
        b.store(y, place, last);
    }
    let kernel = b.finish().unwrap();
    let mut cases = Vec::new();
    for (number, sizes) in
        [[0, 10], [10, 0], [-5, 5], [0, 0], [3, 4], [i64::MAX - 20, i64::MAX - 9]].iter().enumerate()
    {
        let mut case = Case::new(kernel.clone(), vec![vec![0; 48]], sizes, 0);
        case.kernel.name = format!("sums_{number}");
        cases.push(case);
    }
    check_in_memory(&cases);
}

#[test]
fn faults_end_kernels() {
    let mut b = Builder::new("faults");
    let y = b.written("y", Element::I64);
    let limit = b.size("limit");
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 1, |b, i| {
        let below = b.less(i, limit);
        let [square] = b.choose(
            below,
            |b| [b.multiply(i, i)],
            |b| {
                b.fail(41);
                [i]
            },
        );
        b.store(y, i, square);
    });
    let kernel = b.finish().unwrap();
    let cases: Vec<Case> = [0, 3, 9]
        .map(|limit| {
            let mut case = Case::new(kernel.clone(), vec![vec![0; 64]], &[limit], 8);
            case.kernel.name = format!("faults_{limit}");
            case
        })
        .into();
    check_in_memory(&cases);
}

#[test]
fn a_kernel_that_breaks_the_rules_is_refused() {
    let mut kernel = fibonacci();
    kernel.body.reverse();
    assert!(compile(&[kernel]).unwrap_err().to_string().contains("before it is defined"));
    let twice = [fibonacci(), fibonacci()];
    let error = compile(&twice).unwrap_err().to_string();
    assert_eq!(error, "kernel `fibonacci`: another kernel has its name");
}
