//! Each operation on each element type, with one lane and several, on every processor that this machine can stand for.

use crate::agree::{check, processors, Case};
use crate::numbers;
use moe_kernel::{BinaryOperation, Buffer, Builder, Comparison, LaneParts, UnaryOperation, Value, ValueType};
use moe_runtime::Element;

const COUNT: usize = 512;

const UNARY: [UnaryOperation; 10] = [
    UnaryOperation::Negate,
    UnaryOperation::Absolute,
    UnaryOperation::SquareRoot,
    UnaryOperation::Floor,
    UnaryOperation::Ceiling,
    UnaryOperation::Truncate,
    UnaryOperation::RoundEven,
    UnaryOperation::Not,
    UnaryOperation::EvenBytes,
    UnaryOperation::OddBytes,
];

const BINARY: [BinaryOperation; 12] = [
    BinaryOperation::Add,
    BinaryOperation::Subtract,
    BinaryOperation::Multiply,
    BinaryOperation::Divide,
    BinaryOperation::Remainder,
    BinaryOperation::Minimum,
    BinaryOperation::Maximum,
    BinaryOperation::And,
    BinaryOperation::Or,
    BinaryOperation::ExclusiveOr,
    BinaryOperation::ShiftLeft,
    BinaryOperation::ShiftRight,
];

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
];

fn computes(element: Element) -> bool {
    !matches!(element, Element::Bf16 | Element::F16)
}

/// A kernel that goes over its items `lanes` at a time, with the buffers' contents.
struct Sweep {
    build: Builder,
    contents: Vec<Vec<u8>>,
    lanes: u32,
}

impl Sweep {
    fn new(name: String, lanes: u32) -> Self {
        Sweep { build: Builder::new(name), contents: Vec::new(), lanes }
    }

    fn input(&mut self, element: Element) -> Buffer {
        let seed = self.contents.len() as u64 + 17;
        self.contents.push(numbers::bytes(element, COUNT, seed));
        self.build.buffer(format!("input {seed}"), element)
    }

    fn output(&mut self, element: Element, name: String) -> Buffer {
        self.contents.push(vec![0; COUNT * element.bytes()]);
        self.build.written(name, element)
    }

    /// Writes the loop; `write` gets the index.
    fn finish(mut self, write: impl FnOnce(&mut Builder, Value)) -> Case {
        let (begin, end) = (self.build.begin(), self.build.end());
        self.build.for_each(begin, end, i64::from(self.lanes), write);
        let kernel = self.build.finish().unwrap();
        Case { kernel, buffers: self.contents, sizes: vec![], begin: 0, end: COUNT as i64 }
    }
}

/// Divisors that are not zero and distances below the width.
fn tame(build: &mut Builder, operation: BinaryOperation, value: Value) -> Value {
    let of = build.type_of(value);
    if !of.element.is_integer() {
        return value;
    }
    match operation {
        BinaryOperation::Divide | BinaryOperation::Remainder => {
            let (zero, one) = (build.zero(of), build.number(of, 1.0));
            let is_zero = build.compare(Comparison::Equal, value, zero);
            build.select(is_zero, one, value)
        }
        BinaryOperation::ShiftLeft | BinaryOperation::ShiftRight => {
            let mask = build.number(of, of.element.bytes() as f64 * 8.0 - 1.0);
            build.binary(BinaryOperation::And, value, mask)
        }
        _ => value,
    }
}

fn arithmetic(element: Element, lanes: u32, fused: bool) -> Case {
    let mut sweep = Sweep::new(format!("arithmetic_{element}_{lanes}"), lanes);
    let [a, b, c, m] = [element, element, element, Element::Bool].map(|element| sweep.input(element));
    let unary = UNARY.map(|op| op.takes(element).then(|| (op, sweep.output(element, format!("{op:?}")))));
    let binary = BINARY.map(|op| op.takes(element).then(|| (op, sweep.output(element, format!("{op:?}")))));
    let compare = COMPARISONS.map(|op| (op, sweep.output(Element::Bool, format!("{op:?}"))));
    let reduce = BINARY.map(|op| {
        let works = op.takes(element) && op.reduces();
        (works && computes(element)).then(|| (op, sweep.output(element, format!("ReduceLanes {op:?}"))))
    });
    let select = sweep.output(element, "Select".to_owned());
    let extract = sweep.output(element, "Extract".to_owned());
    let reverse = sweep.output(element, "Reverse".to_owned());
    let fused = (fused && element.is_float() && computes(element))
        .then(|| sweep.output(element, "MultiplyAdd".to_owned()));
    sweep.finish(|build, index| {
        // What may be read soon may be outside.
        let outside = build.index(1 << 40);
        [index, outside].into_iter().for_each(|index| build.prefetch(a, index));
        let [a, b, c, m] = [a, b, c, m].map(|buffer| build.load(buffer, index, lanes));
        for (operation, output) in unary.into_iter().flatten() {
            let result = build.unary(operation, a);
            build.store(output, index, result);
        }
        for (operation, output) in binary.into_iter().flatten() {
            let b = tame(build, operation, b);
            let result = build.binary(operation, a, b);
            build.store(output, index, result);
        }
        if computes(element) {
            for (operation, output) in compare {
                let result = build.compare(operation, a, b);
                build.store(output, index, result);
            }
        }
        for (operation, output) in reduce.into_iter().flatten() {
            let result = build.reduce_lanes(operation, a);
            build.store(output, index, result);
        }
        let chosen = build.select(m, a, b);
        build.store(select, index, chosen);
        let lane = build.extract(a, lanes - 1);
        build.store(extract, index, lane);
        let reversed = build.reverse(a);
        build.store(reverse, index, reversed);
        if let Some(output) = fused {
            let result = build.multiply_add(a, b, c);
            build.store(output, index, result);
        }
    })
}

fn conversions(from: Element, lanes: u32) -> Case {
    let mut sweep = Sweep::new(format!("convert_{from}_{lanes}"), lanes);
    let input = sweep.input(from);
    let outputs = Element::ALL.map(|to| (to, sweep.output(to, format!("Convert {to}"))));
    let twins = Element::ALL.map(|to| {
        let fits = to.bytes() == from.bytes() && to != Element::Bool && from != Element::Bool;
        fits.then(|| (to, sweep.output(to, format!("Reinterpret {to}"))))
    });
    sweep.finish(|build, index| {
        let value = build.load(input, index, lanes);
        for (to, output) in outputs {
            let result = build.convert(value, to);
            build.store(output, index, result);
        }
        for (to, output) in twins.into_iter().flatten() {
            let result = build.reinterpret(value, to);
            build.store(output, index, result);
        }
    })
}

fn memory(element: Element, lanes: u32) -> Case {
    let mut sweep = Sweep::new(format!("memory_{element}_{lanes}"), lanes);
    let [values, mask] = [element, Element::Bool].map(|element| sweep.input(element));
    let mut random = numbers::Random(5);
    let places = sweep.build.buffer("places", Element::I64);
    let entries = (0..COUNT).flat_map(|_| (random.below(COUNT as u64) as i64).to_le_bytes());
    sweep.contents.push(entries.collect());
    let names =
        ["masked load", "gather", "masked gather", "masked store", "scatter", "masked scatter", "splat"];
    let [load, gather, masked_gather, store, scatter, masked_scatter, splat] =
        names.map(|name| sweep.output(element, name.to_owned()));
    let numbers = sweep.output(Element::I64, "lane numbers".to_owned());
    sweep.finish(|build, index| {
        let value = build.load(values, index, lanes);
        let places = build.load(places, index, lanes);
        let mask = build.load(mask, index, lanes);
        let result = build.load_masked(values, index, lanes, Some(mask));
        build.store(load, index, result);
        let result = build.gather(values, places, None);
        build.store(gather, index, result);
        let result = build.gather(values, places, Some(mask));
        build.store(masked_gather, index, result);
        build.store_masked(store, index, value, Some(mask));
        build.scatter(scatter, places, value, None);
        build.scatter(masked_scatter, places, value, Some(mask));
        let first = build.load(values, index, 1);
        let all = build.splat(first, lanes);
        build.store(splat, index, all);
        let lane_numbers = build.lane_numbers(lanes);
        build.store(numbers, index, lane_numbers);
    })
}

fn on_all_processors(cases: impl Fn(&str) -> Vec<Case>) {
    for cpu in processors() {
        check(&cases(cpu), cpu);
    }
}

#[test]
fn arithmetic_agrees() {
    on_all_processors(|cpu| {
        let fused = moe_llvm::target(cpu).unwrap().fused_multiply_add;
        let elements = Element::ALL.into_iter();
        let cases = |element: Element| {
            [1, 4, 16].map(|lanes| arithmetic(element, lanes, fused || element == Element::F32))
        };
        elements.flat_map(cases).collect()
    });
}

/// Triples whose sum lies beside the middle of two `f32` numbers by less than `f64` can hold.
#[test]
fn a_product_sum_is_rounded_once() {
    let mut build = Builder::new("fused");
    let [a, b, c] = ["a", "b", "c"].map(|name| build.buffer(name, Element::F32));
    let output = build.written("output", Element::F32);
    let (begin, end) = (build.begin(), build.end());
    build.for_each(begin, end, 4, |build, index| {
        let [a, b, c] = [a, b, c].map(|buffer| build.load(buffer, index, 4));
        let result = build.multiply_add(a, b, c);
        build.store(output, index, result);
    });
    let kernel = build.finish().unwrap();
    let mut random = numbers::Random(3);
    let mut buffers = vec![Vec::new(); 3];
    for _ in 0..COUNT {
        let near_one = |random: &mut numbers::Random| 1.0 + (random.below(64) * 2 + 1) as f32 / 4096.0;
        let small = f32::from_bits((127 - 40 - random.below(60) as u32) << 23);
        let [a, b] = [near_one(&mut random), near_one(&mut random)];
        let signs = random.next();
        for (index, number) in [a, b, small].into_iter().enumerate() {
            let signed = if signs >> index & 1 == 1 { -number } else { number };
            buffers[index].extend(signed.to_le_bytes());
        }
    }
    buffers.push(vec![0; COUNT * 4]);
    on_all_processors(|_| {
        let (kernel, buffers) = (kernel.clone(), buffers.clone());
        vec![Case { kernel, buffers, sizes: vec![], begin: 0, end: COUNT as i64 }]
    });
}

/// Pairs of `bf16` of few bits, so that no sum is rounded, or integers of all bits; the least ones are among them, but not four in a lane of words.
fn products(parts: LaneParts, lanes: u32) -> Case {
    let mut sweep = Sweep::new(format!("{}_{lanes}", parts.name()), lanes);
    let [a, b] = [5, 6].map(|seed| {
        let mut random = numbers::Random(seed);
        let mut entry = || match parts {
            LaneParts::Bf16Pairs => {
                let mut number = || ((random.below(33) as f32 - 16.0) / 4.0).to_bits() >> 16;
                number() | number() << 16
            }
            LaneParts::WordPairs if random.below(4) == 0 => 0x8000_7fff,
            LaneParts::ByteQuads if random.below(4) == 0 => 0x80ff_7f80,
            LaneParts::WordPairs | LaneParts::ByteQuads => (random.below(1 << 32)) as u32,
        };
        let entries = (0..COUNT).flat_map(|_| entry().to_le_bytes());
        sweep.contents.push(entries.collect());
        sweep.build.buffer(format!("parts {seed}"), Element::U32)
    });
    let output = sweep.output(parts.sum(), "sums".to_owned());
    sweep.finish(|build, index| {
        let [a, b] = [a, b].map(|buffer| build.load(buffer, index, lanes));
        let one = build.number(ValueType::vector(parts.sum(), lanes), 1.0);
        let sum = build.add_products(parts, a, b, one);
        build.store(output, index, sum);
    })
}

#[test]
fn products_of_parts_agree() {
    let all = [LaneParts::Bf16Pairs, LaneParts::WordPairs, LaneParts::ByteQuads];
    on_all_processors(|_| {
        all.into_iter().flat_map(|parts| [1, 2, 4, 8, 16].map(|lanes| products(parts, lanes))).collect()
    });
}

/// Lanes joined to fewer wider ones.
fn joined(from: Element, to: Element, lanes: u32) -> Case {
    let parts = (to.bytes() / from.bytes()) as u32;
    let mut sweep = Sweep::new(format!("joined_{from}_{to}_{lanes}"), lanes * parts);
    let input = sweep.input(from);
    let output = sweep.output(to, "joined".to_owned());
    sweep.finish(|build, index| {
        let narrow = build.load(input, index, lanes * parts);
        let wide = build.reinterpret(narrow, to);
        let number = build.index(i64::from(parts));
        let place = build.divide(index, number);
        build.store(output, place, wide);
    })
}

#[test]
fn joined_lanes_agree() {
    on_all_processors(|_| {
        let narrow = [(Element::I8, Element::U32), (Element::U8, Element::U32), (Element::U32, Element::I64)];
        narrow.into_iter().flat_map(|(from, to)| [1, 4, 16].map(|lanes| joined(from, to, lanes))).collect()
    });
}

#[test]
fn conversions_agree() {
    on_all_processors(|_| {
        Element::ALL
            .into_iter()
            .flat_map(|element| [1, 8, 16].map(|lanes| conversions(element, lanes)))
            .collect()
    });
}

#[test]
fn memory_agrees() {
    on_all_processors(|_| {
        Element::ALL.into_iter().flat_map(|element| [1, 2, 16].map(|lanes| memory(element, lanes))).collect()
    });
}
