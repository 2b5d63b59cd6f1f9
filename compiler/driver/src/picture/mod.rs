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
use moe_graph::{AxisId, FunctionId, Module, Operation, ParameterKind};
use std::collections::BTreeSet;

/// The picture of a module. `packed` names weights whose rows are read packed: what works on them is coloured. `origin` says where a place of the source is.
pub fn svg(
    module: &Module,
    title: &str,
    packed: &BTreeSet<String>,
    origin: &dyn Fn(moe_grammar::Span) -> String,
) -> String {
    let mut panels = Vec::new();
    let mut open = vec![Called { function: FunctionId(module.entry), times: String::new() }];
    let mut seen: BTreeSet<FunctionId> = BTreeSet::new();
    let mut next = 0;
    while let Some(call) = open.get(next).cloned() {
        next += 1;
        let Some(function) = module.function(call.function).filter(|_| seen.insert(call.function)) else {
            continue;
        };
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

fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.into_iter().filter(|text| seen.insert(text.clone())).collect()
}

/// The weights that a rewritten module reads by packed rows.
pub fn packed_weights(module: &Module) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for function in &module.functions {
        for node in &function.nodes {
            let (Operation::Pack { .. }, Some(value)) = (&node.operation, node.operands.get(1)) else {
                continue;
            };
            let Some(Operation::Parameter(index)) = function.node(*value).map(|node| &node.operation) else {
                continue;
            };
            let parameter = function.parameters.get(*index as usize);
            found.extend(
                parameter.filter(|known| known.kind == ParameterKind::Weight).map(|known| known.name.clone()),
            );
        }
    }
    found
}
