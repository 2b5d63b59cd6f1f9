//! `moe explain`: an error code, or what the rewriter made of a model, why, and whether that is right.

use crate::arguments::ExplainArguments;
use crate::report::{print, Reporter, FINE};
use moe_diagnostics::{explain, Diagnostic};
use moe_driver::{
    check_proof, compare, compile, proof, rules, save_proof, why_not, Failure, Selection, Session,
};
use std::fs;
use std::path::Path;

/// A subject that looks like a code is one; anything else is a file.
pub fn run(arguments: &ExplainArguments, reporter: Reporter) -> u8 {
    let Some(subject) = &arguments.subject else {
        print(&rules());
        return FINE;
    };
    if let Some(text) = explain(subject) {
        print(text);
        return FINE;
    }
    if looks_like_a_code(subject) {
        let message = format!("there is no error code {subject}");
        return reporter.plain(Diagnostic::plain_error("E0015", message).hint("codes look like E0301"));
    }
    match answer(Path::new(subject), arguments) {
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

fn answer(path: &Path, arguments: &ExplainArguments) -> Result<String, Failure> {
    let (session, selection) = (Session::open(path)?, Selection::from(&arguments.selection));
    if arguments.proof {
        return proof(&session, &selection);
    }
    if let Some(file) = &arguments.save_proof {
        save_proof(&session, &selection, file)?;
        return Ok(format!("the proof is in {}\n", file.display()));
    }
    if let Some(file) = &arguments.check_proof {
        let text = fs::read_to_string(file).map_err(|error| {
            let message = format!("{} cannot be read: {error}", file.display());
            Failure::plain(Diagnostic::plain_error("E0010", message))
        })?;
        let (steps, facts) = check_proof(&session, &selection, &text)?;
        return Ok(format!(
            "the proof holds: {steps} steps and {facts} facts checked, from what {} says to what is compiled\n",
            path.display()
        ));
    }
    if let Some(rule) = &arguments.why_not {
        return why_not(&session, &selection, rule);
    }
    if arguments.check {
        let found = compare(&session, &selection, arguments.rows, arguments.seed)?;
        let margin =
            if found.margin.is_finite() { format!("{:.1e}", found.margin) } else { "none".to_owned() };
        return Ok(format!(
            "{} entries compared: the largest difference is {:.1e} of the largest entry; the nearest choice: {margin}\n",
            found.entries, found.difference
        ));
    }
    let compiled = compile(&session, &selection)?;
    let (explanation, origin) = (compiled.explanation(), compiled.machine.origin());
    Ok(format!("{explanation}\npredicted for a machine whose description is {origin}\n"))
}
