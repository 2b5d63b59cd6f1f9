//! Element types of tensors.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What one entry of a tensor is. The order of the variants is the order in which listings print them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Element {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// The upper half of binary32: 8 bits of exponent, 7 of fraction.
    Bf16,
    /// IEEE 754 binary16.
    F16,
    /// Two's complement, 64 bits.
    I64,
    /// Two's complement, 32 bits.
    I32,
    /// Two's complement, 8 bits.
    I8,
    /// Unsigned, 64 bits.
    U64,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl Element {
    /// All element types.
    pub const ALL: [Element; 11] = [
        Element::F64,
        Element::F32,
        Element::Bf16,
        Element::F16,
        Element::I64,
        Element::I32,
        Element::I8,
        Element::U64,
        Element::U32,
        Element::U8,
        Element::Bool,
    ];

    /// The size of one entry in memory and in files, in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Element::F64 | Element::I64 | Element::U64 => 8,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::Bf16 | Element::F16 => 2,
            Element::I8 | Element::U8 | Element::Bool => 1,
        }
    }

    /// Whether it is a floating-point type.
    pub const fn is_float(self) -> bool {
        matches!(self, Element::F64 | Element::F32 | Element::Bf16 | Element::F16)
    }

    /// Whether it is an integer type.
    pub const fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Element::Bool)
    }

    /// Whether it is a signed integer type.
    pub const fn is_signed_integer(self) -> bool {
        matches!(self, Element::I64 | Element::I32 | Element::I8)
    }

    /// The name it has in the language.
    pub const fn name(self) -> &'static str {
        match self {
            Element::F64 => "f64",
            Element::F32 => "f32",
            Element::Bf16 => "bf16",
            Element::F16 => "f16",
            Element::I64 => "i64",
            Element::I32 => "i32",
            Element::I8 => "i8",
            Element::U64 => "u64",
            Element::U32 => "u32",
            Element::U8 => "u8",
            Element::Bool => "bool",
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Element {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Element::ALL.into_iter().find(|element| element.name() == text).ok_or(())
    }
}
