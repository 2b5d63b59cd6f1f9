//! `moe bench`: how long a model takes, and which kernel takes it.

use crate::arguments::BenchArguments;
use crate::report::{print, Reporter, FINE};
use moe_driver::{bench, tune, BenchRequest, Session};

/// Times the model, or ways to cut up its products, and prints a table.
pub fn run(arguments: &BenchArguments, reporter: Reporter) -> u8 {
    let session = match Session::open(&arguments.file) {
        Ok(session) => session,
        Err(failure) => return reporter.fail(&failure),
    };
    let request = BenchRequest {
        backend: arguments.backend.map(Into::into),
        weights: arguments.weights.clone(),
        threads: arguments.threads,
        repeat: arguments.repeat,
        profile: arguments.profile.clone(),
    };
    let measure = if arguments.tune { tune } else { bench };
    match measure(&session, &(&arguments.selection).into(), &request) {
        Ok((text, notes)) => {
            reporter.report(&notes, &session.texts());
            print(&text);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
