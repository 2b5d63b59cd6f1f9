//! Numbers in brackets: tables along axes that come from what the array meets.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Array, Entry, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::Expression;
use moe_grammar::Span;
use moe_graph::{Element, Scalar, Size};
use std::collections::BTreeSet;

impl Elaborator<'_> {
    /// The value of `[a, b, c]`.
    pub fn array(&mut self, entries: &[Expression], span: Span) -> Value {
        let mut array = Array { shape: vec![entries.len()], entries: Vec::new(), span };
        for (place, entry) in entries.iter().enumerate() {
            let inner = match self.expression(entry, None) {
                Value::Number(number) => (Vec::new(), vec![Entry::Number(number)]),
                Value::Bool(truth) => (Vec::new(), vec![Entry::Bool(truth)]),
                Value::Array(inner) => (inner.shape, inner.entries),
                Value::Size(size) if size.as_constant().is_some() => {
                    let value = i128::from(size.as_constant().unwrap_or(0));
                    (Vec::new(), vec![Entry::Number(crate::value::Number::integer(value))])
                }
                Value::Poison => return Value::Poison,
                _ => return self.no_entry(entry.span),
            };
            let known = array.shape.get(1..).unwrap_or_default();
            if place > 0 && known != inner.0.as_slice() {
                let mistake =
                    Diagnostic::error("E0213", entry.span, "the rows of an array are not equally long")
                        .label(format!("this has the shape {:?}, those before it {known:?}", inner.0));
                self.error(mistake);
                return Value::Poison;
            }
            if place == 0 {
                array.shape.extend(inner.0);
            }
            array.entries.extend(inner.1);
        }
        Value::Array(array)
    }

    fn no_entry(&mut self, span: Span) -> Value {
        let mistake = Diagnostic::error("E0213", span, "an array holds numbers that are known now")
            .label("expected a number")
            .hint("put tensors together with `concat`");
        self.error(mistake);
        Value::Poison
    }

    /// An array whose axes nothing says: each gets one of its own.
    pub fn array_alone(&mut self, array: &Array, element: Option<Element>) -> Option<Tensor> {
        let element = element.unwrap_or_else(|| default_element(array));
        let axes: Vec<Option<AxisKey>> = array.shape.iter().map(|_| None).collect();
        self.array_with(array, element, &axes, &[])
    }

    /// An array whose last axes are those of `named` (new ones where that is `None`), and the axes before them those of `rest`,
    /// counted from the last.
    pub fn array_with(
        &mut self,
        array: &Array,
        element: Element,
        named: &[Option<AxisKey>],
        rest: &[AxisKey],
    ) -> Option<Tensor> {
        if array.shape.len() < named.len() {
            let (found, wanted) = (array.shape.len(), named.len());
            let mistake = Diagnostic::error(
                "E0201",
                array.span,
                format!("the array has {found} axes, and {wanted} are wanted"),
            )
            .label("too few brackets");
            self.error(mistake);
            return None;
        }
        let mut axes = Vec::new();
        for (place, length) in array.shape.iter().rev().enumerate() {
            let wanted = match named.len().checked_sub(place + 1) {
                Some(index) => named.get(index).copied().flatten(),
                None => (place - named.len() < rest.len())
                    .then(|| rest.get(rest.len() - 1 - (place - named.len())).copied())
                    .flatten(),
            };
            axes.push(self.array_axis(wanted, *length, array.span)?);
        }
        axes.reverse();
        self.table(array, element, axes)
    }

    fn array_axis(&mut self, wanted: Option<AxisKey>, length: usize, span: Span) -> Option<AxisKey> {
        let size = Size::constant(length as i64);
        let Some(axis) = wanted else { return Some(self.axes.axis(&length.to_string(), size, span)) };
        let known = self.axes.axis_size(axis);
        if known == size {
            return Some(axis);
        }
        let name = self.axes.name(axis);
        let mistake = Diagnostic::error(
            "E0206",
            span,
            format!("the axis `{name}` is {known} long, and the array has {length} entries along it"),
        )
        .label(format!("{length} entries"));
        self.error_of_axes(mistake, &[axis]);
        None
    }

    fn table(&mut self, array: &Array, element: Element, axes: Vec<AxisKey>) -> Option<Tensor> {
        let mut values = Vec::new();
        for entry in &array.entries {
            values.push(match entry {
                Entry::Number(number) => self.number(*number, element, array.span)?,
                Entry::Bool(truth) if element == Element::Bool => Scalar::boolean(*truth),
                Entry::Bool(_) => {
                    let message = format!("a truth value is no {element}");
                    self.error(Diagnostic::error("E0213", array.span, message));
                    return None;
                }
            });
        }
        let ty = self.graph_type(element, &axes);
        let node = self.build(array.span, |builder| Ok(builder.table(ty, values)))?;
        Some(self.tensor(node, element, axes, BTreeSet::new()))
    }
}

/// The element type an array has where nothing says one.
pub(crate) fn default_element(array: &Array) -> Element {
    let number = |entry: &Entry| match entry {
        Entry::Number(number) => number.default_element(),
        Entry::Bool(_) => Element::Bool,
    };
    let mut elements = array.entries.iter().map(number);
    let first = elements.next().unwrap_or(Element::F32);
    if first == Element::I64 && elements.any(|element| element == Element::F32) {
        Element::F32
    } else {
        first
    }
}
