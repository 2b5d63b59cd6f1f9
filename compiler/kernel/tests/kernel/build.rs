//! Building and printing.

use crate::{f32_bytes, f32_entries, run};
use moe_kernel::{print, BinaryOperation, Builder, Kernel, KernelError, ValueType};
use moe_runtime::Element;

/// y[n] = the sum over d of x[n, d] * w[d], four lanes at a time.
fn matrix_vector() -> Kernel {
    let mut b = Builder::new("matrix_vector");
    let x = b.buffer("x", Element::F32);
    let w = b.buffer("w", Element::F32);
    let y = b.written("y", Element::F32);
    let d = b.size("d");
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 1, |b, n| {
        let row = b.multiply(n, d);
        let zero = b.index(0);
        let zeros = b.zero(ValueType::vector(Element::F32, 4));
        let [sum] = b.fold(zero, d, 4, [zeros], |b, i, [sum]| {
            let mask = b.tail_mask(i, d, 4);
            let at = b.add(row, i);
            let left = b.load_masked(x, at, 4, Some(mask));
            let right = b.load_masked(w, i, 4, Some(mask));
            [b.multiply_add(left, right, sum)]
        });
        let total = b.reduce_lanes(BinaryOperation::Add, sum);
        b.store(y, n, total);
    });
    b.finish().unwrap()
}

#[test]
fn prints_one_statement_a_line() {
    insta::assert_snapshot!(print(&matrix_vector()));
}

#[test]
fn a_matrix_times_a_vector() {
    let x: Vec<f32> = (0..18).map(|entry| entry as f32).collect();
    let w = [1.0, -1.0, 2.0, 0.5, 3.0, -2.0];
    let mut buffers = [f32_bytes(&x), f32_bytes(&w), f32_bytes(&[0.0; 3])];
    run(&matrix_vector(), &mut buffers, &[6], 3);
    let expected: Vec<f32> = x.chunks(6).map(|row| row.iter().zip(w).map(|(x, w)| x * w).sum()).collect();
    assert_eq!(f32_entries(&buffers[2]), expected);
}

#[test]
fn choices_give_values_and_faults_end_the_kernel() {
    let mut b = Builder::new("choices");
    let y = b.written("y", Element::I64);
    let limit = b.size("limit");
    let (begin, end) = (b.begin(), b.end());
    b.for_each(begin, end, 1, |b, i| {
        let small = b.less(i, limit);
        let [chosen] = b.choose(
            small,
            |b| [b.multiply(i, i)],
            |b| {
                let three = b.index(3);
                let far = b.equal(i, three);
                b.when(far, |b| b.fail(7));
                [b.negate(i)]
            },
        );
        b.store(y, i, chosen);
    });
    let kernel = b.finish().unwrap();
    insta::assert_snapshot!(print(&kernel));
    let mut buffers = [vec![0; 40]];
    assert_eq!(moe_kernel::interpret(&kernel, &mut buffers, &[2], 0, 5), Ok(8));
    let entries: Vec<i64> =
        buffers[0].chunks(8).map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap())).collect();
    assert_eq!(entries, [0, 1, -2, 0, 0]);
}

#[test]
fn index_arithmetic_on_constants_is_done_while_building() {
    let mut b = Builder::new("constants");
    let y = b.written("y", Element::I64);
    let n = b.size("n");
    let (two, three, zero, one) = (b.index(2), b.index(3), b.index(0), b.index(1));
    let six = b.multiply(two, three);
    assert_eq!(six, b.index(6));
    assert_eq!(b.add(n, zero), n);
    assert_eq!(b.multiply(one, n), n);
    assert_eq!(b.multiply(n, zero), zero);
    let splat = b.splat(six, 4);
    assert_eq!(b.constant_of(splat), b.constant_of(six));
    b.store(y, n, six);
    b.finish().unwrap();
}

#[test]
fn the_first_mistake_is_kept() {
    let mut b = Builder::new("wrong");
    let x = b.buffer("x", Element::F32);
    let n = b.size("n");
    let entry = b.load(x, n, 1);
    let sum = b.add(entry, n);
    b.store(x, n, sum);
    let error = b.finish().unwrap_err();
    let KernelError::Invalid { statement, message, .. } = &error else { panic!("{error}") };
    assert_eq!(message, "v0 is i64, not f32");
    assert_eq!(statement, "v2: f32 = add v1, v0");
}

#[test]
fn an_open_loop_is_a_mistake() {
    let mut b = Builder::new("open");
    let (begin, end) = (b.begin(), b.end());
    let open = b.open_loop(begin, end, 1, &[]);
    assert_eq!(b.type_of(open.index), ValueType::INDEX);
    let error = b.finish().unwrap_err().to_string();
    assert_eq!(error, "kernel `open`: a loop or a choice was not closed");
}
