//! Models written shortly: axes by name, sizes by the test.

use moe_graph::{
    AxisId, Builder, Element, Module, NodeId, Operation, OutputKind, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use std::collections::BTreeMap;

/// Sizes of axes; `N` is free, and this is how many rows a run has.
pub type Shape = BTreeMap<&'static str, i64>;

pub fn shape(sizes: &[(&'static str, i64)]) -> Shape {
    sizes.iter().copied().collect()
}

/// A function in the making.
pub struct Model {
    pub builder: Builder,
    pub shape: Shape,
    axes: BTreeMap<String, AxisId>,
    outputs: u32,
}

impl Model {
    pub fn new(shape: &Shape) -> Self {
        Model { builder: Builder::new("model"), shape: shape.clone(), axes: BTreeMap::new(), outputs: 0 }
    }

    pub fn module(self) -> Module {
        Module { functions: vec![self.builder.finish()], entry: 0, offsets: Vec::new() }
    }

    pub fn size(&self, name: &str) -> Size {
        match name {
            "N" => Size::symbol("N"),
            _ => Size::constant(self.shape.get(name).copied().unwrap_or(2)),
        }
    }

    pub fn axis(&mut self, name: &str) -> AxisId {
        if let Some(axis) = self.axes.get(name) {
            return *axis;
        }
        let axis = self.builder.axis(name, self.size(name));
        self.axes.insert(name.to_owned(), axis);
        axis
    }

    /// A second axis with the size of another.
    pub fn axis_like(&mut self, name: &str, like: &str) -> AxisId {
        let axis = self.builder.axis(name, self.size(like));
        self.axes.insert(name.to_owned(), axis);
        axis
    }

    pub fn typed(&mut self, name: &str, element: Element, axes: &[&str]) -> NodeId {
        let axes = axes.iter().map(|axis| self.axis(axis)).collect();
        self.builder.parameter(name, ParameterKind::Input, Type { element, axes })
    }

    pub fn input(&mut self, name: &str, axes: &[&str]) -> NodeId {
        self.typed(name, Element::F32, axes)
    }

    /// What is read from a file, once.
    pub fn weight(&mut self, name: &str, axes: &[&str]) -> NodeId {
        self.typed_weight(name, Element::F32, axes)
    }

    pub fn typed_weight(&mut self, name: &str, element: Element, axes: &[&str]) -> NodeId {
        let axes = axes.iter().map(|axis| self.axis(axis)).collect();
        self.builder.parameter(name, ParameterKind::Weight, Type { element, axes })
    }

    pub fn number(&mut self, value: f32) -> NodeId {
        self.builder.constant(Scalar::f32(value))
    }

    pub fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> NodeId {
        self.builder.map(function, operands).unwrap()
    }

    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.map(ScalarFunction::Add, &[a, b])
    }

    pub fn multiply(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.map(ScalarFunction::Multiply, &[a, b])
    }

    pub fn reduce(&mut self, kind: ReduceKind, axes: &[&str], x: NodeId) -> NodeId {
        let axes: Vec<AxisId> = axes.iter().map(|axis| self.axis(axis)).collect();
        self.builder.reduce(kind, &axes, x).unwrap()
    }

    pub fn sum(&mut self, axis: &str, x: NodeId) -> NodeId {
        self.reduce(ReduceKind::Sum, &[axis], x)
    }

    pub fn operation(&mut self, operation: Operation, operands: &[NodeId]) -> NodeId {
        self.builder.add(operation, operands).unwrap()
    }

    /// `x @ w`, summed over an axis.
    pub fn contract(&mut self, x: NodeId, w: NodeId, over: &str) -> NodeId {
        let product = self.multiply(x, w);
        self.sum(over, product)
    }

    pub fn relu(&mut self, x: NodeId) -> NodeId {
        let zero = self.number(0.0);
        self.map(ScalarFunction::Maximum, &[x, zero])
    }

    pub fn silu(&mut self, x: NodeId) -> NodeId {
        let negative = self.map(ScalarFunction::Negate, &[x]);
        let exponential = self.map(ScalarFunction::Exponential, &[negative]);
        let one = self.number(1.0);
        let denominator = self.add(one, exponential);
        self.map(ScalarFunction::Divide, &[x, denominator])
    }

    pub fn mask(&mut self, scores: NodeId, count: &str, over: &str) -> NodeId {
        let operation = Operation::LargestMask { count: self.size(count), axis: self.axis(over) };
        self.operation(operation, &[scores])
    }

    pub fn keep_largest(&mut self, scores: NodeId, count: &str, over: &str, otherwise: f32) -> NodeId {
        let mask = self.mask(scores, count, over);
        let otherwise = self.number(otherwise);
        self.map(ScalarFunction::Select, &[mask, scores, otherwise])
    }

    pub fn softmax(&mut self, x: NodeId, over: &str) -> NodeId {
        let largest = self.reduce(ReduceKind::Maximum, &[over], x);
        let difference = self.map(ScalarFunction::Subtract, &[x, largest]);
        let shifted = self.map(ScalarFunction::Exponential, &[difference]);
        let sum = self.sum(over, shifted);
        self.map(ScalarFunction::Divide, &[shifted, sum])
    }

    /// Softmax over the `count` largest scores of `x @ weight`, 0 elsewhere.
    pub fn top_k(&mut self, x: NodeId, weight: NodeId, over: &str, count: &str) -> NodeId {
        let scores = self.contract(x, weight, "D");
        let kept = self.keep_largest(scores, count, over, f32::NEG_INFINITY);
        self.softmax(kept, over)
    }

    /// Experts with two layers and biases, their weights stacked along `experts`.
    pub fn mlp(&mut self, name: &str, x: NodeId, experts: &[&str]) -> NodeId {
        let axes = |own: &[&'static str]| -> Vec<String> {
            experts.iter().chain(own).map(|axis| (*axis).to_owned()).collect()
        };
        let weight = |model: &mut Self, part: &str, own: &[&'static str]| {
            let axes = axes(own);
            let axes: Vec<&str> = axes.iter().map(String::as_str).collect();
            model.input(&format!("{name}.{part}"), &axes)
        };
        let up = weight(self, "up.weight", &["D", "H"]);
        let up_bias = weight(self, "up.bias", &["H"]);
        let down = weight(self, "down.weight", &["H", "Out"]);
        let down_bias = weight(self, "down.bias", &["Out"]);
        let hidden = self.contract(x, up, "D");
        let hidden = self.add(hidden, up_bias);
        let hidden = self.relu(hidden);
        let result = self.contract(hidden, down, "H");
        let result = self.add(result, down_bias);
        self.rows_of(result)
    }

    /// An expert's result in the axis of its input.
    pub fn rows_of(&mut self, result: NodeId) -> NodeId {
        let rename = Operation::Rename { from: self.axis("Out"), to: self.axis("D") };
        self.operation(rename, &[result])
    }

    pub fn output(&mut self, node: NodeId) {
        let name = format!("y{}", self.outputs);
        self.outputs += 1;
        let axes = self.builder.ty(node).axes;
        self.builder.output(name, node, axes, OutputKind::Result);
    }
}
