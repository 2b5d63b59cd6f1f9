//! What the checker found: the names at a model's edge with their types and bounds.

use moe_check::Elaborated;
use moe_graph::{AxisId, Fact, Function, NodeId, OutputKind, ParameterKind, Size};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Inputs, weights, states and outputs of a model, each with its type; bounds are written as in the source.
pub fn listing(elaborated: &Elaborated) -> String {
    let mut text = format!("model {}\n", elaborated.name);
    let Some(entry) = elaborated.module.entry() else { return text };
    for (title, kind) in [
        ("inputs", ParameterKind::Input),
        ("weights", ParameterKind::Weight),
        ("states", ParameterKind::State),
    ] {
        let rows: Vec<(String, String)> = entry
            .parameters
            .iter()
            .filter(|parameter| parameter.kind == kind)
            .map(|parameter| {
                (parameter.name.clone(), type_text(entry, parameter.ty.element, &parameter.ty.axes, None))
            })
            .collect();
        section(&mut text, title, &rows);
    }
    for (title, kind) in [
        ("outputs", OutputKind::Result),
        ("first values of states", OutputKind::Initial),
        ("next states", OutputKind::Next),
        ("observed", OutputKind::Observed),
    ] {
        let rows: Vec<(String, String)> = entry
            .outputs
            .iter()
            .filter(|output| output.kind == kind)
            .filter_map(|output| Some((output.name.clone(), output_text(entry, output.node, &output.axes)?)))
            .collect();
        section(&mut text, title, &rows);
    }
    text
}

fn section(text: &mut String, title: &str, rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {title}");
    for (name, ty) in rows {
        let _ = writeln!(text, "    {name}: {ty}");
    }
}

fn output_text(function: &Function, node: NodeId, axes: &[AxisId]) -> Option<String> {
    let node = function.node(node)?;
    Some(type_text(function, node.ty.element, axes, node.fact.as_ref()))
}

fn type_text(
    function: &Function,
    element: moe_graph::Element,
    axes: &[AxisId],
    fact: Option<&Fact>,
) -> String {
    if axes.is_empty() {
        return element.to_string();
    }
    let sizes = |axis| function.size(axis);
    let entries: Vec<String> = axes
        .iter()
        .map(|axis| {
            let name = axis_text(function, *axis);
            let own = BTreeSet::from([*axis]);
            let known = fact.filter(|fact| fact.support.degrees.contains_key(&own));
            match known.map(|fact| fact.support.degree(&own, &sizes)) {
                Some(bound) => format!("{bound} of {name}"),
                None => name,
            }
        })
        .collect();
    let bounded = fact
        .filter(|fact| axes.iter().any(|axis| fact.support.degrees.contains_key(&BTreeSet::from([*axis]))));
    let background = bounded.filter(|fact| !fact.background.is_zero());
    let otherwise = background.map(|fact| format!(" else {}", fact.background)).unwrap_or_default();
    format!("{element}[{}{otherwise}]", entries.join(", "))
}

/// `N`, `Pixel = 784`
fn axis_text(function: &Function, axis: AxisId) -> String {
    let Some(axis) = function.axis(axis) else { return "?".to_owned() };
    if axis.size == Size::symbol(&axis.name) || axis.size.to_string() == axis.name {
        axis.name.clone()
    } else {
        format!("{} = {}", axis.name, axis.size)
    }
}
