//! Files and programs with bytes changed at random: refused or read, but never a crash.

use crate::fakes::*;
use moe_runtime::command::info;
use moe_runtime::program::Program;
use moe_runtime::{npy, weights, Element, Tensor, WeightFile};

const ROUNDS: u64 = 20_000;

/// Numbers that look random and are the same in each run (a linear congruential generator, constants after Knuth).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Changes, removes or adds a few bytes, each from the head of the file more often than from its end.
pub fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let limit = 1 + random.below(bytes.len());
        let at = random.below(limit);
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.below(256) as u8),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] = b"0123456789[](){},:'\"-"[random.below(21)],
            _ => bytes[at] = random.below(256) as u8,
        }
    }
    bytes
}

#[test]
fn npy_files() {
    let tensor = Tensor::zeros(Element::F32, vec![3, 5]).unwrap();
    let mut whole = npy::header(tensor.element(), tensor.shape());
    whole.extend(tensor.bytes());
    let mut random = Random(1);
    let read = (0..ROUNDS).filter(|_| npy::parse("X", damaged(&whole, &mut random)).is_ok()).count();
    assert!(read > 0 && (read as u64) < ROUNDS);
}

#[test]
fn weights_files() {
    let tensor = Tensor::zeros(Element::F32, vec![3]).unwrap();
    let whole = weights::to_bytes(&[("w".into(), &tensor), ("v".into(), &tensor)]).unwrap();
    let mut random = Random(2);
    for _ in 0..ROUNDS {
        let Ok(file) = WeightFile::from_bytes("W", damaged(&whole, &mut random)) else { continue };
        for entry in file.entries().values() {
            assert_eq!(file.bytes(entry.range.clone()).len(), entry.range.len());
        }
        // It may or may not fit; either is fine.
        let _ = weights::load(&scaling(), Some(&file));
    }
}

#[test]
fn programs() {
    let whole = postcard::to_stdvec(&scaling()).unwrap();
    let mut random = Random(3);
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let Ok(program) = postcard::from_bytes::<Program>(&damaged(&whole, &mut random)) else { continue };
        for size in [0, 7, i64::MAX] {
            let sizes: Vec<_> = program.symbols.iter().map(|symbol| (symbol.name.clone(), size)).collect();
            refused += u64::from(info(&program, &sizes).is_err());
        }
    }
    assert!(refused > 0);
}
