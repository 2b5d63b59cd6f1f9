//! Expressions. The grammar reads operators and operands in one row; here they become a tree by their strength.

use super::items::unquoted;
use super::{parts, Builder, Read};
use crate::grammar::Rule;
use crate::span::Span;
use crate::tree::{
    Argument, BinaryOperator, Binder, BracketArgument, Carried, Expression, ExpressionKind, Name,
    UnaryOperator,
};

/// The strength of comparisons, which cannot be chained.
const COMPARISON: u8 = 3;

/// How strongly an operator binds; the looser, the smaller.
pub(crate) fn strength(operator: BinaryOperator) -> u8 {
    use BinaryOperator as B;
    match operator {
        B::Or => 1,
        B::And => 2,
        B::Equal | B::NotEqual | B::Less | B::LessEqual | B::Greater | B::GreaterEqual => COMPARISON,
        B::Add | B::Subtract => 4,
        B::Multiply | B::Divide | B::Remainder => 5,
        B::Contract => 6,
    }
}

/// The operator that a sign stands for.
pub(crate) fn operator(sign: &str) -> Option<BinaryOperator> {
    use BinaryOperator as B;
    Some(match sign {
        "||" => B::Or,
        "&&" => B::And,
        "==" => B::Equal,
        "!=" => B::NotEqual,
        "<" => B::Less,
        "<=" => B::LessEqual,
        ">" => B::Greater,
        ">=" => B::GreaterEqual,
        "+" => B::Add,
        "-" => B::Subtract,
        "*" => B::Multiply,
        "/" => B::Divide,
        "%" => B::Remainder,
        "@" => B::Contract,
        _ => return None,
    })
}

/// An operator that waits for its right operand, and where it stands.
type Waiting = (BinaryOperator, Span);

impl Builder {
    pub(super) fn expression(&mut self, read: Read<'_>) -> Option<Expression> {
        let mut operands: Vec<Expression> = Vec::new();
        let mut waiting: Vec<Waiting> = Vec::new();
        for part in parts(read) {
            if part.as_rule() == Rule::operand {
                operands.push(self.operand(part)?);
                continue;
            }
            let next = (operator(part.as_str().trim_end())?, self.span(&part));
            while waiting.last().is_some_and(|(last, _)| strength(*last) >= strength(next.0)) {
                self.refuse_chain(waiting.last().copied(), next);
                combine(&mut operands, &mut waiting)?;
            }
            waiting.push(next);
        }
        while !waiting.is_empty() {
            combine(&mut operands, &mut waiting)?;
        }
        operands.pop()
    }

    fn refuse_chain(&mut self, last: Option<Waiting>, next: Waiting) {
        let chained =
            last.is_some_and(|(last, _)| strength(last) == COMPARISON && strength(next.0) == COMPARISON);
        if chained {
            self.error(
                "E0001",
                next.1,
                "comparisons cannot follow one another",
                "this compares the answer of the comparison before it",
                Some("write `a < b && b < c` for `a < b < c`"),
            );
        }
    }

    fn operand(&mut self, read: Read<'_>) -> Option<Expression> {
        let mut inner = parts(read).peekable();
        let mut prefixes = Vec::new();
        while let Some(prefix) = inner.next_if(|part| part.as_rule() == Rule::prefix) {
            let operator =
                if prefix.as_str().starts_with('-') { UnaryOperator::Negate } else { UnaryOperator::Not };
            prefixes.push((operator, self.span(&prefix)));
        }
        let mut operand = self.primary(inner.next()?)?;
        while let Some(postfix) = inner.next_if(|part| part.as_rule() != Rule::cast) {
            let span = operand.span.to(self.span(&postfix));
            let target = Box::new(operand);
            let kind = match postfix.as_rule() {
                Rule::call => ExpressionKind::Call(target, self.arguments(postfix)?),
                Rule::bracket => ExpressionKind::Bracket(target, self.bracket_arguments(postfix)?),
                _ => ExpressionKind::Field(target, self.names(postfix).pop()?),
            };
            operand = Expression { kind, span };
        }
        while let Some((operator, start)) = prefixes.pop() {
            let span = start.to(operand.span);
            operand = Expression { kind: ExpressionKind::Unary(operator, Box::new(operand)), span };
        }
        for cast in inner {
            let span = operand.span.to(self.span(&cast));
            operand = Expression { kind: self.cast(operand, cast)?, span };
        }
        Some(operand)
    }

    fn cast(&mut self, operand: Expression, read: Read<'_>) -> Option<ExpressionKind> {
        let target = parts(read).next()?;
        if target.as_rule() == Rule::name {
            return Some(ExpressionKind::Cast(Box::new(operand), self.name(&target)));
        }
        let mut pairs = Vec::new();
        for renaming in parts(target) {
            let mut names = self.names(renaming).into_iter();
            pairs.push((names.next()?, names.next()?));
        }
        Some(ExpressionKind::Rename(Box::new(operand), pairs))
    }

    fn primary(&mut self, read: Read<'_>) -> Option<Expression> {
        let span = self.span(&read);
        let text = read.as_str().trim_end();
        let kind = match read.as_rule() {
            Rule::number => ExpressionKind::Number(text.to_owned()),
            Rule::string => ExpressionKind::String(unquoted(text)),
            Rule::boolean => ExpressionKind::Bool(text == "true"),
            Rule::path => ExpressionKind::Path(self.names(read)),
            Rule::block => ExpressionKind::Block(self.block(read)?),
            Rule::array => {
                ExpressionKind::Array(parts(read).map(|part| self.expression(part)).collect::<Option<_>>()?)
            }
            Rule::tuple => ExpressionKind::Tuple(
                parts(read).map(|part| self.perhaps_named(part)).collect::<Option<_>>()?,
            ),
            Rule::conditional => return self.conditional(read),
            Rule::fold => self.fold(read)?,
            Rule::reduce => self.reduce(read)?,
            _ => return None,
        };
        Some(Expression { kind, span })
    }

    fn perhaps_named(&mut self, read: Read<'_>) -> Option<(Option<Name>, Expression)> {
        let mut inner = parts(read).peekable();
        let name = inner.next_if(|part| part.as_rule() == Rule::name).map(|name| self.name(&name));
        Some((name, self.expression(inner.next()?)?))
    }

    /// `if a { x } else if b { y } else { z }`, the inner `if` being the whole of the first one's other branch.
    fn conditional(&mut self, read: Read<'_>) -> Option<Expression> {
        let whole = self.span(&read);
        let mut branches = Vec::new();
        let mut otherwise: Option<Box<Expression>> = None;
        let mut inner = parts(read);
        while let Some(part) = inner.next() {
            let start = self.span(&part);
            if part.as_rule() == Rule::block {
                let block = self.block(part)?;
                otherwise =
                    Some(Box::new(Expression { span: block.span, kind: ExpressionKind::Block(block) }));
            } else {
                branches.push((start, self.expression(part)?, self.block(inner.next()?)?));
            }
        }
        while let Some((start, condition, then)) = branches.pop() {
            let span = if branches.is_empty() { whole } else { Span { end: whole.end, ..start } };
            let condition = Box::new(condition);
            let kind = ExpressionKind::If { condition, then, otherwise: otherwise.take() };
            otherwise = Some(Box::new(Expression { kind, span }));
        }
        otherwise.map(|conditional| *conditional)
    }

    fn fold(&mut self, read: Read<'_>) -> Option<ExpressionKind> {
        let mut inner = parts(read);
        let count = Box::new(self.expression(inner.next()?)?);
        let mut carried = Vec::new();
        for part in inner {
            if part.as_rule() == Rule::block {
                return Some(ExpressionKind::Fold { count, carried, body: self.block(part)? });
            }
            let (mut name, mut ty, mut value) = (None, None, None);
            for piece in parts(part) {
                match piece.as_rule() {
                    Rule::name => name = Some(self.name(&piece)),
                    Rule::type_expression => ty = Some(self.type_expression(piece)?),
                    _ => value = Some(self.expression(piece)?),
                }
            }
            carried.push(Carried { name: name?, ty, value: value? });
        }
        None
    }

    fn reduce(&mut self, read: Read<'_>) -> Option<ExpressionKind> {
        let mut inner = parts(read);
        let operation = self.name(&inner.next()?);
        let mut binders = Vec::new();
        let mut condition = None;
        for part in inner {
            match part.as_rule() {
                Rule::binder | Rule::bound_binder => {
                    let mut names = self.names(part).into_iter();
                    binders.push(Binder { name: names.next()?, axis: names.next() });
                }
                Rule::expression => condition = Some(Box::new(self.expression(part)?)),
                _ => {
                    let body = self.block(part)?;
                    return Some(ExpressionKind::Reduce { operation, binders, condition, body });
                }
            }
        }
        None
    }

    fn arguments(&mut self, read: Read<'_>) -> Option<Vec<Argument>> {
        parts(read).map(|part| self.argument(part)).collect()
    }

    fn argument(&mut self, read: Read<'_>) -> Option<Argument> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let first = inner.next()?;
        match first.as_rule() {
            Rule::over => Some(Argument::Over(self.names(parts(first).next()?), span)),
            Rule::named_argument => {
                let mut inner = parts(first);
                let name = self.dotted(inner.next()?);
                Some(Argument::Named(name, self.expression(inner.next()?)?))
            }
            _ => {
                let value = self.expression(first)?;
                match inner.next() {
                    Some(axes) => Some(Argument::Bound(value, self.names(axes), span)),
                    None => Some(Argument::Value(value)),
                }
            }
        }
    }

    /// `up.weight` as one name.
    fn dotted(&mut self, read: Read<'_>) -> Name {
        let span = self.span(&read);
        let names: Vec<String> = self.names(read).into_iter().map(|name| name.text).collect();
        Name { text: names.join("."), span }
    }

    pub(super) fn bracket_arguments(&mut self, read: Read<'_>) -> Option<Vec<BracketArgument>> {
        parts(read).map(|part| self.bracket_argument(part)).collect()
    }

    fn bracket_argument(&mut self, read: Read<'_>) -> Option<BracketArgument> {
        let span = self.span(&read);
        let mut dots = false;
        let (mut from, mut to) = (None, None);
        for part in parts(read) {
            match part.as_rule() {
                Rule::whole => return Some(BracketArgument::Whole(span)),
                Rule::named_static => {
                    let (name, value) = self.perhaps_named(part)?;
                    return Some(BracketArgument::Named(name?, value));
                }
                Rule::dots => dots = true,
                _ if dots => to = Some(self.expression(part)?),
                _ => from = Some(self.expression(part)?),
            }
        }
        match from {
            Some(value) if !dots => Some(BracketArgument::Value(value)),
            from => Some(BracketArgument::Range(from, to, span)),
        }
    }
}

/// Takes the last operator and its two operands together.
fn combine(operands: &mut Vec<Expression>, waiting: &mut Vec<Waiting>) -> Option<()> {
    let (operator, _) = waiting.pop()?;
    let right = operands.pop()?;
    let left = operands.pop()?;
    let span = left.span.to(right.span);
    operands
        .push(Expression { kind: ExpressionKind::Binary(operator, Box::new(left), Box::new(right)), span });
    Some(())
}
