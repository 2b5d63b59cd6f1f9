//! The built-in functions, as a table: what elaborates them, the language reference and "did you mean" read it.

use moe_graph::ScalarFunction;

/// A built-in function.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it gives, in one line.
    pub summary: &'static str,
    /// How it is elaborated.
    pub(crate) rule: Rule,
}

/// How a built-in function is elaborated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// A scalar function of one tensor.
    Unary(ScalarFunction),
    /// A scalar function of two tensors.
    Binary(ScalarFunction),
    /// A reduction; of two operands the larger or smaller.
    Reduce,
    /// `where`
    Where,
    /// `largest_mask`
    LargestMask,
    /// `argmax`
    ArgMax,
    /// `cumsum`
    CumulativeSum,
    /// `sort`
    Sort,
    /// `coordinate`
    Coordinate,
    /// `size`
    SizeOf,
    Present,
    /// A function of sizes.
    SizeFunction,
    /// `scatter_add`
    ScatterAdd,
    /// `scatter`
    Scatter,
    /// `merge`
    Merge,
    /// `split`
    Split,
    /// `pad`
    Pad,
    /// `window`
    Window,
    /// `concat`
    Concatenate,
    /// `expect`
    Expect,
    /// `close`
    Close,
    /// `random`
    Random,
}

const fn unary(
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    function: ScalarFunction,
) -> Builtin {
    Builtin { name, usage, summary, rule: Rule::Unary(function) }
}

const fn other(name: &'static str, usage: &'static str, summary: &'static str, rule: Rule) -> Builtin {
    Builtin { name, usage, summary, rule }
}

/// All built-in functions, in the order of the reference.
pub const BUILTINS: &[Builtin] = &[
    unary("exp", "exp(x)", "e to the x", ScalarFunction::Exponential),
    unary(
        "exp_minus_one",
        "exp_minus_one(x)",
        "e to the x, minus 1, exact near 0",
        ScalarFunction::ExponentialMinusOne,
    ),
    unary("log", "log(x)", "the natural logarithm", ScalarFunction::Logarithm),
    unary(
        "log_plus_one",
        "log_plus_one(x)",
        "the natural logarithm of 1 + x, exact near 0",
        ScalarFunction::LogarithmPlusOne,
    ),
    unary("sqrt", "sqrt(x)", "the square root", ScalarFunction::SquareRoot),
    unary("sin", "sin(x)", "the sine", ScalarFunction::Sine),
    unary("cos", "cos(x)", "the cosine", ScalarFunction::Cosine),
    unary("tanh", "tanh(x)", "the hyperbolic tangent", ScalarFunction::HyperbolicTangent),
    unary("erf", "erf(x)", "the error function", ScalarFunction::ErrorFunction),
    unary("abs", "abs(x)", "the absolute value", ScalarFunction::Absolute),
    unary("floor", "floor(x)", "the largest integer not above x", ScalarFunction::Floor),
    unary("ceil", "ceil(x)", "the smallest integer not below x", ScalarFunction::Ceiling),
    unary("round", "round(x)", "the nearest integer, ties to even", ScalarFunction::Round),
    unary("sign", "sign(x)", "-1, 0 or 1", ScalarFunction::Sign),
    unary("is_nan", "is_nan(x)", "whether x is NaN", ScalarFunction::IsNan),
    other("pow", "pow(x, y)", "x to the y", Rule::Binary(ScalarFunction::Power)),
    other("where", "where(c, x, y)", "x where c holds, y elsewhere", Rule::Where),
    other("sum", "sum(x, over A)", "the sum along axes, the last one when unsaid", Rule::Reduce),
    other("mean", "mean(x, over A)", "the mean along axes", Rule::Reduce),
    other("product", "product(x, over A)", "the product along axes", Rule::Reduce),
    other("max", "max(x, over A), max(x, y)", "the largest along axes, or the larger of two", Rule::Reduce),
    other("min", "min(x, over A), min(x, y)", "the smallest along axes, or the smaller of two", Rule::Reduce),
    other("any", "any(x, over A)", "whether any holds", Rule::Reduce),
    other("all", "all(x, over A)", "whether all hold", Rule::Reduce),
    other(
        "largest_mask",
        "largest_mask[K](x, over A)",
        "where the K largest entries along A are; ties go to the lowest coordinate",
        Rule::LargestMask,
    ),
    other(
        "argmax",
        "argmax(x, over A)",
        "the coordinate of the largest entry along A, the lowest of several",
        Rule::ArgMax,
    ),
    other("cumsum", "cumsum(x, over A)", "sums of all entries up to and including each", Rule::CumulativeSum),
    other("sort", "sort(x, over A)", "the entries along A in ascending order, NaN last", Rule::Sort),
    other("coordinate", "coordinate(A)", "0, 1, 2, … along A, as i64", Rule::Coordinate),
    other("size", "size(A)", "how long A is", Rule::SizeOf),
    other(
        "present",
        "present(A)",
        "which entries of A are there: all, unless its size depends on another axis",
        Rule::Present,
    ),
    other("ceil_div", "ceil_div(a, b)", "the quotient of two sizes, rounded up", Rule::SizeFunction),
    other("round_up", "round_up(a, b)", "a rounded up to a multiple of b", Rule::SizeFunction),
    other(
        "scatter_add",
        "scatter_add[V](x, index, over A)",
        "zero along V, plus each entry of x along A added where the index says",
        Rule::ScatterAdd,
    ),
    other(
        "scatter",
        "scatter[S](base, x, index, over A)",
        "the base with its entries along S that the index names replaced by those of x",
        Rule::Scatter,
    ),
    other("merge", "merge[M](x, over (A, B))", "axes A and B as one axis M, the first slowest", Rule::Merge),
    other("split", "split[A, B](x, over M)", "the axis M as axes A and B, the first slowest", Rule::Split),
    other(
        "pad",
        "pad[M](x, over A, before = 0, value = 0)",
        "a longer axis M with x from `before` on, `value` elsewhere",
        Rule::Pad,
    ),
    other(
        "window",
        "window[P, W](x, over A, stride = 1, dilation = 1, before = 0, value = 0)",
        "the axis A as places P and what W entries each shows, `value` where there is nothing",
        Rule::Window,
    ),
    other(
        "concat",
        "concat[M](x, y, over A)",
        "values one after the other along A, as the axis M",
        Rule::Concatenate,
    ),
    other(
        "expect",
        "expect(x, K of E)",
        "x, with the claim that at most K entries along E are not zero, verified while running",
        Rule::Expect,
    ),
    other(
        "close",
        "close(x, y, tolerance)",
        "whether all entries differ by at most the tolerance, absolute or relative to y",
        Rule::Close,
    ),
    other(
        "random",
        "random(key, x), random(key, over A)",
        "numbers from 0 to below 1, one for each entry of x or along A, that the key and their places decide",
        Rule::Random,
    ),
];

/// The built-in function of a name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
