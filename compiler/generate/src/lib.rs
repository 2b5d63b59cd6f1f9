//! Random well-typed graphs and whole programs with inputs, for property tests: a rewritten graph must mean the same as the graph, compiled code the same as the evaluator,
//! and every claimed fact must hold.
//!
//! Float inputs are small multiples of a power of two, and every value is kept few bits wide, so that all arithmetic is exact and every
//! order of a sum agrees bit for bit (unless [`Options::approximate`] asks for more). There is no infinity and no NaN in results.

mod bits;
mod calls;
mod facts;
mod given;
mod layers;
mod maker;
mod mixture;
mod moves;
pub mod programs;
mod random;
mod steps;

pub use facts::{check_built, check_facts};
pub use random::Random;

use maker::Maker;
use moe_graph::{AxisId, Element, Module, ParameterKind, Size};
use moe_runtime::Tensor;
use steps::Step;

/// What graphs may have in them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// How many values are added to the inputs; some draws come to nothing.
    pub steps: usize,
    /// Float types of which each graph has one.
    pub floats: Vec<Element>,
    /// Integer inputs and arithmetic.
    pub integers: bool,
    /// Sizes that only the inputs say.
    pub free_sizes: bool,
    /// Axes without entries.
    pub empty: bool,
    /// Movement of entries: slices, padding, concatenation, gathers, scatters, sorting.
    pub movement: bool,
    /// Selections and masks.
    pub selection: bool,
    /// Mixtures of experts.
    pub mixtures: bool,
    /// Layers with scales and biases, with a matrix for each row, with weights of which places are left out, and over rows of tables put together.
    pub layers: bool,
    /// Packing written out.
    pub packing: bool,
    /// Calls, repetitions and folds of a function.
    pub calls: bool,
    /// Functions such as exp, whose results depend on the back end in the last bits. What is computed from them is not exact any more.
    pub approximate: bool,
    /// Only functions with derivatives, and inputs that are no small multiples of anything, so that kinks and ties are rare: for tests against
    /// finite differences.
    pub smooth: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            steps: 12,
            floats: vec![Element::F32, Element::F32, Element::F64],
            integers: true,
            free_sizes: true,
            empty: true,
            movement: true,
            selection: true,
            mixtures: true,
            layers: false,
            packing: false,
            calls: false,
            approximate: false,
            smooth: false,
        }
    }
}

impl Options {
    /// Graphs of `f64` with derivatives.
    pub fn smooth() -> Self {
        Options {
            floats: vec![Element::F64],
            integers: false,
            packing: true,
            calls: true,
            approximate: true,
            smooth: true,
            ..Options::default()
        }
    }
}

/// A random module and inputs for its entry's parameters, in their order. Equal seeds and options give equal results.
pub fn module(seed: u64, options: &Options) -> (Module, Vec<Tensor>) {
    let mut maker = Maker::new(seed, options);
    let layer = if options.calls { calls::layer(maker.float, options.smooth) } else { None };
    begin(&mut maker);
    let steps = choices(options, layer.is_some());
    for _ in 0..options.steps {
        let step = maker.random.pick(&steps);
        if let Some(known) = step.and_then(|step| step(&mut maker)) {
            maker.values.push(known);
        }
    }
    finish(&mut maker);
    let mut functions: Vec<_> = layer.into_iter().collect();
    functions.push(maker.builder.finish());
    let entry = functions.len() as u32 - 1;
    (Module { functions, entry, offsets: Vec::new() }, maker.inputs)
}

/// Rows of features, a second value along one of their axes, and integers.
fn begin(maker: &mut Maker) {
    let rows = maker.length();
    let free = maker.options.free_sizes && maker.random.below(3) > 0;
    let size = if free { Size::symbol("N") } else { Size::constant(rows as i64) };
    let rows: AxisId = maker.sized_axis("N".to_owned(), size, rows);
    let features = maker.length();
    let features = maker.axis("D", features);
    let float = maker.float;
    let x = maker.parameter("x", ParameterKind::Input, float, &[rows, features]);
    let scale = maker.parameter("scale", ParameterKind::Weight, float, &[features]);
    maker.values.extend([x, scale]);
    if maker.options.integers {
        let element =
            maker.random.pick(&[Element::I64, Element::I32, Element::I8, Element::U8, Element::U32]);
        let integers = maker.parameter("n", ParameterKind::Input, element.unwrap_or(Element::I64), &[rows]);
        let truth = maker.parameter("mask", ParameterKind::Input, Element::Bool, &[rows, features]);
        maker.values.extend([integers, truth]);
    }
}

fn choices(options: &Options, calls: bool) -> Vec<Step> {
    let mut steps: Vec<Step> = vec![
        steps::unary,
        steps::rectify,
        steps::binary,
        steps::binary,
        steps::scale,
        steps::squash,
        steps::linear,
        steps::linear,
        steps::contraction,
        steps::reduction,
        steps::choice,
    ];
    if options.integers {
        steps.extend([steps::integers as Step, steps::bytes, steps::logic, steps::through_double]);
    }
    if options.movement {
        let moves: [Step; 10] = [
            moves::rename,
            moves::merge,
            moves::slice,
            moves::pad,
            moves::window,
            moves::concatenate,
            moves::gather,
            moves::scatter,
            moves::replace,
            moves::running,
        ];
        steps.extend(moves);
    }
    if options.selection {
        steps.extend([moves::selection as Step, moves::selection, moves::one_hot]);
    }
    if options.mixtures {
        steps.extend([mixture::mixture as Step; 3]);
    }
    if options.layers {
        steps.extend([layers::scaled_layer as Step, layers::scaled_layer, layers::chosen_matrices]);
        steps.extend([given::pruned_layer as Step, given::joined_features]);
    }
    if options.packing {
        steps.extend([moves::packing as Step; 4]);
    }
    if calls {
        steps.extend([calls::call as Step; 3]);
    }
    steps
}

/// The last values, and some others, are results.
fn finish(maker: &mut Maker) {
    let mut nodes: Vec<_> = maker.values.iter().rev().take(2).map(|known| known.node).collect();
    let all: Vec<_> = maker.values.iter().map(|known| known.node).collect();
    nodes.extend(maker.random.pick(&all));
    nodes.dedup();
    for node in nodes {
        maker.output(node);
    }
}
