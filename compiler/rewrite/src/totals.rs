//! FLOPs, bytes and predicted time of whole functions, as sizes and at the nominal sizes.

use crate::cost::{read, reading, work, Bytes, Work};
use crate::machine::MachineDescription;
use crate::sizes::Nominal;
use moe_graph::{AxisId, Function, FunctionId, NodeId, Operation, OutputKind, Size};
use std::collections::{BTreeMap, BTreeSet};

/// What a step costs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Totals {
    /// Floating-point operations.
    pub flops: Size,
    /// Bytes moved at materialization points.
    pub bytes: Size,
    /// Predicted seconds at the nominal sizes.
    pub seconds: f64,
}

impl Totals {
    fn plus(&self, other: &Totals, times: &Size, nominal: &Nominal) -> Totals {
        Totals {
            flops: self.flops.add(&other.flops.multiply(times)),
            bytes: self.bytes.add(&other.bytes.multiply(times)),
            seconds: self.seconds + other.seconds * nominal.value(times),
        }
    }
}

/// The nodes that results and next states need. Observed outputs are dead unless asked for, and a state
/// begins once.
pub fn needed(function: &Function) -> BTreeSet<NodeId> {
    let results = function
        .outputs
        .iter()
        .filter(|output| !matches!(output.kind, OutputKind::Observed | OutputKind::Initial));
    let mut open: Vec<NodeId> = results.map(|output| output.node).collect();
    let mut needed = BTreeSet::new();
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            open.extend(function.node(id).iter().flat_map(|node| node.operands.iter().copied()));
        }
    }
    needed
}

/// What a step reads of each node that is the same in every step.
fn readings(function: &Function, invariant: &[bool]) -> Vec<Option<u64>> {
    let mut readings: Vec<Option<u64>> = Vec::with_capacity(function.nodes.len());
    for node in &function.nodes {
        let operands: Vec<_> = node
            .operands
            .iter()
            .filter_map(|id| Some((&function.node(*id)?.ty, readings.get(id.0 as usize).copied().flatten())))
            .collect();
        let is_weight = |index: u32| invariant.get(index as usize) == Some(&true);
        readings.push(reading(function, &node.operation, &operands, &node.ty, &is_weight));
    }
    readings
}

/// One node that a step computes, and how long it takes at the nominal sizes.
struct Computed {
    work: Work,
    seconds: f64,
    /// The function that it calls, and how often.
    calls: Option<(FunctionId, Size)>,
}

/// How many entries there are along an axis, given those along packed ones.
fn entries(function: &Function, rows: &BTreeMap<AxisId, Size>, axis: AxisId) -> Size {
    rows.get(&axis).cloned().unwrap_or_else(|| function.size(axis))
}

/// What a step of a function computes, whose packed axes have `rows` entries, given which of its parameters are the same in every step. What is
/// worked out once is not among it.
fn computed<'a>(
    function: &'a Function,
    invariant: &[bool],
    rows: &'a BTreeMap<AxisId, Size>,
    machine: &'a MachineDescription,
    nominal: &'a Nominal,
) -> impl Iterator<Item = Computed> + 'a {
    let mut called = BTreeSet::new();
    let readings = readings(function, invariant);
    let of = move |id: &NodeId| readings.get(id.0 as usize).copied().flatten();
    let needed = needed(function).into_iter().filter(|id| of(id).is_none()).collect::<Vec<_>>();
    needed.into_iter().filter_map(|id| function.node(id)).map(move |node| {
        let operands: Vec<_> = node.operands.iter().filter_map(|id| Some(&function.node(*id)?.ty)).collect();
        let axes = operands.iter().flat_map(|ty| &ty.axes).chain(&node.ty.axes);
        let ragged = axes.into_iter().any(|axis| function.axis(*axis).is_some_and(|axis| axis.ragged));
        let mut work = work(&node.operation, &operands, &node.ty);
        let known: Vec<Option<u64>> = node.operands.iter().map(&of).collect();
        let read = i64::try_from(read(&node.operation, &known)).unwrap_or(i64::MAX);
        work.bytes.push(Bytes { each: read, axes: Vec::new() });
        let seconds = work.seconds(machine, ragged, &|axis| nominal.value(&entries(function, rows, axis)));
        // Results of one call are nodes with the same operands.
        let calls = call(function, &node.operation);
        let calls = calls.filter(|(callee, _)| called.insert((*callee, &node.operands)));
        Computed { work, seconds, calls }
    })
}

/// The totals of a function, whose packed axes have `rows` entries, given those of the functions it calls.
pub fn totals(
    function: &Function,
    invariant: &[bool],
    rows: &BTreeMap<AxisId, Size>,
    callees: &[Totals],
    machine: &MachineDescription,
    nominal: &Nominal,
) -> Totals {
    let volume = |axes: &[AxisId]| {
        axes.iter().fold(Size::constant(1), |volume, axis| volume.multiply(&entries(function, rows, *axis)))
    };
    let mut sum = Totals::default();
    for Computed { work, seconds, calls } in computed(function, invariant, rows, machine, nominal) {
        sum = sum.plus(&symbolic(&work, &volume, seconds), &Size::constant(1), nominal);
        let callee = calls.and_then(|(callee, times)| Some((callees.get(callee.0 as usize)?, times)));
        sum = callee.map_or(sum.clone(), |(callee, times)| sum.plus(callee, &times, nominal));
    }
    sum
}

/// The predicted seconds alone, for which no sizes are multiplied out: forms are compared at many sizes.
pub fn seconds(
    function: &Function,
    invariant: &[bool],
    rows: &BTreeMap<AxisId, Size>,
    callees: &[f64],
    machine: &MachineDescription,
    nominal: &Nominal,
) -> f64 {
    computed(function, invariant, rows, machine, nominal)
        .map(|node| {
            let callee = node.calls.map(|(callee, times)| {
                callees.get(callee.0 as usize).copied().unwrap_or_default() * nominal.value(&times)
            });
            node.seconds + callee.unwrap_or_default()
        })
        .sum()
}

fn symbolic(work: &Work, volume: &dyn Fn(&[AxisId]) -> Size, seconds: f64) -> Totals {
    let flops = work.operations.iter().filter(|part| part.flops != 0).fold(Size::default(), |sum, part| {
        sum.add(&volume(&part.axes).multiply(&Size::constant(part.flops)))
    });
    let bytes = work
        .bytes
        .iter()
        .fold(Size::default(), |sum, part| sum.add(&volume(&part.axes).multiply(&Size::constant(part.each))));
    Totals { flops, bytes, seconds }
}

/// The function that an operation calls, and how often; rounds whose number is only known while running count as one.
fn call(function: &Function, operation: &Operation) -> Option<(FunctionId, Size)> {
    match operation {
        Operation::Call { function: callee, .. } | Operation::Fold { function: callee, .. } => {
            Some((*callee, Size::constant(1)))
        }
        Operation::Repeat { function: callee, over, .. } => Some((*callee, function.size(*over))),
        _ => None,
    }
}
