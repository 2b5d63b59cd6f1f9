//! States, what is observed, and numbers by chance.

use super::body::Kind;
use super::definitions::{feature_axis, featured};
use super::inputs::Contents;
use super::maker::{Maker, INPUT};
use super::movement;
use super::value::{Axis, Value};
use moe_graph::Element;

/// A value for whoever asks for it.
pub(crate) fn observe(maker: &mut Maker) {
    let Some(value) = maker.number() else { return };
    // Files hold rows along one ragged axis.
    if value.open() || value.ragged().len() > 1 {
        return;
    }
    maker.met("observe");
    let name = maker.name("seen");
    maker.line(&format!("observe {name} = {}", value.text));
}

/// The same as a step.
pub(crate) fn observed(maker: &mut Maker) -> Option<Value> {
    observe(maker);
    maker.number()
}

/// Numbers by chance like a value.
pub(crate) fn random(maker: &mut Maker) -> Option<Value> {
    let value = maker.small_number()?;
    maker.met("random");
    let seed = maker.input("seed", Element::I64, &[], Contents::Below(1000));
    let (x, float) = (&value.text, maker.float.name());
    let like = if float == "f32" { x.clone() } else { format!("{x} as f32") };
    let drawn = match seed {
        Some(seed) => format!("random({}, {like})", seed.text),
        None => format!("random({}, {like})", maker.random.below(9)),
    };
    let text = match maker.random.below(3) {
        0 => format!("where({drawn} < 0.5, {x}, 0.0)"),
        1 if float == "f32" => format!("{x} + floor({drawn} * 4) / 4"),
        _ => format!("if {drawn} < 0.25 {{ -{x} }} else {{ {x} }}"),
    };
    maker.bind(&text, value.element, value.axes, INPUT.sum_of(2))
}

/// A state of the body: it adds up, decays, or counts.
pub(crate) fn state(maker: &mut Maker) -> Option<Value> {
    if maker.body.kind != Kind::Model || maker.body.in_loop {
        return None;
    }
    match maker.random.below(5) {
        0 | 4 => written(maker),
        1 => in_rounds(maker),
        2 => counting(maker),
        _ => added(maker),
    }
}

/// A value without its free axes.
fn statistic(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float
            && value.axes.iter().all(|axis| axis.declared)
            && value.axes.iter().any(Axis::is_static)
    })?;
    let free: Vec<Axis> = value.axes.iter().filter(|axis| !axis.is_static()).cloned().collect();
    let value = if free.is_empty() { value } else { super::reductions::reduced(maker, &value, &free)? };
    maker.squash(&value)
}

fn added(maker: &mut Maker) -> Option<Value> {
    let value = statistic(maker)?;
    maker.met("state");
    let state = maker.name("state");
    let begin = match maker.random.below(4) {
        0 => maker.random.pick(&["ones", "0.5"])?.to_owned(),
        1 | 2 => match maker.weight("start", value.element, &value.axes) {
            Some(weight) => {
                maker.met("a state that begins as a weight");
                format!("{} * 2", weight.text)
            }
            None => "zeros".to_owned(),
        },
        _ => "zeros".to_owned(),
    };
    maker.line(&format!(
        "state {state}: {} = {begin}",
        Value { bounds: Vec::new(), ..value.clone() }.type_text()
    ));
    let update = match maker.random.below(3) {
        0 => format!("{state} * 0.5 + {}", value.text),
        1 => format!("max({state}, {})", value.text),
        _ => format!("{state} + {}", value.text),
    };
    maker.body.stateful = true;
    let text = format!("limited({update})");
    let updated = maker.bind(&text, value.element, value.axes.clone(), INPUT)?;
    maker.line(&format!("next {state} = {}", updated.text));
    if maker.random.once_in(2) {
        return Some(updated);
    }
    // A state that begins as twice a weight is as large as that.
    let old = Value { text: format!("limited({state})"), bounds: Vec::new(), bits: INPUT, ..value };
    maker.bind(&old.text, old.element, old.axes.clone(), INPUT)
}

/// How many steps there were.
fn counting(maker: &mut Maker) -> Option<Value> {
    maker.met("state");
    let state = maker.name("state");
    let first = maker.random.below(3);
    maker.line(&format!("state {state}: i64 = {first}"));
    maker.line(&format!("next {state} = {state} + 1"));
    maker.body.stateful = true;
    let text = format!("{state} % 4");
    let found = maker.bind(&text, Element::I64, Vec::new(), INPUT)?;
    Some(Value { below: Some(4), ..found })
}

/// A value that is rows of features, as many as are given, and its axes.
fn rows_of_features(maker: &mut Maker) -> Option<(Value, Axis, Axis)> {
    let (value, features) = featured(maker)?;
    let rows = match value.axes.as_slice() {
        [rows, _] if rows.is_free() => rows.clone(),
        _ => return None,
    };
    Some((value, rows, features))
}

/// Rows written where an index says: a cache.
fn written(maker: &mut Maker) -> Option<Value> {
    let (value, rows, features) = rows_of_features(maker)?;
    maker.met("state");
    maker.met("scatter into a state");
    maker.met("scatter");
    let length = 4 + maker.random.below(5);
    let slots = maker.axis("S", length);
    let at = maker.input("at", Element::I64, std::slice::from_ref(&rows), Contents::Distinct(length))?;
    let state = maker.name("state");
    let ty = maker.float.name();
    maker.line(&format!("state {state}: {ty}[{}, {}] = zeros", slots.name, features.name));
    let text = format!("scatter[{}]({state}, {}, {}, over {})", slots.name, value.text, at.text, rows.name);
    let all = maker.bind(&text, value.element, vec![slots.clone(), features.clone()], INPUT)?;
    maker.line(&format!("next {state} = {}", all.text));
    maker.body.stateful = true;
    match maker.random.below(3) {
        0 => Some(all),
        1 => {
            maker.met("a lookup of a state");
            maker.met("a lookup");
            let index = movement::index(maker, length)?;
            if index.has(&features.name) {
                return None;
            }
            let axes: Vec<Axis> = index.axes.iter().cloned().chain([features]).collect();
            maker.bind(&format!("{}[{}]", all.text, index.text), value.element, axes, INPUT)
        }
        _ => {
            let s = maker.name("s");
            let text = format!(
                "{} + sum {s}: {} {{ where({s} <= {}, {}[{s}, _], 0.0) }}",
                value.text, slots.name, at.text, all.text
            );
            maker.bind(&text, value.element, value.axes, INPUT.sum_of(length).sum_of(2))
        }
    }
}

/// Layers of a stack, each with a state of its own, in the rounds of a loop, or one of them.
fn in_rounds(maker: &mut Maker) -> Option<Value> {
    let (value, rows, features) = rows_of_features(maker)?;
    maker.met("state");
    maker.met("a state in rounds");
    maker.met("an own layer");
    let (name, ty) = (maker.name("remembering"), maker.float.name());
    let cache = maker.random.once_in(2);
    let outer = maker.enter(Kind::Part);
    let inner = feature_axis(maker, features.length);
    let d = inner.name.clone();
    maker.parameter("x", maker.float, vec![Axis { name: "T".to_owned(), ..rows.clone() }, inner]);
    if cache {
        maker.met("scatter into a state");
        maker.body.parameters.push("at: i64[T]".to_owned());
        maker.line("axis S = 6");
        maker.line(&format!("weight scale: {ty}[{d}]"));
        maker.line(&format!("state rows: {ty}[S, {d}] = zeros"));
        maker.line("let all = scatter[S](rows, limited(x * scale), at, over T)");
        maker.line("next rows = all");
    } else {
        maker.line(&format!("weight start: {ty}[{d}] = zeros"));
        maker.line(&format!("state mean: {ty}[{d}] = start"));
        maker.line("let all = limited(mean * 0.5 + limited(sum(x, over T)))");
        maker.line("next mean = all");
    }
    let result =
        if cache { "limited(x + sum s: S { where(s <= at, all[s, _], 0.0) })" } else { "limited(x - all)" };
    let body = maker.leave(outer);
    maker.definition("layer", &name, &[], &body, &format!("{ty}[T, {d}]"), result);
    let length = 2 + maker.random.below(2);
    let layers = maker.axis("L", length);
    let (part, i, h) = (maker.name("layers"), maker.name("i"), maker.name("h"));
    let at = if cache {
        let at = maker.input("at", Element::I64, std::slice::from_ref(&rows), Contents::Below(6))?;
        format!(", {}", at.text)
    } else {
        String::new()
    };
    maker.line(&format!("part {part} = [{name}; {}]", layers.name));
    maker.body.stateful = true;
    if maker.random.once_in(3) {
        let chosen = if maker.random.once_in(3) {
            maker.random.below(length).to_string()
        } else {
            maker.met("a state of a part chosen while running");
            maker.input("choice", Element::I64, &[], Contents::Below(length))?.text
        };
        maker.line(&format!("let {h} = {part}[{chosen}]({}{at})", value.text));
        return Some(Value { text: h, bits: INPUT, ..value });
    }
    maker.line(&format!("let {h} = {}", value.text));
    maker.line(&format!("repeat {i} in {} {{", layers.name));
    maker.line(&format!("    {h} = {part}[{i}]({h}{at})"));
    maker.line("}");
    Some(Value { text: h, bits: INPUT, ..value })
}
