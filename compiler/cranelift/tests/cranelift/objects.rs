//! Object files.

use crate::harness::{check_linked, Case};
use moe_cranelift::object;
use moe_kernel::{Builder, Kernel, ValueType};
use moe_runtime::Element;

/// y = a x + y, in lanes and the rest under a mask.
fn scaled_sum(name: &str) -> Kernel {
    let mut b = Builder::new(name);
    let x = b.buffer("x", Element::F32);
    let y = b.written("y", Element::F32);
    let (begin, end) = (b.begin(), b.end());
    let factor = b.number(ValueType::vector(Element::F32, 8), 1.1);
    b.for_each(begin, end, 8, |b, i| {
        let mask = b.tail_mask(i, end, 8);
        let left = b.load_masked(x, i, 8, Some(mask));
        let right = b.load_masked(y, i, 8, Some(mask));
        let sum = b.multiply_add(factor, left, right);
        b.store_masked(y, i, sum, Some(mask));
    });
    b.finish().unwrap()
}

#[test]
fn kernels_are_global_symbols_of_a_shared_library() {
    let bytes: Vec<u8> = (0..21).flat_map(|entry| (entry as f32).to_le_bytes()).collect();
    let case = |name| Case::new(scaled_sum(name), vec![bytes.clone(), bytes.clone()], &[], 21);
    check_linked(&[case("first"), case("second")], "native");
}

#[test]
fn objects_are_the_same_every_time() {
    let kernels = [scaled_sum("first"), scaled_sum("second")];
    for cpu in ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"] {
        assert_eq!(object(&kernels, cpu).unwrap(), object(&kernels, cpu).unwrap());
    }
}

#[test]
fn processors_that_are_not_known_are_refused() {
    let error = object(&[], "x86-64-v5").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no processor `x86-64-v5`; there are native, x86-64, x86-64-v2, x86-64-v3 and x86-64-v4"
    );
}
