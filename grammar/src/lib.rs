//! The Moe language as text: grammar, syntax tree, parser and formatter.
//!
//! Parsing never fails: it returns a tree of what could be read and every mistake found.

mod arrange;
mod build;
mod format;
mod grammar;
mod layout;
mod message;
mod parser;
mod scan;
pub mod span;
pub mod tree;

pub use format::format;
pub use parser::parse;
pub use span::{FileId, Span};

/// What reading a text gives: the tree of all that could be read, the comments, and every mistake.
#[derive(Clone, Debug, Default)]
pub struct Parse {
    /// The tree; items that could not be read are left out of it.
    pub tree: tree::SourceFile,
    /// Every mistake, in the order of the text.
    pub errors: Vec<SyntaxError>,
    /// The names of definitions that are left out of the tree, so that uses of them are not reported as unknown.
    pub unread: Vec<tree::Name>,
}

/// One mistake in the spelling of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntaxError {
    /// Its code, such as `E0001`.
    pub code: &'static str,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to say beside the place itself.
    pub label: String,
    /// How it could be mended.
    pub hint: Option<String>,
}
