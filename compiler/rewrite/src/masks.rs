//! The masks that values may be packed by: one for each support that bounds a value, found before packing begins, so that rules
//! can name the packed axis of each.
//!
//! A support that is a union, an intersection or a projection of masks becomes a `bool` value of the graph here.

use crate::analysis::{canonical, Evidence, Graph};
use crate::classes::{Classes, Growing};
use crate::language::{class, key, Term};
use crate::statics::entries;
use egg::Id;
use moe_graph::{
    Axis, AxisId, Element, Operation, ReduceKind, Size, Support, SupportExpression, SupportOperand,
};
use std::collections::BTreeSet;

/// A mask and the axis of its true entries.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The `bool` value.
    pub mask: Id,
    /// The packed axis; its size is the bound.
    pub axis: AxisId,
    /// The axes it takes the place of.
    pub axes: BTreeSet<AxisId>,
    /// The support that it is.
    pub expression: SupportExpression,
    /// How many true entries to expect: the bound, or less for part of a bounded mask.
    pub rows: Size,
    /// The value whose support it is, and where that is known from.
    pub witness: (Id, Evidence),
}

/// The largest fraction of true entries at which packing is considered at all.
const USEFUL: f64 = 0.999;

/// Finds the supports that bound a value, and adds a mask and a packed axis for each, at most `limit`. Those that are there already stay.
///
/// Where rows of the edge are packed by a mask as written, what has all its axes and more is bounded by those rows, and packed along them.
/// Such bounds show only when packing has gone in, so masks are chosen once more then.
pub fn choose(graph: &mut Graph, limit: usize) {
    for (support, witness) in supports(graph) {
        let known = |candidate: &Candidate| canonical(graph, &candidate.expression) == support.expression;
        if graph.analysis.candidates.iter().any(known) {
            continue;
        }
        if graph.analysis.candidates.len() >= limit {
            graph.analysis.left_out.push(witness.0);
            continue;
        }
        add(graph, &support, witness);
    }
    graph.rebuild();
}

fn add(graph: &mut Graph, support: &Support, witness: (Id, Evidence)) -> Option<()> {
    let mask = realize(graph, &support.expression)?;
    let axes: BTreeSet<AxisId> = graph[mask].data.ty.axes.iter().copied().collect();
    if axes != support.axes || graph[mask].data.ty.element != Element::Bool {
        return None;
    }
    // What is known to be true everywhere leaves nothing out.
    let known = entries(graph, mask);
    if known.is_some_and(|known| known.values().iter().all(|value| value.is_true())) {
        return None;
    }
    let size = |axis| graph.analysis.size(axis);
    let bound = support.degree(&axes, &size);
    let rows = rows(graph, &support.expression)?.minimum(&bound);
    let axis = match packed_already(graph, mask) {
        Some(axis) => axis,
        None => {
            let number = graph.analysis.candidates.len();
            let name = if number == 0 { "rows".to_owned() } else { format!("rows{}", number + 1) };
            graph.analysis.function.axes.push(Axis { name, size: bound, ragged: true });
            AxisId(graph.analysis.function.axes.len() as u32 - 1)
        }
    };
    let expression = support.expression.clone();
    graph.analysis.candidates.push(Candidate { mask, axis, axes, expression, rows, witness });
    Some(())
}

/// The axis along which something is packed by a mask as written: rows of the edge.
fn packed_already(graph: &Graph, mask: Id) -> Option<AxisId> {
    let mask = graph.find(mask);
    edges(graph).into_iter().find(|(own, _)| *own == mask).map(|(_, axis)| axis)
}

/// The masks by which rows of the edge are packed as written, each with the axis of the rows.
pub fn edges(graph: &Graph) -> Vec<(Id, AxisId)> {
    let mut classes: Vec<_> = graph.classes().collect();
    classes.sort_by_key(|class| class.id);
    let mut found = Vec::new();
    for term in classes.iter().flat_map(|class| class.iter()) {
        let (Operation::Pack { into: axis }
        | Operation::Unpack { from: axis, .. }
        | Operation::SegmentReduce { from: axis, .. }) = term.operation
        else {
            continue;
        };
        let mask = term.operands.first().map(|mask| (graph.find(*mask), axis));
        found.extend(mask.filter(|pair| graph.analysis.edge.contains(&axis) && !found.contains(pair)));
    }
    found
}

/// The bounded supports of values, in order of their classes. A support along a packed axis is not packed again, but along rows of the edge.
fn supports(graph: &Graph) -> Vec<(Support, (Id, Evidence))> {
    let mut classes: Vec<_> = graph.classes().collect();
    classes.sort_by_key(|class| class.id);
    let mut found: Vec<(Support, (Id, Evidence))> = Vec::new();
    let edges: Vec<&Vec<AxisId>> = edges(graph).iter().map(|(mask, _)| &graph[*mask].data.ty.axes).collect();
    for class in classes {
        let Some(fact) = class.data.fact.as_ref().filter(|fact| !fact.support.is_empty()) else { continue };
        let expression = canonical(graph, &fact.support.expression);
        let support = Support { expression, ..fact.support.clone() };
        let ragged = |axis: &AxisId| {
            !graph.analysis.edge.contains(axis)
                && graph.analysis.function.axis(*axis).is_none_or(|axis| axis.ragged)
        };
        let beyond = |edge: &&Vec<AxisId>| {
            edge.len() < support.axes.len() && edge.iter().all(|axis| support.axes.contains(axis))
        };
        if class.data.ty.element != Element::Bool
            // Where a value is a single entry there are no rows to leave out.
            && !support.axes.is_empty()
            && !support.axes.iter().any(ragged)
            && !edges.iter().any(beyond)
            && !found.iter().any(|(known, _)| known.expression == support.expression)
            && density(graph, &support).is_some_and(|density| density < USEFUL)
        {
            found.push((support, (class.id, class.data.evidence)));
        }
    }
    found
}

/// The expected fraction of true entries at the nominal sizes.
fn density(graph: &Graph, support: &Support) -> Option<f64> {
    let bound = support.degree(&support.axes, &|axis| graph.analysis.size(axis));
    let rows = rows(graph, &support.expression)?.minimum(&bound);
    Some(
        graph.analysis.nominal.value(&rows)
            / graph.analysis.nominal.value(&volume(graph, &support.axes)).max(1.0),
    )
}

fn volume<'a>(graph: &dyn Classes, axes: impl IntoIterator<Item = &'a AxisId>) -> Size {
    axes.into_iter().fold(Size::constant(1), |product, axis| product.multiply(&graph.knowledge().size(*axis)))
}

/// How many true entries to expect of a support: bounds where there are bounds, the same fraction for part of a mask.
fn rows(graph: &dyn Classes, expression: &SupportExpression) -> Option<Size> {
    Some(expected(graph, expression)?.0)
}

fn expected(graph: &dyn Classes, expression: &SupportExpression) -> Option<(Size, BTreeSet<AxisId>)> {
    match expression {
        SupportExpression::Empty => Some((Size::constant(0), BTreeSet::new())),
        SupportExpression::Mask(mask) => {
            let data = graph.data(class(*mask));
            let axes: BTreeSet<AxisId> = data.ty.axes.iter().copied().collect();
            let own = data.fact.as_ref().map(|fact| &fact.support).filter(|support| support.axes == axes);
            let size = |axis| graph.knowledge().size(axis);
            Some((own.map_or_else(|| volume(graph, &axes), |support| support.degree(&axes, &size)), axes))
        }
        SupportExpression::Union(parts) => together(graph, parts, |a, b| a.add(b)),
        SupportExpression::Intersection(parts) => together(graph, parts, Size::minimum),
        SupportExpression::Apply(operation, operands) => applied(graph, operation, operands),
    }
}

fn together(
    graph: &dyn Classes,
    parts: &BTreeSet<SupportExpression>,
    combine: impl Fn(&Size, &Size) -> Size,
) -> Option<(Size, BTreeSet<AxisId>)> {
    let parts: Option<Vec<_>> = parts.iter().map(|part| expected(graph, part)).collect();
    let parts = parts?;
    let axes: BTreeSet<AxisId> = parts.iter().flat_map(|(_, axes)| axes.iter().copied()).collect();
    let full = volume(graph, &axes);
    let rows = parts
        .iter()
        .map(|(rows, own)| rows.multiply(&volume(graph, axes.difference(own))))
        .reduce(|a, b| combine(&a, &b))?;
    Some((rows.minimum(&full), axes))
}

fn applied(
    graph: &dyn Classes,
    operation: &Operation,
    operands: &[SupportOperand],
) -> Option<(Size, BTreeSet<AxisId>)> {
    let inner = operands.iter().find_map(|operand| match operand {
        SupportOperand::Support(inner) => Some(inner),
        SupportOperand::Value(_) => None,
    })?;
    let (rows, mut axes) = expected(graph, inner)?;
    let part = |rows: Size, of: Size, whole: Size| rows.multiply(&of).ceiling_divide(&whole);
    let rows = match operation {
        Operation::Reduce { kind: ReduceKind::Any, axes: over } => {
            axes.retain(|axis| !over.contains(axis));
            rows.minimum(&volume(graph, &axes))
        }
        Operation::Rename { from, to } => moved(&mut axes, &[*from], &[*to], rows),
        Operation::Merge { from, into } => moved(&mut axes, from, &[*into], rows),
        Operation::Split { from, into } => moved(&mut axes, &[*from], into, rows),
        Operation::Pad { from, into, .. } => moved(&mut axes, &[*from], &[*into], rows),
        Operation::Window { from, places, taps, .. } => {
            let shown = volume(graph, &[*places, *taps]);
            let rows = part(rows, shown, graph.knowledge().size(*from))?;
            moved(&mut axes, &[*from], &[*places, *taps], rows)
        }
        Operation::Slice { from, into, .. } => {
            let rows = part(rows, graph.knowledge().size(*into), graph.knowledge().size(*from))?;
            moved(&mut axes, &[*from], &[*into], rows)
        }
        Operation::Gather { axis } => {
            let index = operands.iter().find_map(|operand| match operand {
                SupportOperand::Value(id) => Some(&graph.data(class(*id)).ty.axes),
                SupportOperand::Support(_) => None,
            })?;
            let new: Vec<AxisId> = index.iter().copied().filter(|axis| !axes.contains(axis)).collect();
            let rows = part(rows, volume(graph, &new), graph.knowledge().size(*axis))?;
            moved(&mut axes, &[*axis], &new, rows)
        }
        _ => return None,
    };
    Some((rows, axes))
}

fn moved(axes: &mut BTreeSet<AxisId>, from: &[AxisId], into: &[AxisId], rows: Size) -> Size {
    axes.retain(|axis| !from.contains(axis));
    axes.extend(into.iter().copied());
    rows
}

/// The support as a `bool` value.
pub fn realize(graph: &mut dyn Growing, expression: &SupportExpression) -> Option<Id> {
    if *expression == SupportExpression::Empty {
        return None;
    }
    expression.realize(&class, &mut |operation, operands| graph.grow(Term { operation, operands }))
}

/// Whether a value whose support this is can be packed by the mask.
pub fn covers(graph: &dyn Classes, candidate: &Candidate, support: &SupportExpression) -> bool {
    let (mask, axes) = (SupportExpression::Mask(key(graph.find(candidate.mask))), &candidate.axes);
    let own = canonical(graph, support);
    let candidate = canonical(graph, &candidate.expression);
    own.implies_over(&candidate, axes) || own.implies_over(&mask, axes)
}

/// What is known of where a mask is true: itself, and the support of its fact.
pub fn of_mask(graph: &dyn Classes, mask: Id) -> SupportExpression {
    let own = SupportExpression::Mask(key(graph.find(mask)));
    let known = graph.data(mask).fact.as_ref().filter(|fact| !fact.background.is_true());
    let known = known.map(|fact| canonical(graph, &fact.support.expression));
    let parts: BTreeSet<SupportExpression> = known.into_iter().chain([own.clone()]).collect();
    if parts.len() > 1 {
        SupportExpression::Intersection(parts)
    } else {
        own
    }
}
