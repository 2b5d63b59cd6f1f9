//! Rules about the tree itself, checked like any other behaviour.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 900;
const LONGEST_FUNCTION: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if name.ends_with(extension) {
            found.push(path);
        }
    }
}

fn all(extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root(), extension, &mut found);
    found.sort();
    assert!(!found.is_empty());
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn no_file_is_too_long() {
    for (path, text) in all(".rs").into_iter().chain(all(".moe")) {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_function_is_too_long() {
    for (path, text) in all(".rs") {
        let mut start: Option<(usize, usize, &str)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start().trim_start_matches("pub ").trim_start_matches("const ");
            if start.is_none() && head.starts_with("fn ") && !line.trim_end().ends_with(';') {
                start = Some((number, indent, line));
            }
            if let Some((first, depth, name)) = start {
                let one_line = number == first && line.trim_end().ends_with('}');
                if one_line || (number > first && indent == depth && line.trim() == "}") {
                    let lines = number - first + 1;
                    assert!(
                        lines <= LONGEST_FUNCTION,
                        "{}:{}: {lines} lines: {name}",
                        path.display(),
                        first + 1
                    );
                    start = None;
                }
            }
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    let markers = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "todo".to_owned() + "!(",
        "unimplemented".to_owned() + "!(",
    ];
    for (path, text) in all(".rs").into_iter().chain(all(".moe")) {
        for marker in &markers {
            assert!(!text.contains(marker.as_str()), "{}: {marker}", path.display());
        }
    }
}

#[test]
fn every_code_that_is_used_is_explained() {
    let codes: BTreeSet<String> = fs::read_dir(root().join("compiler/diagnostics/codes"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for (path, text) in all(".rs") {
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for (place, _) in text.match_indices("\"E0") {
            let code: String = text[place + 1..].chars().take(5).collect();
            let is_code = code.len() == 5 && code.chars().skip(1).all(|c| c.is_ascii_digit());
            let closed = text[place + 6..].starts_with('"');
            assert!(
                !(is_code && closed) || codes.contains(&code),
                "{}: {code} has no file in codes",
                path.display()
            );
        }
    }
}

#[test]
fn the_front_half_does_not_link_llvm() {
    for name in [
        "grammar",
        "compiler/diagnostics",
        "compiler/graph",
        "compiler/check",
        "compiler/rewrite",
        "compiler/evaluate",
        "compiler/schedule",
        "compiler/cranelift",
        "compiler/driver",
        "compiler/command",
        "runtime",
    ] {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        for forbidden in ["melior", "inkwell", "mlir-sys", "llvm-sys", "moe-llvm"] {
            assert!(!manifest.contains(forbidden), "{name} depends on {forbidden}");
        }
    }
}

#[test]
fn every_library_item_has_a_doc_comment_and_every_library_file_a_test() {
    let mut found = Vec::new();
    files(&root().join("stdlib"), ".moe", &mut found);
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if line.starts_with("pub ") {
                assert!(
                    number > 0 && lines[number - 1].starts_with("///"),
                    "{}:{}: no doc comment",
                    path.display(),
                    number + 1
                );
            }
        }
        assert!(text.contains("\ntest "), "{} has no test", path.display());
    }
}
