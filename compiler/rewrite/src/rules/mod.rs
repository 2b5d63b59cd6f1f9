//! The rules, a file for each theme.

mod contraction;
mod folding;
mod packing;

use crate::rule::Rule;

/// All rules, in the order in which they are tried.
pub fn all() -> Vec<Rule> {
    [folding::rules(), contraction::rules(), packing::rules()].into_iter().flatten().collect()
}
