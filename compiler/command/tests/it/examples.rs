//! The examples with their data: every runner and both kinds of program give the numbers that were written down.

use crate::person::{read_f32, root, Person};
use std::path::{Path, PathBuf};

fn example(name: &str) -> PathBuf {
    root().join("examples").join(name)
}

/// The largest difference, relative to the largest entry expected.
fn difference(found: &Path, expected: &Path) -> f32 {
    let (found, expected) = (read_f32(found), read_f32(expected));
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0_f32, |largest, entry| largest.max(entry.abs()));
    found.iter().zip(&expected).fold(0_f32, |worst, (a, b)| worst.max((a - b).abs())) / largest
}

/// Whether LLVM is part of this build; where not, tests say that they leave it out.
fn with_llvm() -> bool {
    let there = Path::new(env!("CARGO_BIN_EXE_moe")).with_file_name("moe-codegen").is_file();
    if !there {
        println!("left out: moe-codegen is not built here");
    }
    there
}

fn back_ends() -> Vec<&'static str> {
    if with_llvm() {
        vec!["cranelift", "llvm"]
    } else {
        vec!["cranelift"]
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// One sparse block each of open models: input, weights and output as their implementation has them.
const BLOCKS: [&str; 3] = ["mixtral", "qwen3_moe", "deepseek_v3"];

fn block_gives_the_numbers_of_its_implementation(name: &str, runner: &str) {
    let folder = example(name);
    let person = Person::new();
    person
        .moe(&[
            "run".to_owned(),
            text(&folder.join(name).with_extension("moe")),
            "--backend".to_owned(),
            runner.to_owned(),
            "--weights".to_owned(),
            text(&folder.join("weights.safetensors")),
            "--input".to_owned(),
            text(&folder.join("input.npy")),
            "--output".to_owned(),
            "y.npy".to_owned(),
        ])
        .fine();
    let worst = difference(&person.path("y.npy"), &folder.join("expected.npy"));
    assert!(worst <= 1e-5, "{name} with {runner}: {worst}");
}

#[test]
fn blocks_of_open_models_give_the_numbers_of_their_implementation() {
    for name in BLOCKS {
        for runner in ["reference"].into_iter().chain(back_ends()) {
            block_gives_the_numbers_of_its_implementation(name, runner);
        }
    }
}

#[test]
fn blocks_of_open_models_are_dispatched() {
    let person = Person::new();
    for name in BLOCKS {
        let said = person.moe(&["explain", &text(&example(name).join(name).with_extension("moe"))]).fine();
        assert!(said.out.contains("= pack "), "{name}: {}", said.out);
    }
}

/// A classifier of the pictures in `examples/fashion`, by `moe run` or as a program.
fn classifies(name: &str, person: &Person, program: &Path, head: &[String]) {
    let folder = example(name);
    let mut arguments = head.to_vec();
    for argument in [
        "--weights".to_owned(),
        text(&folder.join("weights.safetensors")),
        "--input".to_owned(),
        format!("picture={}", text(&example("fashion").join("pictures.npy"))),
        "--output".to_owned(),
        "logits=logits.npy".to_owned(),
        "--output".to_owned(),
        "gate=gate.npy".to_owned(),
    ] {
        arguments.push(argument);
    }
    person.run(program, &arguments).fine();
    let logits = difference(&person.path("logits.npy"), &folder.join("expected_logits.npy"));
    assert!(logits <= 1e-4, "{name}: logits: {logits}");
    let gate = difference(&person.path("gate.npy"), &folder.join("expected_gate.npy"));
    assert!(gate <= 1e-4, "{name}: gate: {gate}");
}

fn fashion(person: &Person, program: &Path, head: &[String]) {
    classifies("fashion", person, program, head);
}

/// Each runs everywhere, says how good it is, and leaves nothing dense that a bound would allow to skip.
#[test]
fn classifiers_run_everywhere() {
    let moe = PathBuf::from(env!("CARGO_BIN_EXE_moe"));
    for (name, right, rows) in [("hierarchy", "0.89", "at most 2 * N"), ("vision", "0.89", "at most N")] {
        let folder = example(name);
        let source = text(&folder.join(name).with_extension("moe"));
        let person = Person::new();
        for runner in ["reference"].into_iter().chain(back_ends()) {
            let head = ["run".to_owned(), source.clone(), "--backend".to_owned(), runner.to_owned()];
            classifies(name, &person, &moe, &head);
        }
        let label = format!("label={}", text(&example("fashion").join("labels.npy")));
        let score = text(&folder.join("score.moe"));
        let arguments =
            ["run", &score, "--input", "logits=logits.npy", "--input", "gate=gate.npy", "--input", &label];
        let said = person.moe(&arguments).fine();
        assert!(said.out.contains(right), "{name}: {}", said.out);
        person.moe(&["check", &source, "--deny", "dense-work"]).fine();
        let said = person.moe(&["explain", &source]).fine();
        assert!(said.out.contains(rows), "{name}: {}", said.out);
    }
}

#[test]
fn fashion_runs_everywhere() {
    let moe = PathBuf::from(env!("CARGO_BIN_EXE_moe"));
    let source = text(&example("fashion").join("fashion.moe"));
    for runner in ["reference"].into_iter().chain(back_ends()) {
        let person = Person::new();
        fashion(
            &person,
            &moe,
            &["run".to_owned(), source.clone(), "--backend".to_owned(), runner.to_owned()],
        );
    }
}

#[test]
fn fashion_becomes_a_small_program() {
    let source = text(&example("fashion").join("fashion.moe"));
    for backend in back_ends() {
        let person = Person::new();
        person.moe(&["build", &source, "-o", "fashion", "--backend", backend]).fine();
        assert_eq!(person.files(), ["fashion"]);
        let program = person.path("fashion");
        let bytes = std::fs::metadata(&program).unwrap().len();
        assert!(bytes <= 3 << 20, "{backend}: {bytes} bytes");
        fashion(&person, &program, &[]);
        for threads in ["1", "2", "3"] {
            fashion(&person, &program, &["--threads".to_owned(), threads.to_owned()]);
        }
        person.run(&program, &["--info"]).fine();
        assert_eq!(person.run(&program, &["--no-such-option"]).status, 2);
    }
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let source = text(&example("fashion").join("fashion.moe"));
    for backend in back_ends() {
        let programs: Vec<Vec<u8>> = (0..2)
            .map(|_| {
                let person = Person::new();
                person.moe(&["build", &source, "-o", "fashion", "--backend", backend]).fine();
                std::fs::read(person.path("fashion")).unwrap()
            })
            .collect();
        assert!(programs[0] == programs[1], "{backend}");
    }
}

#[test]
fn weights_can_be_put_inside() {
    let folder = example("mixtral");
    let person = Person::new();
    person
        .moe(&[
            "build".to_owned(),
            text(&folder.join("mixtral.moe")),
            "-o".to_owned(),
            "mixtral".to_owned(),
            "--backend".to_owned(),
            "cranelift".to_owned(),
            "--weights".to_owned(),
            text(&folder.join("weights.safetensors")),
            "--embed".to_owned(),
        ])
        .fine();
    let arguments =
        ["--input".to_owned(), text(&folder.join("input.npy")), "--output".to_owned(), "y.npy".to_owned()];
    person.run(&person.path("mixtral"), &arguments).fine();
    let worst = difference(&person.path("y.npy"), &folder.join("expected.npy"));
    assert!(worst <= 1e-5, "{worst}");
}

#[test]
fn every_stage_can_be_printed() {
    let source = text(&example("fashion").join("fashion.moe"));
    let mut stages = vec!["syntax", "typed", "graph", "rewritten", "kernels", "program", "clif"];
    if with_llvm() {
        stages.extend(["mlir", "llvm", "asm"]);
    }
    let person = Person::new();
    for stage in stages {
        let said = person.moe(&["emit", &source, "--stage", stage]).fine();
        assert!(said.out.lines().count() > 5, "{stage}: {}", said.out);
    }
    let said = person.moe(&["explain", &source]).fine();
    assert!(said.out.contains("pack"), "{}", said.out);
}

#[test]
fn checked_formatted_and_described() {
    let person = Person::new();
    let examples = text(&root().join("examples"));
    let library = text(&root().join("stdlib"));
    person.moe(&["check", &examples, &library]).fine();
    person.moe(&["fmt", "--check", &examples, &library]).fine();
    person.moe(&["test", &library]).fine();
    let weights = text(&example("fashion").join("weights.safetensors"));
    let said = person.moe(&["inspect", &weights]).fine();
    assert!(said.out.contains("stem.weight") && said.out.contains("[784, 128]"), "{}", said.out);
    let said =
        person.moe(&["info", &text(&example("fashion").join("fashion.moe")), "--set", "N=4096"]).fine();
    assert!(said.out.contains("weights") && said.out.contains("arena"), "{}", said.out);
    person.moe(&["info"]).fine();
}
