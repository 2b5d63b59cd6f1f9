//! The language reference: what its code blocks claim is so.

use moe_diagnostics::Severity;
use moe_driver::Session;
use std::path::{Path, PathBuf};

struct Block {
    place: String,
    info: String,
    code: String,
}

fn chapters() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../grammar/reference");
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found.sort();
    assert!(!found.is_empty());
    found
}

fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) if info.split_whitespace().next() == Some("moe") => {
                let place = format!("{}:{}", path.display(), number + 1);
                open = Some(Block { place, info: info.to_owned(), code: String::new() });
            }
            (Some(block), None) => block.code += &format!("{line}\n"),
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "{}: a block is not closed", path.display());
    found
}

/// The codes of the errors in a block.
fn errors(block: &Block) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.moe");
    std::fs::write(&path, &block.code).unwrap();
    let Ok(session) = Session::open(&path) else { panic!("{}", block.place) };
    let found = session.check();
    found
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.code)
        .collect()
}

#[test]
fn code_blocks_do_what_they_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in chapters().iter().flat_map(|path| blocks(path)) {
        let words: Vec<&str> = block.info.split_whitespace().collect();
        let found = errors(&block);
        count += 1;
        match words.as_slice() {
            ["moe"] if !found.is_empty() => wrong.push(format!("{}: gives {found:?}", block.place)),
            ["moe", "error", code] if !found.contains(code) => {
                wrong.push(format!("{}: gives {found:?} and not {code}", block.place));
            }
            ["moe"] | ["moe", "error", _] | ["moe", "fragment"] => {}
            _ => wrong.push(format!("{}: what is `{}`?", block.place, block.info)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 20, "only {count} blocks");
}
