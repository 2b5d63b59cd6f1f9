//! Random kernels: whatever is built, code and interpreter agree.

use crate::harness::{bytes_of, check_in_memory, Case};
use moe_graph::Scalar;
use moe_kernel::{BinaryOperation, Buffer, Builder, Comparison, UnaryOperation, Value, ValueType};
use moe_runtime::Element;
use proptest::prelude::*;

/// Entries of each buffer; indices are kept below [`NUMBERS`], so that the widest value fits behind them.
const ENTRIES: usize = 48;
const NUMBERS: i64 = 32;
const LANES: [u32; 5] = [1, 2, 4, 8, 16];

/// Builds a kernel from a list of numbers; every choice takes the next one, and 0 when there is none left.
struct Generator {
    b: Builder,
    choices: std::vec::IntoIter<u32>,
    /// The values that can be seen.
    pool: Vec<Value>,
    read: Vec<Buffer>,
    written: Vec<Buffer>,
    depth: u32,
}

impl Generator {
    fn new(choices: Vec<u32>) -> Self {
        let mut b = Builder::new("random");
        let read = Element::ALL.map(|element| b.buffer(format!("read_{element}"), element)).to_vec();
        let written = Element::ALL.map(|element| b.written(format!("written_{element}"), element)).to_vec();
        let pool = vec![b.size("n"), b.begin(), b.end()];
        Generator { b, choices: choices.into_iter(), pool, read, written, depth: 0 }
    }

    fn choose(&mut self, below: usize) -> usize {
        self.choices.next().unwrap_or(0) as usize % below
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.choose(choices.len())]
    }

    fn value_type(&mut self) -> ValueType {
        ValueType::vector(self.of(&Element::ALL), self.of(&LANES))
    }

    /// A value of a type: one that is there, or a constant.
    fn value(&mut self, of: ValueType) -> Value {
        let fitting: Vec<Value> = self.pool.iter().copied().filter(|v| self.b.type_of(*v) == of).collect();
        let choice = self.choose(fitting.len() + 1);
        if let Some(value) = fitting.get(choice) {
            return *value;
        }
        let number = self.of(&[0.0, 1.0, 3.0, 100.0, -1.0, 0.5, -1e10, 65_504.0, f64::INFINITY, f64::NAN]);
        let scalar = Scalar::of(of.element, number).unwrap_or(Scalar::zero(of.element));
        self.b.constant_lanes(scalar, of.lanes)
    }

    /// An element type that an operation takes.
    fn element(&mut self, takes: impl Fn(Element) -> bool) -> Element {
        let fitting: Vec<Element> = Element::ALL.into_iter().filter(|element| takes(*element)).collect();
        self.of(&fitting)
    }

    /// Indices that lie in every buffer, with so many lanes.
    fn indices(&mut self, lanes: u32) -> Value {
        let of = ValueType::vector(Element::I64, lanes);
        let value = self.value(of);
        let mask = self.b.constant_lanes(Scalar::index(NUMBERS - 1), lanes);
        self.b.and(value, mask)
    }

    fn mask(&mut self, lanes: u32) -> Option<Value> {
        let masked = self.choose(2) == 1;
        masked.then(|| self.value(ValueType::vector(Element::Bool, lanes)))
    }

    fn unary(&mut self) -> Value {
        let operation = self.of(&UnaryOperation::ALL);
        let of = ValueType::vector(self.element(|element| operation.takes(element)), self.of(&LANES));
        let a = self.value(of);
        self.b.unary(operation, a)
    }

    fn binary(&mut self) -> Value {
        let operation = self.of(&BinaryOperation::ALL);
        let of = ValueType::vector(self.element(|element| operation.takes(element)), self.of(&LANES));
        let (a, mut b) = (self.value(of), self.value(of));
        let number = |this: &mut Self, number: i128| {
            let number = Scalar::integer(of.element, number).unwrap();
            this.b.constant_lanes(number, of.lanes)
        };
        match operation {
            BinaryOperation::Divide | BinaryOperation::Remainder if of.element.is_integer() => {
                let one = number(self, 1);
                b = self.b.or(b, one);
            }
            BinaryOperation::ShiftLeft | BinaryOperation::ShiftRight => {
                let width = number(self, of.element.bytes() as i128 * 8 - 1);
                b = self.b.and(b, width);
            }
            _ => {}
        }
        self.b.binary(operation, a, b)
    }

    fn compare(&mut self) -> Value {
        let comparison = self.of(&Comparison::ALL);
        let of = ValueType::vector(self.element(|element| comparison.takes(element)), self.of(&LANES));
        let (a, b) = (self.value(of), self.value(of));
        self.b.compare(comparison, a, b)
    }

    fn select(&mut self) -> Value {
        let of = self.value_type();
        let lanes = self.of(&[1, of.lanes]);
        let condition = self.value(ValueType::vector(Element::Bool, lanes));
        let (a, b) = (self.value(of), self.value(of));
        self.b.select(condition, a, b)
    }

    fn multiply_add(&mut self) -> Value {
        let of = ValueType::vector(self.of(&[Element::F32, Element::F64]), self.of(&LANES));
        let [a, b, c] = std::array::from_fn(|_| self.value(of));
        self.b.multiply_add(a, b, c)
    }

    fn convert(&mut self) -> Value {
        let (of, to) = (self.value_type(), self.of(&Element::ALL));
        let a = self.value(of);
        self.b.convert(a, to)
    }

    /// The bits of a number that is not NaN, of which more than one would do.
    fn reinterpret(&mut self) -> Value {
        let (from, to) = self.of(&[
            (Element::F32, Element::I32),
            (Element::F64, Element::U64),
            (Element::I32, Element::F32),
            (Element::I64, Element::F64),
            (Element::U32, Element::I32),
            (Element::I8, Element::U8),
        ]);
        let of = ValueType::vector(from, self.of(&LANES));
        let a = self.value(of);
        let (number, zero) = (self.b.equal(a, a), self.b.zero(of));
        let a = self.b.select(number, a, zero);
        self.b.reinterpret(a, to)
    }

    fn load(&mut self) -> Value {
        let (buffer, lanes) = (self.choose(2 * Element::ALL.len()), self.of(&LANES));
        let buffer = self.read.iter().chain(&self.written).copied().nth(buffer).unwrap();
        let mask = self.mask(lanes);
        if self.choose(3) == 0 {
            let indices = self.indices(lanes);
            return self.b.gather(buffer, indices, mask);
        }
        let index = self.indices(1);
        self.b.load_masked(buffer, index, lanes, mask)
    }

    fn store(&mut self) {
        let (buffer, lanes) = (self.of(&self.written.clone()), self.of(&LANES));
        let value = self.value(ValueType::vector(self.b.element_of(buffer), lanes));
        let mask = self.mask(lanes);
        if self.choose(3) == 0 {
            let indices = self.indices(lanes);
            return self.b.scatter(buffer, indices, value, mask);
        }
        let index = self.indices(1);
        self.b.store_masked(buffer, index, value, mask);
    }

    fn lanes(&mut self) -> Value {
        let of = self.value_type();
        match self.choose(5) {
            0 => {
                let a = self.value(of);
                let lane = self.choose(of.lanes as usize);
                self.b.extract(a, lane as u32)
            }
            1 => {
                let a = self.value(ValueType::scalar(of.element));
                self.b.splat(a, of.lanes)
            }
            2 => self.b.lane_numbers(of.lanes),
            3 => {
                let a = self.value(of);
                self.b.reverse(a)
            }
            _ => {
                let reducing = BinaryOperation::ALL.into_iter().filter(|operation| operation.reduces());
                let operation = self.of(&reducing.collect::<Vec<_>>());
                let of = ValueType::vector(self.element(|element| operation.takes(element)), of.lanes);
                let a = self.value(of);
                self.b.reduce_lanes(operation, a)
            }
        }
    }

    fn repetition(&mut self) {
        let types: Vec<ValueType> = (0..self.choose(4)).map(|_| self.value_type()).collect();
        let initial: Vec<Value> = types.iter().map(|of| self.value(*of)).collect();
        let begin = self.indices(1);
        let end = self.indices(1);
        let step = self.of(&[7, 11, 20]);
        let open = self.b.open_loop(begin, end, step, &initial);
        let outer = self.pool.len();
        self.pool.push(open.index);
        self.pool.extend(&open.carried);
        self.statements();
        let next: Vec<Value> = types.iter().map(|of| self.value(*of)).collect();
        self.pool.truncate(outer);
        let results = self.b.close_loop(open, &next);
        self.pool.extend(results);
    }

    fn choice(&mut self) {
        let condition = self.value(ValueType::CONDITION);
        let types: Vec<ValueType> = (0..self.choose(3)).map(|_| self.value_type()).collect();
        let mut open = self.b.open_if(condition);
        let outer = self.pool.len();
        self.statements();
        let first: Vec<Value> = types.iter().map(|of| self.value(*of)).collect();
        self.pool.truncate(outer);
        self.b.open_else(&mut open, &first);
        self.statements();
        if self.choose(20) == 19 {
            self.b.fail(3);
        }
        let second: Vec<Value> = types.iter().map(|of| self.value(*of)).collect();
        self.pool.truncate(outer);
        let results = self.b.close_if(open, &second);
        self.pool.extend(results);
    }

    fn statements(&mut self) {
        self.depth += 1;
        let most = if self.depth == 1 { 40 } else { 12 };
        for _ in 0..self.choose(most) + self.depth as usize % 2 {
            let deeper = self.depth < 4;
            let made = match self.choose(16) {
                0 => self.unary(),
                1 | 2 => self.binary(),
                3 => self.compare(),
                4 => self.select(),
                5 => self.multiply_add(),
                6 | 7 => self.convert(),
                8 => self.reinterpret(),
                9 => self.lanes(),
                13 if deeper => {
                    self.repetition();
                    continue;
                }
                14 if deeper => {
                    self.choice();
                    continue;
                }
                12 | 15 => {
                    self.store();
                    continue;
                }
                _ => self.load(),
            };
            self.pool.push(made);
        }
        self.depth -= 1;
    }

    /// Stores every value that can be seen at the end.
    fn finish(mut self) -> moe_kernel::Kernel {
        for value in self.pool.clone() {
            let element = self.b.type_of(value).element;
            let place = Element::ALL.iter().position(|other| *other == element).unwrap();
            let index = self.b.index(NUMBERS - 1);
            self.b.store(self.written[place], index, value);
        }
        self.b.finish().unwrap()
    }
}

fn contents(seed: u64) -> Vec<Vec<u8>> {
    let buffers = Element::ALL.into_iter().chain(Element::ALL).enumerate();
    let entries = buffers.map(|(buffer, element)| {
        let extremes = crate::harness::extremes(element);
        let entry = |number: u64| {
            let mixed = (number + seed + buffer as u64 * 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            extremes[mixed as usize % extremes.len()]
        };
        bytes_of(element, (0..ENTRIES as u64).map(entry))
    });
    entries.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_kernels_do_what_the_interpreter_says(
        choices in prop::collection::vec(any::<u32>(), 0..400),
        seed in 0_u64..1000,
        n in -3_i64..40,
    ) {
        let mut generator = Generator::new(choices);
        generator.statements();
        let kernel = generator.finish();
        let case = Case { kernel, buffers: contents(seed), sizes: vec![n], range: [1, 9] };
        check_in_memory(&[case]);
    }
}
