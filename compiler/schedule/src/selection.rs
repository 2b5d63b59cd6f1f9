//! Kernels that look at whole rows: the largest entries, where the largest is, running sums, sorting.

use crate::assembly::{Assembly, Written};
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extent_of, Innermost};
use crate::point::Point;
use crate::pointwise::{lanes, written};
use crate::scalar::rounded;
use crate::scene::{computed, Scene, Storage};
use crate::sizes::product;
use crate::threshold::Threshold;
use moe_graph::{AxisId, Element, Node, NodeId, Scalar, Size};
use moe_kernel::{Comparison, Target, Value};
use moe_runtime::program::SizeExpression;

/// Rows of so many entries are short.
const FEW: i64 = 48;

/// A node that works along one axis of its operand, and where its result goes.
pub(crate) struct Selection<'a> {
    pub scene: &'a Scene<'a>,
    pub target: &'a Target,
    pub node: &'a Node,
    pub storage: &'a Storage,
    pub axis: AxisId,
}

/// Whether one entry at its place comes before another at its own.
type Order = fn(&mut Emitter, (Value, Value), (Value, Value)) -> Value;

impl Selection<'_> {
    fn operand(&self) -> Result<NodeId, ScheduleError> {
        self.node.operands.first().copied().ok_or(ScheduleError::Malformed("a missing operand"))
    }

    fn element(&self) -> Result<Element, ScheduleError> {
        Ok(self.scene.node(self.operand()?)?.ty.element)
    }

    /// The axes of the operand but the one.
    fn outer(&self) -> Result<Vec<AxisId>, ScheduleError> {
        let axes = &self.scene.node(self.operand()?)?.ty.axes;
        Ok(axes.iter().copied().filter(|axis| *axis != self.axis).collect())
    }

    fn written(&self, emitter: Emitter, work: Size) -> Result<Written, ScheduleError> {
        let outer = self.scene.sizes(&self.outer()?);
        let nothing = SizeExpression::Constant(0);
        let mut kernel = written(emitter, self.node.operation.name(), extent_of(&outer), work, nothing);
        kernel.span = self.node.span;
        Ok(kernel)
    }

    /// Whether entry `a` at `i` comes before entry `b` at `j` among the largest: it is larger, or as large and earlier. NaN is below all.
    fn is_larger(e: &mut Emitter, a: (Value, Value), b: (Value, Value)) -> Value {
        comes_before(e, Comparison::Greater, a, b)
    }

    /// Whether entry `a` at `i` comes before entry `b` at `j` in ascending order, NaN last, equal ones as they stand.
    fn is_smaller(e: &mut Emitter, a: (Value, Value), b: (Value, Value)) -> Value {
        comes_before(e, Comparison::Less, a, b)
    }

    /// How many entries of the row come before those at a point, by a comparison; `i64`, a number a lane.
    fn rank(
        &self,
        e: &mut Emitter,
        row: &Point,
        point: &Point,
        before: Order,
    ) -> Result<Value, ScheduleError> {
        let operand = self.operand()?;
        let own = e.emit(operand, point)?;
        let coordinate = e.coordinate(point, self.axis)?;
        let place = e.forced(&coordinate);
        let zero = e.w.constant(Scalar::index(0), e.w.lanes(own).max(e.w.lanes(place)));
        let (begin, end) = (e.w.index(0), e.extent(self.axis));
        let open = e.w.open_loop(begin, end, 1, &[zero]);
        let so_far = open.inner.first().copied().unwrap_or(zero);
        let other = e.emit(operand, &row.at(self.axis, open.index))?;
        let comes_before = before(e, (other, open.index), (own, place));
        let one = e.w.integer(so_far, 1);
        let more = e.w.add(so_far, one);
        let next = e.w.select(comes_before, more, so_far);
        let results = e.w.close_loop(open, &[next]);
        Ok(results.first().copied().unwrap_or(zero))
    }

    /// True where fewer than `count` entries of the row come before: short rows count for each entry, long ones look for a threshold.
    pub fn largest(&self, assembly: &mut Assembly, count: &Size) -> Result<(), ScheduleError> {
        let size = self.scene.size(self.axis);
        let lanes = lanes(self.target, self.element()?, &size);
        let mut emitter = Emitter::new(self.scene, &mut assembly.faults, self.target, lanes);
        let e = &mut emitter;
        e.output(self.storage);
        let (items, row) = e.open_points(&self.outer()?)?;
        let count = e.w.size(count);
        let few = size.as_constant().is_some_and(|size| size <= FEW) && !self.scene.is_ragged(self.axis);
        if few {
            self.by_rank(e, &row, count)?;
        } else {
            let (operand, axis, storage) = (self.operand()?, self.axis, self.storage);
            Threshold { operand, axis, storage, row: &row, count }.select(e)?;
        }
        e.close_items(items);
        let work = if few { size.clone() } else { Size::constant(64) };
        let kernel = self.written(emitter, size.multiply(&work))?;
        assembly.launch(kernel)
    }

    fn by_rank(&self, e: &mut Emitter, row: &Point, count: Value) -> Result<(), ScheduleError> {
        let stretch = e.whole(self.axis);
        e.chunks(stretch, 1, &mut |e, chunk| {
            let point = e.lanes_at(row, self.axis, chunk.begin, chunk.mask);
            let rank = self.rank(e, row, &point, Self::is_larger)?;
            let chosen = e.w.compare(Comparison::Less, rank, count);
            e.store(self.storage, &point, chosen)
        })
    }

    /// Each entry is stored where its rank says.
    pub fn sort(&self, assembly: &mut Assembly) -> Result<(), ScheduleError> {
        let mut emitter = Emitter::new(self.scene, &mut assembly.faults, self.target, 1);
        let e = &mut emitter;
        e.output(self.storage);
        let (items, row) = e.open_points(&self.outer()?)?;
        let stretch = e.whole(self.axis);
        e.chunks(stretch, 1, &mut |e, chunk| {
            let point = e.lanes_at(&row, self.axis, chunk.begin, None);
            let rank = self.rank(e, &row, &point, Self::is_smaller)?;
            let value = e.emit(self.operand()?, &point)?;
            e.store(self.storage, &row.at(self.axis, rank), value)
        })?;
        e.close_items(items);
        let size = self.scene.size(self.axis);
        let kernel = self.written(emitter, size.multiply(&size))?;
        assembly.launch(kernel)
    }

    /// The place of the first of the largest entries; an empty row stops the kernel.
    pub fn largest_place(&self, assembly: &mut Assembly) -> Result<(), ScheduleError> {
        let element = self.element()?;
        let mut emitter = Emitter::new(self.scene, &mut assembly.faults, self.target, 1);
        let e = &mut emitter;
        e.output(self.storage);
        let (items, row) = e.open_points(&self.outer()?)?;
        let (zero, end) = (e.w.index(0), e.extent(self.axis));
        let is_empty = e.w.compare(Comparison::LessEqual, end, zero);
        let (name, place) = (self.scene.axis_name(self.axis), self.scene.place(self.node));
        let message = format!("argmax{place}: the axis {name} is empty");
        let fault = e.faults.add("E0904", message);
        e.w.fail_if(is_empty, fault);
        // No entry comes before another at a place before the first but by being larger, so the first always wins at the start.
        let nothing = e.w.constant(Scalar::zero(computed(element)), 1);
        let minus = e.w.index(-1);
        let open = e.w.open_loop(zero, end, 1, &[nothing, minus]);
        let [best, at] = [open.inner.first(), open.inner.get(1)].map(|v| v.copied().unwrap_or(minus));
        let value = e.emit(self.operand()?, &row.at(self.axis, open.index))?;
        let is_first = e.w.compare(Comparison::Less, at, zero);
        let wins = Self::is_larger(e, (value, open.index), (best, at));
        let wins = e.w.or(is_first, wins);
        let (next, next_at) = (e.w.select(wins, value, best), e.w.select(wins, open.index, at));
        let results = e.w.close_loop(open, &[next, next_at]);
        let found = results.get(1).copied().unwrap_or(zero);
        e.store(self.storage, &row, found)?;
        e.close_items(items);
        let kernel = self.written(emitter, self.scene.size(self.axis))?;
        assembly.launch(kernel)
    }

    /// Sums of all entries up to each; those of 16-bit floats are kept in `f32`.
    pub fn cumulative_sum(&self, assembly: &mut Assembly) -> Result<(), ScheduleError> {
        let element = self.element()?;
        let mut emitter = Emitter::new(self.scene, &mut assembly.faults, self.target, 1);
        let e = &mut emitter;
        e.output(self.storage);
        let (items, row) = e.open_points(&self.outer()?)?;
        let (zero, end) = (e.w.index(0), e.extent(self.axis));
        let nothing = e.w.constant(Scalar::zero(computed(element)), 1);
        let open = e.w.open_loop(zero, end, 1, &[nothing]);
        let so_far = open.inner.first().copied().unwrap_or(nothing);
        let point = row.at(self.axis, open.index);
        let value = e.emit(self.operand()?, &point)?;
        let next = e.w.add(so_far, value);
        let stored = rounded(&mut e.w, element, next);
        e.store(self.storage, &point, stored)?;
        e.w.close_loop(open, &[next]);
        e.close_items(items);
        let kernel = self.written(emitter, self.scene.size(self.axis))?;
        assembly.launch(kernel)
    }
}

/// Adds updates where an index says, along a new axis: one item for each point of the axes that stay, which goes over the updates in order.
pub(crate) fn scatter_add(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    node: &Node,
    storage: &Storage,
    over: &[AxisId],
    into: AxisId,
) -> Result<(), ScheduleError> {
    let [updates, index] = node.operands.as_slice() else {
        return Err(ScheduleError::Malformed("a missing operand"));
    };
    let rest: Vec<AxisId> = storage.layout.iter().copied().filter(|axis| *axis != into).collect();
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, 1);
    let e = &mut emitter;
    let buffer = e.output(storage);
    let (items, point) = e.open_points(&rest)?;
    let (zero, end) = (e.w.index(0), e.extent(into));
    let nothing = e.w.constant(Scalar::zero(storage.element), 1);
    let open = e.w.open_loop(zero, end, 1, &[]);
    let cleared = point.at(into, open.index);
    let address = e.address(&storage.layout, &cleared)?;
    let at = e.forced(&address);
    e.w.store(buffer, at, nothing, None);
    e.w.close_loop(open, &[]);
    e.reduce(over, Innermost::SINGLE, Vec::new(), &mut |e, at, _, _| {
        let inner = crate::nest::extended(&point, at);
        let place = e.emit(*index, &inner)?;
        let place = e.w.convert(place, Element::I64);
        e.checked_index(node, into, place, end, &inner);
        let update = e.emit(*updates, &inner)?;
        let address = e.address(&storage.layout, &inner.at(into, place))?;
        let index = e.forced(&address);
        let old = e.w.load(buffer, index, None, 1);
        let old = e.w.convert(old, computed(storage.element));
        let sum = e.w.add(old, update);
        let value = e.w.convert(sum, storage.element);
        e.w.store(buffer, index, value, None);
        Ok(Vec::new())
    })?;
    e.close_items(items);
    let work = product(&scene.sizes(over));
    let extent = extent_of(&scene.sizes(&rest));
    let mut kernel = written(emitter, "scatter_add", extent, work, SizeExpression::Constant(0));
    kernel.span = node.span;
    assembly.launch(kernel)
}

/// Stops if more than `count` entries of a mask are true over axes, at any point of the others.
pub(crate) fn expect(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    node: &Node,
    count: &Size,
    axes: &[AxisId],
) -> Result<(), ScheduleError> {
    let operand = *node.operands.first().ok_or(ScheduleError::Malformed("a missing operand"))?;
    let rest: Vec<AxisId> = node.ty.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect();
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, 1);
    let e = &mut emitter;
    let (items, point) = e.open_points(&rest)?;
    let zero = e.w.index(0);
    let counts = e.reduce(axes, Innermost::SINGLE, vec![zero], &mut |e, at, counts, _| {
        let inner = crate::nest::extended(&point, at);
        let is_true = e.emit(operand, &inner)?;
        let so_far = counts.first().copied().unwrap_or(zero);
        let more = e.w.offset(so_far, 1);
        Ok(vec![e.w.select(is_true, more, so_far)])
    })?;
    let most = e.w.size(count);
    let found = counts.first().copied().unwrap_or(zero);
    let exceeds = e.w.compare(Comparison::Greater, found, most);
    let names: Vec<String> = axes.iter().map(|axis| scene.axis_name(*axis)).collect();
    let place = scene.place(node);
    let message =
        format!("expect{place}: more than {count} entries over {} are not background", names.join(", "));
    let fault = e.faults.add("E0902", message);
    e.w.fail_if(exceeds, fault);
    e.close_items(items);
    let (work, extent) = (product(&scene.sizes(axes)), extent_of(&scene.sizes(&rest)));
    let mut kernel = written(emitter, "expect", extent, work, SizeExpression::Constant(0));
    kernel.span = node.span;
    assembly.launch(kernel)
}

/// Whether entry `a` at `i` beats entry `b` at `j` by a comparison, or equals it and is earlier. A number beats NaN in either direction.
fn comes_before(
    e: &mut Emitter,
    comparison: Comparison,
    (a, i): (Value, Value),
    (b, j): (Value, Value),
) -> Value {
    let mut beats = e.w.compare(comparison, a, b);
    let mut equal = e.w.compare(Comparison::Equal, a, b);
    if e.w.ty(a).element.is_float() {
        let (a_is_nan, b_is_nan) =
            (e.w.compare(Comparison::NotEqual, a, a), e.w.compare(Comparison::NotEqual, b, b));
        let a_is_number = e.w.compare(Comparison::Equal, a, a);
        let against_nan = e.w.and(a_is_number, b_is_nan);
        beats = e.w.or(beats, against_nan);
        let both = e.w.and(a_is_nan, b_is_nan);
        equal = e.w.or(equal, both);
    }
    let earlier = e.w.compare(Comparison::Less, i, j);
    let tie = e.w.and(equal, earlier);
    e.w.or(beats, tie)
}
