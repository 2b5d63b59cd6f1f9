//! The functions under construction: the entry, and inside it bodies of `repeat` and `fold`.

use crate::axes::{AxisKey, AxisTable};
use crate::value::Tensor;
use moe_graph::{AxisId, Builder, Function, Node, NodeId, Operation, ParameterKind, ScalarFunction, Type};
use std::collections::{BTreeMap, BTreeSet};

/// A function under construction.
pub(crate) struct Level {
    /// The graph.
    pub builder: Builder,
    /// Its axes.
    ids: BTreeMap<AxisKey, AxisId>,
    /// Nodes of the level outside that have come in, and whether entry by entry of the round.
    imports: BTreeMap<(NodeId, bool), NodeId>,
    /// Parameters that are carried: their indices.
    pub carried: Vec<u32>,
    /// Parameters that see the round's entry: index and the outer node.
    pub stacked: Vec<(u32, NodeId)>,
    /// Parameters that all rounds share.
    pub shared: Vec<(u32, NodeId)>,
    /// The loop whose body it is; `None` for the entry.
    pub kind: Option<Loop>,
    /// The values of states here, by dotted name.
    pub states: BTreeMap<String, Tensor>,
    /// What states become when the round or the step ends.
    pub next: BTreeMap<String, Tensor>,
    /// States that a fold carries, in the order of its parameters, and their values outside.
    pub stepped: Vec<(String, NodeId)>,
    /// What is observed here.
    pub observed: Vec<Observed>,
}

/// A kind of loop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loop {
    /// Along an axis.
    Repeat(AxisKey),
    /// A number of times.
    Fold,
}

/// A value that is observed.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// The dotted name.
    pub name: String,
    /// The value.
    pub tensor: Tensor,
    /// The axes in the order in which it is given out.
    pub axes: Vec<AxisKey>,
}

impl Level {
    /// A function without nodes.
    pub fn new(name: &str, kind: Option<Loop>) -> Self {
        Level {
            builder: Builder::new(name),
            ids: BTreeMap::new(),
            imports: BTreeMap::new(),
            carried: Vec::new(),
            stacked: Vec::new(),
            shared: Vec::new(),
            kind,
            states: BTreeMap::new(),
            next: BTreeMap::new(),
            stepped: Vec::new(),
            observed: Vec::new(),
        }
    }

    /// The function's axis for an axis.
    pub fn axis(&mut self, key: AxisKey, table: &AxisTable) -> AxisId {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let (name, size) = (table.name(key), table.axis_size(key));
        let id = if table.is_packed(key) {
            self.builder.ragged_axis(name, size)
        } else {
            self.builder.axis(name, size)
        };
        self.ids.insert(key, id);
        id
    }

    /// The function's axis for an axis, if it has been used.
    pub fn known_axis(&self, key: AxisKey) -> Option<AxisId> {
        self.ids.get(&key).copied()
    }

    /// The axis that the function's axis stands for.
    pub fn key(&self, id: AxisId) -> Option<AxisKey> {
        self.ids.iter().find(|(_, known)| **known == id).map(|(key, _)| *key)
    }

    /// The axes of a type.
    pub fn axes(&mut self, keys: &[AxisKey], table: &AxisTable) -> Vec<AxisId> {
        keys.iter().map(|key| self.axis(*key, table)).collect()
    }

    /// Whether a node is made of numbers, tables and places alone, none of them along `round`.
    fn is_given(&self, node: NodeId, round: Option<AxisKey>) -> bool {
        let (mut open, mut seen) = (vec![node], BTreeSet::new());
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let Some(node) = self.builder.function().node(id) else { return false };
            let varies = |axis: &AxisId| self.key(*axis).is_none_or(|key| Some(key) == round);
            let fits = match node.operation {
                Operation::Constant(_)
                | Operation::Coordinate(_)
                | Operation::Table(_)
                | Operation::Map { .. }
                | Operation::Cast(_) => !node.ty.axes.iter().any(varies),
                _ => false,
            };
            if !fits {
                return false;
            }
            open.extend(&node.operands);
        }
        true
    }

    /// Whether a node is a parameter where a condition on places holds, or several do, and a number elsewhere.
    fn is_masked(&self, node: NodeId, round: Option<AxisKey>) -> bool {
        let node_of = |id: NodeId| self.builder.function().node(id);
        let mut found = node_of(node);
        let mut masked = false;
        while let Some(Node {
            operation: Operation::Map { function: ScalarFunction::Select, .. },
            operands,
            ..
        }) = found
        {
            let [condition, inner, otherwise] = operands.as_slice() else { return false };
            if !self.is_given(*condition, round) || !self.is_given(*otherwise, round) {
                return masked;
            }
            masked = true;
            found = node_of(*inner);
        }
        masked && found.is_some_and(|node| matches!(node.operation, Operation::Parameter(_)))
    }

    /// A parameter, and its index.
    pub fn parameter(&mut self, name: &str, kind: ParameterKind, ty: Type) -> (u32, NodeId) {
        let index = self.builder.function().parameters.len() as u32;
        (index, self.builder.parameter(name, kind, ty))
    }
}

/// All functions under construction, outermost first.
pub(crate) struct Levels {
    levels: Vec<Level>,
    /// Whether nodes go to the entry for now, whatever is inside.
    at_entry: bool,
}

impl Levels {
    /// Just the entry.
    pub fn new(name: &str) -> Self {
        Levels { levels: vec![Level::new(name, None)], at_entry: false }
    }

    /// The index of the function that nodes go to: the innermost.
    pub fn current(&self) -> usize {
        if self.at_entry {
            return 0;
        }
        self.levels.len().saturating_sub(1)
    }

    /// Lets nodes go to the entry, or to the innermost function again; gives how it was.
    pub fn at_entry(&mut self, at_entry: bool) -> bool {
        std::mem::replace(&mut self.at_entry, at_entry)
    }

    /// How many operations the innermost function has.
    pub fn current_operations(&self) -> usize {
        self.levels.get(self.current()).map_or(0, |level| level.builder.function().nodes.len())
    }

    /// One of them.
    pub fn get(&self, level: usize) -> Option<&Level> {
        self.levels.get(level)
    }

    /// One of them, to change.
    pub fn get_mut(&mut self, level: usize) -> Option<&mut Level> {
        self.levels.get_mut(level)
    }

    /// Begins a function inside.
    pub fn push(&mut self, name: &str, kind: Loop) {
        self.levels.push(Level::new(name, Some(kind)));
    }

    /// Ends the innermost function.
    pub fn pop(&mut self) -> Option<Level> {
        self.levels.pop()
    }

    /// The node of a tensor in a function at or inside the tensor's own: what comes from outside becomes a parameter.
    pub fn bring(&mut self, tensor: &Tensor, to: usize, table: &AxisTable) -> NodeId {
        let mut node = tensor.node;
        for level in tensor.level + 1..=to {
            node = self.import(node, level, None, table);
        }
        node
    }

    /// The round's entry of a tensor along `axis`, in the function of the `repeat`.
    pub fn bring_round(&mut self, tensor: &Tensor, to: usize, axis: AxisKey, table: &AxisTable) -> NodeId {
        let outside = self.bring(tensor, to.saturating_sub(1), table);
        self.import(outside, to, Some(axis), table)
    }

    fn import(&mut self, node: NodeId, into: usize, round: Option<AxisKey>, table: &AxisTable) -> NodeId {
        let Some(outer) = into.checked_sub(1).and_then(|outer| self.levels.get(outer)) else { return node };
        let ty = outer.builder.ty(node);
        let keys: Vec<AxisKey> = ty.axes.iter().filter_map(|id| outer.key(*id)).collect();
        let Some(level) = self.levels.get_mut(into) else { return node };
        let stacked = round.is_some_and(|axis| keys.contains(&axis));
        if let Some(known) = level.imports.get(&(node, stacked)) {
            return *known;
        }
        if let Some(made) = self.made_inside(node, into, round, table) {
            if let Some(level) = self.levels.get_mut(into) {
                level.imports.insert((node, stacked), made);
            }
            return made;
        }
        let Some(level) = self.levels.get_mut(into) else { return node };
        let inner: Vec<AxisKey> =
            keys.iter().copied().filter(|key| !stacked || Some(*key) != round).collect();
        let axes = level.axes(&inner, table);
        let name = format!("in{}", level.builder.function().parameters.len());
        let ty = Type { element: ty.element, axes };
        let (index, made) = level.parameter(&name, ParameterKind::Input, ty);
        if stacked { &mut level.stacked } else { &mut level.shared }.push((index, node));
        level.imports.insert((node, stacked), made);
        made
    }

    /// What a round may make for itself instead of taking it from outside, so that what is known of it is known inside: numbers, tables, conditions on
    /// places, and what such conditions choose. Nothing that varies from round to round.
    fn made_inside(
        &mut self,
        node: NodeId,
        into: usize,
        round: Option<AxisKey>,
        table: &AxisTable,
    ) -> Option<NodeId> {
        let outer = self.levels.get(into.checked_sub(1)?)?;
        let found = outer.builder.function().node(node)?.clone();
        let key = |axis: &AxisId| outer.key(*axis).filter(|key| Some(*key) != round);
        if !outer.is_given(node, round) && !outer.is_masked(node, round) {
            return None;
        }
        match found.operation {
            Operation::Coordinate(axis) => {
                let key = key(&axis)?;
                let level = self.levels.get_mut(into)?;
                let axis = level.axis(key, table);
                level.builder.add(Operation::Coordinate(axis), &[]).ok()
            }
            Operation::Table(index) => {
                let keys: Vec<AxisKey> = found.ty.axes.iter().map(key).collect::<Option<_>>()?;
                let values = outer.builder.function().tables.get(index as usize)?.clone();
                let level = self.levels.get_mut(into)?;
                let ty = Type { element: found.ty.element, axes: level.axes(&keys, table) };
                Some(level.builder.table(ty, values))
            }
            Operation::Constant(value) => Some(self.levels.get_mut(into)?.builder.constant(value)),
            operation => {
                let operands: Vec<NodeId> =
                    found.operands.iter().map(|operand| self.import(*operand, into, round, table)).collect();
                self.levels.get_mut(into)?.builder.add(operation, &operands).ok()
            }
        }
    }
}

/// The function with its parameters in another order: `order` lists old indices.
pub(crate) fn reorder(mut function: Function, order: &[u32]) -> Function {
    let old = function.parameters.clone();
    function.parameters = order.iter().filter_map(|index| old.get(*index as usize).cloned()).collect();
    for node in &mut function.nodes {
        if let Operation::Parameter(index) = &mut node.operation {
            if let Some(place) = order.iter().position(|old| old == index) {
                *index = place as u32;
            }
        }
    }
    function
}
