//! Scalar functions on whole columns of entries.

use crate::data::{round, widen, Data};
use moe_graph::{Absorb, ReduceKind, ScalarFunction, Signature};
use moe_runtime::Element;

/// Appends the function of the operands, entry by entry, to `out`. `from` is the type of the operands (of a choice, the last two's) and
/// `to` that of the result.
pub(crate) fn map(
    function: ScalarFunction,
    absorb: Absorb,
    from: Element,
    operands: &[&Data],
    out: &mut Data,
) {
    match (operands, function.signature()) {
        ([mask, a, b], _) => choose(mask, a, b, out),
        ([Data::Float(a)], Signature::FloatTest) => {
            if let Data::Boolean(out) = out {
                out.extend(a.iter().map(|a| a.is_nan()));
            }
        }
        ([Data::Float(a)], _) => unary(function, from, a, out),
        ([Data::Float(a), Data::Float(b)], Signature::Comparison) => compare(function, a.iter().zip(b), out),
        ([Data::Boolean(a), Data::Boolean(b)], Signature::Comparison) => {
            compare(function, a.iter().zip(b), out);
        }
        ([Data::Integer(a), Data::Integer(b)], Signature::Comparison) => {
            let wide = |entry: &i64| widen(from, *entry);
            compare(function, a.iter().map(wide).zip(b.iter().map(wide)), out);
        }
        ([Data::Float(a), Data::Float(b)], _) => binary(function, from, a, b, out),
        ([Data::Boolean(a), Data::Boolean(b)], _) => logical(function, a, b, out),
        _ => plain(function, from, operands, out),
    }
    if absorb != Absorb::Neither {
        absorbed(function, absorb, from, operands, out);
    }
}

fn choose(mask: &Data, a: &Data, b: &Data, out: &mut Data) {
    fn each<T: Copy>(mask: &[bool], a: &[T], b: &[T], out: &mut Vec<T>) {
        out.extend(mask.iter().zip(a.iter().zip(b)).map(|(mask, (a, b))| if *mask { *a } else { *b }));
    }
    match (a, b, out) {
        (Data::Float(a), Data::Float(b), Data::Float(out)) => each(mask.booleans(), a, b, out),
        (Data::Integer(a), Data::Integer(b), Data::Integer(out)) => each(mask.booleans(), a, b, out),
        (Data::Boolean(a), Data::Boolean(b), Data::Boolean(out)) => each(mask.booleans(), a, b, out),
        _ => {}
    }
}

fn compare<T: PartialOrd>(function: ScalarFunction, pairs: impl Iterator<Item = (T, T)>, out: &mut Data) {
    use ScalarFunction as F;
    let Data::Boolean(out) = out else { return };
    match function {
        F::Equal => out.extend(pairs.map(|(a, b)| a == b)),
        F::NotEqual => out.extend(pairs.map(|(a, b)| a != b)),
        F::Less => out.extend(pairs.map(|(a, b)| a < b)),
        F::LessEqual => out.extend(pairs.map(|(a, b)| a <= b)),
        F::Greater => out.extend(pairs.map(|(a, b)| a > b)),
        _ => out.extend(pairs.map(|(a, b)| a >= b)),
    }
}

fn unary(function: ScalarFunction, element: Element, a: &[f64], out: &mut Data) {
    let Data::Float(out) = out else { return };
    out.extend(a.iter().map(|a| round(element, function.float(*a, 0.0))));
}

fn binary(function: ScalarFunction, element: Element, a: &[f64], b: &[f64], out: &mut Data) {
    use ScalarFunction as F;
    fn each(element: Element, a: &[f64], b: &[f64], out: &mut Vec<f64>, f: impl Fn(f64, f64) -> f64) {
        let pairs = a.iter().zip(b);
        match element {
            Element::F64 => out.extend(pairs.map(|(a, b)| f(*a, *b))),
            Element::F32 => out.extend(pairs.map(|(a, b)| f64::from(f(*a, *b) as f32))),
            other => out.extend(pairs.map(|(a, b)| round(other, f(*a, *b)))),
        }
    }
    let Data::Float(out) = out else { return };
    match function {
        F::Add => each(element, a, b, out, |a, b| a + b),
        F::Subtract => each(element, a, b, out, |a, b| a - b),
        F::Multiply => each(element, a, b, out, |a, b| a * b),
        F::Divide => each(element, a, b, out, |a, b| a / b),
        other => each(element, a, b, out, |a, b| other.float(a, b)),
    }
}

fn logical(function: ScalarFunction, a: &[bool], b: &[bool], out: &mut Data) {
    let Data::Boolean(out) = out else { return };
    match function {
        ScalarFunction::And => out.extend(a.iter().zip(b).map(|(a, b)| *a && *b)),
        _ => out.extend(a.iter().zip(b).map(|(a, b)| *a || *b)),
    }
}

/// Whatever is not worth a loop of its own, by the definition on single numbers.
fn plain(function: ScalarFunction, from: Element, operands: &[&Data], out: &mut Data) {
    let count = operands.iter().map(|operand| operand.len()).min().unwrap_or(0);
    for index in 0..count {
        let scalars: Vec<_> = operands.iter().filter_map(|operand| operand.scalar(from, index)).collect();
        if let Some(value) = function.apply(Absorb::Neither, &scalars) {
            out.push(value);
        }
    }
}

fn absorbed(function: ScalarFunction, absorb: Absorb, element: Element, operands: &[&Data], out: &mut Data) {
    let [by_left, by_right] = function.absorbing();
    let sides = [
        (by_left, matches!(absorb, Absorb::Left | Absorb::Both)),
        (by_right, matches!(absorb, Absorb::Right | Absorb::Both)),
    ];
    for (operand, (absorption, asked)) in operands.iter().zip(sides) {
        let Some(absorption) = absorption.filter(|_| asked) else { continue };
        match (operand, &mut *out) {
            (Data::Float(a), Data::Float(out)) => {
                for (out, _) in out.iter_mut().zip(a).filter(|(_, a)| **a == absorption.value) {
                    *out = absorption.result;
                }
            }
            (Data::Integer(a), Data::Integer(out)) => {
                let decides = |a: i64| widen(element, a) as f64 == absorption.value;
                for (out, _) in out.iter_mut().zip(a).filter(|(_, a)| decides(**a)) {
                    *out = absorption.result as i64;
                }
            }
            // Logical functions absorb by themselves.
            _ => {}
        }
    }
}

/// Appends the entries in another type to `out`.
pub(crate) fn cast(from: Element, to: Element, operand: &Data, out: &mut Data) {
    match (operand, &mut *out) {
        (Data::Float(a), Data::Float(out)) => out.extend(a.iter().map(|a| round(to, *a))),
        (Data::Float(a), Data::Boolean(out)) => out.extend(a.iter().map(|a| *a != 0.0)),
        (Data::Boolean(a), Data::Float(out)) => out.extend(a.iter().map(|a| f64::from(u8::from(*a)))),
        _ => {
            for index in 0..operand.len() {
                if let Some(value) = operand.scalar(from, index) {
                    out.push(value.cast(to));
                }
            }
        }
    }
}

/// The type in which entries of type `element` are brought together: 16-bit floats in `f32`.
pub(crate) fn accumulator(element: Element) -> Element {
    match element {
        Element::Bf16 | Element::F16 => Element::F32,
        other => other,
    }
}

/// Brings each entry of a column together with the accumulator at its place.
pub(crate) fn fold(kind: ReduceKind, element: Element, accumulators: &mut Data, column: &Data) {
    match (accumulators, column) {
        (Data::Float(accumulators), Data::Float(column)) => {
            fold_floats(kind, element, accumulators.iter_mut().zip(column));
        }
        (Data::Boolean(accumulators), Data::Boolean(column)) => {
            for (accumulator, entry) in accumulators.iter_mut().zip(column) {
                *accumulator = logical_step(kind, *accumulator, *entry);
            }
        }
        (Data::Integer(accumulators), Data::Integer(column)) => {
            for (accumulator, entry) in accumulators.iter_mut().zip(column) {
                *accumulator = integer_step(kind, element, *accumulator, *entry);
            }
        }
        _ => {}
    }
}

fn fold_floats<'a>(kind: ReduceKind, element: Element, pairs: impl Iterator<Item = (&'a mut f64, &'a f64)>) {
    match (kind, accumulator(element)) {
        (ReduceKind::Sum, Element::F32) => pairs.for_each(|(a, b)| *a = f64::from((*a + b) as f32)),
        (ReduceKind::Sum, _) => pairs.for_each(|(a, b)| *a += b),
        (kind, accumulator) => {
            let function = kind.function();
            pairs.for_each(|(a, b)| *a = round(accumulator, function.float(*a, *b)));
        }
    }
}

/// Brings all entries of a column together with one accumulator, in order.
pub(crate) fn fold_all(kind: ReduceKind, element: Element, accumulator: &mut Data, column: &Data) {
    match (accumulator, column) {
        (Data::Float(accumulator), Data::Float(column)) => {
            let Some(first) = accumulator.first_mut() else { return };
            *first = fold_row(kind, element, *first, column);
        }
        (accumulator, column) => {
            for index in 0..column.len() {
                fold_one(kind, element, accumulator, 0, column, index);
            }
        }
    }
}

fn fold_row(kind: ReduceKind, element: Element, first: f64, column: &[f64]) -> f64 {
    match (kind, accumulator(element)) {
        (ReduceKind::Sum, Element::F32) => {
            f64::from(column.iter().fold(first as f32, |sum, entry| (f64::from(sum) + entry) as f32))
        }
        (ReduceKind::Sum, _) => column.iter().fold(first, |sum, entry| sum + entry),
        (kind, accumulator) => {
            let function = kind.function();
            column.iter().fold(first, |all, entry| round(accumulator, function.float(all, *entry)))
        }
    }
}

/// Brings one entry together with one accumulator.
pub(crate) fn fold_one(
    kind: ReduceKind,
    element: Element,
    accumulators: &mut Data,
    place: usize,
    source: &Data,
    index: usize,
) {
    match (accumulators, source) {
        (Data::Float(accumulators), Data::Float(source)) => {
            if let (Some(sum), Some(entry)) = (accumulators.get_mut(place), source.get(index)) {
                *sum = round(accumulator(element), kind.function().float(*sum, *entry));
            }
        }
        (Data::Boolean(accumulators), Data::Boolean(source)) => {
            if let (Some(sum), Some(entry)) = (accumulators.get_mut(place), source.get(index)) {
                *sum = logical_step(kind, *sum, *entry);
            }
        }
        (Data::Integer(accumulators), Data::Integer(source)) => {
            if let (Some(sum), Some(entry)) = (accumulators.get_mut(place), source.get(index)) {
                *sum = integer_step(kind, element, *sum, *entry);
            }
        }
        _ => {}
    }
}

fn logical_step(kind: ReduceKind, a: bool, b: bool) -> bool {
    if kind == ReduceKind::Any {
        a || b
    } else {
        a && b
    }
}

fn integer_step(kind: ReduceKind, element: Element, a: i64, b: i64) -> i64 {
    let wide = match kind {
        ReduceKind::Product => return wrap(element, a.wrapping_mul(b)),
        ReduceKind::Maximum => widen(element, a).max(widen(element, b)),
        ReduceKind::Minimum => widen(element, a).min(widen(element, b)),
        _ => return wrap(element, a.wrapping_add(b)),
    };
    wide as i64
}

fn wrap(element: Element, value: i64) -> i64 {
    match element {
        Element::I32 => i64::from(value as i32),
        Element::I8 => i64::from(value as i8),
        Element::U32 => i64::from(value as u32),
        Element::U8 => i64::from(value as u8),
        _ => value,
    }
}

/// What was brought together, rounded to its own type once.
pub(crate) fn finish(element: Element, accumulators: &mut Data) {
    if let (Data::Float(entries), Element::Bf16 | Element::F16) = (accumulators, element) {
        entries.iter_mut().for_each(|entry| *entry = round(element, *entry));
    }
}
