//! Movements of entries put together or undone.

use super::shapes::{is_concatenate, is_merge};
use crate::rule::{any, every, require, term, Rule, Site, Tree};
use moe_graph::{AxisId, Operation};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let reason = "entries are moved once, or not at all";
    let rule = |name, equation, left, right| Rule::new(name, equation, reason, left, right);
    vec![
        rule(
            "split-of-merge",
            "split (merge x) = x with its axes renamed, where both are of the same sizes",
            vec![term("outer", is_split, [term("inner", is_merge, [any("x")])])],
            split_of_merge,
        ),
        rule(
            "merge-of-split",
            "merge (split x) = x with its axis renamed",
            vec![term("outer", is_merge, [term("inner", is_split, [any("x")])])],
            merge_of_split,
        ),
        rule(
            "slice-of-slice",
            "slice t (slice s x) = slice s + t x",
            vec![term("outer", is_slice, [term("inner", is_slice, [any("x")])])],
            slice_of_slice,
        ),
        rule(
            "slice-of-pad",
            "slice (pad x) = slice x, where nothing but x is in the slice",
            vec![term("outer", is_slice, [term("inner", is_pad, [any("x")])])],
            slice_of_pad,
        ),
        rule(
            "slice-of-concatenate",
            "slice (concatenate a, b) = slice a, where nothing but a is in the slice",
            vec![term("outer", is_slice, [every("inner", is_concatenate)])],
            slice_of_concatenate,
        ),
    ]
}

fn is_split(operation: &Operation) -> bool {
    matches!(operation, Operation::Split { .. })
}

fn is_slice(operation: &Operation) -> bool {
    matches!(operation, Operation::Slice { .. })
}

fn is_pad(operation: &Operation) -> bool {
    matches!(operation, Operation::Pad { .. })
}

fn renamed(value: Tree, from: AxisId, to: AxisId) -> Tree {
    if from == to {
        return value;
    }
    Tree::Term(Operation::Rename { from, to }, vec![value])
}

fn split_of_merge(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Merge { from, into }, Operation::Split { from: merged, into: parts }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no movement");
    };
    require(into == merged && from.len() == parts.len(), "another axis is split")?;
    let size = |axis: &AxisId| site.graph.knowledge().size(*axis);
    require(from.iter().zip(parts).all(|(a, b)| size(a) == size(b)), "the parts have other sizes")?;
    if from == parts {
        return site.alone("x");
    }
    let apart = parts.iter().all(|part| !site.ty("x").has(*part));
    require(apart, "an axis would stand for two for a moment")?;
    let pairs = from.iter().zip(parts);
    Ok(vec![pairs.fold(site.tree("x"), |value, (from, to)| renamed(value, *from, *to))])
}

fn merge_of_split(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Split { from, into: parts }, Operation::Merge { from: merged, into }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no movement");
    };
    require(parts == merged, "other axes are merged")?;
    if from == into {
        return site.alone("x");
    }
    Ok(vec![renamed(site.tree("x"), *from, *into)])
}

fn slice_of_slice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Slice { from, into: middle, start }, Operation::Slice { from: again, into, start: more }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no slice");
    };
    require(middle == again, "another axis is sliced")?;
    let whole = Operation::Slice { from: *from, into: *into, start: start.add(more) };
    Ok(vec![Tree::Term(whole, vec![site.tree("x")])])
}

fn slice_of_pad(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Pad { from, into: padded, before, .. }, Operation::Slice { from: sliced, into, start }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no slice");
    };
    require(padded == sliced, "another axis is sliced")?;
    let size = |axis: AxisId| site.graph.knowledge().size(axis);
    let end = start.add(&size(*into));
    let within = before.at_most(start) && end.at_most(&before.add(&size(*from)));
    require(within, "padding is in the slice")?;
    let slice = Operation::Slice { from: *from, into: *into, start: start.subtract(before) };
    Ok(vec![Tree::Term(slice, vec![site.tree("x")])])
}

fn slice_of_concatenate(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Concatenate { from, into: whole }, Operation::Slice { from: sliced, into, start }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no slice");
    };
    require(whole == sliced, "another axis is sliced")?;
    let size = |axis: AxisId| site.graph.knowledge().size(axis);
    let end = start.add(&size(*into));
    let mut before = moe_graph::Size::constant(0);
    for (part, own) in site.operands("inner").iter().zip(from) {
        let after = before.add(&size(*own));
        if before.at_most(start) && end.at_most(&after) {
            let slice = Operation::Slice { from: *own, into: *into, start: start.subtract(&before) };
            return Ok(vec![Tree::Term(slice, vec![Tree::Class(site.graph.find(*part))])]);
        }
        before = after;
    }
    Err("several parts are in the slice")
}
