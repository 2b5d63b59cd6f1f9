//! Models: their inputs, their steps, their results, and the sizes they are run with.

use super::body::{Body, Kind};
use super::inputs::Contents;
use super::maker::{Maker, Step};
use super::value::{type_text, Axis, AxisKind, Value};
use super::{arithmetic, definitions, library, loops, mixtures, movement, reductions, states, Model};
use std::collections::BTreeMap;

/// What models are made of.
const STEPS: &[(usize, Step)] = &[
    (4, arithmetic::unary),
    (4, arithmetic::binary),
    (1, arithmetic::quotient),
    (2, arithmetic::comparison),
    (2, arithmetic::choice),
    (1, arithmetic::training),
    (3, arithmetic::table),
    (2, arithmetic::integers),
    (2, arithmetic::half),
    (3, reductions::reduction),
    (3, reductions::over_index),
    (3, reductions::contraction),
    (2, reductions::dense),
    (2, movement::rename),
    (2, movement::attention),
    (4, movement::slice),
    (1, movement::pad),
    (2, movement::window),
    (1, movement::concat),
    (4, movement::split),
    (2, movement::running),
    (3, movement::largest_place),
    (1, movement::places),
    (2, movement::lookup),
    (3, movement::scatter),
    (5, movement::padded),
    (2, movement::kept),
    (5, definitions::call_layer),
    (2, definitions::call_function),
    (3, library::function),
    (12, mixtures::mixture),
    (4, loops::repeat),
    (4, loops::fold),
    (5, states::state),
    (2, states::random),
    (1, states::observed),
];

/// The longest that axes are whose length comes with the inputs: rows, sequences, places in them.
const LONGEST: [(&str, usize); 3] = [("N", 17), ("B", 4), ("T", 8)];

/// The same in a program of long axes.
const LONG: [(&str, usize); 3] = [("N", 70), ("B", 3), ("T", 20)];

/// How many results a model has at most.
const MOST_RESULTS: usize = 5;

/// A model, whose text is put in the program.
pub(crate) fn model(maker: &mut Maker, place: usize) -> Model {
    let name = format!("Model{}", place + 1);
    // An attempt may end with nothing to give.
    loop {
        if let Some(model) = attempt(maker, &name) {
            return model;
        }
    }
}

fn free(maker: &Maker, name: &str) -> Axis {
    let length = longest(maker).iter().find(|(own, _)| *own == name).map_or(8, |(_, length)| *length);
    Axis { name: name.to_owned(), size: name.to_owned(), length, kind: AxisKind::Free, declared: true }
}

fn longest(maker: &Maker) -> &'static [(&'static str, usize)] {
    if maker.long {
        &LONG
    } else {
        &LONGEST
    }
}

fn attempt(maker: &mut Maker, name: &str) -> Option<Model> {
    maker.body = Body::new(Kind::Model);
    let lengths: &[usize] = if maker.long { &[16, 17, 24, 32, 33] } else { &[2, 3, 4, 4, 4, 5, 6, 8] };
    let length = maker.random.pick(lengths)?;
    let kind = if maker.random.once_in(2) { AxisKind::Static } else { AxisKind::Known };
    let features = Axis { name: "D".to_owned(), size: "D".to_owned(), length, kind, declared: true };
    let sequences = maker.random.once_in(4);
    let rows = if sequences { vec![free(maker, "B"), free(maker, "T")] } else { vec![free(maker, "N")] };
    let axes: Vec<Axis> = rows.into_iter().chain([features]).collect();
    let float = maker.float;
    let x = maker.input("x", float, &axes, Contents::Numbers)?;
    maker.body.values.push(x);
    if kind == AxisKind::Static {
        maker.body.statics.push(super::body::Static { text: format!("D = {length}") });
    } else if let Some(first) = maker.body.parameters.first_mut() {
        *first = first.replace("D]", &format!("D = {length}]"));
    }
    if maker.random.once_in(4) {
        let fewer: Vec<Axis> = axes.iter().skip(maker.random.below(2)).cloned().collect();
        let y = maker.input("y", float, &fewer, Contents::Numbers)?;
        maker.body.values.push(y);
    }
    let count = 4 + maker.random.below(6);
    maker.steps(STEPS, count);
    let results = results(maker)?;
    let body = std::mem::replace(&mut maker.body, Body::new(Kind::Model));
    let (types, values): (Vec<String>, Vec<String>) = results
        .iter()
        .enumerate()
        .map(|(place, (ty, value))| (format!("y{place}: {ty}"), format!("y{place} = {value}")))
        .unzip();
    let (result, value) = match results.as_slice() {
        [(ty, value)] => (ty.clone(), value.clone()),
        _ => {
            maker.met("several results");
            (format!("({})", types.join(", ")), format!("({})", values.join(", ")))
        }
    };
    maker.definition("model", name, &[], &body, &result, &value);
    let runs = runs(maker, &body);
    Some(Model { name: name.to_owned(), inputs: body.inputs, runs })
}

/// The last value and some of the others: their types and what they are. Axes that a type cannot name are renamed to some that it can.
fn results(maker: &mut Maker) -> Option<Vec<(String, String)>> {
    let last = maker.body.values.len().saturating_sub(1);
    let fits = |(place, value): &(usize, &Value)| *place == last || !maker.body.reads(&value.text);
    let mut candidates: Vec<Value> =
        maker.body.values.iter().enumerate().filter(fits).map(|(_, value)| value.clone()).collect();
    candidates.drain(..candidates.len().saturating_sub(MOST_RESULTS));
    let mut found: Vec<(String, String)> = Vec::new();
    for value in candidates {
        let mut axes = value.axes.clone();
        let mut renames = Vec::new();
        let mut sizes: BTreeMap<String, String> = BTreeMap::new();
        for axis in &mut axes {
            if !axis.declared {
                let name = maker.name("Out");
                renames.push(format!("{name} = {}", axis.name));
                sizes.insert(name.clone(), axis.size.clone());
                axis.name = name;
            }
        }
        let mut ty = type_text(value.element, &axes, &value.bounds);
        for (name, size) in sizes {
            ty = ty.replace(&name, &format!("{name} = {size}"));
        }
        let text = if renames.is_empty() {
            value.text.clone()
        } else {
            format!("{} as [{}]", value.text, renames.join(", "))
        };
        found.push((ty, text));
    }
    found.dedup_by(|a, b| a.1 == b.1);
    (!found.is_empty()).then_some(found)
}

/// Runs of one step, or of several where there are states: with no rows, with one, and with some.
fn runs(maker: &mut Maker, body: &Body) -> Vec<Vec<BTreeMap<String, usize>>> {
    let longest = longest(maker);
    let mut step = |rows: usize| -> BTreeMap<String, usize> {
        longest
            .iter()
            .map(|(name, longest)| {
                let length = match rows {
                    0 | 1 => rows,
                    _ => 2 + maker.random.below(longest - 1),
                };
                ((*name).to_owned(), length)
            })
            .collect()
    };
    if body.stateful {
        return vec![vec![step(2), step(1), step(2), step(0)], vec![step(1), step(2)]];
    }
    vec![vec![step(2)], vec![step(1)], vec![step(0)], vec![step(2)]]
}
