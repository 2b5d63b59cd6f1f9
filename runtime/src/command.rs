//! The command line of a model: of built programs, and what `moe run` does once a model is compiled in memory.

mod finite;
mod info;
mod inputs;
mod options;
mod outputs;
mod profile;
mod report;
mod run;
mod show;
mod text;

pub use info::{info, memory, Memory, RunMemory};
pub use inputs::{read_inputs, Given};
pub use options::{Action, ErrorFormat, RunOptions, HELP};
pub use outputs::Outputs;
pub use profile::{profile_table, write_trace};
pub use report::{report, status, BUG_STATUS};
pub use run::{run_command, run_program, time, tokenizer, LoadedProgram, Timed};
pub use show::{show, show_output};
pub use text::{open_text, takes_text, OpenText, Text};
