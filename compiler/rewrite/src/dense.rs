//! Bounded work that stayed dense: which operation stopped packing, or that packing would not have paid.

use crate::convert::Loaded;
use crate::cost::work;
use crate::extract::Chosen;
use crate::language::Term;
use crate::listing;
use crate::masks::{covers, Candidate};
use egg::Id;
use moe_grammar::Span;
use moe_graph::{AxisId, Element, Function, Node, NodeId, Operation, ReduceKind, ScalarFunction};
use std::collections::BTreeSet;

/// Work whose result is only used where a support is true, and which is still done everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DenseWork {
    /// Where it was written.
    pub span: Option<Span>,
    /// What it is.
    pub what: String,
    /// What stopped it from being packed.
    pub why: String,
}

/// The part of all floating-point operations below which work is not worth a word.
const NOTICEABLE: f64 = 0.01;

/// The contractions of a function under a bound that the chosen form works out for all entries.
pub fn find(function: &Function, loaded: &Loaded, chosen: &Chosen) -> Vec<DenseWork> {
    let look = Look { function, loaded, chosen };
    let mut reported = BTreeSet::new();
    let mut found = Vec::new();
    for candidate in &loaded.graph.analysis.candidates {
        let bounded = look.bounded(candidate);
        let under = look.under(&bounded);
        // What decides where the support is true is needed everywhere.
        let deciding = look.behind(candidate.mask);
        let work =
            under.into_iter().filter(|id| look.class(*id).is_some_and(|class| !deciding.contains(&class)));
        for id in work.filter(|id| look.is_dense_contraction(*id, candidate) && look.matters(*id, candidate))
        {
            if let Some(node) = function.node(id).filter(|_| reported.insert(id)) {
                found.push(look.report(id, node, candidate, &bounded));
            }
        }
    }
    found.extend(look.beyond_the_limit());
    let unpromised = look.unpromised();
    found.extend(unpromised.into_iter().filter(|(id, _)| reported.insert(*id)).map(|(_, work)| work));
    found
}

/// The most values without a place among the masks that are named.
const NAMED: usize = 8;

struct Look<'a> {
    function: &'a Function,
    loaded: &'a Loaded,
    chosen: &'a Chosen,
}

impl Look<'_> {
    fn class(&self, id: NodeId) -> Option<Id> {
        Some(self.loaded.graph.find(self.loaded.classes.get(id.0 as usize).copied().flatten()?))
    }

    /// Bounded values that are not packed because there are too many bounds.
    fn beyond_the_limit(&self) -> Vec<DenseWork> {
        let graph = &self.loaded.graph;
        let limit = graph.analysis.candidates.len();
        let why = format!("values of one function are packed by {limit} bounds at most, and there are more");
        let value = |class: &Id| {
            let class = graph.find(*class);
            let id = self.function.node_ids().find(|id| self.class(*id) == Some(class))?;
            let node = self.function.node(id)?;
            Some(DenseWork { span: node.span, what: self.what(node), why: why.clone() })
        };
        graph.analysis.left_out.iter().filter_map(value).take(NAMED).collect()
    }

    /// Contractions of which a sum only takes what a condition keeps, when nothing promises how often the condition is true.
    fn unpromised(&self) -> Vec<(NodeId, DenseWork)> {
        let mut found = Vec::new();
        for node in &self.function.nodes {
            let Some((condition, value)) = self.conditional_sum(node) else { continue };
            let Some(mask) = self.function.node(condition) else { continue };
            // What decides the condition is needed everywhere.
            let deciding = self.under(&BTreeSet::from([condition]));
            for id in self.under(&BTreeSet::from([value])).difference(&deciding).copied() {
                let dense = self.is_contraction(id) && self.stays(id);
                let over = |node: &&Node| mask.ty.axes.iter().all(|axis| node.ty.has(*axis));
                let (whole, own) =
                    (self.flops_of_all(), self.class(id).map_or(0.0, |class| self.chosen_flops(class)));
                if let Some(node) =
                    self.function.node(id).filter(over).filter(|_| dense && own >= whole * NOTICEABLE)
                {
                    let why =
                        "nothing says how often the condition of the sum is true: `expect` can".to_owned();
                    found.push((id, DenseWork { span: node.span, what: self.what(node), why }));
                }
            }
        }
        found
    }

    /// The condition and the value of `sum e where c { value }`, if the condition is found while running and has no bound.
    fn conditional_sum(&self, node: &Node) -> Option<(NodeId, NodeId)> {
        let Operation::Reduce { kind: ReduceKind::Sum, axes } = &node.operation else { return None };
        let select = self.function.node(*node.operands.first()?)?;
        let Operation::Map { function: ScalarFunction::Select, .. } = select.operation else { return None };
        let [condition, value, other] = select.operands.as_slice() else { return None };
        let graph = &self.loaded.graph;
        let zero = graph[self.class(*other)?].data.constant()?.is_zero();
        let mask = &graph[self.class(*condition)?].data;
        let unbounded = mask.fact.as_ref().is_none_or(|fact| fact.support.degrees.is_empty());
        let along = axes.iter().any(|axis| mask.ty.has(*axis));
        let found_while_running = self.under(&BTreeSet::from([*condition])).iter().any(|id| {
            matches!(self.function.node(*id).map(|node| &node.operation), Some(Operation::Parameter(_)))
        });
        (zero && unbounded && along && found_while_running).then_some((*condition, *value))
    }

    /// The nodes that are their background off the mask.
    fn bounded(&self, candidate: &Candidate) -> BTreeSet<NodeId> {
        let covered = |id: &NodeId| {
            let data = self.class(*id).map(|class| &self.loaded.graph[class].data);
            data.is_some_and(|data| {
                let fact = data.fact.as_ref().filter(|fact| !fact.support.is_empty());
                data.ty.element != Element::Bool
                    && candidate.axes.iter().all(|axis| data.ty.has(*axis))
                    && fact
                        .is_some_and(|fact| covers(&self.loaded.graph, candidate, &fact.support.expression))
            })
        };
        self.function.node_ids().filter(covered).collect()
    }

    /// Everything that bounded nodes need.
    fn under(&self, bounded: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let mut open: Vec<NodeId> = bounded.iter().copied().collect();
        let mut under = BTreeSet::new();
        while let Some(id) = open.pop() {
            if under.insert(id) {
                open.extend(self.function.node(id).iter().flat_map(|node| node.operands.iter().copied()));
            }
        }
        under
    }

    /// Whether packing would leave out a noticeable part of all arithmetic.
    fn matters(&self, id: NodeId, candidate: &Candidate) -> bool {
        let all = self.flops_of_all();
        let (rows, entries) = self.rows(candidate);
        let left = |class| self.chosen_flops(class) * (1.0 - rows / entries);
        self.class(id).is_some_and(|class| left(class) >= all * NOTICEABLE)
    }

    fn chosen_flops(&self, class: Id) -> f64 {
        self.chosen.get(&class).map_or(0.0, |term| self.flops(term, class))
    }

    fn flops_of_all(&self) -> f64 {
        self.chosen.keys().map(|class| self.chosen_flops(*class)).sum()
    }

    fn flops(&self, term: &Term, class: Id) -> f64 {
        let graph = &self.loaded.graph;
        let operands: Vec<_> = term.operands.iter().map(|operand| &graph[*operand].data.ty).collect();
        let work = work(&term.operation, &operands, &graph[class].data.ty);
        let volume = |axes: &[AxisId]| axes.iter().map(|axis| graph.analysis.entries(*axis)).product::<f64>();
        work.operations.iter().map(|part| part.flops as f64 * volume(&part.axes)).sum()
    }

    /// The rows of a mask to expect, and all its entries.
    fn rows(&self, candidate: &Candidate) -> (f64, f64) {
        let knowledge = &self.loaded.graph.analysis;
        let rows = knowledge.nominal.value(&candidate.rows);
        let size = |axis: &AxisId| knowledge.nominal.value(&knowledge.size(*axis));
        (rows, candidate.axes.iter().map(size).product())
    }

    /// The classes that the chosen form of a class needs, or any form of one that is not chosen.
    fn behind(&self, root: Id) -> BTreeSet<Id> {
        let mut open = vec![self.loaded.graph.find(root)];
        let mut behind = BTreeSet::new();
        while let Some(class) = open.pop() {
            if behind.insert(class) {
                let terms = self
                    .chosen
                    .get(&class)
                    .map_or(self.loaded.graph[class].nodes.as_slice(), std::slice::from_ref);
                let operands = terms.iter().flat_map(|term| &term.operands);
                open.extend(operands.map(|operand| self.loaded.graph.find(*operand)));
            }
        }
        behind
    }

    fn is_dense_contraction(&self, id: NodeId, candidate: &Candidate) -> bool {
        let whole =
            self.function.node(id).is_some_and(|node| candidate.axes.iter().all(|axis| node.ty.has(*axis)));
        whole && self.is_contraction(id) && self.stays(id)
    }

    fn is_contraction(&self, id: NodeId) -> bool {
        let Some(node) = self.function.node(id) else { return false };
        let product = |operand: &NodeId| {
            matches!(
                self.function.node(*operand).map(|node| &node.operation),
                Some(Operation::Map { function: ScalarFunction::Multiply, .. })
            )
        };
        matches!(node.operation, Operation::Reduce { kind: ReduceKind::Sum, .. })
            && node.operands.iter().any(product)
    }

    /// Whether the chosen form works a value out for all entries.
    fn stays(&self, id: NodeId) -> bool {
        let term = self.class(id).and_then(|class| self.chosen.get(&class));
        term.is_some_and(|term| !matches!(term.operation, Operation::Unpack { .. }))
    }

    fn what(&self, node: &Node) -> String {
        format!(
            "{} {}",
            listing::describe(self.function, &node.operation),
            listing::ty(self.function, &node.ty)
        )
    }

    fn report(
        &self,
        id: NodeId,
        node: &Node,
        candidate: &Candidate,
        bounded: &BTreeSet<NodeId>,
    ) -> DenseWork {
        DenseWork { span: node.span, what: self.what(node), why: self.why(id, candidate, bounded) }
    }

    fn why(&self, id: NodeId, candidate: &Candidate, bounded: &BTreeSet<NodeId>) -> String {
        let describe = |id: NodeId| {
            let node = self.function.node(id);
            let text = node.map(|node| listing::describe(self.function, &node.operation)).unwrap_or_default();
            text.trim_end_matches(':').to_owned()
        };
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            if bounded.contains(&id) || !seen.insert(id) {
                continue;
            }
            for user in self.users(id) {
                let Some(node) = self.function.node(user) else { continue };
                if !candidate.axes.iter().all(|axis| node.ty.has(*axis)) {
                    return format!("`{}` needs every entry of it", describe(user));
                }
                if self.is_packed(user, candidate) && !self.is_packed(id, candidate) {
                    return format!("packing does not go through `{}`", describe(user));
                }
                open.push(user);
            }
        }
        self.cost(candidate)
    }

    fn cost(&self, candidate: &Candidate) -> String {
        let (rows, all) = self.rows(candidate);
        format!("packing {rows} of {all} rows would not pay")
    }

    /// The live users of a node.
    fn users(&self, id: NodeId) -> Vec<NodeId> {
        let uses = |user: &NodeId| {
            self.function.node(*user).is_some_and(|node| node.operands.contains(&id))
                && self.class(*user).is_some()
        };
        self.function.node_ids().filter(uses).collect()
    }

    fn is_packed(&self, id: NodeId, candidate: &Candidate) -> bool {
        let Some(class) = self.class(id) else { return false };
        let operation = Operation::Pack { into: candidate.axis };
        let pack = Term { operation, operands: vec![self.loaded.graph.find(candidate.mask), class] };
        self.loaded.graph.lookup(pack).is_some()
    }
}
