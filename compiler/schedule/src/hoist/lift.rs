//! Work of loops that does not depend on what they carry, brought before them.

use super::{replace, worthwhile};
use crate::error::ScheduleError;
use crate::inline;
use crate::uses::behind;
use moe_graph::{keeps_invariance, AxisId, Function, FunctionId, Module, Node, NodeId, Operation, Type};
use std::collections::{BTreeMap, BTreeSet};

/// The function with what is the same in every round of its loops brought before them.
pub(super) fn lift(
    module: &mut Module,
    function: Function,
    parameters: &[bool],
) -> Result<Function, ScheduleError> {
    let mut nodes = function.nodes.clone();
    let mut result = function;
    result.nodes.clear();
    let mut lifter = Lifter { module, result, invariant: Vec::new(), loops: BTreeMap::new() };
    let mut places: Vec<NodeId> = Vec::with_capacity(nodes.len());
    for node in &mut nodes {
        let missing = ScheduleError::Malformed("an operand that comes later");
        for operand in &mut node.operands {
            *operand = *places.get(operand.0 as usize).ok_or(missing.clone())?;
        }
        if matches!(node.operation, Operation::Repeat { .. } | Operation::Fold { .. }) {
            lifter.lighten(node)?;
        }
        places.push(lifter.push(node.clone(), parameters));
    }
    let mut result = lifter.result;
    for output in &mut result.outputs {
        output.node = *places.get(output.node.0 as usize).ok_or(ScheduleError::Malformed("no such node"))?;
    }
    Ok(result)
}

/// A loop as its nodes see it: what they have in common, and the operands.
type Loop = (Operation, Vec<NodeId>);

struct Lifter<'a> {
    module: &'a mut Module,
    result: Function,
    /// Which nodes of the result are the same in every step.
    invariant: Vec<bool>,
    /// What became of loops.
    loops: BTreeMap<Loop, Loop>,
}

impl Lifter<'_> {
    fn push(&mut self, node: Node, parameters: &[bool]) -> NodeId {
        let operands = node.operands.iter().all(|id| self.is_invariant(*id));
        self.invariant.push(match &node.operation {
            Operation::Parameter(index) => parameters.get(*index as usize) == Some(&true),
            operation => operands && keeps_invariance(&self.result, operation, &node.ty),
        });
        self.result.nodes.push(node);
        NodeId(self.result.nodes.len() as u32 - 1)
    }

    fn is_invariant(&self, id: NodeId) -> bool {
        self.invariant.get(id.0 as usize) == Some(&true)
    }

    /// Takes what is the same in every step out of the body of a loop.
    fn lighten(&mut self, node: &mut Node) -> Result<(), ScheduleError> {
        let mut key = (node.operation.clone(), node.operands.clone());
        let own = match &mut key.0 {
            Operation::Repeat { result, .. } | Operation::Fold { result, .. } => std::mem::take(result),
            _ => return Ok(()),
        };
        let light = match self.loops.get(&key) {
            Some(light) => light.clone(),
            None => {
                let light = self.lightened(&key)?;
                self.loops.insert(key, light.clone());
                light
            }
        };
        (node.operation, node.operands) = light;
        if let Operation::Repeat { result, .. } | Operation::Fold { result, .. } = &mut node.operation {
            *result = own;
        }
        Ok(())
    }

    fn lightened(&mut self, (operation, operands): &Loop) -> Result<Loop, ScheduleError> {
        let unchanged = (operation.clone(), operands.clone());
        let (callee, axes, over, carried, stacked, first) = match operation {
            Operation::Repeat { function, axes, over, carried, stacked, .. } => {
                (*function, axes, Some(*over), *carried as usize, *stacked as usize, 0)
            }
            Operation::Fold { function, axes, carried, .. } => {
                (*function, axes, None, *carried as usize, 0, 1)
            }
            _ => return Ok(unchanged),
        };
        let given: Vec<NodeId> = operands.iter().skip(first).copied().collect();
        let apart: BTreeSet<AxisId> = axes.iter().map(|(_, outer)| *outer).chain(over).collect();
        if apart.len() < axes.len() + usize::from(over.is_some()) {
            // What has two axes inside would have one outside.
            return Ok(unchanged);
        }
        let known: Vec<bool> = given
            .iter()
            .enumerate()
            .map(|(place, operand)| place >= carried && self.is_invariant(*operand))
            .collect();
        let before = self.module.functions.len();
        let body = inline::body(self.module, &self.result, callee, axes)?;
        let mut body = lift(self.module, body, &known)?;
        let wanted: Vec<NodeId> = body.outputs.iter().map(|output| output.node).collect();
        let chosen = worthwhile(&body, &known, &wanted);
        let chosen: Vec<NodeId> = chosen.into_iter().filter(|id| !may_stop(&body, *id)).collect();
        if chosen.is_empty() && self.module.functions.len() == before {
            return Ok(unchanged);
        }
        let mut outside = Outside::new(&body, axes, over, &given);
        let mut lifted = Vec::new();
        for id in &chosen {
            lifted.push((*id, outside.lift(self, *id)?));
        }
        let made = outside.made;
        let place = carried + stacked;
        let stays = |(_, outer): &(NodeId, NodeId)| over.is_some_and(|over| self.has(*outer, over));
        let (stacks, shares): (Vec<_>, Vec<_>) = lifted.into_iter().partition(stays);
        let (stacked_inside, stacks): (Vec<_>, Vec<_>) = stacks.into_iter().unzip();
        let (shared_inside, shares): (Vec<_>, Vec<_>) = shares.into_iter().unzip();
        replace(&mut body, &stacked_inside, place)?;
        let end = body.parameters.len();
        replace(&mut body, &shared_inside, end)?;
        let new = FunctionId(self.module.functions.len() as u32);
        self.module.functions.push(body);
        let mut operands = operands.clone();
        let at = first + place;
        operands.splice(at..at, stacks.iter().copied());
        operands.extend(shares);
        let mut operation = operation.clone();
        match &mut operation {
            Operation::Repeat { function, axes, stacked, .. } => {
                *function = new;
                *stacked += stacks.len() as u32;
                axes.extend(made);
            }
            Operation::Fold { function, axes, .. } => {
                *function = new;
                axes.extend(made);
            }
            _ => {}
        }
        Ok((operation, operands))
    }

    fn has(&self, id: NodeId, axis: AxisId) -> bool {
        self.result.node(id).is_some_and(|node| node.ty.has(axis))
    }
}

/// Whether working a value out may stop a run: then it is left in its loop, which may have no rounds.
fn may_stop(function: &Function, id: NodeId) -> bool {
    let nodes = behind(function, vec![id]);
    nodes.iter().filter_map(|id| function.node(*id)).any(|node| {
        matches!(
            node.operation,
            Operation::Gather { .. }
                | Operation::ScatterAdd { .. }
                | Operation::Scatter { .. }
                | Operation::ArgMax { .. }
        )
    })
}

/// Nodes of a body as nodes of the function that has the loop.
struct Outside<'a> {
    body: &'a Function,
    over: Option<AxisId>,
    given: &'a [NodeId],
    axes: BTreeMap<AxisId, AxisId>,
    nodes: BTreeMap<NodeId, NodeId>,
    /// Axes of the body that were made outside for it.
    made: Vec<(AxisId, AxisId)>,
}

impl<'a> Outside<'a> {
    fn new(body: &'a Function, axes: &[(AxisId, AxisId)], over: Option<AxisId>, given: &'a [NodeId]) -> Self {
        let axes = axes.iter().copied().collect();
        Outside { body, over, given, axes, nodes: BTreeMap::new(), made: Vec::new() }
    }

    fn axis(&mut self, function: &mut Function, axis: AxisId) -> AxisId {
        if let Some(known) = self.axes.get(&axis) {
            return *known;
        }
        let outer = AxisId(function.axes.len() as u32);
        function.axes.extend(self.body.axis(axis).cloned());
        self.axes.insert(axis, outer);
        self.made.push((axis, outer));
        outer
    }

    fn lift(&mut self, lifter: &mut Lifter, root: NodeId) -> Result<NodeId, ScheduleError> {
        for id in behind(self.body, vec![root]) {
            if !self.nodes.contains_key(&id) {
                let outer = self.one(lifter, id)?;
                self.nodes.insert(id, outer);
            }
        }
        self.nodes.get(&root).copied().ok_or(ScheduleError::Malformed("no such node"))
    }

    /// A node whose operands are outside already.
    fn one(&mut self, lifter: &mut Lifter, id: NodeId) -> Result<NodeId, ScheduleError> {
        let missing = ScheduleError::Malformed("a missing operand");
        let node = self.body.node(id).ok_or(missing.clone())?;
        if let Operation::Parameter(index) = node.operation {
            return self.given.get(index as usize).copied().ok_or(missing);
        }
        let operands: Option<Vec<NodeId>> =
            node.operands.iter().map(|operand| self.nodes.get(operand).copied()).collect();
        let operands = operands.ok_or(missing)?;
        let mut operation = node.operation.clone();
        operation.each_axis(&mut |axis| *axis = self.axis(&mut lifter.result, *axis));
        if let Operation::Table(index) = &mut operation {
            let table = self.body.tables.get(*index as usize).cloned().unwrap_or_default();
            lifter.result.tables.push(table);
            *index = lifter.result.tables.len() as u32 - 1;
        }
        let mut axes: Vec<AxisId> = Vec::new();
        // The rounds come first, so that each reads its entry where it lies.
        axes.extend(self.over.filter(|over| operands.iter().any(|id| lifter.has(*id, *over))));
        for axis in &node.ty.axes {
            axes.push(self.axis(&mut lifter.result, *axis));
        }
        let ty = Type { element: node.ty.element, axes };
        Ok(lifter.push(Node { operation, operands, ty, fact: None, span: node.span }, &[]))
    }
}
