//! Lookups: one-hot products, lookups of lookups, and contractions of what is looked up.

use super::shapes::{
    absorption, axes_of, contractions, either, fixed_entries, in_order, is_fair, is_first, is_gather, is_map,
    is_select, map, number, size, sum, sum_axes, summed,
};
use crate::rule::{any, require, term, Rule, Shape, Site, Tree};
use moe_graph::{Absorb, AxisId, Element, Operation, Scalar, ScalarFunction as F};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        rule(
            "one-hot-to-lookup",
            "sum v (where(v == i, s, 0) * t) = where(0 <= i < |v|, s * t[i], 0), where s and i do not vary along v",
            "one row is looked up instead of multiplying a table by zeros",
            contractions(hots("s"), any("t")),
            hot_to_lookup,
        ),
        rule(
            "select-one-to-lookup",
            "sum v where(v == i, t, 0) = where(0 <= i < |v|, t[i], 0), where i does not vary along v",
            "one entry is looked up instead of going over all",
            hots("t").into_iter().map(|hot| sum("sum", hot)).collect(),
            one_to_lookup,
        ),
        rule(
            "one-hot-to-scatter",
            "sum n (where(v == i, s, 0) * t) = scatter of where(0 <= i < |v|, s * t, 0) to i, where s and t do not vary along v",
            "each row is added to the one place where it belongs",
            contractions(hots("s"), any("t")),
            hot_to_scatter,
        ),
        rule(
            "lookup-of-lookup",
            "t[i][j] = t[i[j]]",
            "indices are put together, and rows are moved once",
            vec![term("outer", is_gather, [term("inner", is_gather, [any("t"), any("i")]), any("j")])],
            twice,
        ),
        rule(
            "contract-before-lookup",
            "sum d (t[i] * w) = (sum d (t * w))[i], where w does not vary along what is looked up; of a sum along axes of i too, those stay outside",
            "a small table goes through the layer once instead of every row that is looked up",
            contractions([found()], any("w")),
            contract_first,
        ),
        rule(
            "matrix-lookup-to-choice",
            "sum d (x * t[i]) = sum e where(e == i, sum d (x * t), 0), where x varies along i's axes, and i is looked up to check it",
            "rows that name the same matrix go through it together, and no matrix is fetched for each row",
            contractions([found()], any("x")),
            matrix_to_choice,
        ),
    ]
}

/// Up to so many entries a table may be made of a smaller one.
const KEPT: f64 = 1e6;

fn found() -> Shape {
    term("lookup", is_gather, [any("t"), any("i")])
}

fn is_coordinate(operation: &Operation) -> bool {
    matches!(operation, Operation::Coordinate(_))
}

/// `where(v == i, s, 0)` with the comparison either way.
fn hots(on: &'static str) -> Vec<Shape> {
    let equal = either("equal", |o| is_map(o, F::Equal), [term("place", is_coordinate, [])], any("i"));
    equal.into_iter().map(|equal| term("hot", is_select, [equal, any(on), any("off")])).collect()
}

/// The axis of the one-hot choice and its length.
fn choice(site: &Site) -> Result<(AxisId, i64), &'static str> {
    let Operation::Coordinate(axis) = site.operation("place")? else { return Err("no coordinate") };
    require(!site.varies("i", &[*axis]), "the index varies along the axis")?;
    let off = site.constant("off").ok_or("what stands elsewhere varies")?;
    require(off.is_zero(), "what stands elsewhere is not 0")?;
    let length = site.graph.knowledge().size(*axis).as_constant().filter(|length| *length > 0);
    Ok((*axis, length.ok_or("the axis may be empty")?))
}

/// Whether the index is a place, and the nearest place to it.
fn places(site: &Site, length: i64) -> (Tree, Tree) {
    let (zero, end) = (Scalar::index(0), Scalar::index(length));
    let compare = |function, value| map(function, Absorb::Neither, vec![site.tree("i"), number(value)]);
    let inside = vec![compare(F::GreaterEqual, zero), compare(F::Less, end)];
    let last = size(&moe_graph::Size::constant(length - 1));
    let near = map(F::Maximum, Absorb::Neither, vec![site.tree("i"), number(zero)]);
    let near = map(F::Minimum, Absorb::Neither, vec![near, last]);
    (map(F::And, Absorb::Neither, inside), near)
}

fn only_inside(site: &Site, inside: Tree, value: Tree) -> Tree {
    let zero = Scalar::zero(site.element("sum"));
    map(F::Select, Absorb::Neither, vec![inside, value, number(zero)])
}

/// The absorption of the product, if what stands beside the zeros of the choice does not count.
fn hot_absorption(site: &Site) -> Result<Absorb, &'static str> {
    let absorb = absorption(site, "product")?;
    let by_hot = match absorb {
        Absorb::Both => true,
        Absorb::Left => is_first(site, "product", "hot"),
        Absorb::Right => !is_first(site, "product", "hot"),
        Absorb::Neither => false,
    };
    require(by_hot, "what is multiplied by 0 counts")?;
    Ok(absorb)
}

fn pair(site: &Site, absorb: Absorb, s: Tree, t: Tree) -> Tree {
    in_order(absorb, is_first(site, "product", "hot"), s, t)
}

fn hot_to_lookup(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (axis, length) = choice(site)?;
    let axes = sum_axes(site, "sum")?;
    require(axes.contains(&axis), "the sum is along another axis")?;
    require(!site.varies("s", &[axis]), "what stands at the place varies along the axis")?;
    require(site.varies("t", &[axis]), "the table does not vary along the axis")?;
    let absorb = hot_absorption(site)?;
    let rest: Vec<AxisId> = axes.iter().copied().filter(|own| *own != axis).collect();
    let (inside, near) = places(site, length);
    let row = Tree::Term(Operation::Gather { axis }, vec![site.tree("t"), near]);
    let row = only_inside(site, inside, pair(site, absorb, site.tree("s"), row));
    Ok(vec![summed(rest, row)])
}

fn one_to_lookup(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (axis, length) = choice(site)?;
    let axes = sum_axes(site, "sum")?;
    require(axes.contains(&axis), "the sum is along another axis")?;
    require(site.varies("t", &[axis]), "the table does not vary along the axis")?;
    let rest: Vec<AxisId> = axes.iter().copied().filter(|own| *own != axis).collect();
    let (inside, near) = places(site, length);
    let row = Tree::Term(Operation::Gather { axis }, vec![site.tree("t"), near]);
    Ok(vec![summed(rest, only_inside(site, inside, row))])
}

fn hot_to_scatter(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (axis, length) = choice(site)?;
    let axes = sum_axes(site, "sum")?;
    require(!axes.contains(&axis), "the sum is along the axis of the choice")?;
    require(!site.varies("s", &[axis]) && !site.varies("t", &[axis]), "what is added varies along the axis")?;
    require(
        axes.iter().all(|own| site.ty("i").has(*own)),
        "the index does not vary along every axis of the sum",
    )?;
    require(
        site.element("sum") == Element::F32 || site.element("sum") == Element::F64,
        "only sums of 32- and 64-bit floats change their order",
    )?;
    let absorb = hot_absorption(site)?;
    let (inside, near) = places(site, length);
    let row = only_inside(site, inside, pair(site, absorb, site.tree("s"), site.tree("t")));
    let scatter = Operation::ScatterAdd { over: axes.to_vec(), into: axis };
    Ok(vec![Tree::Term(scatter, vec![row, near])])
}

fn twice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Gather { axis: first }, Operation::Gather { axis: second }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no lookup");
    };
    require(site.varies("i", &[*second]), "the second lookup is not along the axis of the first index")?;
    require(!site.varies("t", &[*second]), "the table varies along the axis of the first index")?;
    require(
        !site.varies("i", &[*first]) && !site.varies("j", &[*first]),
        "an index varies along the axis looked up",
    )?;
    let index = Tree::Term(site.operation("outer")?.clone(), vec![site.tree("i"), site.tree("j")]);
    Ok(vec![Tree::Term(site.operation("inner")?.clone(), vec![site.tree("t"), index])])
}

/// The product of the whole table and what is multiplied by its lookup.
fn beside_lookup(site: &Site, other: Tree) -> Result<Tree, &'static str> {
    let table_first = is_first(site, "product", "lookup");
    Ok(in_order(absorption(site, "product")?, table_first, site.tree("t"), other))
}

fn contract_first(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Gather { axis } = site.operation("lookup")? else { return Err("no lookup") };
    let axes = sum_axes(site, "sum")?;
    require(!axes.contains(axis) && !site.varies("w", &[*axis]), "it is along the axis looked up")?;
    let (outside, axes): (Vec<AxisId>, Vec<AxisId>) = axes.iter().partition(|own| site.ty("i").has(**own));
    require(site.varies("t", &axes) && site.varies("w", &axes), "it is no contraction")?;
    let index = &site.ty("i").axes;
    // A row for each place along the index's axes that the other factor has: where it is the same in every step, that is worked out once.
    let apart = index.iter().all(|own| site.ty("t").has(*own) || !site.ty("w").has(*own));
    let once = site.is_invariant("t") && site.is_invariant("w");
    require(apart || once, "the other factor varies along the index's axes")?;
    let rounds = !outside.is_empty() && site.element("sum").bytes() == 2;
    require(!rounds, "sums of 16-bit floats are left as they are")?;
    require(is_fair(site, &["t", "i", "w"], &["t", "w"]), "a large table would be multiplied at every step")?;
    let made: Vec<AxisId> =
        axes_of(site, &["t", "w"]).into_iter().filter(|axis| !axes.contains(axis)).collect();
    let entries = |axes: &[AxisId]| fixed_entries(site, &mut axes.iter());
    let given = entries(&site.ty("t").axes) + entries(&site.ty("w").axes);
    let free = made.iter().any(|axis| site.graph.knowledge().size(*axis).as_constant().is_none());
    require(free || entries(&made) <= given.max(KEPT), "the table would be much larger")?;
    let table = summed(axes, beside_lookup(site, site.tree("w"))?);
    let found = Tree::Term(site.operation("lookup")?.clone(), vec![table, site.tree("i")]);
    Ok(vec![summed(outside, found)])
}

/// The index is looked up among all places, so that one outside stays an error.
fn matrix_to_choice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Gather { axis } = site.operation("lookup")? else { return Err("no lookup") };
    let axes = sum_axes(site, "sum")?;
    let (x, t, index) = (site.ty("x"), site.ty("t"), site.ty("i"));
    require(!axes.contains(axis) && !x.has(*axis) && !index.has(*axis), "it is along the axis looked up")?;
    require(site.varies("x", axes) && site.varies("t", axes), "it is no contraction")?;
    let rows = index.axes.iter().all(|own| x.has(*own) && !t.has(*own) && !axes.contains(own));
    require(rows && !index.axes.is_empty(), "the index does not choose by row")?;
    let column = t.axes.iter().any(|own| own != axis && !x.has(*own));
    require(column, "what is looked up is no matrix")?;
    let place = || Tree::Term(Operation::Coordinate(*axis), Vec::new());
    let checked = Tree::Term(site.operation("lookup")?.clone(), vec![place(), site.tree("i")]);
    let chosen = map(F::Equal, Absorb::Neither, vec![place(), checked]);
    let layer = summed(axes.to_vec(), beside_lookup(site, site.tree("x"))?);
    let nothing = number(Scalar::zero(site.element("sum")));
    let terms = map(F::Select, Absorb::Neither, vec![chosen, layer, nothing]);
    Ok(vec![summed(vec![*axis], terms)])
}
