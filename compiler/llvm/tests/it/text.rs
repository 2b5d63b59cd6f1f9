//! What is written for a small kernel.

use crate::support::*;
use moe_graph::Scalar;
use moe_kernel::{Kernel, Operation, Statement};
use moe_runtime::Element;

/// `y += a x` over items `begin..end`, four lanes at a time, stopping with a fault at a negative `a`.
pub fn axpy() -> Kernel {
    let mut build = Build::new("axpy");
    let (x, y) = (build.buffer(Element::F32, false), build.buffer(Element::F32, true));
    let (begin, end) = (build.begin(), build.end());
    let zero = build.index(0);
    let a = build.load(scalar(Element::F32), x, zero);
    let nothing = build.define(scalar(Element::F32), Operation::Constant(Scalar::f32(0.0)));
    let negative =
        build.define(scalar(Element::Bool), Operation::Compare(moe_kernel::Comparison::Less, a, nothing));
    build.push(Statement::If {
        condition: negative,
        then: vec![Statement::Fail { fault: 2 }],
        otherwise: vec![],
        results: vec![],
    });
    let all = build.define(vector(Element::F32, 4), Operation::Splat(a));
    build.repeat((begin, end, 4), &[], |build, index, _| {
        let (xs, ys) =
            (build.load(vector(Element::F32, 4), x, index), build.load(vector(Element::F32, 4), y, index));
        let product = build.multiply(all, xs);
        let sum = build.add(ys, product);
        build.store(y, index, sum);
        vec![]
    });
    build.finish()
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
