//! The kernel: items are blocks of rows; each goes over the keys block by block.

use super::find::{Attention, Score};
use super::mask::{ranges, Block, Reach};
use super::weights::finite;
use super::{KEYS, ROWS, TILE};
use crate::assembly::Assembly;
use crate::contraction::{Layout, Panels};
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{blocks, extent_of, operations, Stretch};
use crate::point::{parts, Coordinate, Point};
use crate::pointwise::written;
use crate::scalar::absorbed;
use crate::scene::{Scene, Storage};
use crate::sizes::{ceiling, product};
use moe_graph::{AxisId, Element, NodeId, Scalar, ScalarFunction, Size};
use moe_kernel::{BinaryOperation, Comparison, Target, Value};
use moe_runtime::program::SizeExpression;

/// A kernel for attention.
pub(super) struct Kernel<'a> {
    pub attention: &'a Attention,
    /// What is stored: the sum or what is computed from it entry by entry.
    pub root: NodeId,
    pub storage: &'a Storage,
    /// The keys of each score, where they lie in panels; without, there are so few rows that keys are read as they lie.
    pub panels: Vec<Panels>,
    /// How many rows a register tile has.
    pub tile: i64,
    /// How many vectors of keys or columns.
    pub vectors: usize,
    /// How many rows there is room for.
    pub rows: i64,
}

/// Scratch memory of a thread, by parameter of the kernel: scores by score, row and key of a block, and what is kept of each row.
pub(super) struct Scratch {
    pub scores: Vec<u32>,
    /// Sums of weighted values, a row after the other.
    pub sums: u32,
    /// How long a row of sums is.
    pub width: Value,
    pub largest: u32,
    /// Sums of weights by row and lane.
    pub total: u32,
}

/// A block of rows while its kernel is written.
pub(super) struct Rows<'p> {
    /// The coordinates along the batch.
    pub batch: &'p Point,
    /// Where the rows begin and end, counted along the axes of rows taken as one.
    pub begin: Value,
    pub end: Value,
    pub count: Value,
}

/// Schedules attention with what is computed from it in the same place.
pub(crate) fn schedule(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    attention: &Attention,
    root: NodeId,
    storage: &Storage,
) -> Result<(), ScheduleError> {
    let lanes = (target.vector_bytes / 4).max(1);
    let total = product(&scene.sizes(&attention.rows));
    let few = total.as_constant().filter(|total| *total <= TILE);
    let mut panels = Vec::new();
    if few.is_none() {
        for score in &attention.scores {
            panels.push(keys(attention, score, lanes).lay(scene, assembly, target, &Size::constant(1))?);
        }
    }
    let tile = few.unwrap_or(TILE).max(1);
    let rows = total.as_constant().map_or(ROWS, |total| (total.clamp(1, ROWS) + tile - 1) / tile * tile);
    let vectors = if target.vector_registers >= 32 { 4 } else { 2 };
    let kernel = Kernel { attention, root, storage, panels, tile, vectors, rows };
    kernel.schedule(scene, assembly, target, lanes, &total)
}

/// Keys in panels, so that lanes run along keys: a panel is a block of keys, for each place along the summed axis side by side.
fn keys<'a>(attention: &Attention, score: &Score, lanes: u32) -> Layout<'a> {
    let (column, reduced) = (attention.keys, vec![score.inner]);
    Layout { name: "keys", node: score.key, column, reduced, width: KEYS, lanes }
}

impl Kernel<'_> {
    fn schedule(
        &self,
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        lanes: u32,
        total: &Size,
    ) -> Result<(), ScheduleError> {
        let attention = self.attention;
        let width =
            ceiling(&scene.size(attention.column), lanes.into()).multiply(&Size::constant(lanes.into()));
        let rows = Size::constant(self.rows);
        let block = rows.multiply(&Size::constant(KEYS));
        let mut lengths: Vec<(&str, Size)> =
            attention.scores.iter().map(|_| ("scores", block.clone())).collect();
        let total_by_lanes = rows.multiply(&Size::constant(lanes.into()));
        lengths.extend([("sums", rows.multiply(&width)), ("largest", rows), ("total", total_by_lanes)]);
        let buffers = assembly.of_thread(&lengths);
        let mut sizes = vec![blocks(total, self.rows)];
        sizes.extend(scene.sizes(&attention.batch));
        let flops = self.flops(scene, assembly);
        let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
        let e = &mut emitter;
        e.output(self.storage);
        let mut own: Vec<u32> = buffers
            .iter()
            .zip(&lengths)
            .map(|(id, (name, _))| e.buffer(*id, name, Element::F32, true))
            .collect();
        let [total_of, largest, sums] = [(); 3].map(|()| own.pop().unwrap_or(0));
        let width = e.w.size(&width);
        let scratch = Scratch { scores: own, sums, width, largest, total: total_of };
        let (items, digits) = e.open_items(&sizes);
        let batch = Point::of(&attention.batch, digits.get(1..).unwrap_or_default());
        let number = digits.first().copied().unwrap_or(Value(0));
        let rows = self.block_of_rows(e, &batch, number, total);
        self.item(e, &scratch, &rows)?;
        e.close_items(items);
        let mut kernel = written(emitter, "attention", extent_of(&sizes), Size::constant(1 << 20), flops);
        kernel.span = scene.node(attention.node)?.span;
        assembly.launch(kernel)
    }

    /// The operations of the products, as if no block were skipped.
    fn flops(&self, scene: &Scene, assembly: &mut Assembly) -> SizeExpression {
        let attention = self.attention;
        let mut axes: Vec<AxisId> = attention.batch.iter().chain(&attention.rows).copied().collect();
        axes.push(attention.keys);
        let summed = attention.scores.iter().map(|score| score.inner).chain([attention.column]);
        let product = |axis: AxisId| {
            let space: Vec<AxisId> = axes.iter().copied().chain([axis]).collect();
            operations(scene, &mut assembly.symbols, &space, 2)
        };
        let products = summed.map(product);
        let sum = products.reduce(|a, b| SizeExpression::Add(Box::new(a), Box::new(b)));
        sum.unwrap_or(SizeExpression::Constant(0))
    }

    /// The rows of an item; the last rows come first, since under a causal mask they are the longest work.
    fn block_of_rows<'p>(&self, e: &mut Emitter, batch: &'p Point, number: Value, total: &Size) -> Rows<'p> {
        let end = e.w.size(total);
        if total.as_constant().is_some_and(|total| total <= self.rows) {
            return Rows { batch, begin: e.w.index(0), end, count: end };
        }
        let count = e.w.size(&blocks(total, self.rows));
        let last = e.w.offset(count, -1);
        let number = e.w.subtract(last, number);
        let length = e.w.index(self.rows);
        let begin = e.w.multiply(number, length);
        let next = e.w.add(begin, length);
        let end = e.w.minimum(next, end);
        let count = e.w.subtract(end, begin);
        Rows { batch, begin, end, count }
    }

    /// The point of a row, counted from the first of the block; of the last row for those beyond it.
    pub fn row(&self, e: &mut Emitter, rows: &Rows, number: Value) -> Point {
        let mut row = e.w.add(rows.begin, number);
        let known = e.w.known(row).zip(e.w.known(rows.end)).is_some_and(|(row, end)| row < end);
        if !known {
            let last = e.w.offset(rows.end, -1);
            row = e.w.minimum(row, last);
        }
        let axes = &self.attention.rows;
        let mut point = rows.batch.clone();
        if !axes.is_empty() {
            for (axis, part) in axes.iter().zip(parts(Coordinate::Scalar(row), e.scene.sizes(axes))) {
                let part = e.plain(&part);
                point.set(*axis, part);
            }
        }
        point
    }

    fn item(&self, e: &mut Emitter, scratch: &Scratch, rows: &Rows) -> Result<(), ScheduleError> {
        let attention = self.attention;
        self.clear(e, scratch);
        let (zero, end) = (e.w.index(0), e.extent(attention.keys));
        let count = e.w.size(&blocks(&e.scene.size(attention.keys), KEYS));
        let open = e.w.open_loop(zero, count, 1, &[]);
        let width = e.w.index(KEYS);
        let begin = e.w.multiply(open.index, width);
        let next = e.w.add(begin, width);
        let keys = Stretch { begin, end: e.w.minimum(next, end), whole: None };
        let may = self.reaches(e, rows, keys, Reach::Somewhere)?;
        let guard = may.map(|may| e.w.open_if(may));
        for place in 0..attention.scores.len() {
            self.scores(e, scratch, rows, place, open.index, keys)?;
        }
        self.weights_of_block(e, scratch, rows, (keys, next, end))?;
        self.weighted_values(e, scratch, rows, keys)?;
        if let Some(guard) = guard {
            e.w.close_if(guard, &[]);
        }
        e.w.close_loop(open, &[]);
        self.each_row(e, rows, (zero, rows.count), &mut |e, number, row| self.finish(e, scratch, row, number))
    }

    /// Nothing is summed yet.
    fn clear(&self, e: &mut Emitter, scratch: &Scratch) {
        let nothing = e.w.constant(Scalar::zero(Element::F32), 1);
        let lowest = e.w.number(nothing, f64::NEG_INFINITY);
        let (zero, rows) = (e.w.index(0), e.w.index(self.rows));
        let open = e.w.open_loop(zero, rows, 1, &[]);
        e.w.store(scratch.largest, open.index, lowest, None);
        e.w.close_loop(open, &[]);
        let value = e.w.splat(nothing, e.lanes);
        let lanes = e.w.index(e.lanes.into());
        for (buffer, width) in [(scratch.total, lanes), (scratch.sums, scratch.width)] {
            let end = e.w.multiply(rows, width);
            let open = e.w.open_loop(zero, end, e.lanes.into(), &[]);
            e.w.store(buffer, open.index, value, None);
            e.w.close_loop(open, &[]);
        }
    }

    /// Whether the masks are true somewhere or everywhere for some rows and a block of keys, where their comparisons alone say so.
    fn reaches(
        &self,
        e: &mut Emitter,
        rows: &Rows,
        keys: Stretch,
        reach: Reach,
    ) -> Result<Option<Value>, ScheduleError> {
        let attention = self.attention;
        let mut along = ranges(e, &attention.rows, rows.begin, rows.end);
        let last = e.w.offset(keys.end, -1);
        along.insert(attention.keys, (keys.begin, last));
        Block { ranges: &along, point: rows.batch }.all(e, &attention.masks, reach)
    }

    /// Goes over the tiles of a block of rows, but for those that see none of the keys; `each` is given the first row's number.
    pub fn tiles(
        &self,
        e: &mut Emitter,
        rows: &Rows,
        keys: Stretch,
        each: &mut dyn FnMut(&mut Emitter, Value) -> Result<(), ScheduleError>,
    ) -> Result<(), ScheduleError> {
        let zero = e.w.index(0);
        if self.rows == self.tile {
            return each(e, zero);
        }
        let open = e.w.open_loop(zero, rows.count, self.tile, &[]);
        let begin = e.w.add(rows.begin, open.index);
        let next = e.w.offset(begin, self.tile);
        let end = e.w.minimum(next, rows.end);
        let tile = Rows { batch: rows.batch, begin, end, count: rows.count };
        let may = self.reaches(e, &tile, keys, Reach::Somewhere)?;
        let guard = may.map(|may| e.w.open_if(may));
        each(e, open.index)?;
        if let Some(guard) = guard {
            e.w.close_if(guard, &[]);
        }
        e.w.close_loop(open, &[]);
        Ok(())
    }

    fn each_row(
        &self,
        e: &mut Emitter,
        rows: &Rows,
        (begin, end): (Value, Value),
        each: &mut dyn FnMut(&mut Emitter, Value, &Point) -> Result<(), ScheduleError>,
    ) -> Result<(), ScheduleError> {
        let open = e.w.open_loop(begin, end, 1, &[]);
        let point = self.row(e, rows, open.index);
        each(e, open.index, &point)?;
        e.w.close_loop(open, &[]);
        Ok(())
    }

    /// The weights of all rows for a block of keys. Where the block is a whole one and nothing in it is left out, there are no masks to work
    /// out, and each row is gone along without loops.
    fn weights_of_block(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        rows: &Rows,
        (keys, next, end): (Stretch, Value, Value),
    ) -> Result<(), ScheduleError> {
        let must = self.reaches(e, rows, keys, Reach::Everywhere)?;
        let is_whole = e.w.compare(Comparison::LessEqual, next, end);
        let plain = e.both(must, Some(is_whole)).unwrap_or(is_whole);
        let mut choice = e.w.open_if(plain);
        let whole = Stretch { whole: Some(KEYS), ..keys };
        let (zero, holds) = (e.w.index(0), must.is_some());
        self.each_row(e, rows, (zero, rows.count), &mut |e, number, row| {
            self.weights(e, scratch, row, number, (whole, holds))
        })?;
        e.w.otherwise(&mut choice);
        self.tiles(e, rows, keys, &mut |e, first| {
            let next = e.w.offset(first, self.tile);
            let end = e.w.minimum(next, rows.count);
            self.each_row(e, rows, (first, end), &mut |e, number, row| {
                self.weights(e, scratch, row, number, (keys, false))
            })
        })?;
        e.w.close_if(choice, &[]);
        Ok(())
    }

    /// Stores a row's results, or what is computed from them.
    fn finish(
        &self,
        e: &mut Emitter,
        scratch: &Scratch,
        row: &Point,
        number: Value,
    ) -> Result<(), ScheduleError> {
        let attention = self.attention;
        let stretch = e.whole(attention.column);
        let first = e.w.multiply(number, scratch.width);
        let lanes = e.w.index(e.lanes.into());
        let lanes = e.w.multiply(number, lanes);
        let total = e.w.load(scratch.total, lanes, None, e.lanes);
        let mut total = e.w.reduce_lanes(BinaryOperation::Add, total);
        let largest = e.w.load(scratch.largest, number, None, 1);
        let mut scale = None;
        if let Some(softmax) = &attention.softmax {
            e.bind(softmax.largest, row, largest)?;
            if softmax.shift != softmax.largest {
                // The sums are as if the largest had been taken away.
                let (own, shift) = (finite(e, largest), e.emit(softmax.shift, row)?);
                let rise = e.w.subtract(own, shift);
                let factor = crate::mathematics::exponential(&mut e.w, rise);
                total = e.w.multiply(total, factor);
                scale = Some(factor);
            }
        }
        for sum in &attention.sums {
            e.bind(*sum, row, total)?;
        }
        let factors = attention.factors.iter().map(|factor| e.emit(factor.scalar, row));
        let factors = factors.collect::<Result<Vec<_>, _>>()?;
        e.chunks(stretch, 1, &mut |e, chunk| {
            let index = e.w.add(first, chunk.begin);
            let mut value = e.w.load(scratch.sums, index, None, e.lanes);
            if let Some(scale) = scale {
                value = e.w.multiply(value, scale);
            }
            for (factor, scalar) in attention.factors.iter().zip(&factors) {
                let sum = value;
                let function = if factor.divides { ScalarFunction::Divide } else { ScalarFunction::Multiply };
                value = if factor.divides { e.w.divide(sum, *scalar) } else { e.w.multiply(sum, *scalar) };
                if factor.absorbs {
                    let [absorption, _] = function.absorbing();
                    value = absorbed(&mut e.w, Some(sum), absorption, value);
                }
            }
            let point = e.lanes_at(row, attention.column, chunk.begin, chunk.mask);
            e.bind(attention.node, &point, value)?;
            let value = e.emit(self.root, &point)?;
            e.store(self.storage, &point, value)
        })
    }
}
