//! The inputs of models and the weights: what they hold.

use crate::random::Random;
use half::{bf16, f16};
use moe_graph::Element;
use moe_runtime::Tensor;
use std::collections::BTreeMap;

/// An axis of an input.
#[derive(Clone, PartialEq, Debug)]
pub struct InputAxis {
    /// Its name: that of a free size, unless the length is fixed.
    pub name: String,
    /// Its length, if it is fixed.
    pub length: Option<usize>,
}

/// What an input holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Contents {
    /// Numbers from -2 to 2, some of them zero.
    Numbers,
    /// Whole numbers from 0 to below an end.
    Below(usize),
    /// Different whole numbers from 0 to below an end, as many as fit.
    Distinct(usize),
    /// Numbers as above, of which all but a few along an axis, given by its place, are zero.
    Bounded {
        /// The axis.
        axis: usize,
        /// How many are not zero.
        count: usize,
    },
    /// Where the rows of each place of an axis begin, and where the last end. The size by the name of the input says how many rows there are.
    Offsets,
}

/// An input of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its axes.
    pub axes: Vec<InputAxis>,
    /// What it holds.
    pub contents: Contents,
}

impl Input {
    /// A tensor for the input where the free sizes are as given.
    pub fn draw(&self, sizes: &BTreeMap<String, usize>, seed: u64, exact: bool) -> Option<Tensor> {
        let mut random = Random::new(seed ^ hash(&self.name));
        let shape: Vec<usize> = self
            .axes
            .iter()
            .map(|axis| axis.length.or_else(|| sizes.get(&axis.name).copied()))
            .collect::<Option<_>>()?;
        if self.contents == Contents::Offsets {
            let ends = offsets(&mut random, *shape.first()?, sizes.get(&self.name).copied()?);
            return tensor(self.element, vec![ends.len()], &ends);
        }
        let count: usize = shape.iter().product();
        let mut values: Vec<f64> = match &self.contents {
            Contents::Numbers | Contents::Bounded { .. } => {
                (0..count).map(|_| number(&mut random, self.element, exact)).collect()
            }
            Contents::Below(end) => (0..count).map(|_| random.below(*end) as f64).collect(),
            Contents::Distinct(end) => distinct(&mut random, *end, count),
            Contents::Offsets => return None,
        };
        if let Contents::Bounded { axis, count } = self.contents {
            bound(&mut random, &shape, axis, count, &mut values);
        }
        tensor(self.element, shape, &values)
    }
}

/// Numbers for a weight.
pub fn weight(name: &str, element: Element, shape: Vec<usize>, seed: u64, exact: bool) -> Option<Tensor> {
    let mut random = Random::new(seed ^ hash(name));
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count)
        .map(|_| {
            let value = number(&mut random, element, exact);
            // Whole numbers are places along an axis.
            if element.is_float() || element == Element::Bool {
                value
            } else {
                value.abs() % 2.0
            }
        })
        .collect();
    tensor(element, shape, &values)
}

/// FNV-1a, so that every tensor has numbers of its own.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// A quarter of magnitude 2 at most; where numbers need not be exact, one of which no two are alike.
fn number(random: &mut Random, element: Element, exact: bool) -> f64 {
    let whole = random.below(17) as f64 - 8.0;
    if !element.is_float() {
        return match element {
            Element::Bool => f64::from(u8::from(whole > 0.0)),
            other if other.is_signed_integer() => whole,
            _ => whole.abs(),
        };
    }
    if random.once_in(6) {
        0.0
    } else if exact {
        whole / 4.0
    } else {
        // Sixteenth bits are noise in half precision too.
        whole / 4.0 + (random.below(4096) as f64 - 2048.0) / 16384.0
    }
}

/// Different numbers below `end`; beyond that, the first again.
fn distinct(random: &mut Random, end: usize, count: usize) -> Vec<f64> {
    let mut all: Vec<usize> = (0..end).collect();
    for place in (1..all.len()).rev() {
        all.swap(place, random.below(place + 1));
    }
    (0..count).map(|place| all.get(place % end.max(1)).copied().unwrap_or(0) as f64).collect()
}

/// Offsets that cut rows into stretches, often one of them into all rows.
fn offsets(random: &mut Random, stretches: usize, rows: usize) -> Vec<f64> {
    let whole = random.once_in(5);
    let mut cuts: Vec<usize> =
        (1..stretches).map(|_| if whole { rows * random.below(2) } else { random.below(rows + 1) }).collect();
    cuts.sort_unstable();
    let last = (stretches > 0).then_some(rows);
    [0].into_iter().chain(cuts).chain(last).map(|end| end as f64).collect()
}

/// Leaves `count` entries along an axis and makes the others zero.
fn bound(random: &mut Random, shape: &[usize], axis: usize, count: usize, values: &mut [f64]) {
    let length = shape.get(axis).copied().unwrap_or(1);
    let stride: usize = shape.iter().skip(axis + 1).product::<usize>().max(1);
    let mut kept: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, value) in values.iter_mut().enumerate() {
        let coordinate = (place / stride) % length.max(1);
        let row = place % stride + place / (stride * length.max(1)) * stride;
        let kept = kept.entry(row).or_insert_with(|| {
            distinct(random, length, count.min(length)).into_iter().map(|own| own as usize).collect()
        });
        if !kept.contains(&coordinate) {
            *value = 0.0;
        }
    }
}

fn tensor(element: Element, shape: Vec<usize>, values: &[f64]) -> Option<Tensor> {
    let bytes = values
        .iter()
        .flat_map(|value| match element {
            Element::F64 => value.to_le_bytes().to_vec(),
            Element::F32 => (*value as f32).to_le_bytes().to_vec(),
            Element::Bf16 => bf16::from_f64(*value).to_le_bytes().to_vec(),
            Element::F16 => f16::from_f64(*value).to_le_bytes().to_vec(),
            Element::Bool => vec![u8::from(*value != 0.0)],
            other => (*value as i64).to_le_bytes().into_iter().take(other.bytes()).collect(),
        })
        .collect();
    Tensor::new(element, shape, bytes)
}
