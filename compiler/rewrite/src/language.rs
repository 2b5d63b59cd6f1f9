//! The language of the e-graph: the graph's own operations, attributes included, with classes as operands.

pub use egg::Id;
use egg::Language;
use moe_graph::{AxisId, Operation};

/// An operation on classes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Term {
    /// What is done. Two terms with different attributes are different operators.
    pub operation: Operation,
    /// With what.
    pub operands: Vec<Id>,
}

impl Language for Term {
    type Discriminant = &'static str;

    fn discriminant(&self) -> &'static str {
        self.operation.name()
    }

    fn matches(&self, other: &Self) -> bool {
        self.operands.len() == other.operands.len() && self.operation == other.operation
    }

    fn children(&self) -> &[Id] {
        &self.operands
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.operands
    }
}

/// The packed axis that an operation goes into or comes from.
pub fn packed_axis(operation: &Operation) -> Option<AxisId> {
    match operation {
        Operation::Pack { into: axis }
        | Operation::Unpack { from: axis, .. }
        | Operation::SegmentReduce { from: axis, .. } => Some(*axis),
        _ => None,
    }
}

/// The operation with another packed axis, if it has one.
pub fn with_packed_axis(operation: &Operation, other: impl FnOnce(AxisId) -> AxisId) -> Operation {
    let mut operation = operation.clone();
    if let Operation::Pack { into: axis }
    | Operation::Unpack { from: axis, .. }
    | Operation::SegmentReduce { from: axis, .. } = &mut operation
    {
        *axis = other(*axis);
    }
    operation
}

/// The key under which the support rules know a class.
pub fn key(id: Id) -> u32 {
    usize::from(id) as u32
}

/// The class of a key.
pub fn class(key: u32) -> Id {
    Id::from(key as usize)
}
