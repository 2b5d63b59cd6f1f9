//! What is asked about a model or a test, and what is told.

use crate::mapping::Mapping;
use moe_diagnostics::Diagnostic;
use moe_grammar::Span;
use moe_graph::Module;
use moe_runtime::program::LeftOutValue;
use std::collections::BTreeMap;

/// A static parameter's value as given from outside.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Setting {
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A truth value.
    Boolean(bool),
}

/// A model of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// Where its name is.
    pub span: Span,
    /// Its static parameters, and their defaults where those are plain numbers or truth values.
    pub statics: Vec<(String, Option<Setting>)>,
}

/// A model as a graph.
#[derive(Clone, Debug)]
pub struct Elaborated {
    /// The model's name.
    pub name: String,
    /// The graph.
    pub module: Module,
    /// The `weights` blocks of the model, by the name of their source.
    pub mappings: BTreeMap<String, Mapping>,
    /// What the declarations of the weights say besides their types.
    pub declarations: BTreeMap<String, WeightDeclaration>,
    /// What was taken for granted of weights.
    pub known: KnownWeights,
    /// What is likely not meant.
    pub warnings: Vec<Diagnostic>,
}

/// What is known of weights while compiling, by dotted name.
pub type KnownWeights = BTreeMap<String, Vec<KnownPlaces>>;

/// Places along an axis of a weight at which all its entries are one number.
#[derive(Clone, PartialEq, Debug)]
pub struct KnownPlaces {
    /// The axis, counted from the first.
    pub axis: usize,
    /// For each place whether it may have other entries.
    pub needed: Vec<bool>,
    /// What the entries are elsewhere.
    pub otherwise: LeftOutValue,
}

/// What the declaration of a weight says besides its type.
#[derive(Clone, PartialEq, Debug)]
pub struct WeightDeclaration {
    /// Where it is declared.
    pub span: Span,
    /// What it begins as, as written.
    pub initial: Option<String>,
    /// Whether training leaves it alone.
    pub frozen: bool,
    /// The proximal operator, as written.
    pub prox: Option<String>,
}

/// A test of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct TestInfo {
    /// Its name.
    pub name: String,
    /// Where its name is.
    pub span: Span,
}

/// A test as a graph.
#[derive(Clone, Debug)]
pub struct ElaboratedTest {
    /// The graph: one `bool` output an assertion, named `a0`, `a1` and so on.
    pub module: Module,
    /// The assertions, in order.
    pub assertions: Vec<Assertion>,
}

/// One assertion of a test.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Assertion {
    /// What is asserted.
    pub span: Span,
}
