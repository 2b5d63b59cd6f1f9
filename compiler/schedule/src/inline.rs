//! Calls put in place of themselves, so that the rest sees one function and the bodies of its repetitions.

use crate::error::ScheduleError;
use moe_graph::{
    Axis, AxisId, Function, FunctionId, Module, Node, NodeId, Operation, Output, Parameter, Size, Type,
};
use std::collections::BTreeMap;

/// What the free sizes of a function are, in those of the entry.
pub(crate) type Substitution = BTreeMap<String, Size>;

/// The entry with its calls in place.
pub(crate) fn entry(module: &Module) -> Result<Function, ScheduleError> {
    let function = module.entry().ok_or(ScheduleError::Malformed("a module without an entry"))?;
    whole(module, function, &Substitution::new(), &BTreeMap::new())
}

/// The body of a repetition: the function with its calls in place and its sizes in the caller's terms.
pub(crate) fn body(
    module: &Module,
    caller: &Function,
    function: FunctionId,
    axes: &[(AxisId, AxisId)],
) -> Result<Function, ScheduleError> {
    let callee = module.function(function).ok_or(ScheduleError::Malformed("no such function"))?;
    let mut substitution = Substitution::new();
    let mut sizes = BTreeMap::new();
    for (inside, outside) in axes {
        bind(&mut substitution, callee, *inside, &caller.size(*outside));
        sizes.insert(*inside, caller.size(*outside));
    }
    whole(module, callee, &substitution, &sizes)
}

fn bind(substitution: &mut Substitution, callee: &Function, axis: AxisId, size: &Size) {
    let own = callee.axis(axis).filter(|axis| !axis.ragged).map(|axis| &axis.size);
    if let Some(symbol) = own.and_then(Size::as_symbol) {
        substitution.insert(symbol.to_owned(), size.clone());
    }
}

fn whole(
    module: &Module,
    function: &Function,
    substitution: &Substitution,
    sizes: &BTreeMap<AxisId, Size>,
) -> Result<Function, ScheduleError> {
    let mut result = Function { name: function.name.clone(), ..Function::default() };
    let axes: BTreeMap<AxisId, AxisId> = (0..function.axes.len() as u32)
        .map(|axis| (AxisId(axis), copy_axis(&mut result, function, AxisId(axis), substitution, sizes)))
        .collect();
    result.parameters = function
        .parameters
        .iter()
        .map(|p| Parameter { name: p.name.clone(), kind: p.kind, ty: renamed(&p.ty, &axes) })
        .collect();
    let mut splicer = Splicer { module, result };
    let nodes = splicer.splice(function, &axes, substitution, None)?;
    for output in &function.outputs {
        let axes = output.axes.iter().map(|axis| axes.get(axis).copied().unwrap_or(*axis)).collect();
        let node = *nodes.get(output.node.0 as usize).ok_or(ScheduleError::Malformed("no such node"))?;
        let output = Output { name: output.name.clone(), node, axes, kind: output.kind };
        splicer.result.outputs.push(output);
    }
    Ok(splicer.result)
}

fn copy_axis(
    result: &mut Function,
    function: &Function,
    axis: AxisId,
    substitution: &Substitution,
    sizes: &BTreeMap<AxisId, Size>,
) -> AxisId {
    let size = function.size(axis).substitute(&|name| substitution.get(name).cloned());
    let size = sizes.get(&axis).cloned().unwrap_or(size);
    let (name, ragged) =
        function.axis(axis).map_or((String::new(), false), |axis| (axis.name.clone(), axis.ragged));
    result.axes.push(Axis { name, size, ragged });
    AxisId(result.axes.len() as u32 - 1)
}

fn renamed(ty: &Type, axes: &BTreeMap<AxisId, AxisId>) -> Type {
    let axes = ty.axes.iter().map(|axis| axes.get(axis).copied().unwrap_or(*axis)).collect();
    Type { element: ty.element, axes }
}

struct Splicer<'a> {
    module: &'a Module,
    result: Function,
}

impl Splicer<'_> {
    /// Adds the nodes of a function; gives where each went. `arguments` stand for its parameters.
    fn splice(
        &mut self,
        function: &Function,
        axes: &BTreeMap<AxisId, AxisId>,
        substitution: &Substitution,
        arguments: Option<&[NodeId]>,
    ) -> Result<Vec<NodeId>, ScheduleError> {
        let mut places: Vec<NodeId> = Vec::with_capacity(function.nodes.len());
        let mut calls: BTreeMap<(Operation, Vec<NodeId>), Vec<NodeId>> = BTreeMap::new();
        for node in &function.nodes {
            let operands = node.operands.iter().map(|operand| places.get(operand.0 as usize).copied());
            let operands: Option<Vec<NodeId>> = operands.collect();
            let operands = operands.ok_or(ScheduleError::Malformed("an operand that comes later"))?;
            let operation = translate(&node.operation, axes, substitution);
            let ty = renamed(&node.ty, axes);
            let place = match (&operation, arguments) {
                (Operation::Parameter(index), Some(arguments)) => *arguments
                    .get(*index as usize)
                    .ok_or(ScheduleError::Malformed("a call with another number of operands"))?,
                (Operation::Call { function: callee, axes: pairs, result }, _) => {
                    let whole = Operation::Call { function: *callee, axes: pairs.clone(), result: 0 };
                    let key = (whole, operands.clone());
                    let results = match calls.get(&key) {
                        Some(results) => results.clone(),
                        None => self.call(*callee, pairs, &operands)?,
                    };
                    calls.insert(key, results.clone());
                    *results.get(*result as usize).ok_or(ScheduleError::Malformed("no such result"))?
                }
                (Operation::Table(index), _) => {
                    let table = function.tables.get(*index as usize).cloned().unwrap_or_default();
                    self.result.tables.push(table);
                    self.push(Operation::Table(self.result.tables.len() as u32 - 1), operands, ty, node)
                }
                _ => self.push(operation, operands, ty, node),
            };
            places.push(place);
        }
        Ok(places)
    }

    fn push(&mut self, operation: Operation, operands: Vec<NodeId>, ty: Type, from: &Node) -> NodeId {
        self.result.nodes.push(Node { operation, operands, ty, fact: None, span: from.span });
        NodeId(self.result.nodes.len() as u32 - 1)
    }

    fn call(
        &mut self,
        callee: FunctionId,
        pairs: &[(AxisId, AxisId)],
        operands: &[NodeId],
    ) -> Result<Vec<NodeId>, ScheduleError> {
        let callee = self.module.function(callee).ok_or(ScheduleError::Malformed("no such function"))?;
        let mut substitution = Substitution::new();
        for (inside, outside) in pairs {
            bind(&mut substitution, callee, *inside, &self.result.size(*outside));
        }
        let bound: BTreeMap<AxisId, AxisId> = pairs.iter().copied().collect();
        let axes: BTreeMap<AxisId, AxisId> = (0..callee.axes.len() as u32)
            .map(AxisId)
            .map(|axis| match bound.get(&axis) {
                Some(outside) => (axis, *outside),
                None => {
                    let copied = copy_axis(&mut self.result, callee, axis, &substitution, &BTreeMap::new());
                    (axis, copied)
                }
            })
            .collect();
        let nodes = self.splice(callee, &axes, &substitution, Some(operands))?;
        let outputs = callee.outputs.iter().map(|output| nodes.get(output.node.0 as usize).copied());
        outputs.collect::<Option<_>>().ok_or(ScheduleError::Malformed("no such node"))
    }
}

/// The operation with a callee's axes and sizes in the caller's terms.
fn translate(
    operation: &Operation,
    axes: &BTreeMap<AxisId, AxisId>,
    substitution: &Substitution,
) -> Operation {
    let mut operation = operation.clone();
    operation.each_axis(&mut |axis| *axis = axes.get(axis).copied().unwrap_or(*axis));
    operation.each_size(&mut |size| *size = size.substitute(&|name| substitution.get(name).cloned()));
    operation
}
