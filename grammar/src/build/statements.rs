//! Blocks and statements.

use super::{doc_text, parts, Builder, Read};
use crate::grammar::Rule;
use crate::tree::{Block, Expression, PartExpression, Statement, StatementKind};

/// A line of a block.
pub(crate) enum Line {
    /// A statement.
    Statement(Box<Statement>),
    /// An expression; only the last line of a block may be one.
    Value(Expression),
}

impl Builder {
    pub(super) fn block(&mut self, read: Read<'_>) -> Option<Block> {
        let span = self.span(&read);
        let mut block = Block { statements: Vec::new(), value: None, span };
        for part in parts(read) {
            if let Some(unused) = block.value.take() {
                self.unused_value(&unused);
            }
            match self.line(part)? {
                Line::Statement(statement) => block.statements.push(*statement),
                Line::Value(value) => block.value = Some(Box::new(value)),
            }
        }
        Some(block)
    }

    /// An expression stands where only a statement can.
    pub fn unused_value(&mut self, value: &Expression) {
        self.error(
            "E0004",
            value.span,
            "this value is not used",
            "only the last line of a block may be an expression",
            Some("give it a name with `let`, or join it to the next line with an operator"),
        );
    }

    /// `statement`
    pub fn line(&mut self, read: Read<'_>) -> Option<Line> {
        let mut doc = Vec::new();
        for part in parts(read) {
            match part.as_rule() {
                Rule::doc => doc.push(doc_text(part.as_str())),
                Rule::expression => return Some(Line::Value(self.expression(part)?)),
                _ => {
                    let span = self.span(&part);
                    let kind = self.statement(part)?;
                    return Some(Line::Statement(Box::new(Statement { doc, kind, span })));
                }
            }
        }
        None
    }

    fn statement(&mut self, read: Read<'_>) -> Option<StatementKind> {
        let rule = read.as_rule();
        match rule {
            Rule::let_statement => return self.let_statement(read),
            Rule::weight => return self.weight(read),
            Rule::assertion => return Some(StatementKind::Assert(self.expression(parts(read).next()?)?)),
            _ => {}
        }
        let mut inner = parts(read);
        let name = self.name(&inner.next()?);
        let second = inner.next()?;
        Some(match rule {
            Rule::part => StatementKind::Part { name, value: self.part_value(second)? },
            Rule::axis_statement => StatementKind::Axis { name, size: self.expression(second)? },
            Rule::state => {
                let ty = self.type_expression(second)?;
                StatementKind::State { name, ty, initial: self.expression(inner.next()?)? }
            }
            Rule::next => StatementKind::Next { name, value: self.expression(second)? },
            Rule::observe => StatementKind::Observe { name, value: self.expression(second)? },
            Rule::assign => StatementKind::Assign { name, value: self.expression(second)? },
            Rule::repeat => {
                let count = self.expression(second)?;
                StatementKind::Repeat { index: name, count, body: self.block(inner.next()?)? }
            }
            _ => return None,
        })
    }

    fn let_statement(&mut self, read: Read<'_>) -> Option<StatementKind> {
        let mut inner = parts(read);
        let first = inner.next()?;
        let tuple = first.as_rule() == Rule::name_tuple;
        let names = if tuple { self.names(first) } else { vec![self.name(&first)] };
        let mut ty = None;
        let mut part = inner.next()?;
        if part.as_rule() == Rule::type_expression {
            ty = Some(self.type_expression(part)?);
            part = inner.next()?;
        }
        Some(StatementKind::Let { names, tuple, ty, value: self.expression(part)? })
    }

    fn weight(&mut self, read: Read<'_>) -> Option<StatementKind> {
        let (mut names, mut ty, mut initial, mut frozen, mut prox) = (Vec::new(), None, None, false, None);
        let mut proximal = false;
        for part in parts(read) {
            match part.as_rule() {
                Rule::name => names.push(self.name(&part)),
                Rule::type_expression => ty = Some(self.type_expression(part)?),
                Rule::kw_frozen => frozen = true,
                Rule::kw_prox => proximal = true,
                _ if proximal => prox = Some(self.expression(part)?),
                _ => initial = Some(self.expression(part)?),
            }
        }
        Some(StatementKind::Weight { names, ty: ty?, initial, frozen, prox })
    }

    fn part_value(&mut self, read: Read<'_>) -> Option<PartExpression> {
        let inner = parts(read).next()?;
        let span = self.span(&inner);
        if inner.as_rule() == Rule::part_group {
            return self.part_group(inner);
        }
        let mut inner = parts(inner);
        let path = self.names(inner.next()?);
        let arguments = match inner.next() {
            Some(bracket) => self.bracket_arguments(bracket)?,
            None => Vec::new(),
        };
        Some(PartExpression::Instance { path, arguments, span })
    }

    fn part_group(&mut self, read: Read<'_>) -> Option<PartExpression> {
        let span = self.span(&read);
        let mut elements = Vec::new();
        for part in parts(read) {
            if part.as_rule() == Rule::expression {
                let axis = self.expression(part)?;
                return Some(PartExpression::Stack { element: Box::new(elements.pop()?), axis, span });
            }
            elements.push(self.part_value(part)?);
        }
        Some(PartExpression::List { elements, span })
    }
}
