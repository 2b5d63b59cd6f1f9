//! Copying a matrix whose entries do not lie row by row, in blocks that stay in the cache.

use super::convert::convert;
use crate::element::Element;
use half::f16;

/// Rows and columns of a block.
const BLOCK: usize = 32;

/// A matrix inside a tensor: its first entry, its size, and how far apart its rows and columns are, in entries.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    pub first: usize,
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

/// Appends the entries in row-major order, as another element type; `None` if one does not fit it, or `bytes` is too short.
pub fn gather(matrix: Matrix, bytes: &[u8], from: Element, to: Element, output: &mut Vec<u8>) -> Option<()> {
    match (from, to) {
        _ if from == to && matrix.column_stride == 1 => rows(matrix, bytes, from.bytes(), output),
        _ if from == to => match from.bytes() {
            1 => blocks(matrix, bytes, output, |entry: [u8; 1]| entry),
            2 => blocks(matrix, bytes, output, |entry: [u8; 2]| entry),
            4 => blocks(matrix, bytes, output, |entry: [u8; 4]| entry),
            _ => blocks(matrix, bytes, output, |entry: [u8; 8]| entry),
        },
        (Element::Bf16, Element::F32) => {
            blocks(matrix, bytes, output, |[low, high]: [u8; 2]| [0, 0, low, high])
        }
        (Element::F16, Element::F32) => {
            blocks(matrix, bytes, output, |entry: [u8; 2]| f16::from_le_bytes(entry).to_f32().to_le_bytes())
        }
        _ => entries(matrix, bytes, from, to, output),
    }
}

/// Whole rows at a time.
fn rows(matrix: Matrix, bytes: &[u8], size: usize, output: &mut Vec<u8>) -> Option<()> {
    for row in 0..matrix.rows {
        let begin = (matrix.first + row * matrix.row_stride) * size;
        output.extend_from_slice(bytes.get(begin..begin + matrix.columns * size)?);
    }
    Some(())
}

/// Block by block, so that neither side jumps through memory from entry to entry.
fn blocks<const F: usize, const T: usize>(
    matrix: Matrix,
    bytes: &[u8],
    output: &mut Vec<u8>,
    convert: impl Fn([u8; F]) -> [u8; T],
) -> Option<()> {
    let Matrix { first, rows, columns, row_stride, column_stride } = matrix;
    let source = bytes.as_chunks::<F>().0;
    let begin = output.len();
    output.resize(begin + rows * columns * T, 0);
    let target = output.get_mut(begin..)?.as_chunks_mut::<T>().0;
    for row_block in (0..rows).step_by(BLOCK) {
        for column_block in (0..columns).step_by(BLOCK) {
            for row in row_block..(row_block + BLOCK).min(rows) {
                let end = (column_block + BLOCK).min(columns);
                let places = target.get_mut(row * columns + column_block..row * columns + end)?;
                let start = first + row * row_stride + column_block * column_stride;
                for (index, place) in places.iter_mut().enumerate() {
                    *place = convert(*source.get(start + index * column_stride)?);
                }
            }
        }
    }
    Some(())
}

/// Entry by entry, whatever the types.
fn entries(matrix: Matrix, bytes: &[u8], from: Element, to: Element, output: &mut Vec<u8>) -> Option<()> {
    let size = from.bytes();
    for row in 0..matrix.rows {
        for column in 0..matrix.columns {
            let at = (matrix.first + row * matrix.row_stride + column * matrix.column_stride) * size;
            convert(bytes.get(at..at + size)?, from, to, output)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_entries_agree() {
        let matrix = Matrix { first: 2, rows: 70, columns: 45, row_stride: 1, column_stride: 71 };
        let length = 2 + 70 + 71 * 45;
        for from in Element::ALL {
            let bytes: Vec<u8> = (0..length * from.bytes()).map(|index| ((index * 7) % 60) as u8).collect();
            for to in [from, Element::F32] {
                let (mut quick, mut plain) = (vec![9], vec![9]);
                gather(matrix, &bytes, from, to, &mut quick).unwrap();
                entries(matrix, &bytes, from, to, &mut plain).unwrap();
                assert!(quick == plain, "{from} to {to}");
                assert_eq!(quick.len(), 1 + 70 * 45 * to.bytes());
            }
        }
    }

    #[test]
    fn what_is_too_short_is_noticed() {
        let matrix = Matrix { first: 0, rows: 2, columns: 2, row_stride: 1, column_stride: 2 };
        for to in [Element::F16, Element::F32, Element::F64] {
            assert_eq!(gather(matrix, &[0; 6], Element::F16, to, &mut Vec::new()), None);
        }
        let rows = Matrix { row_stride: 2, column_stride: 1, ..matrix };
        assert_eq!(gather(rows, &[0; 6], Element::F16, Element::F16, &mut Vec::new()), None);
    }
}
