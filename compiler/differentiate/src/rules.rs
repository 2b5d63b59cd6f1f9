//! The rule of each primitive: how a node hands its cotangent on to its operands.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use moe_graph::{AxisId, Element, Node, NodeId, Operation, Scalar, ScalarFunction, Size};

type Made<T> = Result<T, DifferentiateError>;

impl Adjoint<'_> {
    pub fn hand_on(&mut self, id: NodeId, node: &Node) -> Made<()> {
        if matches!(
            node.operation,
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. }
        ) {
            return self.hand_on_call(id, node);
        }
        let Some(cotangent) = self.cotangent(id) else { return Ok(()) };
        match &node.operation {
            Operation::Map { function, absorb } => {
                self.scalar_rule(node, *function, *absorb, self.new_node(id)?, cotangent)
            }
            Operation::Cast(_) => {
                let element = self.element(self.value(node, 0)?);
                let back = self.add(Operation::Cast(element), &[cotangent])?;
                self.contribute(node, 0, back, &node.ty.axes)
            }
            Operation::Reduce { kind, axes } => {
                self.reduction_rule(node, *kind, axes, self.new_node(id)?, cotangent)
            }
            Operation::Gather { axis } => self.gather_rule(node, *axis, cotangent),
            Operation::ScatterAdd { into, .. } => self.scatter_add_rule(node, *into, cotangent),
            Operation::Scatter { over, axis } => self.scatter_rule(node, over, *axis, cotangent),
            Operation::CumulativeSum { axis } => self.running_rule(node, *axis, cotangent),
            Operation::Sort { axis } => self.sort_rule(node, *axis, cotangent),
            Operation::Pack { into } => self.pack_rule(node, *into, cotangent),
            Operation::Unpack { from, .. } => self.unpack_rule(node, *from, cotangent),
            Operation::SegmentReduce { kind, from, over } => {
                self.segment_rule(node, *kind, *from, over, self.new_node(id)?, cotangent)
            }
            _ => self.movement_rule(node, cotangent),
        }
    }

    fn movement_rule(&mut self, node: &Node, cotangent: NodeId) -> Made<()> {
        let back = match &node.operation {
            Operation::Rename { from, to } => {
                self.moved(cotangent, *to, Operation::Rename { from: *to, to: *from })
            }
            Operation::Merge { from, into } => {
                self.moved(cotangent, *into, Operation::Split { from: *into, into: from.clone() })
            }
            Operation::Pad { from, into, before, .. } => {
                let slice = Operation::Slice { from: *into, into: *from, start: before.clone() };
                self.moved(cotangent, *into, slice)
            }
            Operation::Split { from, into } => {
                if !into.iter().any(|axis| self.axes(cotangent).contains(axis)) {
                    return self.contribute(node, 0, cotangent, &[]);
                }
                let wide = self.broadcast(cotangent, into)?;
                self.add(Operation::Merge { from: into.clone(), into: *from }, &[wide])
            }
            Operation::Slice { from, into, start } => self.padded(cotangent, *into, *from, start),
            Operation::Window { .. } => self.shown(&node.operation, cotangent),
            Operation::Concatenate { from, into } => {
                return self.concatenate_rule(node, from, *into, cotangent)
            }
            // Parameters, constants and what chooses hand nothing on.
            _ => return Ok(()),
        }?;
        self.contribute(node, 0, back, &[])
    }

    /// A movement undone, unless the cotangent does not vary along the axis.
    fn moved(&mut self, cotangent: NodeId, axis: AxisId, operation: Operation) -> Made<NodeId> {
        if self.axes(cotangent).contains(&axis) {
            self.add(operation, &[cotangent])
        } else {
            Ok(cotangent)
        }
    }

    fn padded(&mut self, cotangent: NodeId, from: AxisId, into: AxisId, before: &Size) -> Made<NodeId> {
        let wide = self.broadcast(cotangent, &[from])?;
        let value = Scalar::zero(self.element(wide));
        self.add(Operation::Pad { from, into, before: before.clone(), value }, &[wide])
    }

    /// What each entry of a windowed axis takes: for every tap, the cotangent at the place that shows it there, 0 if none does.
    fn shown(&mut self, window: &Operation, cotangent: NodeId) -> Made<NodeId> {
        use ScalarFunction as F;
        let Operation::Window { from, places, taps, stride, dilation, before, .. } = window else {
            return Ok(cotangent);
        };
        let wide = self.broadcast(cotangent, &[*places, *taps])?;
        let (count, value) = (self.builder.function().size(*places), Scalar::zero(self.element(wide)));
        // One place more, at which those look that no place shows.
        let spare = self.builder.axis("places", count.add(&Size::constant(1)));
        let pad = Operation::Pad { from: *places, into: spare, before: Size::constant(0), value };
        let table = self.add(pad, &[wide])?;
        let size = |this: &mut Self, size: &Size| this.add(Operation::SizeOf(size.clone()), &[]);
        let [count, stride, dilation, before] =
            [size(self, &count)?, size(self, stride)?, size(self, dilation)?, size(self, before)?];
        let (entry, tap) =
            (self.add(Operation::Coordinate(*from), &[])?, self.add(Operation::Coordinate(*taps), &[])?);
        let tap = self.plain(F::Multiply, &[tap, dilation])?;
        let shifted = self.plain(F::Add, &[entry, before])?;
        let shifted = self.plain(F::Subtract, &[shifted, tap])?;
        let place = self.plain(F::Divide, &[shifted, stride])?;
        let begin = self.plain(F::Multiply, &[place, stride])?;
        let zero = self.builder.constant(Scalar::index(0));
        let even = self.plain(F::Equal, &[begin, shifted])?;
        let after = self.plain(F::GreaterEqual, &[shifted, zero])?;
        let within = self.plain(F::Less, &[place, count])?;
        let there = self.plain(F::And, &[even, after])?;
        let there = self.plain(F::And, &[there, within])?;
        let index = self.plain(F::Select, &[there, place, count])?;
        let each = self.add(Operation::Gather { axis: spare }, &[table, index])?;
        Ok(self.builder.reduce(moe_graph::ReduceKind::Sum, &[*taps], each)?)
    }

    fn concatenate_rule(
        &mut self,
        node: &Node,
        from: &[AxisId],
        into: AxisId,
        cotangent: NodeId,
    ) -> Made<()> {
        let mut start = Size::constant(0);
        for (index, own) in from.iter().enumerate() {
            let slice = Operation::Slice { from: into, into: *own, start: start.clone() };
            start = start.add(&self.builder.function().size(*own));
            let part = self.moved(cotangent, into, slice)?;
            let along: Vec<AxisId> = node.ty.axes.iter().copied().filter(|axis| *axis != into).collect();
            self.contribute(node, index, part, &along)?;
        }
        Ok(())
    }

    /// Reversed, summed, reversed.
    fn running_rule(&mut self, node: &Node, axis: AxisId, cotangent: NodeId) -> Made<()> {
        let back = self.like(axis, "reversed")?;
        let turned = self.reversed(cotangent, axis, back)?;
        let sums = self.add(Operation::CumulativeSum { axis: back }, &[turned])?;
        let sums = self.reversed(sums, back, axis)?;
        self.contribute(node, 0, sums, &[])
    }

    /// Each entry takes the cotangent at its rank: how many entries come before it in ascending order, NaN last, ties by coordinate.
    fn sort_rule(&mut self, node: &Node, axis: AxisId, cotangent: NodeId) -> Made<()> {
        use ScalarFunction as F;
        let value = self.value(node, 0)?;
        let (other_axis, ranked) = (self.like(axis, "other")?, self.like(axis, "ranked")?);
        let other = self.add(Operation::Rename { from: axis, to: other_axis }, &[value])?;
        let place = self.add(Operation::Coordinate(axis), &[])?;
        let other_place = self.add(Operation::Rename { from: axis, to: other_axis }, &[place])?;
        let less = self.plain(F::Less, &[other, value])?;
        let equal = self.plain(F::Equal, &[other, value])?;
        let (nan, other_nan) = (self.plain(F::IsNan, &[value])?, self.plain(F::IsNan, &[other])?);
        let is_number = self.plain(F::Not, &[other_nan])?;
        let before_nan = self.plain(F::And, &[nan, is_number])?;
        let both_nan = self.plain(F::And, &[nan, other_nan])?;
        let tie = self.plain(F::Or, &[equal, both_nan])?;
        let earlier = self.plain(F::Less, &[other_place, place])?;
        let tie = self.plain(F::And, &[tie, earlier])?;
        let before = self.plain(F::Or, &[less, before_nan])?;
        let before = self.plain(F::Or, &[before, tie])?;
        let counted = self.add(Operation::Cast(Element::I64), &[before])?;
        let rank = self.builder.reduce(moe_graph::ReduceKind::Sum, &[other_axis], counted)?;
        let wide = self.broadcast(cotangent, &[axis])?;
        let table = self.add(Operation::Rename { from: axis, to: ranked }, &[wide])?;
        let back = self.add(Operation::Gather { axis: ranked }, &[table, rank])?;
        self.contribute(node, 0, back, &[])
    }
}
