//! Random graphs.

use crate::support::{expected, plan_forms, run, Machine, Split, AVX2, AVX512, CRANELIFT};
use moe_generate::{module, Options};
use moe_graph::{print_module, Element, Module};
use moe_runtime::Tensor;
use moe_schedule::FormRequest;

fn everything() -> Options {
    let floats = vec![Element::F32, Element::F64, Element::Bf16, Element::F16];
    Options { packing: true, calls: true, steps: 10, floats, ..Options::default() }
}

/// What of a random graph is run.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Written,
    Rewritten,
    /// Both in one program: once with the size below that from which on the second is used, once with that size.
    Forms,
}

/// A random graph, or what is made of it, gives what the graph means.
fn agree(seed: u64, options: &Options, what: What) {
    let (module, inputs) = module(seed, options);
    let expected = expected(&module, &inputs);
    let rewritten = || {
        let options = moe_rewrite::Options { prefer_rewritten: true, ..moe_rewrite::Options::default() };
        moe_rewrite::rewrite(&module, &options).unwrap().module
    };
    for (target, split) in [(CRANELIFT, Split::Odd), (AVX2, Split::Whole), (AVX512, Split::Odd)] {
        let found = match what {
            What::Written => run(&module, &inputs, &target, split),
            What::Rewritten => run(&rewritten(), &inputs, &target, split),
            What::Forms => {
                let (rows, size) = rows(&module, &inputs);
                let other = rewritten();
                let from = if split == Split::Odd { size } else { size + 1 };
                let forms = [
                    FormRequest { from: 0, module: &module },
                    FormRequest { from: from.max(1), module: &other },
                ];
                let plan = plan_forms(&forms, &rows, &target, &[]);
                Machine::new(&plan, &module, &inputs, split).run().unwrap()
            }
        };
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.shape(), expected.shape());
            let (found, expected) = (found.to_f64(), expected.to_f64());
            assert!(found == expected, "output {place}: {found:?} is not {expected:?} on {target:?}");
        }
    }
}

/// A free size of a module, if it has one, and what it is.
fn rows(module: &Module, inputs: &[Tensor]) -> (Vec<String>, i64) {
    let entry = module.entry().unwrap();
    let axes = entry.parameters.iter().zip(inputs);
    let mut sizes = axes.flat_map(|(parameter, input)| parameter.ty.axes.iter().zip(input.shape()));
    let free = sizes.find_map(|(axis, size)| Some((entry.size(*axis).as_symbol()?.to_owned(), *size as i64)));
    free.map_or((vec![], 1), |(name, size)| (vec![name], size))
}

/// Runs a check for many seeds; says all that fail, with the smallest graph of them.
fn each_seed(seeds: std::ops::Range<u64>, options: &Options, what: What) {
    let mut failures = Vec::new();
    for seed in seeds {
        if let Err(error) = std::panic::catch_unwind(|| agree(seed, options, what)) {
            let message = error.downcast_ref::<String>().cloned().unwrap_or_default();
            failures.push((print_module(&module(seed, options).0), seed, message));
        }
    }
    failures.sort_by_key(|(text, _, _)| text.len());
    let seeds: Vec<u64> = failures.iter().map(|(_, seed, _)| *seed).collect();
    if let Some((text, seed, message)) = failures.first() {
        panic!("{} seeds fail: {seeds:?}\nseed {seed}: {message}\n{text}", seeds.len());
    }
}

#[test]
fn plain_graphs_agree_bit_for_bit() {
    let options = Options { movement: false, selection: false, mixtures: false, ..Options::default() };
    each_seed(0..200, &options, What::Written);
}

#[test]
fn all_graphs_agree_bit_for_bit() {
    each_seed(0..250, &everything(), What::Written);
    // Among these, selections along an axis that the values do not vary along.
    each_seed(6905..6920, &everything(), What::Written);
}

#[test]
fn rewritten_graphs_agree_bit_for_bit() {
    let floats = vec![Element::F32, Element::F64];
    each_seed(1000..1100, &Options { floats, empty: false, ..everything() }, What::Rewritten);
}

#[test]
fn both_forms_of_a_program_agree_bit_for_bit() {
    let floats = vec![Element::F32, Element::F64];
    each_seed(1100..1200, &Options { floats, empty: false, ..everything() }, What::Forms);
}

#[test]
fn graphs_of_layers_agree_bit_for_bit() {
    let floats = vec![Element::F32, Element::F64];
    let options = Options { floats, empty: false, layers: true, ..everything() };
    each_seed(2000..2060, &options, What::Written);
    each_seed(2060..2120, &options, What::Rewritten);
}
