//! Register tiles: scores of a few rows with a few vectors of keys, and weighted values of a few rows in a few vectors of columns.

use super::find::Score;
use super::kernel::{Kernel, Rows, Scratch};
use super::KEYS;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, Chunk, Innermost, Stretch};
use crate::point::Point;
use moe_graph::{Element, Scalar};
use moe_kernel::{BinaryOperation, Comparison, Value};

/// How many sums there are at most where nothing else takes registers.
const MOST_SUMS: i64 = 8;

impl Kernel<'_> {
    /// The numbers of a tile's rows.
    fn numbers(&self, e: &mut Emitter, first: Value) -> Vec<Value> {
        (0..self.tile).map(|number| e.w.offset(first, number)).collect()
    }

    /// The scores of a block of keys.
    pub fn scores(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        rows: &Rows,
        place: usize,
        block: Value,
        keys: Stretch,
    ) -> Result<(), ScheduleError> {
        let (Some(score), Some(target)) =
            (self.attention.scores.get(place), scratch.scores.get(place).copied())
        else {
            return Ok(());
        };
        match self.panels.get(place) {
            Some(panels) => {
                let (outer, width) = (e.address(&panels.outer, rows.batch)?, e.w.index(KEYS));
                let (outer, key) = (e.forced(&outer), e.w.multiply(block, width));
                let first = e.panel(panels, outer, key);
                let input = e.buffer(panels.storage.buffer, "keys", Element::F32, false);
                self.tiles(e, rows, keys, &mut |e, number| {
                    let numbers = self.numbers(e, number);
                    self.score_tile(e, score, rows, &numbers, (input, first), target)
                })
            }
            None => self.few_scores(e, score, rows, target, keys),
        }
    }

    /// Lanes along keys in panels; each score is summed in ascending order.
    fn score_tile(
        &self,
        e: &mut Emitter,
        score: &Score,
        rows: &Rows,
        numbers: &[Value],
        (input, first): (u32, Value),
        target: u32,
    ) -> Result<(), ScheduleError> {
        let lanes = i64::from(e.lanes);
        let points: Vec<Point> = numbers.iter().map(|number| self.row(e, rows, *number)).collect();
        let nothing = e.w.constant(Scalar::zero(Element::F32), e.lanes);
        let (zero, width) = (e.w.index(0), e.w.index(KEYS));
        let vectors = (self.vectors as i64).min(KEYS / lanes).max(1);
        let outer = e.w.open_loop(zero, width, lanes * vectors, &[]);
        let begin = e.w.add(first, outer.index);
        let end = e.extent(score.inner);
        let start = vec![nothing; points.len() * vectors as usize];
        let open = e.w.open_loop(zero, end, 1, &start);
        let row = e.w.multiply(open.index, width);
        let row = e.w.add(begin, row);
        let mut panel = Vec::new();
        for vector in 0..vectors {
            let index = e.w.offset(row, lanes * vector);
            panel.push(e.w.load(input, index, None, e.lanes));
        }
        let mut next = Vec::new();
        let mut sums = open.inner.clone().into_iter();
        for point in &points {
            let query = e.emit(score.query, &point.at(score.inner, open.index))?;
            for (key, sum) in panel.iter().zip(&mut sums) {
                next.push(e.w.multiply_add(query, *key, sum));
            }
        }
        let mut sums = e.w.close_loop(open, &next).into_iter();
        for number in numbers {
            let row = e.w.multiply(*number, width);
            let row = e.w.add(row, outer.index);
            for (vector, sum) in (0..vectors).zip(&mut sums) {
                let index = e.w.offset(row, lanes * vector);
                e.w.store(target, index, sum, None);
            }
        }
        e.w.close_loop(outer, &[]);
        Ok(())
    }

    /// A few rows with each key as it lies, lanes along what is summed.
    fn few_scores(
        &self,
        e: &mut Emitter,
        score: &Score,
        rows: &Rows,
        target: u32,
        keys: Stretch,
    ) -> Result<(), ScheduleError> {
        let zero = e.w.index(0);
        let numbers = self.numbers(e, zero);
        let points: Vec<Point> = numbers.iter().map(|number| self.row(e, rows, *number)).collect();
        let nothing = e.w.constant(Scalar::zero(Element::F32), e.lanes);
        let open = e.w.open_loop(keys.begin, keys.end, 1, &[]);
        let key_point = rows.batch.at(self.attention.keys, open.index);
        let start = vec![nothing; points.len()];
        let sums = e.reduce(&[score.inner], Innermost::Lanes, start, &mut |e, place, sums, mask| {
            let mut along = extended(&key_point, place);
            along.lane_mask = mask;
            let key = e.emit(score.key, &along)?;
            let mut next = Vec::new();
            for (point, sum) in points.iter().zip(sums) {
                let mut along = extended(point, place);
                along.lane_mask = mask;
                let query = e.emit(score.query, &along)?;
                let more = e.w.multiply_add(query, key, sum);
                // Beyond the end the two are what is made of zeros, which need not be 0.
                next.push(mask.map_or(more, |mask| e.w.select(mask, more, sum)));
            }
            Ok(next)
        })?;
        let at = e.w.subtract(open.index, keys.begin);
        for (number, sum) in (0..).zip(sums) {
            let sum = e.w.reduce_lanes(BinaryOperation::Add, sum);
            let index = e.w.offset(at, number * KEYS);
            e.w.store(target, index, sum, None);
        }
        e.w.close_loop(open, &[]);
        Ok(())
    }

    /// Adds the block's values, weighted. Where a weight of zero decides its product, that makes a difference only if a value is not finite.
    pub fn weighted_values(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        rows: &Rows,
        keys: Stretch,
    ) -> Result<(), ScheduleError> {
        if !self.attention.absorbs {
            return self.values_of_tiles(e, scratch, rows, keys, false);
        }
        let is_finite = self.are_finite(e, rows, keys)?;
        let mut choice = e.w.open_if(is_finite);
        self.values_of_tiles(e, scratch, rows, keys, false)?;
        e.w.otherwise(&mut choice);
        self.values_of_tiles(e, scratch, rows, keys, true)?;
        e.w.close_if(choice, &[]);
        Ok(())
    }

    /// The values of a key in the vectors of a chunk.
    fn values(
        &self,
        e: &mut Emitter,
        rows: &Rows,
        key: Value,
        chunk: Chunk,
    ) -> Result<Vec<Value>, ScheduleError> {
        let point = rows.batch.at(self.attention.keys, key);
        (0..chunk.count)
            .map(|number| {
                let begin = e.w.offset(chunk.begin, i64::from(e.lanes) * number as i64);
                let point = e.lanes_at(&point, self.attention.column, begin, chunk.mask);
                let value = e.emit(self.attention.values, &point)?;
                Ok(e.w.splat(value, e.lanes))
            })
            .collect()
    }

    /// Whether all values of a block are finite: then 0 times each is 0.
    fn are_finite(&self, e: &mut Emitter, rows: &Rows, keys: Stretch) -> Result<Value, ScheduleError> {
        let zero = e.w.constant(Scalar::zero(Element::F32), e.lanes);
        let columns = e.whole(self.attention.column);
        // A sum for each vector, and as many of them as there are: keys need not wait for one another.
        let known = columns.whole.map_or(1, |columns| columns / i64::from(e.lanes));
        let vectors = self.vectors.max(known.min(MOST_SUMS) as usize);
        let sum = e.folded(columns, vectors, zero, &mut |e, chunk, sum| {
            let open = e.w.open_loop(keys.begin, keys.end, 1, &vec![zero; chunk.count]);
            let values = self.values(e, rows, open.index, chunk)?;
            let pairs = values.into_iter().zip(open.inner.clone());
            let next: Vec<Value> = pairs.map(|(value, sum)| e.w.multiply_add(value, zero, sum)).collect();
            let sums = e.w.close_loop(open, &next);
            Ok(sums.into_iter().fold(sum, |sum, more| e.w.add(sum, more)))
        })?;
        let sum = e.w.reduce_lanes(BinaryOperation::Add, sum);
        let zero = e.w.number(sum, 0.0);
        Ok(e.w.compare(Comparison::Equal, sum, zero))
    }

    fn values_of_tiles(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        rows: &Rows,
        keys: Stretch,
        absorbs: bool,
    ) -> Result<(), ScheduleError> {
        let columns = e.whole(self.attention.column);
        let weights = scratch.scores.first().copied().unwrap_or(0);
        self.tiles(e, rows, keys, &mut |e, first| {
            let numbers = self.numbers(e, first);
            e.chunks(columns, self.vectors, &mut |e, chunk| {
                self.value_tile(e, (scratch, rows), &numbers, keys, chunk, (weights, absorbs))
            })
        })
    }

    fn value_tile(
        &self,
        e: &mut Emitter,
        (scratch, rows): (&Scratch, &Rows),
        numbers: &[Value],
        keys: Stretch,
        chunk: Chunk,
        (weights, absorbs): (u32, bool),
    ) -> Result<(), ScheduleError> {
        let mut places = Vec::new();
        let mut start = Vec::new();
        for number in numbers {
            let row = e.w.multiply(*number, scratch.width);
            let row = e.w.add(row, chunk.begin);
            for vector in 0..chunk.count {
                let index = e.w.offset(row, i64::from(e.lanes) * vector as i64);
                places.push(index);
                start.push(e.w.load(scratch.sums, index, None, e.lanes));
            }
        }
        let open = e.w.open_loop(keys.begin, keys.end, 1, &start);
        let values = self.values(e, rows, open.index, chunk)?;
        let at = e.w.subtract(open.index, keys.begin);
        let width = e.w.index(KEYS);
        let mut sums = open.inner.clone().into_iter();
        let mut next = Vec::new();
        for number in numbers {
            let row = e.w.multiply(*number, width);
            let index = e.w.add(row, at);
            let weight = e.w.load(weights, index, None, 1);
            let zero = e.w.number(weight, 0.0);
            let counts = absorbs.then(|| e.w.compare(Comparison::NotEqual, weight, zero));
            for (value, sum) in values.iter().zip(&mut sums) {
                let more = e.w.multiply_add(weight, *value, sum);
                next.push(counts.map_or(more, |counts| e.w.select(counts, more, sum)));
            }
        }
        let sums = e.w.close_loop(open, &next);
        for (index, sum) in places.into_iter().zip(sums) {
            e.w.store(scratch.sums, index, sum, None);
        }
        Ok(())
    }
}
