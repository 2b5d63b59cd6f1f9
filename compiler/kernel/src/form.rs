//! The kernel form: structured nests over typed values, one form for every printer.
//!
//! A kernel is a function of buffers and 64-bit sizes that does items `begin..end` of a launch (the loop over cores is
//! outside it). Values are in single assignment form; loops carry values explicitly; a value has an element type and a
//! number of lanes. What is not written here is not done: printers decide nothing, and schedulers decide everything —
//! tiles, unrolling, lane counts, the order of every sum.
//!
//! Arithmetic is on `f32`, `f64` and the integer types; `bool` has the bit operations and comparisons (false below true).
//! The 16-bit floats are storage: constants, splats, selections, extractions, loads, stores, conversions and
//! reinterpretations, nothing else. Integer arithmetic wraps (the negative and the absolute value of the least integer
//! are itself, and so is its quotient by -1; that remainder is 0).
//!
//! What a scheduler must avoid, in every lane, used or not: integer division by zero, shifts by the width or more, entries
//! outside a buffer (in lanes that no mask leaves out). The interpreter reports it; code in memory does what it does.
//!
//! Floats follow IEEE 754, rounding to nearest even, subnormals kept, exceptions ignored. An operation that makes a NaN may
//! make any quiet NaN; negation, absolute value, selection, lanes, memory and reinterpretation keep the bits they are given.
//! In memory `bool` is one byte; 0 reads as false and anything else as true, and 0 or 1 is written.

use crate::tuning::ProductShape;
use moe_grammar::Span;
use moe_graph::Scalar;
use moe_runtime::Element;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value, by index in [`Kernel::values`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Value(pub u32);

/// The type of a value. One lane is a scalar. Indices and sizes are `i64` scalars; conditions are `bool`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ValueType {
    /// The type of each lane.
    pub element: Element,
    /// How many lanes; a power of two, and 1 for a scalar.
    pub lanes: u32,
}

impl ValueType {
    /// The type of indices and sizes.
    pub const INDEX: ValueType = ValueType::scalar(Element::I64);
    /// The type of conditions.
    pub const CONDITION: ValueType = ValueType::scalar(Element::Bool);

    /// One lane.
    pub const fn scalar(element: Element) -> Self {
        ValueType { element, lanes: 1 }
    }

    /// Several lanes, or one.
    pub const fn vector(element: Element, lanes: u32) -> Self {
        ValueType { element, lanes }
    }

    /// The same lanes of another element type.
    pub const fn with_element(self, element: Element) -> Self {
        ValueType { element, lanes: self.lanes }
    }

    /// The type of the masks of such values: `bool` in as many lanes.
    pub const fn mask(self) -> Self {
        self.with_element(Element::Bool)
    }
}

/// A buffer that a kernel reads or writes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct BufferParameter {
    /// A name for people.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Whether the kernel writes it.
    pub written: bool,
}

/// A kernel. Buffers do not overlap unless they are the same buffer and not written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kernel {
    /// An identifier, unique in the program.
    pub name: String,
    /// Where the mathematics stands in the source.
    pub span: Option<Span>,
    /// The buffers, as [`Operation::Load`] and [`Statement::Store`] index them.
    pub buffers: Vec<BufferParameter>,
    /// Names for the sizes, as [`Operation::Size`] indexes them.
    pub sizes: Vec<String>,
    /// The type of every value.
    pub values: Vec<ValueType>,
    /// What is done.
    pub body: Vec<Statement>,
}

/// One step of a kernel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Statement {
    /// `value = operation`
    Define {
        /// The value that is made.
        value: Value,
        /// How.
        operation: Operation,
    },
    /// Writes all lanes to consecutive entries from `index` on; lanes whose `mask` is false are left alone.
    Store {
        /// The buffer, by index in [`Kernel::buffers`].
        buffer: u32,
        /// The first entry, counted in entries.
        index: Value,
        /// What is written; its element type is the buffer's.
        value: Value,
        /// Which lanes, `bool` with as many lanes as `value`.
        mask: Option<Value>,
    },
    /// Writes each lane to its own entry, in the order of the lanes (a later lane wins).
    Scatter {
        /// The buffer.
        buffer: u32,
        /// The entries, `i64` with as many lanes as `value`.
        indices: Value,
        /// What is written.
        value: Value,
        /// Which lanes.
        mask: Option<Value>,
    },
    /// Says that entries about `index` will be read soon. Nothing happens by it; the index may be outside the buffer.
    Prefetch {
        /// The buffer.
        buffer: u32,
        /// An entry.
        index: Value,
    },
    /// A serial loop: `index` runs from `begin` up to but not including `end` in steps of `step`. The bounds are read once;
    /// without a round, carried values keep what they were. `end + step` does not overflow.
    Loop {
        /// The loop's index, an `i64` scalar.
        index: Value,
        /// Its first value.
        begin: Value,
        /// Where it stops.
        end: Value,
        /// The step, positive.
        step: i64,
        /// Values carried from round to round.
        carried: Vec<Carried>,
        /// The body.
        body: Vec<Statement>,
    },
    /// A choice, with values that both ways give.
    If {
        /// A `bool` scalar.
        condition: Value,
        /// Done when it holds.
        then: Vec<Statement>,
        /// Done when it does not.
        otherwise: Vec<Statement>,
        /// Values made by the choice.
        results: Vec<Chosen>,
    },
    /// Ends the kernel with `1 + fault` as its status. What was stored before stays stored.
    Fail {
        /// The fault, by index in the program's table.
        fault: u32,
    },
}

/// A value carried round a loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Carried {
    /// What it is before the first round.
    pub initial: Value,
    /// What it is called inside a round.
    pub inner: Value,
    /// What it becomes at the end of a round: anything that can be seen there, its own or another `inner` too. All
    /// carried values change together.
    pub next: Value,
    /// What it is called after the loop.
    pub result: Value,
}

/// A value that a choice makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Chosen {
    /// What it is when the condition holds.
    pub then: Value,
    /// What it is when not.
    pub otherwise: Value,
    /// What it is called after the choice.
    pub result: Value,
}

/// How a value is made. Unless said otherwise operands and result have the same type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Operation {
    /// A number in every lane.
    Constant(Scalar),
    /// A size of the launch, `i64`.
    Size(u32),
    /// The first item to do, `i64`.
    Begin,
    /// One past the last item to do, `i64`.
    End,
    /// The scalar in every lane of the result.
    Splat(Value),
    /// 0, 1, 2, … in the lanes, `i64`.
    LaneNumbers,
    /// An operation on each lane.
    Unary(UnaryOperation, Value),
    /// An operation on each pair of lanes.
    Binary(BinaryOperation, Value, Value),
    /// A comparison of each pair of lanes; the result is `bool`. Comparisons with NaN are false, but `NotEqual` true.
    Compare(Comparison, Value, Value),
    /// `a` where the condition holds, else `b`. The condition is `bool` with as many lanes, or one lane.
    Select(Value, Value, Value),
    /// `a * b + c`, rounded once; floats only.
    MultiplyAdd(Value, Value, Value),
    /// `c` with the products of the parts of `a` and `b` added, lane by lane; `a` and `b` are `u32`.
    AddProducts(LaneParts, Value, Value, Value),
    /// To the result's element type. Float to integer truncates and saturates, NaN becomes 0; to a narrower float and from
    /// integer to float rounds once, to nearest even (64-bit integers to 16-bit floats: to `f64` first); to `bool` is "not
    /// zero", true for NaN; from `bool` is 0 or 1; between integers wraps.
    Convert(Value),
    /// The same bits as lanes of another element type, not `bool`: as many, or fewer wider ones, of which the first has the first lanes, in its
    /// lower bits.
    Reinterpret(Value),
    /// Consecutive entries from `index` on, one a lane. Lanes whose mask is false read nothing and are 0.
    Load {
        /// The buffer, by index in [`Kernel::buffers`].
        buffer: u32,
        /// The first entry, an `i64` scalar.
        index: Value,
        /// Which lanes, `bool`.
        mask: Option<Value>,
    },
    /// Each lane from its own entry. Lanes whose mask is false read nothing and are 0.
    Gather {
        /// The buffer.
        buffer: u32,
        /// The entries, `i64` with as many lanes as the result.
        indices: Value,
        /// Which lanes, `bool`.
        mask: Option<Value>,
    },
    /// All lanes brought together, upper half with lower half until one is left; a scalar. With 2h lanes left, lane i becomes
    /// `operation(lane i, lane i + h)`. Sum, product, minimum, maximum and the bit operations only.
    ReduceLanes(BinaryOperation, Value),
    /// One lane, a scalar.
    Extract(Value, u32),
    /// The lanes in the opposite order.
    Reverse(Value),
}

impl Operation {
    /// Calls `visit` with each operand, masks and indices included, in the order written.
    pub fn for_each_operand(&self, mut visit: impl FnMut(Value)) {
        self.clone().for_each_operand_mut(|operand| visit(*operand));
    }

    /// Calls `visit` with each operand, to be changed.
    pub fn for_each_operand_mut(&mut self, mut visit: impl FnMut(&mut Value)) {
        match self {
            Operation::Constant(_)
            | Operation::Size(_)
            | Operation::Begin
            | Operation::End
            | Operation::LaneNumbers => {}
            Operation::Splat(a)
            | Operation::Unary(_, a)
            | Operation::Convert(a)
            | Operation::Reinterpret(a)
            | Operation::ReduceLanes(_, a)
            | Operation::Extract(a, _)
            | Operation::Reverse(a) => visit(a),
            Operation::Binary(_, a, b) | Operation::Compare(_, a, b) => [a, b].into_iter().for_each(visit),
            Operation::Select(a, b, c)
            | Operation::MultiplyAdd(a, b, c)
            | Operation::AddProducts(_, a, b, c) => {
                [a, b, c].into_iter().for_each(visit);
            }
            Operation::Load { index: at, mask, .. } | Operation::Gather { indices: at, mask, .. } => {
                [Some(at), mask.as_mut()].into_iter().flatten().for_each(visit);
            }
        }
    }
}

/// Operations on one operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum UnaryOperation {
    /// The negative; of a float the sign bit changes.
    Negate,
    /// The absolute value; of a float the sign bit is cleared.
    Absolute,
    /// The square root, correctly rounded; floats.
    SquareRoot,
    /// Down to an integer; floats.
    Floor,
    /// Up to an integer; floats.
    Ceiling,
    /// Towards zero to an integer; floats.
    Truncate,
    /// To the nearest integer, ties to even; floats.
    RoundEven,
    /// Each bit of an integer, or a `bool`, inverted.
    Not,
    /// The lower byte of each half of 16 bits, its sign kept, in as many bits; `u32`.
    EvenBytes,
    /// The upper byte of each half of 16 bits likewise; `u32`.
    OddBytes,
}

/// Small numbers that are the parts of 32-bit lanes, the first in the lowest bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum LaneParts {
    /// Two `bf16` on either side, summed in `f32`. Products are exact; sums are rounded, the two products may come in either order, and
    /// subnormal numbers may count as zeros.
    Bf16Pairs,
    /// Two signed integers of 16 bits on either side, summed in `i32`, which wraps. Not all four are the least one.
    WordPairs,
    /// Four unsigned bytes on the left and four signed ones on the right, summed in `i32`, which wraps.
    ByteQuads,
}

impl LaneParts {
    /// The type in which products are summed.
    pub fn sum(self) -> Element {
        match self {
            LaneParts::Bf16Pairs => Element::F32,
            LaneParts::WordPairs | LaneParts::ByteQuads => Element::I32,
        }
    }

    /// The name that printed kernels have for it.
    pub fn name(self) -> &'static str {
        match self {
            LaneParts::Bf16Pairs => "bf16_pairs",
            LaneParts::WordPairs => "word_pairs",
            LaneParts::ByteQuads => "byte_quads",
        }
    }
}

/// Operations on two operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum BinaryOperation {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`; of integers towards zero, and `b` is not 0.
    Divide,
    /// The remainder of a division towards zero, with the sign of `a`; integers, and `b` is not 0.
    Remainder,
    /// The smaller; of floats `a < b ? a : b` (so `b` of two zeros) with NaN if either is NaN.
    Minimum,
    /// The larger; of floats `a > b ? a : b` (so `b` of two zeros) with NaN if either is NaN.
    Maximum,
    /// Bits of integers, or `bool`.
    And,
    /// Bits of integers, or `bool`.
    Or,
    /// Bits of integers, or `bool`.
    ExclusiveOr,
    /// `a` moved left by `b` bits, `b` at least 0 and below the width; integers.
    ShiftLeft,
    /// `a` moved right by `b` bits, the sign kept for signed types; `b` as above; integers.
    ShiftRight,
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Comparison {
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterEqual,
}

/// A compiled model before its code is written: the program form and the kernels its launches name.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program; its `kernels` are in the order of `kernels` here. `backend` is empty until code is written.
    pub program: moe_runtime::program::Program,
    /// The kernels.
    pub kernels: Vec<Kernel>,
    /// What products some of the kernels are, by their place.
    pub products: BTreeMap<u32, ProductShape>,
}

/// What a scheduler must know of the machine and the printer it writes for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Target {
    /// The bytes of a vector register that the printer can use: 16 for Cranelift, 16, 32 or 64 for LLVM.
    pub vector_bytes: u32,
    /// How many vector registers there are.
    pub vector_registers: u32,
    /// Whether `a * b + c` with one rounding is one instruction.
    pub fused_multiply_add: bool,
    /// Whether [`LaneParts::Bf16Pairs`] are multiplied and added by one instruction.
    pub bf16_pairs: bool,
    /// Whether [`LaneParts::WordPairs`] are multiplied and added by one instruction, or by two.
    pub word_pairs: bool,
    /// Whether [`LaneParts::ByteQuads`] are multiplied and added by one instruction.
    pub byte_quads: bool,
}

impl Target {
    /// A machine without instructions for products of parts.
    pub const fn new(vector_bytes: u32, vector_registers: u32, fused_multiply_add: bool) -> Target {
        let (bf16_pairs, word_pairs, byte_quads) = (false, false, false);
        Target { vector_bytes, vector_registers, fused_multiply_add, bf16_pairs, word_pairs, byte_quads }
    }

    /// Whether there are instructions for products of such parts.
    pub fn multiplies(&self, parts: LaneParts) -> bool {
        match parts {
            LaneParts::Bf16Pairs => self.bf16_pairs,
            LaneParts::WordPairs => self.word_pairs,
            LaneParts::ByteQuads => self.byte_quads,
        }
    }
}
