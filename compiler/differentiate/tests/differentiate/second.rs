//! Gradients of gradients.

use crate::common::{compare, float_parameters, summed, Graph};
use moe_differentiate::{gradient, DifferentiateError};
use moe_graph::{ReduceKind, ScalarFunction};

/// A network of two layers with a selection between them.
fn network() -> (moe_graph::Module, Vec<moe_runtime::Tensor>) {
    let mut g = Graph::new(40);
    let [n, d, h] = g.axes([3, 4, 5]);
    let (x, w) = (g.values(&[n, d], -1.0, 1.0), g.values(&[d, h], -1.0, 1.0));
    let v = g.values(&[h], -1.0, 1.0);
    let product = g.map(ScalarFunction::Multiply, &[x, w]);
    let inner = g.builder.reduce(ReduceKind::Sum, &[d], product).unwrap();
    let mask = g.largest(3, h, inner);
    let zero = g.number(0.0);
    let kept = g.map(ScalarFunction::Select, &[mask, inner, zero]);
    let active = g.map(ScalarFunction::HyperbolicTangent, &[kept]);
    let product = g.map(ScalarFunction::Multiply, &[active, v]);
    let out = g.builder.reduce(ReduceKind::Sum, &[h], product).unwrap();
    g.module(out, true)
}

#[test]
fn a_product_of_the_hessian_and_a_vector() {
    let (module, inputs) = network();
    compare(&module, &inputs, 1e-6).unwrap();
    let derived = gradient(&module, "y", &float_parameters(&module)).unwrap();
    for result in 1..=3 {
        compare(&summed(&derived, result), &inputs, 1e-6).unwrap();
    }
}

#[test]
fn a_third_derivative() {
    let mut g = Graph::new(41);
    let [n] = g.axes([3]);
    let x = g.values(&[n], -1.0, 1.0);
    let node = g.map(ScalarFunction::ErrorFunction, &[x]);
    let (module, inputs) = g.module(node, false);
    let first = gradient(&module, "y", &["x1".to_owned()]).unwrap();
    let second = gradient(&summed(&first, 1), "y", &["x1".to_owned()]).unwrap();
    compare(&summed(&second, 1), &inputs, 1e-5).unwrap();
}

#[test]
fn what_has_no_gradient_is_an_error() {
    let (module, _) = network();
    let names = |name: &str| vec![name.to_owned()];
    let errors = [
        (gradient(&module, "z", &names("x1")), DifferentiateError::NoOutput("z".to_owned())),
        (gradient(&module, "y", &names("q")), DifferentiateError::NoParameter("q".to_owned())),
    ];
    for (found, expected) in errors {
        assert_eq!(found.unwrap_err(), expected);
    }
    let mut g = Graph::new(0);
    let [n] = g.axes([3]);
    let index = g.indices(&[n], 2);
    let total = g.builder.reduce(ReduceKind::Sum, &[n], index).unwrap();
    g.builder.output("y", total, vec![], moe_graph::OutputKind::Result);
    g.builder.output("z", index, vec![n], moe_graph::OutputKind::Result);
    let module = moe_graph::Module { functions: vec![g.builder.finish()], entry: 0, offsets: Vec::new() };
    assert_eq!(gradient(&module, "z", &[]), Err(DifferentiateError::NotSingle("z".to_owned())));
    assert_eq!(gradient(&module, "y", &[]), Err(DifferentiateError::NotFloat("y".to_owned())));
    assert_eq!(gradient(&module, "y", &names("i1")), Err(DifferentiateError::NotFloat("i1".to_owned())));
}
