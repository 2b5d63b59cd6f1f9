//! States, loops and observed values over several steps: evaluator = Cranelift = LLVM, before and after rewriting.

use crate::road::{evaluated, opened, plan_of, steps_done, Known, Seen};
use moe_check::{load, SourceFile, Sources};
use moe_driver::{kernels_in_memory, Backend, Cache};
use moe_graph::Module;
use moe_kernel::Plan;
use moe_runtime::program::{Place, Step};
use moe_runtime::{Context, Tensor};
use std::collections::BTreeMap;

const MODELS: &str = include_str!("models/states.moe");

fn elaborated(model: &str) -> Module {
    let file = SourceFile { path: "states.moe".to_owned(), module: Vec::new(), text: MODELS.to_owned() };
    let program = load(Sources { files: vec![file] });
    let text = |diagnostics: Vec<moe_diagnostics::Diagnostic>| {
        let place = |own: &moe_diagnostics::Diagnostic| {
            own.primary.as_ref().map(|label| {
                MODELS.get(label.span.start as usize..label.span.end as usize).unwrap_or("").to_owned()
            })
        };
        diagnostics
            .iter()
            .map(|own| format!("{} {} {:?}", own.code, own.message, place(own)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(text(program.check_file(moe_grammar::FileId(0))), "");
    match program.elaborate(moe_grammar::FileId(0), model, &BTreeMap::new()) {
        Ok(elaborated) => elaborated.module,
        Err(found) => panic!("{model}: {}", text(found)),
    }
}

fn rewritten(module: &Module) -> Module {
    let options = moe_rewrite::Options { prefer_rewritten: true, ..Default::default() };
    let module = moe_rewrite::rewrite(module, &options).unwrap().module;
    assert_eq!(moe_graph::verify(&module), Ok(()), "{}", moe_graph::print_module(&module));
    module
}

/// The steps as the evaluator takes them.
fn by_evaluator(module: &Module, weights: &Seen, steps: &[Vec<Tensor>]) -> Vec<Seen> {
    let steps = evaluated(module, weights, steps, &Default::default()).unwrap();
    let tensors = |step: Known| step.outputs.into_iter().map(|(name, own)| (name, own.tensor)).collect();
    steps.into_iter().map(tensors).collect()
}

fn planned(module: &Module, target: &moe_kernel::Target) -> Plan {
    match plan_of(module, target, &["*".to_owned()]) {
        Ok(plan) => plan,
        Err(error) => panic!("{error}\n{}", moe_graph::print_module(module)),
    }
}

fn by_backend(module: &Module, backend: &Backend, weights: &Seen, steps: &[Vec<Tensor>]) -> Vec<Seen> {
    let plan = planned(module, &backend.target("native").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let kernels = kernels_in_memory(backend, &plan.kernels, &Cache::at(folder.path())).unwrap();
    let model = opened(&plan, kernels, weights).unwrap();
    let mut context = Context::new(&model, Some(2)).unwrap();
    let run = |context: &mut Context| steps_done(context, &plan, steps).unwrap();
    let first = run(&mut context);
    // A context that has been reset begins anew.
    context.reset();
    assert_eq!(run(&mut context), first);
    first
}

fn compare(model: &str, weights: &[(&str, Tensor)], steps: &[Vec<Tensor>]) -> Vec<Seen> {
    let weights: Seen = weights.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect();
    let module = elaborated(model);
    assert_eq!(moe_graph::verify(&module), Ok(()), "{}", moe_graph::print_module(&module));
    let read = moe_graph::parse_module(&moe_graph::print_module(&module)).unwrap();
    assert_eq!(moe_graph::print_module(&read), moe_graph::print_module(&module));
    let expected = by_evaluator(&module, &weights, steps);
    let rewritten = rewritten(&module);
    assert_eq!(by_evaluator(&rewritten, &weights, steps), expected, "{model} rewritten");
    let llvm = moe_driver::choose(None).ok().map(|(backend, _)| backend);
    let backends =
        llvm.into_iter().filter(|backend| matches!(backend, Backend::Llvm(_))).chain([Backend::Cranelift]);
    for backend in backends {
        for module in [&module, &rewritten] {
            let found = by_backend(module, &backend, &weights, steps);
            assert_eq!(found, expected, "{model}\n{}", moe_graph::print_module(module));
        }
    }
    expected
}

fn floats(shape: &[usize], from: f32) -> Tensor {
    let count = shape.iter().product::<usize>();
    let entries: Vec<f32> = (0..count).map(|place| from + place as f32 * 0.25).collect();
    Tensor::from_f32(shape.to_vec(), &entries).unwrap()
}

fn indices(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_i64(shape.to_vec(), values).unwrap()
}

/// The names of the kernels of a step that write to a state.
fn writers(model: &str) -> Vec<String> {
    fn walk(steps: &[Step], plan: &Plan, names: &mut Vec<String>) {
        let program = &plan.program;
        for step in steps {
            let launch = match step {
                Step::Launch(launch) => launch,
                Step::Repeat(repeat) => {
                    walk(&repeat.body, plan, names);
                    continue;
                }
            };
            let kernel = &plan.kernels[launch.kernel as usize];
            let state = |(buffer, parameter): (&u32, &moe_kernel::BufferParameter)| {
                let mut place = &program.buffers[*buffer as usize].place;
                while let Place::Round { buffer, .. } = place {
                    place = &program.buffers[*buffer as usize].place;
                }
                parameter.written && matches!(place, Place::State(_))
            };
            if launch.buffers.iter().zip(&kernel.buffers).any(state) {
                names.push(
                    kernel
                        .name
                        .trim_end_matches(|letter: char| letter == '_' || letter.is_ascii_digit())
                        .to_owned(),
                );
            }
        }
    }
    let plan = planned(&elaborated(model), &moe_cranelift::target());
    let mut names = Vec::new();
    walk(&plan.program.forms[0].step, &plan, &mut names);
    names
}

#[test]
fn a_cache_is_filled_row_by_row() {
    let steps: Vec<Vec<Tensor>> =
        (0..5).map(|step| vec![floats(&[4], step as f32), indices(&[], &[(step * 3) % 8])]).collect();
    let seen = compare("Rows", &[], &steps);
    assert_eq!(seen[1]["output"].to_f64(), [1.0, 1.5, 2.0, 2.5]);
}

#[test]
fn layers_have_caches_of_their_own() {
    let scale = ("layers.scale", floats(&[3, 4], 0.5));
    let steps = vec![
        vec![floats(&[5, 4], 0.25), indices(&[5], &[0, 1, 2, 3, 4])],
        vec![floats(&[1, 4], -1.0), indices(&[1], &[5])],
        vec![floats(&[2, 4], 1.0), indices(&[2], &[6, 6])],
    ];
    compare("Layers", &[scale], &steps);
}

#[test]
fn an_update_of_few_rows_copies_no_cache() {
    for model in ["Rows", "Layers"] {
        assert_eq!(writers(model), ["scatter"], "{model}");
    }
    assert_eq!(writers("Both"), ["scatter"]);
    assert_eq!(writers("Swapped"), ["copy", "copy"]);
}

#[test]
fn old_and_new_values_are_read_side_by_side() {
    let steps: Vec<Vec<Tensor>> =
        (0..4).map(|step| vec![floats(&[4], step as f32), indices(&[], &[step % 3])]).collect();
    compare("Both", &[], &steps);
    compare("Swapped", &[], &steps);
}

#[test]
fn states_begin_as_what_is_said() {
    let weights = [("start", floats(&[4], 2.0)), ("parts.start", floats(&[2, 4], 1.0))];
    let steps = vec![vec![floats(&[4], 0.0)], vec![floats(&[4], 1.0)], vec![floats(&[4], 2.0)]];
    let seen = compare("Begins", &weights, &steps);
    assert_eq!(seen[0]["seven"].to_f64(), [7.0]);
    assert_eq!(seen[1]["seven"].to_f64(), [8.0]);
}

#[test]
fn a_fold_steps_the_states_in_it() {
    let rounds = |count: i64| vec![floats(&[4], 0.5), indices(&[], &[count])];
    let seen =
        compare("Steps", &[("layers.scale", floats(&[2, 4], 0.5))], &[rounds(3), rounds(0), rounds(2)]);
    assert_eq!(seen[2]["count"].to_f64(), [5.0]);
}

#[test]
fn parts_of_a_stack_called_by_number_have_their_entries() {
    let steps = vec![vec![floats(&[4], 0.0)], vec![floats(&[4], 1.0)]];
    compare("Numbered", &[], &steps);
}

#[test]
fn parts_of_stacks_are_chosen_by_numbers_that_come_with_a_step() {
    let step = |i: i64, j: i64| vec![floats(&[4], 1.0), indices(&[], &[i]), indices(&[], &[j])];
    let seen = compare("Chosen", &[], &[step(0, 1), step(2, 0), step(0, 1), step(0, 0)]);
    let first = |step: usize, name: &str| seen[step][name].to_f64()[0];
    // The third step finds what the first has left, the others nothing.
    for name in ["other", "both"] {
        assert_eq!(first(1, name), first(0, name), "{name}");
        assert_ne!(first(2, name), first(0, name), "{name}");
    }
    assert_eq!(first(3, "both"), first(0, "both"));
}

#[test]
fn numbers_are_drawn_by_key_and_place() {
    let weights = [("gate.weight", floats(&[4, 4], -1.0))];
    let step = |seed, rounds| vec![floats(&[3, 4], 0.25), indices(&[], &[seed]), indices(&[], &[rounds])];
    let seen = compare("Drawn", &weights, &[step(1, 2), step(2, 3), step(i64::MIN, 1), step(1, 2)]);
    let numbers = |step: usize, name: &str| seen[step][name].to_f64();
    for name in ["layers", "rounds", "mixture", "bits"] {
        assert_eq!(numbers(0, name), numbers(3, name), "{name}");
        assert_ne!(numbers(0, name), numbers(1, name), "{name}");
    }
    let bits = numbers(0, "bits");
    assert!(
        bits.iter().all(|number| (0.0..1.0).contains(number)) && bits[0] != bits[1] && bits[1] != bits[2]
    );
}

#[test]
fn rounds_are_observed_one_after_the_other() {
    let steps =
        vec![vec![floats(&[4], 0.0), indices(&[], &[2])], vec![floats(&[4], 1.0), indices(&[], &[0])]];
    let seen = compare("Watched", &[], &steps);
    assert_eq!(seen[0]["inner.norm"].shape(), [3]);
    assert_eq!(seen[0]["last"].to_f64(), [2.0]);
    assert_eq!(seen[1]["last"].to_f64(), [0.0]);
}
