//! Kernels as text, for two small graphs.

use crate::support::{module, plan, CRANELIFT};
use moe_graph::{
    Builder, Element, OutputKind, ParameterKind, ReduceKind, Scalar, ScalarFunction, Size, Type,
};

fn shown(b: Builder) -> String {
    let graph = moe_graph::print_module(&module(b));
    let module = moe_graph::parse_module(&graph).unwrap();
    let plan = plan(&module, &CRANELIFT);
    let kernels: Vec<String> = plan.kernels.iter().map(moe_kernel::print).collect();
    let steps: Vec<String> = plan.program.forms[0].step.iter().map(|step| format!("{step:?}")).collect();
    format!("{graph}\n----\n{}\n----\n{}\n", kernels.join("\n"), steps.join("\n"))
}

#[test]
fn pointwise() {
    let mut b = Builder::new("main");
    let (n, d) = (b.axis("N", Size::symbol("N")), b.axis("D", 6));
    let x = b.parameter("x", ParameterKind::Input, Type { element: Element::F32, axes: vec![n, d] });
    let scale = b.parameter("scale", ParameterKind::Weight, Type { element: Element::F32, axes: vec![d] });
    let scaled = b.map(ScalarFunction::Multiply, &[x, scale]).unwrap();
    let zero = b.constant(Scalar::f32(0.0));
    let kept = b.map(ScalarFunction::Maximum, &[scaled, zero]).unwrap();
    b.output("y", kept, vec![n, d], OutputKind::Result);
    insta::assert_snapshot!(shown(b));
}

#[test]
fn mean_of_squares() {
    let mut b = Builder::new("main");
    let (n, d) = (b.axis("N", Size::symbol("N")), b.axis("D", 8));
    let x = b.parameter("x", ParameterKind::Input, Type { element: Element::F32, axes: vec![n, d] });
    let square = b.map(ScalarFunction::Multiply, &[x, x]).unwrap();
    let sum = b.reduce(ReduceKind::Sum, &[d], square).unwrap();
    let count = b.constant(Scalar::f32(0.125));
    let mean = b.map(ScalarFunction::Multiply, &[sum, count]).unwrap();
    b.output("mean", mean, vec![n], OutputKind::Result);
    insta::assert_snapshot!(shown(b));
}
