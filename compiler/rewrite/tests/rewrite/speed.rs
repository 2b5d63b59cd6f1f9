//! How long rewriting takes, and how much memory: `cargo test --release -p moe-rewrite speed -- --ignored --nocapture`.

use crate::language::elaborate;
use moe_graph::Module;
use moe_rewrite::{rewrite, Options};
use std::time::{Duration, Instant};

const BLOCK: &str = "
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k_renormalized
use std::nn::norm::rms_norm

layer block[H, E, K](x: f32[.., D]) -> f32[.., D] {
    part gate = top_k_renormalized[E, K]
    part experts = [swiglu[H]; E]
    part norm = rms_norm
    let h = norm(x)
    let g = gate(h)
    x + sum e: E { g[_, e] * experts[e](h) }
}
";

fn block() -> Module {
    let text = format!(
        "moe 1\n{BLOCK}\nmodel Block[D = 4096, H = 14336, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {{\n\
         part own = block[H, E, K]\nown(x)\n}}\n"
    );
    elaborate(&text, &[])
}

fn layers() -> Module {
    let text = format!(
        "moe 1\n{BLOCK}\nmodel Layers[D = 4096, H = 14336, E = 8, K = 2, L = 64](x: f32[N, D]) -> f32[N, D] {{\n\
         part blocks = [block[H, E, K]; L]\nrepeat i in L {{ x = blocks[i](x) }}\nx\n}}\n"
    );
    elaborate(&text, &[])
}

/// The shortest of several times.
fn time(module: &Module) -> Duration {
    let once = || {
        let begin = Instant::now();
        rewrite(module, &Options::default()).unwrap();
        begin.elapsed()
    };
    (0..7).map(|_| once()).min().unwrap()
}

/// The most memory that this process has held, in kilobytes; `None` where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[test]
#[ignore = "measures time, which other work on the machine lengthens"]
fn rewriting_is_quick_and_small() {
    let (one, many) = (time(&block()), time(&layers()));
    let peak = peak();
    println!("one block {one:?}, 64 layers {many:?}, at most {peak:?} kB");
    assert!(one < Duration::from_millis(100) && many < Duration::from_millis(150), "{one:?}, {many:?}");
    assert!(peak.is_none_or(|peak| peak < 200_000), "{peak:?} kB");
}
