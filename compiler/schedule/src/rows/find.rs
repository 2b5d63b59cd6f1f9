//! Finding what is computed row by row.

use moe_graph::{AxisId, Element, Function, Node, NodeId, Operation, ScalarFunction};
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
pub(crate) fn find(
    function: &Function,
    live: &BTreeSet<NodeId>,
    users: &BTreeMap<NodeId, Vec<NodeId>>,
    wanted: &BTreeSet<NodeId>,
    taken: impl Fn(NodeId) -> bool,
) -> BTreeMap<NodeId, RowGroup> {
    let mut finder = Finder { function, live, users, wanted, taken: BTreeSet::new() };
    finder.taken.extend(live.iter().copied().filter(|id| taken(*id)));
    let mut groups = BTreeMap::new();
    for id in live {
        if let Some((root, group)) = finder.from(*id) {
            finder.taken.extend(&group.members);
            groups.insert(root, group);
        }
    }
    groups
}

struct Finder<'a> {
    function: &'a Function,
    live: &'a BTreeSet<NodeId>,
    users: &'a BTreeMap<NodeId, Vec<NodeId>>,
    wanted: &'a BTreeSet<NodeId>,
    taken: BTreeSet<NodeId>,
}

impl<'a> Finder<'a> {
    fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.function.node(id)
    }

    /// The axis that a node reduces, if it is one and is in its operand.
    fn reduced(&self, id: NodeId) -> Option<AxisId> {
        let node = self.node(id)?;
        let Operation::Reduce { axes, .. } = &node.operation else { return None };
        let ([axis], operand) = (axes.as_slice(), self.node(*node.operands.first()?)?) else { return None };
        let is_whole = !self.function.axis(*axis)?.ragged;
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
        let mut last = self.last_user(first);
        let mut best = None;
        for id in self.live.range(first..).skip(1).copied() {
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
            last = last.max(self.last_user(id));
            best = self
                .group(&region, id, axis, rows.len())
                .filter(|group| group.members.contains(&first))
                .map(|group| (id, group))
                .or(best);
        }
        best
    }

    fn last_user(&self, id: NodeId) -> Option<NodeId> {
        self.users.get(&id).and_then(|users| users.iter().max().copied())
    }

    /// What a root is computed from in a region, if nobody else reads it and a kernel of rows serves it.
    fn group(&self, region: &BTreeSet<NodeId>, root: NodeId, axis: AxisId, rows: usize) -> Option<RowGroup> {
        let node = self.node(root)?;
        // Rows lie together in what is stored.
        let along = node.ty.axes.last() == Some(&axis) && node.ty.axes.len() == rows + 1;
        if !along {
            return None;
        }
        let mut members = BTreeSet::from([root]);
        for id in region.iter().rev() {
            if self.users.get(id).is_some_and(|users| users.iter().any(|user| members.contains(user))) {
                members.insert(*id);
            }
        }
        let closed = |id: &NodeId| {
            *id == root
                || !self.wanted.contains(id)
                    && self.users.get(id).is_some_and(|users| users.iter().all(|user| members.contains(user)))
        };
        if !members.iter().all(closed) {
            return None;
        }
        let is_statistic =
            |id: &NodeId| matches!(self.node(*id).map(|n| &n.operation), Some(Operation::Reduce { .. }));
        let statistics: Vec<NodeId> = members.iter().copied().filter(is_statistic).collect();
        let kept = members.iter().copied().filter(|id| self.is_costly(*id, axis)).collect();
        Some(RowGroup { axis, statistics, kept, members })
    }

    /// Whether a value along rows is costly and read by a reduction, at once or through others.
    fn is_costly(&self, id: NodeId, axis: AxisId) -> bool {
        use ScalarFunction as F;
        let Some(node) = self.node(id) else { return false };
        let costly = matches!(
            node.operation,
            Operation::Map {
                function: F::Exponential
                    | F::ExponentialMinusOne
                    | F::Logarithm
                    | F::LogarithmPlusOne
                    | F::Sine
                    | F::Cosine
                    | F::HyperbolicTangent
                    | F::ErrorFunction
                    | F::Power,
                ..
            }
        );
        costly && node.ty.has(axis) && node.ty.element == Element::F32
    }
}
