//! Linear algebra: the order of contractions, what they have in common, and scales.
//!
//! Products on the same input (gate and up; queries, keys and values) are not joined into one here: that would copy weights at every step, and
//! the scheduler reads the input of both once anyway. There is no transpose to absorb: axes are aligned by name.

use super::shapes::{
    absorption, contractions, either, fixed_entries, in_order, is_add, is_fair, is_first, is_multiply, map,
    multiply, product, sum, sum_axes, summed,
};
use crate::rule::{any, require, term, Rule, Shape, Site, Tree};
use crate::sign::{of_class, Sign};
use moe_graph::{Absorb, AxisId, Operation, ReduceKind, ScalarFunction};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        rule(
            "associate-contractions",
            "sum d ((sum c (x * a)) * b) = sum c (x * sum d (a * b)), where x does not vary along d, nor b along c",
            "of two contractions the one that leaves less to do comes first",
            chains(),
            associate,
        ),
        rule(
            "join-contractions",
            "sum d (x * a) + sum d (x * b) = sum d (x * (a + b)), where a and b have the same axes",
            "one contraction instead of two: two mixtures of the same experts, or an adapter merged into its weight",
            common_factor(),
            join,
        ),
        rule(
            "part-contraction",
            "sum d (x * (a + sum r b)) = sum d (x * a) + sum d (x * sum r b), where |r| is small",
            "a weight of low rank need not be written out: rows go through its two narrow factors",
            contractions([any("x")], term("both", is_add, [any("a"), any("b")])),
            part,
        ),
        rule(
            "join-scales",
            "s * (t * x) = (s * t) * x, where s and t do not vary along all axes of x",
            "scales are brought together before there is much to scale",
            scales(),
            join_scales,
        ),
        rule(
            "factor-out-of-part",
            "sum g, k ((s * x) * w) = sum g (s * sum k (x * w)), where s does not vary along k",
            "a scale of a group is applied to the group's sum, not to each of its terms",
            contractions(either("inner", is_multiply, [any("s")], any("x")), any("w")),
            out_of_part,
        ),
    ]
}

/// A scale of a scaled value.
fn scales() -> Vec<Shape> {
    let inner = either("inner", is_multiply, [any("t")], any("x"));
    inner.into_iter().flat_map(|inner| either("outer", is_multiply, [any("s")], inner)).collect()
}

/// A contraction of a contraction, on either side.
fn chains() -> Vec<Shape> {
    contractions([sum("inner_sum", product("inner", any("x"), any("a")))], any("b"))
}

pub(super) fn plain(site: &Site, products: &[&str]) -> Result<(), &'static str> {
    for name in products {
        require(absorption(site, name)? == Absorb::Neither, "a factor absorbs")?;
    }
    require(
        site.element(products.first().copied().unwrap_or_default()).bytes() != 2,
        "products of 16-bit floats are rounded one by one",
    )
}

/// The operands keep their order wherever they can, so that going back makes nothing new.
fn associate(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["product", "inner"])?;
    let (outer, inner) = (sum_axes(site, "sum")?, sum_axes(site, "inner_sum")?);
    require(!site.varies("b", inner), "the other factor varies along the inner sum's axis")?;
    let (stays, moves, stays_first) = match (site.varies("x", outer), site.varies("a", outer)) {
        (false, true) => ("x", "a", true),
        (true, false) => ("a", "x", false),
        (true, true) => return Err("both inner factors vary along the outer sum's axis"),
        (false, false) => return Err("no inner factor varies along the outer sum's axis"),
    };
    require(
        site.varies(stays, inner),
        "the factor that stays outside does not vary along the inner sum's axis",
    )?;
    require(
        is_fair(site, &["x", "a", "b"], &[moves, "b"]),
        "what is known to be large would be multiplied at every step",
    )?;
    let inner_first = is_first(site, "product", "inner_sum");
    let within = in_order(Absorb::Neither, inner_first, site.tree(moves), site.tree("b"));
    let within = summed(outer.to_vec(), within);
    Ok(vec![summed(inner.to_vec(), in_order(Absorb::Neither, stays_first, site.tree(stays), within))])
}

fn common_factor() -> Vec<Shape> {
    let product = |name, factor, first| {
        if first {
            product(name, any("x"), any(factor))
        } else {
            product(name, any(factor), any("x"))
        }
    };
    let both = |first, second| {
        let left = sum("left", product("one", "a", first));
        term("add", is_add, [left, sum("right", product("other", "b", second))])
    };
    vec![both(true, true), both(true, false), both(false, true), both(false, false)]
}

/// Which side of a product absorbs: the common factor, or the other one.
fn side(site: &Site, name: &str) -> Result<[bool; 2], &'static str> {
    let absorbs = match absorption(site, name)? {
        Absorb::Neither => [false, false],
        Absorb::Left => [true, false],
        Absorb::Right => [false, true],
        Absorb::Both => [true, true],
    };
    Ok(if is_first(site, name, "x") { absorbs } else { [absorbs[1], absorbs[0]] })
}

fn join(site: &Site) -> Result<Vec<Tree>, &'static str> {
    require(site.element("add").bytes() != 2, "sums of 16-bit floats are left as they are")?;
    require(absorption(site, "add")? == Absorb::Neither, "the sum absorbs")?;
    let axes = sum_axes(site, "left")?;
    require(axes == sum_axes(site, "right")?, "they are sums along different axes")?;
    site.pays(site.class("a") != site.class("b"), "they are the same")?;
    require(site.ty("a") == site.ty("b"), "the factors have different axes")?;
    let ([common, own], others) = (side(site, "one")?, side(site, "other")?);
    require([common, own] == others, "only one of the two products absorbs")?;
    // Where both factors are 0 nothing else counts, before and after; where they only cancel, it would not count after.
    let signed = own && [of_class(site.data("a")), of_class(site.data("b"))].contains(&Sign::Any);
    require(!signed, "the factors may cancel where the other side does not count")?;
    let absorb = match (is_first(site, "one", "x"), common, own) {
        (_, false, false) => Absorb::Neither,
        (_, true, true) => Absorb::Both,
        (true, true, false) | (false, false, true) => Absorb::Left,
        (true, false, true) | (false, true, false) => Absorb::Right,
    };
    let factor = map(ScalarFunction::Add, Absorb::Neither, vec![site.tree("a"), site.tree("b")]);
    let terms = in_order(absorb, is_first(site, "one", "x"), site.tree("x"), factor);
    Ok(vec![summed(axes.to_vec(), terms)])
}

/// Whether a class is a contraction over less than half of what it has along `axes`, and along its others.
fn is_low_rank(site: &Site, name: &str, axes: &[AxisId]) -> bool {
    let entries = |axes: &mut dyn Iterator<Item = &AxisId>| fixed_entries(site, axes);
    let (along, others): (Vec<AxisId>, Vec<AxisId>) =
        site.ty(name).axes.iter().partition(|axis| axes.contains(axis));
    let room = entries(&mut along.iter()).min(entries(&mut others.iter()));
    let product = |id: &egg::Id| site.graph.terms(*id).iter().any(|term| is_multiply(&term.operation));
    site.graph.terms(site.class(name)).iter().any(|term| match &term.operation {
        Operation::Reduce { kind: ReduceKind::Sum, axes } => {
            entries(&mut axes.iter()) * 2.0 <= room && term.operands.iter().all(product)
        }
        _ => false,
    })
}

fn part(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["product", "both"])?;
    require(site.ty("a") == site.ty("b"), "the summands have different axes")?;
    let axes = sum_axes(site, "sum")?;
    require(is_low_rank(site, "a", axes) || is_low_rank(site, "b", axes), "neither summand is of low rank")?;
    require(site.varies("x", axes) && site.varies("a", axes), "it is no contraction")?;
    let first = is_first(site, "product", "x");
    let contraction = |summand: &str| {
        let terms = in_order(Absorb::Neither, first, site.tree("x"), site.tree(summand));
        summed(axes.to_vec(), terms)
    };
    let both = vec![contraction("a"), contraction("b")];
    Ok(vec![map(ScalarFunction::Add, Absorb::Neither, both)])
}

fn join_scales(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["outer", "inner"])?;
    let narrow = |name: &str| site.ty("x").axes.iter().filter(|axis| site.ty(name).has(**axis)).count();
    let all = site.ty("x").axes.len();
    let within = |name: &str| site.ty(name).axes.iter().all(|axis| site.ty("x").has(*axis));
    require(within("s") && within("t"), "a scale has an axis that the value lacks")?;
    // This ends it: what is joined is a product, and a value that is a multiple of itself has no end of scales.
    let is_product =
        |name: &str| site.graph.terms(site.class(name)).iter().any(|term| is_multiply(&term.operation));
    site.pays(!is_product("s") && !is_product("t"), "a scale is a product already")?;
    let own = [site.class("outer"), site.class("inner")].contains(&site.class("x"));
    site.pays(!own, "the value is a multiple of itself")?;
    let both = site.ty("x").axes.iter().filter(|axis| site.ty("s").has(**axis) || site.ty("t").has(**axis));
    require(narrow("t") < all && both.count() < all, "together the scales vary along all axes of the value")?;
    let scale = multiply(Absorb::Neither, site.tree("s"), site.tree("t"));
    Ok(vec![in_order(Absorb::Neither, is_first(site, "inner", "t"), scale, site.tree("x"))])
}

fn out_of_part(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["product", "inner"])?;
    let axes = sum_axes(site, "sum")?;
    let (outer, inner): (Vec<AxisId>, Vec<AxisId>) = axes.iter().partition(|axis| site.ty("s").has(**axis));
    require(!outer.is_empty(), "the scale varies along no axis of the sum")?;
    require(!inner.is_empty(), "the scale varies along every axis of the sum")?;
    require(site.varies("x", &inner), "the value does not vary where the scale does not")?;
    let (x, w) = (site.tree("x"), site.tree("w"));
    let group = summed(inner, in_order(Absorb::Neither, is_first(site, "product", "inner"), x, w));
    Ok(vec![summed(outer, multiply(Absorb::Neither, site.tree("s"), group))])
}
