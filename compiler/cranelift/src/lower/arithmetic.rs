//! Operations on whole values: where the registers of their operands lie alike they go register by register, else lane by lane.

use super::registers::{lane_type, Lowered};
use super::{first, Lowering};
use cranelift::codegen::ir::{self, types, InstBuilder};
use moe_kernel::{scalar_bits, BinaryOperation, Comparison, UnaryOperation, Value, ValueType};
use moe_runtime::Element;

impl Lowering<'_> {
    pub(super) fn unary(&mut self, of: ValueType, operation: UnaryOperation, a: Value) -> Lowered {
        let element = of.element;
        self.each(of, &[self.value(a)], |this, parts| this.unary_part(operation, element, first(parts)))
    }

    pub(super) fn binary(
        &mut self,
        of: ValueType,
        operation: BinaryOperation,
        a: Value,
        b: Value,
    ) -> Lowered {
        use BinaryOperation as B;
        let element = of.element;
        match operation {
            B::Divide | B::Remainder if element.is_integer() => {
                let known = self.number(b);
                self.by_lanes(of, &[a, b], |this, lanes| match *lanes {
                    [a, b] => this.quotient(operation, element, known, a, b),
                    _ => first(lanes),
                })
            }
            B::Multiply if of == ValueType::INDEX => self.index_product(a, b),
            B::ShiftLeft | B::ShiftRight if of.lanes > 1 => self.shift(of, operation, a, b),
            B::Minimum | B::Maximum if element.is_float() => {
                let plain = self.known(b).number.is_some_and(|b| !b.is_nan() && !b.is_zero());
                let operands = [self.value(a), self.value(b)];
                self.each(of, &operands, |this, parts| match *parts {
                    [a, b] if plain => this.extreme(operation, b, a),
                    [a, b] => this.extreme_or_nan(operation, a, b),
                    _ => first(parts),
                })
            }
            _ => {
                let operands = self.alike(of, [a, b]);
                self.each(of, &operands, |this, parts| match *parts {
                    [a, b] => this.binary_part(operation, element, a, b),
                    _ => first(parts),
                })
            }
        }
    }

    /// Operands that lie alike: masks are brought to one width of lanes.
    fn alike<const N: usize>(&mut self, of: ValueType, values: [Value; N]) -> [Lowered; N] {
        let lowered = values.map(|value| self.value(value));
        if of.element != Element::Bool {
            return lowered;
        }
        let widest = lowered.iter().map(|mask| mask.lane_bytes).max().unwrap_or(0);
        lowered.map(|mask| self.resize_mask(mask, of.lanes, widest))
    }

    /// Lanes shifted; by one amount for all if it is known to be one.
    fn shift(&mut self, of: ValueType, operation: BinaryOperation, a: Value, b: Value) -> Lowered {
        let element = of.element;
        let amount = match (self.known(b).number, self.known(b).splat) {
            (Some(number), _) => Some(self.number_of(lane_type(element), scalar_bits(number))),
            (None, Some(scalar)) => Some(self.scalar(scalar)),
            (None, None) => None,
        };
        match amount {
            Some(amount) => self.each(of, &[self.value(a)], |this, parts| {
                this.shift_part(operation, element, first(parts), amount)
            }),
            None => self.by_lanes(of, &[a, b], |this, lanes| match *lanes {
                [a, b] => this.shift_part(operation, element, a, b),
                _ => first(lanes),
            }),
        }
    }

    pub(super) fn compare(&mut self, comparison: Comparison, a: Value, b: Value) -> Lowered {
        let of = self.of(a);
        let operands = self.alike(of, [a, b]);
        // True is all ones in a mask, the least signed number.
        let element = if of.lanes > 1 || of.element != Element::Bool { of.element } else { Element::U8 };
        self.each(of.mask(), &operands, |this, parts| match *parts {
            [a, b] => this.compare_part(comparison, element, a, b),
            _ => first(parts),
        })
    }

    pub(super) fn select(&mut self, of: ValueType, condition: Value, a: Value, b: Value) -> Lowered {
        let one = self.of(condition).lanes == 1;
        let [a, b] = self.alike(of, [a, b]);
        if one {
            let condition = self.scalar(condition);
            return self.each(of, &[a, b], |this, parts| match *parts {
                [a, b] => this.builder.ins().select(condition, a, b),
                _ => first(parts),
            });
        }
        let mask = self.mask_of(condition, a.lane_bytes);
        self.each(of, &[mask, a, b], |this, parts| match *parts {
            [mask, a, b] => this.choose(mask, a, b),
            _ => first(parts),
        })
    }

    /// All lanes brought together, upper half with lower half.
    pub(super) fn reduce(&mut self, operation: BinaryOperation, a: Value) -> Lowered {
        let (ValueType { element, lanes }, value) = (self.of(a), self.value(a));
        let lanes_a_part = value.lanes_a_part();
        let mut parts = value.parts;
        while parts.len() > 1 {
            let upper = parts.split_off(parts.len() / 2);
            for (a, b) in parts.iter_mut().zip(upper) {
                *a = self.any_binary_part(operation, element, *a, b);
            }
        }
        let mut part = first(&parts);
        let mut left = if value.lane_bytes == 0 { 1 } else { lanes.min(lanes_a_part) };
        while left > 1 {
            left /= 2;
            let upper = self.moved_down(part, left * value.lane_bytes);
            part = self.any_binary_part(operation, element, part, upper);
        }
        let last = Lowered { parts: vec![part], lane_bytes: value.lane_bytes };
        Lowered::scalar(self.lane(&last, element, 0))
    }

    fn any_binary_part(
        &mut self,
        operation: BinaryOperation,
        element: Element,
        a: ir::Value,
        b: ir::Value,
    ) -> ir::Value {
        match operation {
            BinaryOperation::Minimum | BinaryOperation::Maximum if element.is_float() => {
                self.extreme_or_nan(operation, a, b)
            }
            _ => self.binary_part(operation, element, a, b),
        }
    }

    /// A register moved down by 1, 2, 4 or 8 bytes; what comes in from above is arbitrary.
    fn moved_down(&mut self, part: ir::Value, bytes: u32) -> ir::Value {
        match bytes {
            8 => self.upper_half(part),
            4 => self.shuffle(part, part, [4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]),
            _ => {
                let of = self.type_of(part);
                let words = self.bits_as(types::I32X4, part);
                let moved = self.shifted(words, bytes * 8, false);
                self.bits_as(of, moved)
            }
        }
    }
}
