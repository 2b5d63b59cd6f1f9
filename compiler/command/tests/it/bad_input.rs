//! Weights and inputs that do not fit: a clear message, status 1, nothing written, by every runner alike.

use crate::person::{npy, npy_f32, numbers, safetensors, small_weights, Person, Said, SMALL};

const RUNNERS: [&str; 2] = ["cranelift", "reference"];

/// A person with the small model, its weights and three rows of input.
fn person() -> Person {
    let person = Person::new();
    person.write("small.moe", SMALL);
    person.write("w.safetensors", safetensors(&small_weights()));
    person.write("x.npy", npy_f32(&[3, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 0.25, 0.0, 0.0, 4.0]));
    person
}

fn run(person: &Person, runner: &str, weights: &str, input: &str) -> Said {
    let arguments = [
        "run",
        "small.moe",
        "--backend",
        runner,
        "--weights",
        weights,
        "--input",
        input,
        "--output",
        "y.npy",
    ];
    person.moe(&arguments)
}

/// Replaces the weights or the input, runs by every runner, and wants a message with `words`.
#[track_caller]
fn wrong(person: &Person, weights: &str, input: &str, words: &[&str]) {
    for runner in RUNNERS {
        run(person, runner, weights, input).wrong(words);
        assert!(!person.path("y.npy").exists(), "{runner} wrote an output");
    }
}

#[test]
fn all_is_well_with_the_right_files() {
    let person = person();
    let mut results = Vec::new();
    for runner in RUNNERS {
        run(&person, runner, "w.safetensors", "x.npy").fine();
        results.push(crate::person::read_f32(&person.path("y.npy")));
    }
    assert_eq!(results[0].len(), 9);
    for (a, b) in results[0].iter().zip(&results[1]) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn weights_that_are_missing_or_broken_files() {
    let person = person();
    wrong(&person, "none.safetensors", "x.npy", &["none.safetensors"]);
    let whole = safetensors(&small_weights());
    person.write("cut.safetensors", &whole[..whole.len() - 7]);
    wrong(&person, "cut.safetensors", "x.npy", &["cut.safetensors"]);
    person.write("short.safetensors", &whole[..5]);
    wrong(&person, "short.safetensors", "x.npy", &["short.safetensors"]);
    let claims = [&(1_u64 << 60).to_le_bytes()[..], b"{}"].concat();
    person.write("claims.safetensors", claims);
    wrong(&person, "claims.safetensors", "x.npy", &["claims.safetensors"]);
    person.write("text.safetensors", "hello, this is no weights file at all");
    wrong(&person, "text.safetensors", "x.npy", &["text.safetensors"]);
}

#[test]
fn weights_that_do_not_fit_the_model() {
    let person = person();
    let mut missing = small_weights();
    missing.remove(2);
    person.write("missing.safetensors", safetensors(&missing));
    wrong(&person, "missing.safetensors", "x.npy", &["experts.up.bias"]);
    let mut extra = small_weights();
    extra.push(("experts.up.bais", "F32", &[4], numbers(4)));
    person.write("extra.safetensors", safetensors(&extra));
    wrong(&person, "extra.safetensors", "x.npy", &["experts.up.bais"]);
    let mut shape = small_weights();
    shape[0] = ("gate.weight", "F32", &[4, 3], numbers(12));
    person.write("shape.safetensors", safetensors(&shape));
    wrong(&person, "shape.safetensors", "x.npy", &["gate.weight", "[4, 3]", "[3, 4]"]);
    let mut element = small_weights();
    element[0] = ("gate.weight", "I32", &[3, 4], numbers(12));
    person.write("element.safetensors", safetensors(&element));
    wrong(&person, "element.safetensors", "x.npy", &["gate.weight", "i32", "f32"]);
}

#[test]
fn inputs_that_do_not_fit() {
    let person = person();
    wrong(&person, "w.safetensors", "none.npy", &["none.npy"]);
    person.write("element.npy", npy("<f8", false, &[3, 3], &[0; 72]));
    wrong(&person, "w.safetensors", "element.npy", &["f64", "f32"]);
    person.write("order.npy", npy("<f4", true, &[3, 3], &[0; 36]));
    wrong(&person, "w.safetensors", "order.npy", &["column-major"]);
    person.write("shape.npy", npy_f32(&[3, 4], &[0.0; 12]));
    wrong(&person, "w.safetensors", "shape.npy", &["4", "3"]);
    person.write("rank.npy", npy_f32(&[9], &[0.0; 9]));
    wrong(&person, "w.safetensors", "rank.npy", &["x"]);
    let whole = npy_f32(&[3, 3], &[0.0; 9]);
    person.write("cut.npy", &whole[..whole.len() - 3]);
    wrong(&person, "w.safetensors", "cut.npy", &["cut.npy"]);
    person.write("text.npy", "no array");
    wrong(&person, "w.safetensors", "text.npy", &["text.npy"]);
    person.write("huge.npy", npy("<f4", false, &[1 << 62, 3], &[]));
    wrong(&person, "w.safetensors", "huge.npy", &["huge.npy"]);
    wrong(&person, "w.safetensors", "z=x.npy", &["z"]);
}

#[test]
fn no_weights_given() {
    let person = person();
    person.moe(&["run", "small.moe", "--input", "x.npy", "--output", "y.npy"]).wrong(&["weights"]);
}

#[test]
fn no_rows_and_one_row() {
    let person = person();
    for (rows, entries) in [(0, 0), (1, 3)] {
        person.write("rows.npy", npy_f32(&[rows, 3], &vec![0.5; entries]));
        for runner in RUNNERS {
            run(&person, runner, "w.safetensors", "rows.npy").fine();
            assert_eq!(crate::person::read_f32(&person.path("y.npy")).len(), entries, "{runner}");
        }
    }
}

#[test]
fn an_output_that_cannot_be_written() {
    let person = person();
    for runner in RUNNERS {
        for output in ["no/such/folder/y.npy", "y=.", "nothing=y.npy"] {
            let said = person.moe(&[
                "run",
                "small.moe",
                "--backend",
                runner,
                "--weights",
                "w.safetensors",
                "--input",
                "x.npy",
                "--output",
                output,
            ]);
            assert!(said.status == 1 || said.status == 2, "{output}: {}\n{}", said.status, said.err);
            assert!(!said.err.is_empty() && !said.err.contains("bug"), "{}", said.err);
        }
    }
}

#[test]
fn a_model_too_big_for_memory_says_how_much_it_needs() {
    let person = Person::new();
    // Running sums along the square of a column: 4 · N² bytes.
    person.write(
        "big.moe",
        "moe 1\nmodel Big(x: f32[N]) -> f32[N] {\n    sum(cumsum(x * (x as [N2 = N]), over N2), over N2)\n}\n",
    );
    person.write("x.npy", npy_f32(&[1 << 20], &vec![1.0; 1 << 20]));
    person.moe(&["run", "big.moe", "--input", "x.npy", "--output", "y.npy"]).wrong(&["memory"]);
}
