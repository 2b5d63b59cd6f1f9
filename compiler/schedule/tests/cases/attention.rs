//! Attention in one kernel, against the evaluator.

use crate::support::{self, model, Split, AVX2, AVX512, CRANELIFT};
use moe_kernel::{BinaryOperation, Operation, Statement, Value};
use moe_runtime::Tensor;

const MODELS: &str = "moe 1
use std::attention::score::{capped, causal, score, window}
use std::nn::softmax::softmax

model Causal[H = 2, C = 12](q: f32[T, H, C], k: f32[T, H, C], v: f32[T, H, C]) -> f32[T, H, C] {
    let p = softmax(causal(score(q, k as [S = T]), coordinate(T), coordinate(S)), over S)
    sum(p * (v as [S = T]), over S)
}

model Full[H = 2, C = 5, V = 70](q: f32[T, H, C], k: f32[S, H, C], v: f32[S, H, V]) -> f32[H, T, V] {
    sum(softmax(capped[3.0](score(q, k)), over S) * v, over S) + 1
}

model Window[H = 2, G = 3, C = 8](q: f32[H, G, T, C], k: f32[T, H, C], v: f32[T, H, C], sink: f32[H, G]) -> f32[H, G, T, C] {
    let x = window[20](score(q, k as [S = T]), coordinate(T), coordinate(S))
    let largest = max(max(x, over S), sink)
    let shifted = exp(x - largest)
    let p = shifted / (sum(shifted, over S) + exp(sink - largest))
    sum(p * (v as [S = T]), over S)
}

model Pointwise[H = 2, C = 7](q: f32[T, H, C], k: f32[T, H, C], v: f32[T, H, C], bias: f32[H]) -> f32[T, H, C] {
    let a = sum(q * (k as [S = T]), over C) + bias
    let p = if coordinate(S) <= coordinate(T) { a / (1 + exp(-a)) } else { 0 }
    sum(p / (size(T) as f32) * (v as [S = T]), over S)
}

model Masked[H = 2, C = 7](q: f32[T, H, C], k: f32[T, H, C], v: f32[T, H, C], bias: f32[H]) -> f32[T, H, C] {
    let a = sum(q * (k as [S = T]), over C) + bias
    let p = if coordinate(S) <= coordinate(T) { a / (1 + exp(-a)) / (size(T) as f32) } else { 0 }
    sum(p * (v as [S = T]), over S)
}

model Half[C = 7](q: f32[T, C], k: f32[S, C], v: f32[S, C]) -> f32[T, C] {
    let a = sum(q * k, over C)
    sum((if coordinate(S) > 2 { a * 0.5 } else { 0 }) * v, over S)
}

model Above[C = 7](q: f32[T, C], k: f32[S, C], v: f32[S, C]) -> f32[T, C] {
    let a = sum(q * k, over C) * 0.5
    sum((if a > 1.5 { a } else { 0 }) * v, over S)
}

model Normalized[C = 7](q: f32[T, C], k: f32[S, C], v: f32[S, C]) -> f32[T, C] {
    let a = max(sum(q * k, over C), 0)
    sum(a / (sum(a, over S) + 1) * v, over S)
}

model Decode[H = 2, G = 2, C = 20](q: f32[H, G, C], k: f32[S, H, C], v: f32[S, H, C], place: i64) -> f32[H, G, C] {
    let p = softmax(causal(score(q, k), place, coordinate(S)), over S)
    sum(p * v, over S)
}

model One[C = 20](q: f32[C], k: f32[S, C], v: f32[S, C]) -> f32[C] {
    sum(softmax(score(q, k), over S) * v, over S)
}
";

const WINDOWS: &str = "moe 1
model Windows[C = 5](x: f32[N, C]) -> f32[P, W, C] {
    axis P = N + 0
    axis W = 1
    let v = window[P, W](x, over N, before = 1, value = 0.5)
    sum((v @ (v as [S = W])) * (v as [S = W]), over S)
}
";

/// Runs a model at several sizes; its scores are nowhere.
fn check(name: &str, rewritten: bool, sizes: &[&[(&str, i64)]]) {
    let module = model(MODELS, Some(name), rewritten);
    support::check(&module, sizes, |kernels| {
        let is_one = |name: &&str| name.starts_with("attention") || name.starts_with("panels");
        assert!(kernels.iter().all(is_one), "{name} {kernels:?}");
    });
}

#[test]
fn causal_softmax() {
    for rewritten in [false, true] {
        check("Causal", rewritten, &[&[("T", 1)], &[("T", 7)], &[("T", 130)]]);
    }
}

#[test]
fn softmax_of_capped_scores_over_all_keys() {
    check("Full", true, &[&[("T", 3), ("S", 65)], &[("T", 50), ("S", 6)]]);
}

#[test]
fn heads_that_share_keys_with_windows_and_sinks() {
    check("Window", true, &[&[("T", 1)], &[("T", 33)], &[("T", 100)]]);
}

#[test]
fn pointwise_weights() {
    check("Pointwise", true, &[&[("T", 5)], &[("T", 97)]]);
}

#[test]
fn factors_under_masks() {
    for rewritten in [false, true] {
        check("Masked", rewritten, &[&[("T", 5)], &[("T", 97)]]);
        check("Half", rewritten, &[&[("T", 1), ("S", 2)], &[("T", 5), ("S", 97)]]);
        check("Above", rewritten, &[&[("T", 5), ("S", 97)]]);
    }
    let divisions = |name| {
        let plan = support::plan(&model(MODELS, Some(name), true), &AVX512);
        let kernel = plan.kernels.iter().find(|kernel| kernel.name.starts_with("attention")).unwrap();
        moe_kernel::print(kernel).matches("divide").count()
    };
    assert_eq!(divisions("Masked"), divisions("Pointwise"), "the factor is applied at the end either way");
}

#[test]
fn weights_over_their_sum() {
    check("Normalized", true, &[&[("T", 5), ("S", 97)], &[("T", 49), ("S", 1)]]);
}

#[test]
fn a_few_rows_read_keys_as_they_lie() {
    check("Decode", true, &[&[("S", 1)], &[("S", 71)], &[("S", 200)]]);
    check("One", true, &[&[("S", 3)], &[("S", 64)]]);
    // Beyond the last feature are no zeros, as windows have other numbers outside.
    support::check(&model(WINDOWS, None, false), &[&[("N", 2)], &[("N", 9)]], |kernels| {
        assert!(kernels.iter().all(|name| name.starts_with("attention")), "{kernels:?}");
    });
}

const SPECIAL: &str = "moe 1
use std::attention::score::{causal, score}
use std::nn::softmax::softmax

model Rows[C = 7](q: f32[T, C], k: f32[S, C], v: f32[S, C]) -> f32[T, C] {
    sum(softmax(score(q, k), over S) * v, over S)
}

model Biased[C = 3](q: f32[T, C], k: f32[S, C], v: f32[S, C], bias: f32[T, S]) -> f32[T, C] {
    sum(softmax(score(q, k) + bias, over S) * v, over S)
}

model Hidden[C = 5](q: f32[T, C], k: f32[T, C], v: f32[T, C]) -> f32[T, C] {
    let p = softmax(causal(score(q, k as [S = T]), coordinate(T), coordinate(S)), over S)
    sum(p * (v as [S = T]), over S)
}

model Shares(q: f32[T, C = 1], k: f32[S, C], v: f32[S, V = 64]) -> f32[T, V] {
    sum(softmax(sum(q * k, over C), over S) * v, over S)
}
";

fn tensor(shape: &[usize], entry: impl Fn(usize, usize) -> f32) -> Tensor {
    let width = shape[1];
    let entries: Vec<f32> = (0..shape[0] * width).map(|at| entry(at / width, at % width)).collect();
    Tensor::from_f32(shape.to_vec(), &entries).unwrap()
}

#[test]
fn a_row_has_the_same_bits_alone_as_among_many() {
    let module = model(SPECIAL, Some("Rows"), true);
    let given: Vec<Tensor> = support::sized(&module, &[("T", 200), ("S", 150)]);
    let given: Vec<Tensor> =
        given.iter().zip([3, 7, 13]).map(|(own, step)| support::rough(own, step)).collect();
    for target in [CRANELIFT, AVX2, AVX512] {
        support::check_rows(&module, &given, 1, &target, &[1, 6, 7, 96, 97, 199]);
    }
}

#[test]
fn entries_that_are_no_numbers_or_infinite() {
    let module = model(SPECIAL, Some("Biased"), true);
    let mut given = support::sized(&module, &[("T", 14), ("S", 200)]);
    let infinity = f32::INFINITY;
    given[3] = tensor(&[14, 200], |row, key| match row {
        0 => -infinity,
        1 if key < 130 => -infinity,
        2 if key != 199 => -infinity,
        3 if key == 150 => f32::NAN,
        // With bits in its lowest places, which shifts would bring into others.
        4 if key == 3 => f32::from_bits(0x7fc0_0001),
        5 if key == 70 => infinity,
        6 if key % 64 == 63 => infinity,
        // Each block has the largest so far.
        7 => key as f32 * 0.5,
        8 => key as f32 * 40.0,
        9 => key as f32 * -40.0,
        10 if key % 2 == 0 => -infinity,
        11 => {
            if key == 100 {
                3e38
            } else {
                -3e38
            }
        }
        _ => 0.0,
    });
    let expected = support::expected(&module, &given);
    assert!(expected[0].to_f64()[9..12].iter().all(|value| value.is_nan()));
    for target in [CRANELIFT, AVX2, AVX512] {
        support::agree(&support::run(&module, &given, &target, Split::Whole), &expected);
    }
}

#[test]
fn values_that_are_hidden_may_be_infinite() {
    let module = model(SPECIAL, Some("Hidden"), true);
    let mut given = support::sized(&module, &[("T", 130)]);
    let values = given[2].to_f64();
    given[2] = tensor(&[130, 5], |row, column| match (row, column) {
        (9, 0) => f32::NAN,
        (70, 1) => f32::INFINITY,
        (101, 2) => f32::NEG_INFINITY,
        _ => values[row * 5 + column] as f32,
    });
    let expected = support::expected(&module, &given);
    for target in [CRANELIFT, AVX2, AVX512] {
        support::agree(&support::run(&module, &given, &target, Split::Whole), &expected);
    }
}

/// Values that pick out weights: the first key's is 1 before it is divided by the sum, others are e to the differences.
#[test]
fn weights_are_as_exact_as_said() {
    let module = model(SPECIAL, Some("Shares"), true);
    let scores = |row: usize, key: usize| (row as f32 * 0.0571 + 0.003) * -(key as f32) / 2.0;
    let given = [
        tensor(&[60, 1], |row, _| row as f32 * 0.0571 + 0.003),
        tensor(&[64, 1], |key, _| -(key as f32) / 2.0),
        tensor(&[64, 64], |key, column| if key == column { 1.0 } else { 0.0 }),
    ];
    for target in [CRANELIFT, AVX2, AVX512] {
        let shares = support::run(&module, &given, &target, Split::Whole)[0].to_f64();
        let mut worst: f64 = 0.0;
        for (at, share) in shares.iter().enumerate() {
            let (row, key) = (at / 64, at % 64);
            let (found, exact) = (share / shares[row * 64], libm::exp(f64::from(scores(row, key))));
            // Both were rounded when they were divided; below the normal numbers what counts is the distance.
            let unit = f64::from(f32::EPSILON) / 2.0;
            let error = (found - exact).abs() / exact.max(f64::from(f32::MIN_POSITIVE) * 4.0);
            worst = worst.max(error / unit);
        }
        assert!(worst <= 2.0 * 1.4 + 2.0, "{worst} units of half a last place");
    }
}

/// Statements that bring the lanes of a largest entry together stand in choices alone, which few blocks take.
#[test]
fn lanes_are_brought_together_only_where_the_largest_rises() {
    let module = model(MODELS, Some("Causal"), true);
    let plan = support::plan(&module, &AVX512);
    let kernel = plan.kernels.iter().find(|kernel| kernel.name.starts_with("attention")).unwrap();
    let (mut guarded, mut free) = (0, 0);
    count_largest(&kernel.body, &mut Vec::new(), false, &mut |inside| {
        *(if inside { &mut guarded } else { &mut free }) += 1;
    });
    assert_eq!((guarded, free), (2, 0), "{}", moe_kernel::print(kernel));
}

/// Tells of each reduction of lanes to their largest whether it stands where some lane of a comparison is true.
fn count_largest(statements: &[Statement], any: &mut Vec<Value>, inside: bool, found: &mut dyn FnMut(bool)) {
    for statement in statements {
        match statement {
            Statement::Define { value, operation: Operation::ReduceLanes(BinaryOperation::Or, _) } => {
                any.push(*value)
            }
            Statement::Define { operation: Operation::ReduceLanes(BinaryOperation::Maximum, _), .. } => {
                found(inside)
            }
            Statement::Loop { body, .. } => count_largest(body, any, inside, found),
            Statement::If { condition, then, otherwise, .. } => {
                let here = inside || any.contains(condition);
                count_largest(then, any, here, found);
                count_largest(otherwise, any, inside, found);
            }
            _ => {}
        }
    }
}
