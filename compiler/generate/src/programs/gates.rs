//! Gates: values of which few entries along an axis are not zero.

use super::body::Kind;
use super::definitions::{bounded, feature_axis};
use super::library;
use super::maker::{Maker, INPUT};
use super::value::{type_text, Axis, AxisKind, Bound, Value};

/// A gate of the rows of `x` along an axis of experts.
pub(crate) fn gate(maker: &mut Maker, x: &Value, experts: &Axis) -> Option<Value> {
    let count = 1 + maker.random.below(experts.length.min(3));
    if !x.ragged().is_empty() {
        maker.met("gates over ragged rows");
    }
    match maker.random.below(7) {
        0 => given(maker, x, experts, count),
        1 | 2 => {
            let of_library = library::gate(maker, experts, count);
            match of_library {
                Some(name) => part(maker, x, experts, &name, bounded(count, experts)),
                None => own(maker, x, experts, count),
            }
        }
        3 => of_all_rows(maker, x, experts, count),
        _ => own(maker, x, experts, count),
    }
}

/// A part of a name, called.
fn part(maker: &mut Maker, x: &Value, experts: &Axis, name: &str, bounds: Vec<Bound>) -> Option<Value> {
    let part = maker.name("gate");
    maker.line(&format!("part {part} = {name}"));
    maker.met("K of E");
    let axes = rows_and(x, experts);
    // Gates of the library are limited where they are read.
    let bits = if name.starts_with("gate") { INPUT } else { INPUT.times(INPUT).sum_of(8) };
    let text = format!("{part}({})", x.text);
    let found = maker.bind_bounded(&text, x.element, axes, bits, bounds)?;
    maker.squash(&found)
}

/// The rows of a value, and another axis instead of its last.
fn rows_and(x: &Value, last: &Axis) -> Vec<Axis> {
    let rows = x.axes.len().saturating_sub(1);
    x.axes.iter().take(rows).cloned().chain([last.clone()]).collect()
}

/// A gate that is an input, with a bound that is verified.
fn given(maker: &mut Maker, x: &Value, experts: &Axis, count: usize) -> Option<Value> {
    let axes = rows_and(x, experts);
    let contents = super::inputs::Contents::Bounded { axis: axes.len() - 1, count };
    let float = maker.float;
    let Some(found) = maker.input("given", float, &axes, contents) else {
        return own(maker, x, experts, count);
    };
    maker.met("an input with a bound");
    maker.met("K of E");
    if maker.random.once_in(2) {
        return Some(found);
    }
    maker.met("expect");
    let text = format!("expect({}, {count} of {})", found.text, experts.name);
    maker.bind_bounded(&text, float, axes, found.bits, found.bounds)
}

/// A gate of the program: `gate g[E, K](x: f32[.., D]) -> f32[.., K of E]`.
fn own(maker: &mut Maker, x: &Value, experts: &Axis, count: usize) -> Option<Value> {
    maker.met("an own gate");
    maker.met("static parameters");
    maker.met("K of E");
    let name = maker.name("gate");
    let float = maker.float;
    let length = x.axes.last()?.length;
    let outer = maker.enter(Kind::Part);
    let features = feature_axis(maker, length);
    maker.parameter("x", float, vec![Axis::rest(), features.clone()]);
    let ty = float.name();
    maker.line(&format!("weight w: {ty}[{}, E] = glorot", features.name));
    maker.line("let s = limited(x @ w)");
    let (value, bound, count) = selection(maker, count, experts.length);
    let body = maker.leave(outer);
    let (statics, arguments) = if bound == "K" {
        (vec!["E".to_owned(), "K".to_owned()], format!("{}, {count}", experts.name))
    } else {
        (vec!["E".to_owned()], experts.name.clone())
    };
    maker.definition("gate", &name, &statics, &body, &format!("{ty}[.., {bound} of E]"), &value);
    part(maker, x, experts, &format!("{name}[{arguments}]"), bounded(count, experts))
}

/// The value of a gate's body with scores `s`, its bound as written, and as a number.
fn selection(maker: &mut Maker, count: usize, experts: usize) -> (String, String, usize) {
    let kind = maker.random.below(if maker.exact { 8 } else { 11 });
    let ty = maker.float.name();
    let with = |value: String| (value, "K".to_owned(), count);
    match kind {
        0 => {
            maker.met("a union of supports");
            maker.line(&format!("weight other: {ty}[E] = zeros"));
            maker.line("let t = s + other");
            let more = 1 + experts % 2;
            maker.line(&format!("let first = where(largest_mask[{count}](s, over E), s, 0.0)"));
            maker.line(&format!("let second = where(largest_mask[{more}](t, over E), limited(t), 0.0)"));
            ("limited(first + second)".to_owned(), (count + more).to_string(), count + more)
        }
        1 => {
            maker.met("an intersection of supports");
            with("where(largest_mask[K](s, over E) && s > 0, s, 0.0)".to_owned())
        }
        2 => {
            maker.met("random");
            maker.met("a gate chosen by chance");
            let drawn = random(maker, "s");
            maker.line(&format!("let noise = floor({drawn} * 4) / 4"));
            with("where(largest_mask[K](s + noise, over E), s, 0.0)".to_owned())
        }
        3 => with("where(largest_mask[K](s, over E), 1.0, 0.0)".to_owned()),
        4 => {
            maker.line(&format!("weight bias: {ty}[E] = zeros frozen"));
            with("where(largest_mask[K](s + bias, over E), max(s, 0), 0.0)".to_owned())
        }
        5 => {
            maker.met("expect");
            maker.line("let raw = fold 1 with y = where(largest_mask[K](s, over E), s, 0.0) { y * 0.5 }");
            with("limited(expect(raw, K of E))".to_owned())
        }
        8 => {
            let softmax = soft(maker);
            with(format!("{softmax}(where(largest_mask[K](s, over E), s, -inf), over E)"))
        }
        9 => {
            let softmax = soft(maker);
            maker.line(&format!("let p = {softmax}(s, over E)"));
            maker.line("let kept = where(largest_mask[K](p, over E), p, 0.0)");
            with("kept / sum(kept, over E)".to_owned())
        }
        _ => {
            maker.line("let mask = largest_mask[K](s, over E)");
            with("if mask { s } else { 0.0 }".to_owned())
        }
    }
}

/// The library's `softmax`, or one by hand.
fn soft(maker: &mut Maker) -> String {
    if maker.float == moe_graph::Element::F32 {
        return maker.uses("std::nn::softmax::softmax");
    }
    maker.own_softmax()
}

/// Numbers by chance like a value: as `f32`, so converted where those of the program are others.
pub(crate) fn random(maker: &mut Maker, like: &str) -> String {
    let key = maker.random.below(100);
    if maker.float == moe_graph::Element::F32 {
        format!("random({key}, {like})")
    } else {
        format!("(random({key}, {like} as f32) as {})", maker.float.name())
    }
}

/// A gate that looks at all rows: `C of N`, alone or with `K of E`.
fn of_all_rows(maker: &mut Maker, x: &Value, experts: &Axis, count: usize) -> Option<Value> {
    let counted = |axis: &&Axis| axis.declared && (axis.kind == AxisKind::Free || axis.is_ragged());
    let rows = x.axes.iter().rev().nth(1).filter(counted).cloned();
    let Some(rows) = rows else { return own(maker, x, experts, count) };
    let capacity = 1 + maker.random.below(4);
    let both = maker.random.once_in(2);
    let of_rows = Bound { count: capacity, axes: vec![rows.name.clone()] };
    let mut bounds = vec![of_rows];
    maker.met("C of N");
    if both {
        maker.met("both bounds");
        bounds.extend(bounded(count, experts));
        if let Some(name) =
            library::capacity(maker, experts, count, capacity).filter(|_| maker.random.once_in(2))
        {
            return part(maker, x, experts, &name, bounds);
        }
    }
    maker.met("an own gate");
    maker.met("static parameters");
    let (name, float) = (maker.name("gate"), maker.float);
    let length = x.axes.last()?.length;
    let outer = maker.enter(Kind::Part);
    let features = feature_axis(maker, length);
    let own_rows = Axis { name: "N".to_owned(), size: "N".to_owned(), kind: AxisKind::Free, ..rows };
    maker.parameter("x", float, vec![Axis::rest(), own_rows, features.clone()]);
    let ty = float.name();
    maker.line(&format!("weight w: {ty}[{}, E]", features.name));
    maker.line("let s = limited(x @ w)");
    let value = match (both, maker.random.once_in(2)) {
        (false, _) => "where(largest_mask[C](s, over N), s, 0.0)",
        (true, true) => "where(largest_mask[K](s, over E), where(largest_mask[C](s, over N), s, 0.0), 0.0)",
        (true, false) => "where(largest_mask[C](s, over N) && largest_mask[K](s, over E), s, 0.0)",
    };
    let body = maker.leave(outer);
    let mut statics = vec!["E".to_owned(), "C".to_owned()];
    statics.extend(both.then(|| "K".to_owned()));
    let bound = if both { "K of E" } else { "E" };
    let result = format!("{ty}[.., C of N, {bound}]");
    maker.definition("gate", &name, &statics, &body, &result, value);
    let k = if both { format!(", {count}") } else { String::new() };
    part(maker, x, experts, &format!("{name}[{}, {capacity}{k}]", experts.name), bounds)
}

/// A gate over two axes: `f32[.., A of I, B of J]`, or with one bound for both.
pub(crate) fn two_levels(maker: &mut Maker, x: &Value, outer: &Axis, inner: &Axis) -> Option<Value> {
    maker.met("two levels of gates");
    maker.met("K of E");
    let (a, b) = (1 + maker.random.below(outer.length.min(2)), 1 + maker.random.below(inner.length.min(2)));
    let first = own(maker, x, outer, a)?;
    let features = x.axes.last()?.clone();
    let weight = maker.weight("inner", x.element, &[features, outer.clone(), inner.clone()])?;
    let axes: Vec<Axis> = rows_and(x, outer).into_iter().chain([inner.clone()]).collect();
    let text = format!("limited({} @ {})", x.text, weight.text);
    let scores = maker.bind(&text, x.element, axes.clone(), INPUT)?;
    let text =
        format!("where(largest_mask[{b}]({}, over {}), {}, 0.0)", scores.text, inner.name, scores.text);
    let second = maker.bind_bounded(&text, x.element, axes.clone(), INPUT, bounded(b, inner))?;
    let count = first.bounds.iter().map(|bound| bound.count).next()?;
    let bounds = if maker.random.once_in(2) {
        maker.met("a bound over two axes at once");
        vec![Bound { count: count * b, axes: vec![outer.name.clone(), inner.name.clone()] }]
    } else {
        vec![Bound { count, axes: vec![outer.name.clone()] }, bounded(b, inner).remove(0)]
    };
    let bits = INPUT.times(INPUT);
    let text = format!("{} * {}", first.text, second.text);
    let ty = type_text(x.element, &axes, &bounds);
    let name = maker.name("v");
    maker.line(&format!("let {name}: {ty} = {text}"));
    let both = Value { text: name, element: x.element, axes, bits, bounds, below: None };
    maker.squash(&both)
}
