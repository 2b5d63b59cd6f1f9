//! Steps along axes whose size depends on another.

use super::inputs::Contents;
use super::maker::{union, Maker, Step, INPUT};
use super::models::free;
use super::movement;
use super::reductions::{contracted, reduced};
use super::value::{Axis, AxisKind, Value};
use crate::bits::Bits;
use moe_graph::Element;

/// A model's axis `B` and an axis `T[B]`, in a definition that is called for both.
pub(crate) fn stretches() -> [Axis; 2] {
    let axis = |name: &str, length, kind| {
        let name = name.to_owned();
        Axis { size: name.clone(), name, length, kind, declared: true }
    };
    [axis("B", 4, AxisKind::Free), axis("T", 20, AxisKind::Ragged { over: "B" })]
}

/// What is done along a ragged axis alone.
pub(crate) const STEPS: &[(usize, Step)] = &[
    (1, lengths),
    (1, present),
    (1, last),
    (2, weighted),
    (1, over_all),
    (1, nested),
    (2, beside_another),
    (1, centred),
    (1, movement::window),
    (1, movement::running),
];

/// One of these.
pub(crate) fn step(maker: &mut Maker) -> Option<Value> {
    let steps: Vec<Step> = STEPS.iter().map(|(_, step)| *step).collect();
    maker.random.pick(&steps).and_then(|step| step(maker))
}

/// A value along one ragged axis that a type can name, the axis that its size depends on, and the ragged axis.
fn along(maker: &mut Maker) -> Option<(Value, Axis, Axis)> {
    let float = maker.float;
    let value = maker.value(|value| {
        let ragged = value.ragged();
        value.element == float && ragged.len() == 1 && ragged.iter().all(|axis| axis.declared)
    })?;
    let value = maker.squash(&value)?;
    let axis = value.ragged().pop()?;
    let over = value.axes.iter().find(|own| axis.over() == Some(own.name.as_str()))?.clone();
    Some((Value { bounds: Vec::new(), ..value }, over, axis))
}

/// How many entries there are, as whole numbers or others.
fn lengths(maker: &mut Maker) -> Option<Value> {
    let (_, over, axis) = along(maker)?;
    maker.met("the lengths of a ragged axis");
    let text = maker.random.pick(&[format!("size({})", axis.name), axis.name.clone()])?;
    if maker.random.once_in(2) {
        let found = maker.bind(&text, Element::I64, vec![over], Bits::default())?;
        return Some(Value { below: Some(axis.length + 1), ..found });
    }
    let text = format!("limited(({text}) as {} / 4)", maker.float.name());
    maker.bind(&text, maker.float, vec![over], INPUT)
}

/// Which entries are there, or a value where they are.
fn present(maker: &mut Maker) -> Option<Value> {
    let (value, over, axis) = along(maker)?;
    maker.met("what is there of a ragged axis");
    let both = vec![over, axis.clone()];
    if maker.random.once_in(2) {
        return maker.bind(&format!("present({})", axis.name), Element::Bool, both, Bits::default());
    }
    let text = format!("where(present({}), {}, -0.5)", axis.name, value.text);
    maker.bind(&text, value.element, union(&both, &value.axes), INPUT)
}

/// The last entry of each sequence, or the one before it.
fn last(maker: &mut Maker) -> Option<Value> {
    let (value, _, axis) = along(maker)?;
    maker.met("the last along a ragged axis");
    maker.met("coordinate");
    let t = &axis.name;
    let place = maker.random.pick(&[format!("{t} - 1"), format!("max({t} - 2, 0)")])?;
    let text = format!("sum(where(coordinate({t}) == {place}, {}, 0.0), over {t})", value.text);
    maker.bind(&text, value.element, without(&value, &axis), INPUT)
}

fn without(value: &Value, axis: &Axis) -> Vec<Axis> {
    value.axes.iter().filter(|own| own.name != axis.name).cloned().collect()
}

/// A sum along the axis, weighted by what the entries say themselves.
fn weighted(maker: &mut Maker) -> Option<Value> {
    let (value, _, axis) = along(maker)?;
    let features = value.axes.last().filter(|own| own.is_static() && own.declared && value.is_indexable())?;
    let query = maker.weight("query", value.element, std::slice::from_ref(features))?;
    maker.met("weights along a ragged axis");
    let text = format!("limited({} @ {})", value.text, query.text);
    let scores = maker.bind(&text, value.element, without(&value, features), INPUT)?;
    let (s, t) = (&scores.text, &axis.name);
    let text = if maker.exact {
        maker.met("the largest along a ragged axis");
        format!("where(largest_mask[{}]({s}, over {t}), {s}, 0.0)", 1 + maker.random.below(3))
    } else {
        let softmax = match maker.float {
            Element::F32 => maker.uses("std::nn::softmax::softmax"),
            _ => maker.own_softmax(),
        };
        format!("{softmax}({s}, over {t})")
    };
    let weights = maker.bind(&text, value.element, scores.axes, INPUT)?;
    contracted(maker, &weights, &value, &axis)
}

/// All rows of all sequences as one.
fn over_all(maker: &mut Maker) -> Option<Value> {
    let (value, over, axis) = along(maker)?;
    maker.met("a reduction over all ragged rows");
    let name = if maker.exact {
        maker.random.pick(&["sum", "max", "min"])?
    } else {
        maker.random.pick(&["sum", "mean", "max"])?
    };
    let text = format!("{name}({}, over ({}, {}))", value.text, over.name, axis.name);
    let left: Vec<Axis> = without(&value, &over).into_iter().filter(|own| own.name != axis.name).collect();
    // What no entries come to may be infinite.
    maker.bind(&format!("limited({text})"), value.element, left, INPUT)
}

/// Sequences one by one, each with what its entries come to.
fn nested(maker: &mut Maker) -> Option<Value> {
    let (value, over, axis) = along(maker)?;
    if value.open() {
        return None;
    }
    maker.met("a sum of sequences");
    let (b, t) = (maker.name("b"), maker.name("t"));
    let name = maker.random.pick(&["sum", "max", "min"])?;
    let inner = if maker.random.once_in(2) {
        format!("{name}({}, over {})", value.at(&[(&over.name, &b)]), axis.name)
    } else {
        let entry = value.at(&[(&over.name, &b), (&axis.name, &t)]);
        let conditions = [String::new(), format!(" where {t} < 2"), format!(" where {entry} > 0")];
        let condition = maker.random.pick(&conditions)?;
        format!("{name} {t}: {}{condition} {{ {entry} }}", axis.name)
    };
    let text = format!("sum {b}: {} {{ limited({inner}) }}", over.name);
    let left: Vec<Axis> = without(&value, &over).into_iter().filter(|own| own.name != axis.name).collect();
    maker.bind(&text, value.element, left, INPUT.sum_of(over.length))
}

/// Another input whose sequences have lengths of their own, and each entry beside each of the others.
fn beside_another(maker: &mut Maker) -> Option<Value> {
    let (value, over, axis) = along(maker)?;
    let features = value.axes.last().filter(|own| own.is_static() && own.declared && value.is_indexable())?;
    if over.name != "B" || axis.name != "T" {
        return None;
    }
    let other = free(maker, "S", AxisKind::Ragged { over: "B" });
    let axes = [over, other.clone(), features.clone()];
    let input = maker.input("other", value.element, &axes, Contents::Numbers)?;
    maker.body.values.push(input.clone());
    maker.met("two ragged axes");
    let scores = contracted(maker, &value, &input, features)?;
    let scores = maker.squash(&scores)?;
    match maker.random.below(4) {
        0 => reduced(maker, &scores, &[other]),
        1 => reduced(maker, &scores, &[axis]),
        _ => contracted(maker, &scores, &input, &other),
    }
}

/// What is left of entries when something of the whole sequence is taken away.
fn centred(maker: &mut Maker) -> Option<Value> {
    let (value, _, axis) = along(maker)?;
    maker.met("a reduction over a ragged axis");
    let name = if maker.exact {
        maker.random.pick(&["max", "sum"])?
    } else {
        maker.random.pick(&["mean", "max", "sum"])?
    };
    let text = format!("limited({0} - {name}({0}, over {1}))", value.text, axis.name);
    maker.bind(&text, value.element, value.axes, INPUT)
}
