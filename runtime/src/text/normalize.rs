//! What is done to a text before it is cut into words.

use super::charsmap::Charsmap;
use super::pattern::Pattern;
use super::MARK;
use unicode_normalization::UnicodeNormalization;

/// One step.
#[derive(Debug)]
pub enum Step {
    /// A text before all, unless there is nothing; or before the first part alone, where tokens stand in between.
    Prepend { before: String, once: bool },
    /// Every match of a pattern by a text.
    Replace(Pattern, String),
    /// Canonical or compatibility forms of Unicode, composed or not.
    Form(Form),
    /// Small letters.
    Lowercase,
    /// White space away at the left, at the right.
    Strip(bool, bool),
    /// By a table of sentencepiece.
    Charsmap(Charsmap),
    /// No spaces at both ends, and one where there are several.
    Squeeze,
}

/// The normalization forms.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// NFC
    Composed,
    /// NFD
    Decomposed,
    /// NFKC
    CompatiblyComposed,
    /// NFKD
    CompatiblyDecomposed,
}

impl Step {
    /// The text after this step; `first` says that it begins the whole text.
    pub fn apply(&self, text: String, first: bool) -> String {
        match self {
            Step::Prepend { before, once } if !text.is_empty() && (first || !once) => {
                format!("{before}{text}")
            }
            Step::Prepend { .. } => text,
            Step::Replace(pattern, by) => replace(&text, pattern, by),
            Step::Form(Form::Composed) => text.nfc().collect(),
            Step::Form(Form::Decomposed) => text.nfd().collect(),
            Step::Form(Form::CompatiblyComposed) => text.nfkc().collect(),
            Step::Form(Form::CompatiblyDecomposed) => text.nfkd().collect(),
            Step::Lowercase => text.to_lowercase(),
            Step::Strip(left, right) => {
                let text = if *left { text.trim_start() } else { &text };
                (if *right { text.trim_end() } else { text }).to_owned()
            }
            Step::Charsmap(map) => map.apply(&text),
            Step::Squeeze => {
                let words = text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
                words.trim_end_matches(|last| last == ' ' || MARK.contains(last)).to_owned()
            }
        }
    }
}

fn replace(text: &str, pattern: &Pattern, by: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for (begin, end) in pattern.find_all(text) {
        result.push_str(text.get(at..begin).unwrap_or(""));
        result.push_str(by);
        at = end;
    }
    result.push_str(text.get(at..).unwrap_or(""));
    result
}
