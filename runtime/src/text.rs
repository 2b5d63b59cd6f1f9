//! From texts to tokens and back, as the file of a tokenizer says: byte-pair encoding over bytes or characters, and the unigram
//! model, from `tokenizer.json`, `vocab.json` with `merges.txt`, sentencepiece's `.model`, or the `tokenizer.bin` of llama2.c.

mod alphabet;
mod charsmap;
mod cut;
mod json;
mod merge;
mod normalize;
mod open;
mod pattern;
mod scored;
mod sentencepiece;
mod unigram;
mod vocabulary;

use crate::error::{codes, Error};
use cut::Cut;
use merge::{merge, Pairs, Symbol};
use normalize::Step;
use std::collections::HashMap;
use unigram::Scores;
use vocabulary::Vocabulary;

/// What stands for a space in a piece of sentencepiece.
const MARK: &str = "\u{2581}";

/// A tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    apart: Apart,
    steps: Vec<Step>,
    cuts: Vec<Cut>,
    /// Whether words fall apart into bytes at first, and not into characters.
    by_bytes: bool,
    /// Whether a word that is a token by itself is not cut at all.
    whole_words: bool,
    algorithm: Algorithm,
    begin: Vec<u32>,
    end: Vec<u32>,
    /// Whether pieces have [`MARK`] for a space.
    marked: bool,
    /// How many spaces at the beginning of a text are not of the text.
    leading: usize,
}

/// How a word is cut into tokens.
#[derive(Debug)]
enum Algorithm {
    Merge(Pairs),
    Unigram(Scores),
}

/// Tokens that are found in a text before all else.
#[derive(Debug, Default)]
struct Apart {
    tokens: Vec<ApartToken>,
    /// The places in `tokens` of those that begin with a byte, the longest first.
    by_first: HashMap<u8, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct ApartToken {
    text: String,
    token: u32,
    /// Whether it takes the white space before it, and after it.
    takes: (bool, bool),
    /// Whether it may not touch a letter or digit.
    word: bool,
}

impl Apart {
    fn new(tokens: Vec<ApartToken>) -> Self {
        let mut by_first: HashMap<u8, Vec<usize>> = HashMap::new();
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(tokens.get(*place).map_or(0, |token| token.text.len())));
        for place in order {
            if let Some(first) = tokens.get(place).and_then(|token| token.text.as_bytes().first()) {
                by_first.entry(*first).or_default().push(place);
            }
        }
        Apart { tokens, by_first }
    }

    /// The longest token at a place.
    fn at(&self, text: &str, at: usize) -> Option<&ApartToken> {
        let rest = text.get(at..)?;
        let places = self.by_first.get(rest.as_bytes().first()?)?;
        places.iter().filter_map(|place| self.tokens.get(*place)).find(|token| {
            let touches = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
            let after = rest.strip_prefix(token.text.as_str());
            after.is_some_and(|after| {
                !token.word
                    || !(touches(text.get(..at).and_then(|before| before.chars().next_back()))
                        || touches(after.chars().next()))
            })
        })
    }

    /// The text between tokens, and the token after it.
    fn parts<'t>(&self, text: &'t str) -> Vec<(&'t str, Option<u32>)> {
        let mut parts = Vec::new();
        let (mut begin, mut at) = (0, 0);
        while at < text.len() {
            let Some(token) = self.at(text, at) else {
                at += 1;
                continue;
            };
            let before = text.get(begin..at).unwrap_or("");
            parts.push((if token.takes.0 { before.trim_end() } else { before }, Some(token.token)));
            at += token.text.len();
            if token.takes.1 {
                let rest = text.get(at..).unwrap_or("");
                at += rest.len() - rest.trim_start().len();
            }
            begin = at;
        }
        parts.push((text.get(begin..).unwrap_or(""), None));
        parts
    }
}

impl Tokenizer {
    /// How many tokens there are.
    pub fn size(&self) -> usize {
        self.vocabulary.size()
    }

    /// The tokens of a text, with those that begin and end every text.
    ///
    /// # Errors
    /// If the vocabulary has no token for a part of it, not even one for what is unknown.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let mut tokens = self.begin.clone();
        let mut first = true;
        for (part, token) in self.apart.parts(text) {
            self.encode_part(part, first, &mut tokens)?;
            tokens.extend(token);
            first = false;
        }
        tokens.extend(&self.end);
        Ok(tokens)
    }

    fn encode_part(&self, part: &str, first: bool, tokens: &mut Vec<u32>) -> Result<(), Error> {
        let text = self.steps.iter().fold(part.to_owned(), |text, step| step.apply(text, first));
        if text.is_empty() {
            return Ok(());
        }
        let words = self.cuts.iter().fold(vec![text], |words, cut| cut.apply(words, first));
        for word in words {
            self.encode_word(&word, tokens)?;
        }
        Ok(())
    }

    fn encode_word(&self, word: &str, tokens: &mut Vec<u32>) -> Result<(), Error> {
        let find = |bytes: &[u8]| self.vocabulary.find(bytes);
        if let Some(token) = find(word.as_bytes()).filter(|_| self.whole_words) {
            tokens.push(token);
            return Ok(());
        }
        let symbols = match &self.algorithm {
            Algorithm::Unigram(scores) => scores.cut(word, &find),
            Algorithm::Merge(pairs) => merge(word.as_bytes(), &self.symbols(word), pairs, &find),
        };
        let mut unknown = false;
        for symbol in symbols {
            let bytes = word.as_bytes().get(symbol.begin..symbol.end).unwrap_or_default();
            unknown = self.vocabulary.push(symbol.token, bytes, unknown, tokens).ok_or_else(|| {
                let shown = String::from_utf8_lossy(bytes);
                Error::new(codes::TEXT, format!("the tokenizer has no token for `{shown}`"))
            })?;
        }
        Ok(())
    }

    /// What a word falls apart into before anything is merged.
    fn symbols(&self, word: &str) -> Vec<Symbol> {
        let symbol = |begin: usize, end: usize| {
            let token = word.as_bytes().get(begin..end).and_then(|bytes| self.vocabulary.find(bytes));
            Symbol { begin, end, token }
        };
        if self.by_bytes {
            (0..word.len()).map(|at| symbol(at, at + 1)).collect()
        } else {
            word.char_indices().map(|(at, character)| symbol(at, at + character.len_utf8())).collect()
        }
    }

    /// The text of tokens. Tokens that stand for no text, such as those that begin and end one, are left out; bytes that are no
    /// UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// If a number is that of no token.
    pub fn decode(&self, tokens: &[i64]) -> Result<String, Error> {
        let mut bytes = Vec::new();
        for token in tokens {
            let piece = self.vocabulary.piece(*token).ok_or_else(|| {
                let size = self.size();
                Error::new(codes::TEXT, format!("{token} is no token; the tokenizer has {size} of them"))
            })?;
            if !piece.silent {
                bytes.extend_from_slice(&piece.bytes);
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let space = if self.marked { MARK } else { " " };
        let mut rest: &str = &text;
        for _ in 0..self.leading {
            let Some(after) = rest.strip_prefix(space) else { break };
            rest = after;
        }
        Ok(rest.replace(space, " "))
    }

    /// Whether a token stands for no text.
    pub fn is_silent(&self, token: i64) -> bool {
        self.vocabulary.piece(token).is_some_and(|piece| piece.silent)
    }
}

/// A tokenizer file that is not as it should be.
fn broken(why: impl std::fmt::Display) -> Error {
    Error::new(codes::TOKENIZER, format!("the tokenizer cannot be read: {why}"))
}
