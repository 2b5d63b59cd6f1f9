//! Functions and modules: arenas of axes and nodes.

use crate::operation::Operation;
use crate::support::Fact;
use crate::{Element, Scalar, Size};
use moe_grammar::Span;
use std::collections::BTreeSet;

/// An axis of a function, by index in [`Function::axes`], in order of introduction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AxisId(pub u32);

/// A node of a function, by index in [`Function::nodes`]. Operands come before the nodes that use them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// A function of a module, by index in [`Module::functions`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FunctionId(pub u32);

/// An axis: distinct from every other of its function, even one of the same name or size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// What people call it.
    pub name: String,
    /// Its size; for a ragged axis the most entries it can have.
    pub size: Size,
    /// Whether the number of entries is only found while running: packed rows.
    pub ragged: bool,
}

/// The type of a value: an element type and the axes, all distinct. Their order matters for files and printing only.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// The type of each entry.
    pub element: Element,
    /// The axes.
    pub axes: Vec<AxisId>,
}

impl Type {
    /// A value without axes.
    pub fn scalar(element: Element) -> Self {
        Type { element, axes: Vec::new() }
    }

    /// Whether the value varies along an axis.
    pub fn has(&self, axis: AxisId) -> bool {
        self.axes.contains(&axis)
    }
}

/// A node: an operation, its operands, and what is known of the result.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// What is done.
    pub operation: Operation,
    /// With what.
    pub operands: Vec<NodeId>,
    /// The result's type.
    pub ty: Type,
    /// Where the result is known to hold one value: the support of the rest.
    pub fact: Option<Fact>,
    /// The source it comes from.
    pub span: Option<Span>,
}

/// What a parameter of a function is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ParameterKind {
    /// Given anew for each step, or by the caller.
    Input,
    /// Read from a file, once.
    Weight,
    /// Kept from step to step.
    State,
}

/// A parameter of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameter {
    /// Its name; of weights and states the dotted one.
    pub name: String,
    /// What it is.
    pub kind: ParameterKind,
    /// Its type; the order of the axes is that of files.
    pub ty: Type,
}

/// A named result of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct Output {
    /// Its name; `next` values of states have the state's name.
    pub name: String,
    /// The node; it may lack axes of `axes`, along which it is constant.
    pub node: NodeId,
    /// The axes in the order in which they are given out.
    pub axes: Vec<AxisId>,
    /// What becomes of it.
    pub kind: OutputKind,
}

/// What becomes of an output.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutputKind {
    /// It is a result.
    Result,
    /// It is the next value of the state of its name.
    Next,
    /// It is dead unless somebody asks for it by its dotted name.
    Observed,
    /// It is the first value of the state of its name, which otherwise begins as zeros. It depends on weights alone.
    Initial,
}

/// A function: a graph without cycles. Build it with [`crate::Builder`], which shares equal nodes and works out types and facts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The axes.
    pub axes: Vec<Axis>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// Tables of numbers that `Operation::Table` names.
    pub tables: Vec<Vec<Scalar>>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The outputs.
    pub outputs: Vec<Output>,
}

impl Function {
    /// A node; `None` for an id of another function.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// An axis.
    pub fn axis(&self, id: AxisId) -> Option<&Axis> {
        self.axes.get(id.0 as usize)
    }

    /// The size of an axis; zero for one that is not there.
    pub fn size(&self, id: AxisId) -> Size {
        self.axis(id).map_or_else(Size::default, |axis| axis.size.clone())
    }

    /// All ids of nodes, in order.
    pub fn node_ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        (0..self.nodes.len() as u32).map(NodeId)
    }
}

/// A model as a graph: functions, of which one is where a step begins.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Module {
    /// The functions; a function calls only those before it.
    pub functions: Vec<Function>,
    /// The index of the one where a step begins: the last.
    pub entry: u32,
    /// The inputs of the entry that say where stretches of rows begin.
    pub offsets: Vec<Offsets>,
}

/// An input of the entry that cuts rows into stretches, and the free size that it binds.
///
/// The parameter is of `i64` and has one axis, one longer than there are stretches: where each begins, and where the last ends. It begins
/// with 0, does not descend, and ends with the number of rows; whoever runs a module checks that before anything else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offsets {
    /// The parameter, by its index in the entry.
    pub parameter: u32,
    /// How many rows there are.
    pub rows: Size,
    /// The free size that is the length of the longest stretch, 0 where there is none.
    pub longest: String,
}

impl Module {
    /// A function.
    pub fn function(&self, id: FunctionId) -> Option<&Function> {
        self.functions.get(id.0 as usize)
    }

    /// The function where a step begins.
    pub fn entry(&self) -> Option<&Function> {
        self.functions.get(self.entry as usize)
    }

    /// The names of the free sizes that the inputs have.
    pub fn free_sizes(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let Some(entry) = self.entry() else { return found };
        let inputs = entry.parameters.iter().filter(|parameter| parameter.kind == ParameterKind::Input);
        for axis in inputs.flat_map(|parameter| &parameter.ty.axes) {
            entry.size(*axis).symbols(&mut |name| {
                found.insert(name.to_owned());
            });
        }
        found
    }
}
