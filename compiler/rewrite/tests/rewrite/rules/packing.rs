//! Cases of the algebra of packing.

use super::{case, Case};
use crate::model::Model;
use moe_graph::{AxisId, Element, NodeId, Operation, ReduceKind, Scalar, ScalarFunction as F, Size};

/// A mask of the two largest scores over E, and an axis for its true entries.
fn mask(model: &mut Model) -> (NodeId, AxisId) {
    let scores = model.input("scores", &["N", "E"]);
    let mask = model.mask(scores, "K", "E");
    let bound = model.size("N").multiply(&model.size("E"));
    (mask, model.builder.ragged_axis("packed", bound))
}

/// Sums of packed rows for each row of a choice of `count` over E, packed again.
fn summed_and_packed(model: &mut Model, count: i64, kind: ReduceKind) {
    model.shape.extend([("E", 3)]);
    let (scores, e) = (model.input("scores", &["N", "E"]), model.axis("E"));
    let count = Size::constant(count);
    let mask = model.operation(Operation::LargestMask { count, axis: e }, &[scores]);
    let bound = model.size("N").multiply(&model.size("E"));
    let mask = (mask, model.builder.ragged_axis("packed", bound));
    let x = model.input("wild", &["N", "E", "D"]);
    let rows = pack(model, mask, x);
    let segments = Operation::SegmentReduce { kind, from: mask.1, over: vec![e] };
    let sums = model.operation(segments, &[mask.0, rows]);
    packed_output(model, mask, sums);
}

fn pack(model: &mut Model, (mask, into): (NodeId, AxisId), value: NodeId) -> NodeId {
    model.operation(Operation::Pack { into }, &[mask, value])
}

fn packed_output(model: &mut Model, mask: (NodeId, AxisId), value: NodeId) {
    let rows = pack(model, mask, value);
    let element = model.builder.ty(rows).element;
    let unpack = Operation::Unpack { from: mask.1, background: Scalar::of(element, 0.0).unwrap() };
    let y = model.operation(unpack, &[mask.0, rows]);
    model.output(y);
}

fn unpacked(model: &mut Model, mask: (NodeId, AxisId), axes: &[&str], background: f32) -> NodeId {
    let x = model.input("wild", axes);
    let rows = pack(model, mask, x);
    model.operation(Operation::Unpack { from: mask.1, background: Scalar::f32(background) }, &[mask.0, rows])
}

/// Values bounded by a choice over J inside of the choice over E that the mask is, and a use of both bounds at once.
fn two_levels(model: &mut Model, background: f32) -> ((NodeId, AxisId), NodeId) {
    let mask = mask(model);
    let (inner, x) = (model.input("inner", &["N", "E", "J"]), model.input("x", &["N", "E"]));
    let kept = model.keep_largest(inner, "K", "J", background);
    let zero = model.number(0.0);
    let outer = model.map(F::Select, &[mask.0, x, zero]);
    let first = model.keep_largest(inner, "K", "J", 0.0);
    let both = model.multiply(outer, first);
    model.output(both);
    (mask, kept)
}

/// A value for each row that stands in one expert's place, and the part of the mask there.
fn in_place(model: &mut Model, start: i64) -> ((NodeId, AxisId), NodeId) {
    let mask = mask(model);
    let (e, part) = (model.axis("E"), model.builder.axis("Part", Size::constant(1)));
    let (zero, x) = (model.number(0.0), model.input("x", &["N", "E"]));
    let g = model.map(F::Select, &[mask.0, x, zero]);
    let own = model.operation(Operation::Slice { from: e, into: part, start: Size::constant(0) }, &[g]);
    let own = model.builder.reduce(ReduceKind::Sum, &[part], own).unwrap();
    let y = model.input("y", &["N"]);
    let used = model.multiply(own, y);
    model.output(used);
    let place = model.operation(Operation::Coordinate(part), &[]);
    let place = model.operation(Operation::Cast(Element::F32), &[place]);
    let placed = model.add(place, y);
    let before = Size::constant(start);
    let pad = Operation::Pad { from: part, into: e, before, value: Scalar::f32(3.0) };
    let padded = model.operation(pad, &[placed]);
    (mask, padded)
}

fn moved(model: &mut Model, value: NodeId, operation: Operation) {
    let mask = mask(model);
    let value = model.operation(operation, &[value]);
    packed_output(model, mask, value);
}

pub const FIRES: &[Case] = &[
    case("pack-of-only-row", |m| summed_and_packed(m, 1, ReduceKind::Sum)),
    case("pack-of-only-row", |m| summed_and_packed(m, 1, ReduceKind::Maximum)),
    Case {
        rule: "pack-bounded",
        with: &["pack-map"],
        build: |m| {
            let (scores, x) = (m.input("scores", &["N", "E"]), m.input("wild", &["N", "E", "D"]));
            let g = m.keep_largest(scores, "K", "E", 0.0);
            let y = m.multiply(g, x);
            m.output(y);
            let kept = m.keep_largest(scores, "K", "E", f32::NEG_INFINITY);
            let y = m.map(F::Exponential, &[kept]);
            m.output(y);
        },
    },
    // The union of two supports, and part of one.
    Case {
        rule: "pack-bounded",
        with: &["pack-map"],
        build: |m| {
            let (a, b) = (m.input("a", &["N", "E"]), m.input("b", &["N", "E"]));
            let (a, b) = (m.keep_largest(a, "K", "E", 0.0), m.keep_largest(b, "K", "E", 0.0));
            let (x, z) = (m.input("wild", &["N", "E", "D"]), m.input("wild.z", &["N", "D"]));
            let sum = m.add(a, b);
            let y = m.multiply(sum, x);
            m.output(y);
            let (from, into) = (m.axis("E"), m.builder.axis("Part", Size::constant(1)));
            let part = m.operation(Operation::Slice { from, into, start: Size::constant(0) }, &[a]);
            let y = m.multiply(part, z);
            m.output(y);
        },
    },
    case("pack-map", |m| {
        let mask = mask(m);
        let (a, b, c) = (m.input("a", &["N", "E"]), m.input("wild", &["E", "D"]), m.input("c", &["D"]));
        let product = m.multiply(a, b);
        let y = m.add(product, c);
        packed_output(m, mask, y);
    }),
    case("pack-map", |m| {
        let mask = mask(m);
        let x = m.typed("x", Element::I64, &["N", "E"]);
        let y = m.operation(Operation::Cast(Element::F32), &[x]);
        packed_output(m, mask, y);
    }),
    // Absorption stays: what the other side holds where `g` is 0 does not count.
    case("pack-map", |m| {
        let mask = mask(m);
        let (other, wild) = (m.input("other", &["N", "E"]), m.input("wild", &["N", "E"]));
        let g = m.keep_largest(other, "K", "E", 0.0);
        let y = m.multiply(g, wild);
        packed_output(m, mask, y);
    }),
    case("pack-reduce", |m| {
        let mask = mask(m);
        let x = m.input("wild", &["N", "E", "D", "H"]);
        for kind in [ReduceKind::Sum, ReduceKind::Maximum] {
            let y = m.reduce(kind, &["D"], x);
            packed_output(m, mask, y);
        }
    }),
    Case {
        rule: "pack-reduce",
        with: &["pack-map"],
        build: |m| {
            let mask = mask(m);
            let (x, w) = (m.input("x", &["N", "D"]), m.input("wild", &["E", "D", "H"]));
            let y = m.contract(x, w, "D");
            packed_output(m, mask, y);
        },
    },
    case("pack-move", |m| {
        let x = m.input("x", &["N", "E", "D"]);
        let rename = Operation::Rename { from: m.axis("D"), to: m.axis("Out") };
        moved(m, x, rename);
    }),
    case("pack-move", |m| {
        let x = m.input("x", &["N", "D", "E"]);
        let slice = Operation::Slice { from: m.axis("D"), into: m.axis("P"), start: Size::constant(1) };
        moved(m, x, slice);
    }),
    case("pack-move", |m| {
        let x = m.input("x", &["N", "P", "E"]);
        let into = m.builder.axis("Longer", Size::constant(5));
        let pad =
            Operation::Pad { from: m.axis("P"), into, before: Size::constant(1), value: Scalar::f32(2.0) };
        moved(m, x, pad);
    }),
    case("pack-move", |m| {
        let x = m.input("x", &["N", "P", "E"]);
        let (places, taps) =
            (m.builder.axis("Places", Size::constant(3)), m.builder.axis("Taps", Size::constant(2)));
        let (stride, dilation, before) = (Size::constant(2), Size::constant(1), Size::constant(1));
        let (from, value) = (m.axis("P"), Scalar::f32(2.0));
        let window = Operation::Window { from, places, taps, stride, dilation, before, value };
        moved(m, x, window);
    }),
    case("pack-move", |m| {
        let x = m.input("x", &["N", "P", "E", "D"]);
        let into = m.builder.axis("Merged", Size::constant(6));
        let merge = Operation::Merge { from: vec![m.axis("P"), m.axis("D")], into };
        moved(m, x, merge);
    }),
    case("pack-move", |m| {
        let x = m.input("x", &["N", "H", "E"]);
        let split = Operation::Split { from: m.axis("H"), into: vec![m.axis("P"), m.axis("Q")] };
        moved(m, x, split);
    }),
    case("pack-move", |m| {
        let mask = mask(m);
        let (a, b) = (m.input("a", &["N", "E", "P"]), m.input("b", &["E", "D"]));
        let into = m.builder.axis("Both", Size::constant(5));
        let both = Operation::Concatenate { from: vec![m.axis("P"), m.axis("D")], into };
        let y = m.operation(both, &[a, b]);
        packed_output(m, mask, y);
    }),
    case("pack-along", |m| {
        let mask = mask(m);
        let x = m.input("wild", &["N", "E", "D"]);
        let axis = m.axis("D");
        let choice = Operation::LargestMask { count: Size::constant(2), axis };
        for operation in
            [Operation::Sort { axis }, Operation::CumulativeSum { axis }, choice, Operation::ArgMax { axis }]
        {
            let y = m.operation(operation, &[x]);
            packed_output(m, mask, y);
        }
    }),
    case("pack-gather", |m| {
        let mask = mask(m);
        let (table, index) = (m.input("wild", &["E", "D", "H"]), m.typed("index", Element::I64, &["N"]));
        let axis = m.axis("D");
        let y = m.operation(Operation::Gather { axis }, &[table, index]);
        packed_output(m, mask, y);
    }),
    case("pack-gather", |m| {
        let mask = mask(m);
        let (table, index) = (m.input("wild", &["D", "H"]), m.typed("index", Element::I64, &["N", "E"]));
        let axis = m.axis("D");
        let y = m.operation(Operation::Gather { axis }, &[table, index]);
        packed_output(m, mask, y);
    }),
    case("pack-of-unpack", |m| {
        let mask = mask(m);
        let y = unpacked(m, mask, &["N", "E", "D"], 0.0);
        packed_output(m, mask, y);
    }),
    case("pack-own-mask", |m| {
        let mask = mask(m);
        let (x, zero) = (m.input("wild", &["N", "E"]), m.number(0.0));
        let (own, x) = (pack(m, mask, mask.0), pack(m, mask, x));
        let y = m.map(F::Select, &[own, x, zero]);
        let y = m.operation(Operation::Unpack { from: mask.1, background: Scalar::f32(0.0) }, &[mask.0, y]);
        m.output(y);
    }),
    case("pack-own-mask", |m| {
        let (mask, other) = (mask(m), m.typed("other", Element::Bool, &["N", "E", "J"]));
        let (own, other) = (pack(m, mask, mask.0), pack(m, mask, other));
        for operands in [[own, other], [other, own]] {
            let y = m.map(F::And, &operands);
            let unpack = Operation::Unpack { from: mask.1, background: Scalar::boolean(false) };
            let y = m.operation(unpack, &[mask.0, y]);
            m.output(y);
        }
    }),
    case("pack-scatter", |m| {
        let mask = mask(m);
        let (x, index) = (m.input("x", &["N", "E", "D"]), m.typed("index", Element::I64, &["N", "D"]));
        let (over, into) = (vec![m.axis("D")], m.axis("H"));
        let y = m.operation(Operation::ScatterAdd { over, into }, &[x, index]);
        packed_output(m, mask, y);
    }),
    // Of an inner choice only what the outer one chose is a row.
    Case {
        rule: "pack-bounded",
        with: &["pack-map", "pack-own-mask", "pack-along"],
        build: |m| {
            let (outer, inner) = (m.input("outer", &["N", "E"]), m.input("wild", &["N", "E", "J"]));
            let outer = m.keep_largest(outer, "K", "E", 0.0);
            let inner = m.keep_largest(inner, "K", "J", 0.0);
            let both = m.multiply(outer, inner);
            let x = m.input("wild.x", &["N", "E", "J"]);
            let y = m.multiply(both, x);
            m.output(y);
        },
    },
    case("segment-reduce", |m| {
        let mask = mask(m);
        let y = unpacked(m, mask, &["N", "E", "D"], 0.0);
        for axes in [&["E"] as &[&str], &["N"], &["N", "E"], &["E", "D"]] {
            let y = m.reduce(ReduceKind::Sum, axes, y);
            m.output(y);
        }
    }),
    case("segment-reduce", |m| {
        let mask = mask(m);
        let y = unpacked(m, mask, &["N", "E", "D"], f32::NEG_INFINITY);
        let y = m.reduce(ReduceKind::Maximum, &["E"], y);
        m.output(y);
    }),
    case("pack-narrowed-sum", |m| {
        let (mask, terms) = two_levels(m, 0.0);
        let y = m.sum("J", terms);
        packed_output(m, mask, y);
    }),
    case("pack-narrowed-sum", |m| {
        let (mask, terms) = two_levels(m, f32::NEG_INFINITY);
        let y = m.reduce(ReduceKind::Maximum, &["J"], terms);
        packed_output(m, mask, y);
    }),
    case("pack-placed", |m| {
        let (mask, padded) = in_place(m, 0);
        packed_output(m, mask, padded);
    }),
];

pub const REFUSES: &[Case] = &[
    case("pack-of-only-row", |m| summed_and_packed(m, 2, ReduceKind::Sum)),
    case("pack-bounded", |m| {
        let (scores, x) = (m.input("scores", &["N", "E"]), m.input("x", &["N", "E", "D"]));
        let y = m.multiply(scores, x);
        m.output(y);
    }),
    // A mask without a promise about how often it is true.
    case("pack-bounded", |m| {
        let (c, x, zero) =
            (m.typed("c", Element::Bool, &["N", "E"]), m.input("x", &["N", "E"]), m.number(0.0));
        let y = m.map(F::Select, &[c, x, zero]);
        m.output(y);
    }),
    // One value for each row is not worked out again for each expert of the row.
    case("pack-map", |m| {
        let (mask, x) = (mask(m), m.input("x", &["N", "D"]));
        let y = m.relu(x);
        packed_output(m, mask, y);
    }),
    case("pack-reduce", |m| {
        let (mask, x) = (mask(m), m.input("x", &["N", "E", "D"]));
        let y = m.sum("E", x);
        packed_output(m, mask, y);
    }),
    case("pack-move", |m| {
        let mask = mask(m);
        m.axis_like("A", "E");
        let x = m.input("x", &["N", "A"]);
        let rename = Operation::Rename { from: m.axis("A"), to: m.axis("E") };
        let y = m.operation(rename, &[x]);
        packed_output(m, mask, y);
    }),
    case("pack-along", |m| {
        let (mask, x) = (mask(m), m.input("x", &["N", "E", "D"]));
        let axis = m.axis("E");
        let y = m.operation(Operation::Sort { axis }, &[x]);
        packed_output(m, mask, y);
    }),
    case("pack-gather", |m| {
        let mask = mask(m);
        let (table, index) = (m.input("table", &["D", "H"]), m.typed("index", Element::I64, &["N"]));
        let axis = m.axis("D");
        let y = m.operation(Operation::Gather { axis }, &[table, index]);
        packed_output(m, mask, y);
    }),
    case("pack-of-unpack", |m| {
        let first = mask(m);
        let bound = m.size("N").multiply(&m.size("E"));
        let second = (first.0, m.builder.ragged_axis("again", bound));
        let y = unpacked(m, first, &["N", "E", "D"], 0.0);
        packed_output(m, second, y);
    }),
    case("pack-own-mask", |m| {
        let (mask, other) = (mask(m), m.typed("other", Element::Bool, &["N", "E"]));
        let (x, zero) = (m.input("x", &["N", "E"]), m.number(0.0));
        let (own, x) = (pack(m, mask, other), pack(m, mask, x));
        let y = m.map(F::Select, &[own, x, zero]);
        let y = m.operation(Operation::Unpack { from: mask.1, background: Scalar::f32(0.0) }, &[mask.0, y]);
        m.output(y);
    }),
    case("pack-scatter", |m| {
        let mask = mask(m);
        let (x, index) = (m.input("x", &["N", "E", "D"]), m.typed("index", Element::I64, &["N"]));
        let (over, into) = (vec![m.axis("N")], m.axis("H"));
        let y = m.operation(Operation::ScatterAdd { over, into }, &[x, index]);
        packed_output(m, mask, y);
    }),
    case("segment-reduce", |m| {
        let mask = mask(m);
        let y = unpacked(m, mask, &["N", "E", "D"], 1.0);
        let y = m.sum("E", y);
        m.output(y);
    }),
    case("segment-reduce", |m| {
        let mask = mask(m);
        let y = unpacked(m, mask, &["N", "E", "D"], 0.0);
        let y = m.sum("D", y);
        m.output(y);
    }),
    // Where nothing is chosen the terms are 1, and their sum is not 0.
    case("pack-narrowed-sum", |m| {
        let (mask, terms) = two_levels(m, 1.0);
        let y = m.sum("J", terms);
        packed_output(m, mask, y);
    }),
    // The part of the mask is another expert's.
    case("pack-placed", |m| {
        m.shape.insert("E", 4);
        let (mask, padded) = in_place(m, 1);
        packed_output(m, mask, padded);
    }),
];
