//! Operations on single registers, scalar or vector alike.

use super::registers::as_integers;
use super::Lowering;
use cranelift::codegen::ir::{self, types, InstBuilder};
use cranelift::prelude::{FloatCC, IntCC};
use moe_kernel::{BinaryOperation, Comparison, UnaryOperation};
use moe_runtime::Element;

impl Lowering<'_> {
    pub(super) fn unary_part(
        &mut self,
        operation: UnaryOperation,
        element: Element,
        a: ir::Value,
    ) -> ir::Value {
        use UnaryOperation as U;
        let float = element.is_float();
        match operation {
            U::Negate if float => self.builder.ins().fneg(a),
            U::Negate => self.builder.ins().ineg(a),
            U::Absolute if float => self.builder.ins().fabs(a),
            U::Absolute if element.is_signed_integer() => self.builder.ins().iabs(a),
            U::Absolute => a,
            U::SquareRoot => self.builder.ins().sqrt(a),
            U::Floor => self.builder.ins().floor(a),
            U::Ceiling => self.builder.ins().ceil(a),
            U::Truncate => self.builder.ins().trunc(a),
            U::RoundEven => self.builder.ins().nearest(a),
            U::Not if element == Element::Bool && !self.type_of(a).is_vector() => {
                let one = self.number_like(a, 1);
                self.builder.ins().bxor(a, one)
            }
            U::Not => self.builder.ins().bnot(a),
            U::EvenBytes => self.bytes_of_halves(a, 0),
            U::OddBytes => self.bytes_of_halves(a, 1),
        }
    }

    /// One byte of each half of 16 bits of 32-bit lanes, its sign kept.
    fn bytes_of_halves(&mut self, a: ir::Value, place: u32) -> ir::Value {
        let [lower, upper] = [place, place + 2].map(|place| self.integer_part(a, 8, place, true));
        let half = self.number_like(a, 0xffff);
        let lower = self.builder.ins().band(lower, half);
        let upper = self.shifted(upper, 16, true);
        self.builder.ins().bor(lower, upper)
    }

    /// Every operation but divisions of integers, shifts, and extremes of floats.
    pub(super) fn binary_part(
        &mut self,
        operation: BinaryOperation,
        element: Element,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        use BinaryOperation as B;
        let float = element.is_float();
        match operation {
            B::Add if float => self.builder.ins().fadd(a, b),
            B::Add => self.builder.ins().iadd(a, b),
            B::Subtract if float => self.builder.ins().fsub(a, b),
            B::Subtract => self.builder.ins().isub(a, b),
            B::Multiply if float => self.builder.ins().fmul(a, b),
            B::Multiply if self.type_of(a) == types::I8X16 => self.multiply_bytes(a, b),
            B::Multiply => self.builder.ins().imul(a, b),
            B::Divide => self.builder.ins().fdiv(a, b),
            B::Minimum | B::Maximum => self.integer_extreme(operation, element, a, b),
            B::And => self.builder.ins().band(a, b),
            B::Or => self.builder.ins().bor(a, b),
            B::ExclusiveOr => self.builder.ins().bxor(a, b),
            B::ShiftLeft | B::ShiftRight => self.shift_part(operation, element, a, b),
            B::Remainder => a,
        }
    }

    /// Bytes multiplied as 16-bit words, of which the low halves are kept.
    fn multiply_bytes(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let low = [self.builder.ins().uwiden_low(a), self.builder.ins().uwiden_low(b)];
        let high = [self.builder.ins().uwiden_high(a), self.builder.ins().uwiden_high(b)];
        let byte = self.number_of(types::I16X8, 0xff);
        let [low, high] = [low, high].map(|[a, b]| {
            let product = self.builder.ins().imul(a, b);
            self.builder.ins().band(product, byte)
        });
        self.builder.ins().unarrow(low, high)
    }

    fn integer_extreme(
        &mut self,
        operation: BinaryOperation,
        element: Element,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        let smaller = operation == BinaryOperation::Minimum;
        if self.type_of(a) == types::I64X2 {
            let comparison = if smaller { Comparison::Less } else { Comparison::Greater };
            let first = self.compare_part(comparison, element, a, b);
            return self.choose(first, a, b);
        }
        match (smaller, element.is_signed_integer()) {
            (true, true) => self.builder.ins().smin(a, b),
            (true, false) => self.builder.ins().umin(a, b),
            (false, true) => self.builder.ins().smax(a, b),
            (false, false) => self.builder.ins().umax(a, b),
        }
    }

    /// `a < b ? a : b`, or with `>`: one instruction, which gives `b` if either is NaN.
    pub(super) fn extreme(&mut self, operation: BinaryOperation, a: ir::Value, b: ir::Value) -> ir::Value {
        let [low, high] = if operation == BinaryOperation::Minimum { [a, b] } else { [b, a] };
        let first = self.builder.ins().fcmp(FloatCC::LessThan, low, high);
        if !self.type_of(a).is_vector() {
            return self.builder.ins().select(first, a, b);
        }
        let mask = self.bits_as(self.type_of(a), first);
        self.builder.ins().bitselect(mask, a, b)
    }

    /// The smaller or larger, NaN if either is.
    pub(super) fn extreme_or_nan(
        &mut self,
        operation: BinaryOperation,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        let extreme = self.extreme(operation, a, b);
        let nan = self.builder.ins().fcmp(FloatCC::Unordered, a, a);
        self.choose(nan, a, extreme)
    }

    /// `a` where the condition holds, else `b`.
    pub(super) fn choose(&mut self, condition: ir::Value, a: ir::Value, b: ir::Value) -> ir::Value {
        let of = self.type_of(a);
        if !of.is_vector() {
            return self.builder.ins().select(condition, a, b);
        }
        // Between integers, where a comparison is known to give all ones or all zeros.
        let (a, b) = (self.bits_as(as_integers(of), a), self.bits_as(as_integers(of), b));
        let chosen = self.builder.ins().bitselect(condition, a, b);
        self.bits_as(of, chosen)
    }

    pub(super) fn compare_part(
        &mut self,
        comparison: Comparison,
        element: Element,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        if element.is_float() {
            return self.builder.ins().fcmp(float_condition(comparison), a, b);
        }
        let vector = self.type_of(a).is_vector();
        // Masks hold 0 and -1, so false is above true.
        let (a, b) = if element == Element::Bool && vector { (b, a) } else { (a, b) };
        let signed = element.is_signed_integer() || element == Element::Bool;
        if self.type_of(a) == types::I64X2 && !signed {
            // Two to the 63 added to both keeps the order, as signed numbers.
            let top = self.number_like(a, 1 << 63);
            let (a, b) = (self.builder.ins().bxor(a, top), self.builder.ins().bxor(b, top));
            return self.builder.ins().icmp(integer_condition(comparison, true), a, b);
        }
        self.builder.ins().icmp(integer_condition(comparison, signed), a, b)
    }

    /// A register shifted by a scalar amount of bits.
    pub(super) fn shift_part(
        &mut self,
        operation: BinaryOperation,
        element: Element,
        a: ir::Value,
        amount: ir::Value,
    ) -> ir::Value {
        match operation {
            BinaryOperation::ShiftLeft => self.builder.ins().ishl(a, amount),
            _ if element.is_signed_integer() => self.builder.ins().sshr(a, amount),
            _ => self.builder.ins().ushr(a, amount),
        }
    }

    /// A register shifted by a number of bits, to the left or to the right with zeros.
    pub(super) fn shifted(&mut self, a: ir::Value, bits: u32, left: bool) -> ir::Value {
        let amount = self.builder.ins().iconst(types::I32, i64::from(bits));
        if left {
            self.builder.ins().ishl(a, amount)
        } else {
            self.builder.ins().ushr(a, amount)
        }
    }
}

fn float_condition(comparison: Comparison) -> FloatCC {
    match comparison {
        Comparison::Equal => FloatCC::Equal,
        Comparison::NotEqual => FloatCC::NotEqual,
        Comparison::Less => FloatCC::LessThan,
        Comparison::LessEqual => FloatCC::LessThanOrEqual,
        Comparison::Greater => FloatCC::GreaterThan,
        Comparison::GreaterEqual => FloatCC::GreaterThanOrEqual,
    }
}

fn integer_condition(comparison: Comparison, signed: bool) -> IntCC {
    match (comparison, signed) {
        (Comparison::Equal, _) => IntCC::Equal,
        (Comparison::NotEqual, _) => IntCC::NotEqual,
        (Comparison::Less, true) => IntCC::SignedLessThan,
        (Comparison::LessEqual, true) => IntCC::SignedLessThanOrEqual,
        (Comparison::Greater, true) => IntCC::SignedGreaterThan,
        (Comparison::GreaterEqual, true) => IntCC::SignedGreaterThanOrEqual,
        (Comparison::Less, false) => IntCC::UnsignedLessThan,
        (Comparison::LessEqual, false) => IntCC::UnsignedLessThanOrEqual,
        (Comparison::Greater, false) => IntCC::UnsignedGreaterThan,
        (Comparison::GreaterEqual, false) => IntCC::UnsignedGreaterThanOrEqual,
    }
}
