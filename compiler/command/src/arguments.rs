//! The command line, as data.

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Write dense mathematics, get sparse code: the compiler for `.moe` files.
#[derive(Parser, Debug)]
#[command(name = "moe", version, about, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    /// The form of messages
    #[arg(long, global = true, value_enum, default_value_t = ErrorFormat::Human, env = "MOE_ERROR_FORMAT")]
    pub error_format: ErrorFormat,
    /// Whether messages, and what `emit` prints, are coloured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, env = "MOE_COLOR")]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ErrorFormat {
    /// With source lines and carets
    Human,
    /// One line each
    Short,
    /// One JSON object a line
    Json,
}

/// Whether messages are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Yes
    Always,
    /// No
    Never,
}

/// What `moe` does.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a project that runs
    New(NewArguments),
    /// Check files and report every mistake; writes nothing
    Check(CheckArguments),
    /// Compile a model to a program, or with --lib to a shared library and a C header
    Build(BuildArguments),
    /// Compile a model in memory and run it
    Run(RunArguments),
    /// Time a model on drawn weights and inputs, kernel by kernel
    Bench(BenchArguments),
    /// Print a stage of the compiler
    Emit(EmitArguments),
    /// Explain an error code, or what the rewriter made of a model
    Explain(ExplainArguments),
    /// Put files into the one style
    Fmt(FormatArguments),
    /// Run the tests of files
    Test(TestArguments),
    /// Write the weights that a model begins with
    Weights(WeightsArguments),
    /// List the tensors of a weights file, a .npy file, a built program or a source
    Inspect(InspectArguments),
    /// Describe this installation, or the memory and operations that a model needs
    Info(InfoArguments),
    /// Print what a shell needs to complete command lines, or the manual page
    Completions(CompletionsArguments),
}

/// Which model, with which static parameters.
#[derive(Args, Debug, Clone, Default)]
pub struct SelectionArguments {
    /// The model, where the file has several
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// A static parameter of the model, or a free size to compile for: then there is one form, for that size
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub settings: Vec<(String, String)>,
    /// The `weights` block that says where a file keeps the weights: its name, or `none` [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub mapping: Option<String>,
    /// Rewrite by rules that are equal in real arithmetic only: scores chosen from before they are normalized (`selection`), softmax
    /// normalized once (`softmax`), logarithms of quotients and exponentials (`logarithm`)
    #[arg(long, value_name = "GROUP", value_parser = PossibleValuesParser::new(moe_driver::fast_math()))]
    pub fast_math: Vec<String>,
    /// Give a row the same bits in any batch: one form for all sizes, whose sums have one order
    #[arg(long)]
    pub deterministic: bool,
    /// Leave out what is zero in these weights, such as pruned ranks, heads and experts; other weights are then refused that have something there
    #[arg(long, value_name = "W.safetensors")]
    pub specialize: Option<PathBuf>,
    /// The description of the machine that forms are compared for; nothing stands for the one that is built in [default: what `moe info
    /// --measure` stored, else built in]
    #[arg(long, value_name = "FILE", env = "MOE_MACHINE", value_parser = clap::builder::OsStringValueParser::new())]
    pub machine: Option<std::ffi::OsString>,
}

/// `moe new`
#[derive(Args, Debug)]
pub struct NewArguments {
    /// The folder to make; its name is that of the project
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,
}

/// `moe check`
#[derive(Args, Debug)]
pub struct CheckArguments {
    /// Files, or folders whose `.moe` files are meant
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Warnings of this name are errors
    #[arg(long, value_name = "LINT")]
    pub deny: Vec<String>,
}

/// `moe build`
#[derive(Args, Debug)]
pub struct BuildArguments {
    /// The source
    pub file: PathBuf,
    /// The program, or the library
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Which model
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Write a shared library and a C header beside it
    #[arg(long)]
    pub lib: bool,
    /// Weights to check the model against, and with --embed to put inside
    #[arg(long, value_name = "W.safetensors")]
    pub weights: Option<PathBuf>,
    /// Put the weights into the program
    #[arg(long, requires = "weights")]
    pub embed: bool,
    /// Who writes the machine code [default: llvm where it is installed, else cranelift]
    #[arg(long, value_enum)]
    pub backend: Option<CodeBackend>,
    /// The kind of machine to compile for
    #[arg(long, default_value = "cpu", value_parser = ["cpu"])]
    pub target: String,
    /// The processor: `native`, `x86-64`, `x86-64-v3`, …
    #[arg(long, default_value = "native", value_name = "NAME")]
    pub cpu: String,
    /// Warnings of this name are errors
    #[arg(long, value_name = "LINT")]
    pub deny: Vec<String>,
}

/// `moe run`
#[derive(Args, Debug)]
pub struct RunArguments {
    /// The source
    pub file: PathBuf,
    /// Which model
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Who runs it
    #[arg(long, value_enum, default_value_t = RunBackend::Cranelift)]
    pub backend: RunBackend,
    /// The weights
    #[arg(long, value_name = "W.safetensors")]
    pub weights: Option<PathBuf>,
    /// An input from a `.npy`, `.safetensors` or `.txt` file, or a number; the name may be left out where there is one
    #[arg(long = "input", value_name = "[NAME=]FILE")]
    pub inputs: Vec<String>,
    /// An input from a text
    #[arg(long = "text", value_name = "[NAME=]TEXT")]
    pub texts: Vec<String>,
    /// What makes tokens of texts: `tokenizer.json`, `vocab.json` with its merges, a `.model` of sentencepiece, `tokenizer.bin`, or a
    /// folder; outputs that are lists of integers are then printed as texts
    #[arg(long, value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// Where an output goes; outputs not named are printed short
    #[arg(long = "output", value_name = "[NAME=]FILE")]
    pub outputs: Vec<String>,
    /// How many threads [default: as many as there are cores]
    #[arg(long, env = "MOE_THREADS")]
    pub threads: Option<usize>,
    /// Run so many times and print the timings
    #[arg(long)]
    pub repeat: Option<usize>,
    /// Stop where a value is not finite
    #[arg(long)]
    pub check_finite: bool,
    /// Print operations and bytes counted while running
    #[arg(long)]
    pub count: bool,
    /// Print the time of each kernel (with --repeat, in the run of median time), and write a trace that browsers open
    /// (chrome://tracing, ui.perfetto.dev)
    #[arg(long, value_name = "F.json")]
    pub profile: Option<PathBuf>,
    /// Print observed values whose dotted names match
    #[arg(long, value_name = "PATTERN")]
    pub dump: Vec<String>,
}

/// `moe bench`
#[derive(Args, Debug)]
pub struct BenchArguments {
    /// The source
    pub file: PathBuf,
    /// Which model; free sizes may be given with --set too, and are 128 otherwise
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Who writes the machine code [default: llvm where it is installed, else cranelift]
    #[arg(long, value_enum)]
    pub backend: Option<CodeBackend>,
    /// The weights [default: drawn, as the model begins]
    #[arg(long, value_name = "W.safetensors")]
    pub weights: Option<PathBuf>,
    /// How many threads [default: as many as there are cores]
    #[arg(long, env = "MOE_THREADS")]
    pub threads: Option<usize>,
    /// How many runs are timed
    #[arg(long, default_value_t = 25, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub repeat: usize,
    /// Write the run of median time as a trace that browsers open (chrome://tracing, ui.perfetto.dev)
    #[arg(long, value_name = "F.json")]
    pub profile: Option<PathBuf>,
    /// Measure how products are cut up best on this machine, and write that beside the source: builds for it read FILE.lock
    #[arg(long, conflicts_with = "profile")]
    pub tune: bool,
}

/// `moe emit`
#[derive(Args, Debug)]
pub struct EmitArguments {
    /// The source
    pub file: PathBuf,
    /// The stage
    #[arg(long, value_enum)]
    pub stage: Stage,
    /// The form: text, or for graphs a picture
    #[arg(long, value_enum, default_value_t = EmitFormat::Text)]
    pub format: EmitFormat,
    /// Which model
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// The processor that code is for
    #[arg(long, default_value = "native", value_name = "NAME")]
    pub cpu: String,
}

/// `moe explain`
#[derive(Args, Debug)]
pub struct ExplainArguments {
    /// An error code such as E0301, or a source file
    #[arg(required_unless_present = "rules")]
    pub subject: Option<String>,
    /// Print the proof that what is computed equals what was written
    #[arg(long, group = "what")]
    pub proof: bool,
    /// Write the proof to a file
    #[arg(long, value_name = "FILE", group = "what")]
    pub save_proof: Option<PathBuf>,
    /// Check a saved proof: each of its steps, and that it is about this source
    #[arg(long, value_name = "FILE", group = "what")]
    pub check_proof: Option<PathBuf>,
    /// Say where a rule could have been applied, and which of its conditions does not hold
    #[arg(long, value_name = "RULE", group = "what")]
    pub why_not: Option<String>,
    /// Compute the model as written and as rewritten on random inputs, and say how far the results are apart
    #[arg(long, group = "what")]
    pub check: bool,
    /// List the rules
    #[arg(long, group = "what", conflicts_with = "subject")]
    pub rules: bool,
    /// What each free size is that is not set, for `--check`
    #[arg(long, value_name = "N", default_value_t = 16, requires = "check")]
    pub rows: usize,
    /// Which random inputs and weights, for `--check`
    #[arg(long, value_name = "S", default_value_t = 0, requires = "check")]
    pub seed: u64,
    /// Which model
    #[command(flatten)]
    pub selection: SelectionArguments,
}

/// `moe fmt`
#[derive(Args, Debug)]
pub struct FormatArguments {
    /// Files or folders; `-` reads the text from standard input and writes it to standard output
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Change nothing; list the files that are not in the style and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// `moe test`
#[derive(Args, Debug)]
pub struct TestArguments {
    /// Files or folders
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Only tests whose names contain this
    #[arg(long, default_value = "")]
    pub filter: String,
    /// List the tests and run none
    #[arg(long)]
    pub list: bool,
}

/// `moe weights`
#[derive(Args, Debug)]
pub struct WeightsArguments {
    /// The source
    pub file: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "W.safetensors")]
    pub output: PathBuf,
    /// Which model
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Other seeds draw other weights; the same seed always draws the same
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `moe inspect`
#[derive(Args, Debug)]
pub struct InspectArguments {
    /// A .safetensors or .npy file, a program or library that was built, or a .moe file
    pub file: PathBuf,
    /// Which model of a source
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Look at no more than about so many entries of each tensor, evenly spread; 0 looks at none
    #[arg(long, value_name = "ENTRIES", default_value_t = 1 << 20)]
    pub limit: usize,
    /// Print one JSON object, sizes in bytes
    #[arg(long)]
    pub json: bool,
}

/// `moe completions`
#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// The shell, or `man` for the manual page
    #[arg(value_enum)]
    pub shell: Shell,
}

/// What `moe completions` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// For ~/.local/share/bash-completion/completions/moe
    Bash,
    /// For a file _moe in a folder of $fpath
    Zsh,
    /// For ~/.config/fish/completions/moe.fish
    Fish,
    /// The manual page
    Man,
}

/// `moe info`
#[derive(Args, Debug)]
pub struct InfoArguments {
    /// A source file; without one, this installation
    pub file: Option<PathBuf>,
    /// Which model; free sizes may be given with --set too
    #[command(flatten)]
    pub selection: SelectionArguments,
    /// Print one JSON object, sizes in bytes
    #[arg(long, requires = "file")]
    pub json: bool,
    /// Measure the speeds of this machine and store them, in the file that --machine names or the user's folder for caches
    #[arg(long, conflicts_with = "file")]
    pub measure: bool,
}

/// Who writes machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CodeBackend {
    /// LLVM, through MLIR: the fast one
    Llvm,
    /// Cranelift: the quick one
    Cranelift,
}

/// Who runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RunBackend {
    /// Cranelift, in memory
    Cranelift,
    /// LLVM, through MLIR
    Llvm,
    /// The reference evaluator: slow, and right by definition
    Reference,
}

/// What `moe emit` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The syntax tree
    Syntax,
    /// Names, types and supports
    Typed,
    /// The tensor graph
    Graph,
    /// The graph after rewriting
    Rewritten,
    /// The kernels
    Kernels,
    /// The launches and the memory they use
    Program,
    /// Cranelift's form
    Clif,
    /// MLIR
    Mlir,
    /// LLVM
    Llvm,
    /// Assembly
    Asm,
}

/// The form in which `moe emit` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmitFormat {
    /// Text
    Text,
    /// A picture of a graph
    Svg,
}

/// `NAME=VALUE`
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
