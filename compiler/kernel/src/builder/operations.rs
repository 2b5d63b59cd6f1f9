//! The builder's methods for operations and for writing memory.

use super::{Buffer, Builder};
use crate::form::*;
use moe_graph::Scalar;
use moe_runtime::Element;

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $name:ident = $operation:ident;)*) => {
        impl Builder {
            $($(#[$doc])* pub fn $name(&mut self, a: Value) -> Value {
                self.unary(UnaryOperation::$operation, a)
            })*
        }
    };
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $name:ident = $operation:ident;)*) => {
        impl Builder {
            $($(#[$doc])* pub fn $name(&mut self, a: Value, b: Value) -> Value {
                self.binary(BinaryOperation::$operation, a, b)
            })*
        }
    };
}

macro_rules! comparison_methods {
    ($($(#[$doc:meta])* $name:ident = $operation:ident;)*) => {
        impl Builder {
            $($(#[$doc])* pub fn $name(&mut self, a: Value, b: Value) -> Value {
                self.compare(Comparison::$operation, a, b)
            })*
        }
    };
}

unary_methods! {
    /// The negative.
    negate = Negate;
    /// The absolute value.
    absolute = Absolute;
    /// The square root.
    square_root = SquareRoot;
    /// Down to an integer.
    floor = Floor;
    /// Up to an integer.
    ceiling = Ceiling;
    /// Towards zero to an integer.
    truncate = Truncate;
    /// To the nearest integer, ties to even.
    round_even = RoundEven;
    /// Each bit, or the truth value, inverted.
    not = Not;
}

binary_methods! {
    /// `a + b`
    add = Add;
    /// `a - b`
    subtract = Subtract;
    /// `a * b`
    multiply = Multiply;
    /// `a / b`
    divide = Divide;
    /// The remainder of a division towards zero.
    remainder = Remainder;
    /// The smaller.
    minimum = Minimum;
    /// The larger.
    maximum = Maximum;
    /// Both, or the bits of both.
    and = And;
    /// Either, or the bits of either.
    or = Or;
    /// One but not both, or the bits of one.
    exclusive_or = ExclusiveOr;
    /// `a` moved left by `b` bits.
    shift_left = ShiftLeft;
    /// `a` moved right by `b` bits.
    shift_right = ShiftRight;
}

comparison_methods! {
    /// `a == b`
    equal = Equal;
    /// `a != b`
    not_equal = NotEqual;
    /// `a < b`
    less = Less;
    /// `a <= b`
    less_equal = LessEqual;
    /// `a > b`
    greater = Greater;
    /// `a >= b`
    greater_equal = GreaterEqual;
}

impl Builder {
    /// The scalar in every lane; with one lane the scalar itself.
    pub fn splat(&mut self, a: Value, lanes: u32) -> Value {
        let of = self.type_of(a);
        match self.constant_of(a) {
            Some(number) => self.constant_lanes(number, lanes),
            None if lanes == 1 && of.lanes == 1 => a,
            None => self.define(ValueType::vector(of.element, lanes), Operation::Splat(a)),
        }
    }

    /// An operation on each lane.
    pub fn unary(&mut self, operation: UnaryOperation, a: Value) -> Value {
        self.define(self.type_of(a), Operation::Unary(operation, a))
    }

    /// An operation on each pair of lanes.
    pub fn binary(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Value {
        match self.fold_indices(operation, a, b) {
            Some(value) => value,
            None => self.define(self.type_of(a), Operation::Binary(operation, a, b)),
        }
    }

    /// Index arithmetic that needs no operation.
    fn fold_indices(&mut self, operation: BinaryOperation, a: Value, b: Value) -> Option<Value> {
        if self.type_of(a) != ValueType::INDEX || self.type_of(b) != ValueType::INDEX {
            return None;
        }
        let number =
            |value| self.constant_of(value).and_then(Scalar::as_integer).and_then(|n| i64::try_from(n).ok());
        match (operation, number(a), number(b)) {
            (BinaryOperation::Add, Some(a), Some(b)) => Some(self.index(a.wrapping_add(b))),
            (BinaryOperation::Subtract, Some(a), Some(b)) => Some(self.index(a.wrapping_sub(b))),
            (BinaryOperation::Multiply, Some(a), Some(b)) => Some(self.index(a.wrapping_mul(b))),
            (BinaryOperation::Minimum, Some(a), Some(b)) => Some(self.index(a.min(b))),
            (BinaryOperation::Maximum, Some(a), Some(b)) => Some(self.index(a.max(b))),
            (BinaryOperation::Divide, Some(a), Some(b)) if b != 0 => Some(self.index(a.wrapping_div(b))),
            (BinaryOperation::Remainder, Some(a), Some(b)) if b != 0 => Some(self.index(a.wrapping_rem(b))),
            (BinaryOperation::Add | BinaryOperation::Subtract, _, Some(0)) => Some(a),
            (BinaryOperation::Add, Some(0), _) => Some(b),
            (BinaryOperation::Multiply | BinaryOperation::Divide, _, Some(1)) => Some(a),
            (BinaryOperation::Multiply, Some(1), _) => Some(b),
            (BinaryOperation::Multiply, Some(0), _) | (BinaryOperation::Multiply, _, Some(0)) => {
                Some(self.index(0))
            }
            _ => None,
        }
    }

    /// A comparison of each pair of lanes, `bool`.
    pub fn compare(&mut self, comparison: Comparison, a: Value, b: Value) -> Value {
        self.define(self.type_of(a).mask(), Operation::Compare(comparison, a, b))
    }

    /// `a` where the condition holds, else `b`; the condition has as many lanes or one.
    pub fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        self.define(self.type_of(a), Operation::Select(condition, a, b))
    }

    /// `a * b + c`, rounded once.
    pub fn multiply_add(&mut self, a: Value, b: Value, c: Value) -> Value {
        self.define(self.type_of(a), Operation::MultiplyAdd(a, b, c))
    }

    /// `c` with the products of the parts of lanes added.
    pub fn add_products(&mut self, parts: LaneParts, a: Value, b: Value, c: Value) -> Value {
        self.define(self.type_of(c), Operation::AddProducts(parts, a, b, c))
    }

    /// To another element type; a value that has it already is left as it is.
    pub fn convert(&mut self, a: Value, element: Element) -> Value {
        let of = self.type_of(a);
        if of.element == element {
            return a;
        }
        self.define(of.with_element(element), Operation::Convert(a))
    }

    /// The same bits as another element type, in as many lanes or, of a wider one, in fewer.
    pub fn reinterpret(&mut self, a: Value, element: Element) -> Value {
        let of = self.type_of(a);
        let lanes = (of.lanes as usize * of.element.bytes() / element.bytes()) as u32;
        self.define(ValueType::vector(element, lanes), Operation::Reinterpret(a))
    }

    /// Consecutive entries from `index` on, one a lane.
    pub fn load(&mut self, buffer: Buffer, index: Value, lanes: u32) -> Value {
        self.load_masked(buffer, index, lanes, None)
    }

    /// Consecutive entries from `index` on; lanes that the mask leaves out are 0.
    pub fn load_masked(&mut self, buffer: Buffer, index: Value, lanes: u32, mask: Option<Value>) -> Value {
        let of = ValueType::vector(self.element_of(buffer), lanes);
        self.define(of, Operation::Load { buffer: buffer.0, index, mask })
    }

    /// Each lane from its own entry; lanes that the mask leaves out are 0.
    pub fn gather(&mut self, buffer: Buffer, indices: Value, mask: Option<Value>) -> Value {
        let of = self.type_of(indices).with_element(self.element_of(buffer));
        self.define(of, Operation::Gather { buffer: buffer.0, indices, mask })
    }

    /// Writes all lanes to consecutive entries from `index` on.
    pub fn store(&mut self, buffer: Buffer, index: Value, value: Value) {
        self.store_masked(buffer, index, value, None);
    }

    /// Writes lanes to consecutive entries from `index` on; entries of lanes that the mask leaves out stay as they are.
    pub fn store_masked(&mut self, buffer: Buffer, index: Value, value: Value, mask: Option<Value>) {
        let checked = self.check(|declarations| declarations.store(buffer.0, index, value, mask));
        self.push(Statement::Store { buffer: buffer.0, index, value, mask }, checked);
    }

    /// Writes each lane to its own entry, in the order of the lanes.
    pub fn scatter(&mut self, buffer: Buffer, indices: Value, value: Value, mask: Option<Value>) {
        let checked = self.check(|declarations| declarations.scatter(buffer.0, indices, value, mask));
        self.push(Statement::Scatter { buffer: buffer.0, indices, value, mask }, checked);
    }

    /// Says that entries about `index` will be read soon.
    pub fn prefetch(&mut self, buffer: Buffer, index: Value) {
        let checked = self.check(|declarations| declarations.prefetch(buffer.0, index));
        self.push(Statement::Prefetch { buffer: buffer.0, index }, checked);
    }

    /// All lanes brought together, upper half with lower half; a scalar is left as it is.
    pub fn reduce_lanes(&mut self, operation: BinaryOperation, a: Value) -> Value {
        let of = self.type_of(a);
        if of.lanes == 1 {
            return a;
        }
        self.define(ValueType::scalar(of.element), Operation::ReduceLanes(operation, a))
    }

    /// One lane, a scalar.
    pub fn extract(&mut self, a: Value, lane: u32) -> Value {
        self.define(ValueType::scalar(self.type_of(a).element), Operation::Extract(a, lane))
    }

    /// The lanes in the opposite order.
    pub fn reverse(&mut self, a: Value) -> Value {
        self.define(self.type_of(a), Operation::Reverse(a))
    }

    /// Which of the lanes `index`, `index + 1`, … lie below `end`.
    pub fn tail_mask(&mut self, index: Value, end: Value, lanes: u32) -> Value {
        let left = self.subtract(end, index);
        let left = self.splat(left, lanes);
        let numbers = self.lane_numbers(lanes);
        self.less(numbers, left)
    }
}
