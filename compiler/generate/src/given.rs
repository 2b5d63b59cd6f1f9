//! What is known before anything runs: weights of which some places are nothing, and layers over features that are put together from tables.

use crate::maker::{Known, Maker};
use moe_graph::{
    AxisId, Element, NodeId, Operation, ParameterKind, ReduceKind, Scalar, ScalarFunction, Type,
};

/// A layer of whose weight only what stands at some places of one of its axes is kept, and often a second one after it.
pub(crate) fn pruned_layer(maker: &mut Maker) -> Option<Known> {
    let (x, features) = maker.featured()?;
    let out = maker.axis("H", 5);
    let all: Vec<AxisId> = maker.axes(x.node).into_iter().chain([out]).collect();
    if !maker.is_small(&all) {
        return None;
    }
    let weight = maker.parameter("w", ParameterKind::Weight, maker.float, &[features, out]);
    let along = maker.random.pick(&[features, out])?;
    let weight = kept(maker, weight, along)?;
    let y = maker.contract(x, weight, features)?;
    if along == features || maker.random.once_in(4) {
        return Some(y);
    }
    let zero = maker.number(maker.float, 0.0)?;
    let y = maker.map(ScalarFunction::Maximum, &[y.node, zero], y.bits)?;
    let up = maker.parameter("up", ParameterKind::Weight, maker.float, &[out]);
    maker.contract(y, up, out)
}

/// A value that is 0 but at some places along an axis.
fn kept(maker: &mut Maker, value: Known, along: AxisId) -> Option<Known> {
    let is_kept = if maker.random.once_in(3) { before(maker, along)? } else { table(maker, along) };
    let zero = maker.number(maker.float, 0.0)?;
    maker.map(ScalarFunction::Select, &[is_kept, value.node, zero], value.bits)
}

/// A table of truth values.
fn table(maker: &mut Maker, along: AxisId) -> NodeId {
    let values = (0..maker.length_of(along)).map(|_| Scalar::boolean(maker.random.once_in(2))).collect();
    maker.builder.table(Type { element: Element::Bool, axes: vec![along] }, values)
}

/// Whether a place comes before another.
fn before(maker: &mut Maker, along: AxisId) -> Option<NodeId> {
    let end = maker.random.below(maker.length_of(along).max(1));
    let end = maker.builder.constant(Scalar::index(end as i64));
    let place = maker.builder.add(Operation::Coordinate(along), &[]).ok()?;
    maker.builder.map(ScalarFunction::Less, &[place, end]).ok()
}

/// Rows of tables beside each other and a layer over them: two tables joined, or one in which each of some features is looked up.
pub(crate) fn joined_features(maker: &mut Maker) -> Option<Known> {
    let rows = maker.random.pick(&[1, 2, 5])?;
    let rows = maker.axis("B", rows);
    if maker.random.once_in(2) {
        let features = maker.axis("F", 3);
        let (row, own) = looked_up(maker, &[rows, features])?;
        let name = maker.name("J");
        let length = maker.length_of(features) * maker.length_of(own);
        let into = maker.sized_axis(name, (length as i64).into(), length);
        let operation = Operation::Merge { from: vec![features, own], into };
        let x = maker.add(operation, &[row.node], row.bits)?;
        return layer(maker, x, into);
    }
    let ((first, a), (second, b)) = (looked_up(maker, &[rows])?, looked_up(maker, &[rows])?);
    let name = maker.name("J");
    let length = maker.length_of(a) + maker.length_of(b);
    let into = maker.sized_axis(name, (length as i64).into(), length);
    let operation = Operation::Concatenate { from: vec![a, b], into };
    let x = maker.add(operation, &[first.node, second.node], first.bits.both(second.bits))?;
    layer(maker, x, into)
}

/// Rows of a table by an index, and their axis.
fn looked_up(maker: &mut Maker, index: &[AxisId]) -> Option<(Known, AxisId)> {
    let (count, width) = (maker.random.pick(&[1, 3, 7])?, maker.random.pick(&[1, 2, 5])?);
    let (axis, own) = (maker.axis("V", count), maker.axis("D", width));
    let index = maker.indices("i", index, count);
    let table = maker.parameter("table", ParameterKind::Weight, maker.float, &[axis, own]);
    Some((maker.add(Operation::Gather { axis }, &[table.node, index.node], table.bits)?, own))
}

fn layer(maker: &mut Maker, x: Known, features: AxisId) -> Option<Known> {
    let out = maker.axis("H", 5);
    let weight = maker.parameter("w", ParameterKind::Weight, maker.float, &[features, out]);
    if maker.random.once_in(3) {
        // The largest of products is no layer.
        let product = maker.product(x, weight)?;
        return maker.reduce(ReduceKind::Maximum, &[features], product);
    }
    maker.contract(x, weight, features)
}
