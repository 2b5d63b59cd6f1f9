//! What is known of values holds when they are computed: every degree of every node, counted on random inputs.

use crate::support::elaborate;
use moe_evaluate::{evaluate, Options};
use moe_graph::{AxisId, Element, Fact, Module, NodeId, Output, OutputKind, Size};
use moe_runtime::Tensor;
use std::collections::BTreeMap;

const ROWS: usize = 5;

/// Small dyadic numbers, many of them zero.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn tensor(&mut self, element: Element, shape: Vec<usize>) -> Tensor {
        let count = shape.iter().product();
        let value = |numbers: &mut Numbers| (numbers.next() % 33) as f32 / 8.0 - 2.0;
        match element {
            Element::F32 => {
                let entries: Vec<f32> = (0..count).map(|_| value(self)).collect();
                Tensor::from_f32(shape, &entries).unwrap()
            }
            Element::I64 => {
                let entries: Vec<i64> = (0..count).map(|_| (self.next() % 3) as i64).collect();
                Tensor::from_i64(shape, &entries).unwrap()
            }
            other => panic!("no inputs of type {other}"),
        }
    }
}

fn length(size: &Size) -> usize {
    size.evaluate(&|_| Some(ROWS as i64)).unwrap() as usize
}

/// The most entries along some axes that are not the background, over all places along the others.
fn counted(tensor: &Tensor, axes: &[AxisId], over: &[AxisId], background: f64) -> usize {
    let mut counts: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for (place, value) in tensor.to_f64().into_iter().enumerate() {
        let mut rest = place;
        let mut key = Vec::new();
        for (axis, length) in axes.iter().zip(tensor.shape()).rev() {
            if !over.contains(axis) {
                key.push(rest % length);
            }
            rest /= length;
        }
        *counts.entry(key).or_default() += usize::from(value != background);
    }
    counts.into_values().max().unwrap_or(0)
}

fn holds(module: &Module, id: NodeId, fact: &Fact, tensor: &Tensor) {
    let function = module.entry().unwrap();
    let node = function.node(id).unwrap();
    let background = fact.background.as_f64();
    let what = format!("%{}: {:?} {}", id.0, node.operation, moe_graph::print_module(module));
    if fact.support.is_empty() {
        assert!(tensor.to_f64().iter().all(|value| *value == background), "{what}");
    }
    for (key, bound) in &fact.support.degrees {
        let over: Vec<AxisId> = key.iter().copied().collect();
        let most = counted(tensor, &node.ty.axes, &over, background);
        assert!(most <= length(bound), "{most} over {key:?}: {what}");
    }
}

fn check(text: &str) {
    let mut module = elaborate(text);
    let entry = module.entry as usize;
    let function = &mut module.functions[entry];
    let known: Vec<NodeId> =
        function.node_ids().filter(|id| function.node(*id).unwrap().fact.is_some()).collect();
    assert!(known.len() > 3);
    function.outputs = known
        .iter()
        .map(|id| Output {
            name: format!("n{}", id.0),
            node: *id,
            axes: function.node(*id).unwrap().ty.axes.clone(),
            kind: OutputKind::Result,
        })
        .collect();
    let mut numbers = Numbers(7);
    for _ in 0..5 {
        let function = module.entry().unwrap();
        let inputs: Vec<Tensor> = function
            .parameters
            .iter()
            .map(|own| {
                numbers.tensor(
                    own.ty.element,
                    own.ty.axes.iter().map(|axis| length(&function.size(*axis))).collect(),
                )
            })
            .collect();
        let outputs = evaluate(&module, &inputs, &Options::default()).unwrap().outputs;
        for (id, tensor) in known.iter().zip(&outputs) {
            let fact = module.entry().unwrap().node(*id).unwrap().fact.clone().unwrap();
            holds(&module, *id, &fact, tensor);
        }
    }
}

const USES: &str = "use std::gate::top_k::{top_k, top_k_renormalized, top_k_of_softmax}
use std::expert::mlp::mlp
use std::select::{keep_largest, one_hot}
use std::nn::softmax::{softmax, log_softmax}
";

#[test]
fn gates_and_experts() {
    check(&format!(
        "{USES}
model M[D = 3, H = 2, E = 5, K = 2](x: f32[N, D]) -> f32[N, D] {{
    part a = top_k[E, K]
    part b = top_k_renormalized[E, 1]
    part c = top_k_of_softmax[E, 3]
    part experts = [mlp[H]; E]
    let g = a(x) + b(x) * c(x) - 2 * c(x)
    sum e: E {{ g[_, e] * (x + experts[e](x)) }}
}}"
    ));
}

#[test]
fn two_axes_and_both_bounds() {
    check(&format!(
        "{USES}
model M[E = 4, K = 2, C = 2](s: f32[N, E], t: f32[N, E]) -> f32[N, E] {{
    let a = where(largest_mask[C](s, over N), s, 0)
    let b = where(largest_mask[K](t, over E), a, 0)
    let c = max(keep_largest[K](s, over E), keep_largest[1](t, over E))
    softmax(c, over E) + softmax(c, over N) + b * sum(a, over N) + min(c, 0)
}}"
    ));
}

#[test]
fn levels_and_joint_bounds() {
    check(&format!(
        "{USES}
model M[I = 3, J = 4](s: f32[N, I], t: f32[N, J], u: f32[N, I, J]) -> f32[N] {{
    let a = softmax(keep_largest[1](s, over I), over I)
    let b = softmax(keep_largest[2](t, over J), over J)
    let c = softmax(keep_largest[1](u, over J), over J)
    sum (i: I, j: J) {{ a[_, i] * b[_, j] * c[_, i, j] }} + sum(a * sum(c, over J), over I)
}}"
    ));
}

#[test]
fn moving_entries_about() {
    check(&format!(
        "{USES}
model M[A = 4, B = 6](s: f32[N, A], t: f32[N, B], i: i64[N], j: i64[A]) -> f32[N] {{
    axis C = A + B
    axis P = A + 2
    axis Q = 2
    axis R = A / 2
    let a = softmax(keep_largest[2](s, over A), over A)
    let b = softmax(keep_largest[1](t, over B), over B)
    let c = concat[C](a, b)
    let p = pad[P](a, over A, before = 1)
    let m = split[Q, R](a, over A)
    let h = one_hot[B](i) * t
    let aligned = a as [A2 = A]
    sum(c, over C) + sum(p, over P) + sum(m, over (Q, R)) + sum(h, over B) + a[_, 1] + sum(a[_, 1..3])
        + sum(a[i as [M = N], _], over A)[0] + sum(b[j], over (A, B)) + sum(a[j, _], over A) + sum(aligned, over A2) -
        sum(-a, over A)
}}"
    ));
}
