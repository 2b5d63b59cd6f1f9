//! Steps that move entries, and steps that choose among them.

use crate::maker::{Bits, Known, Maker, INPUT};
use moe_graph::{
    AxisId, Element, NodeId, Operation, ParameterKind, ReduceKind, Scalar, ScalarFunction, Size,
};

fn any_axis(maker: &mut Maker, value: Known) -> Option<AxisId> {
    let axes: Vec<AxisId> =
        maker.axes(value.node).into_iter().filter(|axis| !maker.is_ragged(*axis)).collect();
    maker.random.pick(&axes)
}

fn fixed_axis(maker: &mut Maker, value: Known) -> Option<AxisId> {
    let axes: Vec<AxisId> = maker.axes(value.node).into_iter().filter(|axis| maker.is_fixed(*axis)).collect();
    maker.random.pick(&axes)
}

fn size(maker: &Maker, axis: AxisId) -> Size {
    maker.builder.function().size(axis)
}

pub(crate) fn rename(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let from = any_axis(maker, value)?;
    let (name, size, length) = (maker.name("R"), size(maker, from), maker.length_of(from));
    let to = maker.sized_axis(name, size, length);
    maker.add(Operation::Rename { from, to }, &[value.node], value.bits)
}

/// Two axes as one, and perhaps back as two others.
pub(crate) fn merge(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let (a, b) = (any_axis(maker, value)?, any_axis(maker, value)?);
    if a == b {
        return None;
    }
    let product = size(maker, a).multiply(&size(maker, b));
    let length = maker.length_of(a) * maker.length_of(b);
    let name = maker.name("M");
    let into = maker.sized_axis(name, product, length);
    let merged = maker.add(Operation::Merge { from: vec![a, b], into }, &[value.node], value.bits)?;
    if maker.random.once_in(2) {
        return Some(merged);
    }
    let parts = [b, a].map(|axis| {
        let (name, size, length) = (maker.name("S"), size(maker, axis), maker.length_of(axis));
        maker.sized_axis(name, size, length)
    });
    maker.add(Operation::Split { from: into, into: parts.to_vec() }, &[merged.node], value.bits)
}

/// A part of a fixed axis.
pub(crate) fn slice(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let from = fixed_axis(maker, value)?;
    let whole = maker.length_of(from);
    let length = maker.random.below(whole + 1);
    let start = maker.random.below(whole - length + 1);
    let into = maker.axis("C", length);
    let operation = Operation::Slice { from, into, start: Size::constant(start as i64) };
    maker.add(operation, &[value.node], value.bits)
}

/// More entries before and after.
pub(crate) fn pad(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let from = any_axis(maker, value)?;
    let (before, after) = (maker.random.below(3), maker.random.below(3));
    let (length, more) = (maker.length_of(from) + before + after, (before + after) as i64);
    let (name, size) = (maker.name("P"), size(maker, from).add(&Size::constant(more)));
    let into = maker.sized_axis(name, size, length);
    let number = maker.random.pick(&[0.0, 0.0, 1.0])?;
    let number = Scalar::of(maker.ty(value.node).element, number)?;
    let operation = Operation::Pad { from, into, before: Size::constant(before as i64), value: number };
    maker.add(operation, &[value.node], value.bits)
}

/// Windows on an axis.
pub(crate) fn window(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let from = any_axis(maker, value)?;
    let taps = maker.axis("W", 2);
    let places = match maker.random.below(3) {
        0 => maker.axis("O", 3),
        // As many places as entries: the axis stays.
        1 => from,
        _ => {
            let (name, size, length) = (maker.name("O"), size(maker, from), maker.length_of(from));
            maker.sized_axis(name, size, length)
        }
    };
    let rest = maker.axes(value.node).into_iter().filter(|axis| *axis != from);
    let all: Vec<AxisId> = rest.chain([places, taps]).collect();
    if !maker.is_small(&all) {
        return None;
    }
    let [stride, dilation, before] =
        [1, 1, 0].map(|least| Size::constant((least + maker.random.below(2)) as i64));
    let number = maker.random.pick(&[0.0, 0.0, 1.0])?;
    let value_beside = Scalar::of(maker.ty(value.node).element, number)?;
    let operation = Operation::Window { from, places, taps, stride, dilation, before, value: value_beside };
    maker.add(operation, &[value.node], value.bits)
}

/// Two values one after the other.
pub(crate) fn concatenate(maker: &mut Maker) -> Option<Known> {
    let (a, b) = (maker.float_value()?, maker.float_value()?);
    let (first, second) = (any_axis(maker, a)?, any_axis(maker, b)?);
    let total = size(maker, first).add(&size(maker, second));
    let length = maker.length_of(first) + maker.length_of(second);
    let all: Vec<AxisId> = maker.axes(a.node).into_iter().chain(maker.axes(b.node)).collect();
    // A part's own axis must not be one that the other brings into the result.
    let clash = maker.axes(a.node).contains(&second) || maker.axes(b.node).contains(&first);
    if !maker.is_small(&all) || (clash && first != second) {
        return None;
    }
    let name = maker.name("J");
    let into = maker.sized_axis(name, total, length);
    let operation = Operation::Concatenate { from: vec![first, second], into };
    maker.add(operation, &[a.node, b.node], a.bits.both(b.bits))
}

/// Rows of a value by an index along a new or an old axis.
pub(crate) fn gather(maker: &mut Maker) -> Option<Known> {
    let table = maker.float_value()?;
    let axis = any_axis(maker, table)?;
    let others: Vec<AxisId> = maker.axes(table.node).into_iter().filter(|other| *other != axis).collect();
    let end = maker.length_of(axis);
    // Only fixed axes are long enough for sure, whatever the free sizes.
    if end == 0 || !maker.is_fixed(axis) {
        return None;
    }
    let rows = if maker.random.once_in(3) { maker.random.pick(&others)? } else { maker.axis("G", 5) };
    let all: Vec<AxisId> = others.iter().copied().chain([rows]).collect();
    if !maker.is_small(&all) || !maker.is_fixed(rows) {
        return None;
    }
    let index = maker.indices("i", &[rows], end);
    maker.add(Operation::Gather { axis }, &[table.node, index.node], table.bits)
}

/// A value's rows added up where an index says.
pub(crate) fn scatter(maker: &mut Maker) -> Option<Known> {
    let updates = maker.float_value()?;
    let axis = fixed_axis(maker, updates)?;
    let length = maker.length().max(1);
    let into = maker.axis("V", length);
    let index = maker.indices("i", &[axis], length);
    let bits = updates.bits.sum_of(maker.length_of(axis));
    maker.add(Operation::ScatterAdd { over: vec![axis], into }, &[updates.node, index.node], bits)
}

/// A value's rows replaced where an index says, some of them more than once.
pub(crate) fn replace(maker: &mut Maker) -> Option<Known> {
    let base = maker.float_value()?;
    let axis = any_axis(maker, base)?;
    let end = maker.length_of(axis);
    if end == 0 || !maker.is_fixed(axis) {
        return None;
    }
    let others: Vec<AxisId> = maker.axes(base.node).into_iter().filter(|other| *other != axis).collect();
    if others.iter().any(|other| !maker.is_fixed(*other)) {
        return None;
    }
    let rows = maker.axis("U", 3);
    let mut along = vec![rows];
    along.extend(others.iter().copied().filter(|_| maker.random.once_in(2)));
    let all: Vec<AxisId> = others.into_iter().chain([rows]).collect();
    if !maker.is_small(&all) {
        return None;
    }
    let element = maker.ty(base.node).element;
    let updates = maker.parameter("u", ParameterKind::Input, element, &along);
    let index = maker.indices("i", &[rows], end);
    let operation = Operation::Scatter { over: vec![rows], axis };
    maker.add(operation, &[base.node, updates.node, index.node], base.bits.both(updates.bits))
}

pub(crate) fn running(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let axis = any_axis(maker, value)?;
    if maker.random.once_in(2) {
        return maker.add(Operation::Sort { axis }, &[value.node], value.bits);
    }
    let bits = value.bits.sum_of(maker.length_of(axis));
    maker.add(Operation::CumulativeSum { axis }, &[value.node], bits)
}

/// The mask of the largest entries along an axis, not always as many as there are.
pub(crate) fn largest(maker: &mut Maker, value: Known, axis: AxisId) -> Option<NodeId> {
    let fixed = maker.is_fixed(axis);
    let most = if fixed { maker.length_of(axis) + 1 } else { 4 };
    let count = maker.random.below(most.min(4)) + 1;
    let count = Size::constant(count as i64);
    let mask =
        maker.builder.add(Operation::LargestMask { count: count.clone(), axis }, &[value.node]).ok()?;
    if !maker.random.once_in(4) {
        return Some(mask);
    }
    // What was selected is what was expected.
    maker.builder.add(Operation::Expect { count, axes: vec![axis] }, &[mask]).ok()
}

/// The largest entries along an axis, and nothing elsewhere.
pub(crate) fn selection(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let axis = any_axis(maker, value)?;
    let mask = largest(maker, value, axis)?;
    maker.values.push(Known { node: mask, bits: Bits::default() });
    match maker.random.below(4) {
        0 => maker.add(Operation::Cast(maker.float), &[mask], Bits::default()),
        1 => lowest(maker, value, mask, axis),
        _ => {
            let kept = maker.float_value()?;
            let kept = if maker.random.once_in(2) { value } else { kept };
            let zero = maker.number(maker.float, 0.0)?;
            maker.map(ScalarFunction::Select, &[mask, kept.node, zero], kept.bits)
        }
    }
}

/// The smallest of what was selected, through -inf elsewhere.
fn lowest(maker: &mut Maker, value: Known, mask: NodeId, axis: AxisId) -> Option<Known> {
    if maker.ty(value.node).element != maker.float {
        return None;
    }
    let infinity = maker.number(maker.float, f64::NEG_INFINITY)?;
    let kept = maker.map(ScalarFunction::Select, &[mask, value.node, infinity], value.bits)?;
    let largest = maker.reduce(ReduceKind::Maximum, &[axis], kept)?;
    let floor = maker.number(maker.float, -2.0)?;
    maker.map(ScalarFunction::Maximum, &[largest.node, floor], value.bits.both(INPUT))
}

/// One-hot by the coordinate of the largest.
pub(crate) fn one_hot(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let axis = fixed_axis(maker, value)?;
    if maker.length_of(axis) == 0 {
        return None;
    }
    let first = maker.add(Operation::ArgMax { axis }, &[value.node], Bits::default())?;
    maker.values.push(first);
    let place = maker.add(Operation::Coordinate(axis), &[], Bits::default())?;
    let mask = maker.map(ScalarFunction::Equal, &[place.node, first.node], Bits::default())?;
    if maker.random.once_in(2) {
        return maker.add(Operation::Cast(maker.float), &[mask.node], Bits::default());
    }
    let zero = maker.number(maker.float, 0.0)?;
    maker.map(ScalarFunction::Select, &[mask.node, value.node, zero], value.bits)
}

/// A value packed by a mask, worked on, and brought back in one of the ways there are.
pub(crate) fn packing(maker: &mut Maker) -> Option<Known> {
    let mask = maker.value(|maker, ty| {
        ty.element == Element::Bool
            && !ty.axes.is_empty()
            && !ty.axes.iter().any(|axis| maker.is_ragged(*axis))
    })?;
    let axes = maker.axes(mask.node);
    let value = maker.float_value()?;
    let own = maker.axes(value.node);
    let all: Vec<AxisId> = own.iter().copied().chain(axes.iter().copied()).collect();
    let clash = own.iter().any(|axis| maker.is_ragged(*axis));
    if !own.iter().any(|axis| axes.contains(axis)) || clash || !maker.is_small(&all) {
        return None;
    }
    let bound = axes.iter().fold(Size::constant(1), |product, axis| product.multiply(&size(maker, *axis)));
    let length = axes.iter().map(|axis| maker.length_of(*axis)).product();
    let into = maker.ragged_axis("packed", bound, length);
    let packed = maker.add(Operation::Pack { into }, &[mask.node, value.node], value.bits)?;
    let zero = maker.number(maker.float, 0.0)?;
    let rows = maker.map(ScalarFunction::Maximum, &[packed.node, zero], value.bits)?;
    if maker.random.once_in(2) {
        let background = Scalar::of(maker.float, 0.0)?;
        return maker.add(Operation::Unpack { from: into, background }, &[mask.node, rows.node], value.bits);
    }
    let over = maker.random.pick(&axes)?;
    let bits = value.bits.sum_of(maker.length_of(over));
    let operation = Operation::SegmentReduce { kind: ReduceKind::Sum, from: into, over: vec![over] };
    maker.add(operation, &[mask.node, rows.node], bits)
}
