//! What is the same in every step moves together, where it is worked out once: scales and biases go into weights.
//!
//! Where such work may be done in 32 bits and the weight is stored in 16, the result stays in 32 bits: it is read as such, and that is
//! counted.

use super::algebra::plain;
use super::shapes::{
    absorption, contractions, either, in_order, is_add, is_divide, is_first, is_multiply, map, multiply,
    product, sum_axes, summed,
};
use crate::rule::{any, require, term, Rule, Shape, Site, Tree};
use crate::sign::{of_class, Sign};
use moe_graph::{Absorb, AxisId, ScalarFunction as F};

/// The rules of this theme.
pub fn rules() -> Vec<Rule> {
    let rule = Rule::new;
    vec![
        rule(
            "scale-into-weight",
            "sum d ((x * s) * w) = sum d (x * (w * s)); likewise x / s; where s and w are the same in every step",
            "a scale of what goes into a layer, such as the gain of a normalization, goes into the weight once",
            scaled_inputs(),
            scale_in,
        ),
        rule(
            "scale-of-layer-into-weight",
            "s * sum d (x * w) = sum d (x * (w * s)); likewise the sum / s; where s and w are the same in every step",
            "a scale of what a layer gives goes into the weight once",
            scaled_outputs(),
            scale_of,
        ),
        rule(
            "bias-through-weight",
            "sum d ((x + b) * w) = sum d (x * w) + sum d (b * w), where b and w are the same in every step",
            "a bias of what goes into a layer becomes one of what it gives, worked out once",
            contractions(biased(), any("w")),
            bias_through,
        ),
        rule(
            "scale-through-bias",
            "(x + b) * s = x * s + b * s, where b and s are the same in every step and lack an axis of x",
            "the scale meets the weight before the bias, and the bias is scaled once",
            either("outer", is_multiply, biased(), any("s")),
            scale_through,
        ),
        rule(
            "join-biases",
            "(x + b) + c = x + (b + c), where b and c are the same in every step and lack an axis of x",
            "biases are added up once",
            either("outer", is_add, biased(), any("c")),
            join_biases,
        ),
    ]
}

fn scaled_inputs() -> Vec<Shape> {
    let mut inner = either("inner", is_multiply, [any("x")], any("s"));
    inner.push(term("inner", is_divide, [any("x"), any("s")]));
    contractions(inner, any("w"))
}

fn scaled_outputs() -> Vec<Shape> {
    let layers = contractions([any("x")], any("w"));
    let left = layers.iter().map(|layer| product("inner", any("s"), layer.clone()));
    let right = layers.iter().map(|layer| product("inner", layer.clone(), any("s")));
    let divided = layers.iter().map(|layer| term("inner", is_divide, [layer.clone(), any("s")]));
    left.chain(right).chain(divided).collect()
}

/// `x + b`
fn biased() -> Vec<Shape> {
    either("inner", is_add, [any("x")], any("b"))
}

/// That scale and weight are there before a step, and that together they are no larger than the weight.
fn once(site: &Site) -> Result<(), &'static str> {
    require(site.is_invariant("w"), "the weight is worked out in each step")?;
    require(site.is_invariant("s"), "the scale is worked out in each step")?;
    let within = site.ty("s").axes.iter().all(|axis| site.ty("w").has(*axis));
    require(within, "the weight would be larger")?;
    has_rows(site)?;
    let divided = is_divide(site.operation("inner")?);
    require(!divided || site.element("w").is_float(), "quotients of integers are rounded one by one")
}

/// This ends it: of what is there before a step, all orders of factors would be made.
fn has_rows(site: &Site) -> Result<(), &'static str> {
    let rows = site.ty("x").axes.iter().any(|axis| !site.ty("w").has(*axis));
    require(rows, "what goes into the layer has no axis that the weight lacks")
}

/// This ends it too: a value that is a multiple of itself, or itself plus something, has no end of scales and biases.
fn of_another(site: &Site, value: &str, wholes: &[&str]) -> Result<(), &'static str> {
    let own = wholes.iter().any(|whole| site.class(whole) == site.class(value));
    site.pays(!own, "the value is made of itself")
}

/// The weight times the scale, or divided by it as `inner` divides.
fn scaled_weight(site: &Site) -> Result<Tree, &'static str> {
    let divided = is_divide(site.operation("inner")?);
    let function = if divided { F::Divide } else { F::Multiply };
    Ok(map(function, Absorb::Neither, vec![site.tree("w"), site.tree("s")]))
}

/// `sum axes (x * weight)` in the order that the product had.
fn layer(site: &Site, axes: &[AxisId], x: Tree, weight: Tree) -> Tree {
    let weight_first = is_first(site, "product", "w");
    summed(axes.to_vec(), in_order(Absorb::Neither, weight_first, weight, x))
}

fn scale_in(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["product", "inner"])?;
    once(site)?;
    of_another(site, "x", &["inner", "product", "sum"])?;
    Ok(vec![layer(site, sum_axes(site, "sum")?, site.tree("x"), scaled_weight(site)?)])
}

fn scale_of(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["product", "inner"])?;
    once(site)?;
    of_another(site, "sum", &["inner"])?;
    let axes = sum_axes(site, "sum")?;
    require(!site.varies("s", axes), "the scale varies along the axis of the sum")?;
    // Infinities of both signs make a sum NaN, and times a sum they are infinite.
    let finite = site.fact("s").is_none_or(|fact| fact.background.as_f64().is_finite());
    require(finite, "the scale is infinite off its support")?;
    let divided = is_divide(site.operation("inner")?);
    require(!divided || of_class(site.data("s")) == Sign::Positive, "the divisor may be 0 or less")?;
    Ok(vec![layer(site, axes, site.tree("x"), scaled_weight(site)?)])
}

fn bias_through(site: &Site) -> Result<Vec<Tree>, &'static str> {
    plain(site, &["product", "inner"])?;
    require(site.is_invariant("w"), "the weight is worked out in each step")?;
    require(site.is_invariant("b"), "the bias is worked out in each step")?;
    has_rows(site)?;
    of_another(site, "x", &["inner", "product", "sum"])?;
    let lacks = site.ty("x").axes.iter().any(|axis| !site.ty("b").has(*axis));
    require(lacks, "the bias has all axes of what it is added to")?;
    let axes = sum_axes(site, "sum")?;
    require(site.varies("x", axes), "what the bias is added to does not vary along the axis of the sum")?;
    let both = ["x", "b"].map(|name| layer(site, axes, site.tree(name), site.tree("w")));
    Ok(vec![map(F::Add, Absorb::Neither, both.into())])
}

/// That two values are there before a step and smaller than the one that they are brought together for.
fn small(site: &Site, names: [&str; 2]) -> Result<(), &'static str> {
    for name in ["outer", "inner"] {
        require(absorption(site, name)? == Absorb::Neither, "an operand absorbs")?;
    }
    require(site.element("outer").bytes() != 2, "16-bit floats are rounded one by one")?;
    of_another(site, "x", &["outer", "inner"])?;
    let known = names.iter().all(|name| site.is_invariant(name));
    require(known, "one of the two is worked out in each step")?;
    let has = |axis: &AxisId| names.iter().any(|name| site.ty(name).has(*axis));
    let within = names.iter().flat_map(|name| &site.ty(name).axes).all(|axis| site.ty("x").has(*axis));
    require(within, "one of the two has an axis that the value lacks")?;
    require(!site.ty("x").axes.iter().all(has), "the two have all axes of the value")
}

fn scale_through(site: &Site) -> Result<Vec<Tree>, &'static str> {
    small(site, ["b", "s"])?;
    let finite = |name: &str| site.fact(name).is_none_or(|fact| fact.background.as_f64().is_finite());
    require(finite("s") && finite("b"), "one of the two is infinite off its support")?;
    let scaled = |name: &str| multiply(Absorb::Neither, site.tree(name), site.tree("s"));
    Ok(vec![map(F::Add, Absorb::Neither, vec![scaled("x"), scaled("b")])])
}

fn join_biases(site: &Site) -> Result<Vec<Tree>, &'static str> {
    small(site, ["b", "c"])?;
    let is_sum = |name: &str| site.graph.terms(site.class(name)).iter().any(|term| is_add(&term.operation));
    site.pays(!is_sum("b") && !is_sum("c"), "a bias is a sum already")?;
    let bias = map(F::Add, Absorb::Neither, vec![site.tree("b"), site.tree("c")]);
    Ok(vec![map(F::Add, Absorb::Neither, vec![site.tree("x"), bias])])
}
