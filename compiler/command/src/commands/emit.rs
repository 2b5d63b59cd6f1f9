//! `moe emit`: any stage of the road, as text.

use crate::arguments::{EmitArguments, Stage};
use crate::report::{print, Reporter, FINE};
use moe_driver::{emit, EmitStage, Session};

impl From<Stage> for EmitStage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Syntax => EmitStage::Syntax,
            Stage::Typed => EmitStage::Typed,
            Stage::Graph => EmitStage::Graph,
            Stage::Rewritten => EmitStage::Rewritten,
            Stage::Kernels => EmitStage::Kernels,
            Stage::Program => EmitStage::Program,
            Stage::Clif => EmitStage::Clif,
            Stage::Mlir => EmitStage::Mlir,
            Stage::Llvm => EmitStage::Llvm,
            Stage::Asm => EmitStage::Asm,
        }
    }
}

/// Prints the stage to standard output.
pub fn run(arguments: &EmitArguments, reporter: Reporter) -> u8 {
    let text = Session::open(&arguments.file).and_then(|session| {
        emit(&session, &(&arguments.selection).into(), arguments.stage.into(), &arguments.cpu)
    });
    match text {
        Ok(text) => {
            print(&text);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
