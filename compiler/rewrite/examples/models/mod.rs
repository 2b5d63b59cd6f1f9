//! The models that rewriting is measured on: a block as large as Mixtral's, and many of them.

const BLOCK: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k_renormalized
use std::nn::norm::rms_norm

layer block[H, E, K](x: f32[.., D]) -> f32[.., D] {
    part gate = top_k_renormalized[E, K]
    part experts = [swiglu[H]; E]
    part norm = rms_norm
    let h = norm(x)
    let g = gate(h)
    x + sum e: E { g[_, e] * experts[e](h) }
}
";

/// One block.
pub fn block() -> String {
    format!(
        "{BLOCK}\nmodel Block[D = 4096, H = 14336, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {{\n\
         part own = block[H, E, K]\nown(x)\n}}\n"
    )
}

/// So many blocks.
pub fn layers(count: usize) -> String {
    format!(
        "{BLOCK}\nmodel Layers[D = 4096, H = 14336, E = 8, K = 2, L = {count}](x: f32[N, D]) -> f32[N, D] {{\n\
         part blocks = [block[H, E, K]; L]\nrepeat i in L {{ x = blocks[i](x) }}\nx\n}}\n"
    )
}
