//! What is written for small kernels.

use crate::support::*;
use moe_kernel::{Builder, Comparison, Kernel, LaneParts, ValueType};
use moe_runtime::Element;

/// `y += a x` over items `begin..end`, four lanes at a time, stopping with a fault at a negative `a`.
pub fn axpy() -> Kernel {
    let mut build = Builder::new("axpy");
    let (x, y) = (build.buffer("x", Element::F32), build.written("y", Element::F32));
    let (begin, end, zero) = (build.begin(), build.end(), build.index(0));
    let a = build.load(x, zero, 1);
    let nothing = build.zero(ValueType::scalar(Element::F32));
    let negative = build.compare(Comparison::Less, a, nothing);
    build.when(negative, |build| build.fail(2));
    let all = build.splat(a, 4);
    build.for_each(begin, end, 4, |build, index| {
        let (xs, ys) = (build.load(x, index, 4), build.load(y, index, 4));
        let product = build.multiply(all, xs);
        let sum = build.add(ys, product);
        build.store(y, index, sum);
    });
    build.finish().unwrap()
}

#[test]
fn a_small_kernel_runs() {
    let loaded = Loaded::new(&[axpy()], "native");
    let mut buffers = [bytes_of_f32(&[2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]), bytes_of_f32(&[1.0; 8])];
    assert_eq!(loaded.run("axpy", &mut buffers, &[], 0, 8), 0);
    assert_eq!(f32_of_bytes(&buffers[1]), [5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0]);
    buffers[0] = bytes_of_f32(&[-1.0; 8]);
    assert_eq!(loaded.run("axpy", &mut buffers, &[], 0, 8), 3);
}

#[test]
fn a_small_kernel_as_mlir() {
    let kernel = axpy();
    let mlir = moe_llvm::mlir(std::slice::from_ref(&kernel), "x86-64-v3").unwrap();
    insta::assert_snapshot!(format!("{}\n{mlir}", moe_kernel::print(&kernel)));
}

/// A product of `rows` rows and two vectors of columns in registers, the inner axis serial.
fn register_tile(rows: i64, lanes: u32) -> Kernel {
    let mut build = Builder::new("tile");
    let (left, right) = (build.buffer("left", Element::F32), build.buffer("right", Element::F32));
    let output = build.written("output", Element::F32);
    let k = build.size("k");
    let (zero, rows_value, width) = (build.index(0), build.index(rows), build.index(2 * i64::from(lanes)));
    let nothing = build.zero(ValueType::vector(Element::F32, lanes));
    let initial = vec![nothing; 2 * rows as usize];
    let sums = build.fold_many(zero, k, 1, &initial, |build, k, sums| {
        let (left_row, right_row) = (build.multiply(k, rows_value), build.multiply(k, width));
        let rights = [0, i64::from(lanes)].map(|offset| {
            let (offset, place) = (build.index(offset), right_row);
            let place = build.add(place, offset);
            build.load(right, place, lanes)
        });
        let mut next = Vec::new();
        for (row, pair) in sums.chunks(2).enumerate() {
            let offset = build.index(row as i64);
            let place = build.add(left_row, offset);
            let one = build.load(left, place, 1);
            let all = build.splat(one, lanes);
            next.extend([0, 1].map(|column| build.multiply_add(all, rights[column], pair[column])));
        }
        next
    });
    for (index, sum) in sums.into_iter().enumerate() {
        let place = build.index(index as i64 * i64::from(lanes));
        build.store(output, place, sum);
    }
    build.finish().unwrap()
}

/// The instructions between the label and the backward jump of the first loop.
fn inner_loop(assembly: &str) -> Vec<&str> {
    let lines: Vec<&str> = assembly.lines().map(str::trim).collect();
    for (end, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('j')) {
        let label = format!("{}:", line.split_whitespace().last().unwrap());
        if let Some(start) = lines.iter().take(end).position(|line| *line == label) {
            return lines[start + 1..end].to_vec();
        }
    }
    panic!("there is no loop in {assembly}")
}

#[test]
fn a_register_tile_stays_in_registers() {
    for (cpu, rows, lanes, register) in [("x86-64-v4", 12, 16, "zmm"), ("x86-64-v3", 6, 8, "ymm")] {
        let assembly = moe_llvm::assembly(&[register_tile(rows, lanes)], cpu).unwrap();
        let inner = inner_loop(&assembly);
        let sums = inner.iter().filter(|line| line.starts_with("vfmadd") && line.contains(register)).count();
        assert_eq!(sums, 2 * rows as usize, "{assembly}");
        assert!(!inner.iter().any(|line| line.contains("(%rsp") || line.contains("(%rbp")), "{assembly}");
        let mut calls = assembly.lines().filter(|line| line.contains("call"));
        assert!(calls.all(|line| line.ends_with("tile.body")), "{assembly}");
        // Two vectors of the right side, a broadcast for each row where none is folded in, and the loop's own.
        assert!(inner.len() <= 3 * rows as usize + 8, "{assembly}");
    }
}

/// A kernel that adds products of parts.
fn products(parts: LaneParts, lanes: u32) -> Kernel {
    let mut build = Builder::new("products");
    let numbers = build.buffer("numbers", Element::U32);
    let sums = build.written("sums", parts.sum());
    let (zero, next) = (build.index(0), build.index(i64::from(lanes)));
    let [a, b] = [zero, next].map(|at| build.load(numbers, at, lanes));
    let c = build.load(sums, zero, lanes);
    let sum = build.add_products(parts, a, b, c);
    build.store(sums, zero, sum);
    build.finish().unwrap()
}

#[test]
fn products_of_parts_are_one_instruction_where_there_is_one() {
    let has = |parts, lanes, cpu, instruction: &str| {
        let assembly = moe_llvm::assembly(&[products(parts, lanes)], cpu).unwrap();
        let count = assembly.lines().filter(|line| line.contains(instruction)).count();
        assert!(count < 2, "{assembly}");
        count == 1
    };
    assert!(has(LaneParts::Bf16Pairs, 16, "znver4", "vdpbf16ps"));
    assert!(!has(LaneParts::Bf16Pairs, 16, "x86-64-v4", "vdpbf16ps"));
    assert!(has(LaneParts::WordPairs, 4, "x86-64", "pmaddwd"));
    assert!(has(LaneParts::WordPairs, 8, "x86-64-v3", "vpmaddwd"));
    assert!(has(LaneParts::WordPairs, 16, "x86-64-v4", "vpmaddwd"));
    assert!(has(LaneParts::ByteQuads, 8, "alderlake", "vpdpbusd"));
    assert!(has(LaneParts::ByteQuads, 16, "cascadelake", "vpdpbusd"));
    assert!(!has(LaneParts::ByteQuads, 16, "x86-64-v4", "vpdpbusd"));
}

#[test]
fn a_product_and_a_sum_stay_two_roundings() {
    let assembly = moe_llvm::assembly(&[axpy()], "x86-64-v4").unwrap();
    assert!(assembly.contains("vmulps") && assembly.contains("vaddps") && !assembly.contains("vfmadd"));
}

#[test]
fn code_for_another_architecture() {
    let assembly = moe_llvm::assembly(&[register_tile(6, 4)], "aarch64").unwrap();
    assert!(assembly.contains("fmla"), "{assembly}");
}
