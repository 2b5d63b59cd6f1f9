//! The program form: what is launched, on which buffers, how large. It is data, written by the compiler beside the
//! kernels' code and interpreted here, so that every road to a program (in memory, executable, library) behaves alike.
//!
//! A program has two halves. `prepare` works out what weights alone decide, and turns weights as they lie in files into the layout the kernels
//! read; it runs once when weights are loaded. A step turns inputs into outputs; there may be several forms of it, of which the free sizes choose
//! one. Before a context's first step `begin` gives states their first values.

use crate::element::Element;
use crate::sizes;
use serde::{Deserialize, Serialize};

/// The version of this form. A program and a runtime of different versions refuse each other.
pub const FORMAT_VERSION: u32 = 9;

/// The machine code of a kernel.
///
/// `buffers` points at the launch's buffers in the order of the kernel's parameters, `sizes` at its 64-bit sizes.
/// The kernel does items `begin..end` of the launch's extent and returns 0, or 1 + the index of a [`Fault`].
///
/// Calls for disjoint ranges of one launch may run at the same time.
pub type KernelFunction =
    unsafe extern "C" fn(buffers: *const *mut u8, sizes: *const i64, begin: i64, end: i64) -> i32;

/// A size that is known when a program starts: an expression over its free sizes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum SizeExpression {
    /// A number.
    Constant(i64),
    /// A free size, by its index in [`Program::symbols`].
    Symbol(u32),
    /// The sum of two.
    Add(Box<SizeExpression>, Box<SizeExpression>),
    /// The difference of two.
    Subtract(Box<SizeExpression>, Box<SizeExpression>),
    /// The product of two.
    Multiply(Box<SizeExpression>, Box<SizeExpression>),
    /// The smaller of two.
    Minimum(Box<SizeExpression>, Box<SizeExpression>),
    /// The larger of two.
    Maximum(Box<SizeExpression>, Box<SizeExpression>),
    /// The quotient of two, rounded up. The divisor is positive.
    CeilingDivide(Box<SizeExpression>, Box<SizeExpression>),
    /// The quotient of two, rounded down. The divisor is positive.
    FloorDivide(Box<SizeExpression>, Box<SizeExpression>),
    /// An `i64` read from a buffer after the launch it belongs to: a count found while running. Only reports use it
    /// (operations counted), never a launch.
    Counted {
        /// The buffer, by its index in [`Program::buffers`].
        buffer: u32,
        /// Which entry.
        entry: Box<SizeExpression>,
    },
}

/// A free size, bound by the shapes of the inputs: some axis of an input is that long, or a number longer. Or it is the longest stretch of
/// some [`Offsets`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Symbol {
    /// Its name in the source, such as `N`.
    pub name: String,
}

/// An input of `i64` with one axis that cuts rows into stretches: where each begins, and where the last ends. Before a step it is checked
/// that it begins with 0, does not descend and ends with the number of rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offsets {
    /// The input, by its index in [`Program::inputs`].
    pub input: u32,
    /// How many rows there are.
    pub rows: SizeExpression,
    /// The free size that is the length of the longest stretch, by its index in [`Program::symbols`].
    pub longest: u32,
}

/// One axis of a tensor at the program's edge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AxisDescription {
    /// Its name in the source.
    pub name: String,
    /// Its size.
    pub size: SizeExpression,
}

/// A tensor at the program's edge: row-major, the axes in the order written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TensorDescription {
    /// Its name; for weights the dotted key in a `.safetensors` file.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its axes.
    pub axes: Vec<AxisDescription>,
}

/// A weight: what the program reads, and where a file keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WeightDescription {
    /// What the program reads.
    pub tensor: TensorDescription,
    /// Where it comes from; without a mapping, the tensor of the same name, shape and element type.
    pub source: Option<WeightSource>,
    /// What the program takes for granted of its entries, and leaves out. Other weights are refused.
    pub left_out: Vec<LeftOut>,
}

/// Entries of a weight that a program leaves out: all those at some places along an axis.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// The axis, counted from the first.
    pub axis: u32,
    /// The places, in ascending order.
    pub places: Vec<u64>,
    /// What the entries are.
    pub value: LeftOutValue,
}

/// What entries may be that are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LeftOutValue {
    /// 0 of either sign, or false.
    Zero,
    /// Negative infinity.
    NegativeInfinity,
}

/// How a weight is put together from tensors of somebody else's file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WeightSource {
    /// The file's tensors, one for each entry along the stacked leading axes (row-major), else just one.
    pub keys: Vec<String>,
    /// The sizes of the leading axes that `keys` are stacked along; empty when nothing is stacked.
    pub stacked: Vec<u64>,
    /// The shape that each of the file's tensors must have.
    pub shape: Vec<u64>,
    /// The element type that each of the file's tensors must have; `None`: the weight's own.
    pub element: Option<Element>,
    /// What is done to each, in order.
    pub steps: Vec<SourceStep>,
}

/// One step from a file's tensor to a weight.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SourceStep {
    /// Piece `index` of `count` equal consecutive pieces along an axis.
    Piece {
        /// The axis, counted from the first.
        axis: u32,
        /// Which piece.
        index: u64,
        /// Of how many.
        count: u64,
    },
    /// Entries `offset`, `offset + stride`, … along an axis.
    Stride {
        /// The axis, counted from the first.
        axis: u32,
        /// The first entry.
        offset: u64,
        /// The distance between entries.
        stride: u64,
    },
    /// The last two axes change places.
    Transpose,
}

/// Where a buffer lies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Place {
    /// The caller's input, by index.
    Input(u32),
    /// The caller's output, by index.
    Output(u32),
    /// A weight, by index; immutable and shared by all contexts.
    Weight(u32),
    /// Constant bytes, by index in [`Program::constants`].
    Constant(u32),
    /// Made once from the weights by `prepare`, shared by all contexts: an offset in bytes into the model's arena.
    Prepared(SizeExpression),
    /// Scratch memory of one context: an offset in bytes into its arena.
    Arena(SizeExpression),
    /// Scratch memory of one thread, for one call of a kernel: an offset in bytes into its own, which no other thread sees.
    Thread(SizeExpression),
    /// Kept from step to step in one context, by index in [`Program::states`].
    State(u32),
    /// Part of another buffer: the entry of the current round of an enclosing [`Repeat`]. Its address is the other buffer's plus the
    /// number of the round times `stride`.
    Round {
        /// The other buffer.
        buffer: u32,
        /// Which enclosing repeat, counted from the outermost, 0.
        depth: u32,
        /// The bytes from one round's entry to the next.
        stride: SizeExpression,
    },
}

/// A contiguous stretch of memory, 64-byte aligned (inputs, outputs and weights as the caller and the file give them).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Buffer {
    /// What it holds, for `--dump` and for people.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// How many entries it has.
    pub length: SizeExpression,
    /// Where it lies.
    pub place: Place,
}

/// One call of a kernel over a range of items.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Launch {
    /// The kernel, by its index in the table of functions and in [`Program::kernels`].
    pub kernel: u32,
    /// The buffers, by index in [`Program::buffers`], in the order of the kernel's parameters.
    pub buffers: Vec<u32>,
    /// The sizes, in the order of the kernel's parameters.
    pub sizes: Vec<SizeExpression>,
    /// How many items there are; the threads share them.
    pub extent: SizeExpression,
    /// How many items a thread takes at a time, at least; at least 1.
    pub grain: SizeExpression,
    /// Floating-point operations done, counting what was skipped as not done.
    pub flops: SizeExpression,
    /// Bytes read and written.
    pub bytes: SizeExpression,
}

impl Program {
    /// A program of a model that has nothing yet.
    pub fn empty(model: &str) -> Self {
        Program {
            version: FORMAT_VERSION,
            model: model.to_owned(),
            backend: String::new(),
            deterministic: false,
            peak: None,
            symbols: Vec::new(),
            inputs: Vec::new(),
            offsets: Vec::new(),
            outputs: Vec::new(),
            weights: Vec::new(),
            states: Vec::new(),
            constants: Vec::new(),
            buffers: Vec::new(),
            prepared_bytes: SizeExpression::Constant(0),
            kernels: Vec::new(),
            faults: Vec::new(),
            prepare: Vec::new(),
            begin: Vec::new(),
            rows: SizeExpression::Constant(0),
            forms: Vec::new(),
            observations: Vec::new(),
        }
    }
}

impl Launch {
    /// Visits the buffers that it uses: those of the kernel, and those that its work is counted from when it is done.
    pub fn each_buffer(&self, visit: &mut dyn FnMut(u32)) {
        self.buffers.iter().for_each(|buffer| visit(*buffer));
        for work in [&self.flops, &self.bytes] {
            sizes::visit(work, &mut |leaf| {
                if let SizeExpression::Counted { buffer, .. } = leaf {
                    visit(*buffer);
                }
            });
        }
    }
}

/// One step of a program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// A kernel called.
    Launch(Launch),
    /// Steps done several times: a repeated layer, a fold.
    Repeat(Repeat),
}

impl Step {
    /// Visits the buffers that it uses, those of all it repeats among them.
    pub fn each_buffer(&self, visit: &mut dyn FnMut(u32)) {
        match self {
            Step::Launch(launch) => launch.each_buffer(visit),
            Step::Repeat(repeat) => {
                if let Count::Buffer(buffer) = repeat.count {
                    visit(buffer);
                }
                repeat.body.iter().for_each(|step| step.each_buffer(visit));
            }
        }
    }
}

/// Steps done several times, one round after the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Repeat {
    /// How many rounds.
    pub count: Count,
    /// What a round does. Buffers placed at [`Place::Round`] move from round to round.
    pub body: Vec<Step>,
}

/// How many rounds a repeat has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Count {
    /// Known when the program starts.
    Size(SizeExpression),
    /// The first entry of an `i64` buffer when the repeat begins; a negative number is none.
    Buffer(u32),
}

/// What a person may want to know of a kernel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KernelDescription {
    /// Its name: unique in the program, an identifier.
    pub name: String,
    /// The source it comes from, `file:line:column`, when there is one.
    pub origin: Option<String>,
}

/// Why a kernel stopped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Its code, such as `E0901`.
    pub code: String,
    /// One line without a full stop.
    pub message: String,
}

/// A tensor kept from step to step. It is all 0 until [`Program::begin`] has run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StateDescription {
    /// Its name, element type and axes.
    pub tensor: TensorDescription,
}

/// A dotted value that `--dump` can show: present in the arena or the state after a step when it was compiled in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Observation {
    /// Its name, element type and axes.
    pub tensor: TensorDescription,
    /// The buffer that holds it when the step ends, for each of [`Program::forms`].
    pub buffers: Vec<u32>,
}

/// One way to do a step. All forms compute the same from the same inputs, weights and states; which is fastest depends on the free sizes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Form {
    /// It is used where [`Program::rows`] is at least this, and less than that of the next form. 0 for the first.
    pub from: i64,
    /// The bytes of a context's arena.
    pub arena_bytes: SizeExpression,
    /// The bytes of each thread's scratch memory.
    pub thread_bytes: SizeExpression,
    /// What is done.
    pub step: Vec<Step>,
}

/// What a machine does at most on all its cores, in a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Peak {
    /// Additions and multiplications of `f32`.
    pub operations: u64,
    /// Bytes read from memory and written.
    pub bytes: u64,
}

/// A compiled model, without its machine code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Program {
    /// [`FORMAT_VERSION`] of the compiler that wrote it.
    pub version: u32,
    /// The model's name.
    pub model: String,
    /// Who wrote the kernels' code: `llvm` or `cranelift`, and the processor it was written for.
    pub backend: String,
    /// Whether it was asked for that a row has the same bits in any batch; then there is one form.
    pub deterministic: bool,
    /// What the machine that it was compiled on does at most, if that was measured.
    pub peak: Option<Peak>,
    /// The free sizes.
    pub symbols: Vec<Symbol>,
    /// The inputs.
    pub inputs: Vec<TensorDescription>,
    /// The inputs that cut rows into stretches.
    pub offsets: Vec<Offsets>,
    /// The outputs.
    pub outputs: Vec<TensorDescription>,
    /// The weights.
    pub weights: Vec<WeightDescription>,
    /// The states.
    pub states: Vec<StateDescription>,
    /// Constant data.
    pub constants: Vec<Vec<u8>>,
    /// All buffers.
    pub buffers: Vec<Buffer>,
    /// The bytes of the model's arena of prepared weights; without free sizes.
    pub prepared_bytes: SizeExpression,
    /// The kernels, in the order of the table of functions.
    pub kernels: Vec<KernelDescription>,
    /// Why kernels may stop.
    pub faults: Vec<Fault>,
    /// Run once, when weights are loaded.
    pub prepare: Vec<Launch>,
    /// Run before the first step of a context and after each reset, at the sizes of that step: writes the states that do not begin as 0,
    /// from weights and constants.
    pub begin: Vec<Step>,
    /// What chooses among forms: the product of some free sizes.
    pub rows: SizeExpression,
    /// The forms of a step, at least one. Where several are, their buffers in arenas and of threads are their own; all else is shared.
    pub forms: Vec<Form>,
    /// What `--dump` can show.
    pub observations: Vec<Observation>,
}
