//! Loops that all kernels share: items, blocks of lanes, and reductions in one fixed order.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::{Coordinate, Point};
use crate::scene::Scene;
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
        let length = self.w.index(length);
        let begin = self.w.multiply(number, length);
        let last = self.w.add(begin, length);
        let end = if whole_blocks { last } else { self.w.minimum(last, end) };
        Stretch { begin, end, whole: whole_blocks.then(|| self.w.known(length)).flatten() }
    }

    /// Goes over a stretch in chunks of `widest` vectors, then of one, then the lanes that are left.
    pub fn chunks(
        &mut self,
        stretch: Stretch,
        widest: usize,
        each: &mut dyn FnMut(&mut Self, Chunk) -> Result<(), ScheduleError>,
    ) -> Result<(), ScheduleError> {
        let mut begin = stretch.begin;
        let mut left = stretch.whole;
        let mut widths = vec![widest.max(1)];
        if widest > 1 {
            widths.push(1);
        }
        for count in widths {
            let width = i64::from(self.lanes) * count as i64;
            if left.is_some_and(|left| left < width) {
                continue;
            }
            begin = self.chunks_of(begin, stretch.end, count, width, left, each)?;
            left = left.map(|left| left % width);
        }
        if self.lanes == 1 || left == Some(0) {
            return Ok(());
        }
        let place = self.w.lane_indices(begin, self.lanes);
        let mask = self.w.compare(Comparison::Less, place, stretch.end);
        let guard = match left {
            Some(_) => None,
            None => {
                let any = self.w.compare(Comparison::Less, begin, stretch.end);
                Some(self.w.open_if(any))
            }
        };
        each(self, Chunk { begin, count: 1, mask: Some(mask) })?;
        if let Some(guard) = guard {
            self.w.close_if(guard, &[]);
        }
        Ok(())
    }

    fn chunks_of(
        &mut self,
        begin: Value,
        end: Value,
        count: usize,
        width: i64,
        left: Option<i64>,
        each: &mut dyn FnMut(&mut Self, Chunk) -> Result<(), ScheduleError>,
    ) -> Result<Value, ScheduleError> {
        if left == Some(width) {
            each(self, Chunk { begin, count, mask: None })?;
            return Ok(self.w.offset(begin, width));
        }
        let stop = self.whole_steps(begin, end, width);
        let open = self.w.open_loop(begin, stop, width, &[]);
        each(self, Chunk { begin: open.index, count, mask: None })?;
        self.w.close_loop(open, &[]);
        Ok(stop)
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

    /// The point's lanes along an axis from a place on.
    pub fn lanes_at(&mut self, point: &Point, axis: AxisId, begin: Value, mask: Option<Value>) -> Point {
        let coordinate = if self.lanes == 1 { Coordinate::Scalar(begin) } else { Coordinate::Lanes(begin) };
        let mut point = point.with(axis, coordinate);
        point.lane_mask = self.both(point.lane_mask, mask);
        point
    }

    /// Carries values over nested loops along axes, outermost first. Along `lanes` (the last of the axes) whole vectors are taken, then one
    /// with a mask. `each` is given the coordinates, the values so far and the mask, and gives the next values.
    pub fn reduce(
        &mut self,
        axes: &[AxisId],
        lanes: Option<AxisId>,
        coordinates: &mut Vec<(AxisId, Coordinate)>,
        values: Vec<Value>,
        each: &mut Each<'_, Self>,
    ) -> Result<Vec<Value>, ScheduleError> {
        let Some((axis, rest)) = axes.split_first() else {
            return each(self, coordinates, values, None);
        };
        if Some(*axis) == lanes {
            return self.reduce_lanes(*axis, coordinates, values, each);
        }
        let zero = self.w.index(0);
        let end = self.extent(*axis);
        let open = self.w.open_loop(zero, end, 1, &values);
        coordinates.push((*axis, Coordinate::Scalar(open.index)));
        let next = self.reduce(rest, lanes, coordinates, open.inner.clone(), each)?;
        coordinates.pop();
        Ok(self.w.close_loop(open, &next))
    }

    /// The same without lanes, the innermost loop taking `unroll` points at a time.
    pub fn reduce_unrolled(
        &mut self,
        axes: &[AxisId],
        unroll: i64,
        coordinates: &mut Vec<(AxisId, Coordinate)>,
        values: Vec<Value>,
        each: &mut Each<'_, Self>,
    ) -> Result<Vec<Value>, ScheduleError> {
        let Some((axis, rest)) = axes.split_first() else {
            return each(self, coordinates, values, None);
        };
        let zero = self.w.index(0);
        let end = self.extent(*axis);
        let step = if rest.is_empty() { unroll } else { 1 };
        let stop = self.whole_steps(zero, end, step);
        let open = self.w.open_loop(zero, stop, step, &values);
        let mut next = open.inner.clone();
        for number in 0..step {
            let place = self.w.offset(open.index, number);
            coordinates.push((*axis, Coordinate::Scalar(place)));
            next = self.reduce_unrolled(rest, unroll, coordinates, next, each)?;
            coordinates.pop();
        }
        let values = self.w.close_loop(open, &next);
        let exact = self.w.known(end).is_some_and(|end| end % step == 0);
        if exact || step == 1 {
            return Ok(values);
        }
        let open = self.w.open_loop(stop, end, 1, &values);
        coordinates.push((*axis, Coordinate::Scalar(open.index)));
        let next = self.reduce_unrolled(rest, unroll, coordinates, open.inner.clone(), each)?;
        coordinates.pop();
        Ok(self.w.close_loop(open, &next))
    }

    fn reduce_lanes(
        &mut self,
        axis: AxisId,
        coordinates: &mut Vec<(AxisId, Coordinate)>,
        values: Vec<Value>,
        each: &mut Each<'_, Self>,
    ) -> Result<Vec<Value>, ScheduleError> {
        let zero = self.w.index(0);
        let end = self.extent(axis);
        let width = i64::from(self.lanes);
        let stop = self.whole_steps(zero, end, width);
        let open = self.w.open_loop(zero, stop, width, &values);
        coordinates.push((axis, Coordinate::Lanes(open.index)));
        let next = each(self, coordinates, open.inner.clone(), None)?;
        coordinates.pop();
        let values = self.w.close_loop(open, &next);
        let known = self.w.known(end).filter(|_| !self.scene.is_ragged(axis));
        if known.is_some_and(|size| size % width == 0) {
            return Ok(values);
        }
        let mut choice = match known {
            Some(_) => None,
            None => {
                let any = self.w.compare(Comparison::Less, stop, end);
                Some(self.w.open_if(any))
            }
        };
        let place = self.w.lane_indices(stop, self.lanes);
        let mask = self.w.compare(Comparison::Less, place, end);
        coordinates.push((axis, Coordinate::Lanes(stop)));
        let next = each(self, coordinates, values.clone(), Some(mask))?;
        coordinates.pop();
        let Some(mut choice) = choice.take() else { return Ok(next) };
        self.w.otherwise(&mut choice);
        let pairs: Vec<(Value, Value)> = next.into_iter().zip(values).collect();
        Ok(self.w.close_if(choice, &pairs))
    }
}

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
        let segments = product(&scene.sizes(packing.segments()));
        let entry = Box::new(symbols.expression(&segments));
        let count = SizeExpression::Counted { buffer: packing.offsets, entry };
        SizeExpression::Multiply(Box::new(product_so_far), Box::new(count))
    })
}
