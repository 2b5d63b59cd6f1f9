//! The `tokenizer.bin` of llama2.c: the length of the longest token, then of each its score, its length and its bytes. Tokens 0, 1
//! and 2 are the unknown one, the beginning and the end; then come the 256 bytes. A text begins with the beginning and a space.

use super::merge::Pairs;
use super::normalize::Step;
use super::vocabulary::{byte_tokens, Piece, Vocabulary};
use super::{broken, Algorithm, Apart, Tokenizer};
use crate::error::Error;

/// The first token of a byte.
const BYTES: usize = 3;

/// The ranks of scores, the best first; equal ones share a rank.
pub fn ranks(scores: &[f32]) -> Vec<u32> {
    let mut sorted: Vec<f32> = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted.dedup();
    let rank = |score: &f32| sorted.partition_point(|better| better.total_cmp(score).is_gt()) as u32;
    scores.iter().map(rank).collect()
}

/// Reads a file.
///
/// # Errors
/// If it is cut short, or is something else.
pub fn read(bytes: &[u8]) -> Result<Tokenizer, Error> {
    let mut rest = bytes.get(4..).ok_or_else(|| broken("it is cut short"))?;
    let (mut scores, mut names) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (score, name, after) = entry(rest)
            .ok_or_else(|| broken(format!("token {} is cut short, or its length is wrong", names.len())))?;
        scores.push(score);
        names.push(name);
        rest = after;
    }
    let named =
        names.iter().enumerate().map(|(token, name)| (token as u32, std::str::from_utf8(name).unwrap_or("")));
    let byte_tokens = byte_tokens(named)
        .filter(|tokens| tokens.first().is_some_and(|first| *first as usize == BYTES))
        .ok_or_else(|| broken("tokens 3 to 258 are not the bytes `<0x00>` to `<0xFF>`"))?;
    let piece = |(token, name): (usize, &&[u8])| match u8::try_from(token.wrapping_sub(BYTES)) {
        Ok(byte) => Piece::byte(byte),
        Err(_) if token < BYTES => Piece::mark(),
        Err(_) => Piece::text(*name),
    };
    let mut vocabulary = Vocabulary::new(names.iter().enumerate().map(piece).collect())?;
    vocabulary.bytes = Some(byte_tokens);
    Ok(Tokenizer {
        vocabulary,
        apart: Apart::default(),
        steps: vec![Step::Prepend { before: " ".to_owned(), once: true }],
        cuts: Vec::new(),
        by_bytes: false,
        whole_words: false,
        algorithm: Algorithm::Merge(Pairs::Ranked(ranks(&scores))),
        begin: vec![1],
        end: Vec::new(),
        marked: false,
        leading: 1,
    })
}

fn entry(bytes: &[u8]) -> Option<(f32, &[u8], &[u8])> {
    let (score, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_at_checked(usize::try_from(i32::from_le_bytes(*length)).ok()?)?;
    let score = f32::from_le_bytes(*score);
    score.is_finite().then_some((score, name, rest))
}
