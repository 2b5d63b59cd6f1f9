//! Loops: as many rounds as an axis is long, or as turn out.

use super::arithmetic;
use super::body::Kind;
use super::definitions::{bounded, call_function, definition, instance, Role};
use super::inputs::Contents;
use super::maker::{union, Maker, Step, INPUT};
use super::value::{type_text, Axis, Bound, Value};
use super::{library, movement, reductions};
use moe_graph::Element;

/// What the bodies of loops are made of.
const STEPS: &[(usize, Step)] = &[
    (4, arithmetic::unary),
    (4, arithmetic::binary),
    (2, arithmetic::choice),
    (1, arithmetic::integers),
    (2, reductions::contraction),
    (1, reductions::reduction),
    (1, movement::running),
    (1, call_function),
    (1, library::function),
    (3, inner),
];

/// Begins a body within the body, in braces.
fn open(maker: &mut Maker) -> (usize, bool) {
    maker.body.indent += 1;
    let outer = (maker.body.values.len(), maker.body.in_loop);
    maker.body.in_loop = true;
    outer
}

/// Ends it: what was bound in it is not known any more.
fn close(maker: &mut Maker, (values, in_loop): (usize, bool)) {
    maker.body.indent -= 1;
    maker.body.values.truncate(values);
    maker.body.in_loop = in_loop;
}

/// A loop in a loop.
fn inner(maker: &mut Maker) -> Option<Value> {
    if maker.body.indent > 2 {
        return None;
    }
    maker.met("a loop in a loop");
    if maker.random.once_in(2) {
        repeat(maker)
    } else {
        fold(maker)
    }
}

/// A value that a loop can carry.
fn carried(maker: &mut Maker) -> Option<Value> {
    let value = maker.small_number()?;
    let name = maker.name("h");
    let value = Value { bounds: Vec::new(), ..value };
    maker.line(&format!("let {name} = {}", value.text));
    Some(Value { text: name, bits: INPUT, ..value })
}

/// `repeat i in L { h = … }`
pub(crate) fn repeat(maker: &mut Maker) -> Option<Value> {
    let h = carried(maker)?;
    maker.met("repeat");
    let length = 1 + maker.random.below(3);
    let features =
        h.axes.last().filter(|axis| axis.is_static() && axis.declared && h.is_indexable()).cloned();
    let may_have_parts = maker.body.kind != Kind::Function && maker.body.indent == 1;
    let stack = match features.filter(|_| may_have_parts && maker.random.once_in(2)) {
        Some(features) => Some(definition(maker, Role::Layer, features.length)?),
        None => None,
    };
    let i = maker.name("i");
    let named = stack.is_some() || maker.random.once_in(2);
    let axis = if named { Some(maker.axis("L", length)) } else { None };
    let part = maker.name("layers");
    if let (Some(stack), Some(axis)) = (&stack, &axis) {
        maker.met("repeat with a stack");
        let name = instance(maker, stack);
        maker.line(&format!("part {part} = [{name}; {}]", axis.name));
    }
    let over = axis.as_ref().map_or(length.to_string(), |axis| axis.name.clone());
    maker.line(&format!("repeat {i} in {over} {{"));
    let outer = open(maker);
    maker.body.values.push(h.clone());
    if stack.is_some() {
        let text = format!("{part}[{i}]({})", h.text);
        let value = maker.bind(&text, h.element, h.axes.clone(), INPUT)?;
        maker.body.values.push(value);
    }
    if maker.random.once_in(2) {
        maker.met("repeat with an index");
        let text = format!("{} + {i} as {}", h.text, maker.float.name());
        let value = maker.bind(&text, h.element, h.axes.clone(), INPUT.sum_of(4))?;
        maker.body.values.push(value);
    }
    let count = 1 + maker.random.below(2);
    maker.steps(STEPS, count);
    if maker.random.once_in(5) && maker.body.indent == 2 {
        super::states::observe(maker);
    }
    let next = maker.conform(&h.axes)?;
    maker.line(&format!("{} = {}", h.text, next.text));
    close(maker, outer);
    maker.line("}");
    Some(h)
}

/// How many rounds: a number, or an input.
fn rounds(maker: &mut Maker) -> String {
    if maker.body.indent == 1 || maker.random.once_in(2) {
        if let Some(count) = maker.input("rounds", Element::I64, &[], Contents::Below(4)) {
            return count.text;
        }
    }
    maker.random.below(3).to_string()
}

/// `fold n with h = x { … }`
pub(crate) fn fold(maker: &mut Maker) -> Option<Value> {
    maker.met("fold");
    let count = rounds(maker);
    match maker.random.below(4) {
        0 => folded_bound(maker, &count),
        1 => folded_pair(maker, &count),
        _ => folded(maker, &count),
    }
}

fn folded(maker: &mut Maker, count: &str) -> Option<Value> {
    let first = maker.small_number()?;
    let (h, result) = (maker.name("h"), maker.name("v"));
    maker.line(&format!("let {result} = fold {count} with {h} = {} {{", first.text));
    let first = Value { bounds: Vec::new(), ..first };
    let carried = Value { text: h, bits: INPUT, ..first.clone() };
    let outer = open(maker);
    maker.body.values.push(carried);
    let steps = 1 + maker.random.below(3);
    maker.steps(STEPS, steps);
    let next = maker.conform(&first.axes)?;
    maker.line(&next.text);
    close(maker, outer);
    maker.line("}");
    Some(Value { text: result, bits: INPUT, ..first })
}

fn folded_pair(maker: &mut Maker, count: &str) -> Option<Value> {
    let first = maker.small_number()?;
    maker.met("fold of several values");
    let (h, k) = (maker.name("h"), maker.name("k"));
    let (a, b) = (maker.name("v"), maker.name("v"));
    maker.line(&format!("let ({a}, {b}) = fold {count} with {h} = {}, {k} = 0 {{", first.text));
    let first = Value { bounds: Vec::new(), ..first };
    let outer = open(maker);
    maker.body.values.push(Value { text: h, bits: INPUT, ..first.clone() });
    let text = format!("{k} as {}", maker.float.name());
    let number = maker.bind(&format!("limited({text})"), maker.float, Vec::new(), INPUT)?;
    maker.body.values.push(number);
    let steps = 1 + maker.random.below(2);
    maker.steps(STEPS, steps);
    let next = maker.conform(&first.axes)?;
    maker.line(&format!("({}, {k} + 1)", next.text));
    close(maker, outer);
    maker.line("}");
    let count = Value {
        text: b,
        element: Element::I64,
        axes: Vec::new(),
        bits: INPUT,
        bounds: Vec::new(),
        below: Some(4),
    };
    maker.body.values.push(count);
    Some(Value { text: a, bits: INPUT, ..first })
}

/// A carried value whose bound each round keeps.
fn folded_bound(maker: &mut Maker, count: &str) -> Option<Value> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float
            && !value.open()
            && value.axes.iter().any(|axis| axis.is_static() && axis.declared)
    })?;
    let value = maker.squash(&value)?;
    let axes: Vec<Axis> =
        value.axes.iter().filter(|axis| axis.is_static() && axis.declared).cloned().collect();
    let axis = maker.random.pick(&axes)?;
    if value.axes.iter().any(|axis| !axis.declared) {
        return None;
    }
    maker.met("fold with a bound");
    maker.met("K of E");
    let most = 1 + maker.random.below(2);
    let bounds: Vec<Bound> = bounded(most, &axis);
    let (g, result) = (maker.name("g"), maker.name("v"));
    let ty = type_text(float, &value.axes, &bounds);
    let begin = format!("where(largest_mask[{most}]({0}, over {1}), {0}, 0.0)", value.text, axis.name);
    let body = match maker.random.below(3) {
        0 => format!("limited({g} * {})", value.text),
        1 => format!("{g} * 0.5"),
        _ => format!("limited({g} + {g})"),
    };
    let body = format!("limited({body})");
    let text = format!("fold {count} with {g}: {ty} = {begin} {{ {body} }}");
    maker.line(&format!("let {result} = {text}"));
    let axes = union(&value.axes, &[]);
    Some(Value { text: result, bounds, axes, bits: INPUT, ..value })
}
