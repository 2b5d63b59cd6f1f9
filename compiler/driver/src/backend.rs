//! Who writes machine code, and how it is asked to.

use crate::cache::Cache;
use crate::{cpu, install};
use moe_diagnostics::Diagnostic;
use moe_kernel::{Kernel, Target};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A writer of machine code.
#[derive(Clone, Debug)]
pub enum Backend {
    /// LLVM, through MLIR, in an executable of its own.
    Llvm(PathBuf),
    /// Cranelift.
    Cranelift,
}

/// What the user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// LLVM.
    Llvm,
    /// Cranelift.
    Cranelift,
}

/// The back end that is wanted, or without a wish the best there is; with it a message where that is not the one people would expect.
///
/// # Errors
/// If LLVM is wanted and not installed, or the installation is broken.
pub fn choose(wanted: Option<Wanted>) -> Result<(Backend, Option<Diagnostic>), Diagnostic> {
    if wanted == Some(Wanted::Cranelift) {
        return Ok((Backend::Cranelift, None));
    }
    let missing = "LLVM is not part of this installation";
    match (install::code_generator()?, wanted) {
        (Some(path), _) => Ok((Backend::Llvm(path), None)),
        (None, None) => {
            let mut note =
                Diagnostic::plain_error("no-llvm", format!("{missing}: code is written with Cranelift"));
            note.severity = moe_diagnostics::Severity::Warning;
            Ok((Backend::Cranelift, Some(note.hint("`make build` adds it where LLVM 22 can be installed"))))
        }
        (None, Some(_)) => Err(Diagnostic::plain_error("E0016", missing)
            .hint("use --backend cranelift, or `make build` with LLVM 22")),
    }
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::plain_error("E0704", format!("{what} could not be written: {why}"))
}

impl Backend {
    /// Its name, as programs record it.
    pub fn name(&self) -> &'static str {
        match self {
            Backend::Llvm(_) => "llvm",
            Backend::Cranelift => "cranelift",
        }
    }

    /// What schedules must know of `cpu` with this back end.
    ///
    /// # Errors
    /// If there is no such processor.
    pub fn target(&self, cpu: &str) -> Result<Target, Diagnostic> {
        match self {
            Backend::Cranelift => Ok(moe_cranelift::target()),
            Backend::Llvm(path) => match cpu::target(cpu) {
                Some(target) => Ok(target),
                None => {
                    let bytes = generate(path, &["--target", "--cpu", cpu], &[])?;
                    postcard::from_bytes(&bytes).map_err(|error| failed("the target", &error))
                }
            },
        }
    }

    /// The kernels as an object file, each a global function of the kernel's name.
    ///
    /// # Errors
    /// If the code cannot be written.
    pub fn object(&self, kernels: &[Kernel], cpu: &str, cache: &Cache) -> Result<Vec<u8>, Diagnostic> {
        let kernels = without_spans(kernels);
        let bytes = postcard::to_stdvec(&kernels).map_err(|error| failed("the object", &error))?;
        let head = format!("{} {} {}\n", install::stamp(), self.name(), cpu::identity(cpu));
        let key = [head.as_bytes(), &bytes].concat();
        if let Some(object) = cache.get(&key) {
            return Ok(object);
        }
        let object = match self {
            Backend::Cranelift => {
                moe_cranelift::object(&kernels, cpu).map_err(|error| failed("the object", &error))?
            }
            Backend::Llvm(path) => generate(path, &["--emit", "object", "--cpu", cpu], &bytes)?,
        };
        cache.put(&key, &object);
        Ok(object)
    }

    /// The kernels as text: `mlir`, `llvm` or `asm` of LLVM, `clif` of Cranelift.
    ///
    /// # Errors
    /// If the back end has no such form, or fails.
    pub fn text(&self, kernels: &[Kernel], form: &str, cpu: &str) -> Result<String, Diagnostic> {
        let kernels = without_spans(kernels);
        match self {
            Backend::Cranelift => moe_cranelift::clif(&kernels).map_err(|error| failed("the text", &error)),
            Backend::Llvm(path) => {
                let bytes = postcard::to_stdvec(&kernels).map_err(|error| failed("the text", &error))?;
                let text = generate(path, &["--emit", form, "--cpu", cpu], &bytes)?;
                String::from_utf8(text).map_err(|error| failed("the text", &error))
            }
        }
    }
}

/// Code does not depend on where in the source it comes from, and should not be written anew when a line moves.
fn without_spans(kernels: &[Kernel]) -> Vec<Kernel> {
    kernels.iter().map(|kernel| Kernel { span: None, ..kernel.clone() }).collect()
}

/// Runs the code generator: `input` goes in, what comes out is returned.
fn generate(path: &PathBuf, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Diagnostic> {
    let cannot = |error: std::io::Error| failed("code", &format!("{}: {error}", path.display()));
    let mut child = Command::new(path)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    if let Some(mut pipe) = child.stdin.take() {
        // If it ends early it says why on its standard error.
        let _ = pipe.write_all(input);
    }
    let output = child.wait_with_output().map_err(cannot)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Diagnostic::plain_error("E0704", said.trim_start_matches("error: ").to_owned()))
}
