//! The support rules: what is known of an operation's result from what is known of its operands.

use crate::function::{AxisId, Type};
use crate::operation::{Absorb, Operation, ReduceKind, ScalarFunction};
use crate::support::{Fact, Sizes, Support, SupportExpression, SupportOperand};
use crate::{Element, Scalar, Size};
use std::collections::{BTreeMap, BTreeSet};

/// An operand as the support rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What identifies it: the node, or its class in an e-graph.
    pub key: u32,
    /// The operation that made it, where one is known: one-hot comparisons are recognized by their coordinate.
    pub operation: Option<&'a Operation>,
    /// Its type.
    pub ty: &'a Type,
    /// Its fact.
    pub fact: Option<&'a Fact>,
}

impl Known<'_> {
    fn constant(&self) -> Option<Scalar> {
        self.fact.filter(|fact| fact.support.is_empty()).map(|fact| fact.background)
    }
}

/// The fact about the result of `operation`, a value of type `ty` that is itself identified by `key`; `None` if nothing is known.
pub fn fact(operation: &Operation, operands: &[Known], ty: &Type, key: u32, sizes: Sizes) -> Option<Fact> {
    let derived = derive(operation, operands, ty, key, sizes);
    if derived.is_some() || ty.element != Element::Bool {
        return derived;
    }
    // Any truth value is false wherever it is false: a support without a bound of its own.
    Some(made(key, ty, BTreeMap::new()))
}

fn derive(operation: &Operation, operands: &[Known], ty: &Type, key: u32, sizes: Sizes) -> Option<Fact> {
    match operation {
        Operation::Constant(value) => Some(Fact { background: *value, support: Support::empty() }),
        Operation::Map { function, absorb } => map(*function, *absorb, operands, ty, key, sizes),
        Operation::Cast(element) => {
            let fact = operands.first()?.fact?;
            Some(Fact { background: fact.background.cast(*element), support: fact.support.clone() })
        }
        Operation::Reduce { kind, axes } => reduce(*kind, axes, operands.first()?, sizes),
        Operation::Rename { from, to } => moved(operation, &[*from], &[*to], operands, sizes),
        Operation::Merge { from, into } => moved(operation, from, &[*into], operands, sizes),
        Operation::Split { from, into } => moved(operation, &[*from], into, operands, sizes),
        Operation::Slice { from, into, .. } => moved(operation, &[*from], &[*into], operands, sizes),
        Operation::Pad { from, into, before, value } => {
            let same = operands.first()?.fact?.background == *value;
            let padding = Operation::Pad {
                from: *from,
                into: *into,
                before: before.clone(),
                value: Scalar::boolean(false),
            };
            same.then(|| moved(&padding, &[*from], &[*into], operands, sizes))?
        }
        Operation::Window { .. } => window(operation, operands.first()?, sizes),
        Operation::Concatenate { from, into } => concatenate(operation, from, *into, operands, sizes),
        Operation::Gather { axis } => gather(operation, *axis, operands, sizes),
        Operation::ScatterAdd { over, into } => scatter(operation, over, *into, operands, sizes),
        Operation::CumulativeSum { axis } => {
            let fact = alike_along(*axis, operands.first()?)?;
            fact.background.is_zero().then(|| fact.clone())
        }
        Operation::ArgMax { axis } => {
            // Of entries that are all the same the first is the largest.
            let fact = alike_along(*axis, operands.first()?)?;
            Some(Fact { background: Scalar::zero(ty.element), support: fact.support.clone() })
        }
        Operation::Sort { axis } => sort(operation, *axis, operands.first()?, key, sizes),
        Operation::LargestMask { count, axis } => {
            Some(made(key, ty, BTreeMap::from([(BTreeSet::from([*axis]), count.clone())])))
        }
        Operation::Expect { count, axes } => {
            Some(made(key, ty, BTreeMap::from([(axes.iter().copied().collect(), count.clone())])))
        }
        Operation::Pack { .. } => pack(operation, operands, sizes),
        Operation::Unpack { background, .. } => {
            let support = mask_support(operands.first()?)?;
            Some(Fact { background: *background, support })
        }
        Operation::SegmentReduce { kind, over, .. } => {
            let support = mask_support(operands.first()?)?;
            let support = over.iter().fold(support, |support, axis| support.project(*axis, sizes));
            Some(Fact { background: kind.identity(ty.element), support })
        }
        _ => None,
    }
}

fn made(key: u32, ty: &Type, degrees: BTreeMap<BTreeSet<AxisId>, Size>) -> Fact {
    Fact { background: Scalar::boolean(false), support: Support::made(key, ty.axes.iter().copied(), degrees) }
}

/// The support that a `bool` value is, if it is one.
fn mask_support(mask: &Known) -> Option<Support> {
    let fact = mask.fact?;
    (fact.background == Scalar::boolean(false)).then(|| {
        // The value may be false in more places than its support, but it is the value that packing goes by.
        let mut support = fact.support.clone();
        if support.is_empty() {
            support = Support::made(mask.key, mask.ty.axes.iter().copied(), BTreeMap::new());
        }
        support
    })
}

fn map(
    function: ScalarFunction,
    absorb: Absorb,
    operands: &[Known],
    ty: &Type,
    key: u32,
    sizes: Sizes,
) -> Option<Fact> {
    if let Some(fact) = absorbed(function, absorb, operands, ty.element) {
        return Some(fact);
    }
    if function == ScalarFunction::Select {
        return select(operands, sizes);
    }
    if let Some(fact) =
        one_hot(function, operands, ty, key).or_else(|| range(function, operands, ty, key, sizes))
    {
        return Some(fact);
    }
    let backgrounds: Option<Vec<Scalar>> =
        operands.iter().map(|operand| operand.fact.map(|fact| fact.background)).collect();
    let background = function.apply(absorb, &backgrounds?)?;
    if background.is_nan() {
        return None;
    }
    let support = operands
        .iter()
        .filter_map(|operand| operand.fact)
        .fold(Support::empty(), |support, fact| support.union(&fact.support, sizes));
    Some(Fact { background, support })
}

fn absorbed(function: ScalarFunction, absorb: Absorb, operands: &[Known], element: Element) -> Option<Fact> {
    let [left, right] = function.absorbing();
    let of = |place: usize, absorption: Option<crate::operation::Absorption>| {
        let (fact, absorption) = (operands.get(place)?.fact?, absorption?);
        fact.background.is(absorption.value).then_some((fact, absorption))
    };
    let left = matches!(absorb, Absorb::Left | Absorb::Both).then(|| of(0, left)).flatten();
    let right = matches!(absorb, Absorb::Right | Absorb::Both).then(|| of(1, right)).flatten();
    let (support, absorption) = match (left, right) {
        (Some((a, absorption)), Some((b, _))) => (a.support.intersection(&b.support), absorption),
        (Some((fact, absorption)), None) | (None, Some((fact, absorption))) => {
            (fact.support.clone(), absorption)
        }
        (None, None) => return None,
    };
    Some(Fact { background: Scalar::of(element, absorption.result)?, support })
}

fn select(operands: &[Known], sizes: Sizes) -> Option<Fact> {
    let [mask, x, y] = operands else { return None };
    let condition = mask.fact?;
    // Off the mask's support the result is one of the two; call it the outer one, and the other the inner.
    let (inner, outer) = if condition.background.is_true() { (y, x) } else { (x, y) };
    let outer_fact = outer.fact;
    let agree = inner.fact.zip(outer_fact).filter(|(a, b)| a.background == b.background);
    match (outer.constant(), outer_fact, agree) {
        (Some(background), _, Some((inner, _))) => {
            Some(Fact { background, support: condition.support.intersection(&inner.support) })
        }
        (Some(background), _, None) => Some(Fact { background, support: condition.support.clone() }),
        // Where both are the background, the mask does not matter.
        (None, _, Some((inner, outer))) if unbounded(&condition.support) => {
            Some(Fact { background: inner.background, support: inner.support.union(&outer.support, sizes) })
        }
        (None, Some(outer), _) => Some(Fact {
            background: outer.background,
            support: condition.support.union(&outer.support, sizes),
        }),
        (None, None, _) => None,
    }
}

/// Whether nothing is promised of the relation's degrees.
fn unbounded(support: &Support) -> bool {
    support.degrees.is_empty() && !support.is_empty()
}

/// `coordinate(A) == i`, where `i` does not vary along A, is true at most once along A.
fn one_hot(function: ScalarFunction, operands: &[Known], ty: &Type, key: u32) -> Option<Fact> {
    let [left, right] = operands else { return None };
    if function != ScalarFunction::Equal {
        return None;
    }
    let single = |a: &Known, b: &Known| match a.operation {
        Some(Operation::Coordinate(axis)) if !b.ty.has(*axis) => {
            Some((BTreeSet::from([*axis]), Size::constant(1)))
        }
        _ => None,
    };
    let degrees: BTreeMap<_, _> = single(left, right).into_iter().chain(single(right, left)).collect();
    (!degrees.is_empty()).then(|| made(key, ty, degrees))
}

/// `coordinate(A) < 4` and its like are true as often along A as the numbers say.
fn range(function: ScalarFunction, operands: &[Known], ty: &Type, key: u32, sizes: Sizes) -> Option<Fact> {
    use ScalarFunction as F;
    let [left, right] = operands else { return None };
    let place = |known: &Known| match known.operation {
        Some(Operation::Coordinate(axis)) => Some(*axis),
        _ => None,
    };
    let number = |known: &Known| i64::try_from(known.constant()?.as_integer()?).ok();
    let turned = match function {
        F::Less => F::Greater,
        F::LessEqual => F::GreaterEqual,
        F::Greater => F::Less,
        F::GreaterEqual => F::LessEqual,
        _ => return None,
    };
    let (axis, number, function) = match (place(left), number(right), number(left), place(right)) {
        (Some(axis), Some(number), _, _) => (axis, number, function),
        (_, _, Some(number), Some(axis)) => (axis, number, turned),
        _ => return None,
    };
    let size = sizes(axis);
    let before = |count: i64| Size::constant(count.max(0)).minimum(&size);
    let after = |count: i64| {
        let length = size.as_constant()?;
        Some(Size::constant(length.saturating_sub(count.max(0)).max(0)))
    };
    let count = match function {
        F::Less => Some(before(number)),
        F::LessEqual => Some(before(number.saturating_add(1))),
        F::Greater => after(number.saturating_add(1)),
        _ => after(number),
    };
    Some(made(key, ty, BTreeMap::from([(BTreeSet::from([axis]), count?)])))
}

/// The fact about a table of truth values, row-major along the axes of its type: its degree along each axis, and along all, counted. `None` for other tables.
pub fn table(values: &[Scalar], ty: &Type, key: u32, sizes: Sizes) -> Option<Fact> {
    if ty.element != Element::Bool {
        return None;
    }
    let lengths: Option<Vec<usize>> =
        ty.axes.iter().map(|axis| usize::try_from(sizes(*axis).as_constant()?).ok()).collect();
    let lengths = lengths?;
    let mut degrees = BTreeMap::new();
    for (place, axis) in ty.axes.iter().enumerate() {
        let inner: usize = lengths.iter().skip(place + 1).product();
        let length = lengths.get(place).copied().unwrap_or_default();
        let mut counts: BTreeMap<usize, i64> = BTreeMap::new();
        for (entry, _) in values.iter().enumerate().filter(|(_, value)| value.is_true()) {
            *counts.entry(entry / (inner * length).max(1) * inner + entry % inner.max(1)).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or_default();
        degrees.insert(BTreeSet::from([*axis]), Size::constant(most));
    }
    let all = values.iter().filter(|value| value.is_true()).count() as i64;
    degrees.insert(ty.axes.iter().copied().collect(), Size::constant(all));
    degrees.retain(|axes, _| !axes.is_empty());
    Some(made(key, ty, degrees))
}

fn reduce(kind: ReduceKind, axes: &[AxisId], operand: &Known, sizes: Sizes) -> Option<Fact> {
    let fact = operand.fact?;
    let identity = kind.identity(operand.ty.element);
    // A sum of negative zeros is zero.
    if fact.background != identity && !(fact.background.is_zero() && identity.is_zero()) {
        return None;
    }
    let support = axes.iter().fold(fact.support.clone(), |support, axis| support.project(*axis, sizes));
    Some(Fact { background: identity, support })
}

/// Operations that only move entries: the support moves with them.
fn moved(
    operation: &Operation,
    from: &[AxisId],
    into: &[AxisId],
    operands: &[Known],
    sizes: Sizes,
) -> Option<Fact> {
    let fact = operands.first()?.fact?;
    if !from.iter().any(|axis| fact.support.axes.contains(axis)) {
        return Some(fact.clone());
    }
    let support = from.iter().fold(fact.support.clone(), |support, axis| repeated(&support, *axis));
    Some(Fact { background: fact.background, support: support.apply(operation, &[], from, into, sizes) })
}

/// Windows that show the background beside the operand. An entry stands in several windows, but once at each tap and at most once in each
/// window, so that a degree along the axis holds for the places of one tap and for the taps of one place.
fn window(operation: &Operation, operand: &Known, sizes: Sizes) -> Option<Fact> {
    let mut operation = operation.clone();
    let Operation::Window { from, places, taps, value, .. } = &mut operation else { return None };
    let fact = operand.fact.filter(|fact| fact.background == *value)?;
    if !fact.support.axes.contains(from) {
        return Some(fact.clone());
    }
    *value = Scalar::boolean(false);
    let (from, places, taps) = (*from, *places, *taps);
    let mut support = fact.support.apply(&operation, &[], &[from], &[places, taps], sizes);
    support.degrees = BTreeMap::new();
    for (key, bound) in &fact.support.degrees {
        let rest: BTreeSet<AxisId> = key.iter().copied().filter(|axis| *axis != from).collect();
        let touched = rest.len() < key.len();
        for axis in [places, taps].iter().filter(|_| touched) {
            support.degrees.insert(rest.iter().copied().chain([*axis]).collect(), bound.clone());
        }
        if !touched {
            support.degrees.insert(rest, bound.clone());
        }
    }
    Some(Fact { background: fact.background, support })
}

/// The same relation written along an axis that it lacks: what moves entries of that axis needs it to be there.
fn repeated(support: &Support, axis: AxisId) -> Support {
    if support.axes.contains(&axis) {
        return support.clone();
    }
    let coordinate = SupportExpression::Apply(Box::new(Operation::Coordinate(axis)), Vec::new());
    let everywhere = scalar(ScalarFunction::Equal, vec![coordinate.clone(), coordinate]);
    Support {
        expression: scalar(ScalarFunction::And, vec![support.expression.clone(), everywhere]),
        axes: support.axes.iter().copied().chain([axis]).collect(),
        degrees: support.degrees.clone(),
    }
}

fn scalar(function: ScalarFunction, operands: Vec<SupportExpression>) -> SupportExpression {
    let operation = Operation::Map { function, absorb: Absorb::Neither };
    SupportExpression::Apply(Box::new(operation), operands.into_iter().map(SupportOperand::Support).collect())
}

fn cast(element: Element, operand: SupportOperand) -> SupportExpression {
    SupportExpression::Apply(Box::new(Operation::Cast(element)), vec![operand])
}

/// The fact of an operand that off its support is the same all along an axis, because its support does not vary there.
fn alike_along<'a>(axis: AxisId, operand: &Known<'a>) -> Option<&'a Fact> {
    operand.fact.filter(|fact| !fact.support.axes.contains(&axis) && !fact.background.is_nan())
}

/// Entries in ascending order. Where the support varies along the axis, what is not the background comes to other places, as many as
/// there were: at the end if nothing is below the background, and where the result itself is not 0 if the background is 0. No other
/// background has places that can be written down before the entries are known; a background of `inf` has NaN after it.
fn sort(operation: &Operation, axis: AxisId, operand: &Known, key: u32, sizes: Sizes) -> Option<Fact> {
    if let Some(fact) = alike_along(axis, operand) {
        return Some(fact.clone());
    }
    let fact = operand.fact?;
    let lowest = ReduceKind::Maximum.identity(operand.ty.element);
    let moved = fact.support.apply(operation, &[], &[axis], &[axis], sizes);
    let expression = if fact.background == lowest {
        moved.expression
    } else if fact.background.is_zero() {
        cast(Element::Bool, SupportOperand::Value(key))
    } else {
        return None;
    };
    // Entries move along the axis: a degree counts the same ones only if it goes along it.
    let along = |key: &BTreeSet<AxisId>| {
        let key: BTreeSet<AxisId> = key.iter().copied().chain([axis]).collect();
        let bound = fact.support.degree(&key, sizes);
        (key, bound)
    };
    let degrees = fact.support.degrees.keys().map(along).collect();
    // Where the result is not 0 may vary along all its axes.
    let axes = if fact.background == lowest { moved.axes } else { operand.ty.axes.iter().copied().collect() };
    Some(Fact { background: fact.background, support: Support { expression, axes, degrees } })
}

/// Updates that are 0 off their support add nothing: the result is 0 but where the index sends an entry of the support, and each entry is
/// sent to one place.
fn scatter(
    operation: &Operation,
    over: &[AxisId],
    into: AxisId,
    operands: &[Known],
    sizes: Sizes,
) -> Option<Fact> {
    let [updates, index] = operands else { return None };
    let fact = updates.fact.filter(|fact| fact.background.is_zero())?;
    if !over.iter().any(|axis| fact.support.axes.contains(axis)) {
        return Some(fact.clone());
    }
    let whole = over.iter().fold(fact.support.clone(), |support, axis| repeated(&support, *axis));
    let counted = cast(Element::I64, SupportOperand::Support(whole.expression.clone()));
    let operands = vec![SupportOperand::Support(counted), SupportOperand::Value(index.key)];
    let sent = SupportExpression::Apply(Box::new(operation.clone()), operands);
    let rest = |axes: &BTreeSet<AxisId>| -> BTreeSet<AxisId> {
        axes.iter().copied().filter(|axis| !over.contains(axis)).collect()
    };
    let bound = |key: &BTreeSet<AxisId>| {
        let own = rest(key);
        let sources = own.iter().chain(over).copied().collect();
        (own.into_iter().chain([into]).collect(), whole.degree(&sources, sizes))
    };
    let axes = whole.axes.iter().chain(&index.ty.axes).copied().collect();
    let support = Support {
        expression: cast(Element::Bool, SupportOperand::Support(sent)),
        axes: rest(&axes).into_iter().chain([into]).collect(),
        degrees: whole.degrees.keys().map(bound).collect(),
    };
    Some(Fact { background: fact.background, support })
}

/// Operands of one background one after the other: degrees add along the axis, and are the largest elsewhere. A support that
/// lacks its operand's own axis is repeated along it, so that the supports can be put together as the operands are.
fn concatenate(
    operation: &Operation,
    from: &[AxisId],
    into: AxisId,
    operands: &[Known],
    sizes: Sizes,
) -> Option<Fact> {
    let whole = |(operand, own): (&Known, &AxisId)| {
        let fact = operand.fact?;
        Some(Fact { background: fact.background, support: repeated(&fact.support, *own) })
    };
    let facts: Option<Vec<Fact>> = operands.iter().zip(from).map(whole).collect();
    let facts = facts?;
    let background = facts.first()?.background;
    if from.len() != operands.len() || facts.iter().any(|fact| fact.background != background) {
        return None;
    }
    let renamed = |axes: &BTreeSet<AxisId>, own: AxisId, new: AxisId| -> BTreeSet<AxisId> {
        axes.iter().map(|axis| if *axis == own { new } else { *axis }).collect()
    };
    let (mut axes, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (fact, own) in facts.iter().zip(from) {
        axes.extend(renamed(&fact.support.axes, *own, into));
        keys.extend(fact.support.degrees.keys().map(|key| renamed(key, *own, into)));
    }
    let degree = |key: &BTreeSet<AxisId>| {
        let own =
            facts.iter().zip(from).map(|(fact, own)| fact.support.degree(&renamed(key, into, *own), sizes));
        if key.contains(&into) {
            own.fold(Size::constant(0), |sum, bound| sum.add(&bound))
        } else {
            own.reduce(|largest, bound| largest.maximum(&bound)).unwrap_or_default()
        }
    };
    let degrees = keys.iter().map(|key| (key.clone(), degree(key))).collect();
    let parts = facts.iter().map(|fact| SupportOperand::Support(fact.support.expression.clone())).collect();
    let expression = SupportExpression::Apply(Box::new(operation.clone()), parts);
    Some(Fact { background, support: Support { expression, axes, degrees } })
}

fn gather(operation: &Operation, axis: AxisId, operands: &[Known], sizes: Sizes) -> Option<Fact> {
    let [table, index] = operands else { return None };
    let fact = table.fact?;
    let new: Vec<AxisId> =
        index.ty.axes.iter().copied().filter(|axis| !fact.support.axes.contains(axis)).collect();
    if !fact.support.axes.contains(&axis) || fact.support.is_empty() {
        return Some(fact.clone());
    }
    let mut support = fact.support.apply(operation, &[index.key], &[axis], &new, sizes);
    // Rows may be looked up more than once, so a degree over the axis says nothing of the new ones; and along an axis of the index each
    // entry comes from another row, so a degree over that holds no longer.
    let untouched =
        fact.support.degrees.iter().filter(|(key, _)| {
            !key.contains(&axis) && !index.ty.axes.iter().any(|other| key.contains(other))
        });
    support.degrees = untouched.map(|(key, bound)| (key.clone(), bound.clone())).collect();
    Some(Fact { background: fact.background, support })
}

fn pack(operation: &Operation, operands: &[Known], sizes: Sizes) -> Option<Fact> {
    let [mask, value] = operands else { return None };
    let Operation::Pack { into } = operation else { return None };
    let fact = value.fact?;
    let packed: Vec<AxisId> =
        mask.ty.axes.iter().copied().filter(|axis| fact.support.axes.contains(axis)).collect();
    if packed.is_empty() {
        return Some(fact.clone());
    }
    let own = mask_support(mask)?;
    if own.is_within_support(&fact.support) && !fact.support.is_empty() {
        return None;
    }
    let mut support = fact.support.apply(operation, &[], &packed, &[*into], sizes);
    if let SupportExpression::Apply(_, operands) = &mut support.expression {
        operands.insert(0, SupportOperand::Value(mask.key));
    }
    support.degrees = fact
        .support
        .degrees
        .iter()
        .filter(|(key, _)| key.iter().all(|axis| !packed.contains(axis)))
        .map(|(key, bound)| (key.clone(), bound.clone()))
        .collect();
    Some(Fact { background: fact.background, support })
}

/// Which operand of a binary function absorbs, by the table: one that is known to be the absorbing value off a support of its own.
pub fn absorb(function: ScalarFunction, left: Option<&Fact>, right: Option<&Fact>) -> Absorb {
    let [by_left, by_right] = function.absorbing();
    let absorbs = |fact: Option<&Fact>, absorption: Option<crate::operation::Absorption>| {
        fact.zip(absorption).is_some_and(|(fact, absorption)| {
            !fact.support.is_empty() && fact.background.is(absorption.value)
        })
    };
    match (absorbs(left, by_left), absorbs(right, by_right)) {
        (true, true) => Absorb::Both,
        (true, false) => Absorb::Left,
        (false, true) => Absorb::Right,
        (false, false) => Absorb::Neither,
    }
}
