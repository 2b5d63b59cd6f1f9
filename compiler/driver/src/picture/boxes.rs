//! From a function to boxes: formulas folded into one box each, weights named in the box that reads them, numbers written where they are used.

use super::formula::{formula, words};
use moe_graph::{
    AxisId, Function, FunctionId, Module, NodeId, Operation, OutputKind, ParameterKind, ReduceKind,
    ScalarFunction,
};
use std::collections::{BTreeMap, BTreeSet};

/// The longest formula in one box, in characters.
const LONGEST: usize = 46;

/// What a box is, which decides how it looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An input.
    Input,
    /// A state before the step.
    State,
    /// Work.
    Work,
    /// A mask that makes a bound.
    Selection,
    /// Packing, unpacking, segments.
    Packing,
    /// Another function, drawn beside.
    Call,
    /// A result.
    Output,
}

/// One box.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it is.
    pub kind: Kind,
    /// What it does.
    pub title: String,
    /// The weights it reads.
    pub weights: Vec<String>,
    /// The type of its value.
    pub ty: String,
    /// The boxes it reads, each with the letter that the title has for it.
    pub inputs: Vec<(usize, String)>,
    /// The bound of its value, such as `2 of E`.
    pub bound: Option<String>,
    /// Whether it works on packed rows.
    pub packed: bool,
    /// The part it belongs to.
    pub part: Option<String>,
    /// Where it comes from.
    pub span: Option<moe_grammar::Span>,
}

/// A function that a box stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// Which.
    pub function: FunctionId,
    /// How often, in words; empty for once.
    pub times: String,
    /// For each of its parameters, the weight that it stands for, if it does for one.
    pub weights: Vec<Option<String>>,
}

/// What a formula is made of that is not in it.
pub enum Leaf {
    /// A value of another box.
    Node(NodeId),
    /// A number or a weight.
    Text(String),
}

/// Which nodes are drawn as which box.
pub struct Folding<'a> {
    /// The function.
    pub function: &'a Function,
    /// For each node, the node whose box it is in; itself for the last of a box.
    owner: Vec<NodeId>,
    needed: BTreeSet<NodeId>,
}

/// The boxes of a function, inputs before what reads them, and the functions that it calls.
pub fn boxes(module: &Module, function: &Function) -> (Vec<Shape>, Vec<Called>) {
    let folding = Folding::new(function);
    let mut shapes: Vec<Shape> = Vec::new();
    let mut called: Vec<Called> = Vec::new();
    let mut place: BTreeMap<NodeId, usize> = BTreeMap::new();
    for id in function.node_ids().filter(|id| folding.is_box(*id)) {
        if let Some(same) = folding.same_call(id).and_then(|first| place.get(&first).copied()) {
            place.insert(id, same);
            continue;
        }
        let Some(shape) = folding.shape(module, id, &place, &mut called) else { continue };
        place.insert(id, shapes.len());
        shapes.push(shape);
    }
    for output in &function.outputs {
        let Some(from) = place.get(&folding.owner_of(output.node)).copied() else { continue };
        let title = match output.kind {
            OutputKind::Result => output.name.clone(),
            OutputKind::Next => format!("next {}", output.name),
            OutputKind::Observed => format!("observe {}", output.name),
            OutputKind::Initial => format!("first {}", output.name),
        };
        let node = function.node(output.node);
        shapes.push(Shape {
            kind: Kind::Output,
            title,
            weights: Vec::new(),
            ty: node.map(|node| type_text(function, node, &output.axes)).unwrap_or_default(),
            inputs: vec![(from, String::new())],
            bound: None,
            packed: false,
            part: None,
            span: None,
        });
    }
    (shapes, called)
}

impl<'a> Folding<'a> {
    fn new(function: &'a Function) -> Self {
        let mut needed = BTreeSet::new();
        let mut open: Vec<NodeId> = function.outputs.iter().map(|output| output.node).collect();
        while let Some(id) = open.pop() {
            if needed.insert(id) {
                open.extend(function.node(id).iter().flat_map(|node| node.operands.iter().copied()));
            }
        }
        let owner = function.node_ids().collect();
        let mut folding = Folding { function, owner, needed };
        folding.absorb();
        folding
    }

    /// Puts each node with one reader into the box of that reader, where the two make one formula or one product.
    fn absorb(&mut self) {
        let mut readers: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for id in &self.needed {
            for operand in self.operands(*id) {
                readers.entry(operand).or_default().push(*id);
            }
        }
        let given_out: BTreeSet<NodeId> = self.function.outputs.iter().map(|output| output.node).collect();
        for id in self.function.node_ids().rev() {
            let reader = match readers.get(&id).map(Vec::as_slice) {
                Some([reader, others @ ..]) if others.iter().all(|other| other == reader) => *reader,
                _ => continue,
            };
            if given_out.contains(&id) || self.inline(id).is_some() || !self.joins(id, reader) {
                continue;
            }
            let owner = self.owner_of(reader);
            if let Some(place) = self.owner.get_mut(id.0 as usize) {
                *place = owner;
            }
            let mut names = |_: Leaf| "x".to_owned();
            if self.is_formula(owner) && formula(self, owner, &mut names).chars().count() > LONGEST {
                if let Some(place) = self.owner.get_mut(id.0 as usize) {
                    *place = id;
                }
            }
        }
    }

    fn joins(&self, id: NodeId, reader: NodeId) -> bool {
        let (Some(node), Some(by)) = (self.function.node(id), self.function.node(reader)) else {
            return false;
        };
        let multiplies = matches!(node.operation, Operation::Map { function: ScalarFunction::Multiply, .. });
        match by.operation {
            Operation::Reduce { kind: ReduceKind::Sum, .. } => multiplies && self.owner_of(reader) == reader,
            // A bound that begins here stays visible.
            _ => {
                self.is_formula(reader)
                    && self.is_formula(id)
                    && self.is_formula(self.owner_of(reader))
                    && self.bound(id) == self.bound(reader)
            }
        }
    }

    fn is_formula(&self, id: NodeId) -> bool {
        let node = self.function.node(id);
        node.is_some_and(|node| matches!(node.operation, Operation::Map { .. } | Operation::Cast(_)))
    }

    fn operands(&self, id: NodeId) -> Vec<NodeId> {
        self.function.node(id).map(|node| node.operands.clone()).unwrap_or_default()
    }

    fn owner_of(&self, id: NodeId) -> NodeId {
        self.owner.get(id.0 as usize).copied().unwrap_or(id)
    }

    /// Whether a node is drawn in the box of another.
    pub fn is_absorbed(&self, id: NodeId) -> bool {
        self.owner_of(id) != id
    }

    fn is_box(&self, id: NodeId) -> bool {
        let given_out = self.function.outputs.iter().any(|output| output.node == id);
        self.needed.contains(&id) && !self.is_absorbed(id) && (given_out || self.inline(id).is_none())
    }

    /// The first node that is another result of the same call.
    fn same_call(&self, id: NodeId) -> Option<NodeId> {
        let node = self.function.node(id)?;
        let callee = callee(&node.operation)?.0;
        let same = |other: &NodeId| {
            let other = self.function.node(*other);
            other.is_some_and(|other| callee_of(other) == Some(callee) && other.operands == node.operands)
        };
        self.needed.iter().copied().take_while(|other| *other < id).find(same)
    }

    /// The text of a node that is written where it is used: a number, a weight, a place along an axis.
    pub fn inline(&self, id: NodeId) -> Option<String> {
        let node = self.function.node(id)?;
        match &node.operation {
            Operation::Constant(scalar) => Some(number(&scalar.to_string())),
            Operation::SizeOf(size) => Some(size.to_string()),
            Operation::Coordinate(axis) => Some(format!("place in {}", self.axis(*axis))),
            Operation::Table(_) => Some("table".to_owned()),
            Operation::Parameter(index) => {
                let parameter = self.function.parameters.get(*index as usize)?;
                (parameter.kind == ParameterKind::Weight).then(|| parameter.name.clone())
            }
            Operation::Rename { .. }
            | Operation::Cast(_)
            | Operation::Split { .. }
            | Operation::Merge { .. } => self.inline(*node.operands.first()?),
            // The rows of packed weights are read where they are, so that nothing is to be seen of them.
            Operation::Pack { .. } => self.inline(*node.operands.get(1)?),
            _ => None,
        }
    }

    fn axis(&self, axis: AxisId) -> &str {
        self.function.axis(axis).map_or("?", |axis| axis.name.as_str())
    }

    fn bound(&self, id: NodeId) -> Option<String> {
        let node = self.function.node(id)?;
        let sizes = |axis| self.function.size(axis);
        let fact = node.fact.as_ref()?;
        let bounds =
            fact.support.degrees.iter().filter(|(axes, _)| axes.iter().all(|axis| node.ty.has(*axis)));
        let texts: Vec<String> = bounds
            .map(|(axes, _)| {
                let names: Vec<&str> = axes.iter().map(|axis| self.axis(*axis)).collect();
                let of = if let [name] = names.as_slice() {
                    (*name).to_owned()
                } else {
                    format!("({})", names.join(", "))
                };
                format!("{} of {of}", fact.support.degree(axes, &sizes))
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    /// All nodes of a box.
    fn members(&self, owner: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.function.node_ids().filter(move |id| self.owner_of(*id) == owner && self.needed.contains(id))
    }

    fn shape(
        &self,
        module: &Module,
        id: NodeId,
        place: &BTreeMap<NodeId, usize>,
        called: &mut Vec<Called>,
    ) -> Option<Shape> {
        let node = self.function.node(id)?;
        let mut shape = Shape {
            kind: Kind::Work,
            title: String::new(),
            weights: self.weights(id),
            ty: type_text(self.function, node, &node.ty.axes),
            inputs: self.inputs(id, place),
            bound: self.bound(id),
            packed: node.ty.axes.iter().any(|axis| self.function.axis(*axis).is_some_and(|axis| axis.ragged)),
            part: None,
            span: node.span,
        };
        match &node.operation {
            Operation::Parameter(index) => {
                let parameter = self.function.parameters.get(*index as usize)?;
                shape.kind = if parameter.kind == ParameterKind::State { Kind::State } else { Kind::Input };
                shape.title = parameter.name.clone();
                shape.ty = type_with_sizes(self.function, node);
            }
            Operation::Map { .. } | Operation::Cast(_) => self.name_formula(id, &mut shape, place),
            Operation::LargestMask { .. } | Operation::Expect { .. } => {
                shape.kind = Kind::Selection;
                shape.title = words(self.function, node);
            }
            Operation::Pack { .. } | Operation::Unpack { .. } | Operation::SegmentReduce { .. } => {
                shape.kind = Kind::Packing;
                shape.packed = true;
                shape.title = words(self.function, node);
            }
            Operation::Reduce { kind: ReduceKind::Sum, .. } if self.members(id).count() > 1 => {
                shape.title = words(self.function, node).replacen("sum", "product, summed", 1);
            }
            operation => match callee(operation) {
                Some((function, rounds)) => {
                    shape.kind = Kind::Call;
                    let times = rounds.map(|axis| format!("{} times", self.function.size(axis)));
                    let times =
                        times.or_else(|| is_fold(operation).then(|| "as often as is said".to_owned()));
                    let name = module.function(function).map_or("?", |function| function.name.as_str());
                    shape.title = match &times {
                        Some(times) => format!("{name}, {times}"),
                        None => name.to_owned(),
                    };
                    let weights = self.passed_weights(node);
                    let call = Called { function, times: times.unwrap_or_default(), weights };
                    if !called.contains(&call) {
                        called.push(call);
                    }
                }
                None => {
                    shape.title = self.inline(id).unwrap_or_else(|| words(self.function, node));
                }
            },
        }
        Some(shape)
    }

    /// The weights that a box reads, in the order of reading.
    fn weights(&self, id: NodeId) -> Vec<String> {
        let mut found = Vec::new();
        for member in self.members(id) {
            for operand in self.operands(member) {
                if let Some(name) = self.weight_name(operand).filter(|name| !found.contains(name)) {
                    found.push(name);
                }
            }
        }
        found
    }

    fn weight_name(&self, id: NodeId) -> Option<String> {
        let name = self.inline(id)?;
        let known = self.function.parameters.iter();
        known.filter(|parameter| parameter.kind == ParameterKind::Weight).find(|known| known.name == name)?;
        Some(name)
    }

    /// For each parameter of the function that a node applies, the weight that is passed.
    fn passed_weights(&self, node: &moe_graph::Node) -> Vec<Option<String>> {
        // The count of a fold comes before its parameters.
        let before = usize::from(is_fold(&node.operation));
        node.operands.iter().skip(before).map(|operand| self.weight_name(*operand)).collect()
    }

    /// The boxes that a box reads, each once.
    fn inputs(&self, id: NodeId, place: &BTreeMap<NodeId, usize>) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        for member in self.members(id) {
            for operand in self.operands(member) {
                let Some(from) = place.get(&self.owner_of(operand)).copied() else { continue };
                if self.owner_of(operand) != id && !found.iter().any(|(known, _)| *known == from) {
                    found.push((from, String::new()));
                }
            }
        }
        found
    }

    /// The title of a formula, with a letter for each box that it reads where there are several.
    fn name_formula(&self, id: NodeId, shape: &mut Shape, place: &BTreeMap<NodeId, usize>) {
        let several = shape.inputs.len() > 1;
        let mut order: Vec<usize> = Vec::new();
        let letter = |place: usize| char::from(b'a' + (place % 26) as u8).to_string();
        let mut name = |leaf: Leaf| match leaf {
            Leaf::Text(text) => text,
            Leaf::Node(node) => {
                let Some(from) = place.get(&self.owner_of(node)).copied() else { return "?".to_owned() };
                if !several {
                    return "x".to_owned();
                }
                let known = order.iter().position(|known| *known == from).unwrap_or_else(|| {
                    order.push(from);
                    order.len() - 1
                });
                letter(known)
            }
        };
        shape.title = formula(self, id, &mut name);
        shape.weights.retain(|weight| !shape.title.contains(weight.as_str()));
        if several {
            shape.inputs = order.iter().enumerate().map(|(place, from)| (*from, letter(place))).collect();
        }
    }
}

/// A number as short as it can be: rounded to `f32` where that is what it was, with an exponent where it would be long.
fn number(text: &str) -> String {
    let Ok(value) = text.parse::<f64>() else { return text.to_owned() };
    let single = f64::from(value as f32) == value;
    let plain = if single { (value as f32).to_string() } else { value.to_string() };
    if plain.len() <= 8 {
        return plain;
    }
    let exponent = if single { format!("{:e}", value as f32) } else { format!("{value:e}") };
    if exponent.len() < plain.len() {
        exponent
    } else {
        plain
    }
}

fn is_fold(operation: &Operation) -> bool {
    matches!(operation, Operation::Fold { .. })
}

fn callee_of(node: &moe_graph::Node) -> Option<FunctionId> {
    callee(&node.operation).map(|(function, _)| function)
}

/// The function that an operation applies, and the axis that counts the rounds.
fn callee(operation: &Operation) -> Option<(FunctionId, Option<AxisId>)> {
    match operation {
        Operation::Call { function, .. } | Operation::Fold { function, .. } => Some((*function, None)),
        Operation::Repeat { function, over, .. } => Some((*function, Some(*over))),
        _ => None,
    }
}

/// A type with the names of its axes, bounds in their places.
fn type_text(function: &Function, node: &moe_graph::Node, axes: &[AxisId]) -> String {
    let sizes = |axis| function.size(axis);
    let entries: Vec<String> = axes
        .iter()
        .map(|axis| {
            let name = function.axis(*axis).map_or("?", |axis| axis.name.as_str());
            let own = BTreeSet::from([*axis]);
            let known = node.fact.as_ref().filter(|fact| fact.support.degrees.contains_key(&own));
            match known {
                Some(fact) => format!("{} of {name}", fact.support.degree(&own, &sizes)),
                None => name.to_owned(),
            }
        })
        .collect();
    if entries.is_empty() {
        return node.ty.element.to_string();
    }
    format!("{}[{}]", node.ty.element, entries.join(", "))
}

fn type_with_sizes(function: &Function, node: &moe_graph::Node) -> String {
    let entries: Vec<String> = node.ty.axes.iter().map(|axis| axis_with_size(function, *axis)).collect();
    if entries.is_empty() {
        return node.ty.element.to_string();
    }
    format!("{}[{}]", node.ty.element, entries.join(", "))
}

/// `N`, `D = 64`
pub fn axis_with_size(function: &Function, axis: AxisId) -> String {
    let Some(axis) = function.axis(axis) else { return "?".to_owned() };
    let size = axis.size.to_string();
    if size == axis.name {
        size
    } else if axis.ragged {
        format!("{} ≤ {size}", axis.name)
    } else {
        format!("{} = {size}", axis.name)
    }
}
