//! What expressions stand for while they are elaborated.

use crate::axes::{AxisKey, SizeKey};
use crate::names::DefinitionId;
use moe_grammar::Span;
use moe_graph::{Element, NodeId, Size};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The value of an expression.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A tensor: a node of the graph.
    Tensor(Tensor),
    /// A number as written: it takes the type of what it meets.
    Number(Number),
    /// A size.
    Size(Size),
    /// A truth value known now.
    Bool(bool),
    /// Numbers in brackets, whose axes come from what they meet.
    Array(Array),
    /// Several values.
    Tuple(Vec<(Option<String>, Value)>),
    /// A part, or a stack or list of parts.
    Part(Part),
    /// A name that ranges over an axis.
    Index(Index),
    /// What stands for a mistake that has been reported.
    Poison,
}

/// A tensor.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// The function under construction in which the node is.
    pub level: usize,
    /// The node.
    pub node: NodeId,
    /// The type of each entry.
    pub element: Element,
    /// The axes in the order of the language; the node may lack some, along which it is constant.
    pub axes: Vec<AxisKey>,
    /// The axes at whose index it is taken: by `e` in `sum e: E { g[_, e] }`. They are no axes of its type.
    pub bound: BTreeSet<AxisKey>,
}

impl Tensor {
    /// A node of the entry with all of its axes.
    pub fn of_entry(node: NodeId, element: Element, axes: Vec<AxisKey>) -> Self {
        Tensor { level: 0, node, element, axes, bound: BTreeSet::new() }
    }
}

/// A number as written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Number {
    /// Its value.
    pub value: f64,
    /// Its value, when it was written as an integer.
    pub integer: Option<i128>,
}

impl Number {
    /// An integer.
    pub fn integer(value: i128) -> Self {
        Number { value: value as f64, integer: Some(value) }
    }

    /// A number with a fraction.
    pub fn float(value: f64) -> Self {
        Number { value, integer: None }
    }

    /// The type it has where nothing says one.
    pub fn default_element(self) -> Element {
        if self.integer.is_some() {
            Element::I64
        } else {
            Element::F32
        }
    }
}

/// Numbers in brackets, row-major.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Array {
    /// How many along each axis.
    pub shape: Vec<usize>,
    /// The numbers.
    pub entries: Vec<Entry>,
    /// Where it is.
    pub span: Span,
}

/// One entry of an array.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Entry {
    /// A number.
    Number(Number),
    /// A truth value.
    Bool(bool),
}

/// A name that ranges over an axis.
#[derive(Clone, Debug)]
pub(crate) enum Index {
    /// Of a reduction: every entry at once.
    Axis(AxisKey),
    /// Of a `repeat`: the entry of the round, in the function under construction given.
    Round(AxisKey, usize),
    /// One coordinate of the axis: the body is elaborated for each.
    Fixed(i64),
}

/// A part: an instance of a definition with a dotted name, or several.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its dotted name.
    pub path: String,
    /// How the weights' stacked axes are indexed, outermost first.
    pub stack: Vec<StackIndex>,
    /// Where it was declared.
    pub span: Span,
}

/// The kinds of parts.
#[derive(Clone, Debug)]
pub(crate) enum PartKind {
    /// One.
    Instance(Rc<Instance>),
    /// As many as the axis is long.
    Stack(Rc<PartKind>, SizeKey),
    /// Different ones.
    List(Rc<Vec<PartKind>>),
}

/// A definition with some of its static parameters.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// The definition.
    pub definition: DefinitionId,
    /// The static parameters given.
    pub statics: BTreeMap<String, Static>,
}

/// A static parameter's value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Static {
    /// A size.
    Size(SizeKey),
    /// A truth value.
    Bool(bool),
    /// A number of type `f32` or `f64`.
    Number(f64, Element),
}

/// How the weights of a stack are indexed.
#[derive(Clone, Debug)]
pub(crate) enum StackIndex {
    /// By a name that ranges over the axis: all at once, aligned.
    Bound(AxisKey),
    /// By the round of a `repeat`.
    Round(AxisKey, usize),
    /// By one coordinate.
    Fixed(AxisKey, i64),
    /// By an integer tensor.
    Gathered(AxisKey, Tensor),
}

impl StackIndex {
    /// The stacked axis.
    pub fn axis(&self) -> AxisKey {
        match self {
            StackIndex::Bound(axis)
            | StackIndex::Round(axis, _)
            | StackIndex::Fixed(axis, _)
            | StackIndex::Gathered(axis, _) => *axis,
        }
    }

    /// Whether it chooses entries, and does not go through all of them.
    pub fn chooses(&self) -> bool {
        matches!(self, StackIndex::Fixed(..) | StackIndex::Gathered(..))
    }
}

impl Value {
    /// What it is, in messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Value::Tensor(_) => "a tensor",
            Value::Number(_) => "a number",
            Value::Size(..) => "a size",
            Value::Bool(_) => "a static truth value",
            Value::Array(_) => "an array",
            Value::Tuple(_) => "several values",
            Value::Part(_) => "a part",
            Value::Index(_) => "an index",
            Value::Poison => "a mistake",
        }
    }
}
