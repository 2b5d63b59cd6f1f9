//! Types and their axes.

use super::{parts, Builder, Read};
use crate::grammar::Rule;
use crate::tree::{AxisExpression, TypeExpression};

impl Builder {
    pub(super) fn type_expression(&mut self, read: Read<'_>) -> Option<TypeExpression> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let head = self.names(inner.next()?);
        let mut ty = TypeExpression { head, axes: None, background: None, span };
        for part in inner.flat_map(axes_and_background) {
            match part.as_rule() {
                Rule::axis => {
                    let axis = self.axis(part)?;
                    ty.axes.get_or_insert_default().push(axis);
                }
                Rule::background => {
                    ty.background = Some(Box::new(self.expression(parts(part).next()?)?));
                }
                _ => {
                    ty.axes.get_or_insert_default();
                }
            }
        }
        Some(ty)
    }

    fn axis(&mut self, read: Read<'_>) -> Option<AxisExpression> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let first = inner.next()?;
        match first.as_rule() {
            Rule::dots => return Some(AxisExpression::Rest(span)),
            Rule::ragged_axis => {
                let mut inner = parts(first);
                let name = self.name(&inner.next()?);
                let over = self.names(inner.next()?);
                return Some(AxisExpression::Ragged { name, over, span });
            }
            Rule::named_axis => return self.named_axis(first),
            _ => {}
        }
        let size = self.expression(first)?;
        let Some(bounded) = inner.next() else {
            return Some(AxisExpression::Axis { name: None, size, span });
        };
        let axes = parts(bounded).map(|axis| self.plain_axis(axis)).collect::<Option<_>>()?;
        Some(AxisExpression::Bounded { bound: size, axes, span })
    }

    fn plain_axis(&mut self, read: Read<'_>) -> Option<AxisExpression> {
        let span = self.span(&read);
        let inner = parts(read).next()?;
        match inner.as_rule() {
            Rule::named_axis => self.named_axis(inner),
            _ => Some(AxisExpression::Axis { name: None, size: self.expression(inner)?, span }),
        }
    }

    fn named_axis(&mut self, read: Read<'_>) -> Option<AxisExpression> {
        let span = self.span(&read);
        let mut inner = parts(read);
        let name = Some(self.name(&inner.next()?));
        Some(AxisExpression::Axis { name, size: self.expression(inner.next()?)?, span })
    }
}

/// The axes in brackets themselves, to say that there were brackets, and what is in them.
fn axes_and_background(axes: Read<'_>) -> impl Iterator<Item = Read<'_>> {
    std::iter::once(axes.clone()).chain(parts(axes))
}
