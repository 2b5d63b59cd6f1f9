//! Colours for the stages of the compiler on a terminal: names, types, numbers and comments apart. The text itself stays as it is.

use anstyle::{AnsiColor, Style};

/// How the text is written, as far as colours go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The compiler's own forms: `%1` are values, `//` begins a comment.
    Own,
    /// JSON.
    Json,
    /// MLIR, likewise with `//`.
    Mlir,
    /// LLVM and Cranelift: `;` begins a comment.
    Semicolons,
    /// Assembly: `#` begins a comment.
    Assembly,
}

const COMMENT: Style = AnsiColor::BrightBlack.on_default();
const TEXT: Style = AnsiColor::Green.on_default();
const NUMBER: Style = AnsiColor::Yellow.on_default();
const VALUE: Style = AnsiColor::Cyan.on_default();
const TYPE: Style = AnsiColor::Blue.on_default();
const WORD: Style = AnsiColor::Magenta.on_default();

/// Words that begin something, in any of the forms.
const WORDS: [&str; 28] = [
    "axis",
    "block",
    "call",
    "define",
    "entry",
    "float",
    "fn",
    "for",
    "func",
    "function",
    "if",
    "input",
    "inputs",
    "kernel",
    "loop",
    "memref",
    "model",
    "output",
    "outputs",
    "parameter",
    "result",
    "return",
    "ret",
    "state",
    "states",
    "weight",
    "weights",
    "while",
];

/// The text with colours; without them it is the same text.
pub fn highlight(text: &str, language: Language) -> String {
    let mut colored = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while !rest.is_empty() {
            let (length, style) = token(rest, language);
            let (token, after) = rest.split_at(length);
            match style {
                Some(style) => colored += &format!("{style}{token}{style:#}"),
                None => colored += token,
            }
            rest = after;
        }
    }
    colored
}

/// The length of the first token, at least one character, and its style.
fn token(text: &str, language: Language) -> (usize, Option<Style>) {
    let first = text.chars().next().unwrap_or_default();
    let line_end = text.find('\n').unwrap_or(text.len());
    if comment(language).is_some_and(|start| text.starts_with(start)) {
        return (line_end.max(1), Some(COMMENT));
    }
    let run = |from: usize, inside: &dyn Fn(char) -> bool| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c: char| !inside(c)).unwrap_or(rest.len())
    };
    let in_name = |c: char| c.is_alphanumeric() || "_.".contains(c);
    match first {
        '"' => {
            let end = text.get(1..line_end).and_then(|rest| rest.find('"')).map_or(line_end, |end| end + 2);
            (end.max(1), Some(TEXT))
        }
        '%' | '@' | '$' => (run(1, &in_name), Some(VALUE)),
        digit if digit.is_ascii_digit() => (run(1, &in_name), Some(NUMBER)),
        letter if letter.is_alphabetic() || letter == '_' => {
            let length = run(first.len_utf8(), &in_name);
            (length, word(text.get(..length).unwrap_or_default()))
        }
        other => (other.len_utf8(), None),
    }
}

fn comment(language: Language) -> Option<&'static str> {
    match language {
        Language::Own | Language::Mlir => Some("//"),
        Language::Semicolons => Some(";"),
        Language::Assembly => Some("#"),
        Language::Json => None,
    }
}

fn word(word: &str) -> Option<Style> {
    if WORDS.contains(&word) {
        return Some(WORD);
    }
    let width = word.trim_start_matches(['f', 'i', 'u', 'b']);
    let number = word.len() > width.len() && matches!(width, "8" | "16" | "32" | "64");
    (number || word == "bool" || word == "index" || word == "ptr").then_some(TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(colored: &str) -> String {
        let mut text = String::new();
        let mut parts = colored.split('\u{1b}');
        text += parts.next().unwrap_or_default();
        for part in parts {
            text += part.split_once('m').map_or("", |(_, rest)| rest);
        }
        text
    }

    #[test]
    fn the_text_stays_as_it_is() {
        let text = "function A {\n  %4 = multiply %0, %2: f32[N, D] @ 8:938..948  // 0.0 off %21 — ünd\n}\n\"open\n; # x";
        for language in
            [Language::Own, Language::Json, Language::Mlir, Language::Semicolons, Language::Assembly]
        {
            assert_eq!(plain(&highlight(text, language)), text);
        }
    }

    #[test]
    fn tokens_have_their_colors() {
        let colored = highlight("%4 f32 12 // end", Language::Own);
        for style in [VALUE, TYPE, NUMBER, COMMENT] {
            assert!(colored.contains(&style.to_string()), "{colored:?}");
        }
    }
}
