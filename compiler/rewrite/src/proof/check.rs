//! Checks a proof line by line. Nothing is taken from whoever made it: types and facts are derived anew from the terms, each step must be what
//! its rule makes of its left side, and the results must follow by congruence.

use super::bank::{Bank, Informed, Reason};
use super::{FunctionProof, Line, Proof};
use crate::analysis::{canonical, fact_of, Data, Knowledge};
use crate::classes::Classes;
use crate::language::{packed_axis, with_packed_axis, Id, Term};
use crate::masks::{realize, Candidate};
use crate::rule::{structural, Rule, Tree};
use crate::sign::{sign, Sign};
use crate::sizes::Nominal;
use crate::statics::Places;
use moe_graph::{AxisId, Function, NodeId, Operation, Scalar, ScalarFunction, Type};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why a proof is not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("in `{function}`, {line}: {why}")]
pub struct Refusal {
    /// The function.
    pub function: String,
    /// Which line, as a person finds it.
    pub line: String,
    /// What is wrong.
    pub why: String,
}

/// Accepts a proof of which every line holds, or says which does not.
///
/// # Errors
/// With the first line that does not hold.
pub fn check(proof: &Proof, rules: &[&Rule]) -> Result<(), Refusal> {
    let refuse = |function: &str, line: &str, why: String| Refusal {
        function: function.to_owned(),
        line: line.to_owned(),
        why,
    };
    moe_graph::verify(&proof.terms).map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        refuse("", "terms", first)
    })?;
    if proof.terms.functions.len() != proof.functions.len() {
        return Err(refuse("", "terms", "not every function has a proof".to_owned()));
    }
    for (function, claims) in proof.terms.functions.iter().zip(&proof.functions) {
        let mut checker =
            Checker::new(function, rules).map_err(|why| refuse(&function.name, "terms", why))?;
        for (number, line) in claims.lines.iter().enumerate() {
            checker.line(line).map_err(|why| refuse(&function.name, &format!("line {number}"), why))?;
        }
        checker.results(claims).map_err(|why| refuse(&function.name, "results", why))?;
    }
    Ok(())
}

struct Checker<'a> {
    function: &'a Function,
    rules: &'a [&'a Rule],
    bank: Bank,
    /// What each line says is known of which term.
    facts: Vec<Option<(Id, Data)>>,
}

impl<'a> Checker<'a> {
    fn new(function: &'a Function, rules: &'a [&'a Rule]) -> Result<Self, String> {
        let given = function.nodes.iter().map(|node| (node.operation.clone(), node.ty.clone())).collect();
        let axes =
            Function { name: function.name.clone(), axes: function.axes.clone(), ..Function::default() };
        let nominal = Nominal { sizes: Default::default(), default: 1 };
        let tables = function.tables.clone();
        let list = |node: &moe_graph::Node| match (&node.operation, node.ty.axes.as_slice()) {
            (Operation::Table(table), [into]) => Some(Places { of: None, into: *into, table: *table }),
            _ => None,
        };
        let places = function.nodes.iter().filter_map(list).collect();
        let mut bank = Bank::new(Knowledge {
            function: axes,
            tables,
            given,
            nominal,
            places,
            checks: true,
            ..Knowledge::default()
        });
        for node in &function.nodes {
            let operands = node.operands.iter().map(|id| Id::from(id.0 as usize)).collect();
            bank.push(Term { operation: node.operation.clone(), operands })?;
        }
        Ok(Checker { function, rules, bank, facts: Vec::new() })
    }

    fn id(&self, node: NodeId) -> Result<Id, String> {
        match self.function.node(node) {
            Some(_) => Ok(Id::from(node.0 as usize)),
            None => Err(format!("there is no term %{}", node.0)),
        }
    }

    /// What a line says of a value, if it is about an equal one.
    fn data(&self, id: Id, line: u32) -> Result<&Data, String> {
        let known = self.facts.get(line as usize).and_then(Option::as_ref);
        let (term, data) =
            known.ok_or_else(|| format!("line {line} does not say what is known of a value"))?;
        if self.bank.equal(*term, id) {
            Ok(data)
        } else {
            Err(format!("line {line} is about another value"))
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), String> {
        let fact = match line {
            Line::Known { term, operands } => Some(self.known(*term, operands)?),
            Line::Rows { axis, mask, witness, known } => {
                self.rows(*axis, *mask, *witness, *known)?;
                None
            }
            Line::Step { rule, left, right, uses } => {
                self.step(rule, *left, *right, uses)?;
                None
            }
        };
        self.facts.push(fact);
        Ok(())
    }

    fn known(&self, node: NodeId, lines: &[Vec<u32>]) -> Result<(Id, Data), String> {
        let id = self.id(node)?;
        let term = self.bank.term(id).ok_or("no such term")?;
        if term.operands.len() != lines.len() {
            return Err("it does not say what is known of each operand".to_owned());
        }
        let mut informed = Informed { bank: &self.bank, known: HashMap::new() };
        for (operand, lines) in term.operands.iter().zip(lines) {
            for line in lines {
                informed.learn_of_term(*operand, self.data(*operand, *line)?);
            }
        }
        let mut data = self.bank.data(id).clone();
        data.fact = fact_of(&informed, term, &data.ty, self.bank.find(id));
        data.sign = sign(&informed, term);
        if data.fact.is_none() && data.sign == Sign::Any {
            return Err("nothing follows for it".to_owned());
        }
        Ok((id, data))
    }

    fn rows(&mut self, axis: AxisId, mask: NodeId, witness: NodeId, line: u32) -> Result<(), String> {
        let (mask, witness) = (self.id(mask)?, self.id(witness)?);
        let declared =
            self.function.axis(axis).filter(|declared| declared.ragged).ok_or("it is no packed axis")?;
        if self.bank.knowledge.candidate(axis).is_some() {
            return Err("the axis is that of another mask".to_owned());
        }
        let unknown = || format!("line {line} does not say where it is its background");
        let fact = self.data(witness, line)?.fact.clone().ok_or_else(unknown)?;
        let expression = canonical(&self.bank, &fact.support.expression);
        let made = realize(&mut self.bank, &expression).ok_or("its support is no value")?;
        if !self.bank.equal(made, mask) && self.joined(made) != self.joined(mask) {
            return Err("the value is not its background off this mask".to_owned());
        }
        let axes: BTreeSet<AxisId> = self.bank.data(mask).ty.axes.iter().copied().collect();
        let within = fact.support.axes == axes
            && fact.support.is_within(&axes, &declared.size, &|a| self.function.size(a));
        if !within {
            return Err("the mask may be true more often than the axis is long".to_owned());
        }
        let rows = declared.size.clone();
        let witness = (witness, Default::default());
        self.bank.knowledge.candidates.push(Candidate { mask, axis, axes, expression, rows, witness });
        Ok(())
    }

    /// How a truth value joins others by `and` or by `or`, whatever their order: intersections and unions of supports have none, and which value of
    /// equal ones is named first depends on what is known so far.
    fn joined(&self, root: Id) -> (Option<ScalarFunction>, BTreeSet<Id>) {
        let function = |id: Id| match &self.bank.term(id)?.operation {
            Operation::Map { function, .. } => Some(*function),
            _ => None,
        };
        let by = function(root).filter(|by| matches!(by, ScalarFunction::And | ScalarFunction::Or));
        let (mut open, mut joined) = (vec![root], BTreeSet::new());
        while let Some(id) = open.pop() {
            match self.bank.term(id) {
                Some(term) if by.is_some() && function(id) == by => open.extend(&term.operands),
                _ => {
                    joined.insert(self.bank.find(id));
                }
            }
        }
        (by, joined)
    }

    fn step(
        &mut self,
        name: &str,
        left: NodeId,
        right: NodeId,
        uses: &[(NodeId, u32)],
    ) -> Result<(), String> {
        let rule = self.rules.iter().find(|rule| rule.name == name);
        let rule = rule.ok_or_else(|| format!("there is no rule `{name}`"))?;
        let (left, right) = (self.id(left)?, self.id(right)?);
        let trees = self.made(rule, left, uses)?;
        for tree in &trees {
            let made = self.tree(tree)?;
            if self.bank.equal(made, right) {
                self.bank.unite(left, right, Reason::Step(0));
                return Ok(());
            }
        }
        Err(format!("`{name}` makes something else of its left side"))
    }

    /// What a rule makes of a term, with no more known than the proof says.
    fn made(&self, rule: &Rule, left: Id, uses: &[(NodeId, u32)]) -> Result<Vec<Tree>, String> {
        let mut informed = Informed { bank: &self.bank, known: HashMap::new() };
        for (node, line) in uses {
            let id = self.id(*node)?;
            informed.learn(id, self.data(id, *line)?);
        }
        let mut trees = Vec::new();
        let mut why = "its left side is not of the rule's form".to_owned();
        for shape in &rule.left {
            if let Some(site) = structural(&informed, &|id| self.bank.term(id), shape, left) {
                match (rule.right)(&site) {
                    Ok(made) => trees.extend(made),
                    Err(condition) => {
                        why = format!("a condition of `{}` does not hold: {condition}", rule.name)
                    }
                }
            }
        }
        if trees.is_empty() {
            Err(why)
        } else {
            Ok(trees)
        }
    }

    fn tree(&mut self, tree: &Tree) -> Result<Id, String> {
        match tree {
            Tree::Class(id) => Ok(*id),
            Tree::Term(operation, operands) => {
                let operands: Result<Vec<Id>, String> =
                    operands.iter().map(|operand| self.tree(operand)).collect();
                self.bank.push(Term { operation: operation.clone(), operands: operands? })
            }
        }
    }

    /// Each packed axis is that of one mask: the one that a line says, or the one that it was written with.
    fn packings(&self, claims: &FunctionProof) -> Result<(), String> {
        let packing = |id: &NodeId| {
            let node = self.function.node(*id)?;
            let mask = node.operands.first()?;
            Some((packed_axis(&node.operation)?, Id::from(mask.0 as usize)))
        };
        let written = self.behind(claims.results.iter().map(|(written, _)| *written));
        let written: BTreeMap<AxisId, Id> = written.iter().filter_map(packing).collect();
        for id in self.function.node_ids() {
            let Some((axis, mask)) = packing(&id) else { continue };
            let candidate = self.bank.knowledge.candidate(axis).map(|candidate| candidate.mask);
            let fits = match (candidate, written.get(&axis)) {
                (Some(own), None) => self.bank.equal(own, mask),
                (None, Some(own)) => self.bank.equal(*own, mask),
                // Rows of the edge, of whose mask a line says that it bounds other values too.
                (Some(own), Some(written)) => self.bank.equal(own, mask) && self.bank.equal(*written, mask),
                (None, None) => false,
            };
            if !fits {
                return Err(format!("%{} packs along an axis that is not its mask's", id.0));
            }
        }
        Ok(())
    }

    fn behind(&self, roots: impl Iterator<Item = NodeId>) -> BTreeSet<NodeId> {
        let mut open: Vec<NodeId> = roots.collect();
        let mut found = BTreeSet::new();
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(
                    self.function.node(id).into_iter().flat_map(|node| node.operands.iter().copied()),
                );
            }
        }
        found
    }

    fn results(&self, claims: &FunctionProof) -> Result<(), String> {
        self.packings(claims)?;
        for (written, chosen) in &claims.results {
            if !self.bank.equal(self.id(*written)?, self.id(*chosen)?) {
                return Err(format!("that %{} is %{} does not follow", written.0, chosen.0));
            }
        }
        Ok(())
    }
}

/// Whether two functions do the same, `axes` being what packed axes of the first are in the second: the nodes of `second` as terms of `first`.
///
/// # Errors
/// With the node that is not there.
pub(super) fn same_terms(
    first: &Function,
    second: &Function,
    axes: &[(AxisId, AxisId)],
) -> Result<HashMap<NodeId, NodeId>, String> {
    let terms: HashMap<(Operation, Vec<NodeId>), NodeId> = first
        .node_ids()
        .zip(&first.nodes)
        .map(|(id, node)| ((node.operation.clone(), node.operands.clone()), id))
        .collect();
    let old = |axis: AxisId| axes.iter().find(|(_, new)| *new == axis).map_or(axis, |(old, _)| *old);
    let mut found = HashMap::new();
    for ((id, node), live) in second.node_ids().zip(&second.nodes).zip(moe_graph::live_nodes(second)) {
        if !live {
            continue;
        }
        let operands: Option<Vec<NodeId>> = node.operands.iter().map(|id| found.get(id).copied()).collect();
        let operation = with_packed_axis(&node.operation, old);
        let term = match &operation {
            // Tables are numbered as they come into use.
            Operation::Table(index) => table(first, second.tables.get(*index as usize), &node.ty),
            _ => operands.and_then(|operands| terms.get(&(operation, operands)).copied()),
        };
        let missing = || format!("node %{} of `{}` is not among the proof's terms", id.0, second.name);
        found.insert(id, term.ok_or_else(missing)?);
    }
    Ok(found)
}

/// The node of a table with these values.
fn table(function: &Function, values: Option<&Vec<Scalar>>, ty: &Type) -> Option<NodeId> {
    let same = |node: &moe_graph::Node| {
        matches!(node.operation, Operation::Table(own)
            if node.ty == *ty && function.tables.get(own as usize) == values)
    };
    function.node_ids().zip(&function.nodes).find(|(_, node)| same(node)).map(|(id, _)| id)
}
