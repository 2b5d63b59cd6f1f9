//! One compilation: the sources read, and the model chosen.

use crate::machine::MachineChoice;
use crate::sources::{self, SourceTexts, ROOT};
use moe_check::{Elaborated, ModelInfo, Program, Setting};
use moe_diagnostics::Diagnostic;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why something could not be done: messages for the user, and the texts they speak of.
pub struct Failure {
    /// The messages; at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts they point into.
    pub texts: SourceTexts,
}

impl Failure {
    /// One message that points at no source.
    pub fn plain(diagnostic: Diagnostic) -> Self {
        Failure { diagnostics: vec![diagnostic], texts: SourceTexts::none() }
    }
}

/// Which model of a file, with which static parameters.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The model; `None` where the file has just one.
    pub model: Option<String>,
    /// Static parameters given, as `NAME=VALUE` says them.
    pub settings: Vec<(String, String)>,
    /// The `weights` block to use: its name, `none`, or `None` for the only one there is.
    pub mapping: Option<String>,
    /// The groups of rewriting rules asked for that are equal in real arithmetic only: some of [`crate::fast_math`].
    pub fast_math: Vec<String>,
    /// The machine that forms are compared for.
    pub machine: MachineChoice,
    /// Whether a row must have the same bits whatever rows there are beside it.
    pub deterministic: bool,
    /// A file of weights of which what is zero is left out.
    pub specialize: Option<PathBuf>,
}

/// The sources of one file and what it uses.
pub struct Session {
    path: PathBuf,
    program: Program,
    texts: fn(&Program) -> SourceTexts,
}

impl Session {
    /// Reads and parses `path` and what it uses.
    ///
    /// # Errors
    /// If a file cannot be read. Mistakes in the sources come with [`Session::check`].
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (sources, parses) = sources::read(path).map_err(Failure::plain)?;
        let texts = |program: &Program| SourceTexts::of(program.sources());
        Ok(Session { path: path.to_path_buf(), program: moe_check::load_parsed(sources, parses), texts })
    }

    /// The file named by the user.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The parsed sources.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The texts, for rendering diagnostics.
    pub fn texts(&self) -> SourceTexts {
        (self.texts)(&self.program)
    }

    /// Everything that is wrong with the file named by the user.
    pub fn check(&self) -> Vec<Diagnostic> {
        self.program.check_file(ROOT)
    }

    /// A failure that points into these sources.
    pub fn failure(&self, diagnostics: Vec<Diagnostic>) -> Failure {
        Failure { diagnostics, texts: self.texts() }
    }

    /// The model that `selection` names, or the only one there is.
    ///
    /// # Errors
    /// If there is no such model, or several and none is named.
    pub fn model(&self, selection: &Selection) -> Result<ModelInfo, Failure> {
        let models = self.program.models(ROOT);
        let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
        let file = self.path.display();
        let wrong = |message: String, hint: String| {
            Err(Failure::plain(Diagnostic::plain_error("E0011", message).hint(hint)))
        };
        match &selection.model {
            Some(name) => match models.into_iter().find(|model| model.name == *name) {
                Some(model) => Ok(model),
                None => wrong(format!("{file} has no model `{name}`"), listed("it has", &names)),
            },
            None if names.len() == 1 => models.into_iter().next().ok_or_else(|| self.failure(Vec::new())),
            None if names.is_empty() => {
                wrong(format!("{file} has no model"), "a program is compiled from a `model`".to_owned())
            }
            None => wrong(format!("{file} has several models"), listed("choose with --model one of", &names)),
        }
    }

    /// The chosen model as a graph.
    ///
    /// # Errors
    /// All mistakes of the sources that concern it.
    pub fn elaborate(&self, selection: &Selection) -> Result<Elaborated, Failure> {
        let mistakes = self.program.diagnostics();
        if mistakes.iter().any(|mistake| mistake.severity == moe_diagnostics::Severity::Error) {
            return Err(self.failure(mistakes));
        }
        let model = self.model(selection)?;
        let settings = settings(&selection.settings).map_err(Failure::plain)?;
        let failure = |diagnostics| self.failure(diagnostics);
        let elaborated = self.program.elaborate(ROOT, &model.name, &settings).map_err(failure)?;
        let Some(path) = &selection.specialize else { return Ok(elaborated) };
        let known = crate::specialize::known(self, selection, &elaborated, path)?;
        self.program.elaborate_for(ROOT, &model.name, &settings, &known).map_err(failure)
    }
}

fn listed(what: &str, names: &[String]) -> String {
    if names.is_empty() {
        return "it has no model at all".to_owned();
    }
    format!("{what} {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}

/// Static parameters as typed on the command line: whole numbers, numbers, `true` and `false`.
fn settings(given: &[(String, String)]) -> Result<BTreeMap<String, Setting>, Diagnostic> {
    given.iter().map(|(name, value)| Ok((name.clone(), setting(name, value)?))).collect()
}

fn setting(name: &str, value: &str) -> Result<Setting, Diagnostic> {
    if let Ok(truth) = value.parse::<bool>() {
        return Ok(Setting::Boolean(truth));
    }
    if let Ok(integer) = value.parse::<i64>() {
        return Ok(Setting::Integer(integer));
    }
    value.parse::<f64>().map(Setting::Number).map_err(|_| {
        Diagnostic::plain_error("E0012", format!("`{value}` is no value for the static parameter {name}"))
            .hint("give a whole number, a number, `true` or `false`, as in --set K=2")
    })
}
