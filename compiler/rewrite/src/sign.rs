//! What is known of the sign of a class's entries.

use crate::analysis::Data;
use crate::classes::Classes;
use crate::language::Term;
use moe_graph::{Element, Operation, ReduceKind, Scalar, ScalarFunction};

/// What the entries are, or NaN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Sign {
    /// Anything.
    #[default]
    Any,
    /// 0 or more.
    NotNegative,
    /// More than 0 in real arithmetic of finite numbers: an exponential may have been rounded to 0.
    Positive,
}

/// What follows from the operation.
pub fn sign(graph: &dyn Classes, term: &Term) -> Sign {
    let of = |place: usize| term.operands.get(place).map_or(Sign::Any, |id| of_class(graph.data(*id)));
    let all = || (0..term.operands.len()).map(of).min().unwrap_or_default();
    let float = term.operands.first().is_some_and(|id| graph.data(*id).ty.element.is_float());
    match &term.operation {
        Operation::Constant(value) => of_number(value),
        Operation::Coordinate(_) | Operation::SizeOf(_) => Sign::NotNegative,
        Operation::Map { function, .. } => of_function(*function, float, &of),
        Operation::Cast(element) => {
            let wraps = !float && !element.is_float();
            match (wraps, element.is_float()) {
                (true, _) => Sign::Any,
                (false, true) => of(0),
                // A fraction may become 0.
                (false, false) => of(0).min(Sign::NotNegative),
            }
        }
        Operation::Reduce { kind: ReduceKind::Sum | ReduceKind::Product, axes } if float => {
            let full = |axis| graph.knowledge().size(axis).as_constant().is_some_and(|size| size > 0);
            if axes.iter().all(|axis| full(*axis)) {
                of(0)
            } else {
                of(0).min(Sign::NotNegative)
            }
        }
        Operation::Reduce { kind: ReduceKind::Minimum, .. } => of(0),
        Operation::SegmentReduce { kind: ReduceKind::Sum, .. } if float => of(1).min(Sign::NotNegative),
        Operation::Rename { .. }
        | Operation::Merge { .. }
        | Operation::Split { .. }
        | Operation::Slice { .. }
        | Operation::Sort { .. }
        | Operation::Gather { .. } => of(0),
        Operation::Pad { value, .. } => of(0).min(of_number(value)),
        Operation::Concatenate { .. } => all(),
        Operation::CumulativeSum { .. } | Operation::ScatterAdd { .. } if float => {
            of(0).min(Sign::NotNegative)
        }
        Operation::Pack { .. } => of(1),
        Operation::Unpack { background, .. } => of(1).min(of_number(background)),
        _ => Sign::Any,
    }
}

/// What is known of a class: unsigned numbers and truth values are never negative.
pub fn of_class(data: &Data) -> Sign {
    let element = data.ty.element;
    let unsigned = matches!(element, Element::U8 | Element::U32 | Element::U64 | Element::Bool);
    // Where a bound leaves zeros, not all entries are positive.
    let zeros = data.fact.as_ref().is_some_and(|fact| fact.background.is_zero());
    let own = data.constant().map_or(data.sign, |value| data.sign.max(of_number(&value)));
    let own = if unsigned { own.max(Sign::NotNegative) } else { own };
    if zeros {
        own.min(Sign::NotNegative)
    } else {
        own
    }
}

fn of_number(value: &Scalar) -> Sign {
    match value.as_f64() {
        number if number > 0.0 => Sign::Positive,
        0.0 => Sign::NotNegative,
        _ => Sign::Any,
    }
}

fn of_function(function: ScalarFunction, float: bool, of: &dyn Fn(usize) -> Sign) -> Sign {
    use ScalarFunction as F;
    match function {
        F::Exponential => Sign::Positive,
        F::Absolute if float => Sign::NotNegative,
        F::SquareRoot => of(0).max(Sign::NotNegative),
        F::Add if float => match (of(0), of(1)) {
            (Sign::Any, _) | (_, Sign::Any) => Sign::Any,
            (a, b) => a.max(b),
        },
        F::Multiply | F::Divide if float => of(0).min(of(1)),
        F::Maximum => of(0).max(of(1)),
        F::Minimum => of(0).min(of(1)),
        F::Random => Sign::NotNegative,
        F::Select => of(1).min(of(2)),
        F::Power => of(0),
        F::Floor | F::Ceiling | F::Round | F::Sign => of(0).min(Sign::NotNegative),
        _ => Sign::Any,
    }
}
