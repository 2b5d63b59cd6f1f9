//! Random graphs: evaluator = Cranelift = LLVM, before and after rewriting, on numbers for which every order of a sum agrees.

use crate::road::{cranelift, plan, plan_forms, reference, run};
use moe_driver::{kernels_in_memory, Backend, Cache};
use moe_generate::Options;
use moe_graph::Module;
use moe_kernel::{Kernel, Plan, Target};
use moe_runtime::Tensor;
use moe_schedule::FormRequest;

/// How many graphs by Cranelift; LLVM does every tenth.
const GRAPHS: u64 = 300;

fn options(seed: u64) -> Options {
    let each = |number| seed.is_multiple_of(number);
    Options { packing: each(3), calls: each(4), layers: each(7), ..Options::default() }
}

fn rewritten(seed: u64, module: &Module) -> Module {
    match moe_rewrite::rewrite(module, &moe_rewrite::Options { prefer_rewritten: true, ..Default::default() })
    {
        Ok(rewritten) => rewritten.module,
        Err(error) => panic!("seed {seed}: {error}\n{}", moe_graph::print_module(module)),
    }
}

/// Equal up to the sign of zero; NaN equals NaN.
fn same(a: &Tensor, b: &Tensor) -> bool {
    let equal = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
    a.element() == b.element() && a.shape() == b.shape() && a.to_f64().iter().zip(&b.to_f64()).all(equal)
}

#[track_caller]
fn compare(seed: u64, what: &str, module: &Module, found: Result<Vec<Tensor>, String>, expected: &[Tensor]) {
    let found = match found {
        Ok(found) => found,
        Err(error) => panic!("seed {seed}, {what}: {error}\n{}", moe_graph::print_module(module)),
    };
    assert_eq!(found.len(), expected.len());
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            same(a, b),
            "seed {seed}, {what}, output {place}:\n{:?}\n{:?}\n{}",
            a.to_f64(),
            b.to_f64(),
            moe_graph::print_module(module)
        );
    }
}

#[test]
fn cranelift_agrees_with_the_evaluator() {
    let target = moe_cranelift::target();
    for seed in 0..GRAPHS {
        let (module, inputs) = moe_generate::module(seed, &options(seed));
        let expected = reference(&module, &inputs).unwrap();
        for (what, module) in [("as written", module.clone()), ("rewritten", rewritten(seed, &module))] {
            let threads = 1 + (seed % 3) as usize;
            let found = plan(&module, &target).and_then(|plan| {
                cranelift(&plan).and_then(|kernels| run(&module, plan, kernels, &inputs, threads))
            });
            compare(seed, what, &module, found, &expected);
        }
        // Both in one program, of which a free size that there is not chooses one.
        let other = rewritten(seed, &module);
        let from = 1 + (seed % 2) as i64;
        let forms = [FormRequest { from: 0, module: &module }, FormRequest { from, module: &other }];
        let found = plan_forms(&forms, &target, &[])
            .and_then(|plan| cranelift(&plan).and_then(|kernels| run(&module, plan, kernels, &inputs, 2)));
        compare(seed, "in two forms", &module, found, &expected);
    }
}

/// A seed, its graph and inputs, the plan, and what is expected.
type Case = (u64, Module, Vec<Tensor>, Plan, Vec<Tensor>);

#[test]
fn llvm_agrees_with_the_evaluator() {
    let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) else {
        println!("left out: moe-codegen is not built here");
        return;
    };
    let target: Target = backend.target("native").unwrap();
    // One object for all graphs: starting LLVM once for each would take most of the time.
    let mut kernels: Vec<Kernel> = Vec::new();
    let mut cases: Vec<Case> = Vec::new();
    for seed in (0..GRAPHS).step_by(10) {
        let (module, inputs) = moe_generate::module(seed, &options(seed));
        let expected = reference(&module, &inputs).unwrap();
        let module = rewritten(seed, &module);
        let mut plan = plan(&module, &target).unwrap();
        for kernel in &mut plan.kernels {
            kernel.name = format!("graph_{seed}_{}", kernel.name);
        }
        kernels.extend(plan.kernels.iter().cloned());
        cases.push((seed, module, inputs, plan, expected));
    }
    let folder = tempfile::tempdir().unwrap();
    let all = kernels_in_memory(&backend, &kernels, &Cache::at(folder.path())).unwrap();
    for (seed, module, inputs, plan, expected) in cases {
        let first =
            kernels.iter().position(|kernel| Some(&kernel.name) == plan.kernels.first().map(|own| &own.name));
        let own = all.part(first.unwrap_or(0), plan.kernels.len());
        let found = run(&module, plan, own, &inputs, 2);
        compare(seed, "llvm", &module, found, &expected);
    }
}
