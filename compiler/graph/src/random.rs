//! Numbers drawn by counter: Philox 4x32-10 of J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3"
//! (2011). Nothing is kept between draws, so the order in which they are made does not matter.

/// What the words of the counter are multiplied by.
pub const PHILOX_MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What is added to the words of the key after each round.
pub const PHILOX_WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// How many rounds there are.
pub const PHILOX_ROUNDS: usize = 10;

/// The four words that a key and a counter give.
pub fn philox(mut key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    for _ in 0..PHILOX_ROUNDS {
        let product = |word: u32, by: u32| u64::from(word) * u64::from(by);
        let (left, right) = (product(a, PHILOX_MULTIPLIERS[0]), product(c, PHILOX_MULTIPLIERS[1]));
        let high = |product: u64| (product >> 32) as u32;
        (a, b, c, d) = (high(right) ^ b ^ key[0], right as u32, high(left) ^ d ^ key[1], left as u32);
        key = [key[0].wrapping_add(PHILOX_WEYL[0]), key[1].wrapping_add(PHILOX_WEYL[1])];
    }
    [a, b, c, d]
}

/// A number from 0 to below 1, a multiple of 2⁻²⁴: the upper 24 bits of the first word, key and counter lower words first.
pub fn uniform(key: i64, counter: i64) -> f32 {
    let words = |number: i64| [number as u32, (number as u64 >> 32) as u32];
    let [low, high] = words(counter);
    let [word, ..] = philox(words(key), [low, high, 0, 0]);
    (word >> 8) as f32 / 16_777_216.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with their implementation.
    #[test]
    fn known_answers() {
        let all = u32::MAX;
        assert_eq!(philox([0; 2], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([all; 2], [all; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0xa409_3822, 0x299f_31d0], [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn numbers_are_even_between_0_and_1() {
        let numbers: Vec<f64> = (0..10_000).map(|counter| f64::from(uniform(7, counter))).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
