//! Short ways to build and run graphs.

use moe_evaluate::{evaluate, EvaluateError, Evaluation, Options};
use moe_graph::{
    Absorb, AxisId, Builder, Element, Module, NodeId, Operation, OutputKind, ParameterKind, ReduceKind,
    Scalar, ScalarFunction, Type,
};
use moe_runtime::Tensor;

pub struct Graph {
    pub builder: Builder,
    pub inputs: Vec<Tensor>,
}

impl Graph {
    pub fn new() -> Self {
        Graph { builder: Builder::new("main"), inputs: Vec::new() }
    }

    pub fn axis(&mut self, name: &str, size: i64) -> AxisId {
        self.builder.axis(name, size)
    }

    fn shape(&self, axes: &[AxisId]) -> Vec<usize> {
        let size = |axis: &AxisId| self.builder.function().size(*axis).as_constant().unwrap() as usize;
        axes.iter().map(size).collect()
    }

    fn input(&mut self, axes: &[AxisId], tensor: Tensor) -> NodeId {
        let ty = Type { element: tensor.element(), axes: axes.to_vec() };
        self.inputs.push(tensor);
        self.builder.parameter(format!("x{}", self.inputs.len()), ParameterKind::Input, ty)
    }

    pub fn f32(&mut self, axes: &[AxisId], entries: &[f32]) -> NodeId {
        let tensor = Tensor::from_f32(self.shape(axes), entries).unwrap();
        self.input(axes, tensor)
    }

    pub fn i64(&mut self, axes: &[AxisId], entries: &[i64]) -> NodeId {
        let tensor = Tensor::from_i64(self.shape(axes), entries).unwrap();
        self.input(axes, tensor)
    }

    pub fn bytes(&mut self, element: Element, axes: &[AxisId], entries: &[u8]) -> NodeId {
        let tensor = Tensor::new(element, self.shape(axes), entries.to_vec()).unwrap();
        self.input(axes, tensor)
    }

    pub fn add(&mut self, operation: Operation, operands: &[NodeId]) -> NodeId {
        self.builder.add(operation, operands).unwrap()
    }

    pub fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> NodeId {
        self.builder.map(function, operands).unwrap()
    }

    pub fn absorbing(&mut self, function: ScalarFunction, absorb: Absorb, operands: &[NodeId]) -> NodeId {
        self.add(Operation::Map { function, absorb }, operands)
    }

    pub fn reduce(&mut self, kind: ReduceKind, axes: &[AxisId], operand: NodeId) -> NodeId {
        self.builder.reduce(kind, axes, operand).unwrap()
    }

    pub fn number(&mut self, value: f32) -> NodeId {
        self.builder.constant(Scalar::f32(value))
    }

    /// Evaluates with one output, all axes as the node's type says.
    pub fn run(self, node: NodeId) -> Vec<f64> {
        self.evaluate(&[node]).unwrap().outputs[0].to_f64()
    }

    pub fn error(self, node: NodeId) -> EvaluateError {
        self.evaluate(&[node]).unwrap_err()
    }

    pub fn evaluate(self, nodes: &[NodeId]) -> Result<Evaluation, EvaluateError> {
        let inputs = self.inputs.clone();
        evaluate(&self.module(nodes), &inputs, &Options::default())
    }

    pub fn module(mut self, nodes: &[NodeId]) -> Module {
        for node in nodes {
            let axes = self.builder.ty(*node).axes;
            self.builder.output(format!("y{}", node.0), *node, axes, OutputKind::Result);
        }
        Module { functions: vec![self.builder.finish()], entry: 0, offsets: Vec::new() }
    }
}
