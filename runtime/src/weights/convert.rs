//! Entries of one element type as another, when a mapping says that a file keeps a weight in a type of its own.

use crate::element::Element;
use half::{bf16, f16};

/// Whether entries of `from` can be had as `to`: every type as a float, whole numbers as other whole numbers that hold them.
pub fn convertible(from: Element, to: Element) -> bool {
    to.is_float() || from == to || (!from.is_float() && to.is_integer())
}

/// Appends one entry of `from`, as `to`; `None` if a whole number does not fit.
pub fn convert(entry: &[u8], from: Element, to: Element, output: &mut Vec<u8>) -> Option<()> {
    if from == to {
        output.extend_from_slice(entry);
        return Some(());
    }
    if to.is_float() {
        float_bytes(to, to_float(entry, from)?, output);
        return Some(());
    }
    integer_bytes(to, to_integer(entry, from)?, output)
}

/// An entry as an `f64`, whole numbers rounded to the nearest; `None` if it is no entry.
pub fn to_float(entry: &[u8], from: Element) -> Option<f64> {
    Some(match from {
        Element::F64 => f64::from_le_bytes(entry.try_into().ok()?),
        Element::F32 => f32::from_le_bytes(entry.try_into().ok()?).into(),
        Element::Bf16 => bf16::from_le_bytes(entry.try_into().ok()?).to_f64(),
        Element::F16 => f16::from_le_bytes(entry.try_into().ok()?).to_f64(),
        _ => to_integer(entry, from)? as f64,
    })
}

/// Rounded to the nearest, ties to even.
fn float_bytes(to: Element, value: f64, output: &mut Vec<u8>) {
    match to {
        Element::F64 => output.extend_from_slice(&value.to_le_bytes()),
        Element::F32 => output.extend_from_slice(&(value as f32).to_le_bytes()),
        Element::Bf16 => output.extend_from_slice(&bf16::from_f64(value).to_le_bytes()),
        _ => output.extend_from_slice(&f16::from_f64(value).to_le_bytes()),
    }
}

fn to_integer(entry: &[u8], from: Element) -> Option<i128> {
    Some(match from {
        Element::I64 => i64::from_le_bytes(entry.try_into().ok()?).into(),
        Element::I32 => i32::from_le_bytes(entry.try_into().ok()?).into(),
        Element::I8 => i8::from_le_bytes(entry.try_into().ok()?).into(),
        Element::U64 => u64::from_le_bytes(entry.try_into().ok()?).into(),
        Element::U32 => u32::from_le_bytes(entry.try_into().ok()?).into(),
        Element::U8 | Element::Bool => (*entry.first()?).into(),
        Element::F64 | Element::F32 | Element::Bf16 | Element::F16 => return None,
    })
}

fn integer_bytes(to: Element, value: i128, output: &mut Vec<u8>) -> Option<()> {
    match to {
        Element::I64 => output.extend_from_slice(&i64::try_from(value).ok()?.to_le_bytes()),
        Element::I32 => output.extend_from_slice(&i32::try_from(value).ok()?.to_le_bytes()),
        Element::I8 => output.extend_from_slice(&i8::try_from(value).ok()?.to_le_bytes()),
        Element::U64 => output.extend_from_slice(&u64::try_from(value).ok()?.to_le_bytes()),
        Element::U32 => output.extend_from_slice(&u32::try_from(value).ok()?.to_le_bytes()),
        Element::U8 => output.push(u8::try_from(value).ok()?),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(entry: &[u8], from: Element, to: Element) -> Option<Vec<u8>> {
        let mut output = Vec::new();
        convert(entry, from, to, &mut output).map(|()| output)
    }

    #[test]
    fn floats_are_rounded_and_whole_numbers_are_checked() {
        let half = bf16::from_f32(0.5).to_le_bytes();
        assert_eq!(one(&half, Element::Bf16, Element::F32), Some(0.5_f32.to_le_bytes().to_vec()));
        assert_eq!(one(&300_i64.to_le_bytes(), Element::I64, Element::U8), None);
        assert_eq!(one(&200_i64.to_le_bytes(), Element::I64, Element::U8), Some(vec![200]));
        assert_eq!(
            one(&(-3_i8).to_le_bytes(), Element::I8, Element::F64),
            Some((-3_f64).to_le_bytes().to_vec())
        );
        assert_eq!(one(&1_f32.to_le_bytes(), Element::F32, Element::I32), None);
    }

    #[test]
    fn what_is_convertible_converts() {
        for from in Element::ALL {
            for to in Element::ALL {
                let zero = vec![0; from.bytes()];
                assert_eq!(one(&zero, from, to).is_some(), convertible(from, to), "{from} to {to}");
            }
        }
    }
}
