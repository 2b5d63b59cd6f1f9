//! The rules, a file for each theme.

mod algebra;
mod contraction;
mod folding;
mod integers;
mod lookup;
mod packing;
mod places;
mod selection;
mod shapes;
mod structure;
mod weights;

use crate::rule::Rule;

/// All rules, in the order in which they are tried.
pub fn all() -> Vec<Rule> {
    [
        folding::rules(),
        structure::rules(),
        selection::rules(),
        contraction::rules(),
        integers::rules(),
        algebra::rules(),
        weights::rules(),
        lookup::rules(),
        places::rules(),
        packing::rules(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
