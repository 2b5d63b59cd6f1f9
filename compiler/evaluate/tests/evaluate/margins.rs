//! How far choices are from falling out otherwise.

use crate::common::Graph;
use moe_graph::{Element, Operation, ReduceKind, ScalarFunction, Size};

#[test]
fn a_selection_has_the_gap_between_in_and_out_for_each_row() {
    let mut g = Graph::new();
    let (n, e, d) = (g.axis("N", 3), g.axis("E", 3), g.axis("D", 2));
    let scores = g.f32(&[n, e], &[3.0, 2.0, 1.5, 1.0, 1.0, 1.0, 4.0, f32::NEG_INFINITY, 0.0]);
    let x = g.f32(&[n, d], &[1.0; 6]);
    let mask = g.add(Operation::LargestMask { count: Size::constant(2), axis: e }, &[scores]);
    let zero = g.number(0.0);
    let gate = g.map(ScalarFunction::Select, &[mask, scores, zero]);
    let product = g.map(ScalarFunction::Multiply, &[gate, x]);
    let y = g.reduce(ReduceKind::Sum, &[e], product);
    let other = g.reduce(ReduceKind::Sum, &[d], x);
    let found = g.evaluate(&[y, other]).unwrap();
    assert_eq!(found.margins[0].as_ref().unwrap().axes, [n]);
    assert_eq!(found.margin_along(n).unwrap(), [0.5, 0.0, f64::INFINITY]);
    assert_eq!(found.margin_along(d).unwrap(), [0.0, 0.0]);
    assert!(found.margins[1].is_none());
    assert_eq!(found.smallest_margin(1), f64::INFINITY);
}

#[test]
fn comparisons_roundings_and_casts_have_margins() {
    let mut g = Graph::new();
    let a = g.axis("A", 3);
    let x = g.f32(&[a], &[0.25, 1.5, -2.75]);
    let one = g.number(1.0);
    let less = g.map(ScalarFunction::Less, &[x, one]);
    let floor = g.map(ScalarFunction::Floor, &[x]);
    let round = g.map(ScalarFunction::Round, &[x]);
    let cast = g.add(Operation::Cast(Element::I32), &[x]);
    let sign = g.map(ScalarFunction::Sign, &[x]);
    let twice = g.map(ScalarFunction::Add, &[x, x]);
    let found = g.evaluate(&[less, floor, round, cast, sign, twice]).unwrap();
    let margins: Vec<_> =
        found.margins.iter().map(|margin| margin.as_ref().map(|margin| margin.entries.clone())).collect();
    assert_eq!(margins[0], Some(vec![0.75, 0.5, 3.75]));
    assert_eq!(margins[1], Some(vec![0.25, 0.5, 0.25]));
    assert_eq!(margins[2], Some(vec![0.25, 0.0, 0.25]));
    assert_eq!(margins[3], Some(vec![0.75, 0.5, 0.25]));
    assert_eq!(margins[4], Some(vec![0.25, 1.5, 2.75]));
    assert_eq!(margins[5], None);
}

#[test]
fn a_tie_at_the_background_is_meant() {
    let mut g = Graph::new();
    let (n, e) = (g.axis("N", 1), g.axis("E", 4));
    let scores = g.f32(&[n, e], &[3.0, 2.0, 1.0, 0.0]);
    let mask = g.add(Operation::LargestMask { count: Size::constant(1), axis: e }, &[scores]);
    let zero = g.number(0.0);
    let gate = g.map(ScalarFunction::Select, &[mask, scores, zero]);
    let used = g.map(ScalarFunction::NotEqual, &[gate, zero]);
    let found = g.evaluate(&[used]).unwrap();
    // The mask's own margin is 1; the comparison's are 3 for the entry kept, and none for the others.
    assert_eq!(found.margins[0].as_ref().unwrap().entries, [1.0; 4]);
}

#[test]
fn what_an_absorbing_operand_hides_does_not_count() {
    let mut g = Graph::new();
    let (n, e) = (g.axis("N", 1), g.axis("E", 2));
    let scores = g.f32(&[n, e], &[3.0, 2.0]);
    let x = g.f32(&[n, e], &[0.5, 0.001]);
    let mask = g.add(Operation::LargestMask { count: Size::constant(1), axis: e }, &[scores]);
    let zero = g.number(0.0);
    let gate = g.map(ScalarFunction::Select, &[mask, scores, zero]);
    let sign = g.map(ScalarFunction::Sign, &[x]);
    let product = g.map(ScalarFunction::Multiply, &[gate, sign]);
    let y = g.reduce(ReduceKind::Sum, &[e], product);
    let found = g.evaluate(&[y]).unwrap();
    assert_eq!(found.margin_along(n).unwrap(), [0.5]);
}

#[test]
fn margins_move_with_the_entries() {
    let mut g = Graph::new();
    let (n, d, m) = (g.axis("N", 2), g.axis("D", 2), g.axis("M", 4));
    let p = g.builder.ragged_axis("P", Size::constant(2));
    let x = g.f32(&[n, d], &[0.25, 0.5, 1.0, 2.0]);
    let sign = g.map(ScalarFunction::Sign, &[x]);
    let merged = g.add(Operation::Merge { from: vec![d, n], into: m }, &[sign]);
    let mask = g.bytes(Element::Bool, &[n], &[0, 1]);
    let packed = g.add(Operation::Pack { into: p }, &[mask, sign]);
    let found = g.evaluate(&[merged, packed]).unwrap();
    assert_eq!(found.margin_along(m).unwrap(), [0.25, 1.0, 0.5, 2.0]);
    assert_eq!(found.margins[1].as_ref().unwrap().entries, [1.0, 2.0]);
}
