//! Running a model as a command line asks.

use super::finite::{check_finite, NegativeInfinity};
use super::info::info;
use super::inputs::{read_inputs, Given};
use super::options::{Action, ErrorFormat, RunOptions, HELP};
use super::outputs::Outputs;
use super::profile::{profile_table, write_trace};
use super::report::{report, status, BUG_STATUS};
use super::show::{show, show_output};
use super::text::{new_tokens, OpenText, Text};
use crate::context::Context;
use crate::error::{codes, Error};
use crate::files::PendingFile;
use crate::model::{Kernels, Model};
use crate::program::Program;
use crate::record::{Counts, TimedLaunch, Watch};
use crate::tensor::Tensor;
use crate::weights::{closest, WeightFile};
use std::io::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

/// A program with its machine code, and the weights it carries in itself.
pub struct LoadedProgram {
    /// The program.
    pub program: Program,
    /// Its machine code.
    pub kernels: Kernels,
    /// The weights inside it.
    pub weights: Option<WeightFile>,
    /// What reads tokenizers, where it takes texts.
    pub text: Option<OpenText>,
}

/// The tokenizer that a command line asks for.
///
/// # Errors
/// If it cannot be read, or there is nothing to read it with.
pub fn tokenizer(options: &RunOptions, open: Option<OpenText>) -> Result<Option<Box<dyn Text>>, Error> {
    let Some(path) = &options.tokenizer else { return Ok(None) };
    let open = open.ok_or_else(|| {
        Error::new(codes::TEXT, "the model takes no text")
            .hint("a text is a list of tokens: an input with one free axis, of i64, i32, u64 or u32")
    })?;
    open(path).map(Some)
}

/// Runs a model once (and as often again as asked), writes the outputs to their files, and what is to be printed to `out`.
///
/// # Errors
/// If anything is wrong with the program, the options or the files. Nothing is written then.
pub fn run_command(loaded: LoadedProgram, options: &RunOptions, out: &mut dyn Write) -> Result<(), Error> {
    let LoadedProgram { program, kernels, weights, text: open } = loaded;
    let tokenizer = tokenizer(options, open)?;
    let tokenizer = tokenizer.as_deref();
    let observed = observed(&program, &options.dump)?;
    let outputs = Outputs::create(&program, &options.outputs)?;
    let trace = options.profile.as_deref().map(PendingFile::create).transpose()?;
    let inputs = read_inputs(&program, Given { inputs: &options.inputs, texts: &options.texts, tokenizer })?;
    let weights = match &options.weights {
        Some(path) => Some(WeightFile::open(path)?),
        None => weights,
    };
    let model = Model::with_threads(program, kernels, weights, options.threads)?;
    let mut context = Context::new(&model, options.threads)?;
    context.watch(watch(options));
    let tensors = context.run(&inputs)?;
    if options.check_finite {
        check_values(&model, &context, &tensors)?;
    }
    let mut text = String::new();
    for (index, (output, tensor)) in model.program().outputs.iter().zip(&tensors).enumerate() {
        if !outputs.takes(index) {
            text.push_str(&show_output(&output.name, tensor, tokenizer)?);
        }
    }
    for name in observed {
        if let Some(tensor) = context.observe(&name)? {
            text.push_str(&show(&name, &tensor));
        }
    }
    if options.count {
        text.push_str(&work(&context));
    }
    let mut launches = context.launches().to_vec();
    if let Some(times) = options.repeat {
        let tokens = tokenizer.map(|tokenizer| new_tokens(&inputs, &tensors, tokenizer));
        let timed = time(&mut context, &inputs, times, tokens)?;
        text.push_str(&timed.text);
        launches = timed.launches;
    }
    if let Some(trace) = trace {
        text.push_str(&profile_table(model.program(), &launches));
        write_trace(&context, &launches, trace)?;
    }
    outputs.write(model.program(), &tensors, tokenizer)?;
    // A reader that has gone away is no error.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

/// What is noted of the runs that options ask for.
fn watch(options: &RunOptions) -> Watch {
    match (&options.profile, options.count) {
        (Some(_), _) => Watch::Time,
        (None, true) => Watch::Work,
        (None, false) => Watch::Nothing,
    }
}

/// A line for each kernel: its calls, and the operations and bytes counted while it ran; and their sum.
fn work(context: &Context) -> String {
    let kernels = &context.model().program().kernels;
    let rows =
        kernels.iter().map(|kernel| kernel.name.as_str()).zip(context.counts_of_kernels().iter().copied());
    let rows: Vec<_> =
        rows.filter(|(_, counts)| counts.calls > 0).chain([("all", context.counts())]).collect();
    let name_width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text =
        format!("{:name_width$}  {:>6}  {:>16}  {:>16}\n", "kernel", "calls", "operations", "bytes");
    for (name, counts) in rows {
        let Counts { calls, flops, bytes } = counts;
        text.push_str(&format!("{name:name_width$}  {calls:>6}  {flops:>16}  {bytes:>16}\n"));
    }
    text
}

/// The observed values whose names match a pattern.
fn observed(program: &Program, patterns: &[String]) -> Result<Vec<String>, Error> {
    let names = || program.observations.iter().map(|observation| observation.tensor.name.as_str());
    for pattern in patterns {
        if !names().any(|name| matches(pattern, name)) {
            let error = Error::new(codes::NAMES, format!("no observed value is named `{pattern}`"));
            return Err(match closest(pattern, names()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None if program.observations.is_empty() => {
                    error.hint("the program was compiled to show none")
                }
                None => error.hint("--info lists what can be observed"),
            });
        }
    }
    let chosen = names().filter(|name| patterns.iter().any(|pattern| matches(pattern, name)));
    Ok(chosen.map(str::to_owned).collect())
}

/// Whether a name matches a pattern in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| matches(after, rest.get(at..).unwrap_or("")))
        }),
    }
}

fn check_values(model: &Model, context: &Context, tensors: &[Tensor]) -> Result<(), Error> {
    // What is observed comes first, since it is computed first.
    for observation in &model.program().observations {
        if let Some(tensor) = context.observe(&observation.tensor.name)? {
            check_finite(&observation.tensor.name, &tensor, NegativeInfinity::Fine)?;
        }
    }
    model
        .program()
        .outputs
        .iter()
        .zip(tensors)
        .try_for_each(|(output, tensor)| check_finite(&output.name, tensor, NegativeInfinity::Wrong))
}

/// How long runs took.
pub struct Timed {
    /// The shortest, median and longest time, in words.
    pub text: String,
    /// The launches of the run of median time, if the context notes them.
    pub launches: Vec<TimedLaunch>,
}

/// Times steps that each begin with the state at its beginning; and how many of so many new tokens that is a second.
///
/// # Errors
/// As for [`Context::run`].
pub fn time(
    context: &mut Context,
    inputs: &[Tensor],
    times: usize,
    tokens: Option<usize>,
) -> Result<Timed, Error> {
    let mut runs = Vec::new();
    for _ in 0..times {
        context.reset();
        let begin = Instant::now();
        let outputs = context.run(inputs)?;
        runs.push((begin.elapsed(), context.launches().to_vec()));
        drop(outputs);
    }
    runs.sort_by_key(|(time, _)| *time);
    let middle = runs.len() / 2;
    let time = |index: usize| runs.get(index).map(|(time, _)| *time).unwrap_or_default();
    let median = time(middle);
    let (shortest, longest) = (in_words(time(0)), in_words(time(runs.len().saturating_sub(1))));
    let words = in_words(median);
    let mut text = format!("time: shortest {shortest}, median {words}, longest {longest} of {times}\n");
    if let Some(tokens) = tokens.filter(|tokens| *tokens > 0 && !median.is_zero()) {
        let speed = tokens as f64 / median.as_secs_f64();
        text.push_str(&format!("tokens: {tokens} new, {speed:.0} a second\n"));
    }
    let launches = runs.into_iter().nth(middle).map(|(_, launches)| launches).unwrap_or_default();
    Ok(Timed { text, launches })
}

fn in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1e-3 {
        format!("{:.1} us", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.3} ms", seconds * 1e3)
    } else {
        format!("{seconds:.3} s")
    }
}

/// A built program from its arguments (without its own name) to its exit status.
pub fn run_program(arguments: &[String], load: impl FnOnce() -> Result<LoadedProgram, Error>) -> i32 {
    std::panic::set_hook(Box::new(|panic| {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!(
            "error: this is a bug in moe, please report it\n  {panic}\n  moe {version} on {}\n",
            std::env::consts::ARCH
        );
        // Nobody can be told that standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }));
    let format = wanted_format(arguments);
    match catch_unwind(AssertUnwindSafe(|| act(arguments, load))) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            let _ = std::io::stderr().write_all(report(&error, format).as_bytes());
            status(&error)
        }
        Err(_) => BUG_STATUS,
    }
}

/// The form of messages that is asked for, also where the rest of the command line is wrong.
fn wanted_format(arguments: &[String]) -> ErrorFormat {
    let follows = arguments.iter().zip(arguments.iter().skip(1)).find(|(name, _)| *name == "--error-format");
    let joined = arguments.iter().find_map(|argument| argument.strip_prefix("--error-format="));
    match follows.map(|(_, value)| value.as_str()).or(joined) {
        Some("short") => ErrorFormat::Short,
        Some("json") => ErrorFormat::Json,
        _ => ErrorFormat::Human,
    }
}

fn act(arguments: &[String], load: impl FnOnce() -> Result<LoadedProgram, Error>) -> Result<(), Error> {
    let (action, options) = RunOptions::parse(arguments)?;
    let loaded = load()?;
    let out = &mut std::io::stdout();
    let text = match action {
        Action::Run => return run_command(loaded, &options, out),
        Action::Info => info(&loaded.program, &options.sizes)?,
        Action::Help => format!(
            "The model {}, compiled by moe {}.\n\n{HELP}",
            loaded.program.model,
            env!("CARGO_PKG_VERSION")
        ),
    };
    let _ = out.write_all(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("a.*.b", "a.x.y.b"));
        assert!(matches("*", ""));
        assert!(matches("layers.*", "layers.0"));
        assert!(!matches("layers.*", "layer.0"));
        assert!(!matches("a*b", "abc"));
        assert!(matches("*é*", "xéy"));
    }
}
