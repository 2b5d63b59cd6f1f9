//! The mixtures of the language's meaning that must be dispatched from types alone.

use crate::compare::{assert_equal, DATA};
use crate::model::{shape, Model, Shape};
use moe_graph::{Element, Operation, ReduceKind, Scalar, ScalarFunction, Size};
use moe_rewrite::{prove, rewrite, Options, Rewritten};

/// Sizes at which dispatch pays.
fn large() -> Shape {
    shape(&[("D", 64), ("Out", 64), ("H", 96), ("E", 8), ("K", 2), ("I", 4), ("J", 4), ("T", 16)])
}

/// Sizes at which it is quick to evaluate.
fn shapes() -> Vec<Shape> {
    let small =
        |e, k| shape(&[("D", 3), ("Out", 3), ("H", 4), ("E", e), ("K", k), ("I", 2), ("J", 3), ("T", 2)]);
    vec![small(4, 2), small(4, 1), small(3, 3), small(5, 4)]
}

/// Rewrites the model at large sizes and checks its FLOPs for 128 rows; then, with forms of rules preferred, that small ones stay equal.
fn dispatches(build: fn(&mut Model), most: f64) -> Rewritten {
    let make = |shape: &Shape| {
        let mut model = Model::new(shape);
        build(&mut model);
        model.module()
    };
    let module = make(&large());
    let rewritten = prove(&module, &Options::default()).unwrap().0;
    for rows in [0, 1, 3] {
        assert_equal(&module, &rewritten.module, rows, DATA[0], 7, "large");
    }
    let flops = |size: &Size| size.evaluate(&|_| Some(128)).unwrap() as f64;
    let after = flops(&rewritten.report.after().unwrap().flops);
    assert!(after <= most * 1.05, "{after} FLOPs, and {most} by hand\n{}", rewritten.report.render());
    assert_eq!(rewritten.report.dense, [], "{}", rewritten.report.render());
    for shape in shapes() {
        let module = make(&shape);
        for prefer_rewritten in [false, true] {
            let options = Options { prefer_rewritten, ..Options::default() };
            let rewritten = prove(&module, &options).unwrap().0;
            for (rows, data) in [0, 1, 5].into_iter().flat_map(|rows| DATA.map(|data| (rows, data))) {
                let what = format!("{shape:?}, {rows} rows, {data:?}\n{}", rewritten.report.render());
                assert_equal(&module, &rewritten.module, rows, data, 3, &what);
            }
        }
    }
    rewritten
}

const ROWS: f64 = 128.0;
/// The two contractions of an expert with 64 · 96 · 64 weights, for one row, with bias and activation.
const EXPERT: f64 = 2.0 * (64.0 * 96.0 + 96.0 * 64.0) + 2.0 * 96.0 + 64.0;
/// The scores of a gate over eight experts and its softmax, for one row.
const GATE: f64 = 2.0 * 64.0 * 8.0 + 5.0 * 8.0;
/// Weighing one expert's row and adding it.
const COMBINE: f64 = 2.0 * 64.0;

fn gate(model: &mut Model, name: &str, x: moe_graph::NodeId) -> moe_graph::NodeId {
    let weight = model.input(name, &["D", "E"]);
    model.top_k(x, weight, "E", "K")
}

#[test]
fn a_plain_mixture() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let y = model.mlp("experts", x, &["E"]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE)),
    );
}

#[test]
fn experts_whose_weights_hold_nan_where_no_row_goes() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let y = model.mlp("wild", x, &["E"]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
            model.output(g);
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE)),
    );
}

#[test]
fn gated_linear_experts_and_a_choice_after_softmax() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let weight = model.input("gate", &["D", "E"]);
            let scores = model.contract(x, weight, "D");
            let p = model.softmax(scores, "E");
            let kept = model.keep_largest(p, "K", "E", 0.0);
            let total = model.sum("E", kept);
            let g = model.map(ScalarFunction::Divide, &[kept, total]);
            let (w, u) =
                (model.input("experts.gate", &["E", "D", "H"]), model.input("experts.up", &["E", "D", "H"]));
            let down = model.input("experts.down", &["E", "H", "Out"]);
            let (a, b) = (model.contract(x, w, "D"), model.contract(x, u, "D"));
            let a = model.silu(a);
            let hidden = model.multiply(a, b);
            let y = model.contract(hidden, down, "H");
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * (GATE + 2.0 * (6.0 * 64.0 * 96.0 + 5.0 * 96.0 + COMBINE)),
    );
}

#[test]
fn a_residual_inside_the_sum() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let y = model.mlp("experts", x, &["E"]);
            let with_residual = model.add(x, y);
            let weighed = model.multiply(g, with_residual);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE + 64.0)),
    );
}

#[test]
fn an_expert_that_reads_its_gate_value() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let scaled = model.multiply(g, x);
            let y = model.mlp("experts", scaled, &["E"]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE + 64.0)),
    );
}

#[test]
fn a_gate_applied_before_the_last_layer() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let up = model.input("up", &["E", "D", "H"]);
            let down = model.input("down", &["E", "H", "Out"]);
            let hidden = model.contract(x, up, "D");
            let hidden = model.relu(hidden);
            let weighed = model.multiply(g, hidden);
            let terms = model.multiply(weighed, down);
            let y = model.reduce(ReduceKind::Sum, &["E", "H"], terms);
            model.output(y);
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE)),
    );
}

#[test]
fn several_gates_over_one_set_of_experts() {
    let by_hand = ROWS * (2.0 * GATE + 4.0 * (EXPERT + 2.0 * COMBINE) + 2.0 * 8.0);
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let (g, h) = (gate(model, "gate", x), gate(model, "other", x));
            let y = model.mlp("experts", x, &["E"]);
            let both = model.add(g, h);
            let weighed = model.multiply(both, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        by_hand,
    );
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let (g, h) = (gate(model, "gate", x), gate(model, "other", x));
            let y = model.mlp("experts", x, &["E"]);
            for gate in [g, h] {
                let weighed = model.multiply(gate, y);
                let sum = model.sum("E", weighed);
                model.output(sum);
            }
        },
        by_hand,
    );
}

#[test]
fn a_shared_expert_beside() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let y = model.mlp("experts", x, &["E"]);
            let shared = model.mlp("shared", x, &[]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            let sum = model.add(sum, shared);
            model.output(sum);
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE) + EXPERT + 64.0),
    );
}

/// Two levels of gates, each keeping 2: of four groups, and of four experts in each.
fn two_levels(model: &mut Model, x: moe_graph::NodeId) -> (moe_graph::NodeId, moe_graph::NodeId) {
    let outer = model.input("outer", &["D", "I"]);
    let inner = model.input("inner", &["D", "I", "J"]);
    let scores = model.contract(x, outer, "D");
    let kept = model.keep_largest(scores, "K", "I", f32::NEG_INFINITY);
    let outer = model.softmax(kept, "I");
    let scores = model.contract(x, inner, "D");
    let kept = model.keep_largest(scores, "K", "J", f32::NEG_INFINITY);
    (outer, model.softmax(kept, "J"))
}

#[test]
fn a_hierarchy_as_one_gate() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let (outer, inner) = two_levels(model, x);
            let g = model.multiply(outer, inner);
            let y = model.mlp("experts", x, &["I", "J"]);
            let weighed = model.multiply(g, y);
            let sum = model.reduce(ReduceKind::Sum, &["I", "J"], weighed);
            model.output(sum);
        },
        ROWS * (2.0 * 64.0 * 20.0 + 8.0 * 20.0 + 4.0 * (EXPERT + COMBINE)),
    );
}

#[test]
fn a_hierarchy_as_nested_sums() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let (outer, inner) = two_levels(model, x);
            let y = model.mlp("experts", x, &["I", "J"]);
            let weighed = model.multiply(inner, y);
            let group = model.sum("J", weighed);
            let weighed = model.multiply(outer, group);
            let sum = model.sum("I", weighed);
            model.output(sum);
        },
        ROWS * (2.0 * 64.0 * 20.0 + 8.0 * 20.0 + 4.0 * (EXPERT + 2.0 * COMBINE)),
    );
}

#[test]
fn a_list_of_different_experts() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let g = gate(model, "gate", x);
            let experts = model.shape["E"];
            let e = model.axis("E");
            let mut total = None;
            for expert in 0..experts {
                let place = model.builder.constant(Scalar::index(expert));
                let weight = model.operation(Operation::Gather { axis: e }, &[g, place]);
                let y = model.mlp(&format!("expert{expert}"), x, &[]);
                let weighed = model.multiply(weight, y);
                total = Some(match total {
                    Some(total) => model.add(total, weighed),
                    None => weighed,
                });
            }
            model.output(total.unwrap());
        },
        ROWS * (GATE + 2.0 * (EXPERT + COMBINE) + 8.0 * 64.0),
    );
}

#[test]
fn experts_that_choose_their_rows() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let weight = model.input("gate", &["D", "E"]);
            let scores = model.contract(x, weight, "D");
            let n = model.axis("N");
            let mask =
                model.operation(Operation::LargestMask { count: Size::constant(4), axis: n }, &[scores]);
            let zero = model.number(0.0);
            let g = model.map(ScalarFunction::Select, &[mask, scores, zero]);
            let y = model.mlp("experts", x, &["E"]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * GATE + 8.0 * 4.0 * (EXPERT + COMBINE),
    );
}

#[test]
fn both_bounds_at_once() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let weight = model.input("gate", &["D", "E"]);
            let scores = model.contract(x, weight, "D");
            let n = model.axis("N");
            let full =
                model.operation(Operation::LargestMask { count: Size::constant(20), axis: n }, &[scores]);
            let chosen = model.mask(scores, "K", "E");
            let both = model.map(ScalarFunction::And, &[full, chosen]);
            let zero = model.number(0.0);
            let g = model.map(ScalarFunction::Select, &[both, scores, zero]);
            let y = model.mlp("experts", x, &["E"]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        // At most 20 rows for each of eight experts are fewer than two for each of 128 rows.
        ROWS * GATE + 8.0 * 20.0 * (EXPERT + COMBINE),
    );
}

/// A gate for each sequence: the experts, attention included, work on the two sequences of each that chose them.
#[test]
fn a_gate_on_sequences_with_attention_inside() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "T", "D"]);
            let scores = model.input("scores", &["N", "E"]);
            let kept = model.keep_largest(scores, "K", "E", f32::NEG_INFINITY);
            let g = model.softmax(kept, "E");
            let [q, k, v] = ["q", "k", "v"].map(|name| {
                let w = model.input(name, &["E", "D", "Out"]);
                model.contract(x, w, "D")
            });
            model.axis_like("S", "T");
            let rename = Operation::Rename { from: model.axis("T"), to: model.axis("S") };
            let (k, v) = (model.operation(rename.clone(), &[k]), model.operation(rename, &[v]));
            let attention = model.contract(q, k, "Out");
            let attention = model.softmax(attention, "S");
            let mixed = model.contract(attention, v, "S");
            let weighed = model.multiply(g, mixed);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * 2.0
            * (3.0 * 2.0 * 16.0 * 64.0 * 64.0
                + 2.0 * 2.0 * 16.0 * 16.0 * 64.0
                + 5.0 * 256.0
                + 16.0 * COMBINE),
    );
}

#[test]
fn a_gate_written_as_one_hot() {
    dispatches(
        |model| {
            let x = model.input("x", &["N", "D"]);
            let expert = model.typed("expert", Element::I64, &["N"]);
            let e = model.axis("E");
            let place = model.operation(Operation::Coordinate(e), &[]);
            let hot = model.map(ScalarFunction::Equal, &[place, expert]);
            let (one, zero) = (model.number(1.0), model.number(0.0));
            let g = model.map(ScalarFunction::Select, &[hot, one, zero]);
            let y = model.mlp("experts", x, &["E"]);
            let weighed = model.multiply(g, y);
            let sum = model.sum("E", weighed);
            model.output(sum);
        },
        ROWS * (EXPERT + COMBINE),
    );
}

#[test]
fn tiny_sizes_and_bounds_near_all_stay_dense() {
    let block = |sizes: &[(&'static str, i64)]| {
        let mut model = Model::new(&shape(sizes));
        let x = model.input("x", &["N", "D"]);
        let g = gate(&mut model, "gate", x);
        let y = model.mlp("experts", x, &["E"]);
        let weighed = model.multiply(g, y);
        let sum = model.sum("E", weighed);
        model.output(sum);
        rewrite(&model.module(), &Options::default()).unwrap()
    };
    let packs = |rewritten: &Rewritten| {
        let nodes = &rewritten.module.functions[0].nodes;
        nodes.iter().any(|node| matches!(node.operation, Operation::Pack { .. }))
    };
    let tiny = block(&[("D", 2), ("Out", 2), ("H", 2), ("E", 3), ("K", 2)]);
    assert!(!packs(&tiny), "{}", tiny.report.render());
    let near = block(&[("D", 64), ("Out", 64), ("H", 96), ("E", 8), ("K", 7)]);
    assert!(!packs(&near), "{}", near.report.render());
    assert!(
        near.report.dense.iter().all(|work| work.why.contains("would not pay")),
        "{:?}",
        near.report.dense
    );
    assert_eq!(near.report.dense.len(), 2, "{:?}", near.report.dense);
    let half = block(&[("D", 64), ("Out", 64), ("H", 96), ("E", 8), ("K", 4)]);
    assert!(packs(&half), "{}", half.report.render());
}

#[test]
fn a_statistic_over_all_rows_stops_packing_and_is_named() {
    let mut model = Model::new(&large());
    let x = model.input("x", &["N", "D"]);
    let g = gate(&mut model, "gate", x);
    let up = model.input("up", &["E", "D", "H"]);
    let hidden = model.contract(x, up, "D");
    let largest = model.reduce(ReduceKind::Maximum, &["N"], hidden);
    let centred = model.map(ScalarFunction::Subtract, &[hidden, largest]);
    let down = model.input("down", &["E", "H", "Out"]);
    let y = model.contract(centred, down, "H");
    let weighed = model.multiply(g, y);
    let sum = model.sum("E", weighed);
    model.output(sum);
    let rewritten = rewrite(&model.module(), &Options::default()).unwrap();
    let why: Vec<&str> = rewritten.report.dense.iter().map(|work| work.why.as_str()).collect();
    assert_eq!(why, ["`max over N` needs every entry of it"], "{}", rewritten.report.render());
}

/// A condition that says nothing of how often it is true is named, and so are bounds beyond the limit.
#[test]
fn conditions_without_a_bound_and_bounds_beyond_the_limit_are_named() {
    let mut model = Model::new(&large());
    let x = model.input("x", &["N", "D"]);
    let scores = model.input("scores", &["N", "E"]);
    let (zero, y) = (model.number(0.0), model.mlp("experts", x, &["E"]));
    let condition = model.map(ScalarFunction::Greater, &[scores, zero]);
    let kept = model.map(ScalarFunction::Select, &[condition, y, zero]);
    let sum = model.sum("E", kept);
    model.output(sum);
    let rewritten = rewrite(&model.module(), &Options::default()).unwrap();
    let why: Vec<&str> = rewritten.report.dense.iter().map(|work| work.why.as_str()).collect();
    let expected = "nothing says how often the condition of the sum is true: `expect` can";
    assert_eq!(why, [expected, expected], "{}", rewritten.report.render());

    let mut model = Model::new(&large());
    let x = model.input("x", &["N", "D"]);
    for name in ["gate", "other"] {
        let g = gate(&mut model, name, x);
        let y = model.mlp(&format!("{name}.experts"), x, &["E"]);
        let weighed = model.multiply(g, y);
        let sum = model.sum("E", weighed);
        model.output(sum);
    }
    let rewritten = rewrite(&model.module(), &Options { mask_limit: 1, ..Options::default() }).unwrap();
    let why: Vec<&str> = rewritten.report.dense.iter().map(|work| work.why.as_str()).collect();
    let expected = "values of one function are packed by 1 bounds at most, and there are more";
    assert!(why.contains(&expected), "{}", rewritten.report.render());
}

/// Scores that are summed where they are large are needed everywhere: they decide where that is.
#[test]
fn what_a_condition_is_made_of_is_no_work_to_leave_out() {
    let mut model = Model::new(&large());
    let x = model.input("x", &["N", "D"]);
    let weight = model.input("weight", &["D", "E"]);
    let (zero, scores) = (model.number(0.0), model.contract(x, weight, "D"));
    let condition = model.map(ScalarFunction::Greater, &[scores, zero]);
    let kept = model.map(ScalarFunction::Select, &[condition, scores, zero]);
    let sum = model.sum("E", kept);
    model.output(sum);
    let rewritten = rewrite(&model.module(), &Options::default()).unwrap();
    assert!(rewritten.report.dense.is_empty(), "{}", rewritten.report.render());
}

/// A condition on places alone has a bound: ranks that are cut off are not worked out.
#[test]
fn entries_that_are_zero_as_written_are_left_out() {
    let ranks = 32.0;
    let mut model = Model::new(&shape(&[("D", 64), ("Out", 64), ("R", 128)]));
    let (x, a) = (model.input("x", &["N", "D"]), model.input("a", &["D", "R"]));
    let (b, g) = (model.input("b", &["R", "Out"]), model.input("g", &["R"]));
    let r = model.axis("R");
    let (place, limit) =
        (model.operation(Operation::Coordinate(r), &[]), model.builder.constant(Scalar::index(32)));
    let (zero, kept) = (model.number(0.0), model.map(ScalarFunction::Less, &[place, limit]));
    let g = model.map(ScalarFunction::Select, &[kept, g, zero]);
    let h = model.contract(x, a, "D");
    let h = model.multiply(h, g);
    let y = model.contract(h, b, "R");
    model.output(y);
    let module = model.module();
    let rewritten = rewrite(&module, &Options::default()).unwrap();
    assert_equal(&module, &rewritten.module, 5, DATA[0], 3, &rewritten.report.render());
    let after = rewritten.report.after().unwrap().flops.evaluate(&|_| Some(128)).unwrap() as f64;
    let by_hand = ROWS * (2.0 * 64.0 * ranks + ranks + 2.0 * ranks * 64.0);
    assert!(after <= by_hand * 1.05, "{after} and {by_hand} by hand\n{}", rewritten.report.render());
}

/// Rows packed by hand, of which each keeps some entries along another axis: what is written over packed rows keeps its meaning.
#[test]
fn packed_rows_may_be_bounded_again() {
    for shape in shapes() {
        let mut model = Model::new(&shape);
        let scores = model.input("scores", &["N", "E"]);
        let mask = model.mask(scores, "K", "E");
        let bound = model.size("N").multiply(&model.size("E"));
        let outer = model.builder.ragged_axis("outer", bound.clone());
        let inner = model.builder.ragged_axis("inner", bound.multiply(&model.size("J")));
        let (x, w) = (model.input("x", &["N", "E", "J"]), model.input("wild", &["E", "J", "D"]));
        let [packed, w] =
            [x, w].map(|value| model.operation(Operation::Pack { into: outer }, &[mask, value]));
        let kept = model.keep_largest(packed, "K", "J", 0.0);
        let terms = model.multiply(kept, w);
        let sum = model.sum("J", terms);
        let over = vec![model.axis("E")];
        let y = model
            .operation(Operation::SegmentReduce { kind: ReduceKind::Sum, from: outer, over }, &[mask, sum]);
        model.output(y);
        // The same once more with a second packing, along the axes that the first left.
        let again = model.mask(packed, "K", "J");
        let rows = model.operation(Operation::Pack { into: inner }, &[again, terms]);
        let over = vec![model.axis("J")];
        let rows = model
            .operation(Operation::SegmentReduce { kind: ReduceKind::Sum, from: inner, over }, &[again, rows]);
        let y =
            model.operation(Operation::Unpack { from: outer, background: Scalar::f32(0.0) }, &[mask, rows]);
        let y = model.sum("E", y);
        model.output(y);
        let module = model.module();
        for prefer_rewritten in [false, true] {
            let options = Options { prefer_rewritten, ..Options::default() };
            let rewritten = prove(&module, &options).unwrap().0;
            for (rows, data) in [0, 1, 5].into_iter().flat_map(|rows| DATA.map(|data| (rows, data))) {
                let what = format!("{shape:?}, {rows} rows, {data:?}\n{}", rewritten.report.render());
                assert_equal(&module, &rewritten.module, rows, data, 3, &what);
            }
        }
    }
}
