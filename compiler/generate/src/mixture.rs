//! Mixtures: a gate that selects among experts with stacked weights, and the sum over experts of gate times expert.

use crate::maker::{Known, Maker};
use crate::moves::largest;
use moe_graph::{AxisId, Operation, ParameterKind, ReduceKind, ScalarFunction};

pub(crate) fn mixture(maker: &mut Maker) -> Option<Known> {
    let (x, features) = maker.featured()?;
    let count = maker.random.pick(&[1, 2, 3, 4, 8])?;
    let experts = maker.axis("E", count);
    let gate = gate(maker, x, features, experts)?;
    let out = bank(maker, x, features, experts, gate)?;
    let mixed = weighted(maker, gate, out, experts)?;
    if !maker.random.once_in(5) {
        return Some(mixed);
    }
    // A second gate over the same experts.
    let other = self::gate(maker, x, features, experts)?;
    let second = weighted(maker, other, out, experts)?;
    maker.sum(mixed, second)
}

/// The sum over experts of gate times expert.
fn weighted(maker: &mut Maker, gate: Known, out: Known, experts: AxisId) -> Option<Known> {
    let product = maker.product(gate, out)?;
    maker.reduce(ReduceKind::Sum, &[experts], product)
}

/// All experts: of one kind with stacked weights, or two lists of different kinds one after the other.
fn bank(maker: &mut Maker, x: Known, features: AxisId, experts: AxisId, gate: Known) -> Option<Known> {
    let count = maker.length_of(experts);
    if count < 2 || !maker.random.once_in(4) {
        let reads = maker.random.once_in(5).then_some(gate);
        return expert(maker, x, features, experts, reads, false);
    }
    let first = 1 + maker.random.below(count - 1);
    let parts = [maker.axis("E", first), maker.axis("E", count - first)];
    let [a, b] = parts.map(|part| expert(maker, x, features, part, None, true));
    let (a, b) = (a?, b?);
    let operation = Operation::Concatenate { from: parts.to_vec(), into: experts };
    maker.add(operation, &[a.node, b.node], a.bits.both(b.bits))
}

/// Scores, of which the largest are kept: along the experts, along the rows, or along both.
fn gate(maker: &mut Maker, x: Known, features: AxisId, experts: AxisId) -> Option<Known> {
    let weight = maker.parameter("gate.w", ParameterKind::Weight, maker.float, &[features, experts]);
    let scores = maker.contract(x, weight, features)?;
    let rows: Vec<AxisId> = maker.axes(scores.node).into_iter().filter(|axis| *axis != experts).collect();
    let rows = maker.random.pick(&rows);
    let mask = match (maker.random.below(4), rows) {
        (0, Some(rows)) => largest(maker, scores, rows)?,
        (1, Some(rows)) => {
            let (first, second) = (largest(maker, scores, experts)?, largest(maker, scores, rows)?);
            maker.builder.map(ScalarFunction::And, &[first, second]).ok()?
        }
        _ => largest(maker, scores, experts)?,
    };
    if maker.random.once_in(4) {
        return maker.add(Operation::Cast(maker.float), &[mask], crate::maker::Bits::default());
    }
    let zero = maker.number(maker.float, 0.0)?;
    let kept = maker.squash(scores)?;
    maker.map(ScalarFunction::Select, &[mask, kept.node, zero], kept.bits)
}

/// One or two layers with a weight for each expert, perhaps with biases, the value of its gate, and the input added. A closed expert gives as many
/// features as it takes.
fn expert(
    maker: &mut Maker,
    x: Known,
    features: AxisId,
    experts: AxisId,
    gate: Option<Known>,
    closed: bool,
) -> Option<Known> {
    let hidden = maker.random.pick(&[1, 2, 3, 5, 8])?;
    let hidden = maker.axis("H", hidden);
    let axes: Vec<AxisId> = maker.axes(x.node).into_iter().chain([experts, hidden]).collect();
    if !maker.is_small(&axes) {
        return None;
    }
    let up = maker.parameter("experts.up", ParameterKind::Weight, maker.float, &[experts, features, hidden]);
    let mut inner = maker.contract(x, up, features)?;
    if maker.random.once_in(3) {
        let bias = maker.parameter("experts.bias", ParameterKind::Weight, maker.float, &[experts, hidden]);
        inner = maker.sum(inner, bias)?;
    }
    if let Some(gate) = gate {
        inner = maker.sum(inner, gate)?;
    }
    let zero = maker.number(maker.float, 0.0)?;
    inner = maker.map(ScalarFunction::Maximum, &[inner.node, zero], inner.bits)?;
    if !closed && maker.random.once_in(2) {
        return maker.squash(inner);
    }
    let down =
        maker.parameter("experts.down", ParameterKind::Weight, maker.float, &[experts, hidden, features]);
    let inner = maker.squash(inner)?;
    let mut out = maker.contract(inner, down, hidden)?;
    if maker.random.once_in(2) {
        out = maker.sum(out, x)?;
    }
    maker.squash(out)
}
