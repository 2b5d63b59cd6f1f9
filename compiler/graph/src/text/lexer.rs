//! The words of the text form.

use super::parse::TextError;

/// One word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// Letters, digits, `_` and dots.
    Word(String),
    /// What stood in quotation marks.
    Text(String),
    /// A sign.
    Sign(&'static str),
}

const SIGNS: [&str; 19] =
    ["->", "<=", "..", "{", "}", "[", "]", "(", ")", ",", ":", "=", "%", "#", "@", "+", "-", "*", ";"];

/// The words of a text, each with the number of its line from 1.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, TextError> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with("//") {
            let (token, after) = token(rest)
                .ok_or_else(|| TextError { line: number, message: format!("cannot read `{rest}`") })?;
            found.push((token, number));
            rest = after.trim_start();
        }
    }
    Ok(found)
}

fn token(rest: &str) -> Option<(Token, &str)> {
    if let Some(after) = rest.strip_prefix('"') {
        return text(after);
    }
    let length = word(rest);
    if length > 0 {
        let (word, after) = rest.split_at(length);
        return Some((Token::Word(word.to_owned()), after));
    }
    SIGNS.iter().find_map(|sign| Some((Token::Sign(sign), rest.strip_prefix(sign)?)))
}

/// How long the word is that a text begins with. Numbers may have an exponent; two dots end a word.
fn word(rest: &str) -> usize {
    let number = rest.starts_with(|c: char| c.is_ascii_digit());
    let mut before = ' ';
    for (place, c) in rest.char_indices() {
        let after = rest.get(place + 1..).unwrap_or("");
        let exponent = number && matches!(c, '-' | '+') && matches!(before, 'e' | 'E');
        let dot = c == '.' && !after.starts_with('.') && place > 0;
        if !(c.is_ascii_alphanumeric() || c == '_' || dot || exponent) {
            return place;
        }
        before = c;
    }
    rest.len()
}

fn text(rest: &str) -> Option<(Token, &str)> {
    let (mut found, mut escaped) = (String::new(), false);
    for (place, c) in rest.char_indices() {
        match c {
            _ if escaped => {
                found.push(if c == 'n' { '\n' } else { c });
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((Token::Text(found), rest.get(place + 1..)?)),
            c => found.push(c),
        }
    }
    None
}
