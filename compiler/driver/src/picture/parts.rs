//! Which boxes make up a part of the model: those that read its weights, all between them, and what the part does with them after.

use super::boxes::{Kind, Shape};
use moe_grammar::FileId;
use std::collections::{BTreeMap, BTreeSet};

/// The file of the user: what is written there belongs to no part.
const OWN: FileId = FileId(0);

/// Gives each box the part it belongs to. Parts are closed: no way leaves one and comes back, so that each can be drawn in a frame.
pub fn assign(shapes: &mut [Shape]) {
    let common = common_parts(shapes);
    for shape in shapes.iter_mut() {
        let mut names = shape_weights(shape).into_iter().filter_map(|weight| part_of(&weight, common));
        let first = names.next();
        shape.part = first.filter(|first| names.all(|name| name == *first));
    }
    close(shapes);
    follow(shapes);
    close(shapes);
    let mut names: BTreeSet<String> = shapes.iter().filter_map(|shape| shape.part.clone()).collect();
    while cyclic(shapes) {
        let Some(last) = names.pop_last() else { return };
        for shape in shapes.iter_mut().filter(|shape| shape.part.as_ref() == Some(&last)) {
            shape.part = None;
        }
    }
}

/// Marks what works on packed rows: what reads weights that are read row by row, and all between.
pub fn mark_packed(shapes: &mut [Shape], weights: &BTreeSet<String>) {
    let marked: Vec<bool> = shapes
        .iter()
        .map(|shape| shape_weights(shape).iter().any(|weight| weights.contains(weight)))
        .collect();
    let (above, below) = reach(shapes, &marked);
    for (index, shape) in shapes.iter_mut().enumerate() {
        let at = |list: &[bool]| list.get(index).copied().unwrap_or(false);
        shape.packed |= at(&above) && at(&below);
    }
}

/// The dotted names in a box: those listed, and those in its formula.
fn shape_weights(shape: &Shape) -> Vec<String> {
    let words = shape.title.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
    let formula = (shape.kind == Kind::Work).then_some(words).into_iter().flatten();
    let dotted = formula.filter(|word| word.contains('.') && word.starts_with(|c: char| c.is_alphabetic()));
    shape.weights.iter().cloned().chain(dotted.map(str::to_owned)).collect()
}

/// How many leading parts of their names all weights share: those say nothing.
fn common_parts(shapes: &[Shape]) -> usize {
    let mut names = shapes.iter().flat_map(shape_weights);
    let Some(first) = names.next() else { return 0 };
    let mut common: Vec<String> = first.split('.').map(str::to_owned).collect();
    common.pop();
    for name in names {
        let same = common.iter().zip(name.split('.')).take_while(|(own, other)| own == other).count();
        common.truncate(same);
    }
    // A model of a single part is drawn as such.
    let parts: BTreeSet<Option<String>> =
        shapes.iter().flat_map(shape_weights).map(|weight| part_of(&weight, common.len())).collect();
    if parts.iter().all(Option::is_none) {
        common.len().saturating_sub(1)
    } else {
        common.len()
    }
}

fn part_of(weight: &str, common: usize) -> Option<String> {
    let names: Vec<&str> = weight.split('.').collect();
    (names.len() > common + 1).then(|| names.get(common).map(|name| (*name).to_owned())).flatten()
}

/// For each box: whether it is marked or below one that is, and whether it is marked or above one.
fn reach(shapes: &[Shape], marked: &[bool]) -> (Vec<bool>, Vec<bool>) {
    let mut below = marked.to_vec();
    let mut above = marked.to_vec();
    for (index, shape) in shapes.iter().enumerate() {
        if shape.inputs.iter().any(|(from, _)| below.get(*from) == Some(&true)) {
            if let Some(own) = below.get_mut(index) {
                *own = true;
            }
        }
    }
    for (index, shape) in shapes.iter().enumerate().rev() {
        if above.get(index) == Some(&true) {
            for (from, _) in &shape.inputs {
                if let Some(other) = above.get_mut(*from) {
                    *other = true;
                }
            }
        }
    }
    (below, above)
}

/// Takes into each part what lies between its boxes.
fn close(shapes: &mut [Shape]) {
    let names: BTreeSet<String> = shapes.iter().filter_map(|shape| shape.part.clone()).collect();
    for name in names {
        let marked: Vec<bool> = shapes.iter().map(|shape| shape.part.as_ref() == Some(&name)).collect();
        let (below, above) = reach(shapes, &marked);
        for (index, shape) in shapes.iter_mut().enumerate() {
            let between = below.get(index) == Some(&true) && above.get(index) == Some(&true);
            if between && shape.part.is_none() && shape.kind != Kind::Output {
                shape.part = Some(name.clone());
            }
        }
    }
}

/// What is not written in the user's own file and reads nothing but one part belongs to it.
fn follow(shapes: &mut [Shape]) {
    for index in 0..shapes.len() {
        let Some(shape) = shapes.get(index) else { continue };
        let elsewhere = shape.span.is_some_and(|span| span.file != OWN);
        if shape.part.is_some() || !elsewhere || !matches!(shape.kind, Kind::Work | Kind::Selection) {
            continue;
        }
        let parts: BTreeSet<Option<&String>> = shape
            .inputs
            .iter()
            .filter_map(|(from, _)| shapes.get(*from))
            .map(|from| from.part.as_ref())
            .collect();
        let part = match parts.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(part)] => Some((*part).clone()),
            _ => None,
        };
        if let Some(shape) = shapes.get_mut(index) {
            shape.part = part;
        }
    }
}

/// Whether parts, each as one box, lead to each other in a circle.
fn cyclic(shapes: &[Shape]) -> bool {
    let mut numbers: BTreeMap<&String, usize> = BTreeMap::new();
    let whole: Vec<usize> = shapes
        .iter()
        .enumerate()
        .map(|(index, shape)| match &shape.part {
            Some(part) => *numbers.entry(part).or_insert(index),
            None => index,
        })
        .collect();
    let of = |index: usize| whole.get(index).copied().unwrap_or(index);
    let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (index, shape) in shapes.iter().enumerate() {
        edges.extend(
            shape.inputs.iter().map(|(from, _)| (of(*from), of(index))).filter(|(from, to)| from != to),
        );
    }
    let mut left: BTreeSet<usize> = whole.iter().copied().collect();
    loop {
        let free = left.iter().copied().find(|one| !edges.iter().any(|(_, to)| to == one));
        match free {
            Some(one) => {
                left.remove(&one);
                edges.retain(|(from, _)| *from != one);
            }
            None => return !left.is_empty(),
        }
    }
}
