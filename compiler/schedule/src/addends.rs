//! Addends that are worked out in fewer operations as such.

use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::mathematics::exponential_as_addend;
use crate::point::Point;
use moe_graph::{Element, Node, NodeId, Operation, ScalarFunction};
use moe_kernel::Value;

/// What is below the smallest normal `f32` makes no difference beside so much, and not beside half of it.
const NOT_SMALL: f64 = 1e-30;

impl Emitter<'_> {
    /// An operand of a function of entries. An exponential beside a number, as logistic functions have it, need not be right where it is
    /// too small to matter.
    pub fn argument(&mut self, node: &Node, place: usize, point: &Point) -> Result<Value, ScheduleError> {
        match self.exponent_of_addend(node, place, point)? {
            Some(exponent) => {
                let exponent = self.emit(exponent, point)?;
                Ok(exponential_as_addend(&mut self.w, exponent))
            }
            None => self.operand(node, place, point),
        }
    }

    /// x, if an operand is e^x in `f32`, worked out here, and the other a number that is not small.
    fn exponent_of_addend(
        &self,
        node: &Node,
        place: usize,
        point: &Point,
    ) -> Result<Option<NodeId>, ScheduleError> {
        use ScalarFunction::{Add, Exponential, Subtract};
        let (own, other) = match (&node.operation, &node.operands[..], place) {
            (Operation::Map { function: Add | Subtract, .. }, [own, other], 0) => (*own, *other),
            (Operation::Map { function: Add | Subtract, .. }, [other, own], 1) => (*own, *other),
            _ => return Ok(None),
        };
        let Operation::Constant(number) = self.scene.node(other)?.operation else { return Ok(None) };
        let exponential = self.scene.node(own)?;
        let Operation::Map { function: Exponential, .. } = exponential.operation else { return Ok(None) };
        let is_here = !self.scene.storages.contains_key(&own)
            && !self.panels.contains_key(&own)
            && self.known(own, point)?.is_none();
        let serves = exponential.ty.element == Element::F32 && number.as_f64().abs() >= NOT_SMALL;
        Ok(exponential.operands.first().copied().filter(|_| is_here && serves))
    }
}
