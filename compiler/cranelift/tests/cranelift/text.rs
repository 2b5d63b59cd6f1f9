//! Cranelift's text.

use moe_cranelift::clif;
use moe_kernel::{print, BinaryOperation, Builder, ValueType};
use moe_runtime::Element;

#[test]
fn a_sum_of_squares() {
    let mut b = Builder::new("squares");
    let x = b.buffer("x", Element::F32);
    let y = b.written("y", Element::F32);
    let (begin, end) = (b.begin(), b.end());
    let zeros = b.zero(ValueType::vector(Element::F32, 8));
    let [sum] = b.fold(begin, end, 8, [zeros], |b, i, [sum]| {
        let entries = b.load(x, i, 8);
        [b.multiply_add(entries, entries, sum)]
    });
    let total = b.reduce_lanes(BinaryOperation::Add, sum);
    let zero = b.index(0);
    b.store(y, zero, total);
    let kernel = b.finish().unwrap();
    let text = clif(std::slice::from_ref(&kernel)).unwrap();
    insta::assert_snapshot!(format!("{}\n{text}", print(&kernel)));
}
