//! Facts: where a tensor is known to hold one value.
//!
//! A fact says that a tensor equals its *background* wherever its *support* is false. The support is a boolean relation over some
//! of the tensor's axes, identified by the value that made it, with upper bounds on its *degree* over sets of its axes: how
//! many entries are true along those axes, for each place along its other axes.

use crate::function::AxisId;
use crate::operation::{Operation, ReduceKind};
use crate::{Absorb, Scalar, ScalarFunction, Size};
use std::collections::{BTreeMap, BTreeSet};

/// The sizes of axes, as the rules need them.
pub type Sizes<'a> = &'a dyn Fn(AxisId) -> Size;

/// What is known of a tensor: it equals `background` wherever `support` is false.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// The value off the support.
    pub background: Scalar,
    /// Where it may differ.
    pub support: Support,
}

/// A boolean relation with bounds on its degrees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Support {
    /// How it came about.
    pub expression: SupportExpression,
    /// The axes it varies along.
    pub axes: BTreeSet<AxisId>,
    /// Upper bounds on degrees, by set of axes.
    pub degrees: BTreeMap<BTreeSet<AxisId>, Size>,
}

/// How a support came about. Equal expressions are equal relations.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum SupportExpression {
    /// Nowhere true: the tensor is constant.
    Empty,
    /// A `bool` value: the node that made it, or its class in an e-graph.
    Mask(u32),
    /// True where any is; at least two, none a union.
    Union(BTreeSet<SupportExpression>),
    /// True where all are; at least two, none an intersection.
    Intersection(BTreeSet<SupportExpression>),
    /// An operation of the graph applied to supports (as `bool` values) and to other values.
    Apply(Box<Operation>, Vec<SupportOperand>),
}

/// An operand of [`SupportExpression::Apply`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum SupportOperand {
    /// A support, as a `bool` value; or what one is worked out from.
    Support(SupportExpression),
    /// Another value.
    Value(u32),
}

impl Support {
    /// Nowhere true.
    pub fn empty() -> Self {
        Support { expression: SupportExpression::Empty, axes: BTreeSet::new(), degrees: BTreeMap::new() }
    }

    /// The relation a `bool` value is, with the degrees that its maker promises.
    pub fn made(
        key: u32,
        axes: impl IntoIterator<Item = AxisId>,
        degrees: BTreeMap<BTreeSet<AxisId>, Size>,
    ) -> Self {
        Support { expression: SupportExpression::Mask(key), axes: axes.into_iter().collect(), degrees }
    }

    /// Whether it is nowhere true.
    pub fn is_empty(&self) -> bool {
        self.expression == SupportExpression::Empty
    }

    /// Every bound that follows for the degree over `axes`; each holds.
    pub fn bounds(&self, axes: &BTreeSet<AxisId>, sizes: Sizes) -> Vec<Size> {
        if self.is_empty() {
            return vec![Size::constant(0)];
        }
        let product = |axes: &mut dyn Iterator<Item = &AxisId>| {
            axes.fold(Size::constant(1), |product, axis| product.multiply(&sizes(*axis)))
        };
        let mut bounds: Vec<Size> = self
            .degrees
            .iter()
            .filter(|(known, _)| !known.is_disjoint(axes))
            .map(|(known, bound)| bound.multiply(&product(&mut axes.difference(known))))
            .collect();
        bounds.push(product(&mut axes.iter()));
        bounds
    }

    /// The best bound that follows for the degree over `axes`.
    pub fn degree(&self, axes: &BTreeSet<AxisId>, sizes: Sizes) -> Size {
        let bounds = self.bounds(axes, sizes);
        bounds.into_iter().reduce(|best, bound| best.minimum(&bound)).unwrap_or_default()
    }

    /// Whether at most `bound` entries over `axes` are true, provably.
    pub fn is_within(&self, axes: &BTreeSet<AxisId>, bound: &Size, sizes: Sizes) -> bool {
        self.bounds(axes, sizes).iter().any(|known| known.at_most(bound))
            || self.degree(axes, sizes).at_most(bound)
    }

    /// Whether `self` is true only where `other` is, provably.
    pub fn is_within_support(&self, other: &Support) -> bool {
        self.expression.implies_over(&other.expression, &other.axes)
    }

    /// True where either is. Degrees add, unless one contains the other.
    #[must_use]
    pub fn union(&self, other: &Support, sizes: Sizes) -> Support {
        if self.is_within_support(other) {
            return other.clone();
        }
        if other.is_within_support(self) {
            return self.clone();
        }
        let keys: BTreeSet<_> = self.degrees.keys().chain(other.degrees.keys()).cloned().collect();
        let degrees = keys
            .into_iter()
            .map(|key| {
                let sum = self.degree(&key, sizes).add(&other.degree(&key, sizes));
                (key, sum)
            })
            .collect();
        let mut parts = BTreeSet::new();
        for expression in [&self.expression, &other.expression] {
            match expression {
                SupportExpression::Union(inner) => parts.extend(inner.iter().cloned()),
                single => {
                    parts.insert(single.clone());
                }
            }
        }
        Support {
            expression: SupportExpression::Union(parts),
            axes: self.axes.union(&other.axes).copied().collect(),
            degrees,
        }
    }

    /// True where both are. Each degree is the smaller; and where one relation does not vary along the axes of the other's degree, the
    /// degree over both sets of axes is at most the product.
    #[must_use]
    pub fn intersection(&self, other: &Support) -> Support {
        if self.is_within_support(other) {
            return self.bounded_as(other);
        }
        if other.is_within_support(self) {
            return other.bounded_as(self);
        }
        let mut degrees = self.bounded_as(other).degrees;
        for (joint, bound) in self.joint_degrees(other).into_iter().chain(other.joint_degrees(self)) {
            degrees.entry(joint).and_modify(|known| *known = known.minimum(&bound)).or_insert(bound);
        }
        for (first, second) in [(self, other), (other, self)] {
            for (key, bound) in &first.degrees {
                for (inner, count) in &second.degrees {
                    if inner.is_disjoint(&first.axes) && inner.is_disjoint(key) {
                        let both: BTreeSet<AxisId> = key.union(inner).copied().collect();
                        let product = bound.multiply(count);
                        let known = degrees.entry(both).or_insert_with(|| product.clone());
                        *known = known.minimum(&product);
                    }
                }
            }
        }
        let mut parts = BTreeSet::new();
        for expression in [&self.expression, &other.expression] {
            match expression {
                SupportExpression::Intersection(inner) => parts.extend(inner.iter().cloned()),
                single => {
                    parts.insert(single.clone());
                }
            }
        }
        Support {
            expression: SupportExpression::Intersection(parts),
            axes: self.axes.union(&other.axes).copied().collect(),
            degrees,
        }
    }

    /// The same relation with degrees that are at most those of one that it is within.
    fn bounded_as(&self, other: &Support) -> Support {
        let mut bounded = self.clone();
        for (key, bound) in &other.degrees {
            let known = bounded.degrees.entry(key.clone()).or_insert_with(|| bound.clone());
            *known = known.minimum(bound);
        }
        bounded
    }

    /// Degrees of the intersection over axes of both: where `self` does not vary along the axes of a degree of `other`, each of its
    /// entries meets at most that many, so that two levels of gates multiply their bounds.
    fn joint_degrees(&self, other: &Support) -> Vec<(BTreeSet<AxisId>, Size)> {
        let outer = self.degrees.iter();
        outer
            .flat_map(|(own, bound)| {
                let apart = other.degrees.iter().filter(|(theirs, _)| theirs.is_disjoint(&self.axes));
                apart.map(|(theirs, times)| (own.union(theirs).copied().collect(), bound.multiply(times)))
            })
            .collect()
    }

    /// True where any entry along `axis` is.
    #[must_use]
    pub fn project(&self, axis: AxisId, sizes: Sizes) -> Support {
        if !self.axes.contains(&axis) {
            return self.clone();
        }
        let size = sizes(axis);
        let mut degrees = BTreeMap::new();
        for key in self.degrees.keys() {
            let rest: BTreeSet<AxisId> = key.iter().copied().filter(|a| *a != axis).collect();
            if rest.is_empty() {
                continue;
            }
            let with_axis = rest.iter().copied().chain([axis]).collect();
            let bound = self.degree(&with_axis, sizes).minimum(&self.degree(&rest, sizes).multiply(&size));
            degrees.insert(rest, bound);
        }
        // A degree over the axis alone says nothing of the others, but one over them and the axis does; one over the others is
        // multiplied by the axis's size. Both are covered by going through the known keys.
        Support {
            expression: self.expression.project(axis),
            axes: self.axes.iter().copied().filter(|a| *a != axis).collect(),
            degrees,
        }
    }

    /// The same operation applied to the relation: axes change as `axes` says (old axes to the new ones that take their place),
    /// and a degree over a set with an old axis becomes one over the new ones, times the size of old axes the set lacks.
    pub(crate) fn apply(
        &self,
        operation: &Operation,
        others: &[u32],
        from: &[AxisId],
        into: &[AxisId],
        sizes: Sizes,
    ) -> Support {
        let replace = |axes: &BTreeSet<AxisId>| -> BTreeSet<AxisId> {
            if !from.iter().any(|axis| axes.contains(axis)) {
                return axes.clone();
            }
            axes.iter().copied().filter(|axis| !from.contains(axis)).chain(into.iter().copied()).collect()
        };
        let degrees = self
            .degrees
            .iter()
            .map(|(key, bound)| {
                let touched = from.iter().any(|axis| key.contains(axis));
                let missing = from.iter().filter(|axis| touched && !key.contains(axis));
                (replace(key), missing.fold(bound.clone(), |bound, axis| bound.multiply(&sizes(*axis))))
            })
            .collect();
        let operands = [SupportOperand::Support(self.expression.clone())]
            .into_iter()
            .chain(others.iter().map(|key| SupportOperand::Value(*key)))
            .collect();
        Support {
            expression: SupportExpression::Apply(Box::new(operation.clone()), operands),
            axes: replace(&self.axes),
            degrees,
        }
    }
}

/// Supports as one `bool` value, brought together by a function.
fn joined<T: Copy>(
    function: ScalarFunction,
    parts: &BTreeSet<SupportExpression>,
    value: &dyn Fn(u32) -> T,
    add: &mut dyn FnMut(Operation, Vec<T>) -> Option<T>,
) -> Option<T> {
    let parts: Vec<T> = parts.iter().map(|part| part.realize(value, add)).collect::<Option<_>>()?;
    let mut parts = parts.into_iter();
    let first = parts.next()?;
    parts.try_fold(first, |a, b| add(Operation::Map { function, absorb: Absorb::Neither }, vec![a, b]))
}

impl SupportExpression {
    /// Whether it is true only where `other` is, as far as the expressions show.
    pub fn implies(&self, other: &SupportExpression) -> bool {
        self == other
            || *self == SupportExpression::Empty
            || matches!(other, SupportExpression::Union(parts) if parts.iter().any(|part| self.implies(part)))
            || matches!(other, SupportExpression::Intersection(parts) if parts.iter().all(|part| self.implies(part)))
            || matches!(self, SupportExpression::Intersection(parts) if parts.iter().any(|part| part.implies(other)))
            || matches!(self, SupportExpression::Union(parts) if parts.iter().all(|part| part.implies(other)))
            || other.projected().is_some_and(|(inner, _)| self.implies(inner))
    }

    /// The same, knowing that `other` varies along `axes` only: a projection of what is within it is within it, if what was projected are
    /// other axes.
    pub fn implies_over(&self, other: &SupportExpression, axes: &BTreeSet<AxisId>) -> bool {
        let within = |part: &SupportExpression| part.implies_over(other, axes);
        self.implies(other)
            || matches!(self, SupportExpression::Intersection(parts) if parts.iter().any(within))
            || matches!(self, SupportExpression::Union(parts) if parts.iter().all(within))
            || self.projected().is_some_and(|(inner, over)| {
                over.iter().all(|axis| !axes.contains(axis)) && inner.implies_over(other, axes)
            })
    }

    /// The support as a `bool` value: of the values that it names, as `value` finds them, and operations that `add` puts on them. `None` where
    /// one of these comes to nothing.
    pub fn realize<T: Copy>(
        &self,
        value: &dyn Fn(u32) -> T,
        add: &mut dyn FnMut(Operation, Vec<T>) -> Option<T>,
    ) -> Option<T> {
        match self {
            SupportExpression::Empty => add(Operation::Constant(Scalar::boolean(false)), Vec::new()),
            SupportExpression::Mask(mask) => Some(value(*mask)),
            SupportExpression::Union(parts) => joined(ScalarFunction::Or, parts, value, add),
            SupportExpression::Intersection(parts) => joined(ScalarFunction::And, parts, value, add),
            SupportExpression::Apply(operation, operands) => {
                let operands = operands.iter().map(|operand| match operand {
                    SupportOperand::Support(inner) => inner.realize(value, add),
                    SupportOperand::Value(other) => Some(value(*other)),
                });
                let operands = operands.collect::<Option<_>>()?;
                add((**operation).clone(), operands)
            }
        }
    }

    /// What was projected, and along which axes.
    fn projected(&self) -> Option<(&SupportExpression, &[AxisId])> {
        let SupportExpression::Apply(operation, operands) = self else { return None };
        match (&**operation, operands.as_slice()) {
            (Operation::Reduce { kind: ReduceKind::Any, axes }, [SupportOperand::Support(inner)]) => {
                Some((inner, axes))
            }
            _ => None,
        }
    }

    fn project(&self, axis: AxisId) -> SupportExpression {
        if let SupportExpression::Apply(operation, operands) = self {
            if let (Operation::Reduce { kind: ReduceKind::Any, axes }, [operand]) =
                (&**operation, operands.as_slice())
            {
                let mut axes = axes.clone();
                axes.push(axis);
                axes.sort();
                let operation = Operation::Reduce { kind: ReduceKind::Any, axes };
                return SupportExpression::Apply(Box::new(operation), vec![operand.clone()]);
            }
        }
        let operation = Operation::Reduce { kind: ReduceKind::Any, axes: vec![axis] };
        SupportExpression::Apply(Box::new(operation), vec![SupportOperand::Support(self.clone())])
    }
}
