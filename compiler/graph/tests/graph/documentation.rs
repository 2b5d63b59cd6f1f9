//! `PRIMITIVES.md` has a row for everything, and for nothing else.

use crate::example;
use moe_graph::{Operation, ReduceKind, ScalarFunction};
use std::collections::BTreeSet;

/// The row of an operation. A new operation does not compile until it has one here.
fn row(operation: &Operation) -> &'static str {
    match operation {
        Operation::Map { .. } => "map",
        Operation::Reduce { kind, .. } => kind.name(),
        Operation::Parameter(_)
        | Operation::Constant(_)
        | Operation::Table(_)
        | Operation::Coordinate(_)
        | Operation::SizeOf(_)
        | Operation::Cast(_)
        | Operation::Rename { .. }
        | Operation::Merge { .. }
        | Operation::Split { .. }
        | Operation::Slice { .. }
        | Operation::Pad { .. }
        | Operation::Window { .. }
        | Operation::Concatenate { .. }
        | Operation::Gather { .. }
        | Operation::ScatterAdd { .. }
        | Operation::Scatter { .. }
        | Operation::LargestMask { .. }
        | Operation::ArgMax { .. }
        | Operation::CumulativeSum { .. }
        | Operation::Sort { .. }
        | Operation::Expect { .. }
        | Operation::Call { .. }
        | Operation::Repeat { .. }
        | Operation::Fold { .. }
        | Operation::Pack { .. }
        | Operation::Unpack { .. }
        | Operation::SegmentReduce { .. } => operation.name(),
    }
}

#[test]
fn every_operation_and_scalar_function_has_a_row() {
    let text = include_str!("../../PRIMITIVES.md");
    let rows: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let documented: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(documented.len(), rows.len(), "a row stands twice");
    let module = example::module();
    let used = module.functions.iter().flat_map(|function| &function.nodes);
    let mut expected: BTreeSet<&str> = used.map(|node| row(&node.operation)).collect();
    expected.extend(ReduceKind::ALL.map(ReduceKind::name));
    expected.extend(ScalarFunction::ALL.map(ScalarFunction::name));
    assert_eq!(documented, expected);
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<&str> = ScalarFunction::ALL.map(ScalarFunction::name).to_vec();
    names.extend(ReduceKind::ALL.map(ReduceKind::name));
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len());
}
