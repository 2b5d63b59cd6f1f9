//! `moe test`: the `test` items of files, run by the reference evaluator.

use crate::arguments::TestArguments;
use crate::paths;
use crate::report::{print, Reporter, FINE, WRONG};
use moe_driver::{run_tests, test_names, Session, TestOutcome};
use std::path::Path;

/// How many tests did what.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// Runs the tests of each file; says of each how it went.
pub fn run(arguments: &TestArguments, reporter: Reporter) -> u8 {
    let files = match paths::sources(&arguments.paths) {
        Ok(files) => files,
        Err(diagnostic) => return reporter.plain(diagnostic),
    };
    if arguments.list {
        return files.iter().map(|file| list(file, &arguments.filter, reporter)).max().unwrap_or(FINE);
    }
    let mut tally = Tally::default();
    for file in &files {
        test_file(file, &arguments.filter, reporter, &mut tally);
    }
    print(&format!("\n{} passed, {} failed\n", tally.passed, tally.failed));
    if tally.failed == 0 {
        FINE
    } else {
        WRONG
    }
}

fn list(file: &Path, filter: &str, reporter: Reporter) -> u8 {
    let session = match Session::open(file) {
        Ok(session) => session,
        Err(failure) => return reporter.fail(&failure),
    };
    for name in test_names(&session, filter) {
        print(&format!("{}: {name}\n", file.display()));
    }
    FINE
}

fn test_file(file: &Path, filter: &str, reporter: Reporter, tally: &mut Tally) {
    let session = match Session::open(file) {
        Ok(session) => session,
        Err(failure) => {
            reporter.fail(&failure);
            tally.failed += 1;
            return;
        }
    };
    for (name, outcome) in run_tests(&session, filter) {
        let path = file.display();
        match outcome {
            TestOutcome::Passed => {
                tally.passed += 1;
                print(&format!("{path}: {name} ... ok\n"));
            }
            TestOutcome::Failed(diagnostics) => {
                tally.failed += 1;
                print(&format!("{path}: {name} ... FAILED\n"));
                reporter.report(&diagnostics, &session.texts());
            }
        }
    }
}
