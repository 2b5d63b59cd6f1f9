//! Random whole programs: evaluator = Cranelift = LLVM, before and after rewriting, step by step where there are states.
//!
//! A few hundred programs are run; `MOE_PROGRAMS=10000` asks for more, and `MOE_PROGRAMS=1234..1240` for those of some seeds. In programs that are not exact, entries
//! behind which a choice is nearer to falling out otherwise than rounding can move it are left out and counted; so are entries that rounding
//! to another width moves far.

mod case;
mod compare;
mod shrink;

use case::{cases, Case, Refused};
use compare::{compare, Counts};
use moe_driver::{kernels_in_memory, Backend, Cache};
use moe_generate::programs::{program, Program, FEATURES};
use moe_kernel::{Kernel, Plan};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// How many programs are run unless said otherwise.
const PROGRAMS: u64 = 300;

/// How many programs LLVM is given at once.
const TOGETHER: usize = 24;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("MOE_PROGRAMS") else { return 0..PROGRAMS };
    let bounds: Vec<u64> = text.split("..").map(|number| number.parse().unwrap()).collect();
    match bounds.as_slice() {
        [count] => 0..*count,
        [from, to] => *from..*to,
        _ => panic!("MOE_PROGRAMS is no count and no range: {text}"),
    }
}

/// A panic or an error as text.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!(
            "panics: {}",
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        ))
    })
}

/// What came of the programs.
#[derive(Default)]
struct Outcome {
    run: usize,
    refused: Vec<(u64, String)>,
    failed: Vec<(u64, String)>,
    counts: Counts,
    features: BTreeMap<&'static str, usize>,
}

impl Outcome {
    fn begin(&mut self, seed: u64) -> Option<(Program, Vec<Case>)> {
        let program = program(seed);
        for feature in &program.features {
            *self.features.entry(feature).or_default() += 1;
        }
        match caught(|| Ok(cases(&program, seed))) {
            Ok(Ok(cases)) => {
                self.run += 1;
                return Some((program, cases));
            }
            Ok(Err(Refused::Checker(why))) => self.refused.push((seed, why)),
            Ok(Err(Refused::Evaluator(why))) | Err(why) => self.failed.push((seed, why)),
        }
        None
    }

    fn finish(self, asked: u64, by: &str, fails: impl Fn(&Program, u64) -> Option<String>) {
        println!(
            "{by}: {} of {asked} programs run, {} refused by the checker, {} entries compared, {} left out for margins, {} for what rounding moves",
            self.run,
            self.refused.len(),
            self.counts.compared,
            self.counts.margins,
            self.counts.rounding,
        );
        for feature in FEATURES {
            println!("  {feature}: {}", self.features.get(feature).copied().unwrap_or(0));
        }
        for (seed, why) in self.refused.iter().take(5) {
            println!("refused: seed {seed}: {why}\n{}", program(*seed).text);
        }
        let seeds: Vec<u64> = self.failed.iter().map(|(seed, _)| *seed).collect();
        for (seed, why) in &self.failed {
            println!("failed: seed {seed}: {}", why.lines().next().unwrap_or(""));
        }
        if let Some((seed, why)) = self.failed.first() {
            let whole = program(*seed);
            let (text, why) = shrink::shrunk(&whole, why.clone(), |program| fails(program, *seed));
            panic!("{by}: {} programs fail: {seeds:?}\nseed {seed}: {why}\n{text}", seeds.len());
        }
        // Nearly all programs are right; one that is not shows a mistake of the generator or of the checker.
        assert_eq!(self.refused.len(), 0, "{by}: programs are refused by the checker");
        let missing = |feature: &&&str| self.features.get(**feature).copied().unwrap_or(0) == 0;
        let missing: Vec<&&str> = FEATURES.iter().filter(missing).collect();
        assert!(asked < PROGRAMS || missing.is_empty(), "never generated: {missing:?}");
    }
}

/// Cranelift on all forms of a case.
fn by_cranelift(case: &Case, counts: &mut Counts) -> Result<(), String> {
    let target = moe_cranelift::target();
    for (what, module) in case.forms()? {
        let plan = case.plan(&module, &target).map_err(|error| format!("{what}: {error}"))?;
        let cache = Cache::at(std::path::Path::new("/nonexistent"));
        let kernels = kernels_in_memory(&Backend::Cranelift, &plan.kernels, &cache)
            .map_err(|error| format!("{what}: {}", error.message))?;
        compare(case, &plan, kernels, counts).map_err(|error| format!("{what}: {error}"))?;
    }
    Ok(())
}

/// Whether a program fails with Cranelift: why.
fn cranelift_fails(program: &Program, seed: u64) -> Option<String> {
    let cases = match caught(|| Ok(cases(program, seed))) {
        Ok(Ok(cases)) => cases,
        Ok(Err(Refused::Checker(_))) => return None,
        Ok(Err(Refused::Evaluator(why))) | Err(why) => return Some(why),
    };
    cases.iter().find_map(|case| caught(|| by_cranelift(case, &mut Counts::default())).err())
}

#[test]
fn cranelift_agrees_with_the_evaluator() {
    let mut outcome = Outcome::default();
    let seeds = seeds();
    let asked = seeds.end - seeds.start;
    for seed in seeds {
        let Some((_, cases)) = outcome.begin(seed) else { continue };
        let counts = &mut outcome.counts;
        let done = cases.iter().try_for_each(|case| caught(|| by_cranelift(case, counts)));
        outcome.failed.extend(done.err().map(|why| (seed, why)));
    }
    outcome.finish(asked, "cranelift", cranelift_fails);
}

#[test]
fn what_rewriting_makes_is_proven() {
    let mut outcome = Outcome::default();
    let seeds = seeds();
    let asked = seeds.end - seeds.start;
    let step = few(asked);
    for seed in seeds.step_by(step) {
        let Some((_, cases)) = outcome.begin(seed) else { continue };
        let done = cases.iter().try_for_each(|case| caught(|| case.prove()));
        outcome.failed.extend(done.err().map(|why| (seed, why)));
    }
    let fails = |program: &Program, seed: u64| {
        let cases = cases(program, seed).ok()?;
        cases.iter().find_map(|case| caught(|| case.prove()).err())
    };
    outcome.finish(asked.div_ceil(step as u64), "proofs", fails);
}

/// Every fourth of the usual few: Cranelift has done the others.
fn few(asked: u64) -> usize {
    if asked <= PROGRAMS && std::env::var("MOE_PROGRAMS").is_err() {
        4
    } else {
        1
    }
}

/// A case, its plan, and where its kernels are.
type Planned = (Case, Plan, usize);

#[test]
fn llvm_agrees_with_the_evaluator() {
    let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) else {
        println!("left out: moe-codegen is not built here");
        return;
    };
    let mut outcome = Outcome::default();
    let seeds = seeds();
    let asked = seeds.end - seeds.start;
    let step = few(asked);
    let all: Vec<u64> = seeds.step_by(step).collect();
    for seeds in all.chunks(TOGETHER) {
        llvm_together(&backend, seeds, &mut outcome);
    }
    let fails = |program: &Program, seed: u64| {
        let cases = cases(program, seed).ok()?;
        let mut outcome = Outcome::default();
        caught(|| {
            llvm_cases(&backend, cases.into_iter().map(|case| (seed, case)).collect(), &mut outcome);
            Ok(())
        })
        .err()
        .or_else(|| outcome.failed.pop().map(|(_, why)| why))
    };
    outcome.finish(asked.div_ceil(step as u64), "llvm", fails);
}

fn llvm_together(backend: &Backend, seeds: &[u64], outcome: &mut Outcome) {
    let mut all = Vec::new();
    for seed in seeds {
        let Some((_, cases)) = outcome.begin(*seed) else { continue };
        all.extend(cases.into_iter().map(|case| (*seed, case)));
    }
    llvm_cases(backend, all, outcome);
}

/// One object for all programs: starting LLVM once for each would take most of the time.
fn llvm_cases(backend: &Backend, cases: Vec<(u64, Case)>, outcome: &mut Outcome) {
    let target = backend.target("native").unwrap();
    let mut kernels: Vec<Kernel> = Vec::new();
    let mut planned: Vec<(u64, Planned)> = Vec::new();
    for (place, (seed, case)) in cases.into_iter().enumerate() {
        let plan = caught(|| {
            let (_, module) = case.forms()?.pop().ok_or("no form")?;
            case.plan(&module, &target)
        });
        match plan {
            Ok(mut plan) => {
                for kernel in &mut plan.kernels {
                    kernel.name = format!("program_{place}_{}", kernel.name);
                }
                let first = kernels.len();
                kernels.extend(plan.kernels.iter().cloned());
                planned.push((seed, (case, plan, first)));
            }
            Err(why) => outcome.failed.push((seed, why)),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let all = match kernels_in_memory(backend, &kernels, &Cache::at(folder.path())) {
        Ok(all) => all,
        Err(error) => {
            let seeds: Vec<u64> = planned.iter().map(|(seed, _)| *seed).collect();
            return outcome.failed.push((seeds[0], format!("one of {seeds:?}: {}", error.message)));
        }
    };
    for (seed, (case, plan, first)) in planned {
        let own = all.part(first, plan.kernels.len());
        let counts = &mut outcome.counts;
        let done = caught(|| compare(&case, &plan, own, counts));
        outcome.failed.extend(done.err().map(|why| (seed, why)));
    }
}
