//! Masks that are true for the first entries along an axis, as many as a value says: `count > coordinate(T)`. Their rows are numbered by the counts
//! alone, so that neither the mask nor a table of its rows is ever laid out.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::point::Point;
use crate::scene::Packing;
use moe_graph::{AxisId, Element, Function, NodeId, Operation, ScalarFunction};
use moe_kernel::{BinaryOperation, Comparison, Value};

/// A mask that is true for the first entries along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prefix {
    /// How many entries, along the mask's other axes: `i64`, below 0 or beyond the axis where it is all or none.
    pub count: NodeId,
    /// The axis.
    pub axis: AxisId,
}

/// The mask as one of the first entries along an axis, if it is one.
pub(crate) fn find(function: &Function, mask: NodeId) -> Option<Prefix> {
    let node = function.node(mask)?;
    match (&node.operation, node.operands.as_slice()) {
        (Operation::Expect { .. }, [inner]) => find(function, *inner),
        (Operation::Map { function: compared, .. }, [left, right]) => {
            let (count, place) = match compared {
                ScalarFunction::Greater => (*left, *right),
                ScalarFunction::Less => (*right, *left),
                _ => return None,
            };
            let Operation::Coordinate(axis) = function.node(place)?.operation else { return None };
            let counts = &function.node(count)?.ty;
            (!counts.has(axis) && counts.element == Element::I64).then_some(Prefix { count, axis })
        }
        _ => None,
    }
}

impl Prefix {
    /// Whether the segments of a packing are the mask's other axes, so that each is one stretch of rows.
    pub fn fits(&self, segments: &[AxisId], axes: &[AxisId]) -> bool {
        segments.len() + 1 == axes.len() && !segments.contains(&self.axis)
    }
}

impl Emitter<'_> {
    /// How many entries of a mask are true, at a point of its segments.
    pub fn prefix_count(&mut self, prefix: Prefix, point: &Point) -> Result<Value, ScheduleError> {
        let count = self.emit(prefix.count, point)?;
        let (zero, end) = (self.w.index(0), self.extent(prefix.axis));
        let count = self.w.binary(BinaryOperation::Maximum, count, zero);
        Ok(self.w.minimum(count, end))
    }

    /// Where the stretch of rows at a point begins, and where it ends.
    pub fn stretch(&mut self, packing: &Packing, point: &Point) -> Result<(Value, Value), ScheduleError> {
        let address = self.address(packing.segments(), point)?;
        let buffer = self.buffer(packing.offsets, "offsets", Element::I64, false);
        let begin = self.read(buffer, &address, point.mask, point.lane_mask);
        let place = self.forced(&address);
        let next = self.w.offset(place, 1);
        let next = self.of_value(next);
        let end = self.read(buffer, &next, point.mask, point.lane_mask);
        Ok((begin, end))
    }

    /// The row at a point of the mask, -1 where there is none.
    pub fn row_of_prefix(
        &mut self,
        packing: &Packing,
        prefix: Prefix,
        point: &Point,
    ) -> Result<Value, ScheduleError> {
        let (begin, end) = self.stretch(packing, point)?;
        let coordinate = self.coordinate(point, prefix.axis)?;
        let place = self.forced(&coordinate);
        let row = self.w.add(begin, place);
        let there = self.w.compare(Comparison::Less, row, end);
        let minus = self.w.index(-1);
        Ok(self.w.select(there, row, minus))
    }
}
