//! `moe bench --tune`: measures a few ways to cut up each product of a model, one choice after the other, and writes the fastest beside the
//! source, where builds find them.
//!
//! All products of the model try the same value at a time, and each keeps the one that it was fastest with: so there are as many compilations
//! as values, however many products there are.

use crate::bench::{Bench, BenchRequest};
use crate::cpu::NATIVE;
use crate::lock::Lock;
use crate::session::{Failure, Selection, Session};
use moe_diagnostics::Diagnostic;
use moe_kernel::{Blocking, Plan, ProductShape, Tuning};
use moe_runtime::{Context, Watch};
use moe_schedule::usual_blocking;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The shortest time of each product in a step.
type Times = BTreeMap<ProductShape, Duration>;

/// What is chosen, one after the other, and from what.
type Choice = (&'static [i64], fn(&mut Blocking) -> &mut i64);

const CHOICES: [Choice; 4] = [
    (&[1, 2, 3, 4], |own| &mut own.vectors),
    (&[1 << 17, 1 << 18, 1 << 19, 1 << 20], |own| &mut own.panel_bytes),
    (&[48, 96, 192, 384], |own| &mut own.rows),
    (&[0, 64, 128, 256, 512, 1024], |own| &mut own.ahead),
];

/// How much shorter a time must be for it to be no accident.
const GAIN: f64 = 0.97;

/// Measures the products of the chosen model, and writes what is faster than what is usual; a table of it, and warnings.
///
/// # Errors
/// Those of [`crate::bench`], or that the file cannot be written.
pub fn tune(
    session: &Session,
    selection: &Selection,
    request: &BenchRequest,
) -> Result<(String, Vec<Diagnostic>), Failure> {
    let bench = Bench::new(session, selection, request)?;
    let target = bench.backend.target(NATIVE).map_err(Failure::plain)?;
    let usual: Tuning = bench
        .plan(&Tuning::new())?
        .products
        .into_values()
        .filter_map(|product| Some((product.clone(), usual_blocking(&target, &product)?)))
        .collect();
    let mut best = usual.clone();
    for (values, place) in CHOICES {
        choose(&bench, &mut best, values, place)?;
    }
    let (before, after) = (times(&bench, &usual)?, times(&bench, &best)?);
    let is_faster = |product: &ProductShape| is_shorter(after.get(product), before.get(product));
    let kept: Tuning = best
        .into_iter()
        .filter(|(product, blocking)| usual.get(product) != Some(blocking) && is_faster(product))
        .collect();
    let lock = Lock::measured(session.path(), &kept);
    lock.store().map_err(Failure::plain)?;
    Ok((table(&before, &after, &kept, &lock), bench.warnings()))
}

/// Tries values of a choice for all products at once; each keeps the best.
fn choose(
    bench: &Bench,
    best: &mut Tuning,
    values: &[i64],
    place: fn(&mut Blocking) -> &mut i64,
) -> Result<(), Failure> {
    let mut now = times(bench, best)?;
    let mut chosen = best.clone();
    for value in values {
        let mut tried = best.clone();
        tried.values_mut().for_each(|blocking| *place(blocking) = *value);
        for (product, time) in times(bench, &tried)? {
            if is_shorter(Some(&time), now.get(&product)) {
                if let (Some(blocking), Some(tried)) = (chosen.get_mut(&product), tried.get(&product)) {
                    *blocking = *tried;
                }
                now.insert(product, time);
            }
        }
    }
    *best = chosen;
    Ok(())
}

fn is_shorter(time: Option<&Duration>, than: Option<&Duration>) -> bool {
    time.zip(than).is_some_and(|(time, than)| time.as_secs_f64() < than.as_secs_f64() * GAIN)
}

/// Compiles with products cut up so, and times them.
fn times(bench: &Bench, tuning: &Tuning) -> Result<Times, Failure> {
    let Plan { program, kernels, products } = bench.plan(tuning)?;
    let model = bench.model(program, &kernels)?;
    let mut shortest = Times::new();
    let mut step = |context: &mut Context| {
        context.run(&bench.inputs)?;
        let mut times = Times::new();
        for launch in context.launches() {
            if let Some(product) = products.get(&(launch.kernel as u32)) {
                *times.entry(product.clone()).or_default() += launch.length;
            }
        }
        for (product, time) in times {
            let shorter = shortest.get(&product).is_none_or(|known| time < *known);
            shorter.then(|| shortest.insert(product, time));
        }
        Ok(())
    };
    let mut all = || {
        let mut context = Context::new(&model, bench.threads)?;
        context.watch(Watch::Time);
        (0..=bench.repeat).try_for_each(|_| step(&mut context))
    };
    all().map_err(|error| Failure::plain(crate::run::diagnostic(&error)))?;
    Ok(shortest)
}

fn table(before: &Times, after: &Times, kept: &Tuning, lock: &Lock) -> String {
    let width =
        before.keys().map(|product| product.to_string().len()).max().unwrap_or(0).max("product".len());
    let mut text = format!("{:width$}  {:>10}  {:>10}\n", "product", "usual", "tuned");
    let milliseconds = |time: &Duration| format!("{:.3} ms", time.as_secs_f64() * 1e3);
    for (product, time) in before {
        let tuned = kept.get(product).zip(after.get(product)).map_or_else(String::new, |(blocking, time)| {
            let Blocking { vectors, panel_bytes, rows, ahead } = blocking;
            let kib = panel_bytes >> 10;
            format!(
                "{:>10}  vectors {vectors}, panels {kib} KiB, rows {rows}, ahead {ahead}",
                milliseconds(time)
            )
        });
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:width$}  {:>10}  {tuned}", product.to_string(), milliseconds(time));
    }
    let (changed, all) = (kept.len(), before.len());
    let _ = writeln!(
        text,
        "{}: {changed} of {all} products are cut up otherwise than usual",
        lock.path().display()
    );
    text
}
