//! Common folding: what can be seen to do nothing, or to be known already.

use super::shapes::{
    self, is_add, is_cast, is_divide, is_map, is_multiply, is_reduce, is_rename, is_scalar, is_select,
    is_subtract, selection,
};
use crate::rule::{any, every, require, term, Rule, Shape, Site, Tree};
use moe_graph::{Absorb, AxisId, Element, Operation, ReduceKind, Scalar, ScalarFunction};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let reason = "work that changes nothing, or whose result is known, is not done";
    let rule = |name, equation, left, right| Rule::new(name, equation, reason, left, right);
    vec![
        rule("multiply-by-one", "x * 1 = x", either(is_multiply), |site| identity(site, 1.0)),
        rule("divide-by-one", "x / 1 = x", vec![term("map", is_divide, [any("x"), any("y")])], |site| {
            identity(site, 1.0)
        }),
        rule("add-zero", "x + -0 = x; of integers x + 0 = x", either(is_add), add_zero),
        rule(
            "subtract-zero",
            "x - 0 = x",
            vec![term("map", is_subtract, [any("x"), any("y")])],
            subtract_zero,
        ),
        rule(
            "negate-twice",
            "-(-x) = x; not not x = x",
            vec![term("outer", is_inverse, [term("inner", is_inverse, [any("x")])])],
            twice,
        ),
        rule("fold-constants", "f(1, 2) = the number", vec![every("map", is_scalar)], fold_constants),
        rule("cast-to-same", "x as its own type = x", vec![term("cast", is_cast, [any("x")])], |site| {
            require(site.element("x") == site.element("cast"), "it changes the type")?;
            site.alone("x")
        }),
        rule(
            "cast-twice",
            "x as a as b = x as b, where a holds all numbers of x's type",
            vec![term("outer", is_cast, [term("inner", is_cast, [any("x")])])],
            cast_twice,
        ),
        rule("select-by-constant", "where(true, a, b) = a", vec![selection()], |site| {
            let condition = site.constant("c").ok_or("the condition varies")?;
            site.alone(if condition.is_true() { "a" } else { "b" })
        }),
        rule(
            "select-of-same",
            "where(c, a, a) = a",
            vec![term("select", is_select, [any("c"), any("a"), any("a")])],
            |site| site.alone("a"),
        ),
        rule(
            "rename-twice",
            "x as [a = b] as [b = c] = x as [a = c]",
            vec![term("outer", is_rename, [term("inner", is_rename, [any("x")])])],
            rename_twice,
        ),
        rule(
            "reduce-nothing",
            "sum over no axis x = x",
            vec![term("reduce", is_reduce, [any("x")])],
            |site| {
                require(reduced(site, "reduce")?.1.is_empty(), "it reduces an axis")?;
                site.alone("x")
            },
        ),
        rule(
            "reduce-absent-axis",
            "max e x = x and sum e x = |e| * x, where x does not vary along e",
            vec![term("reduce", is_reduce, [any("x")])],
            absent_axis,
        ),
        rule(
            "reduce-twice",
            "sum a sum b x = sum a, b x; likewise every reduction",
            vec![term("outer", is_reduce, [term("inner", is_reduce, [any("x")])])],
            reduce_twice,
        ),
    ]
}

fn is_inverse(operation: &Operation) -> bool {
    is_map(operation, ScalarFunction::Negate) || is_map(operation, ScalarFunction::Not)
}

/// `x ∘ y` and `y ∘ x`.
fn either(test: fn(&Operation) -> bool) -> Vec<Shape> {
    shapes::either("map", test, [any("x")], any("y"))
}

fn identity(site: &Site, value: f64) -> Result<Vec<Tree>, &'static str> {
    let known = site.constant("y").ok_or("the other operand is no constant")?;
    require(known.is(value), "the other operand is not the identity")?;
    site.alone("x")
}

fn add_zero(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let known = site.constant("y").ok_or("the other operand is no constant")?;
    // 0 + -0 is 0, so that only -0 leaves every float as it is.
    let exact = if known.element().is_float() {
        known.is_zero() && known.as_f64().is_sign_negative()
    } else {
        known.is_zero()
    };
    require(exact, "the other operand is not the identity")?;
    site.alone("x")
}

fn subtract_zero(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let known = site.constant("y").ok_or("the other operand is no constant")?;
    require(known.is_zero() && known.as_f64().is_sign_positive(), "the other operand is not the identity")?;
    site.alone("x")
}

fn twice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    require(site.operation("outer")? == site.operation("inner")?, "they are different functions")?;
    site.alone("x")
}

fn fold_constants(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let numbers: Option<Vec<Scalar>> =
        site.operands("map").iter().map(|operand| site.graph.data(*operand).constant()).collect();
    let numbers = numbers.ok_or("an operand is no constant")?;
    require(site.graph.data(site.root).ty.axes.is_empty(), "it has axes")?;
    let folded = match site.operation("map")? {
        Operation::Map { function, absorb } => function.apply(*absorb, &numbers),
        Operation::Cast(element) => numbers.first().map(|number| number.cast(*element)),
        _ => None,
    };
    Ok(vec![Tree::Term(Operation::Constant(folded.ok_or("it is not defined")?), Vec::new())])
}

/// Whether `wide` holds every number of `narrow`.
fn holds(wide: Element, narrow: Element) -> bool {
    use Element as E;
    match narrow {
        E::F64 | E::I64 | E::U64 => wide == narrow,
        E::F32 => matches!(wide, E::F32 | E::F64),
        E::Bf16 | E::F16 => matches!(wide, E::F32 | E::F64) || wide == narrow,
        E::I32 => matches!(wide, E::I32 | E::I64 | E::F64),
        E::U32 => matches!(wide, E::U32 | E::U64 | E::I64 | E::F64),
        E::I8 => matches!(wide, E::I8 | E::I32 | E::I64 | E::F16 | E::Bf16 | E::F32 | E::F64),
        E::U8 => !matches!(wide, E::I8 | E::Bool),
        E::Bool => true,
    }
}

fn cast_twice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (narrow, middle, last) = (site.element("x"), site.element("inner"), site.element("outer"));
    require(holds(middle, narrow), "the type between does not hold all numbers")?;
    let saturates = narrow.is_integer() && middle.is_float() && last.is_integer();
    require(!saturates, "floats saturate where integers wrap")?;
    Ok(vec![Tree::Term(site.operation("outer")?.clone(), vec![site.tree("x")])])
}

fn rename_twice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (Operation::Rename { from, to }, Operation::Rename { from: middle, to: last }) =
        (site.operation("inner")?, site.operation("outer")?)
    else {
        return Err("no renaming");
    };
    require(to == middle, "they rename different axes")?;
    if from == last {
        return site.alone("x");
    }
    Ok(vec![Tree::Term(Operation::Rename { from: *from, to: *last }, vec![site.tree("x")])])
}

fn reduced<'a>(site: &'a Site, name: &str) -> Result<(ReduceKind, &'a [AxisId]), &'static str> {
    match site.operation(name)? {
        Operation::Reduce { kind, axes } => Ok((*kind, axes)),
        _ => Err("no reduction"),
    }
}

fn absent_axis(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let (kind, axes) = reduced(site, "reduce")?;
    let (rest, absent): (Vec<AxisId>, Vec<AxisId>) = axes.iter().partition(|axis| site.ty("x").has(**axis));
    require(!absent.is_empty(), "the operand varies along every axis")?;
    let times = absent
        .iter()
        .try_fold(1_i64, |times, axis| times.checked_mul(site.graph.knowledge().size(*axis).as_constant()?))
        .filter(|times| *times >= 1)
        .ok_or("the axis may be empty")?;
    let inner = Tree::Term(Operation::Reduce { kind, axes: rest }, vec![site.tree("x")]);
    match kind {
        ReduceKind::Maximum | ReduceKind::Minimum | ReduceKind::Any | ReduceKind::All => Ok(vec![inner]),
        ReduceKind::Sum => {
            let element = site.element("x");
            require(element.bytes() != 2, "sums of 16-bit floats are left as they are")?;
            let number = Scalar::of(element, times as f64).ok_or("the type does not hold the size")?;
            let multiply = Operation::Map { function: ScalarFunction::Multiply, absorb: Absorb::Neither };
            let number = Tree::Term(Operation::Constant(number), Vec::new());
            Ok(vec![Tree::Term(multiply, vec![inner, number])])
        }
        ReduceKind::Product => Err("a product of equal factors is a power"),
    }
}

fn reduce_twice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let ((kind, outer), (inner_kind, inner)) = (reduced(site, "outer")?, reduced(site, "inner")?);
    require(kind == inner_kind, "they are different reductions")?;
    require(!outer.iter().any(|axis| inner.contains(axis)), "an axis is reduced twice")?;
    let rounds = site.element("x").bytes() == 2 && matches!(kind, ReduceKind::Sum | ReduceKind::Product);
    require(!rounds, "sums of 16-bit floats are left as they are")?;
    let mut axes: Vec<AxisId> = outer.iter().chain(inner).copied().collect();
    axes.sort();
    Ok(vec![Tree::Term(Operation::Reduce { kind, axes }, vec![site.tree("x")])])
}
