//! From the kernel form to Cranelift's.

mod arithmetic;
mod control;
mod convert;
mod division;
mod masks;
mod memory;
mod part;
mod registers;

use crate::error::CraneliftError;
use crate::prepare::prepare;
use cranelift::codegen::ir::{self, types, AbiParam, InstBuilder, MemFlagsData};
use cranelift::codegen::isa::TargetIsa;
use cranelift::prelude::{FunctionBuilder, FunctionBuilderContext};
use moe_graph::Scalar;
use moe_kernel::{scalar_bits, Kernel, Operation, Statement, Value, ValueType};
use registers::Lowered;

/// What is kept from kernel to kernel, so that memory is used again.
#[derive(Default)]
pub(crate) struct Lowerer {
    context: FunctionBuilderContext,
}

impl Lowerer {
    /// Writes a kernel into an empty function.
    pub(crate) fn lower(
        &mut self,
        kernel: &Kernel,
        isa: &dyn TargetIsa,
        function: &mut ir::Function,
    ) -> Result<(), CraneliftError> {
        moe_kernel::verify(kernel)?;
        let kernel = &prepare(kernel);
        debug_assert_eq!(moe_kernel::verify(kernel), Ok(()));
        let mut signature = ir::Signature::new(isa.default_call_conv());
        signature.params = vec![AbiParam::new(types::I64); 4];
        signature.returns = vec![AbiParam::new(types::I32)];
        function.signature = signature;
        let builder = FunctionBuilder::new(function, &mut self.context);
        let mut lowering = Lowering::new(kernel, builder);
        lowering.enter();
        lowering.body(&kernel.body);
        let done = lowering.builder.ins().iconst(types::I32, 0);
        lowering.builder.ins().return_(&[done]);
        lowering.builder.finalize(isa.frontend_config());
        Ok(())
    }
}

/// What is known of a value beside its registers.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The number it is in every lane.
    number: Option<Scalar>,
    /// The scalar it is in every lane.
    splat: Option<Value>,
    /// For an index: another index and what is added to it.
    sum: Option<(Value, i64)>,
}

/// A kernel being written. The kernel has been verified, so what is looked up here is there.
struct Lowering<'a> {
    builder: FunctionBuilder<'a>,
    kernel: &'a Kernel,
    values: Vec<Lowered>,
    known: Vec<Known>,
    /// The buffers' addresses.
    buffers: Vec<ir::Value>,
    sizes: Vec<ir::Value>,
    begin: ir::Value,
    end: ir::Value,
    masks: masks::Masks,
    /// Where lanes that a mask leaves out are read and written.
    scratch: Option<ir::StackSlot>,
}

impl<'a> Lowering<'a> {
    fn new(kernel: &'a Kernel, builder: FunctionBuilder<'a>) -> Self {
        let nothing = ir::Value::from_u32(0);
        Lowering {
            builder,
            kernel,
            values: vec![Lowered::default(); kernel.values.len()],
            known: vec![Known::default(); kernel.values.len()],
            buffers: Vec::new(),
            sizes: Vec::new(),
            begin: nothing,
            end: nothing,
            masks: masks::Masks::of(kernel),
            scratch: None,
        }
    }

    /// The entry: the addresses of buffers and the sizes are read here, once.
    fn enter(&mut self) {
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.builder.switch_to_block(entry);
        self.builder.seal_block(entry);
        if let [buffers, sizes, begin, end] = *self.builder.block_params(entry) {
            self.buffers = self.read_table(buffers, self.kernel.buffers.len());
            self.sizes = self.read_table(sizes, self.kernel.sizes.len());
            (self.begin, self.end) = (begin, end);
        }
    }

    fn read_table(&mut self, table: ir::Value, entries: usize) -> Vec<ir::Value> {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        (0..entries)
            .map(|entry| self.builder.ins().load(types::I64, flags, table, entry as i32 * 8))
            .collect()
    }

    fn of(&self, value: Value) -> ValueType {
        self.kernel.values.get(value.0 as usize).copied().unwrap_or(ValueType::INDEX)
    }

    fn value(&self, value: Value) -> Lowered {
        self.values.get(value.0 as usize).cloned().unwrap_or_default()
    }

    /// The register of a scalar.
    fn scalar(&self, value: Value) -> ir::Value {
        self.value(value).first()
    }

    fn known(&self, value: Value) -> Known {
        self.known.get(value.0 as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, value: Value, lowered: Lowered) {
        if let Some(slot) = self.values.get_mut(value.0 as usize) {
            *slot = lowered;
        }
        self.make_forms(value);
    }

    fn body(&mut self, statements: &'a [Statement]) {
        for statement in statements {
            match statement {
                Statement::Define { value, operation } => {
                    let lowered = self.operation(self.of(*value), operation);
                    self.set(*value, lowered);
                    self.learn(*value, operation);
                }
                Statement::Store { buffer, index, value, mask } => {
                    self.store(*buffer, *index, *value, *mask);
                }
                Statement::Scatter { buffer, indices, value, mask } => {
                    self.scatter(*buffer, *indices, *value, *mask);
                }
                // There is no such instruction.
                Statement::Prefetch { .. } => {}
                Statement::Loop { index, begin, end, step, carried, body } => {
                    self.repetition(*index, [*begin, *end], *step, carried, body);
                }
                Statement::If { condition, then, otherwise, results } => {
                    self.choice(*condition, then, otherwise, results);
                }
                Statement::Fail { fault } => self.fail(*fault),
            }
        }
    }

    /// Keeps what an operation says about its result.
    fn learn(&mut self, value: Value, operation: &Operation) {
        use moe_kernel::BinaryOperation::{Add, Subtract};
        let mut known = Known::default();
        match *operation {
            Operation::Constant(number) => known.number = Some(number),
            Operation::Splat(a) => {
                known.splat = Some(a);
                known.number = self.known(a).number;
            }
            Operation::Binary(operation @ (Add | Subtract), a, b) if self.of(a) == ValueType::INDEX => {
                let sign = if operation == Add { 1 } else { -1 };
                known.sum = match (self.number(a), self.number(b)) {
                    (_, Some(number)) => Some(self.sum(a, number.wrapping_mul(sign))),
                    (Some(number), None) if operation == Add => Some(self.sum(b, number)),
                    _ => None,
                };
            }
            _ => {}
        }
        if let Some(slot) = self.known.get_mut(value.0 as usize) {
            *slot = known;
        }
    }

    /// The integer that a value is in every lane.
    fn number(&self, value: Value) -> Option<i64> {
        i64::try_from(self.known(value).number?.as_integer()?).ok()
    }

    fn sum(&self, value: Value, number: i64) -> (Value, i64) {
        match self.known(value).sum {
            Some((value, more)) => (value, more.wrapping_add(number)),
            None => (value, number),
        }
    }

    fn operation(&mut self, of: ValueType, operation: &Operation) -> Lowered {
        match *operation {
            Operation::Constant(number) => self.constant(of, scalar_bits(number)),
            Operation::Size(size) => Lowered::scalar(self.size(size)),
            Operation::Begin => Lowered::scalar(self.begin),
            Operation::End => Lowered::scalar(self.end),
            Operation::Splat(a) => match self.known(a).number {
                Some(number) => self.constant(of, scalar_bits(number)),
                None => self.splat(of, self.scalar(a)),
            },
            Operation::LaneNumbers => self.lane_numbers(of.lanes),
            Operation::Unary(unary, a) => self.unary(of, unary, a),
            Operation::Binary(binary, a, b) => self.binary(of, binary, a, b),
            Operation::Compare(comparison, a, b) => self.compare(comparison, a, b),
            Operation::Select(condition, a, b) => self.select(of, condition, a, b),
            Operation::MultiplyAdd(a, b, c) => {
                let operands = [self.value(a), self.value(b), self.value(c)];
                self.each(of, &operands, |this, parts| match *parts {
                    [a, b, c] => this.builder.ins().fma(a, b, c),
                    _ => this.begin,
                })
            }
            Operation::AddProducts(parts, a, b, c) => self.add_products(of, parts, [a, b, c]),
            Operation::Convert(a) => self.convert(of, a),
            Operation::Reinterpret(a) => {
                let lane = registers::lane_type(of.element);
                let one = self.of(a).lanes == 1;
                let to = if one { lane } else { registers::part_type(lane) };
                self.each(of, &[self.value(a)], |this, parts| {
                    let part = this.bits_as(to, first(parts));
                    let joined = of.lanes == 1 && !one;
                    if joined {
                        this.builder.ins().extractlane(part, 0)
                    } else {
                        part
                    }
                })
            }
            Operation::Load { buffer, index, mask } => self.load(of, buffer, index, mask),
            Operation::Gather { buffer, indices, mask } => self.gather(of, buffer, indices, mask),
            Operation::ReduceLanes(binary, a) => self.reduce(binary, a),
            Operation::Reverse(a) => self.reverse(of, &self.value(a)),
            Operation::Extract(a, lane) => {
                Lowered::scalar(self.lane(&self.value(a), self.of(a).element, lane))
            }
        }
    }

    fn size(&self, size: u32) -> ir::Value {
        self.sizes.get(size as usize).copied().unwrap_or(self.begin)
    }
}

/// The first of some registers; a verified kernel never lacks it.
fn first(parts: &[ir::Value]) -> ir::Value {
    parts.first().copied().unwrap_or(ir::Value::from_u32(0))
}
