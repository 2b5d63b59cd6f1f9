//! The C header of a built library.

use moe_runtime::c;
use moe_runtime::program::Program;

/// What the functions of a library's header begin with: the model's name in small letters.
pub fn prefix(model: &str) -> String {
    model.to_lowercase()
}

/// What a library exports: its own name for each function of the runtime's C interface, and the runtime's.
pub fn exports(prefix: &str) -> Vec<(String, &'static str)> {
    c::FUNCTIONS.iter().map(|function| (renamed(function, prefix), *function)).collect()
}

/// `moe_model_open` → `block_model_open`
fn renamed(function: &str, prefix: &str) -> String {
    format!("{prefix}_{}", function.trim_start_matches("moe_"))
}

/// The text of the header.
///
/// # Errors
/// As for [`moe_runtime::command::info`].
pub fn text(program: &Program, prefix: &str) -> Result<String, moe_runtime::Error> {
    let about = moe_runtime::command::info(program, &[])?;
    Ok(c::header(prefix, &about))
}
