//! A function as lines that people read: one for each node, values that are computed at every step only.

use crate::totals::needed;
use moe_graph::{AxisId, Function, Node, NodeId, Operation, Type};
use std::collections::BTreeSet;

/// The lines of a function, in columns: the value with its operation, and its type.
pub fn listing(function: &Function) -> Vec<String> {
    let needed = needed(function);
    let rows: Vec<(String, String)> = needed
        .iter()
        .filter_map(|id| Some((*id, function.node(*id)?)))
        .filter(|(_, node)| !node.operands.is_empty() || matches!(node.operation, Operation::Table(_)))
        .map(|(id, node)| {
            let operands: Vec<String> =
                node.operands.iter().map(|operand| name(function, *operand)).collect();
            let left = format!("%{} = {} {}", id.0, describe(function, &node.operation), operands.join(", "));
            (left.trim_end().to_owned(), bounded_ty(function, node))
        })
        .collect();
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0).min(72);
    let mut lines: Vec<String> =
        rows.into_iter().map(|(left, right)| format!("{left:width$}  {right}")).collect();
    for output in &function.outputs {
        if needed.contains(&output.node) {
            lines.push(format!("{} = {}", output.name, name(function, output.node)));
        }
    }
    lines
}

/// A value: the name of a parameter, a number, or the number of a node.
pub fn name(function: &Function, id: NodeId) -> String {
    match function.node(id).map(|node| &node.operation) {
        Some(Operation::Parameter(index)) => function
            .parameters
            .get(*index as usize)
            .map_or_else(|| format!("%{}", id.0), |own| own.name.clone()),
        Some(Operation::Constant(value)) => value.to_string(),
        Some(operation @ (Operation::Coordinate(_) | Operation::SizeOf(_))) => describe(function, operation),
        _ => format!("%{}", id.0),
    }
}

/// A type: `f32[N, E]`.
pub fn ty(function: &Function, ty: &Type) -> String {
    if ty.axes.is_empty() {
        return ty.element.to_string();
    }
    format!("{}[{}]", ty.element, axes(function, &ty.axes))
}

/// The type of a node with its bounds, as the language writes them: `f32[N, 2 of E else -inf]`.
fn bounded_ty(function: &Function, node: &Node) -> String {
    let bound = |axis: &AxisId| {
        let fact = node.fact.as_ref()?;
        let bound = fact.support.degrees.get(&BTreeSet::from([*axis]))?;
        (!function.size(*axis).at_most(bound)).then(|| bound.to_string())
    };
    let Some(fact) = node.fact.as_ref().filter(|_| node.ty.axes.iter().any(|axis| bound(axis).is_some()))
    else {
        return ty(function, &node.ty);
    };
    let own = |axis: &AxisId| {
        let name = axis_name(function, *axis);
        bound(axis).map_or_else(|| name.clone(), |bound| format!("{bound} of {name}"))
    };
    let axes: Vec<String> = node.ty.axes.iter().map(own).collect();
    let background = fact.background;
    let otherwise = if background.is_zero() { String::new() } else { format!(" else {background}") };
    format!("{}[{}{otherwise}]", node.ty.element, axes.join(", "))
}

/// Axes by name.
pub fn axes(function: &Function, axes: &[AxisId]) -> String {
    let names: Vec<String> = axes.iter().map(|axis| axis_name(function, *axis)).collect();
    names.join(", ")
}

fn axis_name(function: &Function, axis: AxisId) -> String {
    function.axis(axis).map_or_else(|| format!("#{}", axis.0), |axis| axis.name.clone())
}

/// An operation with its attributes.
pub fn describe(function: &Function, operation: &Operation) -> String {
    let one = |axis: &AxisId| axis_name(function, *axis);
    let name = operation.name();
    match operation {
        Operation::Coordinate(axis) => format!("coordinate({})", one(axis)),
        Operation::SizeOf(size) => format!("size({size})"),
        Operation::Cast(element) => format!("cast {element}"),
        Operation::Reduce { axes: over, .. } => format!("{name} over {}:", axes(function, over)),
        Operation::Rename { from, to } => format!("rename {} to {}:", one(from), one(to)),
        Operation::Merge { from, into } => format!("merge {} into {}:", axes(function, from), one(into)),
        Operation::Split { from, into } => format!("split {} into {}:", one(from), axes(function, into)),
        Operation::Slice { from, into, start } => {
            format!("slice {} from {start} as {}:", one(from), one(into))
        }
        Operation::Pad { from, into, .. } => format!("pad {} as {}:", one(from), one(into)),
        Operation::Window { from, places, taps, .. } => {
            format!("window {} as {}:", one(from), axes(function, &[*places, *taps]))
        }
        Operation::Concatenate { into, .. } => format!("concatenate along {}:", one(into)),
        Operation::Gather { axis } => format!("gather along {}:", one(axis)),
        Operation::ScatterAdd { into, .. } => format!("scatter_add along {}:", one(into)),
        Operation::Scatter { axis, .. } => format!("scatter along {}:", one(axis)),
        Operation::LargestMask { count, axis } => format!("largest_mask {count} over {}:", one(axis)),
        Operation::ArgMax { axis } | Operation::CumulativeSum { axis } | Operation::Sort { axis } => {
            format!("{name} over {}:", one(axis))
        }
        Operation::Expect { count, axes: over } => format!("expect {count} over {}:", axes(function, over)),
        Operation::Call { function: callee, result, .. } => format!("call #{} result {result}:", callee.0),
        Operation::Repeat { function: callee, over, result, .. } => {
            format!("repeat #{} over {} result {result}:", callee.0, one(over))
        }
        Operation::Fold { function: callee, result, .. } => format!("fold #{} result {result}:", callee.0),
        Operation::Pack { into } => format!("pack {}:", one(into)),
        Operation::Unpack { from, background } => format!("unpack {} else {background}:", one(from)),
        Operation::SegmentReduce { kind, from, over } => {
            format!("segment {} of {} over {}:", kind.name(), one(from), axes(function, over))
        }
        _ => name.to_owned(),
    }
}
