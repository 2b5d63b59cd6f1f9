//! Loops that all kernels share: items, blocks of lanes, and reductions in one fixed order.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::{Coordinate, Point};
use crate::scene::{Packing, Scene};
use crate::sizes::{ceiling, product, Symbols};
use crate::writer::{OpenIf, OpenLoop};
use moe_graph::{AxisId, Size};
use moe_kernel::{BinaryOperation, Comparison, Value};
use moe_runtime::program::SizeExpression;

/// The loop over a launch's items, and the choices that leave out items beyond what was found while running.
pub(crate) struct Items {
    open: OpenLoop,
    guards: Vec<OpenIf>,
}

/// A stretch of an axis that lanes run along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub begin: Value,
    pub end: Value,
    /// The size of the axis where `begin` is 0 and `end` is it.
    pub whole: Option<i64>,
}

/// Some vectors, or part of one, of a stretch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub begin: Value,
    /// How many vectors.
    pub count: usize,
    /// Which lanes, where it is part of one.
    pub mask: Option<Value>,
}

impl Emitter<'_> {
    /// Opens the loop over items; gives the digits of the item's number in a system with places of these sizes, slowest first.
    pub fn open_items(&mut self, places: &[Size]) -> (Items, Vec<Value>) {
        let (begin, end) = (self.w.begin(), self.w.end());
        let open = self.w.open_loop(begin, end, 1, &[]);
        let mut rest = open.index;
        let mut digits = Vec::new();
        let only = |place: usize| places.iter().take(place).all(|size| size.as_constant() == Some(1));
        for (place, size) in places.iter().enumerate().rev() {
            if only(place) && size.as_constant() != Some(1) {
                digits.push(rest);
                rest = self.w.index(0);
                continue;
            }
            let size = self.w.size(size);
            digits.push(self.w.binary(BinaryOperation::Remainder, rest, size));
            rest = self.w.divide(rest, size);
        }
        digits.reverse();
        (Items { open, guards: Vec::new() }, digits)
    }

    /// Leaves out items whose coordinate along a packed axis is beyond the rows there are.
    pub fn guard(&mut self, items: &mut Items, axes: &[AxisId], point: &Point) -> Result<(), ScheduleError> {
        for axis in axes.iter().filter(|axis| self.scene.is_ragged(**axis)) {
            let end = self.extent(*axis);
            let coordinate = self.coordinate(point, *axis)?;
            let place = self.forced(&coordinate);
            let inside = self.w.compare(Comparison::Less, place, end);
            self.only_if(items, inside);
        }
        Ok(())
    }

    /// Leaves out items where a condition does not hold.
    pub fn only_if(&mut self, items: &mut Items, condition: Value) {
        items.guards.push(self.w.open_if(condition));
    }

    pub fn close_items(&mut self, items: Items) {
        for guard in items.guards.into_iter().rev() {
            self.w.close_if(guard, &[]);
        }
        self.w.close_loop(items.open, &[]);
    }

    /// The block of an axis with this number, blocks being `length` long.
    pub fn block(&mut self, axis: AxisId, length: i64, number: Value) -> Stretch {
        let end = self.extent(axis);
        let size = self.scene.size(axis).as_constant().filter(|_| !self.scene.is_ragged(axis));
        if let Some(whole) = size.filter(|size| *size <= length) {
            return Stretch { begin: self.w.index(0), end, whole: Some(whole) };
        }
        let whole_blocks = size.is_some_and(|size| size % length == 0);
        let [begin, last] = self.w.span(number, length);
        let end = if whole_blocks { last } else { self.block_end(axis, begin, last, end) };
        Stretch { begin, end, whole: whole_blocks.then_some(length) }
    }

    /// Where a block of an axis ends that begins at `begin` and goes to `last` at most. Blocks are numbered as far as the axis may reach; where
    /// a ragged one ends before the block begins, the block is empty.
    pub fn block_end(&mut self, axis: AxisId, begin: Value, last: Value, end: Value) -> Value {
        let end = self.w.minimum(last, end);
        if self.scene.is_ragged(axis) {
            self.w.binary(BinaryOperation::Maximum, end, begin)
        } else {
            end
        }
    }

    /// All of an axis.
    pub fn whole(&mut self, axis: AxisId) -> Stretch {
        let (begin, end) = (self.w.index(0), self.extent(axis));
        let whole = self.w.known(end).filter(|_| !self.scene.is_ragged(axis));
        Stretch { begin, end, whole }
    }

    /// Goes over a stretch in chunks of `widest` vectors, then of one, then the lanes that are left.
    pub fn chunks(
        &mut self,
        stretch: Stretch,
        widest: usize,
        each: &mut dyn FnMut(&mut Self, Chunk) -> Result<(), ScheduleError>,
    ) -> Result<(), ScheduleError> {
        let each: &mut OnChunk<'_, Self> = &mut |e, chunk, _| each(e, chunk).map(|()| Vec::new());
        self.over(stretch, widest, Vec::new(), each).map(|_| ())
    }

    /// The same with a value that is carried from chunk to chunk.
    pub fn folded(
        &mut self,
        stretch: Stretch,
        widest: usize,
        start: Value,
        each: &mut dyn FnMut(&mut Self, Chunk, Value) -> Result<Value, ScheduleError>,
    ) -> Result<Value, ScheduleError> {
        let only = |values: Vec<Value>| values.first().copied().unwrap_or(start);
        let each: &mut OnChunk<'_, Self> =
            &mut |e, chunk, values| each(e, chunk, only(values)).map(|value| vec![value]);
        self.over(stretch, widest, vec![start], each).map(only)
    }

    /// The same with any number of them.
    fn over(
        &mut self,
        stretch: Stretch,
        widest: usize,
        mut values: Vec<Value>,
        each: &mut OnChunk<'_, Self>,
    ) -> Result<Vec<Value>, ScheduleError> {
        let (mut begin, mut left) = (stretch.begin, stretch.whole);
        let widths: &[usize] = if widest > 1 { &[widest, 1] } else { &[1] };
        for count in widths {
            let width = i64::from(self.lanes) * *count as i64;
            if left.is_some_and(|left| left < width) {
                continue;
            }
            let rest = Stretch { begin, whole: left, ..stretch };
            (begin, values) = self.whole_chunks(rest, *count, width, values, each)?;
            left = left.map(|left| left % width);
        }
        if self.lanes == 1 || left == Some(0) {
            return Ok(values);
        }
        let mask = self.lanes_before(begin, stretch.end);
        let chunk = Chunk { begin, count: 1, mask: Some(mask) };
        if left.is_some() {
            return each(self, chunk, values);
        }
        let any = self.w.compare(Comparison::Less, begin, stretch.end);
        let mut choice = self.w.open_if(any);
        let next = each(self, chunk, values.clone())?;
        self.w.otherwise(&mut choice);
        let pairs: Vec<(Value, Value)> = next.into_iter().zip(values).collect();
        Ok(self.w.close_if(choice, &pairs))
    }

    /// As many chunks as are whole; gives where they end and the values then.
    fn whole_chunks(
        &mut self,
        stretch: Stretch,
        count: usize,
        width: i64,
        values: Vec<Value>,
        each: &mut OnChunk<'_, Self>,
    ) -> Result<(Value, Vec<Value>), ScheduleError> {
        let begin = stretch.begin;
        if stretch.whole == Some(width) {
            let values = each(self, Chunk { begin, count, mask: None }, values)?;
            return Ok((self.w.offset(begin, width), values));
        }
        let stop = self.whole_steps(begin, stretch.end, width);
        let open = self.w.open_loop(begin, stop, width, &values);
        let next = each(self, Chunk { begin: open.index, count, mask: None }, open.inner.clone())?;
        Ok((stop, self.w.close_loop(open, &next)))
    }

    /// The furthest place that whole steps of `width` from `begin` lead to, not beyond `end`.
    pub fn whole_steps(&mut self, begin: Value, end: Value, width: i64) -> Value {
        if width == 1 {
            return end;
        }
        let length = self.w.subtract(end, begin);
        let zero = self.w.index(0);
        let length = self.w.binary(BinaryOperation::Maximum, length, zero);
        let width = self.w.index(width);
        let steps = self.w.divide(length, width);
        let whole = self.w.multiply(steps, width);
        self.w.add(begin, whole)
    }

    /// Which lanes from a place on are before an end.
    pub fn lanes_before(&mut self, begin: Value, end: Value) -> Value {
        let places = self.w.lane_indices(begin, self.lanes);
        self.w.compare(Comparison::Less, places, end)
    }

    /// The point's lanes along an axis from a place on.
    pub fn lanes_at(&mut self, point: &Point, axis: AxisId, begin: Value, mask: Option<Value>) -> Point {
        let coordinate = if self.lanes == 1 { Coordinate::Scalar(begin) } else { Coordinate::Lanes(begin) };
        let mut point = point.with(axis, coordinate);
        point.lane_mask = self.both(point.lane_mask, mask);
        point
    }

    /// Carries values over nested loops along axes, outermost first. `each` is given the coordinates, the values so far and the mask, and
    /// gives the next values.
    pub fn reduce(
        &mut self,
        axes: &[AxisId],
        innermost: Innermost,
        values: Vec<Value>,
        each: &mut Each<'_, Self>,
    ) -> Result<Vec<Value>, ScheduleError> {
        self.nested(axes, innermost, &mut Vec::new(), values, each)
    }

    fn nested(
        &mut self,
        axes: &[AxisId],
        innermost: Innermost,
        coordinates: &mut Vec<(AxisId, Coordinate)>,
        mut values: Vec<Value>,
        each: &mut Each<'_, Self>,
    ) -> Result<Vec<Value>, ScheduleError> {
        let Some((axis, rest)) = axes.split_first() else {
            return each(self, coordinates, values, None);
        };
        let step = match innermost {
            Innermost::Lanes if rest.is_empty() && self.lanes > 1 => {
                let stretch = self.whole(*axis);
                return self.over(stretch, 1, values, &mut |e, chunk, values| {
                    coordinates.push((*axis, Coordinate::Lanes(chunk.begin)));
                    let next = each(e, coordinates, values, chunk.mask);
                    coordinates.pop();
                    next
                });
            }
            Innermost::Places(step) if rest.is_empty() => step,
            _ => 1,
        };
        let (zero, end) = (self.w.index(0), self.extent(*axis));
        let stop = self.whole_steps(zero, end, step);
        let is_whole = step == 1 || self.w.known(end).is_some_and(|end| end % step == 0);
        let left = (!is_whole).then_some((stop, end, 1));
        for (begin, end, step) in [(zero, stop, step)].into_iter().chain(left) {
            let open = self.w.open_loop(begin, end, step, &values);
            let mut next = open.inner.clone();
            for number in 0..step {
                let place = self.w.offset(open.index, number);
                coordinates.push((*axis, Coordinate::Scalar(place)));
                next = self.nested(rest, innermost, coordinates, next, each)?;
                coordinates.pop();
            }
            values = self.w.close_loop(open, &next);
        }
        Ok(values)
    }
}

/// How a reduction goes over the last of its axes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Innermost {
    /// So many places a round, then one by one.
    Places(i64),
    /// Whole vectors, then one with a mask.
    Lanes,
}

impl Innermost {
    pub const SINGLE: Innermost = Innermost::Places(1);
}

/// What is done with each chunk of a stretch.
type OnChunk<'e, E> = dyn FnMut(&mut E, Chunk, Vec<Value>) -> Result<Vec<Value>, ScheduleError> + 'e;

/// What a reduction does at each of its points.
pub(crate) type Each<'e, E> = dyn FnMut(&mut E, &[(AxisId, Coordinate)], Vec<Value>, Option<Value>) -> Result<Vec<Value>, ScheduleError>
    + 'e;

/// The point with more coordinates.
pub(crate) fn extended(point: &Point, coordinates: &[(AxisId, Coordinate)]) -> Point {
    let mut point = point.clone();
    for (axis, coordinate) in coordinates {
        point.set(*axis, coordinate.clone());
    }
    point
}

/// How many blocks of `length` an axis of this size has.
pub(crate) fn blocks(size: &Size, length: i64) -> Size {
    ceiling(size, length)
}

/// The number of items of a launch whose items have these places.
pub(crate) fn extent_of(places: &[Size]) -> Size {
    product(places)
}

/// `factor` operations for each entry along axes; packed rows count as they are found while running.
pub(crate) fn operations(
    scene: &Scene,
    symbols: &mut Symbols,
    axes: &[AxisId],
    factor: i64,
) -> SizeExpression {
    let fixed: Vec<Size> =
        axes.iter().filter(|axis| !scene.is_ragged(**axis)).map(|axis| scene.size(*axis)).collect();
    let fixed = product(&fixed).multiply(&Size::constant(factor));
    let start = symbols.expression(&fixed);
    axes.iter().filter_map(|axis| scene.packings.get(axis)).fold(start, |product_so_far, packing| {
        let count = rows_found(scene, symbols, packing);
        SizeExpression::Multiply(Box::new(product_so_far), Box::new(count))
    })
}

/// How many rows a packing has, as counted while running.
pub(crate) fn rows_found(scene: &Scene, symbols: &mut Symbols, packing: &Packing) -> SizeExpression {
    let segments = product(&scene.sizes(packing.segments()));
    let entry = Box::new(symbols.expression(&segments));
    SizeExpression::Counted { buffer: packing.offsets, entry }
}
