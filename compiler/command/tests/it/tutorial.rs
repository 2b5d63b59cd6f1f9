//! The book: its tutorial is typed in as it stands, its code is checked, and what is gathered for it is complete.
//!
//! A block ```` ```moe file NAME ```` is a file to be written; a block ```` ```console ```` holds commands after `$` and what they print. In what is
//! printed a line `…` stands for any lines, and `…` in a line for any text.

use crate::person::{root, Person, Said};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn chapters() -> Vec<PathBuf> {
    let folder = root().join("grammar/book/tutorial");
    let mut chapters: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    chapters.sort();
    assert!(chapters.len() >= 3);
    chapters
}

/// The blocks of a chapter: what stands after the fence, and the lines.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut open: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), Vec::new())),
            (Some((_, lines)), None) => lines.push(line.to_owned()),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, None) => {}
        }
    }
    assert!(open.is_none());
    found
}

fn shell(command: &str, folder: &Path) -> Said {
    let own = Path::new(env!("CARGO_BIN_EXE_moe")).parent().unwrap();
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{command} 2>&1")]).current_dir(folder).env("PATH", path);
    shell
        .env("MOE_CACHE", folder.join(".cache"))
        .env_remove("MOE_THREADS")
        .env_remove("MOE_MACHINE")
        .output()
        .unwrap()
        .into()
}

/// Whether a line is as expected, `…` standing for any text.
fn line_fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.trim_end().split('…');
    let first = parts.next().unwrap();
    let Some(mut rest) = line.trim_end().strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        match rest.find(part) {
            _ if parts.peek().is_none() => return rest.ends_with(part),
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn fits(expected: &[String], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any.trim() == "…" => {
            fits(rest, lines) || (!lines.is_empty() && fits(expected, &lines[1..]))
        }
        (Some((one, rest)), Some((line, others))) => line_fits(one, line) && fits(rest, others),
        _ => false,
    }
}

/// Types in a block of commands; the folder afterwards.
fn type_in(chapter: &str, lines: &[String], mut folder: PathBuf) -> PathBuf {
    let mut rest = lines;
    while let Some((command, after)) = rest.split_first() {
        let command =
            command.strip_prefix("$ ").unwrap_or_else(|| panic!("{chapter}: `{command}` is no command"));
        let end = after.iter().position(|line| line.starts_with("$ ")).unwrap_or(after.len());
        let (expected, next) = after.split_at(end);
        rest = next;
        if let Some(name) = command.strip_prefix("cd ") {
            folder = folder.join(name);
            continue;
        }
        let said = shell(command, &folder);
        let printed: Vec<&str> = said.out.trim_end_matches('\n').split('\n').collect();
        let printed = if said.out.is_empty() { Vec::new() } else { printed };
        assert!(
            fits(expected, &printed),
            "{chapter}: `{command}` prints\n{}\nand not\n{}",
            said.out,
            expected.join("\n")
        );
        let is_error = expected.iter().any(|line| line.contains("error["));
        assert_eq!(
            said.status != 0,
            is_error,
            "{chapter}: `{command}` ends with {}\n{}",
            said.status,
            said.out
        );
    }
    folder
}

#[test]
fn the_tutorial_can_be_typed_in() {
    for path in chapters() {
        let chapter = path.file_name().unwrap().to_string_lossy().into_owned();
        let person = Person::new();
        let mut folder = person.folder.path().to_path_buf();
        let mut commands = 0;
        for (info, lines) in blocks(&fs::read_to_string(&path).unwrap()) {
            match info.split_once(" file ") {
                Some(("moe", name)) => fs::write(folder.join(name), lines.join("\n") + "\n").unwrap(),
                _ if info == "console" => {
                    folder = type_in(&chapter, &lines, folder);
                    commands += 1;
                }
                _ => panic!("{chapter}: what is a block `{info}`?"),
            }
        }
        assert!(commands > 2, "{chapter}");
    }
}

#[test]
fn the_introduction_is_right() {
    let text = fs::read_to_string(root().join("grammar/book/introduction.md")).unwrap();
    for (info, lines) in blocks(&text) {
        assert_eq!(info, "moe");
        let person = Person::new();
        person.write("block.moe", lines.join("\n"));
        person.moe(&["check", "block.moe"]).fine();
    }
}

#[test]
fn the_book_gathers_every_chapter() {
    let target = tempfile::tempdir().unwrap();
    let said: Said = Command::new(root().join("grammar/book/build.sh"))
        .arg("--gather")
        .env("BOOK", target.path())
        .output()
        .unwrap()
        .into();
    let said = said.fine();
    assert_eq!(said.out, "");
    let src = target.path().join("src");
    let summary = fs::read_to_string(src.join("SUMMARY.md")).unwrap();
    let mut linked = BTreeSet::new();
    for link in summary.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(')')) {
        assert!(src.join(link).is_file(), "{link} is not there");
        assert!(linked.insert(link.to_owned()), "{link} is linked twice");
    }
    for chapter in [
        "errors/E0301.md",
        "primitives.md",
        "reference/04-supports-and-bounds.md",
        "tutorial/01-first-model.md",
    ] {
        assert!(linked.contains(chapter), "{chapter} is not linked");
    }
    let library = fs::read_to_string(src.join("library/gate-top_k.md")).unwrap();
    for words in [
        "# std::gate::top_k",
        "## top_k_renormalized",
        "Source: Shazeer",
        "gate top_k[E, K](x: f32[.., D]) -> f32[.., K of E]",
    ] {
        assert!(library.contains(words), "`{words}` is not in\n{library}");
    }
}
