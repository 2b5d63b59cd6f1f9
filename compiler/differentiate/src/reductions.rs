//! The derivatives of reductions.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use moe_graph::{AxisId, Node, NodeId, Operation, ReduceKind, ScalarFunction};

type Made<T> = Result<T, DifferentiateError>;

impl Adjoint<'_> {
    pub fn reduction_rule(
        &mut self,
        node: &Node,
        kind: ReduceKind,
        axes: &[AxisId],
        result: NodeId,
        cotangent: NodeId,
    ) -> Made<()> {
        let value = self.value(node, 0)?;
        let share = match kind {
            ReduceKind::Sum => cotangent,
            ReduceKind::Product => {
                let others = self.product_of_others(value, axes)?;
                self.map(ScalarFunction::Multiply, &[cotangent, others])?
            }
            ReduceKind::Maximum | ReduceKind::Minimum => self.shared(value, axes, result, cotangent)?,
            ReduceKind::Any | ReduceKind::All => return Ok(()),
        };
        let mut along = self.axes(value);
        along.extend(axes);
        self.contribute(node, 0, share, &along)
    }

    /// The cotangent, shared equally by the entries that equal the result.
    fn shared(&mut self, value: NodeId, axes: &[AxisId], result: NodeId, cotangent: NodeId) -> Made<NodeId> {
        let equal = self.plain(ScalarFunction::Equal, &[value, result])?;
        let counted = self.counted(equal, self.element(value))?;
        let count = self.builder.reduce(ReduceKind::Sum, axes, counted)?;
        let share = self.map(ScalarFunction::Divide, &[cotangent, count])?;
        self.where_true(equal, share)
    }

    /// For each entry along the axes the product of all others: every entry is paired with every one, and itself counts as 1. A
    /// quotient would fail at 0.
    pub fn product_of_others(&mut self, value: NodeId, axes: &[AxisId]) -> Made<NodeId> {
        let mut other = self.broadcast(value, axes)?;
        let (mut renamed, mut itself) = (Vec::new(), None);
        for axis in axes {
            let to = self.like(*axis, "other")?;
            other = self.add(Operation::Rename { from: *axis, to }, &[other])?;
            let place = self.add(Operation::Coordinate(*axis), &[])?;
            let other_place = self.add(Operation::Rename { from: *axis, to }, &[place])?;
            let same = self.plain(ScalarFunction::Equal, &[place, other_place])?;
            itself = Some(match itself {
                None => same,
                Some(before) => self.plain(ScalarFunction::And, &[before, same])?,
            });
            renamed.push(to);
        }
        let one = self.number(self.element(value), 1.0)?;
        match itself {
            None => Ok(one),
            Some(itself) => {
                let factors = self.plain(ScalarFunction::Select, &[itself, one, other])?;
                Ok(self.builder.reduce(ReduceKind::Product, &renamed, factors)?)
            }
        }
    }
}
