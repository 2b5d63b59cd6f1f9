//! Which values are stored, and which are worked out where they are wanted.

use crate::attention::{self, Attention};
use crate::contraction::product_of;
use crate::prefix;
use crate::rows::{self, RowGroup};
use crate::uses::Uses;
use moe_graph::{Function, Node, NodeId, Operation, ScalarFunction};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Work of a cone of operations from which on it is not done twice.
const COSTLY: u32 = 8;

/// What becomes of each node.
pub(crate) struct Decisions {
    pub live: BTreeSet<NodeId>,
    /// Nodes that have a buffer of their own.
    pub stored: BTreeSet<NodeId>,
    /// Reductions that are not stored, by the stored node that is computed from them in the same kernel: one, or several contractions that
    /// read the same left side.
    pub fused: BTreeMap<NodeId, Vec<NodeId>>,
    /// Sums of weighted values whose kernels work out the weights too.
    pub attention: BTreeMap<NodeId, Attention>,
    /// Nodes whose kernels work out the reductions of their rows too.
    pub rows: BTreeMap<NodeId, RowGroup>,
}

/// Decides for the nodes behind `wanted`, which are stored.
pub(crate) fn decide(function: &Function, wanted: &[NodeId]) -> Decisions {
    let mut decider = Decider::new(function, wanted);
    decider.gather_attention();
    decider.gather_rows();
    decider.required();
    decider.fuse();
    decider.share();
    let Decider { uses, stored, fused, attention, rows, .. } = decider;
    Decisions { live: uses.live, stored, fused, attention, rows }
}

/// Whether a node is worked out by a kernel of its own.
pub(crate) fn is_heavy(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Reduce { .. }
            | Operation::LargestMask { .. }
            | Operation::ArgMax { .. }
            | Operation::CumulativeSum { .. }
            | Operation::Sort { .. }
            | Operation::ScatterAdd { .. }
            | Operation::Scatter { .. }
            | Operation::SegmentReduce { .. }
            | Operation::Repeat { .. }
            | Operation::Fold { .. }
    )
}

/// Whether a node's values lie somewhere without being worked out.
pub(crate) fn is_given(operation: &Operation) -> bool {
    matches!(operation, Operation::Parameter(_) | Operation::Table(_))
}

/// Whether a value is read where its operand lies.
pub(crate) fn is_view(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Rename { .. }
            | Operation::Merge { .. }
            | Operation::Split { .. }
            | Operation::Slice { .. }
            | Operation::Cast(_)
    )
}

struct Decider<'a> {
    uses: Uses<'a>,
    stored: BTreeSet<NodeId>,
    fused: BTreeMap<NodeId, Vec<NodeId>>,
    /// The root that each node of a fused region is computed for.
    regions: BTreeMap<NodeId, NodeId>,
    attention: BTreeMap<NodeId, Attention>,
    rows: BTreeMap<NodeId, RowGroup>,
}

impl<'a> Decider<'a> {
    fn new(function: &'a Function, wanted: &[NodeId]) -> Self {
        let (stored, fused, regions) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let (attention, rows) = (BTreeMap::new(), BTreeMap::new());
        Decider { uses: Uses::new(function, wanted), stored, fused, regions, attention, rows }
    }

    fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.uses.node(id)
    }

    fn operation(&self, id: NodeId) -> Option<&'a Operation> {
        self.node(id).map(|node| &node.operation)
    }

    /// Finds attention: what lies between scores and result is worked out where the result is.
    fn gather_attention(&mut self) {
        self.attention = attention::find(&self.uses);
        for (root, attention) in &self.attention {
            self.regions.extend(attention.members.iter().map(|member| (*member, *root)));
        }
    }

    /// Finds what is computed row by row: it is worked out where the row is stored.
    fn gather_rows(&mut self) {
        let taken = |id| self.regions.contains_key(&id) || self.attention.contains_key(&id);
        self.rows = rows::find(&self.uses, taken);
        for (root, group) in &self.rows {
            self.regions.extend(group.members.iter().map(|member| (*member, *root)));
            self.stored.insert(*root);
        }
    }

    /// Stores what must be in memory for those who read it.
    fn required(&mut self) {
        self.stored.extend(&self.uses.wanted);
        for id in self.uses.live.clone() {
            let Some(node) = self.node(id) else { continue };
            let inside = self.regions.contains_key(&id);
            if (is_heavy(&node.operation) || is_given(&node.operation)) && !inside {
                self.stored.insert(id);
            }
            if let Operation::Repeat { .. } | Operation::Fold { .. } = &node.operation {
                self.handed_over(node);
            }
            for operand in self.in_memory(node) {
                self.store_base(operand);
            }
        }
    }

    /// What a node reads from memory: an operand, or of a mask of first entries their number.
    fn in_memory(&self, node: &Node) -> Vec<NodeId> {
        let of_mask =
            |mask: &NodeId| prefix::find(self.uses.function, *mask).map_or(*mask, |prefix| prefix.count);
        match &node.operation {
            Operation::Pack { .. }
            | Operation::Unpack { .. }
            | Operation::SegmentReduce { .. }
            | Operation::Expect { .. } => node.operands.iter().take(1).map(of_mask).collect(),
            Operation::LargestMask { .. } | Operation::Sort { .. } => node.operands.clone(),
            Operation::Reduce { .. } => {
                self.read_often(node).into_iter().filter(|id| !self.regions.contains_key(id)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The operands of a contraction that would be worked out again along an axis that they lack.
    fn read_often(&self, node: &Node) -> Vec<NodeId> {
        let Some((_, product)) = product_of(node, |id| self.node(id)) else { return Vec::new() };
        let lacks = |id: &NodeId| {
            self.node(*id).is_some_and(|operand| node.ty.axes.iter().any(|axis| !operand.ty.has(*axis)))
        };
        product.operands.iter().copied().filter(lacks).collect()
    }

    /// The operands of a repetition are read by its body from memory.
    fn handed_over(&mut self, node: &Node) {
        for operand in &node.operands {
            let mut base = *operand;
            while let Some(Operation::Rename { .. }) = self.operation(base) {
                let Some(inner) = self.node(base).and_then(|node| node.operands.first()) else { break };
                base = *inner;
            }
            let in_memory =
                self.operation(base).is_some_and(|operation| is_given(operation) || is_heavy(operation));
            let kept = if in_memory { base } else { *operand };
            self.uses.wanted.insert(kept);
            self.stored.insert(kept);
        }
    }

    /// Whether a value has fewer bytes than what it is converted from: it is converted once, and not each time it is read.
    fn narrows(&self, node: &Node) -> bool {
        self.uses.bytes_beside_operand(node) == Some(Ordering::Less)
    }

    /// Stores what a value is a view of, if that would be worked out, and is not inside what one kernel does.
    fn store_base(&mut self, id: NodeId) {
        let Some(node) = self.node(id).filter(|_| !self.regions.contains_key(&id)) else { return };
        match &node.operation {
            Operation::Window { .. } | Operation::Expect { .. } | Operation::Gather { .. } => {
                node.operands.iter().for_each(|id| self.store_base(*id));
            }
            view if is_view(view) && !self.narrows(node) => {
                node.operands.iter().for_each(|id| self.store_base(*id))
            }
            Operation::Pack { .. } => node.operands.iter().skip(1).for_each(|id| self.store_base(*id)),
            Operation::Constant(_) | Operation::Coordinate(_) | Operation::SizeOf(_) => {}
            _ => {
                self.uses.wanted.insert(id);
                self.stored.insert(id);
            }
        }
    }

    /// Finds for each reduction, or several that go together, the furthest node that is computed entry by entry from it, through nodes that
    /// nobody else reads.
    fn fuse(&mut self) {
        let reductions: Vec<NodeId> =
            self.uses.live.iter().copied().filter(|id| self.can_fuse(*id)).collect();
        for reduction in &reductions {
            let alone = vec![*reduction];
            let mut together = alone.clone();
            together.extend(
                reductions.iter().filter(|other| *other > reduction && self.go_together(*reduction, **other)),
            );
            for group in [together, alone] {
                if let Some((root, members)) = self.furthest(&group) {
                    self.regions.extend(members.into_iter().map(|member| (member, root)));
                    group.iter().for_each(|reduction| {
                        self.stored.remove(reduction);
                    });
                    self.stored.insert(root);
                    self.fused.insert(root, group);
                    break;
                }
            }
        }
    }

    /// Whether two reductions are contractions of the same value over the same axes, with results of the same axes.
    fn go_together(&self, a: NodeId, b: NodeId) -> bool {
        let axes = |id: NodeId| {
            let node = self.node(id)?;
            let (_, product) = product_of(node, |id| self.node(id))?;
            let Operation::Reduce { axes, .. } = &node.operation else { return None };
            let reduced: BTreeSet<_> = axes.iter().copied().collect();
            let own: BTreeSet<_> = node.ty.axes.iter().copied().collect();
            Some((reduced, own, node.ty.element, &product.operands))
        };
        let (Some((reduced, own, element, operands)), Some(other)) = (axes(a), axes(b)) else { return false };
        let shared = operands.iter().filter(|operand| other.3.contains(operand)).count();
        reduced == other.0 && own == other.1 && element == other.2 && shared == 1
    }

    /// Whether a node is a reduction that is stored only because it is one.
    fn can_fuse(&self, id: NodeId) -> bool {
        let reduces =
            matches!(self.operation(id), Some(Operation::Reduce { .. } | Operation::SegmentReduce { .. }));
        reduces && !self.uses.wanted.contains(&id) && !self.regions.contains_key(&id)
    }

    /// The last node that can be computed where reductions are, with all that lies between.
    fn furthest(&self, group: &[NodeId]) -> Option<(NodeId, BTreeSet<NodeId>)> {
        if group.iter().any(|reduction| self.regions.contains_key(reduction)) {
            return None;
        }
        let first = *group.first()?;
        let axes: BTreeSet<_> = self.node(first)?.ty.axes.iter().copied().collect();
        let mut region: BTreeSet<NodeId> = group.iter().copied().collect();
        let mut best = None;
        let mut last = group.iter().filter_map(|reduction| self.uses.last_user(*reduction)).max();
        for id in self.uses.live.range(first..).skip(1).copied() {
            if Some(id) > last {
                break;
            }
            let Some(node) = self.node(id) else { continue };
            let pointwise = matches!(node.operation, Operation::Map { .. } | Operation::Cast(_));
            if !pointwise || !node.operands.iter().any(|operand| region.contains(operand)) {
                continue;
            }
            let same = node.ty.axes.iter().copied().collect::<BTreeSet<_>>() == axes;
            if !same || self.regions.contains_key(&id) {
                continue;
            }
            last = last.max(self.uses.last_user(id));
            region.insert(id);
            let members = self.uses.members(&region, id);
            let inner = |member: &NodeId| *member == id || self.is_inner(*member, group, &members);
            if group.iter().all(|reduction| members.contains(reduction)) && members.iter().all(inner) {
                best = Some((id, members));
            }
        }
        best
    }

    /// Whether only members read a node, and it is not stored for another reason.
    fn is_inner(&self, id: NodeId, group: &[NodeId], members: &BTreeSet<NodeId>) -> bool {
        (group.contains(&id) || !self.stored.contains(&id)) && self.uses.is_read_by(id, members)
    }

    /// Stores costly values that several kernels would work out, or one would along an axis that they lack.
    fn share(&mut self) {
        let costs = self.costs();
        let mut roots: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for id in self.uses.live.clone().into_iter().rev() {
            if let Some(root) = self.regions.get(&id) {
                roots.insert(id, BTreeSet::from([*root]));
                continue;
            }
            if !self.stored.contains(&id) {
                let users = self.uses.users(id);
                let own: BTreeSet<NodeId> =
                    users.iter().filter_map(|user| roots.get(user)).flatten().copied().collect();
                let costly = costs.get(&id).is_some_and(|cost| *cost >= COSTLY);
                let spread = users.iter().any(|user| self.spreads(id, *user));
                if !(costly && (own.len() > 1 || spread)) {
                    roots.insert(id, own);
                    continue;
                }
                self.stored.insert(id);
            }
            roots.insert(id, BTreeSet::from([id]));
        }
    }

    /// Whether a user goes over axes that the value lacks.
    fn spreads(&self, id: NodeId, user: NodeId) -> bool {
        let (Some(node), Some(user)) = (self.node(id), self.node(user)) else { return false };
        let pointwise = matches!(user.operation, Operation::Map { .. });
        pointwise && user.ty.axes.iter().any(|axis| !node.ty.has(*axis)) && !node.ty.axes.is_empty()
            || matches!(user.operation, Operation::Gather { .. } | Operation::Pack { .. })
    }

    /// The work of the cone of operations behind each node, down to what is stored.
    fn costs(&self) -> BTreeMap<NodeId, u32> {
        let mut costs = BTreeMap::new();
        for id in &self.uses.live {
            let Some(node) = self.node(*id) else { continue };
            let stored = self.stored.contains(id);
            let below: u32 = node.operands.iter().filter_map(|operand| costs.get(operand)).sum();
            let cost = if stored { 0 } else { below.saturating_add(own_cost(&node.operation)).min(1 << 16) };
            costs.insert(*id, cost);
        }
        costs
    }
}

/// Whether an operation alone is not done twice.
pub(crate) fn is_costly(operation: &Operation) -> bool {
    own_cost(operation) >= COSTLY
}

fn own_cost(operation: &Operation) -> u32 {
    use ScalarFunction as F;
    match operation {
        Operation::Map { function, .. } => match function {
            F::Exponential
            | F::ExponentialMinusOne
            | F::Logarithm
            | F::LogarithmPlusOne
            | F::Sine
            | F::Cosine
            | F::HyperbolicTangent
            | F::ErrorFunction
            | F::Remainder
            | F::Power => 10,
            F::Random => 60,
            F::Divide | F::SquareRoot => 4,
            _ => 1,
        },
        Operation::Unpack { .. }
        | Operation::Gather { .. }
        | Operation::Pad { .. }
        | Operation::Window { .. }
        | Operation::Concatenate { .. } => 2,
        _ => 0,
    }
}
