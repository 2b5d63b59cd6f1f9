//! Trees of scalar functions that are evaluated together, entry by entry, and their form as steps on columns.

use crate::array::{Array, Value};
use crate::margin::MarginStep;
use moe_graph::{Absorb, AxisId, Scalar, ScalarFunction};
use moe_runtime::Element;

/// A tree of scalar functions over values.
pub(crate) enum Expression {
    Value {
        value: Value,
        background: Option<f64>,
    },
    Coordinate(AxisId),
    Constant {
        value: Scalar,
        element: Element,
    },
    Map {
        function: ScalarFunction,
        absorb: Absorb,
        element: Element,
        operands: Vec<Expression>,
        background: Option<f64>,
    },
    Cast {
        element: Element,
        operand: Box<Expression>,
        background: Option<f64>,
    },
}

impl Expression {
    pub fn element(&self) -> Element {
        match self {
            Expression::Value { value, .. } => value.array.element,
            Expression::Coordinate(_) => Element::I64,
            Expression::Constant { element, .. }
            | Expression::Map { element, .. }
            | Expression::Cast { element, .. } => *element,
        }
    }

    /// The number it is known to hold off its support, or everywhere.
    pub fn background(&self) -> Option<f64> {
        match self {
            Expression::Value { background, .. }
            | Expression::Map { background, .. }
            | Expression::Cast { background, .. } => *background,
            Expression::Coordinate(_) | Expression::Constant { .. } => None,
        }
    }
}

/// Where a step reads from.
pub(crate) enum Leaf {
    Array(Array),
    /// The coordinate along an axis.
    Coordinate(AxisId),
}

/// One step on columns; operands are earlier steps.
pub(crate) enum StepKind {
    Read(usize),
    Constant(Scalar),
    Map { function: ScalarFunction, absorb: Absorb, from: Element, operands: Vec<usize> },
    Cast { from: Element, operand: usize },
    Margin(MarginStep),
}

/// A step and the type of its column.
pub(crate) struct Step {
    pub kind: StepKind,
    pub element: Element,
}

/// Steps on columns; the last one's column is the result.
#[derive(Default)]
pub(crate) struct Program {
    pub steps: Vec<Step>,
    pub leaves: Vec<Leaf>,
}

impl Program {
    /// The steps that evaluate a tree.
    pub fn of(expression: &Expression) -> Self {
        let mut program = Program::default();
        program.value(expression);
        program
    }

    /// The steps that bring arrays together by a function of two.
    pub fn joined(function: ScalarFunction, element: Element, arrays: &[&Array]) -> Self {
        let mut program = Program::default();
        let mut last = None;
        for array in arrays {
            let read = program.read(Leaf::Array((*array).clone()), element);
            last = Some(match last {
                None => read,
                Some(other) => {
                    let operands = vec![other, read];
                    program.push(
                        StepKind::Map { function, absorb: Absorb::Neither, from: element, operands },
                        element,
                    )
                }
            });
        }
        program
    }

    /// The axes along which some leaf varies, each once.
    pub fn axes(&self) -> Vec<AxisId> {
        let mut axes = Vec::new();
        for leaf in &self.leaves {
            let own = match leaf {
                Leaf::Array(array) => array.axes.as_slice(),
                Leaf::Coordinate(axis) => std::slice::from_ref(axis),
            };
            axes.extend(own);
        }
        let mut seen = std::collections::BTreeSet::new();
        axes.retain(|axis| seen.insert(*axis));
        axes
    }

    pub fn push(&mut self, kind: StepKind, element: Element) -> usize {
        self.steps.push(Step { kind, element });
        self.steps.len() - 1
    }

    pub fn read(&mut self, leaf: Leaf, element: Element) -> usize {
        self.leaves.push(leaf);
        self.push(StepKind::Read(self.leaves.len() - 1), element)
    }

    /// Adds the steps of a tree and gives its last.
    pub fn value(&mut self, expression: &Expression) -> usize {
        let element = expression.element();
        match expression {
            Expression::Value { value, .. } => self.read(Leaf::Array(value.array.clone()), element),
            Expression::Coordinate(axis) => self.read(Leaf::Coordinate(*axis), element),
            Expression::Constant { value, .. } => self.push(StepKind::Constant(*value), element),
            Expression::Map { function, absorb, operands, .. } => {
                let from = operands.last().map_or(element, Expression::element);
                let operands = operands.iter().map(|operand| self.value(operand)).collect();
                self.push(StepKind::Map { function: *function, absorb: *absorb, from, operands }, element)
            }
            Expression::Cast { operand, .. } => {
                let from = operand.element();
                let operand = self.value(operand);
                self.push(StepKind::Cast { from, operand }, element)
            }
        }
    }
}
