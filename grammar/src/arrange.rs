//! Prepares a text for the grammar: matches brackets, decides which line breaks end something, and blanks comments.
//!
//! A line break goes on over the line, and is nothing but a space,
//! - inside `( )` and `[ ]`,
//! - after a binary operator, `=`, `,`, `:`, `->`, `.`, `as`, `of`, `over` and `else`,
//! - before a binary operator other than `-`, before `=`, `,`, `:`, `->`, `.`, `as`, `of` and `else`,
//! - before a `{` outside all brackets,
//!
//! unless a new statement or item or a `}` follows.
//!
//! So a line that begins with `-`, `(` or `[` begins a statement. The laid out text has the length of the original, so
//! that places in it are places in the file.

mod brackets;

use crate::scan::{scan, Token, TokenKind, BYTE_ORDER_MARK};
use crate::span::{FileId, Span};
use crate::SyntaxError;
use std::collections::BTreeSet;
use std::ops::Range;

/// Words after which two words in a row still belong to one expression.
const JOINING_WORDS: [&str; 9] = ["of", "as", "over", "where", "with", "in", "else", "frozen", "prox"];
const STATEMENT_WORDS: [&str; 9] =
    ["let", "weight", "part", "axis", "state", "next", "observe", "repeat", "assert"];
/// The words that begin an item.
pub(crate) const ITEM_WORDS: [&str; 12] = [
    "use", "model", "gate", "expert", "layer", "adapter", "fn", "test", "weights", "quantize", "adapt",
    "train",
];

/// An open bracket.
pub(crate) struct Frame {
    /// The index of its token.
    pub token: usize,
    /// How many line breaks came before it.
    pub line: usize,
    /// How deep the statement or element in it is nested so far.
    pub depth: usize,
}

/// Goes through the tokens of a text once.
pub(crate) struct Arranger<'a> {
    file: FileId,
    text: &'a str,
    pub tokens: Vec<Token>,
    pub laid_out: Vec<u8>,
    pub ends: Vec<usize>,
    open: Vec<Frame>,
    /// The nesting of the statement at the top level, and of everything open together.
    base: usize,
    depth: usize,
    reported_depth: bool,
    /// Brackets that an earlier round found unclosed although more followed on their line, and those of this round.
    end_with_line: BTreeSet<usize>,
    pub forgotten: BTreeSet<usize>,
    /// How many line breaks there were.
    line: usize,
    /// The first token that is no comment, and how many of them there were.
    first: Option<usize>,
    seen: usize,
    pub file_docs: Vec<Range<usize>>,
    pub errors: Vec<SyntaxError>,
}

impl<'a> Arranger<'a> {
    pub fn new(file: FileId, text: &'a str, end_with_line: BTreeSet<usize>) -> Self {
        let tokens = scan(text);
        Arranger {
            file,
            text,
            laid_out: blanked(text),
            ends: vec![tokens.len(); tokens.len()],
            tokens,
            open: Vec::new(),
            base: 0,
            depth: 0,
            reported_depth: false,
            end_with_line,
            forgotten: BTreeSet::new(),
            line: 0,
            first: None,
            seen: 0,
            file_docs: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub fn arrange(&mut self) {
        let mut previous: Option<usize> = None;
        for index in 0..=self.tokens.len() {
            if self.tokens.get(index).is_some_and(|token| !token.is_code()) {
                continue;
            }
            let trivia = previous.map_or(0, |previous| previous + 1)..index;
            let starts_line =
                previous.is_none() || trivia.clone().any(|at| self.kind(at) == Some(TokenKind::Newline));
            self.line += trivia.clone().filter(|at| self.kind(*at) == Some(TokenKind::Newline)).count();
            if index == self.tokens.len() {
                self.give_up(0, trivia.start, "the end of the file");
            } else if starts_line {
                self.close_what_is_forgotten(index, trivia.start);
            }
            self.refuse_block_comments(trivia.clone());
            self.settle_trivia(trivia.clone(), previous, index);
            if index < self.tokens.len() {
                self.enter(index, trivia.start);
            }
            previous = Some(index);
        }
    }

    fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    fn word(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text(self.text))
    }

    fn next_code(&self, index: usize) -> usize {
        (index + 1..self.tokens.len())
            .find(|at| self.tokens.get(*at).is_some_and(Token::is_code))
            .unwrap_or(self.tokens.len())
    }

    fn span(&self, index: usize) -> Span {
        let range = self.tokens.get(index).map_or(self.text.len()..self.text.len(), Token::range);
        Span::new(self.file, range.start, range.end)
    }

    /// The bracket that was opened last.
    fn innermost(&self) -> &str {
        self.open.last().map_or("", |frame| self.word(frame.token))
    }

    /// Decides what the line breaks and comments between two tokens are.
    fn settle_trivia(&mut self, trivia: Range<usize>, previous: Option<usize>, next: usize) {
        self.note_file_docs(trivia.clone());
        let breaks = trivia.clone().any(|at| self.kind(at) == Some(TokenKind::Newline)) || previous.is_none();
        let joined = !breaks || self.goes_on(previous, next);
        let mut at_line_start = previous.is_none();
        let documents = !joined && next < self.tokens.len() && self.kind(next) != Some(TokenKind::Close);
        for at in trivia {
            let kind = self.kind(at);
            let keeps = match kind {
                Some(TokenKind::Newline) => !joined,
                Some(TokenKind::Doc) => documents && at_line_start,
                _ => false,
            };
            at_line_start |= kind == Some(TokenKind::Newline);
            if !keeps {
                self.blank(at);
            }
        }
        if !joined {
            self.end_of_statement();
        }
    }

    fn refuse_block_comments(&mut self, trivia: Range<usize>) {
        for at in trivia.filter(|at| self.kind(*at) == Some(TokenKind::BlockComment)).collect::<Vec<_>>() {
            self.errors.push(SyntaxError {
                code: "E0001",
                message: "comments do not begin with `/*`".to_owned(),
                span: self.span(at),
                label: "not a comment of this language".to_owned(),
                hint: Some("a comment begins with `//` and ends with its line".to_owned()),
            });
        }
    }

    fn note_file_docs(&mut self, trivia: Range<usize>) {
        let edition = self.seen == 2 && self.first.is_some_and(|first| self.word(first) == "moe");
        let at_the_top = self.seen == 0 || edition;
        if at_the_top {
            let tokens = self.tokens.get(trivia).unwrap_or_default();
            let docs = tokens.iter().filter(|token| token.kind == TokenKind::FileDoc).map(Token::range);
            self.file_docs.extend(docs);
        }
    }

    fn blank(&mut self, index: usize) {
        let Some(range) = self.tokens.get(index).map(Token::range) else { return };
        for byte in self.laid_out.get_mut(range).unwrap_or_default() {
            *byte = b' ';
        }
    }

    /// Whether what stands before a line break goes on after it.
    fn goes_on(&self, previous: Option<usize>, next: usize) -> bool {
        let Some(previous) = previous else { return false };
        let top = self.open.is_empty();
        if self.innermost() == "(" || self.innermost() == "[" {
            return next < self.tokens.len();
        }
        if next >= self.tokens.len() || self.word(next) == "}" {
            return false;
        }
        if self.starts_statement(next) || (top && self.starts_item(next)) {
            return false;
        }
        (top && self.word(next) == "{") || self.asks_for_more(previous, next) || self.adds_to(next)
    }

    fn asks_for_more(&self, index: usize, next: usize) -> bool {
        let word = self.word(index);
        match self.kind(index) {
            Some(TokenKind::Sign) => !matches!(word, ";" | ".." | "=>"),
            Some(TokenKind::Word) if word == "else" => matches!(self.word(next), "{" | "if"),
            Some(TokenKind::Word) => matches!(word, "as" | "of" | "over"),
            _ => false,
        }
    }

    fn adds_to(&self, index: usize) -> bool {
        let word = self.word(index);
        match self.kind(index) {
            // `*: keep` is an entry of a block of settings.
            Some(TokenKind::Sign) if word == "*" => !matches!(self.word(self.next_code(index)), ":" | "."),
            Some(TokenKind::Sign) => !matches!(word, ";" | ".." | "=>" | "-" | "!" | "::"),
            Some(TokenKind::Word) => matches!(word, "as" | "of" | "else"),
            _ => false,
        }
    }

    /// Takes in one token: brackets, depth, strings.
    fn enter(&mut self, index: usize, before: usize) {
        self.first.get_or_insert(index);
        self.seen += 1;
        match self.kind(index) {
            Some(TokenKind::Open) => {
                self.deepen(index);
                self.open.push(Frame { token: index, line: self.line, depth: 0 });
            }
            Some(TokenKind::Close) => self.close(index, before),
            Some(TokenKind::Sign) => match self.word(index) {
                "," | ";" => self.end_of_statement(),
                ":" | "::" | "=" | "->" => {}
                _ => self.deepen(index),
            },
            Some(TokenKind::Word) if matches!(self.word(index), "as" | "else") => self.deepen(index),
            Some(TokenKind::OpenString) => self.open_string(index),
            Some(TokenKind::String) => self.check_escapes(index),
            _ => {}
        }
    }

    fn open_string(&mut self, index: usize) {
        self.errors.push(SyntaxError {
            code: "E0002",
            message: "this string is not closed".to_owned(),
            span: self.span(index),
            label: "`\"` is missing before the end of the line".to_owned(),
            hint: None,
        });
    }

    fn check_escapes(&mut self, index: usize) {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        let mut characters = self.word(index).char_indices();
        let mut wrong = Vec::new();
        while let Some((place, character)) = characters.next() {
            if character != '\\' {
                continue;
            }
            if let Some((_, escaped)) = characters.next() {
                if !matches!(escaped, 'n' | 't' | '"' | '\\') {
                    wrong.push((start + place, escaped));
                }
            }
        }
        self.errors.extend(wrong.into_iter().map(|(place, escaped)| SyntaxError {
            code: "E0001",
            message: format!("`\\{escaped}` means nothing in a string"),
            span: Span::new(self.file, place, place + 1 + escaped.len_utf8()),
            label: "there is no such escape".to_owned(),
            hint: Some("the escapes are `\\n`, `\\t`, `\\\"` and `\\\\`".to_owned()),
        }));
    }
}

/// The bytes of a text without carriage returns and a byte order mark.
fn blanked(text: &str) -> Vec<u8> {
    let mark = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    let bytes = text.bytes().enumerate();
    bytes.map(|(place, byte)| if place < mark || byte == b'\r' { b' ' } else { byte }).collect()
}

/// The bracket that closes another.
pub(crate) fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// The bracket that another closes.
pub(crate) fn opening(close: &str) -> &'static str {
    match close {
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}
