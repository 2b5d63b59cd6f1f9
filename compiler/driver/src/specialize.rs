//! `--specialize W.safetensors`: what is zero in given weights is known while compiling, along each axis by itself: pruned ranks and heads, dead experts, masks.
//! The program records what was taken for granted, and refuses weights that have something there.

use crate::compile::weight_sources;
use crate::run::diagnostic;
use crate::session::{Failure, Selection, Session};
use moe_check::{Elaborated, KnownPlaces, KnownWeights};
use moe_diagnostics::Diagnostic;
use moe_graph::ParameterKind;
use moe_runtime::program::{
    AxisDescription, LeftOut, LeftOutValue, Program, SizeExpression, TensorDescription, WeightDescription,
};
use moe_runtime::weights::{load, needed};
use moe_runtime::WeightFile;
use std::path::Path;

const VALUES: [LeftOutValue; 2] = [LeftOutValue::Zero, LeftOutValue::NegativeInfinity];

/// The places at which the weights of a file have nothing.
///
/// # Errors
/// If the file cannot be read, or does not fit the model.
pub fn known(
    session: &Session,
    selection: &Selection,
    elaborated: &Elaborated,
    path: &Path,
) -> Result<KnownWeights, Failure> {
    let program = weights_of(session, selection, elaborated)?;
    let failure = |error| Failure::plain(diagnostic(&error));
    let file = WeightFile::open(path).map_err(failure)?;
    let loaded = load(&program, Some(&file)).map_err(failure)?;
    let mut known = KnownWeights::new();
    for (weight, loaded) in program.weights.iter().zip(&loaded) {
        let shape: Vec<usize> = weight.tensor.axes.iter().filter_map(length).collect();
        let bytes = loaded.bytes(Some(&file));
        let places = VALUES.iter().map(|value| places(bytes, weight, &shape, *value));
        let places = places.into_iter().find(|places| !places.is_empty());
        known.extend(places.map(|places| (weight.tensor.name.clone(), places)));
    }
    Ok(known)
}

/// The axes of a weight that have places with nothing but `value`. Of a weight that has nothing at all the first place of each axis is kept.
fn places(
    bytes: &[u8],
    weight: &WeightDescription,
    shape: &[usize],
    value: LeftOutValue,
) -> Vec<KnownPlaces> {
    let of_axis = |(axis, mut needed): (usize, Vec<bool>)| {
        if needed.iter().all(|needed| !needed) {
            needed.first_mut().into_iter().for_each(|first| *first = true);
        }
        let dead = needed.iter().any(|needed| !needed);
        dead.then_some(KnownPlaces { axis, needed, otherwise: value })
    };
    needed(bytes, weight.tensor.element, shape, value).into_iter().enumerate().filter_map(of_axis).collect()
}

fn length(axis: &AxisDescription) -> Option<usize> {
    match axis.size {
        SizeExpression::Constant(size) => usize::try_from(size).ok(),
        _ => None,
    }
}

/// A program that has nothing but the weights of a model.
fn weights_of(session: &Session, selection: &Selection, elaborated: &Elaborated) -> Result<Program, Failure> {
    let sources = weight_sources(session, selection, elaborated)?;
    let mut program = Program::empty(&elaborated.name);
    let Some(entry) = elaborated.module.entry() else { return Ok(program) };
    for weight in entry.parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Weight) {
        let axis = |axis: &moe_graph::AxisId| {
            let size = SizeExpression::Constant(entry.size(*axis).as_constant()?);
            Some(AxisDescription { name: entry.axis(*axis)?.name.clone(), size })
        };
        let axes: Option<Vec<AxisDescription>> = weight.ty.axes.iter().map(axis).collect();
        let axes = axes.ok_or_else(|| {
            let message = format!("the size of the weight `{}` is not fixed", weight.name);
            Failure::plain(Diagnostic::plain_error("E0012", message))
        })?;
        let tensor = TensorDescription { name: weight.name.clone(), element: weight.ty.element, axes };
        let source = sources.get(&weight.name).cloned();
        program.weights.push(WeightDescription { tensor, source, left_out: Vec::new() });
    }
    Ok(program)
}

/// Records in a program what was taken for granted of its weights.
pub fn record(known: &KnownWeights, program: &mut Program) {
    for weight in &mut program.weights {
        let all = known.get(&weight.tensor.name).into_iter().flatten();
        weight.left_out.extend(all.map(|known| {
            let dead = known.needed.iter().enumerate().filter(|(_, needed)| !**needed);
            let places = dead.map(|(place, _)| place as u64).collect();
            LeftOut { axis: known.axis as u32, places, value: known.otherwise }
        }));
    }
}
