//! Sources for tests: a text of its own, with the library of the tree.

use moe_check::{load, Program, Setting, SourceFile, Sources};
use moe_diagnostics::{render, Diagnostic, Format, Texts};
use moe_evaluate::{evaluate, Options};
use moe_grammar::FileId;
use moe_graph::Module;
use moe_runtime::Tensor;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The top of the tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of the library.
pub fn library_files() -> Vec<SourceFile> {
    moe_stdlib::FILES.iter().map(|(path, text)| SourceFile::of_library(path, text)).collect()
}

/// A program of one text, further files, and the library.
pub fn program_with(text: &str, others: &[(&str, &str)]) -> Program {
    let file = |path: &str, text: &str| SourceFile {
        path: format!("{path}.moe"),
        module: path.split('/').map(str::to_owned).collect(),
        text: text.to_owned(),
    };
    let mut files = vec![file("main", text)];
    files.extend(others.iter().map(|(path, text)| file(path, text)));
    files.extend(library_files());
    load(Sources { files })
}

/// A program of one text and the library.
pub fn program(text: &str) -> Program {
    program_with(text, &[])
}

struct Shown<'p>(&'p Program);

impl Texts for Shown<'_> {
    fn text(&self, file: FileId) -> Option<(&str, &str)> {
        self.0.sources().files.get(file.0 as usize).map(|file| (file.path.as_str(), file.text.as_str()))
    }
}

/// Diagnostics as people see them.
pub fn shown(program: &Program, diagnostics: &[Diagnostic]) -> String {
    let text = render(diagnostics, &Shown(program), Format::Human, false);
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// What is wrong with a text, as people see it.
pub fn check(text: &str) -> String {
    let program = program(text);
    let mistakes = program.check_file(FileId(0));
    shown(&program, &mistakes)
}

/// The only model of a text, with its defaults.
pub fn elaborate(text: &str) -> Module {
    elaborate_with(text, &[])
}

/// The only model of a text, with sizes given.
pub fn elaborate_with(text: &str, settings: &[(&str, i64)]) -> Module {
    let program = program(text);
    let mistakes = program.check_file(FileId(0));
    assert!(mistakes.is_empty(), "{}", shown(&program, &mistakes));
    let model = program.models(FileId(0)).remove(0).name;
    let settings: BTreeMap<String, Setting> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), Setting::Integer(*value))).collect();
    match program.elaborate(FileId(0), &model, &settings) {
        Ok(elaborated) => {
            moe_graph::verify(&elaborated.module).unwrap();
            elaborated.module
        }
        Err(mistakes) => panic!("{}", shown(&program, &mistakes)),
    }
}

/// Runs the tests of a file, and says which assertions fail.
pub fn run_tests(program: &Program, file: FileId) -> Vec<String> {
    let mut failed = Vec::new();
    for test in program.tests(file) {
        let elaborated = match program.elaborate_test(file, &test) {
            Ok(elaborated) => elaborated,
            Err(mistakes) => {
                failed.push(shown(program, &mistakes));
                continue;
            }
        };
        moe_graph::verify(&elaborated.module).unwrap();
        let outputs = evaluate(&elaborated.module, &[], &Options::default()).unwrap().outputs;
        for (place, output) in outputs.iter().take(elaborated.assertions.len()).enumerate() {
            if output.to_f64() != [1.0] {
                failed.push(format!("{}: assertion {place}", test.name));
            }
        }
    }
    failed
}

/// The results of a module.
pub fn run(module: &Module, inputs: &[Tensor]) -> Vec<Tensor> {
    evaluate(module, inputs, &Options::default()).unwrap().outputs
}

/// An array of a `.npy` file, as far as the examples need it.
pub fn npy(path: &Path) -> Tensor {
    let bytes = fs::read(path).unwrap();
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..10 + length].to_vec()).unwrap();
    let shape = header.split('(').nth(1).unwrap().split(')').next().unwrap();
    let shape = shape.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    let element = if header.contains("|u1") { "u8" } else { "f32" };
    Tensor::new(element.parse().unwrap(), shape, bytes[10 + length..].to_vec()).unwrap()
}
