//! Gathers and scatters: each the adjoint of the other.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use moe_graph::{AxisId, Node, NodeId, Operation};

type Made<T> = Result<T, DifferentiateError>;

impl Adjoint<'_> {
    pub fn gather_rule(&mut self, node: &Node, axis: AxisId, cotangent: NodeId) -> Made<()> {
        let (table, index) = (self.value(node, 0)?, self.value(node, 1)?);
        let kept = self.axes(table);
        let over: Vec<AxisId> = self.axes(index).into_iter().filter(|axis| !kept.contains(axis)).collect();
        let scattered = self.add(Operation::ScatterAdd { over, into: axis }, &[cotangent, index])?;
        self.contribute(node, 0, scattered, &[])
    }

    pub fn scatter_rule(&mut self, node: &Node, into: AxisId, cotangent: NodeId) -> Made<()> {
        let (updates, index) = (self.value(node, 0)?, self.value(node, 1)?);
        let back = if self.axes(cotangent).contains(&into) {
            self.add(Operation::Gather { axis: into }, &[cotangent, index])?
        } else {
            cotangent
        };
        let mut along = self.axes(index);
        along.extend(self.axes(updates));
        self.contribute(node, 0, back, &along)
    }
}
