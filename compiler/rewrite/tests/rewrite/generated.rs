//! Generated graphs: rewritten equals original, whatever forms are chosen.
//!
//! A graph grows from parameters, or from a place where some rule fires, in turn, so that every rule meets what others make. `MOE_GENERATED=100000`
//! runs as many, and prints how often each rule fired.

use crate::compare::{assert_equal, Data, Random};
use crate::model::{shape, Model};
use crate::rules::fires;
use moe_graph::{Element, NodeId, Operation, ReduceKind, ScalarFunction as F, Size};
use moe_rewrite::{prove, Options};
use std::collections::{BTreeMap, BTreeSet};

/// How many graphs: some from each case of a rule; more with `MOE_GENERATED`.
fn count() -> u64 {
    let few = 4 * fires().len() as u64;
    std::env::var("MOE_GENERATED").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[(random.next() % of.len() as u64) as usize]
}

const AXES: [&str; 4] = ["N", "E", "D", "H"];

/// A random set of axes, as parameters have them.
fn axes(random: &mut Random) -> Vec<&'static str> {
    let choice = random.next();
    AXES.into_iter().enumerate().filter(|(place, _)| choice >> place & 1 == 1).map(|(_, axis)| axis).collect()
}

/// One more value from those there are; `None` where the choice does not fit.
fn grow(model: &mut Model, random: &mut Random, values: &[NodeId]) -> Option<NodeId> {
    let (a, b) = (pick(random, values), pick(random, values));
    let own = model.builder.ty(a).axes;
    let along = (!own.is_empty()).then(|| pick(random, &own));
    Some(match random.next() % 12 {
        0..=2 => model.multiply(a, b),
        3 => model.add(a, b),
        4 => {
            let function = pick(random, &[F::Subtract, F::Maximum, F::Minimum]);
            model.map(function, &[a, b])
        }
        5 => {
            let function = pick(random, &[F::Negate, F::Absolute, F::Sign]);
            model.map(function, &[a])
        }
        6 | 7 => {
            // A choice by one value, of another that varies along the same axes.
            let count = Size::constant(1 + (random.next() % 2) as i64);
            let mask = model.operation(Operation::LargestMask { count, axis: along? }, &[a]);
            let number = pick(random, &[0.0, 0.0, 0.0, f32::NEG_INFINITY, 1.0]);
            let value = pick(random, &[a, b]);
            let background = model.number(number);
            let kept = model.map(F::Select, &[mask, value, background]);
            // Infinities stay backgrounds: as factors they are outside what is equal in real arithmetic. This is a softmax in whole numbers.
            if number.is_finite() {
                return Some(kept);
            }
            let largest = model.builder.reduce(ReduceKind::Maximum, &[along?], kept).ok()?;
            let difference = model.map(F::Subtract, &[kept, largest]);
            let exponential = model.map(F::Exponential, &[difference]);
            model.map(F::Floor, &[exponential])
        }
        8..=10 => {
            let kind =
                pick(random, &[ReduceKind::Sum, ReduceKind::Sum, ReduceKind::Sum, ReduceKind::Maximum]);
            let all: Vec<_> = own
                .iter()
                .copied()
                .filter(|axis| *axis == along.unwrap_or(*axis) || random.next().is_multiple_of(3))
                .collect();
            model.builder.reduce(kind, &all, a).ok()?
        }
        _ => {
            let number = model.number(pick(random, &[1.0, -0.0, 2.0]));
            let function = pick(random, &[F::Multiply, F::Add]);
            model.map(function, &[a, number])
        }
    })
}

fn graph(seed: u64) -> Model {
    let mut random = Random(seed);
    let experts = pick(&mut random, &[(3, 2), (4, 2), (2, 1), (1, 1)]);
    let mut model = Model::new(&shape(&[
        ("E", experts.0),
        ("K", experts.1),
        ("D", 3),
        ("H", 4),
        ("I", 2),
        ("J", 3),
        ("P", 2),
        ("Q", 2),
        ("Out", 3),
    ]));
    let mut values = Vec::new();
    // With and without a group of rules that is asked for.
    if seed % 4 >= 2 {
        let cases = fires();
        (cases[(seed / 4 % cases.len() as u64) as usize].build)(&mut model);
        values = model.builder.function().outputs.iter().map(|output| output.node).collect();
        values.retain(|value| model.builder.ty(*value).element == Element::F32);
    }
    values.extend((0..4).map(|place| {
        let mut axes = axes(&mut random);
        if place == 0 {
            axes = vec!["N", "E"];
        }
        let name = if place == 3 { "wild".to_owned() } else { format!("x{place}") };
        // What is the same in every step meets what is not.
        let is_weight = place > 0 && !axes.contains(&"N") && random.next().is_multiple_of(2);
        if is_weight {
            model.weight(&name, &axes)
        } else {
            model.input(&name, &axes)
        }
    }));
    let steps = pick(&mut random, &[4, 12]);
    for _ in 0..steps {
        if let Some(value) = grow(&mut model, &mut random, &values) {
            values.push(value);
        }
    }
    for value in values.iter().rev().take(2) {
        model.output(*value);
    }
    model
}

#[test]
fn generated_graphs_keep_their_meaning() {
    let groups: BTreeSet<String> =
        moe_rewrite::rules().iter().filter_map(|rule| rule.fast_math.map(str::to_owned)).collect();
    let mut fired: BTreeMap<&str, usize> = moe_rewrite::rules().iter().map(|rule| (rule.name, 0)).collect();
    let first = std::env::var("MOE_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for seed in first..first + count() {
        let module = graph(seed).module();
        for prefer_rewritten in [true, false] {
            // Graphs with a group of rules hold whole numbers, which exponentials do not make equal.
            let fast_math = if seed % 4 == 3 { groups.iter().cloned().collect() } else { Vec::new() };
            let options = Options { prefer_rewritten, fast_math, ..Options::default() };
            let (rewritten, _) = prove(&module, &options)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", moe_graph::print_module(&module)));
            for used in &rewritten.report.functions[0].rules {
                *fired.entry(used.name).or_default() += used.fired;
            }
            let what = format!("seed {seed}\n{}", rewritten.report.render());
            for rows in [1, 3] {
                assert_equal(&module, &rewritten.module, rows, Data::Ties, seed, &what);
            }
        }
    }
    println!("{} graphs", count());
    fired.iter().for_each(|(rule, times)| println!("{times:>9} {rule}"));
    let silent: Vec<_> = fired.iter().filter(|(_, times)| **times == 0).map(|(rule, _)| rule).collect();
    assert!(silent.is_empty(), "{silent:?} never fired");
}
