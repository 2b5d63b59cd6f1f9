//! Repetitions and folds: a body planned once, its carried values in buffers that each round rewrites at its end.

use crate::assembly::{Draft, Home};
use crate::contraction::weight_of;
use crate::deliver::{deliver, Delivery};
use crate::error::ScheduleError;
use crate::function::Planner;
use crate::inline::body;
use crate::scene::{Packing, Scene, Storage};
use crate::sizes::{entries, product};
use crate::uses::behind;
use moe_graph::{
    Axis, AxisId, Function, FunctionId, Node, NodeId, Operation, Output, ParameterKind, Size, Type,
};
use moe_runtime::program::{Count, Repeat, Step};
use std::collections::{BTreeMap, BTreeSet};

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
        let (repetition, result) = match &node.operation {
            Operation::Repeat { function, axes, over, carried, stacked, result } => {
                let (carried, stacked, over) = (*carried as usize, *stacked as usize, Some(*over));
                let operands = node.operands.as_slice();
                (Repetition { function: *function, axes, carried, stacked, over, operands }, *result)
            }
            Operation::Fold { function, axes, carried, result } => {
                let operands = node.operands.get(1..).ok_or(missing.clone())?;
                let (carried, stacked, over) = (*carried as usize, 0, None);
                (Repetition { function: *function, axes, carried, stacked, over, operands }, *result)
            }
            _ => return Err(ScheduleError::Malformed("no repetition")),
        };
        let key = (whole(&node.operation).0, node.operands.clone());
        if !self.repeated.contains_key(&key) {
            let wanted = self.results_wanted(&key);
            let count = self.rounds(node, repetition.over)?;
            let results = self.rounds_of(&repetition, count, &wanted)?;
            self.repeated.insert(key.clone(), results);
        }
        let results = self.repeated.get(&key);
        let mut storage = results.and_then(|results| results.get(&result)).cloned().ok_or(missing)?;
        if let Some(wanted) = self.destinations.get(&id).filter(|wanted| **wanted != storage).cloned() {
            self.scene.storages.insert(id, storage);
            self.copy_to(id, &wanted)?;
            storage = wanted;
        }
        self.scene.storages.insert(id, storage);
        Ok(())
    }

    /// The results of a repetition that something needs, and where the first that needs each would have it.
    fn results_wanted(&self, key: &(Operation, Vec<NodeId>)) -> BTreeMap<usize, Option<Storage>> {
        let mut wanted = BTreeMap::new();
        for id in &self.decisions.live {
            let Some(node) = self.scene.function.node(*id).filter(|node| node.operands == key.1) else {
                continue;
            };
            let (operation, result) = whole(&node.operation);
            if operation == key.0 {
                wanted.entry(result as usize).or_insert_with(|| self.destinations.get(id).cloned());
            }
        }
        wanted
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

    /// Plans the rounds; gives where the results lie, with the axes of the caller.
    fn rounds_of(
        &mut self,
        repetition: &Repetition,
        count: Count,
        wanted: &BTreeMap<usize, Option<Storage>>,
    ) -> Result<BTreeMap<u32, Storage>, ScheduleError> {
        let mut function = body(self.module, self.scene.function, repetition.function, repetition.axes)?;
        let packings = self.packings_inside(&mut function, repetition.axes);
        let names = Names { axes: repetition.axes };
        let needed = needed(&function, wanted, repetition.carried);
        // Carried values begin as copies, or where their results are wanted; what is stacked moves from round to round.
        let mut given: Vec<Option<Storage>> = Vec::new();
        let mut results = BTreeMap::new();
        for (place, parameter) in function.parameters.iter().enumerate() {
            let operand = *repetition
                .operands
                .get(place)
                .ok_or(ScheduleError::Malformed("a call with another number of operands"))?;
            if place >= repetition.carried {
                let stacked = place < repetition.carried + repetition.stacked;
                let over = repetition.over.filter(|_| stacked);
                given.push(Some(self.handed_over(operand, over, &parameter.ty, &names)?));
                continue;
            }
            if !needed.contains(&place) {
                given.push(None);
                continue;
            }
            let destination = wanted.get(&place).and_then(Option::as_ref);
            let in_place = destination.filter(|wanted| self.lies_at(operand, wanted)).cloned();
            let storage = match in_place {
                Some(storage) => Storage { layout: names.inside(&storage.layout, &parameter.ty)?, ..storage },
                None => {
                    let storage = self.carried(&function, &parameter.ty, &parameter.name);
                    self.copy_to(
                        operand,
                        &Storage { layout: names.outside(&storage.layout), ..storage.clone() },
                    )?;
                    storage
                }
            };
            results
                .insert(place as u32, Storage { layout: names.outside(&storage.layout), ..storage.clone() });
            given.push(Some(storage));
        }
        let mut targets = Vec::new();
        for place in &needed {
            let output = function.outputs.get(*place).ok_or(ScheduleError::Malformed("no such result"))?;
            let storage = match given.get(*place).filter(|_| *place < repetition.carried) {
                Some(storage) => storage.clone(),
                None => {
                    let destination = wanted.get(place).and_then(Option::as_ref);
                    let whole = self.collected(&function, output, repetition.over, destination, &names)?;
                    let inside =
                        self.entry_of_round(repetition, &given, &whole, output, &function, &names)?;
                    results.insert(*place as u32, whole);
                    Some(inside)
                }
            };
            let storage = storage.ok_or(ScheduleError::Malformed("a value that is not carried"))?;
            targets.push(Delivery { node: output.node, storage });
        }
        // What is made of weights alone is known to be so inside too.
        for (parameter, storage) in function.parameters.iter_mut().zip(&given) {
            let weight = storage.as_ref().and_then(|storage| weight_of(self.assembly, storage.buffer));
            if weight.is_some() {
                parameter.kind = ParameterKind::Weight;
            }
        }
        self.assembly.steps.push(Vec::new());
        let rounds = self.round(&function, packings, &given, &targets);
        let steps = self.assembly.steps.pop().unwrap_or_default();
        rounds?;
        self.assembly.step(Step::Repeat(Repeat { count, body: steps }));
        Ok(results)
    }

    /// Whether a value lies in the memory of a storage.
    fn lies_at(&self, id: NodeId, storage: &Storage) -> bool {
        self.storage_of(id).is_ok_and(|own| own.buffer == storage.buffer)
    }

    fn carried(&mut self, function: &Function, ty: &Type, name: &str) -> Storage {
        let length = entries(function, &ty.axes);
        self.assembly.storage(name, ty.element, ty.axes.clone(), length)
    }

    /// Where a collected result goes: where it is wanted, if the rounds come first there.
    fn collected(
        &mut self,
        function: &Function,
        output: &Output,
        over: Option<AxisId>,
        destination: Option<&Storage>,
        names: &Names,
    ) -> Result<Storage, ScheduleError> {
        let over = over.ok_or(ScheduleError::Malformed("a fold collects nothing"))?;
        if let Some(storage) = destination.filter(|wanted| wanted.layout.first() == Some(&over)) {
            return Ok(storage.clone());
        }
        let node = function.node(output.node).ok_or(ScheduleError::Malformed("no such node"))?;
        let mut layout = vec![over];
        layout.extend(names.outside(&output.axes));
        let length = product(&self.scene.sizes(&layout));
        Ok(self.assembly.storage(&output.name, node.ty.element, layout, length))
    }

    /// The entry of the round in a collected result: where the stacked value lies that it replaces, if it does.
    fn entry_of_round(
        &mut self,
        repetition: &Repetition,
        given: &[Option<Storage>],
        whole: &Storage,
        output: &Output,
        function: &Function,
        names: &Names,
    ) -> Result<Storage, ScheduleError> {
        for (place, storage) in given.iter().enumerate().skip(repetition.carried).take(repetition.stacked) {
            let operand = repetition.operands.get(place);
            if let (Some(storage), true) =
                (storage, operand.is_some_and(|operand| self.lies_at(*operand, whole)))
            {
                return Ok(storage.clone());
            }
        }
        let node = function.node(output.node).ok_or(ScheduleError::Malformed("no such node"))?;
        let ty = Type { element: node.ty.element, axes: output.axes.clone() };
        let mut storage = self.moving(whole.clone());
        storage.layout = names.inside(&storage.layout, &ty)?;
        Ok(storage)
    }

    /// The entry of the round in a storage whose first axis counts the rounds.
    fn moving(&mut self, mut storage: Storage) -> Storage {
        storage.layout.remove(0);
        let length = product(&self.scene.sizes(&storage.layout));
        let stride = length.multiply(&Size::constant(storage.element.bytes() as i64));
        let home = Home::Round { buffer: storage.buffer, depth: self.assembly.depth(), stride };
        let (name, element) = (storage.name.clone(), storage.element);
        storage.buffer = self.assembly.buffer(Draft { name, element, length, home, kept: false });
        storage
    }

    /// What the body reads of an operand: all of it, or the entry of the round.
    fn handed_over(
        &mut self,
        operand: NodeId,
        over: Option<AxisId>,
        ty: &Type,
        names: &Names,
    ) -> Result<Storage, ScheduleError> {
        let mut storage = self.storage_of(operand)?;
        if let Some(over) = over.filter(|over| storage.layout.contains(over)) {
            if storage.layout.first() != Some(&over) {
                storage = self.stacked_first(operand, &storage, over)?;
            }
            storage = self.moving(storage);
        }
        storage.layout = names.inside(&storage.layout, ty)?;
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

    /// One round: the body, with the next carried values over the old ones and what is collected in its place.
    fn round(
        &mut self,
        function: &Function,
        packings: BTreeMap<AxisId, Packing>,
        given: &[Option<Storage>],
        targets: &[Delivery],
    ) -> Result<(), ScheduleError> {
        let mut storages = BTreeMap::new();
        for id in function.node_ids() {
            if let Some(Operation::Parameter(index)) = function.node(id).map(|node| &node.operation) {
                let storage = given.get(*index as usize).cloned().flatten();
                storages.extend(storage.map(|storage| (id, storage)));
            }
        }
        let scene = Scene { function, storages, packings, origin: self.scene.origin, counted: None };
        deliver(self.module, self.target, self.assembly, scene, targets)
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

/// What axes are called inside and outside of a body.
struct Names<'a> {
    axes: &'a [(AxisId, AxisId)],
}

impl Names<'_> {
    fn name(&self, axis: AxisId) -> AxisId {
        self.axes.iter().find(|(inside, _)| *inside == axis).map_or(axis, |(_, outside)| *outside)
    }

    fn outside(&self, axes: &[AxisId]) -> Vec<AxisId> {
        axes.iter().map(|axis| self.name(*axis)).collect()
    }

    /// Axes of the caller as those of a type inside.
    fn inside(&self, axes: &[AxisId], ty: &Type) -> Result<Vec<AxisId>, ScheduleError> {
        let own = |axis: &AxisId| ty.axes.iter().copied().find(|own| self.name(*own) == *axis);
        let axes: Option<Vec<AxisId>> = axes.iter().map(own).collect();
        axes.ok_or(ScheduleError::Malformed("an operand with an axis its parameter has not"))
    }
}

/// The operation with its result left out, and the result.
fn whole(operation: &Operation) -> (Operation, u32) {
    let mut whole = operation.clone();
    let result = match &mut whole {
        Operation::Repeat { result, .. } | Operation::Fold { result, .. } => std::mem::take(result),
        _ => 0,
    };
    (whole, result)
}

/// The results that a round must work out: those that are wanted, and the carried values behind them.
fn needed(function: &Function, wanted: &BTreeMap<usize, Option<Storage>>, carried: usize) -> BTreeSet<usize> {
    let mut needed: BTreeSet<usize> = wanted.keys().copied().collect();
    loop {
        let outputs = needed.iter().filter_map(|place| function.outputs.get(*place));
        let live = behind(function, outputs.map(|output| output.node).collect());
        let before = needed.len();
        for node in live.iter().filter_map(|id| function.node(*id)) {
            if let Operation::Parameter(index) = node.operation {
                needed.extend(Some(index as usize).filter(|index| *index < carried));
            }
        }
        if needed.len() == before {
            return needed;
        }
    }
}
