//! Free sizes that are found in offsets: the length of the longest stretch of rows.

use crate::error::EvaluateError;
use crate::lengths::Lengths;
use moe_graph::{Function, Offsets};
use moe_runtime::{longest_stretch, Tensor};

/// Checks the offsets among the inputs, and binds the free size that is the length of their longest stretch.
pub(crate) fn bind(
    entry: &Function,
    offsets: &Offsets,
    inputs: &[Tensor],
    lengths: &mut Lengths,
) -> Result<(), EvaluateError> {
    let place = offsets.parameter as usize;
    let (Some(parameter), Some(input)) = (entry.parameters.get(place), inputs.get(place)) else {
        return Err(EvaluateError::Malformed("offsets that are no parameter"));
    };
    let unknown = || EvaluateError::Length { axis: parameter.name.clone(), size: offsets.rows.to_string() };
    bind_rows(entry, offsets, inputs, lengths);
    let rows = lengths.size(&offsets.rows).ok_or_else(unknown)?;
    let longest = longest_stretch(input.bytes(), rows);
    let longest =
        longest.map_err(|problem| EvaluateError::Offsets { name: parameter.name.clone(), problem })?;
    lengths.bind_symbol(&offsets.longest, usize::try_from(longest).map_err(|_| unknown())?);
    Ok(())
}

/// Binds the number of rows, where that is a free size: every axis of packed rows at the edge is as long as it says.
fn bind_rows(entry: &Function, offsets: &Offsets, inputs: &[Tensor], lengths: &mut Lengths) {
    let Some(symbol) = offsets.rows.as_symbol().filter(|symbol| lengths.symbol(symbol).is_none()) else {
        return;
    };
    let mut axes =
        entry.parameters.iter().zip(inputs).flat_map(|(own, input)| own.ty.axes.iter().zip(input.shape()));
    if let Some((_, rows)) = axes.find(|(axis, _)| entry.size(**axis) == offsets.rows) {
        lengths.bind_symbol(symbol, *rows);
    }
}
