//! The models that are dispatched forward and backward, as people write them.

/// A name, a text, and the most of its dense FLOPs that may be left, of the model and of its gradient alike.
type Dispatched = (&'static str, fn() -> String, f64);

/// Models that are dispatched forward and backward.
pub const DISPATCHED: [Dispatched; 8] = [
    ("a residual inside the sum", residual_inside, 0.27),
    ("a norm before and a residual around", norm_and_residual, 0.27),
    ("an expert that reads its gate value", reads_gate_value, 0.27),
    ("two gates over one set of experts", two_gates, 0.52),
    ("a shared expert beside", shared_beside, 0.38),
    ("a list of different experts", different_experts, 0.3),
    ("experts that choose their rows", || chosen("largest_mask[C](s, over N)"), 0.1),
    ("layers in a loop", layers, 0.27),
];

/// What experts and gates are in the texts.
pub const USES: &str = "
use std::expert::mlp::mlp
use std::expert::swiglu::swiglu
use std::gate::top_k::{top_k, top_k_of_softmax}
use std::nn::norm::rms_norm
use std::select::keep_largest
use std::nn::softmax::softmax
";

/// A model of eight experts behind a gate that keeps two.
pub fn model(body: &str) -> String {
    format!(
        "moe 1\n{USES}\nmodel Block[D = 64, H = 96, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {{\n\
         part gate = top_k[E, K]\npart experts = [mlp[H]; E]\n{body}\n}}\n"
    )
}

/// A residual inside the sum.
fn residual_inside() -> String {
    model("let g = gate(x)\nsum e: E { g[_, e] * (x + experts[e](x)) }")
}

/// A norm before the mixture, and a residual around it.
fn norm_and_residual() -> String {
    model("let h = rms_norm(x)\nlet g = gate(h)\nx + sum e: E { g[_, e] * experts[e](h) }")
}

/// Experts that read their gate's value.
fn reads_gate_value() -> String {
    model("let g = gate(x)\nsum e: E { g[_, e] * experts[e](g[_, e] * x) }")
}

/// Two gates over one set of experts.
fn two_gates() -> String {
    model(
        "part other = top_k_of_softmax[E, K]\nlet g = gate(x) + other(x)\n\
         sum e: E { g[_, e] * experts[e](x) }",
    )
}

/// A shared expert beside the routed ones.
fn shared_beside() -> String {
    model("part shared = swiglu[H]\nlet g = gate(x)\nshared(x) + sum e: E { g[_, e] * experts[e](x) }")
}

/// A list of different experts, one for each row.
fn different_experts() -> String {
    format!(
        "moe 1\n{USES}\n\
         model Block[D = 64, H = 96, E = 4](x: f32[N, D]) -> f32[N, D] {{\n\
             part experts = [mlp[H], swiglu[H], mlp[2 * H], swiglu[H]]\n\
             part gate = top_k[E, 1]\n\
             let g = gate(x)\n\
             sum e: E {{ g[_, e] * experts[e](x) }}\n\
         }}\n"
    )
}

/// Experts chosen by a mask of shares `s`: experts that choose `C` or `F` of the rows, rows that choose `K` experts, or both.
pub fn chosen(mask: &str) -> String {
    format!(
        "moe 1\n{USES}\n\
         model Block[D = 64, H = 96, E = 8, C = 4, F = 20, K = 2](x: f32[N, D]) -> f32[N, D] {{\n\
             part experts = [mlp[H]; E]\n\
             weight gate: f32[D, E] = glorot\n\
             let s = softmax(x @ gate, over E)\n\
             let g = where({mask}, s, 0)\n\
             sum e: E {{ g[_, e] * experts[e](x) }}\n\
         }}\n"
    )
}

/// Mixtures with norms and residuals, one after the other.
fn layers() -> String {
    format!(
        "moe 1\n{USES}\n\
         layer block[H, E, K](x: f32[.., D]) -> f32[.., D] {{\n\
             part gate = top_k[E, K]\npart experts = [mlp[H]; E]\npart norm = rms_norm\n\
             let h = norm(x)\nlet g = gate(h)\n\
             x + sum e: E {{ g[_, e] * experts[e](h) }}\n\
         }}\n\
         model Stack[D = 64, H = 96, E = 8, K = 2, L = 3](x: f32[N, D]) -> f32[N, D] {{\n\
             part blocks = [block[H, E, K]; L]\n\
             repeat i in L {{ x = blocks[i](x) }}\n\
             x\n\
         }}\n"
    )
}
