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
            let (output, seed) = (arguments.output.display(), arguments.seed);
            reporter.say(&format!("{output}: {count} weights under their own names, drawn from seed {seed}"));
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
