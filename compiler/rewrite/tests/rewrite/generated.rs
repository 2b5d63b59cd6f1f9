//! Generated graphs: rewritten equals original, whatever forms are chosen.

use crate::compare::{assert_equal, Data, Random};
use crate::model::{shape, Model};
use moe_graph::{NodeId, Operation, ReduceKind, ScalarFunction as F, Size};
use moe_rewrite::{prove, Options};
use std::collections::BTreeMap;

/// How many graphs; more with `MOE_GENERATED`.
fn count() -> u64 {
    std::env::var("MOE_GENERATED").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
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
    let mut model = Model::new(&shape(&[("E", 3), ("D", 2), ("H", 2)]));
    let mut values: Vec<NodeId> = (0..4)
        .map(|place| {
            let mut axes = axes(&mut random);
            if place == 0 {
                axes = vec!["N", "E"];
            }
            let name = if place == 3 { "wild".to_owned() } else { format!("x{place}") };
            model.input(&name, &axes)
        })
        .collect();
    for _ in 0..12 {
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
    let mut fired: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..count() {
        let module = graph(seed).module();
        for prefer_rewritten in [true, false] {
            let options = Options { prefer_rewritten, ..Options::default() };
            let (rewritten, _) = prove(&module, &options)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", moe_graph::print_module(&module)));
            for used in &rewritten.report.functions[0].rules {
                *fired.entry(used.name).or_default() += used.chosen;
            }
            let what = format!("seed {seed}\n{}", rewritten.report.render());
            for rows in [1, 3] {
                assert_equal(&module, &rewritten.module, rows, Data::Ties, seed, &what);
            }
        }
    }
    for rule in
        ["pack-bounded", "pack-map", "pack-reduce", "segment-reduce", "factor-out-of-sum", "reduce-twice"]
    {
        assert!(fired.get(rule).is_some_and(|chosen| *chosen > 0), "{rule} was never chosen in {fired:?}");
    }
}
