//! How the floats that functions are computed in lie in their bits.

use crate::writer::Writer;
use moe_graph::Element;
use moe_kernel::Value;

/// The format of a float.
pub(super) struct Format {
    pub float: Element,
    /// The integer type of the same width.
    pub integer: Element,
    pub fraction_bits: i64,
    /// What is added to the exponent.
    pub bias: i64,
    /// The bit of the sign, as an integer.
    pub sign: i64,
    /// The least normal number.
    pub least: f64,
    /// ln 2 in two parts, the first with so few bits that its product with an exponent is exact.
    pub ln_2: [f64; 2],
}

const SINGLE: Format = Format {
    float: Element::F32,
    integer: Element::I32,
    fraction_bits: 23,
    bias: 127,
    sign: i32::MIN as i64,
    least: f32::MIN_POSITIVE as f64,
    ln_2: [0.693_359_375, -2.121_944_400_546_905_8e-4],
};

pub(super) const DOUBLE: Format = Format {
    float: Element::F64,
    integer: Element::I64,
    fraction_bits: 52,
    bias: 1023,
    sign: i64::MIN,
    least: f64::MIN_POSITIVE,
    ln_2: [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10],
};

/// The format of a float, or of the float as wide as an integer.
pub(super) fn format(w: &Writer, x: Value) -> Format {
    match w.ty(x).element {
        Element::F64 | Element::I64 => DOUBLE,
        _ => SINGLE,
    }
}

/// Whether a number is an `f64`: then series have more terms.
pub(super) fn is_wide(w: &Writer, x: Value) -> bool {
    w.ty(x).element == Element::F64
}
