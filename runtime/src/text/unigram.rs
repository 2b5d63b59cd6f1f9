//! The unigram model: of all ways to cut a text into tokens, the one whose scores sum to most.
//!
//! Source: Kudo 2018, "Subword regularization" (1804.10959), the most probable segmentation by Viterbi's algorithm.

use super::merge::Symbol;

/// What a character that is no token costs besides the lowest score of all tokens.
const UNKNOWN: f32 = 10.0;

/// The scores of all tokens, and what follows from them.
#[derive(Debug)]
pub struct Scores {
    scores: Vec<f32>,
    unknown: f32,
    longest: usize,
}

impl Scores {
    /// Scores by token. `longest` is the most bytes that a token has.
    pub fn new(scores: Vec<f32>, longest: usize) -> Self {
        let unknown = scores.iter().copied().fold(f32::INFINITY, f32::min) - UNKNOWN;
        Scores { scores, unknown, longest }
    }

    /// The best way to cut `text`; characters that are no tokens have none. `find` is the token of some bytes.
    pub fn cut(&self, text: &str, find: &dyn Fn(&[u8]) -> Option<u32>) -> Vec<Symbol> {
        // For each place in the text the last symbol of the best way to it, and that way's score.
        let mut best: Vec<Option<(f32, Symbol)>> = vec![None; text.len() + 1];
        for (begin, character) in text.char_indices() {
            let Some(before) = best.get(begin).map(|way| way.map_or(0.0, |(score, _)| score)) else { break };
            let single = begin + character.len_utf8();
            let mut known = false;
            let stop = text.len().min(begin.saturating_add(self.longest));
            for end in (single..=stop).filter(|end| text.is_char_boundary(*end)) {
                let Some(token) = text.get(begin..end).and_then(|piece| find(piece.as_bytes())) else {
                    continue;
                };
                known |= end == single;
                let score = self.scores.get(token as usize).copied().unwrap_or(self.unknown);
                offer(&mut best, before + score, Symbol { begin, end, token: Some(token) });
            }
            if !known {
                offer(&mut best, before + self.unknown, Symbol { begin, end: single, token: None });
            }
        }
        let mut symbols = Vec::new();
        let mut place = text.len();
        while let Some((_, symbol)) = best.get(place).copied().flatten() {
            symbols.push(symbol);
            place = symbol.begin;
        }
        symbols.reverse();
        symbols
    }
}

/// Takes a way if it is better than the one known; of equals the first stays.
fn offer(best: &mut [Option<(f32, Symbol)>], score: f32, symbol: Symbol) {
    if let Some(way) = best.get_mut(symbol.end) {
        if way.is_none_or(|(known, _)| score > known) {
            *way = Some((score, symbol));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_sum_wins() {
        let tokens = ["a", "b", "ab", "abc"];
        let find =
            |bytes: &[u8]| tokens.iter().position(|token| token.as_bytes() == bytes).map(|at| at as u32);
        let scores = Scores::new(vec![-1.0, -1.0, -1.5, -9.0], 3);
        let cut = |text: &str| -> Vec<String> {
            scores.cut(text, &find).iter().map(|symbol| text[symbol.begin..symbol.end].to_owned()).collect()
        };
        assert_eq!(cut("abab"), ["ab", "ab"]);
        assert_eq!(cut("abc"), ["abc"]);
        assert_eq!(cut("bé"), ["b", "é"]);
        assert!(cut("").is_empty());
    }
}
