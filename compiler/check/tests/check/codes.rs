//! The examples of every code that the checker gives: the wrong ones give that code and no other, the right ones nothing.

use crate::support::{program_with, shown};
use moe_check::Program;
use moe_diagnostics::{example, CODES};
use moe_grammar::FileId;

fn of_the_checker() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    CODES.iter().filter(|(code, _)| ("E0101".."E0700").contains(code))
}

/// An example of one file or several: a line `// file NAME` begins another.
fn program(source: &str) -> Program {
    let mut files = source.split("// file ");
    let first = files.next().unwrap();
    let others: Vec<(&str, &str)> = files
        .map(|file| file.split_once('\n').unwrap())
        .map(|(name, text)| (name.strip_suffix(".moe").unwrap(), text))
        .collect();
    program_with(first, &others)
}

#[test]
fn every_wrong_example_gives_its_code_and_no_other() {
    let mut wrong = String::new();
    for (code, text) in of_the_checker() {
        let Some(source) = example(text, "wrong") else { continue };
        let program = program(source);
        let mistakes = program.check_file(FileId(0));
        if mistakes.is_empty() || mistakes.iter().any(|mistake| mistake.code != *code) {
            wrong += &format!("{code}:\n{}\n", shown(&program, &mistakes));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_right_example_checks() {
    let mut wrong = String::new();
    for (code, text) in of_the_checker() {
        let Some(source) = example(text, "right") else { continue };
        let program = program(source);
        let mistakes = program.check_file(FileId(0));
        if !mistakes.is_empty() {
            wrong += &format!("{code}:\n{}\n", shown(&program, &mistakes));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_code_with_a_wrong_example_has_a_right_one() {
    for (code, text) in of_the_checker() {
        assert_eq!(example(text, "wrong").is_some(), example(text, "right").is_some(), "{code}");
    }
}
