//! Products of `bf16` two by two. Where both sides of a contraction are `bf16` and the products are summed in `f32`, two products that lie
//! side by side along the sum are one lane of 32 bits: the left side is read as it lies, weights lie so in their panels.

use super::tile::Product;
use crate::scene::{Scene, Storage};
use moe_graph::{AxisId, Element, NodeId, Operation};
use moe_kernel::Target;
use std::collections::{BTreeMap, BTreeSet};

/// The scene in which the contractions' sides are pairs along the last reduced axis; `None` if the processor has no instruction for them,
/// or the values do not lie in pairs. The contractions have one left side and the same reduced axes.
pub(super) fn by_pairs<'a>(scene: &'a Scene<'a>, target: &Target, product: &Product) -> Option<Scene<'a>> {
    let contractions = product.contractions;
    let first = contractions.first().filter(|_| target.pairs && product.element == Element::F32)?;
    let last = *first.reduced.last()?;
    let even = scene.size(last).as_constant().is_some_and(|size| size > 0 && size % 2 == 0);
    if !even || scene.is_ragged(last) {
        return None;
    }
    let left = side(scene, first.left, last)?;
    if left.storage.layout.last() != left.axes.last() {
        return None;
    }
    let mut sides = vec![left];
    for contraction in contractions {
        if contraction.absorbs != [false, false] {
            return None;
        }
        sides.push(side(scene, contraction.right, last)?);
    }
    let axes: BTreeSet<AxisId> = sides.iter().flat_map(|side| side.axes.iter().copied()).collect();
    let lies_in_pairs =
        |side: &Side| side.storage.layout.iter().filter(|axis| axes.contains(axis)).count() == 1;
    let other = first.rows.iter().chain(&first.common).chain(&first.reduced).chain([&first.column]);
    let packed = scene.packings.values().flat_map(|packing| &packing.axes);
    let free = |axis: &AxisId| *axis == last || !axes.contains(axis);
    let fits = sides.iter().all(lies_in_pairs) && other.chain(packed).all(free);
    let storages: BTreeMap<NodeId, Storage> = sides
        .iter()
        .map(|side| (side.node, Storage { element: Element::U32, ..side.storage.clone() }))
        .collect();
    fits.then(|| scene.by_pairs(axes, storages))
}

/// Where a side of a contraction lies, and what the axis is called on the way there.
struct Side<'s> {
    node: NodeId,
    storage: &'s Storage,
    axes: Vec<AxisId>,
}

/// Follows an `f32` to the `bf16` in memory that it is.
fn side<'s>(scene: &'s Scene, node: NodeId, axis: AxisId) -> Option<Side<'s>> {
    let (mut id, mut axes) = (node, vec![axis]);
    loop {
        let node = scene.function.node(id)?;
        if let Some(storage) = scene.storages.get(&id) {
            let widened = node.ty.element == Element::Bf16 && storage.element == Element::Bf16;
            return widened.then_some(Side { node: id, storage, axes });
        }
        let operand = match &node.operation {
            Operation::Rename { from, to } => {
                if axes.last() == Some(to) {
                    axes.push(*from);
                }
                0
            }
            Operation::Cast(Element::F32) => 0,
            Operation::Pack { into } if axes.last() != Some(into) => 1,
            _ => return None,
        };
        id = *node.operands.get(operand)?;
    }
}
