//! The diagnostic as a value.

use moe_grammar::{Span, SyntaxError};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The program cannot be compiled or run.
    Error,
    /// It can, but is likely not what was meant, or costs more than it need.
    Warning,
}

/// A place and what to say beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The words.
    pub message: String,
}

/// One message to the user: a code, a sentence, places in the source, and how to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Such as `E0101`; the name of a lint such as `dense-work` for warnings.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// The place it is about; `None` for files and options.
    pub primary: Option<Label>,
    /// Other places that explain it, such as a declaration.
    pub secondary: Vec<Label>,
    /// Facts that explain it, one line each.
    pub notes: Vec<String>,
    /// How it could be mended.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error about a place in the source.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Some(Label { span, message: String::new() }),
            secondary: Vec::new(),
            notes: Vec::new(),
            hint: None,
        }
    }

    /// An error about something outside the source: a file, an option, a tensor.
    pub fn plain_error(code: &'static str, message: impl Into<String>) -> Self {
        let mut diagnostic = Diagnostic::error(code, Span::default(), message);
        diagnostic.primary = None;
        diagnostic
    }

    /// A warning about a place in the source.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// The words beside the primary place.
    #[must_use]
    pub fn label(mut self, message: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.message = message.into();
        }
        self
    }

    /// Another place that explains it.
    #[must_use]
    pub fn also(mut self, span: Span, message: impl Into<String>) -> Self {
        self.secondary.push(Label { span, message: message.into() });
        self
    }

    /// A fact that explains it.
    #[must_use]
    pub fn note(mut self, message: impl Into<String>) -> Self {
        self.notes.push(message.into());
        self
    }

    /// How it could be mended.
    #[must_use]
    pub fn hint(mut self, message: impl Into<String>) -> Self {
        self.hint = Some(message.into());
        self
    }
}

impl From<&SyntaxError> for Diagnostic {
    fn from(error: &SyntaxError) -> Self {
        let diagnostic =
            Diagnostic::error(error.code, error.span, error.message.clone()).label(error.label.clone());
        match &error.hint {
            Some(hint) => diagnostic.hint(hint.clone()),
            None => diagnostic,
        }
    }
}
