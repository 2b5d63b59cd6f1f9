//! `--deterministic`: a row has the same bits alone and in any batch, with any number of threads.

use moe_driver::{compile, starting_weights, Backend, Cache, Selection, Session};
use moe_graph::Element as GraphElement;
use moe_runtime::{Context, Model, Tensor, WeightFile};
use std::path::{Path, PathBuf};

/// A mixture, whose gate chooses by sums over what came before: there the order of a sum could move a choice.
const TWO: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k
use std::nn::norm::rms_norm

model Two[D = 8, H = 16, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {
    part first = top_k[E, K]
    part experts = [swiglu[H]; E]
    part norm = rms_norm
    part second = top_k[E, K]
    part others = [swiglu[H]; E]
    let g = first(x)
    let h = norm(x + sum e: E { g[_, e] * experts[e](x) })
    let k = second(h)
    h + sum e: E { k[_, e] * others[e](h) }
}
";

/// Experts that are one matrix, of which half are kept, and a product of three.
const PLAIN: &str = "moe 1
use std::gate::top_k::top_k

model Plain[D = 24, R = 40, E = 4, K = 2](x: f32[N, D]) -> f32[N, F] {
    part gate = top_k[E, K]
    weight w: f32[E, D, F = D]
    weight a: f32[D, R]
    weight b: f32[R, D]
    let h = (x @ a) @ b
    let g = gate(h)
    sum e: E { g[_, e] * (h @ w[e]) }
}
";

/// Experts whose weights are `bf16`, and so is what goes into their layers.
const NARROW: &str = "moe 1
use std::activation::silu
use std::gate::top_k::top_k

expert narrow[H](x: bf16[.., D]) -> f32[.., D] {
    weight gate, up: bf16[D, H]
    weight down: bf16[H, D]
    let x = x as f32
    let h = (silu(x @ (gate as f32)) * (x @ (up as f32))) as bf16
    (h as f32) @ (down as f32)
}

model Narrow[D = 32, H = 48, E = 4, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [narrow[H]; E]
    let g = gate(x)
    x + sum e: E { g[_, e] * experts[e](x as bf16) }
}
";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(format!("{name}/{name}.moe"))
}

/// Bytes of rows of some width.
fn rows(element: GraphElement, count: usize, width: usize) -> Vec<u8> {
    let mut random = moe_generate::Random::new(11);
    let entries = (0..count * width).map(|_| random.below(1 << 12));
    match element {
        GraphElement::U8 => entries.map(|entry| (entry % 256) as u8).collect(),
        _ => entries.flat_map(|entry| (entry as f32 / 2048.0 - 1.0).to_le_bytes()).collect(),
    }
}

const ALL: usize = 1000;

/// Runs the first rows of many, and rows alone: each result is a part of the result of all, bit for bit.
fn check(path: &Path) {
    let Ok(session) = Session::open(path) else { panic!("{} cannot be read", path.display()) };
    let selection =
        Selection { deterministic: true, mapping: Some("none".to_owned()), ..Selection::default() };
    let compiled = compile(&session, &selection)
        .unwrap_or_else(|failure| panic!("{}: {:#?}", path.display(), failure.diagnostics));
    assert_eq!(compiled.forms.forms.len(), 1);
    let mut backends = vec![Backend::Cranelift];
    if let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) {
        backends.push(backend);
    }
    let Ok(weights) = starting_weights(&compiled.elaborated, 5) else { panic!() };
    for backend in backends {
        let Ok(plan) = compiled.plan(&session, &selection, &backend.target("native").unwrap(), &[]) else {
            panic!()
        };
        assert!(plan.program.deterministic);
        let folder = tempfile::tempdir().unwrap();
        let kernels =
            moe_driver::kernels_in_memory(&backend, &plan.kernels, &Cache::at(folder.path())).unwrap();
        let input = plan.program.inputs[0].clone();
        let file = WeightFile::from_tensors("weights", &weights).unwrap();
        let model = Model::new(plan.program, kernels, Some(file)).unwrap();
        let width: usize = input.axes[1..]
            .iter()
            .map(|axis| moe_runtime::sizes::evaluate(&axis.size, &[]).unwrap() as usize)
            .product();
        let bytes = rows(input.element, ALL, width);
        let row = width * input.element.bytes();
        let run = |threads: usize, first: usize, count: usize| {
            let part = bytes[first * row..(first + count) * row].to_vec();
            let given = Tensor::new(input.element, vec![count, width], part).unwrap();
            let mut context = Context::new(&model, Some(threads)).unwrap();
            context.run(&[given]).unwrap()
        };
        let all = run(1, 0, ALL);
        for threads in [1, 2] {
            for (first, count) in
                [(0, 1), (1, 1), (500, 1), (ALL - 1, 1), (0, 2), (3, 17), (40, 100), (0, ALL)]
            {
                for (own, all) in run(threads, first, count).iter().zip(&all) {
                    let row = all.bytes().len() / ALL;
                    assert!(
                        own.bytes() == &all.bytes()[first * row..(first + count) * row],
                        "{}, {}, {threads} threads, {count} rows from {first}",
                        path.display(),
                        backend.name()
                    );
                }
            }
        }
    }
}

#[test]
fn rows_of_examples_have_the_same_bits_in_any_batch() {
    for name in ["fashion", "hierarchy", "mixtral", "deepseek_v3"] {
        check(&example(name));
    }
}

#[test]
fn rows_of_mixtures_have_the_same_bits_in_any_batch() {
    let folder = tempfile::tempdir().unwrap();
    for text in [TWO, PLAIN, NARROW] {
        let path = folder.path().join("model.moe");
        std::fs::write(&path, text).unwrap();
        check(&path);
    }
}

/// What is asked for is needed: without it, the first model has a form for few rows.
#[test]
fn without_it_there_may_be_several_forms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.moe");
    std::fs::write(&path, TWO).unwrap();
    let Ok(session) = Session::open(&path) else { panic!() };
    let Ok(compiled) = compile(&session, &Selection::default()) else { panic!() };
    assert!(compiled.forms.forms.len() > 1);
    let Ok(plan) = compiled.plan(&session, &Selection::default(), &moe_cranelift::target(), &[]) else {
        panic!()
    };
    assert!(!plan.program.deterministic);
    let deterministic = Selection { deterministic: true, ..Selection::default() };
    let Ok(info) = moe_driver::model_info(&session, &deterministic) else { panic!() };
    let (Ok(text), Ok(json)) = (info.text(), info.json()) else { panic!() };
    assert!(text.contains("results\n  a row has the same bits in any batch\n"), "{text}");
    assert!(json.contains("\"deterministic\": true"), "{json}");
}
