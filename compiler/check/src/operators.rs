//! Operators between values: tensors, numbers, sizes and truth values.

use crate::arrays::default_element;
use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Number, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{BinaryOperator, UnaryOperator};
use moe_grammar::Span;
use moe_graph::{Element, ReduceKind, ScalarFunction, Size};

/// The scalar function of an operator; `None` for `@`.
fn function(operator: BinaryOperator) -> Option<ScalarFunction> {
    Some(match operator {
        BinaryOperator::Or => ScalarFunction::Or,
        BinaryOperator::And => ScalarFunction::And,
        BinaryOperator::Equal => ScalarFunction::Equal,
        BinaryOperator::NotEqual => ScalarFunction::NotEqual,
        BinaryOperator::Less => ScalarFunction::Less,
        BinaryOperator::LessEqual => ScalarFunction::LessEqual,
        BinaryOperator::Greater => ScalarFunction::Greater,
        BinaryOperator::GreaterEqual => ScalarFunction::GreaterEqual,
        BinaryOperator::Add => ScalarFunction::Add,
        BinaryOperator::Subtract => ScalarFunction::Subtract,
        BinaryOperator::Multiply => ScalarFunction::Multiply,
        BinaryOperator::Divide => ScalarFunction::Divide,
        BinaryOperator::Remainder => ScalarFunction::Remainder,
        BinaryOperator::Contract => return None,
    })
}

fn compares(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual
    )
}

fn compare(operator: BinaryOperator, left: f64, right: f64) -> bool {
    match operator {
        BinaryOperator::Equal => left == right,
        BinaryOperator::NotEqual => left != right,
        BinaryOperator::Less => left < right,
        BinaryOperator::LessEqual => left <= right,
        BinaryOperator::Greater => left > right,
        _ => left >= right,
    }
}

impl Elaborator<'_> {
    /// `-x`, `!x`
    pub fn unary(&mut self, operator: UnaryOperator, value: Value, span: Span) -> Value {
        match (operator, value) {
            (UnaryOperator::Negate, Value::Number(number)) => Value::Number(Number {
                value: -number.value,
                integer: number.integer.map(|integer| -integer),
            }),
            (UnaryOperator::Not, Value::Bool(truth)) => Value::Bool(!truth),
            (_, Value::Poison) => Value::Poison,
            (operator, value) => {
                let function = match operator {
                    UnaryOperator::Negate => ScalarFunction::Negate,
                    UnaryOperator::Not => ScalarFunction::Not,
                };
                let tensor = self.materialize(&value, None, span);
                tensor
                    .and_then(|tensor| self.map(function, &[&tensor], span))
                    .map_or(Value::Poison, Value::Tensor)
            }
        }
    }

    /// `a + b`, `a @ b`
    pub fn binary(&mut self, operator: BinaryOperator, left: &Value, right: &Value, span: Span) -> Value {
        match (left, right) {
            (Value::Poison, _) | (_, Value::Poison) => Value::Poison,
            (Value::Number(left), Value::Number(right)) => self.numbers(operator, *left, *right, span),
            (Value::Bool(left), Value::Bool(right)) => self.truths(operator, *left, *right, span),
            (Value::Size(..) | Value::Number(_), Value::Size(..) | Value::Number(_))
                if is_whole(left) && is_whole(right) =>
            {
                self.sizes(operator, left, right, span)
            }
            _ => self.tensors(operator, left, right, span).map_or(Value::Poison, Value::Tensor),
        }
    }

    fn numbers(&mut self, operator: BinaryOperator, left: Number, right: Number, span: Span) -> Value {
        if compares(operator) {
            return Value::Bool(compare(operator, left.value, right.value));
        }
        let Some(function) = function(operator) else { return self.no_tensor(span) };
        if matches!(function, ScalarFunction::And | ScalarFunction::Or) {
            return self.no_truth(span);
        }
        let integer = match (left.integer, right.integer, operator) {
            (Some(a), Some(b), BinaryOperator::Add) => a.checked_add(b),
            (Some(a), Some(b), BinaryOperator::Subtract) => a.checked_sub(b),
            (Some(a), Some(b), BinaryOperator::Multiply) => a.checked_mul(b),
            // Whole numbers that do not divide evenly give a number with a fraction, as on paper.
            (Some(a), Some(b), BinaryOperator::Divide) if b != 0 && a % b == 0 => Some(a / b),
            (Some(a), Some(b), BinaryOperator::Remainder) if b != 0 => Some(a % b),
            _ => None,
        };
        match integer {
            Some(integer) => Value::Number(Number::integer(integer)),
            None => Value::Number(Number::float(function.float(left.value, right.value))),
        }
    }

    fn truths(&mut self, operator: BinaryOperator, left: bool, right: bool, span: Span) -> Value {
        match operator {
            BinaryOperator::And => Value::Bool(left && right),
            BinaryOperator::Or => Value::Bool(left || right),
            BinaryOperator::Equal => Value::Bool(left == right),
            BinaryOperator::NotEqual => Value::Bool(left != right),
            _ => {
                let mistake =
                    Diagnostic::error("E0202", span, "truth values are not added, ordered or multiplied")
                        .hint("use `&&`, `||`, `==`, `!=`");
                self.error(mistake);
                Value::Poison
            }
        }
    }

    fn no_tensor(&mut self, span: Span) -> Value {
        let mistake = Diagnostic::error("E0204", span, "`@` multiplies tensors")
            .label("numbers have no axis to sum over")
            .hint("use `*`");
        self.error(mistake);
        Value::Poison
    }

    fn no_truth(&mut self, span: Span) -> Value {
        let mistake =
            Diagnostic::error("E0202", span, "`&&` and `||` take truth values").label("these are numbers");
        self.error(mistake);
        Value::Poison
    }

    fn sizes(&mut self, operator: BinaryOperator, left: &Value, right: &Value, span: Span) -> Value {
        let (Some(a), Some(b)) = (as_size(left), as_size(right)) else { return Value::Poison };
        if compares(operator) {
            if let (Some(a), Some(b)) = (a.as_constant(), b.as_constant()) {
                return Value::Bool(compare(operator, a as f64, b as f64));
            }
            return self.tensors(operator, left, right, span).map_or(Value::Poison, Value::Tensor);
        }
        match operator {
            BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Multiply => {
                self.size_operation(operator, &a, &b, span).map_or(Value::Poison, Value::Size)
            }
            _ => self.tensors(operator, left, right, span).map_or(Value::Poison, Value::Tensor),
        }
    }

    fn tensors(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
        span: Span,
    ) -> Option<Tensor> {
        let (left, right) = self.both(left, right, span)?;
        match function(operator) {
            Some(function) => self.map(function, &[&left, &right], span),
            None => self.contract(&left, &right, span),
        }
    }

    /// Two values as tensors of one element type where one of them can choose; arrays take the axes of the other.
    pub fn both(&mut self, left: &Value, right: &Value, span: Span) -> Option<(Tensor, Tensor)> {
        match (left, right) {
            (Value::Array(a), Value::Array(_)) => {
                let left = self.array_alone(&a.clone(), Some(chosen_element(left, right)))?;
                let right = self.like(right, &left, span)?;
                Some((left, right))
            }
            (Value::Tensor(left), right) => {
                let right = self.like(right, left, span)?;
                Some((left.clone(), right))
            }
            (left, Value::Tensor(right)) => {
                let left = self.like(left, right, span)?;
                Some((left, right.clone()))
            }
            (left, right) => {
                let element = Some(chosen_element(left, right));
                Some((self.materialize(left, element, span)?, self.materialize(right, element, span)?))
            }
        }
    }

    /// A value in the element type of a tensor, if it can choose, and an array along the tensor's last axes.
    pub fn like(&mut self, value: &Value, other: &Tensor, span: Span) -> Option<Tensor> {
        self.beside(value, other, other.element, span)
    }

    /// A value in an element type, if it can choose, and an array along a tensor's last axes.
    pub fn beside(&mut self, value: &Value, other: &Tensor, element: Element, span: Span) -> Option<Tensor> {
        let Value::Array(array) = value else { return self.materialize(value, Some(element), span) };
        let count = array.shape.len().min(other.axes.len());
        let named: Vec<Option<AxisKey>> =
            other.axes.iter().skip(other.axes.len() - count).copied().map(Some).collect();
        self.array_with(&array.clone(), element, &named, &[])
    }

    /// The last axis of a tensor that has a name here.
    pub fn last_axis(&mut self, tensor: &Tensor) -> Option<AxisKey> {
        let rest = self.frame().rest.clone();
        tensor.axes.iter().rev().copied().find(|axis| !rest.contains(axis))
    }

    fn contract(&mut self, left: &Tensor, right: &Tensor, span: Span) -> Option<Tensor> {
        let Some(axis) = self.last_axis(left) else {
            let shown = self.show(left);
            let mistake = Diagnostic::error("E0204", span, "the left operand of `@` has no axis to sum over")
                .label(format!("it is {shown}"));
            self.error(mistake);
            return None;
        };
        if !right.axes.contains(&axis) {
            self.no_common_axis(left, right, axis, span);
            return None;
        }
        let left = self.factor(left, right, axis, span)?;
        // Products of 16-bit floats are exact in `f32`, where they are summed.
        let element = left.element;
        let wide = if element.is_float() && element.bytes() == 2 { Element::F32 } else { element };
        let (left, right) = (self.cast(&left, wide, span)?, self.cast(right, wide, span)?);
        let product = self.map(ScalarFunction::Multiply, &[&left, &right], span)?;
        let sum = self.reduce(ReduceKind::Sum, &[axis], &product, span)?;
        self.cast(&sum, element, span)
    }

    fn no_common_axis(&mut self, left: &Tensor, right: &Tensor, axis: AxisKey, span: Span) {
        let (name, size) = (self.axes.name(axis), self.axes.axis_size(axis));
        let mut mistake = Diagnostic::error(
            "E0204",
            span,
            format!("`@` sums over `{name}`, the last axis on the left, which the right has not"),
        )
        .label(format!("{} @ {}", self.show(left), self.show(right)));
        let rest = self.frame().rest.clone();
        let both = left.axes.iter().find(|own| right.axes.contains(own) && !rest.contains(own)).copied();
        if let Some(shared) = both {
            let shared = self.axes.name(shared);
            mistake =
                mistake.hint(format!("both have `{shared}`: `sum(x * y, over {shared})` sums over that"));
        } else if let Some(twin) = right.axes.iter().find(|other| self.axes.axis_size(**other) == size) {
            let twin = self.axes.name(*twin);
            mistake = mistake.hint(format!("axes go by name: `as [{name} = {twin}]` calls the right operand's `{twin}` by the name `{name}`"));
        }
        let axes: Vec<AxisKey> = [axis].into_iter().chain(right.axes.iter().copied()).collect();
        self.error_of_axes(mistake, &axes);
    }
}

/// The element type of two values that can both choose: that of floats if either is one.
pub(crate) fn chosen_element(left: &Value, right: &Value) -> Element {
    let own = |value: &Value| match value {
        Value::Number(number) => number.default_element(),
        Value::Array(array) => default_element(array),
        Value::Bool(_) => Element::Bool,
        _ => Element::I64,
    };
    match (own(left), own(right)) {
        (Element::I64, Element::F32) => Element::F32,
        (left, _) => left,
    }
}

fn is_whole(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.integer.is_some(),
        _ => true,
    }
}

fn as_size(value: &Value) -> Option<Size> {
    match value {
        Value::Size(size) => Some(size.clone()),
        Value::Number(number) => {
            number.integer.and_then(|value| i64::try_from(value).ok()).map(Size::constant)
        }
        _ => None,
    }
}
