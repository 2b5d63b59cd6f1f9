//! Whatever is written, the checker answers with messages.

use crate::support::{program, root};
use moe_grammar::FileId;
use std::fs;

fn answers(text: &str) {
    let program = program(text);
    program.check_file(FileId(0));
    for model in program.models(FileId(0)) {
        let _ = program.elaborate(FileId(0), &model.name, &std::collections::BTreeMap::new());
    }
}

/// The words and signs of a text.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for (place, letter) in text.char_indices() {
        let word = letter.is_alphanumeric() || letter == '_' || letter == '.';
        let begins = !text[start..place]
            .chars()
            .all(|before| before.is_alphanumeric() || before == '_' || before == '.');
        if (!word || begins) && place > start {
            tokens.push(&text[start..place]);
            start = place;
        }
    }
    tokens.push(&text[start..]);
    tokens
}

#[test]
fn changed_programs_get_messages() {
    let examples =
        ["examples/fashion/fashion.moe", "examples/mixtral/mixtral.moe", "examples/fashion/score.moe"];
    let mut texts: Vec<String> =
        examples.iter().map(|path| fs::read_to_string(root().join(path)).unwrap()).collect();
    texts.push(include_str!("language.moe").to_owned());
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for round in 0..160 {
        let text = &texts[round % texts.len()];
        let mut words: Vec<&str> = tokens(text);
        for _ in 0..1 + next(3) {
            let (a, b) = (next(words.len()), next(words.len()));
            match next(3) {
                0 => drop(words.remove(a)),
                1 => words.swap(a, b),
                _ => words[a] = words[b],
            }
        }
        answers(&words.concat());
    }
}

#[test]
fn definitions_deep_in_each_other() {
    let mut text = String::from("fn f0(x: f32[..]) -> f32[..] { x }\n");
    for level in 1..200 {
        let open = "(1 + ".repeat(40);
        let close = ")".repeat(40);
        text += &format!("fn f{level}(x: f32[..]) -> f32[..] {{ {open}f{}(x){close} }}\n", level - 1);
    }
    answers(&text);
}

#[test]
fn sizes_that_overflow_or_vanish() {
    answers("model M[D = 9223372036854775807](x: f32[N, D]) -> f32[N] { axis F = D * D * D\n weight w: f32[D, F]\n sum(x @ w, over F) }");
    answers("model M[D = 0](x: f32[N, D]) -> f32[N] { axis F = 4 / D\n axis G = ceil_div(D, D)\n sum(x, over D) }");
    answers("model M(x: f32[N]) -> f32[M2 = 99999999999999999999] { x }");
}
