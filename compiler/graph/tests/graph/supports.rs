//! Every row of the table of supports: what is claimed, and that random data hold it, NaN off the support included.

use moe_generate::{check_built, Random};
use moe_graph::{
    Absorb, AxisId, Builder, Element, Fact, NodeId, Operation, ParameterKind, ReduceKind, Scalar,
    ScalarFunction, Size, Type,
};
use moe_runtime::Tensor;
use std::collections::BTreeSet;

const ROUNDS: u64 = 25;

struct Case {
    builder: Builder,
    random: Random,
    inputs: Vec<Tensor>,
}

/// Builds a graph with each of several seeds and checks everything it claims. `build` asserts what should be claimed.
fn case(build: impl Fn(&mut Case)) {
    for seed in 0..ROUNDS {
        let mut case = Case { builder: Builder::new("main"), random: Random::new(seed), inputs: Vec::new() };
        build(&mut case);
        let claims =
            check_built(case.builder, &case.inputs).unwrap_or_else(|error| panic!("{seed}: {error}"));
        assert!(claims > 0);
    }
}

impl Case {
    fn axes<const N: usize>(&mut self, sizes: [i64; N]) -> [AxisId; N] {
        sizes.map(|size| self.builder.axis(format!("A{size}"), size))
    }

    /// A parameter of random quarters, sometimes 0, and NaN or infinite where `wild`.
    fn values(&mut self, axes: &[AxisId], wild: bool) -> NodeId {
        let size = |axis: &AxisId| self.builder.function().size(*axis).as_constant().unwrap() as usize;
        let shape: Vec<usize> = axes.iter().map(size).collect();
        let entries: Vec<f32> = (0..shape.iter().product())
            .map(|_| match self.random.below(8) {
                0 if wild => f32::NAN,
                1 if wild => f32::INFINITY,
                2 => 0.0,
                _ => self.random.below(17) as f32 / 4.0 - 2.0,
            })
            .collect();
        self.inputs.push(Tensor::from_f32(shape, &entries).unwrap());
        let ty = Type { element: Element::F32, axes: axes.to_vec() };
        self.builder.parameter(format!("x{}", self.inputs.len()), ParameterKind::Input, ty)
    }

    fn add(&mut self, operation: Operation, operands: &[NodeId]) -> NodeId {
        self.builder.add(operation, operands).unwrap()
    }

    fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> NodeId {
        self.builder.map(function, operands).unwrap()
    }

    fn number(&mut self, value: f32) -> NodeId {
        self.builder.constant(Scalar::f32(value))
    }

    /// The mask of the largest of random scores.
    fn mask(&mut self, axes: &[AxisId], count: i64, over: AxisId) -> NodeId {
        let scores = self.values(axes, true);
        self.add(Operation::LargestMask { count: Size::constant(count), axis: over }, &[scores])
    }

    /// A mask with a bound over several axes together: a largest mask over the axes as one.
    fn joint_mask(&mut self, axes: &[AxisId], count: i64) -> NodeId {
        let size = axes
            .iter()
            .fold(Size::constant(1), |product, axis| product.multiply(&self.builder.function().size(*axis)));
        let scores = self.values(axes, false);
        let merged = self.builder.axis("joint", size);
        let scores = self.add(Operation::Merge { from: axes.to_vec(), into: merged }, &[scores]);
        let mask = self.add(Operation::LargestMask { count: Size::constant(count), axis: merged }, &[scores]);
        self.add(Operation::Split { from: merged, into: axes.to_vec() }, &[mask])
    }

    /// Random values where the mask is true, `background` elsewhere.
    fn masked(&mut self, mask: NodeId, background: f32) -> NodeId {
        let axes = self.builder.ty(mask).axes;
        let (values, background) = (self.values(&axes, false), self.number(background));
        self.map(ScalarFunction::Select, &[mask, values, background])
    }

    fn fact(&self, node: NodeId) -> &Fact {
        self.builder.fact(node).expect("a fact")
    }

    /// Asserts the background and the degrees over some sets of axes.
    fn claims(&self, node: NodeId, background: f64, degrees: &[(&[AxisId], i64)]) {
        let fact = self.fact(node);
        assert!(fact.background.is(background), "{:?} is not {background}", fact.background);
        let size = |axis| self.builder.function().size(axis);
        for (axes, bound) in degrees {
            let axes: BTreeSet<AxisId> = axes.iter().copied().collect();
            assert_eq!(fact.support.degree(&axes, &size), Size::constant(*bound), "over {axes:?}: {fact:?}");
        }
    }

    fn same_support(&self, a: NodeId, b: NodeId) {
        assert_eq!(self.fact(a).support, self.fact(b).support);
    }

    fn claims_nothing(&self, node: NodeId) {
        assert_eq!(self.builder.fact(node), None);
    }
}

#[test]
fn unary_functions_and_casts_keep_the_support() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let mask = c.mask(&[n, e], 2, e);
        let x = c.masked(mask, 0.0);
        let exponential = c.map(ScalarFunction::Exponential, &[x]);
        c.claims(exponential, 1.0, &[(&[e], 2)]);
        c.same_support(exponential, x);
        let absolute = c.map(ScalarFunction::Absolute, &[x]);
        let logarithm = c.map(ScalarFunction::Logarithm, &[absolute]);
        c.claims(logarithm, f64::NEG_INFINITY, &[(&[e], 2)]);
        let integer = c.add(Operation::Cast(Element::I32), &[x]);
        c.claims(integer, 0.0, &[(&[e], 2)]);
        let low = c.masked(mask, -1.0);
        let nothing = c.map(ScalarFunction::Logarithm, &[low]);
        c.claims_nothing(nothing);
    });
}

#[test]
fn binary_functions_unite_supports_and_add_degrees() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let (first, second) = (c.mask(&[n, e], 2, e), c.mask(&[n, e], 1, e));
        let (x, y, z) = (c.masked(first, 0.0), c.masked(first, 1.0), c.masked(second, 3.0));
        let same = c.map(ScalarFunction::Subtract, &[x, y]);
        c.claims(same, -1.0, &[(&[e], 2)]);
        c.same_support(same, x);
        let sum = c.map(ScalarFunction::Add, &[x, z]);
        c.claims(sum, 3.0, &[(&[e], 3)]);
        let again = c.map(ScalarFunction::Maximum, &[sum, x]);
        c.same_support(again, sum);
        let dense = c.values(&[n, e], false);
        let nothing = c.map(ScalarFunction::Add, &[x, dense]);
        c.claims_nothing(nothing);
    });
}

#[test]
fn an_absorbing_operand_keeps_its_support_whatever_the_other_holds() {
    case(|c| {
        let [n, e, d] = c.axes([5, 6, 3]);
        let mask = c.mask(&[n, e], 2, e);
        let (gate, wild) = (c.masked(mask, 0.0), c.values(&[n, e, d], true));
        for function in [ScalarFunction::Multiply, ScalarFunction::Divide] {
            let node = c.map(function, &[gate, wild]);
            c.claims(node, 0.0, &[(&[e], 2)]);
            c.same_support(node, gate);
        }
        let right = c.map(ScalarFunction::Multiply, &[wild, gate]);
        c.same_support(right, gate);
        let low = c.masked(mask, f32::NEG_INFINITY);
        for function in [ScalarFunction::Add, ScalarFunction::Subtract, ScalarFunction::Minimum] {
            let node = c.map(function, &[low, wild]);
            c.claims(node, f64::NEG_INFINITY, &[(&[e], 2)]);
        }
        let high = c.masked(mask, f32::INFINITY);
        let node = c.map(ScalarFunction::Maximum, &[high, wild]);
        c.claims(node, f64::INFINITY, &[(&[e], 2)]);
        let plain = Operation::Map { function: ScalarFunction::Multiply, absorb: Absorb::Neither };
        let plain = c.add(plain, &[gate, wild]);
        c.claims_nothing(plain);
    });
}

#[test]
fn where_both_absorb_the_supports_intersect_and_each_degree_is_the_smaller() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let (first, second) = (c.mask(&[n, e], 2, e), c.mask(&[n, e], 3, n));
        let (x, y) = (c.masked(first, 0.0), c.masked(second, 0.0));
        let product = c.map(ScalarFunction::Multiply, &[x, y]);
        c.claims(product, 0.0, &[(&[e], 2), (&[n], 3)]);
        let wide = c.mask(&[n, e], 4, e);
        let wide = c.masked(wide, 0.0);
        let product = c.map(ScalarFunction::Multiply, &[product, wide]);
        c.claims(product, 0.0, &[(&[e], 2), (&[n], 3)]);
        let both = c.map(ScalarFunction::And, &[first, second]);
        c.claims(both, 0.0, &[(&[e], 2), (&[n], 3)]);
    });
}

#[test]
fn choices() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let (mask, other) = (c.mask(&[n, e], 2, e), c.mask(&[n, e], 1, e));
        let (dense, seven) = (c.values(&[n, e], true), c.number(7.0));
        let constant = c.map(ScalarFunction::Select, &[mask, dense, seven]);
        c.claims(constant, 7.0, &[(&[e], 2)]);
        c.same_support(constant, mask);
        let sparse = c.masked(other, 7.0);
        let both = c.map(ScalarFunction::Select, &[mask, sparse, seven]);
        c.claims(both, 7.0, &[(&[e], 1)]);
        let zeros = c.masked(other, 0.0);
        let union = c.map(ScalarFunction::Select, &[mask, dense, zeros]);
        c.claims(union, 0.0, &[(&[e], 3)]);
        let condition = c.map(ScalarFunction::Less, &[dense, seven]);
        let (x, y) = (c.masked(mask, 5.0), c.masked(other, 5.0));
        let either = c.map(ScalarFunction::Select, &[condition, x, y]);
        c.claims(either, 5.0, &[(&[e], 3)]);
        let turned = c.map(ScalarFunction::Not, &[mask]);
        let constant = c.map(ScalarFunction::Select, &[turned, seven, dense]);
        c.claims(constant, 7.0, &[(&[e], 2)]);
    });
}

#[test]
fn reductions_project_the_support_where_the_background_is_the_identity() {
    case(|c| {
        let [n, e, d] = c.axes([5, 6, 3]);
        let mask = c.mask(&[n, e], 2, e);
        let gate = c.masked(mask, 0.0);
        let wild = c.values(&[n, e, d], true);
        let product = c.map(ScalarFunction::Multiply, &[gate, wild]);
        let contraction = c.builder.reduce(ReduceKind::Sum, &[d], product).unwrap();
        c.claims(contraction, 0.0, &[(&[e], 2)]);
        c.same_support(contraction, gate);
        let projected = c.builder.reduce(ReduceKind::Sum, &[n], gate).unwrap();
        c.claims(projected, 0.0, &[]);
        let low = c.masked(mask, f32::NEG_INFINITY);
        let largest = c.builder.reduce(ReduceKind::Maximum, &[e], low).unwrap();
        c.claims(largest, f64::NEG_INFINITY, &[]);
        let nothing = c.builder.reduce(ReduceKind::Maximum, &[e], gate).unwrap();
        c.claims_nothing(nothing);
        let any = c.builder.reduce(ReduceKind::Any, &[n], mask).unwrap();
        c.claims(any, 0.0, &[]);
    });
}

#[test]
fn a_projected_degree_is_the_joint_one_or_the_own_times_the_size() {
    case(|c| {
        let [n, i, j] = c.axes([3, 4, 5]);
        let joint = c.joint_mask(&[i, j], 3);
        let x = c.masked(joint, 0.0);
        let rows = c.builder.reduce(ReduceKind::Sum, &[j], x).unwrap();
        c.claims(rows, 0.0, &[(&[i], 3)]);
        let own = c.mask(&[n, i, j], 1, i);
        let y = c.masked(own, 0.0);
        let rows = c.builder.reduce(ReduceKind::Sum, &[n], y).unwrap();
        c.claims(rows, 0.0, &[(&[i], 3)]);
    });
}

#[test]
fn softmax_keeps_the_support_also_where_all_is_background() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let (rows, columns) = (c.mask(&[n, e], 2, e), c.mask(&[n, e], 2, n));
        let both = c.map(ScalarFunction::And, &[rows, columns]);
        let scores = c.masked(both, f32::NEG_INFINITY);
        let largest = c.builder.reduce(ReduceKind::Maximum, &[e], scores).unwrap();
        let shifted = c.map(ScalarFunction::Subtract, &[scores, largest]);
        let exponential = c.map(ScalarFunction::Exponential, &[shifted]);
        let sum = c.builder.reduce(ReduceKind::Sum, &[e], exponential).unwrap();
        let softmax = c.map(ScalarFunction::Divide, &[exponential, sum]);
        c.claims(softmax, 0.0, &[(&[e], 2), (&[n], 2)]);
        c.same_support(softmax, scores);
    });
}

#[test]
fn merging_takes_the_joint_degree_and_splitting_keeps_it() {
    case(|c| {
        let [n, i, j, m] = c.axes([3, 4, 5, 20]);
        let mask = c.mask(&[n, i, j], 2, j);
        let x = c.masked(mask, 0.0);
        let merged = c.add(Operation::Merge { from: vec![i, j], into: m }, &[x]);
        // Two in each row of j, and four rows.
        c.claims(merged, 0.0, &[(&[m], 8)]);
        let [group, four] = c.axes([5, 4]);
        let grouped = c.values(&[n, m], false);
        let groups = c.add(Operation::Split { from: m, into: vec![group, four] }, &[grouped]);
        let mask = c.add(Operation::LargestMask { count: Size::constant(2), axis: four }, &[groups]);
        let zero = c.number(0.0);
        let two_of_four = c.map(ScalarFunction::Select, &[mask, groups, zero]);
        c.claims(two_of_four, 0.0, &[(&[four], 2)]);
        let back = c.add(Operation::Merge { from: vec![group, four], into: m }, &[two_of_four]);
        c.claims(back, 0.0, &[(&[m], 10)]);
    });
}

#[test]
fn slices_restrict_and_padding_with_the_background_keeps() {
    case(|c| {
        let [n, e, part, long] = c.axes([5, 6, 4, 9]);
        let mask = c.mask(&[n, e], 2, e);
        let x = c.masked(mask, 0.0);
        let slice = c.add(Operation::Slice { from: e, into: part, start: Size::constant(1) }, &[x]);
        c.claims(slice, 0.0, &[(&[part], 2)]);
        let pad = |value| Operation::Pad { from: e, into: long, before: Size::constant(2), value };
        let padded = c.add(pad(Scalar::f32(0.0)), &[x]);
        c.claims(padded, 0.0, &[(&[long], 2)]);
        let otherwise = c.add(pad(Scalar::f32(1.0)), &[x]);
        c.claims_nothing(otherwise);
        let renamed = {
            let [to] = c.axes([6]);
            c.add(Operation::Rename { from: e, to }, &[x])
        };
        c.claims(renamed, 0.0, &[]);
    });
}

#[test]
fn windows_keep_degrees_along_places_and_along_taps() {
    case(|c| {
        let [n, e, places, taps] = c.axes([5, 6, 4, 3]);
        let mask = c.mask(&[n, e], 2, e);
        let x = c.masked(mask, 0.0);
        let window = |value| Operation::Window {
            from: e,
            places,
            taps,
            stride: Size::constant(2),
            dilation: Size::constant(1),
            before: Size::constant(1),
            value,
        };
        let shown = c.add(window(Scalar::f32(0.0)), &[x]);
        c.claims(shown, 0.0, &[(&[places], 2), (&[taps], 2), (&[places, taps], 6)]);
        let otherwise = c.add(window(Scalar::f32(1.0)), &[x]);
        c.claims_nothing(otherwise);
    });
}

#[test]
fn concatenated_degrees_add_along_the_axis_and_are_the_larger_elsewhere() {
    case(|c| {
        let [n, a, b, whole] = c.axes([5, 4, 6, 10]);
        let (first, second) = (c.mask(&[n, a], 1, a), c.mask(&[n, b], 2, b));
        let (x, y, other) = (c.masked(first, 0.0), c.masked(second, 0.0), c.masked(second, 1.0));
        let operation = Operation::Concatenate { from: vec![a, b], into: whole };
        let joined = c.add(operation.clone(), &[x, y]);
        c.claims(joined, 0.0, &[(&[whole], 3)]);
        let mixed = c.add(operation, &[x, other]);
        c.claims_nothing(mixed);
        let (first, second) = (c.mask(&[n, a], 1, n), c.mask(&[n, b], 3, n));
        let (x, y) = (c.masked(first, 0.0), c.masked(second, 0.0));
        let joined = c.add(Operation::Concatenate { from: vec![a, b], into: whole }, &[x, y]);
        c.claims(joined, 0.0, &[(&[n], 3)]);
        // A support that lacks the axis is repeated along it.
        let (rows, dense) = (c.mask(&[n], 2, n), c.values(&[n, a], true));
        let rows = c.masked(rows, 0.0);
        let x = c.map(ScalarFunction::Multiply, &[rows, dense]);
        let joined = c.add(Operation::Concatenate { from: vec![a, b], into: whole }, &[x, y]);
        c.claims(joined, 0.0, &[(&[n], 3)]);
    });
}

#[test]
fn gathered_rows_keep_degrees_over_other_axes_only() {
    case(|c| {
        let [v, e, rows] = c.axes([4, 6, 7]);
        let mask = c.mask(&[v, e], 2, e);
        let table = c.masked(mask, 0.0);
        let indices: Vec<i64> = (0..7).map(|_| c.random.below(4) as i64).collect();
        let index = {
            c.inputs.push(Tensor::from_i64(vec![7], &indices).unwrap());
            let ty = Type { element: Element::I64, axes: vec![rows] };
            c.builder.parameter("index", ParameterKind::Input, ty)
        };
        let gathered = c.add(Operation::Gather { axis: v }, &[table, index]);
        c.claims(gathered, 0.0, &[(&[e], 2), (&[rows], 7)]);
        // Each entry along the index's own axis comes from another row.
        let shared = {
            let mask = c.mask(&[v, rows], 1, rows);
            let table = c.masked(mask, 0.0);
            c.add(Operation::Gather { axis: v }, &[table, index])
        };
        c.claims(shared, 0.0, &[(&[rows], 7)]);
    });
}

#[test]
fn masks_are_made_by_selection_comparison_and_expectation() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let scores = c.values(&[n, e], true);
        let first = c.add(Operation::ArgMax { axis: e }, &[scores]);
        let place = c.add(Operation::Coordinate(e), &[]);
        for operands in [[place, first], [first, place]] {
            let one_hot = c.map(ScalarFunction::Equal, &operands);
            c.claims(one_hot, 0.0, &[(&[e], 1), (&[n], 5)]);
        }
        // An index that varies along the axis itself names no single place.
        let varying = c.map(ScalarFunction::Add, &[first, place]);
        let no_one_hot = c.map(ScalarFunction::Equal, &[place, varying]);
        c.claims(no_one_hot, 0.0, &[(&[e], 6)]);
        let mask = c.mask(&[n, e], 2, e);
        let expected = c.add(Operation::Expect { count: Size::constant(2), axes: vec![e] }, &[mask]);
        c.claims(expected, 0.0, &[(&[e], 2)]);
        assert_ne!(c.fact(expected).support.expression, c.fact(mask).support.expression);
    });
}

#[test]
fn packing_and_back() {
    case(|c| {
        let [n, e, d] = c.axes([5, 6, 3]);
        let mask = c.mask(&[n, e], 2, e);
        let p = c.builder.ragged_axis("P", Size::constant(10));
        let (inner, weights) = (c.mask(&[n, d], 1, d), c.mask(&[e, d], 2, d));
        let x = c.masked(inner, 0.0);
        let rows = c.add(Operation::Pack { into: p }, &[mask, x]);
        c.claims(rows, 0.0, &[(&[d], 1)]);
        let w = c.masked(weights, 0.0);
        let own = c.add(Operation::Pack { into: p }, &[mask, w]);
        c.claims(own, 0.0, &[(&[d], 2)]);
        let gate = c.masked(mask, 0.0);
        let packed = c.add(Operation::Pack { into: p }, &[mask, gate]);
        c.claims_nothing(packed);
        let unpack = Operation::Unpack { from: p, background: Scalar::f32(-3.0) };
        let unpacked = c.add(unpack, &[mask, rows]);
        c.claims(unpacked, -3.0, &[(&[e], 2)]);
        let sum = Operation::SegmentReduce { kind: ReduceKind::Sum, from: p, over: vec![n] };
        let sum = c.add(sum, &[mask, rows]);
        c.claims(sum, 0.0, &[]);
    });
}

#[test]
fn along_axes_that_the_support_lacks_order_changes_nothing() {
    case(|c| {
        let [n, e, d] = c.axes([5, 6, 3]);
        let mask = c.mask(&[n, e], 2, e);
        let dense = c.values(&[n, e, d], true);
        let fill = |c: &mut Case, background| {
            let background = c.number(background);
            c.map(ScalarFunction::Select, &[mask, dense, background])
        };
        let (zeros, ones) = (fill(c, 0.0), fill(c, 1.0));
        let sums = c.add(Operation::CumulativeSum { axis: d }, &[zeros]);
        c.claims(sums, 0.0, &[(&[e], 2)]);
        c.same_support(sums, zeros);
        let sums = c.add(Operation::CumulativeSum { axis: d }, &[ones]);
        c.claims_nothing(sums);
        let sorted = c.add(Operation::Sort { axis: d }, &[ones]);
        c.claims(sorted, 1.0, &[(&[e], 2)]);
        let first = c.add(Operation::ArgMax { axis: d }, &[ones]);
        c.claims(first, 0.0, &[(&[e], 2)]);
        c.same_support(first, ones);
    });
}

#[test]
fn running_values_claim_nothing_along_the_support() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let mask = c.mask(&[n, e], 2, e);
        let x = c.masked(mask, 0.0);
        let sums = c.add(Operation::CumulativeSum { axis: e }, &[x]);
        c.claims_nothing(sums);
        let first = c.add(Operation::ArgMax { axis: e }, &[x]);
        c.claims_nothing(first);
    });
}

#[test]
fn sorted_entries_keep_their_number_along_the_axis() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let mask = c.mask(&[n, e], 2, e);
        let wild = c.values(&[n, e], true);
        let fill = |c: &mut Case, mask, background| {
            let background = c.number(background);
            c.map(ScalarFunction::Select, &[mask, wild, background])
        };
        let low = fill(c, mask, f32::NEG_INFINITY);
        let last = c.add(Operation::Sort { axis: e }, &[low]);
        c.claims(last, f64::NEG_INFINITY, &[(&[e], 2)]);
        let zeros = fill(c, mask, 0.0);
        let somewhere = c.add(Operation::Sort { axis: e }, &[zeros]);
        c.claims(somewhere, 0.0, &[(&[e], 2)]);
        for background in [1.0, f32::INFINITY] {
            let other = fill(c, mask, background);
            let nothing = c.add(Operation::Sort { axis: e }, &[other]);
            c.claims_nothing(nothing);
        }
        // At most two along the other axis are not so any more once entries have moved.
        let columns = c.mask(&[n, e], 2, n);
        let zeros = fill(c, columns, 0.0);
        let moved = c.add(Operation::Sort { axis: e }, &[zeros]);
        c.claims(moved, 0.0, &[(&[n], 5), (&[n, e], 12)]);
    });
}

#[test]
fn scattered_updates_are_the_image_of_the_support() {
    case(|c| {
        let [n, e, v] = c.axes([5, 6, 4]);
        let entries: Vec<i64> = (0..5).map(|_| c.random.below(4) as i64).collect();
        c.inputs.push(Tensor::from_i64(vec![5], &entries).unwrap());
        let ty = Type { element: Element::I64, axes: vec![n] };
        let index = c.builder.parameter("index", ParameterKind::Input, ty);
        let scatter = Operation::ScatterAdd { over: vec![n], into: v };
        let columns = c.mask(&[n, e], 1, n);
        let zeros = c.masked(columns, 0.0);
        let sums = c.add(scatter.clone(), &[zeros, index]);
        c.claims(sums, 0.0, &[(&[v], 1)]);
        let rows = c.mask(&[n, e], 2, e);
        let zeros = c.masked(rows, 0.0);
        let sums = c.add(scatter.clone(), &[zeros, index]);
        c.claims(sums, 0.0, &[(&[v, e], 10)]);
        let own = c.mask(&[e], 2, e);
        let (own, values) = (c.masked(own, 0.0), c.values(&[n, e], true));
        let zeros = c.map(ScalarFunction::Multiply, &[own, values]);
        let sums = c.add(scatter.clone(), &[zeros, index]);
        c.claims(sums, 0.0, &[(&[e], 2)]);
        c.same_support(sums, own);
        let ones = c.masked(rows, 1.0);
        let nothing = c.add(scatter, &[ones, index]);
        c.claims_nothing(nothing);
    });
}

#[test]
fn a_support_that_lacks_merged_axes_is_repeated_along_them() {
    case(|c| {
        let [n, i, j, m] = c.axes([3, 4, 5, 20]);
        let mask = c.mask(&[n, i], 2, i);
        let gate = c.masked(mask, 0.0);
        let values = c.values(&[n, i, j], true);
        let x = c.map(ScalarFunction::Multiply, &[gate, values]);
        let merged = c.add(Operation::Merge { from: vec![i, j], into: m }, &[x]);
        // Two rows of five.
        c.claims(merged, 0.0, &[(&[m], 10)]);
        let [group, four] = c.axes([5, 4]);
        let split = c.add(Operation::Split { from: m, into: vec![group, four] }, &[merged]);
        c.claims(split, 0.0, &[(&[group, four], 10)]);
    });
}

#[test]
fn what_is_projected_from_within_a_support_is_within_it() {
    case(|c| {
        let [n, i, j] = c.axes([3, 4, 5]);
        let (outer, inner) = (c.mask(&[n, i], 2, i), c.mask(&[n, i, j], 1, j));
        let (g, h) = (c.masked(outer, 0.0), c.masked(inner, 0.0));
        let both = c.map(ScalarFunction::Multiply, &[g, h]);
        let sum = c.builder.reduce(ReduceKind::Sum, &[j], both).unwrap();
        let total = c.map(ScalarFunction::Add, &[sum, g]);
        c.claims(total, 0.0, &[(&[i], 2)]);
        c.same_support(total, g);
    });
}

/// A union adds what it is made of; where all of it is within one relation, that bounds the intersection with it.
#[test]
fn what_is_within_a_support_is_bounded_as_that_is() {
    case(|c| {
        let [n, e] = c.axes([5, 6]);
        let masks = [2, 2, 3].map(|count| c.mask(&[n, e], count, e));
        let [own, first, second] = masks.map(|mask| c.masked(mask, 0.0));
        let parts = [first, second].map(|other| c.map(ScalarFunction::Multiply, &[own, other]));
        let sum = c.map(ScalarFunction::Add, &parts);
        c.claims(sum, 0.0, &[(&[e], 4)]);
        let product = c.map(ScalarFunction::Multiply, &[sum, own]);
        c.claims(product, 0.0, &[(&[e], 2)]);
    });
}
