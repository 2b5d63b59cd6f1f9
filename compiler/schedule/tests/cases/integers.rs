//! Products of integers: bytes by fours where there are instructions for it, one by one where there are none.

use crate::support::{check_rows, expected, model, plan, run, sized, Split, AVX2, AVX512, CRANELIFT};
use moe_kernel::{print, LaneParts, Target};
use moe_runtime::sizes::evaluate;

const WORDS: Target = Target { word_pairs: true, ..AVX2 };
const BYTES: Target = Target { word_pairs: true, byte_quads: true, ..AVX512 };

const ROWS: [&[(&str, i64)]; 5] = [&[("N", 0)], &[("N", 1)], &[("N", 7)], &[("N", 16)], &[("N", 130)]];

/// How many of the model's kernels multiply such parts.
fn multiplied(text: &str, target: &Target, parts: LaneParts) -> usize {
    let plan = plan(&model(text, None, true), target);
    let name = format!("add_{}", parts.name());
    plan.kernels
        .iter()
        .filter(|kernel| kernel.name.contains("product") && print(kernel).contains(&name))
        .count()
}

/// A model at sizes against the evaluator, bit for bit; so many of its kernels multiply pairs of words, and fours of bytes.
fn check(text: &str, sizes: &[&[(&str, i64)]], words: usize, bytes: usize) {
    let text = format!("moe 1\nuse std::gate::top_k::top_k\n{text}");
    assert_eq!(multiplied(&text, &WORDS, LaneParts::WordPairs), words, "{text}");
    assert_eq!(multiplied(&text, &BYTES, LaneParts::ByteQuads), bytes, "{text}");
    assert_eq!(multiplied(&text, &AVX512, LaneParts::WordPairs), 0, "{text}");
    let module = model(&text, None, true);
    for sizes in sizes {
        let given = sized(&module, sizes);
        let expected = expected(&module, &given);
        for target in [&CRANELIFT, &WORDS, &BYTES] {
            assert_eq!(
                run(&module, &given, target, Split::Odd),
                expected,
                "{text} at {sizes:?} by {target:?}"
            );
        }
    }
}

#[test]
fn layers_of_bytes() {
    let layer = |d: usize, h: usize, x: &str, w: &str| {
        format!(
            "model Layer(x: {x}[N, D = {d}]) -> i32[N, H] {{ weight w: {w}[D, H = {h}] = 1\n (x as i32) @ (w as i32) }}"
        )
    };
    check(&layer(100, 37, "i8", "i8"), &ROWS, 1, 1);
    check(&layer(38, 70, "u8", "i8"), &ROWS, 1, 1);
    check(&layer(64, 50, "i8", "u8"), &ROWS, 1, 0);
    check(&layer(3, 200, "u8", "u8"), &ROWS, 1, 0);
    check(&layer(41, 16, "i8", "i8"), &ROWS, 1, 1);
}

#[test]
fn weights_across_and_renamed_and_in_batches() {
    let across = "model Across(x: i8[N, D = 38]) -> i32[N, H] { weight w: i8[H = 50, D] = 1\n (x as i32) @ (w as i32) }";
    check(across, &ROWS, 1, 1);
    let renamed = "model Renamed(x: i8[N, D = 38]) -> i32[N, H] { weight w: i8[C = 38, H = 50] = 1\n (x as [C = D] as i32) @ (w as i32) }";
    check(renamed, &ROWS, 1, 1);
    let two = "model Two(x: i8[N, G = 3, D = 10]) -> i32[N, H] {
        weight w: i8[G, D, H = 40] = 1
        sum((x as i32) * (w as i32), over (G, D))
    }";
    check(two, &ROWS, 1, 1);
    let batch =
        "model Batch(x: i8[B = 2, N, D = 41]) -> i32[B, N, H] { weight w: i8[B, D, H = 33] = 1\n (x as i32) @ (w as i32) }";
    check(batch, &ROWS, 1, 1);
    let upright = "model Upright(x: i8[D = 37, N]) -> i32[N, H] { weight w: i8[D, H = 50] = 1\n sum((x as i32) * (w as i32), over D) }";
    check(upright, &ROWS, 1, 1);
}

#[test]
fn two_layers_of_one_left_side_with_scales() {
    let text = "model Two(x: f32[N, D = 50]) -> f32[N, H] {
        weight a, b: i8[D, H = 40] = 1
        weight scale: f32[H] = 0.5
        let q = (x * 4.0) as i8
        let up = ((q as i32) @ (a as i32)) as f32 * scale
        up * (((q as i32) @ (b as i32)) as f32)
    }";
    check(text, &ROWS, 1, 1);
}

#[test]
fn experts_of_bytes_in_a_stack() {
    let text = "
fn quantized(x: f32[.., D]) -> i8[.., D] { min(max(round(x * 2.0), -127.0), 127.0) as i8 }
expert whole[H](x: f32[.., D]) -> f32[.., D] {
    weight up: i8[D, H] = 1
    weight down: i8[H, D] = 1
    let h = ((quantized(x) as i32) @ (up as i32)) as f32 * 0.125
    ((quantized(max(h, 0)) as i32) @ (down as i32)) as f32 * 0.25
}
model Stack[L = 2](x: f32[N, D = 30], s: f32[N, E = 4]) -> f32[N, D] {
    part layers = [[whole[45]; E]; L]
    let h = x
    repeat i in L {
        h = sum e: E { where(s[.., e] > 0.5, layers[i][e](h), 0) }
    }
    h
}";
    check(text, &ROWS, 2, 2);
}

/// What is worked out row by row and becomes bytes is stored as bytes, whoever packs and widens it then.
#[test]
fn bytes_of_shares_of_rows() {
    let text = "
use std::nn::softmax::softmax
expert worker[H](x: f32[.., D]) -> f32[.., H] {
    weight w: i8[D, H] = 1
    let y = round(softmax(x, over D) * 100.0) as i8
    ((y as i32) @ (w as i32)) as f32
}
model Shares[H = 50](x: f32[N, D = 38], s: f32[N, E = 4]) -> f32[N, H] {
    part experts = [worker[H]; E]
    sum e: E { where(s[.., e] > 0.5, experts[e](x), 0) }
}";
    check(text, &ROWS, 1, 1);
}

#[test]
fn what_no_instruction_multiplies_is_multiplied_one_by_one() {
    let wide = "model Wide(x: i32[N, D = 38]) -> i32[N, H] { weight w: i8[D, H = 50] = 1\n x @ (w as i32) }";
    check(wide, &ROWS, 0, 0);
    let other = "model Other(x: i8[N, D = 38], w: i8[D, H = 50]) -> i32[N, H] { (x as i32) @ (w as i32) }";
    check(other, &ROWS, 0, 0);
    let both = "model Both(x: i8[N, D = 38]) -> i32[N, H] {
        weight a: i8[D, H = 50] = 1
        weight b: u8[D, H] = 1
        let x = x as i32
        (x @ (a as i32)) * (x @ (b as i32))
    }";
    check(both, &ROWS, 0, 0);
    let narrow = "model Narrow(x: i8[N, D = 38]) -> i32[N, H] { weight w: i8[D, H = 50] = 1\n (x as u8 as i32) @ (w as i32) }";
    check(narrow, &ROWS, 0, 0);
}

#[test]
fn bytes_stay_bytes_in_panels() {
    let text = "moe 1\nmodel Layer(x: i8[N, D = 38]) -> i32[N, H] { weight w: i8[D, H = 50] = 1\n (x as i32) @ (w as i32) }";
    let prepared = |target: &Target| {
        let program = plan(&model(text, None, true), target).program;
        evaluate(&program.prepared_bytes, &[])
    };
    // Fifty columns in vectors, ten times four rows; with bytes one more row of where sums begin.
    assert_eq!(prepared(&WORDS), Some(56 * 10 * 4));
    assert_eq!(prepared(&BYTES), Some(64 * 11 * 4));
    assert_eq!(prepared(&AVX512), Some(64 * 38));
}

#[test]
fn a_row_does_not_depend_on_how_many_there_are() {
    let text = "moe 1\nmodel Layer(x: i8[N, D = 38]) -> i32[N, H] { weight w: i8[D, H = 50] = 1\n (x as i32) @ (w as i32) }";
    let module = model(text, None, true);
    let given = sized(&module, &[("N", 30)]);
    for target in [WORDS, BYTES, CRANELIFT] {
        check_rows(&module, &given, 1, &target, &[1, 2, 13, 30]);
    }
}
