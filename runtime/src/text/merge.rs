//! Byte-pair encoding: symbols that stand side by side become one, the best pair first, until no pair is known.
//!
//! Source: Sennrich, Haddow and Birch 2015, "Neural machine translation of rare words with subword units" (1508.07909).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// A stretch of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Where it begins, in bytes.
    pub begin: usize,
    /// Where it ends.
    pub end: usize,
    /// Its token; none where the vocabulary has none for it.
    pub token: Option<u32>,
}

/// A pair of tokens, its place in a list of merges, and what it becomes.
pub type Merge = ((u32, u32), (u32, u32));

/// All merges of a list.
pub type Merges = HashMap<(u32, u32), (u32, u32)>;

/// Which pairs become one, and which first.
#[derive(Debug)]
pub enum Pairs {
    /// A list of pairs of tokens: its place in the list, and what it becomes.
    Listed(Merges),
    /// Two that together are a token: the one with the smallest rank, by token, first.
    Ranked(Vec<u32>),
}

impl Pairs {
    /// The rank of a pair, the smallest first, and what it becomes.
    fn of(
        &self,
        word: &[u8],
        left: Symbol,
        right: Symbol,
        find: &dyn Fn(&[u8]) -> Option<u32>,
    ) -> Option<(u32, u32)> {
        match self {
            Pairs::Listed(pairs) => pairs.get(&(left.token?, right.token?)).copied(),
            Pairs::Ranked(ranks) => {
                let token = find(word.get(left.begin..right.end)?)?;
                Some((*ranks.get(token as usize)?, token))
            }
        }
    }
}

/// A symbol in a chain from which symbols are removed.
#[derive(Clone, Copy)]
struct Link {
    symbol: Symbol,
    before: Option<usize>,
    after: Option<usize>,
}

/// The symbols of a word after all merges; of pairs equally good the leftmost goes first. `find` is the token of some bytes.
pub fn merge(
    word: &[u8],
    symbols: &[Symbol],
    pairs: &Pairs,
    find: &dyn Fn(&[u8]) -> Option<u32>,
) -> Vec<Symbol> {
    let last = symbols.len().saturating_sub(1);
    let link = |(place, symbol): (usize, &Symbol)| Link {
        symbol: *symbol,
        before: place.checked_sub(1),
        after: (place < last).then_some(place + 1),
    };
    let mut links: Vec<Link> = symbols.iter().enumerate().map(link).collect();
    let mut waiting = BinaryHeap::new();
    let consider = |links: &[Link], place: Option<usize>, waiting: &mut BinaryHeap<_>| {
        let left = links.get(place?)?;
        let right = links.get(left.after?)?;
        let (rank, token) = pairs.of(word, left.symbol, right.symbol, find)?;
        waiting.push(Reverse((rank, place?, left.symbol.end, right.symbol.end, token)));
        Some(())
    };
    for place in 0..links.len() {
        consider(&links, Some(place), &mut waiting);
    }
    while let Some(Reverse((_, place, middle, end, token))) = waiting.pop() {
        if !join(&mut links, place, middle, end, token) {
            continue;
        }
        let before = links.get(place).and_then(|link| link.before);
        consider(&links, before, &mut waiting);
        consider(&links, Some(place), &mut waiting);
    }
    let mut result = Vec::new();
    let mut next = links.first();
    while let Some(link) = next {
        result.push(link.symbol);
        next = link.after.and_then(|after| links.get(after));
    }
    result
}

/// Joins the symbol at `place` with the next, if both are still what they were when the pair was found.
fn join(links: &mut [Link], place: usize, middle: usize, end: usize, token: u32) -> bool {
    let Some(left) = links.get(place).copied() else { return false };
    let Some(right) = left.after.and_then(|after| links.get(after)).copied() else { return false };
    // A symbol that was joined to the one before it has no bytes left.
    if left.symbol.end != middle || right.symbol.end != end || left.symbol.begin == left.symbol.end {
        return false;
    }
    if let Some(gone) = left.after.and_then(|after| links.get_mut(after)) {
        gone.symbol = Symbol { begin: end, end, token: None };
    }
    if let Some(after) = right.after.and_then(|after| links.get_mut(after)) {
        after.before = Some(place);
    }
    if let Some(link) = links.get_mut(place) {
        link.symbol = Symbol { begin: left.symbol.begin, end, token: Some(token) };
        link.after = right.after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(word: &str, tokens: &[&str], ranks: &[u32]) -> Vec<String> {
        let find =
            |bytes: &[u8]| tokens.iter().position(|token| token.as_bytes() == bytes).map(|at| at as u32);
        let symbols: Vec<Symbol> = (0..word.len())
            .map(|at| Symbol { begin: at, end: at + 1, token: find(&word.as_bytes()[at..at + 1]) })
            .collect();
        let result = merge(word.as_bytes(), &symbols, &Pairs::Ranked(ranks.to_vec()), &find);
        result.iter().map(|symbol| word[symbol.begin..symbol.end].to_owned()).collect()
    }

    #[test]
    fn the_best_pair_comes_first_and_of_equals_the_leftmost() {
        let tokens = ["a", "b", "ab", "ba", "aba", "aa"];
        assert_eq!(merged("abab", &tokens, &[9, 9, 1, 0, 5, 2]), ["aba", "b"]);
        assert_eq!(merged("abab", &tokens, &[9, 9, 0, 1, 5, 2]), ["ab", "ab"]);
        assert_eq!(merged("aaa", &tokens, &[9, 9, 0, 1, 5, 2]), ["aa", "a"]);
        assert_eq!(merged("abaxaba", &tokens, &[9, 9, 0, 1, 5, 2]), ["aba", "x", "aba"]);
        assert!(merged("", &tokens, &[]).is_empty());
    }
}
