//! How values lie in registers, and moving lanes in and out of them.

use super::{first, Lowering};
use cranelift::codegen::ir::{self, types, Endianness, InstBuilder, MemFlagsData, Type};
use moe_kernel::{Value, ValueType};
use moe_runtime::Element;

/// The bytes of a vector register.
pub(super) const PART_BYTES: u32 = 16;

/// A value in registers: a scalar, or consecutive lanes in one register after the other. A lane of a mask is all ones or all
/// zeros, as wide as the lanes of what made it; a scalar `bool` is 0 or 1 in a byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Lowered {
    pub(super) parts: Vec<ir::Value>,
    /// The bytes of a lane; 0 for scalars.
    pub(super) lane_bytes: u32,
}

impl Lowered {
    pub(super) fn scalar(value: ir::Value) -> Self {
        Lowered { parts: vec![value], lane_bytes: 0 }
    }

    pub(super) fn first(&self) -> ir::Value {
        first(&self.parts)
    }

    fn part(&self, part: usize) -> ir::Value {
        self.parts.get(part).copied().unwrap_or(self.first())
    }

    /// The lanes that fit in a register.
    pub(super) fn lanes_a_part(&self) -> u32 {
        PART_BYTES / self.lane_bytes.max(1)
    }
}

/// What holds one lane of an element type.
pub(super) fn lane_type(element: Element) -> Type {
    match element {
        Element::F64 => types::F64,
        Element::F32 => types::F32,
        _ => integer_type(element.bytes() as u32),
    }
}

/// The integer type of so many bytes.
pub(super) fn integer_type(bytes: u32) -> Type {
    match bytes {
        8 => types::I64,
        4 => types::I32,
        2 => types::I16,
        _ => types::I8,
    }
}

/// The register type of such lanes.
pub(super) fn part_type(lane: Type) -> Type {
    lane.by(PART_BYTES / lane.bytes()).unwrap_or(lane)
}

/// The type with as many integer lanes of the same width.
pub(super) fn as_integers(of: Type) -> Type {
    let lane = integer_type(of.lane_type().bytes());
    if of.is_vector() {
        part_type(lane)
    } else {
        lane
    }
}

/// How many registers hold so many lanes.
pub(super) fn parts(lanes: u32, lane_bytes: u32) -> usize {
    (lanes * lane_bytes).div_ceil(PART_BYTES) as usize
}

impl Lowering<'_> {
    pub(super) fn type_of(&self, part: ir::Value) -> Type {
        self.builder.func.dfg.value_type(part)
    }

    /// The same bits in a register of another type of the same size.
    pub(super) fn bits_as(&mut self, to: Type, part: ir::Value) -> ir::Value {
        if self.type_of(part) == to {
            return part;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(to, flags, part)
    }

    /// The operation on each register of the operands, which lie alike, giving a value of the type.
    pub(super) fn each(
        &mut self,
        of: ValueType,
        operands: &[Lowered],
        mut operation: impl FnMut(&mut Self, &[ir::Value]) -> ir::Value,
    ) -> Lowered {
        let count = operands.first().map_or(0, |operand| operand.parts.len());
        let mut made = Vec::with_capacity(count);
        for part in 0..count {
            let parts: Vec<ir::Value> = operands.iter().map(|operand| operand.part(part)).collect();
            made.push(operation(self, &parts));
        }
        self.made(of, made)
    }

    /// A value of the type in the registers given.
    pub(super) fn made(&self, of: ValueType, parts: Vec<ir::Value>) -> Lowered {
        let lane_bytes = match (of.lanes, parts.first()) {
            (1, _) | (_, None) => 0,
            (_, Some(part)) => self.type_of(*part).lane_type().bytes(),
        };
        Lowered { parts, lane_bytes }
    }

    /// A constant of the type of a register, scalar or vector: the bits in every lane.
    pub(super) fn number_like(&mut self, like: ir::Value, bits: u64) -> ir::Value {
        self.number_of(self.type_of(like), bits)
    }

    /// A constant of a register's type: the bits in every lane.
    pub(super) fn number_of(&mut self, of: Type, bits: u64) -> ir::Value {
        if of.is_vector() {
            return self.vector(of, |_| bits);
        }
        match of {
            types::F32 => self.builder.ins().f32const(f32::from_bits(bits as u32)),
            types::F64 => self.builder.ins().f64const(f64::from_bits(bits)),
            _ => {
                let unused = 64 - of.bits();
                self.builder.ins().iconst(of, ((bits << unused) >> unused) as i64)
            }
        }
    }

    /// A vector of constants, by lane.
    pub(super) fn vector(&mut self, of: Type, bits: impl Fn(usize) -> u64) -> ir::Value {
        let bytes = of.lane_type().bytes() as usize;
        let mut data = Vec::with_capacity(PART_BYTES as usize);
        for lane in 0..PART_BYTES as usize / bytes {
            data.extend(bits(lane).to_le_bytes().into_iter().take(bytes));
        }
        let constant = self.builder.func.dfg.constants.insert(data.into());
        self.builder.ins().vconst(of, constant)
    }

    /// The bits in every lane of a value.
    pub(super) fn constant(&mut self, of: ValueType, bits: u64) -> Lowered {
        let lane = lane_type(of.element);
        if of.lanes == 1 {
            return Lowered::scalar(self.number_of(lane, bits));
        }
        let bits = if of.element == Element::Bool { bits.wrapping_neg() } else { bits };
        let part = self.number_of(part_type(lane), bits);
        self.made(of, vec![part; parts(of.lanes, lane.bytes())])
    }

    /// A scalar in every lane.
    pub(super) fn splat(&mut self, of: ValueType, scalar: ir::Value) -> Lowered {
        if of.lanes == 1 {
            return Lowered::scalar(scalar);
        }
        let lane = lane_type(of.element);
        let scalar = if of.element == Element::Bool { self.builder.ins().ineg(scalar) } else { scalar };
        let part = self.builder.ins().splat(part_type(lane), scalar);
        self.made(of, vec![part; parts(of.lanes, lane.bytes())])
    }

    /// 0, 1, 2, … in the lanes.
    pub(super) fn lane_numbers(&mut self, lanes: u32) -> Lowered {
        let of = ValueType::vector(Element::I64, lanes);
        if lanes == 1 {
            return self.constant(of, 0);
        }
        let made = (0..parts(lanes, 8)).map(|part| {
            let lanes_a_part = PART_BYTES as usize / 8;
            self.vector(types::I64X2, |lane| (part * lanes_a_part + lane) as u64)
        });
        let made = made.collect();
        self.made(of, made)
    }

    /// One lane of a value, a scalar.
    pub(super) fn lane(&mut self, value: &Lowered, element: Element, lane: u32) -> ir::Value {
        if value.lane_bytes == 0 {
            return value.first();
        }
        let part = value.part((lane / value.lanes_a_part()) as usize);
        let extracted = self.builder.ins().extractlane(part, (lane % value.lanes_a_part()) as u8);
        if element == Element::Bool {
            self.truth(extracted)
        } else {
            extracted
        }
    }

    /// A scalar `bool` of a lane of a mask.
    fn truth(&mut self, lane: ir::Value) -> ir::Value {
        let byte = match self.type_of(lane) {
            types::I8 => lane,
            _ => self.builder.ins().ireduce(types::I8, lane),
        };
        let one = self.builder.ins().iconst(types::I8, 1);
        self.builder.ins().band(byte, one)
    }

    /// The lanes in the opposite order.
    pub(super) fn reverse(&mut self, of: ValueType, value: &Lowered) -> Lowered {
        let bytes = match value.lane_bytes {
            0 => return value.clone(),
            _ if of.lanes < value.lanes_a_part() => None,
            8 => Some([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]),
            4 => Some([12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]),
            // Not all processors move single bytes about.
            _ => None,
        };
        if let Some(bytes) = bytes {
            let parts = value.parts.iter().rev().map(|part| self.shuffle(*part, *part, bytes)).collect();
            return Lowered { parts, lane_bytes: value.lane_bytes };
        }
        let lanes: Vec<ir::Value> =
            (0..of.lanes).rev().map(|lane| self.lane(value, of.element, lane)).collect();
        self.gathered(of, &lanes)
    }

    /// A value of its lanes, each a scalar.
    pub(super) fn gathered(&mut self, of: ValueType, lanes: &[ir::Value]) -> Lowered {
        if of.lanes == 1 {
            return Lowered::scalar(first(lanes));
        }
        let lane = lane_type(of.element);
        let mut made = Vec::new();
        for lanes in lanes.chunks((PART_BYTES / lane.bytes()) as usize) {
            made.push(self.part_of_lanes(lane, of.element == Element::Bool, lanes));
        }
        self.made(of, made)
    }

    pub(super) fn part_of_lanes(&mut self, lane: Type, mask: bool, lanes: &[ir::Value]) -> ir::Value {
        let mut part = None;
        for (number, scalar) in lanes.iter().enumerate() {
            let scalar = if mask { self.builder.ins().ineg(*scalar) } else { *scalar };
            part = Some(match part {
                None if lane.bytes() >= 4 => self.builder.ins().scalar_to_vector(part_type(lane), scalar),
                None => self.builder.ins().splat(part_type(lane), scalar),
                Some(part) => self.builder.ins().insertlane(part, scalar, number as u8),
            });
        }
        part.unwrap_or(self.begin)
    }

    /// The operation lane by lane, on scalars.
    pub(super) fn by_lanes(
        &mut self,
        of: ValueType,
        operands: &[Value],
        mut operation: impl FnMut(&mut Self, &[ir::Value]) -> ir::Value,
    ) -> Lowered {
        let lowered: Vec<(Lowered, Element)> =
            operands.iter().map(|operand| (self.value(*operand), self.of(*operand).element)).collect();
        let mut lanes = Vec::with_capacity(of.lanes as usize);
        for lane in 0..of.lanes {
            let mut scalars = Vec::with_capacity(operands.len());
            for (value, element) in &lowered {
                scalars.push(self.lane(value, *element, lane));
            }
            lanes.push(operation(self, &scalars));
        }
        self.gathered(of, &lanes)
    }

    /// A mask with lanes of so many bytes.
    pub(super) fn resize_mask(&mut self, mask: Lowered, lanes: u32, lane_bytes: u32) -> Lowered {
        if mask.lane_bytes == 0 || lane_bytes == 0 {
            return mask;
        }
        let mut mask = mask;
        while mask.lane_bytes < lane_bytes {
            mask = self.widen(&mask, lanes, true);
        }
        while mask.lane_bytes > lane_bytes {
            mask = self.narrow_mask(&mask);
        }
        mask
    }

    /// A mask as another lies; what is no mask lies alike already.
    pub(super) fn resize_mask_like(&mut self, value: Lowered, lanes: u32, like: &Lowered) -> Lowered {
        if value.lane_bytes == like.lane_bytes {
            return value;
        }
        self.resize_mask(value, lanes, like.lane_bytes)
    }

    /// Integer lanes made twice as wide, by their sign or by zeros.
    pub(super) fn widen(&mut self, value: &Lowered, lanes: u32, signed: bool) -> Lowered {
        let lane_bytes = value.lane_bytes * 2;
        let mut made = Vec::new();
        for part in &value.parts {
            let part = self.bits_as(part_type(integer_type(value.lane_bytes)), *part);
            let halves = match signed {
                true => [self.builder.ins().swiden_low(part), self.builder.ins().swiden_high(part)],
                false => [self.builder.ins().uwiden_low(part), self.builder.ins().uwiden_high(part)],
            };
            made.extend(halves);
        }
        made.truncate(parts(lanes, lane_bytes));
        Lowered { parts: made, lane_bytes }
    }

    fn narrow_mask(&mut self, mask: &Lowered) -> Lowered {
        self.pairs(mask, |this, a, b| match this.type_of(a) {
            types::I64X2 => this.even_words(a, b),
            _ => this.builder.ins().snarrow(a, b),
        })
    }

    /// Each pair of registers made one, of lanes half as wide.
    fn pairs(
        &mut self,
        value: &Lowered,
        mut join: impl FnMut(&mut Self, ir::Value, ir::Value) -> ir::Value,
    ) -> Lowered {
        let made = value.parts.chunks(2).map(|pair| {
            let a = first(pair);
            join(self, a, pair.get(1).copied().unwrap_or(a))
        });
        Lowered { parts: made.collect(), lane_bytes: value.lane_bytes / 2 }
    }

    /// Integer lanes made half as wide: the low bits of each.
    pub(super) fn narrow(&mut self, value: &Lowered) -> Lowered {
        self.pairs(value, |this, a, b| match this.type_of(a) {
            types::I64X2 => this.even_words(a, b),
            of => {
                let low = if of == types::I32X4 { 0xffff } else { 0xff };
                let low = this.number_of(of, low);
                let (a, b) = (this.builder.ins().band(a, low), this.builder.ins().band(b, low));
                this.builder.ins().unarrow(a, b)
            }
        })
    }

    /// The low halves of the 64-bit lanes of two registers.
    fn even_words(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        let joined = self.shuffle(a, b, [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]);
        self.bits_as(types::I32X4, joined)
    }

    /// Bytes of two registers, by number; those of the second begin at 16.
    pub(super) fn shuffle(&mut self, a: ir::Value, b: ir::Value, bytes: [u8; 16]) -> ir::Value {
        let of = self.type_of(a);
        let (a, b) = (self.bits_as(types::I8X16, a), self.bits_as(types::I8X16, b));
        let bytes = self.builder.func.dfg.immediates.push(bytes.to_vec().into());
        let shuffled = self.builder.ins().shuffle(a, b, bytes);
        self.bits_as(of, shuffled)
    }

    /// The upper half of a register in the lower half.
    pub(super) fn upper_half(&mut self, a: ir::Value) -> ir::Value {
        self.shuffle(a, a, [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15])
    }
}
