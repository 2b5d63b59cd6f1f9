//! What must hold whatever bytes come in. Each function is one fuzz target; a panic is a find.

// What the formatter must keep is stated once, beside the grammar's own tests.
#[allow(dead_code)]
#[path = "../../../grammar/tests/grammar/tools.rs"]
mod tools;

mod graphs;
mod seeds;
mod sources;

pub use seeds::write_seeds;

use moe_grammar::FileId;
use moe_graph::{parse_module, print_module, verify};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Longer texts find nothing more and take longer.
const LONGEST: usize = 8 << 10;

fn text(data: &[u8]) -> Option<&str> {
    if data.len() > LONGEST {
        return None;
    }
    std::str::from_utf8(data).ok()
}

/// Parsing ends, and every mistake lies inside the text at letters' bounds.
pub fn parse(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let parsed = moe_grammar::parse(FileId(0), text);
    for error in &parsed.errors {
        assert!(text.get(error.span.range()).is_some(), "{error:?}");
        assert!(!error.code.is_empty() && !error.message.is_empty());
    }
}

/// Formatting keeps the tree and the comments, and settles at once.
pub fn format(data: &[u8]) {
    if let Some(text) = text(data) {
        tools::check_format(text);
    }
}

thread_local! {
    static PROGRAM: RefCell<Option<moe_check::Program>> = RefCell::new(Some(sources::with_library()));
    static MAPPED: RefCell<Option<moe_check::Program>> = RefCell::new(Some(sources::alone()));
}

/// Checks and elaborates `text` as the first file of a program; what is elaborated is a graph that can be printed and read.
fn checked(slot: &RefCell<Option<moe_check::Program>>, text: String) {
    let Some(program) = slot.take() else { return };
    let program = program.with_text(FileId(0), text);
    let root = FileId(0);
    for mistake in program.check_file(root) {
        assert_ne!(mistake.code, "E0299", "{mistake:?}");
    }
    for model in program.models(root) {
        if let Ok(elaborated) = program.elaborate(root, &model.name, &BTreeMap::new()) {
            if let Err(problems) = verify(&elaborated.module) {
                panic!("{problems:?}\n{}", print_module(&elaborated.module));
            }
        }
    }
    for test in program.tests(root) {
        let _ = program.elaborate_test(root, &test);
    }
    slot.replace(Some(program));
}

/// Whatever is written, the checker answers with messages, and never with the one that says it is wrong itself.
pub fn check(data: &[u8]) {
    if let Some(text) = text(data) {
        PROGRAM.with(|program| checked(program, text.to_owned()));
    }
}

/// The same for the entries of a `weights` block.
pub fn mapping(data: &[u8]) {
    if let Some(text) = text(data) {
        MAPPED.with(|program| checked(program, sources::mapped(text)));
    }
}

/// A text that reads as a module that verifies is printed as a text that reads as the same module.
pub fn graph(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(module) = parse_module(text) else { return };
    if verify(&module).is_err() {
        return;
    }
    let printed = print_module(&module);
    match parse_module(&printed) {
        Ok(again) => {
            assert!(verify(&again).is_ok(), "{printed}");
            assert_eq!(print_module(&again), printed);
        }
        Err(error) => panic!("{error}\n{printed}"),
    }
}

/// A small module that verifies is evaluated, or refused with an error, and never anything else.
pub fn evaluate(data: &[u8]) {
    if let Some(module) = text(data).and_then(graphs::small) {
        let inputs = graphs::inputs(&module);
        let _ = moe_evaluate::evaluate(&module, &inputs, &moe_evaluate::Options::default());
    }
}

/// What reads as a tensor is as large as its shape says, and reads again from what is written.
pub fn npy(data: &[u8]) {
    let Ok(tensor) = moe_runtime::npy::parse("fuzz.npy", data.to_vec()) else { return };
    let entries: usize = tensor.shape().iter().product();
    assert_eq!(tensor.bytes().len(), entries * tensor.element().bytes());
    let mut written = moe_runtime::npy::header(tensor.element(), tensor.shape());
    written.extend_from_slice(tensor.bytes());
    match moe_runtime::npy::parse("again.npy", written) {
        Ok(again) => assert!(again == tensor),
        Err(error) => panic!("{error}"),
    }
}

/// Every tensor of what reads as a file lies inside the file and is as large as its shape says.
pub fn safetensors(data: &[u8]) {
    let Ok(file) = moe_runtime::WeightFile::from_bytes("fuzz.safetensors", data.to_vec()) else { return };
    for (name, entry) in file.entries() {
        assert!(entry.range.end <= data.len());
        if let Some(tensor) = file.tensor(name) {
            let entries: usize = tensor.shape.iter().product();
            assert_eq!(tensor.bytes.len(), entries * tensor.element.bytes());
        }
    }
}
