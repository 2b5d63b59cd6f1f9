//! The walk backwards over a function, and what its rules are built with.

use crate::error::DifferentiateError;
use crate::library::Library;
use moe_graph::{
    Absorb, AxisId, Builder, Element, Function, Node, NodeId, Operation, Output, OutputKind, ReduceKind,
    Scalar, ScalarFunction, Type,
};
use std::collections::BTreeMap;

type Made<T> = Result<T, DifferentiateError>;

/// A function being built that holds all of another's nodes, and then the cotangents.
pub(crate) struct Adjoint<'a> {
    pub library: &'a mut Library,
    pub old: Function,
    pub builder: Builder,
    /// The new node for each old one.
    nodes: Vec<NodeId>,
    /// Whether an old node depends on a wanted parameter through floats.
    needs: Vec<bool>,
    /// By old node.
    cotangents: BTreeMap<NodeId, NodeId>,
    /// For repetitions, by first node of those that share one: the values each round began with, along an axis of rounds.
    pub stored: BTreeMap<NodeId, (AxisId, Vec<NodeId>)>,
}

impl<'a> Adjoint<'a> {
    /// A copy of a function, axes by the same ids, ready to be seeded with cotangents.
    pub fn new(library: &'a mut Library, old: &Function, wanted: &[bool]) -> Made<Self> {
        let mut builder = Builder::new(old.name.clone());
        for axis in &old.axes {
            if axis.ragged {
                builder.ragged_axis(axis.name.clone(), axis.size.clone());
            } else {
                builder.axis(axis.name.clone(), axis.size.clone());
            }
        }
        let parameters: Vec<NodeId> = old
            .parameters
            .iter()
            .map(|parameter| builder.parameter(parameter.name.clone(), parameter.kind, parameter.ty.clone()))
            .collect();
        let (needs, cotangents, stored) = (needed(old, wanted), BTreeMap::new(), BTreeMap::new());
        let old = old.clone();
        let mut adjoint = Adjoint { library, old, builder, nodes: Vec::new(), needs, cotangents, stored };
        for id in adjoint.old.node_ids() {
            let new = adjoint.copy(id, &parameters)?;
            adjoint.nodes.push(new);
        }
        Ok(adjoint)
    }

    fn copy(&mut self, id: NodeId, parameters: &[NodeId]) -> Made<NodeId> {
        let node = self.old_node(id)?;
        let operands = node.operands.iter().map(|operand| self.new_node(*operand));
        let operands = operands.collect::<Made<Vec<_>>>()?;
        self.builder.set_span(node.span);
        Ok(match &node.operation {
            Operation::Parameter(index) => {
                let found = parameters.get(*index as usize).copied();
                found.ok_or(DifferentiateError::Malformed("no such parameter"))?
            }
            Operation::Table(index) => {
                let table = self.old.tables.get(*index as usize).cloned();
                self.builder.table(node.ty, table.ok_or(DifferentiateError::Malformed("no such table"))?)
            }
            Operation::Repeat { .. } if self.needs_gradient(id) => self.copy_repeat(id, &node, &operands)?,
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => {
                self.builder.add_typed(node.operation, &operands, node.ty)
            }
            operation => self.builder.add(operation.clone(), &operands)?,
        })
    }

    /// Adds to the cotangent of an old node.
    pub fn seed(&mut self, node: NodeId, cotangent: NodeId) -> Made<()> {
        let sum = match self.cotangents.get(&node) {
            Some(other) => self.plain(ScalarFunction::Add, &[*other, cotangent])?,
            None => cotangent,
        };
        self.cotangents.insert(node, sum);
        Ok(())
    }

    /// Adds to the cotangent of a result, summed over axes along which the result is given out but does not vary.
    pub fn seed_result(&mut self, index: usize, cotangent: NodeId) -> Made<()> {
        let output = self.old.outputs.get(index).cloned();
        let output = output.ok_or(DifferentiateError::Malformed("no such result"))?;
        let own = self.old_node(output.node)?.ty.axes;
        let ended: Vec<AxisId> = output.axes.into_iter().filter(|axis| !own.contains(axis)).collect();
        let sum = self.summed(cotangent, &ended)?;
        self.seed(output.node, sum)
    }

    fn summed(&mut self, node: NodeId, axes: &[AxisId]) -> Made<NodeId> {
        if axes.is_empty() {
            return Ok(node);
        }
        Ok(self.builder.reduce(ReduceKind::Sum, axes, node)?)
    }

    /// Hands all cotangents on, from the last node to the first.
    pub fn run(&mut self) -> Made<()> {
        for id in self.old.node_ids().rev() {
            if self.needs_gradient(id) {
                let node = self.old_node(id)?;
                self.builder.set_span(node.span);
                self.hand_on(id, &node)?;
            }
        }
        Ok(())
    }

    /// The original output.
    pub fn output(&mut self, output: &Output) -> Made<()> {
        let node = self.new_node(output.node)?;
        self.builder.output(output.name.clone(), node, output.axes.clone(), output.kind);
        Ok(())
    }

    /// The cotangent of a parameter as an output.
    pub fn gradient_output(&mut self, index: usize, name: &str) -> Made<()> {
        let parameter = self.old.parameters.get(index).cloned();
        let ty = parameter.ok_or(DifferentiateError::Malformed("no such parameter"))?.ty;
        let mut sum = None;
        for id in self.old.node_ids() {
            let own = self.old_node(id)?.operation == Operation::Parameter(index as u32);
            let Some(cotangent) = self.cotangents.get(&id).filter(|_| own).copied() else { continue };
            sum = Some(match sum {
                None => cotangent,
                Some(other) => self.plain(ScalarFunction::Add, &[other, cotangent])?,
            });
        }
        let node = match sum {
            Some(node) => node,
            None => self.number(ty.element, 0.0)?,
        };
        self.builder.output(name, node, ty.axes, OutputKind::Result);
        Ok(())
    }

    pub fn cotangent(&self, id: NodeId) -> Option<NodeId> {
        self.cotangents.get(&id).copied()
    }

    pub fn needs_gradient(&self, id: NodeId) -> bool {
        self.needs.get(id.0 as usize).copied().unwrap_or(false)
    }

    pub fn old_node(&self, id: NodeId) -> Made<Node> {
        self.old.node(id).cloned().ok_or(DifferentiateError::Malformed("an operand that is not there"))
    }

    pub fn new_node(&self, id: NodeId) -> Made<NodeId> {
        let new = self.nodes.get(id.0 as usize).copied();
        new.ok_or(DifferentiateError::Malformed("an operand after its user"))
    }

    /// An operand of an old node.
    pub fn operand(&self, node: &Node, index: usize) -> Made<NodeId> {
        node.operands.get(index).copied().ok_or(DifferentiateError::Malformed("a missing operand"))
    }

    /// The new node of an operand of an old node.
    pub fn value(&self, node: &Node, index: usize) -> Made<NodeId> {
        self.new_node(self.operand(node, index)?)
    }

    pub fn axes(&self, node: NodeId) -> Vec<AxisId> {
        self.builder.ty(node).axes
    }

    pub fn element(&self, node: NodeId) -> Element {
        self.builder.ty(node).element
    }

    /// Whether an operand of an old node wants its cotangent.
    pub fn wants(&self, node: &Node, index: usize) -> bool {
        node.operands.get(index).is_some_and(|operand| self.needs_gradient(*operand))
    }

    /// Adds `contribution` to the cotangent of an operand, summed over those of the axes `along` that the operand lacks: once for
    /// each entry along them, whether the contribution varies there or not.
    pub fn contribute(
        &mut self,
        node: &Node,
        index: usize,
        contribution: NodeId,
        along: &[AxisId],
    ) -> Made<()> {
        let operand = self.operand(node, index)?;
        if !self.needs_gradient(operand) {
            return Ok(());
        }
        let own = self.old_node(operand)?.ty.axes;
        let ended: Vec<AxisId> = along.iter().copied().filter(|axis| !own.contains(axis)).collect();
        let sum = self.summed(contribution, &ended)?;
        self.seed(operand, sum)
    }

    pub fn add(&mut self, operation: Operation, operands: &[NodeId]) -> Made<NodeId> {
        Ok(self.builder.add(operation, operands)?)
    }

    /// A scalar function that absorbs as the table of supports says.
    pub fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> Made<NodeId> {
        Ok(self.builder.map(function, operands)?)
    }

    /// A scalar function that does not absorb.
    pub fn plain(&mut self, function: ScalarFunction, operands: &[NodeId]) -> Made<NodeId> {
        self.add(Operation::Map { function, absorb: Absorb::Neither }, operands)
    }

    /// A scalar function that absorbs as the table says, and by the left or right operand where asked.
    pub fn absorbing(
        &mut self,
        function: ScalarFunction,
        [left, right]: [bool; 2],
        operands: [NodeId; 2],
    ) -> Made<NodeId> {
        let facts = operands.map(|operand| self.builder.fact(operand));
        let [own_left, own_right] = sides(moe_graph::absorb(function, facts[0], facts[1]));
        let absorb = match (left || own_left, right || own_right) {
            (true, true) => Absorb::Both,
            (true, false) => Absorb::Left,
            (false, true) => Absorb::Right,
            (false, false) => Absorb::Neither,
        };
        self.add(Operation::Map { function, absorb }, &operands)
    }

    pub fn number(&mut self, element: Element, value: f64) -> Made<NodeId> {
        let value = Scalar::of(element, value);
        Ok(self.builder.constant(value.ok_or(DifferentiateError::Malformed("no such number"))?))
    }

    /// A node times a number.
    pub fn scaled(&mut self, node: NodeId, factor: f64) -> Made<NodeId> {
        let factor = self.number(self.element(node), factor)?;
        self.map(ScalarFunction::Multiply, &[node, factor])
    }

    pub fn negated(&mut self, node: NodeId) -> Made<NodeId> {
        self.map(ScalarFunction::Negate, &[node])
    }

    /// `node` where the mask is true, 0 elsewhere.
    pub fn where_true(&mut self, mask: NodeId, node: NodeId) -> Made<NodeId> {
        let zero = self.number(self.element(node), 0.0)?;
        self.map(ScalarFunction::Select, &[mask, node, zero])
    }

    /// `node` where the mask is false, 0 elsewhere.
    pub fn where_false(&mut self, mask: NodeId, node: NodeId) -> Made<NodeId> {
        let zero = self.number(self.element(node), 0.0)?;
        self.map(ScalarFunction::Select, &[mask, zero, node])
    }

    /// A node with the axes given, repeated along those it lacks.
    pub fn broadcast(&mut self, node: NodeId, axes: &[AxisId]) -> Made<NodeId> {
        let mut wide = node;
        for axis in axes {
            if !self.axes(wide).contains(axis) {
                let place = self.add(Operation::Coordinate(*axis), &[])?;
                let zero = self.number(Element::I64, 0.0)?;
                let always = self.plain(ScalarFunction::GreaterEqual, &[place, zero])?;
                wide = self.plain(ScalarFunction::Select, &[always, wide, wide])?;
            }
        }
        Ok(wide)
    }

    /// A new axis of the same size as another.
    pub fn like(&mut self, axis: AxisId, name: &str) -> Made<AxisId> {
        let found = self.builder.function().axis(axis).cloned();
        let found = found.ok_or(DifferentiateError::Malformed("no such axis"))?;
        let name = format!("{}.{name}", found.name);
        Ok(if found.ragged {
            self.builder.ragged_axis(name, found.size)
        } else {
            self.builder.axis(name, found.size)
        })
    }

    /// How long an axis is, ragged or not, as an `i64`: one, summed along it.
    pub fn length(&mut self, axis: AxisId) -> Made<NodeId> {
        let one = self.number(Element::I64, 1.0)?;
        Ok(self.builder.reduce(ReduceKind::Sum, &[axis], one)?)
    }

    /// The node with its entries along `from` in the other order, along `to`, an axis of the same size.
    pub fn reversed(&mut self, node: NodeId, from: AxisId, to: AxisId) -> Made<NodeId> {
        let node = self.broadcast(node, &[from])?;
        let place = self.add(Operation::Coordinate(from), &[])?;
        let place = self.add(Operation::Rename { from, to }, &[place])?;
        let (length, one) = (self.length(from)?, self.number(Element::I64, 1.0)?);
        let last = self.plain(ScalarFunction::Subtract, &[length, one])?;
        let index = self.plain(ScalarFunction::Subtract, &[last, place])?;
        self.add(Operation::Gather { axis: from }, &[node, index])
    }

    /// Zero of a type, without its axes.
    pub fn zero(&mut self, ty: &Type) -> NodeId {
        self.builder.constant(Scalar::zero(ty.element))
    }
}

/// Which operands absorb.
pub(crate) fn sides(absorb: Absorb) -> [bool; 2] {
    [matches!(absorb, Absorb::Left | Absorb::Both), matches!(absorb, Absorb::Right | Absorb::Both)]
}

/// Which nodes depend on wanted parameters through floats.
fn needed(function: &Function, wanted: &[bool]) -> Vec<bool> {
    let mut needs: Vec<bool> = Vec::new();
    for node in &function.nodes {
        let behind = node.operands.iter().any(|operand| needs.get(operand.0 as usize) == Some(&true));
        let own = match node.operation {
            Operation::Parameter(index) => wanted.get(index as usize).copied().unwrap_or(false),
            _ => behind,
        };
        needs.push(own && node.ty.element.is_float());
    }
    needs
}
