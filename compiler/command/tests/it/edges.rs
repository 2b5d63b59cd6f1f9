//! Sizes at the edge on every back end: no rows, one, very many; one expert, all of them, hundreds; widths that no vector divides; ties; and
//! values that are no numbers. A row gives the same bits whatever rows stand beside it.

use crate::person::{npy_f32, read_f32, safetensors, Person};
use std::path::Path;

const MIXTURE: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k

model M[D = 8, H = 12, E = 4, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [swiglu[H]; E]
    let g: f32[N, K of E] = gate(x)
    x + sum e: E { g[_, e] * experts[e](x) }
}
";

/// The static parameters of a mixture.
#[derive(Clone, Copy)]
struct Sizes {
    width: usize,
    hidden: usize,
    experts: usize,
    kept: usize,
}

fn backends() -> Vec<&'static str> {
    if Path::new(env!("CARGO_BIN_EXE_moe")).with_file_name("moe-codegen").is_file() {
        vec!["cranelift", "llvm"]
    } else {
        println!("llvm left out: moe-codegen is not built here");
        vec!["cranelift"]
    }
}

/// Numbers between -1 and 1 that do not repeat soon.
fn values(count: usize, step: usize) -> Vec<f32> {
    (0..count).map(|place| ((place * step + step / 2) % 2003) as f32 / 1001.0 - 1.0).collect()
}

fn bytes(entries: &[f32]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

/// A mixture of these sizes compiled by each back end, with weights made by `change` from ordinary ones.
fn built(sizes: Sizes, change: impl Fn(&str, &mut Vec<f32>)) -> Person {
    let person = Person::new();
    let Sizes { width, hidden, experts, kept } = sizes;
    let text = MIXTURE.replace("D = 8", &format!("D = {width}")).replace("H = 12", &format!("H = {hidden}"));
    person.write(
        "m.moe",
        text.replace("E = 4", &format!("E = {experts}")).replace("K = 2", &format!("K = {kept}")),
    );
    let shapes: [(&str, Vec<usize>); 4] = [
        ("gate.weight", vec![width, experts]),
        ("experts.gate", vec![experts, width, hidden]),
        ("experts.up", vec![experts, width, hidden]),
        ("experts.down", vec![experts, hidden, width]),
    ];
    let tensors: Vec<_> = shapes
        .iter()
        .enumerate()
        .map(|(number, (name, shape))| {
            let mut entries = values(shape.iter().product(), 337 + 100 * number);
            change(name, &mut entries);
            (*name, "F32", shape.as_slice(), bytes(&entries))
        })
        .collect();
    person.write("w.safetensors", safetensors(&tensors));
    for backend in backends() {
        person.moe(&["build", "m.moe", "--backend", backend, "-o", backend]).fine();
    }
    person
}

/// What the reference and then each back end make of these rows.
fn results(person: &Person, width: usize, rows: &[f32]) -> Vec<(&'static str, Vec<f32>)> {
    person.write("x.npy", npy_f32(&[rows.len() / width, width], rows));
    let given = ["--weights", "w.safetensors", "--input", "x=x.npy", "--output", "y.npy"];
    person.moe(&[&["run", "m.moe", "--backend", "reference"], &given[..]].concat()).fine();
    let mut found = vec![("reference", read_f32(&person.path("y.npy")))];
    for backend in backends() {
        person.run(&person.path(backend), &given).fine();
        found.push((backend, read_f32(&person.path("y.npy"))));
    }
    found
}

fn agree(found: &[(&'static str, Vec<f32>)], what: &str) {
    let [(_, reference), others @ ..] = found else { return };
    let largest =
        reference.iter().filter(|entry| entry.is_finite()).fold(1_f32, |most, entry| most.max(entry.abs()));
    for (backend, entries) in others {
        assert_eq!(entries.len(), reference.len(), "{what} with {backend}");
        for (place, (a, b)) in entries.iter().zip(reference).enumerate() {
            let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-5 * largest;
            assert!(same, "{what} with {backend}, entry {place}: {a} where {b} is right");
        }
    }
}

#[test]
fn sizes_at_the_edge() {
    let sizes = [(8, 12, 1, 1), (8, 12, 4, 4), (8, 12, 4, 1), (100, 37, 5, 2), (1, 1, 2, 1), (7, 5, 512, 3)];
    for (width, hidden, experts, kept) in sizes {
        let person = built(Sizes { width, hidden, experts, kept }, |_, _| {});
        for rows in [0, 1, 2, 33] {
            let found = results(&person, width, &values(rows * width, 611));
            agree(&found, &format!("D = {width}, H = {hidden}, E = {experts}, K = {kept}, {rows} rows"));
        }
    }
}

#[test]
fn a_hundred_thousand_rows() {
    let person = built(Sizes { width: 4, hidden: 3, experts: 4, kept: 2 }, |_, _| {});
    agree(&results(&person, 4, &values(400_000, 611)), "100000 rows");
}

/// Of equal scores the first are kept, everywhere.
#[test]
fn ties() {
    let flat = |name: &str, entries: &mut Vec<f32>| {
        if name == "gate.weight" {
            entries.fill(0.0);
        }
    };
    let person = built(Sizes { width: 8, hidden: 12, experts: 6, kept: 3 }, flat);
    agree(&results(&person, 8, &values(80, 611)), "ties");
}

/// An expert that no row chooses may hold anything: its values do not reach the results.
#[test]
fn what_is_no_number_stays_off_the_support() {
    for wild in [f32::NAN, f32::INFINITY] {
        let last = |name: &str, entries: &mut Vec<f32>| {
            let count = entries.len();
            if name == "gate.weight" {
                // The last of four experts scores least for rows above 0.
                entries.iter_mut().skip(3).step_by(4).for_each(|entry| *entry = -10.0);
            } else {
                entries.iter_mut().skip(count / 4 * 3).for_each(|entry| *entry = wild);
            }
        };
        let person = built(Sizes { width: 8, hidden: 12, experts: 4, kept: 2 }, last);
        let rows: Vec<f32> = values(80, 611).iter().map(|entry| entry.abs() + 0.1).collect();
        let found = results(&person, 8, &rows);
        assert!(found[0].1.iter().all(|entry| entry.is_finite()));
        agree(&found, "an expert without numbers");
    }
}

/// Rows that are no numbers give what the reference gives, and leave the others alone.
#[test]
fn what_is_no_number_stays_in_its_row() {
    let person = built(Sizes { width: 8, hidden: 12, experts: 4, kept: 2 }, |_, _| {});
    let mut rows = values(80, 611);
    rows[16..24].fill(f32::NAN);
    rows[40] = f32::INFINITY;
    let found = results(&person, 8, &rows);
    agree(&found, "rows without numbers");
    assert!(found[0].1[..16].iter().all(|entry| entry.is_finite()));
}

/// The result of a row does not depend on the rows beside it, nor on how many threads there are.
#[test]
fn one_row_is_a_row_of_many_bit_for_bit() {
    let sizes = Sizes { width: 100, hidden: 37, experts: 5, kept: 2 };
    let person = built(sizes, |_, _| {});
    let rows = values(65 * sizes.width, 611);
    let run = |backend: &str, rows: &[f32], threads: &str| {
        person.write("x.npy", npy_f32(&[rows.len() / sizes.width, sizes.width], rows));
        let given =
            ["--weights", "w.safetensors", "--input", "x=x.npy", "--output", "y.npy", "--threads", threads];
        person.run(&person.path(backend), &given).fine();
        let bits: Vec<u32> = read_f32(&person.path("y.npy")).iter().map(|entry| entry.to_bits()).collect();
        bits
    };
    for backend in backends() {
        let all = run(backend, &rows, "1");
        assert_eq!(run(backend, &rows, "2"), all, "{backend} with two threads");
        for row in [0, 1, 13, 31, 64] {
            let own = row * sizes.width..(row + 1) * sizes.width;
            assert_eq!(run(backend, &rows[own.clone()], "2"), all[own], "{backend}, row {row}");
        }
        let part = ..17 * sizes.width;
        assert_eq!(run(backend, &rows[part], "2"), all[part], "{backend}, 17 rows");
    }
}
