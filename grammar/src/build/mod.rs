//! Builds the syntax tree from what the grammar read.
//!
//! The grammar has accepted the text already, so a part that is missing here is a fault of ours; such a part makes the
//! whole item `None`, which the parser reports.

mod expressions;
mod items;
mod statements;
mod types;

pub(crate) use expressions::{operator, strength};
pub(crate) use statements::Line;

use crate::grammar::Rule;
use crate::span::{FileId, Span};
use crate::tree::Name;
use crate::SyntaxError;
use pest::iterators::Pair;

/// What the grammar read of one rule.
pub(crate) type Read<'t> = Pair<'t, Rule>;

/// Builds trees of a text that begins at a place of a file.
pub(crate) struct Builder {
    file: FileId,
    offset: usize,
    /// Mistakes that the grammar does not see.
    pub errors: Vec<SyntaxError>,
}

impl Builder {
    /// A builder for a text that begins at byte `offset` of `file`.
    pub fn new(file: FileId, offset: usize) -> Self {
        Builder { file, offset, errors: Vec::new() }
    }

    /// Where something is, without the spaces after it.
    fn span(&self, read: &Read<'_>) -> Span {
        let start = self.offset + read.as_span().start();
        Span::new(self.file, start, start + read.as_str().trim_end().len())
    }

    fn name(&self, read: &Read<'_>) -> Name {
        Name { text: read.as_str().to_owned(), span: self.span(read) }
    }

    /// All names directly inside.
    fn names(&self, read: Read<'_>) -> Vec<Name> {
        let inner = read.into_inner();
        inner.filter(|part| part.as_rule() == Rule::name).map(|part| self.name(&part)).collect()
    }

    fn error(&mut self, code: &'static str, span: Span, message: &str, label: &str, hint: Option<&str>) {
        self.errors.push(SyntaxError {
            code,
            message: message.to_owned(),
            span,
            label: label.to_owned(),
            hint: hint.map(str::to_owned),
        });
    }
}

/// The text of a doc comment: without its marker and one space after it.
pub(crate) fn doc_text(comment: &str) -> String {
    let text = comment.get(3..).unwrap_or_default();
    text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned()
}

/// What is inside, without the signs and words that only hold it together.
fn parts<'t>(read: Read<'t>) -> impl Iterator<Item = Read<'t>> {
    read.into_inner().filter(|part| !is_punctuation(part.as_rule()))
}

fn is_punctuation(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::open_paren
            | Rule::close_paren
            | Rule::open_bracket
            | Rule::close_bracket
            | Rule::open_brace
            | Rule::close_brace
            | Rule::comma
            | Rule::semicolon
            | Rule::colon
            | Rule::colons
            | Rule::equals
            | Rule::arrow
            | Rule::dot
            | Rule::separator
            | Rule::end_of_entry
            | Rule::EOI
            | Rule::kw_use
            | Rule::kw_test
            | Rule::kw_weights
            | Rule::kw_from
            | Rule::kw_let
            | Rule::kw_weight
            | Rule::kw_part
            | Rule::kw_axis
            | Rule::kw_state
            | Rule::kw_next
            | Rule::kw_observe
            | Rule::kw_repeat
            | Rule::kw_in
            | Rule::kw_assert
            | Rule::kw_fold
            | Rule::kw_with
            | Rule::kw_where
            | Rule::kw_if
            | Rule::kw_else
            | Rule::kw_as
            | Rule::kw_of
            | Rule::kw_over
    )
}
