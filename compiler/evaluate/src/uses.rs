//! Which nodes are evaluated by themselves, which inside another's loops, and how long their values are needed.

use moe_graph::{Function, Node, NodeId, Operation};

/// The most steps evaluated together.
const MOST_STEPS: usize = 32;

/// How the nodes of a function are evaluated.
pub(crate) struct Uses {
    /// Evaluated inside the loops of its only user.
    inlined: Vec<bool>,
    /// How many evaluations read it; 0 for what nothing needs.
    readers: Vec<usize>,
}

impl Uses {
    pub fn of(function: &Function) -> Self {
        let needed = needed(function);
        let mut users = vec![0_usize; function.nodes.len()];
        let mut user: Vec<Option<&Node>> = vec![None; function.nodes.len()];
        for (node, _) in function.nodes.iter().zip(&needed).filter(|(_, needed)| **needed) {
            for operand in &node.operands {
                bump(&mut users, *operand, 1);
                user.get_mut(operand.0 as usize).into_iter().for_each(|slot| *slot = Some(node));
            }
        }
        function.outputs.iter().for_each(|output| bump(&mut users, output.node, 2));
        let mut uses = Uses { inlined: Vec::new(), readers: vec![0; function.nodes.len()] };
        let mut weights = Vec::new();
        for ((node, users), user) in function.nodes.iter().zip(&users).zip(&user) {
            let weight =
                1 + node.operands.iter().map(|operand| uses.weight(&weights, *operand)).sum::<usize>();
            let single = *users == 1 && user.is_some_and(|user| joins(node, user));
            let free = matches!(
                node.operation,
                Operation::Constant(_) | Operation::Coordinate(_) | Operation::SizeOf(_)
            );
            uses.inlined.push(free || (single && weight <= MOST_STEPS));
            weights.push(weight);
        }
        uses.count_readers(function, &needed);
        uses
    }

    fn weight(&self, weights: &[usize], node: NodeId) -> usize {
        if self.is_inlined(node) {
            weights.get(node.0 as usize).copied().unwrap_or(1)
        } else {
            1
        }
    }

    fn count_readers(&mut self, function: &Function, needed: &[bool]) {
        for (id, needed) in function.node_ids().zip(needed) {
            if *needed && !self.is_inlined(id) {
                for leaf in self.leaves(function, id) {
                    bump(&mut self.readers, leaf, 1);
                }
            }
        }
        function.outputs.iter().for_each(|output| bump(&mut self.readers, output.node, 1));
        let effects = function.node_ids().filter(|id| is_effect(function.node(*id)));
        effects.for_each(|id| bump(&mut self.readers, id, 1));
    }

    /// Whether the node is evaluated inside its users' loops.
    pub fn is_inlined(&self, node: NodeId) -> bool {
        self.inlined.get(node.0 as usize).copied().unwrap_or(false)
    }

    /// How many evaluations read each node.
    pub fn readers(&self) -> Vec<usize> {
        self.readers.clone()
    }

    /// The values that evaluating a node reads, one for each time.
    pub fn leaves(&self, function: &Function, node: NodeId) -> Vec<NodeId> {
        let (mut leaves, mut open) = (Vec::new(), operands(function, node).to_vec());
        while let Some(id) = open.pop() {
            if self.is_inlined(id) {
                open.extend(operands(function, id));
            } else {
                leaves.push(id);
            }
        }
        leaves
    }
}

fn operands(function: &Function, node: NodeId) -> &[NodeId] {
    function.node(node).map_or(&[], |node| &node.operands)
}

fn bump(counts: &mut [usize], node: NodeId, by: usize) {
    counts.get_mut(node.0 as usize).into_iter().for_each(|count| *count += by);
}

fn is_effect(node: Option<&Node>) -> bool {
    node.is_some_and(|node| matches!(node.operation, Operation::Expect { .. }))
}

/// Whether a node may be evaluated entry by entry inside `user`: both are scalar functions along the same axes, so that nothing is
/// worked out twice, or `user` brings the entries together.
fn joins(node: &Node, user: &Node) -> bool {
    let scalar = |node: &Node| matches!(node.operation, Operation::Map { .. } | Operation::Cast(_));
    let same =
        || node.ty.axes.len() == user.ty.axes.len() && user.ty.axes.iter().all(|axis| node.ty.has(*axis));
    scalar(node) && (matches!(user.operation, Operation::Reduce { .. }) || (scalar(user) && same()))
}

/// Which nodes some output or check needs.
fn needed(function: &Function) -> Vec<bool> {
    let mut needed = vec![false; function.nodes.len()];
    let mark = |needed: &mut Vec<bool>, id: NodeId| {
        needed.get_mut(id.0 as usize).into_iter().for_each(|slot| *slot = true);
    };
    function.outputs.iter().for_each(|output| mark(&mut needed, output.node));
    for id in function.node_ids().rev() {
        if is_effect(function.node(id)) {
            mark(&mut needed, id);
        }
        if needed.get(id.0 as usize) == Some(&true) {
            operands(function, id).iter().for_each(|operand| mark(&mut needed, *operand));
        }
    }
    needed
}
