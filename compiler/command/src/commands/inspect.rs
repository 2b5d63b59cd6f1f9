//! `moe inspect`: the tensors of a weights file.

use crate::arguments::InspectArguments;
use crate::report::{print, Reporter, FINE};

/// Prints a line for each tensor, and their sum.
pub fn run(arguments: &InspectArguments, reporter: Reporter) -> u8 {
    match moe_driver::inspect(&arguments.file) {
        Ok(text) => {
            print(&text);
            FINE
        }
        Err(diagnostic) => reporter.plain(diagnostic),
    }
}
