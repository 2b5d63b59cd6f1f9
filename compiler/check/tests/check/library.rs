//! The standard library: every file checks, and its tests hold.

use crate::support::{library_files, program, run_tests, shown};
use moe_check::{load, Program, SourceFile, Sources};
use moe_grammar::FileId;

/// The library with each of its files first in turn.
fn programs() -> impl Iterator<Item = Program> {
    (0..library_files().len()).map(|index| {
        let mut files = library_files();
        files.swap(0, index);
        load(Sources { files })
    })
}

#[test]
fn every_file_of_the_library_checks() {
    for program in programs() {
        let mistakes = program.check_file(FileId(0));
        let path = &program.sources().files[0].path;
        assert!(mistakes.is_empty(), "{path}:\n{}", shown(&program, &mistakes));
    }
}

#[test]
fn the_tests_of_the_library_hold() {
    let failed: Vec<String> = programs().flat_map(|program| run_tests(&program, FileId(0))).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A file of the library is read when its name stands in a file that is read, and only then.
#[test]
fn files_that_nothing_names_stay_unread() {
    let mistakes = |text: &str| {
        let file = |path: &str, text: &str| SourceFile::of_library(path, text);
        let main = SourceFile {
            path: "main.moe".to_owned(),
            module: vec!["main".to_owned()],
            text: text.to_owned(),
        };
        let broken = file("inner/broken.moe", "moe 1\npub fn f(\n");
        let between =
            file("between.moe", "moe 1\nuse std::inner::broken::f\npub fn g(x: f32[N]) -> f32[N] { x }\n");
        let program = load(Sources { files: vec![main, broken, between] });
        !program.diagnostics().is_empty()
    };
    assert!(!mistakes("moe 1\nfn f(x: f32[N]) -> f32[N] { x }\n"));
    assert!(mistakes("moe 1\nuse std::inner::broken::f\n"));
    assert!(mistakes("moe 1\nuse std::between::g\n"));
}

/// That a name is one of the library is told, though its file was not read.
#[test]
fn a_name_of_the_library_is_known_to_be_there() {
    let program = program("moe 1\nfn f(x: f32[N, D]) -> f32[N, D] { softplus(x) }\n");
    let mistakes = program.check_file(FileId(0));
    assert!(
        shown(&program, &mistakes).contains("use std::activation::softplus"),
        "{}",
        shown(&program, &mistakes)
    );
}
