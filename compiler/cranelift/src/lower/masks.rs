//! Masks in the forms that their uses want, made once where the mask is made: a mask that does not change in a loop then costs
//! nothing in it.

use super::registers::{lane_type, Lowered};
use super::Lowering;
use cranelift::codegen::ir::{self, types, InstBuilder, Type};
use moe_kernel::{Kernel, Operation, Statement, Value};
use moe_runtime::Element;
use std::collections::HashMap;

/// What one register of a masked access needs to know.
#[derive(Clone, Copy)]
pub(super) struct Masked {
    /// The lanes' type.
    pub(super) lane: Type,
    /// How many of the register's lanes are used.
    pub(super) lanes: u32,
    /// All ones in the lanes that the mask keeps.
    pub(super) mask: ir::Value,
    /// One bit for each of those lanes.
    pub(super) bits: ir::Value,
}

/// The forms of all masks.
#[derive(Default)]
pub(super) struct Masks {
    /// For each mask, the lane widths its uses want, and whether one of them reads or writes memory.
    wanted: HashMap<Value, Vec<(u32, bool)>>,
    resized: HashMap<(Value, u32), Lowered>,
    bits: HashMap<(Value, u32), Vec<ir::Value>>,
}

impl Masks {
    pub(super) fn of(kernel: &Kernel) -> Self {
        let mut masks = Masks::default();
        masks.body(kernel, &kernel.body);
        masks
    }

    fn body(&mut self, kernel: &Kernel, body: &[Statement]) {
        for statement in body {
            match statement {
                Statement::Define { value, operation: Operation::Load { mask: Some(mask), .. } } => {
                    self.want(kernel, *mask, *value, true);
                }
                Statement::Define { value, operation: Operation::Select(mask, _, _) } => {
                    self.want(kernel, *mask, *value, false);
                }
                Statement::Store { value, mask: Some(mask), .. } => self.want(kernel, *mask, *value, true),
                Statement::Loop { body, .. } => self.body(kernel, body),
                Statement::If { then, otherwise, .. } => {
                    self.body(kernel, then);
                    self.body(kernel, otherwise);
                }
                _ => {}
            }
        }
    }

    fn want(&mut self, kernel: &Kernel, mask: Value, value: Value, memory: bool) {
        let of = |value: Value| kernel.values.get(value.0 as usize);
        let (Some(mask_type), Some(value_type)) = (of(mask), of(value)) else { return };
        // The width of `bool` lanes that are chosen between is not known before.
        if mask_type.lanes == 1 || (value_type.element == Element::Bool && !memory) {
            return;
        }
        let lane_bytes = lane_type(value_type.element).bytes();
        let wanted = self.wanted.entry(mask).or_default();
        match wanted.iter_mut().find(|(width, _)| *width == lane_bytes) {
            Some((_, bits)) => *bits |= memory,
            None => wanted.push((lane_bytes, memory)),
        }
    }
}

impl Lowering<'_> {
    /// Makes the forms of a mask that has just been made.
    pub(super) fn make_forms(&mut self, mask: Value) {
        let Some(wanted) = self.masks.wanted.remove(&mask) else { return };
        let lanes = self.of(mask).lanes;
        for (lane_bytes, memory) in wanted {
            let resized = self.resize_mask(self.value(mask), lanes, lane_bytes);
            if memory {
                let bits = self.lane_bits(&resized, lanes);
                self.masks.bits.insert((mask, lane_bytes), bits);
            }
            self.masks.resized.insert((mask, lane_bytes), resized);
        }
    }

    /// A mask with lanes of so many bytes.
    pub(super) fn mask_of(&mut self, mask: Value, lane_bytes: u32) -> Lowered {
        match self.masks.resized.get(&(mask, lane_bytes)) {
            Some(resized) => resized.clone(),
            None => self.resize_mask(self.value(mask), self.of(mask).lanes, lane_bytes),
        }
    }

    /// One bit for each lane of each register.
    fn lane_bits(&mut self, mask: &Lowered, lanes: u32) -> Vec<ir::Value> {
        let lanes_a_part = mask.lanes_a_part();
        let mut made = Vec::with_capacity(mask.parts.len());
        for part in &mask.parts {
            let mut bits = self.builder.ins().vhigh_bits(types::I32, *part);
            if lanes < lanes_a_part {
                let used = self.number_of(types::I32, (1 << lanes) - 1);
                bits = self.builder.ins().band(bits, used);
            }
            made.push(bits);
        }
        made
    }

    /// The registers of a masked access to so many lanes.
    pub(super) fn masked_parts(&mut self, lane: Type, lanes: u32, mask: Value) -> Vec<Masked> {
        let resized = self.mask_of(mask, lane.bytes());
        let bits = match self.masks.bits.get(&(mask, lane.bytes())) {
            Some(bits) => bits.clone(),
            None => self.lane_bits(&resized, lanes),
        };
        let lanes = lanes.min(resized.lanes_a_part());
        let both = resized.parts.into_iter().zip(bits);
        both.map(|(mask, bits)| Masked { lane, lanes, mask, bits }).collect()
    }
}
