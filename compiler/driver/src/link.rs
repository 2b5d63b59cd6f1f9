//! From an object to a program or a shared library, by the system's C compiler as assembler and linker.

use crate::install;
use moe_diagnostics::Diagnostic;
use moe_runtime::command::takes_text;
use moe_runtime::program::{Program, FORMAT_VERSION};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The section of a built program or library that holds its program form.
pub const PROGRAM_SECTION: &str = ".moe.program";

/// The section that holds the weights inside, if there are any.
pub const WEIGHTS_SECTION: &str = ".moe.weights";

/// What is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program.
    Program,
    /// A shared library.
    Library,
}

/// What goes into a program or library besides the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The program form; its kernels' names are the object's functions.
    pub program: &'a Program,
    /// The machine code.
    pub object: &'a [u8],
    /// A weights file to be put inside.
    pub weights: Option<&'a Path>,
    /// For a library, what it exports: its own name for a function, and the runtime's.
    pub exports: &'a [(String, &'static str)],
}

/// Links `parts` with the runtime to `output`, whole or not at all.
///
/// # Errors
/// If there is no linker or no runtime library, or `output` cannot be written.
pub fn link(parts: &Parts, kind: Kind, output: &Path) -> Result<(), Diagnostic> {
    let cannot = |why: &dyn std::fmt::Display| {
        Diagnostic::plain_error("E0013", format!("cannot write {}: {why}", output.display()))
    };
    if output.is_dir() {
        return Err(cannot(&"it is a folder"));
    }
    let folder = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(cannot(&format!("there is no folder {}", folder.display())));
    }
    let scratch =
        tempfile::Builder::new().prefix(".moe-link-").tempdir_in(folder).map_err(|error| cannot(&error))?;
    let write = |name: &str, bytes: &[u8]| -> Result<PathBuf, Diagnostic> {
        let path = scratch.path().join(name);
        std::fs::write(&path, bytes).map_err(|error| cannot(&error))?;
        Ok(path)
    };
    let bytes = postcard::to_stdvec(parts.program).map_err(|error| cannot(&error))?;
    let program = write("program", &bytes)?;
    let object = write("kernels.o", parts.object)?;
    let description = write("description.s", description(parts, kind, &program).as_bytes())?;
    let linked = scratch.path().join("linked");
    let mut command = compiler();
    command.arg("-o").arg(&linked).arg(&description).arg(&object);
    match kind {
        Kind::Program => {
            command.arg("-Wl,--undefined=moe_main,--defsym=main=moe_main").arg(install::runtime_library()?);
        }
        Kind::Library => {
            let names: String =
                parts.exports.iter().fold(String::new(), |names, (name, _)| names + name + "; ");
            let script = write("exports", format!("{{ global: {names} local: *; }};\n").as_bytes())?;
            command.arg("-shared").arg(format!("-Wl,--version-script={}", script.display()));
            for (name, function) in parts.exports {
                command.arg(format!("-Wl,--undefined={function}"));
                // A model may be called as the runtime is; its names are then there already.
                if name != function {
                    command.arg(format!("-Wl,--defsym={name}={function}"));
                }
            }
            command.arg("-Wl,-Bsymbolic").arg(install::runtime_library()?);
        }
    }
    command.args(["-Wl,--gc-sections", "-Wl,-s", "-lpthread", "-ldl", "-lm"]);
    run(command)?;
    std::fs::rename(&linked, output).map_err(|error| cannot(&error))
}

/// Links an object alone as a shared library: code to be loaded into this process.
///
/// # Errors
/// If there is no linker, or it fails.
pub fn shared(object: &[u8], output: &Path) -> Result<(), Diagnostic> {
    let path = output.with_extension("o");
    std::fs::write(&path, object).map_err(|error| {
        Diagnostic::plain_error("E0013", format!("cannot write {}: {error}", path.display()))
    })?;
    let mut command = compiler();
    command.arg("-shared").arg("-o").arg(output).arg(&path);
    run(command)
}

/// The system's C compiler.
fn compiler() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

fn run(mut command: Command) -> Result<(), Diagnostic> {
    let result = command.output().map_err(|error| {
        Diagnostic::plain_error("E0017", format!("the linker cannot be run: {error}"))
            .hint("install a C compiler (Debian: gcc), or set CC to one")
    })?;
    if result.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&result.stderr).trim().to_owned();
    Err(Diagnostic::plain_error("E0017", "the linker failed").note(said))
}

/// The symbol `moe_program` and what it points at, for the assembler: see `moe_runtime`'s description of a program.
fn description(parts: &Parts, kind: Kind, program: &Path) -> String {
    let mut text = String::new();
    let include = |text: &mut String, label: &str, path: &Path| {
        let path = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        // Writing to a string cannot fail.
        let _ = write!(text, ".balign 64\n{label}:\n.incbin \"{path}\"\n{label}_end:\n");
    };
    // Sections of their own, so that a built program can be looked into without running it.
    let _ = writeln!(text, ".section {PROGRAM_SECTION},\"a\"");
    include(&mut text, "moe_program_bytes", program);
    if let Some(weights) = parts.weights {
        let _ = writeln!(text, ".section {WEIGHTS_SECTION},\"a\"");
        include(&mut text, "moe_weight_bytes", weights);
    }
    text.push_str(".section .data.rel.ro,\"aw\"\n.balign 8\nmoe_kernels:\n");
    for kernel in &parts.program.kernels {
        let _ = writeln!(text, ".quad {}", kernel.name);
    }
    let count = parts.program.kernels.len();
    let _ = write!(
        text,
        ".globl moe_program\n.hidden moe_program\nmoe_program:\n.quad {FORMAT_VERSION}\n.quad moe_program_bytes\n\
         .quad moe_program_bytes_end - moe_program_bytes\n.quad moe_kernels\n.quad {count}\n"
    );
    text.push_str(match parts.weights {
        Some(_) => ".quad moe_weight_bytes\n.quad moe_weight_bytes_end - moe_weight_bytes\n",
        None => ".quad 0\n.quad 0\n",
    });
    // Only a program's command line reads texts.
    text.push_str(if kind == Kind::Program && takes_text(parts.program) {
        ".quad moe_text\n"
    } else {
        ".quad 0\n"
    });
    text.push_str(".section .note.GNU-stack,\"\"\n");
    text
}
