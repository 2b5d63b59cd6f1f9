//! Random graphs are well formed, evaluate, mean the same whichever way they are written, and hold what they claim.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use moe_evaluate::evaluate;
use moe_generate::{check_facts, module, Options};
use moe_graph::{parse_module, print_module, simplify, verify, Element};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn everything() -> Options {
    let floats = vec![Element::F32, Element::F64, Element::Bf16, Element::F16];
    Options { packing: true, calls: true, steps: 20, floats, ..Options::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn graphs_are_well_formed_and_evaluate(seed: u64) {
        let (module, inputs) = module(seed, &everything());
        prop_assert_eq!(verify(&module), Ok(()), "{}", print_module(&module));
        let found = evaluate(&module, &inputs, &moe_evaluate::Options::default());
        prop_assert!(found.is_ok(), "{:?}\n{}", found, print_module(&module));
    }

    #[test]
    fn arithmetic_is_exact(seed: u64) {
        // Computed as f64 every result is the same: nothing was rounded.
        let options = Options { integers: false, ..everything() };
        let (module, inputs) = module(seed, &options);
        let single = evaluate(&module, &inputs, &moe_evaluate::Options::default()).unwrap();
        let double = evaluate(&module, &inputs, &moe_evaluate::Options { double: true }).unwrap();
        for (single, double) in single.outputs.iter().zip(&double.outputs) {
            prop_assert_eq!(single.to_f64(), double.to_f64(), "{}", print_module(&module));
        }
    }

    #[test]
    fn text_reads_back(seed: u64) {
        let (module, _) = module(seed, &everything());
        prop_assert_eq!(parse_module(&print_module(&module)).unwrap(), module);
    }

    #[test]
    fn simplification_keeps_the_meaning(seed: u64) {
        let (module, inputs) = module(seed, &everything());
        let simple = simplify(&module).unwrap();
        prop_assert_eq!(verify(&simple), Ok(()));
        let options = moe_evaluate::Options::default();
        let (a, b) = (evaluate(&module, &inputs, &options).unwrap(), evaluate(&simple, &inputs, &options).unwrap());
        prop_assert_eq!(a.outputs, b.outputs);
    }

    #[test]
    fn facts_hold(seed: u64) {
        let (module, inputs) = module(seed, &everything());
        let checked = check_facts(&module, &inputs);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

#[test]
fn every_kind_of_node_comes_up() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut mixtures = 0;
    for seed in 0..400 {
        let (module, _) = module(seed, &everything());
        let nodes = module.functions.iter().flat_map(|function| &function.nodes);
        for node in nodes {
            *counts.entry(node.operation.name()).or_default() += 1;
        }
        mixtures += usize::from(print_module(&module).contains("experts.up"));
    }
    for name in [
        "rename",
        "merge",
        "split",
        "slice",
        "pad",
        "window",
        "concatenate",
        "gather",
        "scatter_add",
        "largest_mask",
        "arg_max",
        "cumulative_sum",
        "sort",
        "expect",
        "call",
        "repeat",
        "fold",
        "pack",
        "unpack",
        "segment_reduce",
        "cast",
        "sum",
        "product",
        "max",
        "min",
        "any",
        "all",
        "where",
        "coordinate",
    ] {
        assert!(counts.get(name).copied().unwrap_or(0) >= 10, "{name}: {:?}", counts.get(name));
    }
    assert!(mixtures > 50, "{mixtures}");
}

#[test]
fn programs_depend_on_their_seed_alone_and_have_every_feature() {
    use moe_generate::programs::{program, FEATURES};
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..600 {
        let made = program(seed);
        assert_eq!(made.text, program(seed).text);
        for feature in made.features {
            assert!(FEATURES.contains(&feature), "{feature} is not on the list");
            *counts.entry(feature).or_default() += 1;
        }
    }
    for feature in FEATURES {
        assert!(counts.contains_key(feature), "{feature} never comes up");
    }
}
