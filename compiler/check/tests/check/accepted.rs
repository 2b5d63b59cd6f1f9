//! What must be accepted with its bound kept, from types alone.

use crate::support::{elaborate, elaborate_with, program, run_tests};
use moe_grammar::FileId;
use moe_graph::{AxisId, Function, Module, Operation, ReduceKind, Size};
use std::collections::BTreeSet;

fn axis(function: &Function, name: &str) -> AxisId {
    let place = function.axes.iter().position(|axis| axis.name == name).unwrap();
    AxisId(place as u32)
}

/// Every sum over `over` in the entry is of a value that is zero but for `count` entries along it, provably.
fn sums_are_bounded(module: &Module, over: &str, count: i64) {
    let function = module.entry().unwrap();
    let axis = axis(function, over);
    let mut found = 0;
    for id in function.node_ids() {
        let node = function.node(id).unwrap();
        let Operation::Reduce { kind: ReduceKind::Sum, axes } = &node.operation else { continue };
        let operand = function.node(node.operands[0]).unwrap();
        if !axes.contains(&axis) || operand.ty.axes.len() < 3 {
            continue;
        }
        found += 1;
        let fact = operand.fact.as_ref().unwrap_or_else(|| panic!("nothing is known of {}", id.0));
        assert!(fact.background.is_zero());
        let within = fact
            .support
            .is_within(&BTreeSet::from([axis]), &Size::constant(count), &|axis| function.size(axis));
        assert!(within, "{:?}", fact.support);
    }
    assert!(found > 0, "no sum over {over}");
}

const USES: &str = "use std::expert::mlp::mlp
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k
use std::nn::linear::linear
use std::nn::softmax::softmax
use std::select::keep_largest
";

fn mixture(body: &str) -> Module {
    elaborate(&format!(
        "{USES}
expert scaled[H](x: f32[.., D], by: f32[..]) -> f32[.., D] {{
    part up = linear[H]
    part down = linear[D]
    down(up(x) * by)
}}

model M[D = 4, H = 8, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {{
    part gate = top_k[E, K]
    {body}
}}"
    ))
}

#[test]
fn a_residual_inside_the_sum() {
    let module = mixture(
        "part experts = [swiglu[H]; E]
    let g: f32[N, K of E] = gate(x)
    sum e: E { g[_, e] * (x + experts[e](x)) }",
    );
    sums_are_bounded(&module, "E", 2);
}

#[test]
fn experts_with_biases() {
    let module = mixture(
        "part experts = [mlp[H]; E]
    let g = gate(x)
    sum e: E { g[_, e] * experts[e](x) }",
    );
    sums_are_bounded(&module, "E", 2);
}

#[test]
fn an_expert_that_reads_its_gate_value() {
    let module = mixture(
        "part experts = [scaled[H]; E]
    let g = gate(x)
    sum e: E { g[_, e] * experts[e](x, g[_, e]) }",
    );
    sums_are_bounded(&module, "E", 2);
}

#[test]
fn several_gates_over_one_set_of_experts() {
    let module = mixture(
        "part other = top_k[E, 3]
    part experts = [mlp[H]; E]
    let (a, b) = (gate(x), other(x))
    sum e: E { (a[_, e] + b[_, e]) * experts[e](x) }",
    );
    sums_are_bounded(&module, "E", 5);
    let parameters =
        module.entry().unwrap().parameters.iter().filter(|own| own.name.starts_with("experts")).count();
    assert_eq!(parameters, 4);
}

#[test]
fn two_sums_share_their_experts() {
    let module = mixture(
        "part other = top_k[E, 2]
    part experts = [mlp[H]; E]
    let (a, b) = (gate(x), other(x))
    sum e: E { a[_, e] * experts[e](x) } + sum e: E { b[_, e] * experts[e](x) }",
    );
    sums_are_bounded(&module, "E", 2);
}

#[test]
fn a_shared_expert_beside() {
    let module = mixture(
        "part experts = [swiglu[H]; E]
    part shared = swiglu[H]
    let g = gate(x)
    shared(x) + sum e: E { g[_, e] * experts[e](x) }",
    );
    sums_are_bounded(&module, "E", 2);
}

#[test]
fn two_levels() {
    let module = elaborate(&format!(
        "{USES}
model M[D = 4, H = 8, I = 4, J = 6](x: f32[N, D]) -> f32[N, D] {{
    part outer = top_k[I, 1]
    part inner = [top_k[J, 1]; I]
    part experts = [[mlp[H]; J]; I]
    let a: f32[N, 1 of I] = outer(x)
    sum i: I {{
        let b: f32[N, 1 of J] = inner[i](x)
        a[_, i] * sum j: J {{ b[_, j] * experts[i][j](x) }}
    }}
}}"
    ));
    sums_are_bounded(&module, "I", 1);
    sums_are_bounded(&module, "J", 1);
}

#[test]
fn two_levels_in_one_sum_have_one_bound() {
    let module = elaborate(&format!(
        "{USES}
model M[D = 4, H = 8, I = 4, J = 6](x: f32[N, D]) -> (y: f32[N, D], g: f32[N, 2 of (I, J)]) {{
    part outer = top_k[I, 1]
    part inner = [top_k[J, 2]; I]
    part experts = [[mlp[H]; J]; I]
    let a = outer(x)
    let b = inner[0](x)
    let g: f32[N, 2 of (I, J)] = a * b
    (y = sum (i: I, j: J) {{ g[_, i, j] * experts[i][j](x) }}, g = g)
}}"
    ));
    sums_are_bounded(&module, "I", 1);
}

#[test]
fn a_list_of_different_experts() {
    let module = elaborate(&format!(
        "{USES}
model M[D = 4, H = 8](x: f32[N, D]) -> f32[N, D] {{
    axis E = 3
    part gate = top_k[E, 1]
    part experts = [mlp[H], swiglu[H], linear[D]]
    let g: f32[N, 1 of E] = gate(x)
    sum e: E {{ g[_, e] * experts[e](x) }}
}}"
    ));
    let function = module.entry().unwrap();
    let names: Vec<&str> = function.parameters.iter().map(|own| own.name.as_str()).collect();
    assert!(
        names.contains(&"experts.0.up.weight")
            && names.contains(&"experts.1.gate")
            && names.contains(&"experts.2.bias")
    );
    // Each term is zero where its slice of the gate is.
    let terms = function.node_ids().filter(|id| {
        let node = function.node(*id).unwrap();
        let product =
            matches!(node.operation, Operation::Map { function: moe_graph::ScalarFunction::Multiply, .. });
        product
            && node.ty.axes.len() == 2
            && node.fact.as_ref().is_some_and(|fact| fact.background.is_zero() && !fact.support.is_empty())
    });
    assert_eq!(terms.count(), 3);
}

#[test]
fn a_gate_on_sequences_with_attention_inside() {
    let module = elaborate(&format!(
        "{USES}
expert attention[C](x: f32[.., T, D]) -> f32[.., T, D] {{
    weight wq, wk, wv: f32[D, C]
    weight wo: f32[C, D]
    let k = (x @ wk) as [S = T]
    let v = (x @ wv) as [S = T]
    let p = softmax((x @ wq) @ k, over S)
    (p @ v) @ wo
}}

model M[D = 4, C = 8, E = 8, K = 2](x: f32[B, T, D]) -> f32[B, T, D] {{
    part gate = top_k[E, K]
    part experts = [attention[C]; E]
    let g: f32[B, K of E] = gate(mean(x, over T))
    x + sum e: E {{ g[_, e] * experts[e](x) }}
}}"
    ));
    sums_are_bounded(&module, "E", 2);
}

#[test]
fn so_many_tokens_an_expert_and_both_bounds() {
    let module = elaborate_with(
        &format!(
            "{USES}
model M[D = 4, H = 8, E = 8, K = 2, C = 3](x: f32[N, D]) -> f32[N, D] {{
    weight w: f32[D, E]
    part experts = [swiglu[H]; E]
    let s = softmax(x @ w, over E)
    let chosen: f32[C of N, E] = where(largest_mask[C](s, over N), s, 0)
    let g: f32[C of N, K of E] = where(largest_mask[K](s, over E), chosen, 0)
    sum e: E {{ g[_, e] * experts[e](x) }}
}}"
        ),
        &[("K", 3)],
    );
    sums_are_bounded(&module, "E", 3);
}

#[test]
fn bounds_pass_through_parameters() {
    elaborate(&format!(
        "{USES}
layer combine[E, K, H](g: f32[.., K of E], x: f32[.., D]) -> f32[.., D] {{
    part experts = [mlp[H]; E]
    let same: f32[.., K of E] = g * 2
    sum e: E {{ same[.., e] * experts[e](x) }}
}}

model M[D = 4, H = 8, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {{
    part gate = top_k[E, K]
    combine[H = H](gate(x), x)
}}"
    ));
}

#[test]
fn what_is_known_outside_of_a_repeat_is_known_inside() {
    let module = elaborate(&format!(
        "{USES}
model M[D = 4, H = 8, E = 8, K = 2, L = 3](x: f32[N, D]) -> f32[N, D] {{
    part gate = top_k[E, K]
    part layers = [[mlp[H]; E]; L]
    let g = gate(x)
    repeat i in L {{
        let same: f32[N, K of E] = g * 2
        x = x + sum e: E {{ same[_, e] * layers[i][e](x) }}
    }}
    x
}}"
    ));
    assert_eq!(module.functions.len(), 2);
    let body = Module { functions: module.functions[..1].to_vec(), entry: 0, offsets: Vec::new() };
    sums_are_bounded(&body, "E", 2);
}

#[test]
fn a_bound_of_several_masks_is_known_inside_too() {
    let module = elaborate(&format!(
        "{USES}
model M[D = 4, E = 5, K = 2](x: f32[N, D], n: i64) -> f32[N, D] {{
    part gate = top_k[E, K]
    let mixed = sum(gate(x), over E) * x
    let kept = where(largest_mask[3](mixed, over D), mixed, 0)
    fold n with y = x {{
        let same: f32[N, 3 of D] = kept * 0.5
        same + y
    }}
}}"
    ));
    assert_eq!(module.functions.len(), 2);
    moe_graph::verify(&module).unwrap();
}

#[test]
fn conditions_on_places_are_made_inside() {
    let module = elaborate(
        "model M[D = 4](x: f32[N, D], n: i64) -> f32[N, D] {
    let keep = coordinate(D) % 2 == 0
    fold n with y = x { where(keep, y, 0) + 1 }
}",
    );
    let body = &module.functions[0];
    let operations: Vec<&str> = body.nodes.iter().map(|node| node.operation.name()).collect();
    assert_eq!(body.parameters.len(), 1, "{operations:?}");
    assert!(operations.contains(&"coordinate") && !operations.contains(&"expect"), "{operations:?}");
}

#[test]
fn the_language_computes_what_it_says() {
    let text = include_str!("language.moe");
    let program = program(text);
    let mistakes = program.check_file(FileId(0));
    assert!(mistakes.is_empty(), "{}", crate::support::shown(&program, &mistakes));
    let failed = run_tests(&program, FileId(0));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
