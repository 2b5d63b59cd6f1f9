//! `moe emit`: any stage of the road, as text.

use crate::arguments::{EmitArguments, EmitFormat, Stage};
use crate::highlight::{highlight, Language};
use crate::report::{print, Reporter, FINE};
use moe_driver::{emit, picture, EmitStage, Session};

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

/// How the text of a stage is coloured.
fn language(stage: Stage) -> Language {
    match stage {
        Stage::Syntax | Stage::Typed | Stage::Graph | Stage::Rewritten | Stage::Kernels => Language::Own,
        Stage::Program => Language::Json,
        Stage::Mlir => Language::Mlir,
        Stage::Clif | Stage::Llvm => Language::Semicolons,
        Stage::Asm => Language::Assembly,
    }
}

/// Prints the stage to standard output: coloured on a terminal, plain elsewhere.
pub fn run(arguments: &EmitArguments, reporter: Reporter) -> u8 {
    let (stage, selection) = (arguments.stage.into(), (&arguments.selection).into());
    let text = Session::open(&arguments.file).and_then(|session| match arguments.format {
        EmitFormat::Text => emit(&session, &selection, stage, &arguments.cpu),
        EmitFormat::Svg => picture(&session, &selection, stage),
    });
    match text {
        Ok(text) if arguments.format == EmitFormat::Text && reporter.colors_output() => {
            print(&highlight(&text, language(arguments.stage)));
            FINE
        }
        Ok(text) => {
            print(&text);
            FINE
        }
        Err(failure) => reporter.fail(&failure),
    }
}
