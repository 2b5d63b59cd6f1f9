//! The examples of the tree, from their source to results.

use crate::support::{first_model, plan, random, Machine, Split, AVX2, CRANELIFT};
use moe_graph::{Element, Module};
use moe_runtime::Tensor;

fn given(module: &Module, rows: usize) -> Vec<Tensor> {
    let entry = module.entry().unwrap();
    let parameters = entry.parameters.iter().enumerate();
    parameters
        .map(|(place, parameter)| {
            let shape: Vec<usize> = parameter
                .ty
                .axes
                .iter()
                .map(|axis| entry.size(*axis).evaluate(&|_| Some(rows as i64)).unwrap() as usize)
                .collect();
            let count: usize = shape.iter().product();
            match parameter.ty.element {
                Element::U8 => {
                    let bytes = (0..count).map(|at| (at * 37 % 10) as u8).collect();
                    Tensor::new(Element::U8, shape, bytes).unwrap()
                }
                element => random(element, shape, place as u64 + 5),
            }
        })
        .collect()
}

/// Runs a model on five rows; gives the operations of its grouped products.
fn check(path: &str) -> Vec<i64> {
    let module = first_model(path);
    let given = given(&module, 5);
    let expected = moe_evaluate::evaluate(&module, &given, &moe_evaluate::Options::default()).unwrap();
    let mut operations = Vec::new();
    for target in [CRANELIFT, AVX2] {
        let plan = plan(&module, &target);
        let mut machine = Machine::new(&plan, &module, &given, Split::Odd);
        let found = machine.run().unwrap();
        for (found, expected) in found.iter().zip(&expected.outputs) {
            for (found, expected) in found.to_f64().iter().zip(expected.to_f64()) {
                assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{found} {expected}");
            }
        }
        let grouped = machine.log.iter().filter(|(name, _)| name.starts_with("grouped_product"));
        operations = grouped.map(|(_, operations)| *operations).collect();
    }
    operations
}

#[test]
fn fashion() {
    // Two layers of two experts for each of five rows.
    assert_eq!(check("examples/fashion/fashion.moe"), [2 * 5 * 2 * 128 * 64; 2]);
}

#[test]
fn score() {
    assert!(check("examples/fashion/score.moe").is_empty());
}

#[test]
fn mixtral() {
    assert_eq!(check("examples/mixtral/mixtral.moe"), [2 * 5 * 2 * 64 * 96; 3]);
}
