//! Modules of several functions, outputs of every kind, claims, and what must not change.

use crate::compare::{assert_equal, Data};
use crate::model::{shape, Model};
use moe_grammar::{FileId, Span};
use moe_graph::{Element, Module, Operation, OutputKind, ParameterKind, ScalarFunction, Size, Type};
use moe_rewrite::{rewrite, Options};

fn sizes() -> crate::model::Shape {
    shape(&[("D", 64), ("Out", 64), ("H", 96), ("E", 8), ("K", 2)])
}

/// A residual block with a mixture: a body to be repeated.
fn block() -> Model {
    let mut model = Model::new(&sizes());
    let x = model.input("x", &["N", "D"]);
    let gate = model.input("gate", &["D", "E"]);
    let g = model.top_k(x, gate, "E", "K");
    let y = model.mlp("experts", x, &["E"]);
    let weighed = model.multiply(g, y);
    let sum = model.sum("E", weighed);
    let y = model.add(x, sum);
    model.output(y);
    model
}

/// A model of `layers` blocks, each with its own weights.
fn repeated(layers: i64) -> Module {
    let body = block().builder.finish();
    let mut entry = Model::new(&sizes());
    let layer = entry.builder.axis("L", layers);
    let axes: Vec<_> = body
        .axes
        .iter()
        .enumerate()
        .map(|(place, axis)| (moe_graph::AxisId(place as u32), entry.axis(&axis.name.clone())))
        .collect();
    let mut operands = Vec::new();
    for parameter in &body.parameters {
        let stacked = parameter.name != "x";
        let own = parameter.ty.axes.iter().map(|axis| axes[axis.0 as usize].1);
        let own = stacked.then_some(layer).into_iter().chain(own).collect();
        let ty = Type { element: Element::F32, axes: own };
        operands.push(entry.builder.parameter(parameter.name.clone(), ParameterKind::Weight, ty));
    }
    let stacked = body.parameters.len() as u32 - 1;
    let repeat = Operation::Repeat {
        function: moe_graph::FunctionId(0),
        axes,
        over: layer,
        carried: 1,
        stacked,
        result: 0,
    };
    let ty = entry.builder.ty(operands[0]);
    let y = entry.builder.add_typed(repeat, &operands, ty);
    entry.output(y);
    Module { functions: vec![body, entry.builder.finish()], entry: 1, offsets: Vec::new() }
}

#[test]
fn a_repeated_block_is_rewritten_once_and_counted_for_each_layer() {
    let (one, many) = (repeated(1), repeated(64));
    assert_eq!(moe_graph::verify(&one), Ok(()));
    let rewritten = rewrite(&one, &Options::default()).unwrap();
    assert_equal(&one, &rewritten.module, 3, Data::Any, 5, "a repeated block");
    let flops = |module| {
        let report = rewrite(module, &Options::default()).unwrap().report;
        report.after().unwrap().flops.evaluate(&|_| Some(128)).unwrap()
    };
    assert_eq!(flops(&many), 64 * flops(&one));
    let packed = rewritten.module.functions[0].nodes.iter();
    assert!(packed.clone().any(|node| matches!(node.operation, Operation::SegmentReduce { .. })));
}

/// Names, kinds and spans of what was written stay, and so do outputs that nobody asked for, states, and claims.
#[test]
fn outputs_parameters_claims_and_spans_stay() {
    let mut model = Model::new(&sizes());
    model.builder.set_span(Some(Span { file: FileId(0), start: 3, end: 9 }));
    let x = model.input("x", &["N", "D"]);
    let unused = model.input("unused", &["H"]);
    let state = model.builder.ty(unused);
    let state = model.builder.parameter("state", ParameterKind::State, state);
    let gate = model.input("gate", &["D", "E"]);
    let g = model.top_k(x, gate, "E", "K");
    let zero = model.number(0.0);
    let chosen = model.map(ScalarFunction::NotEqual, &[g, zero]);
    let claim = Operation::Expect { count: Size::constant(3), axes: vec![model.axis("E")] };
    model.operation(claim, &[chosen]);
    let y = model.mlp("experts", x, &["E"]);
    let weighed = model.multiply(g, y);
    let sum = model.sum("E", weighed);
    let axes = model.builder.ty(sum).axes;
    model.builder.output("logits", sum, axes.iter().rev().copied().collect(), OutputKind::Result);
    let doubled = model.add(state, state);
    let axes = model.builder.ty(state).axes;
    model.builder.output("state", doubled, axes, OutputKind::Next);
    let axes = model.builder.ty(g).axes;
    model.builder.output("gate.weights", g, axes, OutputKind::Observed);
    let module = model.module();
    let rewritten = rewrite(&module, &Options::default()).unwrap();
    let (before, after) = (&module.functions[0], &rewritten.module.functions[0]);
    assert_eq!(before.parameters, after.parameters);
    let outputs = |function: &moe_graph::Function| -> Vec<_> {
        function
            .outputs
            .iter()
            .map(|output| (output.name.clone(), output.axes.clone(), output.kind))
            .collect()
    };
    assert_eq!(outputs(before), outputs(after));
    assert!(after.nodes.iter().any(|node| matches!(node.operation, Operation::Expect { .. })));
    let segment = after.nodes.iter().find(|node| matches!(node.operation, Operation::SegmentReduce { .. }));
    assert!(segment.unwrap().span.is_some());
    assert_equal(&module, &rewritten.module, 4, Data::Any, 5, "outputs of every kind");
}

/// Packed rows are not packed again, and what was saved stays saved.
#[test]
fn what_is_rewritten_can_be_rewritten_again() {
    let module = block().module();
    let once = rewrite(&module, &Options::default()).unwrap();
    let twice = rewrite(&once.module, &Options::default()).unwrap();
    let flops =
        |report: &moe_rewrite::Report| report.after().unwrap().flops.evaluate(&|_| Some(128)).unwrap();
    let (first, second) = (flops(&once.report), flops(&twice.report));
    assert!(second <= first && second * 1000 > first * 999, "{first}, {second}: {}", twice.report.render());
    assert_equal(&module, &twice.module, 4, Data::Any, 5, "rewritten twice");
}

/// Many layers in one function: the e-graph must not grow with the square of the depth.
#[test]
fn layers_in_one_function_stay_within_limits() {
    let mut model = Model::new(&sizes());
    let mut x = model.input("x", &["N", "D"]);
    for layer in 0..6 {
        let gate = model.input(&format!("gate{layer}"), &["D", "E"]);
        let g = model.top_k(x, gate, "E", "K");
        let y = model.mlp(&format!("experts{layer}"), x, &["E"]);
        let weighed = model.multiply(g, y);
        let sum = model.sum("E", weighed);
        x = model.add(x, sum);
    }
    model.output(x);
    let module = model.module();
    let rewritten = rewrite(&module, &Options::default()).unwrap();
    let segments = rewritten.module.functions[0].nodes.iter();
    let segments = segments.filter(|node| matches!(node.operation, Operation::SegmentReduce { .. })).count();
    assert_eq!(segments, 6, "{}", rewritten.report.render());
    assert_equal(&module, &rewritten.module, 2, Data::Any, 5, "six layers");
}
