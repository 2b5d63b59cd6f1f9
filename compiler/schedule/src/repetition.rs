//! Repetitions and folds: a body planned once, its carried values in buffers that each round rewrites at its end.

use crate::assembly::{Draft, Home};
use crate::error::ScheduleError;
use crate::function::Planner;
use crate::inline::body;
use crate::pointwise::copy;
use crate::scene::{Packing, Scene, Storage};
use crate::sizes::product;
use moe_graph::{Axis, AxisId, Function, FunctionId, Node, NodeId, Operation, Size, Type};
use moe_runtime::program::{Count, Repeat, Step};
use std::collections::BTreeMap;

/// A repetition or a fold as both have it.
struct Repetition<'a> {
    function: FunctionId,
    axes: &'a [(AxisId, AxisId)],
    carried: usize,
    stacked: usize,
    over: Option<AxisId>,
    operands: &'a [NodeId],
}

impl Planner<'_, '_> {
    pub fn repetition(&mut self, id: NodeId, node: &Node) -> Result<(), ScheduleError> {
        let missing = ScheduleError::Malformed("a missing operand");
        let mut whole = node.operation.clone();
        let (repetition, result) = match (&node.operation, &mut whole) {
            (
                Operation::Repeat { function, axes, over, carried, stacked, result },
                Operation::Repeat { result: own, .. },
            ) => {
                *own = 0;
                let (carried, stacked, over) = (*carried as usize, *stacked as usize, Some(*over));
                let operands = node.operands.as_slice();
                (Repetition { function: *function, axes, carried, stacked, over, operands }, *result)
            }
            (Operation::Fold { function, axes, carried, result }, Operation::Fold { result: own, .. }) => {
                *own = 0;
                let operands = node.operands.get(1..).ok_or(missing.clone())?;
                let (carried, stacked, over) = (*carried as usize, 0, None);
                (Repetition { function: *function, axes, carried, stacked, over, operands }, *result)
            }
            _ => return Err(ScheduleError::Malformed("no repetition")),
        };
        let key = (whole, node.operands.clone());
        if !self.repeated.contains_key(&key) {
            let count = self.rounds(node, repetition.over)?;
            let results = self.rounds_of(&repetition, count)?;
            self.repeated.insert(key.clone(), results);
        }
        let results = self.repeated.get(&key);
        let mut storage = results.and_then(|r| r.get(result as usize)).cloned().ok_or(missing)?;
        if let Some(wanted) = self.destinations.get(&id).cloned() {
            self.scene.storages.insert(id, storage);
            self.copy_to(id, &wanted)?;
            storage = wanted;
        }
        self.scene.storages.insert(id, storage);
        Ok(())
    }

    fn rounds(&mut self, node: &Node, over: Option<AxisId>) -> Result<Count, ScheduleError> {
        match over {
            Some(axis) => Ok(Count::Size(self.assembly.symbols.expression(&self.scene.size(axis)))),
            None => {
                let count = node.operands.first().ok_or(ScheduleError::Malformed("a missing operand"))?;
                Ok(Count::Buffer(self.storage_of(*count)?.buffer))
            }
        }
    }

    fn rounds_of(&mut self, repetition: &Repetition, count: Count) -> Result<Vec<Storage>, ScheduleError> {
        let mut function = body(self.module, self.scene.function, repetition.function, repetition.axes)?;
        let packings = self.packings_inside(&mut function, repetition.axes);
        let outside = |axis: AxisId| {
            repetition.axes.iter().find(|(inside, _)| *inside == axis).map_or(axis, |(_, outside)| *outside)
        };
        // Carried values begin as copies; what is stacked moves from round to round.
        let mut given = Vec::new();
        let mut results = Vec::new();
        for (place, parameter) in function.parameters.iter().enumerate() {
            let operand = *repetition
                .operands
                .get(place)
                .ok_or(ScheduleError::Malformed("a call with another number of operands"))?;
            let storage = if place < repetition.carried {
                let storage = self.carried(&function, &parameter.ty, &parameter.name);
                let layout = parameter.ty.axes.iter().map(|axis| outside(*axis)).collect();
                let result = Storage { layout, ..storage.clone() };
                self.copy_to(operand, &result)?;
                results.push(result);
                storage
            } else {
                let stacked = place < repetition.carried + repetition.stacked;
                let over = repetition.over.filter(|_| stacked);
                self.handed_over(operand, over, &parameter.ty, &outside)?
            };
            given.push(storage);
        }
        self.assembly.steps.push(Vec::new());
        let rounds = self.round(&function, packings, &given, repetition.carried);
        let steps = self.assembly.steps.pop().unwrap_or_default();
        rounds?;
        self.assembly.step(Step::Repeat(Repeat { count, body: steps }));
        Ok(results)
    }

    fn carried(&mut self, function: &Function, ty: &Type, name: &str) -> Storage {
        let length = length(function, &ty.axes);
        self.assembly.storage(name, ty.element, ty.axes.clone(), length)
    }

    /// What the body reads of an operand: all of it, or the entry of the round.
    fn handed_over(
        &mut self,
        operand: NodeId,
        over: Option<AxisId>,
        ty: &Type,
        outside: &dyn Fn(AxisId) -> AxisId,
    ) -> Result<Storage, ScheduleError> {
        let mut storage = self.storage_of(operand)?;
        if let Some(over) = over.filter(|over| storage.layout.contains(over)) {
            if storage.layout.first() != Some(&over) {
                storage = self.stacked_first(operand, &storage, over)?;
            }
            storage.layout.remove(0);
            let length = product(&self.scene.sizes(&storage.layout));
            let stride = length.multiply(&Size::constant(storage.element.bytes() as i64));
            let home = Home::Round { buffer: storage.buffer, depth: self.assembly.depth(), stride };
            let (name, element) = (storage.name.clone(), storage.element);
            storage.buffer = self.assembly.buffer(Draft { name, element, length, home, kept: false });
        }
        let inside = |axis: &AxisId| ty.axes.iter().copied().find(|own| outside(*own) == *axis);
        let layout: Option<Vec<AxisId>> = storage.layout.iter().map(inside).collect();
        storage.layout =
            layout.ok_or(ScheduleError::Malformed("an operand with an axis its parameter has not"))?;
        Ok(storage)
    }

    fn stacked_first(
        &mut self,
        operand: NodeId,
        storage: &Storage,
        over: AxisId,
    ) -> Result<Storage, ScheduleError> {
        let mut layout = vec![over];
        layout.extend(storage.layout.iter().filter(|axis| **axis != over));
        let length = product(&self.scene.sizes(&layout));
        let copied = self.assembly.storage(&storage.name, storage.element, layout, length);
        self.copy_to(operand, &copied)?;
        Ok(copied)
    }

    /// One round: the body, then the next carried values over the old ones.
    fn round(
        &mut self,
        function: &Function,
        packings: BTreeMap<AxisId, Packing>,
        given: &[Storage],
        carried: usize,
    ) -> Result<(), ScheduleError> {
        let mut storages = BTreeMap::new();
        for id in function.node_ids() {
            if let Some(Operation::Parameter(index)) = function.node(id).map(|node| &node.operation) {
                let storage = given.get(*index as usize);
                storages.extend(storage.map(|storage| (id, storage.clone())));
            }
        }
        let outputs = function.outputs.get(..carried).ok_or(ScheduleError::Malformed("no such result"))?;
        let wanted: Vec<NodeId> = outputs.iter().map(|output| output.node).collect();
        let scene = Scene { function, storages, packings, origin: self.scene.origin };
        let mut inner =
            Planner::new(self.module, self.target, self.assembly, scene, &wanted, BTreeMap::new())?;
        inner.run()?;
        let mut next = Vec::new();
        for (output, storage) in outputs.iter().zip(given) {
            let from = inner.storage_of(output.node)?;
            if from == *storage {
                continue;
            }
            // A value that other rounds still read, or of another layout, is copied before anything is overwritten.
            let is_given = given.iter().any(|given| given.buffer == from.buffer);
            let from = if is_given || from.layout != storage.layout {
                let length = length(function, &storage.layout);
                let (name, layout) = (storage.name.clone(), storage.layout.clone());
                let copied = inner.assembly.storage(&name, storage.element, layout, length);
                inner.copy_to(output.node, &copied)?;
                copied
            } else {
                from
            };
            next.push((from, storage.clone()));
        }
        for (from, to) in next {
            let length = length(function, &to.layout);
            copy(&inner.scene, inner.assembly, inner.target, from.buffer, to.buffer, to.element, &length)?;
        }
        Ok(())
    }

    /// The packings that the body's axes have from outside, in its terms. Axes of a mask that the body does not name are added to it.
    fn packings_inside(
        &self,
        function: &mut Function,
        axes: &[(AxisId, AxisId)],
    ) -> BTreeMap<AxisId, Packing> {
        let mut packings = BTreeMap::new();
        for (inside, outside) in axes {
            let Some(packing) = self.scene.packings.get(outside) else { continue };
            let mut inner = packing.clone();
            for axis in &mut inner.axes {
                *axis = match axes.iter().find(|(_, outside)| outside == axis) {
                    Some((inside, _)) => *inside,
                    None => {
                        let name = self.scene.axis_name(*axis);
                        function.axes.push(Axis { name, size: self.scene.size(*axis), ragged: false });
                        AxisId(function.axes.len() as u32 - 1)
                    }
                };
            }
            // The mask is packed already.
            inner.mask = NodeId(u32::MAX);
            packings.insert(*inside, inner);
        }
        packings
    }
}

fn length(function: &Function, axes: &[AxisId]) -> Size {
    product(&axes.iter().map(|axis| function.size(*axis)).collect::<Vec<_>>())
}
