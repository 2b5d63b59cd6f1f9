//! `moe run`: a model compiled in memory and run.

use crate::arguments::{RunArguments, RunBackend};
use crate::report::{Reporter, FINE};
use moe_driver::{run, RunOptions, Runner, Session};

impl From<RunBackend> for Runner {
    fn from(backend: RunBackend) -> Self {
        match backend {
            RunBackend::Cranelift => Runner::Cranelift,
            RunBackend::Llvm => Runner::Llvm,
            RunBackend::Reference => Runner::Reference,
        }
    }
}

/// Runs; the results are written or printed by the runtime, as those of a built program are.
pub fn run_model(arguments: &RunArguments, reporter: Reporter) -> u8 {
    let session = match Session::open(&arguments.file) {
        Ok(session) => session,
        Err(failure) => return reporter.fail(&failure),
    };
    let options = RunOptions {
        weights: arguments.weights.clone(),
        inputs: arguments.inputs.clone(),
        outputs: arguments.outputs.clone(),
        texts: arguments.texts.clone(),
        tokenizer: arguments.tokenizer.clone(),
        threads: arguments.threads,
        repeat: arguments.repeat,
        check_finite: arguments.check_finite,
        count: arguments.count,
        profile: arguments.profile.clone(),
        dump: arguments.dump.clone(),
        ..RunOptions::default()
    };
    let selection = (&arguments.selection).into();
    match run(&session, &selection, arguments.backend.into(), &options, &mut std::io::stdout()) {
        Ok(notes) => {
            reporter.report(&notes, &session.texts());
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
