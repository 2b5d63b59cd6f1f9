//! Weights to begin with: what the declarations of a model say, drawn anew for each seed and alike on every run.

use crate::run::diagnostic;
use crate::session::{Failure, Selection, Session};
use moe_check::Elaborated;
use moe_diagnostics::Diagnostic;
use moe_graph::{Element, Function, Parameter, ParameterKind};
use moe_runtime::files::PendingFile;
use moe_runtime::weights::{convert, to_bytes};
use moe_runtime::Tensor;
use std::path::Path;

/// The golden ratio as a fraction of 2^64: the step of the generator SplitMix64 (Steele, Lea and Flood 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Writes the weights that the chosen model begins with to a `.safetensors` file, whole or not at all; how many there are.
///
/// A weight without an initializer begins as `glorot` where it has two axes or more, and as zeros where it has fewer.
///
/// # Errors
/// The mistakes of the sources, or a file that cannot be written.
pub fn write_starting_weights(
    session: &Session,
    selection: &Selection,
    seed: u64,
    output: &Path,
) -> Result<usize, Failure> {
    let weights = starting_weights(&session.elaborate(selection)?, seed)?;
    let views: Vec<(String, &Tensor)> = weights.iter().map(|(name, tensor)| (name.clone(), tensor)).collect();
    let written = to_bytes(&views).and_then(|bytes| PendingFile::whole(output, &bytes));
    written.map_err(|error| Failure::plain(diagnostic(&error)))?;
    Ok(weights.len())
}

/// The weights that a model begins with, by dotted name.
///
/// # Errors
/// A weight whose size is not fixed.
pub fn starting_weights(elaborated: &Elaborated, seed: u64) -> Result<Vec<(String, Tensor)>, Failure> {
    let Some(entry) = elaborated.module.entry() else { return Ok(Vec::new()) };
    let weights = entry.parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Weight);
    weights
        .map(|weight| {
            let initial =
                elaborated.declarations.get(&weight.name).and_then(|found| found.initial.as_deref());
            let tensor = tensor(entry, weight, initial, seed).ok_or_else(|| {
                let message = format!("the weight `{}` cannot be made: its size is not fixed", weight.name);
                Failure::plain(Diagnostic::plain_error("E0012", message))
            })?;
            Ok((weight.name.clone(), tensor))
        })
        .collect()
}

fn tensor(function: &Function, weight: &Parameter, initial: Option<&str>, seed: u64) -> Option<Tensor> {
    let size = |axis: &moe_graph::AxisId| usize::try_from(function.size(*axis).as_constant()?).ok();
    let shape: Vec<usize> = weight.ty.axes.iter().map(size).collect::<Option<_>>()?;
    let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size))?;
    let mut generator = Generator::new(seed, &weight.name);
    let start = Start::read(initial, &shape);
    let mut bytes = Vec::new();
    for _ in 0..count {
        entry(start.draw(&mut generator), weight.ty.element, &mut bytes)?;
    }
    Tensor::new(weight.ty.element, shape, bytes)
}

/// Appends a number as an entry; truth values and whole numbers are its whole part. `None` if it does not fit.
pub(crate) fn entry(value: f64, element: Element, bytes: &mut Vec<u8>) -> Option<()> {
    let whole = value as i64;
    match element {
        Element::Bool => bytes.push(u8::from(whole != 0)),
        element if element.is_float() => convert(&value.to_le_bytes(), Element::F64, element, bytes)?,
        element => convert(&whole.to_le_bytes(), Element::I64, element, bytes)?,
    }
    Some(())
}

/// How the entries of a weight begin.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Start {
    Constant(f64),
    Uniform(f64),
    Normal(f64),
}

impl Start {
    /// From the initializer as it is written.
    fn read(initial: Option<&str>, shape: &[usize]) -> Self {
        let argument = |name: &str| {
            let inner = initial?.strip_prefix(name)?.trim().strip_prefix('(')?.strip_suffix(')')?;
            inner.trim().replace('_', "").parse::<f64>().ok()
        };
        match initial {
            None if shape.len() < 2 => Start::Constant(0.0),
            None | Some("glorot") => Start::Uniform(glorot(shape)),
            Some("zeros") => Start::Constant(0.0),
            Some("ones") => Start::Constant(1.0),
            Some(text) => argument("uniform")
                .map(Start::Uniform)
                .or_else(|| argument("normal").map(Start::Normal))
                .unwrap_or_else(|| Start::Constant(text.replace([' ', '_'], "").parse().unwrap_or(0.0))),
        }
    }

    fn draw(self, generator: &mut Generator) -> f64 {
        match self {
            Start::Constant(value) => value,
            Start::Uniform(most) => (2.0 * generator.unit() - 1.0) * most,
            Start::Normal(deviation) => generator.normal() * deviation,
        }
    }
}

/// The range of Glorot and Bengio 2010 for the last two axes: the square root of 6 / (in + out).
fn glorot(shape: &[usize]) -> f64 {
    let out = shape.last().copied().unwrap_or(1);
    let into = shape.iter().rev().nth(1).copied().unwrap_or(1);
    (6.0 / ((into + out).max(1) as f64)).sqrt()
}

/// Numbers that depend on the seed, the weight's name and nothing else.
pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a, so that every weight has a stream of its own.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Generator(hash ^ seed.wrapping_mul(STEP))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0 and below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Close to a normal distribution of deviation 1: twelve uniform numbers added, which is the same on every machine.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn initializers_are_read() {
        assert_eq!(Start::read(Some("zeros"), &[3]), Start::Constant(0.0));
        assert_eq!(Start::read(Some("normal(0.02)"), &[3]), Start::Normal(0.02));
        assert_eq!(Start::read(Some("uniform( 0.5 )"), &[3]), Start::Uniform(0.5));
        assert_eq!(Start::read(Some("-1.5"), &[3]), Start::Constant(-1.5));
        assert_eq!(Start::read(Some("glorot"), &[8, 2, 4]), Start::Uniform(1.0));
        assert_eq!(
            (Start::read(None, &[3]), Start::read(None, &[2, 4])),
            (Start::Constant(0.0), Start::Uniform(1.0))
        );
    }

    #[test]
    fn draws_are_spread_as_they_should_be() {
        let mut generator = Generator::new(1, "w");
        let normal: Vec<f64> = (0..10_000).map(|_| generator.normal()).collect();
        let mean = normal.iter().sum::<f64>() / 1e4;
        let variance = normal.iter().map(|value| value * value).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((0..1000).all(|_| (0.0..1.0).contains(&generator.unit())));
        assert_ne!(Generator::new(1, "w").next(), Generator::new(1, "v").next());
        assert_ne!(Generator::new(1, "w").next(), Generator::new(2, "w").next());
    }
}
