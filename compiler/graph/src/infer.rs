//! The shape rules: the type of an operation's result.

use crate::function::{AxisId, Function, Type};
use crate::operation::{Operation, ReduceKind, ScalarFunction, Signature};
use crate::{Element, Size};

/// Why an operation cannot take its operands. These are bugs of whoever built the graph; the checker finds users' mistakes first.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TypeError {
    /// The wrong number of operands.
    #[error("{operation} takes {expected} operands and was given {found}")]
    Arity {
        /// The operation.
        operation: String,
        /// How many it takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An element type that the operation does not take.
    #[error("{operation} does not take {element}")]
    Element {
        /// The operation.
        operation: String,
        /// The element type.
        element: Element,
    },
    /// Operands of different element types.
    #[error("{operation} was given {left} and {right}")]
    ElementsDiffer {
        /// The operation.
        operation: String,
        /// One type.
        left: Element,
        /// The other.
        right: Element,
    },
    /// An axis that an operand must have and has not.
    #[error("{operation}: the operand has no axis {axis}")]
    NoAxis {
        /// The operation.
        operation: String,
        /// The axis.
        axis: String,
    },
    /// An axis that the result would have twice.
    #[error("{operation}: the result would have the axis {axis} twice")]
    TwiceAxis {
        /// The operation.
        operation: String,
        /// The axis.
        axis: String,
    },
    /// Sizes that do not fit.
    #[error("{operation}: {left} is not {right}")]
    Size {
        /// The operation.
        operation: String,
        /// One size.
        left: Size,
        /// The other.
        right: Size,
    },
    /// A step that is no step forward.
    #[error("{operation}: a step of {step}")]
    Step {
        /// The operation.
        operation: String,
        /// The step.
        step: Size,
    },
    /// An id that names nothing.
    #[error("{operation}: no such {what}")]
    Missing {
        /// The operation.
        operation: String,
        /// What is missing.
        what: &'static str,
    },
}

impl Operation {
    /// Its name in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Parameter(_) => "parameter",
            Operation::Constant(_) => "constant",
            Operation::Table(_) => "table",
            Operation::Coordinate(_) => "coordinate",
            Operation::SizeOf(_) => "size",
            Operation::Map { function, .. } => function.name(),
            Operation::Cast(_) => "cast",
            Operation::Reduce { kind, .. } => kind.name(),
            Operation::Rename { .. } => "rename",
            Operation::Merge { .. } => "merge",
            Operation::Split { .. } => "split",
            Operation::Slice { .. } => "slice",
            Operation::Pad { .. } => "pad",
            Operation::Window { .. } => "window",
            Operation::Concatenate { .. } => "concatenate",
            Operation::Gather { .. } => "gather",
            Operation::ScatterAdd { .. } => "scatter_add",
            Operation::Scatter { .. } => "scatter",
            Operation::LargestMask { .. } => "largest_mask",
            Operation::ArgMax { .. } => "arg_max",
            Operation::CumulativeSum { .. } => "cumulative_sum",
            Operation::Sort { .. } => "sort",
            Operation::Expect { .. } => "expect",
            Operation::Call { .. } => "call",
            Operation::Repeat { .. } => "repeat",
            Operation::Fold { .. } => "fold",
            Operation::Pack { .. } => "pack",
            Operation::Unpack { .. } => "unpack",
            Operation::SegmentReduce { .. } => "segment_reduce",
        }
    }

    /// How many operands it takes, where that is fixed.
    pub fn arity(&self) -> Option<usize> {
        match self {
            Operation::Parameter(_)
            | Operation::Constant(_)
            | Operation::Table(_)
            | Operation::Coordinate(_)
            | Operation::SizeOf(_) => Some(0),
            Operation::Map { function, .. } => Some(function.arity()),
            Operation::Concatenate { from, .. } => Some(from.len()),
            Operation::Gather { .. }
            | Operation::ScatterAdd { .. }
            | Operation::Pack { .. }
            | Operation::Unpack { .. }
            | Operation::SegmentReduce { .. } => Some(2),
            Operation::Scatter { .. } => Some(3),
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => None,
            _ => Some(1),
        }
    }
}

/// The type of `operation` on operands of the types given, in `function`. The types of `Parameter`, `Table`, `Call`, `Repeat` and `Fold` are
/// not to be inferred from operands: `None`.
///
/// # Errors
/// If the operation does not take these operands.
pub fn infer(
    function: &Function,
    operation: &Operation,
    operands: &[&Type],
) -> Result<Option<Type>, TypeError> {
    if let Some(expected) = operation.arity() {
        if operands.len() != expected {
            let operation = operation.name().to_owned();
            return Err(TypeError::Arity { operation, expected, found: operands.len() });
        }
    }
    let rule = Rule { function, operation, operands };
    Ok(Some(match operation {
        Operation::Parameter(_)
        | Operation::Table(_)
        | Operation::Call { .. }
        | Operation::Repeat { .. }
        | Operation::Fold { .. } => return Ok(None),
        Operation::Constant(value) => Type::scalar(value.element()),
        Operation::Coordinate(axis) => Type { element: Element::I64, axes: vec![*axis] },
        Operation::SizeOf(_) => Type::scalar(Element::I64),
        Operation::Map { function, .. } => rule.map(*function)?,
        Operation::Cast(element) => Type { element: *element, axes: rule.operand(0)?.axes.clone() },
        Operation::Reduce { kind, axes } => rule.reduce(*kind, axes)?,
        Operation::Rename { from, to } => rule.replace(&[*from], &[*to])?,
        Operation::Merge { from, into } => rule.replace(from, &[*into])?,
        Operation::Split { from, into } => rule.replace(&[*from], into)?,
        Operation::Slice { from, into, .. } | Operation::Pad { from, into, .. } => {
            rule.replace(&[*from], &[*into])?
        }
        Operation::Window { from, places, taps, stride, dilation, .. } => {
            rule.steps(&[stride, dilation])?;
            rule.replace(&[*from], &[*places, *taps])?
        }
        Operation::Concatenate { from, into } => rule.concatenate(from, *into)?,
        Operation::Gather { axis } => rule.gather(*axis)?,
        Operation::ScatterAdd { over, into } => rule.scatter_add(over, *into)?,
        Operation::Scatter { over, axis } => rule.scatter(over, *axis)?,
        Operation::LargestMask { axis, .. } => {
            Type { element: Element::Bool, axes: rule.along(*axis)?.axes.clone() }
        }
        Operation::ArgMax { axis } => Type { element: Element::I64, axes: rule.without(&[*axis])? },
        Operation::CumulativeSum { axis } | Operation::Sort { axis } => rule.along(*axis)?.clone(),
        Operation::Expect { axes, .. } => rule.expect(axes)?,
        Operation::Pack { into } => rule.pack(*into)?,
        Operation::Unpack { from, .. } => rule.unpack(*from)?,
        Operation::SegmentReduce { from, over, .. } => rule.segment_reduce(*from, over)?,
    }))
}

struct Rule<'a> {
    function: &'a Function,
    operation: &'a Operation,
    operands: &'a [&'a Type],
}

impl Rule<'_> {
    fn name(&self) -> String {
        self.operation.name().to_owned()
    }

    fn operand(&self, index: usize) -> Result<&Type, TypeError> {
        let found = self.operands.len();
        self.operands.get(index).copied().ok_or_else(|| TypeError::Arity {
            operation: self.name(),
            expected: index + 1,
            found,
        })
    }

    fn axis_name(&self, axis: AxisId) -> String {
        self.function.axis(axis).map_or_else(|| format!("#{}", axis.0), |axis| axis.name.clone())
    }

    fn no_axis(&self, axis: AxisId) -> TypeError {
        TypeError::NoAxis { operation: self.name(), axis: self.axis_name(axis) }
    }

    fn element(&self, element: Element) -> TypeError {
        TypeError::Element { operation: self.name(), element }
    }

    fn along(&self, axis: AxisId) -> Result<&Type, TypeError> {
        let ty = self.operand(0)?;
        if ty.has(axis) {
            Ok(ty)
        } else {
            Err(self.no_axis(axis))
        }
    }

    fn without(&self, axes: &[AxisId]) -> Result<Vec<AxisId>, TypeError> {
        let ty = self.operand(0)?;
        match axes.iter().find(|axis| !ty.has(**axis)) {
            Some(axis) => Err(self.no_axis(*axis)),
            None => Ok(ty.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect()),
        }
    }

    fn same(&self, left: Element, right: Element) -> Result<Element, TypeError> {
        if left == right {
            Ok(left)
        } else {
            Err(TypeError::ElementsDiffer { operation: self.name(), left, right })
        }
    }

    fn union(&self) -> Vec<AxisId> {
        let mut axes = Vec::new();
        for axis in self.operands.iter().flat_map(|ty| &ty.axes) {
            if !axes.contains(axis) {
                axes.push(*axis);
            }
        }
        axes
    }

    fn distinct(&self, axes: Vec<AxisId>) -> Result<Vec<AxisId>, TypeError> {
        let twice = axes
            .iter()
            .enumerate()
            .find(|(place, axis)| axes.iter().take(*place).any(|other| other == *axis));
        match twice {
            Some((_, axis)) => {
                Err(TypeError::TwiceAxis { operation: self.name(), axis: self.axis_name(*axis) })
            }
            None => Ok(axes),
        }
    }

    fn map(&self, function: ScalarFunction) -> Result<Type, TypeError> {
        let first = self.operand(0)?.element;
        let element = match function.signature() {
            Signature::Float if !first.is_float() => return Err(self.element(first)),
            Signature::Number if first == Element::Bool => return Err(self.element(first)),
            Signature::Boolean if first != Element::Bool => return Err(self.element(first)),
            Signature::FloatTest if !first.is_float() => return Err(self.element(first)),
            Signature::Draw if self.operands.iter().any(|ty| ty.element != Element::I64) => {
                return Err(self.element(first));
            }
            Signature::Draw => Element::F32,
            Signature::Choice if first != Element::Bool => return Err(self.element(first)),
            Signature::Choice => self.same(self.operand(1)?.element, self.operand(2)?.element)?,
            _ => self.operands.iter().try_fold(first, |left, right| self.same(left, right.element))?,
        };
        let gives_truth = matches!(function.signature(), Signature::Comparison | Signature::FloatTest);
        Ok(Type { element: if gives_truth { Element::Bool } else { element }, axes: self.union() })
    }

    fn reduce(&self, kind: ReduceKind, axes: &[AxisId]) -> Result<Type, TypeError> {
        let ty = self.operand(0)?;
        let logical = matches!(kind, ReduceKind::Any | ReduceKind::All);
        if logical != (ty.element == Element::Bool) {
            return Err(self.element(ty.element));
        }
        Ok(Type {
            element: ty.element,
            axes: ty.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect(),
        })
    }

    /// Steps known to be below 1 are none.
    fn steps(&self, steps: &[&Size]) -> Result<(), TypeError> {
        match steps.iter().find(|step| step.as_constant().is_some_and(|step| step < 1)) {
            Some(step) => Err(TypeError::Step { operation: self.name(), step: (*step).clone() }),
            None => Ok(()),
        }
    }

    /// The operand with `into` where the first of `from` was. All of `from` must be there, and the products of their sizes agree, except
    /// for slices, padding and windows.
    fn replace(&self, from: &[AxisId], into: &[AxisId]) -> Result<Type, TypeError> {
        let ty = self.operand(0)?;
        self.without(from)?;
        let product = |axes: &[AxisId]| {
            axes.iter().fold(Size::constant(1), |product, axis| product.multiply(&self.function.size(*axis)))
        };
        let (left, right) = (product(from), product(into));
        let resizes = matches!(
            self.operation,
            Operation::Slice { .. } | Operation::Pad { .. } | Operation::Window { .. }
        );
        if !resizes && left != right {
            return Err(TypeError::Size { operation: self.name(), left, right });
        }
        let mut axes = Vec::new();
        for axis in &ty.axes {
            if from.first() == Some(axis) {
                axes.extend_from_slice(into);
            } else if !from.contains(axis) {
                axes.push(*axis);
            }
        }
        Ok(Type { element: ty.element, axes: self.distinct(axes)? })
    }

    fn concatenate(&self, from: &[AxisId], into: AxisId) -> Result<Type, TypeError> {
        let first = self.operand(0)?;
        let mut axes = Vec::new();
        for (ty, own) in self.operands.iter().zip(from) {
            self.same(first.element, ty.element)?;
            if !ty.has(*own) {
                return Err(self.no_axis(*own));
            }
            for axis in ty.axes.iter().map(|axis| if axis == own { into } else { *axis }) {
                if !axes.contains(&axis) {
                    axes.push(axis);
                }
            }
        }
        let total = from.iter().fold(Size::constant(0), |sum, axis| sum.add(&self.function.size(*axis)));
        if total != self.function.size(into) {
            return Err(TypeError::Size {
                operation: self.name(),
                left: total,
                right: self.function.size(into),
            });
        }
        Ok(Type { element: first.element, axes })
    }

    fn gather(&self, axis: AxisId) -> Result<Type, TypeError> {
        let (table, index) = (self.along(axis)?, self.operand(1)?);
        if !index.element.is_integer() {
            return Err(self.element(index.element));
        }
        if index.has(axis) {
            return Err(TypeError::TwiceAxis { operation: self.name(), axis: self.axis_name(axis) });
        }
        let mut axes = index.axes.clone();
        axes.extend(table.axes.iter().filter(|other| **other != axis && !index.has(**other)));
        Ok(Type { element: table.element, axes })
    }

    fn scatter(&self, over: &[AxisId], axis: AxisId) -> Result<Type, TypeError> {
        let (base, updates, index) = (self.along(axis)?, self.operand(1)?, self.operand(2)?);
        if !index.element.is_integer() {
            return Err(self.element(index.element));
        }
        self.same(base.element, updates.element)?;
        let twice = over.iter().find(|own| base.has(**own)).copied();
        let along = [updates, index].iter().any(|ty| ty.has(axis)).then_some(axis);
        if let Some(axis) = twice.or(along) {
            return Err(TypeError::TwiceAxis { operation: self.name(), axis: self.axis_name(axis) });
        }
        Ok(Type {
            element: base.element,
            axes: self.union().into_iter().filter(|own| !over.contains(own)).collect(),
        })
    }

    fn scatter_add(&self, over: &[AxisId], into: AxisId) -> Result<Type, TypeError> {
        let (updates, index) = (self.operand(0)?, self.operand(1)?);
        if !index.element.is_integer() {
            return Err(self.element(index.element));
        }
        if updates.element == Element::Bool {
            return Err(self.element(updates.element));
        }
        let rest = self.union().into_iter().filter(|axis| !over.contains(axis));
        Ok(Type { element: updates.element, axes: self.distinct([into].into_iter().chain(rest).collect())? })
    }

    fn expect(&self, axes: &[AxisId]) -> Result<Type, TypeError> {
        let ty = self.operand(0)?;
        self.without(axes)?;
        if ty.element == Element::Bool {
            Ok(ty.clone())
        } else {
            Err(self.element(ty.element))
        }
    }

    fn mask(&self) -> Result<&Type, TypeError> {
        let mask = self.operand(0)?;
        if mask.element == Element::Bool {
            Ok(mask)
        } else {
            Err(self.element(mask.element))
        }
    }

    fn pack(&self, into: AxisId) -> Result<Type, TypeError> {
        let (mask, value) = (self.mask()?, self.operand(1)?);
        let Some(_) = value.axes.iter().find(|axis| mask.has(**axis)) else {
            return Err(TypeError::Missing { operation: self.name(), what: "axis to pack" });
        };
        let rest = value.axes.iter().copied().filter(|axis| !mask.has(*axis));
        Ok(Type { element: value.element, axes: self.distinct([into].into_iter().chain(rest).collect())? })
    }

    fn unpack(&self, from: AxisId) -> Result<Type, TypeError> {
        let (mask, packed) = (self.mask()?, self.operand(1)?);
        if !packed.has(from) {
            return Err(self.no_axis(from));
        }
        let rest = packed.axes.iter().copied().filter(|axis| *axis != from);
        let axes = self.distinct(mask.axes.iter().copied().chain(rest).collect())?;
        Ok(Type { element: packed.element, axes })
    }

    fn segment_reduce(&self, from: AxisId, over: &[AxisId]) -> Result<Type, TypeError> {
        let mut ty = self.unpack(from)?;
        self.without(over)?;
        ty.axes.retain(|axis| !over.contains(axis));
        Ok(ty)
    }
}
