//! A program in the making: what is common to its definitions, and the statements that all steps write.

use super::body::{Body, Kind, Static};
use super::definitions::Definition;
use super::inputs::{Contents, Input, InputAxis};
use super::value::{is_whole, ragged, type_text, Axis, AxisKind, Bound, Value};
pub(crate) use crate::bits::{Bits, INPUT};
use crate::random::Random;
use moe_graph::Element;
use std::collections::BTreeSet;

/// The most entries a value has, and in a program of long axes.
const MOST_ENTRIES: usize = 3000;
const MOST_ENTRIES_OF_LONG: usize = 60_000;

/// The largest magnitude, as a power of two, where numbers are not exact.
const LARGEST: u32 = 10;

/// A step writes statements and gives the value they make, or comes to nothing.
pub(crate) type Step = fn(&mut Maker) -> Option<Value>;

/// A program in the making.
pub(crate) struct Maker {
    pub random: Random,
    pub exact: bool,
    /// Whether axes are as long as tiles are wide, and longer.
    pub long: bool,
    /// The type of most numbers.
    pub float: Element,
    pub body: Body,
    pub definitions: Vec<Definition>,
    /// How deep in definitions the body is.
    pub depth: usize,
    items: Vec<String>,
    uses: BTreeSet<String>,
    features: BTreeSet<&'static str>,
    names: usize,
}

impl Maker {
    pub fn new(mut random: Random, exact: bool) -> Self {
        let float = if random.once_in(8) { Element::F64 } else { Element::F32 };
        let long = random.once_in(12);
        let mut maker = Maker {
            random,
            exact,
            long,
            float,
            body: Body::new(Kind::Model),
            definitions: Vec::new(),
            depth: 0,
            items: Vec::new(),
            uses: BTreeSet::new(),
            features: BTreeSet::new(),
            names: 0,
        };
        if float == Element::F64 {
            maker.met("f64");
        }
        let name = float.name();
        let limit = match (exact, maker.random.below(2)) {
            (true, _) => "floor(max(min(x, 2), -2) * 4) / 4",
            (false, 0) => "2 * tanh(x / 2)",
            (false, _) => "x / (1 + abs(x) / 2)",
        };
        maker.items.push(format!("fn limited(x: {name}[..]) -> {name}[..] {{\n    {limit}\n}}\n"));
        maker
    }

    /// The text and what it was written with.
    pub fn finish(self) -> (String, BTreeSet<&'static str>) {
        let mut text = "moe 1\n\n".to_owned();
        for name in &self.uses {
            text += &format!("use {name}\n");
        }
        if !self.uses.is_empty() {
            text.push('\n');
        }
        text += &self.items.join("\n");
        (text, self.features)
    }

    pub fn met(&mut self, feature: &'static str) {
        self.features.insert(feature);
    }

    /// `softmax` of the program, where the library's is of another type.
    pub fn own_softmax(&mut self) -> String {
        let name = "own_softmax".to_owned();
        let ty = self.float.name();
        let text = format!(
            "fn {name}[A](x: {ty}[.., A]) -> {ty}[.., A] {{\n    let shifted = exp(x - max(x, over A))\n    shifted / sum(shifted, over A)\n}}\n"
        );
        if !self.items.contains(&text) {
            self.items.push(text);
        }
        name
    }

    pub fn item(&mut self, text: String) {
        self.items.push(text);
    }

    /// Brings an item of the library into the file; its name there.
    pub fn uses(&mut self, path: &str) -> String {
        self.uses.insert(path.to_owned());
        path.rsplit("::").next().unwrap_or(path).to_owned()
    }

    pub fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    pub fn line(&mut self, text: &str) {
        self.body.lines.push(format!("{}{text}", "    ".repeat(self.body.indent)));
    }

    /// Does a step; where it comes to nothing, all is as it was.
    pub fn attempt(&mut self, step: Step) -> Option<Value> {
        let body = self.body.clone();
        let (features, uses) = (self.features.clone(), self.uses.clone());
        let (items, definitions) = (self.items.len(), self.definitions.len());
        let depth = self.depth;
        let found = step(self);
        match &found {
            Some(value) => self.body.values.push(value.clone()),
            None => {
                self.body = body;
                (self.features, self.uses, self.depth) = (features, uses, depth);
                self.items.truncate(items);
                self.definitions.truncate(definitions);
            }
        }
        found
    }

    /// Does so many of the steps as it can of `count`.
    pub fn steps(&mut self, steps: &[(usize, Step)], count: usize) {
        let total: usize = steps.iter().map(|(weight, _)| weight).sum();
        for _ in 0..count {
            let mut at = self.random.below(total);
            for (weight, step) in steps {
                if at < *weight {
                    self.attempt(*step);
                    break;
                }
                at -= weight;
            }
        }
    }

    /// Whether numbers of the type stay exact, or at least finite.
    pub fn fits(&self, bits: Bits, element: Element) -> bool {
        if self.exact || !element.is_float() {
            bits.fits(element)
        } else {
            bits.magnitude <= LARGEST
        }
    }

    pub fn is_small(&self, axes: &[Axis]) -> bool {
        let entries = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.length.max(1)));
        let most = if self.long { MOST_ENTRIES_OF_LONG } else { MOST_ENTRIES };
        entries.is_some_and(|entries| entries <= most)
    }

    /// `let v = expression`, if that is exact and small.
    pub fn bind(&mut self, expression: &str, element: Element, axes: Vec<Axis>, bits: Bits) -> Option<Value> {
        self.bind_bounded(expression, element, axes, bits, Vec::new())
    }

    pub fn bind_bounded(
        &mut self,
        expression: &str,
        element: Element,
        axes: Vec<Axis>,
        bits: Bits,
        bounds: Vec<Bound>,
    ) -> Option<Value> {
        if !self.fits(bits, element) || !self.is_small(&axes) || !is_whole(&axes) {
            return None;
        }
        let text = self.name("v");
        let asserted = self.random.once_in(if bounds.is_empty() { 4 } else { 2 }) && ragged(&axes).len() < 2;
        let ty = if asserted { format!(": {}", type_text(element, &axes, &bounds)) } else { String::new() };
        self.line(&format!("let {text}{ty} = {expression}"));
        Some(Value { text, element, axes, bits, bounds, below: None })
    }

    /// A value as large as inputs are.
    pub fn squash(&mut self, value: &Value) -> Option<Value> {
        let within = value.bits.magnitude <= INPUT.magnitude;
        if within && (!self.exact || value.bits.fraction <= INPUT.fraction) {
            return Some(value.clone());
        }
        let text = format!("limited({})", value.text);
        // Zero stays zero.
        self.bind_bounded(&text, value.element, value.axes.clone(), INPUT, value.bounds.clone())
    }

    /// A random value that the test takes, more often one that nothing reads yet, and later ones.
    pub fn value(&mut self, takes: impl Fn(&Value) -> bool) -> Option<Value> {
        let fitting: Vec<&Value> = self.body.values.iter().filter(|value| takes(value)).collect();
        let unread: Vec<&Value> =
            fitting.iter().copied().filter(|value| !self.body.reads(&value.text)).collect();
        let recent = fitting.len().saturating_sub(3);
        let from = match self.random.below(4) {
            0 => fitting.as_slice(),
            1 => fitting.get(recent..)?,
            _ if unread.is_empty() => fitting.get(recent..)?,
            _ => unread.as_slice(),
        };
        self.random.pick(from).cloned()
    }

    /// A value of the type of most numbers.
    pub fn number(&mut self) -> Option<Value> {
        let float = self.float;
        self.value(|value| value.element == float)
    }

    /// The same, as large as inputs are.
    pub fn small_number(&mut self) -> Option<Value> {
        let value = self.number()?;
        self.squash(&value)
    }

    /// A new axis of a length that is known.
    pub fn axis(&mut self, stem: &str, length: usize) -> Axis {
        let name = self.name(stem);
        let known = Axis {
            name: name.clone(),
            size: length.to_string(),
            length,
            kind: AxisKind::Known,
            declared: true,
        };
        if self.body.kind != Kind::Function && self.body.indent == 1 && self.random.once_in(2) {
            self.met("static parameters");
            self.body.statics.push(Static { text: format!("{name} = {length}") });
            // What depends on the value of a parameter may be wrong for another.
            return Axis { kind: AxisKind::Static, size: name, ..known };
        }
        self.line(&format!("axis {name} = {length}"));
        known
    }

    pub fn short(&mut self) -> usize {
        let lengths: &[usize] = if self.long { &[8, 15, 16, 17, 33] } else { &[1, 2, 2, 3, 3, 4, 5] };
        self.random.pick(lengths).unwrap_or(2)
    }

    /// A new weight.
    pub fn weight(&mut self, stem: &str, element: Element, axes: &[Axis]) -> Option<Value> {
        let fits = axes.iter().all(Axis::is_static) && self.is_small(axes);
        if self.body.kind == Kind::Function || !fits {
            return None;
        }
        self.met("weights");
        let text = self.name(stem);
        let initial = match self.random.below(4) {
            _ if element.is_integer() => " = 1",
            0 => " = glorot",
            1 => " = normal(0.5)",
            2 => " = zeros frozen",
            _ => "",
        };
        let ty = type_text(element, axes, &[]);
        self.line(&format!("weight {text}: {ty}{initial}"));
        let axes = axes.to_vec();
        Some(Value { text, element, axes, bits: INPUT, bounds: Vec::new(), below: None })
    }

    /// A new input of the model whose body this is.
    pub fn input(
        &mut self,
        stem: &str,
        element: Element,
        axes: &[Axis],
        contents: Contents,
    ) -> Option<Value> {
        let declared = axes.iter().all(|axis| axis.declared && axis.size == axis.name);
        if self.body.kind != Kind::Model || !declared || !self.is_small(axes) || !is_whole(axes) {
            return None;
        }
        let text = self.name(stem);
        let (bounds, below) = match contents {
            Contents::Bounded { axis, count } => {
                (vec![Bound { count, axes: vec![axes.get(axis)?.name.clone()] }], None)
            }
            Contents::Below(end) | Contents::Distinct(end) => (Vec::new(), Some(end)),
            Contents::Numbers | Contents::Offsets => (Vec::new(), None),
        };
        self.body.parameters.push(format!("{text}: {}", type_text(element, axes, &bounds)));
        self.edge(&text, element, axes, contents);
        let axes = axes.to_vec();
        Some(Value { text, element, axes, bits: INPUT, bounds, below })
    }

    /// What a model is run on for an input: packed rows where there is a ragged axis, and, behind the first of these, the offsets.
    fn edge(&mut self, name: &str, element: Element, axes: &[Axis], contents: Contents) {
        let packed = |axis: &&Axis| !axes.iter().any(|own| own.over() == Some(axis.name.as_str()));
        let at_edge: Vec<&Axis> = axes.iter().filter(packed).collect();
        let contents = match contents {
            Contents::Bounded { axis, count } => {
                let axis = axes.iter().take(axis).filter(packed).count();
                Contents::Bounded { axis, count }
            }
            other => other,
        };
        let input = |axis: &&Axis| InputAxis {
            name: axis.name.clone(),
            length: (!axis.is_ragged() && axis.kind != AxisKind::Free).then_some(axis.length),
        };
        let own = at_edge.iter().map(input).collect();
        self.body.inputs.push(Input { name: name.to_owned(), element, axes: own, contents });
        for axis in axes {
            let Some(over) = axis.over() else { continue };
            if self.body.inputs.iter().all(|input| input.name != axis.name) {
                let over = InputAxis { name: over.to_owned(), length: None };
                let (name, axes) = (axis.name.clone(), vec![over]);
                self.body.inputs.push(Input {
                    name,
                    element: Element::I64,
                    axes,
                    contents: Contents::Offsets,
                });
            }
        }
    }

    /// A value with just these axes, as large as inputs are, made of what came about last and what nothing reads yet.
    pub fn conform(&mut self, axes: &[Axis]) -> Option<Value> {
        let float = self.float;
        let wanted = |value: &&Value| {
            value.element == float
                && axes.iter().any(|axis| value.has(&axis.name))
                && value.axes.iter().all(|own| !own.is_rest() || axes.iter().any(Axis::is_rest))
        };
        let all: Vec<Value> = self.body.values.iter().filter(wanted).cloned().collect();
        let last = all.last()?.clone();
        let unread = |value: &&Value| value.text != last.text && !self.body.reads(&value.text);
        let others: Vec<Value> = all.iter().rev().filter(unread).take(2).cloned().collect();
        let mut found = self.with_axes(&last, axes)?;
        for other in others {
            let other = self.with_axes(&other, axes)?;
            let bits = found.bits.both(other.bits).sum_of(2);
            let text = format!("{} + {}", found.text, other.text);
            found = self.bind(&text, float, found.axes, bits)?;
        }
        self.squash(&found)
    }

    /// The value, with axes that are not wanted summed up and added to what has those that are missing.
    fn with_axes(&mut self, value: &Value, axes: &[Axis]) -> Option<Value> {
        let float = self.float;
        let has = |axis: &Axis, axes: &[Axis]| axes.iter().any(|own| own.name == axis.name);
        let extra: Vec<Axis> = value.axes.iter().filter(|own| !has(own, axes)).cloned().collect();
        let mut value = value.clone();
        if !extra.is_empty() {
            value = super::reductions::reduced(self, &value, &extra)?;
        }
        value = self.squash(&value)?;
        if axes.iter().any(|axis| !value.has(&axis.name)) {
            let whole = |value: &Value| {
                value.element == float
                    && value.axes.len() == axes.len()
                    && axes.iter().all(|axis| value.has(&axis.name))
            };
            let whole = self.value(whole)?;
            let whole = self.squash(&whole)?;
            let bits = value.bits.both(whole.bits).sum_of(2);
            let text = format!("{} + {}", value.text, whole.text);
            let order = union(&value.axes, &whole.axes);
            value = self.bind(&text, float, order, bits)?;
            value = self.squash(&value)?;
        }
        Some(value)
    }
}

/// The left operand's axes, then those that only the right one has.
pub(crate) fn union(left: &[Axis], right: &[Axis]) -> Vec<Axis> {
    let mut axes = left.to_vec();
    axes.extend(right.iter().filter(|axis| !left.iter().any(|own| own.name == axis.name)).cloned());
    axes
}
