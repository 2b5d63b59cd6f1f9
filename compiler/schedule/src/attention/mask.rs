//! What a mask leaves out, and whether it leaves out a whole block.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::{Coordinate, Point};
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
            masks.extend(
                off(function, operand(1)?).filter(|(_, own)| *own == number).into_iter().flat_map(|o| o.0),
            );
            Some((masks, number))
        }
        Operation::Map { function: ScalarFunction::Exponential, .. } => {
            let (masks, number) = off(function, operand(0)?)?;
            Some((masks, exponential_of(number)?))
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

/// The exponential of the backgrounds that matter.
fn exponential_of(number: f64) -> Option<f64> {
    (number == f64::NEG_INFINITY).then_some(0.0)
}

/// A block: the least and the greatest coordinate along each of its axes.
pub(super) struct Block<'a> {
    pub ranges: &'a BTreeMap<AxisId, (Value, Value)>,
    /// The coordinates along the other axes.
    pub point: &'a Point,
}

impl Block<'_> {
    /// Whether all masks may be true somewhere in the block; `None` where nothing says that they are not.
    pub fn may(&self, e: &mut Emitter, masks: &[NodeId]) -> Result<Option<Value>, ScheduleError> {
        let mut result = None;
        for mask in masks {
            let one = self.may_be(e, *mask)?;
            result = e.both(result, one);
        }
        Ok(result)
    }

    /// Whether all masks are true everywhere in the block; `None` where nothing says that they are.
    pub fn must(&self, e: &mut Emitter, masks: &[NodeId]) -> Result<Option<Value>, ScheduleError> {
        let mut result = None;
        for mask in masks {
            let Some(one) = self.must_be(e, *mask)? else { return Ok(None) };
            result = e.both(result, Some(one));
        }
        Ok(result)
    }

    fn must_be(&self, e: &mut Emitter, id: NodeId) -> Result<Option<Value>, ScheduleError> {
        let scene = e.scene;
        let node = scene.node(id)?;
        let Operation::Map { function, .. } = node.operation else { return Ok(None) };
        let [a, b] = node.operands.as_slice() else { return Ok(None) };
        use ScalarFunction as F;
        if function == F::And {
            let (a, b) = (self.must_be(e, *a)?, self.must_be(e, *b)?);
            return Ok(a.zip(b).map(|(a, b)| e.w.and(a, b)));
        }
        if !matches!(function, F::Less | F::LessEqual | F::Greater | F::GreaterEqual) {
            return Ok(None);
        }
        let (Some((a_least, a_most)), Some((b_least, b_most))) = (self.bounds(e, *a)?, self.bounds(e, *b)?)
        else {
            return Ok(None);
        };
        Ok(Some(match function {
            F::Less => e.w.compare(Comparison::Less, a_most, b_least),
            F::LessEqual => e.w.compare(Comparison::LessEqual, a_most, b_least),
            F::Greater => e.w.compare(Comparison::Greater, a_least, b_most),
            _ => e.w.compare(Comparison::GreaterEqual, a_least, b_most),
        }))
    }

    fn may_be(&self, e: &mut Emitter, id: NodeId) -> Result<Option<Value>, ScheduleError> {
        let scene = e.scene;
        let node = scene.node(id)?;
        let Operation::Map { function, .. } = node.operation else { return Ok(None) };
        let [a, b] = node.operands.as_slice() else { return Ok(None) };
        use ScalarFunction as F;
        match function {
            F::And => {
                let (a, b) = (self.may_be(e, *a)?, self.may_be(e, *b)?);
                return Ok(e.both(a, b));
            }
            F::Or => {
                let (a, b) = (self.may_be(e, *a)?, self.may_be(e, *b)?);
                return Ok(a.zip(b).map(|(a, b)| e.w.or(a, b)));
            }
            F::Less | F::LessEqual | F::Greater | F::GreaterEqual | F::Equal => {}
            _ => return Ok(None),
        }
        let (Some((a_least, a_most)), Some((b_least, b_most))) = (self.bounds(e, *a)?, self.bounds(e, *b)?)
        else {
            return Ok(None);
        };
        Ok(Some(match function {
            F::Less => e.w.compare(Comparison::Less, a_least, b_most),
            F::LessEqual => e.w.compare(Comparison::LessEqual, a_least, b_most),
            F::Greater => e.w.compare(Comparison::Greater, a_most, b_least),
            F::GreaterEqual => e.w.compare(Comparison::GreaterEqual, a_most, b_least),
            _ => {
                let low = e.w.compare(Comparison::LessEqual, a_least, b_most);
                let high = e.w.compare(Comparison::GreaterEqual, a_most, b_least);
                e.w.and(low, high)
            }
        }))
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

/// A scalar coordinate.
pub(super) fn at(point: &Point, axis: AxisId, place: Value) -> Point {
    point.with(axis, Coordinate::Scalar(place))
}
