//! How large e-graphs become: a model of many layers holds no more terms than one of one layer, since each function is rewritten once.
//! `make bench` measures what that costs in time and memory (`examples/speed.rs`).

use crate::language::elaborate;
use moe_rewrite::{rewrite, Options};

#[path = "../../examples/models/mod.rs"]
mod models;

/// The terms of all e-graphs of a model.
fn terms(text: &str) -> usize {
    let rewritten = rewrite(&elaborate(text, &[]), &Options::default()).unwrap();
    rewritten.report.functions.iter().map(|function| function.terms).sum()
}

#[test]
fn layers_add_no_terms() {
    let (one, few, many) = (terms(&models::block()), terms(&models::layers(2)), terms(&models::layers(64)));
    assert_eq!(few, many);
    // The loop around the layers is a function of its own, of a few terms.
    assert!(many <= one + 40, "{one} terms of one block, {many} of 64");
    assert!(one < Options::default().term_limit / 10, "{one} terms of one block");
}
