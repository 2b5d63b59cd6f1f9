//! Mistakes in a source: each is reported with a place, none crashes, nothing is written.

use crate::person::Person;

/// Checks a source that has mistakes.
#[track_caller]
fn check(source: &str, words: &[&str]) -> String {
    let person = Person::new();
    person.write("m.moe", source);
    let said = person.moe(&["check", "m.moe"]).wrong(words);
    assert_eq!(person.files(), ["m.moe"]);
    person.moe(&["build", "m.moe", "-o", "m", "--backend", "cranelift"]).wrong(&[]);
    assert_eq!(person.files(), ["m.moe"]);
    said.err
}

#[test]
fn several_broken_items_are_reported_at_once() {
    let source = "moe 1
model A(x: f32[N, D = 4]) -> f32[N, D] {
    x * * 2
}

model B(x: f32[N, D = 4]) -> f32[N, D] {
    let y = = x
    y
}
";
    let said = check(source, &["m.moe:3", "m.moe:7"]);
    assert!(said.matches("error[").count() >= 2, "{said}");
}

#[test]
fn an_unknown_name_has_a_suggestion() {
    check(
        "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {\n    let scores = x * 2\n    scoers\n}\n",
        &["scoers", "scores"],
    );
}

#[test]
fn a_name_of_the_library_is_found_there() {
    check(
        "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {\n    relu(x)\n}\n",
        &["relu", "use std::activation::relu"],
    );
}

#[test]
fn an_axis_that_is_not_there() {
    check(
        "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {\n    weight w: f32[H = 5, D]\n    x @ w\n}\n",
        &["m.moe:4", "D"],
    );
}

#[test]
fn equal_sizes_do_not_make_axes_equal() {
    check("moe 1\nmodel A(x: f32[N, D = 4], y: f32[N, C = 4]) -> f32[N, D] {\n    x + y\n}\n", &["C"]);
}

#[test]
fn a_bound_that_cannot_be_proven() {
    check(
        "moe 1\nmodel A[E = 8, K = 2](x: f32[N, E]) -> f32[N, K of E] {\n    exp(x)\n}\n",
        &["K", "keep_largest", "expect"],
    );
}

#[test]
fn blocks_that_are_not_supported_yet_say_so() {
    check(
        "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {\n    x\n}\nquantize A {\n    x: int4[group = 32]\n}\n",
        &["not supported yet", "m.moe:5"],
    );
}

#[test]
fn messages_come_as_json_and_in_short_form() {
    let person = Person::new();
    person.write("m.moe", "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {\n    z\n}\n");
    let said = person.moe(&["check", "m.moe", "--error-format", "json"]).wrong(&["\"code\":", "\"line\":3"]);
    assert!(said.err.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{}", said.err);
    person.moe(&["check", "m.moe", "--error-format", "short"]).wrong(&["m.moe:3:5: error["]);
}

#[test]
fn files_that_are_no_sources() {
    let person = Person::new();
    person.write("binary.moe", [0xff, 0xfe, 0x00]);
    person.moe(&["check", "missing.moe"]).wrong(&["missing.moe"]);
    person.moe(&["check", "binary.moe"]).wrong(&["UTF-8"]);
    person.write("empty.moe", "");
    person.moe(&["check", "empty.moe"]).fine();
    person.moe(&["run", "empty.moe"]).wrong(&["no model"]);
}

#[test]
fn a_program_that_cannot_be_written_and_a_value_that_cannot_be_observed() {
    let person = Person::new();
    let source =
        "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {\n    observe load = sum(x, over N)\n    x\n}\n";
    person.write("m.moe", source);
    let said = person.moe(&["build", "m.moe", "-o", "no/such/m", "--backend", "cranelift"]);
    assert!(!said.wrong(&["no/such", "there is no folder"]).err.contains(".moe-link"));
    person.write("x.npy", crate::person::npy_f32(&[1, 4], &[1.0; 4]));
    person.moe(&["run", "m.moe", "--input", "x.npy", "--dump", "laod"]).wrong(&["laod", "load"]);
    let said = person.moe(&["run", "m.moe", "--input", "x.npy", "--dump", "lo*"]).fine();
    assert!(said.out.contains("load: f32[4]"), "{}", said.out);
}

#[test]
fn a_wrong_call_of_the_command_has_status_2() {
    let person = Person::new();
    assert_eq!(person.moe(&["chekc"]).status, 2);
    assert_eq!(person.moe(&["check"]).status, 2);
    assert_eq!(person.moe(&["explain", "E9999"]).status, 1);
}

#[test]
fn depth_is_limited_and_not_the_stack() {
    for (open, close) in [("(", ")"), ("-", ""), ("{", "}")] {
        let source = format!(
            "moe 1\nmodel A(x: f32[N, D = 4]) -> f32[N, D] {{\n    let y = {}x{}\n    y\n}}\n",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        let person = Person::new();
        person.write("m.moe", source);
        let said = person.moe(&["check", "m.moe"]);
        assert!(said.status == 1 && !said.err.contains("bug"), "{open}: {} {:.500}", said.status, said.err);
    }
}
