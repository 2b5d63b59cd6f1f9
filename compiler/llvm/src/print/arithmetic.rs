//! Arithmetic on lanes. No operation here is contracted, reordered or assumed away: floats follow IEEE 754.

use super::{types, Printer};
use crate::error::LlvmError;
use moe_kernel::{BinaryOperation, Comparison, LaneParts, UnaryOperation, Value, ValueType};
use moe_runtime::Element;

/// The operation of MLIR that is exactly this one, where there is one.
fn one_for(operation: BinaryOperation, element: Element) -> Option<&'static str> {
    use BinaryOperation as Op;
    let signed = element.is_signed_integer();
    if element.is_float() {
        return match operation {
            Op::Add => Some("arith.addf"),
            Op::Subtract => Some("arith.subf"),
            Op::Multiply => Some("arith.mulf"),
            Op::Divide => Some("arith.divf"),
            _ => None,
        };
    }
    Some(match operation {
        Op::Divide | Op::Remainder if signed => return None,
        Op::Add => "arith.addi",
        Op::Subtract => "arith.subi",
        Op::Multiply => "arith.muli",
        Op::Divide => "arith.divui",
        Op::Remainder => "arith.remui",
        Op::Minimum if signed => "arith.minsi",
        Op::Minimum => "arith.minui",
        Op::Maximum if signed => "arith.maxsi",
        Op::Maximum => "arith.maxui",
        Op::And => "arith.andi",
        Op::Or => "arith.ori",
        Op::ExclusiveOr => "arith.xori",
        Op::ShiftLeft => "arith.shli",
        Op::ShiftRight if signed => "arith.shrsi",
        Op::ShiftRight => "arith.shrui",
    })
}

impl Printer<'_> {
    pub(super) fn unary(&mut self, operation: UnaryOperation, value: Value) -> Result<String, LlvmError> {
        let (operand, of_value) = (self.name(value)?, self.type_of(value)?);
        if of_value.element.is_float() {
            return self.unary_float(operation, &operand, of_value);
        }
        let whole = types::value(of_value);
        let lane = types::lane(of_value.element);
        match operation {
            UnaryOperation::Negate => {
                let zero = self.constant("0", lane, of_value.lanes);
                Ok(self.last(format!("arith.subi {zero}, {operand} : {whole}")))
            }
            UnaryOperation::Absolute if of_value.element.is_signed_integer() => {
                Ok(self.last(format!("math.absi {operand} : {whole}")))
            }
            UnaryOperation::Absolute => Ok(operand),
            UnaryOperation::Not => {
                let ones = if of_value.element == Element::Bool { "true" } else { "-1" };
                let ones = self.constant(ones, lane, of_value.lanes);
                Ok(self.last(format!("arith.xori {operand}, {ones} : {whole}")))
            }
            UnaryOperation::EvenBytes | UnaryOperation::OddBytes => {
                let odd = operation == UnaryOperation::OddBytes;
                Ok(self.bytes_of_halves(&operand, odd, of_value.lanes))
            }
            _ => Err(self.malformed(format!("{operation:?} of {}", of_value.element))),
        }
    }

    fn unary_float(
        &mut self,
        operation: UnaryOperation,
        operand: &str,
        of_value: ValueType,
    ) -> Result<String, LlvmError> {
        let whole = types::value(of_value);
        let name = match operation {
            UnaryOperation::Negate => "arith.negf",
            UnaryOperation::Absolute => "math.absf",
            UnaryOperation::SquareRoot => "math.sqrt",
            UnaryOperation::Floor
            | UnaryOperation::Ceiling
            | UnaryOperation::Truncate
            | UnaryOperation::RoundEven
                if !self.capabilities.rounding =>
            {
                return Ok(self.emulated_rounding(operation, operand, of_value));
            }
            UnaryOperation::Floor => "math.floor",
            UnaryOperation::Ceiling => "math.ceil",
            UnaryOperation::Truncate => "math.trunc",
            UnaryOperation::RoundEven => "math.roundeven",
            UnaryOperation::Not | UnaryOperation::EvenBytes | UnaryOperation::OddBytes => {
                return Err(self.malformed(format!("{operation:?} of {}", of_value.element)));
            }
        };
        Ok(self.last(format!("{name} {operand} : {whole}")))
    }

    /// The lower or the upper byte of each half of 16 bits, its sign kept.
    fn bytes_of_halves(&mut self, operand: &str, odd: bool, lanes: u32) -> String {
        let (whole, halves) = (types::of("i32", lanes), types::of("i16", 2 * lanes));
        let eight = self.constant("8", "i16", 2 * lanes);
        let mut words = self.step(format!("llvm.bitcast {operand} : {whole} to {halves}"));
        if !odd {
            words = self.step(format!("arith.shli {words}, {eight} : {halves}"));
        }
        let words = self.step(format!("arith.shrsi {words}, {eight} : {halves}"));
        self.last(format!("llvm.bitcast {words} : {halves} to {whole}"))
    }

    pub(super) fn binary(
        &mut self,
        operation: BinaryOperation,
        a: Value,
        b: Value,
    ) -> Result<String, LlvmError> {
        let of_value = self.type_of(a)?;
        let (a, b) = (self.name(a)?, self.name(b)?);
        match one_for(operation, of_value.element) {
            Some(name) => Ok(self.last(format!("{name} {a}, {b} : {}", types::value(of_value)))),
            None => self.binary_of(operation, &a, &b, of_value),
        }
    }

    /// An operation on two named operands of one type.
    pub(super) fn binary_of(
        &mut self,
        operation: BinaryOperation,
        a: &str,
        b: &str,
        of_value: ValueType,
    ) -> Result<String, LlvmError> {
        use BinaryOperation as Op;
        let element = of_value.element;
        if let Some(name) = one_for(operation, element) {
            return Ok(self.step(format!("{name} {a}, {b} : {}", types::value(of_value))));
        }
        match operation {
            Op::Minimum | Op::Maximum => Ok(self.float_extremum(operation, a, b, of_value)),
            Op::Divide | Op::Remainder if !element.is_float() => {
                Ok(self.signed_division(operation, a, b, of_value))
            }
            _ => Err(self.malformed(format!("{operation:?} of {element}"))),
        }
    }

    /// `a < b ? a : b`, and `a` if it is NaN (if `b` is NaN the comparison is false and gives it already).
    fn float_extremum(
        &mut self,
        operation: BinaryOperation,
        a: &str,
        b: &str,
        of_value: ValueType,
    ) -> String {
        let predicate = if operation == BinaryOperation::Minimum { "olt" } else { "ogt" };
        let before = self.step(format!("arith.cmpf {predicate}, {a}, {b} : {}", types::value(of_value)));
        let chosen = self.select(&before, a, b, of_value);
        let unordered = self.step(format!("arith.cmpf uno, {a}, {a} : {}", types::value(of_value)));
        self.select(&unordered, a, &chosen, of_value)
    }

    /// Division towards zero that wraps where the processor would stop: the most negative number by -1.
    fn signed_division(
        &mut self,
        operation: BinaryOperation,
        a: &str,
        b: &str,
        of_value: ValueType,
    ) -> String {
        let (whole, lane) = (types::value(of_value), types::lane(of_value.element));
        let minus_one = self.constant("-1", lane, of_value.lanes);
        let one = self.constant("1", lane, of_value.lanes);
        let special = self.step(format!("arith.cmpi eq, {b}, {minus_one} : {whole}"));
        let divisor = self.select(&special, &one, b, of_value);
        if operation == BinaryOperation::Remainder {
            return self.step(format!("arith.remsi {a}, {divisor} : {whole}"));
        }
        let zero = self.constant("0", lane, of_value.lanes);
        let quotient = self.step(format!("arith.divsi {a}, {divisor} : {whole}"));
        let negative = self.step(format!("arith.subi {zero}, {a} : {whole}"));
        self.select(&special, &negative, &quotient, of_value)
    }

    /// A choice lane by lane between named operands.
    pub(super) fn select(&mut self, condition: &str, a: &str, b: &str, of_value: ValueType) -> String {
        self.select_text(condition, a, b, types::lane(of_value.element), of_value.lanes)
    }

    /// A choice lane by lane between operands of an MLIR type.
    pub(super) fn select_text(
        &mut self,
        condition: &str,
        a: &str,
        b: &str,
        lane: &str,
        lanes: u32,
    ) -> String {
        let whole = types::of(lane, lanes);
        let conditions = if lanes == 1 { String::new() } else { format!("{}, ", types::of("i1", lanes)) };
        self.step(format!("arith.select {condition}, {a}, {b} : {conditions}{whole}"))
    }

    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        a: Value,
        b: Value,
    ) -> Result<String, LlvmError> {
        let of_value = self.type_of(a)?;
        let (a, b, whole) = (self.name(a)?, self.name(b)?, types::value(of_value));
        if of_value.element.is_float() {
            let predicate = match comparison {
                Comparison::Equal => "oeq",
                Comparison::NotEqual => "une",
                Comparison::Less => "olt",
                Comparison::LessEqual => "ole",
                Comparison::Greater => "ogt",
                Comparison::GreaterEqual => "oge",
            };
            return Ok(self.last(format!("arith.cmpf {predicate}, {a}, {b} : {whole}")));
        }
        let signed = of_value.element.is_signed_integer();
        let predicate = match comparison {
            Comparison::Equal => "eq",
            Comparison::NotEqual => "ne",
            Comparison::Less if signed => "slt",
            Comparison::LessEqual if signed => "sle",
            Comparison::Greater if signed => "sgt",
            Comparison::GreaterEqual if signed => "sge",
            Comparison::Less => "ult",
            Comparison::LessEqual => "ule",
            Comparison::Greater => "ugt",
            Comparison::GreaterEqual => "uge",
        };
        Ok(self.last(format!("arith.cmpi {predicate}, {a}, {b} : {whole}")))
    }

    /// `a * b + c`, rounded once.
    pub(super) fn multiply_add(&mut self, a: Value, b: Value, c: Value) -> Result<String, LlvmError> {
        let of_value = self.type_of(a)?;
        let (a, b, c) = (self.name(a)?, self.name(b)?, self.name(c)?);
        if self.capabilities.fused_multiply_add {
            return Ok(self.last(format!("math.fma {a}, {b}, {c} : {}", types::value(of_value))));
        }
        if of_value.element != Element::F32 {
            return Err(self.unsupported("a * b + c of f64, rounded once"));
        }
        Ok(self.emulated_multiply_add(&a, &b, &c, of_value.lanes))
    }

    /// `c` with the products of the parts of lanes added.
    pub(super) fn add_products(
        &mut self,
        parts: LaneParts,
        a: Value,
        b: Value,
        c: Value,
    ) -> Result<String, LlvmError> {
        let lanes = self.type_of(c)?.lanes;
        let (a, b, c) = (self.name(a)?, self.name(b)?, self.name(c)?);
        let capabilities = self.capabilities;
        let (has, part, count) = match parts {
            LaneParts::Bf16Pairs => (capabilities.bf16_pairs, "bf16", 2),
            LaneParts::WordPairs => (capabilities.word_pairs, "i16", 2),
            LaneParts::ByteQuads => (capabilities.byte_quads, "i8", 4),
        };
        if !has || !matches!(lanes, 4 | 8 | 16) || 4 * lanes > capabilities.vector_bytes {
            return Ok(self.emulated_add_products(parts, &a, &b, &c, lanes));
        }
        let (whole, small) = (types::of("i32", lanes), types::of(part, count * lanes));
        let [a, b] = [a, b].map(|lanes| self.step(format!("llvm.bitcast {lanes} : {whole} to {small}")));
        let bits = 32 * lanes;
        let sums = types::of(types::lane(parts.sum()), lanes);
        let name = match parts {
            LaneParts::Bf16Pairs => format!("llvm.x86.avx512bf16.dpbf16ps.{bits}"),
            LaneParts::ByteQuads => format!("llvm.x86.avx512.vpdpbusd.{bits}"),
            LaneParts::WordPairs => {
                let name = match lanes {
                    4 => "llvm.x86.sse2.pmadd.wd",
                    8 => "llvm.x86.avx2.pmadd.wd",
                    _ => "llvm.x86.avx512.pmaddw.d.512",
                };
                // LLVM makes one instruction of the two where that is faster.
                let call = format!("llvm.call_intrinsic \"{name}\"({a}, {b}) : ({small}, {small}) -> {sums}");
                let products = self.step(call);
                return Ok(self.last(format!("arith.addi {c}, {products} : {sums}")));
            }
        };
        let ty = format!("({sums}, {small}, {small}) -> {sums}");
        Ok(self.last(format!("llvm.call_intrinsic \"{name}\"({c}, {a}, {b}) : {ty}")))
    }
}
