//! From a chosen model to its plan: elaborate, rewrite, schedule.

use crate::backend::Backend;
use crate::cpu::NATIVE;
use crate::lock::Lock;
use crate::machine::Machine;
use crate::options;
use crate::session::{Failure, Selection, Session};
use crate::verify;
use moe_check::Elaborated;
use moe_diagnostics::Diagnostic;
use moe_graph::Module;
use moe_kernel::{Plan, Target, Tuning};
use moe_rewrite::{Form, Forms, Report};
use moe_runtime::forms::ranges_in_words;
use moe_runtime::program::WeightSource;
use moe_schedule::{FormRequest, PlanRequest};
use std::collections::BTreeMap;

/// A model on its way to code.
pub struct Compiled {
    /// What the checker made of the source.
    pub elaborated: Elaborated,
    /// The graph after rewriting, in the form for the usual sizes.
    pub rewritten: Module,
    /// What the rewriter did to make it.
    pub report: Report,
    /// All forms.
    pub forms: Forms,
    /// The free sizes that are set.
    pub sizes: BTreeMap<String, i64>,
    /// The machine that forms were compared for.
    pub machine: Machine,
    /// What was measured of products beside the source.
    pub lock: Lock,
}

/// The groups of rewriting rules that may move a tie or assume that nothing overflows, and so wait until they are asked for.
pub fn fast_math() -> Vec<&'static str> {
    let mut groups: Vec<&str> = moe_rewrite::rules().iter().filter_map(|rule| rule.fast_math).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// The chosen model, checked and rewritten.
///
/// # Errors
/// The mistakes of the sources.
pub fn compile(session: &Session, selection: &Selection) -> Result<Compiled, Failure> {
    let (elaborated, options, machine) = options::elaborate(session, selection)?;
    verify::module(&elaborated.module, "checking").map_err(|found| session.failure(found))?;
    let forms = moe_rewrite::forms(&elaborated.module, &options).map_err(|error| bug(session, &error))?;
    for form in &forms.forms {
        verify::module(&form.rewritten.module, "rewriting").map_err(|found| session.failure(found))?;
    }
    let usual = forms.usual().map(|form| form.rewritten.clone());
    let usual = usual.ok_or_else(|| bug(session, &"there is no form"))?;
    let (rewritten, report, sizes) = (usual.module, usual.report, options.sizes);
    let lock = Lock::beside(session.path()).map_err(Failure::plain)?;
    Ok(Compiled { elaborated, rewritten, report, forms, sizes, machine, lock })
}

/// What the rewriter could not do, which is a mistake of ours.
pub(crate) fn bug(session: &Session, error: &dyn std::fmt::Display) -> Failure {
    let message = format!("the model cannot be rewritten: {error}");
    session.failure(vec![Diagnostic::plain_error("E0702", message)])
}

/// Which tensors of a file the weights come from, by the `weights` block that `selection` names.
///
/// # Errors
/// If there is no such block, or several and none is named.
pub(crate) fn weight_sources(
    session: &Session,
    selection: &Selection,
    elaborated: &Elaborated,
) -> Result<BTreeMap<String, WeightSource>, Failure> {
    let mappings = &elaborated.mappings;
    let names = || mappings.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let wrong = |message: String, hint: String| {
        Err(session.failure(vec![Diagnostic::plain_error("E0014", message).hint(hint)]))
    };
    match selection.mapping.as_deref() {
        Some("none") => Ok(BTreeMap::new()),
        Some(name) => match mappings.get(name) {
            Some(mapping) => Ok(mapping.weights.clone()),
            None if mappings.is_empty() => {
                wrong(format!("there is no `weights` block `{name}`"), "the model has none".to_owned())
            }
            None => wrong(format!("there is no `weights` block `{name}`"), format!("there are {}", names())),
        },
        None if mappings.len() > 1 => wrong(
            "the model has several `weights` blocks".to_owned(),
            format!("choose with --mapping one of {}, or `none`", names()),
        ),
        None => Ok(mappings.values().next().map(|mapping| mapping.weights.clone()).unwrap_or_default()),
    }
}

impl Compiled {
    /// What was done and what it saves, for people; where there are several forms, of each.
    pub fn explanation(&self) -> String {
        self.forms.render(&self.ranges())
    }

    /// Which numbers of rows each form is for, in words; empty words where there is one.
    pub fn ranges(&self) -> Vec<String> {
        let beginnings: Vec<i64> = self.forms.forms.iter().map(|form| form.from).collect();
        ranges_in_words(&self.forms.rows.join(" * "), &beginnings)
    }

    /// The warnings of the checker and of the rewriter, and that what was measured is of another processor.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let warnings = self.elaborated.warnings.iter().cloned();
        warnings.chain(self.dense_work()).chain(self.lock.warning()).collect()
    }

    /// A warning for each piece of work that a bound would allow to skip and that is done all the same.
    pub fn dense_work(&self) -> Vec<Diagnostic> {
        let warning = |dense: &moe_rewrite::DenseWork| {
            let message = format!("{} is done for every entry, though a bound would allow less", dense.what);
            let diagnostic = match dense.span {
                Some(span) => Diagnostic::warning("dense-work", span, message).label("this"),
                None => Diagnostic {
                    severity: moe_diagnostics::Severity::Warning,
                    ..Diagnostic::plain_error("dense-work", message)
                },
            };
            diagnostic.note(dense.why.clone())
        };
        // The same place may be done in several forms, of which one word is enough.
        let mut found: Vec<Diagnostic> = Vec::new();
        for diagnostic in self.report.dense.iter().map(warning) {
            if !found
                .iter()
                .any(|known| known.primary == diagnostic.primary && known.notes == diagnostic.notes)
            {
                found.push(diagnostic);
            }
        }
        found
    }

    /// Kernels and launches for code that `backend` writes for `cpu`, as the program records it.
    ///
    /// # Errors
    /// If there is no such processor, or the model uses something that cannot be scheduled yet.
    pub fn plan_by(
        &self,
        session: &Session,
        selection: &Selection,
        backend: &Backend,
        cpu: &str,
        observe: &[String],
    ) -> Result<Plan, Failure> {
        let tuning = if cpu == NATIVE { self.lock.tuning() } else { Tuning::new() };
        self.plan_tuned(session, selection, (backend, cpu), observe, &tuning)
    }

    /// The same with products cut up as given.
    pub fn plan_tuned(
        &self,
        session: &Session,
        selection: &Selection,
        (backend, cpu): (&Backend, &str),
        observe: &[String],
        tuning: &Tuning,
    ) -> Result<Plan, Failure> {
        let target = backend.target(cpu).map_err(Failure::plain)?;
        let mut plan = self.planned(session, selection, &target, observe, tuning)?;
        plan.program.backend = format!("{} for {cpu}", backend.name());
        plan.program.peak = self.machine.peak().filter(|_| cpu == NATIVE);
        Ok(plan)
    }

    /// Kernels and launches for `target`.
    ///
    /// # Errors
    /// If the model uses something that cannot be scheduled yet.
    pub fn plan(
        &self,
        session: &Session,
        selection: &Selection,
        target: &Target,
        observe: &[String],
    ) -> Result<Plan, Failure> {
        self.planned(session, selection, target, observe, &Tuning::new())
    }

    fn planned<'a>(
        &'a self,
        session: &Session,
        selection: &Selection,
        target: &Target,
        observe: &[String],
        tuning: &Tuning,
    ) -> Result<Plan, Failure> {
        let weight_sources = weight_sources(session, selection, &self.elaborated)?;
        let texts = session.texts();
        let origin = |span: moe_grammar::Span| {
            moe_diagnostics::Texts::text(&texts, span.file).map_or_else(String::new, |(path, text)| {
                let line = moe_diagnostics::position(text, span.start as usize).line;
                format!("{path}:{line}")
            })
        };
        let form = |form: &'a Form| FormRequest { from: form.from, module: &form.rewritten.module };
        let forms: Vec<FormRequest> = self.forms.forms.iter().map(form).collect();
        let request = PlanRequest {
            forms: &forms,
            rows: &self.forms.rows,
            model: &self.elaborated.name,
            target,
            weight_sources: &weight_sources,
            tuning,
            observe,
            origin: &origin,
        };
        let mut plan = moe_schedule::plan(&request)
            .map_err(|error| session.failure(vec![Diagnostic::plain_error("E0703", format!("{error}"))]))?;
        plan.program.deterministic = selection.deterministic;
        crate::specialize::record(&self.elaborated.known, &mut plan.program);
        verify::plan(&plan).map_err(|found| session.failure(found))?;
        Ok(plan)
    }
}
