//! `moe info`: this installation, or what a model needs.

use crate::backend;
use crate::compile::compile;
use crate::cpu;
use crate::install;
use crate::machine::{Machine, MachineChoice};
use crate::options;
use crate::run::diagnostic;
use crate::session::{Failure, Selection, Session};
use moe_runtime::program::Program;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The versions and the machine, for people and for reports of mistakes.
///
/// # Errors
/// If the description of the machine that is chosen cannot be used.
pub fn installation(machine: &MachineChoice) -> Result<String, Failure> {
    let machine = Machine::open(machine).map_err(Failure::plain)?;
    let mut text = format!("moe {}\n", install::stamp());
    let llvm = match install::code_generator() {
        Ok(Some(path)) => path.display().to_string(),
        Ok(None) => "not installed; code is written with Cranelift".to_owned(),
        Err(error) => error.message,
    };
    let runtime = install::find(install::RUNTIME_LIBRARY);
    let runtime = runtime.map_or_else(|| "missing".to_owned(), |path| path.display().to_string());
    let target = cpu::target(cpu::NATIVE);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  llvm       {llvm}");
    let _ = writeln!(text, "  runtime    {runtime}");
    let _ = writeln!(text, "  processor  {}", cpu::identity(cpu::NATIVE));
    if let Some(target) = target {
        let fused = if target.fused_multiply_add { ", fused multiply-add" } else { "" };
        let _ = writeln!(
            text,
            "  vectors    {} bytes, {} registers{fused}",
            target.vector_bytes, target.vector_registers
        );
    }
    let _ = write!(text, "speeds, {}\n{}", machine.origin(), machine.lines());
    Ok(text)
}

/// What a model is and needs.
pub struct ModelInfo {
    /// Its program; the code is not in it.
    program: Program,
    /// The free sizes given.
    sizes: Vec<(String, i64)>,
    /// Floating-point operations of a step as written and as compiled; `None` where free sizes are not given.
    operations: Option<(i64, i64)>,
}

/// What a model needs where free sizes are given as settings, beside static parameters.
///
/// # Errors
/// The mistakes of the sources, or a size that the model does not have.
pub fn model_info(session: &Session, selection: &Selection) -> Result<ModelInfo, Failure> {
    let (selection, free) = options::split(session, selection)?;
    let sizes = options::sizes(free).map_err(Failure::plain)?;
    let (backend, _) = backend::choose(None).map_err(Failure::plain)?;
    let compiled = compile(session, &selection)?;
    let program = compiled.plan_by(session, &selection, &backend, cpu::NATIVE, &[])?.program;
    let lookup = |name: &str| sizes.iter().rev().find(|(known, _)| known == name).map(|(_, size)| *size);
    let flops = |totals: Option<&moe_rewrite::Totals>| totals?.flops.evaluate(&lookup);
    let report = compiled.forms.at(&lookup).map_or(&compiled.report, |form| &form.rewritten.report);
    let operations = flops(report.before()).zip(flops(report.after()));
    Ok(ModelInfo { program, sizes, operations })
}

impl ModelInfo {
    /// For people: the edges, the kernels, and the memory in readable units.
    ///
    /// # Errors
    /// A size that the model does not have, or one that overflows.
    pub fn text(&self) -> Result<String, Failure> {
        let mut text = moe_runtime::command::info(&self.program, &self.sizes)
            .map_err(|error| Failure::plain(diagnostic(&error)))?;
        if let Some((before, after)) = self.operations {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "operations of a step\n  as written   {}",
                moe_rewrite::separated(&before.to_string())
            );
            let _ = writeln!(
                text,
                "  as compiled  {}, where bounds are met exactly",
                moe_rewrite::separated(&after.to_string())
            );
        }
        Ok(text)
    }

    /// For programs: one JSON object, sizes in bytes; what depends on free sizes that are not given is null.
    ///
    /// # Errors
    /// A size that the model does not have, or one that overflows.
    pub fn json(&self) -> Result<String, Failure> {
        let memory = moe_runtime::command::memory(&self.program, &self.sizes)
            .map_err(|error| Failure::plain(diagnostic(&error)))?;
        let run = memory.run.as_ref();
        let forms = moe_runtime::forms::ranges(&self.program).into_iter();
        let value = serde_json::json!({
            "model": self.program.model,
            "backend": self.program.backend,
            "deterministic": self.program.deterministic,
            "sizes": run.map(|run| run.sizes.iter().cloned().collect::<BTreeMap<_, _>>()),
            "weight_bytes": memory.weights,
            "prepared_bytes": memory.prepared,
            "arena_bytes": run.map(|run| run.arena),
            "input_bytes": run.map(|run| run.inputs),
            "output_bytes": run.map(|run| run.outputs),
            "state_bytes": run.map(|run| run.states),
            "operations_as_written": self.operations.map(|(before, _)| before),
            "operations_as_compiled": self.operations.map(|(_, after)| after),
            "forms": forms.zip(&self.program.forms).map(|(range, form)| {
                serde_json::json!({ "from": form.from, "range": range })
            }).collect::<Vec<_>>(),
            "form": run.map(|run| run.form + 1),
            "kernels": self.program.kernels.iter().map(|kernel| &kernel.name).collect::<Vec<_>>(),
        });
        Ok(format!("{value:#}\n"))
    }
}
