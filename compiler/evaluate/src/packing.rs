//! Packing: the axes of a mask as one axis of its true entries, and back.

use crate::array::{count, Array, Value, Walk};
use crate::column;
use crate::data::Data;
use crate::error::EvaluateError;
use crate::margin;
use crate::nest::Extent;
use moe_graph::{AxisId, ReduceKind, Scalar};

/// The mask's axes become one of its true entries, in row-major order of the mask's axes.
pub(crate) fn pack(mask: &Value, value: &Value, into: AxisId) -> Result<Value, EvaluateError> {
    let array = pack_array(&mask.array, &value.array, into)?;
    let smaller = margin::smallest(&[mask.margin.as_ref(), value.margin.as_ref()])?;
    let margin = match smaller {
        Some(margin) if margin.axes.iter().any(|axis| mask.array.has(*axis)) => {
            Some(pack_array(&mask.array, &margin, into)?)
        }
        other => other,
    };
    Ok(Value { array, margin })
}

fn pack_array(mask: &Array, value: &Array, into: AxisId) -> Result<Array, EvaluateError> {
    let rest = value.without(&mask.axes);
    let loops: Vec<(usize, usize)> =
        rest.iter().map(|(axis, length)| (*length, value.stride(*axis))).collect();
    let rows = mask.data.booleans().iter().filter(|entry| **entry).count();
    let total = count(rest.iter().map(|(_, length)| *length).chain([rows]))?;
    let mut data = Data::with_room(value.element, total)?;
    let mut walk = Walk::new(&mask.extents(), &[mask, value]);
    while walk.here() {
        if total > 0 && mask.data.boolean(walk.offset(0)) {
            value.read_into(&mut data, walk.offset(1), &loops);
        }
        walk.advance();
    }
    let (mut axes, mut shape) = (vec![into], vec![rows]);
    axes.extend(rest.iter().map(|(axis, _)| *axis));
    shape.extend(rest.iter().map(|(_, length)| *length));
    Ok(Array::new(value.element, axes, shape, data))
}

/// The inverse of packing: the background where the mask is false.
pub(crate) fn unpack(
    mask: &Value,
    packed: &Value,
    from: AxisId,
    background: Scalar,
) -> Result<Value, EvaluateError> {
    let array = unpack_array(&mask.array, &packed.array, from, background)?;
    let back = match &packed.margin {
        Some(margin) if margin.has(from) => Some(unpack_array(&mask.array, margin, from, margin::none())?),
        other => other.clone(),
    };
    let margin = margin::smallest(&[mask.margin.as_ref(), back.as_ref()])?;
    Ok(Value { array, margin })
}

fn unpack_array(
    mask: &Array,
    packed: &Array,
    from: AxisId,
    background: Scalar,
) -> Result<Array, EvaluateError> {
    check_rows(mask, packed, from)?;
    let mut extents = mask.extents();
    let rest = packed.without(&[from]);
    let loops: Vec<(usize, usize)> =
        rest.iter().map(|(axis, length)| (*length, packed.stride(*axis))).collect();
    extents.extend(&rest);
    let total = count(extents.iter().map(|(_, length)| *length))?;
    let row = count(rest.iter().map(|(_, length)| *length))?;
    let mut data = Data::with_room(packed.element, total)?;
    let mut next = 0;
    for entry in mask.data.booleans() {
        if total == 0 {
            break;
        }
        if *entry {
            packed.read_into(&mut data, next * packed.stride(from), &loops);
            next += 1;
        } else {
            data.fill(background, row);
        }
    }
    let (axes, shape) = extents.into_iter().unzip();
    Ok(Array::new(packed.element, axes, shape, data))
}

fn check_rows(mask: &Array, packed: &Array, from: AxisId) -> Result<(), EvaluateError> {
    let rows = mask.data.booleans().iter().filter(|entry| **entry).count();
    if packed.length(from) == Some(rows) {
        Ok(())
    } else {
        Err(EvaluateError::Malformed("packed rows are not as many as the mask's true entries"))
    }
}

/// The packed entries brought together along the axes `over` of the mask.
pub(crate) fn segment_reduce(
    mask: &Value,
    packed: &Value,
    kind: ReduceKind,
    from: AxisId,
    over: &[AxisId],
) -> Result<Value, EvaluateError> {
    let array = segment_reduce_array(&mask.array, &packed.array, kind, from, over)?;
    let back = match &packed.margin {
        Some(margin) if margin.has(from) => {
            Some(segment_reduce_array(&mask.array, margin, ReduceKind::Minimum, from, over)?)
        }
        other => other.clone(),
    };
    let chosen = margin::maybe_over(mask.margin.as_ref(), over)?;
    Ok(Value { array, margin: margin::smallest(&[chosen.as_ref(), back.as_ref()])? })
}

fn segment_reduce_array(
    mask: &Array,
    packed: &Array,
    kind: ReduceKind,
    from: AxisId,
    over: &[AxisId],
) -> Result<Array, EvaluateError> {
    check_rows(mask, packed, from)?;
    let mut extents: Vec<Extent> = mask.without(over);
    extents.extend(packed.without(&[from]));
    let rest = packed.without(&[from]);
    let total = count(extents.iter().map(|(_, length)| *length))?;
    let identity = kind.identity(packed.element);
    let (axes, shape) = extents.into_iter().unzip();
    let blank = Data::filled(packed.element, identity, total)?;
    let mut result = Array::new(packed.element, axes, shape, Data::default());
    let mut sums = blank;
    let mut walk = Walk::new(&mask.extents(), &[mask, &result]);
    let mut inner = Walk::new(&rest, &[packed, &result]);
    let mut next = 0;
    while walk.here() {
        if mask.data.boolean(walk.offset(0)) {
            inner.restart();
            while inner.here() {
                let (place, source) =
                    (walk.offset(1) + inner.offset(1), next * packed.stride(from) + inner.offset(0));
                column::fold_one(kind, packed.element, &mut sums, place, &packed.data, source);
                inner.advance();
            }
            next += 1;
        }
        walk.advance();
    }
    column::finish(packed.element, &mut sums);
    result.data = sums.into();
    Ok(result)
}
