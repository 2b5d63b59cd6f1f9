//! Values that are looked up by an index.
//!
//! Indices that rise or fall by one from lane to lane, as differences of coordinates do, stand for entries that lie side by side: they are
//! one load, turned round where the indices fall, in place of one load for each lane.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::{Coordinate, Point};
use moe_graph::{AxisId, Element, Node, NodeId, Operation, ScalarFunction};
use moe_kernel::{Comparison, Value};

/// Integers by lane: `first + step * lane`, where the condition holds if there is one.
#[derive(Clone, Copy)]
struct Line {
    first: Value,
    step: i64,
    holds: Option<Value>,
}

impl Emitter<'_> {
    pub(crate) fn gather(
        &mut self,
        node: &Node,
        axis: AxisId,
        point: &Point,
    ) -> Result<Value, ScheduleError> {
        match self.line_of_indices(node, axis, point)? {
            Some(line) => self.looked_up_along(line, node, axis, point),
            None => self.each_looked_up(node, axis, point),
        }
    }

    /// The entries at the indices, each checked for itself.
    fn each_looked_up(&mut self, node: &Node, axis: AxisId, point: &Point) -> Result<Value, ScheduleError> {
        let index = self.operand(node, 1, point)?;
        let index = self.w.convert(index, Element::I64);
        let end = self.extent(axis);
        let inside = self.checked_index(node, axis, index, end, point);
        let coordinate = self.of_value(index);
        let inner = self.masked(point.with(axis, coordinate), inside);
        self.operand(node, 0, &inner)
    }

    /// The entries at indices that are a line as far as can be seen, by one load where it is one and lies inside the axis.
    fn looked_up_along(
        &mut self,
        line: Line,
        node: &Node,
        axis: AxisId,
        point: &Point,
    ) -> Result<Value, ScheduleError> {
        let (least, most) = self.ends(line);
        let (zero, end) = (self.w.index(0), self.extent(axis));
        let in_order = self.in_order([zero, least, most], line.holds);
        let below = self.w.compare(Comparison::Less, most, end);
        let fits = self.w.and(in_order, below);
        let mut choice = self.w.open_if(fits);
        // All lanes are inside, so that none need be left out.
        let mut inner = point.with(axis, Coordinate::Lanes(least));
        inner.lane_mask = None;
        let value = self.operand(node, 0, &inner)?;
        let value = self.w.splat(value, self.lanes);
        let side_by_side = if line.step < 0 { self.w.reverse(value) } else { value };
        self.w.otherwise(&mut choice);
        let each = self.each_looked_up(node, axis, point)?;
        let each = self.w.splat(each, self.lanes);
        let chosen = self.w.close_if(choice, &[(side_by_side, each)]);
        chosen.first().copied().ok_or(ScheduleError::Malformed("a choice without a result"))
    }

    /// The indices of a lookup, if lanes make a line of them and what is looked up is stored and the same in all lanes but for its place.
    fn line_of_indices(
        &mut self,
        node: &Node,
        axis: AxisId,
        point: &Point,
    ) -> Result<Option<Line>, ScheduleError> {
        let [table, indices] = node.operands[..] else { return Ok(None) };
        if !self.is_stored(table)? {
            return Ok(None);
        }
        let others = &self.scene.node(table)?.ty.axes;
        if !others.iter().all(|other| *other == axis || is_uniform(point.get(*other))) {
            return Ok(None);
        }
        Ok(self.line(indices, point)?.filter(|line| line.step.abs() == 1))
    }

    /// Whether a value is read from memory, whatever its axes are called.
    fn is_stored(&self, id: NodeId) -> Result<bool, ScheduleError> {
        let node = self.scene.node(id)?;
        match (self.scene.storages.contains_key(&id), &node.operation, node.operands.first()) {
            (true, ..) => Ok(!self.panels.contains_key(&id)),
            (false, Operation::Rename { .. }, Some(operand)) => self.is_stored(*operand),
            _ => Ok(false),
        }
    }

    /// Integers as a line, if coordinates, sums, differences and bounds say that they are one.
    fn line(&mut self, id: NodeId, point: &Point) -> Result<Option<Line>, ScheduleError> {
        let scene = self.scene;
        let node = scene.node(id)?;
        if node.ty.element != Element::I64 {
            return Ok(None);
        }
        if node.ty.axes.iter().all(|axis| is_uniform(point.get(*axis))) {
            let first = self.emit(id, point)?;
            return Ok((self.w.lanes(first) == 1).then_some(Line { first, step: 0, holds: None }));
        }
        if scene.storages.contains_key(&id) {
            return Ok(None);
        }
        match &node.operation {
            Operation::Coordinate(axis) => Ok(match self.coordinate(point, *axis)? {
                Coordinate::Lanes(first) => Some(Line { first, step: 1, holds: None }),
                _ => None,
            }),
            Operation::Rename { from, to } => {
                let inner = point.with(*from, self.coordinate(point, *to)?);
                node.operands.first().map_or(Ok(None), |operand| self.line(*operand, &inner))
            }
            Operation::Map { function, .. } => {
                let [a, b] = node.operands[..] else { return Ok(None) };
                let (Some(a), Some(b)) = (self.line(a, point)?, self.line(b, point)?) else {
                    return Ok(None);
                };
                Ok(self.combined_lines(*function, a, b))
            }
            _ => Ok(None),
        }
    }

    fn combined_lines(&mut self, function: ScalarFunction, a: Line, b: Line) -> Option<Line> {
        let holds = self.both(a.holds, b.holds);
        match (function, a.step, b.step) {
            (ScalarFunction::Add, ..) => {
                Some(Line { first: self.w.add(a.first, b.first), step: a.step + b.step, holds })
            }
            (ScalarFunction::Subtract, ..) => {
                Some(Line { first: self.w.subtract(a.first, b.first), step: a.step - b.step, holds })
            }
            (ScalarFunction::Maximum, _, 0) => Some(self.bounded_below(a, b.first, holds)),
            (ScalarFunction::Maximum, 0, _) => Some(self.bounded_below(b, a.first, holds)),
            (ScalarFunction::Minimum, _, 0) => Some(self.bounded_above(a, b.first, holds)),
            (ScalarFunction::Minimum, 0, _) => Some(self.bounded_above(b, a.first, holds)),
            _ => None,
        }
    }

    /// A line that is not below a bound, which then changes nothing.
    fn bounded_below(&mut self, line: Line, bound: Value, holds: Option<Value>) -> Line {
        let (least, most) = self.ends(line);
        Line { holds: Some(self.in_order([bound, least, most], holds)), ..line }
    }

    /// A line that is not above a bound.
    fn bounded_above(&mut self, line: Line, bound: Value, holds: Option<Value>) -> Line {
        let (least, most) = self.ends(line);
        Line { holds: Some(self.in_order([least, most, bound], holds)), ..line }
    }

    /// Whether the ends of a line and a bound are in this order, and another condition holds: a line whose ends are does not wrap on the way.
    fn in_order(&mut self, [a, b, c]: [Value; 3], holds: Option<Value>) -> Value {
        let first = self.w.compare(Comparison::LessEqual, a, b);
        let second = self.w.compare(Comparison::LessEqual, b, c);
        let both = self.w.and(first, second);
        holds.map_or(both, |holds| self.w.and(holds, both))
    }

    /// The least and the most of a line that does not wrap.
    fn ends(&mut self, line: Line) -> (Value, Value) {
        let last = self.w.offset(line.first, line.step * i64::from(self.lanes.saturating_sub(1)));
        if line.step < 0 {
            (last, line.first)
        } else {
            (line.first, last)
        }
    }

    /// Whether an index is inside an axis; outside it (at a point that is there) the kernel stops.
    pub fn checked_index(
        &mut self,
        node: &Node,
        axis: AxisId,
        index: Value,
        end: Value,
        point: &Point,
    ) -> Value {
        let inside = self.inside(index, end);
        let mut outside = self.w.unary(moe_kernel::UnaryOperation::Not, inside);
        if let Some(mask) = point.mask {
            outside = self.w.and(outside, mask);
        }
        if let Some(mask) = point.lane_mask.filter(|_| self.w.lanes(outside) > 1) {
            outside = self.w.and(outside, mask);
        }
        let (name, place) = (self.scene.axis_name(axis), self.scene.place(node));
        let operation = node.operation.name();
        let message = format!("{operation}{place}: an index is outside the axis {name}");
        let fault = self.faults.add("E0901", message);
        self.w.fail_if(outside, fault);
        inside
    }
}

/// Whether a coordinate is the same in all lanes; where there is none, nothing depends on it.
fn is_uniform(coordinate: Option<&Coordinate>) -> bool {
    match coordinate {
        None | Some(Coordinate::Scalar(_)) => true,
        Some(Coordinate::Lanes(_) | Coordinate::Vector(_)) => false,
        Some(Coordinate::Part { whole, .. }) => is_uniform(Some(whole)),
    }
}
