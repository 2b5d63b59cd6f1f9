//! Small models and the graphs they become.

use crate::support::elaborate;
use moe_graph::print_module;

fn listing(text: &str) -> String {
    let module = print_module(&elaborate(text));
    let lines: Vec<String> = module.lines().map(without_library_files).collect();
    format!("{}\n────\n{}", text.trim(), lines.join("\n"))
}

/// A line with `library` for the number of a library's file, which changes as the library grows.
fn without_library_files(line: &str) -> String {
    match line.split_once(" @ ") {
        Some((before, after)) if !after.starts_with("0:") => {
            let place = after.split_once(':').map_or(after, |(_, place)| place);
            format!("{before} @ library:{place}")
        }
        _ => line.to_owned(),
    }
}

#[test]
fn a_linear_model() {
    insta::assert_snapshot!(listing(
        "model Line[D = 3](x: f32[N, D], scale: f32) -> f32[N, C = 2] {
    weight w: f32[D, C]
    weight b: f32[C] = zeros
    (x @ w + b) * scale
}"
    ));
}

#[test]
fn a_mixture_of_experts() {
    insta::assert_snapshot!(listing(
        "use std::expert::mlp::mlp
use std::gate::top_k::top_k

model Mixture[D = 4, H = 8, E = 3, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [mlp[H]; E]
    let g: f32[N, K of E] = gate(x)
    x + sum e: E { g[_, e] * experts[e](x) }
}"
    ));
}

#[test]
fn repeated_layers_are_one_function() {
    insta::assert_snapshot!(listing(
        "use std::nn::linear::linear
use std::activation::relu

layer block[H](x: f32[.., D]) -> f32[.., D] {
    part up = linear[H]
    part down = linear[D, biased = false]
    x + down(relu(up(x)))
}

model Deep[D = 4, H = 8, L = 6](x: f32[N, D]) -> f32[N, D] {
    part blocks = [block[H]; L]
    repeat i in L {
        x = blocks[i](x)
    }
    x
}"
    ));
}

#[test]
fn state_and_observed_values() {
    insta::assert_snapshot!(listing(
        "model Running[D = 2](x: f32[N, D]) -> (y: f32[N, D], seen: f32[D]) {
    state total: f32[D] = zeros
    let now = total + sum(x, over N)
    next total = now
    observe largest = max(now)
    (y = x - now, seen = now)
}"
    ));
}

#[test]
fn a_layer_onto_its_own_axis_keeps_its_axes_apart() {
    insta::assert_snapshot!(listing(
        "use std::nn::linear::linear

model Square[D = 4](x: f32[N, D]) -> f32[N, D] {
    linear[D, biased = false](x)
}"
    ));
}

#[test]
fn a_bound_at_the_edge_is_verified() {
    insta::assert_snapshot!(listing(
        "model Edge[E = 4](g: f32[N, 2 of E], y: f32[N, E]) -> f32[N] {
    sum e: E { g[_, e] * y[_, e] }
}"
    ));
}
