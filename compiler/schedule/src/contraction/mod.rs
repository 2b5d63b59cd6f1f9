//! Kernels for contractions: sums of products, in register tiles.

mod classify;
mod grid;
mod lay;
mod panels;
mod parts;
mod product;
mod shape;
mod tile;

use crate::assembly::Assembly;
use crate::error::ScheduleError;
use crate::scene::{Scene, Storage};
use moe_graph::{NodeId, Operation, Size};
use moe_kernel::Target;

pub(crate) use classify::product_of;
use classify::{classify, Contraction};
pub(crate) use lay::Layout;
pub(crate) use panels::{weight_of, Panelled, Panels};
pub(crate) use parts::{Reading, Together};
pub use shape::usual as usual_blocking;
use tile::Product;

/// Schedules contractions with what is computed from them in the same place; false if they are none that tiles would serve, or several that
/// have too little in common.
pub(crate) fn schedule(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    nodes: &[NodeId],
    root: NodeId,
    storage: &Storage,
) -> Result<bool, ScheduleError> {
    let mut contractions = Vec::new();
    for id in nodes {
        match classified(scene, *id, storage)? {
            Some(contraction) => contractions.push(contraction),
            None => return Ok(false),
        }
    }
    let Some(id) = nodes.first() else { return Ok(false) };
    let element = scene.node(*id)?.ty.element;
    let product = Product { contractions: &contractions, nodes, root, storage, element };
    if product::schedule(scene, assembly, target, &product)? {
        return Ok(true);
    }
    if contractions.len() > 1 {
        return Ok(false);
    }
    grid::schedule(scene, assembly, target, &product, &Size::constant(1))?;
    Ok(true)
}

fn classified(scene: &Scene, id: NodeId, storage: &Storage) -> Result<Option<Contraction>, ScheduleError> {
    let node = scene.node(id)?;
    let found = product_of(node, |id| scene.function.node(id));
    // A product that is stored already is summed as any other value.
    let found = found.filter(|(product, _)| !scene.storages.contains_key(product));
    let (Some((_, product)), Operation::Reduce { axes, .. }) = (found, &node.operation) else {
        return Ok(None);
    };
    Ok(classify(scene, product, axes, storage))
}
