//! Graphs of `f64`, and the comparison with finite differences.

use moe_differentiate::gradient;
use moe_evaluate::{evaluate, Options};
use moe_generate::Random;
use moe_graph::{
    verify, AxisId, Builder, Element, Function, Module, NodeId, Operation, OutputKind, ParameterKind,
    ReduceKind, Scalar, ScalarFunction, Size, Type,
};
use moe_runtime::Tensor;

pub fn float(axes: &[AxisId]) -> Type {
    Type { element: Element::F64, axes: axes.to_vec() }
}

pub struct Graph {
    pub builder: Builder,
    pub inputs: Vec<Tensor>,
    pub random: Random,
}

impl Graph {
    pub fn new(seed: u64) -> Self {
        Graph { builder: Builder::new("main"), inputs: Vec::new(), random: Random::new(seed) }
    }

    pub fn axes<const N: usize>(&mut self, sizes: [i64; N]) -> [AxisId; N] {
        sizes.map(|size| self.builder.axis(format!("A{size}"), size))
    }

    fn shape(&self, axes: &[AxisId]) -> Vec<usize> {
        let size = |axis: &AxisId| self.builder.function().size(*axis).as_constant().unwrap() as usize;
        axes.iter().map(size).collect()
    }

    /// A random number between two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.random.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A parameter of random numbers between two.
    pub fn values(&mut self, axes: &[AxisId], low: f64, high: f64) -> NodeId {
        let shape = self.shape(axes);
        let entries: Vec<f64> = (0..shape.iter().product()).map(|_| self.between(low, high)).collect();
        self.given(axes, &entries)
    }

    pub fn given(&mut self, axes: &[AxisId], entries: &[f64]) -> NodeId {
        self.inputs.push(Tensor::from_f64(self.shape(axes), entries).unwrap());
        self.builder.parameter(format!("x{}", self.inputs.len()), ParameterKind::Input, float(axes))
    }

    pub fn indices(&mut self, axes: &[AxisId], end: usize) -> NodeId {
        let shape = self.shape(axes);
        let entries: Vec<i64> = (0..shape.iter().product()).map(|_| self.random.below(end) as i64).collect();
        self.inputs.push(Tensor::from_i64(shape, &entries).unwrap());
        let ty = Type { element: Element::I64, axes: axes.to_vec() };
        self.builder.parameter(format!("i{}", self.inputs.len()), ParameterKind::Input, ty)
    }

    pub fn add(&mut self, operation: Operation, operands: &[NodeId]) -> NodeId {
        self.builder.add(operation, operands).unwrap()
    }

    pub fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> NodeId {
        self.builder.map(function, operands).unwrap()
    }

    pub fn number(&mut self, value: f64) -> NodeId {
        self.builder.constant(Scalar::f64(value))
    }

    pub fn largest(&mut self, count: i64, axis: AxisId, operand: NodeId) -> NodeId {
        self.add(Operation::LargestMask { count: Size::constant(count), axis }, &[operand])
    }

    /// The module whose output `y` is the sum of a node's entries, each with another weight, squared where `square` so that cotangents vary with
    /// the values.
    pub fn module(mut self, node: NodeId, square: bool) -> (Module, Vec<Tensor>) {
        let node = if square { self.map(ScalarFunction::Multiply, &[node, node]) } else { node };
        let sum = weighted_sum(&mut self.builder, node);
        self.builder.output("y", sum, Vec::new(), OutputKind::Result);
        (Module { functions: vec![self.builder.finish()], entry: 0, offsets: Vec::new() }, self.inputs)
    }

    /// Compares the gradient with finite differences, with and without the square.
    pub fn check(self, node: NodeId) {
        let plain =
            Graph { builder: self.builder.clone(), inputs: self.inputs.clone(), random: self.random.clone() };
        let (module, inputs) = plain.module(node, false);
        compare(&module, &inputs, 1e-6).unwrap();
        let (module, inputs) = self.module(node, true);
        compare(&module, &inputs, 1e-6).unwrap();
    }
}

/// The sum of all entries, each times the cosine of a number made of its coordinates.
pub fn weighted_sum(b: &mut Builder, node: NodeId) -> NodeId {
    let axes = b.ty(node).axes;
    let mut phase = b.constant(Scalar::f64(0.3));
    for (place, axis) in axes.iter().enumerate() {
        let coordinate = b.add(Operation::Coordinate(*axis), &[]).unwrap();
        let coordinate = b.add(Operation::Cast(Element::F64), &[coordinate]).unwrap();
        let factor = b.constant(Scalar::f64(1.1 + 0.7 * place as f64));
        let term = b.map(ScalarFunction::Multiply, &[coordinate, factor]).unwrap();
        phase = b.map(ScalarFunction::Add, &[phase, term]).unwrap();
    }
    let weight = b.map(ScalarFunction::Cosine, &[phase]).unwrap();
    let product = b.map(ScalarFunction::Multiply, &[node, weight]).unwrap();
    b.reduce(ReduceKind::Sum, &axes, product).unwrap()
}

/// The names of a module's float parameters.
pub fn float_parameters(module: &Module) -> Vec<String> {
    let parameters = module.entry().unwrap().parameters.iter();
    parameters
        .filter(|parameter| parameter.ty.element.is_float())
        .map(|parameter| parameter.name.clone())
        .collect()
}

/// The value of the output `y` and the smallest margin behind it.
pub fn value(module: &Module, inputs: &[Tensor]) -> (f64, f64) {
    let found = evaluate(module, inputs, &Options::default()).unwrap();
    let place = module.entry().unwrap().outputs.iter().position(|output| output.name == "y").unwrap();
    (found.outputs[place].to_f64()[0], found.smallest_margin(place))
}

/// Compares the gradient of `y` by all float parameters with central differences.
pub fn compare(module: &Module, inputs: &[Tensor], tolerance: f64) -> Result<(), String> {
    verify(module).map_err(|errors| format!("{errors:?}"))?;
    let names = float_parameters(module);
    let derived = gradient(module, "y", &names).map_err(|error| error.to_string())?;
    verify(&derived).map_err(|errors| format!("{errors:?}\n{}", moe_graph::print_module(&derived)))?;
    moe_generate::check_facts(&derived, inputs)?;
    let found = evaluate(&derived, inputs, &Options::default()).map_err(|error| error.to_string())?;
    // Sums over several axes may go in another order.
    let (again, first) = (found.outputs[0].to_f64()[0], value(module, inputs).0);
    assert!((again - first).abs() <= 1e-9 * (1.0 + first.abs()), "{again} is not {first}");
    let mut outputs = found.outputs.iter().skip(1);
    for (index, parameter) in module.entry().unwrap().parameters.iter().enumerate() {
        if !parameter.ty.element.is_float() {
            continue;
        }
        let gradient = outputs.next().unwrap().to_f64();
        let step = gradient.len().div_ceil(8).max(1);
        for entry in (0..gradient.len()).step_by(step) {
            let expected = difference(module, inputs, index, entry);
            let error = (gradient[entry] - expected).abs();
            if error.is_nan() || error > tolerance * (1.0 + expected.abs()) {
                let text = moe_graph::print_module(module);
                return Err(format!(
                    "{} [{entry}]: {} is not {expected}\n{text}",
                    parameter.name, gradient[entry]
                ));
            }
        }
    }
    Ok(())
}

fn difference(module: &Module, inputs: &[Tensor], index: usize, entry: usize) -> f64 {
    let step = 1e-5;
    let at = |distance: f64| {
        let mut moved = inputs.to_vec();
        let place = entry * 8..entry * 8 + 8;
        let bytes = &mut moved[index].bytes_mut()[place];
        let value = f64::from_le_bytes(bytes.try_into().unwrap()) + distance;
        bytes.copy_from_slice(&value.to_le_bytes());
        value_of(module, &moved)
    };
    // Fourth order: the error is of the order of the step's fourth power.
    (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step)
}

fn value_of(module: &Module, inputs: &[Tensor]) -> f64 {
    value(module, inputs).0
}

/// A module that calls another's entry and has as `y` the weighted sum of one of its results.
pub fn summed(module: &Module, result: usize) -> Module {
    let inner: &Function = module.entry().unwrap();
    let mut b = Builder::new("outer");
    for axis in &inner.axes {
        b.axis(axis.name.clone(), axis.size.clone());
    }
    let parameters: Vec<NodeId> = inner
        .parameters
        .iter()
        .map(|parameter| b.parameter(parameter.name.clone(), parameter.kind, parameter.ty.clone()))
        .collect();
    let output = &inner.outputs[result];
    let mut axes: Vec<AxisId> =
        inner.parameters.iter().flat_map(|parameter| parameter.ty.axes.clone()).collect();
    axes.extend(&output.axes);
    axes.sort();
    axes.dedup();
    let call = Operation::Call {
        function: moe_graph::FunctionId(module.entry),
        axes: axes.into_iter().map(|axis| (axis, axis)).collect(),
        result: result as u32,
    };
    let node = b.add_typed(call, &parameters, float(&output.axes));
    let sum = weighted_sum(&mut b, node);
    b.output("y", sum, Vec::new(), OutputKind::Result);
    let mut functions = module.functions.clone();
    functions.push(b.finish());
    let entry = functions.len() as u32 - 1;
    Module { functions, entry, offsets: Vec::new() }
}
