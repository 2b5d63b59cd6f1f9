//! Weights of a row for a block of keys, in place of its scores.

use super::find::Softmax;
use super::kernel::{Kernel, Scratch};
use super::KEYS;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::mathematics::exponential_below_zero;
use crate::nest::Stretch;
use crate::point::Point;
use moe_graph::{Element, NodeId, Scalar};
use moe_kernel::{BinaryOperation, Comparison, Value};

/// A row's place in a block of keys.
struct Place<'p> {
    row: &'p Point,
    /// Its number in the block of rows.
    number: Value,
    /// The address of its first score.
    first: Value,
    keys: Stretch,
    /// Whether all masks are true.
    holds: bool,
    /// Where weights go.
    target: u32,
    /// The address of its sums of weights.
    total: Value,
}

/// A vector of a row's keys.
#[derive(Clone, Copy)]
struct Vector {
    begin: Value,
    mask: Option<Value>,
    /// The address of its first score.
    index: Value,
}

/// What is done with each vector of a row.
type OnVector<'v> = dyn FnMut(&mut Emitter, Vector, Value) -> Result<Value, ScheduleError> + 'v;

impl Kernel<'_> {
    /// A row's weights for a block of keys, in place of its scores.
    pub fn weights(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        row: &Point,
        number: Value,
        (keys, holds): (Stretch, bool),
    ) -> Result<(), ScheduleError> {
        let width = e.w.index(KEYS);
        let first = e.w.multiply(number, width);
        let target = scratch.scores.first().copied().unwrap_or(0);
        let lanes = e.w.index(e.lanes.into());
        let total = e.w.multiply(number, lanes);
        let place = Place { row, number, first, keys, holds, target, total };
        match &self.attention.softmax {
            None => self.plain_weights(e, scratch, &place),
            Some(softmax) => self.shares(e, scratch, &place, softmax),
        }
    }

    /// Goes over a row's keys in vectors with a value that is carried; `each` is given where a vector begins, its mask and its address in scratch
    /// memory.
    fn vectors_of_row(
        &self,
        e: &mut Emitter,
        place: &Place,
        start: Value,
        each: &mut OnVector<'_>,
    ) -> Result<Value, ScheduleError> {
        let widest = if place.keys.whole.is_some() { self.vectors } else { 1 };
        e.folded(place.keys, widest, start, &mut |e, chunk, mut carried| {
            for number in 0..chunk.count as i64 {
                let begin = e.w.offset(chunk.begin, i64::from(e.lanes) * number);
                let at = e.w.subtract(chunk.begin, place.keys.begin);
                let index = e.w.add(place.first, at);
                let index = e.w.offset(index, i64::from(e.lanes) * number);
                carried = each(e, Vector { begin, mask: chunk.mask, index }, carried)?;
            }
            Ok(carried)
        })
    }

    /// Works out a node at a vector of keys, their scores being in scratch memory; the other value in lanes that are left out.
    fn along_keys(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        place: &Place,
        vector: Vector,
        (node, other): (NodeId, Value),
    ) -> Result<Value, ScheduleError> {
        let point = e.lanes_at(place.row, self.attention.keys, vector.begin, vector.mask);
        for (score, buffer) in self.attention.scores.iter().zip(&scratch.scores) {
            let value = e.w.load(*buffer, vector.index, None, e.lanes);
            e.bind(score.node, &point, value)?;
        }
        if place.holds {
            let holds = e.w.constant(Scalar::boolean(true), 1);
            self.attention.masks.iter().try_for_each(|mask| e.bind(*mask, &point, holds))?;
        }
        if let Some(scaled) = self.attention.scaled {
            let value = e.emit(scaled.weight, &point)?;
            e.bind(scaled.node, &point, value)?;
        }
        let value = e.emit(node, &point)?;
        let value = e.w.splat(value, e.lanes);
        Ok(vector.mask.map_or(value, |mask| e.w.select(mask, value, other)))
    }

    fn plain_weights(&self, e: &mut Emitter, scratch: &Scratch, place: &Place) -> Result<(), ScheduleError> {
        let zero = e.w.constant(Scalar::zero(Element::F32), e.lanes);
        let is_summed = !self.attention.sums.is_empty();
        let total = e.w.load(scratch.total, place.total, None, e.lanes);
        let total = self.vectors_of_row(e, place, total, &mut |e, vector, total| {
            let value = self.along_keys(e, scratch, place, vector, (self.attention.weight, zero))?;
            e.w.store(place.target, vector.index, value, None);
            Ok(if is_summed { e.w.add(total, value) } else { total })
        })?;
        if is_summed {
            e.w.store(scratch.total, place.total, total, None);
        }
        Ok(())
    }

    /// Weights `exp(entry - largest so far)`. What was summed before is scaled down only where the largest rises: else the factor is 1.
    fn shares(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        place: &Place,
        softmax: &Softmax,
    ) -> Result<(), ScheduleError> {
        let zero = e.w.constant(Scalar::zero(Element::F32), e.lanes);
        let lowest = e.w.number(zero, f64::NEG_INFINITY);
        let most = self.vectors_of_row(e, place, lowest, &mut |e, vector, most| {
            let value = self.along_keys(e, scratch, place, vector, (softmax.entries, lowest))?;
            e.w.store(place.target, vector.index, value, None);
            // NaN is never the larger one: its weight will be NaN.
            let is_larger = e.w.compare(Comparison::Greater, value, most);
            Ok(e.w.select(is_larger, value, most))
        })?;
        let before = e.w.load(scratch.largest, place.number, None, 1);
        let same = finite(e, before);
        let above = e.w.compare(Comparison::Greater, most, before);
        let rises = e.w.any(above);
        let guard = e.w.open_if(rises);
        let largest = e.w.reduce_lanes(BinaryOperation::Maximum, most);
        self.rise(e, scratch, place, (before, largest));
        let shift = e.w.close_if(guard, &[(largest, same)]);
        let shift = shift.first().copied().unwrap_or(same);
        let total = e.w.load(scratch.total, place.total, None, e.lanes);
        let total = self.vectors_of_row(e, place, total, &mut |e, vector, total| {
            let entry = e.w.load(place.target, vector.index, None, e.lanes);
            let difference = e.w.subtract(entry, shift);
            let value = exponential_below_zero(&mut e.w, difference);
            let value = vector.mask.map_or(value, |mask| e.w.select(mask, value, zero));
            e.w.store(place.target, vector.index, value, None);
            Ok(e.w.add(total, value))
        })?;
        e.w.store(scratch.total, place.total, total, None);
        Ok(())
    }

    /// A row's largest entry becomes another: scales down what is summed.
    fn rise(&self, e: &mut Emitter, scratch: &Scratch, place: &Place, (before, largest): (Value, Value)) {
        e.w.store(scratch.largest, place.number, largest, None);
        let fall = e.w.subtract(before, largest);
        let scale = exponential_below_zero(&mut e.w, fall);
        let total = e.w.load(scratch.total, place.total, None, e.lanes);
        let total = e.w.multiply(total, scale);
        e.w.store(scratch.total, place.total, total, None);
        let begin = e.w.multiply(place.number, scratch.width);
        let end = e.w.add(begin, scratch.width);
        let open = e.w.open_loop(begin, end, e.lanes.into(), &[]);
        let value = e.w.load(scratch.sums, open.index, None, e.lanes);
        let value = e.w.multiply(value, scale);
        e.w.store(scratch.sums, open.index, value, None);
        e.w.close_loop(open, &[]);
    }
}

/// The number, or 0 in place of minus infinity: where all that came so far is left out.
pub(super) fn finite(e: &mut Emitter, value: Value) -> Value {
    let (zero, lowest) = (e.w.number(value, 0.0), e.w.number(value, f64::NEG_INFINITY));
    let is_lowest = e.w.compare(Comparison::Equal, value, lowest);
    e.w.select(is_lowest, zero, value)
}
