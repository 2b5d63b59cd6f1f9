//! Elementary functions as arithmetic in the kernel form.
//!
//! Those of `f32` are computed in `f32`, but powers, whose logarithm needs more bits, and the turns that are taken off an angle.

mod circular;
mod exponential;
mod format;
mod hyperbolic;
mod logarithm;
mod polynomial;
mod power;
mod random;
mod remainder;

use crate::writer::Writer;
use moe_kernel::Value;

pub(crate) use power::power;
pub(crate) use random::uniform as random;
pub(crate) use remainder::remainder;

/// e to the x. Error: at most 1 ulp for `f32` and 1e-15 relative for `f64`; results below the smallest normal number are rounded twice.
pub(crate) fn exponential(w: &mut Writer, x: Value) -> Value {
    exponential::exponential(w, x)
}

/// e to the x of an `f32` that is not above 0, or NaN, in half as many operations. Error: at most 1.1 ulp; 1.4 where multiplications and
/// additions are rounded one by one.
pub(crate) fn exponential_below_zero(w: &mut Writer, x: Value) -> Value {
    exponential::below_zero(w, x)
}

/// e to the x of an `f32` that is added to a number which is not small, in fewer operations: results below the smallest normal number may be 0.
/// Error: at most 1.1 ulp; 1.4 where multiplications and additions are rounded one by one.
pub(crate) fn exponential_as_addend(w: &mut Writer, x: Value) -> Value {
    exponential::as_addend(w, x)
}

/// e to the x, minus 1. Error: 1.5 ulp for `f32` and 2e-15 relative for `f64`.
pub(crate) fn exponential_minus_one(w: &mut Writer, x: Value) -> Value {
    exponential::minus_one(w, x)
}

/// The natural logarithm. Error: at most 1 ulp for `f32` and 1e-15 relative for `f64`.
pub(crate) fn logarithm(w: &mut Writer, x: Value) -> Value {
    logarithm::logarithm(w, x)
}

/// The natural logarithm of 1 + x. Error: 1.5 ulp for `f32` and 2e-15 relative for `f64`.
pub(crate) fn logarithm_plus_one(w: &mut Writer, x: Value) -> Value {
    logarithm::plus_one(w, x)
}

/// The sine. Error: 1.5 ulp for `f32` and 1e-15 relative for `f64`.
pub(crate) fn sine(w: &mut Writer, x: Value) -> Value {
    circular::sine(w, x)
}

/// The cosine. Error: 1.5 ulp for `f32` and 1e-15 relative for `f64`.
pub(crate) fn cosine(w: &mut Writer, x: Value) -> Value {
    circular::cosine(w, x)
}

/// The hyperbolic tangent. Error: 2 ulp for `f32` and 4e-15 relative for `f64`.
pub(crate) fn hyperbolic_tangent(w: &mut Writer, x: Value) -> Value {
    hyperbolic::tangent(w, x)
}

/// The error function. Error: 2.5 ulp for `f32` and 2e-15 relative for `f64`.
pub(crate) fn error_function(w: &mut Writer, x: Value) -> Value {
    hyperbolic::error_function(w, x)
}
