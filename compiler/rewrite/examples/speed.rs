//! How long rewriting takes, and how much memory this process came to hold: rows for the table that `make bench` writes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod models;

use moe_check::{load, SourceFile, Sources};
use moe_grammar::FileId;
use moe_graph::Module;
use moe_rewrite::{rewrite, Options};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn elaborated(text: &str) -> Module {
    let (path, module) = ("main.moe".to_owned(), vec!["main".to_owned()]);
    let mut files = vec![SourceFile { path, module, text: text.to_owned() }];
    files.extend(moe_stdlib::FILES.iter().map(|(path, text)| SourceFile::of_library(path, text)));
    let program = load(Sources { files });
    let model = program.models(FileId(0)).remove(0).name;
    program.elaborate(FileId(0), &model, &BTreeMap::new()).expect("the model is right").module
}

/// The median of several times.
fn time(module: &Module) -> Duration {
    let once = || {
        let begin = Instant::now();
        rewrite(module, &Options::default()).unwrap();
        begin.elapsed()
    };
    let mut times: Vec<Duration> = (0..11).map(|_| once()).collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The most memory that this process has held, in MiB; `None` where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? >> 10)
}

fn main() {
    let (one, many) = (elaborated(&models::block()), elaborated(&models::layers(64)));
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    println!("| rewriting a block as large as Mixtral's | {} | 100 ms |", milliseconds(time(&one)));
    println!("| rewriting 64 of them | {} | 150 ms |", milliseconds(time(&many)));
    if let Some(peak) = peak() {
        println!("| the memory of a process that does both | {peak} MiB | 200 MiB |");
    }
}
