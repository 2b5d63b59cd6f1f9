//! A picture of a model as SVG: boxes for what is computed, lines for what is read, frames for parts. Nothing outside is needed to draw it, and the same
//! model always gives the same bytes.

mod boxes;
mod draw;
mod formula;
mod frames;
mod layers;
mod parts;

use boxes::{boxes, Called};
use draw::{page, Panel};
use moe_graph::{AxisId, Function, FunctionId, Module, NodeId, Operation, ParameterKind};
use std::collections::{BTreeMap, BTreeSet};

/// The picture of a module. `packed` names weights whose rows are read packed: what works on them is coloured. `origin` says where a place of the source is.
pub fn svg(
    module: &Module,
    title: &str,
    packed: &BTreeSet<String>,
    origin: &dyn Fn(moe_grammar::Span) -> String,
) -> String {
    let mut panels = Vec::new();
    let mut open =
        vec![Called { function: FunctionId(module.entry), times: String::new(), weights: Vec::new() }];
    let mut seen: BTreeSet<FunctionId> = BTreeSet::new();
    let mut next = 0;
    while let Some(call) = open.get(next).cloned() {
        next += 1;
        let Some(function) = module.function(call.function).filter(|_| seen.insert(call.function)) else {
            continue;
        };
        let function = &with_weights(function, &call.weights);
        let (mut shapes, called) = boxes(module, function);
        parts::assign(&mut shapes);
        parts::mark_packed(&mut shapes, packed);
        open.extend(called);
        let name = if panels.is_empty() { title.to_owned() } else { function.name.clone() };
        let heading = if call.times.is_empty() { name } else { format!("{name}, {}", call.times) };
        let axes: Vec<String> = (0..function.axes.len() as u32)
            .map(|axis| boxes::axis_with_size(function, AxisId(axis)))
            .collect();
        panels.push(Panel { heading, axes: distinct(axes), picture: frames::arrange(&shapes), shapes });
    }
    page(&panels, origin)
}

/// A function whose parameters are called by the weights that are passed for them.
fn with_weights(function: &Function, weights: &[Option<String>]) -> Function {
    let mut named = function.clone();
    for (parameter, weight) in named.parameters.iter_mut().zip(weights) {
        if let Some(name) = weight {
            parameter.name.clone_from(name);
            parameter.kind = ParameterKind::Weight;
        }
    }
    named
}

fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.into_iter().filter(|text| seen.insert(text.clone())).collect()
}

/// The weights that a rewritten module reads by packed rows, in whatever function.
pub fn packed_weights(module: &Module) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // For each function, the weights that are passed for its parameters. Functions call only those before them.
    let mut passed: BTreeMap<FunctionId, Vec<Option<String>>> = BTreeMap::new();
    for (number, function) in module.functions.iter().enumerate().rev() {
        let given = passed.get(&FunctionId(number as u32)).cloned().unwrap_or_default();
        let weight = |id: &NodeId| weight_of(function, &given, *id);
        for node in &function.nodes {
            match (&node.operation, node.operands.as_slice()) {
                (Operation::Pack { .. }, [_, value]) => found.extend(weight(value)),
                (Operation::Call { function, .. } | Operation::Repeat { function, .. }, operands)
                | (Operation::Fold { function, .. }, [_, operands @ ..]) => {
                    passed.entry(*function).or_insert_with(|| operands.iter().map(weight).collect());
                }
                _ => {}
            }
        }
    }
    found
}

/// The weight that a node is, under its own name or the one it was passed by.
fn weight_of(function: &Function, given: &[Option<String>], node: NodeId) -> Option<String> {
    let Operation::Parameter(index) = function.node(node)?.operation else { return None };
    let parameter = function.parameters.get(index as usize)?;
    let own = (parameter.kind == ParameterKind::Weight).then(|| parameter.name.clone());
    own.or_else(|| given.get(index as usize).cloned().flatten())
}
