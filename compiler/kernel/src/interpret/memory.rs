//! Reading and writing buffers.

use super::number::{extend, truncate};
use super::{Lanes, Machine, Wrong};
use crate::form::*;
use moe_runtime::Element;
use std::cell::Cell;

/// The bytes of an entry, if it lies in the buffer.
fn place(index: i64, bytes: usize, length: usize) -> Option<std::ops::Range<usize>> {
    let begin = usize::try_from(index).ok()?.checked_mul(bytes)?;
    let end = begin.checked_add(bytes)?;
    (end <= length).then_some(begin..end)
}

impl Machine<'_> {
    fn element(&self, buffer: u32) -> Element {
        self.kernel.buffers.get(buffer as usize).map_or(Element::U8, |parameter| parameter.element)
    }

    /// The bits of an entry.
    fn read(&self, buffer: u32, index: i64) -> Result<u64, Wrong> {
        let element = self.element(buffer);
        let bytes = self.buffers.get(buffer as usize).and_then(|bytes| {
            let place = place(index, element.bytes(), bytes.len())?;
            bytes.get(place)
        });
        let bytes = bytes.ok_or(Wrong::Outside { buffer, index })?;
        let bits = bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        Ok(extend(bits, element))
    }

    fn write(&mut self, buffer: u32, index: i64, bits: u64) -> Result<(), Wrong> {
        let element = self.element(buffer);
        let bytes = self.buffers.get_mut(buffer as usize).and_then(|bytes| {
            let place = place(index, element.bytes(), bytes.len())?;
            bytes.get_mut(place)
        });
        let bytes = bytes.ok_or(Wrong::Outside { buffer, index })?;
        let bits = truncate(bits, element).to_le_bytes();
        bytes.iter_mut().zip(bits).for_each(|(byte, new)| *byte = new);
        Ok(())
    }

    /// Which lanes are used.
    fn mask(&self, mask: Option<Value>) -> impl Iterator<Item = bool> + use<'_> {
        let lanes = mask.map_or(&[][..], |mask| self.lanes(mask));
        let all = mask.is_none();
        lanes.iter().map(|lane| lane.get() != 0).chain(std::iter::repeat(all))
    }

    pub(super) fn load(
        &self,
        result: Lanes<'_>,
        buffer: u32,
        index: Value,
        mask: Option<Value>,
    ) -> Result<(), Wrong> {
        let first = self.index(index);
        for ((result, used), lane) in result.iter().zip(self.mask(mask)).zip(0..) {
            result.set(if used { self.read(buffer, first.wrapping_add(lane))? } else { 0 });
        }
        Ok(())
    }

    pub(super) fn gather(
        &self,
        result: Lanes<'_>,
        buffer: u32,
        indices: Value,
        mask: Option<Value>,
    ) -> Result<(), Wrong> {
        for ((result, used), index) in result.iter().zip(self.mask(mask)).zip(self.lanes(indices)) {
            result.set(if used { self.read(buffer, index.get() as i64)? } else { 0 });
        }
        Ok(())
    }

    pub(super) fn store(
        &mut self,
        buffer: u32,
        index: Value,
        value: Value,
        mask: Option<Value>,
    ) -> Result<(), Wrong> {
        let first = self.index(index);
        let mask = mask.map(|mask| self.lanes(mask));
        for (lane, bits) in self.lanes(value).iter().enumerate() {
            if is_used(mask, lane) {
                self.write(buffer, first.wrapping_add(lane as i64), bits.get())?;
            }
        }
        Ok(())
    }

    pub(super) fn scatter(
        &mut self,
        buffer: u32,
        indices: Value,
        value: Value,
        mask: Option<Value>,
    ) -> Result<(), Wrong> {
        let mask = mask.map(|mask| self.lanes(mask));
        for (lane, (bits, index)) in self.lanes(value).iter().zip(self.lanes(indices)).enumerate() {
            if is_used(mask, lane) {
                self.write(buffer, index.get() as i64, bits.get())?;
            }
        }
        Ok(())
    }
}

fn is_used(mask: Option<&[Cell<u64>]>, lane: usize) -> bool {
    mask.is_none_or(|mask| mask.get(lane).is_some_and(|lane| lane.get() != 0))
}
