//! Single numbers with an element type.

use half::{bf16, f16};
use moe_runtime::Element;
use std::fmt;

/// One number of an element type. Equality is of bits, so that NaN equals itself and -0 differs from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Scalar {
    element: Element,
    /// Floats: the bits of the `f64` of the same value. Integers: two's complement in 64 bits. Booleans: 0 or 1.
    bits: u64,
}

impl Scalar {
    /// A float of type `element`, rounded to it; `None` if `element` is no float type.
    pub fn float(element: Element, value: f64) -> Option<Self> {
        let rounded = match element {
            Element::F64 => value,
            Element::F32 => f64::from(value as f32),
            Element::Bf16 => bf16::from_f64(value).to_f64(),
            Element::F16 => f16::from_f64(value).to_f64(),
            _ => return None,
        };
        Some(Scalar { element, bits: rounded.to_bits() })
    }

    /// An integer of type `element`; `None` if it does not fit or `element` is no integer type.
    pub fn integer(element: Element, value: i128) -> Option<Self> {
        let fits = match element {
            Element::I64 => i64::try_from(value).is_ok(),
            Element::I32 => i32::try_from(value).is_ok(),
            Element::I8 => i8::try_from(value).is_ok(),
            Element::U64 => u64::try_from(value).is_ok(),
            Element::U32 => u32::try_from(value).is_ok(),
            Element::U8 => u8::try_from(value).is_ok(),
            _ => false,
        };
        fits.then_some(Scalar { element, bits: value as u64 })
    }

    /// A truth value.
    pub fn boolean(value: bool) -> Self {
        Scalar { element: Element::Bool, bits: u64::from(value) }
    }

    /// An `i64`.
    pub fn index(value: i64) -> Self {
        Scalar { element: Element::I64, bits: value as u64 }
    }

    /// An `f32`.
    pub fn f32(value: f32) -> Self {
        Scalar { element: Element::F32, bits: f64::from(value).to_bits() }
    }

    /// An `f64`.
    pub fn f64(value: f64) -> Self {
        Scalar { element: Element::F64, bits: value.to_bits() }
    }

    /// The number `value` in type `element`, if it can be represented there exactly (floats: after rounding).
    pub fn of(element: Element, value: f64) -> Option<Self> {
        if element.is_float() {
            return Scalar::float(element, value);
        }
        if element == Element::Bool {
            return (value == 0.0 || value == 1.0).then(|| Scalar::boolean(value == 1.0));
        }
        (value.fract() == 0.0 && value.abs() < 1e18)
            .then(|| Scalar::integer(element, value as i128))
            .flatten()
    }

    /// Zero, or false.
    pub fn zero(element: Element) -> Self {
        Scalar { element, bits: 0 }
    }

    /// Its element type.
    pub fn element(self) -> Element {
        self.element
    }

    /// Its value as an `f64`; large integers are rounded.
    pub fn as_f64(self) -> f64 {
        if self.element.is_float() {
            f64::from_bits(self.bits)
        } else if self.element.is_signed_integer() {
            self.bits as i64 as f64
        } else {
            self.bits as f64
        }
    }

    /// Its value as an integer (floats: `None`; booleans: 0 or 1).
    pub fn as_integer(self) -> Option<i128> {
        if self.element.is_float() {
            None
        } else if self.element.is_signed_integer() {
            Some(i128::from(self.bits as i64))
        } else {
            Some(i128::from(self.bits))
        }
    }

    /// Whether it is `true`; numbers are not.
    pub fn is_true(self) -> bool {
        self.element == Element::Bool && self.bits == 1
    }

    /// Whether it is zero of either sign, or false.
    pub fn is_zero(self) -> bool {
        self.as_f64() == 0.0
    }

    /// Whether it is NaN.
    pub fn is_nan(self) -> bool {
        self.element.is_float() && f64::from_bits(self.bits).is_nan()
    }

    /// Whether it is the number `value`.
    pub fn is(self, value: f64) -> bool {
        self.as_f64() == value
    }
}

impl fmt::Display for Scalar {
    /// The number as the text form of the graph writes it: it reads back to the same bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_integer() {
            _ if self.element == Element::Bool => write!(f, "{}", self.is_true()),
            Some(value) => write!(f, "{value}"),
            None => write!(f, "{:?}", self.as_f64()),
        }
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}:{}", self.element)
    }
}
