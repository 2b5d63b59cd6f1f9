//! Integers that are written in floats: what is exact in integers is worked out in them.

use super::shapes::{absorption, is_cast, is_subtract, multiply, product, sum, sum_axes};
use crate::rule::{any, require, term, Rule, Site, Tree};
use moe_graph::{Absorb, Element, Operation};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let cast = |name, of| term(name, is_cast, [any(of)]);
    vec![
        Rule::new(
            "contract-bytes",
            "sum d (x as f32 * w as f32) = (sum d (x as i32 * w as i32)) as f32, where x and w are bytes and no sum leaves i32",
            "products of bytes go several to an instruction, and their sums are exact; floats round those beyond 2^24",
            vec![sum("sum", product("product", cast("left", "x"), cast("right", "w")))],
            contract_bytes,
        ),
        Rule::new(
            "difference-of-truths",
            "x as f32 - y as f32 = (x as i8 - y as i8) as f32, where x and y are truth values",
            "a ternary weight is a byte for each entry, and is multiplied as one",
            vec![term("difference", is_subtract, [cast("left", "x"), cast("right", "y")])],
            difference_of_truths,
        ),
    ]
}

fn cast(element: Element, operand: Tree) -> Tree {
    Tree::Term(Operation::Cast(element), vec![operand])
}

/// The largest magnitude that bytes have.
fn magnitude(element: Element) -> Result<i64, &'static str> {
    match element {
        Element::I8 => Ok(128),
        Element::U8 => Ok(255),
        _ => Err("a factor is no byte"),
    }
}

fn contract_bytes(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let float = site.element("sum");
    require(matches!(float, Element::F32 | Element::F64), "it is summed in integers already, or in 16 bits")?;
    let size = |axis| site.graph.knowledge().size(axis).as_constant();
    let axes = sum_axes(site, "sum")?;
    let terms = axes.iter().try_fold(1_i64, |terms, axis| terms.checked_mul(size(*axis)?));
    let terms = terms.ok_or("how many terms there are is not known")?;
    let largest = magnitude(site.element("x"))?.saturating_mul(magnitude(site.element("w"))?);
    let fits = largest.checked_mul(terms).is_some_and(|most| most <= i64::from(i32::MAX));
    require(fits, "a sum may leave i32")?;
    let [x, w] = ["x", "w"].map(|name| cast(Element::I32, site.tree(name)));
    let products = multiply(absorption(site, "product")?, x, w);
    let whole = Tree::Term(site.operation("sum")?.clone(), vec![products]);
    Ok(vec![cast(float, whole)])
}

fn difference_of_truths(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let are_truths = ["x", "y"].iter().all(|name| site.element(name) == Element::Bool);
    require(are_truths, "they are no truth values")?;
    let wide = site.element("difference");
    require(
        wide != Element::I8 && !matches!(wide, Element::U8 | Element::U32 | Element::U64),
        "it is a byte, or has no signs",
    )?;
    require(absorption(site, "difference")? == Absorb::Neither, "an operand absorbs")?;
    let operands = ["x", "y"].map(|name| cast(Element::I8, site.tree(name))).into();
    let difference = Tree::Term(site.operation("difference")?.clone(), operands);
    Ok(vec![cast(wide, difference)])
}
