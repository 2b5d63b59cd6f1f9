//! One call of a function: its values, node by node.

use crate::array::{Array, Value};
use crate::calls::Results;
use crate::data::Data;
use crate::error::EvaluateError;
use crate::expression::{Expression, Program};
use crate::lengths::Lengths;
use crate::margin;
use crate::moves::Steps;
use crate::nest::{self, Extent};
use crate::uses::Uses;
use crate::{lanes, moves, packing, Options};
use moe_graph::{AxisId, Function, Module, Node, NodeId, Operation, ReduceKind, Scalar};
use moe_runtime::Element;
use std::collections::BTreeMap;

/// How deep calls may be nested.
const DEEPEST: usize = 200;

/// What all calls share.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub module: &'a Module,
    pub options: &'a Options,
    pub depth: usize,
}

impl Context<'_> {
    /// The type in which entries of type `element` are computed.
    pub fn element(&self, element: Element) -> Element {
        if self.options.double && element.is_float() {
            Element::F64
        } else {
            element
        }
    }
}

/// One call.
pub(crate) struct Frame<'a> {
    pub context: Context<'a>,
    pub function: &'a Function,
    pub lengths: Lengths,
    uses: Uses,
    readers: Vec<usize>,
    parameters: Vec<Value>,
    values: Vec<Option<Value>>,
    pub called: BTreeMap<(Operation, Vec<NodeId>), Results>,
}

impl<'a> Frame<'a> {
    /// The outputs of a function: each with exactly its axes. The parameters have exactly theirs.
    pub fn run(
        context: Context<'a>,
        function: &'a Function,
        lengths: Lengths,
        parameters: Vec<Value>,
    ) -> Result<Vec<Value>, EvaluateError> {
        if context.depth > DEEPEST {
            return Err(EvaluateError::Depth { depth: DEEPEST });
        }
        let uses = Uses::of(function);
        let readers = uses.readers();
        let values = vec![None; function.nodes.len()];
        let called = BTreeMap::new();
        let mut frame = Frame { context, function, lengths, uses, readers, parameters, values, called };
        for id in function.node_ids() {
            frame.visit(id)?;
        }
        function.outputs.iter().map(|output| frame.result(output.node, &output.axes)).collect()
    }

    fn visit(&mut self, id: NodeId) -> Result<(), EvaluateError> {
        let readers = self.readers.get(id.0 as usize).copied().unwrap_or(0);
        let Some(node) = self.function.node(id) else { return Ok(()) };
        if readers == 0 || self.uses.is_inlined(id) {
            return Ok(());
        }
        let value = self.evaluate(node)?;
        if let Some(slot) = self.values.get_mut(id.0 as usize) {
            *slot = Some(value);
        }
        for leaf in self.uses.leaves(self.function, id) {
            let index = leaf.0 as usize;
            let left = self.readers.get_mut(index).map_or(1, |count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == 0 {
                self.values.get_mut(index).into_iter().for_each(|slot| *slot = None);
            }
        }
        Ok(())
    }

    fn result(&self, node: NodeId, axes: &[AxisId]) -> Result<Value, EvaluateError> {
        let value = self.value(node)?;
        Ok(Value { array: value.array.expand(&self.extents(axes)?)?, margin: value.margin })
    }

    /// The value of a node that has been evaluated, or is cheap to evaluate.
    pub fn value(&self, id: NodeId) -> Result<Value, EvaluateError> {
        match self.values.get(id.0 as usize) {
            Some(Some(value)) => Ok(value.clone()),
            _ if self.uses.is_inlined(id) => {
                let node = self.function.node(id).ok_or(EvaluateError::Malformed("no such node"))?;
                self.scalar(&self.expression(id)?, node)
            }
            _ => Err(EvaluateError::Malformed("an operand that is not there")),
        }
    }

    pub fn operand(&self, node: &Node, index: usize) -> Result<Value, EvaluateError> {
        self.value(*node.operands.get(index).ok_or(EvaluateError::Malformed("a missing operand"))?)
    }

    pub fn extents(&self, axes: &[AxisId]) -> Result<Vec<Extent>, EvaluateError> {
        axes.iter().map(|axis| Ok((*axis, self.lengths.of(self.function, *axis)?))).collect()
    }

    fn background(&self, id: NodeId) -> Option<f64> {
        self.function.node(id)?.fact.as_ref().map(|fact| fact.background.as_f64())
    }

    fn evaluate(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        match &node.operation {
            Operation::Parameter(index) => self
                .parameters
                .get(*index as usize)
                .cloned()
                .ok_or(EvaluateError::Malformed("no such parameter")),
            Operation::Table(index) => self.table(node, *index),
            Operation::Constant(_)
            | Operation::Coordinate(_)
            | Operation::SizeOf(_)
            | Operation::Map { .. }
            | Operation::Cast(_) => self.scalar(&self.expression_of(node)?, node),
            Operation::Reduce { kind, axes } => self.reduce(node, *kind, axes),
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => self.call(node),
            Operation::Pack { .. } | Operation::Unpack { .. } | Operation::SegmentReduce { .. } => {
                self.packing(node)
            }
            _ => self.structural(node),
        }
    }

    fn table(&self, node: &Node, index: u32) -> Result<Value, EvaluateError> {
        let table = self.function.tables.get(index as usize);
        let table = table.ok_or(EvaluateError::Malformed("no such table"))?;
        let extents = self.extents(&node.ty.axes)?;
        if crate::array::count(extents.iter().map(|(_, length)| *length))? != table.len() {
            return Err(EvaluateError::Malformed("a table of another size than its axes"));
        }
        let element = self.context.element(node.ty.element);
        let mut data = Data::with_room(element, table.len())?;
        table.iter().for_each(|entry| data.push(*entry));
        let (axes, shape) = extents.into_iter().unzip();
        Ok(Value::plain(Array::new(element, axes, shape, data)))
    }

    /// A node as a tree, down to values that are there.
    fn expression(&self, id: NodeId) -> Result<Expression, EvaluateError> {
        if !self.uses.is_inlined(id) {
            return Ok(Expression::Value { value: self.value(id)?, background: self.background(id) });
        }
        self.expression_of(self.function.node(id).ok_or(EvaluateError::Malformed("no such node"))?)
    }

    fn expression_of(&self, node: &Node) -> Result<Expression, EvaluateError> {
        let element = self.context.element(node.ty.element);
        let background = node.fact.as_ref().map(|fact| fact.background.as_f64());
        let operands = node.operands.iter().map(|operand| self.expression(*operand));
        let mut operands = operands.collect::<Result<Vec<_>, _>>()?;
        Ok(match &node.operation {
            Operation::Coordinate(axis) => Expression::Coordinate(*axis),
            Operation::Constant(value) => Expression::Constant { value: *value, element },
            Operation::SizeOf(size) => {
                let value = self.lengths.size(size).ok_or_else(|| EvaluateError::Length {
                    axis: "size".to_owned(),
                    size: size.to_string(),
                })?;
                Expression::Constant { value: Scalar::index(value), element }
            }
            Operation::Map { function, absorb } => {
                Expression::Map { function: *function, absorb: *absorb, element, operands, background }
            }
            Operation::Cast(_) => {
                let operand = operands.pop().ok_or(EvaluateError::Malformed("a missing operand"))?;
                Expression::Cast { element, operand: Box::new(operand), background }
            }
            _ => return Err(EvaluateError::Malformed("no scalar function")),
        })
    }

    fn scalar(&self, expression: &Expression, node: &Node) -> Result<Value, EvaluateError> {
        let extents = self.extents(&node.ty.axes)?;
        let data = nest::evaluate(&Program::of(expression), expression.element(), &extents)?;
        let margin = match Program::of_margin(expression) {
            Some(program) => {
                let own = self.extents(&program.axes())?;
                Some(margin::floats(&own, nest::evaluate(&program, Element::F64, &own)?))
            }
            None => None,
        };
        let (axes, shape) = extents.into_iter().unzip();
        Ok(Value { array: Array::new(expression.element(), axes, shape, data), margin })
    }

    fn reduce(&self, node: &Node, kind: ReduceKind, axes: &[AxisId]) -> Result<Value, EvaluateError> {
        let operand = *node.operands.first().ok_or(EvaluateError::Malformed("a missing operand"))?;
        let expression = self.expression(operand)?;
        let element = expression.element();
        let out = self.extents(&node.ty.axes)?;
        let reduced = self.extents(axes)?;
        let data = nest::reduce(&Program::of(&expression), kind, element, &out, &reduced)?;
        let margin = match Program::of_margin(&expression) {
            Some(program) => {
                let mut kept = program.axes();
                kept.retain(|axis| !axes.contains(axis));
                let mut ended = program.axes();
                ended.retain(|axis| axes.contains(axis));
                let (kept, ended) = (self.extents(&kept)?, self.extents(&ended)?);
                let data = nest::reduce(&program, ReduceKind::Minimum, Element::F64, &kept, &ended)?;
                Some(margin::floats(&kept, data))
            }
            None => None,
        };
        let (axes, shape) = out.into_iter().unzip();
        Ok(Value { array: Array::new(element, axes, shape, data), margin })
    }

    fn structural(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        let operand = self.operand(node, 0)?;
        let background = node.operands.first().and_then(|operand| self.background(*operand));
        match &node.operation {
            Operation::Rename { from, to } => {
                self.learn(*to, operand.array.length(*from))?;
                Ok(operand.rename(*from, *to))
            }
            Operation::Merge { from, into } => {
                let value = operand.merge(from, *into)?;
                self.learn(*into, value.array.length(*into))?;
                Ok(value)
            }
            Operation::Split { from, into } => {
                self.learn_part(into, operand.array.length(*from))?;
                operand.split(*from, &self.extents(into)?)
            }
            Operation::Slice { from, into, start } => {
                let (length, start) = (self.lengths.of(self.function, *into)?, self.lengths.count(start)?);
                operand.slice(*from, (*into, length), start)
            }
            Operation::Pad { from, into, before, value } => {
                let (length, before) = (self.lengths.of(self.function, *into)?, self.lengths.count(before)?);
                operand.pad(*from, (*into, length), before, *value)
            }
            Operation::Window { from, places, taps, stride, dilation, before, value } => {
                let extents = self.extents(&[*places, *taps])?;
                let [stride, dilation, before] =
                    [stride, dilation, before].map(|size| self.lengths.count(size));
                let window = Steps { stride: stride?, dilation: dilation?, before: before? };
                operand.window(*from, &extents, &window, *value)
            }
            Operation::Concatenate { from, into } => self.concatenate(node, from, *into),
            Operation::Gather { axis } => moves::gather(&operand, &self.operand(node, 1)?, *axis, node.span),
            Operation::ScatterAdd { over, .. } => {
                let (over, extents) = (self.extents(over)?, self.extents(&node.ty.axes)?);
                lanes::scatter_add(&operand, &self.operand(node, 1)?, &over, &extents, node.span)
            }
            Operation::Scatter { over, axis } => {
                let (over, extents) = (self.extents(over)?, self.extents(&node.ty.axes)?);
                let values = [operand, self.operand(node, 1)?, self.operand(node, 2)?];
                lanes::scatter(&values, *axis, &over, &extents, node.span)
            }
            Operation::LargestMask { count, axis } => {
                lanes::largest_mask(&operand, *axis, self.lengths.count(count)?, background)
            }
            Operation::ArgMax { axis } => lanes::arg_max(&operand, *axis, background, node.span),
            Operation::CumulativeSum { axis } => lanes::cumulative_sum(&operand, *axis),
            Operation::Sort { axis } => lanes::sort(&operand, *axis),
            Operation::Expect { count, axes } => {
                let count = self.lengths.count(count)?;
                lanes::expect(&operand, axes, i64::try_from(count).unwrap_or(i64::MAX), node.span)
            }
            _ => Err(EvaluateError::Malformed("an unknown operation")),
        }
    }

    fn concatenate(&mut self, node: &Node, from: &[AxisId], into: AxisId) -> Result<Value, EvaluateError> {
        let parts = (0..from.len()).map(|index| self.operand(node, index)).zip(from);
        let parts =
            parts.map(|(part, axis)| Ok((part?, *axis))).collect::<Result<Vec<_>, EvaluateError>>()?;
        let total = parts.iter().map(|(part, axis)| part.array.length(*axis).unwrap_or(0)).sum();
        self.learn(into, Some(total))?;
        moves::concatenate(&parts, into, &self.extents(&node.ty.axes)?)
    }

    fn packing(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        let (mask, value) = (self.operand(node, 0)?, self.operand(node, 1)?);
        match &node.operation {
            Operation::Pack { into } => {
                let packed = packing::pack(&mask, &value, *into)?;
                self.learn(*into, packed.array.length(*into))?;
                Ok(packed)
            }
            Operation::Unpack { from, background } => packing::unpack(&mask, &value, *from, *background),
            Operation::SegmentReduce { kind, from, over } => {
                packing::segment_reduce(&mask, &value, *kind, *from, over)
            }
            _ => Err(EvaluateError::Malformed("no packing")),
        }
    }

    /// The length of an axis has been found while running; it must be the one it has.
    pub fn learn(&mut self, axis: AxisId, length: Option<usize>) -> Result<(), EvaluateError> {
        let length = length.ok_or(EvaluateError::Malformed("an operand lacks an axis"))?;
        let same = self.lengths.known(self.function, axis).is_none_or(|known| known == length);
        if same && self.lengths.bind(axis, length) {
            Ok(())
        } else {
            Err(EvaluateError::Malformed("an axis has two lengths"))
        }
    }

    /// One of the axes may have a length that follows from the others' and the product.
    fn learn_part(&mut self, axes: &[AxisId], product: Option<usize>) -> Result<(), EvaluateError> {
        let unknown: Vec<AxisId> =
            axes.iter().copied().filter(|axis| self.lengths.known(self.function, *axis).is_none()).collect();
        let ([axis], Some(product)) = (unknown.as_slice(), product) else { return Ok(()) };
        let others = axes.iter().filter_map(|axis| self.lengths.known(self.function, *axis));
        let others = crate::array::count(others)?;
        self.learn(*axis, Some(product.checked_div(others).unwrap_or(0)))
    }
}
