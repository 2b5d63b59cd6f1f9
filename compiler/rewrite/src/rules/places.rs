//! What is known to be nothing at places that are known is left out: a reduction goes over the other places alone, and what it goes over is worked
//! out there alone.

use super::shapes::{is_gather, is_reduce, is_rename, is_scalar, is_select};
use crate::rule::{any, every, require, term, Rule, Site, Tree};
use crate::statics::{entries, left, Places};
use moe_graph::{AxisId, Operation, Scalar};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        rule(
            "reduce-places",
            "sum r x = sum p x[places[p]], where x is 0 at all other places of r, whatever weights and inputs are; likewise every reduction",
            "what is pruned, masked or dead as given is neither read nor multiplied",
            vec![term("reduce", is_reduce, [any("x")])],
            reduce_places,
        ),
        rule(
            "function-of-places",
            "f(x, y)[places[p]] = f(x[places[p]], y[places[p]]); what lacks the axis stays",
            "a function is worked out at the places that are needed",
            vec![term("lookup", is_gather, [every("inner", is_scalar), any("i")])],
            function_of_places,
        ),
        rule(
            "reduction-of-places",
            "(sum b x)[places[p]] = sum b (x[places[p]])",
            "a layer is worked out at the places that are needed, of a weight that is narrower",
            vec![term("lookup", is_gather, [term("inner", is_reduce, [any("x")]), any("i")])],
            reduction_of_places,
        ),
        rule(
            "renaming-of-places",
            "(x as [a = b])[places[p]] = x[places[p]] for places of b, and x[places[p]] as [a = b] for others",
            "the places of a value are those of what it was",
            vec![term("lookup", is_gather, [term("inner", is_rename, [any("x")]), any("i")])],
            renaming_of_places,
        ),
        rule(
            "select-at-places",
            "where(c[places[p]], a, b) = a, where c is known to be true at these places",
            "what was left out need not be masked",
            vec![term(
                "select",
                is_select,
                [term("lookup", is_gather, [any("c"), any("i")]), any("a"), any("b")],
            )],
            select_at_places,
        ),
    ]
}

/// The places of a list, if they are in ascending order.
fn listed<'a>(site: &'a Site, places: &Places) -> Option<&'a [Scalar]> {
    let list = site.graph.knowledge().tables.get(places.table as usize)?;
    let ascending = |pair: &[Scalar]| match pair {
        [a, b] => a.as_integer() < b.as_integer(),
        _ => false,
    };
    list.windows(2).all(ascending).then_some(list)
}

fn reduce_places(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Reduce { kind, axes } = site.operation("reduce")? else { return Err("no reduction") };
    let knowledge = site.graph.knowledge();
    require(!knowledge.places.is_empty(), "nothing is known to be nothing at places that are known")?;
    let mut trees = Vec::new();
    for axis in axes {
        let Some(needed) = left(site.graph, *kind, *axis, site.class("x")) else { continue };
        let needed: Vec<Scalar> = needed.into_iter().map(Scalar::index).collect();
        for places in knowledge.places.iter().filter(|places| places.of.unwrap_or(*axis) == *axis) {
            let own = places.into == *axis || axes.contains(&places.into) || site.varies("x", &[places.into]);
            let Some(list) = listed(site, places).filter(|_| !own) else { continue };
            let size = knowledge.size(*axis).as_constant().unwrap_or(0);
            let inside =
                list.iter().all(|place| (0..i128::from(size)).contains(&place.as_integer().unwrap_or(-1)));
            let covers = needed.iter().all(|place| list.contains(place));
            if inside && covers && (list.len() == needed.len() || knowledge.checks) {
                trees.push(over_places(site, *axis, places));
            }
        }
    }
    require(!trees.is_empty(), "the value may be something at every place")?;
    Ok(trees)
}

/// The reduction along the list in the place of the axis.
fn over_places(site: &Site, axis: AxisId, places: &Places) -> Tree {
    let Ok(Operation::Reduce { kind, axes }) = site.operation("reduce") else { return site.tree("reduce") };
    let mut axes: Vec<AxisId> =
        axes.iter().copied().filter(|own| *own != axis).chain([places.into]).collect();
    axes.sort();
    let list = Tree::Term(Operation::Table(places.table), Vec::new());
    let left = Tree::Term(Operation::Gather { axis }, vec![site.tree("x"), list]);
    Tree::Term(Operation::Reduce { kind: *kind, axes }, vec![left])
}

/// The axis of a lookup. It ends the search, and keeps to what it is for, that the index is a list of places.
fn axis(site: &Site) -> Result<AxisId, &'static str> {
    let Operation::Gather { axis } = site.operation("lookup")? else { return Err("no lookup") };
    let tables = site.graph.terms(site.class("i")).iter();
    let is_list = tables.filter_map(|term| match term.operation {
        Operation::Table(table) => Some(table),
        _ => None,
    });
    let places = &site.graph.knowledge().places;
    let is_list = is_list.into_iter().any(|table| places.iter().any(|places| places.table == table));
    site.pays(is_list, "the index is no list of places")?;
    Ok(*axis)
}

/// What is looked up of a class along the axis; itself if it lacks it.
fn looked_up(site: &Site, axis: AxisId, id: egg::Id) -> Tree {
    if !site.graph.data(id).ty.has(axis) {
        return Tree::Class(id);
    }
    Tree::Term(Operation::Gather { axis }, vec![Tree::Class(id), site.tree("i")])
}

/// The operation `inner` of what is looked up of `x`.
fn of_looked_up(site: &Site, axis: AxisId) -> Result<Vec<Tree>, &'static str> {
    let x = looked_up(site, axis, site.class("x"));
    Ok(vec![Tree::Term(site.operation("inner")?.clone(), vec![x])])
}

fn function_of_places(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axis = axis(site)?;
    let operands = site.operands("inner").iter().map(|operand| looked_up(site, axis, *operand)).collect();
    Ok(vec![Tree::Term(site.operation("inner")?.clone(), operands)])
}

fn reduction_of_places(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axis = axis(site)?;
    let Operation::Reduce { axes, .. } = site.operation("inner")? else { return Err("no reduction") };
    require(!site.varies("i", axes), "the index varies along the axis of the reduction")?;
    of_looked_up(site, axis)
}

fn renaming_of_places(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axis = axis(site)?;
    let Operation::Rename { from, to } = site.operation("inner")? else { return Err("no renaming") };
    require(!site.varies("i", &[*from, *to]), "the index varies along the axis that is renamed")?;
    if *to == axis {
        return Ok(vec![looked_up(site, *from, site.class("x"))]);
    }
    of_looked_up(site, axis)
}

fn select_at_places(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Gather { axis } = site.operation("lookup")? else { return Err("no lookup") };
    require(site.ty("c").axes == [*axis], "the condition varies along other axes")?;
    let index = entries(site.graph, site.class("i")).ok_or("the index is not known")?;
    let condition = entries(site.graph, site.class("c")).ok_or("the condition is not known")?;
    let is_true = |place: &Scalar| {
        let place = place.as_integer().and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| condition.values().get(place)).is_some_and(|value| value.is_true())
    };
    require(index.values().iter().all(is_true), "the condition is not true at all places")?;
    site.alone("a")
}
