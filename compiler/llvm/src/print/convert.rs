//! Conversions between element types.

use super::{types, Printer};
use crate::error::LlvmError;
use moe_kernel::{Value, ValueType};
use moe_runtime::Element;

impl Printer<'_> {
    /// A value converted to the element type of `result`.
    pub(super) fn convert(&mut self, value: Value, result: ValueType) -> Result<String, LlvmError> {
        let from = self.type_of(value)?.element;
        let (name, lanes, to) = (self.name(value)?, result.lanes, result.element);
        if from == to {
            return Ok(name);
        }
        if to == Element::Bool {
            return Ok(self.not_zero(name, from, lanes));
        }
        match (from.is_float(), to.is_float()) {
            (true, true) => Ok(self.float_to_float(&name, from, to, lanes)),
            (true, false) => Ok(self.float_to_integer(&name, from, to, lanes)),
            (false, true) => Ok(self.integer_to_float(&name, from, to, lanes)),
            (false, false) => Ok(self.integer_to_integer(name, from, to, lanes)),
        }
    }

    /// The same bits as another element type.
    pub(super) fn reinterpret(&mut self, value: Value, result: ValueType) -> Result<String, LlvmError> {
        let from = self.type_of(value)?;
        let name = self.name(value)?;
        if types::lane(from.element) == types::lane(result.element) {
            return Ok(name);
        }
        let (from_type, to_type) = (types::value(from), types::value(result));
        let dialect = if from.lanes == result.lanes { "arith" } else { "llvm" };
        Ok(self.last(format!("{dialect}.bitcast {name} : {from_type} to {to_type}")))
    }

    /// Whether a number is not zero.
    fn not_zero(&mut self, name: String, from: Element, lanes: u32) -> String {
        let whole = types::of(types::lane(from), lanes);
        match from {
            Element::Bool => name,
            Element::F64 | Element::F32 => {
                let zero = self.constant("0.0", types::lane(from), lanes);
                self.step(format!("arith.cmpf une, {name}, {zero} : {whole}"))
            }
            Element::Bf16 | Element::F16 => {
                let magnitude_bits = self.constant("32767", "i16", lanes);
                let zero = self.constant("0", "i16", lanes);
                let magnitude = self.step(format!("arith.andi {name}, {magnitude_bits} : {whole}"));
                self.step(format!("arith.cmpi ne, {magnitude}, {zero} : {whole}"))
            }
            _ => {
                let zero = self.constant("0", types::lane(from), lanes);
                self.step(format!("arith.cmpi ne, {name}, {zero} : {whole}"))
            }
        }
    }

    fn integer_to_integer(&mut self, name: String, from: Element, to: Element, lanes: u32) -> String {
        let (from_type, to_type) = (types::of(types::lane(from), lanes), types::of(types::lane(to), lanes));
        // A truth value takes a whole byte in memory but one bit here.
        let from_bytes = if from == Element::Bool { 0 } else { from.bytes() };
        let operation = match from_bytes.cmp(&to.bytes()) {
            std::cmp::Ordering::Equal => return name,
            std::cmp::Ordering::Greater => "arith.trunci",
            std::cmp::Ordering::Less if from.is_signed_integer() => "arith.extsi",
            std::cmp::Ordering::Less => "arith.extui",
        };
        self.step(format!("{operation} {name} : {from_type} to {to_type}"))
    }

    fn float_to_integer(&mut self, name: &str, from: Element, to: Element, lanes: u32) -> String {
        let (name, from) = self.computable(name, from, lanes);
        let sign = if to.is_signed_integer() { "s" } else { "u" };
        let (from_type, to_type) = (types::of(types::lane(from), lanes), types::of(types::lane(to), lanes));
        self.step(format!(
            "llvm.call_intrinsic \"llvm.fpto{sign}i.sat\"({name}) : ({from_type}) -> ({to_type})"
        ))
    }

    fn integer_to_float(&mut self, name: &str, from: Element, to: Element, lanes: u32) -> String {
        let operation = if from.is_signed_integer() { "arith.sitofp" } else { "arith.uitofp" };
        let from_type = types::of(types::lane(from), lanes);
        let through = if to.bytes() == 2 { Element::F64 } else { to };
        let to_type = types::of(types::lane(through), lanes);
        let converted = self.step(format!("{operation} {name} : {from_type} to {to_type}"));
        self.float_to_float(&converted, through, to, lanes)
    }

    fn float_to_float(&mut self, name: &str, from: Element, to: Element, lanes: u32) -> String {
        let (name, from) = self.computable(name, from, lanes);
        match (from, to) {
            (Element::F32, Element::F64) => self.float_cast("arith.extf", &name, "f32", "f64", lanes),
            (Element::F64, Element::F32) => self.float_cast("arith.truncf", &name, "f64", "f32", lanes),
            (Element::F64, Element::Bf16 | Element::F16) => {
                let odd = self.f64_to_odd_f32(&name, lanes);
                self.narrow(&odd, to, lanes)
            }
            (Element::F32, Element::Bf16 | Element::F16) => self.narrow(&name, to, lanes),
            _ => name,
        }
    }

    fn float_cast(&mut self, operation: &str, name: &str, from: &str, to: &str, lanes: u32) -> String {
        let (from, to) = (types::of(from, lanes), types::of(to, lanes));
        self.step(format!("{operation} {name} : {from} to {to}"))
    }

    /// A float that can be computed with: the 16-bit floats become `f32`, exactly.
    fn computable(&mut self, name: &str, from: Element, lanes: u32) -> (String, Element) {
        match from {
            Element::Bf16 => (self.bf16_to_f32(name, lanes), Element::F32),
            Element::F16 if self.capabilities.half_conversion => {
                let half = self.float_cast("arith.bitcast", name, "i16", "f16", lanes);
                (self.float_cast("arith.extf", &half, "f16", "f32", lanes), Element::F32)
            }
            Element::F16 => (self.emulated_f16_to_f32(name, lanes), Element::F32),
            other => (name.to_owned(), other),
        }
    }

    /// An `f32` rounded to a 16-bit float.
    fn narrow(&mut self, name: &str, to: Element, lanes: u32) -> String {
        if to == Element::Bf16 {
            return self.f32_to_bf16(name, lanes);
        }
        if !self.capabilities.half_conversion {
            return self.emulated_f32_to_f16(name, lanes);
        }
        let half = self.float_cast("arith.truncf", name, "f32", "f16", lanes);
        self.float_cast("arith.bitcast", &half, "f16", "i16", lanes)
    }
}
