//! Passes that leave a module's meaning as it is.

use crate::builder::Builder;
use crate::function::{AxisId, Function, FunctionId, Module, Node, NodeId, Output, Type};
use crate::infer::TypeError;
use crate::operation::Operation;
use crate::scalar::Scalar;
use std::collections::BTreeMap;

/// A module in which nothing is dead, equal nodes are one, numbers of numbers are worked out, axes are numbered in order of introduction,
/// and functions that are equal but for names are one.
///
/// The order in which a reduction over several axes goes is that of their numbers, so sums of floats may be rounded otherwise than before.
///
/// # Errors
/// If the module is malformed; see [`crate::verify`].
pub fn simplify(module: &Module) -> Result<Module, TypeError> {
    // What went into numbers that have been worked out is dead only afterwards.
    rebuild(&rebuild(module)?)
}

fn rebuild(module: &Module) -> Result<Module, TypeError> {
    let mut called = vec![false; module.functions.len()];
    mark_called(module, module.entry, &mut called);
    let mut functions: Vec<Function> = Vec::new();
    let mut new: BTreeMap<FunctionId, Moved> = BTreeMap::new();
    for (index, function) in module.functions.iter().enumerate() {
        if called.get(index) != Some(&true) {
            continue;
        }
        let (simple, axes) = Rebuild::run(function, &new)?;
        let found = functions.iter().position(|other| nameless(other) == nameless(&simple));
        let is_entry = index as u32 == module.entry;
        let place = match found.filter(|_| !is_entry) {
            Some(place) => place,
            None => {
                functions.push(simple);
                functions.len() - 1
            }
        };
        new.insert(FunctionId(index as u32), Moved { function: FunctionId(place as u32), axes });
    }
    let entry = functions.len().saturating_sub(1) as u32;
    Ok(Module { functions, entry, offsets: module.offsets.clone() })
}

/// Where a function has gone, and its axes.
struct Moved {
    function: FunctionId,
    axes: BTreeMap<AxisId, AxisId>,
}

fn mark_called(module: &Module, index: u32, called: &mut [bool]) {
    let mut open = vec![index];
    while let Some(index) = open.pop() {
        let Some(slot) = called.get_mut(index as usize).filter(|slot| !**slot) else { continue };
        *slot = true;
        let nodes = module.function(FunctionId(index)).map_or(&[][..], |function| &function.nodes);
        open.extend(nodes.iter().filter_map(|node| callee(&node.operation)).map(|id| id.0));
    }
}

/// The function that an operation calls.
fn callee(operation: &Operation) -> Option<FunctionId> {
    match operation {
        Operation::Call { function, .. }
        | Operation::Repeat { function, .. }
        | Operation::Fold { function, .. } => Some(*function),
        _ => None,
    }
}

/// The function without names and sources, by which equal ones are found.
fn nameless(function: &Function) -> Function {
    let mut bare = function.clone();
    bare.name.clear();
    bare.axes.iter_mut().for_each(|axis| axis.name.clear());
    bare.parameters.iter_mut().for_each(|parameter| parameter.name.clear());
    bare.outputs.iter_mut().for_each(|output| output.name.clear());
    bare.nodes.iter_mut().for_each(|node| node.span = None);
    bare
}

/// Which nodes some output needs, or must run for their effect.
pub fn live_nodes(function: &Function) -> Vec<bool> {
    let mut live = vec![false; function.nodes.len()];
    let mark = |live: &mut Vec<bool>, id: NodeId| {
        live.get_mut(id.0 as usize).into_iter().for_each(|slot| *slot = true);
    };
    function.outputs.iter().for_each(|output| mark(&mut live, output.node));
    for (id, node) in function.node_ids().zip(&function.nodes).rev() {
        if matches!(node.operation, Operation::Expect { .. }) {
            mark(&mut live, id);
        }
        if live.get(id.0 as usize) == Some(&true) {
            node.operands.iter().for_each(|operand| mark(&mut live, *operand));
        }
    }
    live
}

/// Builds a function anew.
struct Rebuild<'a> {
    old: &'a Function,
    builder: Builder,
    axes: BTreeMap<AxisId, AxisId>,
    nodes: BTreeMap<NodeId, NodeId>,
    functions: &'a BTreeMap<FunctionId, Moved>,
}

impl<'a> Rebuild<'a> {
    fn run(
        old: &'a Function,
        functions: &'a BTreeMap<FunctionId, Moved>,
    ) -> Result<(Function, BTreeMap<AxisId, AxisId>), TypeError> {
        let builder = Builder::new(old.name.clone());
        let mut rebuild = Rebuild { old, builder, axes: BTreeMap::new(), nodes: BTreeMap::new(), functions };
        rebuild.parameters();
        let live = live_nodes(old);
        for ((id, node), _) in old.node_ids().zip(&old.nodes).zip(live).filter(|(_, live)| *live) {
            let new = rebuild.node(node)?;
            rebuild.nodes.insert(id, new);
        }
        for output in &old.outputs {
            rebuild.output(output)?;
        }
        Ok((rebuild.builder.finish(), rebuild.axes))
    }

    fn axis(&mut self, axis: AxisId) -> AxisId {
        if let Some(new) = self.axes.get(&axis) {
            return *new;
        }
        let new = match self.old.axis(axis) {
            Some(found) if found.ragged => self.builder.ragged_axis(found.name.clone(), found.size.clone()),
            Some(found) => self.builder.axis(found.name.clone(), found.size.clone()),
            None => AxisId(u32::MAX),
        };
        self.axes.insert(axis, new);
        new
    }

    fn ty(&mut self, ty: &Type) -> Type {
        Type { element: ty.element, axes: ty.axes.iter().map(|axis| self.axis(*axis)).collect() }
    }

    fn parameters(&mut self) {
        for (index, parameter) in self.old.parameters.iter().enumerate() {
            let ty = self.ty(&parameter.ty);
            let own =
                |node: &Node| matches!(node.operation, Operation::Parameter(own) if own as usize == index);
            let old = self.old.nodes.iter().position(own);
            self.builder.set_span(old.and_then(|old| self.old.nodes.get(old)?.span));
            let new = self.builder.parameter(parameter.name.clone(), parameter.kind, ty);
            self.nodes.extend(old.map(|old| (NodeId(old as u32), new)));
        }
    }

    fn missing(operation: &Operation, what: &'static str) -> TypeError {
        TypeError::Missing { operation: operation.name().to_owned(), what }
    }

    fn node(&mut self, node: &Node) -> Result<NodeId, TypeError> {
        let operands: Option<Vec<NodeId>> =
            node.operands.iter().map(|operand| self.nodes.get(operand).copied()).collect();
        let operands = operands.ok_or_else(|| Rebuild::missing(&node.operation, "operand"))?;
        self.builder.set_span(node.span);
        if let Some(value) = self.folded(&node.operation, &operands) {
            return Ok(self.builder.constant(value));
        }
        let operation = self.operation(&node.operation)?;
        match &operation {
            Operation::Parameter(index) => self.parameter(*index, &node.operation),
            Operation::Table(index) => {
                let table = self.old.tables.get(*index as usize).cloned();
                let table = table.ok_or_else(|| Rebuild::missing(&operation, "table"))?;
                let ty = self.ty(&node.ty);
                Ok(self.builder.table(ty, table))
            }
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => {
                let ty = self.ty(&node.ty);
                Ok(self.builder.add_typed(operation, &operands, ty))
            }
            _ => self.builder.add(operation, &operands),
        }
    }

    fn parameter(&self, index: u32, operation: &Operation) -> Result<NodeId, TypeError> {
        let own = |node: &Node| node.operation == Operation::Parameter(index);
        let found = self.builder.function().nodes.iter().position(own);
        found.map(|found| NodeId(found as u32)).ok_or_else(|| Rebuild::missing(operation, "parameter"))
    }

    /// The operation with the new axes, and the new numbers of functions.
    fn operation(&mut self, operation: &Operation) -> Result<Operation, TypeError> {
        for axis in operation.axes() {
            self.axis(axis);
        }
        let axes = &self.axes;
        let mut new = operation.rename_axes(&|axis| axes.get(&axis).copied().unwrap_or(axis));
        let Some(old) = callee(operation) else { return Ok(new) };
        let moved = self.functions.get(&old).ok_or_else(|| Rebuild::missing(operation, "function"))?;
        if let Operation::Call { function, axes, .. }
        | Operation::Repeat { function, axes, .. }
        | Operation::Fold { function, axes, .. } = &mut new
        {
            *function = moved.function;
            axes.retain(|(inside, _)| moved.axes.contains_key(inside));
            axes.iter_mut().for_each(|(inside, _)| {
                *inside = moved.axes.get(inside).copied().unwrap_or(*inside);
            });
            axes.sort();
        }
        Ok(new)
    }

    /// The number that a scalar function of numbers is.
    fn folded(&self, operation: &Operation, operands: &[NodeId]) -> Option<Scalar> {
        let number = |id: &NodeId| match self.builder.function().node(*id)?.operation {
            Operation::Constant(value) => Some(value),
            _ => None,
        };
        let numbers: Vec<Scalar> = operands.iter().map(number).collect::<Option<_>>()?;
        match operation {
            Operation::Map { function, absorb } => function.apply(*absorb, &numbers),
            Operation::Cast(element) => numbers.first().map(|value| value.cast(*element)),
            Operation::SizeOf(size) => size.as_constant().map(Scalar::index),
            _ => None,
        }
    }

    fn output(&mut self, output: &Output) -> Result<(), TypeError> {
        let node = self.nodes.get(&output.node).copied();
        let node = node.ok_or_else(|| TypeError::Missing { operation: output.name.clone(), what: "node" })?;
        let axes = output.axes.iter().map(|axis| self.axis(*axis)).collect();
        self.builder.output(output.name.clone(), node, axes, output.kind);
        Ok(())
    }
}
