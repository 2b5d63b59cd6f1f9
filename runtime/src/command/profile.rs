//! Where the time of a step went: a table for people, and a file for a browser's trace viewer.

use crate::context::Context;
use crate::error::Error;
use crate::files::PendingFile;
use crate::program::Program;
use crate::record::{Counts, TimedLaunch};
use serde_json::json;
use std::time::Duration;

/// How long the longest bar is.
const BAR: usize = 24;

/// One line of the table.
struct Line<'a> {
    name: &'a str,
    work: Counts,
    time: Duration,
}

/// The launches of a step of a context as a trace in the format that `chrome://tracing` and Perfetto open: one event for each launch,
/// in microseconds from the beginning of the step.
///
/// # Errors
/// If the disk is full.
pub fn write_trace(context: &Context, launches: &[TimedLaunch], mut file: PendingFile) -> Result<(), Error> {
    let program = context.model().program();
    let microseconds = |time: Duration| time.as_nanos() as f64 / 1e3;
    let event = |launch: &TimedLaunch| {
        let kernel = program.kernels.get(launch.kernel);
        json!({
            "ph": "X",
            "cat": "kernel",
            "name": kernel.map_or("", |kernel| kernel.name.as_str()),
            "pid": 1,
            "tid": 1,
            "ts": microseconds(launch.begin),
            "dur": microseconds(launch.length),
            "args": {
                "operations": launch.work.flops,
                "bytes": launch.work.bytes,
                "from": kernel.and_then(|kernel| kernel.origin.as_deref()),
            },
        })
    };
    let name = json!({ "ph": "M", "name": "process_name", "pid": 1, "args": { "name": program.model } });
    let events: Vec<_> = std::iter::once(name).chain(launches.iter().map(event)).collect();
    let about = json!({ "model": program.model, "backend": program.backend, "threads": context.threads() });
    let trace = json!({ "displayTimeUnit": "ms", "otherData": about, "traceEvents": events });
    file.write(trace.to_string().as_bytes())?;
    file.commit()
}

/// A line for each kernel, the slowest first: its calls, time and share of it, how fast it worked and moved bytes and, where the machine's peak is
/// known, how much of its time that would have taken at the peak (`f32` operations or bytes, whichever takes longer).
pub fn profile_table(program: &Program, launches: &[TimedLaunch]) -> String {
    let whole = launches.last().map_or(Duration::ZERO, |last| last.begin + last.length);
    let lines = lines(program, launches, whole);
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let of_peak = |text: &str| program.peak.map_or_else(String::new, |_| format!("  {text:>7}"));
    let mut text = format!(
        "{:width$}  {:>6}  {:>10}  {:>6}  {:BAR$}  {:>9}  {:>7}{}\n",
        "kernel",
        "calls",
        "time",
        "share",
        "",
        "GFLOP/s",
        "GB/s",
        of_peak("of peak")
    );
    for Line { name, work, time } in &lines {
        let seconds = time.as_secs_f64();
        let share = if whole.is_zero() { 0.0 } else { seconds / whole.as_secs_f64() };
        let bar = "█".repeat((share * BAR as f64).round() as usize);
        let rate = |amount: u64| {
            if amount == 0 {
                String::new()
            } else {
                format!("{:.1}", amount as f64 / seconds / 1e9)
            }
        };
        text.push_str(&format!(
            "{name:width$}  {:>6}  {:>7.3} ms  {:>5.1}%  {bar:BAR$}  {:>9}  {:>7}{}\n",
            work.calls,
            seconds * 1e3,
            share * 100.0,
            rate(work.flops),
            rate(work.bytes),
            of_peak(&least(program, *work).map_or_else(String::new, |least| percent(least / seconds)))
        ));
    }
    text
}

/// The seconds that work takes at the machine's peak; `None` for no work.
fn least(program: &Program, work: Counts) -> Option<f64> {
    let peak = program.peak.filter(|_| work.flops > 0 || work.bytes > 0)?;
    let at = |amount: u64, speed: u64| amount as f64 / speed.max(1) as f64;
    Some(at(work.flops, peak.operations).max(at(work.bytes, peak.bytes)))
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

fn lines<'a>(program: &'a Program, launches: &[TimedLaunch], whole: Duration) -> Vec<Line<'a>> {
    let empty = |name| Line { name, work: Counts::default(), time: Duration::ZERO };
    let mut lines: Vec<Line> = program.kernels.iter().map(|kernel| empty(kernel.name.as_str())).collect();
    let mut all = empty("all");
    for launch in launches {
        for line in lines.get_mut(launch.kernel).into_iter().chain([&mut all]) {
            line.work = line.work.and(launch.work);
            line.time += launch.length;
        }
    }
    lines.retain(|line| line.work.calls > 0);
    lines.sort_by_key(|line| std::cmp::Reverse(line.time));
    let between = Line { time: whole.saturating_sub(all.time), ..empty("between kernels") };
    lines.extend([between, Line { time: whole, ..all }]);
    lines
}
