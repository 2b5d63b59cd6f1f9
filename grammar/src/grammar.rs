//! The parser that pest makes of `moe.pest`.

#![allow(missing_docs)]

/// One rule for each name in `moe.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "moe.pest"]
pub(crate) struct Grammar;
