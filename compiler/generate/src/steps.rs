//! Steps that add a value to a graph: scalar functions, contractions, reductions.

use crate::maker::{Bits, Known, Maker};
use moe_graph::{AxisId, Element, Operation, ParameterKind, ReduceKind, ScalarFunction};

/// Adds a value, or nothing where what was drawn does not fit.
pub(crate) type Step = fn(&mut Maker) -> Option<Known>;

pub(crate) fn unary(maker: &mut Maker) -> Option<Known> {
    use ScalarFunction as F;
    let value = maker.float_value()?;
    let whole = Bits { fraction: 0, ..value.bits };
    let (function, bits) = maker.random.pick(&[
        (F::Negate, value.bits),
        (F::Absolute, value.bits),
        (F::Floor, Bits { magnitude: value.bits.magnitude + 1, fraction: 0 }),
        (F::Round, Bits { magnitude: value.bits.magnitude + 1, fraction: 0 }),
        (F::Sign, whole),
    ])?;
    if maker.options.smooth || (maker.options.approximate && maker.random.once_in(2)) {
        return approximate(maker, value);
    }
    maker.map(function, &[value.node], bits)
}

/// A function that is not exact, of something small.
fn approximate(maker: &mut Maker, value: Known) -> Option<Known> {
    use ScalarFunction as F;
    let small = maker.squash(value)?;
    let function =
        maker.random.pick(&[F::Exponential, F::HyperbolicTangent, F::Sine, F::Cosine, F::ErrorFunction])?;
    maker.map(function, &[small.node], Bits { magnitude: 3, fraction: 2 })
}

pub(crate) fn rectify(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let zero = maker.number(maker.float, 0.0)?;
    maker.map(ScalarFunction::Maximum, &[value.node, zero], value.bits)
}

pub(crate) fn binary(maker: &mut Maker) -> Option<Known> {
    use ScalarFunction as F;
    let (a, b) = (maker.float_value()?, maker.float_value()?);
    let (sum, product) = (a.bits.both(b.bits).sum_of(2), a.bits.times(b.bits));
    let (function, bits) = maker.random.pick(&[
        (F::Add, sum),
        (F::Subtract, sum),
        (F::Multiply, product),
        (F::Multiply, product),
        (F::Minimum, a.bits.both(b.bits)),
        (F::Maximum, a.bits.both(b.bits)),
    ])?;
    maker.map(function, &[a.node, b.node], bits)
}

/// A value times a number, or divided by a power of two.
pub(crate) fn scale(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    if maker.random.once_in(2) {
        let two = maker.number(maker.float, 2.0)?;
        let bits = Bits { fraction: value.bits.fraction + 1, ..value.bits };
        return maker.map(ScalarFunction::Divide, &[value.node, two], bits);
    }
    let factor = maker.random.pick(&[-1.0, 0.5, 2.0, 3.0])?;
    let number = maker.number(maker.float, factor)?;
    maker.map(
        ScalarFunction::Multiply,
        &[value.node, number],
        value.bits.times(Bits { magnitude: 2, fraction: 1 }),
    )
}

pub(crate) fn squash(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    maker.squash(value)
}

/// A product with a new weight, summed over an axis.
pub(crate) fn linear(maker: &mut Maker) -> Option<Known> {
    let (value, order, axis) = features(maker)?;
    let weight = maker.parameter("w", ParameterKind::Weight, maker.float, &order);
    maker.contract(value, weight, axis)
}

/// The same of bytes that are made floats. The weight is one of bytes, or a difference of truth values.
pub(crate) fn bytes(maker: &mut Maker) -> Option<Known> {
    let (value, order, axis) = features(maker)?;
    let (float, whole) = (maker.float, Bits { magnitude: 3, fraction: 0 });
    let small = maker.squash(value)?;
    let narrow = maker.random.pick(&[Element::I8, Element::U8])?;
    let small = maker.add(Operation::Cast(narrow), &[small.node], whole)?;
    let small = maker.add(Operation::Cast(float), &[small.node], whole)?;
    let weight = |maker: &mut Maker, element| {
        let weight = maker.parameter("w", ParameterKind::Weight, element, &order);
        maker.add(Operation::Cast(float), &[weight.node], whole)
    };
    let weight = if maker.random.once_in(2) {
        let narrow = maker.random.pick(&[Element::I8, Element::U8])?;
        weight(maker, narrow)?
    } else {
        let (plus, minus) = (weight(maker, Element::Bool)?, weight(maker, Element::Bool)?);
        maker.map(ScalarFunction::Subtract, &[plus.node, minus.node], whole)?
    };
    maker.contract(small, weight, axis)
}

/// A value with features, the axes of a weight for them in some order, and which of them the value has.
fn features(maker: &mut Maker) -> Option<(Known, [AxisId; 2], AxisId)> {
    let float = maker.float;
    let value =
        maker.value(|maker, ty| ty.element == float && ty.axes.iter().any(|axis| maker.is_fixed(*axis)))?;
    let axes = maker.axes(value.node);
    let fixed: Vec<AxisId> = axes.iter().copied().filter(|axis| maker.is_fixed(*axis)).collect();
    let axis = maker.random.pick(&fixed)?;
    let length = maker.length();
    let out = maker.axis("H", length);
    let rest: Vec<AxisId> = axes.iter().copied().filter(|other| *other != axis).chain([out]).collect();
    let all: Vec<AxisId> = axes.iter().copied().chain([out]).collect();
    if !maker.is_small(&rest) || !maker.is_small(&all) {
        return None;
    }
    let order = if maker.random.once_in(2) { [axis, out] } else { [out, axis] };
    Some((value, order, axis))
}

/// Two values multiplied and summed over an axis they share.
pub(crate) fn contraction(maker: &mut Maker) -> Option<Known> {
    let a = maker.float_value()?;
    let b = maker.float_value()?;
    let (left, right) = (maker.axes(a.node), maker.axes(b.node));
    let shared: Vec<AxisId> = left.iter().copied().filter(|axis| right.contains(axis)).collect();
    let axis = maker.random.pick(&shared)?;
    maker.contract(a, b, axis)
}

pub(crate) fn reduction(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let mut axes = maker.axes(value.node);
    let keep = maker.random.below(axes.len() + 1);
    axes.truncate(keep.max(1));
    let kind = maker.random.pick(&[
        ReduceKind::Sum,
        ReduceKind::Sum,
        ReduceKind::Maximum,
        ReduceKind::Minimum,
        ReduceKind::Product,
    ])?;
    let empty = axes.iter().any(|axis| maker.length_of(*axis) == 0);
    let lone = matches!(kind, ReduceKind::Maximum | ReduceKind::Minimum) && (empty || axes.is_empty());
    // Infinity would make NaN of what follows.
    if lone {
        return None;
    }
    maker.reduce(kind, &axes, value)
}

/// A choice between two values by a comparison.
pub(crate) fn choice(maker: &mut Maker) -> Option<Known> {
    use ScalarFunction as F;
    let (a, b) = (maker.float_value()?, maker.float_value()?);
    let function =
        maker.random.pick(&[F::Less, F::LessEqual, F::Greater, F::GreaterEqual, F::Equal, F::NotEqual])?;
    let mask = maker.map(function, &[a.node, b.node], Bits::default())?;
    if maker.random.once_in(3) {
        return Some(mask);
    }
    let (x, y) = (maker.float_value()?, maker.float_value()?);
    maker.map(F::Select, &[mask.node, x.node, y.node], x.bits.both(y.bits))
}

/// Something of truth values.
pub(crate) fn logic(maker: &mut Maker) -> Option<Known> {
    use ScalarFunction as F;
    let a = maker.value(|_, ty| ty.element == Element::Bool)?;
    let b = maker.value(|_, ty| ty.element == Element::Bool)?;
    match maker.random.below(5) {
        0 => maker.map(F::And, &[a.node, b.node], Bits::default()),
        1 => maker.map(F::Or, &[a.node, b.node], Bits::default()),
        2 => maker.map(F::Not, &[a.node], Bits::default()),
        3 => {
            let axes = maker.axes(a.node);
            let axis = maker.random.pick(&axes)?;
            let kind = maker.random.pick(&[ReduceKind::Any, ReduceKind::All])?;
            maker.reduce(kind, &[axis], a)
        }
        _ => {
            let operation = Operation::Cast(maker.float);
            maker.add(operation, &[a.node], Bits::default())
        }
    }
}

/// Something of integers, of any type.
pub(crate) fn integers(maker: &mut Maker) -> Option<Known> {
    use ScalarFunction as F;
    if maker.random.once_in(3) {
        return to_integers(maker);
    }
    let a = maker.value(|_, ty| ty.element.is_integer())?;
    let element = maker.ty(a.node).element;
    let b = maker.value(|_, ty| ty.element == element)?;
    match maker.random.below(4) {
        0 => {
            let axes = maker.axes(a.node);
            let axis = maker.random.pick(&axes)?;
            maker.reduce(ReduceKind::Sum, &[axis], a)
        }
        1 => maker.map(F::Less, &[a.node, b.node], Bits::default()),
        2 => {
            let to =
                maker.random.pick(&[Element::I8, Element::U8, Element::I32, Element::U32, Element::U64])?;
            maker.add(Operation::Cast(to), &[a.node], Bits::default())
        }
        _ => {
            let function = maker.random.pick(&[
                F::Add,
                F::Subtract,
                F::Multiply,
                F::Divide,
                F::Remainder,
                F::Minimum,
                F::Maximum,
            ])?;
            maker.map(function, &[a.node, b.node], Bits::default())
        }
    }
}

/// A value as integers, or a coordinate.
fn to_integers(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    if maker.random.once_in(2) {
        let to = maker.random.pick(&[Element::I64, Element::I32, Element::I8, Element::U8])?;
        return maker.add(Operation::Cast(to), &[value.node], Bits::default());
    }
    let axes = maker.axes(value.node);
    let axis = maker.random.pick(&axes)?;
    maker.add(Operation::Coordinate(axis), &[], Bits::default())
}

/// A value in the other float type and back.
pub(crate) fn through_double(maker: &mut Maker) -> Option<Known> {
    let value = maker.float_value()?;
    let (own, other) = (maker.float, Element::F64);
    let wide = maker.add(Operation::Cast(other), &[value.node], value.bits)?;
    let twice = maker.map(ScalarFunction::Add, &[wide.node, wide.node], value.bits.sum_of(2))?;
    let node = maker.builder.add(Operation::Cast(own), &[twice.node]).ok()?;
    let small = Known { node, bits: twice.bits };
    maker.squash(small)
}
