//! The nodes of a function that are needed, and who reads them.

use moe_graph::{Function, Node, NodeId};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What is needed of a function for the nodes that are wanted.
pub(crate) struct Uses<'a> {
    pub function: &'a Function,
    pub live: BTreeSet<NodeId>,
    /// Stored for a reason that has nothing to do with what they are.
    pub wanted: BTreeSet<NodeId>,
    users: BTreeMap<NodeId, Vec<NodeId>>,
}

impl<'a> Uses<'a> {
    pub fn new(function: &'a Function, wanted: &[NodeId]) -> Self {
        let live = behind(function, wanted.to_vec());
        let mut users: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for id in &live {
            for operand in function.node(*id).into_iter().flat_map(|node| &node.operands) {
                users.entry(*operand).or_default().push(*id);
            }
        }
        Uses { function, live, wanted: wanted.iter().copied().collect(), users }
    }

    pub fn node(&self, id: NodeId) -> Option<&'a Node> {
        self.function.node(id)
    }

    /// How the bytes of an entry compare with those of the first operand's.
    pub fn bytes_beside_operand(&self, node: &Node) -> Option<Ordering> {
        let operand = self.node(*node.operands.first()?)?;
        Some(node.ty.element.bytes().cmp(&operand.ty.element.bytes()))
    }

    /// The nodes that read a node, in their order.
    pub fn users(&self, id: NodeId) -> &[NodeId] {
        self.users.get(&id).map_or(&[], Vec::as_slice)
    }

    pub fn last_user(&self, id: NodeId) -> Option<NodeId> {
        self.users(id).last().copied()
    }

    /// The nodes of a region that a root is computed from.
    pub fn members(&self, region: &BTreeSet<NodeId>, root: NodeId) -> BTreeSet<NodeId> {
        let mut members = BTreeSet::from([root]);
        for id in region.iter().rev() {
            if self.users(*id).iter().any(|user| members.contains(user)) {
                members.insert(*id);
            }
        }
        members
    }

    /// Whether a node is read, and by members alone.
    pub fn is_read_by(&self, id: NodeId, members: &BTreeSet<NodeId>) -> bool {
        let users = self.users(id);
        !users.is_empty() && users.iter().all(|user| members.contains(user))
    }
}

/// The nodes that these are computed from, and they themselves.
pub(crate) fn behind(function: &Function, mut open: Vec<NodeId>) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(function.node(id).into_iter().flat_map(|node| node.operands.iter().copied()));
        }
    }
    found
}
