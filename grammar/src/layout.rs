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

use crate::scan::{scan, Token, TokenKind};
use crate::span::{FileId, Span};
use crate::SyntaxError;
use std::collections::BTreeSet;
use std::ops::Range;

/// How deep brackets, operators and postfixes may stand inside one another: everything that walks the tree recurs.
const DEEPEST: usize = 200;

/// Words after which two words in a row still belong to one expression.
const JOINING_WORDS: [&str; 9] = ["of", "as", "over", "where", "with", "in", "else", "frozen", "prox"];
const STATEMENT_WORDS: [&str; 9] =
    ["let", "weight", "part", "axis", "state", "next", "observe", "repeat", "assert"];
/// The words that begin an item.
pub(crate) const ITEM_WORDS: [&str; 12] = [
    "use", "model", "gate", "expert", "layer", "adapter", "fn", "test", "weights", "quantize", "adapt", "train",
];

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

struct Frame {
    token: usize,
    line: usize,
    depth: usize,
}

struct Arranger<'a> {
    file: FileId,
    text: &'a str,
    tokens: Vec<Token>,
    laid_out: Vec<u8>,
    ends: Vec<usize>,
    open: Vec<Frame>,
    /// The nesting of the statement at the top level, and of everything open together.
    base: usize,
    depth: usize,
    reported_depth: bool,
    /// Brackets that an earlier round found unclosed although more followed on their line, and those of this round.
    end_with_line: BTreeSet<usize>,
    forgotten: BTreeSet<usize>,
    /// How many line breaks there were.
    line: usize,
    /// The first token that is no comment, and how many of them there were.
    first: Option<usize>,
    seen: usize,
    file_docs: Vec<Range<usize>>,
    errors: Vec<SyntaxError>,
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

impl<'a> Arranger<'a> {
    fn new(file: FileId, text: &'a str, end_with_line: BTreeSet<usize>) -> Self {
        let tokens = scan(text);
        Arranger {
            file,
            text,
            laid_out: text.bytes().map(|byte| if byte == b'\r' { b' ' } else { byte }).collect(),
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

    fn arrange(&mut self) {
        let mut previous: Option<usize> = None;
        for index in 0..=self.tokens.len() {
            if self.tokens.get(index).is_some_and(|token| !token.is_code()) {
                continue;
            }
            let trivia = previous.map_or(0, |previous| previous + 1)..index;
            let starts_line = previous.is_none() || trivia.clone().any(|at| self.kind(at) == Some(TokenKind::Newline));
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
        (index + 1..self.tokens.len()).find(|at| self.tokens.get(*at).is_some_and(Token::is_code)).unwrap_or(self.tokens.len())
    }

    fn span(&self, index: usize) -> Span {
        let range = self.tokens.get(index).map_or(self.text.len()..self.text.len(), Token::range);
        Span::new(self.file, range.start, range.end)
    }

    /// The bracket that was opened last.
    fn innermost(&self) -> &str {
        self.open.last().map_or("", |frame| self.word(frame.token))
    }

    /// An item or statement that begins at a line's start although a bracket is open shows that its end was forgotten.
    fn close_what_is_forgotten(&mut self, index: usize, end: usize) {
        if self.open.is_empty() {
            return;
        }
        let forgotten = |frame: &Frame| self.end_with_line.contains(&frame.token);
        if let Some(frame) = self.open.iter().rposition(forgotten) {
            if self.open.iter().skip(frame).all(|frame| self.word(frame.token) != "{") {
                self.give_up(frame, end, "the end of the line");
            }
        }
        let found = format!("`{}`", self.word(index));
        let first_column = index.checked_sub(1).is_some() && self.column_is_first(index);
        if first_column && self.starts_item(index) {
            self.give_up(0, end, &found);
        } else if self.innermost() != "{" && self.starts_statement(index) {
            let brace = self.open.iter().rposition(|frame| self.word(frame.token) == "{");
            if let Some(brace) = brace {
                self.give_up(brace + 1, end, &found);
            }
        }
    }

    fn column_is_first(&self, index: usize) -> bool {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        start == 0 || self.text.as_bytes().get(start - 1) == Some(&b'\n')
    }

    fn starts_item(&self, index: usize) -> bool {
        let index = if self.word(index) == "pub" { self.next_code(index) } else { index };
        let (name, after) = (index + 1, index + 2);
        let shape = matches!(self.word(after), "(" | "[" | "{" | "::" | "from") || self.word(index) == "use";
        ITEM_WORDS.contains(&self.word(index)) && self.kind(name) == Some(TokenKind::Word) && shape
    }

    fn starts_statement(&self, index: usize) -> bool {
        let next = index + 1;
        STATEMENT_WORDS.contains(&self.word(index))
            && self.kind(next) == Some(TokenKind::Word)
            && !JOINING_WORDS.contains(&self.word(next))
    }

    /// Takes the brackets from `keep` on as unclosed; they end before the token `end`.
    fn give_up(&mut self, keep: usize, end: usize, found: &str) {
        while self.open.len() > keep {
            let Some(frame) = self.open.pop() else { return };
            self.depth = self.depth.saturating_sub(frame.depth);
            self.set_end(frame.token, end);
            let more_follows = self.tokens.get(frame.token + 1).is_some_and(|token| !token.is_comment() && token.kind != TokenKind::Newline);
            if more_follows && self.word(frame.token) != "{" && frame.line != self.line {
                self.forgotten.insert(frame.token);
            }
            let error = self.unclosed(frame.token, end, found);
            self.errors.push(error);
        }
    }

    fn unclosed(&self, token: usize, end: usize, found: &str) -> SyntaxError {
        let bracket = self.word(token);
        let close = closing(bracket);
        let few = self.errors.len() < 20;
        let suspicious = if few && bracket == "{" { self.suspicious_brace(token, end) } else { None };
        SyntaxError {
            code: "E0002",
            message: format!("this `{bracket}` is not closed"),
            span: self.span(token),
            label: format!("`{close}` is missing before {found}"),
            hint: suspicious.map(|brace| {
                let line = self.line_of(brace);
                format!("by its indentation, the `{{` of line {line} is the one whose `}}` is missing")
            }),
        }
    }

    /// An inner brace whose counterpart stands further left than its line does.
    fn suspicious_brace(&self, token: usize, end: usize) -> Option<usize> {
        (token + 1..end.min(self.tokens.len())).find(|at| {
            let close = self.ends.get(*at).copied().unwrap_or(*at);
            self.word(*at) == "{" && self.word(close) == "}" && self.indent(*at) > self.indent(close)
        })
    }

    fn line_of(&self, index: usize) -> usize {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        self.text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
    }

    fn indent(&self, index: usize) -> usize {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line..).unwrap_or_default();
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    fn set_end(&mut self, token: usize, end: usize) {
        if let Some(place) = self.ends.get_mut(token) {
            *place = end;
        }
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
        (top && self.word(next) == "{") || self.asks_for_more(previous) || self.adds_to(next)
    }

    fn asks_for_more(&self, index: usize) -> bool {
        let word = self.word(index);
        match self.kind(index) {
            Some(TokenKind::Sign) => !matches!(word, ";" | ".." | "=>"),
            Some(TokenKind::Word) => matches!(word, "as" | "of" | "over" | "else"),
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

    fn end_of_statement(&mut self) {
        let frame = self.open.last_mut().map_or(&mut self.base, |frame| &mut frame.depth);
        self.depth = self.depth.saturating_sub(*frame);
        *frame = 0;
        if self.open.is_empty() {
            self.reported_depth = false;
        }
    }

    fn deepen(&mut self, index: usize) {
        *self.open.last_mut().map_or(&mut self.base, |frame| &mut frame.depth) += 1;
        self.depth += 1;
        if self.depth > DEEPEST && !self.reported_depth {
            self.reported_depth = true;
            let span = self.span(index);
            self.errors.push(SyntaxError {
                code: "E0003",
                message: "this is nested too deeply".to_owned(),
                span,
                label: format!("more than {DEEPEST} brackets and operators inside one another"),
                hint: Some("give parts of it names with `let`".to_owned()),
            });
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

    fn close(&mut self, index: usize, before: usize) {
        let close = self.word(index).to_owned();
        let matching = |frame: &Frame| closing(self.word(frame.token)) == close;
        let found = match self.open.iter().rposition(matching) {
            // `)` does not reach over a `{` that began on an earlier line.
            Some(place) if close != "}" => {
                let brace = self.open.iter().skip(place).find(|frame| self.word(frame.token) == "{");
                let near = brace.is_none_or(|frame| frame.line == self.line);
                near.then_some(place)
            }
            found => found,
        };
        let Some(place) = found else {
            if close != "}" && matches!(self.innermost(), "(" | "[") {
                self.wrong_close(index, &close);
                return;
            }
            self.errors.push(SyntaxError {
                code: "E0002",
                message: format!("this `{close}` closes nothing"),
                span: self.span(index),
                label: format!("no `{}` is open here", opening(&close)),
                hint: None,
            });
            return;
        };
        self.give_up(place + 1, before, &format!("`{close}`"));
        if let Some(frame) = self.open.pop() {
            self.depth = self.depth.saturating_sub(frame.depth);
            self.set_end(frame.token, index);
        }
    }

    /// `(a]`
    fn wrong_close(&mut self, index: usize, close: &str) {
        let Some(frame) = self.open.pop() else { return };
        let open = self.word(frame.token).to_owned();
        self.depth = self.depth.saturating_sub(frame.depth);
        self.set_end(frame.token, index + 1);
        self.errors.push(SyntaxError {
            code: "E0002",
            message: format!("`{close}` cannot close `{open}`"),
            span: self.span(index),
            label: format!("`{}` is missing here", closing(&open)),
            hint: None,
        });
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

/// The bracket that closes another.
pub(crate) fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

fn opening(close: &str) -> &'static str {
    match close {
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}
