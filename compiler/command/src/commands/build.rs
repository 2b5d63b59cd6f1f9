//! `moe build`: a program, or a shared library and its header.

use crate::arguments::{BuildArguments, CodeBackend};
use crate::report::{deny, Reporter};
use moe_driver::{build, BuildRequest, Session, Wanted};

impl From<CodeBackend> for Wanted {
    fn from(backend: CodeBackend) -> Self {
        match backend {
            CodeBackend::Llvm => Wanted::Llvm,
            CodeBackend::Cranelift => Wanted::Cranelift,
        }
    }
}

/// Builds, and says who wrote the code.
pub fn run(arguments: &BuildArguments, reporter: Reporter) -> u8 {
    let session = match Session::open(&arguments.file) {
        Ok(session) => session,
        Err(failure) => return reporter.fail(&failure),
    };
    let request = BuildRequest {
        output: arguments.output.clone(),
        library: arguments.lib,
        backend: arguments.backend.map(Wanted::from),
        cpu: arguments.cpu.clone(),
        weights: arguments.weights.clone(),
        embed: arguments.embed,
        denied: arguments.deny.clone(),
    };
    match build(&session, &(&arguments.selection).into(), &request) {
        Ok(built) => {
            let mut notes = built.notes;
            deny(&mut notes, &arguments.deny);
            let status = reporter.report(&notes, &session.texts());
            let (output, cpu) = (arguments.output.display(), &arguments.cpu);
            reporter.say(&format!("{output}: written with {} for {cpu}", built.backend));
            status
        }
        Err(failure) => reporter.fail(&failure),
    }
}
