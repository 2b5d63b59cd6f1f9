//! The table with which sentencepiece normalizes characters: a double array of what is replaced, and the replacements.
//!
//! Source: Aoe 1989, "An efficient digital search algorithm by using a double-array structure", in the layout of Darts-clone.

use super::broken;
use crate::error::Error;

/// A table.
#[derive(Debug)]
pub struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

impl Charsmap {
    /// Reads a table: the length of the array in bytes, the array, the replacements, each of which ends with a 0.
    ///
    /// # Errors
    /// If it is cut short.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let cut_short = || broken("its table of characters is cut short");
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (units, replacements) = rest.split_at_checked(length).ok_or_else(cut_short)?;
        let units = units.as_chunks::<4>().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Ok(Charsmap { units, replacements: replacements.to_vec() })
    }

    /// The text with the longest stretches that the table has replaced, from left to right.
    pub fn apply(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let (length, replacement) = match self.longest(rest.as_bytes()) {
                Some((length, replacement)) if rest.is_char_boundary(length) => (length, Some(replacement)),
                _ => (character.len_utf8(), None),
            };
            match replacement {
                Some(replacement) => result.push_str(&String::from_utf8_lossy(replacement)),
                None => result.push(character),
            }
            rest = rest.get(length..).unwrap_or("");
        }
        result
    }

    /// The bytes of the longest beginning that the table has, and its replacement.
    fn longest(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let mut place = offset(*self.units.first()?);
        let mut found = None;
        for (at, byte) in text.iter().enumerate() {
            place ^= usize::from(*byte);
            let Some(unit) = self.units.get(place).copied().filter(|unit| label(*unit) == u32::from(*byte))
            else {
                break;
            };
            place ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                let value = self.units.get(place).map_or(0, |leaf| leaf & 0x7FFF_FFFF);
                found = Some((at + 1, value as usize));
            }
        }
        let (length, value) = found?;
        let replacement = self.replacements.get(value..)?;
        Some((length, replacement.split(|byte| *byte == 0).next()?))
    }
}

fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xFF)
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}
