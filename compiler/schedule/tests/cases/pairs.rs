//! Products of `bf16`, two by two.

use crate::support::{check_rows, expected, model, plan, run, sized, Split, AVX2, AVX512};
use moe_kernel::{print, Target};
use moe_runtime::sizes::evaluate;

const PAIRS: Target = Target { bf16_pairs: true, ..AVX512 };

/// The model's kernels that multiply pairs.
fn paired(text: &str, target: &Target) -> usize {
    let plan = plan(&model(text, None, true), target);
    plan.kernels.iter().filter(|kernel| print(kernel).contains("add_bf16_pairs")).count()
}

/// A model at sizes against the evaluator, whose sums of small numbers are exact; so many of its kernels multiply pairs.
fn check(text: &str, sizes: &[&[(&str, i64)]], kernels: usize) {
    let text = format!("moe 1\nuse std::gate::top_k::top_k\n{text}");
    assert_eq!(paired(&text, &PAIRS), kernels, "{text}");
    assert_eq!(paired(&text, &AVX512), 0, "{text}");
    let module = model(&text, None, true);
    for sizes in sizes {
        let given = sized(&module, sizes);
        let expected = expected(&module, &given);
        assert_eq!(run(&module, &given, &PAIRS, Split::Odd), expected, "{text} at {sizes:?}");
    }
}

const ROWS: [&[(&str, i64)]; 5] = [&[("N", 0)], &[("N", 1)], &[("N", 5)], &[("N", 12)], &[("N", 70)]];

#[test]
fn layers_of_bf16() {
    check("model Narrow(x: bf16[N, D = 38]) -> bf16[N, H] { weight w: bf16[D, H = 50]\n x @ w }", &ROWS, 1);
    let wide =
        "model Wide(x: bf16[N, D = 38]) -> f32[N, H] { weight w: bf16[D, H = 50]\n (x as f32) @ (w as f32) }";
    check(wide, &ROWS, 1);
    let across = "model Across(x: bf16[N, D = 38]) -> bf16[N, H] { weight w: bf16[H = 50, D]\n x @ w }";
    check(across, &ROWS, 1);
    let renamed = "model Renamed(x: bf16[N, D = 38]) -> bf16[N, H] { weight w: bf16[C = 38, H = 50]\n (x as [C = D]) @ w }";
    check(renamed, &ROWS, 1);
}

#[test]
fn what_is_rounded_is_stored_as_it_is_read() {
    let text = "model Rounded(x: f32[N, D = 32]) -> f32[N, H] { weight w: bf16[D, H = 64]\n ((x * 2) as bf16 as f32) @ (w as f32) + 1 }";
    check(text, &ROWS, 1);
}

#[test]
fn sums_over_two_axes_and_batches() {
    let two = "model Two(x: bf16[N, G = 3, D = 10]) -> f32[N, H] {
        weight w: bf16[G, D, H = 40]
        sum((x as f32) * (w as f32), over (G, D))
    }";
    check(two, &ROWS, 1);
    let batch =
        "model Batch(x: bf16[B = 2, N, D = 40]) -> bf16[B, N, H] { weight w: bf16[B, D, H = 33]\n x @ w }";
    check(batch, &ROWS, 1);
}

#[test]
fn both_layers_of_experts_and_of_a_stack() {
    let text = "
expert gated[H](x: bf16[.., D]) -> f32[.., D] {
    weight gate, up: bf16[D, H]
    weight down: bf16[H, D]
    let x = x as f32
    let h = (max(x @ (gate as f32), 0) * (x @ (up as f32))) as bf16
    (h as f32) @ (down as f32)
}
model Stack[L = 2](x: f32[N, D = 32], s: f32[N, E = 4]) -> f32[N, D] {
    part layers = [[gated[48]; E]; L]
    let g = where(s > 0.5, s, 0)
    let h = x
    repeat i in L {
        h = sum e: E { where(s[.., e] > 0.5, layers[i][e](x as bf16), 0) }
    }
    h
}";
    check(text, &ROWS, 2);
}

#[test]
fn what_does_not_lie_in_pairs_is_multiplied_one_by_one() {
    check("model Odd(x: bf16[N, D = 37]) -> bf16[N, H] { weight w: bf16[D, H = 50]\n x @ w }", &ROWS, 0);
    check(
        "model Mixed(x: f32[N, D = 38]) -> f32[N, H] { weight w: bf16[D, H = 50]\n x @ (w as f32) }",
        &ROWS,
        0,
    );
    check("model Half(x: f16[N, D = 38]) -> f16[N, H] { weight w: f16[D, H = 50]\n x @ w }", &ROWS, 0);
    let across = "model Across(x: bf16[D = 38, N]) -> bf16[N, H] { weight w: bf16[D, H = 50]\n sum((x as f32) * (w as f32), over D) as bf16 }";
    check(across, &ROWS, 0);
    let each =
        "model Each(x: bf16[N, D = 38]) -> bf16[N, H] { weight w: bf16[D, H = 50]\n sum(x * w, over D) }";
    check(each, &ROWS, 0);
}

#[test]
fn pairs_take_no_more_memory_than_their_weights() {
    let text = "moe 1\nmodel Narrow(x: bf16[N, D = 38]) -> bf16[N, H] { weight w: bf16[D, H = 50]\n x @ w }";
    let program = plan(&model(text, None, true), &PAIRS).program;
    // Fifty columns in vectors of sixteen.
    assert_eq!(evaluate(&program.prepared_bytes, &[]), Some(38 * 64 * 2));
}

#[test]
fn a_row_does_not_depend_on_how_many_there_are() {
    let text = "moe 1\nmodel Narrow(x: bf16[N, D = 38]) -> bf16[N, H] { weight w: bf16[D, H = 50]\n x @ w }";
    let module = model(text, None, true);
    let given = sized(&module, &[("N", 30)]);
    for target in [PAIRS, AVX2] {
        check_rows(&module, &given, 1, &target, &[1, 2, 13, 30]);
    }
}
