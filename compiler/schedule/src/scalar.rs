//! Scalar functions of values in a kernel.

use crate::error::ScheduleError;
use crate::mathematics as m;
use crate::scene::{computed, is_storage};
use crate::writer::Writer;
use moe_graph::{Absorb, Absorption, Element, ReduceKind, Scalar, ScalarFunction};
use moe_kernel::{BinaryOperation, Comparison, UnaryOperation, Value};

/// A scalar function under the rule of absorption.
pub(crate) fn map(
    w: &mut Writer,
    function: ScalarFunction,
    absorb: Absorb,
    operands: &[Value],
) -> Result<Value, ScheduleError> {
    let missing = ScheduleError::Malformed("a missing operand");
    let Some(first) = operands.first().copied() else { return Err(missing) };
    let plain = match (function, operands) {
        (ScalarFunction::Select, [condition, a, b]) => w.select(*condition, *a, *b),
        (_, [a]) => unary(w, function, *a),
        (_, [a, b]) => binary(w, function, *a, *b),
        _ => return Err(missing),
    };
    let [left, right] = function.absorbing();
    let mut result = plain;
    if matches!(absorb, Absorb::Right | Absorb::Both) {
        result = absorbed(w, operands.get(1).copied(), right, result);
    }
    if matches!(absorb, Absorb::Left | Absorb::Both) {
        result = absorbed(w, Some(first), left, result);
    }
    Ok(result)
}

/// The result where the operand does not absorb.
pub(crate) fn absorbed(
    w: &mut Writer,
    operand: Option<Value>,
    absorption: Option<Absorption>,
    plain: Value,
) -> Value {
    let (Some(operand), Some(absorption)) = (operand, absorption) else { return plain };
    if w.ty(operand).element == Element::Bool {
        // Logical functions have no other values that could come through.
        return plain;
    }
    let value = w.number(operand, absorption.value);
    let decides = w.compare(Comparison::Equal, operand, value);
    let result = w.number(plain, absorption.result);
    w.select(decides, result, plain)
}

/// The value rounded to a 16-bit type, where it is of one and the function may have left it.
pub(crate) fn rounded_after(
    w: &mut Writer,
    function: ScalarFunction,
    element: Element,
    value: Value,
) -> Value {
    use ScalarFunction as F;
    let exact = matches!(
        function,
        F::Select
            | F::Negate
            | F::Absolute
            | F::Minimum
            | F::Maximum
            | F::Floor
            | F::Ceiling
            | F::Round
            | F::Sign
    );
    if exact {
        return value;
    }
    rounded(w, element, value)
}

/// The value rounded to an element type that is only storage.
pub(crate) fn rounded(w: &mut Writer, element: Element, value: Value) -> Value {
    if !is_storage(element) {
        return value;
    }
    let narrow = w.convert(value, element);
    w.convert(narrow, computed(element))
}

/// The value in another element type; both are given as the graph has them.
pub(crate) fn cast(w: &mut Writer, value: Value, from: Element, to: Element) -> Value {
    if from == to {
        return value;
    }
    let value = w.convert(value, computed(to));
    rounded(w, to, value)
}

fn unary(w: &mut Writer, function: ScalarFunction, a: Value) -> Value {
    use ScalarFunction as F;
    match function {
        F::Negate => w.unary(UnaryOperation::Negate, a),
        F::Absolute if is_unsigned(w.ty(a).element) => a,
        F::Absolute => w.unary(UnaryOperation::Absolute, a),
        F::SquareRoot => w.unary(UnaryOperation::SquareRoot, a),
        F::Floor => w.unary(UnaryOperation::Floor, a),
        F::Ceiling => w.unary(UnaryOperation::Ceiling, a),
        F::Round => w.unary(UnaryOperation::RoundEven, a),
        F::Not => w.unary(UnaryOperation::Not, a),
        F::IsNan => w.compare(Comparison::NotEqual, a, a),
        F::Sign => sign(w, a),
        F::Exponential => m::exponential(w, a),
        F::ExponentialMinusOne => m::exponential_minus_one(w, a),
        F::Logarithm => m::logarithm(w, a),
        F::LogarithmPlusOne => m::logarithm_plus_one(w, a),
        F::Sine => m::sine(w, a),
        F::Cosine => m::cosine(w, a),
        F::HyperbolicTangent => m::hyperbolic_tangent(w, a),
        F::ErrorFunction => m::error_function(w, a),
        _ => a,
    }
}

fn is_unsigned(element: Element) -> bool {
    matches!(element, Element::U8 | Element::U32 | Element::U64)
}

fn sign(w: &mut Writer, a: Value) -> Value {
    let (zero, one) = (w.number(a, 0.0), w.number(a, 1.0));
    let positive = w.compare(Comparison::Greater, a, zero);
    let mut result = w.select(positive, one, a);
    if !is_unsigned(w.ty(a).element) {
        let minus = w.number(a, -1.0);
        let negative = w.compare(Comparison::Less, a, zero);
        result = w.select(negative, minus, result);
    }
    result
}

fn binary(w: &mut Writer, function: ScalarFunction, a: Value, b: Value) -> Value {
    use ScalarFunction as F;
    let is_float = w.ty(a).element.is_float();
    match function {
        F::Add => w.add(a, b),
        F::Subtract => w.subtract(a, b),
        F::Multiply => w.multiply(a, b),
        F::Divide if is_float => w.divide(a, b),
        F::Remainder if is_float => m::remainder(w, a, b),
        F::Divide | F::Remainder => divided(w, function, a, b),
        F::Power => m::power(w, a, b),
        F::Random => m::random(w, a, b),
        F::Minimum => w.minimum(a, b),
        F::Maximum => w.binary(BinaryOperation::Maximum, a, b),
        F::Equal => w.compare(Comparison::Equal, a, b),
        F::NotEqual => w.compare(Comparison::NotEqual, a, b),
        F::Less => w.compare(Comparison::Less, a, b),
        F::LessEqual => w.compare(Comparison::LessEqual, a, b),
        F::Greater => w.compare(Comparison::Greater, a, b),
        F::GreaterEqual => w.compare(Comparison::GreaterEqual, a, b),
        F::And => w.and(a, b),
        F::Or => w.or(a, b),
        _ => a,
    }
}

/// Integer division: by 0 it gives 0, and the lowest number by -1 wraps.
fn divided(w: &mut Writer, function: ScalarFunction, a: Value, b: Value) -> Value {
    let (zero, one) = (w.integer(b, 0), w.integer(b, 1));
    let by_zero = w.compare(Comparison::Equal, b, zero);
    let mut unsafe_divisor = by_zero;
    let signed = !is_unsigned(w.ty(b).element);
    let minus = w.integer(b, -1);
    let by_minus = signed.then(|| w.compare(Comparison::Equal, b, minus));
    if let Some(by_minus) = by_minus {
        unsafe_divisor = w.or(unsafe_divisor, by_minus);
    }
    let divisor = w.select(unsafe_divisor, one, b);
    let remainder = function == ScalarFunction::Remainder;
    let operation = if remainder { BinaryOperation::Remainder } else { BinaryOperation::Divide };
    let mut result = w.binary(operation, a, divisor);
    if let Some(by_minus) = by_minus.filter(|_| !remainder) {
        let negative = w.unary(UnaryOperation::Negate, a);
        result = w.select(by_minus, negative, result);
    }
    let zero = w.integer(result, 0);
    w.select(by_zero, zero, result)
}

/// Two partial results of a reduction as one.
pub(crate) fn combine(w: &mut Writer, kind: ReduceKind, a: Value, b: Value) -> Value {
    w.binary(combining(kind), a, b)
}

/// The operation that a reduction repeats.
pub(crate) fn combining(kind: ReduceKind) -> BinaryOperation {
    match kind {
        ReduceKind::Sum => BinaryOperation::Add,
        ReduceKind::Product => BinaryOperation::Multiply,
        ReduceKind::Maximum => BinaryOperation::Maximum,
        ReduceKind::Minimum => BinaryOperation::Minimum,
        ReduceKind::Any => BinaryOperation::Or,
        ReduceKind::All => BinaryOperation::And,
    }
}

/// What nothing gives, in the type that an element type is computed in.
pub(crate) fn identity(kind: ReduceKind, element: Element) -> Scalar {
    kind.identity(computed(element))
}
