//! Types as written, and values held against them.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{AxisExpression, Expression, ExpressionKind, Name, TypeExpression};
use moe_grammar::Span;
use moe_graph::{Element, Scalar, Size};
use std::collections::BTreeSet;

/// One axis of a type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'t> {
    /// `N`, or `Pixel = 784` with its size.
    Named {
        /// The name.
        name: &'t str,
        /// The size after `=`.
        size: Option<&'t Expression>,
        /// The axis in brackets, which its size depends on: `T[B]`.
        over: Option<&'t Name>,
        /// Where it is.
        span: Span,
    },
    /// `128`, `4 * D`: any axis of that size.
    Sized {
        /// The size.
        size: &'t Expression,
        /// Where it is.
        span: Span,
    },
}

/// A bound in a type: `K of E`.
#[derive(Clone, Debug)]
pub(crate) struct Bound<'t> {
    /// How many.
    pub count: &'t Expression,
    /// The places of its axes among the entries.
    pub entries: Vec<usize>,
    /// Where it is.
    pub span: Span,
}

/// A tensor's type as written.
#[derive(Clone, Debug)]
pub(crate) struct Shape<'t> {
    /// The element type.
    pub element: Element,
    /// Whether it begins with `..`.
    pub rest: bool,
    /// The axes.
    pub entries: Vec<Entry<'t>>,
    /// The bounds.
    pub bounds: Vec<Bound<'t>>,
    /// The background after `else`.
    pub background: Option<&'t Expression>,
    /// Where it is.
    pub span: Span,
}

impl Entry<'_> {
    /// Where it is.
    pub fn span(&self) -> Span {
        match self {
            Entry::Named { span, .. } | Entry::Sized { span, .. } => *span,
        }
    }
}

/// The element type that a type begins with, if it is one.
pub(crate) fn element_of(ty: &TypeExpression) -> Option<Element> {
    match ty.head.as_slice() {
        [name] => name.text.parse().ok(),
        _ => None,
    }
}

fn entry<'t>(axis: &'t AxisExpression) -> Option<Entry<'t>> {
    match axis {
        AxisExpression::Axis { name: Some(name), size, span } => {
            Some(Entry::Named { name: &name.text, size: Some(size), over: None, span: *span })
        }
        AxisExpression::Axis { name: None, size, span } => Some(match &size.kind {
            ExpressionKind::Path(path) => match path.as_slice() {
                [name] => Entry::Named { name: &name.text, size: None, over: None, span: *span },
                _ => Entry::Sized { size, span: *span },
            },
            _ => Entry::Sized { size, span: *span },
        }),
        _ => None,
    }
}

impl<'a> Elaborator<'a> {
    /// A type as written, taken apart.
    pub fn shape<'t>(&mut self, ty: &'t TypeExpression) -> Option<Shape<'t>> {
        let Some(element) = element_of(ty) else {
            self.no_element(ty);
            return None;
        };
        let mut shape = Shape {
            element,
            rest: false,
            entries: Vec::new(),
            bounds: Vec::new(),
            background: ty.background.as_deref(),
            span: ty.span,
        };
        for (place, axis) in ty.axes.iter().flatten().enumerate() {
            self.shape_axis(&mut shape, axis, place)?;
        }
        Some(shape)
    }

    fn shape_axis<'t>(
        &mut self,
        shape: &mut Shape<'t>,
        axis: &'t AxisExpression,
        place: usize,
    ) -> Option<()> {
        match axis {
            AxisExpression::Rest(span) if place > 0 => {
                let mistake = Diagnostic::error("E0211", *span, "`..` stands in the middle of a type")
                    .hint("`..` comes first: it stands for any axes before the named ones");
                self.error(mistake);
                return None;
            }
            AxisExpression::Rest(_) => shape.rest = true,
            AxisExpression::Ragged { name, over, span } => {
                let [over] = over.as_slice() else {
                    self.not_yet(*span, "axes whose size depends on several others");
                    return None;
                };
                let (name, over) = (&name.text, Some(over));
                shape.entries.push(Entry::Named { name, size: None, over, span: *span });
            }
            AxisExpression::Bounded { bound, axes, span } => {
                let first = shape.entries.len();
                for inner in axes {
                    self.shape_axis(shape, inner, 0)?;
                }
                let entries = (first..shape.entries.len()).collect();
                shape.bounds.push(Bound { count: bound, entries, span: *span });
            }
            AxisExpression::Axis { .. } => shape.entries.extend(entry(axis)),
        }
        Some(())
    }

    fn no_element(&mut self, ty: &TypeExpression) {
        let written: Vec<&str> = ty.head.iter().map(|name| name.text.as_str()).collect();
        let written = written.join("::");
        let span = ty.head.first().map_or(ty.span, |name| name.span);
        let mistake = Diagnostic::error("E0211", span, format!("`{written}` is no element type"))
            .label("a tensor's type begins with the type of its entries");
        let known: Vec<&str> = Element::ALL.iter().map(|element| element.name()).collect();
        let mistake = match crate::names::closest(&written, known.iter().copied()) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint(format!("element types are {}", known.join(", "))),
        };
        self.error(mistake);
    }

    /// Reports that something is not supported yet.
    pub fn not_yet(&mut self, span: Span, what: &str) {
        let mistake = Diagnostic::error("E0410", span, format!("{what} are not supported yet"))
            .label("this is part of the language, but not of this compiler");
        self.error(mistake);
    }

    /// The background that a type declares.
    pub fn background(&mut self, shape: &Shape) -> Option<Scalar> {
        let Some(expression) = shape.background else { return Some(Scalar::zero(shape.element)) };
        match self.expression(expression, Some(shape.element)) {
            Value::Number(number) => self.number(number, shape.element, expression.span),
            Value::Bool(truth) if shape.element == Element::Bool => Some(Scalar::boolean(truth)),
            Value::Poison => None,
            _ => {
                let mistake = Diagnostic::error("E0302", expression.span, "a background is a number")
                    .label("expected a number such as `0` or `-inf`");
                self.error(mistake);
                None
            }
        }
    }

    /// The axis that an entry of a type names in this frame; a name that is not known is a mistake.
    pub fn entry_axis(&mut self, entry: &Entry) -> Option<AxisKey> {
        match entry {
            Entry::Named { name, size, over, span } => {
                let key = match (self.frame().size(name), size) {
                    (Some(key), _) => key,
                    (None, Some(size)) => {
                        let size = self.size_expression(size)?;
                        let key = self.axes.size(name, size, *span);
                        self.frame().set_size(name, key);
                        key
                    }
                    (None, None) => {
                        self.unknown_axis(name, *span);
                        return None;
                    }
                };
                let axis = self.axes.axis_of(key);
                if let Some(size) = size {
                    let wanted = self.size_expression(size)?;
                    self.expect_size(axis, &wanted, *span)?;
                }
                if let Some(over) = over {
                    let over = self.axis_named(over, None)?;
                    self.expect_ragged(axis, over, *span)?;
                }
                Some(axis)
            }
            Entry::Sized { size, span } => {
                let value = self.size_expression(size)?;
                Some(self.axes.axis(&value.to_string(), value.clone(), *span))
            }
        }
    }

    /// Reports an axis that is not known.
    pub fn unknown_axis(&mut self, name: &str, span: Span) {
        let local = self.frame().names();
        let mistake = Diagnostic::error("E0203", span, format!("there is no axis `{name}` here"))
            .label("not a static parameter, nor an axis of a parameter");
        let mistake = match crate::names::closest(name, local.iter().map(String::as_str)) {
            Some(near) => mistake.hint(format!("did you mean `{near}`?")),
            None => mistake.hint(format!("declare it: `axis {name} = …`, or as a static parameter in `[ ]`")),
        };
        self.error(mistake);
    }

    /// Checks the size of an axis.
    pub fn expect_size(&mut self, axis: AxisKey, wanted: &Size, span: Span) -> Option<()> {
        let size = self.axes.axis_size(axis);
        if self.sizes_agree(&size, wanted) {
            return Some(());
        }
        let name = self.axes.name(axis);
        let mistake =
            Diagnostic::error("E0206", span, format!("the axis `{name}` is {size} long and not {wanted}"))
                .label(format!("{wanted} expected"));
        self.error_of_axes(mistake, &[axis]);
        None
    }

    /// A value held against a type: element, axes and bounds. The result has the axes in the order written.
    pub fn assert_type(&mut self, value: &Value, ty: &TypeExpression, span: Span, what: &str) -> Value {
        let Some(shape) = self.shape(ty) else { return Value::Poison };
        self.assert_shape(value, &shape, span, what).map_or(Value::Poison, Value::Tensor)
    }

    /// A value held against a type that has been taken apart.
    pub fn assert_shape(&mut self, value: &Value, shape: &Shape, span: Span, what: &str) -> Option<Tensor> {
        let mut named = Vec::new();
        for entry in &shape.entries {
            named.push(match entry {
                Entry::Named { .. } => Some(self.entry_axis(entry)?),
                Entry::Sized { .. } => None,
            });
        }
        if let Value::Array(array) = value {
            let axes: Vec<Option<AxisKey>> = named.clone();
            return self.array_with(&array.clone(), shape.element, &axes, &[]);
        }
        let tensor = self.materialize(value, Some(shape.element), span)?;
        if tensor.element != shape.element {
            self.wrong_element(&tensor, shape, span, what);
            return None;
        }
        let axes = self.arrange(&tensor, shape, &named, span, what)?;
        let tensor = Tensor { axes, ..tensor };
        self.assert_bounds(&tensor, shape, what)?;
        Some(tensor)
    }

    fn wrong_element(&mut self, tensor: &Tensor, shape: &Shape, span: Span, what: &str) {
        let (found, wanted) = (tensor.element, shape.element);
        let mistake = Diagnostic::error("E0202", span, format!("{what} is declared {wanted} and is {found}"))
            .label(format!("this is {}", self.show(tensor)))
            .also(shape.span, "declared here")
            .hint(format!("convert it: `x as {wanted}`"));
        self.error(mistake);
    }

    /// The axes of a tensor in the order of a type, which must name them all or begin with `..`.
    fn arrange(
        &mut self,
        tensor: &Tensor,
        shape: &Shape,
        named: &[Option<AxisKey>],
        span: Span,
        what: &str,
    ) -> Option<Vec<AxisKey>> {
        let mut left: Vec<AxisKey> =
            tensor.axes.iter().copied().filter(|axis| !named.contains(&Some(*axis))).collect();
        let mut ordered = Vec::new();
        let broadcast = tensor.axes.is_empty();
        for (entry, axis) in shape.entries.iter().zip(named).rev() {
            let axis = match axis {
                Some(axis) if broadcast || tensor.axes.contains(axis) => *axis,
                Some(axis) => {
                    let axis = *axis;
                    self.axes_mismatch(tensor, shape, span, what, Some(axis));
                    return None;
                }
                None => self.sized_axis(entry, &mut left, broadcast).or_else(|| {
                    self.axes_mismatch(tensor, shape, span, what, None);
                    None
                })?,
            };
            ordered.push(axis);
        }
        if !shape.rest && !left.is_empty() {
            self.axes_mismatch(tensor, shape, span, what, None);
            return None;
        }
        left.extend(ordered.into_iter().rev());
        let mut seen = BTreeSet::new();
        left.retain(|axis| seen.insert(*axis));
        Some(left)
    }

    fn sized_axis(&mut self, entry: &Entry, left: &mut Vec<AxisKey>, broadcast: bool) -> Option<AxisKey> {
        if broadcast {
            return self.entry_axis(entry);
        }
        let Entry::Sized { size, .. } = entry else { return None };
        let wanted = self.size_expression(size)?;
        let place = left.iter().rposition(|axis| self.sizes_agree(&self.axes.axis_size(*axis), &wanted))?;
        Some(left.remove(place))
    }

    fn axes_mismatch(
        &mut self,
        tensor: &Tensor,
        shape: &Shape,
        span: Span,
        what: &str,
        missing: Option<AxisKey>,
    ) {
        let declared = self.show_shape(shape);
        let found = self.show(tensor);
        let mut mistake =
            Diagnostic::error("E0210", span, format!("{what} is declared {declared} and is {found}"))
                .label(format!("this is {found}"))
                .also(shape.span, format!("declared {declared}"));
        let twin = missing.and_then(|axis| {
            let size = self.axes.axis_size(axis);
            let name = self.axes.name(axis);
            let fits =
                |other: &AxisKey| self.axes.axis_size(*other) == size && self.axes.name(*other) != name;
            tensor.axes.iter().copied().find(fits)
        });
        mistake = match (missing, twin) {
            (Some(axis), Some(other)) => {
                let (to, from) = (self.axes.name(axis), self.axes.name(other));
                mistake
                    .hint(format!("axes go by name: `as [{to} = {from}]` calls `{from}` by the name `{to}`"))
            }
            (Some(axis), None) => mistake.hint(format!("it has no axis `{}`", self.axes.name(axis))),
            _ => mistake,
        };
        let axes = tensor.axes.clone();
        self.error_of_axes(mistake, &axes);
    }

    /// A type as written.
    pub fn show_shape(&self, shape: &Shape) -> String {
        let mut parts: Vec<String> = if shape.rest { vec!["..".to_owned()] } else { Vec::new() };
        for (place, entry) in shape.entries.iter().enumerate() {
            let text = self.program.text(entry.span()).to_owned();
            match shape.bounds.iter().find(|bound| bound.entries.contains(&place)) {
                Some(bound) if bound.entries.first() == Some(&place) => {
                    parts.push(self.program.text(bound.span).to_owned());
                }
                Some(_) => {}
                None => parts.push(text),
            }
        }
        if parts.is_empty() {
            shape.element.to_string()
        } else {
            format!("{}[{}]", shape.element, parts.join(", "))
        }
    }
}
