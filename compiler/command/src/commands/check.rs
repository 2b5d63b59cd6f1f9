//! `moe check`: every mistake of every file, and nothing written.

use crate::arguments::CheckArguments;
use crate::paths;
use crate::report::{deny, Reporter, FINE, WRONG};
use moe_driver::Session;
use std::path::Path;

/// Checks each file by itself.
pub fn run(arguments: &CheckArguments, reporter: Reporter) -> u8 {
    let files = match paths::sources(&arguments.paths) {
        Ok(files) => files,
        Err(diagnostic) => return reporter.plain(diagnostic),
    };
    let wrong = files.iter().filter(|file| check(file, arguments, reporter) != FINE).count();
    if wrong > 0 && files.len() > 1 {
        reporter.say(&format!("{wrong} of {} files have mistakes", files.len()));
    }
    if wrong == 0 {
        FINE
    } else {
        WRONG
    }
}

fn check(file: &Path, arguments: &CheckArguments, reporter: Reporter) -> u8 {
    match Session::open(file) {
        Ok(session) => {
            let mut diagnostics = session.check();
            deny(&mut diagnostics, &arguments.deny);
            reporter.report(&diagnostics, &session.texts())
        }
        Err(failure) => reporter.fail(&failure),
    }
}
