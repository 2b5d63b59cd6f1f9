//! What can go wrong while differentiating.

use moe_graph::TypeError;

/// Why a module has no gradient.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DifferentiateError {
    /// No output of that name.
    #[error("there is no output `{0}`")]
    NoOutput(String),
    /// An output with axes.
    #[error("the output `{0}` is not a single number")]
    NotSingle(String),
    /// No parameter of that name.
    #[error("there is no parameter `{0}`")]
    NoParameter(String),
    /// An output or parameter that is no float.
    #[error("`{0}` is no float, so it has no derivative")]
    NotFloat(String),
    /// A graph that the verifier would refuse.
    #[error("the graph is malformed: {0}")]
    Malformed(&'static str),
    /// A rule that made something ill-typed: a fault of this crate or of the graph.
    #[error(transparent)]
    Type(#[from] TypeError),
}
