//! Operations that only move entries. Margins move along.

use crate::array::{Array, Value, Walk};
use crate::data::Data;
use crate::error::EvaluateError;
use crate::margin;
use crate::nest::Extent;
use moe_grammar::Span;
use moe_graph::{AxisId, Scalar};
use std::rc::Rc;

/// Where windows begin and how far apart what they show is.
pub struct Steps {
    pub stride: usize,
    pub dilation: usize,
    pub before: usize,
}

impl Value {
    /// The same movement of the entries and, where the margin has all axes that it touches, of the margin; a margin that has only
    /// some of these axes is repeated along the others first.
    fn moved(
        &self,
        touched: &[AxisId],
        movement: impl Fn(&Array) -> Result<Array, EvaluateError>,
        margin_movement: impl Fn(&Array) -> Result<Array, EvaluateError>,
    ) -> Result<Value, EvaluateError> {
        let margin = match &self.margin {
            Some(margin) if touched.iter().any(|axis| margin.has(*axis)) => {
                Some(margin_movement(&self.with_axes(margin, touched)?)?)
            }
            other => other.clone(),
        };
        Ok(Value { array: movement(&self.array)?, margin })
    }

    fn with_axes(&self, margin: &Array, axes: &[AxisId]) -> Result<Array, EvaluateError> {
        let mut extents = self.array.extents();
        extents.retain(|(axis, _)| margin.has(*axis) || axes.contains(axis));
        margin.expand(&extents)
    }

    pub fn rename(&self, from: AxisId, to: AxisId) -> Value {
        let name = |axis| if axis == from { to } else { axis };
        Value {
            array: self.array.renamed(name),
            margin: self.margin.as_ref().map(|margin| margin.renamed(name)),
        }
    }

    pub fn merge(&self, from: &[AxisId], into: AxisId) -> Result<Value, EvaluateError> {
        self.moved(from, |array| merge(array, from, into), |array| merge(array, from, into))
    }

    pub fn split(&self, from: AxisId, into: &[Extent]) -> Result<Value, EvaluateError> {
        let movement = |array: &Array| split(array, from, into);
        self.moved(&[from], movement, movement)
    }

    pub fn slice(&self, from: AxisId, into: Extent, start: usize) -> Result<Value, EvaluateError> {
        let movement = |array: &Array| slice(array, from, into, start);
        self.moved(&[from], movement, movement)
    }

    pub fn pad(
        &self,
        from: AxisId,
        into: Extent,
        before: usize,
        value: Scalar,
    ) -> Result<Value, EvaluateError> {
        self.moved(
            &[from],
            |array| pad(array, from, into, before, value),
            |array| pad(array, from, into, before, margin::none()),
        )
    }

    pub fn window(
        &self,
        from: AxisId,
        into: &[Extent],
        steps: &Steps,
        value: Scalar,
    ) -> Result<Value, EvaluateError> {
        self.moved(
            &[from],
            |array| window(array, from, into, steps, value),
            |array| window(array, from, into, steps, margin::none()),
        )
    }
}

fn merge(array: &Array, from: &[AxisId], into: AxisId) -> Result<Array, EvaluateError> {
    let (mut axes, mut shape, mut loops) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, length) in array.extents() {
        if from.first() == Some(&axis) {
            let merged: Vec<(usize, usize)> =
                from.iter().map(|axis| (array.length(*axis).unwrap_or(0), array.stride(*axis))).collect();
            axes.push(into);
            shape.push(crate::array::count(merged.iter().map(|(length, _)| *length))?);
            loops.extend(merged);
        } else if !from.contains(&axis) {
            axes.push(axis);
            shape.push(length);
            loops.push((length, array.stride(axis)));
        }
    }
    Ok(Array::new(array.element, axes, shape, array.read(0, &loops)?))
}

fn split(array: &Array, from: AxisId, into: &[Extent]) -> Result<Array, EvaluateError> {
    let (mut axes, mut shape) = (Vec::new(), Vec::new());
    for (axis, length) in array.extents() {
        if axis != from {
            axes.push(axis);
            shape.push(length);
            continue;
        }
        if crate::array::count(into.iter().map(|(_, length)| *length))? != length {
            return Err(EvaluateError::Malformed("an axis is split into axes of another size"));
        }
        axes.extend(into.iter().map(|(axis, _)| *axis));
        shape.extend(into.iter().map(|(_, length)| *length));
    }
    Ok(Array { element: array.element, axes, shape, data: Rc::clone(&array.data) })
}

fn slice(array: &Array, from: AxisId, into: Extent, start: usize) -> Result<Array, EvaluateError> {
    let whole = array.length(from).unwrap_or(0);
    if start.checked_add(into.1).is_none_or(|end| end > whole) {
        return Err(EvaluateError::Malformed("a slice is longer than its axis"));
    }
    let (mut axes, mut shape, mut loops) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, length) in array.extents() {
        let (name, length) = if axis == from { into } else { (axis, length) };
        axes.push(name);
        shape.push(length);
        loops.push((length, array.stride(axis)));
    }
    let data = array.read(start * array.stride(from), &loops)?;
    Ok(Array::new(array.element, axes, shape, data))
}

fn pad(
    array: &Array,
    from: AxisId,
    into: Extent,
    before: usize,
    value: Scalar,
) -> Result<Array, EvaluateError> {
    let length = array.length(from).unwrap_or(0);
    let Some(after) = before.checked_add(length).and_then(|end| into.1.checked_sub(end)) else {
        return Err(EvaluateError::Malformed("an axis is padded to less than its size"));
    };
    let place = array.axes.iter().position(|axis| *axis == from).unwrap_or(0);
    let outer = crate::array::count(array.shape.iter().take(place).copied())?;
    let inner = array.stride(from);
    let (mut axes, mut shape) = (array.axes.clone(), array.shape.clone());
    axes.iter_mut().skip(place).take(1).for_each(|axis| *axis = into.0);
    shape.iter_mut().skip(place).take(1).for_each(|length| *length = into.1);
    let mut data = Data::with_room(array.element, crate::array::count(shape.iter().copied())?)?;
    for block in 0..outer {
        data.fill(value, before * inner);
        data.append(&array.data, block * length * inner, 1, length * inner);
        data.fill(value, after * inner);
    }
    Ok(Array::new(array.element, axes, shape, data))
}

fn window(
    array: &Array,
    from: AxisId,
    into: &[Extent],
    steps: &Steps,
    value: Scalar,
) -> Result<Array, EvaluateError> {
    let [(_, places), (_, taps)] = into else {
        return Err(EvaluateError::Malformed("a window has two axes"));
    };
    let length = array.length(from).unwrap_or(0);
    let place = array.axes.iter().position(|axis| *axis == from).unwrap_or(0);
    let outer = crate::array::count(array.shape.iter().take(place).copied())?;
    let inner = array.stride(from);
    let (mut axes, mut shape) = (array.axes.clone(), array.shape.clone());
    axes.splice(place..=place, into.iter().map(|(axis, _)| *axis));
    shape.splice(place..=place, into.iter().map(|(_, length)| *length));
    // Entries by window and tap, where there are any.
    let at = |window: usize, tap: usize| {
        let shifted = window.checked_mul(steps.stride)?.checked_add(tap.checked_mul(steps.dilation)?)?;
        shifted.checked_sub(steps.before).filter(|entry| *entry < length)
    };
    let mut data = Data::with_room(array.element, crate::array::count(shape.iter().copied())?)?;
    for block in 0..outer {
        for (window, tap) in (0..*places).flat_map(|window| (0..*taps).map(move |tap| (window, tap))) {
            match at(window, tap) {
                Some(entry) => data.append(&array.data, (block * length + entry) * inner, 1, inner),
                None => data.fill(value, inner),
            }
        }
    }
    Ok(Array::new(array.element, axes, shape, data))
}

/// The parts one after the other: each with its own axis, which `into` takes the place of; `extents` are the result's.
pub(crate) fn concatenate(
    parts: &[(Value, AxisId)],
    into: AxisId,
    extents: &[Extent],
) -> Result<Value, EvaluateError> {
    let arrays: Vec<(Array, AxisId)> = parts.iter().map(|(part, axis)| (part.array.clone(), *axis)).collect();
    let array = joined(&arrays, into, extents)?;
    if parts.iter().all(|(part, _)| part.margin.is_none()) {
        return Ok(Value::plain(array));
    }
    let mut margins = Vec::new();
    for (part, axis) in parts {
        let length = part.array.length(*axis).unwrap_or(0);
        let margin = match &part.margin {
            Some(margin) => margin.clone(),
            None => margin::floats(
                &[(*axis, length)],
                Data::filled(moe_runtime::Element::F64, margin::none(), length)?,
            ),
        };
        margins.push((margin, *axis, length));
    }
    let mut own: Vec<Extent> = extents.to_vec();
    own.retain(|(axis, _)| *axis == into || margins.iter().any(|(margin, ..)| margin.has(*axis)));
    let margins = margins.into_iter().map(|(margin, axis, length)| {
        let part: Vec<Extent> =
            own.iter().map(|extent| if extent.0 == into { (axis, length) } else { *extent }).collect();
        Ok((margin.expand(&part)?, axis))
    });
    let margins: Vec<(Array, AxisId)> = margins.collect::<Result<_, EvaluateError>>()?;
    Ok(Value { array, margin: Some(joined(&margins, into, &own)?) })
}

fn joined(parts: &[(Array, AxisId)], into: AxisId, extents: &[Extent]) -> Result<Array, EvaluateError> {
    let element = parts.first().map_or(moe_runtime::Element::F32, |(part, _)| part.element);
    let place = extents.iter().position(|(axis, _)| *axis == into).unwrap_or(0);
    let mut whole = Vec::new();
    for (part, own) in parts {
        let length = part.length(*own).unwrap_or(0);
        let extents: Vec<Extent> =
            extents.iter().map(|extent| if extent.0 == into { (*own, length) } else { *extent }).collect();
        let part = part.expand(&extents)?;
        let block = length * part.stride(*own);
        whole.push((part, block));
    }
    let outer = crate::array::count(extents.iter().take(place).map(|(_, length)| *length))?;
    let mut data = Data::with_room(element, crate::array::count(extents.iter().map(|(_, length)| *length))?)?;
    for round in 0..outer {
        for (part, block) in &whole {
            data.append(&part.data, round * block, 1, *block);
        }
    }
    let (axes, shape) = extents.iter().copied().unzip();
    Ok(Array::new(element, axes, shape, data))
}

/// The table's entries along `axis` that the index names.
pub(crate) fn gather(
    table: &Value,
    index: &Value,
    axis: AxisId,
    span: Option<Span>,
) -> Result<Value, EvaluateError> {
    let array = gather_array(&table.array, &index.array, axis, span)?;
    let looked_up = match &table.margin {
        Some(margin) if margin.has(axis) => Some(gather_array(margin, &index.array, axis, span)?),
        other => other.clone(),
    };
    let margin = margin::smallest(&[looked_up.as_ref(), index.margin.as_ref()])?;
    Ok(Value { array, margin })
}

fn gather_array(
    table: &Array,
    index: &Array,
    axis: AxisId,
    span: Option<Span>,
) -> Result<Array, EvaluateError> {
    let mut extents = index.extents();
    let rest: Vec<Extent> =
        table.extents().into_iter().filter(|(other, _)| *other != axis && !index.has(*other)).collect();
    let loops: Vec<(usize, usize)> =
        rest.iter().map(|(axis, length)| (*length, table.stride(*axis))).collect();
    extents.extend(&rest);
    let total = crate::array::count(extents.iter().map(|(_, length)| *length))?;
    let mut data = Data::with_room(table.element, total)?;
    let (size, stride) = (table.length(axis).unwrap_or(0), table.stride(axis));
    let mut walk = Walk::new(&index.extents(), &[index, table]);
    while walk.here() {
        let row = position(index, walk.offset(0), size, span)?;
        if total > 0 {
            table.read_into(&mut data, walk.offset(1) + row * stride, &loops);
        }
        walk.advance();
    }
    let (axes, shape) = extents.into_iter().unzip();
    Ok(Array::new(table.element, axes, shape, data))
}

/// The index at `offset`, which must be below `size`.
pub(crate) fn position(
    index: &Array,
    offset: usize,
    size: usize,
    span: Option<Span>,
) -> Result<usize, EvaluateError> {
    let index = crate::data::widen(index.element, index.data.integer(offset));
    match usize::try_from(index) {
        Ok(position) if position < size => Ok(position),
        _ => Err(EvaluateError::Index { index, size, span }),
    }
}
