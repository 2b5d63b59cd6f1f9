//! The tokens of a tokenizer.

use super::broken;
use crate::error::Error;
use std::collections::HashMap;

/// How many tokens there may be; the largest vocabularies have a fourth of a million.
pub const MOST: usize = 1 << 21;

/// What a token stands for.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Its bytes in a text.
    pub bytes: Vec<u8>,
    /// Whether it is never found in a text by its bytes: marks, and bytes for what is no token.
    pub hidden: bool,
    /// Whether it stands for no text.
    pub silent: bool,
}

impl Piece {
    /// A piece of text.
    pub fn text(bytes: impl Into<Vec<u8>>) -> Self {
        Piece { bytes: bytes.into(), hidden: false, silent: false }
    }

    /// A token that stands for no text.
    pub fn mark() -> Self {
        Piece { bytes: Vec::new(), hidden: true, silent: true }
    }

    /// A byte of a character that is no token.
    pub fn byte(byte: u8) -> Self {
        Piece { bytes: vec![byte], hidden: true, silent: false }
    }
}

/// All tokens.
#[derive(Debug)]
pub struct Vocabulary {
    pieces: Vec<Piece>,
    by_bytes: HashMap<Vec<u8>, u32>,
    /// The token of each byte, for characters that are no token.
    pub bytes: Option<Vec<u32>>,
    /// The token of what has none.
    pub unknown: Option<u32>,
    /// Whether unknown things in a row are one token.
    pub fused: bool,
}

impl Vocabulary {
    /// The vocabulary of pieces in the order of their tokens. Of two alike, the first is found.
    ///
    /// # Errors
    /// If there are too many.
    pub fn new(pieces: Vec<Piece>) -> Result<Self, Error> {
        if pieces.len() > MOST {
            return Err(broken(format!("it has {} tokens, and {MOST} are the most", pieces.len())));
        }
        let mut by_bytes = HashMap::with_capacity(pieces.len());
        for (token, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.hidden) {
            by_bytes.entry(piece.bytes.clone()).or_insert(token as u32);
        }
        Ok(Vocabulary { pieces, by_bytes, bytes: None, unknown: None, fused: true })
    }

    /// How many tokens there are.
    pub fn size(&self) -> usize {
        self.pieces.len()
    }

    /// The most bytes that a token has.
    pub fn longest(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes.len()).max().unwrap_or(0)
    }

    /// The token of a piece of text.
    pub fn find(&self, bytes: &[u8]) -> Option<u32> {
        self.by_bytes.get(bytes).copied()
    }

    /// What a token stands for.
    pub fn piece(&self, token: i64) -> Option<&Piece> {
        self.pieces.get(usize::try_from(token).ok()?)
    }

    /// Adds a token, or those of the bytes, or that of the unknown. Gives whether it was the unknown one, and nothing where there is
    /// none of these; `after` says whether the one before was unknown.
    pub fn push(&self, token: Option<u32>, bytes: &[u8], after: bool, tokens: &mut Vec<u32>) -> Option<bool> {
        if let Some(token) = token {
            tokens.push(token);
            return Some(false);
        }
        if let Some(known) = &self.bytes {
            tokens.extend(bytes.iter().filter_map(|byte| known.get(usize::from(*byte))));
            return Some(false);
        }
        let unknown = self.unknown?;
        if !(after && self.fused) {
            tokens.push(unknown);
        }
        Some(true)
    }
}

/// The byte of a piece such as `<0x0A>`.
pub fn byte_of(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("<0x")?.strip_suffix('>')?;
    let hexadecimal = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The tokens of all bytes by their names, if all are there.
pub fn byte_tokens<'p>(names: impl Iterator<Item = (u32, &'p str)>) -> Option<Vec<u32>> {
    let mut tokens = vec![None; 256];
    for (token, name) in names {
        if let Some(place) = byte_of(name).and_then(|byte| tokens.get_mut(usize::from(byte))) {
            *place = Some(token);
        }
    }
    tokens.into_iter().collect()
}
