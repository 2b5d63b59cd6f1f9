//! Steps that move entries and change axes.

use super::inputs::Contents;
use super::maker::{union, Maker, INPUT};
use super::reductions::{contracted, over};
use super::value::{is_whole, Axis, AxisKind, Bound, Value};
use crate::bits::Bits;
use moe_graph::Element;

/// A float value that can be indexed and has an axis that the test takes, and that axis.
fn along(maker: &mut Maker, takes: impl Fn(&Axis) -> bool) -> Option<(Value, Axis)> {
    let float = maker.float;
    let fits = |axis: &Axis| !axis.is_rest() && takes(axis);
    let value =
        maker.value(|value| value.element == float && value.is_indexable() && value.axes.iter().any(fits))?;
    let axes: Vec<Axis> = value.axes.iter().filter(|axis| fits(axis)).cloned().collect();
    let axis = maker.random.pick(&axes)?;
    Some((value, axis))
}

/// The axes of a value with one of them replaced by others.
fn replaced(value: &Value, axis: &Axis, by: &[Axis]) -> Vec<Axis> {
    value
        .axes
        .iter()
        .flat_map(|own| if own.name == axis.name { by.to_vec() } else { vec![own.clone()] })
        .collect()
}

/// `x as [S = T]`, and often a product of the two.
pub(crate) fn rename(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.length <= 40)?;
    maker.met("renaming");
    let value = maker.squash(&value)?;
    let name = maker.name("R");
    let new = Axis { name: name.clone(), declared: false, ..axis.clone() };
    let text = format!("{} as [{name} = {}]", value.text, axis.name);
    let renamed = maker.bind(&text, value.element, replaced(&value, &axis, &[new]), value.bits)?;
    if maker.random.once_in(3) {
        return Some(renamed);
    }
    maker.body.values.push(renamed.clone());
    let shared =
        value.axes.iter().filter(|own| own.name != axis.name && !own.is_rest()).cloned().collect::<Vec<_>>();
    let Some(shared) = maker.random.pick(&shared) else { return Some(renamed) };
    contracted(maker, &value, &renamed, &shared)
}

/// Attention of a sequence to itself, in full.
pub(crate) fn attention(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let value = maker.value(|value| {
        let named = value.axes.iter().filter(|axis| !axis.is_rest()).count();
        value.element == float
            && value.is_indexable()
            && named >= 2
            && value.axes.last().is_some_and(Axis::is_static)
    })?;
    let value = maker.squash(&value)?;
    let features = value.axes.last()?.clone();
    let rows = value.axes.iter().rev().nth(1)?.clone();
    if rows.is_rest() || (maker.exact && rows.length > 8) {
        return None;
    }
    maker.met("attention");
    maker.met("renaming");
    if rows.is_ragged() {
        maker.met("attention along a ragged axis");
    }
    let s = maker.name("S");
    let (x, t, d) = (&value.text, &rows.name, &features.name);
    let key = Axis { name: s.clone(), declared: false, ..rows.clone() };
    let (mask, of_mask) = match maker.random.below(3) {
        0 => (format!("coordinate({s}) <= coordinate({t})"), vec![key.clone(), rows.clone()]),
        1 => {
            let mask = format!("coordinate({t}) >= coordinate({s}) && coordinate({t}) - coordinate({s}) < 3");
            (mask, vec![rows.clone(), key.clone()])
        }
        _ => (format!("coordinate({s}) >= 0"), vec![key.clone()]),
    };
    maker.met("coordinate");
    let mut all = value.axes.clone();
    all.insert(0, key.clone());
    if !maker.is_small(&all) {
        return None;
    }
    let keys = maker.bind(
        &format!("{x} as [{s} = {t}]"),
        float,
        replaced(&value, &rows, std::slice::from_ref(&key)),
        INPUT,
    )?;
    let scores: Vec<Axis> =
        value.axes.iter().filter(|axis| axis.name != *d).cloned().chain([key.clone()]).collect();
    let bits = INPUT.times(INPUT).sum_of(features.length);
    let shown = maker.bind(&format!("{x} @ {}", keys.text), float, scores.clone(), bits)?;
    let masked = union(&of_mask, &scores);
    let weights = if maker.exact {
        let text = format!("where({mask}, limited({}), 0.0)", shown.text);
        maker.bind(&text, float, masked, INPUT)?
    } else {
        let shown =
            maker.bind(&format!("where({mask}, {}, -inf)", shown.text), float, masked.clone(), bits)?;
        let text = format!("exp({} - max({}, over {s}))", shown.text, shown.text);
        let shifted = maker.bind(&text, float, masked.clone(), INPUT)?;
        let text = format!("{} / sum({}, over {s})", shifted.text, shifted.text);
        maker.bind(&text, float, masked, INPUT)?
    };
    contracted(maker, &weights, &keys, &key)
}

/// Some of the entries along an axis, or one.
pub(crate) fn slice(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.is_known() && axis.length > 1)?;
    maker.met("a slice");
    let begin = maker.random.below(axis.length);
    if maker.random.once_in(2) {
        let text = value.at(&[(&axis.name, &begin.to_string())]);
        return maker.bind(&text, value.element, replaced(&value, &axis, &[]), value.bits);
    }
    let length = 1 + maker.random.below(axis.length - begin);
    let text = match (begin, begin + length == axis.length) {
        (0, _) => format!("..{length}"),
        (begin, true) => format!("{begin}.."),
        (begin, false) => format!("{begin}..{}", begin + length),
    };
    let text = value.at(&[(&axis.name, &text)]);
    if value.open() || length == axis.length {
        return None;
    }
    // The new axis has no name: a sum ends it.
    let new = if value.axes.last().is_some_and(|last| last.name == axis.name) { text } else { return None };
    maker.bind(&format!("sum({new})"), value.element, replaced(&value, &axis, &[]), value.bits.sum_of(length))
}

/// Entries before and after.
pub(crate) fn pad(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.is_even() && axis.kind != AxisKind::Static)?;
    let value = maker.squash(&value)?;
    maker.met("pad");
    let (before, after) = (maker.random.below(3), maker.random.below(2));
    let new = longer(maker, &axis, before + after);
    let number = maker.random.pick(&["", ", value = 1", ", value = -0.5"])?;
    let text = format!("pad[{}]({}, over {}, before = {before}{number})", new.name, value.text, axis.name);
    maker.bind(&text, value.element, replaced(&value, &axis, &[new]), INPUT)
}

/// An axis as long as another and some more.
fn longer(maker: &mut Maker, axis: &Axis, more: usize) -> Axis {
    let name = maker.name("P");
    let size =
        if axis.is_known() { (axis.length + more).to_string() } else { format!("{} + {more}", axis.size) };
    maker.line(&format!("axis {name} = {size}"));
    Axis { name, size, length: axis.length + more, kind: axis.kind, declared: true }
}

/// Windows on an axis, and often a convolution with them.
pub(crate) fn window(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.kind != AxisKind::Static)?;
    let value = maker.squash(&value)?;
    maker.met("window");
    let taps = maker.random.pick(&[1, 2, 3])?;
    let tap = {
        let name = maker.name("W");
        maker.line(&format!("axis {name} = {taps}"));
        name
    };
    let tap = Axis { name: tap, size: taps.to_string(), length: taps, kind: AxisKind::Known, declared: true };
    let (place, extra) = if axis.is_ragged() {
        maker.met("windows on a ragged axis");
        (axis.clone(), maker.random.pick(&["", ", dilation = 2", ", value = 0.5"])?)
    } else {
        let extras = ["", ", dilation = 2", ", stride = 2", ", value = 0.5"];
        (longer(maker, &axis, 0), maker.random.pick(&extras)?)
    };
    let before = maker.random.below(taps + 1);
    let text = format!(
        "window[{}, {}]({}, over {}{extra}, before = {before})",
        place.name, tap.name, value.text, axis.name
    );
    let axes = replaced(&value, &axis, &[place, tap.clone()]);
    let shown = maker.bind(&text, value.element, axes, INPUT)?;
    match maker.random.below(3) {
        0 => Some(shown),
        1 => super::reductions::reduced(maker, &shown, &[tap]),
        _ => {
            let weight = maker.weight("kernel", value.element, std::slice::from_ref(&tap))?;
            contracted(maker, &shown, &weight, &tap)
        }
    }
}

/// A value after another along an axis.
pub(crate) fn concat(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.is_even() && axis.kind != AxisKind::Static)?;
    let (element, text) = (value.element, value.text.clone());
    let others: Vec<String> = value.axes.iter().map(|axis| axis.name.clone()).collect();
    let other = maker.value(|other| {
        other.element == element
            && other.text != text
            && other.axes.len() == others.len()
            && other.axes.iter().all(|axis| others.contains(&axis.name))
    });
    let other = match other {
        Some(other) => other,
        None => maker.bind(
            &format!("{} + 1", value.text),
            element,
            value.axes.clone(),
            value.bits.both(INPUT).sum_of(2),
        )?,
    };
    maker.met("concat");
    let name = maker.name("C");
    let size = format!("2 * {}", if axis.is_known() { axis.length.to_string() } else { axis.size.clone() });
    let size = if axis.size.contains(' ') { return None } else { size };
    maker.line(&format!("axis {name} = {size}"));
    let new = Axis { name: name.clone(), size, length: 2 * axis.length, kind: axis.kind, declared: true };
    let text = format!("concat[{name}]({}, {}, over {})", value.text, other.text, axis.name);
    maker.bind(&text, element, replaced(&value, &axis, &[new]), value.bits.both(other.bits))
}

/// An axis as two, often with something done along one of them, and back.
pub(crate) fn split(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.is_known() && matches!(axis.length, 2 | 4 | 6 | 8))?;
    maker.met("merge and split");
    let first = if maker.random.once_in(2) { 2 } else { axis.length / 2 };
    let lengths = [first, axis.length / first];
    let parts: Vec<Axis> = lengths
        .iter()
        .map(|length| {
            let name = maker.name("A");
            maker.line(&format!("axis {name} = {length}"));
            Axis { name, size: length.to_string(), length: *length, kind: AxisKind::Known, declared: true }
        })
        .collect();
    let [a, b] = parts.as_slice() else { return None };
    let text = format!("split[{}, {}]({}, over {})", a.name, b.name, value.text, axis.name);
    let apart = maker.bind(&text, value.element, replaced(&value, &axis, &parts), value.bits)?;
    if maker.random.once_in(3) {
        return Some(apart);
    }
    maker.body.values.push(apart.clone());
    let changed = match maker.random.below(3) {
        0 => apart,
        1 => {
            let text = format!("max({}, over {})", apart.text, b.name);
            let largest = maker.bind(&text, value.element, replaced(&apart, b, &[]), value.bits)?;
            let text = format!("{} - {}", apart.text, largest.text);
            maker.bind(&text, value.element, apart.axes.clone(), value.bits.sum_of(2))?
        }
        _ => {
            let text = format!("cumsum({}, over {})", apart.text, a.name);
            maker.bind(&text, value.element, apart.axes.clone(), value.bits.sum_of(a.length))?
        }
    };
    let text = format!("merge[{}]({}, over ({}, {}))", axis.name, changed.text, a.name, b.name);
    let bits = changed.bits;
    maker.bind(&text, value.element, value.axes, bits)
}

/// Sums up to each entry, or entries in their order.
pub(crate) fn running(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |_| true)?;
    let (name, bits) = if maker.random.once_in(2) {
        maker.met("cumsum");
        ("cumsum", value.bits.sum_of(axis.length))
    } else {
        if axis.is_ragged() {
            maker.met("a sorted ragged axis");
        }
        maker.met("sort");
        ("sort", value.bits)
    };
    if !is_whole(&replaced(&value, &axis, &[])) {
        return None;
    }
    maker.bind(&format!("{name}({}, over {})", value.text, axis.name), value.element, value.axes, bits)
}

/// The place of the largest entry, as an index.
pub(crate) fn largest_place(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.is_known())?;
    maker.met("argmax");
    let text = format!("argmax({}, over {})", value.text, axis.name);
    let found = maker.bind(&text, Element::I64, replaced(&value, &axis, &[]), Bits::default())?;
    Some(Value { below: Some(axis.length), ..found })
}

/// Whole numbers from 0 to below an end: some that are there, an input, places, or some made of numbers.
pub(crate) fn index(maker: &mut Maker, end: usize) -> Option<Value> {
    if maker.random.once_in(2) {
        let all = maker.body.axes();
        let inputs: Vec<Axis> = all.iter().filter(|axis| axis.is_input()).cloned().collect();
        let axis = maker.random.pick(&inputs);
        let over = axis.as_ref().and_then(Axis::over);
        let over = all.into_iter().filter(|own| over == Some(own.name.as_str()));
        let axes: Vec<Axis> = over.chain(axis).collect();
        if let Some(found) = maker.input("index", Element::I64, &axes, Contents::Below(end)) {
            return Some(found);
        }
    }
    let found = match maker.value(|value| value.below.is_some()) {
        Some(found) => found,
        // A number of a program that is not exact is at a jump too often.
        None if maker.exact => {
            let value = maker.small_number()?;
            maker.met("integers");
            let text = format!("abs({} * 4) as i64", value.text);
            let found = maker.bind(&text, Element::I64, value.axes, Bits::default())?;
            Value { below: Some(9), ..found }
        }
        None => {
            let places = places(maker)?;
            if places.element != Element::I64 {
                return None;
            }
            places
        }
    };
    if found.below.is_some_and(|below| below <= end) {
        return Some(found);
    }
    let text = format!("{} % {end}", found.text);
    let found = maker.bind(&text, Element::I64, found.axes, Bits::default())?;
    Some(Value { below: Some(end), ..found })
}

/// Places along an axis, as an index or as numbers.
pub(crate) fn places(maker: &mut Maker) -> Option<Value> {
    let axes: Vec<Axis> =
        maker.body.axes().into_iter().filter(|axis| !axis.is_rest() && axis.declared).collect();
    let axis = maker.random.pick(&axes)?;
    maker.met("coordinate");
    let (text, axes) = match axis.over() {
        Some(over) => {
            let over = maker.body.axes().into_iter().find(|own| own.name == over)?;
            (format!("abs({0} - 1 - coordinate({0})) % 4", axis.name), vec![over, axis])
        }
        None => (format!("coordinate({}) % 4", axis.name), vec![axis]),
    };
    let places = maker.bind(&text, Element::I64, axes, Bits::default())?;
    let places = Value { below: Some(4), ..places };
    if maker.random.once_in(2) {
        return Some(places);
    }
    maker.body.values.push(places.clone());
    let float = maker.float;
    let text = format!("{} as {} / 2", places.text, float.name());
    maker.bind(&text, float, places.axes, INPUT)
}

/// Rows of a table by an index.
pub(crate) fn lookup(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let length = 2 + maker.random.below(4);
    let index = index(maker, length)?;
    let axes = maker.body.axes();
    let features: Vec<Axis> =
        axes.into_iter().filter(|axis| axis.is_static() && axis.declared && !index.has(&axis.name)).collect();
    let features: Vec<Axis> = maker.random.pick(&features).into_iter().collect();
    let rows = maker.axis("V", length);
    let table: Vec<Axis> = [rows].into_iter().chain(features.clone()).collect();
    let table = maker.weight("table", float, &table)?;
    maker.met("a lookup");
    if !index.ragged().is_empty() {
        maker.met("a lookup by ragged rows");
    }
    let axes: Vec<Axis> = index.axes.iter().cloned().chain(features).collect();
    maker.bind(&format!("{}[{}]", table.text, index.text), float, axes, INPUT)
}

/// Entries added up, or put, where an index says.
pub(crate) fn scatter(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let length = 2 + maker.random.below(4);
    let index = index(maker, length)?;
    let axis = index.axes.iter().find(|axis| !axis.is_rest() && index.axes.len() == 1)?.clone();
    let value = maker.value(|value| value.element == float && value.has(&axis.name) && !value.open())?;
    let value = maker.squash(&value)?;
    let new = maker.axis("B", length);
    let rest: Vec<Axis> = value.axes.iter().filter(|own| own.name != axis.name).cloned().collect();
    if maker.random.once_in(2) {
        maker.met("scatter_add");
        let text = format!(
            "scatter_add[{}]({}, {}, {})",
            new.name,
            value.text,
            index.text,
            over(std::slice::from_ref(&axis))
        );
        let axes = [new].into_iter().chain(rest).collect();
        return maker.bind(&text, float, axes, value.bits.sum_of(axis.length));
    }
    let base: Vec<Axis> =
        [new.clone()].into_iter().chain(rest.iter().filter(|axis| axis.is_static()).cloned()).collect();
    if base.len() != rest.len() + 1 {
        return None;
    }
    let base = maker.weight("base", float, &base)?;
    maker.met("scatter");
    let text =
        format!("scatter[{}]({}, {}, {}, {})", new.name, base.text, value.text, index.text, over(&[axis]));
    maker.bind(&text, float, base.axes, INPUT)
}

/// A sequence of which only the first entries count, as many as an input says for each row.
pub(crate) fn padded(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float && value.axes.iter().filter(|axis| axis.is_free()).count() >= 2
    })?;
    let free: Vec<Axis> = value.axes.iter().filter(|axis| axis.is_free()).cloned().collect();
    let [rows, places, ..] = free.as_slice() else { return None };
    maker.met("a padded ragged axis");
    maker.met("coordinate");
    let lengths = maker.input(
        "length",
        Element::I64,
        std::slice::from_ref(rows),
        Contents::Below(places.length + 1),
    )?;
    let text = format!("where(coordinate({}) < {}, {}, 0.0)", places.name, lengths.text, value.text);
    let axes = union(&[places.clone(), rows.clone()], &value.axes);
    maker.bind(&text, float, axes, value.bits)
}

/// The largest entries of an axis, and how many they are.
pub(crate) fn kept(maker: &mut Maker) -> Option<Value> {
    let (value, axis) = along(maker, |axis| axis.is_static() && axis.length > 1)?;
    let value = maker.squash(&value)?;
    let count = 1 + maker.random.below(axis.length.min(3));
    maker.met("K of E");
    maker.met("where");
    let text =
        format!("where(largest_mask[{count}]({}, over {}), {}, 0.0)", value.text, axis.name, value.text);
    let bounds = vec![Bound { count, axes: vec![axis.name] }];
    maker.bind_bounded(&text, value.element, value.axes, value.bits, bounds)
}
