//! Writing messages: to standard error, in the form and colours asked for. Data goes to standard output and is never mixed with them.

use crate::arguments::{Arguments, Color, ErrorFormat};
use anstream::{AutoStream, ColorChoice};
use moe_diagnostics::{render, Diagnostic, Format, Severity, Texts};
use moe_driver::{Failure, SourceTexts};
use std::io::Write;

/// The exit status when all is well.
pub const FINE: u8 = 0;
/// The exit status when the user's model or data is wrong.
pub const WRONG: u8 = 1;

/// The exit status when the compiler itself is at fault.
pub const OUR_BUG: u8 = 101;

/// Where messages go and how they look.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    format: Format,
    color: bool,
    color_output: bool,
}

impl Reporter {
    /// As the command line asks.
    pub fn new(arguments: &Arguments) -> Self {
        let format = match arguments.error_format {
            ErrorFormat::Human => Format::Human,
            ErrorFormat::Short => Format::Short,
            ErrorFormat::Json => Format::Json,
        };
        // On a terminal, unless the environment says otherwise (NO_COLOR, CLICOLOR, TERM=dumb).
        let color = |automatic: ColorChoice| match arguments.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => automatic != ColorChoice::Never,
        };
        let output = AutoStream::choice(&std::io::stdout());
        Reporter { format, color: color(AutoStream::choice(&std::io::stderr())), color_output: color(output) }
    }

    /// Whether data on standard output is coloured.
    pub fn colors_output(self) -> bool {
        self.color_output
    }

    /// Writes messages; the status that fits them.
    pub fn report(self, diagnostics: &[Diagnostic], texts: &dyn Texts) -> u8 {
        let text = render(diagnostics, texts, self.format, self.color);
        // Nobody can be told that standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            WRONG
        } else {
            FINE
        }
    }

    /// Writes a failure; always the status of one.
    pub fn fail(self, failure: &Failure) -> u8 {
        self.report(&failure.diagnostics, &failure.texts);
        if failure.diagnostics.iter().any(|diagnostic| diagnostic.code == moe_driver::BUG) {
            OUR_BUG
        } else {
            WRONG
        }
    }

    /// Writes one message that points at no source.
    pub fn plain(self, diagnostic: Diagnostic) -> u8 {
        self.report(&[diagnostic], &SourceTexts::none())
    }

    /// Says how something went, where people read it: one line on standard error.
    pub fn say(self, line: &str) {
        if self.for_people() {
            // Nobody can be told that standard error is closed.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Whether people read the messages.
    fn for_people(self) -> bool {
        self.format == Format::Human
    }
}

/// Writes data to standard output. A reader that has gone away is no error.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Turns warnings of the names in `deny` into errors.
pub fn deny(diagnostics: &mut [Diagnostic], deny: &[String]) {
    for diagnostic in diagnostics {
        if deny.iter().any(|name| name == diagnostic.code) {
            diagnostic.severity = Severity::Error;
        }
    }
}
