//! The derivatives of packing.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use moe_graph::{AxisId, Node, NodeId, Operation, ReduceKind, Scalar, ScalarFunction};

type Made<T> = Result<T, DifferentiateError>;

impl Adjoint<'_> {
    /// Every row's cotangent goes back to where the row was read; rows read several times sum up.
    pub fn pack_rule(&mut self, node: &Node, into: AxisId, cotangent: NodeId) -> Made<()> {
        let (mask, value) = (self.value(node, 0)?, self.value(node, 1)?);
        let own = self.axes(value);
        let mut over: Vec<AxisId> = self.axes(mask).into_iter().filter(|axis| !own.contains(axis)).collect();
        over.sort();
        let rows = self.broadcast(cotangent, &[into])?;
        let operation = if over.is_empty() {
            Operation::Unpack { from: into, background: Scalar::zero(self.element(rows)) }
        } else {
            Operation::SegmentReduce { kind: ReduceKind::Sum, from: into, over }
        };
        let back = self.add(operation, &[mask, rows])?;
        self.contribute(node, 1, back, &[])
    }

    pub fn unpack_rule(&mut self, node: &Node, from: AxisId, cotangent: NodeId) -> Made<()> {
        let mask = self.value(node, 0)?;
        let rows = self.packed(mask, cotangent, from)?;
        self.contribute(node, 1, rows, &[])
    }

    /// A value packed by a mask, or itself if it varies along none of the mask's axes.
    fn packed(&mut self, mask: NodeId, value: NodeId, into: AxisId) -> Made<NodeId> {
        let axes = self.axes(mask);
        if self.axes(value).iter().any(|axis| axes.contains(axis)) {
            self.add(Operation::Pack { into }, &[mask, value])
        } else {
            Ok(value)
        }
    }

    pub fn segment_rule(
        &mut self,
        node: &Node,
        kind: ReduceKind,
        from: AxisId,
        over: &[AxisId],
        result: NodeId,
        cotangent: NodeId,
    ) -> Made<()> {
        let (mask, rows) = (self.value(node, 0)?, self.value(node, 1)?);
        let share = match kind {
            ReduceKind::Sum => self.packed(mask, cotangent, from)?,
            ReduceKind::Maximum | ReduceKind::Minimum => {
                let own = self.packed(mask, result, from)?;
                let equal = self.plain(ScalarFunction::Equal, &[rows, own])?;
                let counted = self.counted(equal, self.element(rows))?;
                let counted = self.broadcast(counted, &[from])?;
                let sum = Operation::SegmentReduce { kind: ReduceKind::Sum, from, over: over.to_vec() };
                let count = self.add(sum, &[mask, counted])?;
                let count = self.packed(mask, count, from)?;
                let share = self.packed(mask, cotangent, from)?;
                let share = self.map(ScalarFunction::Divide, &[share, count])?;
                self.where_true(equal, share)?
            }
            ReduceKind::Product => {
                let one = Scalar::float(self.element(rows), 1.0);
                let background = one.ok_or(DifferentiateError::Malformed("a product of no floats"))?;
                let dense = self.add(Operation::Unpack { from, background }, &[mask, rows])?;
                let others = self.product_of_others(dense, over)?;
                let share = self.map(ScalarFunction::Multiply, &[cotangent, others])?;
                self.packed(mask, share, from)?
            }
            ReduceKind::Any | ReduceKind::All => return Ok(()),
        };
        self.contribute(node, 1, share, &[])
    }
}
