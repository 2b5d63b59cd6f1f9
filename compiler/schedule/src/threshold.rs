//! The largest entries of long rows: the smallest of them is found bit by bit, then one pass in order tells which entries are taken.
//!
//! Entries are compared as integers in whose order NaN comes first and both zeros are one. For each bit from the highest, the row is counted once:
//! the threshold takes the bit if still enough entries reach it.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, Each, Innermost};
use crate::point::Point;
use crate::scene::Storage;
use crate::writer::Writer;
use moe_graph::{AxisId, Element, NodeId};
use moe_kernel::{BinaryOperation, Comparison, Value};

/// The selection of one row.
pub(crate) struct Threshold<'a> {
    pub operand: NodeId,
    pub axis: AxisId,
    pub storage: &'a Storage,
    /// The row's point, without the axis.
    pub row: &'a Point,
    /// How many entries are wanted, `i64`.
    pub count: Value,
}

/// An entry as a signed integer that is ordered as selections are.
fn key(w: &mut Writer, value: Value) -> Value {
    let (integer, shift) = match w.ty(value).element {
        Element::F64 => (Element::I64, 63),
        Element::F32 => (Element::I32, 31),
        Element::U64 => {
            let lowest = w.constant(moe_graph::Scalar::index(i64::MIN), w.lanes(value));
            let signed = w.convert(value, Element::I64);
            return w.binary(BinaryOperation::ExclusiveOr, signed, lowest);
        }
        _ => return w.convert(value, Element::I64),
    };
    let zero = w.number(value, 0.0);
    let is_zero = w.compare(Comparison::Equal, value, zero);
    let is_number = w.compare(Comparison::Equal, value, value);
    let value = w.select(is_zero, zero, value);
    let bits = w.reinterpret(value, integer);
    // Of negative numbers the larger has the smaller bits: all but the sign are inverted.
    let (shift, highest) = (w.integer(bits, shift), highest(w, bits));
    let sign = w.binary(BinaryOperation::ShiftRight, bits, shift);
    let inverted = w.and(sign, highest);
    let ordered = w.binary(BinaryOperation::ExclusiveOr, bits, inverted);
    let lowest = lowest(w, bits);
    w.select(is_number, ordered, lowest)
}

fn highest(w: &mut Writer, like: Value) -> Value {
    let narrow = w.ty(like).element == Element::I32;
    w.integer(like, if narrow { i32::MAX.into() } else { i64::MAX })
}

fn lowest(w: &mut Writer, like: Value) -> Value {
    let narrow = w.ty(like).element == Element::I32;
    w.integer(like, if narrow { i32::MIN.into() } else { i64::MIN })
}

impl Threshold<'_> {
    fn integer(&self, e: &Emitter) -> Result<Element, ScheduleError> {
        let element = e.scene.node(self.operand)?.ty.element;
        let narrow = crate::scene::computed(element) == Element::F32;
        Ok(if narrow { Element::I32 } else { Element::I64 })
    }

    /// How many keys of the row compare so with a threshold, `i64`.
    fn counted(
        &self,
        e: &mut Emitter,
        comparison: Comparison,
        threshold: Value,
    ) -> Result<Value, ScheduleError> {
        let element = self.integer(e)?;
        let nothing = e.w.constant(moe_graph::Scalar::zero(element), e.lanes);
        let each: &mut Each<'_, Emitter<'_>> = &mut |e, at, counts, mask| {
            let mut point = extended(self.row, at);
            point.lane_mask = mask;
            let value = e.emit(self.operand, &point)?;
            let key = key(&mut e.w, value);
            let mut reaches = e.w.compare(comparison, key, threshold);
            if let Some(mask) = mask {
                reaches = e.w.and(reaches, mask);
            }
            let so_far = counts.first().copied().unwrap_or(nothing);
            let one = e.w.integer(so_far, 1);
            let more = e.w.add(so_far, one);
            Ok(vec![e.w.select(reaches, more, so_far)])
        };
        let counts = e.reduce(&[self.axis], Innermost::Lanes, vec![nothing], each)?;
        let count = counts.first().copied().unwrap_or(nothing);
        let count = e.w.reduce_lanes(BinaryOperation::Add, count);
        Ok(e.w.convert(count, Element::I64))
    }

    /// The smallest key that is taken.
    fn threshold(&self, e: &mut Emitter) -> Result<Value, ScheduleError> {
        let element = self.integer(e)?;
        let zero = e.w.constant(moe_graph::Scalar::zero(element), 1);
        let start = lowest(&mut e.w, zero);
        let bits = if element == Element::I32 { 32 } else { 64 };
        let (begin, end) = (e.w.index(0), e.w.index(bits));
        let open = e.w.open_loop(begin, end, 1, &[start]);
        let so_far = open.inner.first().copied().unwrap_or(start);
        let last = e.w.index(bits - 1);
        let place = e.w.subtract(last, open.index);
        let place = e.w.convert(place, element);
        let one = e.w.integer(place, 1);
        let bit = e.w.binary(BinaryOperation::ShiftLeft, one, place);
        let candidate = e.w.add(so_far, bit);
        let reached = self.counted(e, Comparison::GreaterEqual, candidate)?;
        let enough = e.w.compare(Comparison::GreaterEqual, reached, self.count);
        let next = e.w.select(enough, candidate, so_far);
        let results = e.w.close_loop(open, &[next]);
        Ok(results.first().copied().unwrap_or(start))
    }

    /// Stores which entries are taken: those above the threshold, and of those at it the first.
    pub fn select(&self, e: &mut Emitter) -> Result<(), ScheduleError> {
        let threshold = self.threshold(e)?;
        let above = self.counted(e, Comparison::Greater, threshold)?;
        let left = e.w.subtract(self.count, above);
        let (zero, end) = (e.w.index(0), e.extent(self.axis));
        let open = e.w.open_loop(zero, end, 1, &[left]);
        let left = open.inner.first().copied().unwrap_or(zero);
        let point = self.row.at(self.axis, open.index);
        let value = e.emit(self.operand, &point)?;
        let key = key(&mut e.w, value);
        let is_above = e.w.compare(Comparison::Greater, key, threshold);
        let is_tie = e.w.compare(Comparison::Equal, key, threshold);
        let has_room = e.w.compare(Comparison::Greater, left, zero);
        let is_taken = e.w.and(is_tie, has_room);
        let chosen = e.w.or(is_above, is_taken);
        e.store(self.storage, &point, chosen)?;
        let fewer = e.w.offset(left, -1);
        let next = e.w.select(is_taken, fewer, left);
        e.w.close_loop(open, &[next]);
        Ok(())
    }
}
