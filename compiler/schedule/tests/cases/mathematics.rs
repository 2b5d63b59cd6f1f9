//! Elementary functions over sweeps of their arguments, against libm.

use crate::support::{module, plan, run, Split, AVX2, CRANELIFT};
use moe_graph::{Builder, Element, OutputKind, ParameterKind, Scalar, ScalarFunction, Size, Type};
use moe_kernel::Target;
use moe_runtime::Tensor;

/// The function on each pair, as a compiled program computes it. Unary functions ignore the second.
fn compiled(function: ScalarFunction, element: Element, pairs: &[(f64, f64)], target: &Target) -> Vec<f64> {
    let mut b = Builder::new("main");
    let n = b.axis("N", Size::symbol("N"));
    let ty = Type { element, axes: vec![n] };
    let x = b.parameter("x", ParameterKind::Input, ty.clone());
    let y = b.parameter("y", ParameterKind::Input, ty);
    let operands = [x, y];
    let result = b.map(function, &operands[..function.arity()]).unwrap();
    b.output("result", result, vec![n], OutputKind::Result);
    let module = module(b);
    let tensor = |values: Vec<f64>| match element {
        Element::F64 => Tensor::from_f64(vec![values.len()], &values).unwrap(),
        _ => {
            let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            Tensor::from_f32(vec![values.len()], &values).unwrap()
        }
    };
    let inputs = [
        tensor(pairs.iter().map(|pair| pair.0).collect()),
        tensor(pairs.iter().map(|pair| pair.1).collect()),
    ];
    run(&module, &inputs, target, Split::Whole)[0].to_f64()
}

fn reference(function: ScalarFunction, a: f64, b: f64) -> f64 {
    use ScalarFunction as F;
    match function {
        F::Exponential => libm::exp(a),
        F::ExponentialMinusOne => libm::expm1(a),
        F::Logarithm => libm::log(a),
        F::LogarithmPlusOne => libm::log1p(a),
        F::Sine => libm::sin(a),
        F::Cosine => libm::cos(a),
        F::HyperbolicTangent => libm::tanh(a),
        F::ErrorFunction => libm::erf(a),
        F::Power => libm::pow(a, b),
        F::Remainder => libm::fmod(a, b),
        _ => f64::NAN,
    }
}

/// Arguments of every size and sign, close together near zero, and the special ones.
fn sweep(element: Element) -> Vec<f64> {
    let mut values = vec![0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.5, -0.5];
    values.extend([f64::from(f32::MIN_POSITIVE), 1e-40, -1e-44, f64::from(f32::MAX), -f64::from(f32::MAX)]);
    let (low, high) = if element == Element::F64 { (-1070, 1023) } else { (-148, 127) };
    for exponent in low..=high {
        for fraction in [1.0, 1.234_567_890_123, 1.577_215_664_9, 1.999_999] {
            let value = libm::scalbn(fraction, exponent);
            values.extend([value, -value]);
        }
    }
    let mut bits = 0x1234_5678_9abc_def1_u64;
    for _ in 0..2000 {
        bits = bits.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let unit = (bits >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        values.extend([unit * 4.0, unit * 40.0, unit * 220.0, unit * 1e6, unit * 1480.0]);
    }
    for quarter in 1..200 {
        values.push(f64::from(quarter) * std::f64::consts::FRAC_PI_2);
    }
    if element == Element::F32 {
        values.iter_mut().for_each(|value| *value = f64::from(*value as f32));
    }
    values
}

/// The error in units of `f32`'s last place.
fn ulps(found: f64, expected: f64) -> f64 {
    let expected_single = expected as f32;
    if expected_single.is_infinite() || expected_single == 0.0 {
        // Overflow and vanishing must come where rounding puts them.
        return if found == f64::from(expected_single) { 0.0 } else { f64::INFINITY };
    }
    let magnitude = expected.abs().max(f64::from(f32::MIN_POSITIVE));
    let unit = libm::scalbn(1.0, libm::ilogb(magnitude) - 23);
    (found - expected).abs() / unit
}

fn check(function: ScalarFunction, pairs: &[(f64, f64)], element: Element, limit: f64) {
    for target in [CRANELIFT, AVX2] {
        let found = compiled(function, element, pairs, &target);
        let mut worst = (0.0, (0.0, 0.0), 0.0, 0.0);
        for (found, (a, b)) in found.iter().zip(pairs) {
            let expected = reference(function, *a, *b);
            let error = match element {
                _ if expected.is_nan() || found.is_nan() => {
                    if expected.is_nan() == found.is_nan() {
                        0.0
                    } else {
                        f64::INFINITY
                    }
                }
                _ if expected == *found => 0.0,
                Element::F32 => ulps(*found, expected),
                // Below the normal numbers what counts is the distance.
                _ => (found - expected).abs() / expected.abs().max(f64::MIN_POSITIVE),
            };
            if error > worst.0 {
                worst = (error, (*a, *b), *found, expected);
            }
            if expected == 0.0 && *found == 0.0 && function != ScalarFunction::Power {
                let name = function.name();
                assert_eq!(found.is_sign_negative(), expected.is_sign_negative(), "{name}({a})");
            }
        }
        let (error, at, found, expected) = worst;
        let name = function.name();
        println!("{name} {element}: {error:.3e} at {at:?}");
        assert!(
            error <= limit,
            "{name} {element}{at:?} is {found:e}, not {expected:e}: {error:e} > {limit:e}"
        );
    }
}

/// `limit` is in units of `f32`'s last place.
fn check_unary(function: ScalarFunction, limit: f64) {
    for (element, limit) in [(Element::F32, limit), (Element::F64, 1e-14)] {
        let pairs: Vec<(f64, f64)> = sweep(element).into_iter().map(|value| (value, 0.0)).collect();
        check(function, &pairs, element, limit);
    }
}

#[test]
fn exponentials() {
    check_unary(ScalarFunction::Exponential, 1.0);
    check_unary(ScalarFunction::ExponentialMinusOne, 1.5);
}

/// `e^x + number` of entries, and how many operations its kernel has.
fn exponential_beside(number: f32, values: &[f64], target: &Target) -> (Vec<f64>, usize) {
    let mut b = Builder::new("main");
    let n = b.axis("N", Size::symbol("N"));
    let x = b.parameter("x", ParameterKind::Input, Type { element: Element::F32, axes: vec![n] });
    let number = b.constant(Scalar::f32(number));
    let power = b.map(ScalarFunction::Exponential, &[x]).unwrap();
    let sum = b.map(ScalarFunction::Add, &[number, power]).unwrap();
    b.output("result", sum, vec![n], OutputKind::Result);
    let module = module(b);
    let operations = plan(&module, target).kernels.iter().map(|kernel| kernel.values.len()).sum();
    let given: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    let given = [Tensor::from_f32(vec![given.len()], &given).unwrap()];
    (run(&module, &given, target, Split::Whole)[0].to_f64(), operations)
}

#[test]
fn exponentials_beside_numbers_need_not_be_right_where_they_are_too_small_to_matter() {
    let values = sweep(Element::F32);
    for target in [CRANELIFT, AVX2] {
        for number in [1.0, -0.5, 1e-30_f32, 1e20] {
            let (found, _) = exponential_beside(number, &values, &target);
            for (x, found) in values.iter().zip(found) {
                let (power, number) = (libm::exp(*x), f64::from(number));
                let expected = power + number;
                if expected.is_nan() || (expected as f32).is_infinite() {
                    assert!(
                        found == f64::from(expected as f32) || (found.is_nan() && expected.is_nan()),
                        "{x}"
                    );
                    continue;
                }
                let unit = libm::scalbn(1.0, libm::ilogb(power.max(number.abs())) - 23);
                assert!((found - expected).abs() <= 2.0 * unit, "e^{x} + {number} is {found:e}");
            }
        }
        // Beside a small number it is as it is alone.
        let (found, of_small) = exponential_beside(1e-37, &values, &target);
        let pairs: Vec<(f64, f64)> = values.iter().map(|value| (*value, 0.0)).collect();
        let alone = compiled(ScalarFunction::Exponential, Element::F32, &pairs, &target);
        for (alone, found) in alone.into_iter().zip(found) {
            let sum = f64::from(alone as f32 + 1e-37);
            assert!(sum == found || (sum.is_nan() && found.is_nan()), "{alone:e}");
        }
        assert!(exponential_beside(1.0, &values, &target).1 < of_small);
    }
}

#[test]
fn logarithms() {
    check_unary(ScalarFunction::Logarithm, 1.0);
    check_unary(ScalarFunction::LogarithmPlusOne, 1.5);
}

#[test]
fn circular_functions() {
    check_unary(ScalarFunction::Sine, 1.5);
    check_unary(ScalarFunction::Cosine, 1.5);
}

#[test]
fn hyperbolic_tangent_and_error_function() {
    check_unary(ScalarFunction::HyperbolicTangent, 2.0);
    check_unary(ScalarFunction::ErrorFunction, 2.5);
}

/// Some arguments against all, and powers whose result is in range.
fn pairs(element: Element) -> Vec<(f64, f64)> {
    let values = sweep(element);
    let few =
        [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.0, -3.0, 2.5, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let mut pairs = Vec::new();
    for value in values.iter().step_by(7) {
        pairs.extend(few.iter().flat_map(|other| [(*value, *other), (*other, *value)]));
    }
    for (a, b) in values.iter().step_by(3).zip(values.iter().rev().step_by(5)) {
        pairs.push((*a, *b));
        pairs.push((a.abs(), b * 0.01));
    }
    if element == Element::F32 {
        pairs.iter_mut().for_each(|pair| pair.1 = f64::from(pair.1 as f32));
    }
    pairs
}

#[test]
fn powers() {
    check(ScalarFunction::Power, &pairs(Element::F32), Element::F32, 1.0);
    check(ScalarFunction::Power, &pairs(Element::F64), Element::F64, 1e-14);
}

#[test]
fn remainders_are_exact() {
    check(ScalarFunction::Remainder, &pairs(Element::F32), Element::F32, 0.0);
    check(ScalarFunction::Remainder, &pairs(Element::F64), Element::F64, 0.0);
}
