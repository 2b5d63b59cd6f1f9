//! Operations that are neither arithmetic nor memory, and the choice among all of them.

use super::{constant_text, types, Printer};
use crate::error::LlvmError;
use moe_graph::Scalar;
use moe_kernel::{BinaryOperation, Operation, Value, ValueType};
use moe_runtime::Element;

impl Printer<'_> {
    /// Writes an operation; returns the name of its result.
    pub(super) fn operation(&mut self, value: Value, operation: &Operation) -> Result<String, LlvmError> {
        let result = self.type_of(value)?;
        match operation {
            Operation::Constant(scalar) => {
                let literal = literal(*scalar);
                Ok(self.last(constant_text(&literal, types::lane(result.element), result.lanes)))
            }
            Operation::Size(index) => Ok(format!("%size{index}")),
            Operation::Begin => Ok("%begin".to_owned()),
            Operation::End => Ok("%end".to_owned()),
            Operation::Splat(scalar) => self.splat(*scalar, result),
            Operation::LaneNumbers => Ok(self.lane_numbers(result.lanes)),
            Operation::Unary(operation, operand) => self.unary(*operation, *operand),
            Operation::Binary(operation, a, b) => self.binary(*operation, *a, *b),
            Operation::Compare(comparison, a, b) => self.compare(*comparison, *a, *b),
            Operation::Select(condition, a, b) => self.choose(*condition, *a, *b, result),
            Operation::MultiplyAdd(a, b, c) => self.multiply_add(*a, *b, *c),
            Operation::AddProducts(parts, a, b, c) => self.add_products(*parts, *a, *b, *c),
            Operation::Convert(operand) => self.convert(*operand, result),
            Operation::Reinterpret(operand) => self.reinterpret(*operand, result),
            Operation::Load { buffer, index, mask } => self.load(result, *buffer, *index, *mask),
            Operation::Gather { buffer, indices, mask } => self.gather(result, *buffer, *indices, *mask),
            Operation::ReduceLanes(operation, operand) => self.reduce_lanes(*operation, *operand),
            Operation::Extract(operand, lane) => self.extract(*operand, *lane),
            Operation::Reverse(operand) => self.reverse(*operand),
        }
    }

    fn splat(&mut self, scalar: Value, result: ValueType) -> Result<String, LlvmError> {
        let (name, from) = (self.name(scalar)?, self.type_text(scalar)?);
        if result.lanes == 1 {
            return Ok(name);
        }
        Ok(self.last(format!("vector.broadcast {name} : {from} to {}", types::value(result))))
    }

    fn lane_numbers(&mut self, lanes: u32) -> String {
        let numbers: Vec<String> = (0..lanes).map(|lane| lane.to_string()).collect();
        let literal = if lanes == 1 { "0".to_owned() } else { format!("[{}]", numbers.join(", ")) };
        self.last(constant_text(&literal, "i64", lanes))
    }

    fn choose(
        &mut self,
        condition: Value,
        a: Value,
        b: Value,
        result: ValueType,
    ) -> Result<String, LlvmError> {
        let lanes = self.type_of(condition)?.lanes;
        let (condition, a, b) = (self.name(condition)?, self.name(a)?, self.name(b)?);
        let conditions = if lanes == 1 { String::new() } else { format!("{}, ", types::of("i1", lanes)) };
        Ok(self.last(format!("arith.select {condition}, {a}, {b} : {conditions}{}", types::value(result))))
    }

    /// The lower half of the lanes with the upper half, until one lane is left.
    fn reduce_lanes(&mut self, operation: BinaryOperation, operand: Value) -> Result<String, LlvmError> {
        let mut name = self.name(operand)?;
        let ValueType { element, mut lanes } = self.type_of(operand)?;
        if lanes == 1 {
            return Ok(name);
        }
        while lanes > 2 {
            let half = ValueType { element, lanes: lanes / 2 };
            let whole = types::value(ValueType { element, lanes });
            let lower = self.shuffled(&name, 0..half.lanes, &whole);
            let upper = self.shuffled(&name, half.lanes..lanes, &whole);
            name = self.binary_of(operation, &lower, &upper, half)?;
            lanes = half.lanes;
        }
        let lower = self.extract_text(&name, 0, element, lanes);
        let upper = self.extract_text(&name, 1, element, lanes);
        self.binary_of(operation, &lower, &upper, ValueType { element, lanes: 1 })
    }

    fn reverse(&mut self, operand: Value) -> Result<String, LlvmError> {
        let (name, of) = (self.name(operand)?, self.type_of(operand)?);
        if of.lanes == 1 {
            return Ok(name);
        }
        Ok(self.shuffled(&name, (0..of.lanes).rev(), &types::value(of)))
    }

    /// These lanes.
    fn shuffled(&mut self, name: &str, lanes: impl Iterator<Item = u32>, whole: &str) -> String {
        let lanes: Vec<String> = lanes.map(|lane| lane.to_string()).collect();
        self.step(format!("vector.shuffle {name}, {name} [{}] : {whole}, {whole}", lanes.join(", ")))
    }

    fn extract(&mut self, operand: Value, lane: u32) -> Result<String, LlvmError> {
        let (name, ValueType { element, lanes }) = (self.name(operand)?, self.type_of(operand)?);
        if lanes == 1 {
            return Ok(name);
        }
        Ok(self.extract_text(&name, lane, element, lanes))
    }

    fn extract_text(&mut self, name: &str, lane: u32, element: Element, lanes: u32) -> String {
        let lane_type = types::lane(element);
        let whole = types::of(lane_type, lanes);
        self.step(format!("vector.extract {name}[{lane}] : {lane_type} from {whole}"))
    }
}

/// A number as MLIR reads it, exactly: floats in decimal where that is exact, else their bits.
fn literal(scalar: Scalar) -> String {
    let value = scalar.as_f64();
    match scalar.element() {
        Element::Bool => scalar.is_true().to_string(),
        Element::Bf16 => half::bf16::from_f64(value).to_bits().to_string(),
        Element::F16 => half::f16::from_f64(value).to_bits().to_string(),
        Element::F32 => float_literal(value, format!("0x{:08X}", (value as f32).to_bits())),
        Element::F64 => float_literal(value, format!("0x{:016X}", value.to_bits())),
        _ => scalar.as_integer().unwrap_or(0).to_string(),
    }
}

/// Decimal for numbers that have few digits, the bits for all others.
fn float_literal(value: f64, bits: String) -> String {
    let decimal = format!("{value:?}");
    if value.is_finite() && decimal.contains('.') && !decimal.contains('e') && decimal.len() <= 12 {
        decimal
    } else {
        bits
    }
}
