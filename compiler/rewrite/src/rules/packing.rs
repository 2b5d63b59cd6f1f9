//! The algebra of packing: a bounded value is the unpacked form of its packed form, packing goes through what was written until it
//! meets the leaves, and a sum over an unpacked axis is a sum of segments.

use super::shapes::{is_map, is_scalar, is_select};
use crate::language::key;
use crate::masks::{covers, of_mask, Candidate};
use crate::rule::{any, every, require, term, Rule, Shape, Site, Tree};
use moe_graph::{
    AxisId, Element, Operation, ReduceKind, Scalar, ScalarFunction, Size, SupportExpression, SupportOperand,
};
use std::collections::BTreeSet;

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let mut rules = inward();
    rules.extend(undoing());
    rules
}

/// Packing goes through what a value was made by.
fn inward() -> Vec<Rule> {
    let rule = |name, equation, reason, left, right| Rule::new(name, equation, reason, left, right).packing();
    vec![
        rule(
            "pack-bounded",
            "t = unpack(m, pack(m, t)), where t is its background off m",
            "work on entries that are the background anyway is left out",
            vec![any("t")],
            bounded,
        ),
        rule(
            "pack-map",
            "pack(m, f(a, b)) = f(pack(m, a), pack(m, b))",
            "scalar functions are worked out for packed rows only",
            vec![packed(every("value", is_scalar))],
            elementwise,
        ),
        rule(
            "pack-reduce",
            "pack(m, sum d t) = sum d pack(m, t), where d is not of m",
            "a contraction becomes a grouped product: K rows of E for each token",
            vec![packed(every("value", |o| matches!(o, Operation::Reduce { .. })))],
            reduction,
        ),
        rule(
            "pack-move",
            "pack(m, slice t) = slice pack(m, t) along other axes; so for every movement",
            "moving entries along other axes does not stop packing",
            vec![packed(every("value", moves))],
            movement,
        ),
        rule(
            "pack-along",
            "pack(m, sort d t) = sort d pack(m, t), where d is not of m; so for sums so far and choices",
            "work along other axes is done for packed rows only",
            vec![packed(every("value", along))],
            along_other_axes,
        ),
        rule(
            "pack-gather",
            "pack(m, t[i]) = pack(m, t)[pack(m, i)], where the axis looked up is not of m",
            "only the entries of packed rows are looked up",
            vec![packed(every("value", |o| matches!(o, Operation::Gather { .. })))],
            lookup,
        ),
    ]
}

/// Packing meets unpacking, sums, and other masks.
fn undoing() -> Vec<Rule> {
    let rule = |name, equation, reason, left, right| Rule::new(name, equation, reason, left, right).packing();
    vec![
        rule(
            "pack-of-unpack",
            "pack(m, unpack(m, q)) = q",
            "values that are packed already are not unpacked in between",
            vec![term("pack", is_pack, [any("m"), term("unpack", is_unpack, [any("m"), any("q")])])],
            undone,
        ),
        rule(
            "pack-of-only-row",
            "pack(m, segment sum e (m, q)) = q, where at most one entry over e is true; so for every reduction",
            "what one expert has made of a row goes on as it is packed",
            vec![packed(term("segments", is_segments, [any("m"), any("q")]))],
            only_row,
        ),
        rule(
            "pack-own-mask",
            "where(pack(m, m), a, b) = a; pack(m, m) && a = a",
            "a packed row is never off its mask",
            vec![
                term("select", is_select, [own(), any("a"), any("b")]),
                term("and", |o| is_map(o, ScalarFunction::And), [own(), any("a")]),
                term("and", |o| is_map(o, ScalarFunction::And), [any("a"), own()]),
            ],
            |site| site.alone("a"),
        ),
        rule(
            "pack-scatter",
            "pack(m, scatter(t, i)) = scatter(pack(m, t), pack(m, i)) along axes that are not of m",
            "only the updates of packed rows are added",
            vec![packed(every("value", |o| matches!(o, Operation::ScatterAdd { .. })))],
            scattered,
        ),
        rule(
            "segment-reduce",
            "sum e unpack(m, q) = segment sum e (m, q), where e is of m and the background is 0",
            "packed rows are added where they belong and never laid out densely",
            vec![term(
                "reduce",
                |o| matches!(o, Operation::Reduce { .. }),
                [term("unpack", is_unpack, [any("m"), any("q")])],
            )],
            segments,
        ),
        rule(
            "pack-narrowed-sum",
            "pack(m, sum j t) = pack(m, segment sum j (c, pack(c, t))), where t is 0 off s, and c is m and s",
            "of what an inner gate chose, only what the outer gate chose too is worked out",
            vec![packed(term("reduce", |o| matches!(o, Operation::Reduce { .. }), [any("t")]))],
            narrowed,
        ),
        rule(
            "pack-placed",
            "pack(m, pad t) = pack(m, pad unpack(c, pack(c, t))), where c is true wherever m is in t's place",
            "what stands in one expert's place is worked out for the rows of that expert only",
            vec![packed(term("pad", |o| matches!(o, Operation::Pad { .. }), [any("t")]))],
            placed,
        ),
    ]
}

fn is_pack(operation: &Operation) -> bool {
    matches!(operation, Operation::Pack { .. })
}

/// A mask packed by itself.
fn own() -> Shape {
    term("pack", is_pack, [any("m"), any("m")])
}

fn is_unpack(operation: &Operation) -> bool {
    matches!(operation, Operation::Unpack { .. })
}

fn is_segments(operation: &Operation) -> bool {
    matches!(operation, Operation::SegmentReduce { .. })
}

fn packed(value: Shape) -> Shape {
    term("pack", is_pack, [any("m"), value])
}

fn moves(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Rename { .. }
            | Operation::Merge { .. }
            | Operation::Split { .. }
            | Operation::Slice { .. }
            | Operation::Pad { .. }
            | Operation::Window { .. }
            | Operation::Concatenate { .. }
    )
}

fn along(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Sort { .. }
            | Operation::CumulativeSum { .. }
            | Operation::LargestMask { .. }
            | Operation::ArgMax { .. }
    )
}

fn bounded(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let fact = site.fact("t").ok_or("nothing bounds it")?;
    require(!fact.support.is_empty(), "it is constant")?;
    let is_mask = site.element("t") == Element::Bool;
    let candidates = site.graph.knowledge().candidates.iter();
    let fits = candidates.filter(|candidate| {
        let axes = &site.ty("t").axes;
        // Of a mask, what an outer mask leaves out is left out: an inner gate is then only worked out for what an outer one chose.
        !(is_mask && candidate.axes.len() == axes.len())
            && candidate.axes.iter().all(|axis| axes.contains(axis))
            && !axes.contains(&candidate.axis)
            && covers(site.graph, candidate, &fact.support.expression)
    });
    let trees: Vec<Tree> = fits
        .map(|candidate| {
            let mask = site.graph.find(candidate.mask);
            let pack = Operation::Pack { into: candidate.axis };
            let unpack = Operation::Unpack { from: candidate.axis, background: fact.background };
            let inner = Tree::Term(pack, vec![Tree::Class(mask), site.tree("t")]);
            Tree::Term(unpack, vec![Tree::Class(mask), inner])
        })
        .collect();
    require(!trees.is_empty(), "its bound leaves out too little")?;
    Ok(trees)
}

/// The operand packed by the mask of the site, if it has any of the mask's axes.
fn pack(site: &Site, operand: egg::Id) -> Result<Tree, &'static str> {
    let (Operation::Pack { into }, ty) = (site.operation("pack")?, &site.graph.data(operand).ty) else {
        return Err("no packing");
    };
    require(!ty.has(*into), "an operand has the packed axis already")?;
    let shares = ty.axes.iter().any(|axis| site.ty("m").has(*axis));
    Ok(if shares {
        Tree::Term(Operation::Pack { into: *into }, vec![site.tree("m"), Tree::Class(operand)])
    } else {
        Tree::Class(operand)
    })
}

/// The operation of the value on packed operands, if the value has all axes of the mask: there are then no more packed rows than entries.
fn through(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let whole = site.ty("m").axes.iter().all(|axis| site.ty("value").has(*axis));
    require(whole, "the value lacks an axis of the mask: its rows are gathered")?;
    let operands: Result<Vec<Tree>, _> = site.operands("value").iter().map(|id| pack(site, *id)).collect();
    Ok(vec![Tree::Term(site.operation("value")?.clone(), operands?)])
}

fn outside(site: &Site, axes: &[AxisId]) -> Result<(), &'static str> {
    require(!site.varies("m", axes), "it works along an axis of the mask")
}

fn elementwise(site: &Site) -> Result<Vec<Tree>, &'static str> {
    through(site)
}

fn reduction(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Reduce { axes, .. } = site.operation("value")? else { return Err("no reduction") };
    outside(site, axes)?;
    through(site)
}

fn movement(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes: Vec<AxisId> = match site.operation("value")? {
        Operation::Rename { from, to } => vec![*from, *to],
        Operation::Slice { from, into, .. } | Operation::Pad { from, into, .. } => vec![*from, *into],
        Operation::Merge { from, into } | Operation::Concatenate { from, into } => {
            from.iter().copied().chain([*into]).collect()
        }
        Operation::Split { from, into } => into.iter().copied().chain([*from]).collect(),
        Operation::Window { from, places, taps, .. } => vec![*from, *places, *taps],
        _ => return Err("no movement"),
    };
    outside(site, &axes)?;
    through(site)
}

fn along_other_axes(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axis = match site.operation("value")? {
        Operation::Sort { axis }
        | Operation::CumulativeSum { axis }
        | Operation::LargestMask { axis, .. }
        | Operation::ArgMax { axis } => *axis,
        _ => return Err("not along an axis"),
    };
    outside(site, &[axis])?;
    through(site)
}

fn lookup(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Gather { axis } = site.operation("value")? else { return Err("no lookup") };
    outside(site, &[*axis])?;
    through(site)
}

fn scattered(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::ScatterAdd { over, into } = site.operation("value")? else {
        return Err("nothing is scattered");
    };
    outside(site, over)?;
    outside(site, &[*into])?;
    through(site)
}

fn undone(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Pack { into }, Operation::Unpack { from, .. }) =
        (site.operation("pack")?, site.operation("unpack")?)
    else {
        return Err("no packing");
    };
    require(into == from, "they are packed along different axes")?;
    site.alone("q")
}

fn only_row(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Pack { into }, Operation::SegmentReduce { from, over, .. }) =
        (site.operation("pack")?, site.operation("segments")?)
    else {
        return Err("no packing");
    };
    require(into == from, "they are packed along different axes")?;
    let fact = site.fact("m").ok_or("nothing bounds the mask")?;
    require(!fact.background.is_true(), "the mask is true off its bound")?;
    let (over, one) = (over.iter().copied().collect(), Size::constant(1));
    let only = fact.support.is_within(&over, &one, &|axis| site.graph.knowledge().size(axis));
    require(only, "several entries of a row may be true")?;
    site.alone("q")
}

fn segments(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Reduce { kind, axes }, Operation::Unpack { from, background }) =
        (site.operation("reduce")?, site.operation("unpack")?)
    else {
        return Err("no reduction");
    };
    let element = site.element("q");
    require(kind.identity(element).as_f64() == background.as_f64(), "the background is not the identity")?;
    let (m, q) = (site.tree("m"), site.tree("q"));
    Ok(vec![segmented(element, *kind, axes, m, (*from, &site.ty("m").axes), q)?])
}

/// Packed rows reduced along axes, some of the mask's and some their own.
fn segmented(
    element: Element,
    kind: ReduceKind,
    axes: &[AxisId],
    mask: Tree,
    (from, masked): (AxisId, &[AxisId]),
    rows: Tree,
) -> Result<Tree, &'static str> {
    let (over, inner): (Vec<AxisId>, Vec<AxisId>) = axes.iter().partition(|axis| masked.contains(axis));
    require(!over.is_empty(), "no axis of the mask is reduced")?;
    let rounds = element.bytes() == 2 && matches!(kind, ReduceKind::Sum | ReduceKind::Product);
    require(inner.is_empty() || !rounds, "a sum of 16-bit floats would be rounded in between")?;
    let rows =
        if inner.is_empty() { rows } else { Tree::Term(Operation::Reduce { kind, axes: inner }, vec![rows]) };
    Ok(Tree::Term(Operation::SegmentReduce { kind, from, over }, vec![mask, rows]))
}

/// The masks that a value can be packed by and that are true wherever `support` is.
fn masks_over<'a>(
    site: &'a Site,
    value: &'a str,
    support: &'a SupportExpression,
) -> impl Iterator<Item = &'a Candidate> {
    let axes = &site.ty(value).axes;
    site.graph.knowledge().candidates.iter().filter(move |candidate| {
        candidate.axes.iter().all(|axis| axes.contains(axis))
            && !axes.contains(&candidate.axis)
            && covers(site.graph, candidate, support)
    })
}

fn narrowed(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Reduce { kind, axes } = site.operation("reduce")? else { return Err("no reduction") };
    outside(site, axes)?;
    let whole = site.ty("m").axes.iter().all(|axis| site.ty("t").has(*axis));
    require(whole, "the value lacks an axis of the mask: its rows are gathered")?;
    let fact = site.fact("t").ok_or("nothing bounds the terms")?;
    require(!fact.support.is_empty(), "the terms are constant")?;
    let element = site.element("t");
    require(
        kind.identity(element).as_f64() == fact.background.as_f64(),
        "the background is not the identity",
    )?;
    let both = BTreeSet::from([of_mask(site.graph, site.class("m")), fact.support.expression.clone()]);
    let both = SupportExpression::Intersection(both);
    let mut trees = Vec::new();
    for candidate in masks_over(site, "t", &both) {
        let own = covers(site.graph, candidate, &fact.support.expression);
        if own || !axes.iter().any(|axis| candidate.axes.contains(axis)) {
            continue;
        }
        let mask = Tree::Class(site.graph.find(candidate.mask));
        let rows = Tree::Term(Operation::Pack { into: candidate.axis }, vec![mask.clone(), site.tree("t")]);
        let masked: Vec<AxisId> = candidate.axes.iter().copied().collect();
        let sum = segmented(element, *kind, axes, mask, (candidate.axis, &masked), rows)?;
        trees.push(Tree::Term(site.operation("pack")?.clone(), vec![site.tree("m"), sum]));
    }
    require(!trees.is_empty(), "no mask is within both bounds")?;
    Ok(trees)
}

fn placed(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Pad { from, into, before, .. } = site.operation("pad")? else { return Err("no padding") };
    require(site.ty("m").has(*into), "the place is not along an axis of the mask")?;
    let whole = site.ty("m").axes.iter().all(|axis| site.ty("pad").has(*axis));
    require(whole, "the value lacks an axis of the mask: its rows are gathered")?;
    let background = Scalar::zero(site.element("t"));
    let slice = Operation::Slice { from: *into, into: *from, start: before.clone() };
    let mask = SupportOperand::Support(SupportExpression::Mask(key(site.class("m"))));
    let place = SupportExpression::Apply(Box::new(slice), vec![mask]);
    // What is unpacked by the same mask already would only be packed and unpacked again.
    let unpacked = |axis: AxisId| {
        let mut terms = site.graph.terms(site.class("t")).iter();
        terms.any(|term| matches!(term.operation, Operation::Unpack { from, .. } if from == axis))
    };
    let fits = masks_over(site, "t", &place).filter(|candidate| !unpacked(candidate.axis));
    let mut trees = Vec::new();
    for candidate in fits {
        let mask = Tree::Class(site.graph.find(candidate.mask));
        let rows = Tree::Term(Operation::Pack { into: candidate.axis }, vec![mask.clone(), site.tree("t")]);
        let unpack = Operation::Unpack { from: candidate.axis, background };
        let padded = Tree::Term(site.operation("pad")?.clone(), vec![Tree::Term(unpack, vec![mask, rows])]);
        trees.push(Tree::Term(site.operation("pack")?.clone(), vec![site.tree("m"), padded]));
    }
    require(!trees.is_empty(), "no mask is the part of this one in its place")?;
    Ok(trees)
}
