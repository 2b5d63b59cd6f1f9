//! What is chosen of a product's schedule, and may be chosen otherwise after measuring. None of it changes what is computed, or the order
//! in which a sum is added up.

use crate::form::LaneParts;
use moe_runtime::Element;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Products that are scheduled alike: sums over the right side's panels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ProductShape {
    /// What is summed in.
    pub element: Element,
    /// How many products of one left side there are.
    pub products: i64,
    /// How many terms a sum has, each of as many products as `parts` says; none if that is known only while running.
    pub terms: Option<i64>,
    /// How many columns there are.
    pub columns: Option<i64>,
    /// Whether rows are packed, segment by segment.
    pub packed: bool,
    /// What parts the lanes are made of whose products are terms; none where terms are single products.
    pub parts: Option<LaneParts>,
}

/// How a product is cut up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Blocking {
    /// The vectors of columns in a register tile, for each of the products; it has as many rows as registers allow.
    pub vectors: i64,
    /// The bytes of the panels that are read again for each tile of rows, about.
    pub panel_bytes: i64,
    /// The most rows that are done before the next panels are.
    pub rows: i64,
    /// How many entries ahead of those that are read panels are asked for.
    pub ahead: i64,
}

/// What was measured to be faster than what is chosen without.
pub type Tuning = BTreeMap<ProductShape, Blocking>;

impl std::fmt::Display for ProductShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |size: Option<i64>| size.map_or_else(|| "?".to_owned(), |size| size.to_string());
        let times = if self.products == 1 { String::new() } else { format!("{} × ", self.products) };
        let kind = match self.parts {
            Some(LaneParts::Bf16Pairs) => "pairs of bf16".to_owned(),
            Some(LaneParts::WordPairs | LaneParts::ByteQuads) => "fours of bytes".to_owned(),
            None => self.element.to_string(),
        };
        let packed = if self.packed { ", packed rows" } else { "" };
        write!(f, "{times}{} by {} {kind}{packed}", number(self.terms), number(self.columns))
    }
}
