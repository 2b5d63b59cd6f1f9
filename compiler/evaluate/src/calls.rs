//! Calls, repetitions and folds.

use crate::array::{Array, Value};
use crate::data::Data;
use crate::error::EvaluateError;
use crate::frame::{Context, Frame};
use crate::lengths::Lengths;
use crate::nest::Extent;
use moe_graph::{AxisId, Element, Function, FunctionId, Node, NodeId, Operation, Type};

/// All results of a call; the nodes that name one of them share the work.
pub(crate) type Results = Vec<Value>;

impl<'a> Frame<'a> {
    /// The result that a call, a repetition or a fold names, evaluating it where no other node has.
    pub fn call(&mut self, node: &Node) -> Result<Value, EvaluateError> {
        let (operation, result) = whole(&node.operation);
        let key: (Operation, Vec<NodeId>) = (operation, node.operands.clone());
        let results = match self.called.get(&key) {
            Some(results) => results.clone(),
            None => self.evaluate_call(node)?,
        };
        let value = results.get(result as usize).cloned();
        if results.len() > 1 {
            self.called.insert(key, results);
        }
        let value = value.ok_or(EvaluateError::Malformed("no such result"))?;
        for (axis, length) in value.array.extents() {
            self.learn(axis, Some(length))?;
        }
        let extents = self.extents(&node.ty.axes)?;
        Ok(Value { array: value.array.expand(&extents)?, margin: value.margin })
    }

    fn evaluate_call(&mut self, node: &Node) -> Result<Results, EvaluateError> {
        let operands = (0..node.operands.len()).map(|index| self.operand(node, index));
        let mut operands = operands.collect::<Result<Vec<Value>, _>>()?;
        match &node.operation {
            Operation::Call { function, axes, .. } => self.callee(*function, axes)?.call(&operands),
            Operation::Repeat { function, axes, over, carried, stacked, .. } => {
                let callee = self.callee(*function, axes)?;
                let rounds = self.lengths.of(self.function, *over)?;
                let (carried, stacked) = (*carried as usize, *stacked as usize);
                let choose: Choose = &|round, place, value: &Value| {
                    let is_stacked = place >= carried && place < carried + stacked;
                    if is_stacked {
                        entry(value, *over, round)
                    } else {
                        Ok(value.clone())
                    }
                };
                let mut collected = callee.collections(carried, *over)?;
                let mut results = callee.rounds(&operands, carried, choose, rounds, &mut collected)?;
                for collection in collected {
                    results.push(collection.stacked(rounds)?);
                }
                Ok(results)
            }
            Operation::Fold { function, axes, carried, .. } => {
                let callee = self.callee(*function, axes)?;
                if operands.is_empty() {
                    return Err(EvaluateError::Malformed("a missing operand"));
                }
                let count = operands.remove(0);
                let rounds = usize::try_from(count.array.data.integer(0)).unwrap_or(0);
                let choose: Choose = &|_, _, value| Ok(value.clone());
                let mut results =
                    callee.rounds(&operands, *carried as usize, choose, rounds, &mut Vec::new())?;
                for result in &mut results {
                    result.margin =
                        crate::margin::smallest(&[result.margin.as_ref(), count.margin.as_ref()])?;
                }
                Ok(results)
            }
            _ => Err(EvaluateError::Malformed("no call")),
        }
    }

    fn callee(&self, id: FunctionId, axes: &[(AxisId, AxisId)]) -> Result<Callee<'a>, EvaluateError> {
        let function =
            self.context.module.function(id).ok_or(EvaluateError::Malformed("no such function"))?;
        let mut lengths = Lengths::inherit(&self.lengths);
        for (inside, outside) in axes {
            let Some(length) = self.lengths.known(self.function, *outside) else { continue };
            bind(&mut lengths, function, *inside, length);
        }
        let context = Context { depth: self.context.depth + 1, ..self.context };
        Ok(Callee { context, function, lengths, axes: axes.to_vec() })
    }
}

/// Sets the length of a function's axis and, if its size is a free size by itself or a number more, that.
pub(crate) fn bind(lengths: &mut Lengths, function: &Function, axis: AxisId, length: usize) {
    lengths.bind(axis, length);
    let size = function.axis(axis).filter(|axis| !axis.ragged).map(|axis| &axis.size);
    let free = size.and_then(|size| size.as_shifted_symbol());
    if let Some((symbol, length)) = free.and_then(|(symbol, more)| Some((symbol, shorter(length, more)?))) {
        lengths.bind_symbol(symbol, length);
    }
}

/// The length without what an axis is longer than a free size; `None` where there is less.
fn shorter(length: usize, more: i64) -> Option<usize> {
    usize::try_from(i64::try_from(length).ok()?.checked_sub(more)?).ok()
}

/// The operation with its result left out, and the result.
fn whole(operation: &Operation) -> (Operation, u32) {
    let mut whole = operation.clone();
    let result = match &mut whole {
        Operation::Call { result, .. }
        | Operation::Repeat { result, .. }
        | Operation::Fold { result, .. } => std::mem::take(result),
        _ => 0,
    };
    (whole, result)
}

/// A function about to be called, with the axes it is called on.
struct Callee<'a> {
    context: Context<'a>,
    function: &'a Function,
    lengths: Lengths,
    axes: Vec<(AxisId, AxisId)>,
}

type Choose<'a> = &'a dyn Fn(usize, usize, &Value) -> Result<Value, EvaluateError>;

impl Callee<'_> {
    /// The results, with the caller's axes.
    fn call(&self, operands: &[Value]) -> Result<Results, EvaluateError> {
        let parameters = self.enter(operands)?;
        Ok(self.leave(self.run(parameters)?))
    }

    fn run(&self, parameters: Vec<Value>) -> Result<Vec<Value>, EvaluateError> {
        Frame::run(self.context, self.function, self.lengths.clone(), parameters)
    }

    /// Feeds the first `carried` results back `rounds` times; `choose` gives what a round sees of each operand.
    fn rounds(
        &self,
        operands: &[Value],
        carried: usize,
        choose: Choose,
        rounds: usize,
        collected: &mut [Collection],
    ) -> Result<Results, EvaluateError> {
        let mut values = operands.to_vec();
        for round in 0..rounds {
            let seen = values.iter().enumerate().map(|(place, value)| choose(round, place, value));
            let seen = seen.collect::<Result<Vec<_>, _>>()?;
            let mut results = self.call(&seen)?.into_iter();
            values.iter_mut().take(carried).zip(&mut results).for_each(|(value, result)| *value = result);
            collected.iter_mut().zip(results).for_each(|(collection, result)| collection.rounds.push(result));
        }
        values.truncate(carried);
        Ok(values)
    }

    /// Room for the results beyond the carried ones.
    fn collections(&self, carried: usize, over: AxisId) -> Result<Vec<Collection>, EvaluateError> {
        let outputs = self.function.outputs.iter().skip(carried);
        outputs
            .map(|output| {
                let node = self.function.node(output.node);
                let element = node.ok_or(EvaluateError::Malformed("no such node"))?.ty.element;
                let outside = |axis: &AxisId| {
                    self.axes.iter().find(|(inside, _)| inside == axis).map_or(*axis, |(_, outside)| *outside)
                };
                let length = |axis: &AxisId| self.lengths.of(self.function, *axis);
                // Without a round nothing says how long an axis is that nobody gave.
                let extents =
                    output.axes.iter().map(|axis| (outside(axis), length(axis).unwrap_or(0))).collect();
                Ok(Collection { element: self.context.element(element), over, extents, rounds: Vec::new() })
            })
            .collect()
    }

    fn enter(&self, operands: &[Value]) -> Result<Vec<Value>, EvaluateError> {
        if operands.len() != self.function.parameters.len() {
            return Err(EvaluateError::Malformed("a call with another number of operands"));
        }
        let parameters = self.function.parameters.iter().zip(operands);
        parameters.map(|(parameter, operand)| self.parameter(&parameter.ty, operand)).collect()
    }

    fn parameter(&self, ty: &Type, operand: &Value) -> Result<Value, EvaluateError> {
        let outside = |inside: AxisId| {
            self.axes.iter().find(|(own, _)| *own == inside).map_or(inside, |(_, outside)| *outside)
        };
        let extents = ty.axes.iter().map(|axis| {
            let length = operand.array.length(outside(*axis));
            let length = length.map_or_else(|| self.lengths.of(self.function, *axis), Ok)?;
            Ok((outside(*axis), length))
        });
        let extents: Vec<Extent> = extents.collect::<Result<_, EvaluateError>>()?;
        let inside = |outside_axis: AxisId| {
            ty.axes.iter().copied().find(|axis| outside(*axis) == outside_axis).unwrap_or(outside_axis)
        };
        Ok(Value {
            array: operand.array.expand(&extents)?.renamed(inside),
            margin: operand.margin.as_ref().map(|margin| margin.renamed(inside)),
        })
    }

    fn leave(&self, results: Vec<Value>) -> Results {
        let name = |axis: AxisId| {
            self.axes.iter().find(|(inside, _)| *inside == axis).map_or(axis, |(_, outside)| *outside)
        };
        let renamed = |array: &Array| array.renamed(name);
        results
            .iter()
            .map(|value| Value { array: renamed(&value.array), margin: value.margin.as_ref().map(renamed) })
            .collect()
    }
}

/// A result of all rounds.
struct Collection {
    element: Element,
    over: AxisId,
    extents: Vec<Extent>,
    rounds: Vec<Value>,
}

impl Collection {
    /// The rounds' results one after the other along the axis of the rounds.
    fn stacked(self, rounds: usize) -> Result<Value, EvaluateError> {
        let extents = self.rounds.first().map_or(self.extents, |first| first.array.extents());
        let total = crate::array::count(extents.iter().map(|(_, length)| *length))?;
        let mut data = Data::with_room(self.element, total.saturating_mul(rounds))?;
        for round in &self.rounds {
            data.append(&round.array.expand(&extents)?.data, 0, 1, total);
        }
        let whole: Vec<Extent> = [(self.over, rounds)].into_iter().chain(extents).collect();
        let (axes, shape) = whole.into_iter().unzip();
        let array = Array::new(self.element, axes, shape, data);
        let margins: Vec<Option<&Array>> = self.rounds.iter().map(|round| round.margin.as_ref()).collect();
        Ok(Value { array, margin: crate::margin::smallest(&margins)? })
    }
}

/// The entry of a value along an axis, without it.
fn entry(value: &Value, axis: AxisId, place: usize) -> Result<Value, EvaluateError> {
    let of = |array: &Array| -> Result<Array, EvaluateError> {
        if !array.has(axis) {
            return Ok(array.clone());
        }
        let extents = array.without(&[axis]);
        let loops: Vec<(usize, usize)> =
            extents.iter().map(|(axis, length)| (*length, array.stride(*axis))).collect();
        let data = array.read(place * array.stride(axis), &loops)?;
        let (axes, shape) = extents.into_iter().unzip();
        Ok(Array::new(array.element, axes, shape, data))
    };
    Ok(Value { array: of(&value.array)?, margin: value.margin.as_ref().map(of).transpose()? })
}
