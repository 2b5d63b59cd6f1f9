//! What programs use of the library: its names, what they take, and whether their arithmetic is exact.

use super::maker::{Maker, INPUT};
use super::movement;
use super::value::{Axis, Value};
use crate::bits::Bits;
use moe_graph::Element;

/// Functions of one value: their paths, and whether they are exact.
const FUNCTIONS: &[(&str, bool)] = &[
    ("std::activation::relu", true),
    ("std::activation::sigmoid", false),
    ("std::activation::silu", false),
    ("std::activation::gelu", false),
    ("std::activation::gelu_tanh", false),
    ("std::activation::softplus", false),
    ("std::attention::score::capped", false),
    ("std::gate::dselect::smooth_step", false),
];

/// Functions along an axis.
const ALONG: &[&str] =
    &["std::nn::softmax::softmax", "std::nn::softmax::log_softmax", "std::gate::sparsemax::sparsemax"];

/// Layers that keep the features' axis.
const LAYERS: &[(&str, bool)] = &[
    ("std::nn::linear::linear", true),
    ("std::nn::norm::rms_norm", false),
    ("std::nn::norm::layer_norm", false),
    ("std::nn::linear::linear", false),
];

/// Experts with a width, whether they are exact, and the most features they are so for.
const EXPERTS: &[(&str, bool, usize)] = &[
    ("std::expert::mlp::mlp", true, 8),
    ("std::expert::glu::reglu", true, 4),
    ("std::expert::glu::bilinear", true, 4),
    ("std::expert::mlp::squared_relu_mlp", true, 4),
    ("std::expert::swiglu::swiglu", false, 8),
    ("std::expert::swiglu::swiglu", false, 8),
    ("std::expert::glu::geglu", false, 8),
    ("std::expert::glu::glu", false, 8),
    ("std::expert::glu::clamped_swiglu", false, 8),
    ("std::expert::glu::biased_swiglu", false, 8),
    ("std::expert::mlp::gelu_mlp", false, 8),
];

/// Gates `[E, K]` of rows, and whether they are exact.
const GATES: &[(&str, &str, bool)] = &[
    ("std::gate::relu::relu_top_k", "", true),
    ("std::gate::top_k::top_k", "", false),
    ("std::gate::top_k::biased_top_k", "", false),
    ("std::gate::top_k::top_k_of_softmax", "", false),
    ("std::gate::top_k::top_k_renormalized", "", false),
    ("std::gate::sigmoid::sigmoid_top_k", "", false),
    ("std::gate::sigmoid::sigmoid_top_k", ", renormalized = false", false),
    ("std::gate::sigmoid::biased_sigmoid", ", scale = 1.5", false),
    ("std::gate::sparsemax::sparsemax_top_k", "", false),
    ("std::gate::threshold::top_p", ", p = 0.75", false),
    ("std::gate::threshold::top_any", "", false),
    ("std::gate::dselect::dselect_k", ", Digits = 3", false),
    ("std::gate::entmax::entmax_top_k", "", false),
];

/// Gates `[E, K, C]` of all rows together.
const CAPACITIES: &[&str] = &[
    "std::gate::capacity::capacity_by_position",
    "std::gate::capacity::capacity_by_choice",
    "std::gate::capacity::capacity_by_batch",
    "std::gate::capacity::capacity_by_weight",
];

impl Maker {
    /// Whether the library, which is written for `f32`, is of use.
    fn has_library(&self) -> bool {
        self.float == Element::F32
    }
}

/// A function of the library.
pub(crate) fn function(maker: &mut Maker) -> Option<Value> {
    if !maker.has_library() {
        return None;
    }
    maker.met("a function of the library");
    if maker.random.once_in(4) {
        return one_hot(maker);
    }
    if !maker.exact && maker.random.once_in(2) {
        let float = maker.float;
        let fits = |axis: &Axis| axis.is_static() || axis.is_ragged();
        let value = maker.value(|value| value.element == float && value.axes.iter().any(fits))?;
        let value = maker.squash(&value)?;
        let axes: Vec<Axis> = value.axes.iter().filter(|axis| fits(axis)).cloned().collect();
        let axis = maker.random.pick(&axes)?;
        let path = maker.random.pick(ALONG)?;
        let name = maker.uses(path);
        let text = format!("{name}({}, over {})", value.text, axis.name);
        // The axis that a function names comes last in its result.
        let others = value.axes.iter().filter(|other| **other != axis);
        let axes = others.cloned().chain([axis.clone()]).collect();
        return maker.bind(&text, value.element, axes, Bits { magnitude: 4, fraction: 0 });
    }
    let value = maker.small_number()?;
    let exact = maker.exact;
    let fitting: Vec<&str> =
        FUNCTIONS.iter().filter(|(_, own)| *own || !exact).map(|(path, _)| *path).collect();
    let path = maker.random.pick(&fitting)?;
    let name = maker.uses(path);
    maker.bind(&format!("{name}({})", value.text), value.element, value.axes, INPUT)
}

fn one_hot(maker: &mut Maker) -> Option<Value> {
    let length = 2 + maker.random.below(3);
    let index = movement::index(maker, length)?;
    let axis = maker.axis("E", length);
    let name = maker.uses("std::select::one_hot");
    maker.met("a one-hot gate");
    let axes: Vec<Axis> = index.axes.iter().cloned().chain([axis.clone()]).collect();
    let bounds = super::definitions::bounded(1, &axis);
    let text = format!("{name}[{}]({})", axis.name, index.text);
    maker.bind_bounded(&text, Element::F32, axes, Bits::default(), bounds)
}

/// An instance of a layer that keeps an axis, and how large what it gives is.
pub(crate) fn layer(maker: &mut Maker, axis: &Axis) -> Option<(String, Bits)> {
    if !maker.has_library() {
        return None;
    }
    let exact = maker.exact;
    let fitting: Vec<&str> = LAYERS.iter().filter(|(_, own)| *own || !exact).map(|(path, _)| *path).collect();
    let path = maker.random.pick(&fitting)?;
    let name = maker.uses(path);
    let biased = maker.random.pick(&["", ", biased = false"])?;
    let bits = INPUT.times(INPUT).sum_of(axis.length).sum_of(2);
    Some(if name == "linear" { (format!("{name}[{}{biased}]", axis.name), bits) } else { (name, bits) })
}

/// An instance of an expert for features of an axis.
pub(crate) fn expert(maker: &mut Maker, axis: &Axis) -> Option<String> {
    if !maker.has_library() {
        return None;
    }
    let exact = maker.exact;
    let fits = |own: &(&str, bool, usize)| {
        if exact {
            own.1 && axis.length <= own.2
        } else {
            !own.1 || axis.length <= 4
        }
    };
    let fitting: Vec<&str> = EXPERTS.iter().filter(|own| fits(own)).map(|(path, ..)| *path).collect();
    let path = maker.random.pick(&fitting)?;
    let name = maker.uses(path);
    let width = 1 + maker.random.below(4);
    maker.met("an expert of the library");
    Some(format!("{name}[{width}]"))
}

/// An instance of a gate `[E, K]` of rows.
pub(crate) fn gate(maker: &mut Maker, experts: &Axis, count: usize) -> Option<String> {
    if !maker.has_library() {
        return None;
    }
    let exact = maker.exact;
    let fitting: Vec<(&str, &str)> =
        GATES.iter().filter(|(.., own)| *own || !exact).map(|(path, more, _)| (*path, *more)).collect();
    let (path, more) = maker.random.pick(&fitting)?;
    let name = maker.uses(path);
    maker.met("a gate of the library");
    Some(format!("{name}[{}, {count}{more}]", experts.name))
}

/// An instance of a gate `[E, K, C]` of all rows.
pub(crate) fn capacity(maker: &mut Maker, experts: &Axis, count: usize, rows: usize) -> Option<String> {
    if !maker.has_library() || maker.exact {
        return None;
    }
    let path = maker.random.pick(CAPACITIES)?;
    let name = maker.uses(path);
    maker.met("a gate of the library");
    Some(format!("{name}[{}, {count}, {rows}]", experts.name))
}
