//! `moe info` and `moe inspect`: this installation, the memory of a model, the tensors of a file.

use crate::backend;
use crate::compile::compile;
use crate::cpu;
use crate::install;
use crate::run::diagnostic;
use crate::session::{Failure, Selection, Session};
use moe_diagnostics::Diagnostic;
use moe_runtime::memory::in_words;
use moe_runtime::WeightFile;
use std::fmt::Write;
use std::path::Path;

/// The versions and the machine, for people and for reports of mistakes.
pub fn installation() -> String {
    let mut text = format!("moe {}\n", install::stamp());
    let llvm = match install::code_generator() {
        Ok(Some(path)) => path.display().to_string(),
        Ok(None) => "not installed; code is written with Cranelift".to_owned(),
        Err(error) => error.message,
    };
    let runtime = install::find(install::RUNTIME_LIBRARY);
    let runtime = runtime.map_or_else(|| "missing".to_owned(), |path| path.display().to_string());
    let target = cpu::target(cpu::NATIVE);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  llvm       {llvm}");
    let _ = writeln!(text, "  runtime    {runtime}");
    let _ = writeln!(text, "  processor  {}", cpu::identity(cpu::NATIVE));
    if let Some(target) = target {
        let fused = if target.fused_multiply_add { ", fused multiply-add" } else { "" };
        let _ = writeln!(
            text,
            "  vectors    {} bytes, {} registers{fused}",
            target.vector_bytes, target.vector_registers
        );
    }
    text
}

/// The edges of a model, its kernels, and the memory it needs where all free sizes are given as settings.
///
/// # Errors
/// The mistakes of the sources, or a size that the model does not have.
pub fn model_info(session: &Session, selection: &Selection) -> Result<String, Failure> {
    let statics: Vec<String> = session.model(selection)?.statics.into_iter().map(|(name, _)| name).collect();
    let (own, free): (Vec<_>, Vec<_>) =
        selection.settings.iter().cloned().partition(|(name, _)| statics.contains(name));
    let selection = Selection { settings: own, ..selection.clone() };
    let (backend, _) = backend::choose(None).map_err(Failure::plain)?;
    let target = backend.target(cpu::NATIVE).map_err(Failure::plain)?;
    let plan = compile(session, &selection)?.plan(session, &selection, &target, &[])?;
    let mut sizes = Vec::new();
    for (name, value) in free {
        match value.parse() {
            Ok(size) => sizes.push((name, size)),
            Err(_) => {
                let message = format!("`{value}` is no size for {name}");
                return Err(Failure::plain(Diagnostic::plain_error("E0012", message)));
            }
        }
    }
    let mut program = plan.program;
    program.backend = format!("{} for {}", backend.name(), cpu::NATIVE);
    moe_runtime::command::info(&program, &sizes).map_err(|error| Failure::plain(diagnostic(&error)))
}

/// A line for each tensor of a weights file, and their sum.
///
/// # Errors
/// If it is no whole `.safetensors` file.
pub fn inspect(path: &Path) -> Result<String, Diagnostic> {
    let file = WeightFile::open(path).map_err(|error| diagnostic(&error))?;
    let rows: Vec<[String; 4]> = file
        .entries()
        .iter()
        .map(|(name, entry)| {
            let shape = format!("{:?}", entry.shape);
            [name.clone(), entry.element_name.clone(), shape, in_words(entry.range.len() as u64)]
        })
        .collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let (name_width, element_width, shape_width) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [name, element, shape, bytes] in &rows {
        let _ = writeln!(text, "{name:name_width$}  {element:element_width$}  {shape:shape_width$}  {bytes}");
    }
    let total: usize = file.entries().values().map(|entry| entry.range.len()).sum();
    let _ = writeln!(text, "{} tensors, {}", rows.len(), in_words(total as u64));
    Ok(text)
}
