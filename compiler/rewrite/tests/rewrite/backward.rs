//! The backward of every mixture that must be dispatched: the gradient of a loss by all weights costs what the routed rows cost.
//!
//! The loss is the sum of the squares of the result. Written densely, a gradient costs about three times its model; were a contraction of it left
//! dense (the gradient of the experts' weights, of their inputs, of the gate), it alone would be more than what each test allows.

use crate::compare::{assert_equal, Data};
use crate::language::{elaborate, flops};
use crate::texts::{chosen, model, DISPATCHED, USES};
use moe_graph::{
    Absorb, AxisId, Function, Module, Node, NodeId, Operation, Output, OutputKind, ParameterKind, ReduceKind,
    ScalarFunction,
};
use moe_rewrite::{rewrite, Options, Rewritten};

/// The module with the sum of the squares of its results as its only result, `loss`.
fn with_loss(module: &Module) -> Module {
    let mut module = module.clone();
    let function = &mut module.functions[module.entry as usize];
    let result = function.outputs.iter().find(|output| output.kind == OutputKind::Result).unwrap().node;
    let multiply = Operation::Map { function: ScalarFunction::Multiply, absorb: Absorb::Neither };
    let square = push(function, multiply, &[result, result]);
    let mut axes: Vec<AxisId> = function.node(square).unwrap().ty.axes.clone();
    axes.sort();
    let node = push(function, Operation::Reduce { kind: ReduceKind::Sum, axes }, &[square]);
    let (name, kind) = ("loss".to_owned(), OutputKind::Result);
    function.outputs = vec![Output { name, node, axes: Vec::new(), kind }];
    module
}

fn push(function: &mut Function, operation: Operation, operands: &[NodeId]) -> NodeId {
    let types: Vec<_> = operands.iter().map(|id| &function.node(*id).unwrap().ty).collect();
    let ty = moe_graph::infer(function, &operation, &types).unwrap().unwrap();
    function.nodes.push(Node { operation, operands: operands.to_vec(), ty, fact: None, span: None });
    NodeId(function.nodes.len() as u32 - 1)
}

/// The gradient of the loss by every weight.
fn gradient(text: &str) -> Module {
    let module = with_loss(&elaborate(text, &[]));
    let parameters = &module.entry().unwrap().parameters;
    let weights = parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Weight);
    let weights: Vec<String> = weights.map(|parameter| parameter.name.clone()).collect();
    assert!(!weights.is_empty());
    moe_differentiate::gradient(&module, "loss", &weights).unwrap()
}

/// Rewrites the gradient, compares what is computed, and asserts the part of the FLOPs that is left.
fn dispatched(text: &str, most: f64) -> Rewritten {
    let module = gradient(text);
    let rewritten = rewrite(&module, &Options::default()).unwrap();
    let report = rewritten.report.render();
    for rows in [1, 3] {
        assert_equal(&module, &rewritten.module, rows, Data::Any, 9, &report);
    }
    let (before, after) = (rewritten.report.before().unwrap(), rewritten.report.after().unwrap());
    let part = flops(&after.flops) / flops(&before.flops);
    assert!(part <= most, "{part} of the FLOPs are left\n{report}\n{:?}", rewritten.report.dense);
    rewritten
}

#[test]
fn gradients_of_models_are_dispatched() {
    for (name, text, most) in DISPATCHED {
        println!("{name}");
        dispatched(&text(), most);
    }
}

#[test]
fn a_plain_mixture() {
    dispatched(&model("let g = gate(x)\nsum e: E { g[_, e] * experts[e](x) }"), 0.27);
}

/// The gates' sums go over their own rows, and the experts' gradients over the rows of either.
#[test]
fn two_gates_in_two_sums() {
    let body = "part other = top_k_of_softmax[E, K]\nlet g = gate(x)\nlet h = other(x)\n\
                sum e: E { g[_, e] * experts[e](x) } + sum e: E { h[_, e] * experts[e](x) }";
    dispatched(&model(body), 0.52);
}

#[test]
fn two_levels() {
    let text = format!(
        "moe 1\n{USES}\n\
         model Block[D = 64, H = 96, I = 4, J = 4](x: f32[N, D]) -> f32[N, D] {{\n\
             part outer = top_k[I, 2]\npart inner = [top_k[J, 1]; I]\npart experts = [[mlp[H]; J]; I]\n\
             let a = outer(x)\n\
             sum i: I {{ a[_, i] * sum j: J {{ inner[i](x)[_, j] * experts[i][j](x) }} }}\n\
         }}\n"
    );
    dispatched(&text, 0.16);
}

#[test]
fn a_gate_on_sequences_with_attention_inside() {
    let text = format!(
        "moe 1\n{USES}\n\
         layer attention(x: f32[.., T, D]) -> f32[.., T, D] {{\n\
             weight q: f32[D, C = 64] = glorot\nweight k: f32[D, C] = glorot\nweight v: f32[D, O = 64] = glorot\n\
             weight out: f32[O, D] = glorot\n\
             let keys = (x @ k) as [S = T]\nlet values = (x @ v) as [S = T]\n\
             let scores = softmax((x @ q) @ keys, over S)\n\
             sum(scores * values, over S) @ out\n\
         }}\n\
         model Block[D = 64, T = 8, E = 8, K = 2](x: f32[N, T, D]) -> f32[N, T, D] {{\n\
             part gate = top_k[E, K]\npart experts = [attention; E]\n\
             let g = gate(mean(x, over T))\n\
             sum e: E {{ g[_, e] * experts[e](x) }}\n\
         }}\n"
    );
    dispatched(&text, 0.27);
}

/// A gate with both bounds at once: of the rows that chose an expert, it takes the best.
#[test]
fn both_bounds_at_once() {
    dispatched(&chosen("largest_mask[F](s, over N) && largest_mask[K](s, over E)"), 0.2);
}
