//! Text in and text out, with the language model of the examples.

use crate::person::{root, Person, Said};
use std::path::Path;

fn file(name: &str) -> String {
    root().join("examples/transformer").join(name).display().to_string()
}

fn back_ends() -> Vec<&'static str> {
    let there = Path::new(env!("CARGO_BIN_EXE_moe")).with_file_name("moe-codegen").is_file();
    if there {
        vec!["cranelift", "llvm"]
    } else {
        println!("left out: moe-codegen is not built here");
        vec!["cranelift"]
    }
}

/// Options for a text that goes on from a beginning, always with the likeliest token.
fn greedy(rest: &[&str]) -> Vec<String> {
    let mut options: Vec<String> =
        ["--input", "temperature=0", "--input", "top_p=1", "--input", "seed=0", "--tokenizer"]
            .map(str::to_owned)
            .to_vec();
    options.push(file("tokenizer.bin"));
    options.extend(rest.iter().map(|option| (*option).to_owned()));
    options
}

fn run(person: &Person, model: &str, weights: &str, rest: &[&str]) -> Said {
    let mut arguments: Vec<String> =
        vec!["run".to_owned(), file("transformer.moe"), "--model".to_owned(), model.to_owned()];
    arguments.extend(["--weights".to_owned(), weights.to_owned()]);
    arguments.extend(greedy(rest));
    person.moe(&arguments)
}

/// The tokens in a `.npy` file.
fn tokens(path: &Path) -> Vec<i64> {
    let bytes = std::fs::read(path).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].chunks_exact(8).map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap())).collect()
}

const BEGINNING: &str = "prompt=Once upon a time";

#[test]
fn the_model_tells_the_story_that_it_is_known_for() {
    let expected = tokens(Path::new(&file("expected.npy")));
    for backend in back_ends() {
        let person = Person::new();
        let rest = ["--text", BEGINNING, "--backend", backend, "--output", "text=tokens.npy"];
        run(&person, "Story", &file("weights.safetensors"), &rest).fine();
        assert_eq!(tokens(&person.path("tokens.npy")), expected, "{backend}");
    }
    let person = Person::new();
    let rest =
        ["--text", BEGINNING, "--backend", "reference", "--set", "New=20", "--output", "text=tokens.npy"];
    run(&person, "Story", &file("weights.safetensors"), &rest).fine();
    assert_eq!(tokens(&person.path("tokens.npy")), expected[..25], "reference");
}

#[test]
fn a_program_takes_and_gives_text() {
    let person = Person::new();
    person
        .moe(&[
            "build",
            &file("transformer.moe"),
            "--model",
            "Story",
            "-o",
            "story",
            "--backend",
            "cranelift",
        ])
        .fine();
    let program = person.path("story");
    let bytes = std::fs::metadata(&program).unwrap().len();
    assert!(bytes <= 3 << 20, "{bytes} bytes");
    let weights = file("weights.safetensors");
    let said =
        person.run(&program, &greedy(&["--weights", &weights, "--text", BEGINNING, "--repeat", "1"])).fine();
    let begin =
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.";
    assert!(said.out.starts_with(begin) && said.out.contains("tokens: 252 new, "), "{}", said.out);
    person.write("in.txt", "Once upon a time");
    let rest = ["--weights", &weights, "--input", "prompt=in.txt", "--output", "text=out.txt"];
    assert_eq!(person.run(&program, &greedy(&rest)).fine().out, "");
    let story = std::fs::read_to_string(person.path("out.txt")).unwrap();
    assert!(story.starts_with(begin) && said.out.starts_with(&story), "{story}");
}

#[test]
fn what_is_drawn_depends_on_the_seed_alone() {
    let person = Person::new();
    let story = |seed: &str| {
        let (weights, tokenizer, source) =
            (file("weights.safetensors"), file("tokenizer.bin"), file("transformer.moe"));
        let mut arguments =
            vec!["run", &source, "--model", "Story", "--set", "New=40", "--weights", &weights];
        arguments.extend(["--tokenizer", &tokenizer, "--text", BEGINNING, "--input", "temperature=1"]);
        arguments.extend(["--input", "top_p=0.9", "--input", seed]);
        person.moe(&arguments).fine().out
    };
    let first = story("seed=1");
    assert_eq!(first, story("seed=1"));
    assert_ne!(first, story("seed=2"));
}

#[test]
fn layers_may_be_mixtures() {
    let person = Person::new();
    person
        .moe(&["weights", &file("transformer.moe"), "--model", "Mixture", "-o", "mixture.safetensors"])
        .fine();
    let mut expected = None;
    for backend in ["reference"].into_iter().chain(back_ends()) {
        let rest =
            ["--text", BEGINNING, "--backend", backend, "--set", "New=12", "--output", "text=tokens.npy"];
        run(&person, "Mixture", "mixture.safetensors", &rest).fine();
        let found = tokens(&person.path("tokens.npy"));
        assert_eq!(found.len(), 17);
        assert_eq!(*expected.get_or_insert(found.clone()), found, "{backend}");
    }
    let said = person.moe(&["explain", &file("transformer.moe"), "--model", "Mixture"]).fine();
    assert!(said.out.contains("= pack "), "{}", said.out);
}

/// A list of tokens beside other things.
const ECHO: &str = "moe 1
model Echo(a: i64[T], scale: f32) -> (same: i64[T], scaled: f32) {
    (same = a, scaled = 2 * scale)
}
";

#[test]
fn texts_stand_where_lists_of_tokens_do() {
    let person = Person::new();
    person.write("echo.moe", ECHO);
    let tokenizer = file("tokenizer.bin");
    let moe = |rest: &[&str]| {
        let mut arguments = vec!["run", "echo.moe", "--input", "scale=0.25"];
        arguments.extend(rest);
        person.moe(&arguments)
    };
    let said = moe(&["--tokenizer", &tokenizer, "--text", "a=Züge = 3  🙂\n"]).fine();
    assert_eq!(said.out, "Züge = 3  🙂\n\nscaled: f32 = 0.5\n");
    moe(&["--text", "a=x"]).wrong(&["E0817", "without a tokenizer", "--tokenizer"]);
    moe(&["--tokenizer", &tokenizer, "--text", "scale=x"]).wrong(&["`scale` is given twice"]);
    moe(&["--tokenizer", &tokenizer, "--text", "b=x"]).wrong(&["the model has no input `b`"]);
    moe(&["--tokenizer", "none.json", "--text", "a=x"]).wrong(&["E0816", "none.json"]);
    moe(&["--tokenizer", "echo.moe", "--text", "a=x"]).wrong(&["E0816"]);
    moe(&["--tokenizer", &tokenizer, "--text", "a=x", "--output", "scaled=y.txt"])
        .wrong(&["E0817", "`scaled` is no text"]);
    let said = moe(&["--text", "a=x", "--tokenizer", &tokenizer, "--output", "same=y.txt"]).fine();
    assert_eq!(
        (said.out.as_str(), std::fs::read_to_string(person.path("y.txt")).unwrap().as_str()),
        ("scaled: f32 = 0.5\n", "x")
    );
}

#[test]
fn programs_without_text_have_no_tokenizer_inside() {
    let person = Person::new();
    person.write("plain.moe", ECHO.replace("a: i64[T]", "a: i64[T = 3]"));
    person.write("echo.moe", ECHO);
    let size = |name: &str| {
        person.moe(&["build", &format!("{name}.moe"), "-o", name, "--backend", "cranelift"]).fine();
        std::fs::metadata(person.path(name)).unwrap().len()
    };
    let (plain, text) = (size("plain"), size("echo"));
    assert!(plain + 50_000 < text, "{plain} and {text} bytes");
    let said = person.run(&person.path("plain"), &["--tokenizer", &file("tokenizer.bin")]);
    said.wrong(&["E0817", "the model takes no text"]);
}
