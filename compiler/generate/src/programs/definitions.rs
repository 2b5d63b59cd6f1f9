//! Definitions that a program makes for itself, and the steps that call them.

use super::body::{Body, Kind};
use super::library;
use super::maker::{Maker, Step, INPUT};
use super::value::{type_text, Axis, AxisKind, Bound, Value};
use super::{arithmetic, loops, movement, ragged, reductions};
use moe_graph::Element;

/// How deep definitions stand in one another.
const DEEPEST: usize = 3;

/// What a definition takes and gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// `f32[..]` to the same.
    Pointwise,
    /// `f32[.., D]` to the same, with the word `layer`.
    Layer,
    /// The same, with the word `expert`.
    Expert,
    /// An expert that takes a number for each row besides.
    Reading,
    /// An expert of `f32[.., T, D]`.
    Sequence,
    /// An expert of `f32[.., B, T[B], D]`.
    Stretches,
}

/// A definition of the program.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub name: String,
    pub role: Role,
    /// The longest its features may be.
    pub longest: usize,
    /// Static arguments that may be given.
    pub arguments: Vec<String>,
}

impl Maker {
    /// Begins the body of a definition; the one around it.
    pub fn enter(&mut self, kind: Kind) -> Body {
        self.depth += 1;
        std::mem::replace(&mut self.body, Body::new(kind))
    }

    /// Ends it.
    pub fn leave(&mut self, outer: Body) -> Body {
        self.depth -= 1;
        std::mem::replace(&mut self.body, outer)
    }

    /// A parameter of the definition whose body this is.
    pub fn parameter(&mut self, name: &str, element: Element, axes: Vec<Axis>) -> Value {
        self.body.parameters.push(format!("{name}: {}", type_text(element, &axes, &[])));
        if axes.iter().any(Axis::is_rest) {
            self.met("axes left open");
        }
        Value { text: name.to_owned(), element, axes, bits: INPUT, bounds: Vec::new(), below: None }
    }

    /// A definition of a finished body.
    pub fn definition(
        &mut self,
        word: &str,
        name: &str,
        statics: &[String],
        body: &Body,
        result: &str,
        value: &str,
    ) {
        let statics: Vec<&str> = statics
            .iter()
            .map(String::as_str)
            .chain(body.statics.iter().map(|own| own.text.as_str()))
            .collect();
        let statics = if statics.is_empty() { String::new() } else { format!("[{}]", statics.join(", ")) };
        let parameters = body.parameters.join(", ");
        let mut text = format!("{word} {name}{statics}({parameters}) -> {result} {{\n");
        for line in &body.lines {
            text += &format!("{line}\n");
        }
        text += &format!("    {value}\n}}\n");
        self.item(text);
    }
}

/// An axis of a definition's own parameters.
pub(crate) fn feature_axis(maker: &mut Maker, length: usize) -> Axis {
    let name = maker.name("D");
    Axis { size: name.clone(), name, length, kind: AxisKind::Static, declared: true }
}

/// What layers and experts are made of.
const STEPS: &[(usize, Step)] = &[
    (3, arithmetic::unary),
    (3, arithmetic::binary),
    (1, arithmetic::quotient),
    (2, arithmetic::choice),
    (1, arithmetic::training),
    (1, arithmetic::half),
    (1, arithmetic::integers),
    (1, reductions::bytes),
    (4, reductions::dense),
    (3, reductions::contraction),
    (2, reductions::reduction),
    (1, reductions::over_index),
    (1, movement::running),
    (2, call_layer),
    (1, call_function),
    (1, library::function),
    (1, loops::repeat),
];

const POINTWISE: &[(usize, Step)] = &[
    (4, arithmetic::unary),
    (3, arithmetic::binary),
    (2, arithmetic::choice),
    (1, arithmetic::quotient),
    (1, arithmetic::integers),
    (1, arithmetic::half),
];

const SEQUENCE: &[(usize, Step)] = &[
    (2, arithmetic::unary),
    (2, arithmetic::binary),
    (3, movement::attention),
    (2, reductions::dense),
    (1, reductions::contraction),
    (1, movement::window),
];

const STRETCHES: &[(usize, Step)] = &[
    (2, arithmetic::unary),
    (2, arithmetic::binary),
    (2, movement::attention),
    (2, reductions::dense),
    (2, reductions::reduction),
    (1, movement::running),
    (1, movement::kept),
    (1, movement::window),
    (2, ragged::step),
];

/// A definition of a role for features of a length: one there is, or a new one.
pub(crate) fn definition(maker: &mut Maker, role: Role, length: usize) -> Option<Definition> {
    let known: Vec<Definition> =
        maker.definitions.iter().filter(|own| own.role == role && own.longest >= length).cloned().collect();
    if !known.is_empty() && maker.random.once_in(2) {
        return maker.random.pick(&known);
    }
    if maker.depth >= DEEPEST {
        return maker.random.pick(&known);
    }
    made(maker, role, length)
}

fn made(maker: &mut Maker, role: Role, length: usize) -> Option<Definition> {
    let (word, stem, feature) = match role {
        Role::Pointwise => ("fn", "act", "an own function"),
        Role::Layer => ("layer", "block", "an own layer"),
        Role::Expert | Role::Reading | Role::Sequence | Role::Stretches => {
            ("expert", "worker", "an own expert")
        }
    };
    maker.met(feature);
    let name = maker.name(stem);
    let float = maker.float;
    let outer = maker.enter(if role == Role::Pointwise { Kind::Function } else { Kind::Part });
    let mut axes = vec![Axis::rest()];
    if role == Role::Sequence {
        let name = maker.name("T");
        axes.push(Axis { size: name.clone(), name, length: 8, kind: AxisKind::Free, declared: true });
    }
    if role == Role::Stretches {
        maker.met("an expert of ragged sequences");
        axes.extend(ragged::stretches());
    }
    if role != Role::Pointwise {
        axes.push(feature_axis(maker, length));
    }
    let x = maker.parameter("x", float, axes.clone());
    maker.body.values.push(x);
    if role == Role::Reading {
        let by = maker.parameter("by", float, vec![Axis::rest()]);
        maker.body.values.push(by);
    }
    let count = 1 + maker.random.below(3);
    let steps = match role {
        Role::Pointwise => POINTWISE,
        Role::Sequence => SEQUENCE,
        Role::Stretches => STRETCHES,
        _ => STEPS,
    };
    maker.steps(steps, count);
    let finished = ending(maker, &axes);
    let body = maker.leave(outer);
    let (value, statics) = finished?;
    let mut arguments: Vec<String> = body.statics.iter().map(|own| own.text.clone()).collect();
    arguments.extend(statics.iter().filter_map(|own| match own.as_str() {
        "biased: bool = true" => Some("biased = false".to_owned()),
        own if own.starts_with("by_half") => Some("by_half = 1.0".to_owned()),
        _ => None,
    }));
    maker.definition(word, &name, &statics, &body, &type_text(float, &axes, &[]), &value);
    let definition = Definition { name, role, longest: length, arguments };
    maker.definitions.push(definition.clone());
    Some(definition)
}

/// The value of a body as large as inputs are, and the static parameters that decide about it.
fn ending(maker: &mut Maker, axes: &[Axis]) -> Option<(String, Vec<String>)> {
    let value = maker.conform(axes)?;
    let mut statics = Vec::new();
    let mut text = value.text.clone();
    if maker.body.kind == Kind::Part && maker.random.once_in(3) {
        maker.met("static parameters");
        maker.met("a number as a static parameter");
        statics.push(format!("by_half: {} = 0.5", maker.float.name()));
        text = format!("limited(by_half * {text} + 0.25)");
    }
    let features = axes.last().filter(|axis| axis.is_static());
    if let Some(axis) = features.filter(|_| maker.random.once_in(3)) {
        maker.met("static parameters");
        maker.met("a boolean static parameter");
        maker.met("if of a static condition");
        maker.met("weights");
        statics.push("biased: bool = true".to_owned());
        let indent = "    ".repeat(maker.body.indent + 1);
        let bias = format!("{indent}weight shift: {}[{}] = zeros\n", maker.float.name(), axis.name);
        text = format!(
            "if biased {{\n{bias}{indent}limited({text} + shift)\n    }} else {{\n{indent}{text}\n    }}"
        );
    }
    Some((text, statics))
}

/// How a definition is named where it is used, with some static arguments.
pub(crate) fn instance(maker: &mut Maker, definition: &Definition) -> String {
    let argument = maker.random.pick(&definition.arguments).filter(|_| maker.random.once_in(2));
    match argument {
        Some(argument) => format!("{}[{argument}]", definition.name),
        None => definition.name.clone(),
    }
}

/// A value whose last axis is one of features, as large as inputs are; and that axis.
pub(crate) fn featured(maker: &mut Maker) -> Option<(Value, Axis)> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float
            && value.is_indexable()
            && value.axes.last().is_some_and(|axis| axis.is_static() && axis.declared)
    })?;
    let axis = value.axes.last()?.clone();
    let value = maker.squash(&value)?;
    Some((Value { bounds: Vec::new(), ..value }, axis))
}

/// A layer of the program or the library, called in one of many ways.
pub(crate) fn call_layer(maker: &mut Maker) -> Option<Value> {
    if maker.body.kind == Kind::Function {
        return None;
    }
    let (value, axis) = featured(maker)?;
    let (name, bits, of_library) = match library::layer(maker, &axis) {
        Some((name, bits)) if maker.random.once_in(3) => (name, bits, true),
        _ => {
            let definition = definition(maker, Role::Layer, axis.length)?;
            (instance(maker, &definition), INPUT, false)
        }
    };
    if of_library {
        maker.met("a layer of the library");
    }
    if maker.depth > 0 {
        maker.met("nested parts");
    }
    let element = value.element;
    let part = maker.name("part");
    let x = &value.text;
    match maker.random.below(5) {
        0 if maker.body.indent == 1
            && !of_library
            && !maker
                .body
                .lines
                .iter()
                .any(|line| name.split('[').next().is_some_and(|own| line.contains(own))) =>
        {
            maker.met("a definition in place");
            let text = format!("{name}({x})");
            maker.bind(&text, element, value.axes, bits)
        }
        1 => {
            maker.met("a part called twice");
            maker.line(&format!("part {part} = {name}"));
            let text = format!("{part}(limited({part}({x})))");
            maker.bind(&text, element, value.axes, bits)
        }
        2 => {
            maker.met("a stack of parts");
            let length = 1 + maker.random.below(3);
            let stack = maker.axis("L", length);
            maker.line(&format!("part {part} = [{name}; {}]", stack.name));
            if stack.is_known() && maker.random.once_in(2) {
                let place = maker.random.below(length);
                return maker.bind(&format!("{part}[{place}]({x})"), element, value.axes, bits);
            }
            let index = maker.name("l");
            let text = format!("sum {index}: {} {{ {part}[{index}]({x}) }}", stack.name);
            maker.bind(&text, element, value.axes, bits.sum_of(length))
        }
        3 => adapted(maker, &value, &axis, &name, &part),
        _ => {
            maker.line(&format!("part {part} = {name}"));
            maker.bind(&format!("{part}({x})"), element, value.axes, bits)
        }
    }
}

/// A part handed over to an adapter.
fn adapted(maker: &mut Maker, value: &Value, axis: &Axis, base: &str, part: &str) -> Option<Value> {
    if base.contains('[') || !maker.is_own(base) {
        return None;
    }
    maker.met("an adapter of a part");
    maker.met("static parameters");
    let (name, float) = (maker.name("adapted"), maker.float);
    let ty = float.name();
    maker.item(format!(
        "adapter {name}[R = 2](base: {base}, x: {ty}[.., D]) -> {ty}[.., D] {{\n    weight down: {ty}[D, R]\n    weight up: {ty}[R, D] = zeros\n    limited(base(x) + limited(x @ down) @ up)\n}}\n"
    ));
    let adapter = maker.name("part");
    maker.line(&format!("part {part} = {base}"));
    maker.line(&format!("part {adapter} = {name}[{}]", 1 + axis.length % 3));
    maker.bind(&format!("{adapter}({part}, {})", value.text), value.element, value.axes.clone(), INPUT)
}

impl Maker {
    fn is_own(&self, name: &str) -> bool {
        self.definitions.iter().any(|own| own.name == name)
    }
}

/// A function of the program.
pub(crate) fn call_function(maker: &mut Maker) -> Option<Value> {
    let value = maker.small_number()?;
    let definition = definition(maker, Role::Pointwise, 1)?;
    maker.bind(&format!("{}({})", definition.name, value.text), value.element, value.axes, INPUT)
}

/// What a body says of a bound.
pub(crate) fn bounded(count: usize, axis: &Axis) -> Vec<Bound> {
    vec![Bound { count, axes: vec![axis.name.clone()] }]
}
