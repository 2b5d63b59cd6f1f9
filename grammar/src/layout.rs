//! A text made ready for the grammar, and its tokens in pieces. `arrange.rs` makes it.

use crate::arrange::{closing, Arranger};
use crate::scan::{Token, TokenKind};
use crate::span::FileId;
use crate::SyntaxError;
use std::collections::BTreeSet;
use std::ops::Range;

/// A text made ready for the grammar.
pub(crate) struct Layout {
    /// The text with comments blanked and only those line breaks that end something.
    pub text: String,
    /// All tokens of the original.
    pub tokens: Vec<Token>,
    /// For each token that opens a bracket, the index of the token that closes it, or where it was given up.
    pub ends: Vec<usize>,
    /// The `//!` comments at the top.
    pub file_docs: Vec<Range<usize>>,
    /// Brackets and strings that are not closed, and nesting without end, in the order of the text.
    pub errors: Vec<SyntaxError>,
}

impl Layout {
    /// Lays out a text.
    pub fn new(file: FileId, text: &str) -> Layout {
        let mut arranger = Arranger::new(file, text, BTreeSet::new());
        arranger.arrange();
        if !arranger.forgotten.is_empty() {
            // Once more, with the brackets whose end was forgotten ending with their line, so that they do not hide
            // what is on the lines after it.
            arranger = Arranger::new(file, text, std::mem::take(&mut arranger.forgotten));
            arranger.arrange();
        }
        let text = String::from_utf8(arranger.laid_out).unwrap_or_default();
        let Arranger { tokens, ends, file_docs, mut errors, .. } = arranger;
        errors.sort_by_key(|error| (error.span.start, error.span.end));
        Layout { text, tokens, ends, file_docs, errors }
    }

    /// The token at an index, or an empty one at the end of the text.
    pub fn token(&self, index: usize) -> Token {
        let end = self.text.len();
        self.tokens.get(index).copied().unwrap_or(Token { kind: TokenKind::Newline, start: end, end })
    }

    /// The text of the token at an index; nothing for a comment that was blanked.
    pub fn word(&self, index: usize) -> &str {
        self.token(index).text(&self.text)
    }

    /// Whether the token at an index is a line break that ends something.
    pub fn ends_line(&self, index: usize) -> bool {
        self.token(index).kind == TokenKind::Newline && self.word(index) == "\n"
    }

    /// Whether the token at an index is a doc comment that belongs to what follows.
    pub fn is_doc(&self, index: usize) -> bool {
        self.token(index).kind == TokenKind::Doc && self.word(index).starts_with("///")
    }

    /// Where the bracket that opens at an index ends; the index itself for other tokens.
    pub fn end_of_group(&self, index: usize) -> usize {
        match self.token(index).kind {
            TokenKind::Open => self.ends.get(index).copied().unwrap_or(index).max(index),
            _ => index,
        }
    }

    /// Whether the bracket that opens at an index has its counterpart.
    pub fn is_closed(&self, index: usize) -> bool {
        let end = self.end_of_group(index);
        closing(self.word(index)) == self.word(end) && self.token(end).kind == TokenKind::Close
    }

    /// Cuts the tokens `within` at line breaks and separators outside all brackets. A piece begins with its doc
    /// comments; there are no empty pieces.
    pub fn pieces(&self, within: Range<usize>, separators: &str) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut piece: Option<Range<usize>> = None;
        let mut only_docs = true;
        let mut index = within.start;
        while index < within.end {
            let token = self.token(index);
            let separates = token.kind == TokenKind::Sign && separators.contains(self.word(index));
            if self.ends_line(index) || separates {
                if !only_docs {
                    pieces.extend(piece.take());
                    only_docs = true;
                }
            } else if token.is_code() || self.is_doc(index) {
                only_docs &= token.is_comment();
                let last = if self.is_closed(index) { self.end_of_group(index) } else { index };
                let last = last.min(within.end.saturating_sub(1));
                piece = Some(piece.map_or(index, |piece| piece.start)..last + 1);
                let unclosed = token.kind == TokenKind::Open && !self.is_closed(index);
                index = if unclosed { self.end_of_group(index).saturating_sub(1).max(index) } else { last };
                if unclosed {
                    piece = piece.map(|piece| piece.start..(index + 1).min(within.end));
                }
            }
            index += 1;
        }
        pieces.extend(piece);
        pieces
    }
}
