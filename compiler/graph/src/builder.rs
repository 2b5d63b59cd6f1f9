//! Building a function: equal nodes are shared, types and facts are worked out as nodes are added.

use crate::fact_rules::{self, Known};
use crate::function::{
    Axis, AxisId, Function, Node, NodeId, Output, OutputKind, Parameter, ParameterKind, Type,
};
use crate::infer::{infer, TypeError};
use crate::operation::{Absorb, Operation, ReduceKind, ScalarFunction};
use crate::support::Fact;
use crate::{Element, Scalar, Size};
use moe_grammar::Span;
use std::collections::HashMap;

/// Builds one function.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    function: Function,
    shared: HashMap<(Operation, Vec<NodeId>), NodeId>,
    span: Option<Span>,
}

impl Builder {
    /// A function without nodes.
    pub fn new(name: impl Into<String>) -> Self {
        Builder { function: Function { name: name.into(), ..Function::default() }, ..Builder::default() }
    }

    /// What has been built so far.
    pub fn function(&self) -> &Function {
        &self.function
    }

    /// The function.
    pub fn finish(self) -> Function {
        self.function
    }

    /// The source that nodes come from until it is set again.
    pub fn set_span(&mut self, span: Option<Span>) {
        self.span = span;
    }

    /// A new axis.
    pub fn axis(&mut self, name: impl Into<String>, size: impl Into<Size>) -> AxisId {
        self.push_axis(Axis { name: name.into(), size: size.into(), ragged: false })
    }

    /// A new axis whose number of entries is only found while running, and is at most `bound`.
    pub fn ragged_axis(&mut self, name: impl Into<String>, bound: Size) -> AxisId {
        self.push_axis(Axis { name: name.into(), size: bound, ragged: true })
    }

    fn push_axis(&mut self, axis: Axis) -> AxisId {
        self.function.axes.push(axis);
        AxisId(self.function.axes.len() as u32 - 1)
    }

    /// A new parameter.
    pub fn parameter(&mut self, name: impl Into<String>, kind: ParameterKind, ty: Type) -> NodeId {
        let index = self.function.parameters.len() as u32;
        self.function.parameters.push(Parameter { name: name.into(), kind, ty: ty.clone() });
        self.push(Operation::Parameter(index), Vec::new(), ty)
    }

    /// A table of numbers along axes, row-major. The numbers are of type `ty.element`, as many as the axes' sizes say.
    pub fn table(&mut self, ty: Type, values: Vec<Scalar>) -> NodeId {
        let same = |id: &NodeId| {
            self.function.node(*id).is_some_and(|node| {
                matches!(node.operation, Operation::Table(table)
                    if node.ty == ty && self.function.tables.get(table as usize) == Some(&values))
            })
        };
        if let Some(id) = self.function.node_ids().find(same) {
            return id;
        }
        let index = self.function.tables.len() as u32;
        self.function.tables.push(values);
        self.push(Operation::Table(index), Vec::new(), ty)
    }

    /// A node, or an equal one that is already there.
    ///
    /// # Errors
    /// If the operation does not take these operands.
    pub fn add(&mut self, operation: Operation, operands: &[NodeId]) -> Result<NodeId, TypeError> {
        if let Some(id) = self.shared.get(&(operation.clone(), operands.to_vec())) {
            return Ok(*id);
        }
        let missing = |what| TypeError::Missing { operation: operation.name().to_owned(), what };
        let types: Option<Vec<&Type>> =
            operands.iter().map(|id| Some(&self.function.node(*id)?.ty)).collect();
        let ty = infer(&self.function, &operation, &types.ok_or_else(|| missing("operand"))?)?;
        let ty = ty.ok_or_else(|| missing("type: use `add_typed`"))?;
        Ok(self.push(operation, operands.to_vec(), ty))
    }

    /// A node whose type does not follow from its operands: a call, a repetition or a fold.
    pub fn add_typed(&mut self, operation: Operation, operands: &[NodeId], ty: Type) -> NodeId {
        match self.shared.get(&(operation.clone(), operands.to_vec())) {
            Some(id) => *id,
            None => self.push(operation, operands.to_vec(), ty),
        }
    }

    fn push(&mut self, operation: Operation, operands: Vec<NodeId>, ty: Type) -> NodeId {
        let id = NodeId(self.function.nodes.len() as u32);
        let fact = fact_of(&self.function, &operation, &operands, &ty, id);
        self.shared.insert((operation.clone(), operands.clone()), id);
        self.function.nodes.push(Node { operation, operands, ty, fact, span: self.span });
        id
    }

    /// The type of a node; a scalar `f32` for one that is not there.
    pub fn ty(&self, id: NodeId) -> Type {
        self.function.node(id).map_or_else(|| Type::scalar(Element::F32), |node| node.ty.clone())
    }

    /// The fact about a node.
    pub fn fact(&self, id: NodeId) -> Option<&Fact> {
        self.function.node(id)?.fact.as_ref()
    }

    /// A number.
    pub fn constant(&mut self, value: Scalar) -> NodeId {
        let operation = Operation::Constant(value);
        match self.shared.get(&(operation.clone(), Vec::new())) {
            Some(id) => *id,
            None => self.push(operation, Vec::new(), Type::scalar(value.element())),
        }
    }

    /// A scalar function of operands, with absorption as the table of supports says.
    ///
    /// # Errors
    /// If the function does not take these operands.
    pub fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> Result<NodeId, TypeError> {
        let absorb = match operands {
            [left, right] => fact_rules::absorb(function, self.fact(*left), self.fact(*right)),
            _ => Absorb::Neither,
        };
        self.add(Operation::Map { function, absorb }, operands)
    }

    /// The entries along axes brought together.
    ///
    /// # Errors
    /// If the kind does not take the operand's element type.
    pub fn reduce(
        &mut self,
        kind: ReduceKind,
        axes: &[AxisId],
        operand: NodeId,
    ) -> Result<NodeId, TypeError> {
        let mut axes = axes.to_vec();
        axes.sort();
        axes.dedup();
        self.add(Operation::Reduce { kind, axes }, &[operand])
    }

    /// An output of the function.
    pub fn output(&mut self, name: impl Into<String>, node: NodeId, axes: Vec<AxisId>, kind: OutputKind) {
        self.function.outputs.push(Output { name: name.into(), node, axes, kind });
    }
}

/// What the support rules say of a node that is about to be added to a function.
pub(crate) fn fact_of(
    function: &Function,
    operation: &Operation,
    operands: &[NodeId],
    ty: &Type,
    id: NodeId,
) -> Option<Fact> {
    if let Operation::Table(index) = operation {
        let values = function.tables.get(*index as usize)?;
        if let Some(fact) = fact_rules::table(values, ty, id.0, &|axis| function.size(axis)) {
            return Some(fact);
        }
    }
    let known: Option<Vec<Known>> = operands
        .iter()
        .map(|operand| {
            let node = function.node(*operand)?;
            let (operation, ty, fact) = (Some(&node.operation), &node.ty, node.fact.as_ref());
            Some(Known { key: operand.0, operation, ty, fact })
        })
        .collect();
    fact_rules::fact(operation, &known?, ty, id.0, &|axis| function.size(axis))
}
