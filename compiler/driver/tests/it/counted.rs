//! What the compiler makes of models written as plain dense mathematics: the report, and the operations that the running program counts, against
//! the number that a version written by hand needs. Each number stands here with its derivation: a multiplication and an addition count two, every
//! other scalar function of floats one.

use crate::road;
use moe_driver::{compile, Selection, Session};
use moe_graph::{Element, Module, ParameterKind};
use moe_runtime::{Context, Model, Tensor, Watch, WeightFile};

/// What a program counted, and the report of the rewriter.
struct Counted {
    flops: f64,
    report: String,
}

/// Compiles a text, runs it with so many rows, compares what comes out with the reference, and counts. Where it is specialized, what is zero in
/// its weights is known while compiling.
fn counted(text: &str, rows: i64, specialized: bool) -> Counted {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.moe");
    std::fs::write(&path, text).unwrap();
    let Ok(session) = Session::open(&path) else { panic!("the model cannot be read") };
    let mut selection = Selection::default();
    if specialized {
        let Ok(plain) = session.elaborate(&selection) else { panic!("the model is wrong") };
        let path = folder.path().join("weights.safetensors");
        std::fs::write(&path, weights_of(&plain.module, rows)).unwrap();
        selection.specialize = Some(path);
    }
    let compiled = compile(&session, &selection)
        .unwrap_or_else(|failure| panic!("the model does not compile: {:#?}", failure.diagnostics));
    let Ok(plan) = compiled.plan(&session, &selection, &moe_cranelift::target(), &[]) else {
        panic!("the model cannot be scheduled")
    };
    let module = &compiled.elaborated.module;
    let tensors = tensors(module, rows);
    let parameters = &module.entry().unwrap().parameters;
    let of_kind = |kind: ParameterKind| {
        let pairs = parameters.iter().zip(&tensors).filter(move |(parameter, _)| parameter.kind == kind);
        pairs.map(|(parameter, tensor)| (parameter.name.clone(), tensor.clone())).collect::<Vec<_>>()
    };
    let weights = WeightFile::from_tensors("weights", &of_kind(ParameterKind::Weight)).unwrap();
    let kernels = road::cranelift(&plan).unwrap();
    let model = Model::new(plan.program, kernels, Some(weights)).unwrap();
    let mut context = Context::new(&model, Some(1)).unwrap();
    context.watch(Watch::Work);
    let inputs: Vec<Tensor> = of_kind(ParameterKind::Input).into_iter().map(|(_, tensor)| tensor).collect();
    let results = context.run(&inputs).unwrap();
    for (ours, theirs) in results.iter().zip(road::reference(module, &tensors).unwrap()) {
        for (a, b) in ours.to_f64().into_iter().zip(theirs.to_f64()) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{a} instead of {b}");
        }
    }
    Counted { flops: context.counts().flops as f64, report: compiled.explanation() }
}

/// The weights that a model is run with, as a file.
fn weights_of(module: &Module, rows: i64) -> Vec<u8> {
    let tensors = tensors(module, rows);
    let parameters = module.entry().unwrap().parameters.iter().zip(&tensors);
    let weights = parameters.filter(|(parameter, _)| parameter.kind == ParameterKind::Weight);
    let views: Vec<_> = weights.map(|(parameter, tensor)| (parameter.name.clone(), tensor)).collect();
    moe_runtime::weights::to_bytes(&views).unwrap()
}

/// Numbers between -0.5 and 0.5, and indices below 8, always the same. Some weights have places with nothing, by their names.
fn tensors(module: &Module, rows: i64) -> Vec<Tensor> {
    let entry = module.entry().unwrap();
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut tensor = |parameter: &moe_graph::Parameter| {
        let size = |axis: &moe_graph::AxisId| entry.size(*axis).evaluate(&|_| Some(rows)).unwrap() as usize;
        let shape: Vec<usize> = parameter.ty.axes.iter().map(size).collect();
        let count: usize = shape.iter().product();
        match parameter.ty.element {
            Element::I64 => {
                let entries: Vec<i64> = (0..count).map(|_| (next() % 8) as i64).collect();
                Tensor::from_i64(shape, &entries).unwrap()
            }
            _ => {
                let last = shape.last().copied().unwrap_or(1);
                let entry = |(place, value): (usize, f32)| match parameter.name.as_str() {
                    "pruned" if place % 4 != 1 => 0.0,
                    "thirds" if place % 3 != 1 => 0.0,
                    "columns" | "blocks.columns" if place % last % 3 != 1 => 0.0,
                    "dead" if place == 1 => f32::NEG_INFINITY,
                    _ => value,
                };
                let entries: Vec<f32> =
                    (0..count).map(|place| entry((place, (next() % 1000) as f32 / 1000.0 - 0.5))).collect();
                Tensor::from_f32(shape, &entries).unwrap()
            }
        }
    };
    entry.parameters.iter().map(&mut tensor).collect()
}

/// Asserts that the program does what a version written by hand would, within 5 %.
fn within(name: &str, text: &str, rows: i64, by_hand: f64) {
    compare(name, text, rows, by_hand, false);
}

/// The same, where the weights are given while compiling.
fn within_specialized(name: &str, text: &str, rows: i64, by_hand: f64) {
    compare(name, text, rows, by_hand, true);
}

fn compare(name: &str, text: &str, rows: i64, by_hand: f64, specialized: bool) {
    let Counted { flops, report } = counted(text, rows, specialized);
    let part = flops / by_hand;
    assert!((0.95..=1.05).contains(&part), "{name}: {flops} counted, {by_hand} by hand: {part}\n{report}");
    insta::assert_snapshot!(name, format!("{}\n{}\n\n{}", text.trim(), "-".repeat(40), report.trim_end()));
}

const N: f64 = 64.0;
const D: f64 = 64.0;
const H: f64 = 96.0;

/// A gated linear expert for one row: three contractions, and five functions of each hidden entry.
const SWIGLU: f64 = 3.0 * 2.0 * D * H + 5.0 * H;
/// Weighing the row of an expert and adding it.
const COMBINE: f64 = 2.0 * D;

/// The scores of a gate for one row, and about six functions of each score for its softmax.
fn gate(experts: f64) -> f64 {
    2.0 * D * experts + 6.0 * experts
}

#[test]
fn a_mixtral_block() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k_renormalized

model Mixtral[D = 64, H = 96, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k_renormalized[E, K]
    part experts = [swiglu[H]; E]
    let g: f32[N, K of E] = gate(x)
    sum e: E { g[_, e] * experts[e](x) }
}
";
    within("mixtral", text, 64, N * (gate(8.0) + 2.0 * (SWIGLU + COMBINE)));
}

#[test]
fn a_deepseek_block() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::gate::groups::grouped_sigmoid

model DeepseekV3[D = 64, H = 96, E = 16, Groups = 4, Kept = 2, K = 4](x: f32[N, D]) -> f32[N, D] {
    part gate = grouped_sigmoid[E, Groups, Kept, K, scale = 2.5]
    part experts = [swiglu[H]; E]
    part shared = swiglu[H]
    let g: f32[N, K of E] = gate(x)
    sum e: E { g[_, e] * experts[e](x) } + shared(x)
}
";
    within("deepseek", text, 64, N * (gate(16.0) + 4.0 * (SWIGLU + COMBINE) + SWIGLU + D));
}

#[test]
fn experts_that_choose_their_rows() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::gate::expert_choice::expert_choice

model Choice[D = 64, H = 96, E = 8, C = 8](x: f32[N, D]) -> f32[N, D] {
    part gate = expert_choice[E, C]
    part experts = [swiglu[H]; E]
    let g: f32[C of N, E] = gate(x)
    sum e: E { g[_, e] * experts[e](x) }
}
";
    // Each of eight experts takes eight rows.
    within("expert_choice", text, 64, N * gate(8.0) + 8.0 * 8.0 * (SWIGLU + COMBINE));
}

#[test]
fn a_low_rank_adapter() {
    let text = "moe 1
model Adapted[D = 256, H = 256, R = 8](x: f32[N, D]) -> f32[N, H] {
    weight weight: f32[D, H] = glorot
    weight down: f32[D, R] = glorot
    weight up: f32[R, H] = zeros
    x @ (weight + down @ up)
}
";
    // Written as one merged weight, which is worked out when weights are loaded.
    within("lora", text, 64, N * 2.0 * 256.0 * 256.0);
}

#[test]
fn a_low_rank_adapter_beside_its_layer() {
    let text = "moe 1
model Merged[D = 128, H = 128, R = 8](x: f32[N, D]) -> f32[N, H] {
    weight weight: f32[D, H] = glorot
    weight down: f32[D, R] = glorot
    weight up: f32[R, H] = glorot
    x @ weight + 2.0 * ((x @ down) @ up)
}
";
    // There is one adapter, which never changes: by hand it is merged into the weight when weights are loaded.
    within("lora_beside", text, 64, N * 2.0 * 128.0 * 128.0);
}

#[test]
fn scales_and_biases_around_a_layer() {
    let text = "moe 1
model Folded[D = 64, H = 96](x: f32[N, D]) -> f32[N, H] {
    weight gain: f32[D] = ones
    weight bias: f32[D] = zeros
    weight weight: f32[D, H] = glorot
    weight scale: f32[H] = ones
    weight shift: f32[H] = zeros
    ((x * gain + bias) @ weight) * scale + shift
}
";
    // By hand one product and one bias.
    within("folded", text, 64, N * (2.0 * D * H + H));
}

/// The layer and the adapter of one row, and their sum.
const ADAPTED: f64 = 2.0 * 64.0 * 64.0 + 2.0 * 2.0 * 64.0 * 8.0 + 64.0;

#[test]
fn an_adapter_that_each_row_names() {
    let text = "moe 1
model Named[D = 64, H = 64, R = 8, A = 16](x: f32[N, D], id: i64[N]) -> f32[N, H] {
    weight weight: f32[D, H] = glorot
    weight down: f32[A, D, R] = glorot
    weight up: f32[A, R, H] = glorot
    x @ weight + (x @ down[id]) @ up[id]
}
";
    within("adapter_by_index", text, 64, N * ADAPTED);
}

#[test]
fn an_adapter_that_each_row_picks() {
    let text = "moe 1
use std::select::one_hot

model Picked[D = 64, H = 64, R = 8, A = 16](x: f32[N, D], id: i64[N]) -> f32[N, H] {
    weight weight: f32[D, H] = glorot
    weight down: f32[A, D, R] = glorot
    weight up: f32[A, R, H] = glorot
    let pick = one_hot[A](id)
    x @ weight + sum a: A { pick[_, a] * ((x @ down[a]) @ up[a]) }
}
";
    // Weighing what the adapter gives, and adding it.
    within("adapter_by_pick", text, 64, N * (ADAPTED + 2.0 * 64.0));
}

#[test]
fn a_pruned_adapter() {
    let text = "moe 1
model Pruned[D = 128, H = 128, R = 64, Kept = 16](x: f32[N, D]) -> f32[N, H] {
    weight weight: f32[D, H] = glorot
    weight down: f32[D, R] = glorot
    weight up: f32[R, H] = glorot
    weight pruned: f32[R] = ones
    let left = expect(pruned, Kept of R)
    x @ weight + ((x @ down) * left) @ up
}
";
    // Sixteen of the 64 ranks are left.
    let (d, h, r) = (128.0, 128.0, 16.0);
    within("sora", text, 64, N * (2.0 * d * h + 2.0 * d * r + r + 2.0 * r * h + h));
}

#[test]
fn a_weight_that_keeps_two_of_four() {
    let text = "moe 1
model Kept[D = 128, H = 96](x: f32[N, D]) -> f32[N, H] {
    weight weight: f32[D, H] = glorot
    x @ where(coordinate(D) % 4 < 2, weight, 0)
}
";
    // Half of the features are read, and half of the weight is kept.
    within("two_of_four", text, 64, N * 2.0 * 64.0 * 96.0);
}

/// An adapter of eight ranks of which five are zero in the weights that are given.
const PRUNED: &str = "moe 1
model Sora[D = 128, H = 96, R = 8](x: f32[N, D]) -> f32[N, H] {
    weight down: f32[D, R] = glorot
    weight up: f32[R, H] = glorot
    weight thirds: f32[R] = ones
    ((x @ down) * thirds) @ up
}
";

#[test]
fn ranks_that_are_zero_in_given_weights() {
    // Three ranks are left, whose gate goes into a weight.
    let by_hand = N * (2.0 * 128.0 * 3.0 + 2.0 * 3.0 * 96.0);
    within_specialized("given_ranks", PRUNED, 64, by_hand);
    let all = counted(PRUNED, 64, false).flops;
    assert!((0.97..1.03).contains(&(by_hand * 8.0 / 3.0 / all)), "{all} without the weights");
}

#[test]
fn channels_that_are_zero_in_a_given_matrix() {
    let text = "moe 1
model Channels[D = 64, H = 96](x: f32[N, D]) -> f32[N, D] {
    weight columns: f32[D, H] = glorot
    weight up: f32[H, D] = glorot
    let h = max(x @ columns, 0)
    h @ up
}
";
    // Of every three hidden channels two have no weights before them.
    within_specialized("given_channels", text, 64, N * (2.0 * 64.0 * 32.0 + 32.0 + 2.0 * 32.0 * 64.0));
}

#[test]
fn ranks_that_are_zero_in_all_given_layers() {
    let text = "moe 1
layer block[R](x: f32[N, D]) -> f32[N, D] {
    weight columns: f32[D, R] = glorot
    weight up: f32[R, D] = glorot
    (max(x @ columns, 0)) @ up
}

model Layers[D = 64, R = 24, L = 3](x: f32[N, D]) -> f32[N, D] {
    part blocks = [block[R]; L]
    repeat i in L { x = x + blocks[i](x) }
    x
}
";
    // Of every three ranks two have no weights before them, in every layer.
    within_specialized(
        "given_layers",
        text,
        64,
        3.0 * N * (2.0 * 64.0 * 8.0 + 8.0 + 2.0 * 8.0 * 64.0 + 64.0),
    );
}

#[test]
fn an_expert_that_is_dead_in_given_weights() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::nn::softmax::softmax

model Dead[D = 64, H = 96, E = 4](x: f32[N, D]) -> f32[N, D] {
    weight router: f32[D, E] = glorot
    weight dead: f32[E] = zeros
    part experts = [swiglu[H]; E]
    let g = softmax(x @ router + dead, over E)
    sum e: E { g[_, e] * experts[e](x) }
}
";
    within_specialized("given_dead_expert", text, 64, N * (gate(3.0) + 3.0 * (SWIGLU + COMBINE)));
}

#[test]
fn a_dense_mixture_with_dead_experts() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::nn::softmax::softmax

model Dead[D = 64, H = 96, E = 4](x: f32[N, D]) -> f32[N, D] {
    weight router: f32[D, E] = glorot
    weight bias: f32[E] = zeros
    part experts = [swiglu[H]; E]
    let live = where(coordinate(E) != 1, bias, -inf)
    let g = softmax(x @ router + live, over E)
    sum e: E { g[_, e] * experts[e](x) }
}
";
    // The second of four experts can have no weight, so there are three, each with one score.
    within("dead_expert", text, 64, N * (gate(3.0) + 3.0 * (SWIGLU + COMBINE)));
}

#[test]
fn an_embedding_bag_of_one_hots() {
    let text = "moe 1
use std::select::one_hot

model Bag[F = 8, V = 100, D = 64](ids: i64[N, F]) -> f32[N, D] {
    weight table: f32[F, V, D] = normal(0.02)
    sum f: F { one_hot[V](ids[_, f]) @ table[f] }
}
";
    // Eight rows are looked up and added.
    within("embedding_bag", text, 64, N * 8.0 * 64.0);
}

#[test]
fn a_layer_over_a_bag_of_features() {
    let text = "moe 1
model Bag[F = 8, V = 50, D = 16, H = 32](ids: i64[N, F]) -> f32[N, H] {
    axis Whole = F * D
    weight table: f32[V, D] = normal(0.02)
    weight layer: f32[Whole, H] = glorot
    merge[Whole](table[ids], over (F, D)) @ layer
}
";
    // What each row of the table gives for each feature is worked out once; eight such rows are added.
    within("bag_of_features", text, 64, N * 8.0 * 32.0);
}

#[test]
fn a_layer_over_joined_rows_of_tables() {
    let text = "moe 1
model Joined[U = 50, I = 60, D = 32, F = 48, H = 64](user: i64[N], item: i64[N], x: f32[N, F]) -> f32[N, H] {
    weight users: f32[U, D] = normal(0.02)
    weight items: f32[I, E = 24] = normal(0.02)
    axis Both = D + 24
    axis Whole = Both + F
    weight layer: f32[Whole, H] = glorot
    let both = concat[Both](users[user], items[item], over (D, E))
    max(concat[Whole](both, x, over (Both, F)) @ layer, 0)
}
";
    // Only the features that are no rows of tables go through the layer; two rows are added, and the largest with 0 is taken.
    within("joined_tables", text, 64, N * (2.0 * 48.0 * 64.0 + 2.0 * 64.0 + 64.0));
}

#[test]
fn two_levels_of_gates() {
    let text = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k

model Levels[D = 64, H = 96, I = 4, J = 4](x: f32[N, D]) -> f32[N, D] {
    part outer = top_k[I, 2]
    part inner = [top_k[J, 1]; I]
    part experts = [[swiglu[H]; J]; I]
    let a = outer(x)
    sum i: I { a[_, i] * sum j: J { inner[i](x)[_, j] * experts[i][j](x) } }
}
";
    // Two groups of four are chosen, their inner gates score four experts each, and one expert of each works.
    within("levels", text, 64, N * (gate(4.0) + 2.0 * gate(4.0) + 2.0 * (SWIGLU + 2.0 * COMBINE)));
}

#[test]
fn the_attention_of_a_transformer() {
    let text = "moe 1
use std::attention::score::score
use std::nn::norm::rms_norm
use std::nn::softmax::softmax

model Attention[D = 128, Heads = 4, C = 32](x: f32[T, D]) -> f32[T, D] {
    axis Inner = Heads * C
    weight query, key, value: f32[D, Inner] = glorot
    weight output: f32[Inner, D] = glorot
    let h = rms_norm(x)
    let q = split[Heads, C](h @ query, over Inner)
    let k = split[Heads, C](h @ key, over Inner) as [S = T]
    let v = split[Heads, C](h @ value, over Inner) as [S = T]
    let p = softmax(score(q, k), over S)
    x + merge[Inner](sum(p * v, over S), over (Heads, C)) @ output
}
";
    // Four projections; then for each head and pair of rows a product, a softmax of about six functions, and a weighted sum.
    let (t, d, heads, c) = (64.0, 128.0, 4.0, 32.0);
    let by_hand = t * 4.0 * 2.0 * d * heads * c + heads * t * t * (2.0 * c + 6.0 + 2.0 * c) + 6.0 * t * d;
    within("attention", text, 64, by_hand);
}

/// A gate that the library has not: three scores are drawn up, of which those that are at least half of the best stay, squared.
#[test]
fn a_gate_that_nobody_thought_of() {
    let text = "moe 1
use std::expert::swiglu::swiglu

gate bold[E](x: f32[.., D]) -> f32[.., 3 of E] {
    weight weight: f32[D, E] = glorot
    let s = x @ weight
    let best = where(largest_mask[3](s, over E), s * s, 0)
    let bold = where(best > 0.5 * max(best, over E), best, 0)
    bold / (1 + sum(bold, over E))
}

model Block[D = 64, H = 96, E = 16](x: f32[N, D]) -> f32[N, D] {
    part gate = bold[E]
    part experts = [swiglu[H]; E]
    let g: f32[N, 3 of E] = gate(x)
    sum e: E { g[_, e] * experts[e](x) }
}
";
    // Three rows at most; those that the second condition leaves out are rows of zeros.
    within("bold", text, 64, N * (gate(16.0) + 3.0 * (SWIGLU + COMBINE)));
}
