//! What a mask leaves out, and whether it leaves out a whole block.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::Point;
use moe_graph::{Absorb, AxisId, Element, Function, NodeId, Operation, ScalarFunction};
use moe_kernel::{BinaryOperation, Comparison, UnaryOperation, Value};
use std::collections::BTreeMap;

/// Masks of which any that is false makes a value one number, and the number.
pub(super) fn off(function: &Function, id: NodeId) -> Option<(Vec<NodeId>, f64)> {
    let node = function.node(id)?;
    let operand = |place: usize| node.operands.get(place).copied();
    match &node.operation {
        Operation::Cast(element) if element.is_float() => off(function, operand(0)?),
        Operation::Map { function: ScalarFunction::Select, .. } => {
            let Operation::Constant(number) = function.node(operand(2)?)?.operation else { return None };
            let mut masks = vec![operand(0)?];
            let number = number.as_f64();
            let inner = off(function, operand(1)?).filter(|(_, own)| *own == number);
            masks.extend(inner.map(|(masks, _)| masks).unwrap_or_default());
            Some((masks, number))
        }
        Operation::Map { function: ScalarFunction::Exponential, .. } => {
            let (masks, number) = off(function, operand(0)?)?;
            // Of the backgrounds that matter.
            (number == f64::NEG_INFINITY).then_some((masks, 0.0))
        }
        Operation::Map { function: map, absorb } => {
            let sides = [(0, Absorb::Left), (1, Absorb::Right)];
            sides.into_iter().zip(map.absorbing()).find_map(|((place, side), absorption)| {
                // An infinite entry less the row's largest: where nothing else is in the row, no weight of it is a number anyway.
                let shifted = *map == ScalarFunction::Subtract && place == 0;
                if !shifted && *absorb != side && *absorb != Absorb::Both {
                    return None;
                }
                let (absorption, (masks, number)) = (absorption?, off(function, operand(place)?)?);
                (number == absorption.value).then_some((masks, absorption.result))
            })
        }
        _ => None,
    }
}

/// Where in a block a mask is to be true.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Somewhere,
    Everywhere,
}

/// A block: the least and the greatest coordinate along each of its axes.
pub(super) struct Block<'a> {
    pub ranges: &'a BTreeMap<AxisId, (Value, Value)>,
    /// The coordinates along the other axes.
    pub point: &'a Point,
}

impl Block<'_> {
    /// Whether all masks may be true somewhere in the block, or are true everywhere in it; `None` where nothing says that they are not, or that
    /// they are.
    pub fn all(
        &self,
        e: &mut Emitter,
        masks: &[NodeId],
        reach: Reach,
    ) -> Result<Option<Value>, ScheduleError> {
        let mut result = None;
        for mask in masks {
            let one = self.holds(e, *mask, reach)?;
            if one.is_none() && reach == Reach::Everywhere {
                return Ok(None);
            }
            result = e.both(result, one);
        }
        Ok(result)
    }

    fn holds(&self, e: &mut Emitter, id: NodeId, reach: Reach) -> Result<Option<Value>, ScheduleError> {
        use Reach::{Everywhere, Somewhere};
        use ScalarFunction as F;
        let scene = e.scene;
        let node = scene.node(id)?;
        let Operation::Map { function, .. } = node.operation else { return Ok(None) };
        let [a, b] = node.operands.as_slice() else { return Ok(None) };
        let comparison = match (function, reach) {
            (F::And, _) => return self.all(e, &[*a, *b], reach),
            (F::Or, Somewhere) => {
                let (a, b) = (self.holds(e, *a, reach)?, self.holds(e, *b, reach)?);
                return Ok(a.zip(b).map(|(a, b)| e.w.or(a, b)));
            }
            (F::Less, _) => Comparison::Less,
            (F::LessEqual, _) => Comparison::LessEqual,
            (F::Greater, _) => Comparison::Greater,
            (F::GreaterEqual, _) => Comparison::GreaterEqual,
            (F::Equal, Somewhere) => Comparison::Equal,
            _ => return Ok(None),
        };
        let (Some(a), Some(b)) = (self.bounds(e, *a)?, self.bounds(e, *b)?) else { return Ok(None) };
        if comparison == Comparison::Equal {
            let low = e.w.compare(Comparison::LessEqual, a.0, b.1);
            let high = e.w.compare(Comparison::GreaterEqual, a.1, b.0);
            return Ok(Some(e.w.and(low, high)));
        }
        let is_less = matches!(comparison, Comparison::Less | Comparison::LessEqual);
        let (a, b) = if is_less == (reach == Everywhere) { (a.1, b.0) } else { (a.0, b.1) };
        Ok(Some(e.w.compare(comparison, a, b)))
    }

    /// The least and the greatest that an `i64` may be in the block.
    fn bounds(&self, e: &mut Emitter, id: NodeId) -> Result<Option<(Value, Value)>, ScheduleError> {
        let scene = e.scene;
        let node = scene.node(id)?;
        if node.ty.element != Element::I64 {
            return Ok(None);
        }
        if node.ty.axes.iter().all(|axis| !self.ranges.contains_key(axis)) {
            let value = e.emit(id, self.point)?;
            return Ok(Some((value, value)));
        }
        let operands = node.operands.as_slice();
        match (&node.operation, operands) {
            (Operation::Coordinate(axis), _) => Ok(self.ranges.get(axis).copied()),
            (Operation::Map { function, .. }, [a]) => {
                let (ScalarFunction::Negate, Some((least, most))) = (*function, self.bounds(e, *a)?) else {
                    return Ok(None);
                };
                let negative = |e: &mut Emitter, value| e.w.unary(UnaryOperation::Negate, value);
                Ok(Some((negative(e, most), negative(e, least))))
            }
            (Operation::Map { function, .. }, [a, b]) => {
                let (Some(a), Some(b)) = (self.bounds(e, *a)?, self.bounds(e, *b)?) else { return Ok(None) };
                let each = |e: &mut Emitter, operation| {
                    (e.w.binary(operation, a.0, b.0), e.w.binary(operation, a.1, b.1))
                };
                Ok(match function {
                    ScalarFunction::Add => Some((e.w.add(a.0, b.0), e.w.add(a.1, b.1))),
                    ScalarFunction::Subtract => Some((e.w.subtract(a.0, b.1), e.w.subtract(a.1, b.0))),
                    ScalarFunction::Minimum => Some(each(e, BinaryOperation::Minimum)),
                    ScalarFunction::Maximum => Some(each(e, BinaryOperation::Maximum)),
                    _ => None,
                })
            }
            _ => Ok(None),
        }
    }
}

/// The ranges along axes of consecutive places `begin..end` of them taken as one, the first slowest.
pub(super) fn ranges(
    e: &mut Emitter,
    axes: &[AxisId],
    begin: Value,
    end: Value,
) -> BTreeMap<AxisId, (Value, Value)> {
    let mut ranges = BTreeMap::new();
    if axes.is_empty() {
        return ranges;
    }
    let (mut first, mut last) = (begin, e.w.offset(end, -1));
    let mut same: Option<Value> = None;
    for (place, axis) in axes.iter().enumerate() {
        let inner = e.scene.sizes(axes.get(place + 1..).unwrap_or_default());
        let inner = e.w.size(&crate::sizes::product(&inner));
        let (mut low, mut high) = (e.w.divide(first, inner), e.w.divide(last, inner));
        first = e.w.binary(BinaryOperation::Remainder, first, inner);
        last = e.w.binary(BinaryOperation::Remainder, last, inner);
        let equal = e.w.compare(Comparison::Equal, low, high);
        if let Some(same) = same {
            let (zero, size) = (e.w.index(0), e.w.size(&e.scene.size(*axis)));
            let most = e.w.offset(size, -1);
            (low, high) = (e.w.select(same, low, zero), e.w.select(same, high, most));
        }
        same = e.both(same, Some(equal));
        ranges.insert(*axis, (low, high));
    }
    ranges
}
