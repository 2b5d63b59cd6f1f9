//! From text to tree, with every mistake on the way.
//!
//! Each item is read by itself. One that is broken is taken apart: its blocks are emptied and what remains is read
//! without them, then each statement of each block by itself, and so on inward, so that one mistake hides no other.

use crate::arrange::ITEM_WORDS;
use crate::build::{doc_text, Builder, Line};
use crate::grammar::{Grammar, Rule};
use crate::layout::Layout;
use crate::message::explain;
use crate::scan::TokenKind;
use crate::span::{FileId, Span};
use crate::tree::{Edition, Item, Name, SourceFile};
use crate::{Parse, SyntaxError};
use pest::Parser;
use std::ops::Range;

/// The edition of the language that this parser reads.
const EDITION: u32 = 1;

/// Reads a text. It never fails: the tree holds every item that could be read, and all mistakes are listed.
///
/// Takes time linear in the length of the text where nothing is wrong with it.
pub fn parse(file: FileId, text: &str) -> Parse {
    let layout = Layout::new(file, text);
    let mut reader = Reader { file, layout: &layout, errors: Vec::new(), braces_are_broken: false };
    let mut tree = SourceFile::default();
    let docs = layout.file_docs.iter().filter_map(|range| text.get(range.clone()));
    tree.doc = docs.map(doc_text).collect();
    let mut unread = Vec::new();
    let mut junk = false;
    for (place, piece) in layout.pieces(0..layout.tokens.len(), "").into_iter().enumerate() {
        if reader.is_edition(&piece) {
            let edition = reader.edition(&piece, place == 0);
            tree.edition = tree.edition.or(edition);
        } else if junk && !reader.begins_item(&piece) {
            // What follows on text that belongs to no item is part of the same mistake.
        } else if let Some(item) = reader.item(piece.clone()) {
            tree.items.push(item);
            junk = false;
        } else {
            junk = !reader.begins_item(&piece);
            unread.extend(reader.item_name(&piece));
        }
    }
    let mut errors = reader.errors;
    errors.extend(layout.errors.iter().cloned());
    errors.sort_by_key(|error| (error.span.start, error.span.end));
    errors.dedup_by_key(|error| error.span.start);
    Parse { tree, errors, unread }
}

struct Reader<'a> {
    file: FileId,
    layout: &'a Layout,
    errors: Vec<SyntaxError>,
    /// Whether braces of the item are missing, so that nobody knows which line is the last of its block.
    braces_are_broken: bool,
}

impl Reader<'_> {
    fn is_edition(&self, piece: &Range<usize>) -> bool {
        self.layout.word(piece.start) == "moe" && self.layout.token(piece.start + 1).kind == TokenKind::Number
    }

    fn edition(&mut self, piece: &Range<usize>, first: bool) -> Option<Edition> {
        let range = self.bytes(piece);
        let span = Span::new(self.file, range.start, range.end);
        let number = self.layout.word(piece.start + 1).parse::<u32>().ok();
        let (message, label) = match number {
            _ if !first => {
                ("the edition is said twice or too late", "this must be the first line of the file")
            }
            Some(EDITION) if piece.len() == 2 => return Some(Edition { number: EDITION, span }),
            _ => ("there is no such edition of the language", "not known to this compiler"),
        };
        let hint = first.then(|| format!("write `moe {EDITION}`, or use a newer compiler"));
        let (message, label) = (message.to_owned(), label.to_owned());
        self.errors.push(SyntaxError { code: "E0005", message, span, label, hint });
        None
    }

    /// The first token of a piece that is no doc comment.
    fn first_word(&self, piece: &Range<usize>) -> usize {
        piece.clone().find(|at| self.layout.token(*at).is_code()).unwrap_or(piece.start)
    }

    fn begins_item(&self, piece: &Range<usize>) -> bool {
        let word = self.layout.word(self.first_word(piece));
        word == "pub" || ITEM_WORDS.contains(&word)
    }

    /// The name of the definition or test that a piece begins.
    fn item_name(&self, piece: &Range<usize>) -> Option<Name> {
        let mut words = piece.clone().filter(|at| self.layout.token(*at).is_code());
        let mut word = words.next()?;
        if self.layout.word(word) == "pub" {
            word = words.next()?;
        }
        let token = self.layout.token(words.next()?);
        let is_definition = ITEM_WORDS.contains(&self.layout.word(word)) && self.layout.word(word) != "use";
        let text = token.text(&self.layout.text).to_owned();
        let span = Span::new(self.file, token.start, token.end);
        (is_definition && token.kind == TokenKind::Word).then_some(Name { text, span })
    }

    /// The bytes from a piece's first token to its last.
    fn bytes(&self, piece: &Range<usize>) -> Range<usize> {
        let end = self.layout.token(piece.end.saturating_sub(1)).end;
        let start = self.layout.token(piece.start).start;
        start..end.max(start)
    }

    /// The mistakes in brackets and strings that lie in some bytes.
    fn faults(&self, bytes: &Range<usize>) -> impl Iterator<Item = &SyntaxError> {
        let errors = &self.layout.errors;
        let first = errors.partition_point(|error| (error.span.start as usize) < bytes.start);
        let end = bytes.end;
        errors
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(move |error| (error.span.start as usize) < end)
    }

    fn item(&mut self, piece: Range<usize>) -> Option<Item> {
        let bytes = self.bytes(&piece);
        let clean = self.layout.errors.is_empty() || self.faults(&bytes).next().is_none();
        if !clean {
            let braces =
                |error: &SyntaxError| matches!(self.layout.text.get(error.span.range()), Some("{" | "}"));
            let broken = self.faults(&bytes).any(braces);
            self.braces_are_broken = broken;
            if self.faults(&bytes).all(|error| error.code != "E0003") {
                self.recover(piece, Rule::one_item);
            }
            self.braces_are_broken = false;
            return None;
        }
        let mut builder = Builder::new(self.file, bytes.start);
        let Ok(mut read) = Grammar::parse(Rule::one_item, self.layout.text.get(bytes.clone())?) else {
            self.recover(piece, Rule::one_item);
            return None;
        };
        let item = builder.item(read.next()?);
        if item.is_none() {
            self.disagreement(bytes);
        }
        let fine = builder.errors.is_empty();
        self.errors.append(&mut builder.errors);
        item.filter(|_| fine)
    }

    /// The grammar accepted what the builder does not know.
    fn disagreement(&mut self, bytes: Range<usize>) {
        self.errors.push(SyntaxError {
            code: "E0001",
            message: "this cannot be read".to_owned(),
            span: Span::new(self.file, bytes.start, bytes.end),
            label: "the compiler has no tree for it, which is a fault of the compiler".to_owned(),
            hint: None,
        });
    }

    /// Finds every mistake in a piece that is broken somewhere.
    fn recover(&mut self, piece: Range<usize>, rule: Rule) {
        let bytes = self.bytes(&piece);
        let blocks = self.blocks(&piece);
        let interiors: Vec<Range<usize>> = blocks.iter().map(|block| self.interior(block)).collect();
        let inside = |place: usize| interiors.iter().any(|interior| interior.contains(&place));
        let shell_is_broken = self.faults(&bytes).any(|error| !inside(error.span.start as usize));
        if !shell_is_broken {
            self.read_shell(&bytes, &interiors, rule);
        }
        for block in blocks {
            self.recover_block(block, &piece, rule);
        }
    }

    /// Reads a piece whose blocks are emptied.
    fn read_shell(&mut self, bytes: &Range<usize>, interiors: &[Range<usize>], rule: Rule) {
        let mut shell = self.layout.text.get(bytes.clone()).unwrap_or_default().as_bytes().to_vec();
        for interior in interiors {
            let (from, to) =
                (interior.start.saturating_sub(bytes.start), interior.end.saturating_sub(bytes.start));
            shell.get_mut(from..to).unwrap_or_default().fill(b' ');
        }
        let shell = String::from_utf8(shell).unwrap_or_default();
        match Grammar::parse(rule, &shell) {
            Err(error) => {
                let error = explain(self.file, self.layout, bytes.start, rule, &error);
                self.errors.push(error);
            }
            Ok(mut read) if rule == Rule::one_item => {
                let mut builder = Builder::new(self.file, bytes.start);
                read.next().and_then(|read| builder.item(read));
                self.errors.append(&mut builder.errors);
            }
            Ok(mut read) if rule == Rule::one_statement => {
                let mut builder = Builder::new(self.file, bytes.start);
                let statement = read.next().and_then(|read| read.into_inner().next());
                if let Some(Line::Value(value)) = statement.and_then(|read| builder.line(read)) {
                    let last = self.layout.word(self.next_code(bytes.end)) == "}";
                    if !last && !self.braces_are_broken {
                        builder.unused_value(&value);
                    }
                }
                self.errors.append(&mut builder.errors);
            }
            Ok(_) => {}
        }
    }

    /// The first token at or after a byte that is neither a comment nor the end of a line.
    fn next_code(&self, byte: usize) -> usize {
        let tokens = &self.layout.tokens;
        let first = tokens.partition_point(|token| token.start < byte);
        (first..tokens.len())
            .find(|at| self.layout.token(*at).is_code() && self.layout.word(*at) != ";")
            .unwrap_or(tokens.len())
    }

    /// The braces of a piece that hold lines of their own; those within them are left to the next round.
    fn blocks(&self, piece: &Range<usize>) -> Vec<usize> {
        let mut blocks = Vec::new();
        if self.layout.word(self.first_word(piece)) == "use" {
            return blocks;
        }
        let mut index = piece.start;
        while index < piece.end {
            if self.layout.word(index) == "{" && self.layout.token(index).kind == TokenKind::Open {
                let end = self.layout.end_of_group(index).min(piece.end);
                let spreads =
                    (index + 1..end).any(|at| self.layout.ends_line(at) || self.layout.word(at) == ";");
                if spreads || !self.layout.is_closed(index) {
                    blocks.push(index);
                    index = end;
                    continue;
                }
            }
            index += 1;
        }
        blocks
    }

    fn interior(&self, block: &usize) -> Range<usize> {
        let start = self.layout.token(*block).end;
        let end = self.layout.end_of_group(*block);
        let end = if self.layout.is_closed(*block) {
            self.layout.token(end).start
        } else {
            self.layout.token(end.saturating_sub(1)).end
        };
        start..end.max(start)
    }

    fn recover_block(&mut self, block: usize, piece: &Range<usize>, rule: Rule) {
        let in_value = (piece.start..block).any(|at| self.layout.word(at) == ":");
        let before = self.layout.tokens.get(..block).unwrap_or_default();
        let last = before.iter().rev().find(|token| token.is_code());
        let after_colon = last.is_some_and(|token| token.text(&self.layout.text) == ":");
        let keyword = before.iter().rev().filter(|token| token.kind == TokenKind::Word);
        let keywords: Vec<&str> = keyword.take(4).map(|token| token.text(&self.layout.text)).collect();
        let inner = match (rule, keywords.as_slice()) {
            (Rule::one_item, [_, "from", _, "weights"]) => Rule::one_entry,
            (Rule::one_item, [_, "quantize" | "adapt" | "train", ..]) => Rule::one_setting,
            (Rule::one_setting, _) if after_colon || !in_value => Rule::one_setting,
            _ => Rule::one_statement,
        };
        let separators = if inner == Rule::one_statement { ";" } else { ";," };
        for piece in self.layout.pieces(block + 1..self.layout.end_of_group(block), separators) {
            self.recover(piece, inner);
        }
    }
}
