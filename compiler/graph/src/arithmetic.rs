//! Scalar functions on single numbers: what the evaluator does entry by entry, and what folding does at compile time.

use crate::operation::{Absorb, ScalarFunction, Signature};
use crate::{Element, Scalar};

impl ScalarFunction {
    /// The function of the operands, under the rule of absorption; `None` if it is not defined for their types.
    ///
    /// Floats are computed as `f64` from the operands' exact values and rounded once to their type; for the four operations, the
    /// square root and comparisons of `f32` that equals arithmetic in `f32`.
    pub fn apply(self, absorb: Absorb, operands: &[Scalar]) -> Option<Scalar> {
        if operands.len() != self.arity() {
            return None;
        }
        if let Some(decided) = self.absorbed(absorb, operands) {
            return Some(decided);
        }
        let first = *operands.first()?;
        match self.signature() {
            Signature::Choice => self.choose(operands),
            Signature::Boolean => self.boolean(operands),
            Signature::FloatTest => Some(Scalar::boolean(first.is_nan())),
            Signature::Comparison => Some(Scalar::boolean(self.compare(first, *operands.get(1)?)?)),
            Signature::Draw => {
                let [key, counter] = [first, *operands.get(1)?]
                    .map(|operand| operand.as_integer().and_then(|value| i64::try_from(value).ok()));
                Scalar::float(Element::F32, f64::from(crate::uniform(key?, counter?)))
            }
            Signature::Float | Signature::Number if first.element().is_float() => {
                let second = operands.get(1).copied().map(Scalar::as_f64);
                let same = operands.iter().all(|operand| operand.element() == first.element());
                same.then(|| {
                    Scalar::float(first.element(), self.float(first.as_f64(), second.unwrap_or(0.0)))
                })?
            }
            Signature::Number => self.integer(first, operands.get(1).copied()),
            Signature::Float => None,
        }
    }

    fn absorbed(self, absorb: Absorb, operands: &[Scalar]) -> Option<Scalar> {
        let [left, right] = self.absorbing();
        let decides = |operand: Option<&Scalar>, absorption: Option<crate::operation::Absorption>| {
            let (operand, absorption) = (operand?, absorption?);
            operand.is(absorption.value).then(|| Scalar::of(operand.element(), absorption.result))?
        };
        let left =
            matches!(absorb, Absorb::Left | Absorb::Both).then(|| decides(operands.first(), left)).flatten();
        let right =
            matches!(absorb, Absorb::Right | Absorb::Both).then(|| decides(operands.get(1), right)).flatten();
        left.or(right)
    }

    fn choose(self, operands: &[Scalar]) -> Option<Scalar> {
        let [condition, a, b] = operands else { return None };
        (condition.element() == Element::Bool && a.element() == b.element())
            .then_some(if condition.is_true() { *a } else { *b })
    }

    fn boolean(self, operands: &[Scalar]) -> Option<Scalar> {
        if operands.iter().any(|operand| operand.element() != Element::Bool) {
            return None;
        }
        let a = operands.first()?.is_true();
        let b = operands.get(1).is_some_and(|b| b.is_true());
        Some(Scalar::boolean(match self {
            ScalarFunction::Not => !a,
            ScalarFunction::And => a && b,
            _ => a || b,
        }))
    }

    fn compare(self, a: Scalar, b: Scalar) -> Option<bool> {
        if a.element() != b.element() {
            return None;
        }
        let order = match (a.as_integer(), b.as_integer()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64().partial_cmp(&b.as_f64()),
        };
        Some(match self {
            ScalarFunction::Equal => order.is_some_and(|order| order.is_eq()),
            ScalarFunction::NotEqual => order.is_none_or(|order| order.is_ne()),
            ScalarFunction::Less => order.is_some_and(|order| order.is_lt()),
            ScalarFunction::LessEqual => order.is_some_and(|order| order.is_le()),
            ScalarFunction::Greater => order.is_some_and(|order| order.is_gt()),
            ScalarFunction::GreaterEqual => order.is_some_and(|order| order.is_ge()),
            _ => return None,
        })
    }

    /// The function of floats, in `f64`; unary functions ignore `b`.
    pub fn float(self, a: f64, b: f64) -> f64 {
        use ScalarFunction as F;
        match self {
            F::Negate => -a,
            F::Absolute => a.abs(),
            F::Exponential => a.exp(),
            F::ExponentialMinusOne => a.exp_m1(),
            F::Logarithm => a.ln(),
            F::LogarithmPlusOne => a.ln_1p(),
            F::SquareRoot => a.sqrt(),
            F::Sine => a.sin(),
            F::Cosine => a.cos(),
            F::HyperbolicTangent => a.tanh(),
            F::ErrorFunction => libm::erf(a),
            F::Floor => a.floor(),
            F::Ceiling => a.ceil(),
            F::Round => a.round_ties_even(),
            F::Sign if a == 0.0 || a.is_nan() => a,
            F::Sign => a.signum(),
            F::Add => a + b,
            F::Subtract => a - b,
            F::Multiply => a * b,
            F::Divide => a / b,
            F::Remainder => a % b,
            F::Power => a.powf(b),
            F::Minimum if a.is_nan() || b.is_nan() => f64::NAN,
            F::Minimum => a.min(b),
            F::Maximum if a.is_nan() || b.is_nan() => f64::NAN,
            F::Maximum => a.max(b),
            _ => f64::NAN,
        }
    }

    /// The function of integers: wraps in their type; `None` where it takes no integers or types differ.
    fn integer(self, a: Scalar, b: Option<Scalar>) -> Option<Scalar> {
        use ScalarFunction as F;
        let element = a.element();
        if b.is_some_and(|b| b.element() != element) {
            return None;
        }
        let x = a.as_integer().filter(|_| element.is_integer())?;
        let y = b.and_then(Scalar::as_integer).unwrap_or(0);
        let value = match self {
            F::Negate => -x,
            F::Absolute => x.abs(),
            F::Sign => x.signum(),
            F::Add => x + y,
            F::Subtract => x - y,
            F::Multiply => x.wrapping_mul(y),
            F::Divide | F::Remainder if y == 0 => 0,
            F::Divide => x / y,
            F::Remainder => x % y,
            F::Minimum => x.min(y),
            F::Maximum => x.max(y),
            _ => return None,
        };
        Some(wrap(element, value))
    }
}

/// The integer of type `element` that equals `value` modulo two to its width.
fn wrap(element: Element, value: i128) -> Scalar {
    let wrapped = match element {
        Element::I64 => i128::from(value as i64),
        Element::I32 => i128::from(value as i32),
        Element::I8 => i128::from(value as i8),
        Element::U64 => i128::from(value as u64),
        Element::U32 => i128::from(value as u32),
        _ => i128::from(value as u8),
    };
    Scalar::integer(element, wrapped).unwrap_or(Scalar::zero(element))
}

impl Scalar {
    /// The number in another type: floats round to nearest even, to integers truncate and saturate with NaN to 0, between
    /// integers wrap, to `bool` is "not zero".
    #[must_use]
    pub fn cast(self, element: Element) -> Scalar {
        if element == Element::Bool {
            return Scalar::boolean(!self.is_zero());
        }
        if element.is_float() {
            // An integer is rounded once, not first to `f64`.
            let value = match (element, self.as_integer()) {
                (Element::F32, Some(value)) => f64::from(value as f32),
                _ => self.as_f64(),
            };
            return Scalar::float(element, value).unwrap_or(self);
        }
        match self.as_integer() {
            Some(value) => wrap(element, value),
            None => saturate(element, self.as_f64()),
        }
    }
}

fn saturate(element: Element, value: f64) -> Scalar {
    let integer = match element {
        Element::I64 => i128::from(value as i64),
        Element::I32 => i128::from(value as i32),
        Element::I8 => i128::from(value as i8),
        Element::U64 => i128::from(value as u64),
        Element::U32 => i128::from(value as u32),
        _ => i128::from(value as u8),
    };
    Scalar::integer(element, integer).unwrap_or(Scalar::zero(element))
}
