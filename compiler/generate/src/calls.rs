//! Steps that call a function.

use crate::maker::{Bits, Known, Maker};
use moe_graph::{
    AxisId, Builder, Element, Function, FunctionId, Operation, OutputKind, ParameterKind, Scalar,
    ScalarFunction, Size, Type,
};

/// `(x, w) -> min(max(x * w + x, -2), 2)`, rounded down to quarters, along an axis of free size: any number of rounds stays exact. Where
/// derivatives are wanted, the sine of the sum.
pub(crate) fn layer(float: Element, smooth: bool) -> Option<Function> {
    use ScalarFunction as F;
    let mut b = Builder::new("layer");
    let axis = b.axis("A", Size::symbol("A"));
    let ty = Type { element: float, axes: vec![axis] };
    let x = b.parameter("x", ParameterKind::Input, ty.clone());
    let w = b.parameter("w", ParameterKind::Input, ty);
    let mut numbers = [-2.0, 2.0, 4.0, 0.25].map(|value| Scalar::of(float, value)).into_iter().flatten();
    let [low, high, four, quarter] =
        [numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?].map(|value| b.constant(value));
    let product = b.map(F::Multiply, &[x, w]).ok()?;
    let sum = b.map(F::Add, &[product, x]).ok()?;
    if smooth {
        let next = b.map(F::Sine, &[sum]).ok()?;
        b.output("next", next, vec![axis], OutputKind::Result);
        return Some(b.finish());
    }
    let above = b.map(F::Maximum, &[sum, low]).ok()?;
    let within = b.map(F::Minimum, &[above, high]).ok()?;
    let times = b.map(F::Multiply, &[within, four]).ok()?;
    let whole = b.map(F::Floor, &[times]).ok()?;
    let next = b.map(F::Multiply, &[whole, quarter]).ok()?;
    b.output("next", next, vec![axis], OutputKind::Result);
    Some(b.finish())
}

/// The layer once, once for each entry of an axis, or some times.
pub(crate) fn call(maker: &mut Maker) -> Option<Known> {
    let float = maker.float;
    let value = maker.value(|maker, ty| {
        ty.element == float && matches!(ty.axes.as_slice(), [axis] if maker.is_fixed(*axis))
    })?;
    let x = maker.squash(value)?;
    let [axis] = maker.axes(x.node).try_into().ok()?;
    let (function, axes) = (FunctionId(0), vec![(AxisId(0), axis)]);
    let ty = Type { element: float, axes: vec![axis] };
    let bits = Bits { magnitude: 1, fraction: 2 };
    let (operation, operands) = match maker.random.below(3) {
        0 => (Operation::Call { function, axes, result: 0 }, vec![x.node, x.node]),
        1 => {
            let rounds = maker.random.below(4);
            let over = maker.axis("L", rounds);
            let weights = maker.parameter("layers.w", ParameterKind::Weight, float, &[over, axis]);
            let operation = Operation::Repeat { function, axes, over, carried: 1, stacked: 1, result: 0 };
            (operation, vec![x.node, weights.node])
        }
        _ => {
            let rounds = maker.random.below(4) as i64;
            let count = maker.builder.constant(Scalar::index(rounds));
            (Operation::Fold { function, axes, carried: 1, result: 0 }, vec![count, x.node, x.node])
        }
    };
    Some(Known { node: maker.builder.add_typed(operation, &operands, ty), bits })
}
