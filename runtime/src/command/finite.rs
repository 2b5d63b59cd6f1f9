//! The search for values that are infinite or not a number.

use crate::element::Element;
use crate::error::{codes, Error};
use crate::tensor::Tensor;
use half::{bf16, f16};

/// Whether -inf is a value like others: inside a model it stands for what is never chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NegativeInfinity {
    /// It may be there.
    Fine,
    /// It is not finite.
    Wrong,
}

/// # Errors
/// If an entry of the tensor is not finite: the first one.
pub fn check_finite(name: &str, tensor: &Tensor, negative: NegativeInfinity) -> Result<(), Error> {
    let fine =
        |value: f64| value.is_finite() || (negative == NegativeInfinity::Fine && value == f64::NEG_INFINITY);
    let Some((first, value)) = first(tensor, fine) else { return Ok(()) };
    let mut rest = first;
    let mut position = Vec::new();
    for size in tensor.shape().iter().rev() {
        position.push(rest.checked_rem(*size).unwrap_or(0));
        rest = rest.checked_div(*size).unwrap_or(0);
    }
    position.reverse();
    Err(Error::new(codes::NOT_FINITE, format!("`{name}` has {value} at {position:?}")))
}

/// The first entry that is not fine.
fn first(tensor: &Tensor, fine: impl Fn(f64) -> bool) -> Option<(usize, f64)> {
    fn find<const N: usize>(bytes: &[u8], wrong: impl Fn([u8; N]) -> Option<f64>) -> Option<(usize, f64)> {
        let entries = bytes.as_chunks::<N>().0.iter().enumerate();
        entries.filter_map(|(index, entry)| Some((index, wrong(*entry)?))).next()
    }
    let wrong = |value: f64| (!fine(value)).then_some(value);
    let bytes = tensor.bytes();
    match tensor.element() {
        Element::F64 => find(bytes, |entry| wrong(f64::from_le_bytes(entry))),
        Element::F32 => find(bytes, |entry| wrong(f32::from_le_bytes(entry).into())),
        Element::Bf16 => find(bytes, |entry| wrong(bf16::from_le_bytes(entry).to_f64())),
        Element::F16 => find(bytes, |entry| wrong(f16::from_le_bytes(entry).to_f64())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_named() {
        let entries = [0.0, 1.0, 2.0, f32::INFINITY, f32::NAN, 0.0];
        let error =
            check_finite("y", &Tensor::from_f32(vec![2, 3], &entries).unwrap(), NegativeInfinity::Wrong)
                .unwrap_err();
        let never = Tensor::from_f32(vec![2], &[f32::NEG_INFINITY, 1.0]).unwrap();
        assert!(check_finite("y", &never, NegativeInfinity::Wrong).is_err());
        assert!(check_finite("y", &never, NegativeInfinity::Fine).is_ok());
        assert_eq!((error.code(), error.message()), (codes::NOT_FINITE, "`y` has inf at [1, 0]"));
    }

    #[test]
    fn every_float_is_searched() {
        for (element, bytes) in [
            (Element::F64, f64::NAN.to_le_bytes().to_vec()),
            (Element::Bf16, bf16::NEG_INFINITY.to_le_bytes().to_vec()),
            (Element::F16, f16::NAN.to_le_bytes().to_vec()),
        ] {
            assert!(
                check_finite("y", &Tensor::new(element, vec![], bytes).unwrap(), NegativeInfinity::Wrong)
                    .is_err(),
                "{element}"
            );
            assert!(
                check_finite("y", &Tensor::zeros(element, vec![3]).unwrap(), NegativeInfinity::Wrong).is_ok(),
                "{element}"
            );
        }
        assert!(
            check_finite("y", &Tensor::from_i64(vec![1], &[-1]).unwrap(), NegativeInfinity::Wrong).is_ok()
        );
    }
}
