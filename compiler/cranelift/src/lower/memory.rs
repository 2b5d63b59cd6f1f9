//! Reading and writing buffers. What a mask leaves out is never touched: its lanes go to a scratch place instead.

use super::masks::Masked;
use super::registers::{as_integers, lane_type, part_type, parts, Lowered, PART_BYTES};
use super::{first, Lowering};
use cranelift::codegen::ir::{
    self, types, AliasRegionData, BlockArg, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type,
};
use cranelift::prelude::IntCC;
use moe_kernel::{BufferParameter, Value, ValueType};
use moe_runtime::Element;

/// An address: a register and what is added to it.
#[derive(Clone, Copy)]
struct Place {
    base: ir::Value,
    offset: i32,
}

impl Place {
    fn after(self, bytes: u32) -> Self {
        Place { offset: self.offset + bytes as i32, ..self }
    }
}

impl Lowering<'_> {
    fn parameter(&self, buffer: u32) -> Option<&BufferParameter> {
        self.kernel.buffers.get(buffer as usize)
    }

    fn bytes(&self, buffer: u32) -> u32 {
        self.parameter(buffer).map_or(1, |parameter| parameter.element.bytes() as u32)
    }

    fn flags(&mut self, buffer: u32) -> MemFlagsData {
        let data = AliasRegionData { user_id: buffer, description: format!("buffer {buffer}").into() };
        let region = self.builder.func.dfg.alias_regions.insert(data);
        let flags = MemFlagsData::new().with_notrap().with_alias_region(Some(region));
        match self.parameter(buffer) {
            Some(parameter) if !parameter.written => flags.with_readonly(),
            _ => flags,
        }
    }

    /// The address of an entry by its index.
    fn entry(&mut self, buffer: u32, index: ir::Value) -> ir::Value {
        let base = self.buffers.get(buffer as usize).copied().unwrap_or(self.begin);
        let scaled = match self.bytes(buffer).trailing_zeros() {
            0 => index,
            shift => self.shifted(index, shift, true),
        };
        self.builder.ins().iadd(base, scaled)
    }

    /// The address of an entry; constants in its index become part of the instruction that uses it.
    fn place(&mut self, buffer: u32, index: Value) -> Place {
        let bytes = i64::from(self.bytes(buffer));
        let fits = |number: i64| {
            let offset = number.checked_mul(bytes).filter(|offset| offset.abs() < 1 << 30)?;
            i32::try_from(offset).ok()
        };
        if let Some(offset) = self.number(index).and_then(fits) {
            let base = self.buffers.get(buffer as usize).copied().unwrap_or(self.begin);
            return Place { base, offset };
        }
        if let Some((root, number)) = self.known(index).sum {
            if let Some(offset) = fits(number) {
                let root = self.scalar(root);
                return Place { base: self.entry(buffer, root), offset };
            }
        }
        let index = self.scalar(index);
        Place { base: self.entry(buffer, index), offset: 0 }
    }

    /// Where lanes that are left out go.
    fn scratch(&mut self) -> ir::Value {
        let slot = match self.scratch {
            Some(slot) => slot,
            None => {
                let data = StackSlotData::new(StackSlotKind::ExplicitSlot, PART_BYTES, 4);
                *self.scratch.insert(self.builder.create_sized_stack_slot(data))
            }
        };
        self.builder.ins().stack_addr(types::I64, slot, 0)
    }

    /// The address where the condition holds, else the scratch place.
    fn place_if(&mut self, condition: ir::Value, address: ir::Value) -> ir::Value {
        let scratch = self.scratch();
        self.builder.ins().select(condition, address, scratch)
    }

    fn address(&mut self, place: Place) -> ir::Value {
        let offset = self.builder.ins().iconst(types::I64, i64::from(place.offset));
        self.builder.ins().iadd(place.base, offset)
    }

    pub(super) fn load(&mut self, of: ValueType, buffer: u32, index: Value, mask: Option<Value>) -> Lowered {
        let place = self.place(buffer, index);
        let flags = self.flags(buffer);
        let lane = lane_type(of.element);
        let raw = match (of.lanes, mask) {
            (1, None) => Lowered::scalar(self.builder.ins().load(lane, flags, place.base, place.offset)),
            (1, Some(mask)) => {
                let condition = self.scalar(mask);
                let address = self.address(place);
                Lowered::scalar(self.load_lane(lane, flags, address, Some(condition)))
            }
            (lanes, None) => {
                let bytes = (lanes * lane.bytes()).min(PART_BYTES);
                let made = (0..parts(lanes, lane.bytes()))
                    .map(|part| self.load_part(lane, bytes, flags, place.after(part as u32 * PART_BYTES)));
                Lowered { parts: made.collect(), lane_bytes: lane.bytes() }
            }
            (lanes, Some(mask)) => {
                let made = self.masked_parts(lane, lanes, mask);
                let made = made.into_iter().zip(0..).map(|(masked, part)| {
                    self.load_masked_part(masked, flags, place.after(part * PART_BYTES))
                });
                Lowered { parts: made.collect(), lane_bytes: lane.bytes() }
            }
        };
        self.read(of, raw)
    }

    /// What was read of a buffer as a value: `bool` is true where the byte is not 0.
    fn read(&mut self, of: ValueType, raw: Lowered) -> Lowered {
        if of.element != Element::Bool {
            return raw;
        }
        self.each(of, &[raw], |this, parts| {
            let zero = this.number_like(first(parts), 0);
            this.builder.ins().icmp(IntCC::NotEqual, first(parts), zero)
        })
    }

    /// A lane, or 0 if the condition does not hold.
    fn load_lane(
        &mut self,
        lane: Type,
        flags: MemFlagsData,
        address: ir::Value,
        condition: Option<ir::Value>,
    ) -> ir::Value {
        let Some(condition) = condition else {
            return self.builder.ins().load(lane, flags, address, 0);
        };
        let address = self.place_if(condition, address);
        let loaded = self.builder.ins().load(lane, flags, address, 0);
        let zero = self.number_of(lane, 0);
        self.builder.ins().select(condition, loaded, zero)
    }

    /// A register of so many bytes from memory, its upper lanes arbitrary.
    fn load_part(&mut self, lane: Type, bytes: u32, flags: MemFlagsData, place: Place) -> ir::Value {
        let of = part_type(lane);
        let Place { base, offset } = place;
        let part = match bytes {
            16 => return self.builder.ins().load(of, flags, base, offset),
            8 => {
                let double = self.builder.ins().load(types::F64, flags, base, offset);
                self.builder.ins().scalar_to_vector(types::F64X2, double)
            }
            4 => {
                let single = self.builder.ins().load(types::F32, flags, base, offset);
                self.builder.ins().scalar_to_vector(types::F32X4, single)
            }
            _ => {
                let word = self.builder.ins().uload16(types::I32, flags, base, offset);
                self.builder.ins().scalar_to_vector(types::I32X4, word)
            }
        };
        self.bits_as(of, part)
    }

    fn store_part(&mut self, part: ir::Value, bytes: u32, flags: MemFlagsData, place: Place) {
        let of = match bytes {
            16 => return self.store_at(part, flags, place),
            8 => types::F64X2,
            4 => types::F32X4,
            _ => types::I16X8,
        };
        let part = self.bits_as(of, part);
        let low = self.builder.ins().extractlane(part, 0);
        self.store_at(low, flags, place);
    }

    fn store_at(&mut self, value: ir::Value, flags: MemFlagsData, place: Place) {
        self.builder.ins().store(flags, value, place.base, place.offset);
    }

    /// Branches on whether the mask keeps all lanes: to the first block if so, else to the second.
    fn branch_on_all(&mut self, masked: Masked) -> [ir::Block; 2] {
        let blocks = [self.builder.create_block(), self.builder.create_block()];
        let [all, some] = blocks;
        let full = self.number_of(types::I32, (1 << masked.lanes) - 1);
        let is_all = self.builder.ins().icmp(IntCC::Equal, masked.bits, full);
        self.builder.ins().brif(is_all, all, &[], some, &[]);
        // Edges are rare: their code stands behind everything else.
        self.builder.set_cold_block(some);
        blocks
    }

    /// The address of a lane if the mask keeps it, else the scratch place.
    fn masked_address(&mut self, masked: Masked, place: Place, lane: u32) -> ir::Value {
        let bit = self.number_of(types::I32, 1 << lane);
        let kept = self.builder.ins().band(masked.bits, bit);
        let address = self.address(place.after(lane * masked.lane.bytes()));
        self.place_if(kept, address)
    }

    fn load_masked_part(&mut self, masked: Masked, flags: MemFlagsData, place: Place) -> ir::Value {
        let [all, some] = self.branch_on_all(masked);
        let after = self.builder.create_block();
        let of = part_type(masked.lane);
        let result = self.builder.append_block_param(after, of);

        self.enter_block(all);
        let whole = self.load_part(masked.lane, masked.lanes * masked.lane.bytes(), flags, place);
        self.builder.ins().jump(after, &[BlockArg::from(whole)]);

        self.enter_block(some);
        let mut lanes = Vec::with_capacity(masked.lanes as usize);
        for lane in 0..masked.lanes {
            let address = self.masked_address(masked, place, lane);
            lanes.push(self.builder.ins().load(masked.lane, flags, address, 0));
        }
        let part = self.part_of_lanes(masked.lane, false, &lanes);
        let kept = self.keep(masked.mask, part);
        self.builder.ins().jump(after, &[BlockArg::from(kept)]);

        self.enter_block(after);
        result
    }

    /// A register with zeros where the mask is false.
    fn keep(&mut self, mask: ir::Value, part: ir::Value) -> ir::Value {
        let of = self.type_of(part);
        let bits = self.bits_as(as_integers(of), part);
        let kept = self.builder.ins().band(bits, mask);
        self.bits_as(of, kept)
    }

    pub(super) fn store(&mut self, buffer: u32, index: Value, value: Value, mask: Option<Value>) {
        let of = self.of(value);
        let place = self.place(buffer, index);
        let flags = self.flags(buffer);
        let lane = lane_type(of.element);
        let stored = self.written(of, value);
        match (of.lanes, mask) {
            (1, None) => self.store_at(stored.first(), flags, place),
            (1, Some(mask)) => {
                let condition = self.scalar(mask);
                let address = self.address(place);
                let base = self.place_if(condition, address);
                self.store_at(stored.first(), flags, Place { base, offset: 0 });
            }
            (lanes, None) => {
                let bytes = (lanes * lane.bytes()).min(PART_BYTES);
                for (part, number) in stored.parts.into_iter().zip(0..) {
                    self.store_part(part, bytes, flags, place.after(number * PART_BYTES));
                }
            }
            (lanes, Some(mask)) => {
                let masked = self.masked_parts(lane, lanes, mask);
                for ((part, masked), number) in stored.parts.into_iter().zip(masked).zip(0..) {
                    self.store_masked_part(part, masked, flags, place.after(number * PART_BYTES));
                }
            }
        }
    }

    fn store_masked_part(&mut self, part: ir::Value, masked: Masked, flags: MemFlagsData, place: Place) {
        let [all, some] = self.branch_on_all(masked);
        let after = self.builder.create_block();

        self.enter_block(all);
        self.store_part(part, masked.lanes * masked.lane.bytes(), flags, place);
        self.builder.ins().jump(after, &[]);

        self.enter_block(some);
        for lane in 0..masked.lanes {
            let base = self.masked_address(masked, place, lane);
            let scalar = self.builder.ins().extractlane(part, lane as u8);
            self.store_at(scalar, flags, Place { base, offset: 0 });
        }
        self.builder.ins().jump(after, &[]);

        self.enter_block(after);
    }

    /// A value as it lies in memory: `bool` as bytes of 0 and 1.
    fn written(&mut self, of: ValueType, value: Value) -> Lowered {
        let value = self.value(value);
        if of.element != Element::Bool || of.lanes == 1 {
            return value;
        }
        let bytes = self.resize_mask(value, of.lanes, 1);
        self.each(of, &[bytes], |this, parts| {
            let one = this.number_like(first(parts), 1);
            this.builder.ins().band(first(parts), one)
        })
    }

    pub(super) fn gather(
        &mut self,
        of: ValueType,
        buffer: u32,
        indices: Value,
        mask: Option<Value>,
    ) -> Lowered {
        let flags = self.flags(buffer);
        let lane = lane_type(of.element);
        let operands: Vec<Value> = std::iter::once(indices).chain(mask).collect();
        self.by_lanes(of, &operands, |this, lanes| {
            let address = this.entry(buffer, first(lanes));
            let loaded = this.load_lane(lane, flags, address, lanes.get(1).copied());
            let one = this.read(ValueType::scalar(of.element), Lowered::scalar(loaded));
            one.first()
        })
    }

    pub(super) fn scatter(&mut self, buffer: u32, indices: Value, value: Value, mask: Option<Value>) {
        let of = self.of(value);
        let flags = self.flags(buffer);
        let (stored, indices) = (self.value(value), self.value(indices));
        let mask = mask.map(|mask| self.value(mask));
        for lane in 0..of.lanes {
            let index = self.lane(&indices, Element::I64, lane);
            let scalar = self.lane(&stored, of.element, lane);
            let mut base = self.entry(buffer, index);
            if let Some(mask) = &mask {
                let condition = self.lane(mask, Element::Bool, lane);
                base = self.place_if(condition, base);
            }
            self.store_at(scalar, flags, Place { base, offset: 0 });
        }
    }
}
