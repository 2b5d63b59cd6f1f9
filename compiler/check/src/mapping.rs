//! `weights` blocks: where somebody else's file keeps a model's weights.
//!
//! An entry's pattern names weights; its key names tensors of the file. `{a, b}` in a pattern is a choice, and with `split` each chosen weight is
//! one piece of the tensor; without it, `{}` in the key stands for the name chosen. `{i}` in a pattern is an index: it ranges over a
//! leading axis of the weight, whose entries the file keeps as tensors of their own, or stands for a number in the weight's name; the key says
//! where with the same `{i}`. `*` stands for any one part of a name, and for the same part in the key.

mod pattern;

use crate::mapping::pattern::{matches, Match};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{SplitKind, WeightEntry, WeightStep, WeightsBlock};
use moe_grammar::Span;
use moe_graph::Element;
use moe_runtime::program::{SourceStep, WeightSource};
use std::collections::BTreeMap;

/// Where the weights of a model come from, by weight; those left out are kept under their own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// The source of each weight that an entry names.
    pub weights: BTreeMap<String, WeightSource>,
}

/// A weight of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightInfo {
    /// Its dotted name.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its shape.
    pub shape: Vec<u64>,
}

/// What a block says of each of the model's weights.
///
/// # Errors
/// Every entry that names no weight, names one that another entry names too, or does not fit the weight's shape.
pub fn resolve(block: &WeightsBlock, weights: &[WeightInfo]) -> Result<Mapping, Vec<Diagnostic>> {
    let mut mapping = Mapping::default();
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for entry in &block.entries {
        let matched: Vec<(&WeightInfo, Match)> = weights
            .iter()
            .filter_map(|weight| Some((weight, matches(&entry.pattern, &weight.name)?)))
            .collect();
        if matched.is_empty() {
            mistakes.push(nothing_matches(entry, weights));
        }
        for (weight, found) in matched {
            if let Some(before) = places.insert(weight.name.clone(), entry.span) {
                let message = format!("the weight `{}` is mapped twice", weight.name);
                mistakes.push(Diagnostic::error("E0513", entry.span, message).also(before, "first here"));
                continue;
            }
            match source(entry, weight, &found) {
                Ok(source) => drop(mapping.weights.insert(weight.name.clone(), source)),
                Err(mistake) => {
                    mistakes.push(*mistake);
                    break;
                }
            }
        }
    }
    if mistakes.is_empty() {
        Ok(mapping)
    } else {
        Err(mistakes)
    }
}

fn nothing_matches(entry: &WeightEntry, weights: &[WeightInfo]) -> Diagnostic {
    let spelled = pattern::spelled(&entry.pattern);
    let message = format!("no weight of the model matches `{spelled}`");
    let diagnostic = Diagnostic::error("E0511", entry.span, message);
    let near = weights
        .iter()
        .map(|weight| (strsim::normalized_levenshtein(&spelled, &weight.name), &weight.name))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, name)) => diagnostic.hint(format!("there is a weight `{name}`")),
        None => {
            let names: Vec<String> = weights.iter().map(|weight| format!("`{}`", weight.name)).collect();
            diagnostic.hint(format!("the weights are {}", names.join(", ")))
        }
    }
}

/// The tensors that a weight is put together from. A mistake is boxed for its size.
fn source(entry: &WeightEntry, weight: &WeightInfo, found: &Match) -> Result<WeightSource, Box<Diagnostic>> {
    let mut stacked_names: Vec<&str> = found.stacked.iter().map(|name| name.text.as_str()).collect();
    for (step, _) in &entry.steps {
        if let WeightStep::Stack(name) = step {
            stacked_names.push(&name.text);
        }
    }
    let Some((leading, own)) = weight.shape.split_at_checked(stacked_names.len()) else {
        let message = format!(
            "`{}` has {} axes and the entry stacks along {}",
            weight.name,
            weight.shape.len(),
            stacked_names.len()
        );
        return Err(Box::new(Diagnostic::error("E0515", entry.span, message)));
    };
    let (steps, shape, element) = steps(entry, weight, found, own)?;
    let keys = keys(entry, found, &stacked_names, leading)?;
    Ok(WeightSource { keys, stacked: leading.to_vec(), shape, element, steps })
}

type Steps = (Vec<SourceStep>, Vec<u64>, Option<Element>);

/// The steps, and the shape and element type of each of the file's tensors, which follow from the weight's by undoing the steps from the last to
/// the first.
fn steps(
    entry: &WeightEntry,
    weight: &WeightInfo,
    found: &Match,
    own: &[u64],
) -> Result<Steps, Box<Diagnostic>> {
    let wrong = |code, span, message: String| Box::new(Diagnostic::error(code, span, message));
    let mut shape = own.to_vec();
    let mut reversed = Vec::new();
    let mut element = None;
    for (step, span) in entry.steps.iter().rev() {
        match step {
            WeightStep::Transpose => {
                let [.., rows, columns] = shape.as_mut_slice() else {
                    let message = format!("`{}` has no two axes to transpose", weight.name);
                    return Err(wrong("E0515", *span, message));
                };
                std::mem::swap(rows, columns);
                reversed.push(SourceStep::Transpose);
            }
            WeightStep::Split(kind) => {
                let Some((index, count)) = found.choice else {
                    let message = "`split` needs a choice of weights, such as `{gate, up}`".to_owned();
                    return Err(wrong("E0514", *span, message));
                };
                let Some(axis) = split_axis(*kind, &shape) else {
                    return Err(wrong("E0515", *span, format!("`{}` has no axis to split", weight.name)));
                };
                if let Some(size) = shape.get_mut(axis) {
                    *size = size.saturating_mul(count);
                }
                let axis = axis as u32;
                reversed.push(match kind {
                    SplitKind::Interleaved => SourceStep::Stride { axis, offset: index, stride: count },
                    SplitKind::Rows | SplitKind::Columns => SourceStep::Piece { axis, index, count },
                });
            }
            WeightStep::Cast(name) => {
                let Ok(known) = name.text.parse() else {
                    let message = format!("`{}` is no element type", name.text);
                    return Err(wrong("E0516", name.span, message));
                };
                element = Some(known);
            }
            WeightStep::Stack(_) => {}
        }
    }
    reversed.reverse();
    Ok((reversed, shape, element))
}

fn split_axis(kind: SplitKind, shape: &[u64]) -> Option<usize> {
    let last = shape.len().checked_sub(1)?;
    Some(match kind {
        SplitKind::Columns => last,
        SplitKind::Rows | SplitKind::Interleaved => last.saturating_sub(1),
    })
}

/// The file's names, one for each entry along the stacked axes, row-major.
fn keys(
    entry: &WeightEntry,
    found: &Match,
    stacked: &[&str],
    sizes: &[u64],
) -> Result<Vec<String>, Box<Diagnostic>> {
    const MOST: u64 = 1 << 20;
    let wrong = |message: String| Box::new(Diagnostic::error("E0512", entry.key_span, message));
    let mut key = entry.key.clone();
    for (name, value) in &found.bound {
        key = key.replace(&format!("{{{name}}}"), value);
    }
    for part in &found.any {
        key = key.replacen('*', part, 1);
    }
    if found.choice.is_some() && !entry.steps.iter().any(|(step, _)| matches!(step, WeightStep::Split(_))) {
        if !key.contains("{}") {
            let message =
                "a choice of weights needs `split`, or `{}` in the key for the name chosen".to_owned();
            return Err(wrong(message));
        }
        key = key.replace("{}", &found.chosen);
    }
    if let Some(name) = stacked.iter().find(|name| !key.contains(&format!("{{{name}}}"))) {
        return Err(wrong(format!("the key does not say where the index `{{{name}}}` stands")));
    }
    let count =
        sizes.iter().try_fold(1_u64, |count, size| count.checked_mul(*size)).filter(|count| *count <= MOST);
    let Some(count) = count else { return Err(wrong("the entry names too many tensors".to_owned())) };
    let keys: Vec<String> = (0..count).map(|place| indexed(&key, stacked, sizes, place)).collect();
    match keys.iter().find(|key| key.contains(['{', '}'])) {
        Some(key) => Err(wrong(format!("`{key}` has an index that the pattern does not name"))),
        None => Ok(keys),
    }
}

/// The key with the indices of the entry at `place`, counted row-major.
fn indexed(key: &str, names: &[&str], sizes: &[u64], place: u64) -> String {
    let mut rest = place;
    let mut key = key.to_owned();
    for (name, size) in names.iter().zip(sizes).rev() {
        key = key.replace(&format!("{{{name}}}"), &(rest % size.max(&1)).to_string());
        rest /= size.max(&1);
    }
    key
}

#[cfg(test)]
mod tests;
