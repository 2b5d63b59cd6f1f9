//! The formatter: one style, and every comment kept.
//!
//! It works on tokens, so that what it prints holds the very tokens it read; only commas at the end of broken lists
//! come and go. What the tokens mean (an operator before or between operands, a call or a parenthesis) it asks the
//! grammar.

mod document;
mod nodes;
mod roles;
mod write;

use crate::layout::Layout;
use crate::parser::parse;
use crate::span::FileId;
use crate::SyntaxError;
use nodes::Gatherer;
use roles::Roles;
use write::Writer;

/// How often a text is formatted anew before it has to have settled.
const ROUNDS: usize = 8;

/// The text in the one style: four columns a block, lines of at most 110 columns where they can be broken, one empty
/// line at most, and one between items. Formatting a formatted text changes nothing, and the tree stays what it was.
///
/// A text with mistakes is not formatted; they are given back.
pub fn format(text: &str) -> Result<String, Vec<SyntaxError>> {
    let parse = parse(FileId(0), text);
    if !parse.errors.is_empty() {
        return Err(parse.errors);
    }
    // A block that had to be broken gets lines of its own, which may let what is around it have one line again.
    let mut formatted = once(text);
    for _ in 0..ROUNDS {
        let next = once(&formatted);
        if next == formatted {
            break;
        }
        formatted = next;
    }
    Ok(formatted)
}

fn once(text: &str) -> String {
    let layout = Layout::new(FileId(0), text);
    let roles = Roles::of(&layout);
    let lines = Gatherer { layout: &layout, roles: &roles }.lines(0..layout.tokens.len(), "");
    document::print(&Writer { layout: &layout, text, roles: &roles }.file(&lines))
}
