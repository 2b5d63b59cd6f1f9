//! Gathers and scatters: each the adjoint of the other.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use moe_graph::{AxisId, Element, Node, NodeId, Operation, ScalarFunction};

type Made<T> = Result<T, DifferentiateError>;

impl Adjoint<'_> {
    pub fn gather_rule(&mut self, node: &Node, axis: AxisId, cotangent: NodeId) -> Made<()> {
        let (table, index) = (self.value(node, 0)?, self.value(node, 1)?);
        let kept = self.axes(table);
        let over: Vec<AxisId> = self.axes(index).into_iter().filter(|axis| !kept.contains(axis)).collect();
        let scattered = self.add(Operation::ScatterAdd { over, into: axis }, &[cotangent, index])?;
        self.contribute(node, 0, scattered, &[])
    }

    pub fn scatter_add_rule(&mut self, node: &Node, into: AxisId, cotangent: NodeId) -> Made<()> {
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

    /// What an update replaced has no cotangent, and of several updates of one entry only the last has.
    pub fn scatter_rule(
        &mut self,
        node: &Node,
        over: &[AxisId],
        axis: AxisId,
        cotangent: NodeId,
    ) -> Made<()> {
        let index = self.value(node, 2)?;
        let over: Vec<AxisId> = over.to_vec();
        let operation = Operation::Scatter { over: over.clone(), axis };
        let wide = self.broadcast(cotangent, &[axis])?;
        let element = self.element(wide);
        let zero = self.number(element, 0.0)?;
        let kept = self.add(operation.clone(), &[wide, zero, index])?;
        self.contribute(node, 0, kept, &node.ty.axes)?;
        let back = self.add(Operation::Gather { axis }, &[wide, index])?;
        let share = if over.is_empty() {
            back
        } else {
            let (place, nobody) = (self.place_along(&over)?, self.number(Element::I64, -1.0)?);
            let nobody = self.broadcast(nobody, &[axis])?;
            let last = self.add(operation, &[nobody, place, index])?;
            let last = self.add(Operation::Gather { axis }, &[last, index])?;
            let counts = self.plain(ScalarFunction::Equal, &[last, place])?;
            self.plain(ScalarFunction::Select, &[counts, back, zero])?
        };
        let rest = node.ty.axes.iter().copied().filter(|own| *own != axis);
        let along: Vec<AxisId> = over.into_iter().chain(rest).collect();
        self.contribute(node, 1, share, &along)
    }

    /// A number for each place along axes, in row-major order.
    fn place_along(&mut self, axes: &[AxisId]) -> Made<NodeId> {
        let mut place = self.number(Element::I64, 0.0)?;
        for axis in axes {
            let (size, own) = (self.length(*axis)?, self.add(Operation::Coordinate(*axis), &[])?);
            let before = self.plain(ScalarFunction::Multiply, &[place, size])?;
            place = self.plain(ScalarFunction::Add, &[before, own])?;
        }
        Ok(place)
    }
}
