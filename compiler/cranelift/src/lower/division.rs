//! Products and quotients of scalar integers, of which one is often a constant: a row's length.

use super::registers::Lowered;
use super::Lowering;
use cranelift::codegen::ir::{self, types, InstBuilder};
use cranelift::prelude::IntCC;
use moe_kernel::{BinaryOperation, Value};
use moe_runtime::Element;

/// The power of two that a number is.
fn power(number: i64) -> Option<u32> {
    (number > 0 && number.count_ones() == 1).then(|| number.trailing_zeros())
}

impl Lowering<'_> {
    pub(super) fn index_product(&mut self, a: Value, b: Value) -> Lowered {
        let by = |value: Value| self.number(value).and_then(power);
        let (other, shift) = match (by(a), by(b)) {
            (_, Some(shift)) => (a, Some(shift)),
            (Some(shift), None) => (b, Some(shift)),
            (None, None) => (a, None),
        };
        let factor = self.scalar(other);
        Lowered::scalar(match shift {
            Some(shift) => self.shifted(factor, shift, true),
            None => {
                let b = self.scalar(b);
                self.builder.ins().imul(factor, b)
            }
        })
    }

    /// A quotient or remainder of scalars; `known` is the divisor if it is a constant.
    pub(super) fn quotient(
        &mut self,
        operation: BinaryOperation,
        element: Element,
        known: Option<i64>,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        let remainder = operation == BinaryOperation::Remainder;
        if let (Element::I64, Some(divisor @ 2..)) = (element, known) {
            let quotient = match power(divisor) {
                Some(shift) => self.divided_by_power(a, shift),
                None => self.divided_by(a, divisor),
            };
            if !remainder {
                return quotient;
            }
            let product = self.builder.ins().imul(quotient, b);
            return self.builder.ins().isub(a, product);
        }
        match (element.is_signed_integer(), remainder) {
            (false, true) => self.builder.ins().urem(a, b),
            (false, false) => self.builder.ins().udiv(a, b),
            (true, _) => self.signed_quotient(remainder, known, a, b),
        }
    }

    /// The least integer divided by -1 is not left to the processor, which refuses it.
    fn signed_quotient(
        &mut self,
        remainder: bool,
        known: Option<i64>,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        if known.is_some_and(|divisor| divisor != -1) {
            return match remainder {
                true => self.builder.ins().srem(a, b),
                false => self.builder.ins().sdiv(a, b),
            };
        }
        let minus_one = self.number_like(b, u64::MAX);
        let one = self.number_like(b, 1);
        let special = self.builder.ins().icmp(IntCC::Equal, b, minus_one);
        let safe = self.builder.ins().select(special, one, b);
        if remainder {
            // Of a division by 1, as by -1, nothing remains.
            return self.builder.ins().srem(a, safe);
        }
        let quotient = self.builder.ins().sdiv(a, safe);
        let negative = self.builder.ins().ineg(quotient);
        self.builder.ins().select(special, negative, quotient)
    }

    /// Divided by two to the `shift`, which is 1 or more, towards zero.
    fn divided_by_power(&mut self, a: ir::Value, shift: u32) -> ir::Value {
        let sign = self.signed_shift(a, 63);
        let correction = self.shifted(sign, 64 - shift, false);
        let sum = self.builder.ins().iadd(a, correction);
        self.signed_shift(sum, shift)
    }

    /// Divided by a number above 2 that is no power of two, by a multiplication. With 2^(l-1) < d < 2^l and m the next integer
    /// above 2^(63+l) / d, the product of a and m, divided by 2^(63+l) and rounded down, is the quotient, or for negative a
    /// the quotient less 1 (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
    fn divided_by(&mut self, a: ir::Value, divisor: i64) -> ir::Value {
        let length = 64 - divisor.leading_zeros();
        let multiplier = ((1_u128 << (63 + length)) / divisor.unsigned_abs() as u128 + 1) as u64;
        // As a signed number it is less by 2^64, so the upper half of the product lacks one a.
        let multiplier = self.number_of(types::I64, multiplier);
        let upper = self.builder.ins().smulhi(a, multiplier);
        let upper = self.builder.ins().iadd(upper, a);
        let down = self.signed_shift(upper, length - 1);
        let negative = self.shifted(a, 63, false);
        self.builder.ins().iadd(down, negative)
    }

    fn signed_shift(&mut self, a: ir::Value, bits: u32) -> ir::Value {
        let amount = self.builder.ins().iconst(types::I32, i64::from(bits));
        self.builder.ins().sshr(a, amount)
    }
}
