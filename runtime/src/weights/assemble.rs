//! From tensors of a file to a weight: pieces, strides and transposes are views, and only what is not in place already is
//! copied.

use super::gather::{gather, Matrix};
use crate::element::Element;
use crate::program::SourceStep;

/// A part of a tensor: where it begins, how large it is, and how far apart its entries are, all counted in entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl Part {
    /// All of a row-major tensor.
    pub fn whole(shape: &[usize]) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut stride: usize = 1;
        for (place, size) in strides.iter_mut().zip(shape).rev() {
            *place = stride;
            stride = stride.saturating_mul(*size);
        }
        Part { offset: 0, shape: shape.to_vec(), strides }
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The part that a step leaves.
    ///
    /// # Errors
    /// In words, if the shape does not have such an axis, piece or entry.
    pub fn step(mut self, step: &SourceStep) -> Result<Self, String> {
        match step {
            SourceStep::Piece { axis, index, count } => {
                let (index, count) = (to_size(*index)?, to_size(*count)?);
                let (size, stride) = self.axis(*axis)?;
                if count == 0 || index >= count || *size % count != 0 {
                    return Err(format!(
                        "axis {axis} of size {size} has no piece {index} of {count} equal ones"
                    ));
                }
                let piece = *size / count;
                let begin = (index * piece).saturating_mul(*stride);
                *size = piece;
                self.offset = self.offset.saturating_add(begin);
            }
            SourceStep::Stride { axis, offset, stride: distance } => {
                let (offset, distance) = (to_size(*offset)?, to_size(*distance)?);
                let (size, stride) = self.axis(*axis)?;
                if distance == 0 || offset > *size {
                    return Err(format!(
                        "axis {axis} of size {size} has no entries {offset} and every {distance} on"
                    ));
                }
                let begin = offset.saturating_mul(*stride);
                *size = (*size - offset).div_ceil(distance);
                *stride = stride.saturating_mul(distance);
                self.offset = self.offset.saturating_add(begin);
            }
            SourceStep::Transpose => {
                let axes = self.shape.len();
                let Some(last) = axes.checked_sub(1).filter(|last| *last > 0) else {
                    return Err(format!("a tensor of {axes} axes cannot be transposed"));
                };
                self.shape.swap(last - 1, last);
                self.strides.swap(last - 1, last);
            }
        }
        Ok(self)
    }

    fn axis(&mut self, axis: u32) -> Result<(&mut usize, &mut usize), String> {
        let axes = self.shape.len();
        let axis = axis as usize;
        match (self.shape.get_mut(axis), self.strides.get_mut(axis)) {
            (Some(size), Some(stride)) => Ok((size, stride)),
            _ => Err(format!("there is no axis {axis} of {axes}")),
        }
    }

    /// How many entries it has.
    fn entries(&self) -> usize {
        self.shape.iter().fold(1, |entries: usize, size| entries.saturating_mul(*size))
    }

    /// The first entry, if the part lies in one stretch in row-major order.
    pub fn in_place(&self) -> Option<usize> {
        let dense = Part::whole(&self.shape);
        let same = |((size, stride), dense): ((&usize, &usize), &usize)| *size <= 1 || stride == dense;
        let in_order = self.shape.iter().zip(&self.strides).zip(&dense.strides).all(same);
        (in_order || self.entries() == 0).then_some(self.offset)
    }

    /// Appends the entries in row-major order, as another element type. `bytes` is the whole tensor.
    ///
    /// # Errors
    /// In words, if an entry does not fit the other type.
    pub fn copy(&self, bytes: &[u8], from: Element, to: Element, output: &mut Vec<u8>) -> Result<(), String> {
        if self.entries() == 0 {
            return Ok(());
        }
        let axes = self.shape.len();
        let (outer, inner) = self.shape.split_at(axes.saturating_sub(2));
        let (outer_strides, inner_strides) = self.strides.split_at(axes.saturating_sub(2));
        let mut matrix = match (inner, inner_strides) {
            ([rows, columns], [row_stride, column_stride]) => Matrix {
                first: 0,
                rows: *rows,
                columns: *columns,
                row_stride: *row_stride,
                column_stride: *column_stride,
            },
            ([columns], [column_stride]) => {
                Matrix { first: 0, rows: 1, columns: *columns, row_stride: 0, column_stride: *column_stride }
            }
            _ => Matrix { first: 0, rows: 1, columns: 1, row_stride: 0, column_stride: 1 },
        };
        let mut position = vec![0; outer.len()];
        loop {
            let offset: usize =
                position.iter().zip(outer_strides).map(|(index, stride)| index * stride).sum();
            matrix.first = self.offset + offset;
            gather(matrix, bytes, from, to, output).ok_or_else(|| format!("an entry does not fit {to}"))?;
            if !advance(&mut position, outer) {
                return Ok(());
            }
        }
    }
}

/// The next position in row-major order; `false` after the last.
fn advance(position: &mut [usize], shape: &[usize]) -> bool {
    for (index, size) in position.iter_mut().zip(shape).rev() {
        *index += 1;
        if *index < *size {
            return true;
        }
        *index = 0;
    }
    false
}

fn to_size(number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| format!("{number} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(part: &Part, length: u8) -> Vec<u8> {
        let bytes: Vec<u8> = (0..length).collect();
        let mut output = Vec::new();
        part.copy(&bytes, Element::U8, Element::U8, &mut output).unwrap();
        output
    }

    #[test]
    fn steps_choose_entries() {
        let whole = Part::whole(&[4, 3]);
        assert_eq!(whole.in_place(), Some(0));
        let lower = whole.clone().step(&SourceStep::Piece { axis: 0, index: 1, count: 2 }).unwrap();
        assert_eq!((lower.shape(), lower.in_place()), ([2, 3].as_slice(), Some(6)));
        let odd = whole.clone().step(&SourceStep::Stride { axis: 0, offset: 1, stride: 2 }).unwrap();
        assert_eq!(odd.in_place(), None);
        assert_eq!(entries(&odd, 12), [3, 4, 5, 9, 10, 11]);
        let turned = lower.step(&SourceStep::Transpose).unwrap();
        assert_eq!(turned.shape(), [3, 2]);
        assert_eq!(entries(&turned, 12), [6, 9, 7, 10, 8, 11]);
    }

    #[test]
    fn steps_that_do_not_fit_are_errors() {
        let whole = Part::whole(&[4, 3]);
        assert!(whole.clone().step(&SourceStep::Piece { axis: 1, index: 0, count: 2 }).is_err());
        assert!(whole.clone().step(&SourceStep::Piece { axis: 2, index: 0, count: 1 }).is_err());
        assert!(whole.clone().step(&SourceStep::Piece { axis: 0, index: 2, count: 2 }).is_err());
        assert!(whole.step(&SourceStep::Stride { axis: 0, offset: 0, stride: 0 }).is_err());
        assert!(Part::whole(&[4]).step(&SourceStep::Transpose).is_err());
    }

    #[test]
    fn scalars_and_nothing_at_all() {
        assert_eq!(entries(&Part::whole(&[]), 1), [0]);
        assert!(entries(&Part::whole(&[0, 3]), 0).is_empty());
    }
}
