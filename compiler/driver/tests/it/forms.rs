//! Programs of several forms: where they switch, that each computes what was written, and what each counts.

use crate::road;
use moe_driver::{compile, emit, model_info, Backend, Compiled, EmitStage, Selection, Session};
use moe_graph::{Module, ParameterKind};
use moe_kernel::Plan;
use moe_runtime::program::Place;
use moe_runtime::{Context, Model, Tensor, WeightFile};
use std::collections::BTreeSet;

/// Two of eight tiny experts: for few rows it takes longer to list rows than to skip none.
const MIXTURE: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k

model Block[D = 8, H = 16, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [swiglu[H]; E]
    let g = gate(x)
    observe scores = g
    x + sum e: E { g[_, e] * experts[e](x) }
}
";

/// Linear attention: (q k') v costs 4 T T D operations, q (k' v) 4 T D D.
const LINEAR: &str = "moe 1
model Linear[D = 64](q: f32[T, D], k: f32[T, D], v: f32[T, D]) -> f32[T, C] {
    (q @ (k as [S = T])) @ (v as [S = T, C = D])
}
";

/// The same for a number of sequences, which has no say.
const BATCH: &str = "moe 1
model Linear[D = 64](q: f32[B, T, D], k: f32[B, T, D], v: f32[B, T, D]) -> f32[B, T, C] {
    (q @ (k as [S = T])) @ (v as [S = T, C = D])
}
";

/// States, and a first value of one, beside a mixture.
const STATE: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k

model Counter[D = 8, H = 16, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [swiglu[H]; E]
    weight bias: f32[D]
    state total: f32[D] = bias * 2.0
    let g = gate(x)
    next total = total + sum n: N { x[n, _] }
    x + total + sum e: E { g[_, e] * experts[e](x) }
}
";

struct Made {
    _folder: tempfile::TempDir,
    session: Session,
    compiled: Compiled,
}

fn made(text: &str, settings: &[(&str, &str)]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.moe");
    std::fs::write(&path, text).unwrap();
    let Ok(session) = Session::open(&path) else { panic!("the model cannot be read") };
    let compiled = compile(&session, &selection(settings))
        .unwrap_or_else(|failure| panic!("the model does not compile: {:#?}", failure.diagnostics));
    Made { _folder: folder, session, compiled }
}

fn selection(settings: &[(&str, &str)]) -> Selection {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Selection { settings, ..Selection::default() }
}

impl Made {
    fn plan(&self, target: &moe_kernel::Target) -> Plan {
        let Ok(plan) = self.compiled.plan(&self.session, &Selection::default(), target, &["*".to_owned()])
        else {
            panic!("the model cannot be scheduled")
        };
        plan
    }

    /// From how many rows on each form is used.
    fn from(&self) -> Vec<i64> {
        self.compiled.forms.forms.iter().map(|form| form.from).collect()
    }
}

/// Numbers between -0.5 and 0.5 for the parameters of a module.
fn tensors(module: &Module, sizes: &[(&str, i64)]) -> Vec<(ParameterKind, String, Tensor)> {
    let entry = module.entry().unwrap();
    let mut random = moe_generate::Random::new(7);
    let find = |name: &str| sizes.iter().find(|(own, _)| *own == name).map(|(_, size)| *size);
    let mut tensor = |parameter: &moe_graph::Parameter| {
        let size = |axis: &moe_graph::AxisId| entry.size(*axis).evaluate(&find).unwrap() as usize;
        let shape: Vec<usize> = parameter.ty.axes.iter().map(size).collect();
        if parameter.kind == ParameterKind::State {
            return Tensor::zeros(parameter.ty.element, shape).unwrap();
        }
        let entries: Vec<f32> =
            (0..shape.iter().product()).map(|_| random.below(1000) as f32 / 1000.0 - 0.5).collect();
        Tensor::from_f32(shape, &entries).unwrap()
    };
    entry
        .parameters
        .iter()
        .map(|parameter| (parameter.kind, parameter.name.clone(), tensor(parameter)))
        .collect()
}

fn of_kind(tensors: &[(ParameterKind, String, Tensor)], kind: ParameterKind) -> Vec<(String, Tensor)> {
    let own = tensors.iter().filter(|(own, _, _)| *own == kind);
    own.map(|(_, name, tensor)| (name.clone(), tensor.clone())).collect()
}

fn near(found: &[Tensor], expected: &[Tensor], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (ours, theirs) in found.iter().zip(expected) {
        assert_eq!(ours.shape(), theirs.shape());
        for (a, b) in ours.to_f64().into_iter().zip(theirs.to_f64()) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{what}: {a} instead of {b}");
        }
    }
}

/// Runs by every back end at all sizes, in one context, against the evaluator; the operations counted and the form, by size.
fn run(made: &Made, sizes: &[Vec<(&str, i64)>]) -> Vec<(f64, usize)> {
    let module = &made.compiled.elaborated.module;
    let mut backends = vec![Backend::Cranelift];
    if let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) {
        backends.push(backend);
    }
    let mut counted = Vec::new();
    for backend in backends {
        counted.clear();
        let plan = made.plan(&backend.target("native").unwrap());
        let folder = tempfile::tempdir().unwrap();
        let cache = moe_driver::Cache::at(folder.path());
        let kernels = moe_driver::kernels_in_memory(&backend, &plan.kernels, &cache).unwrap();
        let first = tensors(module, &sizes[0]);
        let weights = of_kind(&first, ParameterKind::Weight);
        let file = (!weights.is_empty()).then(|| WeightFile::from_tensors("weights", &weights).unwrap());
        let model = Model::new(plan.program, kernels, file).unwrap();
        let mut context = Context::new(&model, Some(2)).unwrap();
        context.watch(moe_runtime::Watch::Work);
        for sizes in sizes {
            let given = tensors(module, sizes);
            let inputs: Vec<Tensor> =
                of_kind(&given, ParameterKind::Input).into_iter().map(|own| own.1).collect();
            let found = context.run(&inputs).unwrap();
            let all: Vec<Tensor> = given
                .into_iter()
                .map(|(_, name, tensor)| {
                    weights.iter().find(|(own, _)| *own == name).map_or(tensor, |(_, weight)| weight.clone())
                })
                .collect();
            near(
                &found,
                &road::reference(module, &all).unwrap(),
                &format!("{sizes:?} by {}", backend.name()),
            );
            counted.push((context.counts().flops as f64, context.form().unwrap()));
        }
    }
    counted
}

fn rows(name: &'static str, sizes: &[i64]) -> Vec<Vec<(&'static str, i64)>> {
    sizes.iter().map(|size| vec![(name, *size)]).collect()
}

#[test]
fn a_mixture_of_tiny_experts_is_dense_for_few_rows_and_packed_for_many() {
    let made = made(MIXTURE, &[]);
    let [0, switch] = made.from()[..] else { panic!("{:?}", made.from()) };
    assert!((2..64).contains(&switch), "{switch}");
    let counted = run(&made, &rows("N", &[1, switch - 1, switch, 100, 1, 0, 1000, 3]));
    let forms: Vec<usize> = counted.iter().map(|(_, form)| *form).collect();
    assert_eq!(forms, [0, 0, 1, 1, 0, 0, 1, 0]);
    // 3 products of 8 · 16 for each expert and row; 2 of 8 experts in the packed form.
    let product = 2.0 * 3.0 * 8.0 * 16.0;
    assert!(counted[0].0 >= 8.0 * product && counted[0].0 <= 1.5 * 8.0 * product, "{counted:?}");
    assert!(counted[6].0 >= 2.0 * product * 1e3 && counted[6].0 <= 1.7 * 2.0 * product * 1e3, "{counted:?}");
}

#[test]
fn attention_without_softmax_is_quadratic_for_short_sequences_and_linear_for_long_ones() {
    let made = made(LINEAR, &[]);
    assert_eq!(made.from(), [0, 64]);
    assert_eq!(made.compiled.ranges(), ["T below 64", "T from 64"]);
    let counted = run(&made, &rows("T", &[1, 2, 63, 64, 65, 512]));
    let expected = |length: f64| 4.0 * length * 64.0 * f64::min(length, 64.0);
    for ((flops, form), length) in counted.iter().zip([1.0, 2.0, 63.0, 64.0, 65.0, 512.0]) {
        assert_eq!(*form, usize::from(length >= 64.0));
        // A sum of n products is n multiplications and at most n additions.
        assert!((*flops - expected(length)).abs() <= 0.02 * expected(length), "{length}: {flops}");
    }
}

#[test]
fn the_size_that_matters_decides() {
    let made = made(BATCH, &[]);
    assert_eq!(made.compiled.forms.rows, ["T"]);
    assert_eq!(made.from(), [0, 64]);
    let sizes = [(1, 63), (9, 10), (1, 64), (3, 100), (100, 2)];
    let sizes: Vec<Vec<(&str, i64)>> = sizes.map(|(batch, length)| vec![("B", batch), ("T", length)]).into();
    let forms: Vec<usize> = run(&made, &sizes).into_iter().map(|(_, form)| form).collect();
    assert_eq!(forms, [0, 0, 1, 1, 0]);
}

/// Steps of different forms hand on the state, whose first value is of a weight.
#[test]
fn forms_share_states() {
    let made = made(STATE, &[]);
    let [0, switch] = made.from()[..] else { panic!("{:?}", made.from()) };
    let plan = made.plan(&moe_cranelift::target());
    let module = &made.compiled.elaborated.module;
    let weights = of_kind(&tensors(module, &[("N", 1)]), ParameterKind::Weight);
    let bias = weights.iter().find(|(name, _)| name == "bias").unwrap().1.to_f64();
    let file = WeightFile::from_tensors("weights", &weights).unwrap();
    let kernels = road::cranelift(&plan).unwrap();
    let model = Model::new(plan.program, kernels, Some(file)).unwrap();
    let mut context = Context::new(&model, Some(1)).unwrap();
    let mut total: Vec<f64> = bias.iter().map(|entry| entry * 2.0).collect();
    for (step, count) in [1, switch, 2, switch + 5].into_iter().enumerate() {
        let given = tensors(module, &[("N", count)]);
        let inputs = of_kind(&given, ParameterKind::Input);
        let mut all: Vec<Tensor> = Vec::new();
        for (kind, name, tensor) in &given {
            let weight = weights.iter().find(|(own, _)| own == name);
            all.push(match kind {
                ParameterKind::State => {
                    let entries: Vec<f32> = total.iter().map(|entry| *entry as f32).collect();
                    Tensor::from_f32(vec![8], &entries).unwrap()
                }
                _ => weight.map_or(tensor.clone(), |(_, weight)| weight.clone()),
            });
        }
        let found = context.run(&[inputs[0].1.clone()]).unwrap();
        near(&found, &road::reference(module, &all).unwrap(), &format!("step {step}"));
        for (place, entry) in inputs[0].1.to_f64().iter().enumerate() {
            total[place % 8] += entry;
        }
    }
}

#[test]
fn forms_share_kernels_and_one_layout_for_each_weight() {
    let made = made(MIXTURE, &[]);
    for target in
        [moe_cranelift::target(), moe_kernel::Target { vector_bytes: 32, ..moe_cranelift::target() }]
    {
        let plan = made.plan(&target);
        let program = &plan.program;
        assert_eq!(program.forms.len(), 2);
        let prepared: Vec<&str> = program
            .buffers
            .iter()
            .filter(|buffer| matches!(buffer.place, Place::Prepared(_)))
            .map(|buffer| buffer.name.as_str())
            .collect();
        let different: BTreeSet<&str> = prepared.iter().copied().collect();
        assert_eq!(prepared.len(), different.len(), "{prepared:?}");
        // The gate is the same in both, and stands once in the kernels.
        let bodies: Vec<String> = plan.kernels.iter().map(|kernel| format!("{:?}", kernel.body)).collect();
        let different: BTreeSet<&String> = bodies.iter().collect();
        let launched = |form: usize| {
            let launches = program.forms[form].step.iter().filter_map(|step| match step {
                moe_runtime::program::Step::Launch(launch) => Some(launch.kernel),
                moe_runtime::program::Step::Repeat(_) => None,
            });
            launches.collect::<BTreeSet<u32>>()
        };
        assert_eq!(bodies.len(), different.len());
        assert!(launched(0).intersection(&launched(1)).count() > 0);
    }
}

#[test]
fn a_size_that_is_set_pins_one_form() {
    for size in ["1", "4096"] {
        let made = made(LINEAR, &[("T", size)]);
        assert_eq!(made.from(), [0]);
        assert!(made.compiled.explanation().starts_with(&format!("a step at T = {size}\n")));
        let quadratic =
            made.compiled.report.after().unwrap().flops.evaluate(&|_| Some(1000)).unwrap() > 100_000_000;
        assert_eq!(quadratic, size == "1");
    }
    let Err(failure) = compile(&made(LINEAR, &[]).session, &selection(&[("T", "many")])) else { panic!() };
    assert_eq!(failure.diagnostics[0].code, "E0012");
    let Err(failure) = compile(&made(LINEAR, &[]).session, &selection(&[("Q", "3")])) else { panic!() };
    assert_eq!(failure.diagnostics[0].code, "E0217");
}

#[test]
fn what_is_said_of_forms() {
    let made = made(LINEAR, &[]);
    insta::assert_snapshot!("explained_forms", format!("{LINEAR}\n{}", made.compiled.explanation()));
    let Ok(text) = emit(&made.session, &Selection::default(), EmitStage::Rewritten, "native") else {
        panic!()
    };
    assert!(
        text.contains("// the form for T below 64\n") && text.contains("// the form for T from 64\n"),
        "{text}"
    );
    for (length, form) in [("8", 1), ("4096", 2)] {
        let Ok(info) = model_info(&made.session, &selection(&[("T", length)])) else { panic!() };
        let (Ok(text), Ok(json)) = (info.text(), info.json()) else { panic!() };
        assert!(text.contains("forms\n  1  T below 64\n  2  T from 64\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["form"], form);
        assert_eq!(json["forms"][1]["from"], 64);
        let length: i64 = length.parse().unwrap();
        let least = 4 * length * 64 * length.min(64);
        let compiled = json["operations_as_compiled"].as_i64().unwrap();
        assert!((least - least / 50..=least + least / 50).contains(&compiled), "{compiled}");
    }
}

#[test]
fn each_form_is_proven() {
    for text in [MIXTURE, LINEAR] {
        let made = made(text, &[]);
        let selection = Selection::default();
        let Ok(proof) = moe_driver::proof(&made.session, &selection) else { panic!() };
        assert_eq!(proof.matches("moe proof 1").count(), 2);
        let check = |proof: &str| match moe_driver::check_proof(&made.session, &selection, proof) {
            Ok((steps, _)) => Ok(steps),
            Err(failure) => Err(failure.diagnostics[0].message.clone()),
        };
        assert!(check(&proof).unwrap() > 0);
        let (_, second) = proof.rsplit_once("moe proof 1").unwrap();
        let one = format!("moe proof 1{second}");
        assert!(check(&one).unwrap_err().ends_with("there are 1 proofs, and the model has 2 forms"));
        // The proof of the second for both.
        assert!(check(&format!("{one}\n{one}")).unwrap_err().contains("is not accepted"));
    }
}
