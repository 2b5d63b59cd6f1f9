//! `moe explain`: an error code, or what the rewriter made of a model.

use crate::arguments::ExplainArguments;
use crate::report::{print, Reporter, FINE};
use moe_diagnostics::{explain, Diagnostic};
use moe_driver::{compile, Failure, Selection, Session};
use std::path::Path;

/// A subject that looks like a code is one; anything else is a file.
pub fn run(arguments: &ExplainArguments, reporter: Reporter) -> u8 {
    if let Some(text) = explain(&arguments.subject) {
        print(text);
        return FINE;
    }
    if looks_like_a_code(&arguments.subject) {
        let message = format!("there is no error code {}", arguments.subject);
        return reporter.plain(Diagnostic::plain_error("E0015", message).hint("codes look like E0301"));
    }
    match report(Path::new(&arguments.subject), &(&arguments.selection).into()) {
        Ok(text) => {
            print(&text);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}

fn looks_like_a_code(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.eq_ignore_ascii_case(&'e'))
        && letters.all(|c| c.is_ascii_digit())
}

fn report(path: &Path, selection: &Selection) -> Result<String, Failure> {
    let session = Session::open(path)?;
    Ok(compile(&session, selection)?.report.render())
}
