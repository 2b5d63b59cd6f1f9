//! Finding attention in a function.

use super::mask::off;
use crate::contraction::product_of;
use crate::uses::{behind, Uses};
use moe_graph::{
    Absorb, AxisId, Element, Node, NodeId, Operation, ParameterKind, ReduceKind, ScalarFunction,
};
use std::collections::{BTreeMap, BTreeSet};

/// A contraction of a row with the keys.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub node: NodeId,
    pub query: NodeId,
    pub key: NodeId,
    /// The axis that is summed.
    pub inner: AxisId,
}

/// Weights that are `exp(entries - shift)`.
#[derive(Clone, Debug)]
pub(crate) struct Softmax {
    /// The largest entry of each row.
    pub largest: NodeId,
    pub entries: NodeId,
    /// What is taken away: the largest, or worked out from it.
    pub shift: NodeId,
}

/// A factor of a whole row that is applied at the end.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    pub scalar: NodeId,
    pub divides: bool,
    /// Whether a weight of zero decides.
    pub absorbs: bool,
}

/// A weight that a factor of all rows is applied to before masks are: where they are false it is 0 either way, so the factor is applied at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaled {
    /// The weight with the factor.
    pub node: NodeId,
    /// What it is taken to be instead: the weight without.
    pub weight: NodeId,
}

/// A sum over keys of weights and values.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    /// The sum.
    pub node: NodeId,
    pub keys: AxisId,
    /// The axis that only the values have.
    pub column: AxisId,
    /// The axes of the result that neither keys nor values have.
    pub rows: Vec<AxisId>,
    /// The other axes of the result.
    pub batch: Vec<AxisId>,
    pub scores: Vec<Score>,
    pub values: NodeId,
    /// Whether a weight of zero decides its product.
    pub absorbs: bool,
    /// What the weights are before the factors.
    pub weight: NodeId,
    pub scaled: Option<Scaled>,
    pub softmax: Option<Softmax>,
    /// Sums of the weights over the keys.
    pub sums: Vec<NodeId>,
    /// Outermost last.
    pub factors: Vec<Factor>,
    /// Masks off all of which weights are zero: any that is false decides.
    pub masks: Vec<NodeId>,
    /// What lies between the scores and the result.
    pub members: BTreeSet<NodeId>,
}

/// Attention among the nodes that are needed, by the node of the sum.
pub(crate) fn find(uses: &Uses) -> BTreeMap<NodeId, Attention> {
    let finder = Finder { uses };
    let mut found: BTreeMap<NodeId, Attention> = BTreeMap::new();
    for id in &uses.live {
        let Some(attention) = finder.attention(*id) else { continue };
        let apart = found.values().all(|other| {
            other.members.is_disjoint(&attention.members) && !attention.members.contains(&other.node)
        });
        if apart {
            found.insert(*id, attention);
        }
    }
    found
}

struct Finder<'a> {
    uses: &'a Uses<'a>,
}

/// What a value is worked out from entry by entry.
#[derive(Default)]
struct Cone {
    pointwise: BTreeSet<NodeId>,
    scores: Vec<Score>,
    /// Reductions over the keys.
    statistics: BTreeSet<NodeId>,
}

impl Finder<'_> {
    fn node(&self, id: NodeId) -> Option<&Node> {
        self.uses.node(id)
    }

    fn has(&self, id: NodeId, axis: AxisId) -> bool {
        self.node(id).is_some_and(|node| node.ty.has(axis))
    }

    fn attention(&self, id: NodeId) -> Option<Attention> {
        let node = self.node(id)?;
        let (product_id, product) = product_of(node, |id| self.node(id))?;
        let Operation::Reduce { axes, .. } = &node.operation else { return None };
        let ([keys], [a, b]) = (axes.as_slice(), product.operands.as_slice()) else { return None };
        let Operation::Map { absorb, .. } = product.operation else { return None };
        let pairs = [(*a, *b, Absorb::Left), (*b, *a, Absorb::Right)];
        pairs.into_iter().find_map(|(weight, values, side)| {
            let absorbs = match absorb {
                Absorb::Neither => false,
                own if own == side => true,
                _ => return None,
            };
            let mut attention = self.weighted(id, *keys, weight, values, absorbs)?;
            attention.members.insert(product_id);
            self.is_closed(&attention).then_some(attention)
        })
    }

    fn weighted(
        &self,
        id: NodeId,
        keys: AxisId,
        weight: NodeId,
        values: NodeId,
        absorbs: bool,
    ) -> Option<Attention> {
        let (weights, of_values) = (self.node(weight)?, self.node(values)?);
        if !weights.ty.has(keys) || !of_values.ty.has(keys) || !self.is_plain(&weights.ty.axes) {
            return None;
        }
        let mut columns = of_values.ty.axes.iter().filter(|axis| !weights.ty.has(**axis));
        let (Some(column), None) = (columns.next().copied(), columns.next()) else { return None };
        let mut members = BTreeSet::new();
        let (core, mut factors) = self.factors(weight, keys, &mut members)?;
        let (softmax, cone) = self.core(core, keys)?;
        let mut sums = BTreeSet::new();
        let mut cones = vec![cone];
        for factor in &factors {
            let cone = self.cone(factor.scalar, keys);
            for statistic in &cone.statistics {
                let is_largest = softmax.as_ref().is_some_and(|softmax| softmax.largest == *statistic);
                if !is_largest {
                    self.reduces(*statistic, ReduceKind::Sum, core)?;
                    sums.insert(*statistic);
                }
            }
            cones.push(cone);
        }
        if let Some(softmax) = &softmax {
            cones.push(self.cone(softmax.shift, keys));
            members.insert(softmax.largest);
        }
        let scaled = self.scaled(core).filter(|_| softmax.is_none() && sums.is_empty());
        let scaled = scaled.map(|(scaled, factor)| {
            factors.insert(0, factor);
            scaled
        });
        members.extend(&sums);
        let scores = cones.first()?.scores.clone();
        let others = cones.iter().skip(1).any(|cone| !cone.scores.is_empty());
        let floats = [id, weight, core, values].iter().all(|id| self.is_single(*id));
        let keyed = scores.iter().map(|score| score.key).chain([values]);
        if scores.is_empty() || others || !floats || self.are_weights(keyed.collect()) {
            return None;
        }
        for score in &scores {
            members.insert(score.node);
            members.extend(self.node(score.node)?.operands.first());
        }
        self.between(&cones, &mut members);
        let has = |id: NodeId, axis: &AxisId| self.has(id, *axis);
        let outer: Vec<AxisId> = weights.ty.axes.iter().copied().filter(|axis| *axis != keys).collect();
        let is_batch = |axis: &AxisId| has(values, axis) || scores.iter().any(|score| has(score.key, axis));
        let order = self.node(id)?.ty.axes.iter().copied().filter(|axis| outer.contains(axis));
        let (batch, rows) = order.partition(is_batch);
        let masks = off(self.uses.function, core).filter(|(_, value)| *value == 0.0 && absorbs);
        let masks = masks.map_or(Vec::new(), |(masks, _)| masks);
        Some(Attention {
            node: id,
            keys,
            column,
            rows,
            batch,
            scores,
            values,
            absorbs,
            weight: core,
            scaled,
            softmax,
            sums: sums.into_iter().collect(),
            factors,
            masks,
            members,
        })
    }

    fn is_single(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.ty.element == Element::F32)
    }

    /// Whether values are made of weights alone. Layers with weights look like attention to them, and are better off as products, whose weights
    /// are laid out once.
    fn are_weights(&self, values: Vec<NodeId>) -> bool {
        let function = self.uses.function;
        behind(function, values).iter().filter_map(|id| self.node(*id)).all(|node| match node.operation {
            Operation::Parameter(index) => {
                let parameter = function.parameters.get(index as usize);
                parameter.is_some_and(|parameter| parameter.kind == ParameterKind::Weight)
            }
            _ => true,
        })
    }

    fn is_plain(&self, axes: &[AxisId]) -> bool {
        axes.iter().all(|axis| self.uses.function.axis(*axis).is_some_and(|axis| !axis.ragged))
    }

    /// Takes off factors that are the same for all keys; gives what is left and the factors, innermost first.
    fn factors(
        &self,
        weight: NodeId,
        keys: AxisId,
        members: &mut BTreeSet<NodeId>,
    ) -> Option<(NodeId, Vec<Factor>)> {
        let (mut core, mut factors) = (weight, Vec::new());
        while let Operation::Map { function, absorb } = &self.node(core)?.operation {
            let [a, b] = self.node(core)?.operands.as_slice() else { break };
            let divides = *function == ScalarFunction::Divide;
            if !divides && *function != ScalarFunction::Multiply {
                break;
            }
            let (inner, scalar, side) = match (self.has(*a, keys), self.has(*b, keys)) {
                (true, false) => (*a, *b, Absorb::Left),
                (false, true) if !divides => (*b, *a, Absorb::Right),
                _ => break,
            };
            if *absorb != Absorb::Neither && *absorb != side {
                break;
            }
            let absorbs = *absorb == side;
            factors.push(Factor { scalar, divides, absorbs });
            members.insert(core);
            core = inner;
        }
        factors.reverse();
        Some((core, factors))
    }

    /// What a weight is under its masks without a factor that is the same everywhere, and the factor: a number or the size of one of the weight's
    /// axes, which is neither 0 nor infinite. Nobody else may read the weight with the factor, a mask neither.
    fn scaled(&self, core: NodeId) -> Option<(Scaled, Factor)> {
        let outer = self.node(core)?;
        let Operation::Map { function: ScalarFunction::Select, .. } = outer.operation else { return None };
        let [_, inner, other] = outer.operands.as_slice() else { return None };
        let Operation::Constant(other) = self.node(*other)?.operation else { return None };
        let node = self.node(*inner).filter(|_| other.as_f64() == 0.0)?;
        let Operation::Map { function, .. } = node.operation else { return None };
        let [weight, scalar] = *node.operands.as_slice() else { return None };
        let divides = function == ScalarFunction::Divide;
        let fits = divides || function == ScalarFunction::Multiply;
        let scaled = Scaled { node: *inner, weight };
        let only_here =
            !self.uses.wanted.contains(inner) && self.uses.is_read_by(*inner, &BTreeSet::from([core]));
        let is_same = self.is_single(weight) && self.is_number_or_size(scalar, &outer.ty.axes);
        (fits && only_here && is_same).then_some((scaled, Factor { scalar, divides, absorbs: false }))
    }

    fn is_number_or_size(&self, id: NodeId, axes: &[AxisId]) -> bool {
        let Some(node) = self.node(id) else { return false };
        match &node.operation {
            Operation::Constant(number) => number.as_f64().is_finite() && number.as_f64() != 0.0,
            Operation::SizeOf(size) => axes.iter().any(|axis| self.uses.function.size(*axis) == *size),
            Operation::Cast(_) => node.operands.first().is_some_and(|id| self.is_number_or_size(*id, axes)),
            _ => false,
        }
    }

    /// How the weights are worked out before the factors.
    fn core(&self, core: NodeId, keys: AxisId) -> Option<(Option<Softmax>, Cone)> {
        let cone = self.cone(core, keys);
        if cone.statistics.is_empty() {
            return Some((None, cone));
        }
        let exponential = self.node(core)?;
        let Operation::Map { function: ScalarFunction::Exponential, .. } = exponential.operation else {
            return None;
        };
        let difference = self.node(*exponential.operands.first()?)?;
        let Operation::Map { function: ScalarFunction::Subtract, .. } = difference.operation else {
            return None;
        };
        let [entries, shift] = difference.operands.as_slice() else { return None };
        let [mut statistics, own] = [*shift, *entries].map(|id| self.cone(id, keys).statistics);
        let largest = statistics.pop_first()?;
        let apart = statistics.is_empty() && own.is_empty() && !self.has(*shift, keys);
        self.reduces(largest, ReduceKind::Maximum, *entries)?;
        apart.then_some((Some(Softmax { largest, entries: *entries, shift: *shift }), cone))
    }

    /// That a node is such a reduction of another.
    fn reduces(&self, id: NodeId, wanted: ReduceKind, of: NodeId) -> Option<()> {
        let node = self.node(id)?;
        let is_it = matches!(node.operation, Operation::Reduce { kind, .. } if kind == wanted);
        (is_it && node.operands.first() == Some(&of)).then_some(())
    }

    fn cone(&self, id: NodeId, keys: AxisId) -> Cone {
        let mut cone = Cone::default();
        let mut seen = BTreeSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(node) = self.node(id).filter(|_| seen.insert(id)) else { continue };
            match &node.operation {
                Operation::Map { .. } | Operation::Cast(_) => {
                    cone.pointwise.insert(id);
                    open.extend(&node.operands);
                }
                Operation::Reduce { axes, .. } if *axes == [keys] => {
                    cone.statistics.insert(id);
                }
                Operation::Reduce { .. } => cone.scores.extend(self.score(id, keys)),
                _ => {}
            }
        }
        cone.scores.sort_by_key(|score| score.node);
        cone
    }

    fn score(&self, id: NodeId, keys: AxisId) -> Option<Score> {
        let node = self.node(id)?;
        let (_, product) = product_of(node, |id| self.node(id))?;
        let Operation::Reduce { axes, .. } = &node.operation else { return None };
        let Operation::Map { absorb: Absorb::Neither, .. } = product.operation else { return None };
        let ([inner], [a, b]) = (axes.as_slice(), product.operands.as_slice()) else { return None };
        let (query, key) = match (self.has(*a, keys), self.has(*b, keys)) {
            (false, true) => (*a, *b),
            (true, false) => (*b, *a),
            _ => return None,
        };
        let both = self.has(query, *inner) && self.has(key, *inner) && self.is_single(id);
        both.then_some(Score { node: id, query, key, inner: *inner })
    }

    /// The pointwise nodes that depend on members.
    fn between(&self, cones: &[Cone], members: &mut BTreeSet<NodeId>) {
        let all: BTreeSet<NodeId> = cones.iter().flat_map(|cone| &cone.pointwise).copied().collect();
        for id in all {
            let Some(node) = self.node(id) else { continue };
            if node.operands.iter().any(|operand| members.contains(operand)) {
                members.insert(id);
            }
        }
    }

    /// Whether nobody else reads what lies between.
    fn is_closed(&self, attention: &Attention) -> bool {
        let mut inside = attention.members.clone();
        inside.insert(attention.node);
        let is_inner = |id: &NodeId| !self.uses.wanted.contains(id) && self.uses.is_read_by(*id, &inside);
        attention.members.iter().all(is_inner)
    }
}
