//! Which way the values behind a node lie in memory.

use crate::scene::Scene;
use moe_graph::{AxisId, NodeId, Operation};
use std::collections::HashSet;

/// How well lanes along an axis would read what a node is made of: one more for each value read in consecutive entries, one less for each
/// that would be gathered.
pub(crate) fn score(scene: &Scene, id: NodeId, axis: AxisId) -> i64 {
    let mut seen = HashSet::new();
    visit(scene, id, Some(axis), true, &mut seen)
}

fn visit(
    scene: &Scene,
    id: NodeId,
    axis: Option<AxisId>,
    dense: bool,
    seen: &mut HashSet<(NodeId, Option<AxisId>, bool)>,
) -> i64 {
    let Some(node) = scene.function.node(id) else { return 0 };
    let Some(axis) = axis.filter(|axis| node.ty.has(*axis)) else { return 0 };
    if !seen.insert((id, Some(axis), dense)) {
        return 0;
    }
    if let Some(storage) = scene.storages.get(&id) {
        return match storage.layout.last() {
            Some(last) if *last == axis && dense => 1,
            _ if storage.layout.contains(&axis) => -1,
            _ => 0,
        };
    }
    let mut operand = |place: usize, axis: Option<AxisId>, dense: bool| {
        node.operands.get(place).map_or(0, |id| visit(scene, *id, axis, dense, seen))
    };
    match &node.operation {
        Operation::Rename { from, to } => operand(0, Some(if axis == *to { *from } else { axis }), dense),
        Operation::Slice { from, into, .. } | Operation::Pad { from, into, .. } => {
            operand(0, Some(if axis == *into { *from } else { axis }), dense)
        }
        Operation::Window { from, places, stride, .. } if axis == *places => {
            operand(0, Some(*from), dense && stride.as_constant() == Some(1))
        }
        Operation::Window { from, taps, dilation, .. } if axis == *taps => {
            operand(0, Some(*from), dense && dilation.as_constant() == Some(1))
        }
        Operation::Merge { from, into } if axis == *into => operand(0, from.last().copied(), dense),
        Operation::Split { from, into } if into.contains(&axis) => {
            operand(0, Some(*from), dense && into.last() == Some(&axis))
        }
        Operation::Concatenate { from, into } => from
            .iter()
            .enumerate()
            .map(|(place, own)| operand(place, Some(if axis == *into { *own } else { axis }), dense))
            .sum(),
        Operation::Gather { axis: own } => {
            let varies = node.operands.get(1).and_then(|id| scene.function.node(*id));
            if varies.is_some_and(|index| index.ty.has(axis)) {
                return operand(1, Some(axis), dense) + operand(0, Some(*own), false).min(-1);
            }
            operand(0, Some(axis), dense)
        }
        Operation::Pack { into } if axis == *into => -1,
        Operation::Pack { .. } => operand(1, Some(axis), dense),
        Operation::Unpack { .. } => {
            let mask = node.operands.first().and_then(|id| scene.function.node(*id));
            if mask.is_some_and(|mask| mask.ty.has(axis)) {
                return -1;
            }
            operand(1, Some(axis), dense)
        }
        _ => (0..node.operands.len()).map(|place| operand(place, Some(axis), dense)).sum(),
    }
}
