//! `test` items.

use crate::elaborated::{Assertion, ElaboratedTest};
use crate::elaborator::{Elaborator, Mode};
use crate::frame::Frame;
use crate::program::Program;
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{DefinitionKind, Test};

/// Elaborates a test: each assertion is an output, `a0`, `a1` and so on.
pub(crate) fn elaborate(
    program: &Program,
    file: u32,
    test: &Test,
) -> Result<ElaboratedTest, Vec<Diagnostic>> {
    let mut elaborator = Elaborator::new(program, &test.name.text, Mode::Test);
    elaborator.frames.push(Frame::new(file, DefinitionKind::Model, &test.name.text));
    elaborator.block(&test.body, None);
    if elaborator.assertions.is_empty() && elaborator.report.len() == 0 {
        let mistake = Diagnostic::error("E0604", test.name.span, "the test asserts nothing")
            .label("no `assert` in it")
            .hint("`assert close(f(…), […], 1e-6)`");
        elaborator.error(mistake);
    }
    let assertions = elaborator.assertions.clone();
    let module = elaborator.finish()?;
    Ok(ElaboratedTest { module, assertions: assertions.into_iter().map(|span| Assertion { span }).collect() })
}
