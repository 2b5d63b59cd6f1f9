//! Margins: how far each choice is from falling out otherwise.
//!
//! Comparisons of floats, roundings, conversions to integers and selections jump: one unit in the last place before them can
//! change everything after them. The margin of a comparison is the distance of its operands, of a rounding the distance to where it
//! jumps, of a selection the distance between the last entry in and the first one out. It travels with the values: that of a result is the smallest of
//! those of the entries it was made from. An exact tie with a value off its support is meant, and has no margin; nor has what an
//! absorbing operand hides, or the branch not taken.

use crate::array::{Array, Value};
use crate::data::Data;
use crate::error::EvaluateError;
use crate::expression::{Expression, Leaf, Program, StepKind};
use crate::nest::{self, Extent};
use moe_graph::{Absorb, AxisId, ReduceKind, Scalar, ScalarFunction, Signature};
use moe_runtime::Element;

/// A step that works out margins from columns of values and margins.
pub(crate) enum MarginStep {
    /// The distance of two floats; a tie at one of the backgrounds is meant.
    Compare { operands: [usize; 2], backgrounds: [Option<f64>; 2] },
    /// The distance of a float to where a function of it jumps.
    Jump { jump: Jump, operand: usize, background: Option<f64> },
    /// The distance of `a` to a multiple of `b`.
    Remainder { operands: [usize; 2] },
    /// Operands of which one may decide alone: `hides` are the values that do.
    Absorb { values: [usize; 2], margins: [Option<usize>; 2], hides: [Option<f64>; 2] },
    /// The margin of the branch taken, and of the condition.
    Choose { mask: usize, condition: Option<usize>, branches: [Option<usize>; 2] },
}

/// Where a function of one float jumps.
#[derive(Clone, Copy)]
pub(crate) enum Jump {
    /// At integers.
    Integers,
    /// Between integers.
    Halves,
    /// At integers but 0.
    Truncation,
    /// At 0.
    Zero,
}

impl MarginStep {
    /// Appends the margins to `out`.
    pub fn run<'a>(&self, column: &dyn Fn(usize) -> &'a Data, length: usize, out: &mut Data) {
        let Data::Float(out) = out else { return };
        let margin =
            |step: &Option<usize>, place| step.map_or(f64::INFINITY, |step| column(step).float(place));
        match self {
            MarginStep::Compare { operands: [a, b], backgrounds } => {
                let pairs = column(*a).floats().iter().zip(column(*b).floats());
                out.extend(pairs.map(|(a, b)| distance(*a, *b, backgrounds)));
            }
            MarginStep::Jump { jump, operand, background } => {
                out.extend(column(*operand).floats().iter().map(|a| jump.distance(*a, *background)));
            }
            MarginStep::Remainder { operands: [a, b] } => {
                let pairs = column(*a).floats().iter().zip(column(*b).floats());
                out.extend(pairs.map(|(a, b)| {
                    let rest = (a % b).abs();
                    number(rest.min(b.abs() - rest))
                }));
            }
            MarginStep::Absorb { values, margins, hides } => out.extend((0..length).map(|place| {
                let [left, right] = [0, 1].map(|side| {
                    let (value, hide) = (values.get(side), hides.get(side).copied().flatten());
                    value.zip(hide).is_some_and(|(value, hide)| number_at(column(*value), place) == hide)
                });
                let [a, b] = [margin(&margins[0], place), margin(&margins[1], place)];
                match (left, right) {
                    (true, true) => a.max(b),
                    (true, false) => a,
                    (false, true) => b,
                    (false, false) => a.min(b),
                }
            })),
            MarginStep::Choose { mask, condition, branches: [yes, no] } => {
                out.extend((0..length).map(|place| {
                    let taken = if column(*mask).boolean(place) { yes } else { no };
                    margin(condition, place).min(margin(taken, place))
                }));
            }
        }
    }
}

fn number_at(data: &Data, place: usize) -> f64 {
    match data {
        Data::Float(_) => data.float(place),
        Data::Integer(_) => data.integer(place) as f64,
        Data::Boolean(_) => f64::from(u8::from(data.boolean(place))),
    }
}

/// NaN is no distance.
fn number(distance: f64) -> f64 {
    if distance.is_nan() {
        f64::INFINITY
    } else {
        distance
    }
}

/// The distance of two floats. Equal infinities, NaN, and ties at a background do not come about by rounding.
pub(crate) fn distance(a: f64, b: f64, backgrounds: &[Option<f64>; 2]) -> f64 {
    let meant = a == b && backgrounds.contains(&Some(a));
    if meant {
        f64::INFINITY
    } else {
        number((a - b).abs())
    }
}

impl Jump {
    fn of(function: ScalarFunction) -> Option<Jump> {
        match function {
            ScalarFunction::Floor | ScalarFunction::Ceiling => Some(Jump::Integers),
            ScalarFunction::Round => Some(Jump::Halves),
            ScalarFunction::Sign => Some(Jump::Zero),
            _ => None,
        }
    }

    fn of_cast(to: Element) -> Option<Jump> {
        match to {
            Element::Bool => Some(Jump::Zero),
            to if to.is_integer() => Some(Jump::Truncation),
            _ => None,
        }
    }

    fn distance(self, a: f64, background: Option<f64>) -> f64 {
        if background == Some(a) {
            return f64::INFINITY;
        }
        let part = a - a.floor();
        number(match self {
            Jump::Integers => part.min(1.0 - part),
            Jump::Halves => (part - 0.5).abs(),
            Jump::Truncation if a.abs() < 1.0 => 1.0 - a.abs(),
            Jump::Truncation => part.min(1.0 - part),
            Jump::Zero => a.abs(),
        })
    }
}

impl Program {
    /// The steps that work out the margin of a tree; `None` if no choice is in it or behind its values.
    pub fn of_margin(expression: &Expression) -> Option<Self> {
        let mut program = Program::default();
        program.margin(expression).map(|_| program)
    }

    fn margin(&mut self, expression: &Expression) -> Option<usize> {
        match expression {
            Expression::Value { value, .. } => {
                let margin = value.margin.clone()?;
                Some(self.read(Leaf::Array(margin), Element::F64))
            }
            Expression::Coordinate(_) | Expression::Constant { .. } => None,
            Expression::Cast { element, operand, .. } => {
                let own = self.jump(Jump::of_cast(*element), operand);
                let behind = self.margin(operand);
                self.smaller(own, behind)
            }
            Expression::Map { function, absorb, operands, .. } => {
                self.map_margin(*function, *absorb, operands)
            }
        }
    }

    fn map_margin(
        &mut self,
        function: ScalarFunction,
        absorb: Absorb,
        operands: &[Expression],
    ) -> Option<usize> {
        match operands {
            [a] => {
                let own = self.jump(Jump::of(function), a);
                let behind = self.margin(a);
                self.smaller(own, behind)
            }
            [a, b] if absorb != Absorb::Neither => self.absorbed(function, absorb, a, b),
            [a, b] => {
                let own = self.binary_margin(function, a, b);
                let (left, right) = (self.margin(a), self.margin(b));
                let behind = self.smaller(left, right);
                self.smaller(own, behind)
            }
            [mask, a, b] => self.choice(mask, a, b),
            _ => None,
        }
    }

    fn push_margin(&mut self, step: MarginStep) -> usize {
        self.push(StepKind::Margin(step), Element::F64)
    }

    fn smaller(&mut self, a: Option<usize>, b: Option<usize>) -> Option<usize> {
        let (Some(left), Some(right)) = (a, b) else { return a.or(b) };
        let (function, absorb) = (ScalarFunction::Minimum, Absorb::Neither);
        let map = StepKind::Map { function, absorb, from: Element::F64, operands: vec![left, right] };
        Some(self.push(map, Element::F64))
    }

    fn jump(&mut self, jump: Option<Jump>, operand: &Expression) -> Option<usize> {
        let jump = jump.filter(|_| operand.element().is_float())?;
        let background = operand.background();
        let operand = self.value(operand);
        Some(self.push_margin(MarginStep::Jump { jump, operand, background }))
    }

    fn binary_margin(&mut self, function: ScalarFunction, a: &Expression, b: &Expression) -> Option<usize> {
        if !a.element().is_float() {
            return None;
        }
        let backgrounds = [a.background(), b.background()];
        let compares = function.signature() == Signature::Comparison;
        if !compares && function != ScalarFunction::Remainder {
            return None;
        }
        let operands = [self.value(a), self.value(b)];
        let step = if compares {
            MarginStep::Compare { operands, backgrounds }
        } else {
            MarginStep::Remainder { operands }
        };
        Some(self.push_margin(step))
    }

    /// What a deciding operand hides does not count.
    fn absorbed(
        &mut self,
        function: ScalarFunction,
        absorb: Absorb,
        a: &Expression,
        b: &Expression,
    ) -> Option<usize> {
        let margins = [self.margin(a), self.margin(b)];
        // Nothing is hidden that counts where the absorbed side has no margin.
        match (absorb, margins) {
            (_, [None, None]) => return None,
            (Absorb::Left, [left, None]) => return left,
            (Absorb::Right, [None, right]) => return right,
            _ => {}
        }
        let values = [self.value(a), self.value(b)];
        let [left, right] = function.absorbing().map(|side| side.map(|absorption| absorption.value));
        let hides = [
            left.filter(|_| matches!(absorb, Absorb::Left | Absorb::Both)),
            right.filter(|_| matches!(absorb, Absorb::Right | Absorb::Both)),
        ];
        Some(self.push_margin(MarginStep::Absorb { values, margins, hides }))
    }

    fn choice(&mut self, mask: &Expression, a: &Expression, b: &Expression) -> Option<usize> {
        let condition = self.margin(mask);
        let branches = [self.margin(a), self.margin(b)];
        if branches == [None, None] {
            return condition;
        }
        let mask = self.value(mask);
        Some(self.push_margin(MarginStep::Choose { mask, condition, branches }))
    }
}

/// The smallest along some axes.
pub(crate) fn over(margin: &Array, axes: &[AxisId]) -> Result<Array, EvaluateError> {
    if !axes.iter().any(|axis| margin.has(*axis)) {
        return Ok(margin.clone());
    }
    let out = margin.without(axes);
    let reduced: Vec<Extent> = margin.extents().into_iter().filter(|(axis, _)| axes.contains(axis)).collect();
    let program = Program::joined(ScalarFunction::Minimum, Element::F64, &[margin]);
    let data = nest::reduce(&program, ReduceKind::Minimum, Element::F64, &out, &reduced)?;
    Ok(floats(&out, data))
}

/// The smallest along some axes of a margin that may not be there.
pub(crate) fn maybe_over(margin: Option<&Array>, axes: &[AxisId]) -> Result<Option<Array>, EvaluateError> {
    margin.map(|margin| over(margin, axes)).transpose()
}

/// The smallest of several at each place.
pub(crate) fn smallest(margins: &[Option<&Array>]) -> Result<Option<Array>, EvaluateError> {
    let present: Vec<&Array> = margins.iter().copied().flatten().collect();
    match present.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        several => {
            let program = Program::joined(ScalarFunction::Minimum, Element::F64, several);
            let extents = extents_of(several);
            let data = nest::evaluate(&program, Element::F64, &extents)?;
            Ok(Some(floats(&extents, data)))
        }
    }
}

fn extents_of(arrays: &[&Array]) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    for extent in arrays.iter().flat_map(|array| array.extents()) {
        if !extents.contains(&extent) {
            extents.push(extent);
        }
    }
    extents
}

/// Margins along axes.
pub(crate) fn floats(extents: &[Extent], data: Data) -> Array {
    let (axes, shape) = extents.iter().copied().unzip();
    Array::new(Element::F64, axes, shape, data)
}

/// A margin that no choice is near.
pub(crate) fn none() -> Scalar {
    Scalar::f64(f64::INFINITY)
}

impl Value {
    pub fn plain(array: Array) -> Self {
        Value { array, margin: None }
    }
}
