//! `moe weights`: the weights that a model begins with.

use crate::arguments::WeightsArguments;
use crate::report::{Reporter, FINE};
use moe_driver::{write_starting_weights, Session};

/// Writes the file, and says what is in it.
pub fn run(arguments: &WeightsArguments, reporter: Reporter) -> u8 {
    let selection = (&arguments.selection).into();
    let written = Session::open(&arguments.file)
        .and_then(|session| write_starting_weights(&session, &selection, arguments.seed, &arguments.output));
    match written {
        Ok(count) => {
            if reporter.for_people() {
                let output = arguments.output.display();
                eprintln!(
                    "{output}: {count} weights under their own names, drawn from seed {}",
                    arguments.seed
                );
            }
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
