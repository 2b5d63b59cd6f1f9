//! Steps that work entry by entry.

use super::maker::{union, Maker, INPUT};
use super::value::Value;
use crate::bits::Bits;
use moe_graph::Element;

/// A function of one value.
pub(crate) fn unary(maker: &mut Maker) -> Option<Value> {
    if !maker.exact && maker.random.below(3) > 0 {
        return smooth(maker);
    }
    let value = maker.number()?;
    let (x, bits) = (&value.text, value.bits);
    let (text, bits) = match maker.random.below(10) {
        0 => (format!("-{x}"), bits),
        1 => (format!("abs({x})"), bits),
        2 => (format!("max({x}, 0)"), bits),
        3 => (format!("min({x}, 0.5)"), bits.both(Bits { magnitude: 0, fraction: 1 })),
        4 => (format!("{x} * 0.5"), Bits { fraction: bits.fraction + 1, ..bits }),
        5 => (format!("1 - {x}"), bits.both(INPUT).sum_of(2)),
        6 => {
            (format!("2 * {x} + 0.25"), Bits { magnitude: bits.magnitude + 1, ..bits }.both(INPUT).sum_of(2))
        }
        7 => (format!("{x} / 4"), Bits { fraction: bits.fraction + 2, ..bits }),
        8 => {
            let function = maker.random.pick(&["floor", "ceil", "round", "sign"])?;
            (format!("{function}({x})"), Bits { fraction: 0, magnitude: bits.magnitude.max(1) })
        }
        _ => {
            maker.met("a block as an expression");
            (format!("{{ let y = {x}; y - 0.5 }}"), bits.both(INPUT).sum_of(2))
        }
    };
    // Its entries off a bound may be other than zero now.
    maker.bind(&text, value.element, value.axes, bits)
}

/// A function whose last bits depend on the back end.
fn smooth(maker: &mut Maker) -> Option<Value> {
    let value = maker.small_number()?;
    let x = &value.text;
    let text = match maker.random.below(14) {
        0 => format!("exp({x})"),
        1 => format!("tanh({x})"),
        2 => format!("1 / (1 + exp(-{x}))"),
        3 => format!("erf({x})"),
        4 => format!("sin(2 * {x})"),
        5 => format!("cos({x})"),
        6 => format!("sqrt(abs({x}) + 0.25)"),
        7 => format!("log(abs({x}) + 1)"),
        8 => format!("log_plus_one({x} * {x})"),
        9 => format!("exp_minus_one({x})"),
        10 => format!("pow(abs({x}) + 0.5, 1.5)"),
        11 => format!("{x} / (1 + abs({x}))"),
        12 => format!("{x} % 0.75"),
        _ => format!("if {x} > 0.1 {{ {x} }} else {{ 0.3 * {x} }}"),
    };
    maker.bind(&text, value.element, value.axes, Bits { magnitude: 3, fraction: 0 })
}

/// A function of two values.
pub(crate) fn binary(maker: &mut Maker) -> Option<Value> {
    let (mut a, mut b) = (maker.number()?, maker.number()?);
    let kind = maker.random.below(7);
    let bits = |a: &Value, b: &Value| match kind {
        0 | 1 => a.bits.times(b.bits),
        2..=4 => a.bits.both(b.bits).sum_of(2),
        _ => a.bits.both(b.bits),
    };
    if !maker.fits(bits(&a, &b), a.element) {
        (a, b) = (maker.squash(&a)?, maker.squash(&b)?);
    }
    let bits = bits(&a, &b);
    let (x, y) = (&a.text, &b.text);
    let text = match kind {
        0 | 1 => format!("{x} * {y}"),
        2 | 3 => format!("{x} + {y}"),
        4 => format!("{x} - {y}"),
        5 => format!("max({x}, {y})"),
        _ => format!("min({x}, {y})"),
    };
    let bounds = match kind {
        0 | 1 if b.bounds.is_empty() => a.bounds.clone(),
        0 | 1 if a.bounds.is_empty() => b.bounds.clone(),
        _ => Vec::new(),
    };
    maker.bind_bounded(&text, a.element, union(&a.axes, &b.axes), bits, bounds)
}

/// A quotient, which is exact by powers of two alone.
pub(crate) fn quotient(maker: &mut Maker) -> Option<Value> {
    if maker.exact {
        return binary(maker);
    }
    let (a, b) = (maker.small_number()?, maker.small_number()?);
    let text = format!("{} / (abs({}) + 0.5)", a.text, b.text);
    let bits = Bits { magnitude: 3, fraction: 0 };
    maker.bind_bounded(&text, a.element, union(&a.axes, &b.axes), bits, a.bounds)
}

/// A truth value: a comparison, or two of them.
pub(crate) fn comparison(maker: &mut Maker) -> Option<Value> {
    maker.met("a comparison");
    if maker.random.once_in(3) {
        let (a, b) = (truth(maker)?, truth(maker)?);
        let text = match maker.random.below(3) {
            0 => format!("{} && {}", a.text, b.text),
            1 => format!("{} || !{}", a.text, b.text),
            _ => format!("{} != {}", a.text, b.text),
        };
        return maker.bind(&text, Element::Bool, union(&a.axes, &b.axes), Bits::default());
    }
    let (a, b) = (maker.number()?, maker.number()?);
    let sign = maker.random.pick(&["<", "<=", ">", ">=", "==", "!="])?;
    let (text, axes) = if maker.random.once_in(2) {
        (format!("{} {sign} 0.25", a.text), a.axes)
    } else {
        (format!("{} {sign} {}", a.text, b.text), union(&a.axes, &b.axes))
    };
    maker.bind(&text, Element::Bool, axes, Bits::default())
}

/// A truth value that is there, or a comparison.
pub(crate) fn truth(maker: &mut Maker) -> Option<Value> {
    match maker.value(|value| value.element == Element::Bool) {
        Some(found) => Some(found),
        None => {
            let a = maker.number()?;
            maker.bind(&format!("{} > 0", a.text), Element::Bool, a.axes, Bits::default())
        }
    }
}

/// One value or another, entry by entry.
pub(crate) fn choice(maker: &mut Maker) -> Option<Value> {
    let (mask, a) = (truth(maker)?, maker.number()?);
    if maker.random.once_in(3) {
        maker.met("where");
        let text = format!("where({}, {}, 0.0)", mask.text, a.text);
        return maker.bind_bounded(&text, a.element, union(&mask.axes, &a.axes), a.bits, a.bounds);
    }
    let b = maker.number()?;
    let text = if maker.random.once_in(2) {
        maker.met("if of a tensor");
        format!("if {} {{ {} }} else {{ {} }}", mask.text, a.text, b.text)
    } else {
        maker.met("where");
        format!("where({}, {}, {})", mask.text, a.text, b.text)
    };
    let axes = union(&union(&mask.axes, &a.axes), &b.axes);
    maker.bind(&text, a.element, axes, a.bits.both(b.bits))
}

/// One branch of two, when the program is compiled.
pub(crate) fn training(maker: &mut Maker) -> Option<Value> {
    maker.met("if training");
    let a = maker.small_number()?;
    let bits = a.bits.both(INPUT).sum_of(2);
    let text = format!("if training {{ {} * 2 }} else {{ {} + 0.5 }}", a.text, a.text);
    maker.bind(&text, a.element, a.axes, bits)
}

/// A table beside a value of an axis whose length is known.
pub(crate) fn table(maker: &mut Maker) -> Option<Value> {
    let float = maker.float;
    let value = maker.value(|value| {
        value.element == float
            && value.is_indexable()
            && value.axes.last().is_some_and(|axis| axis.is_known())
    })?;
    let value = maker.squash(&value)?;
    maker.met("a table");
    let length = value.axes.last()?.length;
    let entries: Vec<&str> =
        (0..length).filter_map(|_| maker.random.pick(&["0.5", "1.0", "-0.25", "0.0", "2.0"])).collect();
    let text = format!("{} * [{}]", value.text, entries.join(", "));
    maker.bind(&text, value.element, value.axes, value.bits.times(INPUT))
}

/// Whole numbers of floats, arithmetic on them, and floats again.
pub(crate) fn integers(maker: &mut Maker) -> Option<Value> {
    let whole = |value: &Value| value.element.is_integer();
    let (element, value) = match maker.value(whole) {
        Some(value) if maker.random.once_in(2) => (value.element, value),
        _ => {
            let value = maker.small_number()?;
            let element = *maker.random.pick(&[
                &Element::I32,
                &Element::I64,
                &Element::I8,
                &Element::U8,
                &Element::U32,
            ])?;
            let text = if element.is_signed_integer() {
                format!("({} * 4) as {}", value.text, element.name())
            } else {
                format!("(abs({}) * 4) as {}", value.text, element.name())
            };
            (element, maker.bind(&text, element, value.axes, Bits::default())?)
        }
    };
    maker.met("integers");
    match element {
        Element::I8 => maker.met("i8"),
        Element::U8 => maker.met("u8"),
        Element::I32 => maker.met("i32"),
        Element::U32 => maker.met("u32"),
        _ => {}
    }
    let x = &value.text;
    let text = match maker.random.below(5) {
        0 => format!("{x} * 3 + 1"),
        1 => format!("{x} / 3"),
        2 => format!("max({x}, 2) % 5"),
        3 => format!("{x} * {x} - {x}"),
        _ => format!("({x} - 3) % 4"),
    };
    let small = maker.bind(&text, element, value.axes, Bits::default())?;
    if maker.random.once_in(3) {
        return Some(small);
    }
    maker.body.values.push(small.clone());
    let text = if element.is_signed_integer() {
        format!("(abs({} % 8) as {}) / 4", small.text, maker.float.name())
    } else {
        format!("({} % 8) as {} / 4", small.text, maker.float.name())
    };
    let float = maker.float;
    maker.bind(&text, float, small.axes, INPUT)
}

/// A number of 16 bits, with arithmetic of its own, and back.
pub(crate) fn half(maker: &mut Maker) -> Option<Value> {
    let value = maker.small_number()?;
    let (element, feature) = maker.random.pick(&[(Element::Bf16, "bf16"), (Element::F16, "f16")])?;
    maker.met(feature);
    let name = element.name();
    let axis = value.axes.last().filter(|axis| axis.is_static() && value.is_indexable()).cloned();
    let (text, axes, bits) = match axis {
        // Products of quarters, each below 4, added in f32 and rounded once.
        Some(axis) if maker.random.once_in(2) => {
            let weight = maker.weight("w", element, std::slice::from_ref(&axis))?;
            let short =
                maker.bind(&format!("{} as {name}", value.text), element, value.axes.clone(), INPUT)?;
            let rest: Vec<_> = value.axes.iter().filter(|own| own.name != axis.name).cloned().collect();
            let bits = INPUT.times(INPUT).sum_of(axis.length);
            if maker.exact && !bits.fits(element) {
                // Below a half: whole numbers of half that width.
                let text =
                    format!("(floor({}) @ floor({})) as {}", short.text, weight.text, maker.float.name());
                let whole = Bits { magnitude: 1, fraction: 0 };
                let bits = whole.times(whole).sum_of(axis.length);
                if !bits.fits(element) {
                    return None;
                }
                (text, rest, bits)
            } else {
                (format!("({} @ {}) as {}", short.text, weight.text, maker.float.name()), rest, bits)
            }
        }
        _ => {
            let short =
                maker.bind(&format!("{} as {name}", value.text), element, value.axes.clone(), INPUT)?;
            let text = match maker.random.below(3) {
                0 => format!("({} + {}) as {}", short.text, short.text, maker.float.name()),
                1 => format!("(max({}, 0) * 2) as {}", short.text, maker.float.name()),
                _ => format!("-{} as {}", short.text, maker.float.name()),
            };
            (text, value.axes, INPUT.sum_of(2))
        }
    };
    let float = maker.float;
    maker.bind(&text, float, axes, bits)
}
