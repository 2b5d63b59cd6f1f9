//! Tests of `weights` blocks, on trees made by hand.

use super::*;
use moe_grammar::tree::{Name, PatternPart};

fn name(text: &str) -> Name {
    Name { text: text.to_owned(), span: Span::default() }
}

fn named(text: &str) -> PatternPart {
    PatternPart::Name(name(text))
}

fn entry(pattern: Vec<PatternPart>, key: &str, steps: &[WeightStep]) -> WeightEntry {
    let span = Span::default();
    let steps = steps.iter().map(|step| (step.clone(), span)).collect();
    WeightEntry { pattern, key: key.to_owned(), key_span: span, steps, span }
}

fn weight(name: &str, shape: &[u64]) -> WeightInfo {
    WeightInfo { name: name.to_owned(), element: Element::F32, shape: shape.to_vec() }
}

fn resolved(entries: Vec<WeightEntry>, weights: &[WeightInfo]) -> Result<Mapping, Vec<&'static str>> {
    let block = WeightsBlock { model: name("M"), source: name("theirs"), entries };
    resolve(&block, weights).map_err(|mistakes| mistakes.iter().map(|mistake| mistake.code).collect())
}

fn choice(names: &[&str]) -> PatternPart {
    PatternPart::Choice(names.iter().map(|text| name(text)).collect(), Span::default())
}

#[test]
fn split_and_transpose_undo_to_the_shape_of_the_file() {
    let pattern = vec![named("experts"), choice(&["gate", "up"])];
    let steps = [WeightStep::Split(SplitKind::Rows), WeightStep::Transpose];
    let weights = [weight("experts.gate", &[8, 64, 96]), weight("experts.up", &[8, 64, 96])];
    let mapping = resolved(vec![entry(pattern, "gate_up", &steps)], &weights).unwrap();
    let up = &mapping.weights["experts.up"];
    assert_eq!((up.keys.as_slice(), up.shape.as_slice()), (&["gate_up".to_owned()][..], &[8, 192, 64][..]));
    assert_eq!(up.steps, [SourceStep::Piece { axis: 1, index: 1, count: 2 }, SourceStep::Transpose]);
}

#[test]
fn indices_stand_for_leading_axes() {
    let variable = |text| PatternPart::Variable(name(text));
    let pattern = vec![named("layers"), variable("i"), named("experts"), variable("e"), named("gate")];
    let entries = vec![entry(pattern, "l.{i}.e.{e}.w1", &[WeightStep::Transpose])];
    let mapping = resolved(entries, &[weight("layers.experts.gate", &[2, 3, 5, 7])]).unwrap();
    let gate = &mapping.weights["layers.experts.gate"];
    assert_eq!(gate.keys.first().unwrap(), "l.0.e.0.w1");
    assert_eq!(gate.keys.last().unwrap(), "l.1.e.2.w1");
    assert_eq!(
        (gate.keys.len(), gate.stacked.as_slice(), gate.shape.as_slice()),
        (6, &[2, 3][..], &[7, 5][..])
    );
}

#[test]
fn indices_stand_for_numbers_in_names_and_stars_for_parts() {
    let pattern = vec![named("experts"), PatternPart::Variable(name("e")), PatternPart::Any(Span::default())];
    let entries = vec![entry(pattern, "x.{e}.*.weight", &[])];
    let mapping = resolved(entries, &[weight("experts.1.down", &[4])]).unwrap();
    assert_eq!(mapping.weights["experts.1.down"].keys, ["x.1.down.weight"]);
}

#[test]
fn interleaved_and_columns_and_cast_and_stack() {
    let both = || vec![named("m"), choice(&["a", "b"])];
    let weights = [weight("m.a", &[4, 6]), weight("m.b", &[4, 6])];
    let interleaved =
        entry(both(), "ab", &[WeightStep::Split(SplitKind::Interleaved), WeightStep::Cast(name("bf16"))]);
    let mapping = resolved(vec![interleaved], &weights).unwrap();
    let b = &mapping.weights["m.b"];
    assert_eq!(b.steps, [SourceStep::Stride { axis: 0, offset: 1, stride: 2 }]);
    assert_eq!((b.shape.as_slice(), b.element), (&[8, 6][..], Some(Element::Bf16)));
    let columns = entry(both(), "ab", &[WeightStep::Split(SplitKind::Columns)]);
    assert_eq!(resolved(vec![columns], &weights).unwrap().weights["m.a"].shape, [4, 12]);
    let stack = entry(vec![named("m"), named("a")], "a.{e}", &[WeightStep::Stack(name("e"))]);
    assert_eq!(resolved(vec![stack], &weights).unwrap().weights["m.a"].keys.len(), 4);
    let chosen = entry(both(), "x.{}", &[]);
    assert_eq!(resolved(vec![chosen], &weights).unwrap().weights["m.b"].keys, ["x.b"]);
}

#[test]
fn every_mistake_has_its_code() {
    let weights = [weight("w", &[4]), weight("v", &[4, 4])];
    let one = |pattern: Vec<PatternPart>, key: &str, steps: &[WeightStep]| {
        resolved(vec![entry(pattern, key, steps)], &weights).unwrap_err()
    };
    assert_eq!(one(vec![named("u")], "u", &[]), ["E0511"]);
    assert_eq!(one(vec![named("w")], "w.{i}", &[]), ["E0512"]);
    assert_eq!(one(vec![PatternPart::Variable(name("i")), named("v")], "v", &[]), ["E0512"]);
    assert_eq!(one(vec![choice(&["w", "v"])], "w", &[]), ["E0512"]);
    assert_eq!(one(vec![named("w")], "w", &[WeightStep::Transpose]), ["E0515"]);
    assert_eq!(one(vec![named("v")], "v", &[WeightStep::Split(SplitKind::Rows)]), ["E0514"]);
    assert_eq!(one(vec![named("v")], "v", &[WeightStep::Cast(name("f33"))]), ["E0516"]);
    let twice = vec![entry(vec![named("w")], "a", &[]), entry(vec![named("w")], "b", &[])];
    assert_eq!(resolved(twice, &weights).unwrap_err(), ["E0513"]);
}
