//! Weights that are given while compiling.

use crate::person::{npy_f32, safetensors, Person};

const MODEL: &str = "moe 1
model Sora[D = 2, R = 8](x: f32[N, D]) -> f32[N] {
    weight down: f32[D, R]
    weight gate: f32[R]
    sum(max(x @ down, 0) * gate, over R)
}
";

/// A file of the model's weights with this gate.
fn file(gate: [f32; 8]) -> Vec<u8> {
    let bytes = |entries: &[f32]| entries.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<u8>>();
    let down: Vec<f32> = (0..16_u8).map(|place| f32::from(place) - 6.0).collect();
    safetensors(&[("down", "F32", &[2, 8], bytes(&down)), ("gate", "F32", &[8], bytes(&gate))])
}

fn person() -> Person {
    let person = Person::new();
    person.write("sora.moe", MODEL);
    person.write("pruned.safetensors", file([0.0, 1.0, 0.0, 0.0, -2.0, 0.0, 0.5, 0.0]));
    person.write("again.safetensors", file([0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 1.5, -0.0]));
    person.write("whole.safetensors", file([0.0, 1.0, 0.0, 7.0, -2.0, 0.0, 0.5, 0.0]));
    person.write("x.npy", npy_f32(&[1, 2], &[1.0, 2.0]));
    person
}

#[test]
fn what_is_zero_is_left_out_and_other_weights_are_refused() {
    let person = person();
    let run = |weights: &str, more: &[&str]| {
        let mut all = vec!["run", "sora.moe", "--input", "x.npy", "--weights", weights];
        all.extend(more);
        person.moe(&all)
    };
    let given = ["--specialize", "pruned.safetensors"];
    for weights in ["pruned.safetensors", "again.safetensors"] {
        let all = run(weights, &[]).fine().out;
        assert_eq!(run(weights, &given).fine().out, all);
        assert_eq!(
            run(weights, &["--specialize", "pruned.safetensors", "--backend", "reference"]).fine().out,
            all
        );
    }
    run("whole.safetensors", &given).wrong(&[
        "E0818",
        "whole.safetensors",
        "`gate` at place 3 of R",
        "--specialize",
    ]);
    run("pruned.safetensors", &["--specialize", "sora.moe"]).wrong(&["E0802", "sora.moe"]);
    let rewritten = person.moe(&["explain", "sora.moe", "--specialize", "pruned.safetensors"]).fine().out;
    assert!(rewritten.contains("R_left"), "{rewritten}");
    assert!(!person.moe(&["explain", "sora.moe"]).fine().out.contains("R_left"));
}

#[test]
fn a_program_remembers_what_it_leaves_out() {
    let person = person();
    let build = ["build", "sora.moe", "-o", "sora", "--backend", "cranelift"];
    person.moe(&[&build[..], &["--specialize", "pruned.safetensors"]].concat()).fine();
    let run = |weights: &str| person.run(&person.path("sora"), &["--input", "x.npy", "--weights", weights]);
    run("again.safetensors").fine();
    run("whole.safetensors").wrong(&["E0818", "place 3 of R"]);
    // Weights are checked where they are put inside, too.
    let other = ["--specialize", "pruned.safetensors", "--weights", "whole.safetensors", "--embed"];
    person.moe(&[&build[..], &other].concat()).wrong(&["E0818"]);
}

#[test]
fn a_proof_speaks_of_what_is_left_out() {
    let person = person();
    let given = ["--specialize", "pruned.safetensors"];
    person.moe(&[&["explain", "sora.moe", "--save-proof", "sora.proof"], &given[..]].concat()).fine();
    let check = ["explain", "sora.moe", "--check-proof", "sora.proof"];
    person.moe(&[&check[..], &given].concat()).fine();
    // Of the model for all weights it says nothing.
    assert_ne!(person.moe(&check).status, 0);
}
