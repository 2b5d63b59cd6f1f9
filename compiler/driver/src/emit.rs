//! `moe emit`: any stage of the road, as text.

use crate::backend::{self, Backend, Wanted};
use crate::compile::{compile, Compiled};
use crate::session::{Failure, Selection, Session};
use crate::sources::ROOT;
use moe_diagnostics::{Diagnostic, Texts};
use moe_grammar::Span;
use moe_kernel::Plan;

/// A stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmitStage {
    /// The syntax tree.
    Syntax,
    /// Names, types and supports.
    Typed,
    /// The tensor graph.
    Graph,
    /// The graph after rewriting.
    Rewritten,
    /// The kernels.
    Kernels,
    /// The program form, as JSON.
    Program,
    /// Cranelift's form.
    Clif,
    /// MLIR.
    Mlir,
    /// LLVM.
    Llvm,
    /// Assembly.
    Asm,
}

/// The text of a stage of the chosen model, with code for `cpu`.
///
/// # Errors
/// The mistakes of the sources, or a back end that is missing or fails.
pub fn emit(
    session: &Session,
    selection: &Selection,
    stage: EmitStage,
    cpu: &str,
) -> Result<String, Failure> {
    if stage == EmitStage::Syntax {
        return Ok(syntax(session));
    }
    let wanted = if stage == EmitStage::Clif { Wanted::Cranelift } else { Wanted::Llvm };
    match stage {
        EmitStage::Typed => Ok(crate::typed::listing(&session.elaborate(selection)?)),
        EmitStage::Graph => Ok(moe_graph::print_module(&session.elaborate(selection)?.module)),
        EmitStage::Rewritten => Ok(rewritten(&compile(session, selection)?)),
        EmitStage::Kernels | EmitStage::Program => {
            let backend = backend::choose(None).map_err(Failure::plain)?.0;
            let plan = plan(session, selection, &backend, cpu)?;
            Ok(if stage == EmitStage::Kernels { kernels(&plan) } else { program(&plan) })
        }
        EmitStage::Clif | EmitStage::Mlir | EmitStage::Llvm | EmitStage::Asm | EmitStage::Syntax => {
            let backend = backend::choose(Some(wanted)).map_err(Failure::plain)?.0;
            let plan = plan(session, selection, &backend, cpu)?;
            backend.text(&plan.kernels, form(stage), cpu).map_err(Failure::plain)
        }
    }
}

/// The picture of a stage of the chosen model, as SVG; after rewriting, of its form for the usual sizes.
///
/// # Errors
/// The mistakes of the sources, or a stage that is no graph.
pub fn picture(session: &Session, selection: &Selection, stage: EmitStage) -> Result<String, Failure> {
    if !matches!(stage, EmitStage::Graph | EmitStage::Rewritten) {
        let message = "only graphs can be drawn";
        return Err(Failure::plain(
            Diagnostic::plain_error("E0019", message).hint("use --stage graph or --stage rewritten"),
        ));
    }
    let compiled = compile(session, selection)?;
    let written = stage == EmitStage::Graph;
    let module = if written { &compiled.elaborated.module } else { &compiled.rewritten };
    // In the graph as written, what will work on packed rows is coloured too.
    let packed = crate::picture::packed_weights(&compiled.rewritten);
    let texts = session.texts();
    let origin = |span: Span| match texts.text(span.file) {
        Some((path, text)) if span.end > 0 => {
            format!("{path}:{}", moe_diagnostics::position(text, span.start as usize).line)
        }
        _ => String::new(),
    };
    Ok(crate::picture::svg(module, &compiled.elaborated.name, &packed, &origin))
}

/// The graph after rewriting, in each of its forms.
fn rewritten(compiled: &Compiled) -> String {
    let forms = compiled.forms.forms.iter().zip(compiled.ranges());
    let text = |(form, range): (&moe_rewrite::Form, String)| {
        let title = if range.is_empty() { range } else { format!("// the form for {range}\n") };
        title + &moe_graph::print_module(&form.rewritten.module)
    };
    forms.map(text).collect::<Vec<_>>().join("\n")
}

fn form(stage: EmitStage) -> &'static str {
    match stage {
        EmitStage::Mlir => "mlir",
        EmitStage::Llvm => "llvm",
        _ => "asm",
    }
}

fn plan(session: &Session, selection: &Selection, backend: &Backend, cpu: &str) -> Result<Plan, Failure> {
    compile(session, selection)?.plan_by(session, selection, backend, cpu, &[])
}

fn syntax(session: &Session) -> String {
    let text = session.program().sources().files.first().map(|file| file.text.as_str()).unwrap_or_default();
    format!("{:#?}\n", moe_grammar::parse(ROOT, text).tree)
}

fn kernels(plan: &Plan) -> String {
    plan.kernels.iter().map(|kernel| moe_kernel::print(kernel) + "\n").collect()
}

fn program(plan: &Plan) -> String {
    // A program form is plain data, which always has a JSON text.
    serde_json::to_string_pretty(&plan.program).unwrap_or_default() + "\n"
}
