//! Choices of the largest, softmax and logarithms.
//!
//! A choice is the same after a map that keeps the order. Floats round, and two scores may become one: then the tie goes to the lowest coordinate
//! instead of to the larger score. So only maps that round nothing are dropped by default. The others are equal in real arithmetic, and are dropped
//! with `--fast-math selection`; `softmax` and `logarithm` likewise assume that nothing overflows and that there is no NaN.

use super::shapes::{is_cast, is_divide, is_map, is_multiply, is_select, is_subtract, is_sum, map};
use crate::rule::{any, require, term, Rule, Shape, Site, Tree};
use crate::sign::{of_class, Sign};
use moe_graph::{Absorb, AxisId, Element, Operation, ScalarFunction as F};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let rule = |name, equation, reason, fast_math, left, right| Rule {
        fast_math,
        ..Rule::new(name, equation, reason, left, right)
    };
    vec![
        rule(
            "choose-among-all",
            "where(largest_mask k (x), a, b) = a, where there are no more than k",
            "a choice that takes everything is not made",
            None,
            vec![term("select", is_select, [term("choice", is_choice, [any("x")]), any("a"), any("b")])],
            among_all,
        ),
        rule(
            "choose-before-widening",
            "largest_mask k (x as a) = largest_mask k (x), where a holds all numbers of x's type",
            "a choice is the same before numbers are given more room",
            None,
            vec![term("choice", is_choice, [term("cast", is_cast, [any("x")])])],
            before_widening,
        ),
        rule(
            "select-in-select",
            "where(c, where(c, a, b), d) = where(c, a, d); where(c, a, where(c, b, d)) = where(c, a, d)",
            "what was chosen once is not chosen again",
            None,
            vec![
                term(
                    "outer",
                    is_select,
                    [any("c"), term("inner", is_select, [any("c"), any("a"), any("b")]), any("d")],
                ),
                term(
                    "outer",
                    is_select,
                    [any("c"), any("a"), term("inner", is_select, [any("c"), any("b"), any("d")])],
                ),
            ],
            select_twice,
        ),
        rule(
            "choose-before-monotone",
            "largest_mask k (f(x)) = largest_mask k (x), where f grows and does not vary along the axis",
            "scores are chosen from before they are normalized",
            Some("selection"),
            monotone(),
            before_monotone,
        ),
        rule(
            "select-before-divide",
            "where(c, x / z, 0) = where(c, x, 0) / z, where z is more than 0",
            "what is left out is not divided, and the divisor may cancel",
            Some("softmax"),
            vec![term(
                "select",
                is_select,
                [any("c"), term("quotient", is_divide, [any("x"), any("z")]), any("o")],
            )],
            before_divide,
        ),
        rule(
            "renormalize-once",
            "(x / z) / sum e (x / z) = x / sum e x, where z does not vary along e",
            "softmax divided by the sum of the chosen is softmax over the chosen",
            Some("softmax"),
            renormalized(),
            once,
        ),
        rule(
            "log-of-quotient",
            "log(x / z) = log x - log z, where both are 0 or more",
            "one logarithm for each row instead of one for each entry",
            Some("logarithm"),
            vec![term(
                "log",
                |o| is_map(o, F::Logarithm),
                [term("quotient", is_divide, [any("x"), any("z")])],
            )],
            log_of_quotient,
        ),
        rule(
            "log-of-exp",
            "log(exp x) = x",
            "a logarithm and an exponential undo each other",
            Some("logarithm"),
            vec![term(
                "log",
                |o| is_map(o, F::Logarithm),
                [term("exp", |o| is_map(o, F::Exponential), [any("x")])],
            )],
            |site| site.alone("x"),
        ),
    ]
}

fn is_choice(operation: &Operation) -> bool {
    matches!(operation, Operation::LargestMask { .. })
}

fn chosen_along(site: &Site) -> Result<AxisId, &'static str> {
    match site.operation("choice")? {
        Operation::LargestMask { axis, .. } => Ok(*axis),
        _ => Err("no choice"),
    }
}

fn among_all(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::LargestMask { count, axis } = site.operation("choice")? else { return Err("no choice") };
    require(site.graph.knowledge().size(*axis).at_most(count), "there may be more than it takes")?;
    site.alone("a")
}

fn before_widening(site: &Site) -> Result<Vec<Tree>, &'static str> {
    use Element as E;
    let holds = matches!(
        (site.element("x"), site.element("cast")),
        (E::Bf16 | E::F16, E::F32 | E::F64)
            | (E::F32, E::F64)
            | (E::I8, E::I32 | E::I64 | E::F32 | E::F64)
            | (E::U8, E::U32 | E::U64 | E::I32 | E::I64 | E::F32 | E::F64)
            | (E::I32 | E::U32, E::I64 | E::F64)
    );
    require(holds, "numbers of its type may become equal")?;
    Ok(vec![Tree::Term(site.operation("choice")?.clone(), vec![site.tree("x")])])
}

/// Absorption by the condition's own branch stays as it is: a selection has none.
fn select_twice(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let tree = map(F::Select, Absorb::Neither, vec![site.tree("c"), site.tree("a"), site.tree("d")]);
    let whole = &site.graph.data(site.root).ty;
    let covered = |axis: &AxisId| ["c", "a", "d"].iter().any(|name| site.ty(name).has(*axis));
    require(whole.axes.iter().all(covered), "what is left out has an axis that the rest lacks")?;
    Ok(vec![tree])
}

fn monotone() -> Vec<Shape> {
    let of = |value: Shape| term("choice", is_choice, [value]);
    let single = |o: &Operation| {
        [
            F::Exponential,
            F::ExponentialMinusOne,
            F::Logarithm,
            F::LogarithmPlusOne,
            F::SquareRoot,
            F::HyperbolicTangent,
        ]
        .iter()
        .any(|function| is_map(o, *function))
    };
    let logistic = term(
        "quotient",
        is_divide,
        [
            any("one"),
            term(
                "plus",
                |o| is_map(o, F::Add),
                [
                    any("other"),
                    term(
                        "exp",
                        |o| is_map(o, F::Exponential),
                        [term("negative", |o| is_map(o, F::Negate), [any("x")])],
                    ),
                ],
            ),
        ],
    );
    vec![
        of(term("single", single, [any("x")])),
        of(term("sum", |o| is_map(o, F::Add), [any("x"), any("c")])),
        of(term("sum", |o| is_map(o, F::Add), [any("c"), any("x")])),
        of(term("sum", is_subtract, [any("x"), any("c")])),
        of(term("scaled", is_multiply, [any("x"), any("c")])),
        of(term("scaled", is_multiply, [any("c"), any("x")])),
        of(term("scaled", is_divide, [any("x"), any("c")])),
        of(logistic),
    ]
}

fn before_monotone(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let axis = chosen_along(site)?;
    require(site.element("x").is_float(), "integers wrap")?;
    if site.operation("quotient").is_ok() {
        let positive = |name: &str| site.constant(name).is_some_and(|value| value.as_f64() > 0.0);
        require(positive("one") && positive("other"), "it is no logistic function")?;
    } else if site.operation("single").is_err() {
        require(!site.varies("c", &[axis]), "it varies along the axis")?;
        let scaled = site.operation("scaled").is_ok();
        require(!scaled || of_class(site.data("c")) == Sign::Positive, "the factor may be 0 or less")?;
    }
    let whole = site.ty("x").axes.len() == site.graph.data(site.root).ty.axes.len();
    require(whole, "the scores lack an axis of the choice")?;
    Ok(vec![Tree::Term(site.operation("choice")?.clone(), vec![site.tree("x")])])
}

fn before_divide(site: &Site) -> Result<Vec<Tree>, &'static str> {
    require(site.constant("o").is_some_and(|value| value.is_zero()), "what stands elsewhere is not 0")?;
    require(of_class(site.data("z")) == Sign::Positive, "the divisor may be 0 or less")?;
    let Operation::Map { absorb, .. } = site.operation("quotient")? else { return Err("no quotient") };
    require(*absorb == Absorb::Neither, "the numerator absorbs")?;
    let kept = map(F::Select, Absorb::Neither, vec![site.tree("c"), site.tree("x"), site.tree("o")]);
    Ok(vec![map(F::Divide, Absorb::Neither, vec![kept, site.tree("z")])])
}

fn renormalized() -> Vec<Shape> {
    let quotient = || term("quotient", is_divide, [any("x"), any("z")]);
    vec![term("outer", is_divide, [quotient(), term("sum", is_sum, [any("quotient")])])]
}

fn once(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let Operation::Reduce { axes, .. } = site.operation("sum")? else { return Err("no sum") };
    require(!site.varies("z", axes), "the divisor varies along the axis of the sum")?;
    require(site.element("x").bytes() != 2, "quotients of 16-bit floats are rounded one by one")?;
    let same = site.ty("x") == site.ty("quotient");
    require(same, "the divisor has an axis that the numerator lacks")?;
    let sum = Tree::Term(site.operation("sum")?.clone(), vec![site.tree("x")]);
    Ok(vec![Tree::Term(site.operation("outer")?.clone(), vec![site.tree("x"), sum])])
}

fn log_of_quotient(site: &Site) -> Result<Vec<Tree>, &'static str> {
    let signed = [of_class(site.data("x")), of_class(site.data("z"))].contains(&Sign::Any);
    require(!signed, "a sign is not known")?;
    let Operation::Map { absorb, .. } = site.operation("quotient")? else { return Err("no quotient") };
    require(*absorb == Absorb::Neither, "the numerator absorbs")?;
    let log = |name: &str| map(F::Logarithm, Absorb::Neither, vec![site.tree(name)]);
    Ok(vec![map(F::Subtract, Absorb::Neither, vec![log("x"), log("z")])])
}
