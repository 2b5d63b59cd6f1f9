//! Reading the files that a compilation needs: the one named, what it `use`s from its own folder, and the standard library.

use moe_check::{SourceFile, Sources};
use moe_diagnostics::{Diagnostic, Texts};
use moe_grammar::tree::{ItemKind, Use};
use moe_grammar::FileId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The largest source file that is read, in bytes.
const LARGEST_FILE: u64 = 16 << 20;

/// The file named by the user is always the first.
pub const ROOT: FileId = FileId(0);

/// The texts of a compilation, for rendering diagnostics.
pub struct SourceTexts(Vec<(String, String)>);

impl SourceTexts {
    /// The paths and texts of `sources`.
    pub fn of(sources: &Sources) -> Self {
        SourceTexts(sources.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect())
    }

    /// No texts: for diagnostics that name no place.
    pub fn none() -> Self {
        SourceTexts(Vec::new())
    }
}

impl Texts for SourceTexts {
    fn text(&self, file: FileId) -> Option<(&str, &str)> {
        self.0.get(file.0 as usize).map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// Reads `path`, the files it uses, and the standard library.
///
/// # Errors
/// If `path` cannot be read. A file that is used and not there is left to the checker, which knows the place.
pub fn read(path: &Path) -> Result<Sources, Diagnostic> {
    let text = read_file(path)?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let root = SourceFile { path: path.display().to_string(), module: vec![stem], text };
    let mut reader = Reader { folder, files: vec![root], seen: BTreeSet::new() };
    let mut next = 0;
    while let Some(file) = reader.files.get(next) {
        let text = file.text.clone();
        reader.read_uses(FileId(next as u32), &text)?;
        next += 1;
    }
    reader.files.extend(library());
    Ok(Sources { files: reader.files })
}

struct Reader {
    folder: PathBuf,
    files: Vec<SourceFile>,
    seen: BTreeSet<Vec<String>>,
}

impl Reader {
    fn read_uses(&mut self, file: FileId, text: &str) -> Result<(), Diagnostic> {
        let parse = moe_grammar::parse(file, text);
        for item in &parse.tree.items {
            if let ItemKind::Use(used) = &item.kind {
                self.read_use(used)?;
            }
        }
        Ok(())
    }

    /// `use a::b::c` may mean the item `c` of `a/b.moe`, or the item of the same name in `a/b/c.moe`.
    fn read_use(&mut self, used: &Use) -> Result<(), Diagnostic> {
        let path: Vec<String> = used.path.iter().map(|name| name.text.clone()).collect();
        if path.first().is_some_and(|first| first == "std") {
            return Ok(());
        }
        let longer = used.names.iter().map(|(name, _)| {
            let mut longer = path.clone();
            longer.push(name.text.clone());
            longer
        });
        for module in [path.clone()].into_iter().chain(longer).collect::<Vec<_>>() {
            self.read_module(module)?;
        }
        Ok(())
    }

    fn read_module(&mut self, module: Vec<String>) -> Result<(), Diagnostic> {
        if module.is_empty() || !self.seen.insert(module.clone()) {
            return Ok(());
        }
        let path =
            module.iter().fold(self.folder.clone(), |path, part| path.join(part)).with_extension("moe");
        if path.is_file() {
            let text = read_file(&path)?;
            self.files.push(SourceFile { path: path.display().to_string(), module, text });
        }
        Ok(())
    }
}

/// The standard library's files.
pub fn library() -> impl Iterator<Item = SourceFile> {
    crate::library::LIBRARY.iter().map(|(path, text)| {
        let parts = path.trim_end_matches(".moe").split('/').map(str::to_owned);
        SourceFile {
            path: format!("std/{path}"),
            module: ["std".to_owned()].into_iter().chain(parts).collect(),
            text: (*text).to_owned(),
        }
    })
}

fn read_file(path: &Path) -> Result<String, Diagnostic> {
    let cannot = |why: &dyn std::fmt::Display| {
        Diagnostic::plain_error("E0010", format!("cannot read {}: {why}", path.display()))
            .hint("give the path of a `.moe` file")
    };
    let metadata = std::fs::metadata(path).map_err(|error| cannot(&error))?;
    if metadata.is_dir() {
        return Err(cannot(&"it is a folder"));
    }
    let size = metadata.len();
    if size > LARGEST_FILE {
        return Err(cannot(&format!(
            "it has {size} bytes, and the largest source file is {LARGEST_FILE} bytes"
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| cannot(&error))?;
    String::from_utf8(bytes).map_err(|error| cannot(&format!("it is not UTF-8 text: {error}")))
}
