//! `moe completions`: what a shell needs to complete the command line, and the page for `man`.

use crate::arguments::{Arguments, CompletionsArguments, Shell};
use crate::report::{print, Reporter, FINE};
use clap::CommandFactory;
use clap_complete::shells;
use moe_diagnostics::Diagnostic;

/// Prints the script or the page.
pub fn run(arguments: &CompletionsArguments, reporter: Reporter) -> u8 {
    let mut command = Arguments::command();
    let mut bytes = Vec::new();
    match arguments.shell {
        Shell::Bash => clap_complete::generate(shells::Bash, &mut command, "moe", &mut bytes),
        Shell::Zsh => clap_complete::generate(shells::Zsh, &mut command, "moe", &mut bytes),
        Shell::Fish => clap_complete::generate(shells::Fish, &mut command, "moe", &mut bytes),
        Shell::Man => {
            if let Err(error) = clap_mangen::Man::new(command).render(&mut bytes) {
                let message = format!("the page cannot be written: {error}");
                return reporter.plain(Diagnostic::plain_error("E0013", message));
            }
        }
    }
    print(&String::from_utf8_lossy(&bytes));
    FINE
}
