//! `moe bench`: how long a model takes, and which kernel takes it.

use crate::backend::{self, Backend, Wanted};
use crate::cache::Cache;
use crate::compile::{compile, Compiled};
use crate::cpu::NATIVE;
use crate::drawn;
use crate::memory::kernels_in_memory;
use crate::run::diagnostic;
use crate::session::{Failure, Selection, Session};
use crate::starting::starting_weights;
use moe_diagnostics::Diagnostic;
use moe_graph::{Module, ParameterKind};
use moe_kernel::{Kernel, Plan, Tuning};
use moe_runtime::command::{profile_table, time, write_trace};
use moe_runtime::files::PendingFile;
use moe_runtime::program::Program;
use moe_runtime::{Context, Error, Model, Tensor, Watch, WeightFile};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What each free size is that is not given.
const ROWS: i64 = 128;

/// Which weights and inputs are drawn.
const SEED: u64 = 1;

/// How a model is to be timed.
#[derive(Clone, Debug, Default)]
pub struct BenchRequest {
    /// Who writes the machine code; `None` for LLVM where it is installed, else Cranelift.
    pub backend: Option<Wanted>,
    /// The weights; without them, those that the model begins with.
    pub weights: Option<PathBuf>,
    /// How many threads; `None`: as MOE_THREADS says, else as many as there are cores.
    pub threads: Option<usize>,
    /// How many runs are timed, after one that is not.
    pub repeat: usize,
    /// Where a trace of the run of median time goes.
    pub profile: Option<PathBuf>,
}

/// A model with what it is run on.
pub(crate) struct Bench<'s> {
    session: &'s Session,
    selection: Selection,
    compiled: Compiled,
    pub backend: Backend,
    fallback: Option<Diagnostic>,
    sizes: BTreeMap<String, i64>,
    pub inputs: Vec<Tensor>,
    weights: Weights,
    pub threads: Option<usize>,
    pub repeat: usize,
}

/// Where weights come from.
enum Weights {
    File(PathBuf),
    Drawn(Vec<(String, Tensor)>),
}

impl<'s> Bench<'s> {
    /// The chosen model with drawn inputs; free sizes are given as settings beside static parameters.
    pub fn new(session: &'s Session, selection: &Selection, request: &BenchRequest) -> Result<Self, Failure> {
        let mut selection = selection.clone();
        if request.weights.is_none() {
            selection.mapping = Some("none".to_owned());
        }
        let (backend, fallback) = backend::choose(request.backend).map_err(Failure::plain)?;
        let compiled = compile(session, &selection)?;
        let size = |name: &String| (name.clone(), compiled.sizes.get(name).copied().unwrap_or(ROWS));
        let sizes: BTreeMap<String, i64> = compiled.elaborated.module.free_sizes().iter().map(size).collect();
        let inputs = inputs(&compiled.elaborated.module, &sizes).ok_or_else(|| {
            let message = "no inputs can be drawn for these sizes";
            Failure::plain(
                Diagnostic::plain_error("E0012", message).hint("give other free sizes, as in --set N=64"),
            )
        })?;
        let weights = match &request.weights {
            Some(path) => Weights::File(path.clone()),
            None => Weights::Drawn(starting_weights(&compiled.elaborated, SEED)?),
        };
        let (threads, repeat) = (request.threads, request.repeat);
        Ok(Bench { session, selection, compiled, backend, fallback, sizes, inputs, weights, threads, repeat })
    }

    /// The plan, with products cut up as given.
    pub fn plan(&self, tuning: &Tuning) -> Result<Plan, Failure> {
        self.compiled.plan_tuned(self.session, &self.selection, (&self.backend, NATIVE), &[], tuning)
    }

    /// A plan with its code and weights.
    pub fn model(&self, program: Program, kernels: &[Kernel]) -> Result<Model, Failure> {
        let weights = match &self.weights {
            Weights::File(path) => WeightFile::open(path),
            Weights::Drawn(tensors) => WeightFile::from_tensors("drawn weights", tensors),
        };
        let code = kernels_in_memory(&self.backend, kernels, &Cache::of_user()).map_err(Failure::plain)?;
        let model =
            weights.and_then(|weights| Model::with_threads(program, code, Some(weights), self.threads));
        model.map_err(|error| Failure::plain(diagnostic(&error)))
    }

    pub fn warnings(&self) -> Vec<Diagnostic> {
        self.fallback.iter().cloned().chain(self.compiled.warnings()).collect()
    }
}

/// Times the chosen model on drawn inputs, with free sizes given as settings beside static parameters: the shortest, median and longest
/// time, and where it went, kernel by kernel. Also warnings.
///
/// # Errors
/// The mistakes of the sources; weights that do not fit; inputs that the model cannot take.
pub fn bench(
    session: &Session,
    selection: &Selection,
    request: &BenchRequest,
) -> Result<(String, Vec<Diagnostic>), Failure> {
    let bench = Bench::new(session, selection, request)?;
    let Plan { program, kernels, .. } = bench.plan(&bench.compiled.lock.tuning())?;
    let model = bench.model(program, &kernels)?;
    let measured = measure(&model, &bench.inputs, &bench.sizes, request);
    let text = measured.map_err(|error| Failure::plain(diagnostic(&error)))?;
    Ok((text, bench.warnings()))
}

fn inputs(module: &Module, sizes: &BTreeMap<String, i64>) -> Option<Vec<Tensor>> {
    let parameters = module.entry()?.parameters.iter().enumerate();
    let inputs = parameters.filter(|(_, parameter)| parameter.kind == ParameterKind::Input);
    inputs.map(|(place, _)| drawn::value(module, place, &|name| sizes.get(name).copied(), SEED)).collect()
}

fn measure(
    model: &Model,
    inputs: &[Tensor],
    sizes: &BTreeMap<String, i64>,
    request: &BenchRequest,
) -> Result<String, Error> {
    let trace = request.profile.as_deref().map(PendingFile::create).transpose()?;
    let mut context = Context::new(model, request.threads)?;
    let program = model.program();
    let about = [program.model.clone(), program.backend.clone(), format!("threads = {}", context.threads())];
    let sizes = sizes.iter().map(|(name, size)| format!("{name} = {size}"));
    let mut text = about.into_iter().chain(sizes).collect::<Vec<_>>().join(", ") + "\n";
    context.watch(Watch::Time);
    context.run(inputs)?;
    let timed = time(&mut context, inputs, request.repeat, None)?;
    text.push_str(&timed.text);
    text.push_str(&profile_table(program, &timed.launches));
    if program.peak.is_none() {
        text.push_str("after `moe info --measure` there is a column for how near each kernel comes to what this machine can do\n");
    }
    if let Some(trace) = trace {
        write_trace(&context, &timed.launches, trace)?;
    }
    Ok(text)
}
