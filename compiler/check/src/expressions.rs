//! Expressions.

use crate::elaborator::Elaborator;
use crate::operators::chosen_element;
use crate::value::{Number, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Block, Expression, ExpressionKind, Name};
use moe_grammar::Span;
use moe_graph::{Element, ScalarFunction};

/// What stands for a field that tensors have in other languages.
fn field_hint(name: &str) -> Option<String> {
    Some(match name {
        "shape" | "size" | "ndim" => "`size(A)` is how long the axis `A` is".to_owned(),
        "T" | "mT" | "transpose" | "permute" => {
            "axes go by name, so nothing is transposed; `x as [B = A]` calls `A` by the name `B`".to_owned()
        }
        "to" | "astype" | "float" | "type" => "`x as f32` converts the entries".to_owned(),
        name => {
            let builtin = crate::builtins::find(name)?;
            format!("`{name}` is a function: write {}", builtin.usage)
        }
    })
}

impl<'a> Elaborator<'a> {
    /// The value of an expression. `like` is the element type that a number by itself would take.
    pub fn expression(&mut self, expression: &Expression, like: Option<Element>) -> Value {
        let span = expression.span;
        if !self.step(span) {
            return Value::Poison;
        }
        match &expression.kind {
            ExpressionKind::Number(text) => self.literal(text, span),
            ExpressionKind::Bool(truth) => Value::Bool(*truth),
            ExpressionKind::String(_) => {
                self.error(
                    Diagnostic::error("E0107", span, "text has no use in an expression")
                        .label("expected a value"),
                );
                Value::Poison
            }
            ExpressionKind::Path(path) => self.path(path, span),
            ExpressionKind::Unary(operator, operand) => {
                let value = self.expression(operand, like);
                self.unary(*operator, value, span)
            }
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.expression(left, None), self.expression(right, None));
                self.binary(*operator, &left, &right, span)
            }
            ExpressionKind::Field(value, name) => self.field(value, name, span),
            ExpressionKind::Bracket(target, arguments) => self.bracket(target, arguments, span),
            ExpressionKind::Call(callee, arguments) => self.call(callee, arguments, span, like),
            ExpressionKind::Reduce { operation, binders, condition, body } => {
                self.reduction(operation, binders, condition.as_deref(), body, span)
            }
            ExpressionKind::Cast(value, element) => self.cast_expression(value, element, span),
            ExpressionKind::Rename(value, names) => self.rename_expression(value, names, span),
            ExpressionKind::If { condition, then, otherwise } => {
                self.choice(condition, then, otherwise.as_deref(), span, like)
            }
            ExpressionKind::Fold { count, carried, body } => self.fold(count, carried, body, span),
            ExpressionKind::Block(block) => self.scoped(|this| this.block(block, like)),
            ExpressionKind::Array(entries) => self.array(entries, span),
            ExpressionKind::Tuple(entries) => self.tuple(entries, like),
        }
    }

    /// The value of an expression as a tensor.
    pub fn tensor_expression(&mut self, expression: &Expression, like: Option<Element>) -> Option<Tensor> {
        let value = self.expression(expression, like);
        self.materialize(&value, like, expression.span)
    }

    fn literal(&mut self, text: &str, span: Span) -> Value {
        let digits = text.replace('_', "");
        if let Ok(integer) = digits.parse::<i128>() {
            return Value::Number(Number::integer(integer));
        }
        match digits.parse::<f64>() {
            Ok(value) => Value::Number(Number::float(value)),
            Err(_) => {
                self.error(Diagnostic::error("E0213", span, format!("`{text}` is no number")));
                Value::Poison
            }
        }
    }

    fn path(&mut self, path: &[Name], span: Span) -> Value {
        let [name] = path else {
            return match self.program.lookup(self.file(), path) {
                Ok(_) => self.uncalled(self.program.text(span).to_owned(), span),
                Err(mistake) => {
                    self.error(mistake);
                    Value::Poison
                }
            };
        };
        if let Some(value) = self.frame().value(&name.text) {
            return value.clone();
        }
        if let Some(key) = self.frame().size(&name.text) {
            return self.size_of_name(key);
        }
        match name.text.as_str() {
            "inf" => return Value::Number(Number::float(f64::INFINITY)),
            "nan" => return Value::Number(Number::float(f64::NAN)),
            "training" => return Value::Bool(self.training),
            _ => {}
        }
        if self.program.is_defined(self.file(), name) || crate::builtins::find(&name.text).is_some() {
            return self.uncalled(name.text.clone(), span);
        }
        self.unknown(name);
        // The name is a mistake once, not at each of its uses.
        self.frame().set(&name.text, Value::Poison);
        Value::Poison
    }

    fn uncalled(&mut self, name: String, span: Span) -> Value {
        let mistake = Diagnostic::error("E0107", span, format!("`{name}` is a definition and no value"))
            .label("not called here")
            .hint(format!("call it: `{name}(…)`"));
        self.error(mistake);
        Value::Poison
    }

    fn field(&mut self, value: &Expression, name: &Name, span: Span) -> Value {
        match self.expression(value, None) {
            Value::Tuple(entries) => {
                let found = entries.iter().find(|(own, _)| own.as_deref() == Some(&name.text));
                if let Some((_, value)) = found {
                    return value.clone();
                }
                let known: Vec<String> = entries.iter().filter_map(|(own, _)| own.clone()).collect();
                let mistake =
                    Diagnostic::error("E0101", name.span, format!("there is no result `{}`", name.text))
                        .label("not found");
                let mistake = crate::names::suggest(mistake, &name.text, known.iter().map(String::as_str));
                self.error(mistake);
                Value::Poison
            }
            Value::Part(part) => self.part_field(&part, name, span),
            Value::Poison => Value::Poison,
            other => {
                let mistake =
                    Diagnostic::error("E0107", name.span, format!("{} has no fields", other.describe()))
                        .label("only several results and parts have fields");
                self.error(match field_hint(&name.text) {
                    Some(hint) => mistake.hint(hint),
                    None => mistake,
                });
                Value::Poison
            }
        }
    }

    fn cast_expression(&mut self, value: &Expression, name: &Name, span: Span) -> Value {
        let Ok(element) = name.text.parse::<Element>() else {
            let known: Vec<&str> = Element::ALL.iter().map(|element| element.name()).collect();
            let mistake =
                Diagnostic::error("E0211", name.span, format!("`{}` is no element type", name.text))
                    .hint(format!("element types are {}", known.join(", ")));
            self.error(mistake);
            return Value::Poison;
        };
        let value = self.expression(value, None);
        let tensor = match &value {
            Value::Number(number) if element.is_float() => {
                let scalar = self.number(*number, element, span);
                scalar.and_then(|scalar| self.constant(scalar, span))
            }
            other => self.materialize(other, None, span),
        };
        tensor.and_then(|tensor| self.cast(&tensor, element, span)).map_or(Value::Poison, Value::Tensor)
    }

    /// Reports `as [old = new]` where `as [new = old]` is meant.
    fn turned_round(&mut self, to: &Name, from: &Name, tensor: &Tensor) -> bool {
        let mut has = |name: &str| {
            let known = self.frames.last().and_then(|frame| frame.size(name));
            known.is_some_and(|key| tensor.axes.contains(&self.axes.axis_of(key)))
                || tensor.axes.iter().any(|axis| self.axes.name(*axis) == name)
        };
        if has(&from.text) || !has(&to.text) {
            return false;
        }
        let (old, new) = (&to.text, &from.text);
        let mistake = Diagnostic::error("E0201", from.span, format!("the operand has no axis `{new}`"))
            .label(format!("it is {}", self.show(tensor)))
            .hint(format!(
                "the new name comes first: `as [{new} = {old}]` calls `{old}` by the name `{new}`"
            ));
        self.error(mistake);
        true
    }

    fn rename_expression(&mut self, value: &Expression, names: &[(Name, Name)], span: Span) -> Value {
        let Some(mut tensor) = self.tensor_expression(value, None) else { return Value::Poison };
        if names.iter().any(|(to, from)| self.turned_round(to, from, &tensor)) {
            return Value::Poison;
        }
        let from: Option<Vec<_>> =
            names.iter().map(|(_, from)| self.axis_named(from, Some(&tensor))).collect();
        let Some(from) = from else { return Value::Poison };
        let kept: Vec<_> = tensor.axes.iter().copied().filter(|axis| !from.contains(axis)).collect();
        let mut steps = Vec::new();
        for ((to, _), from) in names.iter().zip(&from) {
            let size = self.axes.axis_size(*from);
            let target = match self.frame().size(&to.text) {
                Some(key) => self.axes.axis_of(key),
                None => {
                    let Some(axis) = self.axis_like(&to.text, *from, to.span) else { return Value::Poison };
                    let key = self.axes.size_of_axis(&to.text, axis);
                    self.frame().set_size(&to.text, key);
                    axis
                }
            };
            if self.expect_size(target, &size, to.span).is_none() {
                return Value::Poison;
            }
            if kept.contains(&target) || tensor.bound.contains(&target) {
                let mistake = Diagnostic::error(
                    "E0205",
                    to.span,
                    format!("the value has an axis `{}` already", to.text),
                )
                .label(format!("it is {}", self.show(&tensor)));
                self.error(mistake);
                return Value::Poison;
            }
            steps.push((*from, target));
        }
        // Through new axes, so that two names can change places.
        let mut second = Vec::new();
        for (from, to) in steps {
            let occupied = tensor.axes.contains(&to) && from != to;
            let target = if occupied {
                match self.axis_like(&self.axes.name(to), to, span) {
                    Some(target) => target,
                    None => return Value::Poison,
                }
            } else {
                to
            };
            if occupied {
                second.push((target, to));
            }
            match self.rename(&tensor, from, target, span) {
                Some(renamed) => tensor = renamed,
                None => return Value::Poison,
            }
        }
        for (from, to) in second {
            match self.rename(&tensor, from, to, span) {
                Some(renamed) => tensor = renamed,
                None => return Value::Poison,
            }
        }
        Value::Tensor(tensor)
    }

    fn choice(
        &mut self,
        condition: &Expression,
        then: &'_ Block,
        otherwise: Option<&Expression>,
        span: Span,
        like: Option<Element>,
    ) -> Value {
        match self.expression(condition, None) {
            Value::Poison => Value::Poison,
            Value::Bool(true) => self.scoped(|this| this.block(then, like)),
            Value::Bool(false) => match otherwise {
                Some(otherwise) => self.expression(otherwise, like),
                None => Value::Tuple(Vec::new()),
            },
            value => {
                let Some(condition) = self.materialize(&value, None, condition.span) else {
                    return Value::Poison;
                };
                let then = self.scoped(|this| this.block(then, like));
                let Some(otherwise) = otherwise else {
                    let mistake = Diagnostic::error("E0407", span, "an `if` on a tensor needs an `else`")
                        .label("both values are computed, and one is chosen for each entry")
                        .hint("add `else { … }`");
                    self.error(mistake);
                    return Value::Poison;
                };
                let other = self.expression(otherwise, like);
                self.select(&condition, &then, &other, like, span)
            }
        }
    }

    /// One value where a condition holds, another where not.
    pub fn select(
        &mut self,
        condition: &Tensor,
        then: &Value,
        other: &Value,
        like: Option<Element>,
        span: Span,
    ) -> Value {
        if matches!(then, Value::Poison) || matches!(other, Value::Poison) {
            return Value::Poison;
        }
        if let (Value::Tuple(left), Value::Tuple(right)) = (then, other) {
            if left.len() == right.len() {
                let pairs = left.iter().zip(right);
                let values = pairs
                    .map(|((name, a), (_, b))| (name.clone(), self.select(condition, a, b, None, span)))
                    .collect();
                return Value::Tuple(values);
            }
        }
        let written = |value: &Value| matches!(value, Value::Number(_) | Value::Array(_));
        if written(then) && written(other) {
            let chosen = chosen_element(then, other);
            let element = like.filter(|_| chosen != Element::Bool).unwrap_or(chosen);
            return self
                .select_written(condition, then, other, element, span)
                .map_or(Value::Poison, Value::Tensor);
        }
        let operands = self.both(then, other, span);
        operands
            .and_then(|(a, b)| self.map(ScalarFunction::Select, &[condition, &a, &b], span))
            .map_or(Value::Poison, Value::Tensor)
    }

    /// One of two values that have no axes of their own: arrays take those of the condition.
    fn select_written(
        &mut self,
        condition: &Tensor,
        then: &Value,
        other: &Value,
        element: Element,
        span: Span,
    ) -> Option<Tensor> {
        let a = self.beside(then, condition, element, span)?;
        let like = if matches!(then, Value::Array(_)) { &a } else { condition };
        let b = self.beside(other, like, element, span)?;
        self.map(ScalarFunction::Select, &[condition, &a, &b], span)
    }

    fn tuple(&mut self, entries: &[(Option<Name>, Expression)], like: Option<Element>) -> Value {
        if let [(None, single)] = entries {
            return self.expression(single, like);
        }
        let values = entries
            .iter()
            .map(|(name, value)| (name.as_ref().map(|name| name.text.clone()), self.expression(value, None)))
            .collect();
        Value::Tuple(values)
    }
}
