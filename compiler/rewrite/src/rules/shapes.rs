//! Left sides that several themes share, and what they read off them.

use crate::rule::{any, term, Shape, Site, Tree};
use moe_graph::{Absorb, AxisId, Operation, ReduceKind, Scalar, ScalarFunction, Size};

/// Whether an operation is this scalar function.
pub fn is_map(operation: &Operation, wanted: ScalarFunction) -> bool {
    matches!(operation, Operation::Map { function, .. } if *function == wanted)
}

pub fn is_multiply(operation: &Operation) -> bool {
    is_map(operation, ScalarFunction::Multiply)
}

pub fn is_divide(operation: &Operation) -> bool {
    is_map(operation, ScalarFunction::Divide)
}

pub fn is_add(operation: &Operation) -> bool {
    is_map(operation, ScalarFunction::Add)
}

pub fn is_subtract(operation: &Operation) -> bool {
    is_map(operation, ScalarFunction::Subtract)
}

pub fn is_select(operation: &Operation) -> bool {
    is_map(operation, ScalarFunction::Select)
}

pub fn is_sum(operation: &Operation) -> bool {
    matches!(operation, Operation::Reduce { kind: ReduceKind::Sum, .. })
}

/// Whether it works out each entry from the operands' entries at the same place.
pub fn is_scalar(operation: &Operation) -> bool {
    matches!(operation, Operation::Map { .. } | Operation::Cast(_))
}

pub fn is_cast(operation: &Operation) -> bool {
    matches!(operation, Operation::Cast(_))
}

pub fn is_rename(operation: &Operation) -> bool {
    matches!(operation, Operation::Rename { .. })
}

pub fn is_reduce(operation: &Operation) -> bool {
    matches!(operation, Operation::Reduce { .. })
}

pub fn is_gather(operation: &Operation) -> bool {
    matches!(operation, Operation::Gather { .. })
}

pub fn is_merge(operation: &Operation) -> bool {
    matches!(operation, Operation::Merge { .. })
}

pub fn is_concatenate(operation: &Operation) -> bool {
    matches!(operation, Operation::Concatenate { .. })
}

/// A term of each of some operands and another one, in both orders: first those where the other one comes last.
pub fn either(
    name: &'static str,
    test: fn(&Operation) -> bool,
    operands: impl IntoIterator<Item = Shape>,
    other: Shape,
) -> Vec<Shape> {
    let operands: Vec<Shape> = operands.into_iter().collect();
    let before = operands.iter().map(|operand| term(name, test, [operand.clone(), other.clone()]));
    let after = operands.iter().map(|operand| term(name, test, [other.clone(), operand.clone()]));
    before.chain(after).collect()
}

/// Sums `sum` of products `product` of each of some factors and another one, in both orders.
pub fn contractions(factors: impl IntoIterator<Item = Shape>, other: Shape) -> Vec<Shape> {
    let products = either("product", is_multiply, factors, other);
    products.into_iter().map(|product| sum("sum", product)).collect()
}

/// A sum, by a name.
pub fn sum(name: &'static str, operand: Shape) -> Shape {
    term(name, is_sum, [operand])
}

/// A product, by a name.
pub fn product(name: &'static str, left: Shape, right: Shape) -> Shape {
    term(name, is_multiply, [left, right])
}

/// `where(c, a, b)`
pub fn selection() -> Shape {
    term("select", is_select, [any("c"), any("a"), any("b")])
}

/// A scalar function.
pub fn map(function: ScalarFunction, absorb: Absorb, operands: Vec<Tree>) -> Tree {
    Tree::Term(Operation::Map { function, absorb }, operands)
}

/// `left * right`
pub fn multiply(absorb: Absorb, left: Tree, right: Tree) -> Tree {
    map(ScalarFunction::Multiply, absorb, vec![left, right])
}

/// `one * other`, or the two the other way around: what is made keeps the order that was written.
pub fn in_order(absorb: Absorb, one_first: bool, one: Tree, other: Tree) -> Tree {
    let (left, right) = if one_first { (one, other) } else { (other, one) };
    multiply(absorb, left, right)
}

/// The sum along axes; the tree itself along none.
pub fn summed(axes: Vec<AxisId>, terms: Tree) -> Tree {
    if axes.is_empty() {
        return terms;
    }
    Tree::Term(Operation::Reduce { kind: ReduceKind::Sum, axes }, vec![terms])
}

/// A number.
pub fn number(value: Scalar) -> Tree {
    Tree::Term(Operation::Constant(value), Vec::new())
}

/// A size as an `i64`.
pub fn size(size: &Size) -> Tree {
    match size.as_constant() {
        Some(value) => number(Scalar::index(value)),
        None => Tree::Term(Operation::SizeOf(size.clone()), Vec::new()),
    }
}

/// The axes of the sum that goes by a name.
pub fn sum_axes<'a>(site: &'a Site, name: &str) -> Result<&'a [AxisId], &'static str> {
    match site.operation(name)? {
        Operation::Reduce { axes, .. } => Ok(axes),
        _ => Err("no sum"),
    }
}

/// The absorption of the scalar function that goes by a name.
pub fn absorption(site: &Site, name: &str) -> Result<Absorb, &'static str> {
    match site.operation(name)? {
        Operation::Map { absorb, .. } => Ok(*absorb),
        _ => Err("no scalar function"),
    }
}

/// Whether the class of `inner` is the first operand of the term `outer`.
pub fn is_first(site: &Site, outer: &str, inner: &str) -> bool {
    site.operands(outer).first().is_some_and(|id| site.graph.find(*id) == site.class(inner))
}

/// The most entries of work that a step may get whatever its rows are: about what starting a loop nest takes.
const FIXED: f64 = 60_000.0;

/// Whether new work on the classes `made`, to stand in for work on `all`, is no burden for a step of few rows: it is done once and for all, it grows
/// with the rows, or is small, or nothing here grows with them.
pub fn is_fair(site: &Site, all: &[&str], made: &[&str]) -> bool {
    let free = |axis: &AxisId| site.graph.knowledge().size(*axis).as_constant().is_none();
    let (whole, space) = (axes_of(site, all), axes_of(site, made));
    made.iter().all(|name| site.is_invariant(name))
        || space.iter().any(free)
        || !whole.iter().any(free)
        || fixed_entries(site, &mut space.iter()) <= FIXED
}

/// The entries along axes; without end along one whose size is free. No size is taken to be what it may not be, so a proof can be checked for all.
pub fn fixed_entries(site: &Site, axes: &mut dyn Iterator<Item = &AxisId>) -> f64 {
    let size = |axis: &AxisId| site.graph.knowledge().size(*axis).as_constant();
    axes.map(|axis| size(axis).map_or(f64::INFINITY, |size| size as f64)).product()
}

/// The axes of classes, each once.
pub fn axes_of(site: &Site, names: &[&str]) -> Vec<AxisId> {
    let mut axes: Vec<AxisId> = names.iter().flat_map(|name| site.ty(name).axes.iter().copied()).collect();
    axes.sort();
    axes.dedup();
    axes
}
