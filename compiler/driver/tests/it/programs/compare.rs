//! Compiled code beside what is expected, entry by entry.

use super::case::{Case, Run};
use crate::road::{opened, steps_done, Expected, Seen};
use moe_kernel::Plan;
use moe_runtime::{Context, Kernels, Tensor};

/// How far results may be apart in parts of their size, or of 1 where they are smaller.
const TOLERANCE: f64 = 2e-4;

/// How many times what the other width of numbers moves an entry it may be off.
const ROUNDING: f64 = 16.0;

/// How far rounding may move an entry before it says nothing any more.
const FARTHEST: f64 = 0.05;

/// How many entries were compared, and how many left out, and why.
#[derive(Default, Debug, Clone, Copy)]
pub struct Counts {
    pub compared: usize,
    pub margins: usize,
    pub rounding: usize,
}

/// Runs a plan of a case and compares it.
pub fn compare(case: &Case, plan: &Plan, kernels: Kernels, counts: &mut Counts) -> Result<(), String> {
    let model = opened(plan, kernels, &case.weights)?;
    let threads = 1 + (case.seed % 3) as usize;
    let mut context = Context::new(&model, Some(threads))
        .map_err(|error| format!("{}: {}", error.code(), error.message()))?;
    for (place, run) in case.runs.iter().enumerate() {
        context.reset();
        let found = steps_done(&mut context, plan, &run.steps)?;
        compare_run(case, run, &found, counts).map_err(|error| format!("run {place}, {error}"))?;
    }
    Ok(())
}

fn compare_run(case: &Case, run: &Run, found: &[Seen], counts: &mut Counts) -> Result<(), String> {
    // What is behind the states that a step reads.
    let mut states = f64::INFINITY;
    for (step, (expected, found)) in run.expected.iter().zip(found).enumerate() {
        let double = run.double.as_ref().map(|double| &double[step].outputs);
        if expected.outputs.len() != found.len() {
            return Err(format!("step {step}: other outputs: {:?}", found.keys()));
        }
        for (name, expected) in &expected.outputs {
            let found = found.get(name).ok_or_else(|| format!("step {step}: no output {name}"))?;
            let double = double.and_then(|double| double.get(name)).map(|own| &own.tensor);
            let uncertain = !case.exact && states < case.margin;
            compare_output(case, expected, double, found, uncertain, counts).map_err(|error| {
                let shapes: Vec<&[usize]> = run.steps[step].iter().map(Tensor::shape).collect();
                format!("step {step}, output {name}, inputs {shapes:?}: {error}")
            })?;
        }
        states = states.min(expected.states);
    }
    Ok(())
}

fn compare_output(
    case: &Case,
    expected: &Expected,
    double: Option<&Tensor>,
    found: &Tensor,
    uncertain: bool,
    counts: &mut Counts,
) -> Result<(), String> {
    let tensor = &expected.tensor;
    if tensor.element() != found.element() || tensor.shape() != found.shape() {
        let (a, b) = (tensor.shape(), found.shape());
        return Err(format!("{} of {b:?} instead of {} of {a:?}", found.element(), tensor.element()));
    }
    let double = double.map(Tensor::to_f64);
    for (place, (expected_entry, entry)) in tensor.to_f64().into_iter().zip(found.to_f64()).enumerate() {
        let margin = expected.margins.as_ref().map_or(f64::INFINITY, |margins| margins[place]);
        // Where all is exact, a tie is one on all machines.
        if !case.exact && (uncertain || margin < case.margin) {
            counts.margins += 1;
            continue;
        }
        let tolerance = match &double {
            Some(double) => {
                TOLERANCE * expected_entry.abs().max(1.0) + ROUNDING * (expected_entry - double[place]).abs()
            }
            None => 0.0,
        };
        if tolerance > FARTHEST * expected_entry.abs().max(1.0) {
            counts.rounding += 1;
            continue;
        }
        counts.compared += 1;
        let same = entry == expected_entry || (entry.is_nan() && expected_entry.is_nan());
        let near = (entry - expected_entry).abs() <= tolerance;
        if !same && !near {
            return Err(format!("entry {place} is {entry} and not {expected_entry} (tolerance {tolerance})"));
        }
    }
    Ok(())
}
