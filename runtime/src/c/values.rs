//! The structs of the header, and what they are in Rust.
#![allow(unsafe_code)]

use super::misuse;
use crate::element::Element;
use crate::error::Error;
use crate::tensor::byte_length;
use std::ffi::{c_char, c_void};

/// `moe_message`
#[repr(C)]
pub struct Message {
    code: [c_char; 8],
    text: [c_char; 1016],
}

impl Default for Message {
    fn default() -> Self {
        Message { code: [0; 8], text: [0; 1016] }
    }
}

impl Message {
    /// Puts an error into words, cut where there is no more room.
    pub(super) fn set(&mut self, error: &Error) {
        let notes: String = error.notes().iter().map(|note| format!("; {note}")).collect();
        let hint = error.hint_text().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
        copy(&mut self.code, error.code());
        copy(&mut self.text, &format!("{}{notes}{hint}", error.message()));
    }

    /// The code.
    pub fn code(&self) -> String {
        read(&self.code)
    }

    /// The words.
    pub fn text(&self) -> String {
        read(&self.text)
    }
}

/// Copies as many characters as there is room for, and a 0.
fn copy(room: &mut [c_char], text: &str) {
    room.fill(0);
    let length = text.floor_char_boundary(room.len() - 1);
    for (place, byte) in room.iter_mut().zip(text.bytes().take(length)) {
        *place = byte as c_char;
    }
}

fn read(room: &[c_char]) -> String {
    let bytes: Vec<u8> =
        room.iter().take_while(|character| **character != 0).map(|character| *character as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `moe_tensor`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TensorValue {
    /// The number of the element type.
    pub element: i32,
    /// How many axes.
    pub rank: u32,
    /// Their sizes.
    pub shape: *const u64,
    /// The entries.
    pub data: *mut c_void,
}

/// The number of an element type in the header.
pub fn element_number(element: Element) -> i32 {
    Element::ALL.iter().position(|known| *known == element).map_or(-1, |position| position as i32)
}

fn element(number: i32) -> Result<Element, Error> {
    let position = usize::try_from(number).ok();
    let known = position.and_then(|position| Element::ALL.get(position));
    known.copied().ok_or_else(|| misuse(&format!("{number} is no element type")))
}

/// A tensor's kind, read from C.
pub struct Kind {
    /// The element type.
    pub element: Element,
    /// The sizes of the axes.
    pub shape: Vec<usize>,
}

impl TensorValue {
    /// # Safety
    /// `shape` is null or points at `rank` sizes.
    pub unsafe fn kind(&self) -> Result<Kind, Error> {
        let rank = self.rank as usize;
        if self.shape.is_null() && rank > 0 {
            return Err(misuse("the shape of a tensor is null"));
        }
        let sizes: &[u64] = if rank == 0 {
            &[]
        } else {
            // SAFETY: the caller vouches for it.
            unsafe { std::slice::from_raw_parts(self.shape, rank) }
        };
        let size =
            |size: &u64| usize::try_from(*size).map_err(|_| misuse("a size is beyond the address space"));
        Ok(Kind { element: element(self.element)?, shape: sizes.iter().map(size).collect::<Result<_, _>>()? })
    }

    fn length(&self, kind: &Kind) -> Result<usize, Error> {
        let length = byte_length(kind.element, &kind.shape).filter(|length| isize::try_from(*length).is_ok());
        let length = length.ok_or_else(|| misuse("a tensor is larger than the address space"))?;
        if self.data.is_null() && length > 0 {
            return Err(misuse("the data of a tensor is null"));
        }
        Ok(length)
    }

    /// # Safety
    /// `data` is null or points at the entries that `kind` says, which nobody changes for `'a`.
    pub unsafe fn bytes<'a>(&self, kind: &Kind) -> Result<&'a [u8], Error> {
        let length = self.length(kind)?;
        if length == 0 {
            return Ok(&[]);
        }
        // SAFETY: the caller vouches for it.
        Ok(unsafe { std::slice::from_raw_parts(self.data.cast(), length) })
    }

    /// # Safety
    /// `data` is null or points at room for the entries that `kind` says, which nobody else uses for `'a`.
    pub unsafe fn bytes_mut<'a>(&self, kind: &Kind) -> Result<&'a mut [u8], Error> {
        let length = self.length(kind)?;
        if length == 0 {
            return Ok(&mut []);
        }
        // SAFETY: the caller vouches for it.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.data.cast(), length) })
    }
}

/// An array from C.
///
/// # Safety
/// The pointer is null or points at so many entries, which nobody changes for `'a`.
pub unsafe fn array<'a, T>(pointer: *const T, count: u64, what: &str) -> Result<&'a [T], Error> {
    let count = usize::try_from(count).map_err(|_| misuse(&format!("there are too many {what}")))?;
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(misuse(&format!("the array of {what} is null")));
    }
    // SAFETY: the caller vouches for it.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}
