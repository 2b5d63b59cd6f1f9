//! Random whole programs: `.moe` source texts that the checker accepts, with inputs and weights to run their models on.
//!
//! A program is written as a person writes one, statement by statement, from values that are in scope; definitions come about where one is
//! wanted. What is known of a value (its axes, how large its entries can be, how many of them are not zero) is kept beside its name, so that texts are
//! right and numbers stay few bits wide. In an *exact* program every order of every sum agrees bit for bit; others use functions such as
//! `exp`, and are compared within tolerances.

mod arithmetic;
mod body;
mod definitions;
mod gates;
mod inputs;
mod library;
mod loops;
mod maker;
mod mixtures;
mod models;
mod movement;
mod ragged;
mod reductions;
mod states;
mod value;

pub use inputs::{weight, Contents, Input, InputAxis};

use crate::random::Random;
use maker::Maker;
use std::collections::{BTreeMap, BTreeSet};

/// A program and how to run it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The text of its one file.
    pub text: String,
    /// Whether all its arithmetic is exact.
    pub exact: bool,
    /// What it was written with, of [`FEATURES`].
    pub features: BTreeSet<&'static str>,
    /// Its models, in the order of the text.
    pub models: Vec<Model>,
}

/// A model of a program and what it is run on.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its inputs, in order.
    pub inputs: Vec<Input>,
    /// Runs, each from the beginning: the free sizes of each of its steps.
    pub runs: Vec<Vec<BTreeMap<String, usize>>>,
}

/// What programs have in them. Each program is said to have those that were written into it, be it that the rest of it makes no use of the value.
pub const FEATURES: &[&str] = &[
    "static parameters",
    "a number as a static parameter",
    "a boolean static parameter",
    "an own layer",
    "an own expert",
    "an own gate",
    "an own function",
    "an adapter of a part",
    "a part called twice",
    "nested parts",
    "a stack of parts",
    "a stack of stacks",
    "a list of different parts",
    "a definition in place",
    "weights",
    "K of E",
    "C of N",
    "both bounds",
    "a union of supports",
    "an intersection of supports",
    "expect",
    "an input with a bound",
    "two levels of gates",
    "a bound over two axes at once",
    "a one-hot gate",
    "a gate chosen by chance",
    "a residual inside the sum",
    "an expert that reads its gate",
    "several gates of one set of experts",
    "a shared expert",
    "weights of experts without parts",
    "a part chosen by a row",
    "an expert of whole sequences",
    "routed rows only",
    "where",
    "if of a tensor",
    "if training",
    "if of a static condition",
    "a reduction over axes",
    "a reduction over an index",
    "a reduction with a condition",
    "a contraction with @",
    "a contraction as a sum",
    "renaming",
    "attention",
    "a lookup",
    "a lookup of a state",
    "scatter",
    "scatter_add",
    "window",
    "pad",
    "concat",
    "merge and split",
    "a slice",
    "cumsum",
    "sort",
    "argmax",
    "coordinate",
    "integers",
    "a product of bytes",
    "a comparison",
    "bf16",
    "f16",
    "f64",
    "i8",
    "u8",
    "i32",
    "u32",
    "repeat",
    "repeat with a stack",
    "repeat with an index",
    "a loop in a loop",
    "fold",
    "fold of several values",
    "fold with a bound",
    "state",
    "a state in rounds",
    "a state of a part chosen while running",
    "a state that begins as a weight",
    "scatter into a state",
    "observe",
    "random",
    "several models",
    "several results",
    "axes left open",
    "a table",
    "a block as an expression",
    "a padded ragged axis",
    "a ragged axis",
    "two ragged axes",
    "a reduction over a ragged axis",
    "a reduction over all ragged rows",
    "an index along a ragged axis",
    "a sum of sequences",
    "the lengths of a ragged axis",
    "what is there of a ragged axis",
    "the last along a ragged axis",
    "the largest along a ragged axis",
    "weights along a ragged axis",
    "attention along a ragged axis",
    "a lookup by ragged rows",
    "windows on a ragged axis",
    "a sorted ragged axis",
    "gates over ragged rows",
    "an expert of ragged sequences",
    "a gate of the library",
    "an expert of the library",
    "a layer of the library",
    "a function of the library",
];

/// The program of a seed. Equal seeds give equal programs.
pub fn program(seed: u64) -> Program {
    let mut random = Random::new(seed ^ 0x6d6f_655f_7465_7874);
    // Where the numbers are near each other, seeds are too.
    random.bits();
    let exact = random.below(5) < 3;
    let mut maker = Maker::new(random, exact);
    let count = if maker.random.once_in(6) { 2 } else { 1 };
    let models: Vec<Model> = (0..count).map(|place| models::model(&mut maker, place)).collect();
    if models.len() > 1 {
        maker.met("several models");
    }
    let (text, features) = maker.finish();
    Program { text, exact, features, models }
}
