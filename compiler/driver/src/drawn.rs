//! Inputs that are drawn, for runs of which only time or agreement matters.

use crate::starting::{entry, Generator};
use moe_graph::{Function, Parameter, ParameterKind};
use moe_runtime::Tensor;

/// Floats between -1 and 1; whole numbers 0 and 1, which are indices of any axis that has two entries; states at zero.
///
/// `None` if it has a size of which `sizes` knows nothing, or a shape that no memory could hold.
pub fn value(
    function: &Function,
    parameter: &Parameter,
    sizes: &dyn Fn(&str) -> Option<i64>,
    seed: u64,
) -> Option<Tensor> {
    let size = |axis: &moe_graph::AxisId| usize::try_from(function.size(*axis).evaluate(sizes)?).ok();
    let shape: Vec<usize> = parameter.ty.axes.iter().map(size).collect::<Option<_>>()?;
    let element = parameter.ty.element;
    if parameter.kind == ParameterKind::State {
        return Tensor::zeros(element, shape);
    }
    let count = shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length))?;
    let mut generator = Generator::new(seed, &parameter.name);
    let mut bytes = Vec::new();
    for _ in 0..count {
        let unit = 2.0 * generator.unit();
        entry(if element.is_float() { unit - 1.0 } else { unit }, element, &mut bytes)?;
    }
    Tensor::new(element, shape, bytes)
}
