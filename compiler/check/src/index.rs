//! Indexing: by a name that ranges over an axis, by a number or a range, and by an integer tensor.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Index, StackIndex, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{BracketArgument, Expression};
use moe_grammar::Span;
use moe_graph::{Operation, ReduceKind, Size};

impl Elaborator<'_> {
    /// The value of `x[...]`.
    pub fn bracket(&mut self, target: &Expression, arguments: &[BracketArgument], span: Span) -> Value {
        match self.expression(target, None) {
            Value::Part(part) => self.index_part(&part, arguments, span),
            Value::Poison => Value::Poison,
            Value::Tensor(tensor) => {
                self.index_tensor_at(tensor, arguments, span).map_or(Value::Poison, Value::Tensor)
            }
            Value::Array(array) => match self.array_alone(&array, None) {
                Some(tensor) => {
                    self.index_tensor_at(tensor, arguments, span).map_or(Value::Poison, Value::Tensor)
                }
                None => Value::Poison,
            },
            other => {
                let mistake =
                    Diagnostic::error("E0212", span, format!("{} has no axes to index", other.describe()))
                        .label("indexed here");
                self.error(mistake);
                Value::Poison
            }
        }
    }

    fn index_tensor_at(
        &mut self,
        tensor: Tensor,
        arguments: &[BracketArgument],
        span: Span,
    ) -> Option<Tensor> {
        // `..` in front stands for as many axes as are left, as in types.
        let (arguments, skipped) = match arguments.split_first() {
            Some((BracketArgument::Range(None, None, _), last)) => {
                (last, tensor.axes.len().saturating_sub(last.len()))
            }
            _ => (arguments, 0),
        };
        if arguments.len() > tensor.axes.len() {
            let shown = self.show(&tensor);
            let (given, has) = (arguments.len(), tensor.axes.len());
            let mistake = Diagnostic::error("E0212", span, format!("{given} indices for {has} axes"))
                .label(format!("the indexed value is {shown}"));
            self.error(mistake);
            return None;
        }
        let axes = tensor.axes.clone();
        let mut tensor = tensor;
        for (argument, axis) in arguments.iter().zip(axes.into_iter().skip(skipped)) {
            tensor = self.index_axis(tensor, argument, axis, span)?;
        }
        Some(tensor)
    }

    fn index_axis(
        &mut self,
        tensor: Tensor,
        argument: &BracketArgument,
        axis: AxisKey,
        span: Span,
    ) -> Option<Tensor> {
        match argument {
            BracketArgument::Whole(_) | BracketArgument::Range(None, None, _) => Some(tensor),
            BracketArgument::Value(value) => {
                let index = self.expression(value, None);
                let index = self.index_of(&index, axis, value.span)?;
                self.take(&tensor, axis, &index, span)
            }
            BracketArgument::Range(from, to, place) => {
                let size = self.axes.axis_size(axis);
                let start = match from {
                    Some(from) => self.size_expression(from)?,
                    None => Size::constant(0),
                };
                let end = match to {
                    Some(to) => self.size_expression(to)?,
                    None => size.clone(),
                };
                self.slice(&tensor, axis, &start, &end, *place)
            }
            BracketArgument::Named(name, _) => {
                let mistake = Diagnostic::error("E0212", name.span, "an index has no name")
                    .label("axes are indexed in the order of the type");
                self.error(mistake);
                None
            }
        }
    }

    fn index_of(&mut self, value: &Value, axis: AxisKey, span: Span) -> Option<StackIndex> {
        match value {
            Value::Index(Index::Axis(own)) if *own == axis => Some(StackIndex::Bound(axis)),
            Value::Index(Index::Round(own, level)) if *own == axis => Some(StackIndex::Round(axis, *level)),
            Value::Index(Index::Fixed(place)) => Some(StackIndex::Fixed(axis, *place)),
            Value::Number(number) => {
                let Some(place) = number.integer.and_then(|value| i64::try_from(value).ok()) else {
                    self.no_index(value, span);
                    return None;
                };
                let size = self.axes.axis_size(axis).as_constant();
                if place < 0 || size.is_some_and(|size| place >= size) {
                    self.out_of_range(place, axis, span);
                    return None;
                }
                Some(StackIndex::Fixed(axis, place))
            }
            Value::Poison => None,
            Value::Part(_) | Value::Tuple(_) | Value::Bool(_) => {
                self.no_index(value, span);
                None
            }
            other => {
                let tensor = self.materialize(other, None, span)?;
                if !tensor.element.is_integer() {
                    self.no_index(&Value::Tensor(tensor), span);
                    return None;
                }
                Some(StackIndex::Gathered(axis, tensor))
            }
        }
    }

    /// Reports a value that is no index.
    pub fn no_index(&mut self, value: &Value, span: Span) {
        let mistake = Diagnostic::error("E0212", span, "this is no index")
            .label(format!("it is {}", self.show_value(value)))
            .hint("an index is an integer tensor, a whole number, a range `a..b`, `_`, or a name that ranges over the axis");
        self.error(mistake);
    }

    /// Reports a number outside an axis.
    pub fn out_of_range(&mut self, place: i64, axis: AxisKey, span: Span) {
        let (name, size) = (self.axes.name(axis), self.axes.axis_size(axis));
        let mistake = Diagnostic::error("E0212", span, format!("{place} is outside the axis `{name}`"))
            .label(format!("the axis is {size} long, counted from 0"));
        self.error_of_axes(mistake, &[axis]);
    }

    /// A tensor at an index along an axis.
    pub fn take(&mut self, tensor: &Tensor, axis: AxisKey, index: &StackIndex, span: Span) -> Option<Tensor> {
        match index {
            StackIndex::Bound(_) => {
                let mut taken = tensor.clone();
                taken.axes.retain(|own| *own != axis);
                taken.bound.insert(axis);
                Some(taken)
            }
            // What was made in the round has no entry of its own for each round.
            StackIndex::Round(_, level) if tensor.level >= *level => {
                let index = self.round_coordinate(axis, *level, span)?;
                self.gather(tensor, axis, &index, span)
            }
            StackIndex::Round(_, level) => {
                let current = self.levels.current();
                let node = self.levels.bring_round(tensor, *level, axis, &self.axes);
                let axes = tensor.axes.iter().copied().filter(|own| *own != axis).collect();
                let taken = Tensor {
                    level: *level,
                    node,
                    element: tensor.element,
                    axes,
                    bound: tensor.bound.clone(),
                };
                let node = self.levels.bring(&taken, current, &self.axes);
                Some(Tensor { level: current, node, ..taken })
            }
            StackIndex::Fixed(_, place) => self.at(tensor, axis, *place, span),
            StackIndex::Gathered(_, index) => self.gather(tensor, axis, index, span),
        }
    }

    /// A tensor at one coordinate of an axis: a slice of one entry, whose axis is then summed away.
    pub fn at(&mut self, tensor: &Tensor, axis: AxisKey, place: i64, span: Span) -> Option<Tensor> {
        let start = Size::constant(place);
        let end = Size::constant(place + 1);
        let node = self.here(tensor);
        if !self.node_has(node, axis) {
            let mut axes = tensor.axes.clone();
            axes.retain(|own| *own != axis);
            return Some(Tensor { level: self.levels.current(), node, axes, ..tensor.clone() });
        }
        let slice = self.slice(tensor, axis, &start, &end, span)?;
        let single = slice.axes.iter().copied().find(|own| !tensor.axes.contains(own))?;
        let kind = self.single_kind(&slice);
        self.reduce(kind, &[single], &slice, span)
    }

    /// A reduction that leaves a single entry as it is and keeps what is known of it.
    fn single_kind(&self, tensor: &Tensor) -> ReduceKind {
        let level = self.levels.get(tensor.level);
        let background = level.and_then(|level| level.builder.fact(tensor.node)).map(|fact| fact.background);
        let kinds = if tensor.element == moe_graph::Element::Bool {
            [ReduceKind::Any, ReduceKind::All, ReduceKind::Any]
        } else {
            [ReduceKind::Sum, ReduceKind::Maximum, ReduceKind::Minimum]
        };
        let fits = |kind: &ReduceKind| background == Some(kind.identity(tensor.element));
        kinds.into_iter().find(fits).unwrap_or(kinds[0])
    }

    /// Entries `start..end` along an axis, along a new axis of the same name.
    pub fn slice(
        &mut self,
        tensor: &Tensor,
        axis: AxisKey,
        start: &Size,
        end: &Size,
        span: Span,
    ) -> Option<Tensor> {
        self.expect_even(axis, &tensor.axes, span, "sliced")?;
        let (name, size) = (self.axes.name(axis), self.axes.axis_size(axis));
        let length = end.subtract(start);
        let backwards = length.as_constant().is_some_and(|length| length < 0);
        let beyond = size.as_constant().zip(end.as_constant()).is_some_and(|(size, end)| end > size);
        if backwards || beyond {
            let mistake =
                Diagnostic::error("E0212", span, format!("{start}..{end} is outside the axis `{name}`"))
                    .label(format!("the axis is {size} long"));
            self.error(mistake);
            return None;
        }
        let into = self.axes.axis(&name, length, span);
        let node = self.here(tensor);
        let node = if self.node_has(node, axis) {
            let operation =
                Operation::Slice { from: self.id(axis), into: self.id(into), start: start.clone() };
            self.add(operation, &[node], span)?
        } else {
            node
        };
        let axes = tensor.axes.iter().map(|own| if *own == axis { into } else { *own }).collect();
        Some(self.tensor(node, tensor.element, axes, tensor.bound.clone()))
    }

    /// Entries along an axis that an integer tensor names.
    pub fn gather(&mut self, table: &Tensor, axis: AxisKey, index: &Tensor, span: Span) -> Option<Tensor> {
        if index.axes.contains(&axis) {
            let name = self.axes.name(axis);
            let mistake =
                Diagnostic::error("E0205", span, format!("the index has the indexed axis `{name}` itself"))
                    .label(format!("the index is {}", self.show(index)))
                    .hint(format!("call it by another name first: `i as [Other = {name}]`"));
            self.error(mistake);
            return None;
        }
        self.expect_even(axis, &table.axes, span, "looked up")?;
        let (axes, bound) = self.union(&[index, table], span)?;
        let axes = axes.into_iter().filter(|own| *own != axis).collect();
        let (table_node, index_node) = (self.here(table), self.here(index));
        let table_node = self.spread(table_node, axis, span)?;
        let operation = Operation::Gather { axis: self.id(axis) };
        let node = self.add(operation, &[table_node, index_node], span)?;
        Some(self.tensor(node, table.element, axes, bound))
    }
}
