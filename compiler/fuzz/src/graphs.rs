//! Modules from text that are small enough to evaluate.

use moe_graph::{parse_module, verify, Element, Function, Module, Operation, ParameterKind, Type};
use moe_runtime::Tensor;

/// What free sizes are.
const FREE: i64 = 3;

/// The most entries a value may have.
const MOST_ENTRIES: i64 = 4096;

/// A module that verifies, has no loops of unknown length, and whose values are small.
pub fn small(text: &str) -> Option<Module> {
    let module = parse_module(text).ok().filter(|module| verify(module).is_ok())?;
    module.functions.iter().all(is_small).then_some(module)
}

fn is_small(function: &Function) -> bool {
    let counted = function.nodes.iter().all(|node| {
        !matches!(node.operation, Operation::Fold { .. } | Operation::Repeat { .. } | Operation::Call { .. })
    });
    // A reduction is computed from all it reads, so all axes count together.
    let every: Option<i64> = function.axes.iter().try_fold(1_i64, |product, axis| {
        let size = axis.size.evaluate(&|_| Some(FREE)).filter(|size| (0..=MOST_ENTRIES).contains(size))?;
        product.checked_mul(size.max(1))
    });
    counted && function.nodes.len() <= 64 && every.is_some_and(|entries| entries <= MOST_ENTRIES)
}

/// Something for each parameter of the entry.
pub fn inputs(module: &Module) -> Vec<Tensor> {
    let Some(entry) = module.entry() else { return Vec::new() };
    entry
        .parameters
        .iter()
        .filter_map(|parameter| {
            let _: ParameterKind = parameter.kind;
            filled(entry, &parameter.ty)
        })
        .collect()
}

fn filled(function: &Function, ty: &Type) -> Option<Tensor> {
    let shape: Option<Vec<usize>> = ty
        .axes
        .iter()
        .map(|axis| usize::try_from(function.axis(*axis)?.size.evaluate(&|_| Some(FREE))?).ok())
        .collect();
    let shape = shape?;
    let entries: usize = shape.iter().product();
    let width = ty.element.bytes();
    let byte = |place: usize| match ty.element {
        Element::Bool => (place % 3 == 0) as u8,
        // Small numbers of both signs, and now and then what is no number.
        _ => [0, 0, 0x40, 0x3f, 0, 0x80, 0xc0, 0xbf, 1, 0xff][(place * 7 + place / width) % 10],
    };
    Tensor::new(ty.element, shape, (0..entries * width).map(byte).collect())
}
