//! The files of a compilation, and which of them are read.

use moe_grammar::{FileId, Parse};
use std::collections::BTreeSet;

/// The name that paths into the standard library begin with.
const LIBRARY: &str = "std";

/// One source file.
#[derive(Clone, Debug, Default)]
pub struct SourceFile {
    /// What messages call it.
    pub path: String,
    /// Its module path, such as `["std", "gate", "top_k"]`.
    pub module: Vec<String>,
    /// Its text.
    pub text: String,
}

/// The files of a compilation; a [`FileId`] is an index into them, and the first is the user's.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The files.
    pub files: Vec<SourceFile>,
}

impl SourceFile {
    /// A file of the standard library, by its path inside it, such as `gate/top_k.moe`.
    pub fn of_library(path: &str, text: &str) -> Self {
        let names = path.trim_end_matches(".moe").split('/').map(str::to_owned);
        let module = [LIBRARY.to_owned()].into_iter().chain(names).collect();
        SourceFile { path: format!("{LIBRARY}/{path}"), module, text: text.to_owned() }
    }

    pub(crate) fn is_library(&self) -> bool {
        self.module.first().is_some_and(|first| first == LIBRARY)
    }
}

/// Parses the first file, those that are not of the library, and of the library those whose own name stands in a file that is parsed: no path
/// can name an item of another.
pub(crate) fn parse_needed(sources: &Sources, parses: &mut [Option<Parse>]) {
    let mut open: Vec<usize> =
        (0..sources.files.len()).filter(|index| *index == 0 || !named(sources, *index).1).collect();
    let mut needed: BTreeSet<usize> = open.iter().copied().collect();
    while let Some(index) = open.pop() {
        let Some(file) = sources.files.get(index) else { continue };
        let found: Vec<usize> = (0..sources.files.len())
            .filter(|other| !needed.contains(other) && file.text.contains(named(sources, *other).0))
            .collect();
        needed.extend(&found);
        open.extend(found);
    }
    for (index, (parse, file)) in parses.iter_mut().zip(&sources.files).enumerate() {
        if needed.contains(&index) {
            parse.get_or_insert_with(|| moe_grammar::parse(FileId(index as u32), &file.text));
        }
    }
}

/// The last name of a file's module, and whether it is of the library.
fn named(sources: &Sources, index: usize) -> (&str, bool) {
    let Some(file) = sources.files.get(index) else { return ("", false) };
    (file.module.last().map_or("", String::as_str), file.is_library())
}
