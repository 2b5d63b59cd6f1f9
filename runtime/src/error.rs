//! What can go wrong while a program is loaded or run.

use std::borrow::Cow;

/// The codes of errors; each is explained in a file of the compiler's diagnostics.
pub mod codes {
    /// The program is of another version, or damaged.
    pub const PROGRAM: &str = "E0801";
    /// A weights file cannot be read.
    pub const WEIGHTS_FILE: &str = "E0802";
    /// The tensors of a weights file are not those of the model.
    pub const WEIGHTS_MISFIT: &str = "E0803";
    /// The model has weights and none were given.
    pub const WEIGHTS_NEEDED: &str = "E0804";
    /// A file of tensors cannot be read.
    pub const TENSOR_FILE: &str = "E0805";
    /// An input is not given, given twice or unknown; or an output is unknown.
    pub const NAMES: &str = "E0806";
    /// An input has the wrong element type, rank or size.
    pub const INPUT: &str = "E0807";
    /// Sizes are beyond what 64 bits hold, or negative.
    pub const SIZES: &str = "E0808";
    /// There is not enough memory.
    pub const MEMORY: &str = "E0809";
    /// An output cannot be written.
    pub const OUTPUT: &str = "E0810";
    /// A value is infinite or not a number.
    pub const NOT_FINITE: &str = "E0811";
    /// The command line or an environment variable cannot be understood.
    pub const USAGE: &str = "E0812";
    /// A thread cannot be started.
    pub const THREADS: &str = "E0813";
    /// The state cannot be used.
    pub const STATE: &str = "E0814";
    /// A function of the C interface was called wrongly.
    pub const CALL: &str = "E0815";
    /// A tokenizer cannot be read.
    pub const TOKENIZER: &str = "E0816";
    /// A text cannot become an input, or an output a text.
    pub const TEXT: &str = "E0817";
    /// Weights have something where the program was built for those that have nothing.
    pub const WEIGHTS_LEFT_OUT: &str = "E0818";
    /// A kernel or the runtime did what it never should.
    pub const BUG: &str = "E0899";

    /// All of them.
    pub const ALL: [&str; 19] = [
        PROGRAM,
        WEIGHTS_FILE,
        WEIGHTS_MISFIT,
        WEIGHTS_NEEDED,
        TENSOR_FILE,
        NAMES,
        INPUT,
        SIZES,
        MEMORY,
        OUTPUT,
        NOT_FINITE,
        USAGE,
        THREADS,
        STATE,
        CALL,
        TOKENIZER,
        TEXT,
        WEIGHTS_LEFT_OUT,
        BUG,
    ];
}

/// One thing that went wrong, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Cow<'static, str>,
    message: String,
    notes: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// An error of one of the [`codes`].
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Error { code: Cow::Borrowed(code), message: message.into(), notes: Vec::new(), hint: None }
    }

    /// An error of a code that a program brings.
    pub fn of_program(code: &str, message: impl Into<String>) -> Self {
        Error { code: Cow::Owned(code.to_owned()), message: message.into(), notes: Vec::new(), hint: None }
    }

    /// A fact that explains it, or one of several mistakes.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// How it could be mended.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Its code, such as `E0803`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What is wrong, in one line without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Facts that explain it, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How it could be mended.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the command was called wrongly, which has an exit status of its own.
    pub fn is_usage(&self) -> bool {
        self.code == codes::USAGE
    }

    /// Whether this is our mistake and nobody else's.
    pub fn is_bug(&self) -> bool {
        self.code == codes::BUG
    }
}

#[cfg(test)]
mod tests {
    use super::codes;
    use std::path::Path;

    #[test]
    fn every_code_is_explained() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/diagnostics/codes");
        for code in codes::ALL {
            assert!(folder.join(format!("{code}.md")).is_file(), "{code}");
        }
    }
}
