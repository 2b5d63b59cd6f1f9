//! The library and the examples.

use moe_grammar::{parse, FileId};
use std::fs;
use std::path::{Path, PathBuf};

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "moe") {
            found.push(path);
        }
    }
}

/// Every `.moe` file of the library and the examples, with its text.
pub fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    collect(&root.join("stdlib"), &mut found);
    collect(&root.join("examples"), &mut found);
    found.sort();
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_library_and_the_examples_are_read() {
    let sources = sources();
    assert!(sources.len() >= 10);
    for (path, text) in sources {
        let parse = parse(FileId(0), &text);
        assert_eq!(parse.errors, [], "{}", path.display());
        assert!(!parse.tree.items.is_empty(), "{}", path.display());
    }
}
