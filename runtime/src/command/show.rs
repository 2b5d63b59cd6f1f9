//! Tensors printed short: the shape, and the first entries.

use super::text::{tokens_in, Text};
use crate::element::Element;
use crate::error::Error;
use crate::tensor::Tensor;
use half::{bf16, f16};

/// Rows that are printed.
const ROWS: usize = 4;

/// Entries of a row that are printed.
const COLUMNS: usize = 8;

/// An output: where there is a tokenizer and it can be a text, that text; else a few lines.
///
/// # Errors
/// If an entry is the number of no token.
pub fn show_output(name: &str, tensor: &Tensor, tokenizer: Option<&dyn Text>) -> Result<String, Error> {
    match tokenizer.zip(tokens_in(tensor)) {
        Some((tokenizer, tokens)) => tokenizer.decode(&tokens).map(|text| text + "\n"),
        None => Ok(show(name, tensor)),
    }
}

/// A tensor as a few lines of text.
pub fn show(name: &str, tensor: &Tensor) -> String {
    let (element, shape) = (tensor.element(), tensor.shape());
    let entry = |index: usize| {
        let size = element.bytes();
        tensor
            .bytes()
            .get(index * size..(index + 1) * size)
            .map_or_else(String::new, |bytes| in_words(element, bytes))
    };
    let Some((row, outer)) = shape.split_last() else {
        return format!("{name}: {element} = {}\n", entry(0));
    };
    let mut text = format!("{name}: {element}{shape:?}\n");
    let rows: usize = if tensor.is_empty() { 0 } else { outer.iter().product() };
    for first in 0..rows.min(ROWS) {
        let entries = (0..(*row).min(COLUMNS)).map(|column| entry(first * row + column));
        let more = if *row > COLUMNS { " …" } else { "" };
        text.push_str(&format!("  {}{more}\n", entries.collect::<Vec<_>>().join(" ")));
    }
    if rows > ROWS {
        text.push_str("  …\n");
    }
    text
}

/// One entry as people write it: the shortest text that means the same number.
fn in_words(element: Element, bytes: &[u8]) -> String {
    fn of<const N: usize, T: ToString>(bytes: &[u8], read: fn([u8; N]) -> T) -> String {
        bytes.try_into().map_or_else(|_| String::new(), |bytes| read(bytes).to_string())
    }
    match element {
        Element::F64 => of(bytes, f64::from_le_bytes),
        Element::F32 => of(bytes, f32::from_le_bytes),
        Element::Bf16 => of(bytes, |entry| bf16::from_le_bytes(entry).to_f32()),
        Element::F16 => of(bytes, |entry| f16::from_le_bytes(entry).to_f32()),
        Element::I64 => of(bytes, i64::from_le_bytes),
        Element::I32 => of(bytes, i32::from_le_bytes),
        Element::I8 => of(bytes, i8::from_le_bytes),
        Element::U64 => of(bytes, u64::from_le_bytes),
        Element::U32 => of(bytes, u32::from_le_bytes),
        Element::U8 => of(bytes, u8::from_le_bytes),
        Element::Bool => of(bytes, |[entry]: [u8; 1]| entry != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_every_kind() {
        let floats = |shape: &[usize]| {
            let entries: Vec<f32> =
                (0..shape.iter().product::<usize>()).map(|entry| entry as f32 / 2.0).collect();
            Tensor::from_f32(shape.to_vec(), &entries).unwrap()
        };
        assert_eq!(show("a", &floats(&[])), "a: f32 = 0\n");
        assert_eq!(show("a", &floats(&[2, 3])), "a: f32[2, 3]\n  0 0.5 1\n  1.5 2 2.5\n");
        assert_eq!(show("a", &floats(&[9])), "a: f32[9]\n  0 0.5 1 1.5 2 2.5 3 3.5 …\n");
        assert_eq!(show("a", &floats(&[2, 3, 1])), "a: f32[2, 3, 1]\n  0\n  0.5\n  1\n  1.5\n  …\n");
        assert_eq!(show("a", &floats(&[0, 3])), "a: f32[0, 3]\n");
        assert_eq!(show("a", &floats(&[3, 0])), "a: f32[3, 0]\n");
        let truths = Tensor::new(Element::Bool, vec![2], vec![0, 1]).unwrap();
        assert_eq!(show("b", &truths), "b: bool[2]\n  false true\n");
    }
}
