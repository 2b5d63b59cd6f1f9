//! Mixtures of experts, in the ways there are to write them.

use super::body::Kind;
use super::definitions::{definition, featured, instance, Role};
use super::gates;
use super::library;
use super::maker::{union, Maker, INPUT};
use super::movement;
use super::value::{Axis, AxisKind, Value};
use crate::bits::Bits;

/// A sum over experts, weighted by a gate.
pub(crate) fn mixture(maker: &mut Maker) -> Option<Value> {
    if maker.body.kind == Kind::Function || maker.body.in_loop {
        return None;
    }
    match maker.random.below(14) {
        0 => two_levels(maker),
        1 => listed(maker),
        2 => by_hand(maker),
        3 => chosen(maker),
        4 | 7 => of_sequences(maker),
        5 => routed_only(maker),
        6 => several_gates(maker),
        _ => stacked(maker),
    }
}

/// Features, an axis of experts, and how large a weighted sum of them is.
fn begin(maker: &mut Maker, longest: usize) -> Option<(Value, Axis, Axis)> {
    let (x, features) = featured(maker)?;
    let length = 2 + maker.random.below(longest - 1);
    let experts = maker.axis("E", length);
    let all: Vec<Axis> = x.axes.iter().cloned().chain([experts.clone(), features.clone()]).collect();
    maker.is_small(&all).then_some((x, features, experts))
}

fn weighted(experts: &Axis) -> Bits {
    INPUT.times(INPUT).sum_of(experts.length)
}

/// An expert of the program or the library.
fn some_expert(maker: &mut Maker, features: &Axis) -> Option<String> {
    if maker.random.once_in(2) {
        if let Some(name) = library::expert(maker, features) {
            return Some(name);
        }
    }
    let definition = definition(maker, Role::Expert, features.length)?;
    Some(instance(maker, &definition))
}

/// The same, with what it gives as large as inputs are.
fn limited(name: &str, call: String) -> String {
    if name.starts_with("worker") {
        call
    } else {
        format!("limited({call})")
    }
}

/// `sum e: E { g[_, e] * experts[e](x) }` and what may stand around it.
fn stacked(maker: &mut Maker) -> Option<Value> {
    let (x, features, experts) = begin(maker, 5)?;
    let g = gates::gate(maker, &x, &experts)?;
    let reads = maker.random.once_in(4).then(|| definition(maker, Role::Reading, features.length)).flatten();
    let name = match &reads {
        Some(reads) => instance(maker, reads),
        None => some_expert(maker, &features)?,
    };
    maker.met("a stack of parts");
    let (part, e) = (maker.name("experts"), maker.name("e"));
    maker.line(&format!("part {part} = [{name}; {}]", experts.name));
    let weight = g.at(&[(&experts.name, &e)]);
    let mut call = if reads.is_some() {
        maker.met("an expert that reads its gate");
        format!("{part}[{e}]({}, {weight})", x.text)
    } else {
        limited(&name, format!("{part}[{e}]({})", x.text))
    };
    let mut bits = weighted(&experts);
    if maker.random.once_in(4) {
        maker.met("a residual inside the sum");
        call = format!("({} + {call})", x.text);
        bits.magnitude += 1;
    }
    let mut text = format!("sum {e}: {} {{ {weight} * {call} }}", experts.name);
    match maker.random.below(4) {
        0 => {
            maker.met("a shared expert");
            let shared = some_expert(maker, &features)?;
            let beside = maker.name("shared");
            maker.line(&format!("part {beside} = {shared}"));
            text = format!("{} + {text}", limited(&shared, format!("{beside}({})", x.text)));
            bits = bits.sum_of(2);
        }
        1 => {
            text = format!("{} + {text}", x.text);
            bits = bits.sum_of(2);
        }
        _ => {}
    }
    maker.bind(&text, x.element, x.axes, bits)
}

/// A gate of groups and one in each group.
fn two_levels(maker: &mut Maker) -> Option<Value> {
    let (x, features, outer) = begin(maker, 3)?;
    let length = 2 + maker.random.below(2);
    let inner = maker.axis("J", length);
    let all: Vec<Axis> = x.axes.iter().cloned().chain([outer.clone(), inner.clone()]).collect();
    if !maker.is_small(&all) {
        return None;
    }
    let g = gates::two_levels(maker, &x, &outer, &inner)?;
    let name = some_expert(maker, &features)?;
    maker.met("a stack of stacks");
    let (part, i, j) = (maker.name("experts"), maker.name("i"), maker.name("j"));
    maker.line(&format!("part {part} = [[{name}; {}]; {}]", inner.name, outer.name));
    let weight = g.at(&[(&outer.name, &i), (&inner.name, &j)]);
    let call = limited(&name, format!("{part}[{i}][{j}]({})", x.text));
    let text = if maker.random.once_in(2) {
        format!("sum ({i}: {}, {j}: {}) {{ {weight} * {call} }}", outer.name, inner.name)
    } else {
        format!("sum {i}: {} {{ sum {j}: {} {{ {weight} * {call} }} }}", outer.name, inner.name)
    };
    let bits = INPUT.times(INPUT).sum_of(outer.length * inner.length);
    maker.bind(&text, x.element, x.axes, bits)
}

/// A list of different experts.
fn listed(maker: &mut Maker) -> Option<Value> {
    let (x, features) = featured(maker)?;
    let length = 2 + maker.random.below(2);
    let name = maker.name("E");
    maker.line(&format!("axis {name} = {length}"));
    let experts = Axis { name, size: length.to_string(), length, kind: AxisKind::Known, declared: true };
    let g = gates::gate(maker, &x, &experts)?;
    let names: Vec<String> = (0..length).map(|_| some_expert(maker, &features)).collect::<Option<_>>()?;
    maker.met("a list of different parts");
    let (part, e) = (maker.name("experts"), maker.name("e"));
    maker.line(&format!("part {part} = [{}]", names.join(", ")));
    let weight = g.at(&[(&experts.name, &e)]);
    let text = format!("sum {e}: {} {{ {weight} * limited({part}[{e}]({})) }}", experts.name, x.text);
    maker.bind(&text, x.element, x.axes, weighted(&experts))
}

/// Experts that are weights with an axis of experts.
fn by_hand(maker: &mut Maker) -> Option<Value> {
    let (x, features, experts) = begin(maker, 5)?;
    let g = gates::gate(maker, &x, &experts)?;
    maker.met("weights of experts without parts");
    let length = maker.short();
    let hidden = maker.axis("H", length);
    let axes = [experts.clone(), features.clone(), hidden.clone()];
    let up = maker.weight("up", x.element, &axes)?;
    let bias = maker.weight("bias", x.element, &[experts.clone(), hidden.clone()])?;
    let (e, float) = (maker.name("e"), x.element);
    let rows: Vec<Axis> = x.axes.iter().filter(|axis| axis.name != features.name).cloned().collect();
    let out: Vec<Axis> = rows.into_iter().chain([hidden.clone()]).collect();
    let weight = g.at(&[(&experts.name, &e)]);
    let text = match maker.random.below(3) {
        0 => format!(
            "sum {e}: {} {{ {weight} * limited({} @ {}[{e}] + {}[{e}]) }}",
            experts.name, x.text, up.text, bias.text
        ),
        1 => {
            let all = union(&x.axes, &[experts.clone(), hidden]);
            if !maker.is_small(&all) {
                return None;
            }
            let text = format!("limited({} @ {} + {})", x.text, up.text, bias.text);
            let axes = all.into_iter().filter(|axis| axis.name != features.name).collect();
            let h = maker.bind(&text, float, axes, INPUT)?;
            format!("sum({} * {}, over {})", g.text, h.text, experts.name)
        }
        _ => {
            let text = format!("{} * {}", g.text, x.text);
            let given =
                maker.bind_bounded(&text, float, union(&g.axes, &x.axes), INPUT.times(INPUT), g.bounds)?;
            let given = maker.squash(&given)?;
            format!("sum({} * {}, over ({}, {}))", given.text, up.text, experts.name, features.name)
        }
    };
    let bits = INPUT.times(INPUT).sum_of(experts.length * features.length);
    maker.bind(&text, float, out, bits)
}

/// For each row the part that an index names.
fn chosen(maker: &mut Maker) -> Option<Value> {
    let (x, features, experts) = begin(maker, 4)?;
    let index = movement::index(maker, experts.length)?;
    if !index.axes.iter().all(|axis| x.has(&axis.name) && axis.name != features.name) {
        return None;
    }
    let definition = definition(maker, Role::Expert, features.length)?;
    maker.met("a part chosen by a row");
    maker.met("a stack of parts");
    let part = maker.name("experts");
    let name = instance(maker, &definition);
    maker.line(&format!("part {part} = [{name}; {}]", experts.name));
    let axes = union(&index.axes, &x.axes);
    // The order of the axes is not said: what comes of it is not indexed by place.
    let text = format!("{} + {part}[{}]({})", x.text, index.text, x.text);
    maker.bind(&text, x.element, axes, INPUT.sum_of(2)).map(|value| Value { axes: x.axes, ..value })
}

/// A gate of whole sequences, with experts that look along them.
fn of_sequences(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let x = maker.value(|value| {
        let free = |axis: &&Axis| axis.kind == AxisKind::Free || axis.is_ragged();
        value.element == float
            && value.is_indexable()
            && value.axes.len() >= 3
            && value.axes.iter().rev().nth(1).filter(free).is_some_and(|axis| axis.length <= 8)
            && value.axes.last().is_some_and(Axis::is_static)
    })?;
    let x = maker.squash(&x)?;
    let features = x.axes.last()?.clone();
    let places = x.axes.iter().rev().nth(1)?.clone();
    let length = 2 + maker.random.below(2);
    let experts = maker.axis("E", length);
    let rows: Vec<Axis> = x.axes.iter().filter(|axis| axis.name != places.name).cloned().collect();
    let text = format!("limited(sum({}, over {}))", x.text, places.name);
    let whole = maker.bind(&text, float, rows, INPUT)?;
    let g = gates::gate(maker, &whole, &experts)?;
    let role = if places.is_ragged() { Role::Stretches } else { Role::Sequence };
    let over = x.axes.first().is_some_and(|first| places.over() == Some(first.name.as_str()));
    if places.is_ragged() && !(over && x.axes.len() == 3) {
        return None;
    }
    let definition = definition(maker, role, features.length)?;
    maker.met("an expert of whole sequences");
    let (part, e) = (maker.name("experts"), maker.name("e"));
    let name = instance(maker, &definition);
    maker.line(&format!("part {part} = [{name}; {}]", experts.name));
    let weight = g.at(&[(&experts.name, &e)]);
    let text = format!("{} + sum {e}: {} {{ {weight} * {part}[{e}]({}) }}", x.text, experts.name, x.text);
    maker.bind(&text, float, x.axes, weighted(&experts).sum_of(2))
}

/// What experts are given on the whole, of the rows that reach them.
fn routed_only(maker: &mut Maker) -> Option<Value> {
    let (x, features, experts) = begin(maker, 4)?;
    let rows = x.axes.first().filter(|axis| axis.kind == AxisKind::Free && x.axes.len() == 2)?.clone();
    let g = gates::gate(maker, &x, &experts)?;
    if g.axes.first().is_none_or(|axis| axis.name != rows.name) {
        return None;
    }
    maker.met("routed rows only");
    let n = maker.name("n");
    let (gate, row) = (g.at(&[(&rows.name, &n)]), x.at(&[(&rows.name, &n)]));
    let text = format!("limited(sum {n}: {} where {gate} != 0 {{ {gate} * {row} }})", rows.name);
    let given = maker.bind(&text, x.element, vec![experts.clone(), features], INPUT)?;
    if maker.random.once_in(3) {
        return Some(given);
    }
    let text = format!("{} + sum({} * {}, over {})", x.text, g.text, given.text, experts.name);
    maker.bind(&text, x.element, x.axes, weighted(&experts).sum_of(2))
}

/// Two gates over one set of experts, together or apart.
fn several_gates(maker: &mut Maker) -> Option<Value> {
    let (x, features, experts) = begin(maker, 5)?;
    let (a, b) = (gates::gate(maker, &x, &experts)?, gates::gate(maker, &x, &experts)?);
    let name = some_expert(maker, &features)?;
    maker.met("several gates of one set of experts");
    maker.met("a union of supports");
    let (part, e) = (maker.name("experts"), maker.name("e"));
    maker.line(&format!("part {part} = [{name}; {}]", experts.name));
    let at = [(experts.name.as_str(), e.as_str())];
    let (first, second) = (a.at(&at), b.at(&at));
    let call = limited(&name, format!("{part}[{e}]({})", x.text));
    let text = if maker.random.once_in(2) {
        format!("sum {e}: {} {{ ({first} + {second}) * {call} }}", experts.name)
    } else {
        maker.met("a part called twice");
        let again = limited(&name, format!("{part}[{e}]({} * 0.5)", x.text));
        format!("sum {e}: {0} {{ {first} * {call} }} + sum {e}: {0} {{ {second} * {again} }}", experts.name)
    };
    let bits = weighted(&experts).sum_of(2);
    maker.bind(&text, x.element, x.axes, Bits { fraction: bits.fraction + 1, ..bits })
}
