//! From an object to a program or a shared library, by the system's C compiler as the linker.

use crate::install;
use moe_diagnostics::Diagnostic;
use std::path::Path;
use std::process::Command;

/// What is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program.
    Program,
    /// A shared library.
    Library,
}

/// The symbol of a shared library that describes its model.
pub fn library_symbol(model: &str) -> String {
    format!("{}_program", model.to_lowercase())
}

/// Links `object` with the runtime to `output`, whole or not at all. `symbol` is what a library exports besides the C interface.
///
/// # Errors
/// If there is no linker or no runtime library, or `output` cannot be written.
pub fn link(object: &[u8], kind: Kind, symbol: &str, output: &Path) -> Result<(), Diagnostic> {
    let runtime = install::runtime_library()?;
    let cannot = |what: &str, why: &dyn std::fmt::Display| {
        Diagnostic::plain_error("E0013", format!("cannot write {}: {what}{why}", output.display()))
    };
    let folder = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if output.is_dir() {
        return Err(cannot("", &"it is a folder"));
    }
    let scratch = tempfile::Builder::new()
        .prefix(".moe-link-")
        .tempdir_in(folder)
        .map_err(|error| cannot("", &error))?;
    let object_path = scratch.path().join("model.o");
    let linked = scratch.path().join("linked");
    std::fs::write(&object_path, object).map_err(|error| cannot("", &error))?;
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.arg("-o").arg(&linked).arg(&object_path);
    if kind == Kind::Library {
        let script = scratch.path().join("exports");
        std::fs::write(&script, format!("{{ global: moe_*; {symbol}; local: *; }};\n"))
            .map_err(|error| cannot("", &error))?;
        command.arg("-shared").arg(format!("-Wl,--version-script={}", script.display()));
        command.arg("-Wl,-Bsymbolic").arg("-Wl,--whole-archive").arg(&runtime).arg("-Wl,--no-whole-archive");
    } else {
        command.arg(&runtime);
    }
    command.args(["-Wl,--gc-sections", "-Wl,-s", "-lpthread", "-ldl", "-lm"]);
    let result = command.output().map_err(|error| {
        Diagnostic::plain_error("E0017", format!("the linker cannot be run: {error}"))
            .hint("install a C compiler (Debian: gcc), or set CC to one")
    })?;
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr).into_owned();
        return Err(Diagnostic::plain_error("E0017", "the linker failed").note(said.trim().to_owned()));
    }
    std::fs::rename(&linked, output).map_err(|error| cannot("", &error))
}
