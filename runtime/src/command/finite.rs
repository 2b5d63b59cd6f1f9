//! The search for values that are infinite or not a number.

use crate::element::Element;
use crate::error::{codes, Error};
use crate::tensor::Tensor;

/// # Errors
/// If an entry of the tensor is not finite: the first one.
pub fn check_finite(name: &str, tensor: &Tensor) -> Result<(), Error> {
    let Some(first) = first_not_finite(tensor) else { return Ok(()) };
    let mut rest = first;
    let mut position = Vec::new();
    for size in tensor.shape().iter().rev() {
        position.push(rest.checked_rem(*size).unwrap_or(0));
        rest = rest.checked_div(*size).unwrap_or(0);
    }
    position.reverse();
    let value = tensor.to_f64().get(first).copied().unwrap_or(f64::NAN);
    Err(Error::new(codes::NOT_FINITE, format!("`{name}` has {value} at {position:?}")))
}

/// Works on the bits: a number is not finite where all bits of its exponent are set.
fn first_not_finite(tensor: &Tensor) -> Option<usize> {
    fn find<const N: usize>(bytes: &[u8], finite: impl Fn([u8; N]) -> bool) -> Option<usize> {
        bytes.as_chunks::<N>().0.iter().position(|entry| !finite(*entry))
    }
    let bytes = tensor.bytes();
    match tensor.element() {
        Element::F64 => find(bytes, |entry| f64::from_le_bytes(entry).is_finite()),
        Element::F32 => find(bytes, |entry| f32::from_le_bytes(entry).is_finite()),
        Element::Bf16 => find(bytes, |entry| u16::from_le_bytes(entry) & 0x7f80 != 0x7f80),
        Element::F16 => find(bytes, |entry| u16::from_le_bytes(entry) & 0x7c00 != 0x7c00),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_named() {
        let entries = [0.0, 1.0, 2.0, f32::INFINITY, f32::NAN, 0.0];
        let error = check_finite("y", &Tensor::from_f32(vec![2, 3], &entries).unwrap()).unwrap_err();
        assert_eq!((error.code(), error.message()), (codes::NOT_FINITE, "`y` has inf at [1, 0]"));
    }

    #[test]
    fn every_float_is_searched() {
        for (element, bytes) in [
            (Element::F64, f64::NAN.to_le_bytes().to_vec()),
            (Element::Bf16, half::bf16::NEG_INFINITY.to_le_bytes().to_vec()),
            (Element::F16, half::f16::NAN.to_le_bytes().to_vec()),
        ] {
            assert!(check_finite("y", &Tensor::new(element, vec![], bytes).unwrap()).is_err(), "{element}");
            assert!(check_finite("y", &Tensor::zeros(element, vec![3]).unwrap()).is_ok(), "{element}");
        }
        assert!(check_finite("y", &Tensor::from_i64(vec![1], &[-1]).unwrap()).is_ok());
    }
}
