//! Simplification.

use crate::example;
use moe_graph::{
    print_module, simplify, verify, AxisId, Builder, Element, FunctionId, Module, Operation, OutputKind,
    ParameterKind, Scalar, ScalarFunction, Size, Type,
};

#[test]
fn simplifying_twice_changes_nothing_more() {
    let once = simplify(&example::module()).unwrap();
    assert_eq!(verify(&once), Ok(()));
    assert_eq!(simplify(&once).unwrap(), once);
}

#[test]
fn equal_bodies_become_one_function_and_unused_ones_go() {
    let mut b = Builder::new("main");
    let d = b.axis("D", 4);
    let ty = Type { element: Element::F32, axes: vec![d] };
    let x = b.parameter("x", ParameterKind::Input, ty.clone());
    let call = |function, inside| Operation::Call {
        function: FunctionId(function),
        axes: vec![(inside, d)],
        result: 0,
    };
    let first = b.add_typed(call(1, AxisId(0)), &[x, x], ty.clone());
    // The same body, but its axis has another number there.
    let second = b.add_typed(call(2, AxisId(1)), &[first, x], ty);
    b.output("y", second, vec![d], OutputKind::Result);
    let mut shifted = Builder::new("shifted");
    shifted.axis("dead", 7);
    let a = shifted.axis("Q", Size::symbol("A"));
    let ty = Type { element: Element::F32, axes: vec![a] };
    let x = shifted.parameter("p", ParameterKind::Input, ty.clone());
    let y = shifted.parameter("q", ParameterKind::Input, ty);
    shifted.map(ScalarFunction::Subtract, &[x, y]).unwrap();
    let product = shifted.map(ScalarFunction::Multiply, &[x, y]).unwrap();
    let half = shifted.constant(Scalar::f32(0.5));
    let one = shifted.map(ScalarFunction::Add, &[half, half]).unwrap();
    let sum = shifted.map(ScalarFunction::Add, &[product, one]).unwrap();
    shifted.output("next", sum, vec![a], OutputKind::Result);
    let functions =
        vec![example::step("unused", "A"), example::step("step", "A"), shifted.finish(), b.finish()];
    let module = Module { functions, entry: 3, offsets: Vec::new() };
    assert_eq!(verify(&module), Ok(()));
    let simple = simplify(&module).unwrap();
    assert_eq!(verify(&simple), Ok(()));
    insta::assert_snapshot!(print_module(&simple));
}
