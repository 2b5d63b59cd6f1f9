//! The files that lie beside the `moe` command: the LLVM half of the compiler and the static library of the runtime.

use moe_diagnostics::Diagnostic;
use std::path::PathBuf;
use std::process::Command;

/// The executable that holds LLVM.
pub const CODE_GENERATOR: &str = "moe-codegen";

/// The runtime, as built programs link it.
pub const RUNTIME_LIBRARY: &str = "libmoe_runtime_static.a";

/// The version stamp that the parts of one installation share.
pub fn stamp() -> String {
    format!("{} format {}", env!("CARGO_PKG_VERSION"), moe_runtime::program::FORMAT_VERSION)
}

/// The folder of this executable; tests run from a folder below it.
fn folders() -> Vec<PathBuf> {
    let Ok(own) = std::env::current_exe() else { return Vec::new() };
    let given = std::env::var_os("MOE_HOME").map(PathBuf::from);
    let beside = own.parent().map(PathBuf::from);
    let above = beside.as_ref().and_then(|folder| folder.parent()).map(PathBuf::from);
    given.into_iter().chain(beside).chain(above).collect()
}

/// A file of this installation.
pub fn find(name: &str) -> Option<PathBuf> {
    folders().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The runtime's static library.
///
/// # Errors
/// If it is not beside this executable.
pub fn runtime_library() -> Result<PathBuf, Diagnostic> {
    find(RUNTIME_LIBRARY).ok_or_else(|| {
        Diagnostic::plain_error("E0016", format!("{RUNTIME_LIBRARY} is not beside the moe command"))
            .hint("build it with `make build`, or set MOE_HOME to the folder that holds it")
    })
}

/// The executable that holds LLVM, of the same version as this one; `None` where LLVM was not to be had.
///
/// # Errors
/// If it is there and of another version, or cannot be run.
pub fn code_generator() -> Result<Option<PathBuf>, Diagnostic> {
    let Some(path) = find(CODE_GENERATOR) else { return Ok(None) };
    let wrong = |why: String| {
        Diagnostic::plain_error("E0016", format!("{} cannot be used: {why}", path.display()))
            .hint("build both with `make build`")
    };
    let output = Command::new(&path).arg("--version").output().map_err(|error| wrong(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        return Err(wrong(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let expected = format!("{CODE_GENERATOR} {}", stamp());
    if said != expected {
        return Err(wrong(format!("it says `{said}` where `{expected}` is needed")));
    }
    Ok(Some(path))
}
