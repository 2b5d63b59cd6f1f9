//! What can go wrong while evaluating.

use moe_grammar::Span;
use moe_runtime::{Element, OffsetsError};

/// Why a module could not be evaluated.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum EvaluateError {
    /// Not as many inputs as the entry function has parameters.
    #[error("the model takes {expected} inputs and was given {found}")]
    InputCount {
        /// How many parameters there are.
        expected: usize,
        /// How many inputs were given.
        found: usize,
    },
    /// An input of another element type than its parameter's.
    #[error("`{name}` is {expected} and was given {found}")]
    InputElement {
        /// The parameter.
        name: String,
        /// Its element type.
        expected: Element,
        /// The input's.
        found: Element,
    },
    /// An input whose shape is not its parameter's.
    #[error("`{name}` has the axes [{expected}] and was given the shape {found:?}")]
    InputShape {
        /// The parameter.
        name: String,
        /// Its axes and their sizes.
        expected: String,
        /// The input's shape.
        found: Vec<usize>,
    },
    /// Offsets that do not cut the rows into stretches.
    #[error("the offsets `{name}` {problem}")]
    Offsets {
        /// The parameter.
        name: String,
        /// What is wrong with them.
        problem: OffsetsError,
    },
    /// A size that cannot be worked out: a free size that no input gives, a negative or an overflowing one.
    #[error("the axis `{axis}` of size {size} has no length here")]
    Length {
        /// The axis.
        axis: String,
        /// Its size.
        size: String,
    },
    /// A value with more entries than the evaluator takes, or than there is memory for.
    #[error("a value of {entries} entries is too large for the reference evaluator")]
    TooLarge {
        /// How many entries it would have, saturating.
        entries: usize,
    },
    /// An index outside the axis it looks into.
    #[error("index {index} is outside an axis of {size} entries")]
    Index {
        /// The index.
        index: i128,
        /// How long the axis is.
        size: usize,
        /// The operation's source.
        span: Option<Span>,
    },
    /// A claim that does not hold.
    #[error("{found} entries are true where at most {count} were expected")]
    Expect {
        /// What was claimed.
        count: i64,
        /// What there is.
        found: usize,
        /// The claim's source.
        span: Option<Span>,
    },
    /// The largest of no entries.
    #[error("there is no largest entry along an empty axis")]
    EmptyAxis {
        /// The operation's source.
        span: Option<Span>,
    },
    /// Calls nested too deeply.
    #[error("calls are nested more than {depth} deep")]
    Depth {
        /// How deep they may be.
        depth: usize,
    },
    /// A graph that the verifier would refuse.
    #[error("the graph is malformed: {0}")]
    Malformed(&'static str),
}
