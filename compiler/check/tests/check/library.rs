//! The standard library: every file checks, and its tests hold.

use crate::support::{library_files, run_tests, shown};
use moe_check::{load, Sources};
use moe_grammar::FileId;

#[test]
fn every_file_of_the_library_checks() {
    let program = load(Sources { files: library_files() });
    for (index, file) in program.sources().files.iter().enumerate() {
        let mistakes = program.check_file(FileId(index as u32));
        assert!(mistakes.is_empty(), "{}:\n{}", file.path, shown(&program, &mistakes));
    }
}

#[test]
fn the_tests_of_the_library_hold() {
    let program = load(Sources { files: library_files() });
    let count = program.sources().files.len();
    let failed: Vec<String> = (0..count).flat_map(|file| run_tests(&program, FileId(file as u32))).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
