//! `moe build`: from a model to a program, or to a shared library and its header.

use crate::backend::{self, Wanted};
use crate::cache::Cache;
use crate::compile::compile;
use crate::link::{self, Kind, Parts};
use crate::session::{Failure, Selection, Session};
use moe_diagnostics::{Diagnostic, Severity};
use moe_runtime::c;
use moe_runtime::program::Program;
use std::path::{Path, PathBuf};

/// What to build.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The program, or the library.
    pub output: PathBuf,
    /// Whether a library with a header is wanted.
    pub library: bool,
    /// Who writes the code.
    pub backend: Option<Wanted>,
    /// The processor.
    pub cpu: String,
    /// A weights file to check the model against.
    pub weights: Option<PathBuf>,
    /// Whether the weights are put inside.
    pub embed: bool,
    /// Warnings that are errors: nothing is written where one of them is found.
    pub denied: Vec<String>,
}

/// What was built.
pub struct Built {
    /// Who wrote the code.
    pub backend: &'static str,
    /// The program form.
    pub program: Program,
    /// What the user should know: warnings of the model and of the installation.
    pub notes: Vec<Diagnostic>,
}

/// Builds. Nothing is written unless all of it succeeds, but the cache.
///
/// # Errors
/// The mistakes of the sources; weights that do not fit; a code generator or linker that fails.
pub fn build(session: &Session, selection: &Selection, request: &BuildRequest) -> Result<Built, Failure> {
    let (backend, note) = backend::choose(request.backend).map_err(Failure::plain)?;
    let compiled = compile(session, selection)?;
    let plan = compiled.plan_by(session, selection, &backend, &request.cpu, &[])?;
    if let Some(weights) = &request.weights {
        crate::weights::check(weights, &plan.program).map_err(Failure::plain)?;
    }
    let notes: Vec<Diagnostic> = compiled.warnings().into_iter().chain(note).collect();
    if notes.iter().any(|note| request.denied.iter().any(|denied| denied == note.code)) {
        return Err(session.failure(denied(notes, &request.denied)));
    }
    let object = backend.object(&plan.kernels, &request.cpu, &Cache::of_user()).map_err(Failure::plain)?;
    let program = plan.program;
    finish(&program, &object, request).map_err(Failure::plain)?;
    Ok(Built { backend: backend.name(), program, notes })
}

/// With the warnings that are denied as errors.
fn denied(mut notes: Vec<Diagnostic>, denied: &[String]) -> Vec<Diagnostic> {
    for note in notes.iter_mut().filter(|note| denied.iter().any(|denied| denied == note.code)) {
        note.severity = Severity::Error;
    }
    notes
}

fn finish(program: &Program, object: &[u8], request: &BuildRequest) -> Result<(), Diagnostic> {
    let weights = request.weights.as_deref().filter(|_| request.embed);
    if !request.library {
        let parts = Parts { program, object, weights, exports: &[] };
        return link::link(&parts, Kind::Program, &request.output);
    }
    let prefix = program.model.to_lowercase();
    let exports = c::exports(&prefix);
    let parts = Parts { program, object, weights, exports: &exports };
    let text = header_text(program, &prefix)?;
    link::link(&parts, Kind::Library, &request.output)?;
    let path = header_path(&request.output);
    std::fs::write(&path, text).map_err(|error| {
        Diagnostic::plain_error("E0013", format!("cannot write {}: {error}", path.display()))
    })
}

/// The header, with what is known of the model at its top.
fn header_text(program: &Program, prefix: &str) -> Result<String, Diagnostic> {
    let about = moe_runtime::command::info(program, &[]).map_err(|error| crate::run::diagnostic(&error))?;
    Ok(c::header(prefix, &about))
}

/// `libblock.so` → `libblock.h`
fn header_path(output: &Path) -> PathBuf {
    output.with_extension("h")
}
