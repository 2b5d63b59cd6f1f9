//! Random graphs: their gradients, and the gradients of those.

use crate::common::{compare, float_parameters, summed, value};
use moe_differentiate::gradient;
use moe_generate::{module, Options};
use moe_graph::{AxisId, Builder, Module, NodeId, OutputKind, ParameterKind};
use moe_runtime::Tensor;
use proptest::prelude::*;

/// A random module with a single number as its result: the weighted sum of its last float result, by a call, so that functions are
/// differentiated too. `None` if it has no such result, or a choice in it is near.
fn single(seed: u64) -> Option<(Module, Vec<Tensor>)> {
    let (module, inputs) = module(seed, &Options { empty: false, free_sizes: false, ..Options::smooth() });
    let entry = module.entry()?;
    let is_float =
        |output: &moe_graph::Output| entry.node(output.node).is_some_and(|node| node.ty.element.is_float());
    let result = entry.outputs.iter().position(is_float)?;
    let module = summed(&module, result);
    let (found, margin) = value(&module, &inputs);
    (found.is_finite() && found.abs() < 1e4 && margin > 1e-3).then_some((module, inputs))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_global_rejects: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn gradients_agree_with_finite_differences(seed: u64) {
        let Some((module, inputs)) = single(seed) else { return Err(TestCaseError::reject("no such result")) };
        let compared = compare(&module, &inputs, 1e-4);
        prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
    }

    #[test]
    fn second_derivatives_agree_with_finite_differences_of_the_first(seed: u64) {
        let Some((module, inputs)) = single(seed) else { return Err(TestCaseError::reject("no such result")) };
        let derived = gradient(&module, "y", &float_parameters(&module)).unwrap();
        let twice = summed(&derived, 1);
        prop_assume!(value(&twice, &inputs).0.abs() < 1e4);
        let compared = compare(&twice, &inputs, 1e-3);
        prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
    }
}

#[test]
fn a_parameter_that_does_not_matter_has_a_gradient_of_zero() {
    let mut b = Builder::new("main");
    let axis: AxisId = b.axis("N", 2);
    let x: NodeId = b.parameter("x", ParameterKind::Input, crate::common::float(&[axis]));
    let z = b.parameter("z", ParameterKind::Input, crate::common::float(&[]));
    b.output("y", z, vec![], OutputKind::Result);
    let _ = x;
    let module = Module { functions: vec![b.finish()], entry: 0, offsets: Vec::new() };
    let derived = gradient(&module, "y", &["x".to_owned(), "z".to_owned()]).unwrap();
    let inputs = [Tensor::from_f64(vec![2], &[1.0, 2.0]).unwrap(), Tensor::from_f64(vec![], &[3.0]).unwrap()];
    let found = moe_evaluate::evaluate(&derived, &inputs, &moe_evaluate::Options::default()).unwrap();
    assert_eq!(found.outputs[1].to_f64(), [0.0, 0.0]);
    assert_eq!(found.outputs[2].to_f64(), [1.0]);
}
