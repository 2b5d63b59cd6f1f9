//! Random graphs.

use crate::support::{run, Split, AVX2, AVX512, CRANELIFT};
use moe_generate::{module, Options};
use moe_graph::{print_module, Element};

fn everything() -> Options {
    let floats = vec![Element::F32, Element::F64, Element::Bf16, Element::F16];
    Options { packing: true, calls: true, steps: 10, floats, ..Options::default() }
}

/// A random graph, or what is made of it, gives what the graph means.
fn agree(seed: u64, options: &Options, rewritten: bool) {
    let (mut module, inputs) = module(seed, options);
    let expected = moe_evaluate::evaluate(&module, &inputs, &moe_evaluate::Options::default()).unwrap();
    if rewritten {
        let options = moe_rewrite::Options { prefer_rewritten: true, ..moe_rewrite::Options::default() };
        module = moe_rewrite::rewrite(&module, &options).unwrap().module;
    }
    for (target, split) in [(CRANELIFT, Split::Odd), (AVX2, Split::Whole), (AVX512, Split::Odd)] {
        let found = run(&module, &inputs, &target, split);
        for (place, (found, expected)) in found.iter().zip(&expected.outputs).enumerate() {
            assert_eq!(found.shape(), expected.shape());
            let (found, expected) = (found.to_f64(), expected.to_f64());
            assert!(found == expected, "output {place}: {found:?} is not {expected:?} on {target:?}");
        }
    }
}

/// Runs a check for many seeds; says all that fail, with the smallest graph of them.
fn each_seed(seeds: std::ops::Range<u64>, options: &Options, rewritten: bool) {
    let mut failures = Vec::new();
    for seed in seeds {
        if let Err(error) = std::panic::catch_unwind(|| agree(seed, options, rewritten)) {
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
    each_seed(0..200, &options, false);
}

#[test]
fn all_graphs_agree_bit_for_bit() {
    each_seed(0..250, &everything(), false);
    // Among these, selections along an axis that the values do not vary along.
    each_seed(6905..6920, &everything(), false);
}

#[test]
fn rewritten_graphs_agree_bit_for_bit() {
    let floats = vec![Element::F32, Element::F64];
    each_seed(1000..1100, &Options { floats, empty: false, ..everything() }, true);
}

#[test]
fn graphs_of_layers_agree_bit_for_bit() {
    let floats = vec![Element::F32, Element::F64];
    let options = Options { floats, empty: false, layers: true, ..everything() };
    each_seed(2000..2060, &options, false);
    each_seed(2060..2120, &options, true);
}
