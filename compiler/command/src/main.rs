//! The `moe` command: a thin layer that turns the command line into calls of the driver and results into text.

mod arguments;
mod commands;
mod highlight;
mod paths;
mod report;

use arguments::{Arguments, Command};
use clap::Parser;
use report::{Reporter, OUR_BUG};
use std::process::ExitCode;

/// Deeply nested sources recurse deeply, so the work is done on a thread with room for it.
const STACK_BYTES: usize = 256 << 20;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("error: this is a bug in moe, please report it");
        eprintln!("  {panic}");
        eprintln!("  moe {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        eprintln!("  {}", std::env::args().collect::<Vec<_>>().join(" "));
    }));
    let arguments = Arguments::parse();
    let work = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || run(arguments));
    match work.map(std::thread::JoinHandle::join) {
        Ok(Ok(status)) => ExitCode::from(status),
        Ok(Err(_)) => ExitCode::from(OUR_BUG),
        Err(error) => {
            eprintln!("error: cannot start a thread: {error}");
            ExitCode::from(OUR_BUG)
        }
    }
}

fn run(arguments: Arguments) -> u8 {
    let reporter = Reporter::new(&arguments);
    match arguments.command {
        Command::New(new) => commands::new::run(&new, reporter),
        Command::Check(check) => commands::check::run(&check, reporter),
        Command::Build(build) => commands::build::run(&build, reporter),
        Command::Run(run) => commands::run::run_model(&run, reporter),
        Command::Bench(bench) => commands::bench::run(&bench, reporter),
        Command::Emit(emit) => commands::emit::run(&emit, reporter),
        Command::Explain(explain) => commands::explain::run(&explain, reporter),
        Command::Fmt(format) => commands::format::run(&format, reporter),
        Command::Test(test) => commands::test::run(&test, reporter),
        Command::Weights(weights) => commands::weights::run(&weights, reporter),
        Command::Inspect(inspect) => commands::inspect::run(&inspect, reporter),
        Command::Info(info) => commands::info::run(&info, reporter),
        Command::Completions(shell) => commands::completions::run(&shell, reporter),
    }
}
