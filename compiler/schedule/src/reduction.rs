//! Kernels for reductions other than products, with what is computed from the result in the same place.

use crate::assembly::{Assembly, Written};
use crate::contiguity::score;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, extent_of, operations, Chunk, Innermost};
use crate::point::{Coordinate, Point};
use crate::pointwise::{lanes, rows_and_blocks, written};
use crate::scalar::{combine, combining, identity, rounded};
use crate::scene::{RowsOf, Scene, Storage};
use crate::sizes::{product, Symbols};
use moe_graph::{AxisId, Element, NodeId, Operation, ReduceKind, ScalarFunction, Size};
use moe_kernel::{Comparison, Target, Value};
use moe_runtime::program::SizeExpression;

/// A reduction and where its result, or what is computed from it, goes.
pub(crate) struct Reduction<'a> {
    pub scene: &'a Scene<'a>,
    pub target: &'a Target,
    pub kind: ReduceKind,
    /// The node that is reduced.
    pub operand: NodeId,
    pub reduced: Vec<AxisId>,
    /// The reduction.
    pub node: NodeId,
    /// The node whose values are stored: the reduction or one computed from it entry by entry.
    pub root: NodeId,
    pub storage: &'a Storage,
    /// For a reduction over packed rows, the packed axis: rows that are not there are left out.
    pub packed: Option<AxisId>,
}

/// How many vectors of results are summed at once.
const WIDTH: usize = 4;
/// The columns that one item sums.
const COLUMNS: i64 = 256;

impl Reduction<'_> {
    pub fn schedule(&self, assembly: &mut Assembly) -> Result<(), ScheduleError> {
        match self.lane_axis()? {
            Some(axis) => self.along(assembly, axis),
            None => self.across(assembly),
        }
    }

    fn element(&self) -> Result<Element, ScheduleError> {
        Ok(self.scene.node(self.operand)?.ty.element)
    }

    /// The reduced axis that lanes run along, if that reads memory better than lanes along the result.
    fn lane_axis(&self) -> Result<Option<AxisId>, ScheduleError> {
        if self.packed.is_some() {
            return Ok(None);
        }
        let along = |axis: &AxisId| score(self.scene, self.operand, *axis);
        let ty = &self.scene.node(self.operand)?.ty;
        let own = self.reduced.iter().filter(|axis| ty.has(**axis));
        let best = own.max_by_key(|axis| (along(axis), **axis));
        let Some(best) = best.filter(|axis| self.scene.size(**axis).as_constant() != Some(1)) else {
            return Ok(None);
        };
        let across = self.storage.layout.last().map_or(0, along);
        Ok((along(best) > across).then_some(*best))
    }

    /// The reduced axes, `last` last.
    fn order(&self, last: Option<AxisId>) -> Vec<AxisId> {
        let mut axes: Vec<AxisId> = self.reduced.iter().copied().filter(|axis| Some(*axis) != last).collect();
        axes.extend(last);
        axes
    }

    fn work(&self) -> Size {
        product(&self.scene.sizes(&self.reduced))
    }

    /// One result an item, lanes along the reduced axis: a partial result in each lane, brought together at the end.
    fn along(&self, assembly: &mut Assembly, axis: AxisId) -> Result<(), ScheduleError> {
        let element = self.element()?;
        let lanes = lanes(self.target, element, &self.scene.size(axis));
        let mut emitter = Emitter::new(self.scene, &mut assembly.faults, self.target, lanes);
        emitter.output(self.storage);
        let layout = &self.storage.layout;
        let places = self.scene.sizes(layout);
        let (items, point) = emitter.open_points(layout)?;
        let nothing = emitter.w.constant(identity(self.kind, element), lanes);
        let order = self.order(Some(axis));
        let values =
            emitter.reduce(&order, Innermost::Lanes, vec![nothing], &mut |e, at, values, mask| {
                let mut inner = extended(&point, at);
                inner.lane_mask = e.both(inner.lane_mask, mask);
                let mut value = e.emit(self.operand, &inner)?;
                if let Some(mask) = mask {
                    value = e.w.select(mask, value, nothing);
                }
                Ok(values.iter().map(|so_far| combine(&mut e.w, self.kind, *so_far, value)).collect())
            })?;
        let value = values.first().copied().unwrap_or(nothing);
        let value = emitter.w.reduce_lanes(combining(self.kind), value);
        self.finish(&mut emitter, &point, value)?;
        emitter.close_items(items);
        let flops = self.flops(&mut assembly.symbols);
        let kernel = self.written(emitter, &places, self.work(), flops)?;
        assembly.launch(kernel)
    }

    /// Lanes along the result's last axis.
    fn across(&self, assembly: &mut Assembly) -> Result<(), ScheduleError> {
        let layout = &self.storage.layout;
        let inner = layout.last().map_or(Size::constant(1), |axis| self.scene.size(*axis));
        let lanes = lanes(self.target, self.element()?, &inner);
        let mut emitter = Emitter::new(self.scene, &mut assembly.faults, self.target, lanes);
        emitter.output(self.storage);
        let (items, point, stretch) = emitter.open_rows(layout, COLUMNS)?;
        match (stretch, layout.last()) {
            (Some(stretch), Some(last)) => {
                emitter.chunks(stretch, WIDTH, &mut |e, chunk| self.columns(e, &point, *last, chunk))?;
            }
            _ => {
                let values = self.sums(&mut emitter, std::slice::from_ref(&point))?;
                if let Some(value) = values.first() {
                    self.finish(&mut emitter, &point, *value)?;
                }
            }
        }
        emitter.close_items(items);
        let places = rows_and_blocks(self.scene, layout, COLUMNS);
        let columns = inner.minimum(&Size::constant(COLUMNS));
        let work = self.work().multiply(&columns);
        let flops = self.flops(&mut assembly.symbols);
        let kernel = self.written(emitter, &places, work, flops)?;
        assembly.launch(kernel)
    }

    fn columns(
        &self,
        e: &mut Emitter,
        point: &Point,
        last: AxisId,
        chunk: Chunk,
    ) -> Result<(), ScheduleError> {
        let mut points = Vec::new();
        for number in 0..chunk.count {
            let begin = e.w.offset(chunk.begin, i64::from(e.lanes) * number as i64);
            points.push(e.lanes_at(point, last, begin, chunk.mask));
        }
        let values = self.sums(e, &points)?;
        points.iter().zip(values).try_for_each(|(point, value)| self.finish(e, point, value))
    }

    /// The reduction at several points at once, one entry after the other.
    fn sums(&self, e: &mut Emitter, points: &[Point]) -> Result<Vec<Value>, ScheduleError> {
        let element = self.element()?;
        let lanes = if self.storage.layout.is_empty() { 1 } else { e.lanes };
        let nothing = e.w.constant(identity(self.kind, element), lanes);
        let order = self.order(None);
        let start = vec![nothing; points.len()];
        e.end = self.early_end(e, points)?;
        let sums = e.reduce(&order, Innermost::SINGLE, start, &mut |e, at, values, _| {
            let points: Vec<Point> = points.iter().map(|point| extended(point, at)).collect();
            match self.packed {
                Some(axis) => self.step_packed(e, axis, &points, &values),
                None => self.step(e, &points, &values),
            }
        });
        e.end = None;
        sums
    }

    /// Where rows are the first entries along the axis that is reduced: the axis, and where they end.
    fn early_end(&self, e: &mut Emitter, points: &[Point]) -> Result<Option<(AxisId, Value)>, ScheduleError> {
        let (Some(packed), Some(point)) = (self.packed, points.first()) else { return Ok(None) };
        let packing = self.scene.packing(packed)?.clone();
        let RowsOf::Prefix(prefix) = packing.rows_of else { return Ok(None) };
        let alone = |axis: &AxisId| matches!(point.get(*axis), Some(Coordinate::Scalar(_)));
        if self.reduced != [prefix.axis] || !packing.segments().iter().all(alone) {
            return Ok(None);
        }
        let (begin, end) = e.stretch(&packing, point)?;
        Ok(Some((prefix.axis, e.w.subtract(end, begin))))
    }

    fn step(&self, e: &mut Emitter, points: &[Point], values: &[Value]) -> Result<Vec<Value>, ScheduleError> {
        let pairs = points.iter().zip(values);
        pairs
            .map(|(point, so_far)| {
                let value = e.emit(self.operand, point)?;
                Ok(combine(&mut e.w, self.kind, *so_far, value))
            })
            .collect()
    }

    /// The next values where there is a row, else those so far.
    fn step_packed(
        &self,
        e: &mut Emitter,
        axis: AxisId,
        points: &[Point],
        values: &[Value],
    ) -> Result<Vec<Value>, ScheduleError> {
        let Some(first) = points.first() else { return Ok(Vec::new()) };
        let (row, _) = e.unpacked(axis, first)?;
        let zero = e.w.index(0);
        let there = e.w.compare(Comparison::GreaterEqual, row, zero);
        if e.w.lanes(there) > 1 {
            return self.step_masked(e, axis, points, values);
        }
        let mut choice = e.w.open_if(there);
        let mut next = Vec::new();
        for (point, so_far) in points.iter().zip(values) {
            let (_, inner) = e.unpacked(axis, point)?;
            let value = e.emit(self.operand, &inner)?;
            next.push(combine(&mut e.w, self.kind, *so_far, value));
        }
        e.w.otherwise(&mut choice);
        let pairs: Vec<(Value, Value)> = next.into_iter().zip(values.iter().copied()).collect();
        Ok(e.w.close_if(choice, &pairs))
    }

    /// The same where lanes run along the mask.
    fn step_masked(
        &self,
        e: &mut Emitter,
        axis: AxisId,
        points: &[Point],
        values: &[Value],
    ) -> Result<Vec<Value>, ScheduleError> {
        let mut next = Vec::new();
        for (point, so_far) in points.iter().zip(values) {
            let (row, inner) = e.unpacked(axis, point)?;
            let zero = e.w.index(0);
            let there = e.w.compare(Comparison::GreaterEqual, row, zero);
            let inner = e.masked(inner, there);
            let value = e.emit(self.operand, &inner)?;
            let value = combine(&mut e.w, self.kind, *so_far, value);
            next.push(e.w.select(there, value, *so_far));
        }
        Ok(next)
    }

    /// Stores the result, or what is computed from it.
    fn finish(&self, e: &mut Emitter, point: &Point, value: Value) -> Result<(), ScheduleError> {
        let value = rounded(&mut e.w, self.element()?, value);
        e.bind(self.node, point, value)?;
        let value = e.emit(self.root, point)?;
        e.store(self.storage, point, value)
    }

    fn flops(&self, symbols: &mut Symbols) -> SizeExpression {
        let mut axes = self.storage.layout.clone();
        match self.packed.and_then(|axis| Some((axis, self.scene.packings.get(&axis)?))) {
            Some((axis, packing)) => {
                axes.retain(|axis| !packing.axes.contains(axis));
                axes.push(axis);
            }
            None => axes.extend(&self.reduced),
        }
        operations(self.scene, symbols, &axes, if self.sums_products() { 2 } else { 1 })
    }

    /// Whether what is reduced is a product that is worked out right here.
    fn sums_products(&self) -> bool {
        let product = self.scene.function.node(self.operand).is_some_and(|node| {
            matches!(node.operation, Operation::Map { function: ScalarFunction::Multiply, .. })
        });
        product && !self.scene.storages.contains_key(&self.operand)
    }

    fn written(
        &self,
        emitter: Emitter,
        places: &[Size],
        work: Size,
        flops: SizeExpression,
    ) -> Result<Written, ScheduleError> {
        let node = self.scene.node(self.node)?;
        let mut kernel = written(emitter, node.operation.name(), extent_of(places), work, flops);
        kernel.span = node.span;
        Ok(kernel)
    }
}
