//! Test data: numbers that operations trip over, and others.

use moe_runtime::Element;

/// A small generator of pseudo-random bits (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

const SPECIAL_F64: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    0.3,
    -0.7,
    0.999_999_97,
    127.0,
    128.0,
    -128.5,
    -129.0,
    255.0,
    256.0,
    255.5,
    8_388_607.5,
    -8_388_609.0,
    16_777_217.0,
    2_147_483_647.0,
    2_147_483_648.0,
    -2_147_483_648.0,
    -2_147_483_649.0,
    4_294_967_295.0,
    4_294_967_296.0,
    9_223_372_036_854_775_807.0,
    -9_223_372_036_854_775_808.0,
    1.8e19,
    1.9e19,
    65504.0,
    65519.99,
    65520.0,
    1e30,
    3.3e38,
    3.4e38,
    3.5e38,
    1e300,
    6e-8,
    2.9e-8,
    2.980_232_238_769_531_3e-8,
    6.1e-5,
    1e-40,
    1e-46,
    1e-310,
    1.000_488_281_25,
    1.000_488_281_250_1,
    1.003_906_25,
    1.003_906_250_000_1,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

const SPECIAL_INTEGERS: &[i64] = &[
    0,
    1,
    -1,
    2,
    3,
    7,
    -8,
    100,
    127,
    -128,
    128,
    255,
    2_147_483_647,
    -2_147_483_648,
    16_777_217,
    i64::MAX,
    i64::MIN,
];

/// `count` numbers of an element type as bytes, mixed by `seed`. The last quarter are only zeros, of both signs, so that
/// they meet each other.
pub fn bytes(element: Element, count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let zeros = count - count / 4;
    (0..count)
        .flat_map(|index| if index < zeros { one(element, &mut random) } else { zero(element, &mut random) })
        .collect()
}

fn zero(element: Element, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0; element.bytes()];
    if element.is_float() && random.below(2) == 1 {
        bytes[element.bytes() - 1] = 0x80;
    }
    bytes
}

fn one(element: Element, random: &mut Random) -> Vec<u8> {
    let kind = random.below(4);
    let bits = random.next();
    if element == Element::Bool {
        return vec![(bits & 1) as u8];
    }
    if !element.is_float() {
        let special = SPECIAL_INTEGERS[random.below(SPECIAL_INTEGERS.len() as u64) as usize];
        let value = if kind < 2 { special as u64 } else { bits };
        return value.to_le_bytes()[..element.bytes()].to_vec();
    }
    let special = SPECIAL_F64[random.below(SPECIAL_F64.len() as u64) as usize];
    let ordinary = (bits as i64 >> 11) as f64 / (1u64 << 45) as f64;
    let value = if kind == 0 { special } else { ordinary };
    match element {
        // Any bits at all, one time in four.
        _ if kind == 3 => bits.to_le_bytes()[..element.bytes()].to_vec(),
        Element::F64 => value.to_le_bytes().to_vec(),
        Element::F32 => (value as f32).to_le_bytes().to_vec(),
        Element::F16 => half::f16::from_f64(value).to_le_bytes().to_vec(),
        _ => half::bf16::from_f64(value).to_le_bytes().to_vec(),
    }
}

/// Whether entries of an element type are equal: their bits, or both NaN.
pub fn equal(element: Element, a: &[u8], b: &[u8]) -> bool {
    a == b || (is_nan(element, a) && is_nan(element, b))
}

fn is_nan(element: Element, bytes: &[u8]) -> bool {
    match element {
        Element::F64 => f64::from_le_bytes(bytes.try_into().unwrap()).is_nan(),
        Element::F32 => f32::from_le_bytes(bytes.try_into().unwrap()).is_nan(),
        Element::F16 => half::f16::from_le_bytes(bytes.try_into().unwrap()).is_nan(),
        Element::Bf16 => half::bf16::from_le_bytes(bytes.try_into().unwrap()).is_nan(),
        _ => false,
    }
}
