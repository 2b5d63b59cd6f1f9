//! No text, however hostile, makes the parser fall over or run long.

use moe_grammar::{parse, FileId};
use std::time::{Duration, Instant};

fn codes(text: &str) -> Vec<&'static str> {
    parse(FileId(0), text).errors.iter().map(|error| error.code).collect()
}

fn body(inside: &str) -> String {
    format!("fn f(x: f32) -> f32 {{\n    {inside}\n}}\nfn g(x: f32) -> f32 {{\n    y z\n}}\n")
}

#[test]
fn deep_texts_are_refused_and_the_rest_is_still_read() {
    let deep = 100_000;
    for text in [
        format!("{}x{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}x", "-".repeat(deep)),
        format!("x{}", ".a".repeat(deep)),
        format!("x{}", "(y)".repeat(deep)),
        format!("x{}", " + x".repeat(deep)),
        format!("{}x{}", "{".repeat(deep), "}".repeat(deep)),
        format!("{}x {}", "sum e: E { ".repeat(deep), "}".repeat(deep)),
        format!("if x {{ y }}{}", " else if x { y }".repeat(deep)),
    ] {
        assert_eq!(codes(&body(&text)), ["E0003", "E0001"], "{}", &text[..20]);
    }
}

#[test]
fn what_is_just_deep_enough_is_read() {
    let text = body(&format!("{}x{}", "(".repeat(190), ")".repeat(190)));
    assert_eq!(codes(&text), ["E0001"]);
    let text = body(&format!("{}x{}", "f([{".repeat(60), "}])".repeat(60)));
    assert_eq!(codes(&text), ["E0001"]);
    let long = body(&format!("[{}]", "1 + 2, ".repeat(10_000)));
    assert_eq!(codes(&long), ["E0001"]);
}

#[test]
fn hostile_texts_take_no_long_time() {
    let start = Instant::now();
    for text in [
        "(".repeat(50_000),
        "([{".repeat(20_000),
        "([{\n".repeat(20_000),
        "}])".repeat(20_000),
        "fn f(\n".repeat(10_000),
        "\"\n".repeat(20_000),
        body(&"assert (sum e: E { ".repeat(60)),
        body(&format!("{} broken broken {}", "assert (sum e: E { ".repeat(60), "})".repeat(60))),
        body(&format!("{} 1 1 {}", "max (fold (a, [if x { ".repeat(30), "}]))".repeat(30))),
        body(&"let x = = 3\n".repeat(5_000)),
        format!("fn f(x: f32[{}1 1{}]) -> f32 {{ x }}", "K of (".repeat(150), ")".repeat(150)),
    ] {
        assert!(!codes(&text).is_empty());
        assert!(start.elapsed() < Duration::from_secs(20), "{}", &text[..text.len().min(60)]);
    }
}

#[test]
fn texts_that_hold_nothing() {
    for text in
        ["", "\n\n", "   ", "// only a comment", "/// only a doc comment\n", "//! only a file's\n", "moe 1"]
    {
        assert_eq!(codes(text), [""; 0], "{text:?}");
        crate::tools::check_format(text);
    }
}
