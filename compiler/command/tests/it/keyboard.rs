//! The commands that are there for people: a project to begin with, looking into files, lists, completions.

use crate::person::{npy_f32, safetensors, small_weights, Person, SMALL};
use std::fs;

#[test]
fn a_new_project_checks_tests_and_runs() {
    let person = Person::new();
    let said = person.moe(&["new", "first-mixture"]).fine();
    let folder = person.path("first-mixture");
    let mut steps = said.out.lines().filter_map(|line| line.strip_prefix("  moe "));
    for step in steps.by_ref() {
        let arguments: Vec<&str> = step.split(' ').collect();
        let said = Person::in_folder(&folder, &arguments).fine();
        match arguments[0] {
            "test" => assert!(said.out.contains("1 passed, 0 failed"), "{}", said.out),
            "run" => assert!(said.out.contains("output: f32[4, 16]"), "{}", said.out),
            _ => {}
        }
    }
    assert_eq!(said.out.matches("  moe ").count(), 3, "{}", said.out);
    let source = fs::read_to_string(folder.join("first-mixture.moe")).unwrap();
    assert!(source.contains("model FirstMixture["), "{source}");
    Person::in_folder(&folder, &["fmt", "--check", "."]).fine();
    for name in ["README.md", ".gitignore", "weights.safetensors", "input.npy"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_new_project_touches_nothing_that_is_there() {
    let person = Person::new();
    fs::create_dir(person.path("mine")).unwrap();
    person.write("mine/notes", "mine");
    person.moe(&["new", "mine"]).wrong(&["E0018", "not empty"]);
    assert_eq!(fs::read_dir(person.path("mine")).unwrap().count(), 1);
    person.write("file", "mine");
    person.moe(&["new", "file"]).wrong(&["E0018", "a file of this name"]);
    person.moe(&["new", "9 lives"]).wrong(&["E0018", "9 lives", "letter"]);
    fs::create_dir(person.path("empty")).unwrap();
    person.moe(&["new", "empty"]).fine();
}

#[test]
fn weights_to_begin_with_fit_and_depend_on_the_seed_alone() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    person.write("x.npy", npy_f32(&[2, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 0.25]));
    for (seed, name) in [("1", "a"), ("1", "b"), ("2", "c")] {
        person.moe(&["weights", "small.moe", "-o", name, "--seed", seed]).fine();
    }
    let read = |name: &str| fs::read(person.path(name)).unwrap();
    assert_eq!(read("a"), read("b"));
    assert_ne!(read("a"), read("c"));
    person.moe(&["run", "small.moe", "--weights", "a", "--input", "x.npy"]).fine();
    person.moe(&["weights", "small.moe", "-o", "no/such/w"]).wrong(&["no/such/w"]);
}

#[test]
fn tensors_are_inspected_with_their_statistics() {
    let person = Person::new();
    let entries = [1.0_f32, 0.0, f32::NAN, 3.0].iter().flat_map(|entry| entry.to_le_bytes()).collect();
    person.write("w.safetensors", safetensors(&[("a.weight", "F32", &[2, 2], entries)]));
    let said = person.moe(&["inspect", "w.safetensors"]).fine();
    let line = said.out.lines().nth(1).unwrap();
    let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(
        cells,
        ["a.weight", "f32", "[2, 2]", "16 bytes", "0.0000", "3.0000", "1.3333", "1.2472", "1", "1"],
        "{}",
        said.out
    );
    let said = person.moe(&["inspect", "w.safetensors", "--json"]).fine();
    for word in ["\"nan\": 1", "\"zeros\": 1", "\"bytes\": 16", "\"shape\""] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    let said = person.moe(&["inspect", "w.safetensors", "--limit", "0"]).fine();
    assert!(!said.out.contains("mean"), "{}", said.out);
    person.write("x.npy", npy_f32(&[3], &[1.0, 2.0, 6.0]));
    let said = person.moe(&["inspect", "x.npy"]).fine();
    assert!(said.out.contains("[3]") && said.out.contains("3.0000"), "{}", said.out);
}

#[test]
fn sources_and_programs_are_inspected() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    person.write("w.safetensors", safetensors(&small_weights()));
    let said = person.moe(&["inspect", "small.moe"]).fine();
    assert!(said.out.contains("experts.up.weight") && said.out.contains("[N, 3]"), "{}", said.out);
    let build = ["build", "small.moe", "-o", "small", "--backend", "cranelift", "--weights", "w.safetensors"];
    person.moe(&build).fine();
    let said = person.moe(&["inspect", "small"]).fine();
    assert!(said.out.contains("model Small") && said.out.contains("no weights inside"), "{}", said.out);
    person.moe(&[&build[..], &["--embed"]].concat()).fine();
    let said = person.moe(&["inspect", "small", "--json"]).fine();
    assert!(said.out.contains("\"experts.up.weight\"") && said.out.contains("\"mean\""), "{}", said.out);
    person.moe(&["inspect", env!("CARGO_BIN_EXE_moe")]).wrong(&["not built by moe"]);
    person.moe(&["inspect", "nothing"]).wrong(&["nothing", "No such file"]);
    person.moe(&["inspect", "."]).wrong(&["folder"]);
}

#[test]
fn what_a_model_needs_is_told_for_people_and_for_programs() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    let said = person.moe(&["info", "small.moe", "--set", "N=1000"]).fine();
    assert!(said.out.contains("arena") && said.out.contains("as compiled"), "{}", said.out);
    let said = person.moe(&["info", "small.moe", "--set", "N=1000", "--json"]).fine();
    assert!(said.out.contains("\"input_bytes\": 12000") && said.out.contains("\"N\": 1000"), "{}", said.out);
    let said = person.moe(&["info", "small.moe", "--json"]).fine();
    assert!(said.out.contains("\"arena_bytes\": null"), "{}", said.out);
    person.moe(&["info", "small.moe", "--set", "N=many"]).wrong(&["many", "N=4096"]);
    person.moe(&["info", "small.moe", "--set", "M=3"]).wrong(&["M", "N"]);
}

#[test]
fn tests_are_listed_and_filtered() {
    let person = Person::new();
    person.write("t.moe", "moe 1\ntest one {\n    assert 1 == 1\n}\n\ntest other {\n    assert 1 == 2\n}\n");
    let said = person.moe(&["test", "t.moe", "--list"]).fine();
    assert_eq!(said.out, "t.moe: one\nt.moe: other\n");
    let said = person.moe(&["test", "t.moe", "--filter", "one"]).fine();
    assert!(said.out.contains("1 passed, 0 failed"), "{}", said.out);
    person.moe(&["test", "t.moe"]).wrong(&["E0606", "t.moe:7"]);
}

#[test]
fn shells_and_man_get_what_they_need() {
    let person = Person::new();
    for (shell, word) in
        [("bash", "complete -F"), ("zsh", "#compdef moe"), ("fish", "complete -c moe"), ("man", ".TH moe")]
    {
        let said = person.moe(&["completions", shell]).fine();
        assert!(said.out.contains(word), "{shell}: {:.300}", said.out);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    let moe = env!("CARGO_BIN_EXE_moe");
    for command in
        ["emit small.moe --stage syntax", "explain small.moe", "completions bash", "inspect small.moe"]
    {
        let said =
            person.run(std::path::Path::new("sh"), &["-c", &format!("{moe} {command} | head -n 1")]).fine();
        assert_eq!((said.out.lines().count(), said.err.as_str()), (1, ""), "{command}");
    }
    person.run(std::path::Path::new("sh"), &["-c", &format!("{moe} check small.moe 2>&-")]).fine();
    let said = person.run(std::path::Path::new("sh"), &["-c", &format!("{moe} check nothing.moe 2>&-")]);
    assert_eq!(said.status, 1);
}

#[test]
fn what_is_missing_is_said_with_the_way_to_it() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    person.write("w.safetensors", safetensors(&small_weights()));
    person.write("x.npy", npy_f32(&[1, 3], &[1.0, 2.0, 3.0]));
    let run = ["run", "small.moe", "--weights", "w.safetensors"];
    person
        .moe(&[&run[..], &["--input", "w.safetensors"]].concat())
        .wrong(&["holds no tensor", "gate.weight"]);
    person.moe(&["run", "small.moe", "--input", "x.npy"]).wrong(&["--weights", "moe weights"]);
    person.moe(&["run", "."]).wrong(&["it is a folder"]);
    person
        .moe(&[&run[..], &["--input", "x.npy", "--set", "Hidden=3"]].concat())
        .wrong(&["E0217", "it has D, E, K"]);
}

#[test]
fn a_bench_says_where_the_time_goes() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    let arguments = ["bench", "small.moe", "--set", "N=7", "--backend", "cranelift", "--repeat", "3"];
    let said = person.moe(&[&arguments[..], &["--threads", "1", "--profile", "trace.json"]].concat()).fine();
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].ends_with("cranelift for native, threads = 1, N = 7"), "{}", said.out);
    assert!(lines[1].starts_with("time: shortest ") && lines[1].ends_with(" of 3"), "{}", said.out);
    let [.., all, hint] = lines[..] else { panic!("{}", said.out) };
    assert!(all.starts_with("all ") && hint.contains("moe info --measure"), "{}", said.out);
    let trace: serde_json::Value =
        serde_json::from_slice(&fs::read(person.path("trace.json")).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > 1);
    person.moe(&["bench", "small.moe", "--set", "M=7"]).wrong(&["E0217", "`M`"]);
    person.moe(&["bench", "small.moe", "--set", "N=many"]).wrong(&["E0012", "`many`"]);
    person.moe(&["bench", "small.moe", "--weights", "none.safetensors"]).wrong(&["none.safetensors"]);
}

#[test]
fn what_a_bench_tunes_is_read_by_builds() {
    let person = Person::new();
    person.write("layer.moe", "moe 1\nmodel Layer[D = 64](x: f32[N, D]) -> f32[N, H] {\n    weight w: f32[D, H = 64]\n    x @ w\n}\n");
    let bench = ["bench", "layer.moe", "--set", "N=9", "--backend", "cranelift", "--repeat", "1"];
    let said = person.moe(&[&bench[..], &["--tune"]].concat()).fine();
    assert!(said.out.contains("64 by 64 f32 ") && said.out.contains("layer.lock: "), "{}", said.out);
    let lock = fs::read_to_string(person.path("layer.lock")).unwrap();
    let mut contents: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let product = serde_json::json!({
        "element": "F32", "products": 1, "terms": 64, "columns": 64, "packed": false, "pairs": false,
    });
    let blocking = serde_json::json!({ "vectors": 1, "panel_bytes": 1024, "rows": 8, "ahead": 0 });
    contents["products"] = serde_json::json!([{ "product": product, "blocking": blocking }]);
    person.write("layer.lock", contents.to_string());
    let tuned = person.moe(&["emit", "layer.moe", "--stage", "kernels"]).fine().out;
    person.moe(&bench).fine();
    person.moe(&["build", "layer.moe", "--backend", "cranelift", "-o", "layer"]).fine();
    contents["processor"] = "another".into();
    person.write("layer.lock", contents.to_string());
    let said = person.moe(&bench).fine();
    assert!(said.err.contains("tuned-elsewhere") && said.err.contains("layer.lock"), "{}", said.err);
    assert_ne!(person.moe(&["emit", "layer.moe", "--stage", "kernels"]).fine().out, tuned);
    contents["products"][0]["blocking"]["rows"] = 0.into();
    person.write("layer.lock", contents.to_string());
    person.moe(&bench).wrong(&["E0021", "layer.lock"]);
}

/// Stretches of rows are drawn that the rows make up.
#[test]
fn ragged_inputs_are_drawn() {
    let person = Person::new();
    person
        .write("r.moe", "moe 1\nmodel R[D = 4](x: f32[B, T[B], D]) -> f32[B, D] {\n    sum(x, over T)\n}\n");
    let said =
        person.moe(&["bench", "r.moe", "--set", "B=5", "--backend", "cranelift", "--repeat", "2"]).fine();
    assert!(said.out.contains("B = 5"), "{}", said.out);
    let said = person.moe(&["explain", "r.moe", "--check", "--rows", "7"]).fine();
    assert!(said.out.contains("28 entries compared"), "{}", said.out);
    let said = person.moe(&["explain", "r.moe", "--check", "--rows", "7", "--set", "B=3"]).fine();
    assert!(said.out.contains("12 entries compared"), "{}", said.out);
}

#[test]
fn the_reference_counts_and_times_nothing() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    for option in [&["--count"][..], &["--profile", "t.json"], &["--repeat", "3"], &["--check-finite"]] {
        let arguments = [&["run", "small.moe", "--backend", "reference"], option].concat();
        person.moe(&arguments).wrong(&[option[0], "compiled code"]);
    }
    assert_eq!(person.files(), ["small.moe"]);
}
