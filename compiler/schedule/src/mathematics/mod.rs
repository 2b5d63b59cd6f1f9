//! Elementary functions as arithmetic in the kernel form.
//!
//! Functions of `f32` other than the exponential are computed in `f64` and rounded once, which leaves an error just above half a
//! unit in the last place.

mod circular;
mod exponential;
mod hyperbolic;
mod logarithm;
mod polynomial;
mod power;
mod random;
mod remainder;

use crate::writer::Writer;
use moe_graph::Element;
use moe_kernel::Value;

pub(crate) use power::power;
pub(crate) use random::uniform as random;
pub(crate) use remainder::remainder;

/// In `f64`, rounded to the type of the operand.
fn widened(w: &mut Writer, x: Value, function: impl FnOnce(&mut Writer, Value) -> Value) -> Value {
    let element = w.ty(x).element;
    let wide = w.convert(x, Element::F64);
    let value = function(w, wide);
    w.convert(value, element)
}

/// e to the x. Error: at most 1 ulp for `f32` and 1e-15 relative for `f64`; results below the smallest normal number are rounded twice.
pub(crate) fn exponential(w: &mut Writer, x: Value) -> Value {
    exponential::exponential(w, x)
}

/// e to the x, minus 1. Error: 2e-15 relative in `f64`.
pub(crate) fn exponential_minus_one(w: &mut Writer, x: Value) -> Value {
    widened(w, x, exponential::minus_one)
}

/// The natural logarithm. Error: 1e-15 relative in `f64`.
pub(crate) fn logarithm(w: &mut Writer, x: Value) -> Value {
    widened(w, x, logarithm::logarithm)
}

/// The natural logarithm of 1 + x. Error: 2e-15 relative in `f64`.
pub(crate) fn logarithm_plus_one(w: &mut Writer, x: Value) -> Value {
    widened(w, x, logarithm::plus_one)
}

/// The sine. Error: 1e-15 relative in `f64`.
pub(crate) fn sine(w: &mut Writer, x: Value) -> Value {
    widened(w, x, circular::sine)
}

/// The cosine. Error: 1e-15 relative in `f64`.
pub(crate) fn cosine(w: &mut Writer, x: Value) -> Value {
    widened(w, x, circular::cosine)
}

/// The hyperbolic tangent. Error: 4e-15 relative in `f64`.
pub(crate) fn hyperbolic_tangent(w: &mut Writer, x: Value) -> Value {
    widened(w, x, hyperbolic::tangent)
}

/// The error function. Error: 2e-15 relative in `f64`.
pub(crate) fn error_function(w: &mut Writer, x: Value) -> Value {
    widened(w, x, hyperbolic::error_function)
}
