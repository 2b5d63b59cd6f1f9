//! Reductions: `sum(x, over E)` and `sum e: E where c { … }`.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Index, Part, PartKind, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{
    Argument, Binder, Block, BracketArgument, Expression, ExpressionKind, Name, Statement, StatementKind,
};
use moe_grammar::Span;
use moe_graph::{Element, ReduceKind, Scalar, ScalarFunction};

/// A reduction of the language: one of the graph's, or the mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reduction {
    /// One of the graph's.
    Kind(ReduceKind),
    /// The sum divided by the number of entries.
    Mean,
}

impl Reduction {
    /// The reduction of a name.
    pub fn named(name: &str) -> Option<Self> {
        if name == "mean" {
            return Some(Reduction::Mean);
        }
        ReduceKind::ALL.into_iter().find(|kind| kind.name() == name).map(Reduction::Kind)
    }

    fn kind(self) -> ReduceKind {
        match self {
            Reduction::Kind(kind) => kind,
            Reduction::Mean => ReduceKind::Sum,
        }
    }
}

impl Elaborator<'_> {
    /// `sum e: E where c { body }`
    pub fn reduction(
        &mut self,
        operation: &Name,
        binders: &[Binder],
        condition: Option<&Expression>,
        body: &Block,
        span: Span,
    ) -> Value {
        let Some(reduction) = Reduction::named(&operation.text) else {
            let mistake =
                Diagnostic::error("E0101", operation.span, format!("`{}` is no reduction", operation.text))
                    .hint("reductions are sum, mean, product, max, min, any and all");
            self.error(mistake);
            return Value::Poison;
        };
        let mut axes = Vec::new();
        for binder in binders {
            match self.binder_axis(binder) {
                Some(axis) => axes.push(axis),
                None => return Value::Poison,
            }
        }
        if let Some((place, count)) = self.list_binder(binders, body) {
            return self.unrolled(reduction, binders, &axes, place, count, condition, body, span);
        }
        let indices: Vec<Index> = axes.iter().map(|axis| Index::Axis(*axis)).collect();
        let value = self.ranged(binders, &indices, condition, body, reduction, span);
        value
            .and_then(|(value, count)| self.finish_reduction(reduction, &axes, value, count, span))
            .map_or(Value::Poison, Value::Tensor)
    }

    fn binder_axis(&mut self, binder: &Binder) -> Option<AxisKey> {
        let name = match &binder.axis {
            Some(axis) => axis.clone(),
            None => {
                let mut letters = binder.name.text.chars();
                let first =
                    letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
                Name { text: format!("{first}{}", letters.as_str()), span: binder.name.span }
            }
        };
        match self.frame().size(&name.text) {
            Some(key) => Some(self.axes.axis_of(key)),
            None => {
                self.unknown_axis(&name.text, name.span);
                None
            }
        }
    }

    /// The body with the binders' names bound, entries that do not count replaced; and, for a mean, how many count.
    fn ranged(
        &mut self,
        binders: &[Binder],
        indices: &[Index],
        condition: Option<&Expression>,
        body: &Block,
        reduction: Reduction,
        span: Span,
    ) -> Option<(Tensor, Option<Tensor>)> {
        let (condition, value) = self.scoped(|this| {
            for (binder, index) in binders.iter().zip(indices) {
                this.frame().set(&binder.name.text, Value::Index(index.clone()));
            }
            let condition = condition
                .map(|condition| (this.tensor_expression(condition, Some(Element::Bool)), condition.span));
            let value = this.block(body, None);
            (condition, this.materialize(&value, None, body.span))
        });
        let value = value?;
        let Some((condition, place)) = condition else { return Some((value, None)) };
        let condition = condition?;
        if condition.element != Element::Bool {
            let mistake = Diagnostic::error("E0202", place, "a condition is a truth value")
                .label(format!("this is {}", self.show(&condition)));
            self.error(mistake);
            return None;
        }
        let identity = reduction.kind().identity(value.element);
        let identity = self.constant(identity, span)?;
        let counted = self.map(ScalarFunction::Select, &[&condition, &value, &identity], span)?;
        let counted = Tensor { axes: merged(&value.axes, &counted.axes), ..counted };
        Some((counted, Some(condition)))
    }

    fn finish_reduction(
        &mut self,
        reduction: Reduction,
        axes: &[AxisKey],
        value: Tensor,
        condition: Option<Tensor>,
        span: Span,
    ) -> Option<Tensor> {
        if let Some(axis) = axes.iter().find(|axis| value.axes.contains(axis)) {
            let name = self.axes.name(*axis);
            let mistake = Diagnostic::error(
                "E0205",
                span,
                format!("the body has `{name}` in full and not at the index"),
            )
            .label(format!("the body is {}", self.show(&value)))
            .hint(format!("index it by the name that ranges over `{name}`"));
            self.error(mistake);
            return None;
        }
        let sum = self.reduce(reduction.kind(), axes, &value, span)?;
        match (reduction, condition) {
            (Reduction::Kind(_), _) => Some(sum),
            (Reduction::Mean, None) => self.mean_of(&sum, axes, span),
            (Reduction::Mean, Some(condition)) => {
                let ones = self.cast(&condition, value.element, span)?;
                let count = self.reduce(ReduceKind::Sum, axes, &ones, span)?;
                self.map(ScalarFunction::Divide, &[&sum, &count], span)
            }
        }
    }

    fn mean_of(&mut self, sum: &Tensor, axes: &[AxisKey], span: Span) -> Option<Tensor> {
        if !sum.element.is_float() {
            let mistake = Diagnostic::error("E0202", span, format!("`mean` does not take {}", sum.element))
                .label("it takes floating-point numbers")
                .hint("convert first: `x as f32`");
            self.error(mistake);
            return None;
        }
        let (count, lengths) = self.counted_along(axes, &sum.bound);
        let mut mean = sum.clone();
        for length in &lengths {
            let length = self.cast(length, sum.element, span)?;
            mean = self.map(ScalarFunction::Divide, &[&mean, &length], span)?;
        }
        if count.as_constant() == Some(1) && !lengths.is_empty() {
            return Some(mean);
        }
        let count = self.size_tensor(&count, sum.element, span)?;
        self.map(ScalarFunction::Divide, &[&mean, &count], span)
    }

    /// A reduction as a function: `max(x, over A)`.
    pub fn reduce_over(
        &mut self,
        reduction: Reduction,
        tensor: &Tensor,
        axes: &[AxisKey],
        span: Span,
    ) -> Option<Tensor> {
        let sum = self.reduce(reduction.kind(), axes, tensor, span)?;
        match reduction {
            Reduction::Kind(_) => Some(sum),
            Reduction::Mean => self.mean_of(&sum, axes, span),
        }
    }

    /// The binder that indexes a list of different parts in the body, and how many parts the list has.
    fn list_binder(&mut self, binders: &[Binder], body: &Block) -> Option<(usize, usize)> {
        let mut found = None;
        let mut visit = |expression: &Expression| {
            let ExpressionKind::Bracket(target, arguments) = &expression.kind else { return };
            let (ExpressionKind::Path(path), [BracketArgument::Value(index)]) =
                (&target.kind, arguments.as_slice())
            else {
                return;
            };
            let (ExpressionKind::Path(index), [name]) = (&index.kind, path.as_slice()) else { return };
            let [index] = index.as_slice() else { return };
            let Some(place) = binders.iter().position(|binder| binder.name.text == index.text) else {
                return;
            };
            if let Some(Value::Part(Part { kind: PartKind::List(elements), .. })) =
                self.frame().value(&name.text)
            {
                found = Some((place, elements.len()));
            }
        };
        walk_block(body, &mut visit);
        found
    }

    /// A reduction over a list of different parts: the body for each of them, brought together. Each sees its coordinate as a slice, so
    /// that what is known of where the slices are zero is known of the terms.
    #[allow(clippy::too_many_arguments)]
    fn unrolled(
        &mut self,
        reduction: Reduction,
        binders: &[Binder],
        axes: &[AxisKey],
        place: usize,
        count: usize,
        condition: Option<&Expression>,
        body: &Block,
        span: Span,
    ) -> Value {
        let Some(axis) = axes.get(place).copied() else { return Value::Poison };
        let size = self.axes.axis_size(axis);
        if size.as_constant().is_some_and(|size| size != count as i64) {
            let name = self.axes.name(axis);
            let mistake = Diagnostic::error(
                "E0206",
                span,
                format!("`{name}` is {size} long, and the list has {count} parts"),
            )
            .label("one part for each entry");
            self.error_of_axes(mistake, &[axis]);
            return Value::Poison;
        }
        let rest: Vec<AxisKey> = axes.iter().copied().filter(|other| *other != axis).collect();
        let mut total: Option<Tensor> = None;
        for coordinate in 0..count {
            let indices: Vec<Index> = axes
                .iter()
                .map(|own| if *own == axis { Index::Fixed(coordinate as i64) } else { Index::Axis(*own) })
                .collect();
            let sum = Reduction::Kind(reduction.kind());
            let term = self.ranged(binders, &indices, condition, body, reduction, span);
            let Some(term) = term.and_then(|(value, _)| self.finish_reduction(sum, &rest, value, None, span))
            else {
                return Value::Poison;
            };
            let next = match total {
                None => Some(term),
                Some(before) => self.map(reduction.kind().function(), &[&before, &term], span),
            };
            match next {
                Some(next) => total = Some(next),
                None => return Value::Poison,
            }
        }
        let total = match total {
            Some(total) => Some(total),
            None => self.constant(Scalar::zero(Element::F32), span),
        };
        let total = match reduction {
            Reduction::Mean => total.and_then(|total| self.mean_of(&total, axes, span)),
            Reduction::Kind(_) => total,
        };
        total.map_or(Value::Poison, Value::Tensor)
    }
}

/// The axes of `first`, then those of `others` that are new.
pub(crate) fn merged(first: &[AxisKey], others: &[AxisKey]) -> Vec<AxisKey> {
    let mut axes = first.to_vec();
    for axis in others {
        if !axes.contains(axis) {
            axes.push(*axis);
        }
    }
    axes
}

/// Calls `visit` with every expression of a block.
pub(crate) fn walk_block(block: &Block, visit: &mut dyn FnMut(&Expression)) {
    for statement in &block.statements {
        walk_statement(statement, visit);
    }
    if let Some(value) = &block.value {
        walk(value, visit);
    }
}

fn walk_statement(statement: &Statement, visit: &mut dyn FnMut(&Expression)) {
    match &statement.kind {
        StatementKind::Let { value, .. }
        | StatementKind::Next { value, .. }
        | StatementKind::Observe { value, .. }
        | StatementKind::Assign { value, .. }
        | StatementKind::Assert(value) => walk(value, visit),
        StatementKind::State { initial, .. } => walk(initial, visit),
        StatementKind::Repeat { count, body, .. } => {
            walk(count, visit);
            walk_block(body, visit);
        }
        StatementKind::Weight { .. } | StatementKind::Part { .. } | StatementKind::Axis { .. } => {}
    }
}

fn walk_bracket(argument: &BracketArgument, visit: &mut dyn FnMut(&Expression)) {
    match argument {
        BracketArgument::Value(value) | BracketArgument::Named(_, value) => walk(value, visit),
        BracketArgument::Range(from, to, _) => {
            from.iter().chain(to.iter()).for_each(|value| walk(value, visit));
        }
        BracketArgument::Whole(_) => {}
    }
}

/// Calls `visit` with an expression and every one in it.
pub(crate) fn walk(expression: &Expression, visit: &mut dyn FnMut(&Expression)) {
    visit(expression);
    match &expression.kind {
        ExpressionKind::Unary(_, inner)
        | ExpressionKind::Field(inner, _)
        | ExpressionKind::Cast(inner, _)
        | ExpressionKind::Rename(inner, _) => walk(inner, visit),
        ExpressionKind::Binary(_, left, right) => {
            walk(left, visit);
            walk(right, visit);
        }
        ExpressionKind::Bracket(target, arguments) => {
            walk(target, visit);
            arguments.iter().for_each(|argument| walk_bracket(argument, visit));
        }
        ExpressionKind::Call(callee, arguments) => {
            walk(callee, visit);
            for argument in arguments {
                match argument {
                    Argument::Value(value) | Argument::Named(_, value) | Argument::Bound(value, _, _) => {
                        walk(value, visit)
                    }
                    Argument::Over(..) => {}
                }
            }
        }
        ExpressionKind::Reduce { condition, body, .. } => {
            condition.iter().for_each(|condition| walk(condition, visit));
            walk_block(body, visit);
        }
        ExpressionKind::If { condition, then, otherwise } => {
            walk(condition, visit);
            walk_block(then, visit);
            otherwise.iter().for_each(|otherwise| walk(otherwise, visit));
        }
        ExpressionKind::Fold { count, carried, body } => {
            walk(count, visit);
            carried.iter().for_each(|carried| walk(&carried.value, visit));
            walk_block(body, visit);
        }
        ExpressionKind::Block(block) => walk_block(block, visit),
        ExpressionKind::Array(entries) => entries.iter().for_each(|entry| walk(entry, visit)),
        ExpressionKind::Tuple(entries) => entries.iter().for_each(|(_, entry)| walk(entry, visit)),
        ExpressionKind::Number(_)
        | ExpressionKind::Bool(_)
        | ExpressionKind::String(_)
        | ExpressionKind::Path(_) => {}
    }
}
