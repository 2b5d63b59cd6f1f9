//! Which axes of a contraction are rows, columns, reduced, and common to both operands.

use crate::contiguity::score;
use crate::scene::{Scene, Storage};
use moe_graph::{Absorb, AxisId, Element, Node, NodeId, Operation, ReduceKind, ScalarFunction};
use std::collections::BTreeSet;

/// Which axis lanes run along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// The column; each lane sums its own entry, in ascending order.
    Columns,
    /// A reduced axis; the lanes' sums are brought together at the end.
    Dot(AxisId),
}

/// A contraction: `result[rows, column, common] = sum over reduced of left[rows, common, …] * right[column, common, …]`.
#[derive(Clone, Debug)]
pub(crate) struct Contraction {
    pub left: NodeId,
    pub right: NodeId,
    /// Whether a zero on the left, and one on the right, decides a product.
    pub absorbs: [bool; 2],
    /// The axes of the result that only the left has, in the order of the result.
    pub rows: Vec<AxisId>,
    /// The result's last axis, which only the right has.
    pub column: AxisId,
    /// The other axes of the result.
    pub common: Vec<AxisId>,
    /// Outermost first.
    pub reduced: Vec<AxisId>,
    pub form: Form,
    /// The packed axis, if the right reads it only to know the segment: then it is the row, segment by segment.
    pub grouped: Option<AxisId>,
}

/// The product that a node sums: its reduced axes and the product's node.
pub(crate) fn product_of<'a>(
    node: &Node,
    find: impl Fn(NodeId) -> Option<&'a Node>,
) -> Option<(NodeId, &'a Node)> {
    let Operation::Reduce { kind: ReduceKind::Sum, .. } = &node.operation else { return None };
    let operand = *node.operands.first()?;
    let product = find(operand)?;
    let is_product = matches!(product.operation, Operation::Map { function: ScalarFunction::Multiply, .. });
    let tiled = node.ty.element.is_float() || node.ty.element == Element::I32;
    (is_product && tiled).then_some((operand, product))
}

/// The contraction that sums a product into a storage; `None` if it is none that tiles would serve.
pub(crate) fn classify(
    scene: &Scene,
    product: &Node,
    reduced: &[AxisId],
    storage: &Storage,
) -> Option<Contraction> {
    let Operation::Map { absorb, .. } = product.operation else { return None };
    let [a, b] = product.operands.as_slice() else { return None };
    let column = *storage.layout.last()?;
    let has = |id: NodeId, axis: AxisId| scene.function.node(id).is_some_and(|node| node.ty.has(axis));
    // A zero decides a product of integers anyway.
    let absorb = if product.ty.element.is_float() { absorb } else { Absorb::Neither };
    let absorbs =
        [matches!(absorb, Absorb::Left | Absorb::Both), matches!(absorb, Absorb::Right | Absorb::Both)];
    let (left, right, absorbs) = match (has(*a, column), has(*b, column)) {
        (false, true) => (*a, *b, absorbs),
        (true, false) => (*b, *a, [absorbs[1], absorbs[0]]),
        _ => return None,
    };
    let outer = storage.layout.split_last().map(|(_, outer)| outer).unwrap_or_default();
    let grouped = outer.iter().copied().find(|axis| is_segmented(scene, right, *axis) && has(left, *axis));
    let is_row = |axis: &AxisId| match grouped {
        Some(packed) => *axis == packed,
        None => has(left, *axis) && !has(right, *axis),
    };
    let rows = outer.iter().copied().filter(is_row).collect::<Vec<_>>();
    // One packed axis may be among the rows, as the first: then what there is of it comes first.
    let rows = match rows.iter().rposition(|axis| scene.is_ragged(*axis)) {
        Some(place) if place > 0 => rows.get(place..=place).unwrap_or_default().to_vec(),
        _ => rows,
    };
    let common = outer.iter().copied().filter(|axis| !rows.contains(axis)).collect();
    let (form, reduced) = form(scene, left, right, column, reduced);
    Some(Contraction { left, right, absorbs, rows, column, common, reduced, form, grouped })
}

fn form(
    scene: &Scene,
    left: NodeId,
    right: NodeId,
    column: AxisId,
    reduced: &[AxisId],
) -> (Form, Vec<AxisId>) {
    let along = |axis: AxisId| score(scene, right, axis);
    let both = |axis: AxisId| along(axis) + score(scene, left, axis);
    let best = reduced.iter().copied().filter(|axis| both(*axis) > 0).max_by_key(|axis| (both(*axis), *axis));
    match best.filter(|axis| along(column) <= 0 && along(*axis) > 0) {
        Some(axis) => (Form::Dot(axis), ordered(scene, right, reduced, Some(axis))),
        None => (Form::Columns, ordered(scene, right, reduced, None)),
    }
}

/// Reduced axes in the order of the right operand's, so that its entries are read one after the other; `last` last.
fn ordered(scene: &Scene, right: NodeId, reduced: &[AxisId], last: Option<AxisId>) -> Vec<AxisId> {
    let ty = scene.function.node(right).map(|node| node.ty.axes.clone()).unwrap_or_default();
    let mut axes: Vec<AxisId> = reduced.iter().copied().filter(|axis| !ty.contains(axis)).collect();
    axes.extend(ty.iter().filter(|axis| reduced.contains(axis)));
    axes.retain(|axis| Some(*axis) != last);
    axes.extend(last);
    axes
}

impl Contraction {
    /// The reduced axes where lanes run along the column.
    pub fn by_columns(&self, scene: &Scene) -> Vec<AxisId> {
        ordered(scene, self.right, &self.reduced, None)
    }
}

/// Whether a value varies along a packed axis only with the axes that make up the segments of its mask.
fn is_segmented(scene: &Scene, id: NodeId, packed: AxisId) -> bool {
    let Some(packing) = scene.packings.get(&packed) else { return false };
    let segments: BTreeSet<AxisId> = packing.segments().iter().copied().collect();
    scene.function.node(id).is_some_and(|node| node.ty.has(packed))
        && !segments.is_empty()
        && varies_by_segment(scene, id, packed, &segments)
}

fn varies_by_segment(scene: &Scene, id: NodeId, packed: AxisId, segments: &BTreeSet<AxisId>) -> bool {
    let Some(node) = scene.function.node(id) else { return false };
    if !node.ty.has(packed) {
        return true;
    }
    if scene.storages.contains_key(&id) {
        return false;
    }
    match &node.operation {
        Operation::Pack { into } if *into == packed => {
            let packing = scene.packings.get(&packed);
            let value = node.operands.get(1).and_then(|id| scene.function.node(*id));
            packing.zip(value).is_some_and(|(packing, value)| {
                packing.axes.iter().filter(|axis| value.ty.has(**axis)).all(|axis| segments.contains(axis))
            })
        }
        Operation::Coordinate(_)
        | Operation::Rename { .. }
        | Operation::Merge { .. }
        | Operation::Split { .. }
        | Operation::Window { .. } => {
            let through = match &node.operation {
                Operation::Rename { to, .. } => *to != packed,
                Operation::Merge { into, .. } => *into != packed,
                Operation::Split { into, .. } => !into.contains(&packed),
                Operation::Window { places, taps, .. } => *places != packed && *taps != packed,
                _ => false,
            };
            through && node.operands.iter().all(|id| varies_by_segment(scene, *id, packed, segments))
        }
        _ => node.operands.iter().all(|id| varies_by_segment(scene, *id, packed, segments)),
    }
}
