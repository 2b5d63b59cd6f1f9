//! Evaluating modules on random tensors and comparing what comes out.

use moe_graph::{Element, Module};
use moe_runtime::Tensor;

/// What the entries of random tensors are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Data {
    /// Between -1 and 1.
    Any,
    /// -1, 0 or 1: ties and zeros everywhere.
    Ties,
    /// As `Any`; parameters whose name begins with `wild` have NaN and infinities among them.
    Wild,
}

pub const DATA: [Data; 3] = [Data::Any, Data::Ties, Data::Wild];

/// A small generator with a fixed sequence for each seed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn value(&mut self, name: &str, data: Data) -> f64 {
        let ordinary = self.below(2001) as f64 / 1000.0 - 1.0;
        match data {
            Data::Ties => self.below(3) as f64 - 1.0,
            Data::Wild if name.starts_with("wild") => match self.below(6) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => f64::NEG_INFINITY,
                _ => ordinary,
            },
            _ => ordinary,
        }
    }
}

/// Tensors for the parameters of a module's entry, with `rows` for free sizes.
pub fn inputs(module: &Module, rows: i64, data: Data, seed: u64) -> Vec<Tensor> {
    let entry = module.entry().unwrap();
    let mut random = Random(seed);
    let mut tensor = |parameter: &moe_graph::Parameter| {
        let size = |axis: &moe_graph::AxisId| entry.size(*axis).evaluate(&|_| Some(rows)).unwrap() as usize;
        let shape: Vec<usize> = parameter.ty.axes.iter().map(size).collect();
        let count = shape.iter().product();
        match parameter.ty.element {
            Element::I64 => {
                let entries: Vec<i64> = (0..count).map(|_| random.below(2) as i64).collect();
                Tensor::from_i64(shape, &entries).unwrap()
            }
            Element::Bool => {
                Tensor::new(Element::Bool, shape, (0..count).map(|_| random.below(2) as u8).collect())
                    .unwrap()
            }
            element @ (Element::I8 | Element::U8) => {
                Tensor::new(element, shape, (0..count).map(|_| random.below(256) as u8).collect()).unwrap()
            }
            _ => {
                let entries: Vec<f64> = (0..count).map(|_| random.value(&parameter.name, data)).collect();
                Tensor::from_f64(shape, &entries).unwrap()
            }
        }
    };
    entry.parameters.iter().map(&mut tensor).collect()
}

/// Asserts that two modules give the same on random tensors, in `f64`, up to the order of sums.
pub fn assert_equal(before: &Module, after: &Module, rows: i64, data: Data, seed: u64, what: &str) {
    assert_eq!(moe_graph::verify(after), Ok(()), "{what}");
    let inputs = inputs(before, rows, data, seed);
    let options = moe_evaluate::Options { double: true };
    let left = moe_evaluate::evaluate(before, &inputs, &options).unwrap_or_else(|e| panic!("{what}: {e}"));
    let right = moe_evaluate::evaluate(after, &inputs, &options).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (place, (a, b)) in left.outputs.iter().zip(&right.outputs).enumerate() {
        assert_eq!(a.shape(), b.shape(), "{what}: output {place}");
        for (entry, (a, b)) in a.to_f64().into_iter().zip(b.to_f64()).enumerate() {
            let near = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + a.abs());
            assert!(near, "{what}: output {place}, entry {entry}: {a} was written and {b} is computed");
        }
    }
}
