//! The road from a file to a program, stage by stage: what the `moe` command and the tests call.

mod backend;
mod bench;
mod cache;
mod compile;
mod cpu;
mod drawn;
mod emit;
mod evaluation;
mod explain;
mod info;
mod inspect;
mod install;
mod link;
mod lock;
mod machine;
mod measure;
mod memory;
mod native;
mod options;
mod picture;
mod run;
mod session;
mod sources;
mod specialize;
mod starting;
mod statistics;
mod tests;
mod tune;
mod typed;
mod verify;
mod weights;

pub use backend::{choose, Backend, Wanted};
pub use bench::{bench, BenchRequest};
pub use cache::Cache;
pub use compile::{compile, fast_math, Compiled};
pub use emit::{emit, picture, EmitStage};
pub use explain::{check_proof, compare, proof, rules, save_proof, why_not, Comparison};
pub use info::{installation, model_info, ModelInfo};
pub use inspect::{inspect, Inspected};
pub use machine::{stored, Machine, MachineChoice};
pub use measure::measure;
pub use memory::kernels_in_memory;
pub use moe_runtime::command::RunOptions;
pub use native::{build, BuildRequest, Built};
pub use run::{run, Runner};
pub use session::{Failure, Selection, Session};
pub use sources::{library, SourceTexts, ROOT};
pub use starting::{starting_weights, write_starting_weights};
pub use statistics::{statistics, Statistics};
pub use tests::{run_tests, test_names, TestOutcome};
pub use tune::tune;
pub use verify::BUG;

use moe_diagnostics::Diagnostic;
use moe_grammar::FileId;
use std::path::Path;

/// The text of a file in the one style.
///
/// # Errors
/// The mistakes of its spelling: a text that cannot be read is not touched.
pub fn format_text(path: &Path, text: &str) -> Result<String, Failure> {
    moe_grammar::format(text).map_err(|errors| {
        let file = moe_check::SourceFile {
            path: path.display().to_string(),
            module: Vec::new(),
            text: text.to_owned(),
        };
        let texts = SourceTexts::of(&moe_check::Sources { files: vec![file] });
        let located = errors.into_iter().map(|mut error| {
            error.span.file = FileId(0);
            error
        });
        Failure { diagnostics: located.map(|error| Diagnostic::from(&error)).collect(), texts }
    })
}
