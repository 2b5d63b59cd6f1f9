//! What is the same in every step is done once: the values that `prepare` leaves for the steps.
//!
//! Work of loops that does not depend on what they carry is brought before them first, for all rounds at once: each stacked value has the
//! axis of the rounds. Then the function is cut in two: of what weights and constants decide alone, that which steps read is
//! stored in prepared memory, and steps see a parameter in its place.
//!
//! Views of weights are not stored: a renaming, a slice, another element type. Nor is what is easily worked out where it is read, unless steps
//! would have to store it anyway or it is small.

mod lift;

use crate::error::ScheduleError;
use crate::inline;
use crate::materialize::{decide, is_costly, is_given, is_heavy, is_view};
use crate::sizes::entries;
use crate::uses::behind;
use lift::lift;
use moe_graph::{
    invariants, Function, Module, Node, NodeId, Operation, Output, Parameter, ParameterKind, Type,
};
use std::collections::BTreeSet;

/// Up to so many bytes are kept for the steps even if these would not store them.
const SMALL: i64 = 1 << 16;

/// A function cut in two.
pub(crate) struct Hoisted {
    /// The module, with the bodies of loops from which work was taken.
    pub module: Module,
    /// The function as a whole.
    pub whole: Function,
    /// The function of a step: what is prepared are its last parameters.
    pub step: Function,
    /// The nodes of both that are prepared, in the order of those parameters.
    pub prepared: Vec<NodeId>,
}

/// Cuts the entry of a module. `is_wanted` says which outputs are computed.
pub(crate) fn hoist(module: &Module, is_wanted: &dyn Fn(&Output) -> bool) -> Result<Hoisted, ScheduleError> {
    let mut module = module.clone();
    let entry = inline::entry(&module)?;
    let weights = entry.parameters.iter().map(|parameter| parameter.kind == ParameterKind::Weight);
    let weights: Vec<bool> = weights.collect();
    let whole = lift(&mut module, entry, &weights)?;
    let wanted: Vec<NodeId> =
        whole.outputs.iter().filter(|output| is_wanted(output)).map(|output| output.node).collect();
    let prepared = worthwhile(&whole, &weights, &wanted);
    let mut step = whole.clone();
    let place = step.parameters.len();
    replace(&mut step, &prepared, place)?;
    Ok(Hoisted { module, whole, step, prepared })
}

/// Puts parameters in place of nodes of a function, from a place among its parameters on.
fn replace(function: &mut Function, nodes: &[NodeId], place: usize) -> Result<(), ScheduleError> {
    for node in &mut function.nodes {
        if let Operation::Parameter(index) = &mut node.operation {
            *index += if *index as usize >= place { nodes.len() as u32 } else { 0 };
        }
    }
    for (place, id) in (place..).zip(nodes) {
        let node = function.nodes.get_mut(id.0 as usize).ok_or(ScheduleError::Malformed("no such node"))?;
        let (name, ty) = (format!("prepared {}", node.operation.name()), node.ty.clone());
        (node.operation, node.operands) = (Operation::Parameter(place as u32), Vec::new());
        function.parameters.insert(place, Parameter { name, kind: ParameterKind::Weight, ty });
    }
    Ok(())
}

/// The values to prepare, of those that `wanted` need.
fn worthwhile(function: &Function, parameters: &[bool], wanted: &[NodeId]) -> Vec<NodeId> {
    let invariant = invariants(function, parameters);
    let is_invariant = |id: NodeId| invariant.get(id.0 as usize) == Some(&true);
    let decisions = decide(function, wanted);
    let mut choice =
        Choice { function, stored: &decisions.stored, chosen: BTreeSet::new(), seen: BTreeSet::new() };
    for id in &decisions.live {
        let Some(node) = function.node(*id).filter(|_| !is_invariant(*id)) else { continue };
        node.operands
            .iter()
            .filter(|operand| is_invariant(**operand))
            .for_each(|operand| choice.choose(*operand));
    }
    wanted.iter().filter(|id| is_invariant(**id)).for_each(|id| choice.choose(*id));
    choice.chosen.into_iter().collect()
}

struct Choice<'a> {
    function: &'a Function,
    /// What steps would store.
    stored: &'a BTreeSet<NodeId>,
    chosen: BTreeSet<NodeId>,
    seen: BTreeSet<NodeId>,
}

impl Choice<'_> {
    /// Chooses what is prepared for a value that steps read.
    fn choose(&mut self, id: NodeId) {
        let Some(node) = self.function.node(id).filter(|_| self.seen.insert(id)) else { return };
        if is_given(&node.operation) || is_view(&node.operation) && !self.narrows(node) {
            node.operands.iter().for_each(|operand| self.choose(*operand));
        } else if self.is_worth_it(id, node) {
            self.chosen.insert(id);
        } else {
            node.operands.iter().for_each(|operand| self.choose(*operand));
        }
    }

    /// Whether a view of something worked out is smaller than that.
    fn narrows(&self, node: &Node) -> bool {
        let operand = node.operands.first().and_then(|id| self.function.node(*id));
        operand.is_some_and(|operand| {
            !is_given(&operand.operation) && self.bytes(&node.ty) < self.bytes(&operand.ty)
        })
    }

    fn is_worth_it(&self, id: NodeId, node: &Node) -> bool {
        let cone = self.cone(id);
        let given = |id: &NodeId| self.function.node(*id).is_some_and(|node| is_given(&node.operation));
        let of = |test: fn(&Operation) -> bool| {
            cone.iter().filter_map(|id| self.function.node(*id)).any(|node| test(&node.operation))
        };
        if of(is_heavy) || of(is_costly) {
            return true;
        }
        let sources = cone.iter().filter(|id| given(id)).filter_map(|id| self.function.node(*id));
        let sources = sources.fold(0, |sum: i64, node| sum.saturating_add(self.bytes(&node.ty)));
        let bytes = self.bytes(&node.ty);
        // What is made of coordinates alone is worked out faster than it is read.
        sources > 0 && (self.stored.contains(&id) || bytes <= sources.min(SMALL))
    }

    /// All that a value is worked out from, itself included.
    fn cone(&self, id: NodeId) -> BTreeSet<NodeId> {
        behind(self.function, vec![id])
    }

    fn bytes(&self, ty: &Type) -> i64 {
        let entries = entries(self.function, &ty.axes).as_constant().unwrap_or(i64::MAX);
        entries.saturating_mul(ty.element.bytes() as i64)
    }
}
