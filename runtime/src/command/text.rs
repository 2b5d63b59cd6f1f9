//! Inputs that are texts, and outputs shown as texts. The tokenizer itself is part of a program only where the program can take a text.

use crate::element::Element;
use crate::error::{codes, Error};
use crate::program::{Program, SizeExpression, TensorDescription};
use crate::tensor::Tensor;
use crate::text::Tokenizer;
use std::path::Path;

/// From texts to tokens and back.
pub trait Text {
    /// The tokens of a text.
    ///
    /// # Errors
    /// If there is no token for a part of it.
    fn encode(&self, text: &str) -> Result<Vec<u32>, Error>;

    /// The text of tokens.
    ///
    /// # Errors
    /// If a number is that of no token.
    fn decode(&self, tokens: &[i64]) -> Result<String, Error>;

    /// Whether a token stands for no text.
    fn is_silent(&self, token: i64) -> bool;
}

impl Text for Tokenizer {
    fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        Tokenizer::encode(self, text)
    }

    fn decode(&self, tokens: &[i64]) -> Result<String, Error> {
        Tokenizer::decode(self, tokens)
    }

    fn is_silent(&self, token: i64) -> bool {
        Tokenizer::is_silent(self, token)
    }
}

/// Reads a tokenizer.
pub type OpenText = fn(&Path) -> Result<Box<dyn Text>, Error>;

/// The one way to read a tokenizer: whoever names it has all of them linked.
///
/// # Errors
/// As of [`Tokenizer::open`].
pub fn open_text(path: &Path) -> Result<Box<dyn Text>, Error> {
    Ok(Box::new(Tokenizer::open(path)?))
}

/// Whether a program has an input that can be a text: a list of integers, as long as the caller likes.
pub fn takes_text(program: &Program) -> bool {
    let free = |input: &TensorDescription| match input.axes.as_slice() {
        [axis] => !matches!(axis.size, SizeExpression::Constant(_)),
        _ => false,
    };
    program.inputs.iter().any(|input| free(input) && holds_tokens(input.element))
}

/// Integers that can be tokens.
fn holds_tokens(element: Element) -> bool {
    matches!(element, Element::I64 | Element::I32 | Element::U64 | Element::U32)
}

/// Whether a tensor can be a text.
pub fn is_list_of_tokens(tensor: &TensorDescription) -> bool {
    tensor.axes.len() == 1 && holds_tokens(tensor.element)
}

/// The tokens of a text as an input.
///
/// # Errors
/// If the input is no list of integers, or the tokenizer has no token for a part of the text.
pub fn tokens_of(text: &str, input: &TensorDescription, tokenizer: &dyn Text) -> Result<Tensor, Error> {
    let name = &input.name;
    if !is_list_of_tokens(input) {
        return Err(no_list("input", name));
    }
    let tokens = tokenizer.encode(text)?;
    let bytes: Option<Vec<u8>> = match input.element {
        Element::I64 | Element::U64 => {
            Some(tokens.iter().flat_map(|token| u64::from(*token).to_le_bytes()).collect())
        }
        _ => Some(tokens.iter().flat_map(|token| token.to_le_bytes()).collect()),
    };
    bytes
        .and_then(|bytes| Tensor::new(input.element, vec![tokens.len()], bytes))
        .ok_or_else(|| no_list("input", name))
}

/// What cannot be a text.
pub fn no_list(kind: &str, name: &str) -> Error {
    Error::new(codes::TEXT, format!("{kind} `{name}` is no text"))
        .hint("a text is a list of tokens: one axis, of i64, i32, u64 or u32")
}

/// The tokens in a tensor, if it can be a text.
pub fn tokens_in(tensor: &Tensor) -> Option<Vec<i64>> {
    if tensor.shape().len() != 1 {
        return None;
    }
    let bytes = tensor.bytes();
    match tensor.element() {
        Element::I64 | Element::U64 => {
            Some(bytes.as_chunks::<8>().0.iter().map(|entry| i64::from_le_bytes(*entry)).collect())
        }
        Element::I32 => {
            Some(bytes.as_chunks::<4>().0.iter().map(|entry| i32::from_le_bytes(*entry).into()).collect())
        }
        Element::U32 => {
            Some(bytes.as_chunks::<4>().0.iter().map(|entry| u32::from_le_bytes(*entry).into()).collect())
        }
        _ => None,
    }
}

/// How many tokens the texts among the outputs have that were not in a text among the inputs: those after a beginning that both have, up
/// to the last one that stands for a text.
pub fn new_tokens(inputs: &[Tensor], outputs: &[Tensor], tokenizer: &dyn Text) -> usize {
    let given: Vec<Vec<i64>> = inputs.iter().filter_map(tokens_in).collect();
    let new = |tokens: Vec<i64>| {
        let end = tokens.iter().rposition(|token| !tokenizer.is_silent(*token)).map_or(0, |last| last + 1);
        let shared = |text: &Vec<i64>| if tokens.starts_with(text) { text.len() } else { 0 };
        end.saturating_sub(given.iter().map(shared).max().unwrap_or(0))
    };
    outputs.iter().filter_map(tokens_in).map(new).sum()
}
