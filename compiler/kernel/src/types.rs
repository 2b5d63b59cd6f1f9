//! The types of operations and statements: the one place that knows which operands each takes.

use crate::form::*;
use moe_runtime::Element;

/// What types are checked against: the declarations of a kernel.
#[derive(Clone, Copy)]
pub(crate) struct Declarations<'a> {
    pub(crate) values: &'a [ValueType],
    pub(crate) buffers: &'a [BufferParameter],
    pub(crate) sizes: usize,
}

type Check = Result<(), String>;

fn require(holds: bool, message: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(message())
    }
}

/// Whether values of the element type are computed with.
fn is_arithmetic(element: Element) -> bool {
    matches!(element, Element::F32 | Element::F64) || element.is_integer()
}

impl UnaryOperation {
    /// Whether it is defined on an element type.
    pub fn takes(self, element: Element) -> bool {
        match self {
            UnaryOperation::Negate | UnaryOperation::Absolute => is_arithmetic(element),
            UnaryOperation::Not => element.is_integer() || element == Element::Bool,
            UnaryOperation::EvenBytes | UnaryOperation::OddBytes => element == Element::U32,
            _ => matches!(element, Element::F32 | Element::F64),
        }
    }
}

impl BinaryOperation {
    /// Whether it is defined on an element type.
    pub fn takes(self, element: Element) -> bool {
        use BinaryOperation as B;
        match self {
            B::Add | B::Subtract | B::Multiply | B::Divide | B::Minimum | B::Maximum => {
                is_arithmetic(element)
            }
            B::Remainder | B::ShiftLeft | B::ShiftRight => element.is_integer(),
            B::And | B::Or | B::ExclusiveOr => element.is_integer() || element == Element::Bool,
        }
    }

    /// Whether lanes can be reduced by it.
    pub fn reduces(self) -> bool {
        use BinaryOperation as B;
        matches!(self, B::Add | B::Multiply | B::Minimum | B::Maximum | B::And | B::Or | B::ExclusiveOr)
    }
}

impl Comparison {
    /// Whether it is defined on an element type.
    pub fn takes(self, element: Element) -> bool {
        is_arithmetic(element) || element == Element::Bool
    }
}

impl<'a> Declarations<'a> {
    pub(crate) fn of(kernel: &'a Kernel) -> Self {
        Declarations { values: &kernel.values, buffers: &kernel.buffers, sizes: kernel.sizes.len() }
    }

    /// The type of a value.
    pub(crate) fn value(&self, value: Value) -> Result<ValueType, String> {
        let declared = self.values.get(value.0 as usize).copied();
        declared.ok_or_else(|| format!("there is no value v{}", value.0))
    }

    pub(crate) fn buffer(&self, buffer: u32) -> Result<&'a BufferParameter, String> {
        self.buffers.get(buffer as usize).ok_or_else(|| format!("there is no buffer {buffer}"))
    }

    /// That a value has a type.
    pub(crate) fn expect(&self, value: Value, expected: ValueType) -> Check {
        let found = self.value(value)?;
        require(found == expected, || format!("v{} is {found}, not {expected}", value.0))
    }

    fn mask(&self, mask: Option<Value>, lanes: u32) -> Check {
        mask.map_or(Ok(()), |mask| self.expect(mask, ValueType::vector(Element::Bool, lanes)))
    }

    /// That a type may be the type of a value.
    pub(crate) fn value_type(of: ValueType) -> Check {
        require(of.lanes.is_power_of_two(), || format!("{} lanes are no power of two", of.lanes))
    }

    /// That an operation gives a value of type `result`.
    pub(crate) fn operation(&self, result: ValueType, operation: &Operation) -> Check {
        match *operation {
            Operation::Constant(scalar) => same("the number's type", scalar.element(), result.element),
            Operation::Size(size) => {
                require((size as usize) < self.sizes, || format!("there is no size {size}"))?;
                gives(result, ValueType::INDEX)
            }
            Operation::Begin | Operation::End => gives(result, ValueType::INDEX),
            Operation::Splat(a) => self.expect(a, ValueType::scalar(result.element)),
            Operation::LaneNumbers => same("the result's type", result.element, Element::I64),
            Operation::Unary(unary, a) => {
                takes(unary.takes(result.element), unary.name(), result)?;
                self.expect(a, result)
            }
            Operation::Binary(binary, a, b) => {
                takes(binary.takes(result.element), binary.name(), result)?;
                self.expect(a, result)?;
                self.expect(b, result)
            }
            Operation::Compare(comparison, a, b) => {
                let operand = self.value(a)?;
                takes(comparison.takes(operand.element), comparison.name(), operand)?;
                self.expect(b, operand)?;
                gives(result, operand.mask())
            }
            Operation::Select(condition, a, b) => {
                if self.value(condition)? != ValueType::CONDITION {
                    self.expect(condition, result.mask())?;
                }
                self.expect(a, result)?;
                self.expect(b, result)
            }
            Operation::MultiplyAdd(a, b, c) => {
                takes(UnaryOperation::SquareRoot.takes(result.element), "multiply_add", result)?;
                [a, b, c].into_iter().try_for_each(|operand| self.expect(operand, result))
            }
            Operation::AddProducts(parts, a, b, c) => {
                same("the result's type", result.element, parts.sum())?;
                [a, b]
                    .into_iter()
                    .try_for_each(|pairs| self.expect(pairs, result.with_element(Element::U32)))?;
                self.expect(c, result)
            }
            Operation::Convert(a) => {
                let operand = self.value(a)?;
                self.expect(a, result.with_element(operand.element))
            }
            Operation::Reinterpret(a) => self.reinterpret(result, a),
            Operation::Reverse(a) => self.expect(a, result),
            Operation::Load { buffer, index, mask } => {
                same("the buffer's type", self.buffer(buffer)?.element, result.element)?;
                self.expect(index, ValueType::INDEX)?;
                self.mask(mask, result.lanes)
            }
            Operation::Gather { buffer, indices, mask } => {
                same("the buffer's type", self.buffer(buffer)?.element, result.element)?;
                self.expect(indices, result.with_element(Element::I64))?;
                self.mask(mask, result.lanes)
            }
            Operation::ReduceLanes(binary, a) => {
                require(binary.reduces(), || format!("lanes are not reduced by {}", binary.name()))?;
                takes(binary.takes(result.element), binary.name(), result)?;
                let operand = self.value(a)?;
                self.expect(a, operand.with_element(result.element))?;
                gives(result, ValueType::scalar(operand.element))
            }
            Operation::Extract(a, lane) => {
                let operand = self.value(a)?;
                require(lane < operand.lanes, || format!("v{} has no lane {lane}", a.0))?;
                gives(result, ValueType::scalar(operand.element))
            }
        }
    }

    fn reinterpret(&self, result: ValueType, a: Value) -> Check {
        let operand = self.value(a)?;
        let bytes = |of: ValueType| of.element.bytes() * of.lanes as usize;
        let fits = bytes(operand) == bytes(result) && operand.lanes >= result.lanes;
        let bits = operand.element != Element::Bool && result.element != Element::Bool;
        require(fits && bits, || format!("{operand} is not reinterpreted as {result}"))
    }

    fn written(&self, buffer: u32, value: Value, mask: Option<Value>) -> Result<ValueType, String> {
        let parameter = self.buffer(buffer)?;
        let stored = self.value(value)?;
        require(parameter.written, || format!("buffer `{}` is not written", parameter.name))?;
        same("the buffer's type", parameter.element, stored.element)?;
        self.mask(mask, stored.lanes)?;
        Ok(stored)
    }

    /// That a store is well typed.
    pub(crate) fn store(&self, buffer: u32, index: Value, value: Value, mask: Option<Value>) -> Check {
        self.written(buffer, value, mask)?;
        self.expect(index, ValueType::INDEX)
    }

    /// That a scatter is well typed.
    pub(crate) fn scatter(&self, buffer: u32, indices: Value, value: Value, mask: Option<Value>) -> Check {
        let stored = self.written(buffer, value, mask)?;
        self.expect(indices, stored.with_element(Element::I64))
    }

    /// That a prefetch names a buffer and an index.
    pub(crate) fn prefetch(&self, buffer: u32, index: Value) -> Check {
        self.buffer(buffer)?;
        self.expect(index, ValueType::INDEX)
    }

    /// That a loop's bounds, step and carried values are well typed.
    pub(crate) fn loop_header(
        &self,
        index: Value,
        bounds: [Value; 2],
        step: i64,
        carried: &[Carried],
    ) -> Check {
        require(step > 0, || format!("the step {step} is not positive"))?;
        self.expect(index, ValueType::INDEX)?;
        bounds.into_iter().try_for_each(|bound| self.expect(bound, ValueType::INDEX))?;
        carried.iter().try_for_each(|carried| {
            let of = self.value(carried.initial)?;
            [carried.inner, carried.next, carried.result].into_iter().try_for_each(|v| self.expect(v, of))
        })
    }

    /// That a choice's condition and results are well typed.
    pub(crate) fn choice(&self, condition: Value, results: &[Chosen]) -> Check {
        self.expect(condition, ValueType::CONDITION)?;
        results.iter().try_for_each(|chosen| {
            let of = self.value(chosen.result)?;
            self.expect(chosen.then, of)?;
            self.expect(chosen.otherwise, of)
        })
    }
}

fn takes(takes: bool, name: &str, of: ValueType) -> Check {
    require(takes, || format!("{name} is not defined on {of}"))
}

fn gives(result: ValueType, expected: ValueType) -> Check {
    require(result == expected, || format!("the result is {expected}, not {result}"))
}

fn same(what: &str, found: Element, expected: Element) -> Check {
    require(found == expected, || format!("{what} is {found}, not {expected}"))
}
