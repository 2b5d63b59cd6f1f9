//! Random kernels: machine code and interpreter agree bit for bit.

use crate::agree::{check, processors, Case};
use crate::emulated;
use crate::numbers;
use moe_kernel::{BinaryOperation, Buffer, Builder, Comparison, UnaryOperation, Value, ValueType};
use moe_runtime::Element;
use proptest::prelude::*;

/// Entries of every buffer, and how far from the end an access may begin.
const COUNT: i64 = 64;
const LAST: i64 = 48;

/// Writes a kernel by numbers: each decides one thing, and when they are used up the kernel ends.
struct Writer<'c> {
    build: Builder,
    choices: std::slice::Iter<'c, u16>,
    /// The values that may be used now.
    values: Vec<Value>,
    lanes: u32,
    fused: bool,
    depth: u32,
    stores: i64,
}

impl Writer<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice) % end)
    }

    fn element(&mut self, allowed: impl Fn(Element) -> bool) -> Element {
        let elements: Vec<Element> = Element::ALL.into_iter().filter(|element| allowed(*element)).collect();
        elements[self.below(elements.len())]
    }

    fn any_type(&mut self, allowed: impl Fn(Element) -> bool) -> ValueType {
        let lanes = [1, self.lanes][self.below(2)];
        ValueType::vector(self.element(allowed), lanes)
    }

    /// A value that may be used from now on.
    fn made(&mut self, value: Value) {
        self.values.push(value);
    }

    fn number(&mut self, of: ValueType, number: i64) -> Value {
        let number = match of.element {
            Element::Bool => (number & 1) as f64,
            element if element.is_float() => number as f64 * 0.375 - 3.0,
            _ => (number & 63) as f64,
        };
        self.build.number(of, number)
    }

    /// A value of a type: one of those that there are, or a new constant.
    fn of_type(&mut self, of: ValueType) -> Value {
        let there: Vec<Value> =
            self.values.iter().copied().filter(|value| self.build.type_of(*value) == of).collect();
        let choice = self.below(there.len() + 1);
        match there.get(choice) {
            Some(value) => *value,
            None => {
                let number = self.below(64) as i64;
                self.number(of, number)
            }
        }
    }

    /// An index from which all lanes lie in a buffer.
    fn index(&mut self) -> Value {
        let number = self.below(LAST as usize) as i64;
        self.build.index(number)
    }

    fn indices(&mut self, lanes: u32) -> Value {
        let of = ValueType::vector(Element::I64, lanes);
        let (any, mask) = (self.of_type(of), self.number(of, 31));
        self.build.binary(BinaryOperation::And, any, mask)
    }

    fn mask(&mut self, lanes: u32) -> Option<Value> {
        (self.below(2) == 1).then(|| self.of_type(ValueType::vector(Element::Bool, lanes)))
    }

    fn block(&mut self, length: usize) {
        for _ in 0..length {
            if self.choices.as_slice().is_empty() {
                break;
            }
            self.step();
        }
    }

    fn step(&mut self) {
        match self.below(16) {
            0 => self.unary(),
            1..=3 => self.binary(),
            4 => self.compare_and_select(),
            5 => self.multiply_add(),
            6 | 7 => self.convert(),
            8 => self.load(),
            9 => self.store(),
            10 => self.gather(),
            11 => self.scatter(),
            12 => self.across_lanes(),
            13 if self.depth < 3 => self.repeat(),
            14 if self.depth < 3 => self.choice(),
            _ => self.stop_maybe(),
        }
    }

    fn unary(&mut self) {
        let of = self.any_type(computes);
        let value = self.of_type(of);
        use UnaryOperation as Op;
        let operations: &[Op] = match of.element {
            Element::Bool => &[Op::Not],
            element if element.is_float() => &[
                Op::Negate,
                Op::Absolute,
                Op::SquareRoot,
                Op::Floor,
                Op::Ceiling,
                Op::Truncate,
                Op::RoundEven,
            ],
            _ => &[Op::Negate, Op::Absolute, Op::Not],
        };
        let operation = operations[self.below(operations.len())];
        let value = self.build.unary(operation, value);
        self.made(value);
    }

    fn binary(&mut self) {
        let of = self.any_type(computes);
        let (a, b) = (self.of_type(of), self.of_type(of));
        use BinaryOperation as Op;
        let operations: &[Op] = match of.element {
            Element::Bool => &[Op::And, Op::Or, Op::ExclusiveOr],
            element if element.is_float() => {
                &[Op::Add, Op::Subtract, Op::Multiply, Op::Divide, Op::Minimum, Op::Maximum]
            }
            _ => &[
                Op::Add,
                Op::Subtract,
                Op::Multiply,
                Op::Minimum,
                Op::Maximum,
                Op::And,
                Op::Or,
                Op::ExclusiveOr,
                Op::Divide,
                Op::Remainder,
                Op::ShiftLeft,
                Op::ShiftRight,
            ],
        };
        let operation = operations[self.below(operations.len())];
        let b = match operation {
            Op::Divide | Op::Remainder if of.element.is_integer() => {
                let one = self.number(of, 1);
                self.build.binary(Op::Or, b, one)
            }
            Op::ShiftLeft | Op::ShiftRight => {
                let width = self.number(of, of.element.bytes() as i64 * 8 - 1);
                self.build.binary(Op::And, b, width)
            }
            _ => b,
        };
        let value = self.build.binary(operation, a, b);
        self.made(value);
    }

    fn compare_and_select(&mut self) {
        let of = self.any_type(computes);
        let (a, b) = (self.of_type(of), self.of_type(of));
        let comparisons = [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessEqual,
            Comparison::Greater,
            Comparison::GreaterEqual,
        ];
        let comparison = comparisons[self.below(6)];
        let condition = self.build.compare(comparison, a, b);
        self.made(condition);
        let chosen = ValueType::vector(self.element(|_| true), of.lanes);
        let (a, b) = (self.of_type(chosen), self.of_type(chosen));
        let value = self.build.select(condition, a, b);
        self.made(value);
        let one = self.of_type(ValueType::scalar(Element::Bool));
        let value = self.build.select(one, b, a);
        self.made(value);
    }

    fn multiply_add(&mut self) {
        let fused = self.fused;
        let of = self.any_type(|element| element == Element::F32 || (fused && element == Element::F64));
        let (a, b, c) = (self.of_type(of), self.of_type(of), self.of_type(of));
        let value = self.build.multiply_add(a, b, c);
        self.made(value);
    }

    fn convert(&mut self) {
        let from = self.any_type(|_| true);
        let to = self.element(|_| true);
        let value = self.of_type(from);
        let value = self.build.convert(value, to);
        self.made(value);
    }

    fn load(&mut self) {
        let of = self.any_type(|_| true);
        let (index, mask) = (self.index(), self.mask(of.lanes));
        let value = self.build.load_masked(buffer(of.element), index, of.lanes, mask);
        self.made(value);
    }

    fn store(&mut self) {
        let of = self.any_type(|_| true);
        let (index, value, mask) = (self.index(), self.of_type(of), self.mask(of.lanes));
        self.build.store_masked(buffer(of.element), index, value, mask);
    }

    fn gather(&mut self) {
        let of = self.any_type(|_| true);
        let (indices, mask) = (self.indices(of.lanes), self.mask(of.lanes));
        let value = self.build.gather(buffer(of.element), indices, mask);
        self.made(value);
    }

    fn scatter(&mut self) {
        let of = self.any_type(|_| true);
        let (indices, value, mask) = (self.indices(of.lanes), self.of_type(of), self.mask(of.lanes));
        self.build.scatter(buffer(of.element), indices, value, mask);
    }

    fn across_lanes(&mut self) {
        let lanes = self.lanes;
        let element = self.element(|element| computes(element) && element != Element::Bool);
        let value = self.of_type(ValueType::vector(element, lanes));
        let operations = [BinaryOperation::Add, BinaryOperation::Multiply, BinaryOperation::Maximum];
        let operation = operations[self.below(3)];
        let reduced = self.build.reduce_lanes(operation, value);
        let lane = self.below(lanes as usize) as u32;
        let one = self.build.extract(value, lane);
        let (all, numbers) = (self.build.splat(one, lanes), self.build.lane_numbers(lanes));
        let reversed = self.build.reverse(value);
        for value in [reduced, one, all, numbers, reversed] {
            self.made(value);
        }
    }

    fn repeat(&mut self) {
        let (begin, end) = (self.below(3) as i64, self.below(6) as i64);
        let (begin, end) = (self.build.index(begin), self.build.index(end));
        let step = self.below(3) as i64 + 1;
        let length = self.below(6) + 1;
        let types: Vec<ValueType> = (0..self.below(4)).map(|_| self.any_type(|_| true)).collect();
        let initial: Vec<Value> = types.iter().map(|of| self.of_type(*of)).collect();
        let kept = self.values.len();
        let open = self.build.open_loop(begin, end, step, &initial);
        self.values.push(open.index);
        self.values.extend(&open.carried);
        let next = self.inside(length, &types, kept);
        let results = self.build.close_loop(open, &next);
        self.values.extend(results);
    }

    /// A block inside another, and values of the types that it gives.
    fn inside(&mut self, length: usize, types: &[ValueType], kept: usize) -> Vec<Value> {
        self.depth += 1;
        self.block(length);
        self.depth -= 1;
        let gives = types.iter().map(|of| self.of_type(*of)).collect();
        self.values.truncate(kept);
        gives
    }

    fn choice(&mut self) {
        let condition = self.of_type(ValueType::scalar(Element::Bool));
        let types: Vec<ValueType> = (0..self.below(3)).map(|_| self.any_type(|_| true)).collect();
        let lengths = [self.below(5), self.below(5)];
        let kept = self.values.len();
        let mut open = self.build.open_if(condition);
        let then = self.inside(lengths[0], &types, kept);
        self.build.open_else(&mut open, &then);
        let otherwise = self.inside(lengths[1], &types, kept);
        let results = self.build.close_if(open, &otherwise);
        self.values.extend(results);
    }

    fn stop_maybe(&mut self) {
        let (a, b) =
            (self.of_type(ValueType::scalar(Element::I32)), self.of_type(ValueType::scalar(Element::I32)));
        let condition = self.build.compare(Comparison::Less, a, b);
        self.made(condition);
        if self.below(3) == 0 {
            let fault = self.below(5) as u32;
            self.build.when(condition, |build| build.fail(fault));
        }
    }

    /// Writes every value that there is at the end, so that all of them count.
    fn store_all(&mut self) {
        for value in std::mem::take(&mut self.values) {
            let index = self.build.index(self.stores % LAST);
            self.stores += 5;
            let buffer = buffer(self.build.type_of(value).element);
            self.build.store(buffer, index, value);
        }
    }
}

fn computes(element: Element) -> bool {
    !matches!(element, Element::Bf16 | Element::F16)
}

/// The one buffer of each element type.
fn buffer(element: Element) -> Buffer {
    Buffer(Element::ALL.iter().position(|other| *other == element).unwrap() as u32)
}

fn case(name: &str, choices: &[u16], fused: bool) -> Case {
    let mut build = Builder::new(name);
    for element in Element::ALL {
        build.written(element.name(), element);
    }
    let size = build.size("n");
    let bounds = [build.begin(), build.end(), size];
    let mut writer = Writer {
        build,
        choices: choices.iter(),
        values: bounds.to_vec(),
        lanes: 1,
        fused,
        depth: 0,
        stores: 0,
    };
    writer.lanes = [4, 8, 16][writer.below(3)];
    writer.block(200);
    writer.store_all();
    let buffers = Element::ALL.map(|element| numbers::bytes(element, COUNT as usize, 99)).to_vec();
    Case { kernel: writer.build.finish().unwrap(), buffers, sizes: vec![11], begin: 3, end: 40 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn random_kernels_agree(choices in prop::collection::vec(prop::collection::vec(any::<u16>(), 20..300), 1..24)) {
        let serves = |cpu: &&str| ["native", "x86-64", emulated::CPU].contains(cpu);
        for cpu in processors().into_iter().filter(serves) {
            let fused = moe_llvm::target(cpu).unwrap().fused_multiply_add;
            let cases: Vec<Case> = choices
                .iter()
                .enumerate()
                .map(|(index, choices)| case(&format!("random{index}"), choices, fused))
                .collect();
            check(&cases, cpu);
        }
    }
}
