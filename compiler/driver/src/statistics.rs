//! The distribution of a tensor's entries, with a limit on how many are looked at.

use moe_graph::Element;
use moe_runtime::weights::convert;

/// Entries looked at together where not all are, so that memory is read in stretches.
const STRETCH: usize = 1024;

/// What the entries of a tensor are like. Smallest, largest, mean and deviation are those of the finite ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// How many entries were looked at.
    pub counted: usize,
    /// How many there are.
    pub entries: usize,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// How many are finite.
    pub finite: usize,
    /// How many are 0.
    pub zeros: usize,
    /// How many are not a number.
    pub nan: usize,
    /// How many are infinite.
    pub infinite: usize,
}

/// Looks at `limit` entries at most: all where there are no more, else stretches of them, evenly spread.
pub fn statistics(element: Element, bytes: &[u8], limit: usize) -> Statistics {
    let size = element.bytes();
    let entries = bytes.len() / size;
    let stretches = entries.div_ceil(STRETCH);
    let looked_at = if entries <= limit { stretches } else { (limit / STRETCH).max(1).min(stretches) };
    let mut found =
        Statistics { entries, minimum: f64::INFINITY, maximum: f64::NEG_INFINITY, ..Statistics::default() };
    let mut squares = 0.0;
    for number in 0..looked_at {
        // Rounded down, this names different stretches, the first among them.
        let stretch = number * stretches / looked_at.max(1);
        let begin = stretch * STRETCH * size;
        let end = (begin + STRETCH * size).min(entries * size);
        for entry in bytes.get(begin..end).unwrap_or_default().chunks_exact(size) {
            found.add(number_of(entry, element), &mut squares);
        }
    }
    if found.finite == 0 {
        (found.minimum, found.maximum) = (0.0, 0.0);
    } else {
        found.deviation = (squares / found.finite as f64).max(0.0).sqrt();
    }
    found
}

impl Statistics {
    /// Welford's running mean, and the sum of squared distances from it, which do not cancel.
    fn add(&mut self, value: f64, squares: &mut f64) {
        self.counted += 1;
        if value.is_nan() {
            self.nan += 1;
        } else if value.is_infinite() {
            self.infinite += 1;
        } else {
            self.finite += 1;
            self.zeros += usize::from(value == 0.0);
            self.minimum = self.minimum.min(value);
            self.maximum = self.maximum.max(value);
            let distance = value - self.mean;
            self.mean += distance / self.finite as f64;
            *squares += distance * (value - self.mean);
        }
    }
}

fn number_of(entry: &[u8], element: Element) -> f64 {
    let fixed = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).map_or(f64::NAN, f64::from_le_bytes);
    match element {
        Element::F64 => fixed(entry),
        Element::F32 => <[u8; 4]>::try_from(entry).map_or(f64::NAN, |bytes| f32::from_le_bytes(bytes).into()),
        _ => {
            let mut bytes = Vec::with_capacity(8);
            convert(entry, element, Element::F64, &mut bytes).map_or(f64::NAN, |()| fixed(&bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(entries: &[f32]) -> Vec<u8> {
        entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
    }

    #[test]
    fn every_entry_is_counted_once() {
        let found = statistics(Element::F32, &floats(&[1.0, 0.0, f32::NAN, 3.0, f32::INFINITY, -0.0]), 100);
        assert_eq!((found.counted, found.entries, found.finite), (6, 6, 4));
        assert_eq!((found.zeros, found.nan, found.infinite), (2, 1, 1));
        assert_eq!((found.minimum, found.maximum, found.mean), (0.0, 3.0, 1.0));
        assert!((found.deviation - 1.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_limit_spreads_the_entries() {
        let entries: Vec<f32> = (0..100_000).map(|entry| entry as f32).collect();
        let found = statistics(Element::F32, &floats(&entries), 10_000);
        assert!(found.counted <= 10_000 && found.counted > 8_000);
        assert!(found.maximum > 80_000.0 && (found.mean - 50_000.0).abs() < 7_000.0, "{found:?}");
    }

    #[test]
    fn of_nothing_and_of_whole_numbers() {
        let nothing = statistics(Element::F32, &[], 10);
        assert_eq!((nothing.counted, nothing.minimum, nothing.deviation), (0, 0.0, 0.0));
        let bytes = statistics(Element::U8, &[1, 2, 3], 10);
        assert_eq!((bytes.mean, bytes.maximum), (2.0, 3.0));
        assert_eq!(statistics(Element::Bool, &[1, 0], 10).mean, 0.5);
    }
}
