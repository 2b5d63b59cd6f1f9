//! The examples of the tree, from their source to results.

use crate::support::{expected, first_model, model, plan, random, Machine, Split, AVX2, CRANELIFT};
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

/// Runs the model of a file on five rows; gives the operations of its grouped products.
fn check(path: &str) -> Vec<i64> {
    check_model(&first_model(path))
}

fn check_model(module: &Module) -> Vec<i64> {
    let given = given(module, 5);
    let expected = expected(module, &given);
    let mut operations = Vec::new();
    for target in [CRANELIFT, AVX2] {
        let plan = plan(module, &target);
        let mut machine = Machine::new(&plan, module, &given, Split::Odd);
        let found = machine.run().unwrap();
        for (found, expected) in found.iter().zip(&expected) {
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
    // Two of the three products are one kernel: they read the same rows.
    let product = 2 * 5 * 2 * 64 * 96;
    assert_eq!(check("examples/mixtral/mixtral.moe"), [2 * product, product]);
}

#[test]
fn layers_of_a_repeat_read_their_weights_from_panels() {
    let text = "moe 1
use std::expert::swiglu::swiglu

model Stack[L = 3](x: f32[N, D = 24]) -> f32[N, D] {
    part layers = [swiglu[40]; L]
    let h = x
    repeat i in L {
        h = h + 0.125 * layers[i](h)
    }
    h
}
";
    let module = model(text, None, true);
    check_model(&module);
    let prepared = plan(&module, &AVX2).program.prepare.len();
    assert_eq!(prepared, 4, "down times 0.125, then gate, up and that, for all layers at once");
}

#[test]
fn weights_of_sixteen_bits_are_widened_in_registers() {
    let text = "moe 1
model Wide(x: f32[N, D = 24]) -> f32[N, H] {
    weight w: bf16[D, H = 50] = glorot
    x @ (w as f32)
}
";
    let module = model(text, None, true);
    check_model(&module);
    let program = plan(&module, &AVX2).program;
    // Fifty columns in vectors of eight.
    assert_eq!(moe_runtime::sizes::evaluate(&program.prepared_bytes, &[]), Some(24 * 56 * 2));
}
