//! The library's gates and experts in small mixtures: dispatched, and with the same numbers from every runner.

use crate::person::{npy, npy_f32, numbers, read_f32, safetensors, Person};

const ROWS: usize = 7;

/// Name, element type and shape.
type Weight = (&'static str, &'static str, &'static [usize]);

const GATE: Weight = ("gate.weight", "F32", &[8, 6]);
const BIAS: Weight = ("gate.bias", "F32", &[6]);
const TABLE: Weight = ("gate.table", "I64", &[10]);

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
const GATES: [(&str, &str, &[Weight]); 13] = [
    ("top_k::top_k", "[E, 2]", &[GATE]),
    ("top_k::biased_top_k", "[E, 2]", &[GATE, BIAS]),
    ("top_k::top_k_of_softmax", "[E, 2]", &[GATE]),
    ("top_k::top_k_renormalized", "[E, 2]", &[GATE]),
    ("sigmoid::biased_sigmoid", "[E, 2, scale = 2.5]", &[GATE, BIAS]),
    ("groups::grouped_sigmoid", "[E, 3, 2, 2]", &[GATE, BIAS]),
    ("groups::grouped_softmax", "[E, 3, 2, 2]", &[GATE]),
    ("capacity::capacity_by_position", "[E, 2, 3]", &[GATE]),
    ("capacity::capacity_by_choice", "[E, 2, 3]", &[GATE]),
    ("capacity::capacity_by_batch", "[E, 2, 3]", &[GATE]),
    ("capacity::capacity_by_weight", "[E, 2, 3]", &[GATE]),
    ("expert_choice::expert_choice", "[E, 3]", &[GATE]),
    ("sparsemax::sparsemax_top_k", "[E, 3]", &[GATE]),
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
    let entries: Vec<f32> = (0..ROWS * 8).map(|place| (place * 7 % 23) as f32 / 8.0 - 1.25).collect();
    person.write("x.npy", npy_f32(&[ROWS, 8], &entries));
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
    for (expert, biases) in [("geglu", 0), ("reglu", 0), ("clamped_swiglu", EXPERT_BIASES.len())] {
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
