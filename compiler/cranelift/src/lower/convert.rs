//! Conversions between element types: by whole registers where there are instructions for it, else lane by lane.

use super::registers::{as_integers, integer_type, lane_type, part_type, Lowered};
use super::{first, Lowering};
use cranelift::codegen::ir::{self, types, InstBuilder};
use cranelift::prelude::{FloatCC, IntCC};
use moe_graph::Scalar;
use moe_kernel::{scalar_bits, Comparison, LaneParts, Value, ValueType};
use moe_runtime::Element;

fn is_half(element: Element) -> bool {
    matches!(element, Element::F16 | Element::Bf16)
}

fn is_short(element: Element) -> bool {
    matches!(element, Element::I8 | Element::U8)
}

impl Lowering<'_> {
    pub(super) fn convert(&mut self, of: ValueType, a: Value) -> Lowered {
        let (from, to) = (self.of(a).element, of.element);
        let value = self.value(a);
        if from == to {
            return value;
        }
        if of.lanes == 1 {
            return Lowered::scalar(self.convert_scalar(from, to, value.first()));
        }
        match self.convert_parts(&value, of.lanes, from, to) {
            Some(converted) => converted,
            None => self.by_lanes(of, &[a], |this, lanes| this.convert_scalar(from, to, first(lanes))),
        }
    }

    /// Whole registers converted, if there are instructions for it.
    fn convert_parts(&mut self, value: &Lowered, lanes: u32, from: Element, to: Element) -> Option<Lowered> {
        let of = ValueType::vector(to, lanes);
        let bytes = to.bytes() as u32;
        let whole = |element: Element| element.is_integer();
        Some(match (from, to) {
            (_, Element::Bool) => {
                self.each(of, std::slice::from_ref(value), |this, parts| this.is_not_zero(from, first(parts)))
            }
            (Element::Bool, _) => self.ones(value, of),
            _ if whole(from) && whole(to) => self.resize(value.clone(), lanes, bytes, from),
            (Element::F32, Element::F64) => self.promote(value, lanes),
            (Element::F64, Element::F32) => self.demote(value),
            (Element::F32, Element::I32 | Element::U32 | Element::I8 | Element::U8) => {
                let words =
                    ValueType::vector(if to == Element::U32 { Element::U32 } else { Element::I32 }, lanes);
                let words = self.each(words, std::slice::from_ref(value), |this, parts| {
                    this.single_to_words(to, types::I32X4, first(parts))
                });
                self.resize(words, lanes, bytes, to)
            }
            (Element::I8 | Element::U8 | Element::I32 | Element::U32, Element::F32) => {
                let words = self.resize(value.clone(), lanes, 4, from);
                self.each(of, &[words], |this, parts| match from {
                    Element::U32 => this.builder.ins().fcvt_from_uint(types::F32X4, first(parts)),
                    _ => this.builder.ins().fcvt_from_sint(types::F32X4, first(parts)),
                })
            }
            (Element::I8 | Element::U8 | Element::I32 | Element::U32, Element::F64) => {
                let words = self.resize(value.clone(), lanes, 4, from);
                self.words_to_double(&words, lanes, from)
            }
            _ if is_half(from) => {
                let words = self.widen(value, lanes, false);
                let single = self.each(of.with_element(Element::F32), &[words], |this, parts| {
                    this.half_to_single(from, first(parts))
                });
                if to == Element::F32 {
                    return Some(single);
                }
                return self.convert_parts(&single, lanes, Element::F32, to);
            }
            (Element::F32, _) if is_half(to) => {
                let words = ValueType::vector(Element::U32, lanes);
                let words = self.each(words, std::slice::from_ref(value), |this, parts| {
                    this.single_to_half(to, first(parts))
                });
                self.narrow(&words)
            }
            _ if is_short(from) && is_half(to) => {
                let single = self.convert_parts(value, lanes, from, Element::F32)?;
                return self.convert_parts(&single, lanes, Element::F32, to);
            }
            _ => return None,
        })
    }

    /// Integer lanes of another width; what is added above is as the type says.
    fn resize(&mut self, value: Lowered, lanes: u32, lane_bytes: u32, element: Element) -> Lowered {
        let mut value = value;
        while value.lane_bytes < lane_bytes {
            value = self.widen(&value, lanes, element.is_signed_integer());
        }
        while value.lane_bytes > lane_bytes {
            value = self.narrow(&value);
        }
        value
    }

    /// One where a mask is true, else zero.
    fn ones(&mut self, mask: &Lowered, of: ValueType) -> Lowered {
        let mask = self.resize_mask(mask.clone(), of.lanes, of.element.bytes() as u32);
        let one = Scalar::of(of.element, 1.0).map_or(1, scalar_bits);
        let to = part_type(lane_type(of.element));
        self.each(of, &[mask], |this, parts| {
            let one = this.number_like(first(parts), one);
            let ones = this.builder.ins().band(first(parts), one);
            this.bits_as(to, ones)
        })
    }

    fn is_not_zero(&mut self, from: Element, a: ir::Value) -> ir::Value {
        let (mut a, mut element) = (a, from);
        if is_half(from) {
            let magnitude = self.number_like(a, 0x7fff);
            a = self.builder.ins().band(a, magnitude);
            element = Element::U32;
        }
        let zero = self.number_like(a, 0);
        self.compare_part(Comparison::NotEqual, element, a, zero)
    }

    fn promote(&mut self, value: &Lowered, lanes: u32) -> Lowered {
        let mut made = Vec::new();
        for part in &value.parts {
            made.push(self.builder.ins().fvpromote_low(*part));
            if lanes > 2 {
                let upper = self.upper_half(*part);
                made.push(self.builder.ins().fvpromote_low(upper));
            }
        }
        Lowered { parts: made, lane_bytes: 8 }
    }

    fn demote(&mut self, value: &Lowered) -> Lowered {
        let made = value.parts.chunks(2).map(|pair| {
            let low = self.builder.ins().fvdemote(first(pair));
            match pair.get(1) {
                Some(high) => {
                    let high = self.builder.ins().fvdemote(*high);
                    self.shuffle(low, high, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
                }
                None => low,
            }
        });
        Lowered { parts: made.collect(), lane_bytes: 4 }
    }

    fn words_to_double(&mut self, words: &Lowered, lanes: u32, from: Element) -> Lowered {
        let mut made = Vec::new();
        for part in &words.parts {
            let mut halves = vec![*part];
            if lanes > 2 {
                halves.push(self.upper_half(*part));
            }
            for half in halves {
                made.push(if from == Element::U32 {
                    let wide = self.builder.ins().uwiden_low(half);
                    self.builder.ins().fcvt_from_uint(types::F64X2, wide)
                } else {
                    let wide = self.builder.ins().swiden_low(half);
                    self.builder.ins().fcvt_from_sint(types::F64X2, wide)
                });
            }
        }
        Lowered { parts: made, lane_bytes: 8 }
    }

    /// Single or double precision to 32-bit lanes that hold the integer of the type `to`, saturated.
    fn single_to_words(&mut self, to: Element, words: ir::Type, a: ir::Value) -> ir::Value {
        if to == Element::U32 {
            return self.builder.ins().fcvt_to_uint_sat(words, a);
        }
        let word = self.builder.ins().fcvt_to_sint_sat(words, a);
        let (least, most): (i64, i64) = match to {
            Element::I8 => (-128, 127),
            Element::U8 => (0, 255),
            _ => return word,
        };
        let (least, most) = (self.number_like(word, least as u64), self.number_like(word, most as u64));
        let word = self.builder.ins().smax(word, least);
        self.builder.ins().smin(word, most)
    }

    fn convert_scalar(&mut self, from: Element, to: Element, a: ir::Value) -> ir::Value {
        match (from, to) {
            _ if from == to => a,
            (_, Element::Bool) => self.is_not_zero(from, a),
            _ if is_half(from) => {
                let word = self.builder.ins().uextend(types::I32, a);
                let single = self.half_to_single(from, word);
                self.convert_scalar(Element::F32, to, single)
            }
            _ if is_half(to) => {
                let single = self.rounded_to_odd(from, a);
                let word = self.single_to_half(to, single);
                self.builder.ins().ireduce(types::I16, word)
            }
            (Element::F32, Element::F64) => self.builder.ins().fpromote(types::F64, a),
            (Element::F64, Element::F32) => self.builder.ins().fdemote(types::F32, a),
            (Element::F32 | Element::F64, Element::I64) => self.builder.ins().fcvt_to_sint_sat(types::I64, a),
            (Element::F32 | Element::F64, Element::U64) => self.builder.ins().fcvt_to_uint_sat(types::I64, a),
            (Element::F32 | Element::F64, _) => {
                let word = self.single_to_words(to, types::I32, a);
                self.integer_scalar(Element::I32, to, word)
            }
            (_, Element::F32 | Element::F64) => self.integer_to_float(from, to, a),
            _ => self.integer_scalar(from, to, a),
        }
    }

    /// A scalar integer of another width.
    fn integer_scalar(&mut self, from: Element, to: Element, a: ir::Value) -> ir::Value {
        let of = integer_type(to.bytes() as u32);
        match from.bytes().cmp(&to.bytes()) {
            std::cmp::Ordering::Less if from.is_signed_integer() => self.builder.ins().sextend(of, a),
            std::cmp::Ordering::Less => self.builder.ins().uextend(of, a),
            std::cmp::Ordering::Equal => a,
            std::cmp::Ordering::Greater => self.builder.ins().ireduce(of, a),
        }
    }

    fn integer_to_float(&mut self, from: Element, to: Element, a: ir::Value) -> ir::Value {
        if from == Element::U64 {
            return self.builder.ins().fcvt_from_uint(lane_type(to), a);
        }
        let wide = self.integer_scalar(from, Element::I64, a);
        self.builder.ins().fcvt_from_sint(lane_type(to), wide)
    }

    /// A scalar in single precision such that rounding it to 16 bits is rounding the number once: what is not exact has an odd
    /// last bit (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    fn rounded_to_odd(&mut self, from: Element, a: ir::Value) -> ir::Value {
        if from == Element::F32 {
            return a;
        }
        let double = if from == Element::F64 { a } else { self.integer_to_float(from, Element::F64, a) };
        let nearest = self.builder.ins().fdemote(types::F32, double);
        let back = self.builder.ins().fpromote(types::F64, nearest);
        let inexact = self.builder.ins().fcmp(FloatCC::OrderedNotEqual, back, double);
        let (above, below) = (self.builder.ins().fabs(back), self.builder.ins().fabs(double));
        let away = self.builder.ins().fcmp(FloatCC::GreaterThan, above, below);
        let away = self.builder.ins().uextend(types::I32, away);
        let bits = self.bits_as(types::I32, nearest);
        let truncated = self.builder.ins().isub(bits, away);
        let one = self.number_like(truncated, 1);
        let odd = self.builder.ins().bor(truncated, one);
        let chosen = self.builder.ins().select(inexact, odd, bits);
        self.bits_as(types::F32, chosen)
    }

    /// 16-bit floats, their bits in 32-bit lanes, to single precision.
    fn half_to_single(&mut self, from: Element, words: ir::Value) -> ir::Value {
        let floats = if self.type_of(words).is_vector() { types::F32X4 } else { types::F32 };
        if from == Element::Bf16 {
            let bits = self.shifted(words, 16, true);
            return self.bits_as(floats, bits);
        }
        // The bias of the exponent is mended by a multiplication by 2^112, exact for subnormals too; infinity and NaN get an
        // exponent of all ones.
        let [magnitude, sign] = [0x7fff, 0x8000].map(|bits| {
            let bits = self.number_like(words, bits);
            self.builder.ins().band(words, bits)
        });
        let magnitude = self.shifted(magnitude, 13, true);
        let float = self.bits_as(floats, magnitude);
        let scale = self.number_like(float, 239 << 23);
        let scaled = self.builder.ins().fmul(float, scale);
        let finite = self.bits_as(self.type_of(words), scaled);
        let exponent = self.number_like(words, 0x7f80_0000);
        let infinite = self.builder.ins().bor(magnitude, exponent);
        let last_finite = self.number_like(words, 0x0f7f_ffff);
        let special = self.builder.ins().icmp(IntCC::SignedGreaterThan, magnitude, last_finite);
        let bits = self.choose(special, infinite, finite);
        let sign = self.shifted(sign, 16, true);
        let signed = self.builder.ins().bor(bits, sign);
        self.bits_as(floats, signed)
    }

    /// `c` with the products of the parts of 32-bit lanes added.
    pub(super) fn add_products(&mut self, of: ValueType, parts: LaneParts, operands: [Value; 3]) -> Lowered {
        let operands = operands.map(|operand| self.value(operand));
        self.each(of, &operands, |this, registers| match *registers {
            [a, b, c] => match parts {
                LaneParts::Bf16Pairs => {
                    let (a, b) = (this.bf16_halves(a, c), this.bf16_halves(b, c));
                    a.into_iter().zip(b).fold(c, |sum, (a, b)| {
                        let product = this.builder.ins().fmul(a, b);
                        this.builder.ins().fadd(sum, product)
                    })
                }
                LaneParts::WordPairs => this.add_integer_products([a, b, c], 16, [true, true]),
                LaneParts::ByteQuads => this.add_integer_products([a, b, c], 8, [false, true]),
            },
            _ => first(registers),
        })
    }

    /// `c` with the products of parts of so many bits added, of which either side is signed or not.
    fn add_integer_products(&mut self, [a, b, c]: [ir::Value; 3], bits: u32, signed: [bool; 2]) -> ir::Value {
        (0..32 / bits).fold(c, |sum, place| {
            let a = self.integer_part(a, bits, place, signed[0]);
            let b = self.integer_part(b, bits, place, signed[1]);
            let product = self.builder.ins().imul(a, b);
            self.builder.ins().iadd(sum, product)
        })
    }

    /// One of the parts of so many bits of 32-bit lanes, made as wide as the lanes.
    pub(super) fn integer_part(
        &mut self,
        lanes: ir::Value,
        bits: u32,
        place: u32,
        signed: bool,
    ) -> ir::Value {
        let top = self.shifted(lanes, 32 - bits * (place + 1), true);
        let unused = self.builder.ins().iconst(types::I32, i64::from(32 - bits));
        if signed {
            self.builder.ins().sshr(top, unused)
        } else {
            self.builder.ins().ushr(top, unused)
        }
    }

    /// The lower and upper halves of 32-bit lanes as the floats, of the type of `like`, that they are.
    fn bf16_halves(&mut self, pairs: ir::Value, like: ir::Value) -> [ir::Value; 2] {
        let lower = self.shifted(pairs, 16, true);
        let mask = self.number_like(pairs, 0xffff_0000);
        let upper = self.builder.ins().band(pairs, mask);
        let floats = self.type_of(like);
        [lower, upper].map(|bits| self.bits_as(floats, bits))
    }

    /// Single precision to the bits of 16-bit floats in 32-bit lanes, rounded to nearest even.
    fn single_to_half(&mut self, to: Element, a: ir::Value) -> ir::Value {
        let bits = self.bits_as(as_integers(self.type_of(a)), a);
        match to {
            Element::Bf16 => self.single_to_bf16(a, bits),
            _ => self.single_to_f16(bits),
        }
    }

    fn single_to_bf16(&mut self, a: ir::Value, bits: ir::Value) -> ir::Value {
        let upper = self.shifted(bits, 16, false);
        let one = self.number_like(bits, 1);
        let odd = self.builder.ins().band(upper, one);
        // Half a unit in the last place, less one bit where the last bit is even.
        let half = self.number_like(bits, 0x7fff);
        let sum = self.builder.ins().iadd(bits, half);
        let sum = self.builder.ins().iadd(sum, odd);
        let rounded = self.shifted(sum, 16, false);
        let quiet = self.number_like(bits, 0x40);
        let quiet = self.builder.ins().bor(upper, quiet);
        let nan = self.builder.ins().fcmp(FloatCC::Unordered, a, a);
        self.choose(nan, quiet, rounded)
    }

    fn single_to_f16(&mut self, bits: ir::Value) -> ir::Value {
        let number = |this: &mut Self, number: u64| this.number_like(bits, number);
        let mask = number(self, 0x7fff_ffff);
        let magnitude = self.builder.ins().band(bits, mask);
        // Normal numbers: the bias changed, half a unit in the last place added, less one bit where the last bit is even.
        let last = self.shifted(magnitude, 13, false);
        let one = number(self, 1);
        let odd = self.builder.ins().band(last, one);
        let change = number(self, 0xc800_0fff);
        let sum = self.builder.ins().iadd(magnitude, change);
        let sum = self.builder.ins().iadd(sum, odd);
        let normal = self.shifted(sum, 13, false);
        // Below them: the addition of one half leaves the bits of the subnormal number, rounded, in its last places.
        let floats = if self.type_of(bits).is_vector() { types::F32X4 } else { types::F32 };
        let float = self.bits_as(floats, magnitude);
        let half = self.number_like(float, u64::from(0.5_f32.to_bits()));
        let aligned = self.builder.ins().fadd(float, half);
        let aligned = self.bits_as(self.type_of(bits), aligned);
        let half_bits = number(self, u64::from(0.5_f32.to_bits()));
        let subnormal = self.builder.ins().isub(aligned, half_bits);
        let least_normal = number(self, 113 << 23);
        let small = self.builder.ins().icmp(IntCC::SignedLessThan, magnitude, least_normal);
        let finite = self.choose(small, subnormal, normal);
        // From two to the 16 on: infinity, or NaN.
        let [infinity, nan, infinity_bits, last_finite] =
            [0x7c00, 0x7e00, 0x7f80_0000, (143 << 23) - 1].map(|bits| number(self, bits));
        let is_nan = self.builder.ins().icmp(IntCC::SignedGreaterThan, magnitude, infinity_bits);
        let special = self.choose(is_nan, nan, infinity);
        let is_special = self.builder.ins().icmp(IntCC::SignedGreaterThan, magnitude, last_finite);
        let unsigned = self.choose(is_special, special, finite);
        let sign = self.shifted(bits, 16, false);
        let sign_bit = number(self, 0x8000);
        let sign = self.builder.ins().band(sign, sign_bit);
        self.builder.ins().bor(unsigned, sign)
    }
}
