//! Files named on the command line: themselves, or for folders all `.moe` files below.

use moe_diagnostics::Diagnostic;
use std::path::{Path, PathBuf};

/// The source files that `paths` mean, in order, folders sorted.
///
/// # Errors
/// If a folder cannot be read or holds no source.
pub fn sources(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Diagnostic> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        collect(path, &mut files)?;
        if files.len() == before {
            return Err(Diagnostic::plain_error("E0010", format!("{} holds no `.moe` file", path.display())));
        }
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Diagnostic> {
    let cannot = |error: std::io::Error| {
        Diagnostic::plain_error("E0010", format!("cannot read {}: {error}", folder.display()))
    };
    let mut entries = std::fs::read_dir(folder)
        .map_err(cannot)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(cannot)?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && !path.ends_with("target") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "moe") {
            files.push(path);
        }
    }
    Ok(())
}
