//! The language reference, as far as the grammar can tell; the compiler's tests check its blocks in full.

use crate::editors::keywords;
use moe_grammar::{parse, FileId};
use std::fs;
use std::path::Path;

/// The chapters: file name and text.
fn chapters() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut chapters: Vec<(String, String)> = paths
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    chapters.sort();
    chapters
}

/// The blocks of code of a chapter: what stands after the fence, and the text.
fn blocks(chapter: &str) -> Vec<(&str, &str)> {
    let parts = chapter.split("```moe").skip(1);
    parts.map(|part| part.split_once("```").unwrap().0.split_once('\n').unwrap()).collect()
}

#[test]
fn every_block_is_read_as_it_says() {
    let mut count = 0;
    for (name, text) in chapters() {
        for (kind, block) in blocks(&text) {
            let errors = parse(FileId(0), block).errors;
            let codes: Vec<&str> = errors.iter().map(|error| error.code).collect();
            match kind.trim().strip_prefix("error ").filter(|code| code.starts_with("E000")) {
                Some(code) => {
                    assert!(!codes.is_empty() && codes.iter().all(|own| *own == code), "{name}:\n{block}");
                }
                None => assert_eq!(codes, [""; 0], "{name}:\n{block}"),
            }
            assert!(
                matches!(kind.trim().split(' ').next(), Some("" | "error" | "fragment")),
                "{name}: {kind}"
            );
            count += 1;
        }
    }
    assert!(count > 50);
}

#[test]
fn the_first_page_leads_to_every_chapter() {
    let chapters = chapters();
    let first = &chapters.iter().find(|(name, _)| name == "README.md").unwrap().1;
    for (name, _) in chapters.iter().filter(|(name, _)| name != "README.md") {
        assert!(first.contains(&format!("({name})")), "{name}");
    }
}

#[test]
fn every_keyword_is_described() {
    let text: String = chapters().into_iter().map(|(_, text)| text).collect();
    for keyword in keywords() {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(words.any(|word| word == keyword), "{keyword} is not in the reference");
    }
}
