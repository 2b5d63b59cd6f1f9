//! `moe info --measure`: the speeds of this machine, by small models that are compiled as any model is and timed.
//!
//! Each model does almost nothing but work of one kind, on all cores. What it does is counted by the program while it runs, or is plain from
//! its text; the shortest of several times counts, since what disturbs a run only makes it longer.

use crate::backend::{self, Backend};
use crate::cache::Cache;
use crate::compile::compile;
use crate::cpu::NATIVE;
use crate::memory::kernels_in_memory;
use crate::session::{Failure, Selection, Session};
use crate::starting::starting_weights;
use moe_diagnostics::Diagnostic;
use moe_rewrite::MachineDescription;
use moe_runtime::{Context, Element, Model, Tensor, TensorMut, TensorRef, WeightFile};
use std::time::{Duration, Instant};

/// Rows of 16 entries that are just worth sharing among threads.
const SHARED: usize = 1 << 10;

/// Runs of one model.
const RUNS: usize = 15;

/// The rows of products, and their width: three matrices of 1 MiB.
const WIDTH: usize = 512;

/// The entries that functions of single entries are applied to: they stay in the cores' caches.
const ENTRIES: usize = 1 << 17;

/// The entries of what is read and written by the measurement of memory: more than caches hold.
const MEMORY: usize = 1 << 24;

/// The models whose text is always the same.
const MODELS: &str = "moe 1

model Product[D = 512](x: f32[N, D]) -> f32[N, F] {
    weight w: f32[D, F = D]
    x @ w
}

model Bytes[D = 512](x: f32[N, D]) -> i32[N, F] {
    weight w: i8[D, F = D] = 1
    ((x * 127) as i8 as i32) @ (w as i32)
}

model Packed[D = 512, E = 8](x: f32[N, D]) -> f32[N, F] {
    weight score: f32[D, E]
    weight w: f32[E, D, F = D]
    let s = x @ score
    let g = where(largest_mask[1](s, over E), s, 0.0)
    sum e: E { g[_, e] * (x @ w[e]) }
}

model Memory(x: f32[N]) -> f32[N] {
    x + 1.0
}

model Starts[D = 16](x: f32[N, D]) -> f32[N, D] {
    let h = x
    repeat i in 64 {
        h = exp(h) / (1.0 + sum d: D { exp(h[_, d]) })
    }
    h
}
";

/// How many comparisons and choices a model does on each entry.
const SIMPLE: usize = 64;

/// How many exponentials, divisions and roots.
const SPECIAL: usize = 9;

/// Measures this machine with the best back end that is installed; who that is comes with it.
///
/// # Errors
/// If the code generator fails, or there is not enough memory.
pub fn measure() -> Result<(MachineDescription, &'static str), Failure> {
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let path = folder.path().join("measure.moe");
    std::fs::write(&path, source()).map_err(|error| failed(&error))?;
    let (backend, _) = backend::choose(None).map_err(Failure::plain)?;
    let bench = Bench { session: Session::open(&path)?, backend };
    let whole = (WIDTH * WIDTH * WIDTH) as f64 * 2.0;
    let arithmetic = whole / bench.time("Product", WIDTH)?.seconds;
    let integer = whole / bench.time("Bytes", WIDTH)?.seconds;
    let packed = bench.time("Packed", WIDTH)?;
    let simple = (SIMPLE * ENTRIES) as f64 / bench.time("Simple", ENTRIES)?.seconds;
    let special = (SPECIAL * ENTRIES) as f64 / bench.time("Special", ENTRIES)?.seconds;
    let bandwidth = 2.0 * (MEMORY * Element::F32.bytes()) as f64 / bench.time("Memory", MEMORY)?.seconds;
    // Nests that all cores share, at two sizes: what does not grow is the start. One row alone says what a call takes at least.
    let (call, short, long) =
        (bench.time("Starts", 1)?, bench.time("Starts", SHARED)?, bench.time("Starts", 2 * SHARED)?);
    let start = (2.0 * short.seconds - long.seconds).max(call.seconds) / call.launches;
    let description = MachineDescription {
        arithmetic: rounded(arithmetic / 1e9),
        integer: rounded(integer / 1e9),
        simple: rounded(simple / 1e9),
        special: rounded(special / 1e9),
        bandwidth: rounded(bandwidth / 1e9),
        launch: rounded(start),
        // Rows that are packed are never faster than rows that are not.
        ragged: rounded((packed.seconds * arithmetic / packed.operations).max(1.0)),
    };
    Ok((description, bench.backend.name()))
}

fn failed(why: &dyn std::fmt::Display) -> Failure {
    Failure::plain(Diagnostic::plain_error("E0705", format!("this machine cannot be measured: {why}")))
}

/// The text of all models.
fn source() -> String {
    // Bounds that differ, so that none follows from another.
    let bound = |place: usize| 0.25 + place as f64 / 1024.0;
    let simple = |place: usize| match place % 2 {
        0 => format!("max(h, {})", bound(place)),
        _ => format!("min(h, {})", 1.0 - bound(place) / 2.0),
    };
    let special = |place: usize| match place % 3 {
        0 => "exp(-h)".to_owned(),
        1 => "1.0 / (h + 1.0)".to_owned(),
        _ => "sqrt(h)".to_owned(),
    };
    MODELS.to_owned() + &chain("Simple", SIMPLE, &simple) + &chain("Special", SPECIAL, &special)
}

/// A model that applies functions to each entry of `x`, one to what the other gave: `h`.
fn chain(name: &str, count: usize, function: &dyn Fn(usize) -> String) -> String {
    let last = count.saturating_sub(1);
    let lines: String = (0..count)
        .map(|place| {
            let (h, next) = (format!("h{place}"), function(place).replace("(h", &format!("(h{place}")));
            let next = next.replace("-h)", &format!("-{h})"));
            if place == last {
                format!("    {next}\n")
            } else {
                format!("    let h{} = {next}\n", place + 1)
            }
        })
        .collect();
    format!("\nmodel {name}(x: f32[N]) -> f32[N] {{\n    let h0 = x\n{lines}}}\n")
}

/// To three digits: more are noise.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// What one model took.
struct Taken {
    seconds: f64,
    launches: f64,
    operations: f64,
}

struct Bench {
    session: Session,
    backend: Backend,
}

impl Bench {
    /// The shortest time of a model with so many rows.
    fn time(&self, model: &str, rows: usize) -> Result<Taken, Failure> {
        let selection = Selection { model: Some(model.to_owned()), ..Selection::default() };
        let compiled = compile(&self.session, &selection)?;
        let plan = compiled.plan_by(&self.session, &selection, &self.backend, NATIVE, &[])?;
        let kernels =
            kernels_in_memory(&self.backend, &plan.kernels, &Cache::of_user()).map_err(Failure::plain)?;
        let weights = starting_weights(&compiled.elaborated, 1)?;
        let weights = match weights.is_empty() {
            true => None,
            false => Some(WeightFile::from_tensors("weights", &weights).map_err(|error| failed(&error))?),
        };
        let inputs = inputs(&plan.program, rows).ok_or_else(|| failed(&"it has not enough memory"))?;
        let model = Model::new(plan.program, kernels, weights).map_err(|error| failed(&error))?;
        let mut context = Context::new(&model, None).map_err(|error| failed(&error))?;
        context.watch(moe_runtime::Watch::Work);
        // The outputs are made once: to be given memory takes its time too.
        let mut outputs = context.run(&inputs).map_err(|error| failed(&error))?;
        let inputs: Vec<TensorRef> = inputs.iter().map(TensorRef::from).collect();
        let mut outputs: Vec<TensorMut> = outputs.iter_mut().map(TensorMut::from).collect();
        let mut shortest = Duration::MAX;
        for _ in 0..RUNS {
            let begin = Instant::now();
            context.run_into(&inputs, &mut outputs).map_err(|error| failed(&error))?;
            shortest = shortest.min(begin.elapsed());
        }
        let counts = context.counts();
        let seconds = shortest.as_secs_f64().max(1e-9);
        Ok(Taken { seconds, launches: counts.calls.max(1) as f64, operations: counts.flops.max(1) as f64 })
    }
}

/// Inputs of `f32` whose entries are between 0 and 1, with `rows` for each free size.
fn inputs(program: &moe_runtime::program::Program, rows: usize) -> Option<Vec<Tensor>> {
    let symbols = vec![i64::try_from(rows).ok()?; program.symbols.len()];
    let input = |input: &moe_runtime::program::TensorDescription| {
        let size = |axis: &moe_runtime::program::AxisDescription| {
            usize::try_from(moe_runtime::sizes::evaluate(&axis.size, &symbols)?).ok()
        };
        let shape: Vec<usize> = input.axes.iter().map(size).collect::<Option<_>>()?;
        let entries = (0..shape.iter().product()).map(|place: usize| (place % 1009) as f32 / 1009.0);
        Tensor::from_f32(shape, &entries.collect::<Vec<f32>>())
    };
    program.inputs.iter().map(input).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The models do what they are timed for: so many operations in one loop nest, products by packed rows, a launch for each round.
    #[test]
    fn the_models_do_what_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("measure.moe");
        std::fs::write(&path, source()).unwrap();
        let Ok(session) = Session::open(&path) else { panic!() };
        let plan = |model: &str| {
            let selection = Selection { model: Some(model.to_owned()), ..Selection::default() };
            let Ok(compiled) = compile(&session, &selection) else { panic!("{model}") };
            let Ok(plan) = compiled.plan(&session, &selection, &moe_cranelift::target(), &[]) else {
                panic!()
            };
            (compiled.explanation(), plan.program)
        };
        for (model, each) in [("Simple", SIMPLE), ("Special", SPECIAL)] {
            let (explanation, program) = plan(model);
            assert_eq!(program.forms[0].step.len(), 1, "{model}");
            let maps = ["maximum", "minimum", "exp", "divide", "sqrt"];
            let after =
                explanation.split(", rewritten").last().unwrap().split(" stays as it is").next().unwrap();
            let found =
                after.lines().filter(|line| maps.iter().any(|map| line.contains(&format!("= {map} "))));
            assert_eq!(found.count(), each, "{explanation}");
        }
        assert!(plan("Packed").0.contains("rows: where"));
    }

    #[test]
    fn speeds_have_three_digits() {
        assert_eq!(rounded(61.2345), 61.2);
        assert_eq!(rounded(1.23456e-6), 1.23e-6);
    }
}
