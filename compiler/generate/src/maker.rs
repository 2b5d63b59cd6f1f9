//! A graph in the making: its values, how large they can be, and its inputs.

pub(crate) use crate::bits::{Bits, INPUT};
use crate::random::Random;
use crate::Options;
use half::{bf16, f16};
use moe_graph::{
    AxisId, Builder, Element, NodeId, Operation, OutputKind, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use moe_runtime::Tensor;
use std::collections::BTreeMap;

/// The most entries a value has.
const MOST_ENTRIES: usize = 4096;

/// A value of the graph.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub node: NodeId,
    pub bits: Bits,
}

/// A graph in the making.
pub(crate) struct Maker {
    pub builder: Builder,
    pub random: Random,
    pub options: Options,
    /// The float type of this graph.
    pub float: Element,
    pub values: Vec<Known>,
    pub lengths: BTreeMap<AxisId, usize>,
    pub inputs: Vec<Tensor>,
    names: usize,
}

impl Maker {
    pub fn new(seed: u64, options: &Options) -> Self {
        let mut random = Random::new(seed);
        let float = random.pick(&options.floats).unwrap_or(Element::F32);
        Maker {
            builder: Builder::new("main"),
            random,
            options: options.clone(),
            float,
            values: Vec::new(),
            lengths: BTreeMap::new(),
            inputs: Vec::new(),
            names: 0,
        }
    }

    pub fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    /// A new axis of a fixed size.
    pub fn axis(&mut self, stem: &str, length: usize) -> AxisId {
        let name = self.name(stem);
        self.sized_axis(name, Size::constant(length as i64), length)
    }

    pub fn sized_axis(&mut self, name: String, size: Size, length: usize) -> AxisId {
        let axis = self.builder.axis(name, size);
        self.lengths.insert(axis, length);
        axis
    }

    pub fn ragged_axis(&mut self, stem: &str, bound: Size, length: usize) -> AxisId {
        let name = self.name(stem);
        let axis = self.builder.ragged_axis(name, bound);
        self.lengths.insert(axis, length);
        axis
    }

    /// A length worth testing: small, odd, one or none.
    pub fn length(&mut self) -> usize {
        let none = self.options.empty && self.random.once_in(16);
        if none {
            return 0;
        }
        self.random.pick(&[1, 2, 2, 3, 4, 5, 7, 8, 8, 16, 17, 33]).unwrap_or(2)
    }

    pub fn length_of(&self, axis: AxisId) -> usize {
        self.lengths.get(&axis).copied().unwrap_or(0)
    }

    pub fn is_fixed(&self, axis: AxisId) -> bool {
        let axis = self.builder.function().axis(axis);
        axis.is_some_and(|axis| !axis.ragged && axis.size.as_constant().is_some())
    }

    pub fn is_ragged(&self, axis: AxisId) -> bool {
        self.builder.function().axis(axis).is_some_and(|axis| axis.ragged)
    }

    pub fn ty(&self, node: NodeId) -> Type {
        self.builder.ty(node)
    }

    pub fn axes(&self, node: NodeId) -> Vec<AxisId> {
        self.ty(node).axes
    }

    /// Whether a value along the axes is small enough.
    pub fn is_small(&self, axes: &[AxisId]) -> bool {
        let mut distinct = axes.to_vec();
        distinct.sort();
        distinct.dedup();
        let entries =
            distinct.iter().try_fold(1_usize, |product, axis| product.checked_mul(self.length_of(*axis)));
        entries.is_some_and(|entries| entries <= MOST_ENTRIES)
    }

    /// A node, unless it would be too large or inexact.
    pub fn add(&mut self, operation: Operation, operands: &[NodeId], bits: Bits) -> Option<Known> {
        let axes: Vec<AxisId> = operands.iter().flat_map(|operand| self.axes(*operand)).collect();
        let fits = operands.iter().all(|operand| bits.fits(self.ty(*operand).element));
        let entrywise = matches!(operation, Operation::Map { .. });
        if (entrywise && !self.is_small(&axes)) || !fits {
            return None;
        }
        let node = self.builder.add(operation, operands).ok()?;
        Some(Known { node, bits })
    }

    pub fn map(&mut self, function: ScalarFunction, operands: &[NodeId], bits: Bits) -> Option<Known> {
        let axes: Vec<AxisId> = operands.iter().flat_map(|operand| self.axes(*operand)).collect();
        let element = operands.last().map(|operand| self.ty(*operand).element);
        if !self.is_small(&axes) || !element.is_none_or(|element| bits.fits(element)) {
            return None;
        }
        let node = self.builder.map(function, operands).ok()?;
        Some(Known { node, bits })
    }

    pub fn sum(&mut self, left: Known, right: Known) -> Option<Known> {
        let bits = left.bits.both(right.bits).sum_of(2);
        self.map(ScalarFunction::Add, &[left.node, right.node], bits)
    }

    pub fn product(&mut self, left: Known, right: Known) -> Option<Known> {
        self.map(ScalarFunction::Multiply, &[left.node, right.node], left.bits.times(right.bits))
    }

    pub fn reduce(&mut self, kind: ReduceKind, axes: &[AxisId], operand: Known) -> Option<Known> {
        let count = axes.iter().map(|axis| self.length_of(*axis)).product();
        let bits = match kind {
            ReduceKind::Sum => operand.bits.sum_of(count),
            ReduceKind::Product => Bits {
                magnitude: operand.bits.magnitude.saturating_mul(count as u32),
                fraction: operand.bits.fraction.saturating_mul(count as u32),
            },
            _ => operand.bits,
        };
        let element = self.ty(operand.node).element;
        if !bits.fits(element) {
            return None;
        }
        Some(Known { node: self.builder.reduce(kind, axes, operand.node).ok()?, bits })
    }

    /// The product summed over an axis, with its operands made small where it would be inexact.
    pub fn contract(&mut self, left: Known, right: Known, axis: AxisId) -> Option<Known> {
        let bits = left.bits.times(right.bits).sum_of(self.length_of(axis));
        let exact = bits.fits(self.ty(left.node).element);
        let left = if exact { left } else { self.squash(left)? };
        let right = if exact { right } else { self.squash(right)? };
        let product = self.product(left, right)?;
        self.reduce(ReduceKind::Sum, &[axis], product)
    }

    pub fn number(&mut self, element: Element, value: f64) -> Option<NodeId> {
        Some(self.builder.constant(Scalar::of(element, value)?))
    }

    /// The value limited to magnitude 2 and rounded down to quarters; where derivatives are wanted, its sine.
    pub fn squash(&mut self, value: Known) -> Option<Known> {
        if self.options.smooth {
            return self.map(ScalarFunction::Sine, &[value.node], INPUT);
        }
        let element = self.ty(value.node).element;
        let numbers = [-2.0, 2.0, 4.0, 0.25].map(|number| self.number(element, number));
        let [Some(low), Some(high), Some(four), Some(quarter)] = numbers else { return None };
        let mut bits = value.bits;
        let mut node = value.node;
        if bits.magnitude > INPUT.magnitude {
            node = self.map(ScalarFunction::Maximum, &[node, low], bits)?.node;
            node = self.map(ScalarFunction::Minimum, &[node, high], bits)?.node;
            bits.magnitude = INPUT.magnitude;
        }
        if bits.fraction > INPUT.fraction {
            let fine = Bits { magnitude: bits.magnitude + 2, fraction: bits.fraction - 2 };
            node = self.map(ScalarFunction::Multiply, &[node, four], fine)?.node;
            let whole = Bits { magnitude: bits.magnitude + 2, fraction: 0 };
            node = self.map(ScalarFunction::Floor, &[node], whole)?.node;
            node = self.map(ScalarFunction::Multiply, &[node, quarter], INPUT)?.node;
            bits.fraction = INPUT.fraction;
        }
        Some(Known { node, bits })
    }

    /// A random value that the test takes.
    pub fn value(&mut self, takes: impl Fn(&Maker, &Type) -> bool) -> Option<Known> {
        let fitting: Vec<Known> =
            self.values.iter().copied().filter(|known| takes(self, &self.ty(known.node))).collect();
        // Later values more often, so that graphs grow deep.
        let recent = fitting.len().saturating_sub(4);
        if self.random.once_in(3) {
            self.random.pick(&fitting)
        } else {
            self.random.pick(fitting.get(recent..)?)
        }
    }

    /// A random float value.
    pub fn float_value(&mut self) -> Option<Known> {
        let float = self.float;
        self.value(|_, ty| ty.element == float)
    }

    /// A small float value of few axes, and one of them of a fixed size: its features.
    pub fn featured(&mut self) -> Option<(Known, AxisId)> {
        let float = self.float;
        let value = self.value(|maker, ty| {
            ty.element == float && ty.axes.len() <= 3 && ty.axes.iter().any(|axis| maker.is_fixed(*axis))
        })?;
        let x = self.squash(value)?;
        let fixed: Vec<AxisId> = self.axes(x.node).into_iter().filter(|axis| self.is_fixed(*axis)).collect();
        Some((x, self.random.pick(&fixed)?))
    }

    /// A parameter filled with random entries.
    pub fn parameter(&mut self, stem: &str, kind: ParameterKind, element: Element, axes: &[AxisId]) -> Known {
        let shape: Vec<usize> = axes.iter().map(|axis| self.length_of(*axis)).collect();
        let entries: usize = shape.iter().product();
        let bytes = (0..entries).flat_map(|_| self.entry(element)).collect();
        self.given(stem, kind, Type { element, axes: axes.to_vec() }, Tensor::new(element, shape, bytes))
    }

    /// A parameter of integers below an end.
    pub fn indices(&mut self, stem: &str, axes: &[AxisId], end: usize) -> Known {
        let shape: Vec<usize> = axes.iter().map(|axis| self.length_of(*axis)).collect();
        let entries: Vec<i64> = (0..shape.iter().product()).map(|_| self.random.below(end) as i64).collect();
        let ty = Type { element: Element::I64, axes: axes.to_vec() };
        self.given(stem, ParameterKind::Input, ty, Tensor::from_i64(shape, &entries))
    }

    fn given(&mut self, stem: &str, kind: ParameterKind, ty: Type, tensor: Option<Tensor>) -> Known {
        let name = self.name(stem);
        self.inputs.extend(tensor);
        Known { node: self.builder.parameter(name, kind, ty), bits: INPUT }
    }

    fn entry(&mut self, element: Element) -> Vec<u8> {
        let whole = self.random.below(17) as i64 - 8;
        if self.options.smooth && element == Element::F64 {
            let fraction = (self.random.bits() >> 11) as f64 / (1_u64 << 53) as f64;
            return (3.0 * fraction - 1.5).to_le_bytes().to_vec();
        }
        let value = if self.random.once_in(5) { 0.0 } else { whole as f64 / 4.0 };
        let integer = if element.is_signed_integer() { whole } else { whole.abs() };
        match element {
            Element::F64 => value.to_le_bytes().to_vec(),
            Element::F32 => (value as f32).to_le_bytes().to_vec(),
            Element::Bf16 => bf16::from_f64(value).to_le_bytes().to_vec(),
            Element::F16 => f16::from_f64(value).to_le_bytes().to_vec(),
            Element::Bool => vec![u8::from(whole > 0)],
            other => integer.to_le_bytes().into_iter().take(other.bytes()).collect(),
        }
    }

    pub fn output(&mut self, node: NodeId) {
        let axes: Vec<AxisId> = self.axes(node);
        if axes.iter().any(|axis| self.is_ragged(*axis)) {
            return;
        }
        let name = self.name("y");
        self.builder.output(name, node, axes, OutputKind::Result);
    }
}
