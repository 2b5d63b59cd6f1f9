//! Arrays along named axes, and walks over them.

use crate::data::Data;
use crate::error::EvaluateError;
use moe_graph::AxisId;
use moe_runtime::Element;
use std::rc::Rc;

/// Entries along named axes, row-major.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub element: Element,
    pub axes: Vec<AxisId>,
    pub shape: Vec<usize>,
    pub data: Rc<Data>,
}

/// A value while evaluating, and how far the choices behind each of its entries are from falling out otherwise. The margin's axes are
/// some of the value's; without a margin no choice is near.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub array: Array,
    pub margin: Option<Array>,
}

impl Array {
    pub fn new(element: Element, axes: Vec<AxisId>, shape: Vec<usize>, data: Data) -> Self {
        Array { element, axes, shape, data: Rc::new(data) }
    }

    pub fn has(&self, axis: AxisId) -> bool {
        self.axes.contains(&axis)
    }

    /// How long an axis is; `None` for one it lacks.
    pub fn length(&self, axis: AxisId) -> Option<usize> {
        let place = self.axes.iter().position(|other| *other == axis)?;
        self.shape.get(place).copied()
    }

    /// The distance between entries next to each other along an axis; 0 for one it lacks.
    pub fn stride(&self, axis: AxisId) -> usize {
        match self.axes.iter().position(|other| *other == axis) {
            Some(place) => self.shape.iter().skip(place + 1).product(),
            None => 0,
        }
    }

    /// The axes and their lengths.
    pub fn extents(&self) -> Vec<(AxisId, usize)> {
        self.axes.iter().copied().zip(self.shape.iter().copied()).collect()
    }

    /// The axes but some, and their lengths.
    pub fn without(&self, axes: &[AxisId]) -> Vec<(AxisId, usize)> {
        let mut extents = self.extents();
        extents.retain(|(axis, _)| !axes.contains(axis));
        extents
    }

    /// The same entries with the axes called otherwise.
    pub fn renamed(&self, name: impl Fn(AxisId) -> AxisId) -> Array {
        Array { axes: self.axes.iter().map(|axis| name(*axis)).collect(), ..self.clone() }
    }

    /// With exactly the axes given, in that order: it is repeated along those it lacks.
    pub fn expand(&self, extents: &[(AxisId, usize)]) -> Result<Array, EvaluateError> {
        let (axes, shape): (Vec<AxisId>, Vec<usize>) = extents.iter().copied().unzip();
        if axes == self.axes && shape == self.shape {
            return Ok(self.clone());
        }
        let strides: Vec<(usize, usize)> =
            extents.iter().map(|(axis, length)| (*length, self.stride(*axis))).collect();
        Ok(Array::new(self.element, axes, shape, self.read(0, &strides)?))
    }

    /// The entries from `base` on, in nested loops of the lengths and strides given.
    pub fn read(&self, base: usize, loops: &[(usize, usize)]) -> Result<Data, EvaluateError> {
        let total = count(loops.iter().map(|(length, _)| *length))?;
        let mut data = Data::with_room(self.element, total)?;
        if total > 0 {
            self.read_into(&mut data, base, loops);
        }
        Ok(data)
    }

    /// Appends what [`Array::read`] gives. No loop is empty.
    pub fn read_into(&self, data: &mut Data, base: usize, loops: &[(usize, usize)]) {
        match loops {
            [] => data.append(&self.data, base, 1, 1),
            [(length, stride)] => data.append(&self.data, base, *stride, *length),
            [(length, stride), inner @ ..] => {
                for place in 0..*length {
                    self.read_into(data, base + place * stride, inner);
                }
            }
        }
    }
}

/// How many entries there are along axes of the lengths given.
pub(crate) fn count(lengths: impl IntoIterator<Item = usize>) -> Result<usize, EvaluateError> {
    let (mut total, mut empty) = (Some(1_usize), false);
    for length in lengths {
        empty |= length == 0;
        total = total.and_then(|total| total.checked_mul(length.max(1)));
    }
    match total {
        _ if empty => Ok(0),
        Some(total) => Ok(total),
        None => Err(EvaluateError::TooLarge { entries: usize::MAX }),
    }
}

/// A walk over all places along some axes in row-major order, keeping the offset into each of several arrays.
pub(crate) struct Walk {
    lengths: Vec<usize>,
    /// For each axis, the stride in each array.
    strides: Vec<Vec<usize>>,
    place: Vec<usize>,
    offsets: Vec<usize>,
    more: bool,
}

impl Walk {
    pub fn new(extents: &[(AxisId, usize)], arrays: &[&Array]) -> Self {
        let strides = extents
            .iter()
            .map(|(axis, _)| arrays.iter().map(|array| array.stride(*axis)).collect())
            .collect();
        Walk::with_strides(extents.iter().map(|(_, length)| *length).collect(), strides, arrays.len())
    }

    pub fn with_strides(lengths: Vec<usize>, strides: Vec<Vec<usize>>, arrays: usize) -> Self {
        let more = lengths.iter().all(|length| *length > 0);
        Walk { place: vec![0; lengths.len()], lengths, strides, offsets: vec![0; arrays], more }
    }

    /// Whether there is a place here; false after the last.
    pub fn here(&self) -> bool {
        self.more
    }

    pub fn offset(&self, array: usize) -> usize {
        self.offsets.get(array).copied().unwrap_or(0)
    }

    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// To the next place. After the last it is back at the first, and [`Walk::here`] is false until [`Walk::restart`].
    pub fn advance(&mut self) {
        let axes = self.place.iter_mut().zip(&self.lengths).zip(&self.strides);
        for ((place, length), strides) in axes.rev() {
            *place += 1;
            if *place < *length {
                self.offsets.iter_mut().zip(strides).for_each(|(offset, stride)| *offset += stride);
                return;
            }
            *place = 0;
            self.offsets
                .iter_mut()
                .zip(strides)
                .for_each(|(offset, stride)| *offset -= stride * (length - 1));
        }
        self.more = false;
    }

    /// From the first place again.
    pub fn restart(&mut self) {
        self.more = self.lengths.iter().all(|length| *length > 0);
    }
}
