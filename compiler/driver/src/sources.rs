//! Reading the files that a compilation needs: the one named, what it `use`s from its own folder, and the standard library.

use moe_check::{SourceFile, Sources};
use moe_diagnostics::{Diagnostic, Texts};
use moe_grammar::tree::{ItemKind, Use};
use moe_grammar::{FileId, Parse};
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

/// Reads `path`, the files it uses, and the standard library; with what the files were parsed to, as far as they are.
///
/// # Errors
/// If `path` cannot be read. A file that is used and not there is left to the checker, which knows the place.
pub fn read(path: &Path) -> Result<(Sources, Vec<Parse>), Diagnostic> {
    let text = read_file(path)?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let root = SourceFile { path: path.display().to_string(), module: vec![stem], text };
    let mut reader = Reader { folder, files: vec![root], seen: BTreeSet::new() };
    let mut parses = Vec::new();
    while let Some(file) = reader.files.get(parses.len()) {
        let parse = moe_grammar::parse(FileId(parses.len() as u32), &file.text);
        reader.read_uses(&parse)?;
        parses.push(parse);
    }
    reader.files.extend(library());
    Ok((Sources { files: reader.files }, parses))
}

struct Reader {
    folder: PathBuf,
    files: Vec<SourceFile>,
    seen: BTreeSet<Vec<String>>,
}

impl Reader {
    fn read_uses(&mut self, parse: &Parse) -> Result<(), Diagnostic> {
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
    moe_stdlib::FILES.iter().map(|(path, text)| SourceFile::of_library(path, text))
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
