//! Values that are found elsewhere in their operands: padded, concatenated, packed, unpacked.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::{Coordinate, Point};
use crate::scene::{Packing, RowsOf};
use moe_graph::{AxisId, Element, Node, Operation, Scalar, Size};
use moe_kernel::{Comparison, Value};

impl Emitter<'_> {
    /// The point with `from` at `into - before`, there only where that is inside `from`; and whether it is.
    pub(crate) fn window(
        &mut self,
        point: &Point,
        from: AxisId,
        into: AxisId,
        before: &Size,
    ) -> Result<(Point, Value), ScheduleError> {
        let coordinate = self.coordinate(point, into)?;
        let shifted = self.shifted(&coordinate, before, true);
        let inner = point.with(from, shifted.clone());
        let place = self.forced(&shifted);
        let end = self.extent(from);
        let inside = self.inside(place, end);
        Ok((self.masked(inner, inside), inside))
    }

    /// The point that a window shows, there only where that is inside its axis; and whether it is, unless it always is.
    pub(crate) fn shown(
        &mut self,
        window: &Operation,
        point: &Point,
    ) -> Result<(Point, Option<Value>), ScheduleError> {
        let Operation::Window { from, places, taps, stride, dilation, before, .. } = window else {
            return Err(ScheduleError::Malformed("no window"));
        };
        let terms = [
            (self.coordinate(point, *places)?, stride.clone()),
            (self.coordinate(point, *taps)?, dilation.clone()),
        ];
        let shifted = self.combined(&terms);
        let shifted = self.shifted(&shifted, before, true);
        let inner = point.with(*from, shifted.clone());
        let one = Size::constant(1);
        let reach = |axis: AxisId, step: &Size| self.scene.size(axis).subtract(&one).multiply(step);
        let last = reach(*places, stride).add(&reach(*taps, dilation)).add(&one).subtract(before);
        let known = before.as_constant() == Some(0) && !self.scene.is_ragged(*from);
        if known && last.at_most(&self.scene.size(*from)) {
            return Ok((inner, None));
        }
        let place = self.forced(&shifted);
        let end = self.extent(*from);
        let inside = self.inside(place, end);
        Ok((self.masked(inner, inside), Some(inside)))
    }

    /// Whether a place is inside an axis that ends there.
    pub fn inside(&mut self, place: Value, end: Value) -> Value {
        let zero = self.w.index(0);
        let low = self.w.compare(Comparison::GreaterEqual, place, zero);
        let high = self.w.compare(Comparison::Less, place, end);
        self.w.and(low, high)
    }

    /// The point, there only where a condition holds.
    pub fn masked(&mut self, mut point: Point, condition: Value) -> Point {
        if self.w.lanes(condition) == 1 {
            point.mask = self.both(point.mask, Some(condition));
        } else {
            point.lane_mask = self.both(point.lane_mask, Some(condition));
        }
        point
    }

    pub(crate) fn concatenate(
        &mut self,
        node: &Node,
        from: &[AxisId],
        into: AxisId,
        point: &Point,
    ) -> Result<Value, ScheduleError> {
        let mut before = Size::constant(0);
        let mut result: Option<Value> = None;
        for (place, axis) in from.iter().enumerate() {
            let (inner, inside) = self.window(point, *axis, into, &before)?;
            let value = self.operand(node, place, &inner)?;
            result = Some(result.map_or(value, |other| self.w.select(inside, value, other)));
            before = before.add(&self.scene.size(*axis));
        }
        result.ok_or(ScheduleError::Malformed("nothing to concatenate"))
    }

    /// The coordinate along one of a mask's axes of the row that stands at the packed axis.
    fn row_coordinate(
        &mut self,
        packing: &Packing,
        packed: AxisId,
        axis: AxisId,
        point: &Point,
    ) -> Result<Coordinate, ScheduleError> {
        if let Some(known) = point.rows.get(&packed).and_then(|known| known.get(&axis)) {
            return Ok(known.clone());
        }
        let place = packing.axes.iter().position(|own| *own == axis);
        let rows = place.and_then(|place| packing.rows.get(place).copied());
        let rows = rows.ok_or(ScheduleError::Malformed("an axis that the mask has not"))?;
        let row = self.coordinate(point, packed)?;
        let row = self.plain(&row);
        let buffer = self.buffer(rows, &format!("rows_{}", place.unwrap_or(0)), Element::I64, false);
        let value = self.read(buffer, &row, point.mask, point.lane_mask);
        Ok(self.of_value(value))
    }

    pub(crate) fn pack(&mut self, node: &Node, into: AxisId, point: &Point) -> Result<Value, ScheduleError> {
        let scene = self.scene;
        let packing = scene.packing(into)?;
        let value = *node.operands.get(1).ok_or(ScheduleError::Malformed("a missing operand"))?;
        let mut inner = point.clone();
        for axis in
            packing.axes.iter().filter(|axis| scene.function.node(value).is_some_and(|n| n.ty.has(**axis)))
        {
            let coordinate = self.row_coordinate(packing, into, *axis, point)?;
            inner.set(*axis, coordinate);
        }
        self.emit(value, &inner)
    }

    /// The row of the packed axis at a point of the mask's axes, -1 where there is none; and the point of that row.
    pub fn unpacked(&mut self, from: AxisId, point: &Point) -> Result<(Value, Point), ScheduleError> {
        let packing = self.scene.packing(from)?.clone();
        let row = match packing.rows_of {
            RowsOf::Prefix(prefix) => self.row_of_prefix(&packing, prefix, point)?,
            RowsOf::Table(inverse) => {
                let address = self.address(&packing.axes, point)?;
                let buffer = self.buffer(inverse, "inverse", Element::I64, false);
                self.read(buffer, &address, point.mask, point.lane_mask)
            }
        };
        let mut inner = point.with(from, self.of_value(row));
        let known = packing.axes.iter().map(|axis| Ok((*axis, self.coordinate(point, *axis)?)));
        let known = known.collect::<Result<_, ScheduleError>>()?;
        inner.rows.insert(from, known);
        Ok((row, inner))
    }

    pub(crate) fn unpack(
        &mut self,
        node: &Node,
        from: AxisId,
        background: Scalar,
        point: &Point,
    ) -> Result<Value, ScheduleError> {
        let (row, inner) = self.unpacked(from, point)?;
        let zero = self.w.index(0);
        let there = self.w.compare(Comparison::GreaterEqual, row, zero);
        let inner = self.masked(inner, there);
        let kept = self.operand(node, 1, &inner)?;
        let other = self.constant(background);
        Ok(self.w.select(there, kept, other))
    }
}
