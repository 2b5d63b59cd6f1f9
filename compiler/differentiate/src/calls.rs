//! The derivatives of calls, repetitions and folds.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use crate::library::{float_parameters, float_results, result_type};
use crate::rounds::{backward, identity, parameter_type, recomputing, storing, Backward};
use moe_graph::{AxisId, Element, Function, FunctionId, Node, NodeId, Operation, ScalarFunction, Type};

type Made<T> = Result<T, DifferentiateError>;
type Pairs = Vec<(AxisId, AxisId)>;

const NO_RESULT: DifferentiateError = DifferentiateError::Malformed("no such result");

/// The operation with its result left out.
fn whole(operation: &Operation) -> (Operation, usize) {
    let mut whole = operation.clone();
    let result = match &mut whole {
        Operation::Call { result, .. }
        | Operation::Repeat { result, .. }
        | Operation::Fold { result, .. } => std::mem::take(result),
        _ => 0,
    };
    (whole, result as usize)
}

/// A type with the axes that a call gives it.
fn outside(ty: &Type, axes: &[(AxisId, AxisId)]) -> Type {
    let name = |axis: &AxisId| axes.iter().find(|(own, _)| own == axis).map_or(*axis, |(_, here)| *here);
    Type { element: ty.element, axes: ty.axes.iter().map(name).collect() }
}

impl Adjoint<'_> {
    /// The nodes that name a result of the same call as `node`, in order, with the result.
    fn siblings(&self, node: &Node) -> Vec<(NodeId, usize)> {
        let (own, _) = whole(&node.operation);
        let nodes =
            self.old.node_ids().zip(&self.old.nodes).filter(|(_, other)| other.operands == node.operands);
        let nodes = nodes.map(|(id, other)| (id, whole(&other.operation)));
        nodes.filter(|(_, (other, _))| *other == own).map(|(id, (_, result))| (id, result)).collect()
    }

    /// Copies a repetition as one that stores the values of each round.
    pub fn copy_repeat(&mut self, id: NodeId, node: &Node, operands: &[NodeId]) -> Made<NodeId> {
        let Operation::Repeat { function, axes, over, carried, stacked, result } = &node.operation else {
            return Err(DifferentiateError::Malformed("no repetition"));
        };
        let first = self.siblings(node).first().map_or(id, |(first, _)| *first);
        let count = *carried as usize;
        let storing = storing(self.library, *function, count)?;
        let callee = self.library.function(storing)?;
        let rounds = match self.stored.get(&first) {
            Some((rounds, _)) => *rounds,
            None => self.like(*over, "stored")?,
        };
        let mut pairs: Pairs = axes.clone();
        let own = callee.axes.len() as u32 - 1;
        pairs.push((AxisId(own), rounds));
        let mut all: Vec<NodeId> = operands.iter().take(count).copied().collect();
        for index in 0..count {
            let ty = parameter_type(&callee, count + index)?;
            all.push(self.zero(&ty));
        }
        all.push(self.number(Element::I64, 0.0)?);
        all.extend(operands.iter().skip(count));
        let repeat = |result: usize| Operation::Repeat {
            function: storing,
            axes: pairs.clone(),
            over: *over,
            carried: 2 * *carried + 1,
            stacked: *stacked,
            result: result as u32,
        };
        let mut stores = Vec::new();
        for index in count..2 * count {
            let ty = outside(&result_type(&callee, index)?, &pairs);
            stores.push(self.builder.add_typed(repeat(index), &all, ty));
        }
        self.stored.insert(first, (rounds, stores));
        let collected = if result < carried { 0 } else { count + 1 };
        Ok(self.builder.add_typed(repeat(*result as usize + collected), &all, node.ty.clone()))
    }

    /// Hands on the cotangents of all results of a call together, at the first node that names one.
    pub fn hand_on_call(&mut self, id: NodeId, node: &Node) -> Made<()> {
        let siblings = self.siblings(node);
        let is_first = siblings.iter().map(|(id, _)| *id).find(|id| self.needs_gradient(*id)) == Some(id);
        let any = siblings.iter().any(|(id, _)| self.cotangent(*id).is_some());
        if !is_first || !any {
            return Ok(());
        }
        if let Operation::Repeat { carried, .. } = &node.operation {
            let collects = |(id, result): &(NodeId, usize)| {
                *result >= *carried as usize && self.cotangent(*id).is_some()
            };
            if siblings.iter().any(collects) {
                return Err(DifferentiateError::Malformed("what rounds collect has no derivative"));
            }
        }
        match &node.operation {
            Operation::Call { function, axes, .. } => self.call_rule(node, &siblings, *function, axes),
            Operation::Repeat { .. } => self.repeat_rule(node, &siblings),
            Operation::Fold { .. } => self.fold_rule(node, &siblings),
            _ => Ok(()),
        }
    }

    /// The cotangent of a result, or zero.
    fn result_cotangent(&mut self, siblings: &[(NodeId, usize)], result: usize, ty: &Type) -> NodeId {
        let found = siblings.iter().find(|(_, own)| *own == result);
        let found = found.and_then(|(id, _)| self.cotangent(*id));
        found.unwrap_or_else(|| self.zero(ty))
    }

    /// The axes of a call, with new ones for results that the call does not name.
    fn completed(&mut self, function: &Function, axes: &Pairs) -> Pairs {
        let mut pairs = axes.clone();
        for (axis, _) in identity(function) {
            if pairs.iter().any(|(inside, _)| *inside == axis) {
                continue;
            }
            let Some(found) = function.axis(axis) else { continue };
            let size = found.size.substitute(&|symbol| {
                let same =
                    |(inside, _): &&(AxisId, AxisId)| function.size(*inside).as_symbol() == Some(symbol);
                axes.iter().find(same).map(|(_, here)| self.builder.function().size(*here))
            });
            let here = if found.ragged {
                self.builder.ragged_axis(found.name.clone(), size)
            } else {
                self.builder.axis(found.name.clone(), size)
            };
            pairs.push((axis, here));
        }
        pairs
    }

    fn values(&self, node: &Node) -> Made<Vec<NodeId>> {
        node.operands.iter().map(|operand| self.new_node(*operand)).collect()
    }

    fn call_rule(
        &mut self,
        node: &Node,
        siblings: &[(NodeId, usize)],
        id: FunctionId,
        axes: &Pairs,
    ) -> Made<()> {
        let function = self.library.function(id)?;
        let adjoint = self.library.adjoint(id)?;
        let axes = &self.completed(&function, axes);
        let mut operands = self.values(node)?;
        for result in float_results(&function) {
            let ty = result_type(&function, result)?;
            operands.push(self.result_cotangent(siblings, result, &ty));
        }
        for (place, index) in float_parameters(&function).into_iter().enumerate() {
            if self.wants(node, index) {
                let ty = outside(&parameter_type(&function, index)?, axes);
                let call = Operation::Call { function: adjoint, axes: axes.clone(), result: place as u32 };
                let share = self.builder.add_typed(call, &operands, ty.clone());
                self.contribute(node, index, share, &ty.axes)?;
            }
        }
        Ok(())
    }

    fn repeat_rule(&mut self, node: &Node, siblings: &[(NodeId, usize)]) -> Made<()> {
        let Operation::Repeat { function, axes, over, carried, stacked, .. } = &node.operation else {
            return Err(NO_RESULT);
        };
        let (count, stacked_count) = (*carried as usize, *stacked as usize);
        let parts = Backward::new(self.library, *function, count, stacked_count)?;
        let backward = backward(self.library, *function, count, stacked_count)?;
        let callee = self.library.function(backward)?;
        let first = siblings.first().map(|(first, _)| *first);
        let stored = first.and_then(|first| self.stored.get(&first)).cloned();
        let (rounds, stores) = stored.ok_or(NO_RESULT)?;
        let back = self.like(*over, "backward")?;
        let mut operands = Vec::new();
        for index in &parts.carried {
            let ty = parameter_type(&parts.function, *index)?;
            operands.push(self.result_cotangent(siblings, *index, &ty));
        }
        for index in parts.shared.iter().chain(&parts.stacked) {
            let ty = parameter_type(&parts.function, *index)?;
            operands.push(self.zero(&ty));
        }
        let (length, one) = (self.length(*over)?, self.number(Element::I64, 1.0)?);
        operands.push(self.plain(ScalarFunction::Subtract, &[length, one])?);
        for store in stores {
            operands.push(self.reversed(store, rounds, back)?);
        }
        let values = self.values(node)?;
        for value in values.iter().skip(count).take(stacked_count) {
            operands.push(self.reversed(*value, *over, back)?);
        }
        operands.extend(values.iter().skip(count + stacked_count));
        let mut pairs = axes.clone();
        pairs.push((AxisId(callee.axes.len() as u32 - 1), *over));
        let fed_back = parts.carried.len() + parts.shared.len() + parts.stacked.len() + 1;
        let repeat = |result: u32| Operation::Repeat {
            function: backward,
            axes: pairs.clone(),
            over: back,
            carried: fed_back as u32,
            stacked: *carried + *stacked,
            result,
        };
        let order = parts.carried.iter().chain(&parts.shared).chain(&parts.stacked);
        for (place, index) in order.enumerate() {
            if self.wants(node, *index) {
                let ty = outside(&result_type(&callee, place)?, &pairs);
                let share = self.builder.add_typed(repeat(place as u32), &operands, ty.clone());
                self.contribute(node, *index, share, &ty.axes)?;
            }
        }
        Ok(())
    }

    fn fold_rule(&mut self, node: &Node, siblings: &[(NodeId, usize)]) -> Made<()> {
        let Operation::Fold { function, axes, carried, .. } = &node.operation else { return Err(NO_RESULT) };
        let parts = Backward::new(self.library, *function, *carried as usize, 0)?;
        let recomputing = recomputing(self.library, *function, *carried as usize)?;
        let values = self.values(node)?;
        let rounds = self.value(node, 0)?;
        let mut operands = vec![rounds];
        for index in &parts.carried {
            let ty = parameter_type(&parts.function, *index)?;
            operands.push(self.result_cotangent(siblings, *index, &ty));
        }
        for index in &parts.shared {
            let ty = parameter_type(&parts.function, *index)?;
            operands.push(self.zero(&ty));
        }
        let one = self.number(Element::I64, 1.0)?;
        operands.push(self.plain(ScalarFunction::Subtract, &[rounds, one])?);
        operands.extend(values.iter().skip(1));
        let fed_back = (parts.carried.len() + parts.shared.len() + 1) as u32;
        for (place, index) in parts.carried.iter().chain(&parts.shared).enumerate() {
            // The count comes before the function's operands.
            if self.wants(node, index + 1) {
                let (function, axes, result) = (recomputing, axes.clone(), place as u32);
                let ty = outside(&parameter_type(&parts.function, *index)?, &axes);
                let fold = Operation::Fold { function, axes, carried: fed_back, result };
                let share = self.builder.add_typed(fold, &operands, ty.clone());
                self.contribute(node, index + 1, share, &ty.axes)?;
            }
        }
        Ok(())
    }
}
