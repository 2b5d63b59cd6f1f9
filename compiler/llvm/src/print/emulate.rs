//! What a processor may lack, in operations that every processor has. LLVM would call library functions instead.

use super::{types, Printer};
use moe_kernel::{LaneParts, UnaryOperation, ValueType};
use moe_runtime::Element;

/// Writes integer and float steps of one number of lanes.
struct Steps<'p, 'k> {
    printer: &'p mut Printer<'k>,
    lanes: u32,
}

impl Steps<'_, '_> {
    fn integer(&mut self, value: i64, lane: &str) -> String {
        self.printer.constant(&value.to_string(), lane, self.lanes)
    }

    fn float(&mut self, literal: &str, lane: &str) -> String {
        self.printer.constant(literal, lane, self.lanes)
    }

    fn two(&mut self, operation: &str, a: &str, b: &str, lane: &str) -> String {
        let whole = types::of(lane, self.lanes);
        self.printer.step(format!("{operation} {a}, {b} : {whole}"))
    }

    /// An operation with an integer constant on the right.
    fn with(&mut self, operation: &str, a: &str, constant: i64, lane: &str) -> String {
        let b = self.integer(constant, lane);
        self.two(operation, a, &b, lane)
    }

    fn one(&mut self, operation: &str, a: &str, lane: &str) -> String {
        let whole = types::of(lane, self.lanes);
        self.printer.step(format!("{operation} {a} : {whole}"))
    }

    fn cast(&mut self, operation: &str, a: &str, from: &str, to: &str) -> String {
        let (from, to) = (types::of(from, self.lanes), types::of(to, self.lanes));
        self.printer.step(format!("{operation} {a} : {from} to {to}"))
    }

    fn select(&mut self, condition: &str, a: &str, b: &str, lane: &str) -> String {
        self.printer.select_text(condition, a, b, lane, self.lanes)
    }

    /// The magnitude of `a` with the sign of `b`.
    fn copy_sign(&mut self, a: &str, b: &str, float: &str, bits: &str) -> String {
        let sign = if bits == "i64" { i64::MIN } else { i64::from(i32::MIN) };
        let magnitude = self.one("math.absf", a, float);
        let (a, b) =
            (self.cast("arith.bitcast", &magnitude, float, bits), self.cast("arith.bitcast", b, float, bits));
        let sign = self.with("arith.andi", &b, sign, bits);
        let both = self.two("arith.ori", &a, &sign, bits);
        self.cast("arith.bitcast", &both, bits, float)
    }
}

impl Printer<'_> {
    /// `bf16` holds the upper half of an `f32`.
    pub(super) fn bf16_to_f32(&mut self, name: &str, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let wide = steps.cast("arith.extui", name, "i16", "i32");
        let bits = steps.with("arith.shli", &wide, 16, "i32");
        steps.cast("arith.bitcast", &bits, "i32", "f32")
    }

    /// The lower and upper halves of a lane as the `f32`s that they are.
    fn bf16_halves(&mut self, pairs: &str, lanes: u32) -> [String; 2] {
        let mut steps = Steps { printer: self, lanes };
        let lower = steps.with("arith.shli", pairs, 16, "i32");
        let upper = steps.with("arith.andi", pairs, -0x1_0000, "i32");
        [lower, upper].map(|bits| steps.cast("arith.bitcast", &bits, "i32", "f32"))
    }

    /// One of the parts of so many bits of a lane, made as wide as the lane.
    fn integer_part(&mut self, lane: &str, bits: u32, place: u32, signed: bool, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let above = i64::from(32 - bits * (place + 1));
        let top = if above == 0 { lane.to_owned() } else { steps.with("arith.shli", lane, above, "i32") };
        let down = if signed { "arith.shrsi" } else { "arith.shrui" };
        steps.with(down, &top, i64::from(32 - bits), "i32")
    }

    /// `c` with the products of the parts of `a` and `b` added.
    pub(super) fn emulated_add_products(
        &mut self,
        parts: LaneParts,
        a: &str,
        b: &str,
        c: &str,
        lanes: u32,
    ) -> String {
        let factors: Vec<[String; 2]> = match parts {
            LaneParts::Bf16Pairs => {
                let (a, b) = (self.bf16_halves(a, lanes), self.bf16_halves(b, lanes));
                a.into_iter().zip(b).map(|(a, b)| [a, b]).collect()
            }
            LaneParts::WordPairs => {
                (0..2).map(|place| [a, b].map(|own| self.integer_part(own, 16, place, true, lanes))).collect()
            }
            LaneParts::ByteQuads => (0..4)
                .map(|place| {
                    [(a, false), (b, true)]
                        .map(|(own, signed)| self.integer_part(own, 8, place, signed, lanes))
                })
                .collect(),
        };
        let (multiply, add, lane) = match parts {
            LaneParts::Bf16Pairs => ("arith.mulf", "arith.addf", "f32"),
            LaneParts::WordPairs | LaneParts::ByteQuads => ("arith.muli", "arith.addi", "i32"),
        };
        let mut steps = Steps { printer: self, lanes };
        factors.iter().fold(c.to_owned(), |sum, [a, b]| {
            let product = steps.two(multiply, a, b, lane);
            steps.two(add, &sum, &product, lane)
        })
    }

    /// The upper half of an `f32`, rounded to nearest, ties to even. NaN keeps its upper bits and becomes quiet. Done
    /// with integers on every processor: the instruction for it takes subnormal numbers for zero.
    pub(super) fn f32_to_bf16(&mut self, name: &str, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let bits = steps.cast("arith.bitcast", name, "f32", "i32");
        let upper = steps.with("arith.shrui", &bits, 16, "i32");
        let odd = steps.with("arith.andi", &upper, 1, "i32");
        let bias = steps.with("arith.addi", &odd, 0x7fff, "i32");
        let sum = steps.two("arith.addi", &bits, &bias, "i32");
        let rounded = steps.with("arith.shrui", &sum, 16, "i32");
        let quiet = steps.with("arith.ori", &upper, 0x40, "i32");
        let unordered = steps.two("arith.cmpf uno,", name, name, "f32");
        let chosen = steps.select(&unordered, &quiet, &rounded, "i32");
        steps.cast("arith.trunci", &chosen, "i32", "i16")
    }

    /// `f16` to `f32`, exactly: the bits move to their new places, and a product with a power of two mends the
    /// exponent, of subnormal numbers too.
    pub(super) fn emulated_f16_to_f32(&mut self, name: &str, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let wide = steps.cast("arith.extui", name, "i16", "i32");
        let sign = steps.with("arith.andi", &wide, 0x8000, "i32");
        let sign = steps.with("arith.shli", &sign, 16, "i32");
        let magnitude = steps.with("arith.andi", &wide, 0x7fff, "i32");
        let moved = steps.with("arith.shli", &magnitude, 13, "i32");
        let small = steps.cast("arith.bitcast", &moved, "i32", "f32");
        // 2^112, the difference of the exponents' biases.
        let scale = steps.float("0x77800000", "f32");
        let finite = steps.two("arith.mulf", &small, &scale, "f32");
        let finite = steps.cast("arith.bitcast", &finite, "f32", "i32");
        let special = steps.with("arith.ori", &moved, 0x7f80_0000, "i32");
        let is_special = steps.with("arith.cmpi uge,", &magnitude, 0x7c00, "i32");
        let unsigned = steps.select(&is_special, &special, &finite, "i32");
        let bits = steps.two("arith.ori", &unsigned, &sign, "i32");
        steps.cast("arith.bitcast", &bits, "i32", "f32")
    }

    /// `f32` to `f16`, to nearest, ties to even.
    pub(super) fn emulated_f32_to_f16(&mut self, name: &str, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let bits = steps.cast("arith.bitcast", name, "f32", "i32");
        let sign = steps.with("arith.shrui", &bits, 16, "i32");
        let sign = steps.with("arith.andi", &sign, 0x8000, "i32");
        let magnitude = steps.with("arith.andi", &bits, 0x7fff_ffff, "i32");
        // Normal results: the exponent's bias changes, and the 13 lost bits round.
        let upper = steps.with("arith.shrui", &magnitude, 13, "i32");
        let odd = steps.with("arith.andi", &upper, 1, "i32");
        let moved = steps.with("arith.addi", &magnitude, 0xfff - (112 << 23), "i32");
        let moved = steps.two("arith.addi", &moved, &odd, "i32");
        let normal = steps.with("arith.shrui", &moved, 13, "i32");
        // Subnormal results: adding 0.5 moves the last bit of the result to the last bit of the sum, rounded.
        let positive = steps.cast("arith.bitcast", &magnitude, "i32", "f32");
        let half = steps.float("0.5", "f32");
        let sum = steps.two("arith.addf", &positive, &half, "f32");
        let sum = steps.cast("arith.bitcast", &sum, "f32", "i32");
        let subnormal = steps.with("arith.subi", &sum, 0x3f00_0000, "i32");
        let is_small = steps.with("arith.cmpi ult,", &magnitude, 0x3880_0000, "i32");
        let finite = steps.select(&is_small, &subnormal, &normal, "i32");
        let payload = steps.with("arith.andi", &upper, 0x3ff, "i32");
        let nan = steps.with("arith.ori", &payload, 0x7e00, "i32");
        let infinite = steps.integer(0x7c00, "i32");
        let is_nan = steps.with("arith.cmpi ugt,", &magnitude, 0x7f80_0000, "i32");
        let special = steps.select(&is_nan, &nan, &infinite, "i32");
        let is_large = steps.with("arith.cmpi uge,", &magnitude, 0x4780_0000, "i32");
        let unsigned = steps.select(&is_large, &special, &finite, "i32");
        let whole = steps.two("arith.ori", &unsigned, &sign, "i32");
        steps.cast("arith.trunci", &whole, "i32", "i16")
    }

    /// `f64` to `f32`, rounded to odd: a second rounding to 16 bits then gives what one rounding would (Boldo and
    /// Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
    pub(super) fn f64_to_odd_f32(&mut self, name: &str, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let nearest = steps.cast("arith.truncf", name, "f64", "f32");
        let back = steps.cast("arith.extf", &nearest, "f32", "f64");
        let inexact = steps.two("arith.cmpf une,", &back, name, "f64");
        let (far, near) = (steps.one("math.absf", &back, "f64"), steps.one("math.absf", name, "f64"));
        let away = steps.two("arith.cmpf ogt,", &far, &near, "f64");
        let bits = steps.cast("arith.bitcast", &nearest, "f32", "i32");
        let less = steps.with("arith.subi", &bits, 1, "i32");
        let towards_zero = steps.select(&away, &less, &bits, "i32");
        let odd = steps.with("arith.ori", &towards_zero, 1, "i32");
        let bits = steps.select(&inexact, &odd, &bits, "i32");
        steps.cast("arith.bitcast", &bits, "i32", "f32")
    }

    /// `a * b + c` of `f32`, rounded once: the product is exact in `f64`, the sum is rounded to odd there, and then to
    /// `f32` (Boldo and Melquiond, 2008).
    pub(super) fn emulated_multiply_add(&mut self, a: &str, b: &str, c: &str, lanes: u32) -> String {
        let mut steps = Steps { printer: self, lanes };
        let [a, b, c] = [a, b, c].map(|name| steps.cast("arith.extf", name, "f32", "f64"));
        let product = steps.two("arith.mulf", &a, &b, "f64");
        let sum = steps.two("arith.addf", &product, &c, "f64");
        let error = steps.error_of_sum(&product, &c, &sum);
        let zero = steps.float("0.0", "f64");
        let inexact = steps.two("arith.cmpf one,", &error, &zero, "f64");
        let bits = steps.cast("arith.bitcast", &sum, "f64", "i64");
        let last = steps.with("arith.andi", &bits, 1, "i64");
        let even = steps.with("arith.cmpi eq,", &last, 0, "i64");
        let adjust = steps.two("arith.andi", &inexact, &even, "i1");
        let error_bits = steps.cast("arith.bitcast", &error, "f64", "i64");
        let signs = steps.two("arith.xori", &error_bits, &bits, "i64");
        let outward = steps.with("arith.cmpi sge,", &signs, 0, "i64");
        let (more, less) =
            (steps.with("arith.addi", &bits, 1, "i64"), steps.with("arith.subi", &bits, 1, "i64"));
        let odd = steps.select(&outward, &more, &less, "i64");
        let bits = steps.select(&adjust, &odd, &bits, "i64");
        let odd = steps.cast("arith.bitcast", &bits, "i64", "f64");
        steps.cast("arith.truncf", &odd, "f64", "f32")
    }

    /// Rounding to an integer: adding and subtracting 2^23 (2^52) rounds the magnitude to nearest even, and a step of 1
    /// mends it for the other directions. Larger numbers are integers already; NaN stays.
    pub(super) fn emulated_rounding(
        &mut self,
        operation: UnaryOperation,
        name: &str,
        of_value: ValueType,
    ) -> String {
        let (float, bits, limit) = match of_value.element {
            Element::F64 => ("f64", "i64", "0x4330000000000000"),
            _ => ("f32", "i32", "0x4B000000"),
        };
        let mut steps = Steps { printer: self, lanes: of_value.lanes };
        let magnitude = steps.one("math.absf", name, float);
        let limit = steps.float(limit, float);
        let sum = steps.two("arith.addf", &magnitude, &limit, float);
        let even = steps.two("arith.subf", &sum, &limit, float);
        // The comparison that says one too far, and the step back.
        let mended = match operation {
            UnaryOperation::Truncate => steps.step_back("ogt", "arith.subf", &even, &magnitude, float),
            UnaryOperation::Floor => {
                let signed = steps.copy_sign(&even, name, float, bits);
                steps.step_back("ogt", "arith.subf", &signed, name, float)
            }
            UnaryOperation::Ceiling => {
                let signed = steps.copy_sign(&even, name, float, bits);
                steps.step_back("olt", "arith.addf", &signed, name, float)
            }
            _ => even,
        };
        let signed = steps.copy_sign(&mended, name, float, bits);
        let small = steps.two("arith.cmpf olt,", &magnitude, &limit, float);
        steps.select(&small, &signed, name, float)
    }
}

impl Steps<'_, '_> {
    /// What a sum lost by rounding (Knuth's exact sum).
    fn error_of_sum(&mut self, a: &str, b: &str, sum: &str) -> String {
        let b_there = self.two("arith.subf", sum, a, "f64");
        let a_there = self.two("arith.subf", sum, &b_there, "f64");
        let (a_lost, b_lost) =
            (self.two("arith.subf", a, &a_there, "f64"), self.two("arith.subf", b, &b_there, "f64"));
        self.two("arith.addf", &a_lost, &b_lost, "f64")
    }

    /// `rounded`, moved by 1 where it lies beyond `exact`.
    fn step_back(
        &mut self,
        predicate: &str,
        operation: &str,
        rounded: &str,
        exact: &str,
        float: &str,
    ) -> String {
        let beyond = self.two(&format!("arith.cmpf {predicate},"), rounded, exact, float);
        let one = self.float("1.0", float);
        let moved = self.two(operation, rounded, &one, float);
        self.select(&beyond, &moved, rounded, float)
    }
}
