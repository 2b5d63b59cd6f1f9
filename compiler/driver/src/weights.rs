//! Weights files looked at while compiling.

use crate::run::diagnostic;
use moe_diagnostics::Diagnostic;
use moe_runtime::program::Program;
use moe_runtime::{weights, WeightFile};
use std::path::Path;

/// Whether a file holds the weights that a program needs.
///
/// # Errors
/// What is wrong with the file, or with its tensors.
pub fn check(path: &Path, program: &Program) -> Result<(), Diagnostic> {
    let file = WeightFile::open(path).map_err(|error| diagnostic(&error))?;
    weights::load(program, Some(&file)).map(drop).map_err(|error| diagnostic(&error))
}
