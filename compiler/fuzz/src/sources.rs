//! Programs that texts are put into.

use moe_check::{load, Program, SourceFile, Sources};
use std::fs;
use std::path::{Path, PathBuf};

/// The top of the tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below a folder whose names end so.
pub fn files_below(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if !path.ends_with("target") {
                files_below(&path, ends, found);
            }
        } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            found.push(path);
        }
    }
}

fn main_file() -> SourceFile {
    SourceFile { path: "main.moe".to_owned(), module: vec!["main".to_owned()], text: String::new() }
}

/// An empty first file and the standard library.
pub fn with_library() -> Program {
    let mut files = vec![main_file()];
    files.extend(moe_stdlib::FILES.iter().map(|(path, text)| SourceFile::of_library(path, text)));
    load(Sources { files })
}

/// An empty first file.
pub fn alone() -> Program {
    load(Sources { files: vec![main_file()] })
}

const MODEL: &str = "moe 1
layer linear[F](x: f32[.., D]) -> f32[.., F] {
    weight weight: f32[D, F]
    weight bias: f32[F] = zeros
    x @ weight + bias
}
layer expert[H](x: f32[.., D]) -> f32[.., D] {
    weight gate, up: f32[D, H]
    part down = linear[D]
    down((x @ gate) * (x @ up))
}
model M(x: f32[N, D = 4], g: f32[N, E = 3]) -> f32[N, D] {
    part experts = [expert[6]; E]
    part pair = [expert[2], expert[8]]
    weight scale: f16[D]
    pair[0](pair[1](x)) * (scale as f32) + sum e: E { g[_, e] * experts[e](x) }
}
";

/// A model with the entries of a `weights` block.
pub fn mapped(entries: &str) -> String {
    format!("{MODEL}weights M from them {{\n{entries}\n}}\n")
}
