//! A model of a program with its weights and inputs, and what the evaluator says of them.

use crate::road::{evaluated, plan_of, Known, Seen};
use moe_check::{load, SourceFile, Sources};
use moe_diagnostics::{Diagnostic, Severity};
use moe_generate::programs::{weight, Program};
use moe_grammar::FileId;
use moe_graph::{Module, ParameterKind};
use moe_kernel::{Plan, Target};
use moe_runtime::Tensor;
use std::collections::BTreeMap;

/// Steps, each with its inputs.
pub type Steps = Vec<Vec<Tensor>>;

/// A model, what it is given and what is expected.
pub struct Case {
    pub seed: u64,
    pub module: Module,
    pub weights: Seen,
    pub runs: Vec<Run>,
    pub exact: bool,
    /// Below which margin an entry is left out.
    pub margin: f64,
}

/// A run from the beginning.
pub struct Run {
    pub steps: Steps,
    pub expected: Vec<Known>,
    /// The same computed as `f64` throughout, where programs are not exact: how far rounding moves things.
    pub double: Option<Vec<Known>>,
}

/// Why a program is not run.
pub enum Refused {
    /// The checker does not accept it.
    Checker(String),
    /// The evaluator stops.
    Evaluator(String),
}

fn shown(text: &str, found: &[Diagnostic]) -> String {
    let place = |own: &Diagnostic| {
        let span = own.primary.as_ref()?.span;
        (span.file == FileId(0)).then(|| text.get(span.start as usize..span.end as usize))?
    };
    let lines = found.iter().map(|own| format!("{} {} at {:?}", own.code, own.message, place(own)));
    lines.collect::<Vec<_>>().join("; ")
}

/// The models of a program.
pub fn cases(program: &Program, seed: u64) -> Result<Vec<Case>, Refused> {
    let text = program.text.clone();
    let root = SourceFile { path: "program.moe".to_owned(), module: vec!["program".to_owned()], text };
    let files = [root].into_iter().chain(moe_driver::library()).collect();
    let checked = load(Sources { files });
    let errors = |found: Vec<Diagnostic>| -> Vec<Diagnostic> {
        found.into_iter().filter(|own| own.severity == Severity::Error).collect()
    };
    let wrong = errors(checked.check_file(FileId(0)));
    if !wrong.is_empty() {
        return Err(Refused::Checker(shown(&program.text, &wrong)));
    }
    let mut cases = Vec::new();
    for model in &program.models {
        let elaborated = checked
            .elaborate(FileId(0), &model.name, &BTreeMap::new())
            .map_err(|found| Refused::Checker(shown(&program.text, &found)))?;
        cases.push(case(program, model, elaborated.module, seed).map_err(Refused::Evaluator)?);
    }
    Ok(cases)
}

fn case(
    program: &Program,
    model: &moe_generate::programs::Model,
    module: Module,
    seed: u64,
) -> Result<Case, String> {
    moe_graph::verify(&module).map_err(|errors| format!("malformed: {errors:?}"))?;
    let entry = module.entry().ok_or("no entry")?;
    let mut weights = Seen::new();
    for parameter in entry.parameters.iter().filter(|own| own.kind == ParameterKind::Weight) {
        let sizes = parameter.ty.axes.iter().map(|axis| entry.size(*axis).as_constant());
        let shape = sizes.map(|size| size.and_then(|size| usize::try_from(size).ok())).collect::<Option<_>>();
        let shape = shape.ok_or("a weight whose size is not fixed")?;
        let tensor = weight(&parameter.name, parameter.ty.element, shape, seed, program.exact);
        weights.insert(parameter.name.clone(), tensor.ok_or("a weight that is too large")?);
    }
    let runs = model.runs.iter().enumerate().map(|(place, sizes)| {
        let step = |(step, sizes): (usize, &BTreeMap<String, usize>)| {
            let seed = seed.wrapping_add(((place * 16 + step) as u64) << 40);
            let inputs = model.inputs.iter().map(|input| input.draw(sizes, seed, program.exact));
            inputs.collect::<Option<Vec<Tensor>>>().ok_or("an input that cannot be drawn".to_owned())
        };
        let steps = sizes.iter().enumerate().map(step).collect::<Result<Steps, String>>()?;
        let single = moe_evaluate::Options::default();
        let expected = evaluated(&module, &weights, &steps, &single)?;
        let double = (!program.exact)
            .then(|| evaluated(&module, &weights, &steps, &moe_evaluate::Options { double: true }))
            .transpose()?;
        Ok(Run { steps, expected, double })
    });
    let runs = runs.collect::<Result<Vec<Run>, String>>()?;
    let short = program.features.contains("bf16") || program.features.contains("f16");
    let margin = if short { 0.05 } else { 1e-3 };
    Ok(Case { seed, weights, runs, exact: program.exact, margin, module })
}

impl Case {
    /// The graph as written, and rewritten.
    pub fn forms(&self) -> Result<Vec<(&'static str, Module)>, String> {
        let rewritten = moe_rewrite::rewrite(&self.module, &self.options())
            .map_err(|error| format!("rewriting: {error}"))?;
        moe_graph::verify(&rewritten.module)
            .map_err(|errors| format!("rewritten to what is malformed: {errors:?}"))?;
        Ok(vec![("as written", self.module.clone()), ("rewritten", rewritten.module)])
    }

    /// Rewrites the graph, and checks the proof that it computes the same.
    pub fn prove(&self) -> Result<(), String> {
        moe_rewrite::prove(&self.module, &self.options()).map(|_| ()).map_err(|error| error.to_string())
    }

    /// As much as there is to rewrite, or what costs least.
    fn options(&self) -> moe_rewrite::Options {
        moe_rewrite::Options { prefer_rewritten: self.seed % 4 != 3, ..moe_rewrite::Options::default() }
    }

    /// Kernels and launches, with all that can be observed.
    pub fn plan(&self, module: &Module, target: &Target) -> Result<Plan, String> {
        plan_of(module, target, &["*".to_owned()])
    }
}
