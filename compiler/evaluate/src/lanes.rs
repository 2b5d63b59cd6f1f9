//! Operations that look at all entries along an axis together: selection, order, running sums.

use crate::array::{Array, Value, Walk};
use crate::column;
use crate::data::{widen, Data};
use crate::error::EvaluateError;
use crate::margin;
use crate::nest::Extent;
use moe_grammar::Span;
use moe_graph::{AxisId, ReduceKind, Scalar};
use moe_runtime::Element;
use std::cmp::Ordering;

/// A row of entries along an axis, with the offset of its first in the whole.
struct Lane {
    entries: Data,
    offset: usize,
}

/// Calls `visit` with each lane of an array along an axis, in order of the other axes.
fn lanes(
    array: &Array,
    axis: AxisId,
    visit: &mut dyn FnMut(Lane) -> Result<(), EvaluateError>,
) -> Result<(), EvaluateError> {
    let (length, stride) = (array.length(axis).unwrap_or(0), array.stride(axis));
    let mut walk = Walk::new(&array.without(&[axis]), &[array]);
    while walk.here() {
        let offset = walk.offset(0);
        let mut entries = Data::new(array.element);
        entries.append(&array.data, offset, stride, length);
        visit(Lane { entries, offset })?;
        walk.advance();
    }
    Ok(())
}

/// The order of two entries for selection: NaN is below everything.
fn order(element: Element, entries: &Data, a: usize, b: usize) -> Ordering {
    match entries {
        Data::Float(entries) => {
            let [a, b] = [a, b].map(|place| entries.get(place).copied().unwrap_or(f64::NAN));
            a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
        }
        Data::Integer(_) => widen(element, entries.integer(a)).cmp(&widen(element, entries.integer(b))),
        Data::Boolean(_) => entries.boolean(a).cmp(&entries.boolean(b)),
    }
}

/// The places of a lane from the largest entry to the smallest, ties in ascending order.
fn descending(element: Element, entries: &Data) -> Vec<usize> {
    let mut places: Vec<usize> = (0..entries.len()).collect();
    places.sort_by(|a, b| order(element, entries, *b, *a).then(a.cmp(b)));
    places
}

/// How far the last entry in is from the first one out.
fn gap(entries: &Data, places: &[usize], count: usize, background: Option<f64>) -> f64 {
    let (Data::Float(_), Some(last)) = (entries, count.checked_sub(1)) else { return f64::INFINITY };
    match (places.get(last), places.get(count)) {
        (Some(inside), Some(outside)) => {
            margin::distance(entries.float(*inside), entries.float(*outside), &[background, None])
        }
        _ => f64::INFINITY,
    }
}

/// The margin of a selection along an axis: its own gaps, and what is behind the operand.
fn selection_margin(operand: &Value, axis: AxisId, gaps: Data) -> Result<Option<Array>, EvaluateError> {
    let behind = margin::maybe_over(operand.margin.as_ref(), &[axis])?;
    let own = operand.array.element.is_float().then(|| margin::floats(&operand.array.without(&[axis]), gaps));
    margin::smallest(&[own.as_ref(), behind.as_ref()])
}

/// Where the `count` largest entries along an axis are.
pub(crate) fn largest_mask(
    operand: &Value,
    axis: AxisId,
    count: usize,
    background: Option<f64>,
) -> Result<Value, EvaluateError> {
    let array = &operand.array;
    let stride = array.stride(axis);
    let mut mask = Data::filled(Element::Bool, Scalar::boolean(false), array.data.len())?;
    let mut gaps = Vec::new();
    let chosen = Data::Boolean(vec![true]);
    lanes(array, axis, &mut |lane| {
        let places = descending(array.element, &lane.entries);
        for place in places.iter().take(count) {
            mask.set(lane.offset + place * stride, &chosen, 0);
        }
        gaps.push(gap(&lane.entries, &places, count, background));
        Ok(())
    })?;
    let margin = selection_margin(operand, axis, Data::Float(gaps))?;
    let array = Array::new(Element::Bool, array.axes.clone(), array.shape.clone(), mask);
    Ok(Value { array, margin })
}

/// The coordinate of the largest entry along an axis.
pub(crate) fn arg_max(
    operand: &Value,
    axis: AxisId,
    background: Option<f64>,
    span: Option<Span>,
) -> Result<Value, EvaluateError> {
    let array = &operand.array;
    let (mut found, mut gaps) = (Vec::new(), Vec::new());
    lanes(array, axis, &mut |lane| {
        let places = descending(array.element, &lane.entries);
        let first = places.first().ok_or(EvaluateError::EmptyAxis { span })?;
        found.push(*first as i64);
        gaps.push(gap(&lane.entries, &places, 1, background));
        Ok(())
    })?;
    let margin = selection_margin(operand, axis, Data::Float(gaps))?;
    let (axes, shape) = array.without(&[axis]).into_iter().unzip();
    Ok(Value { array: Array::new(Element::I64, axes, shape, Data::Integer(found)), margin })
}

/// The entries along an axis in ascending order, NaN last.
pub(crate) fn sort(operand: &Value, axis: AxisId) -> Result<Value, EvaluateError> {
    let element = operand.array.element;
    along(operand, axis, &mut |entries| {
        let nan = |place: usize| matches!(entries, Data::Float(_)) && entries.float(place).is_nan();
        let mut places: Vec<usize> = (0..entries.len()).collect();
        places.sort_by(|a, b| nan(*a).cmp(&nan(*b)).then_with(|| order(element, entries, *a, *b)));
        let mut sorted = Data::new(element);
        places.iter().for_each(|place| sorted.append(entries, *place, 1, 1));
        sorted
    })
}

/// Sums of all entries up to and including each, along an axis.
pub(crate) fn cumulative_sum(operand: &Value, axis: AxisId) -> Result<Value, EvaluateError> {
    let element = operand.array.element;
    along(operand, axis, &mut |entries| {
        let mut sum = Data::new(element);
        sum.push(Scalar::zero(element));
        let mut sums = Data::new(element);
        for place in 0..entries.len() {
            column::fold_one(ReduceKind::Sum, element, &mut sum, 0, entries, place);
            sums.append(&sum, 0, 1, 1);
        }
        column::finish(element, &mut sums);
        sums
    })
}

/// Each lane replaced by another of the same length.
fn along(
    operand: &Value,
    axis: AxisId,
    change: &mut dyn FnMut(&Data) -> Data,
) -> Result<Value, EvaluateError> {
    let array = &operand.array;
    let stride = array.stride(axis);
    let mut data = (*array.data).clone();
    lanes(array, axis, &mut |lane| {
        let changed = change(&lane.entries);
        (0..changed.len()).for_each(|place| data.set(lane.offset + place * stride, &changed, place));
        Ok(())
    })?;
    let margin = margin::maybe_over(operand.margin.as_ref(), &[axis])?;
    Ok(Value { array: Array::new(array.element, array.axes.clone(), array.shape.clone(), data), margin })
}

/// Checks that at most `count` entries over `axes` are true, for each place along the other axes.
pub(crate) fn expect(
    mask: &Value,
    axes: &[AxisId],
    count: i64,
    span: Option<Span>,
) -> Result<Value, EvaluateError> {
    let array = &mask.array;
    let over: Vec<Extent> = array.extents().into_iter().filter(|(axis, _)| axes.contains(axis)).collect();
    let (mut outer, mut inner) = (Walk::new(&array.without(axes), &[array]), Walk::new(&over, &[array]));
    while outer.here() {
        let mut found = 0;
        inner.restart();
        while inner.here() {
            found += usize::from(array.data.boolean(outer.offset(0) + inner.offset(0)));
            inner.advance();
        }
        if found as i128 > i128::from(count.max(0)) {
            return Err(EvaluateError::Expect { count, found, span });
        }
        outer.advance();
    }
    Ok(mask.clone())
}

/// Zero along `into`, plus each update where the index says; `over` ends.
pub(crate) fn scatter_add(
    updates: &Value,
    index: &Value,
    over: &[Extent],
    extents: &[Extent],
    span: Option<Span>,
) -> Result<Value, EvaluateError> {
    let Some(((_, size), rest)) = extents.split_first() else {
        return Err(EvaluateError::Malformed("a scatter without an axis"));
    };
    let (array, row) = (&updates.array, crate::array::count(rest.iter().map(|(_, length)| *length))?);
    let total = crate::array::count(extents.iter().map(|(_, length)| *length))?;
    let mut sums = Data::filled(array.element, Scalar::zero(array.element), total)?;
    let arrays = [array, &index.array];
    let (mut outer, mut inner) = (Walk::new(rest, &arrays), Walk::new(over, &arrays));
    let mut column = 0;
    while outer.here() {
        inner.restart();
        while inner.here() {
            let place = crate::moves::position(&index.array, outer.offset(1) + inner.offset(1), *size, span)?;
            let source = outer.offset(0) + inner.offset(0);
            column::fold_one(
                ReduceKind::Sum,
                array.element,
                &mut sums,
                place * row + column,
                &array.data,
                source,
            );
            inner.advance();
        }
        column += 1;
        outer.advance();
    }
    column::finish(array.element, &mut sums);
    let ended: Vec<AxisId> = over.iter().map(|(axis, _)| *axis).collect();
    let behind = margin::smallest(&[updates.margin.as_ref(), index.margin.as_ref()])?;
    let margin = margin::maybe_over(behind.as_ref(), &ended)?;
    let (axes, shape) = extents.iter().copied().unzip();
    Ok(Value { array: Array::new(array.element, axes, shape, sums), margin })
}

/// The base with the entries along `axis` that the index names replaced by the updates; `over` ends, and its last update of an entry
/// counts.
pub(crate) fn scatter(
    [base, updates, index]: &[Value; 3],
    axis: AxisId,
    over: &[Extent],
    extents: &[Extent],
    span: Option<Span>,
) -> Result<Value, EvaluateError> {
    let whole = base.array.expand(extents)?;
    let mut data = (*whole.data).clone();
    let (size, stride) = (whole.length(axis).unwrap_or(0), whole.stride(axis));
    let rest: Vec<Extent> = extents.iter().copied().filter(|(own, _)| *own != axis).collect();
    let arrays = [&whole, &updates.array, &index.array];
    let (mut outer, mut inner) = (Walk::new(&rest, &arrays), Walk::new(over, &arrays));
    while outer.here() {
        inner.restart();
        while inner.here() {
            let place = crate::moves::position(&index.array, outer.offset(2) + inner.offset(2), size, span)?;
            let source = outer.offset(1) + inner.offset(1);
            data.set(outer.offset(0) + place * stride, &updates.array.data, source);
            inner.advance();
        }
        outer.advance();
    }
    // An update may go to any entry along the axis, so what is behind it is behind all of them.
    let ended: Vec<AxisId> = over.iter().map(|(own, _)| *own).collect();
    let behind = margin::smallest(&[updates.margin.as_ref(), index.margin.as_ref()])?;
    let behind = margin::maybe_over(behind.as_ref(), &ended)?;
    let margin = margin::smallest(&[base.margin.as_ref(), behind.as_ref()])?;
    Ok(Value { array: Array::new(whole.element, whole.axes.clone(), whole.shape.clone(), data), margin })
}
