//! Layers with scales and biases before and after, and matrices that each row chooses: what may be done once, or for many rows together.

use crate::maker::{Known, Maker};
use moe_graph::{AxisId, Operation, ParameterKind};

/// The value scaled and shifted along an axis, or only one of the two, or neither.
fn scaled(maker: &mut Maker, value: Known, axis: AxisId) -> Option<Known> {
    let mut value = value;
    if maker.random.once_in(2) {
        let scale = maker.parameter("scale", ParameterKind::Weight, maker.float, &[axis]);
        value = maker.product(value, scale)?;
    }
    if maker.random.once_in(2) {
        let bias = maker.parameter("bias", ParameterKind::Weight, maker.float, &[axis]);
        value = maker.sum(bias, value)?;
    }
    Some(value)
}

/// A layer with scales and biases before and after it.
pub(crate) fn scaled_layer(maker: &mut Maker) -> Option<Known> {
    let (x, features) = maker.featured()?;
    let out = maker.axis("H", 5);
    let all: Vec<AxisId> = maker.axes(x.node).into_iter().chain([out]).collect();
    if !maker.is_small(&all) {
        return None;
    }
    let x = scaled(maker, x, features)?;
    let weight = maker.parameter("w", ParameterKind::Weight, maker.float, &[features, out]);
    let y = maker.contract(x, weight, features)?;
    scaled(maker, y, out)
}

/// A matrix for each row, by an index; and often a second one after it.
pub(crate) fn chosen_matrices(maker: &mut Maker) -> Option<Known> {
    let (x, features) = maker.featured()?;
    let axes = maker.axes(x.node);
    let others: Vec<AxisId> = axes.iter().copied().filter(|axis| *axis != features).collect();
    let fixed: Vec<AxisId> = others.iter().copied().filter(|axis| maker.is_fixed(*axis)).collect();
    let rows = maker.random.pick(&fixed)?;
    let count = maker.random.pick(&[1, 2, 3, 7])?;
    let adapters = maker.axis("A", count);
    let (middle, out) = (maker.axis("R", 2), maker.axis("H", 5));
    let before: Vec<AxisId> = axes.into_iter().chain([adapters, middle]).collect();
    let after: Vec<AxisId> = others.into_iter().chain([adapters, middle, out]).collect();
    if !maker.is_small(&before) || !maker.is_small(&after) {
        return None;
    }
    let index = maker.indices("id", &[rows], count);
    let looked_up = |maker: &mut Maker, from, to| {
        let table = maker.parameter("adapter", ParameterKind::Weight, maker.float, &[adapters, from, to]);
        maker.add(Operation::Gather { axis: adapters }, &[table.node, index.node], table.bits)
    };
    let down = looked_up(maker, features, middle)?;
    let h = maker.contract(x, down, features)?;
    if maker.random.once_in(3) {
        return Some(h);
    }
    let up = looked_up(maker, middle, out)?;
    maker.contract(h, up, middle)
}
