//! Why a graph cannot be scheduled.

use moe_grammar::Span;

/// Why a graph cannot be scheduled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A graph that breaks the rules of graphs: a mistake of whoever built it.
    #[error("the graph is malformed: {0}")]
    Malformed(&'static str),
    /// Something that graphs may say and this scheduler cannot do.
    #[error("{what} cannot be scheduled")]
    Unsupported {
        /// What it is.
        what: String,
        /// Where it stands in the source.
        span: Option<Span>,
    },
}
