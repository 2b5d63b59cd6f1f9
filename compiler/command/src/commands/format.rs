//! `moe fmt`: one style.

use crate::arguments::FormatArguments;
use crate::paths;
use crate::report::{print, Reporter, FINE, WRONG};
use moe_diagnostics::Diagnostic;
use moe_driver::format_text;
use std::io::Read;
use std::path::Path;

/// Formats files in place, or standard input to standard output.
pub fn run(arguments: &FormatArguments, reporter: Reporter) -> u8 {
    if arguments.paths.iter().any(|path| path.as_os_str() == "-") {
        return standard_input(arguments.check, reporter);
    }
    let files = match paths::sources(&arguments.paths) {
        Ok(files) => files,
        Err(diagnostic) => return reporter.plain(diagnostic),
    };
    files.iter().map(|file| format(file, arguments.check, reporter)).max().unwrap_or(FINE)
}

fn standard_input(check: bool, reporter: Reporter) -> u8 {
    let mut text = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut text) {
        return reporter
            .plain(Diagnostic::plain_error("E0010", format!("cannot read standard input: {error}")));
    }
    match format_text(Path::new("<standard input>"), &text) {
        Ok(formatted) if check => u8::from(formatted != text),
        Ok(formatted) => {
            print(&formatted);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}

fn format(path: &Path, check: bool, reporter: Reporter) -> u8 {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read {}: {error}", path.display());
            return reporter.plain(Diagnostic::plain_error("E0010", message));
        }
    };
    let formatted = match format_text(path, &text) {
        Ok(formatted) => formatted,
        Err(failure) => return reporter.fail(&failure),
    };
    if formatted == text {
        return FINE;
    }
    if check {
        print(&format!("{}\n", path.display()));
        return WRONG;
    }
    match std::fs::write(path, formatted) {
        Ok(()) => FINE,
        Err(error) => {
            let message = format!("cannot write {}: {error}", path.display());
            reporter.plain(Diagnostic::plain_error("E0013", message))
        }
    }
}
