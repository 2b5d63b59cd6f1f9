//! What tokens are, as far as the grammar knows and the tokens alone do not.

use crate::build::{operator, strength};
use crate::grammar::{Grammar, Rule};
use crate::layout::Layout;
use pest::iterators::Pair;
use pest::Parser;
use std::collections::{HashMap, HashSet};

/// What a pair of braces holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Braces {
    /// The names of a `use`.
    Uses,
    /// The names of a pattern.
    Pattern,
    /// Entries of `weights` and settings.
    Entries,
    /// The body of a definition, a test or a `repeat`, which always has lines of its own.
    Body,
    /// Any other block.
    Block,
}

/// By the byte where a token starts.
#[derive(Default)]
pub(super) struct Roles {
    /// Operators before their operand.
    pub prefixes: HashSet<usize>,
    /// Operators between operands, and how strongly they bind.
    pub operators: HashMap<usize, u8>,
    /// Brackets that belong to the word before them.
    pub attached: HashSet<usize>,
    /// Parentheses around one expression.
    pub parentheses: HashSet<usize>,
    /// What braces hold.
    pub braces: HashMap<usize, Braces>,
}

impl Roles {
    /// The roles of all tokens of a text without mistakes.
    pub fn of(layout: &Layout) -> Roles {
        let mut roles = Roles::default();
        for piece in layout.pieces(0..layout.tokens.len(), "") {
            let start = layout.token(piece.start).start;
            let end = layout.token(piece.end.saturating_sub(1)).end;
            let read = layout.text.get(start..end).map(|text| Grammar::parse(Rule::one_item, text));
            if let Some(Ok(read)) = read {
                for pair in read.flatten() {
                    roles.note(&pair, start);
                }
            }
        }
        roles
    }

    fn note(&mut self, pair: &Pair<'_, Rule>, offset: usize) {
        let start = offset + pair.as_span().start();
        match pair.as_rule() {
            Rule::prefix => {
                self.prefixes.insert(start);
            }
            Rule::binary => {
                let strength = operator(pair.as_str().trim_end()).map_or(0, strength);
                self.operators.insert(start, strength);
            }
            Rule::call
            | Rule::bracket
            | Rule::axes
            | Rule::statics
            | Rule::parameters
            | Rule::names_in_brackets => {
                self.attached.insert(start);
            }
            Rule::tuple => {
                let entries = pair.clone().into_inner().filter(|part| part.as_rule() == Rule::entry).count();
                if entries == 1 {
                    self.parentheses.insert(start);
                }
            }
            Rule::use_list => self.brace(start, Braces::Uses),
            Rule::pattern_part if pair.as_str().starts_with('{') => self.brace(start, Braces::Pattern),
            Rule::weight_entries | Rule::settings => self.brace(start, Braces::Entries),
            Rule::block => self.brace(start, Braces::Block),
            Rule::definition | Rule::test | Rule::repeat => {
                let body = pair.clone().into_inner().filter(|part| part.as_rule() == Rule::block).last();
                if let Some(body) = body {
                    self.brace(offset + body.as_span().start(), Braces::Body);
                }
            }
            _ => {}
        }
    }

    /// The outer rule is met first and knows more.
    fn brace(&mut self, start: usize, braces: Braces) {
        self.braces.entry(start).or_insert(braces);
    }
}
