//! The library's gates and experts in small mixtures: dispatched, and with the same numbers from every runner.

use crate::person::{npy, npy_f32, numbers, read_f32, safetensors, Person};

const ROWS: usize = 7;

/// Name, element type and shape.
type Weight = (&'static str, &'static str, &'static [usize]);

const GATE: Weight = ("gate.weight", "F32", &[8, 6]);
const BIAS: Weight = ("gate.bias", "F32", &[6]);
const THRESHOLD: Weight = ("gate.threshold", "F32", &[6]);
const NOISE: Weight = ("gate.noise", "F32", &[8, 6]);
const TABLE: Weight = ("gate.table", "I64", &[10]);

const SELECTORS: [Weight; 4] = [
    ("gate.address", "F32", &[8, 2, 3]),
    ("gate.address_bias", "F32", &[2, 3]),
    ("gate.mix", "F32", &[8, 2]),
    ("gate.mix_bias", "F32", &[2]),
];

const EXPERTS: [Weight; 3] = [
    ("experts.gate", "F32", &[6, 8, 12]),
    ("experts.up", "F32", &[6, 8, 12]),
    ("experts.down", "F32", &[6, 12, 8]),
];

const EXPERT_BIASES: [Weight; 3] = [
    ("experts.gate_bias", "F32", &[6, 12]),
    ("experts.up_bias", "F32", &[6, 12]),
    ("experts.down_bias", "F32", &[6, 8]),
];

/// The gate's definition by its path in `std::gate`, its arguments, and the weights that it has.
const GATES: [(&str, &str, &[Weight]); 20] = [
    ("top_k::top_k", "[E, 2]", &[GATE]),
    ("top_k::biased_top_k", "[E, 2]", &[GATE, BIAS]),
    ("top_k::top_k_of_softmax", "[E, 2]", &[GATE]),
    ("top_k::top_k_renormalized", "[E, 2]", &[GATE]),
    ("top_k::switch", "[E]", &[GATE]),
    ("sigmoid::sigmoid_top_k", "[E, 2]", &[GATE]),
    ("sigmoid::biased_sigmoid", "[E, 2, scale = 2.5]", &[GATE, BIAS]),
    ("groups::grouped_sigmoid", "[E, 3, 2, 2]", &[GATE, BIAS]),
    ("groups::grouped_softmax", "[E, 3, 2, 2]", &[GATE]),
    ("capacity::capacity_by_position", "[E, 2, 3]", &[GATE]),
    ("capacity::capacity_by_choice", "[E, 2, 3]", &[GATE]),
    ("capacity::capacity_by_batch", "[E, 2, 3]", &[GATE]),
    ("capacity::capacity_by_weight", "[E, 2, 3]", &[GATE]),
    ("expert_choice::expert_choice", "[E, 3]", &[GATE]),
    ("sparsemax::sparsemax_top_k", "[E, 3]", &[GATE]),
    ("entmax::entmax_top_k", "[E, 3]", &[GATE]),
    ("threshold::top_p", "[E, 3, p = 0.75]", &[GATE]),
    ("threshold::top_any", "[E, 2]", &[GATE, THRESHOLD]),
    ("relu::relu_top_k", "[E, 2]", &[GATE]),
    ("dselect::dselect_k", "[E, 2, 3]", &SELECTORS),
];

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// A model of six experts, with rows `x` and identifiers `id` as inputs.
fn program(imports: &[&str], body: &str) -> String {
    let imports: String = imports.iter().map(|path| format!("use std::{path}\n")).collect();
    let identifiers = if body.contains("(id)") { ", id: i64[N]" } else { "" };
    format!("{imports}\nmodel M[E = 6](x: f32[N, D = 8]{identifiers}) -> f32[N, D] {{\n{body}\n}}\n")
}

fn bytes(element: &str, shape: &[usize]) -> Vec<u8> {
    let count = shape.iter().product();
    match element {
        "I64" => (0..count).flat_map(|place| (place as i64 % 6).to_le_bytes()).collect(),
        _ => numbers(count),
    }
}

/// Runs a model with both runners that are always there, and holds the results against each other.
fn dispatched_and_alike(program: &str, weights: &[Weight]) {
    let person = Person::new();
    person.write("m.moe", program);
    let tensors: Vec<_> = weights
        .iter()
        .map(|(name, element, shape)| (*name, *element, *shape, bytes(element, shape)))
        .collect();
    person.write("w.safetensors", safetensors(&tensors));
    let shape = if program.contains("T = 3") { vec![ROWS, 3, 8] } else { vec![ROWS, 8] };
    let count = shape.iter().product::<usize>();
    let entries: Vec<f32> = (0..count).map(|place| (place * 7 % 23) as f32 / 8.0 - 1.25).collect();
    person.write("x.npy", npy_f32(&shape, &entries));
    let identifiers: Vec<u8> = (0..ROWS).flat_map(|row| (row as i64 * 3 % 10).to_le_bytes()).collect();
    person.write("id.npy", npy("<i8", false, &[ROWS], &identifiers));
    let results = ["reference", "cranelift"].map(|runner| {
        let mut arguments = vec!["run", "m.moe", "--backend", runner, "--weights", "w.safetensors"];
        arguments.extend(["--input", "x=x.npy", "--output", "y.npy"]);
        if program.contains("id: i64") {
            arguments.extend(["--input", "id=id.npy"]);
        }
        person.moe(&arguments).fine();
        read_f32(&person.path("y.npy"))
    });
    let largest = results[0].iter().fold(0_f32, |largest, entry| largest.max(entry.abs()));
    assert!(largest > 0.0 && largest.is_finite(), "{program}");
    for (a, b) in results[0].iter().zip(&results[1]) {
        assert!((a - b).abs() <= 1e-5 * largest, "{a} and {b} of\n{program}");
    }
    let said = person.moe(&["explain", "m.moe"]).fine();
    assert!(said.out.contains("= pack "), "{program}\n{}", said.out);
    person.moe(&["check", "m.moe", "--deny", "dense-work"]).fine();
}

/// A mixture of the gate's value and a stack of experts.
fn mixture(gate: &str, expert: &str) -> String {
    format!("    {gate}\n    part experts = [{expert}[12]; E]\n    sum e: E {{ g[_, e] * experts[e](x) }}")
}

#[test]
fn gates_with_scores() {
    for (path, statics, weights) in GATES {
        let gate = format!("part gate = {}{statics}\n    let g = gate(x)", last(path));
        let imports = ["expert::swiglu::swiglu", &format!("gate::{path}")];
        dispatched_and_alike(&program(&imports, &mixture(&gate, "swiglu")), &[weights, &EXPERTS].concat());
    }
}

#[test]
fn gates_with_more_than_rows() {
    let noisy = "part gate = noisy_top_k[E, 2]\n    let g = gate(x, (coordinate(E) as f32) * 0.5 - 1)";
    let imports = ["expert::swiglu::swiglu", "gate::noisy::noisy_top_k"];
    dispatched_and_alike(
        &program(&imports, &mixture(noisy, "swiglu")),
        &[&[GATE, NOISE], &EXPERTS[..]].concat(),
    );
}

/// All three rows of a sequence go to the experts that it has chosen.
#[test]
fn gates_of_sequences() {
    let imports = ["expert::swiglu::swiglu", "gate::sequence::sequence_top_k"];
    let gate = "part gate = sequence_top_k[E, 2]\n    let g = gate(x)";
    let rows = program(&imports, &mixture(gate, "swiglu"));
    let sequences = rows.replace("N, D = 8]", "N, T = 3, D = 8]").replace("-> f32[N, D]", "-> f32[N, T, D]");
    dispatched_and_alike(&sequences, &[&[GATE], &EXPERTS[..]].concat());
}

/// A gate along two axes, and experts that stand along both.
#[test]
fn gates_with_two_levels() {
    const WEIGHTS: [Weight; 5] = [
        ("gate.outer", "F32", &[8, 3]),
        ("gate.inner", "F32", &[8, 3, 2]),
        ("experts.gate", "F32", &[3, 2, 8, 12]),
        ("experts.up", "F32", &[3, 2, 8, 12]),
        ("experts.down", "F32", &[3, 2, 12, 8]),
    ];
    let body = "    axis Outer = 3\n    axis Inner = 2\n    part gate = two_level[Outer, Inner, 2, 1]
    part experts = [[swiglu[12]; Inner]; Outer]\n    let g = gate(x)
    sum (o: Outer, i: Inner) { g[_, o, i] * experts[o][i](x) }";
    let imports = ["expert::swiglu::swiglu", "gate::hierarchy::two_level"];
    dispatched_and_alike(&program(&imports, body), &WEIGHTS);
}

/// A list of experts that differ in what they are and in how wide they are.
#[test]
fn different_experts_in_one_mixture() {
    const WEIGHTS: [Weight; 10] = [
        ("gate.weight", "F32", &[8, 3]),
        ("experts.0.gate", "F32", &[8, 160]),
        ("experts.0.up", "F32", &[8, 160]),
        ("experts.0.down", "F32", &[160, 8]),
        ("experts.1.up.weight", "F32", &[8, 200]),
        ("experts.1.up.bias", "F32", &[200]),
        ("experts.1.down.weight", "F32", &[200, 8]),
        ("experts.1.down.bias", "F32", &[8]),
        ("experts.2.up", "F32", &[8, 240]),
        ("experts.2.down", "F32", &[240, 8]),
    ];
    let body = "    axis Kinds = 3\n    part gate = top_k[Kinds, 1]
    part experts = [swiglu[160], gelu_mlp[200], squared_relu_mlp[240]]\n    let g = gate(x)
    sum e: Kinds { g[_, e] * experts[e](x) }";
    let imports =
        ["expert::swiglu::swiglu", "expert::mlp::{gelu_mlp, squared_relu_mlp}", "gate::top_k::top_k"];
    dispatched_and_alike(&program(&imports, body), &WEIGHTS);
}

#[test]
fn gates_by_hash() {
    let imports = ["expert::swiglu::swiglu", "gate::hash::{hash_table, hash_function}"];
    let table = mixture("part gate = hash_table[10, E]\n    let g = gate(id)", "swiglu");
    dispatched_and_alike(&program(&imports, &table), &[&[TABLE], &EXPERTS[..]].concat());
    let function = mixture("let g = hash_function[E](id)", "swiglu");
    dispatched_and_alike(&program(&imports, &function), &EXPERTS);
}

#[test]
fn gated_linear_experts() {
    let gate = "part gate = top_k[E, 2]\n    let g = gate(x)";
    let plain = ["geglu", "reglu", "glu", "bilinear"].map(|expert| (expert, 0));
    let biased = ["clamped_swiglu", "biased_swiglu"].map(|expert| (expert, EXPERT_BIASES.len()));
    for (expert, biases) in plain.into_iter().chain(biased) {
        let imports = ["gate::top_k::top_k", &format!("expert::glu::{expert}")];
        let weights = [&[GATE], &EXPERTS[..], &EXPERT_BIASES[..biases]].concat();
        dispatched_and_alike(&program(&imports, &mixture(gate, expert)), &weights);
    }
}

#[test]
fn experts_that_all_rows_share() {
    const SHARED: [Weight; 3] = [
        ("ffn.shared.gate", "F32", &[8, 10]),
        ("ffn.shared.up", "F32", &[8, 10]),
        ("ffn.shared.down", "F32", &[10, 8]),
    ];
    const ROUTED: [Weight; 3] = [
        ("ffn.experts.gate", "F32", &[6, 8, 12]),
        ("ffn.experts.up", "F32", &[6, 8, 12]),
        ("ffn.experts.down", "F32", &[6, 12, 8]),
    ];
    const OWN: Weight = ("ffn.shared_gate", "F32", &[8]);
    for (layer, own) in [("with_shared", &[][..]), ("with_gated_shared", &[OWN][..])] {
        let body =
            format!("    part gate = top_k[E, 2]\n    part ffn = {layer}[12, 10]\n    ffn(x, gate(x))");
        let imports = ["gate::top_k::top_k", &format!("expert::shared::{layer}")];
        dispatched_and_alike(&program(&imports, &body), &[&[GATE], &ROUTED[..], &SHARED[..], own].concat());
    }
}
