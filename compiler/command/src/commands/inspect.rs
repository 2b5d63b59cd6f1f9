//! `moe inspect`: the tensors of a file.

use crate::arguments::InspectArguments;
use crate::report::{print, Reporter, FINE};

/// Prints a line for each tensor and their sum, or one JSON object.
pub fn run(arguments: &InspectArguments, reporter: Reporter) -> u8 {
    match moe_driver::inspect(&arguments.file, &(&arguments.selection).into(), arguments.limit) {
        Ok(found) => {
            print(&if arguments.json { found.json() } else { found.text() });
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
