//! The cost of one operation: a roofline without overlap.
//!
//! Work is arithmetic by kind, plus bytes at the places where values must be laid out in memory: reductions and contractions, packing,
//! unpacking, sums of segments, selections, calls, and parameters (read once). Scalar functions, casts, renamings and slices belong to the loops
//! of whoever uses them and move no bytes. A value that lacks axes of its mask is not copied when packed: its rows are read where
//! they are. A laid-out value counts twice, written and read. Every laid-out value is a loop nest to start; lists of packed rows cost a pass over the mask.
//!
//! A contraction is `sum` of `multiply`: the product costs one operation an entry, the sum another.
//!
//! What is the same in every step (made of weights and constants alone, of known sizes) is worked out once, when weights are loaded. A step reads
//! it where it uses it, as often as it does, and pays a small share of its work and of the memory it takes.

use crate::machine::MachineDescription;
use moe_graph::{keeps_invariance, AxisId, Element, Function, Operation, ReduceKind, ScalarFunction, Type};

/// The share of a step in work that is done once.
const PREPARED: f64 = 1e-4;
/// What a byte kept for the steps costs in each, in bytes read.
const ROOM: f64 = 1.0 / 16.0;

/// How fast an operation is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speed {
    /// Addition and multiplication.
    Arithmetic,
    /// The same of integers of 32 bits.
    Integer,
    /// Comparisons and choices.
    Simple,
    /// Division and transcendental functions.
    Special,
}

/// Operations on each entry of a space of axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Operations {
    /// How fast they are.
    pub speed: Speed,
    /// How many on each entry.
    pub each: i64,
    /// How many of those are floating-point operations.
    pub flops: i64,
    /// The space.
    pub axes: Vec<AxisId>,
}

/// Bytes for each entry of a space of axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Bytes {
    /// How many for each entry.
    pub each: i64,
    /// The space.
    pub axes: Vec<AxisId>,
}

/// What one operation costs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Work {
    /// Arithmetic.
    pub operations: Vec<Operations>,
    /// Memory.
    pub bytes: Vec<Bytes>,
    /// Loop nests to start.
    pub launches: u32,
}

impl Work {
    /// Seconds, with `entries` along each axis; `ragged` for work over packed rows.
    pub fn seconds(
        &self,
        machine: &MachineDescription,
        ragged: bool,
        entries: &dyn Fn(AxisId) -> f64,
    ) -> f64 {
        let volume = |axes: &[AxisId]| axes.iter().map(|axis| entries(*axis)).product::<f64>();
        let arithmetic: f64 = self
            .operations
            .iter()
            .map(|part| {
                let rate = match part.speed {
                    Speed::Arithmetic => machine.arithmetic,
                    Speed::Integer => machine.integer,
                    Speed::Simple => machine.simple,
                    Speed::Special => machine.special,
                };
                part.each as f64 * volume(&part.axes) / (rate * 1e9)
            })
            .sum();
        let bytes: f64 = self.bytes.iter().map(|part| part.each as f64 * volume(&part.axes)).sum();
        let slower = if ragged { machine.ragged } else { 1.0 };
        arithmetic * slower + bytes / (machine.bandwidth * 1e9) + self.launch_seconds(machine)
    }

    /// The share of a step in work that is done once, of which a step reads so many bytes.
    pub fn prepared_seconds(
        &self,
        machine: &MachineDescription,
        reading: Option<u64>,
        entries: &dyn Fn(AxisId) -> f64,
    ) -> f64 {
        // Where weights lie takes no room of its own.
        let room = if self.operations.is_empty() { 0.0 } else { reading.unwrap_or(0) as f64 };
        self.seconds(machine, false, entries) * PREPARED + room * ROOM / (machine.bandwidth * 1e9)
    }

    /// The part of the seconds that starting loop nests takes.
    pub fn launch_seconds(&self, machine: &MachineDescription) -> f64 {
        f64::from(self.launches) * machine.launch
    }
}

/// The work of `operation` on operands of these types, giving `ty`.
pub fn work(operation: &Operation, operands: &[&Type], ty: &Type) -> Work {
    let first = operands.first().map_or(&[] as &[AxisId], |ty| &ty.axes);
    match operation {
        Operation::Parameter(_) | Operation::Table(_) => {
            Work { bytes: vec![bytes(ty, 1)], ..Work::default() }
        }
        Operation::Map { function, .. } => {
            Work { operations: vec![scalar(*function, operands, ty)], ..Work::default() }
        }
        Operation::Cast(_) => arithmetic(Speed::Simple, 1, 0, &ty.axes),
        Operation::Reduce { kind, axes } => {
            let mut space = first.to_vec();
            space.extend(axes.iter().filter(|axis| !first.contains(axis)));
            Work { operations: vec![combining(*kind, ty, space)], ..laid_out(ty, 1) }
        }
        Operation::SegmentReduce { kind, .. } => {
            let rows = operands.get(1).map_or_else(Vec::new, |ty| ty.axes.clone());
            let list = Operations { speed: Speed::Simple, each: 4, flops: 0, axes: first.to_vec() };
            Work { operations: vec![combining(*kind, ty, rows), list], ..laid_out(ty, 2) }
        }
        Operation::Unpack { .. } => {
            let list = Operations { speed: Speed::Simple, each: 4, flops: 0, axes: first.to_vec() };
            Work { operations: vec![list], ..laid_out(ty, 2) }
        }
        Operation::Pack { .. } => pack(operands, ty),
        Operation::LargestMask { .. } | Operation::ArgMax { .. } => {
            Work { operations: arithmetic(Speed::Simple, 4, 0, first).operations, ..laid_out(ty, 1) }
        }
        Operation::Sort { .. } => {
            Work { operations: arithmetic(Speed::Simple, 16, 0, first).operations, ..laid_out(ty, 1) }
        }
        Operation::CumulativeSum { .. } => {
            Work { operations: arithmetic(Speed::Simple, 1, 1, first).operations, ..laid_out(ty, 1) }
        }
        Operation::ScatterAdd { .. } => {
            Work { operations: arithmetic(Speed::Simple, 2, 1, first).operations, ..laid_out(ty, 1) }
        }
        // Written where the base lies: what is not replaced costs nothing.
        Operation::Scatter { .. } => {
            let updates = operands.get(1).map_or(&[] as &[AxisId], |ty| &ty.axes);
            let bytes = operands.get(1).map(|ty| bytes(ty, 2)).into_iter().collect();
            Work { bytes, launches: 1, ..arithmetic(Speed::Simple, 2, 0, updates) }
        }
        Operation::Expect { .. } => arithmetic(Speed::Simple, 1, 0, first),
        Operation::Gather { .. } => Work { bytes: vec![bytes(ty, 1)], ..Work::default() },
        Operation::Pad { .. } | Operation::Concatenate { .. } => laid_out(ty, 1),
        Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => laid_out(ty, 1),
        Operation::Constant(_)
        | Operation::Coordinate(_)
        | Operation::SizeOf(_)
        | Operation::Rename { .. }
        | Operation::Merge { .. }
        | Operation::Split { .. }
        | Operation::Slice { .. }
        | Operation::Window { .. } => Work::default(),
    }
}

/// The bytes that a step reads of a value, if it is the same in every step: those of what it is a view of, none of what is worked out of coordinates.
/// `function` has the axes, `is_weight` says which parameters are the same in every step.
pub fn reading(
    function: &Function,
    operation: &Operation,
    operands: &[(&Type, Option<u64>)],
    ty: &Type,
    is_weight: &dyn Fn(u32) -> bool,
) -> Option<u64> {
    let size = |axis: &AxisId| u64::try_from(function.size(*axis).as_constant()?).ok();
    let whole = |ty: &Type| {
        let entries = ty.axes.iter().try_fold(1_u64, |all, axis| Some(all.saturating_mul(size(axis)?)));
        entries.map(|entries| entries.saturating_mul(ty.element.bytes() as u64))
    };
    if let Operation::Parameter(index) = operation {
        return whole(ty).filter(|_| is_weight(*index));
    }
    let own = whole(ty).filter(|_| keeps_invariance(function, operation, ty))?;
    let readings = operands.iter().map(|(_, reading)| *reading).collect::<Option<Vec<u64>>>()?;
    let first = readings.first().copied().unwrap_or(0);
    Some(match operation {
        Operation::Table(_) => own,
        Operation::Rename { .. } | Operation::Merge { .. } | Operation::Split { .. } | Operation::Cast(_) => {
            first
        }
        Operation::Slice { .. } => own.min(first),
        Operation::Map { .. } if readings.iter().all(|bytes| *bytes == 0) => 0,
        Operation::Constant(_) | Operation::Coordinate(_) | Operation::SizeOf(_) => 0,
        _ => own,
    })
}

/// The bytes that an operation reads of operands that are the same in every step, given those of each. Of a table only what is looked up is read;
/// what is called reads for itself.
pub fn read(operation: &Operation, readings: &[Option<u64>]) -> u64 {
    let known = !readings.is_empty() && readings.iter().all(Option::is_some);
    match operation {
        _ if known => 0,
        Operation::Gather { .. } => readings.iter().skip(1).flatten().sum(),
        Operation::Rename { .. }
        | Operation::Call { .. }
        | Operation::Repeat { .. }
        | Operation::Fold { .. } => 0,
        _ => readings.iter().flatten().sum(),
    }
}

fn bytes(ty: &Type, times: i64) -> Bytes {
    Bytes { each: times * ty.element.bytes() as i64, axes: ty.axes.clone() }
}

fn laid_out(ty: &Type, launches: u32) -> Work {
    Work { bytes: vec![bytes(ty, 2)], launches, ..Work::default() }
}

fn arithmetic(speed: Speed, each: i64, flops: i64, axes: &[AxisId]) -> Work {
    Work { operations: vec![Operations { speed, each, flops, axes: axes.to_vec() }], ..Work::default() }
}

/// How fast additions and multiplications of a type are.
fn arithmetic_on(element: Element) -> Speed {
    match element {
        Element::I32 | Element::U32 => Speed::Integer,
        _ => Speed::Arithmetic,
    }
}

fn combining(kind: ReduceKind, ty: &Type, axes: Vec<AxisId>) -> Operations {
    let speed = match kind {
        ReduceKind::Sum | ReduceKind::Product => arithmetic_on(ty.element),
        _ => Speed::Simple,
    };
    Operations { speed, each: 1, flops: i64::from(ty.element.is_float()), axes }
}

fn scalar(function: ScalarFunction, operands: &[&Type], ty: &Type) -> Operations {
    use ScalarFunction as F;
    let speed = match function {
        F::Add | F::Subtract | F::Multiply | F::Negate => arithmetic_on(ty.element),
        F::Exponential
        | F::ExponentialMinusOne
        | F::Logarithm
        | F::LogarithmPlusOne
        | F::SquareRoot
        | F::Sine
        | F::Cosine
        | F::HyperbolicTangent
        | F::ErrorFunction
        | F::Divide
        | F::Remainder
        | F::Power
        | F::Random => Speed::Special,
        _ => Speed::Simple,
    };
    let floats = function != F::Select && operands.first().is_some_and(|ty| ty.element.is_float());
    Operations { speed, each: 1, flops: i64::from(floats), axes: ty.axes.clone() }
}

fn pack(operands: &[&Type], ty: &Type) -> Work {
    let [mask, value] = operands else { return Work::default() };
    if mask.axes.iter().all(|axis| value.has(*axis)) {
        laid_out(ty, 1)
    } else {
        Work::default()
    }
}
