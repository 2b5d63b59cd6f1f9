//! Values brought where they are wanted: into buffers of their own, or over values that they replace.

use crate::assembly::Assembly;
use crate::error::ScheduleError;
use crate::function::Planner;
use crate::materialize::Decisions;
use crate::pointwise::copy;
use crate::scene::{Scene, Storage};
use crate::sizes::product;
use moe_graph::{Function, FunctionId, Module, Node, NodeId, Operation};
use moe_kernel::Target as Machine;
use std::collections::{BTreeMap, BTreeSet};

/// A value that is wanted, and where.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub node: NodeId,
    pub storage: Storage,
}

/// Plans a function so that values come where they are wanted. A target may be the memory of a given value: that is written over when all
/// that reads it is done, or, where its few new entries can be put in place, at once.
pub(crate) fn deliver(
    module: &Module,
    machine: &Machine,
    assembly: &mut Assembly,
    scene: Scene,
    targets: &[Delivery],
) -> Result<(), ScheduleError> {
    let wanted: Vec<NodeId> = targets.iter().map(|target| target.node).collect();
    let given: BTreeMap<NodeId, Storage> = scene.storages.clone();
    let mut planner = Planner::new(module, machine, assembly, scene, &wanted, BTreeMap::new())?;
    let mut late: Vec<Delivery> = Vec::new();
    let mut over: Vec<(Delivery, Storage)> = Vec::new();
    for target in targets {
        let old = given.iter().find(|(_, storage)| storage.buffer == target.storage.buffer);
        let Some((old, storage)) = old else { continue };
        if *old == target.node {
            continue;
        }
        let place = InPlace { module, planner: &planner, targets, target, old: *old };
        if let Some(chain) = place.chain(storage) {
            planner.destinations.extend(chain.into_iter().map(|id| (id, storage.clone())));
            continue;
        }
        let (name, element, layout) = (&target.storage.name, target.storage.element, storage.layout.clone());
        let length = product(&planner.scene.sizes(&layout));
        let fresh = planner.assembly.storage(name, element, layout, length);
        over.push((Delivery { node: target.node, storage: fresh }, storage.clone()));
    }
    let apart = targets.iter().filter(|target| given.values().all(|own| own.buffer != target.storage.buffer));
    for target in over.iter().map(|(fresh, _)| fresh).chain(apart) {
        if is_free(&planner, target) {
            planner.destinations.insert(target.node, target.storage.clone());
        } else {
            late.push(target.clone());
        }
    }
    planner.run()?;
    for target in late {
        planner.copy_to(target.node, &target.storage)?;
    }
    for (Delivery { storage: from, .. }, to) in over {
        let length = product(&planner.scene.sizes(&to.layout));
        copy(&planner.scene, planner.assembly, machine, from.buffer, to.buffer, to.element, &length)?;
    }
    Ok(())
}

/// Whether a value can be worked out where it is wanted.
fn is_free(planner: &Planner, target: &Delivery) -> bool {
    let Some(node) = planner.scene.function.node(target.node) else { return false };
    let given =
        planner.scene.storages.contains_key(&target.node) || matches!(node.operation, Operation::Table(_));
    !given && same_axes(node, &target.storage) && !planner.destinations.contains_key(&target.node)
}

fn same_axes(node: &Node, storage: &Storage) -> bool {
    storage.layout.len() == node.ty.axes.len() && storage.layout.iter().all(|axis| node.ty.has(*axis))
}

/// A value that is wanted in the memory of another.
struct InPlace<'a, 'p, 's> {
    module: &'a Module,
    planner: &'a Planner<'p, 's>,
    targets: &'a [Delivery],
    target: &'a Delivery,
    old: NodeId,
}

impl InPlace<'_, '_, '_> {
    /// The values from the old one (without it) to the new one, if each can be put in the memory of the one before: nobody else reads that
    /// one afterwards.
    fn chain(&self, storage: &Storage) -> Option<Vec<NodeId>> {
        let function = self.planner.scene.function;
        let mut chain = Vec::new();
        let mut new = self.target.node;
        while new != self.old {
            if self.planner.destinations.contains_key(&new) || self.planner.scene.storages.contains_key(&new)
            {
                return None;
            }
            let node = function.node(new)?;
            let place = replaced(self.module, node)?;
            let before = *node.operands.get(place)?;
            let fits = same_axes(node, storage) && self.fits(node, place, storage);
            if !fits || !self.is_last_reader(before, new, node, place) {
                return None;
            }
            chain.push(new);
            new = before;
        }
        Some(chain)
    }

    /// Whether rounds can move through the memory as it lies.
    fn fits(&self, node: &Node, place: usize, storage: &Storage) -> bool {
        match &node.operation {
            Operation::Repeat { over, carried, .. } if place >= *carried as usize => {
                storage.layout.first() == Some(over)
            }
            _ => true,
        }
    }

    /// Whether `new` reads the old value by one operand alone, and all other readers come before it.
    fn is_last_reader(&self, old: NodeId, new: NodeId, node: &Node, place: usize) -> bool {
        let Planner { scene, decisions, .. } = self.planner;
        let function = scene.function;
        let others = node.operands.iter().enumerate().filter(|(own, _)| *own != place);
        let mut seen = BTreeSet::new();
        if others.into_iter().any(|(_, id)| reads(function, decisions, *id, old, &mut seen)) {
            return false;
        }
        if self.targets.iter().any(|other| other.node == old) {
            return false;
        }
        let siblings: Vec<NodeId> = decisions
            .live
            .iter()
            .copied()
            .filter(|id| function.node(*id).is_some_and(|other| same_call(other, node)))
            .collect();
        let first = siblings.first().copied().unwrap_or(new).min(new);
        let works = |id: &NodeId| {
            let is_check =
                function.node(*id).is_some_and(|node| matches!(node.operation, Operation::Expect { .. }));
            *id >= first
                && *id != new
                && !siblings.contains(id)
                && (is_check || decisions.stored.contains(id))
        };
        let mut seen = BTreeSet::new();
        !decisions.live.iter().filter(|id| works(id)).any(|id| {
            let operands = function.node(*id).map_or(&[][..], |node| &node.operands);
            operands.iter().any(|operand| reads(function, decisions, *operand, old, &mut seen))
        })
    }
}

/// Whether nodes are results of one call.
fn same_call(a: &Node, b: &Node) -> bool {
    let whole = |node: &Node| match node.operation.clone() {
        Operation::Repeat { function, axes, over, carried, stacked, .. } => {
            Some(Operation::Repeat { function, axes, over, carried, stacked, result: 0 })
        }
        Operation::Fold { function, axes, carried, .. } => {
            Some(Operation::Fold { function, axes, carried, result: 0 })
        }
        _ => None,
    };
    whole(a).is_some_and(|own| Some(own) == whole(b)) && a.operands == b.operands
}

/// Whether working a value out reads another from memory.
fn reads(
    function: &Function,
    decisions: &Decisions,
    id: NodeId,
    old: NodeId,
    seen: &mut BTreeSet<NodeId>,
) -> bool {
    if id == old {
        return true;
    }
    if decisions.stored.contains(&id) || !seen.insert(id) {
        return false;
    }
    let operands = function.node(id).map_or(&[][..], |node| &node.operands);
    operands.iter().any(|operand| reads(function, decisions, *operand, old, seen))
}

/// Which operand a node is a changed version of, if it is one entry by entry in the same memory.
pub(crate) fn replaced(module: &Module, node: &Node) -> Option<usize> {
    match &node.operation {
        Operation::Scatter { .. } => Some(0),
        Operation::Repeat { function, carried, stacked, result, .. } => {
            let (place, carried, stacked) =
                (origin(module, *function, *result)?, *carried as usize, *stacked);
            let fed_back = (*result as usize) < carried;
            let entry = place >= carried && place < carried + stacked as usize;
            (if fed_back { place == *result as usize } else { entry }).then_some(place)
        }
        Operation::Fold { function, result, .. } => {
            let place = origin(module, *function, *result)?;
            (place == *result as usize).then_some(place + 1)
        }
        _ => None,
    }
}

/// The parameter that a result is a changed version of.
fn origin(module: &Module, function: FunctionId, result: u32) -> Option<usize> {
    let function = module.function(function)?;
    let mut id = function.outputs.get(result as usize)?.node;
    loop {
        let node = function.node(id)?;
        if let Operation::Parameter(index) = node.operation {
            return Some(index as usize);
        }
        id = *node.operands.get(replaced(module, node)?)?;
    }
}
