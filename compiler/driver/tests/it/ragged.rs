//! Axes whose size depends on another: every back end gives what the evaluator gives, whatever the lengths, and what is not there is neither
//! computed nor laid out.

use crate::road::{cranelift, plan, reference, run};
use moe_driver::{compile, kernels_in_memory, Backend, Cache, Selection, Session};
use moe_graph::{Element, Module, Parameter, ParameterKind};
use moe_kernel::{Kernel, Plan};
use moe_runtime::{Context, Model, Tensor, WeightFile};
use std::collections::BTreeMap;

/// Lengths that a step may have: none, one, many, nothing at all.
const LENGTHS: [&[usize]; 7] = [&[2, 0, 5, 1], &[3], &[0, 0], &[], &[1, 1, 1], &[0, 17, 0], &[4, 4, 4]];

const POOL: &str = "model M(x: f32[B, T[B], D = 6]) -> (total: f32[B, D], mean: f32[B, D], largest: f32[B, D], count: i64[B]) {
    (total = sum(x, over T), mean = mean(x, over T), largest = max(x - 3.0, over T), count = size(T))
}";

const LAYERS: &str = "model M(x: f32[B, T[B], D = 6]) -> f32[B, T[B], D] {
    weight up: f32[D, H = 10]
    weight down: f32[H, D]
    x + max(x @ up + 0.5, 0.0) @ down
}";

const SHARED: &str = "model M(x: f32[B, T[B], D = 6], amount: f32[B, T[B]], offset: f32[B, D]) -> (y: f32[B, T[B], D], z: f32[B, D]) {
    let y = (x + offset) * amount
    (y = y, z = sum(y, over T))
}";

const POSITIONS: &str =
    "model M(x: f32[B, T[B], D = 6]) -> (y: f32[B, T[B], D], last: f32[B, D], all: f32[D]) {
    let y = x * (coordinate(T) as f32 + 1.0) / T as f32
    (y = y, last = sum(where(coordinate(T) == T - 1, y, 0), over T), all = mean(y, over (B, T)))
}";

const SOFTMAX: &str = "use std::nn::softmax::softmax
model M(x: f32[B, T[B], D = 6]) -> f32[B, D] {
    weight query: f32[D]
    softmax(x @ query, over T) @ x
}";

const BAG: &str = "use std::nn::embedding::embedding_mean
model M[D = 6](id: i64[B, L[B]]) -> f32[B, D] {
    part bag = embedding_mean[9, D]
    bag(id)
}";

const MIXTURE: &str = "use std::expert::swiglu::swiglu
use std::gate::top_k::top_k
model M[E = 4, K = 2](x: f32[B, T[B], D = 6]) -> f32[B, T[B], D] {
    part gate = top_k[E, K]
    part experts = [swiglu[10]; E]
    let g = gate(x)
    sum e: E { g[_, _, e] * experts[e](x) }
}";

const ATTENTION: &str = "use std::attention::score::attention
model M(x: f32[B, T[B], D = 6]) -> f32[B, T[B], C] {
    weight query, key, value: f32[D, C = 8]
    let (k, v) = ((x @ key) as [S = T], (x @ value) as [S = T])
    attention(x @ query, k, v)
}";

const CROSS: &str = "use std::attention::score::attention
model M(x: f32[B, T[B], D = 6], y: f32[B, S[B], D]) -> f32[B, T[B], D] {
    attention(x, y, y)
}";

const CHOICE: &str = "model M(x: f32[B, T[B]]) -> (kept: f32[B, T[B]], sums: f32[B, T[B]], total: f32[B]) {
    let kept = where(largest_mask[2](x - 4.0, over T), x, 0)
    (kept = kept, sums = cumsum(x, over T), total = sum(kept, over T))
}";

const LOOP: &str = "model M(x: f32[B, T[B], D = 6]) -> f32[B, T[B], D] {
    weight layers: f32[L = 3, D, E = 6]
    let h = x
    repeat i in L { h = h + (max(h @ layers[i], 0.0) as [D = E]) - mean(h, over T) }
    h
}";

/// What of the rows of an input is there before anything says where they lie.
const ENTRIES: &str = "model M(x: f32[B, T[B], D = 3]) -> (one: f32[B, T[B]], all: f32) {
    let one = x[_, _, 2]
    (one = one, all = sum(one, over (B, T)))
}";

/// What moves entries along the axis: in their order, and beside those before them.
const ORDER: &str =
    "model M(x: f32[B, T[B], D = 3]) -> (y: f32[B, T[B], D], z: f32[B, T[B]], w: f32[B, T[B], D]) {
    weight taps: f32[W = 3, D]
    let before = window[T, W](x, over T, before = 2)
    let other = window[S, W](x as [S = T], over S, before = 0, value = 1)
    (y = sum(before * taps, over W), z = sum(other, over (W, D)) as [T = S], w = sort(x, over T))
}";

/// What is no number comes after what is one, and what is not there after both.
const ODD: &str = "model M(x: f32[B, T[B]]) -> (kept: f32[B, T[B]], up: f32[B, T[B]]) {
    let odd = sqrt(x)
    (kept = where(largest_mask[2](odd, over T), 1.0, 0.0), up = sort(odd, over T))
}";

const MODELS: [(&str, &str); 14] = [
    ("pool", POOL),
    ("layers", LAYERS),
    ("shared", SHARED),
    ("positions", POSITIONS),
    ("softmax", SOFTMAX),
    ("bag", BAG),
    ("mixture", MIXTURE),
    ("attention", ATTENTION),
    ("cross", CROSS),
    ("choice", CHOICE),
    ("loop", LOOP),
    ("entries", ENTRIES),
    ("order", ORDER),
    ("odd", ODD),
];

struct Compiled {
    written: Module,
    rewritten: Module,
}

fn compiled(text: &str) -> Compiled {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.moe");
    std::fs::write(&path, format!("moe 1\n{text}\n")).unwrap();
    let session = Session::open(&path).unwrap_or_else(|failure| panic!("{:#?}", failure.diagnostics));
    let compiled = compile(&session, &Selection::default())
        .unwrap_or_else(|failure| panic!("{text}\n{:#?}", failure.diagnostics));
    Compiled { written: compiled.elaborated.module, rewritten: compiled.rewritten }
}

/// Inputs for a module: offsets of these lengths, the last axis of offsets backwards, small multiples of a quarter elsewhere.
fn inputs(module: &Module, lengths: &[usize]) -> Vec<Tensor> {
    let entry = module.entry().unwrap();
    let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
    let mut offsets: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for (place, own) in module.offsets.iter().enumerate() {
        let mut lengths: Vec<usize> = lengths.to_vec();
        if place % 2 == 1 {
            lengths.reverse();
        }
        let ends = lengths.iter().scan(0, |end, length| {
            *end += *length as i64;
            Some(*end)
        });
        let ends: Vec<i64> = [0].into_iter().chain(ends).collect();
        sizes.insert(own.rows.as_symbol().unwrap().to_owned(), *ends.last().unwrap());
        sizes.insert("B".to_owned(), lengths.len() as i64);
        offsets.insert(own.parameter, ends);
    }
    let mut next = 1_u64;
    let mut tensor = |(place, parameter): (usize, &Parameter)| {
        let size = |axis| entry.size(axis).evaluate(&|name| sizes.get(name).copied()).unwrap() as usize;
        let shape: Vec<usize> = parameter.ty.axes.iter().map(|axis| size(*axis)).collect();
        if let Some(ends) = offsets.get(&(place as u32)) {
            return Tensor::from_i64(shape, ends).unwrap();
        }
        let count: usize = shape.iter().product();
        let mut drawn = || {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (next >> 40) % 9
        };
        match parameter.ty.element {
            Element::I64 => Tensor::from_i64(shape, &(0..count).map(|_| drawn() as i64).collect::<Vec<_>>()),
            _ => {
                let entries: Vec<f32> = (0..count).map(|_| drawn() as f32 / 4.0 - 1.0).collect();
                Tensor::from_f32(shape, &entries)
            }
        }
        .unwrap()
    };
    entry.parameters.iter().enumerate().map(&mut tensor).collect()
}

#[track_caller]
fn close(name: &str, lengths: &[usize], found: Result<Vec<Tensor>, String>, expected: &[Tensor]) {
    let found = found.unwrap_or_else(|error| panic!("{name} {lengths:?}: {error}"));
    assert_eq!(found.len(), expected.len());
    for (place, (ours, theirs)) in found.iter().zip(expected).enumerate() {
        assert_eq!(ours.shape(), theirs.shape(), "{name} {lengths:?}, output {place}");
        for (a, b) in ours.to_f64().into_iter().zip(theirs.to_f64()) {
            let near = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * (1.0 + b.abs());
            assert!(near, "{name} {lengths:?}, output {place}: {a} instead of {b}");
        }
    }
}

#[test]
fn cranelift_gives_what_the_evaluator_gives() {
    let target = moe_cranelift::target();
    for (name, text) in MODELS {
        let Compiled { written, rewritten } = compiled(text);
        for (how, module) in [("as written", &written), ("rewritten", &rewritten)] {
            moe_graph::verify(module).unwrap();
            let plan = plan(module, &target).unwrap_or_else(|error| panic!("{name}, {how}: {error}"));
            let kernels = cranelift(&plan).unwrap();
            for lengths in LENGTHS {
                let given = inputs(&written, lengths);
                let expected =
                    reference(&written, &given).unwrap_or_else(|e| panic!("{name} {lengths:?}: {e}"));
                let own = kernels.part(0, plan.kernels.len());
                close(
                    &format!("{name}, {how}"),
                    lengths,
                    run(module, plan.clone(), own, &given, 2),
                    &expected,
                );
            }
        }
    }
}

#[test]
fn llvm_gives_what_the_evaluator_gives() {
    let Ok((backend @ Backend::Llvm(_), _)) = moe_driver::choose(None) else {
        println!("left out: moe-codegen is not built here");
        return;
    };
    let target = backend.target("native").unwrap();
    let (mut kernels, mut cases): (Vec<Kernel>, Vec<(&str, Compiled, Plan)>) = (Vec::new(), Vec::new());
    for (name, text) in MODELS {
        let compiled = compiled(text);
        let mut plan = plan(&compiled.rewritten, &target).unwrap();
        for kernel in &mut plan.kernels {
            kernel.name = format!("{name}_{}", kernel.name);
        }
        kernels.extend(plan.kernels.iter().cloned());
        cases.push((name, compiled, plan));
    }
    let folder = tempfile::tempdir().unwrap();
    let all = kernels_in_memory(&backend, &kernels, &Cache::at(folder.path())).unwrap();
    let mut first = 0;
    for (name, Compiled { written, rewritten }, plan) in cases {
        for lengths in LENGTHS {
            let given = inputs(&written, lengths);
            let expected = reference(&written, &given).unwrap();
            let own = all.part(first, plan.kernels.len());
            close(name, lengths, run(&rewritten, plan.clone(), own, &given, 2), &expected);
        }
        first += plan.kernels.len();
    }
}

/// Models that never lay out an entry that is not there, nor say of it that it is not.
const PACKED: [(&str, &str); 7] = [
    ("pool", POOL),
    ("layers", LAYERS),
    ("shared", SHARED),
    ("positions", POSITIONS),
    ("softmax", SOFTMAX),
    ("bag", BAG),
    ("mixture", MIXTURE),
];

#[test]
fn nothing_is_laid_out_for_what_is_not_there() {
    // A thousand places of 20 rows each, but for one that is ten thousand long: a table of all places, even of bytes, has ten million.
    let size = |name: &str| match name {
        "B" => 1000,
        "T" | "L" => 10_000,
        _ => 30_000,
    };
    for (name, text) in PACKED {
        let program = plan(&compiled(text).rewritten, &moe_cranelift::target()).unwrap().program;
        let sizes: Vec<i64> = program.symbols.iter().map(|symbol| size(&symbol.name)).collect();
        let arena = moe_runtime::sizes::evaluate(&program.forms[0].arena_bytes, &sizes).unwrap();
        assert!(arena < 10_000_000, "{name}: {arena} bytes");
    }
}

/// The operations that a model counts for these lengths.
fn counted(text: &str, lengths: &[usize]) -> f64 {
    let Compiled { written, rewritten } = compiled(text);
    let given = inputs(&written, lengths);
    let parameters = &written.entry().unwrap().parameters;
    let of_kind = |kind: ParameterKind| {
        let pairs = parameters.iter().zip(&given).filter(move |(parameter, _)| parameter.kind == kind);
        pairs.map(|(parameter, tensor)| (parameter.name.clone(), tensor.clone())).collect::<Vec<_>>()
    };
    let plan = plan(&rewritten, &moe_cranelift::target()).unwrap();
    let kernels = cranelift(&plan).unwrap();
    let weights = WeightFile::from_tensors("weights", &of_kind(ParameterKind::Weight)).unwrap();
    let model = Model::new(plan.program, kernels, Some(weights)).unwrap();
    let mut context = Context::new(&model, Some(1)).unwrap();
    context.watch(moe_runtime::Watch::Work);
    let inputs: Vec<Tensor> = of_kind(ParameterKind::Input).into_iter().map(|(_, tensor)| tensor).collect();
    context.run(&inputs).unwrap();
    context.counts().flops as f64
}

/// A mixture of experts large enough that packing by the gate is worth it.
const LARGE: &str = "use std::expert::swiglu::swiglu
use std::gate::top_k::top_k_renormalized
model M[D = 64, H = 96, E = 8, K = 2](x: f32[B, T[B], D]) -> f32[B, T[B], D] {
    part gate = top_k_renormalized[E, K]
    part experts = [swiglu[H]; E]
    let g = gate(x)
    sum e: E { g[_, _, e] * experts[e](x) }
}";

#[test]
fn a_mixture_counts_the_rows_that_are_there() {
    let lengths = [3, 40, 0, 1, 20];
    let (rows, d, h, e) = (64.0, 64.0, 96.0, 8.0);
    let by_hand = rows * (2.0 * d * e + 6.0 * e + 2.0 * (3.0 * 2.0 * d * h + 5.0 * h + 2.0 * d));
    let part = counted(LARGE, &lengths) / by_hand;
    assert!((0.95..=1.05).contains(&part), "{part}");
}

#[test]
fn what_rewriting_makes_is_proven() {
    let other = LARGE.replace("top_k_renormalized", "top_k");
    for (name, text) in MODELS.into_iter().chain([("large", LARGE), ("other gate", other.as_str())]) {
        let written = compiled(text).written;
        for prefer_rewritten in [false, true] {
            let options = moe_rewrite::Options { prefer_rewritten, ..Default::default() };
            let proven = moe_rewrite::prove(&written, &options);
            proven.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

/// The first error of a step with these offsets for four rows, of the evaluator and of the program.
fn refused(offsets: &[i64]) -> [String; 2] {
    let Compiled { written, rewritten } = compiled("model M(x: f32[B, T[B]]) -> f32[B] { sum(x, over T) }");
    let x = Tensor::from_f32(vec![4], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let given = [x, Tensor::from_i64(vec![offsets.len()], offsets).unwrap()];
    let plan = plan(&rewritten, &moe_cranelift::target()).unwrap();
    let kernels = cranelift(&plan).unwrap();
    [reference(&written, &given).unwrap_err(), run(&rewritten, plan, kernels, &given, 1).unwrap_err()]
}

#[test]
fn offsets_that_do_not_cut_the_rows_are_refused() {
    let cases: [(&[i64], &str); 5] = [
        (&[1, 4], "begin with 1 and not with 0"),
        (&[0, 3, 2, 4], "descend: entry 2 is 2, and the one before is 3"),
        (&[0, 2], "end with 2, and there are 4 rows"),
        (&[0, 2, 5], "end with 5, and there are 4 rows"),
        (&[0, -1, 4], "descend: entry 1 is -1, and the one before is 0"),
    ];
    for (offsets, why) in cases {
        let [evaluated, ran] = refused(offsets);
        assert_eq!(evaluated, format!("the offsets `T` {why}"));
        assert_eq!(ran, format!("E0807: the offsets `T` {why}"));
    }
    let [_, none] = refused(&[]);
    assert!(none.starts_with("E0807"), "{none}");
}
