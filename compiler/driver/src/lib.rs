//! The road from a file to a program, stage by stage: what the `moe` command and the tests call.

mod compile;
mod library;
mod session;
mod sources;

pub use compile::{compile, Compiled};
pub use session::{Failure, Selection, Session};
pub use sources::{library, SourceTexts, ROOT};

use moe_diagnostics::Diagnostic;
use moe_grammar::FileId;
use std::path::Path;

/// The text of a file in the one style.
///
/// # Errors
/// The mistakes of its spelling: a text that cannot be read is not touched.
pub fn format_text(path: &Path, text: &str) -> Result<String, Failure> {
    moe_grammar::format(text).map_err(|errors| {
        let file = moe_check::SourceFile { path: path.display().to_string(), module: Vec::new(), text: text.to_owned() };
        let texts = SourceTexts::of(&moe_check::Sources { files: vec![file] });
        let located = errors.into_iter().map(|mut error| {
            error.span.file = FileId(0);
            error
        });
        Failure { diagnostics: located.map(|error| Diagnostic::from(&error)).collect(), texts }
    })
}
