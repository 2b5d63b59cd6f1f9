//! Scheduling a function: each stored value in the order of the graph, the packing of a mask where the mask is there.

use crate::assembly::Assembly;
use crate::attention;
use crate::contraction;
use crate::error::ScheduleError;
use crate::materialize::{decide, is_heavy, Decisions};
use crate::packing;
use crate::pointwise::pointwise;
use crate::reduction::Reduction;
use crate::rows;
use crate::scatter::scatter;
use crate::scene::{Packing, RowsOf, Scene, Storage};
use crate::selection::{expect, scatter_add, Selection};
use crate::sizes::product;
use crate::uses::behind;
use moe_graph::{AxisId, Element, Function, Module, Node, NodeId, Operation, Scalar, Size};
use moe_kernel::Target;
use std::collections::{BTreeMap, BTreeSet};

/// A function being scheduled.
pub(crate) struct Planner<'a, 's> {
    pub module: &'a Module,
    pub target: &'a Target,
    pub assembly: &'a mut Assembly,
    pub scene: Scene<'s>,
    pub decisions: Decisions,
    /// Where the values that the caller wants go, as far as it says.
    pub destinations: BTreeMap<NodeId, Storage>,
    pub repeated: BTreeMap<(Operation, Vec<NodeId>), BTreeMap<u32, Storage>>,
}

/// Packings by axis, as the nodes of a function name them: the mask of each packed axis.
fn masks(function: &Function, live: impl Fn(NodeId) -> bool) -> BTreeMap<AxisId, NodeId> {
    let mut masks = BTreeMap::new();
    for id in function.node_ids().filter(|id| live(*id)) {
        let Some(node) = function.node(id) else { continue };
        match node.operation {
            Operation::Pack { into: axis }
            | Operation::Unpack { from: axis, .. }
            | Operation::SegmentReduce { from: axis, .. } => {
                if let Some(mask) = node.operands.first() {
                    masks.entry(axis).or_insert(*mask);
                }
            }
            Operation::Rename { from, to } => {
                if let Some(mask) = masks.get(&from).copied() {
                    masks.entry(to).or_insert(mask);
                }
            }
            _ => {}
        }
    }
    masks
}

impl<'a, 's> Planner<'a, 's> {
    pub fn new(
        module: &'a Module,
        target: &'a Target,
        assembly: &'a mut Assembly,
        mut scene: Scene<'s>,
        wanted: &[NodeId],
        destinations: BTreeMap<NodeId, Storage>,
    ) -> Result<Self, ScheduleError> {
        let decisions = decide(scene.function, wanted);
        declare_packings(&mut scene, assembly, &decisions)?;
        let repeated = BTreeMap::new();
        Ok(Planner { module, target, assembly, scene, decisions, destinations, repeated })
    }

    /// Adds the launches for all that is stored.
    pub fn run(&mut self) -> Result<(), ScheduleError> {
        let function = self.scene.function;
        for id in self.order() {
            let node = function.node(id).ok_or(ScheduleError::Malformed("no such node"))?;
            if let Operation::Expect { count, axes } = &node.operation {
                if !self.is_counted(id, node, count, axes) {
                    expect(&self.scene, self.assembly, self.target, node, count, axes)?;
                }
            }
            if self.decisions.stored.contains(&id) && !self.scene.storages.contains_key(&id) {
                self.store(id, node)?;
            }
            self.pack_masks(id)?;
        }
        Ok(())
    }

    /// What is live, in the order in which it is worked out: that of the graph, but masks that say where rows of the edge lie come first. Those rows
    /// are there without them, and how many there are is known by them.
    fn order(&self) -> Vec<NodeId> {
        let function = self.scene.function;
        let ordered = ordered(function);
        let packings = self.scene.packings.iter().filter(|(axis, _)| ordered.contains(axis));
        let masks = behind(function, packings.map(|(_, packing)| packing.mask).collect());
        let (mut first, others): (Vec<NodeId>, Vec<NodeId>) =
            self.decisions.live.iter().partition(|id| masks.contains(id));
        first.extend(others);
        first
    }

    /// Whether packing by a claim counts its entries anyway, up to as many as it claims.
    fn is_counted(&self, claim: NodeId, node: &Node, count: &Size, axes: &[AxisId]) -> bool {
        self.scene.packings.iter().any(|(axis, packing)| {
            packing.mask == claim
                && matches!(packing.rows_of, RowsOf::Prefix(_))
                && node.ty.axes.iter().all(|own| axes.contains(own))
                && self.scene.size(*axis) == *count
        })
    }

    fn pack_masks(&mut self, mask: NodeId) -> Result<(), ScheduleError> {
        let found: Option<(AxisId, Packing)> = self
            .scene
            .packings
            .iter()
            .find(|(_, packing)| packing.mask == mask)
            .map(|(axis, packing)| (*axis, packing.clone()));
        let Some((axis, packing)) = found else { return Ok(()) };
        let bound = self.scene.size(axis);
        packing::schedule(&self.scene, self.assembly, self.target, &packing, &bound)
    }

    /// A buffer for a node: where the caller wants it, else in the arena, in the order of its type.
    fn destination(&mut self, id: NodeId, node: &Node) -> Storage {
        if let Some(storage) = self.destinations.get(&id) {
            return storage.clone();
        }
        let length = product(&self.scene.sizes(&node.ty.axes));
        let name = node.operation.name();
        self.assembly.storage(name, node.ty.element, node.ty.axes.clone(), length)
    }

    fn store(&mut self, id: NodeId, node: &Node) -> Result<(), ScheduleError> {
        match &node.operation {
            Operation::Table(table) => {
                let values = self.scene.function.tables.get(*table as usize).cloned().unwrap_or_default();
                let element = node.ty.element;
                let buffer = self.assembly.constant("table", element, bytes(element, &values));
                let layout = node.ty.axes.clone();
                let storage = Storage { buffer, name: "table".to_owned(), element, layout };
                self.scene.storages.insert(id, storage);
                return Ok(());
            }
            Operation::Repeat { .. } | Operation::Fold { .. } => return self.repetition(id, node),
            _ => {}
        }
        let storage = self.destination(id, node);
        if let Some(group) = self.decisions.rows.get(&id).cloned() {
            return self.rows(id, node, &group, storage);
        }
        match self.decisions.fused.get(&id).cloned() {
            Some(reductions) => self.reductions(&reductions, id, &storage)?,
            None => self.kernel(id, node, &storage)?,
        }
        self.scene.storages.insert(id, storage);
        Ok(())
    }

    /// A group of rows, whose entries lie together; where the caller wants another order, copied there.
    fn rows(
        &mut self,
        id: NodeId,
        node: &Node,
        group: &rows::RowGroup,
        wanted: Storage,
    ) -> Result<(), ScheduleError> {
        let fits = wanted.layout.last() == Some(&group.axis);
        let own = if fits {
            wanted.clone()
        } else {
            let length = product(&self.scene.sizes(&node.ty.axes));
            self.assembly.storage("rows", node.ty.element, node.ty.axes.clone(), length)
        };
        rows::schedule(&self.scene, self.assembly, self.target, group, id, &own)?;
        self.scene.storages.insert(id, own);
        if !fits {
            self.copy_to(id, &wanted)?;
        }
        self.scene.storages.insert(id, wanted);
        Ok(())
    }

    fn kernel(&mut self, id: NodeId, node: &Node, storage: &Storage) -> Result<(), ScheduleError> {
        let selection = |axis| Selection { scene: &self.scene, target: self.target, node, storage, axis };
        match &node.operation {
            Operation::Reduce { .. } | Operation::SegmentReduce { .. } => self.reduction(id, id, storage),
            Operation::LargestMask { count, axis } => selection(*axis).largest(self.assembly, count),
            Operation::ArgMax { axis } => selection(*axis).largest_place(self.assembly),
            Operation::CumulativeSum { axis } => selection(*axis).cumulative_sum(self.assembly),
            Operation::Sort { axis } => selection(*axis).sort(self.assembly),
            Operation::ScatterAdd { over, into } => {
                scatter_add(&self.scene, self.assembly, self.target, node, storage, over, *into)
            }
            Operation::Scatter { over, axis } => {
                let base = *node.operands.first().ok_or(ScheduleError::Malformed("a missing operand"))?;
                let in_place = self.storage_of(base).is_ok_and(|base| base.buffer == storage.buffer);
                if !in_place {
                    self.copy_to(base, storage)?;
                }
                scatter(&self.scene, self.assembly, self.target, node, storage, over, *axis)
            }
            operation if is_heavy(operation) => Err(ScheduleError::Malformed("a node without a kernel")),
            _ => pointwise(&self.scene, self.assembly, self.target, id, storage),
        }
    }

    /// Reductions and what is computed from them. Several that no kernel does together are stored, all but the first.
    fn reductions(&mut self, ids: &[NodeId], root: NodeId, storage: &Storage) -> Result<(), ScheduleError> {
        let Some((first, others)) = ids.split_first() else { return Ok(()) };
        let together = !others.is_empty()
            && contraction::schedule(&self.scene, self.assembly, self.target, ids, root, storage)?;
        if together {
            return Ok(());
        }
        for id in others {
            let node = self.scene.function.node(*id).ok_or(ScheduleError::Malformed("no such node"))?;
            let own = self.destination(*id, node);
            self.reduction(*id, *id, &own)?;
            self.scene.storages.insert(*id, own);
        }
        self.reduction(*first, root, storage)
    }

    fn reduction(&mut self, id: NodeId, root: NodeId, storage: &Storage) -> Result<(), ScheduleError> {
        if let Some(attention) = self.decisions.attention.get(&id) {
            return attention::schedule(&self.scene, self.assembly, self.target, attention, root, storage);
        }
        if contraction::schedule(&self.scene, self.assembly, self.target, &[id], root, storage)? {
            return Ok(());
        }
        let node = self.scene.node(id)?;
        let missing = ScheduleError::Malformed("a missing operand");
        let (kind, reduced, packed, operand) = match &node.operation {
            Operation::Reduce { kind, axes } => (*kind, axes.clone(), None, node.operands.first()),
            Operation::SegmentReduce { kind, from, over } => {
                (*kind, over.clone(), Some(*from), node.operands.get(1))
            }
            _ => return Err(ScheduleError::Malformed("no reduction")),
        };
        let operand = *operand.ok_or(missing)?;
        let (scene, target) = (&self.scene, self.target);
        let reduction = Reduction { scene, target, kind, operand, reduced, node: id, root, storage, packed };
        reduction.schedule(self.assembly)
    }

    /// Works out a node into a storage of another layout than it has, or copies it there.
    pub fn copy_to(&mut self, id: NodeId, storage: &Storage) -> Result<(), ScheduleError> {
        pointwise(&self.scene, self.assembly, self.target, id, storage)
    }

    /// Where a node lies: its own buffer, or that of the value it renames.
    pub fn storage_of(&self, id: NodeId) -> Result<Storage, ScheduleError> {
        if let Some(storage) = self.scene.storages.get(&id) {
            return Ok(storage.clone());
        }
        let node = self.scene.node(id)?;
        let (Operation::Rename { from, to }, Some(operand)) = (&node.operation, node.operands.first()) else {
            return Err(ScheduleError::Malformed("a value that is not in memory"));
        };
        let mut storage = self.storage_of(*operand)?;
        storage.layout.iter_mut().filter(|axis| *axis == from).for_each(|axis| *axis = *to);
        Ok(storage)
    }
}

fn declare_packings(
    scene: &mut Scene,
    assembly: &mut Assembly,
    decisions: &Decisions,
) -> Result<(), ScheduleError> {
    let masks = masks(scene.function, |id| decisions.live.contains(&id));
    let ordered = ordered(scene.function);
    let mut made: BTreeMap<NodeId, Packing> = BTreeMap::new();
    for (axis, mask) in &masks {
        if scene.packings.contains_key(axis) {
            continue;
        }
        let packing = match made.get(mask) {
            Some(packing) => packing.clone(),
            None => {
                let segments = if ordered.contains(axis) {
                    // Rows of the edge lie in the order of the mask's axes: stretch by stretch.
                    scene.node(*mask)?.ty.axes.iter().take(1).copied().collect()
                } else {
                    segments(scene, *axis, *mask, &masks)?
                };
                packing::declare(scene, assembly, *mask, &segments, &scene.size(*axis))?
            }
        };
        made.insert(*mask, packing.clone());
        scene.packings.insert(*axis, packing);
    }
    Ok(())
}

/// The packed axes whose rows lie in the order of their mask's axes, because inputs or outputs have them, under this name or another.
fn ordered(function: &Function) -> BTreeSet<AxisId> {
    let ragged = |axis: &AxisId| function.axis(*axis).is_some_and(|axis| axis.ragged);
    let parameters = function.parameters.iter().flat_map(|parameter| &parameter.ty.axes);
    let edge = parameters.chain(function.outputs.iter().flat_map(|output| &output.axes));
    let mut found: BTreeSet<AxisId> = edge.copied().filter(ragged).collect();
    for node in &function.nodes {
        if let Operation::Rename { from, to } = node.operation {
            if found.contains(&from) {
                found.insert(to);
            }
        }
    }
    found
}

/// The axes of a mask that weights have: those of the first contraction of two packed values whose columns lie in the weights.
fn segments(
    scene: &Scene,
    packed: AxisId,
    mask: NodeId,
    masks: &BTreeMap<AxisId, NodeId>,
) -> Result<Vec<AxisId>, ScheduleError> {
    let function = scene.function;
    let own = &scene.node(mask)?.ty.axes;
    for node in &function.nodes {
        let Some((_, product)) = contraction::product_of(node, |id| function.node(id)) else { continue };
        let Some(column) = node.ty.axes.iter().rev().find(|axis| **axis != packed) else { continue };
        let has = |id: &NodeId, axis| function.node(*id).is_some_and(|node| node.ty.has(axis));
        let both = product.operands.iter().all(|id| has(id, packed));
        let right: Vec<&NodeId> = product.operands.iter().filter(|id| has(id, *column)).collect();
        let ([right], true) = (right.as_slice(), both) else { continue };
        let mut axes = Vec::new();
        packed_axes(function, **right, packed, own, &mut axes);
        axes.retain(|axis| !masks.contains_key(axis));
        if !axes.is_empty() && axes.len() < own.len() {
            return Ok(own.iter().copied().filter(|axis| axes.contains(axis)).collect());
        }
    }
    Ok(Vec::new())
}

/// The mask's axes along which a value is packed.
fn packed_axes(function: &Function, id: NodeId, packed: AxisId, own: &[AxisId], found: &mut Vec<AxisId>) {
    let Some(node) = function.node(id).filter(|node| node.ty.has(packed)) else { return };
    match &node.operation {
        Operation::Pack { into } if *into == packed => {
            let value = node.operands.get(1).and_then(|id| function.node(*id));
            found
                .extend(value.into_iter().flat_map(|value| &value.ty.axes).filter(|axis| own.contains(axis)));
        }
        _ => node.operands.iter().for_each(|id| packed_axes(function, *id, packed, own, found)),
    }
}

/// Numbers as they lie in memory.
pub(crate) fn bytes(element: Element, values: &[Scalar]) -> Vec<u8> {
    values.iter().flat_map(|value| scalar_bytes(element, *value)).collect()
}

fn scalar_bytes(element: Element, value: Scalar) -> Vec<u8> {
    let float = value.as_f64();
    let integer = value.as_integer().unwrap_or(0);
    match element {
        Element::F64 => float.to_le_bytes().to_vec(),
        Element::F32 => (float as f32).to_le_bytes().to_vec(),
        Element::Bf16 => half::bf16::from_f64(float).to_le_bytes().to_vec(),
        Element::F16 => half::f16::from_f64(float).to_le_bytes().to_vec(),
        Element::I64 => (integer as i64).to_le_bytes().to_vec(),
        Element::I32 => (integer as i32).to_le_bytes().to_vec(),
        Element::I8 => (integer as i8).to_le_bytes().to_vec(),
        Element::U64 => (integer as u64).to_le_bytes().to_vec(),
        Element::U32 => (integer as u32).to_le_bytes().to_vec(),
        Element::U8 | Element::Bool => vec![integer as u8],
    }
}
