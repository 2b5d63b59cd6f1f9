//! `moe test`: the `test` items of a file, run by the reference evaluator.

use crate::evaluation;
use crate::session::Session;
use crate::sources::ROOT;
use moe_check::{ElaboratedTest, TestInfo};
use moe_diagnostics::{Diagnostic, Severity};
use moe_runtime::Tensor;

/// How a test ended.
pub enum TestOutcome {
    /// All its assertions hold.
    Passed,
    /// Some do not, or it is not well formed: why.
    Failed(Vec<Diagnostic>),
}

/// The names of the tests of the file named by the user that contain `filter`.
pub fn test_names(session: &Session, filter: &str) -> Vec<String> {
    let tests = session.program().tests(ROOT).into_iter();
    tests.map(|test| test.name).filter(|name| name.contains(filter)).collect()
}

/// Runs the tests of the file named by the user whose names contain `filter`; each name and how it ended.
pub fn run_tests(session: &Session, filter: &str) -> Vec<(String, TestOutcome)> {
    let program = session.program();
    let tests = program.tests(ROOT).into_iter().filter(|test| test.name.contains(filter));
    tests.map(|test| (test.name.clone(), run_test(session, &test))).collect()
}

fn run_test(session: &Session, test: &TestInfo) -> TestOutcome {
    let mistakes = session.program().diagnostics();
    if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
        return TestOutcome::Failed(mistakes);
    }
    let elaborated = match session.program().elaborate_test(ROOT, test) {
        Ok(elaborated) => elaborated,
        Err(diagnostics) => return TestOutcome::Failed(diagnostics),
    };
    let failed = match moe_evaluate::evaluate(&elaborated.module, &[], &moe_evaluate::Options::default()) {
        Ok(evaluation) => failures(&elaborated, &evaluation.outputs),
        Err(error) => vec![evaluation::diagnostic(&error, Some(test.span))],
    };
    if failed.is_empty() {
        TestOutcome::Passed
    } else {
        TestOutcome::Failed(failed)
    }
}

/// One message for each assertion that does not hold, with the values it compares.
fn failures(test: &ElaboratedTest, outputs: &[Tensor]) -> Vec<Diagnostic> {
    let mut failed = Vec::new();
    for (place, assertion) in test.assertions.iter().enumerate() {
        let holds =
            outputs.get(place).is_some_and(|output| output.to_f64().iter().all(|entry| *entry != 0.0));
        if holds {
            continue;
        }
        let mut diagnostic = Diagnostic::error("E0606", assertion.span, "the assertion does not hold");
        for (name, value) in compared(test, place, outputs) {
            diagnostic = diagnostic.note(format!("{name} is {}", shown(value)));
        }
        failed.push(diagnostic);
    }
    failed
}

/// The values that an assertion compares: the observed outputs named after it, such as `a0.left`.
fn compared<'a>(
    test: &'a ElaboratedTest,
    place: usize,
    outputs: &'a [Tensor],
) -> impl Iterator<Item = (&'a str, &'a Tensor)> {
    let prefix = format!("a{place}.");
    let named = test.module.entry().map(|entry| entry.outputs.as_slice()).unwrap_or_default();
    named
        .iter()
        .zip(outputs)
        .filter_map(move |(output, value)| Some((output.name.strip_prefix(&prefix)?, value)))
}

/// The entries of a small tensor, or the first of a large one.
fn shown(tensor: &Tensor) -> String {
    const MOST: usize = 12;
    let entries: Vec<String> = tensor.to_f64().iter().take(MOST).map(|entry| format!("{entry}")).collect();
    let more = if tensor.len() > MOST { format!(", … ({} entries)", tensor.len()) } else { String::new() };
    format!("[{}{more}], shape {:?}", entries.join(", "), tensor.shape())
}
