//! Sums of products: what does not depend on the axis of the sum moves out of it, or into it where that makes a joint bound.

use super::shapes::{
    absorption, contractions, either, in_order, is_concatenate, is_first, is_gather, is_merge, is_multiply,
    map, multiply, product, sum, sum_axes, summed,
};
use crate::rule::{any, every, require, term, Rule, Site, Tree};
use moe_graph::{Absorb, AxisId, Operation, ScalarFunction, Size};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        rule(
            "factor-out-of-sum",
            "sum h (g * x) = g * sum h x, where g does not vary along h",
            "one product for each sum instead of one for each term",
            vec![sum("sum", product("product", any("a"), any("b")))],
            out_of_sum,
        ),
        rule(
            "factor-out-of-contraction",
            "sum h ((g * x) * w) = g * sum h (x * w), where g does not vary along h",
            "the factor is applied to the results of a contraction, which are fewer than its terms",
            contractions([product("inner", any("a"), any("b"))], any("w")),
            out_of_contraction,
        ),
        rule(
            "contract-parts",
            "sum d (x * merge (a, b to d) w) = sum a, b (split (d to a, b) x * w), where w is the same in every step",
            "a weight in groups, each with its scale or its bound, is read as it lies, and group by group",
            contractions([any("x")], term("merge", is_merge, [any("w")])),
            parts,
        ),
        rule(
            "contract-merged",
            "sum d (merge (a, b to d) x * w) = sum a, b (x * split (d to a, b) w), where x is a lookup and w is the same in every step",
            "each feature that is looked up meets its part of the weight, and what the two give may be worked out once",
            contractions([term("merge", is_merge, [any("x")])], any("w")),
            merged,
        ),
        rule(
            "contract-joined",
            "sum d (concatenate (x, y to d) * w) = sum a (x * slice w) + sum b (y * slice w), where w is the same in every step",
            "features are not written beside each other, and each goes through its part of the weight, which may be worked out once",
            contractions([every("joined", is_concatenate)], any("w")),
            joined,
        ),
        rule(
            "factor-into-bounded-sum",
            "g * sum j x = sum j (g * x), where g and x are both bounded, and the bound of x is over j",
            "two levels of gates get one joint bound",
            either("product", is_multiply, [any("g")], sum("sum", any("x"))),
            into_sum,
        ),
    ]
}

/// The axes of the site's sum; an error for 16-bit floats, whose products are rounded one by one.
fn exact_axes<'a>(site: &'a Site) -> Result<&'a [AxisId], &'static str> {
    let axes = sum_axes(site, "sum")?;
    require(site.element("sum").bytes() != 2, "products of 16-bit floats are rounded one by one")?;
    Ok(axes)
}

/// Which of `a` and `b` is the factor that the axes do not touch. One that is known to be infinite somewhere stays: infinities of both signs
/// make a sum NaN, and times a sum they are infinite.
fn factor<'a>(
    site: &Site,
    axes: &[AxisId],
    a: &'a str,
    b: &'a str,
) -> Result<(&'a str, &'a str), &'static str> {
    let (outer, inner) = match (site.varies(a, axes), site.varies(b, axes)) {
        (false, true) => (a, b),
        (true, false) => (b, a),
        (true, true) => return Err("both factors vary along the axis of the sum"),
        (false, false) => return Err("neither factor varies along the axis of the sum"),
    };
    let finite = site.fact(outer).is_none_or(|fact| fact.background.as_f64().is_finite());
    require(finite, "the factor is infinite off its support")?;
    Ok((outer, inner))
}

fn out_of_sum(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes = exact_axes(site)?;
    let (outer, inner) = factor(site, axes, "a", "b")?;
    // If the other side absorbs, it does so term by term, and its sum would not.
    let absorb = match (absorption(site, "product")?, outer) {
        (Absorb::Neither, _) => Absorb::Neither,
        (Absorb::Left, "a") | (Absorb::Right, "b") => Absorb::Left,
        _ => return Err("the factor that stays in the sum absorbs"),
    };
    let sum = Tree::Term(site.operation("sum")?.clone(), vec![site.tree(inner)]);
    Ok(vec![multiply(absorb, site.tree(outer), sum)])
}

fn out_of_contraction(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes = exact_axes(site)?;
    let (outer, inner) = factor(site, axes, "a", "b")?;
    let inner_is_left = is_first(site, "product", "inner");
    let by_product = match (absorption(site, "product")?, inner_is_left) {
        (Absorb::Neither, _) => Absorb::Neither,
        (Absorb::Left, true) | (Absorb::Right, false) => Absorb::Left,
        _ => return Err("the factor that stays in the sum absorbs"),
    };
    let by_factor = match (absorption(site, "inner")?, outer) {
        (Absorb::Neither, _) => Absorb::Neither,
        (Absorb::Left, "a") | (Absorb::Right, "b") => Absorb::Left,
        _ => return Err("the factor that stays in the sum absorbs"),
    };
    require(by_product == by_factor, "only one of the two products absorbs")?;
    // Each stays on its side, so that axes keep their order.
    let (x, w) = (site.tree(inner), site.tree("w"));
    let contracted = beside(by_product, x, w, inner_is_left);
    let sum = Tree::Term(site.operation("sum")?.clone(), vec![contracted]);
    Ok(vec![beside(by_factor, site.tree(outer), sum, outer == "a")])
}

/// A product of which the first factor absorbs, or neither; `first` says whether it stands on the left.
fn beside(absorb: Absorb, factor: Tree, other: Tree, first: bool) -> Tree {
    match (absorb, first) {
        (absorb, true) => multiply(absorb, factor, other),
        (Absorb::Neither, false) => multiply(Absorb::Neither, other, factor),
        (_, false) => multiply(Absorb::Right, other, factor),
    }
}

/// The axis of a sum that a factor is merged along.
fn merged_axis<'a>(site: &'a Site, axes: &[AxisId]) -> Result<(&'a [AxisId], AxisId), &'static str> {
    let Operation::Merge { from, into } = site.operation("merge")? else { return Err("no merge") };
    require(axes.contains(into), "the sum is not along the merged axis")?;
    Ok((from, *into))
}

/// The sum part by part, with what was merged as it lies and the other factor split; `lacks` and `varies` say what is wrong where the other one
/// does not vary along the merged axis, or along a part of it already.
fn by_parts(
    site: &Site,
    axes: &[AxisId],
    [whole, other]: [&str; 2],
    [lacks, varies]: [&'static str; 2],
) -> Result<Vec<Tree>, &'static str> {
    let (from, into) = merged_axis(site, axes)?;
    require(site.varies(other, &[into]), lacks)?;
    let own = from.iter().any(|axis| axes.contains(axis));
    require(!own && !site.varies(other, from), varies)?;
    let split = Tree::Term(Operation::Split { from: into, into: from.to_vec() }, vec![site.tree(other)]);
    let merged_first = is_first(site, "product", "merge");
    let terms = in_order(absorption(site, "product")?, merged_first, site.tree(whole), split);
    let mut axes: Vec<AxisId> = axes.iter().filter(|axis| **axis != into).chain(from).copied().collect();
    axes.sort();
    Ok(vec![summed(axes, terms)])
}

fn parts(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes = exact_axes(site)?;
    merged_axis(site, axes)?;
    require(site.is_invariant("w"), "what is merged is worked out in each step")?;
    let lacks = "the other factor does not vary along the merged axis";
    by_parts(site, axes, ["w", "x"], [lacks, "the other factor varies along a part of it already"])
}

fn merged(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes = exact_axes(site)?;
    merged_axis(site, axes)?;
    let found = site.graph.terms(site.class("x")).iter().any(|term| is_gather(&term.operation));
    site.pays(found, "what is merged is no lookup")?;
    require(site.is_invariant("w"), "the weight is worked out in each step")?;
    let lacks = "the weight does not vary along the merged axis";
    by_parts(site, axes, ["x", "w"], [lacks, "the weight varies along a part of it already"])
}

fn joined(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes = exact_axes(site)?;
    let Operation::Concatenate { from, into } = site.operation("joined")? else {
        return Err("nothing joined");
    };
    require(axes.contains(into), "the sum is not along the axis that is joined")?;
    require(absorption(site, "product")? == Absorb::Neither, "an operand absorbs")?;
    require(site.is_invariant("w"), "the weight is worked out in each step")?;
    require(site.varies("w", &[*into]), "the weight does not vary along the axis that is joined")?;
    let own = from.iter().any(|axis| axes.contains(axis));
    require(!own && !site.varies("w", from), "the weight varies along the axis of a part already")?;
    let joined_first = is_first(site, "product", "joined");
    let mut start = Size::constant(0);
    let mut parts = Vec::new();
    for (part, own) in site.operands("joined").iter().zip(from) {
        let slice = Operation::Slice { from: *into, into: *own, start: start.clone() };
        let w = Tree::Term(slice, vec![site.tree("w")]);
        let terms = in_order(Absorb::Neither, joined_first, Tree::Class(site.graph.find(*part)), w);
        let mut axes: Vec<AxisId> = axes.iter().filter(|axis| *axis != into).chain([own]).copied().collect();
        axes.sort();
        parts.push(summed(axes, terms));
        start = start.add(&site.graph.knowledge().size(*own));
    }
    let all =
        parts.into_iter().reduce(|all, part| map(ScalarFunction::Add, Absorb::Neither, vec![all, part]));
    Ok(all.into_iter().collect())
}

fn into_sum(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axes = exact_axes(site)?;
    require(absorption(site, "product")? == Absorb::Both, "the two sides are not both bounded")?;
    require(!site.varies("g", axes), "the factor varies along the axis of the sum")?;
    let within = site.ty("g").axes.iter().all(|axis| site.ty("x").has(*axis));
    require(within, "the terms would get more axes")?;
    let fact = site.fact("x").ok_or("nothing bounds the terms")?;
    require(fact.background.is_zero(), "the background of the terms is not 0")?;
    require(
        axes.iter().any(|axis| fact.support.axes.contains(axis)),
        "the bound is not over the axis of the sum",
    )?;
    let terms = multiply(Absorb::Both, site.tree("g"), site.tree("x"));
    Ok(vec![Tree::Term(site.operation("sum")?.clone(), vec![terms])])
}
