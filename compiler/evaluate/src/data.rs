//! Entries of one kind, and what is done with them one after the other.

use crate::error::EvaluateError;
use half::{bf16, f16};
use moe_graph::Scalar;
use moe_runtime::Element;

/// The most entries a value may have.
const MOST_ENTRIES: usize = 1 << 30;

/// Entries in a row. Floats of every type are the `f64` of the same value; `u64` are kept as the `i64` of the same bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Boolean(Vec<bool>),
}

impl Default for Data {
    fn default() -> Self {
        Data::Float(Vec::new())
    }
}

impl Data {
    pub fn new(element: Element) -> Self {
        match element {
            Element::Bool => Data::Boolean(Vec::new()),
            element if element.is_float() => Data::Float(Vec::new()),
            _ => Data::Integer(Vec::new()),
        }
    }

    /// Without entries, with room for `entries`.
    pub fn with_room(element: Element, entries: usize) -> Result<Self, EvaluateError> {
        let too_large = EvaluateError::TooLarge { entries };
        if entries > MOST_ENTRIES {
            return Err(too_large);
        }
        let mut data = Data::new(element);
        let reserved = match &mut data {
            Data::Float(entry) => entry.try_reserve_exact(entries),
            Data::Integer(entry) => entry.try_reserve_exact(entries),
            Data::Boolean(entry) => entry.try_reserve_exact(entries),
        };
        reserved.map(|()| data).map_err(|_| too_large)
    }

    /// `entries` times one number.
    pub fn filled(element: Element, value: Scalar, entries: usize) -> Result<Self, EvaluateError> {
        let mut data = Data::with_room(element, entries)?;
        data.fill(value, entries);
        Ok(data)
    }

    pub fn len(&self) -> usize {
        match self {
            Data::Float(entries) => entries.len(),
            Data::Integer(entries) => entries.len(),
            Data::Boolean(entries) => entries.len(),
        }
    }

    /// Without entries, of the kind that holds `element`; keeps its memory where it can.
    pub fn reset(&mut self, element: Element) {
        match self {
            Data::Float(entries) if element.is_float() => entries.clear(),
            Data::Integer(entries) if element.is_integer() => entries.clear(),
            Data::Boolean(entries) if element == Element::Bool => entries.clear(),
            _ => *self = Data::new(element),
        }
    }

    /// Appends `count` times one number.
    pub fn fill(&mut self, value: Scalar, count: usize) {
        match self {
            Data::Float(entries) => entries.resize(entries.len() + count, value.as_f64()),
            Data::Integer(entries) => {
                entries.resize(entries.len() + count, value.as_integer().unwrap_or(0) as i64);
            }
            Data::Boolean(entries) => entries.resize(entries.len() + count, value.is_true()),
        }
    }

    /// Appends `count` entries of `source` from `offset` on, `stride` apart.
    pub fn append(&mut self, source: &Data, offset: usize, stride: usize, count: usize) {
        match (self, source) {
            (Data::Float(to), Data::Float(from)) => append(to, from, offset, stride, count),
            (Data::Integer(to), Data::Integer(from)) => append(to, from, offset, stride, count),
            (Data::Boolean(to), Data::Boolean(from)) => append(to, from, offset, stride, count),
            _ => {}
        }
    }

    /// Overwrites an entry.
    pub fn set(&mut self, place: usize, source: &Data, index: usize) {
        match (self, source) {
            (Data::Float(to), Data::Float(from)) => set(to, place, from, index),
            (Data::Integer(to), Data::Integer(from)) => set(to, place, from, index),
            (Data::Boolean(to), Data::Boolean(from)) => set(to, place, from, index),
            _ => {}
        }
    }

    /// An entry as a number of type `element`.
    pub fn scalar(&self, element: Element, index: usize) -> Option<Scalar> {
        match self {
            Data::Float(entries) => Scalar::float(element, *entries.get(index)?),
            Data::Integer(entries) => Scalar::integer(element, widen(element, *entries.get(index)?)),
            Data::Boolean(entries) => entries.get(index).copied().map(Scalar::boolean),
        }
    }

    /// Appends a number.
    pub fn push(&mut self, value: Scalar) {
        self.fill(value, 1);
    }

    pub fn float(&self, index: usize) -> f64 {
        match self {
            Data::Float(entries) => entries.get(index).copied().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    pub fn integer(&self, index: usize) -> i64 {
        match self {
            Data::Integer(entries) => entries.get(index).copied().unwrap_or(0),
            _ => 0,
        }
    }

    pub fn boolean(&self, index: usize) -> bool {
        match self {
            Data::Boolean(entries) => entries.get(index).copied().unwrap_or(false),
            _ => false,
        }
    }

    pub fn floats(&self) -> &[f64] {
        match self {
            Data::Float(entries) => entries,
            _ => &[],
        }
    }

    pub fn booleans(&self) -> &[bool] {
        match self {
            Data::Boolean(entries) => entries,
            _ => &[],
        }
    }
}

fn append<T: Copy>(to: &mut Vec<T>, from: &[T], offset: usize, stride: usize, count: usize) {
    let from = from.get(offset..).unwrap_or(&[]);
    match stride {
        0 => {
            if let Some(entry) = from.first() {
                to.resize(to.len() + count, *entry);
            }
        }
        1 => to.extend_from_slice(from.get(..count).unwrap_or(from)),
        stride => to.extend(from.iter().step_by(stride).take(count)),
    }
}

fn set<T: Copy>(to: &mut [T], place: usize, from: &[T], index: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(place), from.get(index)) {
        *to = *from;
    }
}

/// The integer that `bits` stand for.
pub(crate) fn widen(element: Element, bits: i64) -> i128 {
    if element == Element::U64 {
        i128::from(bits as u64)
    } else {
        i128::from(bits)
    }
}

/// A float rounded to its type.
pub(crate) fn round(element: Element, value: f64) -> f64 {
    match element {
        Element::F32 => f64::from(value as f32),
        Element::Bf16 => bf16::from_f64(value).to_f64(),
        Element::F16 => f16::from_f64(value).to_f64(),
        _ => value,
    }
}

/// Reads the bytes of a tensor.
pub(crate) fn decode(element: Element, bytes: &[u8]) -> Data {
    fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
    }
    match element {
        Element::F64 => Data::Float(each(bytes, f64::from_le_bytes)),
        Element::F32 => Data::Float(each(bytes, |b| f32::from_le_bytes(b).into())),
        Element::Bf16 => Data::Float(each(bytes, |b| bf16::from_le_bytes(b).to_f64())),
        Element::F16 => Data::Float(each(bytes, |b| f16::from_le_bytes(b).to_f64())),
        Element::I64 | Element::U64 => Data::Integer(each(bytes, i64::from_le_bytes)),
        Element::I32 => Data::Integer(each(bytes, |b| i32::from_le_bytes(b).into())),
        Element::I8 => Data::Integer(each(bytes, |b| i8::from_le_bytes(b).into())),
        Element::U32 => Data::Integer(each(bytes, |b| u32::from_le_bytes(b).into())),
        Element::U8 => Data::Integer(each(bytes, |b| u8::from_le_bytes(b).into())),
        Element::Bool => Data::Boolean(bytes.iter().map(|byte| *byte != 0).collect()),
    }
}

/// The bytes of a tensor of type `element`.
pub(crate) fn encode(element: Element, data: &Data) -> Vec<u8> {
    match data {
        Data::Boolean(entries) => entries.iter().map(|entry| u8::from(*entry)).collect(),
        Data::Integer(entries) => {
            let bytes = element.bytes();
            entries.iter().flat_map(|entry| entry.to_le_bytes().into_iter().take(bytes)).collect()
        }
        Data::Float(entries) => match element {
            Element::F32 => entries.iter().flat_map(|entry| (*entry as f32).to_le_bytes()).collect(),
            Element::Bf16 => entries.iter().flat_map(|entry| bf16::from_f64(*entry).to_le_bytes()).collect(),
            Element::F16 => entries.iter().flat_map(|entry| f16::from_f64(*entry).to_le_bytes()).collect(),
            _ => entries.iter().flat_map(|entry| entry.to_le_bytes()).collect(),
        },
    }
}
