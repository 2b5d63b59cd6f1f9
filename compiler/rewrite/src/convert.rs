//! From a function to an e-graph, and from the terms chosen back to a function.

use crate::analysis::{Graph, Knowledge};
use crate::extract::Chosen;
use crate::language::{with_packed_axis, Term};
use crate::saturate::Origins;
use crate::sizes::Nominal;
use crate::RewriteError;
use egg::Id;
use moe_grammar::Span;
use moe_graph::{live_nodes, Axis, AxisId, Builder, Function, NodeId, Operation, OutputKind, Size, Type};
use std::collections::{BTreeMap, HashMap};

/// A function as an e-graph.
pub struct Loaded {
    /// The e-graph.
    pub graph: Graph,
    /// The class of each node; `None` for dead ones.
    pub classes: Vec<Option<Id>>,
    /// Where terms come from.
    pub origins: Origins,
}

/// The live nodes of a function as terms, with `proofs` so that where facts come from is kept. `invariant` says which parameters are the same in
/// every step.
pub fn load(
    function: &Function,
    invariant: &[bool],
    nominal: Nominal,
    proofs: bool,
) -> Result<Loaded, RewriteError> {
    let axes = Function { name: function.name.clone(), axes: function.axes.clone(), ..Function::default() };
    let (derivations, tables) = (proofs.then(Vec::new), function.tables.clone());
    let parameters = function.parameters.iter().flat_map(|parameter| &parameter.ty.axes);
    let edge = parameters.chain(function.outputs.iter().flat_map(|output| &output.axes));
    let edge = edge.copied().filter(|axis| function.axis(*axis).is_some_and(|axis| axis.ragged)).collect();
    let invariant = invariant.to_vec();
    let mut graph = Graph::new(Knowledge {
        function: axes,
        edge,
        tables,
        invariant,
        nominal,
        derivations,
        ..Knowledge::default()
    });
    let mut origins = Origins::default();
    let mut classes: Vec<Option<Id>> = Vec::new();
    for (node, live) in function.nodes.iter().zip(live_nodes(function)) {
        if !live {
            classes.push(None);
            continue;
        }
        let operand = |id: &NodeId| classes.get(id.0 as usize).copied().flatten();
        let operands: Option<Vec<Id>> = node.operands.iter().map(operand).collect();
        let operands = operands.ok_or_else(|| RewriteError::Order { function: function.name.clone() })?;
        graph.analysis.given.entry(node.operation.clone()).or_insert_with(|| node.ty.clone());
        classes.push(Some(graph.add(Term { operation: node.operation.clone(), operands })));
        origins.extend(&graph, None, node.span);
    }
    graph.rebuild();
    Ok(Loaded { graph, classes, origins })
}

/// What a function must compute: its outputs, and checked claims even if their results are not used.
pub fn roots(function: &Function) -> Vec<NodeId> {
    let live = live_nodes(function);
    let checks = function.node_ids().zip(&function.nodes).zip(live);
    let checks =
        checks.filter(|((_, node), live)| *live && matches!(node.operation, Operation::Expect { .. }));
    function.outputs.iter().map(|output| output.node).chain(checks.map(|((id, _), _)| id)).collect()
}

/// The classes of nodes.
pub fn classes(nodes: impl IntoIterator<Item = NodeId>, loaded: &Loaded) -> Vec<Id> {
    let class =
        |node: NodeId| Some(loaded.graph.find(loaded.classes.get(node.0 as usize).copied().flatten()?));
    nodes.into_iter().filter_map(class).collect()
}

/// What every step computes: not what is only observed, nor how states begin.
pub fn always(function: &Function) -> impl Iterator<Item = NodeId> + '_ {
    let outputs = function.outputs.iter();
    let outputs = outputs.filter(|output| !matches!(output.kind, OutputKind::Observed | OutputKind::Initial));
    outputs.map(|output| output.node)
}

/// A function made of chosen terms.
pub struct Stored {
    /// The function.
    pub function: Function,
    /// The rows to expect along its packed axes.
    pub rows: BTreeMap<AxisId, Size>,
    /// The packed axes that the e-graph knows, and what they are in the function.
    pub axes: BTreeMap<AxisId, AxisId>,
    /// How many terms the e-graph came to hold.
    pub terms: usize,
    /// The rule that each node comes from; `None` for nodes of the source.
    pub rules: Vec<Option<&'static str>>,
}

/// The chosen terms as a function with the parameters, axes and outputs of the original, and the packed axes that are used.
pub fn store(function: &Function, loaded: &Loaded, chosen: &Chosen) -> Result<Stored, RewriteError> {
    let origins = origins(loaded);
    let mut writer = Writer::new(function, loaded, chosen);
    for output in &function.outputs {
        let class = loaded.classes.get(output.node.0 as usize).copied().flatten();
        let class = class.ok_or_else(|| RewriteError::Order { function: function.name.clone() })?;
        let node = writer.write(loaded.graph.find(class), &origins)?;
        same_type(function, &writer.builder, output.node, node)?;
        writer.builder.output(output.name.clone(), node, output.axes.clone(), output.kind);
    }
    for class in classes(roots(function), loaded) {
        writer.write(class, &origins)?;
    }
    let function = writer.builder.finish();
    let mut rules = writer.rules;
    rules.resize(function.nodes.len(), None);
    Ok(Stored { function, rows: writer.rows, axes: writer.axes, terms: loaded.graph.nodes().len(), rules })
}

fn same_type(function: &Function, builder: &Builder, old: NodeId, new: NodeId) -> Result<(), RewriteError> {
    let sorted = |mut ty: Type| {
        ty.axes.sort();
        ty
    };
    let before = function.node(old).map(|node| sorted(node.ty.clone()));
    if before == Some(sorted(builder.ty(new))) {
        Ok(())
    } else {
        Err(RewriteError::Type { function: function.name.clone() })
    }
}

type Origin = (Option<&'static str>, Option<Span>);

/// The first origin of each term as it is now.
fn origins(loaded: &Loaded) -> HashMap<Term, Origin> {
    let mut found = HashMap::new();
    let known = loaded.origins.rules.iter().zip(&loaded.origins.spans);
    for (term, (rule, span)) in loaded.graph.nodes().iter().zip(known) {
        found.entry(self::found(&loaded.graph, term)).or_insert((*rule, *span));
    }
    found
}

/// A term with the classes that its operands are in now.
pub fn found(graph: &Graph, term: &Term) -> Term {
    let operands = term.operands.iter().map(|operand| graph.find(*operand)).collect();
    Term { operation: term.operation.clone(), operands }
}

struct Writer<'a> {
    source: &'a Function,
    loaded: &'a Loaded,
    chosen: &'a Chosen,
    builder: Builder,
    nodes: HashMap<Id, NodeId>,
    axes: BTreeMap<AxisId, AxisId>,
    rows: BTreeMap<AxisId, Size>,
    rules: Vec<Option<&'static str>>,
}

impl<'a> Writer<'a> {
    fn new(source: &'a Function, loaded: &'a Loaded, chosen: &'a Chosen) -> Self {
        let mut builder = Builder::new(source.name.clone());
        let known = &loaded.graph.analysis;
        let lists = known.places.iter().filter_map(|places| known.function.axis(places.into));
        for Axis { name, size, ragged } in source.axes.iter().chain(lists) {
            if *ragged {
                builder.ragged_axis(name.clone(), size.clone());
            } else {
                builder.axis(name.clone(), size.clone());
            }
        }
        for parameter in &source.parameters {
            builder.parameter(parameter.name.clone(), parameter.kind, parameter.ty.clone());
        }
        let rules = vec![None; builder.function().nodes.len()];
        let (nodes, axes, rows) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
        Writer { source, loaded, chosen, builder, nodes, axes, rows, rules }
    }

    /// The node of a class, after those that it needs.
    fn write(&mut self, root: Id, origins: &HashMap<Term, Origin>) -> Result<NodeId, RewriteError> {
        let missing = || RewriteError::Order { function: self.source.name.clone() };
        let chosen = self.chosen;
        let mut open = vec![root];
        while let Some(class) = open.last().copied() {
            if self.nodes.contains_key(&class) {
                open.pop();
                continue;
            }
            let term = chosen.get(&class).ok_or_else(missing)?;
            let before = open.len();
            open.extend(term.operands.iter().rev().filter(|operand| !self.nodes.contains_key(operand)));
            if open.len() > before {
                continue;
            }
            open.pop();
            let (rule, span) = origins.get(term).copied().unwrap_or((None, None));
            self.builder.set_span(span);
            let node = self.add(term)?;
            self.rules.resize(self.builder.function().nodes.len(), rule);
            self.nodes.insert(class, node);
        }
        self.nodes
            .get(&root)
            .copied()
            .ok_or_else(|| RewriteError::Order { function: self.source.name.clone() })
    }

    fn add(&mut self, term: &Term) -> Result<NodeId, RewriteError> {
        let operands: Vec<NodeId> =
            term.operands.iter().filter_map(|operand| self.nodes.get(operand).copied()).collect();
        let given = || self.loaded.graph.analysis.given.get(&term.operation).cloned();
        let untyped = || RewriteError::Type { function: self.source.name.clone() };
        Ok(match &term.operation {
            Operation::Parameter(index) => NodeId(*index),
            Operation::Constant(value) => self.builder.constant(*value),
            Operation::Table(index) => {
                let tables = &self.loaded.graph.analysis.tables;
                let values = tables.get(*index as usize).cloned().ok_or_else(untyped)?;
                self.builder.table(given().ok_or_else(untyped)?, values)
            }
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => {
                self.builder.add_typed(term.operation.clone(), &operands, given().ok_or_else(untyped)?)
            }
            other => {
                let operation = with_packed_axis(other, |axis| self.axis(axis));
                self.builder.add(operation, &operands)?
            }
        })
    }

    /// Packed axes are numbered as they come into use.
    fn axis(&mut self, old: AxisId) -> AxisId {
        let knowledge = &self.loaded.graph.analysis;
        let Some(candidate) = knowledge.candidate(old) else { return old };
        if let Some(new) = self.axes.get(&old) {
            return *new;
        }
        let name =
            if self.axes.is_empty() { "rows".to_owned() } else { format!("rows{}", self.axes.len() + 1) };
        // Rows of the edge have their axis already.
        let is_there = self.source.axis(old).is_some();
        let new = if is_there { old } else { self.builder.ragged_axis(name, knowledge.size(old)) };
        self.axes.insert(old, new);
        self.rows.insert(new, candidate.rows.clone());
        new
    }
}
