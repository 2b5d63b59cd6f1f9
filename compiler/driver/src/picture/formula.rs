//! Nodes as the words of a box.

use super::boxes::{Folding, Leaf};
use moe_graph::{AxisId, Function, Node, NodeId, Operation, ReduceKind, ScalarFunction, Size};

/// How tightly the parts of a formula hold together.
const CHOICE: u8 = 1;
const COMPARISON: u8 = 2;
const SUM: u8 = 3;
const PRODUCT: u8 = 4;
const SIGN: u8 = 5;
const CALL: u8 = 6;

/// The formula of a node and of what is folded into it; what comes from elsewhere is named by `name`.
pub fn formula(folding: &Folding, node: NodeId, name: &mut dyn FnMut(Leaf) -> String) -> String {
    formula_of(folding, node, true, name).0
}

fn formula_of(
    folding: &Folding,
    id: NodeId,
    root: bool,
    name: &mut dyn FnMut(Leaf) -> String,
) -> (String, u8) {
    if !root {
        if let Some(text) = folding.inline(id) {
            let tight = if text.starts_with('-') { SIGN } else { CALL };
            return (name(Leaf::Text(text)), tight);
        }
        if !folding.is_absorbed(id) {
            return (name(Leaf::Node(id)), CALL);
        }
    }
    let Some(node) = folding.function.node(id) else { return ("?".to_owned(), CALL) };
    let operands: Vec<(String, u8)> =
        node.operands.iter().map(|operand| formula_of(folding, *operand, false, name)).collect();
    match &node.operation {
        Operation::Map { function, .. } => scalar(*function, &operands),
        Operation::Cast(element) => {
            let of = operands.first().map(|(text, tight)| wrapped(text, *tight, SIGN)).unwrap_or_default();
            (format!("{of} as {element}"), CHOICE)
        }
        _ => (operands.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(", "), 0),
    }
}

fn wrapped(text: &str, tight: u8, least: u8) -> String {
    if tight < least {
        format!("({text})")
    } else {
        text.to_owned()
    }
}

fn scalar(function: ScalarFunction, operands: &[(String, u8)]) -> (String, u8) {
    use ScalarFunction as F;
    let (sign, own) = match function {
        F::Add => ("+", SUM),
        F::Subtract => ("−", SUM),
        F::Multiply => ("·", PRODUCT),
        F::Divide => ("/", PRODUCT),
        F::Equal => ("=", COMPARISON),
        F::NotEqual => ("≠", COMPARISON),
        F::Less => ("<", COMPARISON),
        F::LessEqual => ("≤", COMPARISON),
        F::Greater => (">", COMPARISON),
        F::GreaterEqual => ("≥", COMPARISON),
        F::And => ("and", CHOICE),
        F::Or => ("or", CHOICE),
        _ => ("", CALL),
    };
    match (function, operands) {
        (F::Negate, [(text, tight)]) => (format!("−{}", wrapped(text, *tight, SIGN)), SIGN),
        (F::Not, [(text, tight)]) => (format!("not {}", wrapped(text, *tight, SIGN)), SIGN),
        (_, [(left, left_tight), (right, right_tight)]) if !sign.is_empty() => {
            // What is to the right of a difference or a quotient has to hold tighter.
            let right = wrapped(right, *right_tight, own + 1);
            (format!("{} {sign} {right}", wrapped(left, *left_tight, own)), own)
        }
        _ => {
            let inner: Vec<&str> = operands.iter().map(|(text, _)| text.as_str()).collect();
            (format!("{}({})", function.name(), inner.join(", ")), CALL)
        }
    }
}

/// What an operation that is no formula does, in a few words.
pub fn words(function: &Function, node: &Node) -> String {
    let axis = |axis: &AxisId| function.axis(*axis).map_or("?", |axis| axis.name.as_str()).to_owned();
    let axes = |axes: &[AxisId]| axes.iter().map(axis).collect::<Vec<_>>().join(", ");
    let size = |size: &Size| size.to_string();
    match &node.operation {
        Operation::Reduce { kind, axes: over } => format!("{} over {}", reduction(*kind), axes(over)),
        Operation::Rename { from, to } => format!("{} as {}", axis(from), axis(to)),
        Operation::Merge { from, into } => format!("{} as one {}", axes(from), axis(into)),
        Operation::Split { from, into } => format!("{} as {}", axis(from), axes(into)),
        Operation::Slice { from, start, .. } => format!("{} from {} on", axis(from), size(start)),
        Operation::Pad { from, value, .. } => format!("{} made longer with {value}", axis(from)),
        Operation::Concatenate { into, .. } => format!("one after the other along {}", axis(into)),
        Operation::Gather { axis: along } => format!("look up along {}", axis(along)),
        Operation::ScatterAdd { into, .. } => format!("add where the index says, along {}", axis(into)),
        Operation::LargestMask { count, axis: over } => {
            format!("largest {} over {}", size(count), axis(over))
        }
        Operation::ArgMax { axis: over } => format!("place of the largest over {}", axis(over)),
        Operation::CumulativeSum { axis: over } => format!("running sum over {}", axis(over)),
        Operation::Sort { axis: over } => format!("sort over {}", axis(over)),
        Operation::Expect { count, axes: over } => format!("expect {} of {}", size(count), axes(over)),
        Operation::Pack { into } => format!("pack {}", axis(into)),
        Operation::Unpack { from, .. } => format!("unpack {}", axis(from)),
        Operation::SegmentReduce { kind, from, over } => {
            format!("{} of {} over {}", reduction(*kind), axis(from), axes(over))
        }
        _ => String::new(),
    }
}

fn reduction(kind: ReduceKind) -> &'static str {
    match kind {
        ReduceKind::Sum => "sum",
        ReduceKind::Product => "product",
        ReduceKind::Maximum => "largest",
        ReduceKind::Minimum => "smallest",
        ReduceKind::Any => "any",
        ReduceKind::All => "all",
    }
}
