//! Steps that end axes: reductions and contractions.

use super::maker::{union, Maker, INPUT};
use super::value::{Axis, Value};
use crate::bits::Bits;
use moe_graph::Element;

/// `over A`, `over (A, B)`.
pub(crate) fn over(axes: &[Axis]) -> String {
    let names: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
    match names.as_slice() {
        [one] => format!("over {one}"),
        several => format!("over ({})", several.join(", ")),
    }
}

fn without(value: &Value, axes: &[Axis]) -> Vec<Axis> {
    value.axes.iter().filter(|own| !axes.iter().any(|axis| axis.name == own.name)).cloned().collect()
}

/// The value without some axes, by a sum if that is exact, else by a maximum.
pub(crate) fn reduced(maker: &mut Maker, value: &Value, axes: &[Axis]) -> Option<Value> {
    let count = axes.iter().map(|axis| axis.length).product();
    let left = without(value, axes);
    let bits = value.bits.sum_of(count);
    if maker.fits(bits, value.element) {
        let text = format!("sum({}, {})", value.text, over(axes));
        return maker.bind(&text, value.element, left, bits);
    }
    let small = maker.squash(value)?;
    let text = format!("sum({}, {})", small.text, over(axes));
    maker.bind(&text, value.element, left, small.bits.sum_of(count))
}

/// Some of the axes of a value, one more often than more.
fn some_axes(maker: &mut Maker, value: &Value) -> Option<Vec<Axis>> {
    let named: Vec<Axis> = value.axes.iter().filter(|axis| !axis.is_rest()).cloned().collect();
    let first = maker.random.pick(&named)?;
    let second = maker.random.pick(&named)?;
    let both = maker.random.once_in(4) && first.name != second.name;
    Some(if both { vec![first, second] } else { vec![first] })
}

/// The kind of a reduction, and how wide what it gives is.
fn kind(maker: &mut Maker, value: &Value, axes: &[Axis]) -> Option<(&'static str, Bits)> {
    let count: usize = axes.iter().map(|axis| axis.length).product();
    let known = axes.iter().all(|axis| axis.is_known());
    Some(match maker.random.below(8) {
        0 => ("max", value.bits),
        1 => ("min", value.bits),
        2 if !maker.exact && axes.iter().all(|axis| axis.is_static() || axis.is_ragged()) => {
            ("mean", value.bits)
        }
        2 if known && count.is_power_of_two() => {
            let more = count.trailing_zeros();
            ("mean", Bits { fraction: value.bits.fraction + more, ..value.bits.sum_of(count) })
        }
        3 if count <= 3 => {
            let count = count as u32;
            let bits =
                Bits { magnitude: value.bits.magnitude * count, fraction: value.bits.fraction * count };
            ("product", bits)
        }
        _ => ("sum", value.bits.sum_of(count)),
    })
}

/// `sum(x, over A)` and its relatives.
pub(crate) fn reduction(maker: &mut Maker) -> Option<Value> {
    if maker.random.once_in(6) {
        return of_truth(maker);
    }
    let float = maker.float;
    let value =
        maker.value(|value| value.element == float && value.axes.iter().any(|axis| !axis.is_rest()))?;
    let value = if maker.random.once_in(3) { maker.squash(&value)? } else { value };
    let axes = some_axes(maker, &value)?;
    let (name, bits) = kind(maker, &value, &axes)?;
    maker.met("a reduction over axes");
    if axes.iter().any(Axis::is_ragged) {
        maker.met("a reduction over a ragged axis");
    }
    let text = format!("{name}({}, {})", value.text, over(&axes));
    finish(maker, name, &text, &value, &axes, bits)
}

/// What no entries come to may be infinite: that is limited at once.
fn finish(
    maker: &mut Maker,
    name: &str,
    text: &str,
    value: &Value,
    axes: &[Axis],
    bits: Bits,
) -> Option<Value> {
    let left = without(value, axes);
    if !maker.fits(bits, value.element) {
        return None;
    }
    let empty = axes.iter().any(|axis| !axis.is_static());
    if empty && matches!(name, "max" | "min") {
        return maker.bind(&format!("limited({text})"), value.element, left, INPUT);
    }
    maker.bind(text, value.element, left, bits)
}

fn of_truth(maker: &mut Maker) -> Option<Value> {
    let mask = super::arithmetic::truth(maker)?;
    let axes = some_axes(maker, &mask)?;
    let left = without(&mask, &axes);
    maker.met("a reduction over axes");
    let name = maker.random.pick(&["any", "all"])?;
    maker.bind(&format!("{name}({}, {})", mask.text, over(&axes)), Element::Bool, left, Bits::default())
}

/// `sum e: E where … { … }`.
pub(crate) fn over_index(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float && value.is_indexable() && value.axes.iter().any(|axis| !axis.is_rest())
    })?;
    let value = maker.squash(&value)?;
    let axes = some_axes(maker, &value)?;
    let names: Vec<String> = axes.iter().map(|_| maker.name("e")).collect();
    let indices: Vec<(&str, &str)> =
        axes.iter().zip(&names).map(|(axis, name)| (axis.name.as_str(), name.as_str())).collect();
    let entry = value.at(&indices);
    let heads: Vec<String> =
        axes.iter().zip(&names).map(|(axis, name)| format!("{name}: {}", axis.name)).collect();
    let head = if let [one] = heads.as_slice() { one.clone() } else { format!("({})", heads.join(", ")) };
    let (name, bits) = kind(maker, &value, &axes)?;
    maker.met("a reduction over an index");
    if axes.iter().any(Axis::is_ragged) {
        maker.met("an index along a ragged axis");
    }
    let mut condition = String::new();
    if maker.random.once_in(3) && name != "mean" {
        maker.met("a reduction with a condition");
        condition = format!(" where {entry} > 0.25");
    }
    let body = match maker.random.below(3) {
        0 => format!("{entry} * {entry}"),
        1 => format!("{entry} * 0.5"),
        _ => entry,
    };
    let bits = match (name, body.contains('*')) {
        ("product", true) => return None,
        (_, true) => Bits { magnitude: bits.magnitude + 1, fraction: bits.fraction + 2 },
        (_, false) => bits,
    };
    let text = format!("{name} {head}{condition} {{ {body} }}");
    let infinite = matches!(name, "max" | "min") && !condition.is_empty();
    let left = without(&value, &axes);
    if infinite {
        return maker.bind(&format!("limited({text})"), value.element, left, INPUT);
    }
    finish(maker, name, &text, &value, &axes, bits)
}

/// A product summed over an axis of both.
pub(crate) fn contraction(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let left = maker.value(|value| {
        value.element == float
            && value.is_indexable()
            && value.axes.last().is_some_and(|axis| !axis.is_rest())
    })?;
    let axis = left.axes.last()?.clone();
    let right = maker.value(|value| value.element == float && value.has(&axis.name) && value.is_indexable());
    let right = match right.filter(|right| right.text != left.text) {
        Some(right) if maker.random.once_in(2) => right,
        _ => {
            let length = maker.short();
            let new = maker.axis("F", length);
            let axes =
                if maker.random.once_in(4) { vec![new, axis.clone()] } else { vec![axis.clone(), new] };
            maker.weight("w", float, &axes)?
        }
    };
    contracted(maker, &left, &right, &axis)
}

/// The two, multiplied and summed over an axis, in one of the ways to say it.
pub(crate) fn contracted(maker: &mut Maker, left: &Value, right: &Value, axis: &Axis) -> Option<Value> {
    let mut sides = [left.clone(), right.clone()];
    let bits = |sides: &[Value; 2]| sides[0].bits.times(sides[1].bits).sum_of(axis.length);
    if !maker.fits(bits(&sides), left.element) {
        sides = [maker.squash(left)?, maker.squash(right)?];
    }
    let bits = bits(&sides);
    let [left, right] = &sides;
    let last = left.axes.last().is_some_and(|last| last.name == axis.name) && left.is_indexable();
    let axes: Vec<Axis> =
        union(&left.axes, &right.axes).into_iter().filter(|own| own.name != axis.name).collect();
    let all = union(&left.axes, &right.axes);
    if !maker.is_small(&all) {
        return None;
    }
    let text = if last && maker.random.below(3) > 0 {
        maker.met("a contraction with @");
        format!("{} @ {}", left.text, right.text)
    } else {
        maker.met("a contraction as a sum");
        format!("sum({} * {}, over {})", left.text, right.text, axis.name)
    };
    maker.bind(&text, left.element, axes, bits)
}

/// What goes into a layer: a value whose last axis weights can have, that axis, and the one it becomes.
fn before_layer(maker: &mut Maker) -> Option<(Value, Axis, Axis)> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float && value.is_indexable() && value.axes.last().is_some_and(Axis::is_static)
    })?;
    let value = maker.squash(&value)?;
    let axis = value.axes.last()?.clone();
    let length = maker.short();
    Some((value, axis, maker.axis("H", length)))
}

/// Bytes by a weight of bytes, summed as integers or as the floats that they are made.
pub(crate) fn bytes(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let (value, axis, new) = before_layer(maker)?;
    let element = maker.random.pick(&[Element::I8, Element::U8])?;
    let weight = maker.weight("bytes", Element::I8, &[axis.clone(), new.clone()])?;
    let text = match element {
        Element::I8 => format!("({} * 4) as i8", value.text),
        _ => format!("abs({} * 4) as u8", value.text),
    };
    let narrow = maker.bind(&text, element, value.axes.clone(), Bits::default())?;
    let axes: Vec<Axis> =
        value.axes.iter().filter(|own| own.name != axis.name).cloned().chain([new]).collect();
    maker.met("a product of bytes");
    let whole = Bits { magnitude: 4, fraction: 0 };
    let bits = whole.times(whole).sum_of(axis.length);
    let sum = if maker.fits(bits, float) && maker.random.once_in(2) { float } else { Element::I32 };
    let product = format!("({} as {}) @ ({} as {})", narrow.text, sum.name(), weight.text, sum.name());
    let text = if sum == float { product } else { format!("({product}) as {}", float.name()) };
    maker.bind(&text, float, axes, bits)
}

/// A layer by hand: a product with a weight, a bias, and what cuts it off.
pub(crate) fn dense(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let (value, axis, new) = before_layer(maker)?;
    let weight = maker.weight("up", float, &[axis.clone(), new.clone()])?;
    let bias = maker.weight("bias", float, std::slice::from_ref(&new))?;
    let bits = value.bits.times(weight.bits).sum_of(axis.length).both(bias.bits).sum_of(2);
    let axes: Vec<Axis> =
        value.axes.iter().filter(|own| own.name != axis.name).cloned().chain([new]).collect();
    maker.met("a contraction with @");
    let text = format!("max({} @ {} + {}, 0)", value.text, weight.text, bias.text);
    maker.bind(&text, float, axes, bits)
}
