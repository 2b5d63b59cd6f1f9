//! Sizes as expressions of the language.

use crate::axes::SizeKey;
use crate::elaborator::{Elaborator, Mode};
use crate::value::Value;
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Argument, BinaryOperator, Expression, ExpressionKind, Name};
use moe_grammar::Span;
use moe_graph::{Atom, Size};

impl Elaborator<'_> {
    /// The entry that an expression names, if it is a name of a size or axis.
    pub fn named_size(&mut self, expression: &Expression) -> Option<SizeKey> {
        match &expression.kind {
            ExpressionKind::Path(path) => match path.as_slice() {
                [name] => self.frame().size(&name.text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The entry of an expression: the one it names, or a new one without a name of its own.
    pub fn size_entry(&mut self, name: &str, expression: &Expression) -> Option<SizeKey> {
        if let Some(key) = self.named_size(expression) {
            return Some(key);
        }
        let size = self.size_expression(expression)?;
        Some(self.axes.anonymous_size(name, size, expression.span))
    }

    /// The size that an expression stands for.
    pub fn size_expression(&mut self, expression: &Expression) -> Option<Size> {
        let size = match &expression.kind {
            ExpressionKind::Number(text) => self.size_number(text, expression.span),
            ExpressionKind::Path(path) => self.size_path(path, expression.span),
            ExpressionKind::Binary(operator, left, right) => {
                let (left, right) = (self.size_expression(left), self.size_expression(right));
                self.size_operation(*operator, &left?, &right?, expression.span)
            }
            ExpressionKind::Call(callee, arguments) => self.size_call(callee, arguments, expression.span),
            ExpressionKind::Tuple(entries) => match entries.as_slice() {
                [(None, inner)] => self.size_expression(inner),
                _ => self.no_size(expression.span),
            },
            _ => self.no_size(expression.span),
        }?;
        match size.as_constant() {
            Some(value) if value < 0 => {
                let mistake = Diagnostic::error("E0216", expression.span, format!("a size of {value}"))
                    .label("a size is not negative");
                self.error(mistake);
                None
            }
            _ => Some(size),
        }
    }

    fn size_number(&mut self, text: &str, span: Span) -> Option<Size> {
        match text.replace('_', "").parse::<i64>() {
            Ok(value) => Some(Size::constant(value)),
            Err(_) => self.no_size(span),
        }
    }

    fn no_size(&mut self, span: Span) -> Option<Size> {
        let mistake = Diagnostic::error("E0216", span, "this is no size")
            .label("expected a whole number, a size's name, or `+ - * /` of them")
            .hint("sizes are known when a program starts: they are not computed from tensors");
        self.error(mistake);
        None
    }

    fn size_path(&mut self, path: &[Name], span: Span) -> Option<Size> {
        let [name] = path else { return self.no_size(span) };
        if let Some(key) = self.frame().size(&name.text) {
            if let Some(axis) = self.axes.known_axis(key) {
                self.expect_even(axis, &[], span, "sizes")?;
            }
            return Some(self.axes.size_value(key));
        }
        match self.frame().value(&name.text).cloned() {
            Some(Value::Size(size)) => Some(size),
            Some(Value::Number(number)) if number.integer.is_some() => {
                number.integer.and_then(|value| i64::try_from(value).ok()).map(Size::constant)
            }
            Some(Value::Poison) => None,
            Some(_) => self.no_size(span),
            None => {
                self.unknown(name);
                None
            }
        }
    }

    /// Reports a name that is not known.
    pub fn unknown(&mut self, name: &Name) {
        let local = self.frame().names();
        let mistake = self.program.unknown(self.file(), name, &local);
        self.error(mistake);
    }

    fn size_call(&mut self, callee: &Expression, arguments: &[Argument], span: Span) -> Option<Size> {
        let ExpressionKind::Path(path) = &callee.kind else { return self.no_size(span) };
        let [name] = path.as_slice() else { return self.no_size(span) };
        let mut sizes = Vec::new();
        for argument in arguments {
            let Argument::Value(argument) = argument else { return self.no_size(span) };
            sizes.push(self.size_expression(argument)?);
        }
        let size = match (name.text.as_str(), sizes.as_slice()) {
            ("min", [a, b]) => Some(a.minimum(b)),
            ("max", [a, b]) => Some(a.maximum(b)),
            ("ceil_div", [a, b]) => a.ceiling_divide(b),
            ("round_up", [a, b]) => a.round_up(b),
            ("size", [a]) => Some(a.clone()),
            _ => None,
        };
        match size {
            Some(size) => self.counted(size, span),
            None => self.no_size(span),
        }
    }

    /// An operation on sizes.
    pub fn size_operation(
        &mut self,
        operator: BinaryOperator,
        left: &Size,
        right: &Size,
        span: Span,
    ) -> Option<Size> {
        let size = match operator {
            BinaryOperator::Add => Some(left.add(right)),
            BinaryOperator::Subtract => Some(left.subtract(right)),
            BinaryOperator::Multiply => Some(left.multiply(right)),
            BinaryOperator::Divide => self.size_quotient(left, right, span),
            _ => self.no_size(span),
        };
        self.counted(size?, span)
    }

    /// An exact quotient. With free sizes it is kept as one rounded up, which for exact quotients is the same.
    fn size_quotient(&mut self, left: &Size, right: &Size, span: Span) -> Option<Size> {
        let exact = match (left.as_constant(), right.as_constant()) {
            (Some(_), Some(0)) | (None, Some(0)) => false,
            (Some(a), Some(b)) => a % b == 0,
            // Of a size that is only known at run time it cannot be told.
            _ => self.mode == Mode::Check,
        };
        if !exact {
            let mistake = Diagnostic::error("E0216", span, format!("{left} cannot be divided by {right}"))
                .label("a quotient of sizes has to come out even")
                .hint("`ceil_div(a, b)` rounds up");
            self.error(mistake);
            return None;
        }
        left.ceiling_divide(right)
    }

    /// Whether two sizes are equal, as far as can be told now: quotients of free sizes are taken to come out even.
    pub fn sizes_agree(&self, left: &Size, right: &Size) -> bool {
        left == right || (self.mode == Mode::Check && (has_quotient(left) || has_quotient(right)))
    }
}

fn has_quotient(size: &Size) -> bool {
    size.terms().any(|(_, atoms)| atoms.iter().any(|atom| matches!(atom, Atom::CeilingDivide(..))))
}
