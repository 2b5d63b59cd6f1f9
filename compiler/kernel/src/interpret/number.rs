//! Arithmetic on single lanes.

use crate::form::{BinaryOperation, Comparison, LaneParts, UnaryOperation};
use half::{bf16, f16};
use moe_graph::Scalar;
use moe_runtime::Element;

/// What is computed with: a lane read from its bits, and written back.
pub(crate) trait Number: Copy + PartialOrd {
    fn read(bits: u64) -> Self;
    fn write(self) -> u64;
    fn unary(self, operation: UnaryOperation) -> Self;
    /// The operation, or why it is not defined.
    fn binary(self, operation: BinaryOperation, b: Self) -> Result<Self, &'static str>;

    fn compare(self, comparison: Comparison, b: Self) -> bool {
        match comparison {
            Comparison::Equal => self == b,
            Comparison::NotEqual => self != b,
            Comparison::Less => self < b,
            Comparison::LessEqual => self <= b,
            Comparison::Greater => self > b,
            Comparison::GreaterEqual => self >= b,
        }
    }
}

/// The bits of a sum with the products of the parts of two lanes added, the lower parts first.
pub(crate) fn add_products(parts: LaneParts, a: u64, b: u64, sum: u64) -> u64 {
    match parts {
        LaneParts::Bf16Pairs => {
            let halves = |bits: u64| [(bits as u32) << 16, bits as u32 & 0xffff_0000].map(f32::from_bits);
            let products = halves(a).into_iter().zip(halves(b)).map(|(a, b)| a * b);
            products.fold(f32::from_bits(sum as u32), |sum, product| sum + product).write()
        }
        LaneParts::WordPairs => {
            let halves = |bits: u64| [bits as i16, (bits >> 16) as i16].map(i32::from);
            wrapping_sum(sum, halves(a).into_iter().zip(halves(b)))
        }
        LaneParts::ByteQuads => {
            let (a, b) = ((a as u32).to_le_bytes().map(i32::from), (b as u32).to_le_bytes());
            wrapping_sum(sum, a.into_iter().zip(b.map(|byte| i32::from(byte as i8))))
        }
    }
}

fn wrapping_sum(sum: u64, factors: impl Iterator<Item = (i32, i32)>) -> u64 {
    factors.fold(sum as u32 as i32, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(b))).write()
}

/// The lower or the upper byte of each half of 16 bits of a lane, its sign kept.
fn bytes_of_halves(bits: u64, odd: bool) -> u64 {
    let byte = |half: u64| {
        let half = if odd { half as i16 >> 8 } else { i16::from(half as i8) };
        u64::from(half as u16)
    };
    byte(bits) | byte(bits >> 16) << 16
}

const NOT_TAKEN: &str = "the operation is not defined on its type";

macro_rules! float {
    ($float:ident, $bits:ident) => {
        impl Number for $float {
            fn read(bits: u64) -> Self {
                $float::from_bits(bits as $bits)
            }

            fn write(self) -> u64 {
                u64::from(self.to_bits())
            }

            fn unary(self, operation: UnaryOperation) -> Self {
                match operation {
                    UnaryOperation::Negate => -self,
                    UnaryOperation::Absolute => self.abs(),
                    UnaryOperation::SquareRoot => self.sqrt(),
                    UnaryOperation::Floor => self.floor(),
                    UnaryOperation::Ceiling => self.ceil(),
                    UnaryOperation::Truncate => self.trunc(),
                    UnaryOperation::RoundEven => self.round_ties_even(),
                    UnaryOperation::Not | UnaryOperation::EvenBytes | UnaryOperation::OddBytes => self,
                }
            }

            fn binary(self, operation: BinaryOperation, b: Self) -> Result<Self, &'static str> {
                let nan = self.is_nan() || b.is_nan();
                Ok(match operation {
                    BinaryOperation::Add => self + b,
                    BinaryOperation::Subtract => self - b,
                    BinaryOperation::Multiply => self * b,
                    BinaryOperation::Divide => self / b,
                    BinaryOperation::Minimum | BinaryOperation::Maximum if nan => $float::NAN,
                    BinaryOperation::Minimum if self < b => self,
                    BinaryOperation::Maximum if self > b => self,
                    BinaryOperation::Minimum | BinaryOperation::Maximum => b,
                    _ => return Err(NOT_TAKEN),
                })
            }
        }
    };
}

float!(f32, u32);
float!(f64, u64);

macro_rules! integer {
    ($($integer:ident)*) => {$(
        impl Number for $integer {
            fn read(bits: u64) -> Self {
                bits as $integer
            }

            fn write(self) -> u64 {
                self as u64
            }

            fn unary(self, operation: UnaryOperation) -> Self {
                match operation {
                    UnaryOperation::Negate => self.wrapping_neg(),
                    // Of unsigned types no value is below zero.
                    #[allow(unused_comparisons)]
                    UnaryOperation::Absolute if self < 0 => self.wrapping_neg(),
                    UnaryOperation::Not => !self,
                    UnaryOperation::EvenBytes => bytes_of_halves(self as u64, false) as $integer,
                    UnaryOperation::OddBytes => bytes_of_halves(self as u64, true) as $integer,
                    _ => self,
                }
            }

            fn binary(self, operation: BinaryOperation, b: Self) -> Result<Self, &'static str> {
                let amount = u32::try_from(b).ok().filter(|amount| *amount < $integer::BITS);
                let too_far = "a shift by the width of the type or more";
                Ok(match operation {
                    BinaryOperation::Add => self.wrapping_add(b),
                    BinaryOperation::Subtract => self.wrapping_sub(b),
                    BinaryOperation::Multiply => self.wrapping_mul(b),
                    BinaryOperation::Divide | BinaryOperation::Remainder if b == 0 => {
                        return Err("an integer division by zero")
                    }
                    BinaryOperation::Divide => self.wrapping_div(b),
                    BinaryOperation::Remainder => self.wrapping_rem(b),
                    BinaryOperation::Minimum => self.min(b),
                    BinaryOperation::Maximum => self.max(b),
                    BinaryOperation::And => self & b,
                    BinaryOperation::Or => self | b,
                    BinaryOperation::ExclusiveOr => self ^ b,
                    BinaryOperation::ShiftLeft => self << amount.ok_or(too_far)?,
                    BinaryOperation::ShiftRight => self >> amount.ok_or(too_far)?,
                })
            }
        }
    )*};
}

integer!(i64 i32 i8 u64 u32 u8);

impl Number for bool {
    fn read(bits: u64) -> Self {
        bits != 0
    }

    fn write(self) -> u64 {
        u64::from(self)
    }

    fn unary(self, _: UnaryOperation) -> Self {
        !self
    }

    fn binary(self, operation: BinaryOperation, b: Self) -> Result<Self, &'static str> {
        match operation {
            BinaryOperation::And => Ok(self & b),
            BinaryOperation::Or => Ok(self | b),
            BinaryOperation::ExclusiveOr => Ok(self ^ b),
            _ => Err(NOT_TAKEN),
        }
    }
}

/// The body with `$number` as the type that computes with an element type; nothing for 16-bit floats, which are only storage.
macro_rules! by_element {
    ($element:expr, $number:ident => $body:expr) => {{
        macro_rules! with {
            ($type:ty) => {{
                type $number = $type;
                $body
            }};
        }
        match $element {
            Element::F64 => with!(f64),
            Element::F32 => with!(f32),
            Element::I64 => with!(i64),
            Element::I32 => with!(i32),
            Element::I8 => with!(i8),
            Element::U64 => with!(u64),
            Element::U32 => with!(u32),
            Element::U8 => with!(u8),
            Element::Bool => with!(bool),
            Element::Bf16 | Element::F16 => {}
        }
    }};
}
pub(crate) use by_element;

/// The lane of an element whose low bits are given.
pub(crate) fn extend(bits: u64, element: Element) -> u64 {
    match element {
        Element::I32 => i64::from(bits as i32) as u64,
        Element::I8 => i64::from(bits as i8) as u64,
        Element::U32 | Element::F32 => u64::from(bits as u32),
        Element::Bf16 | Element::F16 => u64::from(bits as u16),
        Element::U8 => u64::from(bits as u8),
        Element::Bool => u64::from(bits as u8 != 0),
        Element::F64 | Element::I64 | Element::U64 => bits,
    }
}

/// The bits of a lane that lie in memory, the others 0.
pub(crate) fn truncate(bits: u64, element: Element) -> u64 {
    match element.bytes() {
        8 => bits,
        bytes => bits & ((1 << (8 * bytes)) - 1),
    }
}

/// A lane between element types.
#[derive(Clone, Copy)]
enum Wide {
    Float(f64),
    Integer(i128),
}

/// A lane converted from one element type to another, as [`crate::Operation::Convert`] says.
pub(crate) fn convert(bits: u64, from: Element, to: Element) -> u64 {
    if from == to {
        return bits;
    }
    let wide = match from {
        Element::F64 => Wide::Float(f64::from_bits(bits)),
        Element::F32 => Wide::Float(f32::from_bits(bits as u32).into()),
        Element::Bf16 => Wide::Float(bf16::from_bits(bits as u16).to_f64()),
        Element::F16 => Wide::Float(f16::from_bits(bits as u16).to_f64()),
        Element::I64 | Element::I32 | Element::I8 => Wide::Integer((bits as i64).into()),
        Element::U64 | Element::U32 | Element::U8 | Element::Bool => Wide::Integer(bits.into()),
    };
    match (to, wide) {
        (Element::Bool, Wide::Float(value)) => u64::from(value != 0.0),
        (Element::Bool, Wide::Integer(value)) => u64::from(value != 0),
        (Element::F32, Wide::Integer(value)) => (value as f32).write(),
        (_, Wide::Integer(value)) if to.is_float() => float_bits(value as f64, to),
        (_, Wide::Float(value)) if to.is_float() => float_bits(value, to),
        (_, Wide::Integer(value)) => extend(value as u64, to),
        (Element::I64, Wide::Float(value)) => (value as i64).write(),
        (Element::I32, Wide::Float(value)) => (value as i32).write(),
        (Element::I8, Wide::Float(value)) => (value as i8).write(),
        (Element::U64, Wide::Float(value)) => (value as u64).write(),
        (Element::U32, Wide::Float(value)) => (value as u32).write(),
        (_, Wide::Float(value)) => (value as u8).write(),
    }
}

/// The lane of a float type nearest to a number.
fn float_bits(value: f64, to: Element) -> u64 {
    match to {
        Element::F64 => value.write(),
        Element::Bf16 => u64::from(bf16::from_f32(to_odd(value)).to_bits()),
        Element::F16 => u64::from(f16::from_f32(to_odd(value)).to_bits()),
        _ => (value as f32).write(),
    }
}

/// The number in `f32`, rounded to odd: what is not exact becomes the neighbour with an odd last bit. Rounding that to a
/// narrower type is then rounding once (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
fn to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let back = f64::from(nearest);
    if back == value || value.is_nan() {
        return nearest;
    }
    let bits = nearest.to_bits();
    // Towards zero, then the last bit set.
    let truncated = if back.abs() > value.abs() { bits - 1 } else { bits };
    f32::from_bits(truncated | 1)
}

/// The bits of a number as they lie in memory, in the low bytes; signed integers extended by their sign.
pub fn scalar_bits(number: Scalar) -> u64 {
    let element = number.element();
    if element.is_float() {
        return float_bits(number.as_f64(), element);
    }
    number.as_integer().unwrap_or(0) as u64
}
