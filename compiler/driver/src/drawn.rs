//! Inputs that are drawn, for runs of which only time or agreement matters.

use crate::starting::{entry, Generator};
use moe_graph::{Module, ParameterKind};
use moe_runtime::{Element, Tensor};

/// A value for a parameter of a module's entry, by its index: floats between -1 and 1; whole numbers 0 and 1, which are indices of any axis that
/// has two entries; stretches of rows that are equally long, as near as may be; states at zero.
///
/// `None` if it has a size of which `sizes` knows nothing, or a shape that no memory could hold.
pub fn value(
    module: &Module,
    place: usize,
    sizes: &dyn Fn(&str) -> Option<i64>,
    seed: u64,
) -> Option<Tensor> {
    let function = module.entry()?;
    let parameter = function.parameters.get(place)?;
    let size = |axis: &moe_graph::AxisId| usize::try_from(function.size(*axis).evaluate(sizes)?).ok();
    let shape: Vec<usize> = parameter.ty.axes.iter().map(size).collect::<Option<_>>()?;
    let element = parameter.ty.element;
    if parameter.kind == ParameterKind::State {
        return Tensor::zeros(element, shape);
    }
    if let Some(offsets) = module.offsets.iter().find(|offsets| offsets.parameter as usize == place) {
        return stretches(shape, offsets.rows.evaluate(sizes)?);
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

/// Where so many rows begin and end in stretches that are equally long, as near as may be.
fn stretches(shape: Vec<usize>, rows: i64) -> Option<Tensor> {
    let ends = i64::try_from(shape.iter().product::<usize>()).ok()?;
    let count = ends.checked_sub(1)?;
    if count == 0 && rows > 0 {
        return None;
    }
    let end = |stretch: i64| if count == 0 { Some(0) } else { Some(rows.checked_mul(stretch)? / count) };
    let ends: Vec<i64> = (0..ends).map(end).collect::<Option<_>>()?;
    Tensor::new(Element::I64, shape, ends.iter().flat_map(|end| end.to_le_bytes()).collect())
}
