//! Collecting mistakes, and types as people read them.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::Span;
use moe_graph::{Element, Size};
use std::collections::BTreeSet;

/// The mistakes found, each once.
#[derive(Default, Debug)]
pub(crate) struct Report {
    list: Vec<Diagnostic>,
    seen: BTreeSet<(&'static str, Option<Span>)>,
}

impl Report {
    /// Adds a mistake, unless the same was found at the same place before.
    pub fn push(&mut self, mistake: Diagnostic) {
        let place = mistake.primary.as_ref().map(|label| label.span);
        let key = (mistake.code, place);
        if place.is_none() || self.seen.insert(key) {
            self.list.push(mistake);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

impl Elaborator<'_> {
    /// The names of axes: `[N, D]`.
    pub fn show_axes(&self, axes: &[AxisKey]) -> String {
        let names: Vec<String> = axes.iter().map(|axis| self.axes.name(*axis)).collect();
        format!("[{}]", names.join(", "))
    }

    /// A type: `f32[N, D]`, with the bounds that are known.
    pub fn show(&self, tensor: &Tensor) -> String {
        let names: Vec<String> = tensor
            .axes
            .iter()
            .map(|axis| {
                let name = self.axes.name(*axis);
                match self.known_bound(tensor, *axis) {
                    Some(bound) => format!("{bound} of {name}"),
                    None => name,
                }
            })
            .collect();
        if names.is_empty() {
            tensor.element.to_string()
        } else {
            format!("{}[{}]", tensor.element, names.join(", "))
        }
    }

    /// The bound along one axis that a tensor is known to have.
    fn known_bound(&self, tensor: &Tensor, axis: AxisKey) -> Option<Size> {
        let level = self.levels.get(tensor.level)?;
        let fact = level.builder.fact(tensor.node)?;
        let id = level.known_axis(axis)?;
        fact.support.degrees.get(&BTreeSet::from([id])).cloned()
    }

    /// What a value is, with its type where it has one.
    pub fn show_value(&self, value: &Value) -> String {
        match value {
            Value::Tensor(tensor) => self.show(tensor),
            other => other.describe().to_owned(),
        }
    }

    /// The mistake that element types differ.
    pub fn elements_differ(&mut self, span: Span, left: Element, right: Element) {
        let mistake = Diagnostic::error("E0202", span, format!("{left} and {right} do not go together"))
            .label("operands must have one element type")
            .hint(format!("convert one of them, as in `x as {left}`"));
        self.error(mistake);
    }

    /// Reports a mistake with secondary labels that say where axes come from.
    pub fn error_of_axes(&mut self, mut mistake: Diagnostic, axes: &[AxisKey]) {
        for axis in axes {
            let origin = self.axes.origin(*axis);
            let shown = mistake.secondary.iter().any(|label| label.span == origin);
            if origin != Span::default() && !shown {
                let name = self.axes.name(*axis);
                let size = match self.axes.ragged(*axis) {
                    Some(ragged) => format!("has a size for each entry of `{}`", self.axes.name(ragged.over)),
                    None => format!("is {}", self.axes.axis_size(*axis)),
                };
                mistake = mistake.also(origin, format!("`{name}` {size} and comes from here"));
            }
        }
        self.error(mistake);
    }
}
