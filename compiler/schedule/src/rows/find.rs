//! Finding what is computed row by row.

use crate::materialize::is_costly;
use crate::uses::Uses;
use moe_graph::{AxisId, Element, Node, NodeId, Operation, ScalarFunction};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What one kernel computes of each row.
#[derive(Clone, Debug)]
pub(crate) struct RowGroup {
    /// The axis that rows lie along.
    pub axis: AxisId,
    /// Reductions along it, in the order in which they can be computed.
    pub statistics: Vec<NodeId>,
    /// Costly values along rows that reductions read and others too.
    pub kept: BTreeSet<NodeId>,
    /// What depends on the reductions.
    pub members: BTreeSet<NodeId>,
}

/// Groups by the node that is stored; none has nodes of `taken`.
pub(crate) fn find(uses: &Uses, taken: impl Fn(NodeId) -> bool) -> BTreeMap<NodeId, RowGroup> {
    let taken = uses.live.iter().copied().filter(|id| taken(*id)).collect();
    let mut finder = Finder { uses, taken };
    let mut groups = BTreeMap::new();
    for id in &uses.live {
        if let Some((root, group)) = finder.from(*id) {
            finder.taken.extend(&group.members);
            groups.insert(root, group);
        }
    }
    groups
}

struct Finder<'a> {
    uses: &'a Uses<'a>,
    taken: BTreeSet<NodeId>,
}

impl<'a> Finder<'a> {
    fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.uses.node(id)
    }

    /// The axis that a node reduces, if it is one and is in its operand.
    fn reduced(&self, id: NodeId) -> Option<AxisId> {
        let node = self.node(id)?;
        let Operation::Reduce { axes, .. } = &node.operation else { return None };
        let ([axis], operand) = (axes.as_slice(), self.node(*node.operands.first()?)?) else { return None };
        let is_whole = !self.uses.function.axis(*axis)?.ragged;
        // A product along another axis is a contraction, whose operands need not lie along rows.
        let alike = operand.ty.axes.iter().all(|own| own == axis || node.ty.has(*own));
        (is_whole && alike && operand.ty.has(*axis) && !self.is_contraction(operand, *axis)).then_some(*axis)
    }

    /// Whether a value is a product along an axis of two, of which one lacks some of the other axes.
    fn is_contraction(&self, operand: &Node, axis: AxisId) -> bool {
        let is_product =
            matches!(operand.operation, Operation::Map { function: ScalarFunction::Multiply, .. });
        let partial = |id: &NodeId| {
            self.node(*id).is_some_and(|node| node.ty.has(axis) && node.ty.axes.len() < operand.ty.axes.len())
        };
        is_product && operand.operands.iter().any(partial)
    }

    /// The largest group whose first reduction this is.
    fn from(&self, first: NodeId) -> Option<(NodeId, RowGroup)> {
        let axis = self.reduced(first).filter(|_| !self.taken.contains(&first))?;
        let rows: BTreeSet<AxisId> = self.node(first)?.ty.axes.iter().copied().collect();
        let inside = |node: &Node| node.ty.axes.iter().all(|own| *own == axis || rows.contains(own));
        let mut region = BTreeSet::from([first]);
        let mut last = self.uses.last_user(first);
        let mut best = None;
        for id in self.uses.live.range(first..).skip(1).copied() {
            if Some(id) > last {
                break;
            }
            let Some(node) = self.node(id).filter(|node| inside(node) && !self.taken.contains(&id)) else {
                continue;
            };
            let depends = node.operands.iter().any(|operand| region.contains(operand));
            let fits = match &node.operation {
                Operation::Map { .. } | Operation::Cast(_) => depends,
                Operation::Reduce { .. } => {
                    let same = node.ty.axes.iter().copied().collect::<BTreeSet<_>>() == rows;
                    self.reduced(id) == Some(axis) && same
                }
                _ => false,
            };
            if !fits {
                continue;
            }
            region.insert(id);
            last = last.max(self.uses.last_user(id));
            if self.widens(node) {
                continue;
            }
            best = self
                .group(&region, id, axis, rows.len())
                .filter(|group| group.members.contains(&first))
                .map(|group| (id, group))
                .or(best);
        }
        best
    }

    /// Whether a value is a smaller one in more bytes: that is stored, and widened where it is read.
    fn widens(&self, node: &Node) -> bool {
        let is_cast = matches!(node.operation, Operation::Cast(_));
        is_cast && self.uses.bytes_beside_operand(node) == Some(Ordering::Greater)
    }

    /// What a root is computed from in a region, if nobody else reads it and a kernel of rows serves it.
    fn group(&self, region: &BTreeSet<NodeId>, root: NodeId, axis: AxisId, rows: usize) -> Option<RowGroup> {
        let node = self.node(root)?;
        // Rows lie together in what is stored.
        let along = node.ty.axes.last() == Some(&axis) && node.ty.axes.len() == rows + 1;
        if !along {
            return None;
        }
        let members = self.uses.members(region, root);
        let closed = |id: &NodeId| {
            *id == root || !self.uses.wanted.contains(id) && self.uses.is_read_by(*id, &members)
        };
        if !members.iter().all(closed) {
            return None;
        }
        let is_statistic =
            |id: &NodeId| matches!(self.node(*id).map(|n| &n.operation), Some(Operation::Reduce { .. }));
        let statistics: Vec<NodeId> = members.iter().copied().filter(is_statistic).collect();
        let kept = members.iter().copied().filter(|id| self.is_kept(*id, axis)).collect();
        Some(RowGroup { axis, statistics, kept, members })
    }

    /// Whether a value along rows costs more than reading it back.
    fn is_kept(&self, id: NodeId, axis: AxisId) -> bool {
        self.node(id).is_some_and(|node| {
            is_costly(&node.operation) && node.ty.has(axis) && node.ty.element == Element::F32
        })
    }
}
