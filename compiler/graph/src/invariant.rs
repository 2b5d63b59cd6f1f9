//! What is the same in every step: made of weights and constants alone, of sizes that are known before a step.

use crate::function::{AxisId, Function, FunctionId, Module, ParameterKind, Type};
use crate::operation::Operation;

/// Whether an operation gives the same in every step where its operands do: all its sizes are known, and it neither packs, nor calls, nor checks
/// a claim. `function` has the axes.
pub fn keeps_invariance(function: &Function, operation: &Operation, ty: &Type) -> bool {
    let known = |axis: &AxisId| is_known(function, *axis);
    let fits = match operation {
        Operation::Parameter(_)
        | Operation::Expect { .. }
        | Operation::Call { .. }
        | Operation::Repeat { .. }
        | Operation::Fold { .. }
        | Operation::Pack { .. }
        | Operation::Unpack { .. }
        | Operation::SegmentReduce { .. } => false,
        // The operand may lack one of them.
        Operation::Reduce { axes, .. } => axes.iter().all(known),
        _ => true,
    };
    fits && ty.axes.iter().all(known) && operation.has_known_sizes()
}

/// Whether the entries along an axis are as many in every step.
fn is_known(function: &Function, axis: AxisId) -> bool {
    function.axis(axis).is_some_and(|axis| !axis.ragged && axis.size.as_constant().is_some())
}

/// Whether each node of a function is the same in every step, given which of its parameters are.
pub fn invariants(function: &Function, parameters: &[bool]) -> Vec<bool> {
    let mut found: Vec<bool> = Vec::with_capacity(function.nodes.len());
    for node in &function.nodes {
        let own = match &node.operation {
            Operation::Parameter(index) => {
                parameters.get(*index as usize) == Some(&true)
                    && node.ty.axes.iter().all(|axis| is_known(function, *axis))
            }
            operation => {
                keeps_invariance(function, operation, &node.ty)
                    && node.operands.iter().all(|operand| found.get(operand.0 as usize) == Some(&true))
            }
        };
        found.push(own);
    }
    found
}

/// For each function of a module, which of its parameters are the same in every step: weights of the entry, and what every caller makes of
/// such alone. Of repetitions the carried values are not.
pub fn invariant_parameters(module: &Module) -> Vec<Vec<bool>> {
    let mut all: Vec<Vec<bool>> =
        module.functions.iter().map(|function| vec![true; function.parameters.len()]).collect();
    if let (Some(own), Some(entry)) = (all.get_mut(module.entry as usize), module.entry()) {
        *own = entry.parameters.iter().map(|parameter| parameter.kind == ParameterKind::Weight).collect();
    }
    // A function calls only those before it.
    for (index, function) in module.functions.iter().enumerate().rev() {
        let own = all.get(index).cloned().unwrap_or_default();
        let found = invariants(function, &own);
        for node in &function.nodes {
            let (FunctionId(callee), skipped, carried) = match &node.operation {
                Operation::Call { function, .. } => (*function, 0, 0),
                Operation::Repeat { function, carried, .. } => (*function, 0, *carried as usize),
                Operation::Fold { function, carried, .. } => (*function, 1, *carried as usize),
                _ => continue,
            };
            let Some(parameters) = all.get_mut(callee as usize) else { continue };
            for (place, (operand, slot)) in node.operands.iter().skip(skipped).zip(parameters).enumerate() {
                *slot &= place >= carried && found.get(operand.0 as usize) == Some(&true);
            }
        }
    }
    all
}
