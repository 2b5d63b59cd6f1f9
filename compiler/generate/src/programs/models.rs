//! Models: their inputs, their steps, their results, and the sizes they are run with.

use super::body::{Body, Kind};
use super::inputs::Contents;
use super::maker::{Maker, Step};
use super::value::{type_text, Axis, AxisKind, Value};
use super::{arithmetic, definitions, library, loops, mixtures, movement, ragged, reductions, states, Model};
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
    (4, ragged::step),
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

/// The longest that axes are whose length comes with the inputs: rows, sequences, places in them, of which a ragged axis has so many in all.
const LONGEST: [(&str, usize); 4] = [("N", 17), ("B", 4), ("T", 8), ("S", 6)];

/// The same in a program of long axes.
const LONG: [(&str, usize); 4] = [("N", 70), ("B", 3), ("T", 20), ("S", 15)];

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

/// An axis whose length, or lengths, come with the inputs.
pub(crate) fn free(maker: &Maker, name: &str, kind: AxisKind) -> Axis {
    let length = longest(maker).iter().find(|(own, _)| *own == name).map_or(8, |(_, length)| *length);
    Axis { name: name.to_owned(), size: name.to_owned(), length, kind, declared: true }
}

/// Rows, sequences, or sequences each as long as it is.
fn rows(maker: &mut Maker) -> Vec<Axis> {
    let kind = match maker.random.below(6) {
        0 => AxisKind::Free,
        1 => AxisKind::Ragged { over: "B" },
        _ => return vec![free(maker, "N", AxisKind::Free)],
    };
    if kind != AxisKind::Free {
        maker.met("a ragged axis");
    }
    vec![free(maker, "B", AxisKind::Free), free(maker, "T", kind)]
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
    let rows = rows(maker);
    let is_ragged = rows.iter().any(Axis::is_ragged);
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
        let fewer: Vec<Axis> =
            axes.iter().skip(maker.random.below(if is_ragged { 1 } else { 2 })).cloned().collect();
        let y = maker.input("y", float, &fewer, Contents::Numbers)?;
        maker.body.values.push(y);
    }
    if is_ragged {
        let count = maker.random.below(4);
        maker.steps(ragged::STEPS, count);
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
    // Files hold rows along one ragged axis.
    let fits = |(place, value): &(usize, &Value)| {
        value.ragged().len() < 2 && (*place == last || !maker.body.reads(&value.text))
    };
    let mut candidates: Vec<Value> =
        maker.body.values.iter().enumerate().filter(fits).map(|(_, value)| value.clone()).collect();
    candidates.drain(..candidates.len().saturating_sub(MOST_RESULTS));
    let mut found: Vec<(String, String)> = Vec::new();
    for value in candidates {
        let mut axes = value.axes.clone();
        let mut renames = Vec::new();
        let mut sizes: BTreeMap<String, String> = BTreeMap::new();
        for axis in &mut axes {
            if !axis.declared && axis.is_ragged() {
                renames.push(format!("{} = {}", axis.size, axis.name));
                axis.name = axis.size.clone();
            } else if !axis.declared {
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
    let runs = vec![vec![step(2)], vec![step(1)], vec![step(0)], vec![step(2)]];
    let is_ragged = body.inputs.iter().any(|input| input.contents == Contents::Offsets);
    // Sequences without an entry.
    let empty = |step: &BTreeMap<String, usize>| -> BTreeMap<String, usize> {
        let rows = |name: &str, length| if matches!(name, "T" | "S") { 0 } else { length };
        step.iter().map(|(name, length)| (name.clone(), rows(name, *length))).collect()
    };
    let more: Vec<_> =
        runs.iter().take(2).filter(|_| is_ragged).map(|run| run.iter().map(empty).collect()).collect();
    runs.into_iter().chain(more).collect()
}
