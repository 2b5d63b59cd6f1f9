//! Tensors as the outside world has them: an element type, a shape, and row-major bytes.

use crate::element::Element;
use half::{bf16, f16};

/// A tensor that owns its entries: row-major, little-endian, `bool` as one byte of 0 or 1.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    element: Element,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    /// A tensor of the bytes given; `None` if they are not as many as the shape says, or the shape overflows.
    pub fn new(element: Element, shape: Vec<usize>, bytes: Vec<u8>) -> Option<Self> {
        (byte_length(element, &shape)? == bytes.len()).then_some(Tensor { element, shape, bytes })
    }

    /// A tensor whose bytes are all 0; `None` if the shape overflows.
    pub fn zeros(element: Element, shape: Vec<usize>) -> Option<Self> {
        let bytes = vec![0; byte_length(element, &shape)?];
        Some(Tensor { element, shape, bytes })
    }

    /// A tensor of `f32`; `None` if the entries are not as many as the shape says.
    pub fn from_f32(shape: Vec<usize>, entries: &[f32]) -> Option<Self> {
        Tensor::new(Element::F32, shape, entries.iter().flat_map(|entry| entry.to_le_bytes()).collect())
    }

    /// A tensor of `f64`; `None` if the entries are not as many as the shape says.
    pub fn from_f64(shape: Vec<usize>, entries: &[f64]) -> Option<Self> {
        Tensor::new(Element::F64, shape, entries.iter().flat_map(|entry| entry.to_le_bytes()).collect())
    }

    /// A tensor of `i64`; `None` if the entries are not as many as the shape says.
    pub fn from_i64(shape: Vec<usize>, entries: &[i64]) -> Option<Self> {
        Tensor::new(Element::I64, shape, entries.iter().flat_map(|entry| entry.to_le_bytes()).collect())
    }

    /// The element type.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.element.bytes()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The entries as they lie in memory.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entries as they lie in memory, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Every entry as an `f64`: integers beyond 2^53 are rounded, `bool` is 0 or 1.
    pub fn to_f64(&self) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
        }
        let bytes = &self.bytes;
        match self.element {
            Element::F64 => each(bytes, f64::from_le_bytes),
            Element::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
            Element::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f64()),
            Element::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f64()),
            Element::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
            Element::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
            Element::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
            Element::U64 => each(bytes, |b| u64::from_le_bytes(b) as f64),
            Element::U32 => each(bytes, |b| u32::from_le_bytes(b).into()),
            Element::U8 | Element::Bool => each(bytes, |b: [u8; 1]| f64::from(u8::from_le_bytes(b))),
        }
    }
}

/// A tensor whose shape and entries somebody else owns; in memory as [`Tensor`] is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TensorRef<'a> {
    /// The element type.
    pub element: Element,
    /// The sizes of the axes.
    pub shape: &'a [usize],
    /// The entries.
    pub bytes: &'a [u8],
}

/// Room for a tensor, owned by somebody else.
#[derive(PartialEq, Debug)]
pub struct TensorMut<'a> {
    /// The element type.
    pub element: Element,
    /// The sizes of the axes.
    pub shape: &'a [usize],
    /// Where the entries go.
    pub bytes: &'a mut [u8],
}

impl<'a> From<&'a Tensor> for TensorRef<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        TensorRef { element: tensor.element, shape: &tensor.shape, bytes: &tensor.bytes }
    }
}

impl<'a> From<&'a mut Tensor> for TensorMut<'a> {
    fn from(tensor: &'a mut Tensor) -> Self {
        TensorMut { element: tensor.element, shape: &tensor.shape, bytes: &mut tensor.bytes }
    }
}

/// The bytes of a tensor; `None` if that overflows.
pub fn byte_length(element: Element, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(element.bytes(), |bytes, size| bytes.checked_mul(*size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_must_fit_its_entries() {
        assert!(Tensor::from_f32(vec![2, 3], &[0.0; 6]).is_some());
        assert!(Tensor::from_f32(vec![2, 3], &[0.0; 5]).is_none());
        assert!(Tensor::zeros(Element::F32, vec![usize::MAX, 2]).is_none());
    }

    #[test]
    fn entries_are_read_in_every_type() {
        for element in Element::ALL {
            let mut bytes = vec![0; element.bytes()];
            let one: &[u8] = match element {
                Element::F64 => &1_f64.to_le_bytes(),
                Element::F32 => &1_f32.to_le_bytes(),
                Element::Bf16 => &bf16::ONE.to_le_bytes(),
                Element::F16 => &f16::ONE.to_le_bytes(),
                _ => &[1],
            };
            bytes[..one.len()].copy_from_slice(one);
            assert_eq!(Tensor::new(element, vec![], bytes).unwrap().to_f64(), [1.0], "{element}");
        }
    }
}
