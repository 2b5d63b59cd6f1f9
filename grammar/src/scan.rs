//! Cuts a text into tokens. It never fails: what is no token of the language is a token too, and the grammar says so.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a keyword.
    Word,
    /// What begins with a digit.
    Number,
    /// A string with its quotation marks.
    String,
    /// A string whose second quotation mark is missing on its line.
    OpenString,
    /// An operator or a separator.
    Sign,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `//` to the end of the line.
    Comment,
    /// `///` to the end of the line.
    Doc,
    /// `//!` to the end of the line.
    FileDoc,
    /// `/*` to `*/`, which the language does not have but people write.
    BlockComment,
    /// The end of a line.
    Newline,
    /// A character that the language does not use.
    Unknown,
}

/// A token and the bytes it stands at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its first byte.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl Token {
    /// Its bytes.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Its text.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.range()).unwrap_or_default()
    }

    /// Whether it is a comment of any kind.
    pub fn is_comment(&self) -> bool {
        matches!(
            self.kind,
            TokenKind::Comment | TokenKind::Doc | TokenKind::FileDoc | TokenKind::BlockComment
        )
    }

    /// Whether it is neither a comment nor the end of a line.
    pub fn is_code(&self) -> bool {
        !self.is_comment() && self.kind != TokenKind::Newline
    }
}

/// What some editors put before a text.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';
const SPACE: [char; 3] = [' ', '\t', '\r'];
const TWO: [&str; 10] = ["::", "..", "->", "==", "!=", "<=", ">=", "&&", "||", "=>"];
const ONE: &str = "+-*/%@=<>!.,:;";

/// All tokens of a text, in order. Spaces are left out.
pub(crate) fn scan(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 3);
    // A byte order mark says nothing in UTF-8.
    let mut place = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    while let Some(rest) = text.get(place..) {
        let Some(first) = rest.chars().next() else { break };
        if matches!(first, ' ' | '\t' | '\r') {
            place += 1;
            continue;
        }
        let (kind, length) = token(rest, first);
        tokens.push(Token { kind, start: place, end: place + length });
        place += length;
    }
    tokens
}

fn token(rest: &str, first: char) -> (TokenKind, usize) {
    match first {
        '\n' => (TokenKind::Newline, 1),
        '/' if rest.starts_with("//") => comment(rest),
        '/' if rest.starts_with("/*") => {
            (TokenKind::BlockComment, rest.find("*/").map_or(rest.len(), |end| end + 2))
        }
        '"' => string(rest),
        '(' | '[' | '{' => (TokenKind::Open, 1),
        ')' | ']' | '}' => (TokenKind::Close, 1),
        '0'..='9' => (TokenKind::Number, number(rest)),
        _ if continues_word(first) => (TokenKind::Word, length_while(rest, continues_word)),
        _ if TWO.iter().any(|sign| rest.starts_with(sign)) => (TokenKind::Sign, 2),
        _ if ONE.contains(first) => (TokenKind::Sign, 1),
        _ => (TokenKind::Unknown, first.len_utf8()),
    }
}

fn continues_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn length_while(rest: &str, holds: fn(char) -> bool) -> usize {
    rest.find(|character| !holds(character)).unwrap_or(rest.len())
}

fn comment(rest: &str) -> (TokenKind, usize) {
    let line = rest.find('\n').unwrap_or(rest.len());
    let length = rest.get(..line).map_or(line, |line| line.trim_end_matches(SPACE).len());
    let kind = if rest.starts_with("//!") {
        TokenKind::FileDoc
    } else if rest.starts_with("///") && !rest.starts_with("////") {
        TokenKind::Doc
    } else {
        TokenKind::Comment
    };
    (kind, length)
}

/// The length of a number with whatever letters are stuck to it, so that a message can show it whole.
fn number(rest: &str) -> usize {
    let mut length = length_while(rest, continues_word);
    let digit_after = |place: usize| rest.as_bytes().get(place).is_some_and(u8::is_ascii_digit);
    let at = |place: usize| rest.as_bytes().get(place).copied();
    if at(length) == Some(b'.') && digit_after(length + 1) {
        length += 1 + rest.get(length + 1..).map_or(0, |tail| length_while(tail, continues_word));
    }
    let exponent = length > 0 && matches!(at(length - 1), Some(b'e' | b'E'));
    if exponent && matches!(at(length), Some(b'+' | b'-')) && digit_after(length + 1) {
        length += 1 + rest.get(length + 1..).map_or(0, |tail| length_while(tail, continues_word));
    }
    length
}

fn string(rest: &str) -> (TokenKind, usize) {
    let mut escaped = false;
    for (place, character) in rest.char_indices().skip(1) {
        match character {
            '\n' => {
                return (
                    TokenKind::OpenString,
                    rest.get(..place).map_or(place, |line| line.trim_end_matches(SPACE).len()),
                )
            }
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return (TokenKind::String, place + 1),
            _ => {}
        }
    }
    (TokenKind::OpenString, rest.trim_end_matches(SPACE).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        scan(text).iter().map(|token| token.text(text)).collect()
    }

    #[test]
    fn numbers_end_before_a_range() {
        assert_eq!(
            texts("1..3 1.5e-3 2e10 12abc 1.x"),
            ["1", "..", "3", "1.5e-3", "2e10", "12abc", "1", ".", "x"]
        );
    }

    #[test]
    fn strings_end_at_their_line() {
        let tokens = scan("\"a\\\"b\" \"open\nx");
        assert_eq!(
            tokens.iter().map(|token| token.kind).collect::<Vec<_>>(),
            [TokenKind::String, TokenKind::OpenString, TokenKind::Newline, TokenKind::Word]
        );
    }

    #[test]
    fn comments_are_of_three_kinds() {
        let kinds: Vec<_> = scan("// a\n/// b\n//! c\n//// d").iter().map(|token| token.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == TokenKind::Comment).count(), 2);
        assert!(kinds.contains(&TokenKind::Doc) && kinds.contains(&TokenKind::FileDoc));
    }
}
