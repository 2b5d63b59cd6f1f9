//! From what saturation noted to the lines that a proof needs: explanations of the equalities that matter, and of those that these rest on.

use super::bank::{Bank, Link, Reason};
use super::log::{Application, Log};
use super::{FunctionProof, Line};
use crate::analysis::{Derivation, Evidence, Knowledge};
use crate::convert::Loaded;
use crate::extract::Chosen;
use crate::language::{packed_axis, Id, Term};
use crate::rule::Tree;
use moe_graph::{AxisId, Builder, Function, NodeId, Operation, TypeError};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The proof that what was chosen for each root equals what was written, and the function that holds its terms.
///
/// `roots` are nodes of the source; `axes` says what packed axes became in the function that was made.
///
/// # Errors
/// If what was noted does not lead there: a bug.
pub fn record(
    function: &Function,
    loaded: &Loaded,
    chosen: &Chosen,
    log: &Log,
    roots: &[NodeId],
    axes: &BTreeMap<AxisId, AxisId>,
) -> Result<(Function, FunctionProof), String> {
    let mut recorder = Recorder::new(loaded, log)?;
    let mut results = Vec::new();
    for root in roots {
        let written =
            loaded.classes.get(root.0 as usize).copied().flatten().ok_or("a root without a class")?;
        let form = recorder.form(chosen, loaded.graph.find(written))?;
        let written = recorder.of(written)?;
        recorder.need_equal(written, form)?;
        results.push((written, form));
    }
    recorder.settle()?;
    recorder.proof(function, &results, axes)
}

struct Recorder<'a> {
    loaded: &'a Loaded,
    log: &'a Log,
    bank: Bank,
    /// The term of each id of the e-graph.
    terms: Vec<Id>,
    sides: Vec<(Id, Id)>,
    steps: BTreeSet<usize>,
    derivations: BTreeMap<u32, Id>,
    rows: BTreeSet<usize>,
    needed: BTreeSet<Id>,
    explained: HashSet<(Id, Id)>,
    equal: Vec<(Id, Id)>,
}

impl<'a> Recorder<'a> {
    fn new(loaded: &'a Loaded, log: &'a Log) -> Result<Self, String> {
        let known = &loaded.graph.analysis;
        let knowledge = Knowledge {
            function: known.function.clone(),
            tables: known.tables.clone(),
            given: known.given.clone(),
            nominal: known.nominal.clone(),
            ..Knowledge::default()
        };
        let mut recorder = Recorder {
            loaded,
            log,
            bank: Bank::new(knowledge),
            terms: Vec::new(),
            sides: Vec::new(),
            steps: BTreeSet::new(),
            derivations: BTreeMap::new(),
            rows: BTreeSet::new(),
            needed: BTreeSet::new(),
            explained: HashSet::new(),
            equal: Vec::new(),
        };
        for term in loaded.graph.nodes() {
            let id = recorder.push(term)?;
            recorder.terms.push(id);
        }
        for (step, application) in log.applications.iter().enumerate() {
            let (left, right) = (recorder.tree(&application.left)?, recorder.tree(&application.right)?);
            recorder.sides.push((left, right));
            recorder.bank.unite(left, right, Reason::Step(step));
        }
        Ok(recorder)
    }

    fn of(&self, id: Id) -> Result<Id, String> {
        self.terms.get(usize::from(id)).copied().ok_or_else(|| "a class without a term".to_owned())
    }

    /// A term of the e-graph.
    fn push(&mut self, term: &Term) -> Result<Id, String> {
        let operands: Result<Vec<Id>, String> = term.operands.iter().map(|id| self.of(*id)).collect();
        self.bank.push(Term { operation: term.operation.clone(), operands: operands? })
    }

    fn tree(&mut self, tree: &Tree) -> Result<Id, String> {
        match tree {
            Tree::Class(id) => self.of(*id),
            Tree::Term(operation, operands) => {
                let operands: Result<Vec<Id>, String> =
                    operands.iter().map(|operand| self.tree(operand)).collect();
                self.bank.push(Term { operation: operation.clone(), operands: operands? })
            }
        }
    }

    /// The term chosen for a class, with those chosen for what it needs.
    fn form(&mut self, chosen: &Chosen, root: Id) -> Result<Id, String> {
        let mut made: HashMap<Id, Id> = HashMap::new();
        let mut open = vec![root];
        while let Some(class) = open.last().copied() {
            if made.contains_key(&class) {
                open.pop();
                continue;
            }
            let term = chosen.get(&class).ok_or("a class for which nothing was chosen")?;
            let missing: Vec<Id> =
                term.operands.iter().rev().copied().filter(|operand| !made.contains_key(operand)).collect();
            if missing.is_empty() {
                let operands =
                    term.operands.iter().filter_map(|operand| made.get(operand).copied()).collect();
                let id = self.bank.push(Term { operation: term.operation.clone(), operands })?;
                made.insert(class, id);
                open.pop();
            } else {
                open.extend(missing);
            }
        }
        made.get(&root).copied().ok_or_else(|| "a root without a form".to_owned())
    }

    fn need_equal(&mut self, a: Id, b: Id) -> Result<(), String> {
        if !self.bank.equal(a, b) {
            return Err("terms that were made equal are not equal by what was noted".to_owned());
        }
        self.need(a);
        self.need(b);
        self.equal.push((a, b));
        Ok(())
    }

    fn need(&mut self, id: Id) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if !self.needed.insert(id) {
                continue;
            }
            let Some(term) = self.bank.term(id) else { continue };
            open.extend(&term.operands);
            let packed = packed_axis(&term.operation);
            let candidates = &self.loaded.graph.analysis.candidates;
            self.rows.extend(
                packed.and_then(|axis| candidates.iter().position(|candidate| candidate.axis == axis)),
            );
        }
    }

    /// Adds what is needed by what is needed, until nothing is missing.
    fn settle(&mut self) -> Result<(), String> {
        let (mut steps, mut rows) = (BTreeSet::new(), BTreeSet::new());
        loop {
            while let Some((a, b)) = self.equal.pop() {
                self.explain(a, b)?;
            }
            let step = self.steps.iter().find(|step| !steps.contains(*step)).copied();
            let row = self.rows.iter().find(|row| !rows.contains(*row)).copied();
            match (step, row) {
                (Some(step), _) => {
                    steps.insert(step);
                    self.behind_step(step)?;
                }
                (None, Some(row)) => {
                    rows.insert(row);
                    self.behind_rows(row)?;
                }
                (None, None) => return Ok(()),
            }
        }
    }

    fn explain(&mut self, a: Id, b: Id) -> Result<(), String> {
        if a == b || !self.explained.insert((a.min(b), a.max(b))) {
            return Ok(());
        }
        for link in self.bank.explain(a, b) {
            match link {
                Link::Step(step) => {
                    self.steps.insert(step);
                }
                Link::Congruence(a, b) => {
                    let operands =
                        |id| self.bank.term(id).map(|term| term.operands.clone()).unwrap_or_default();
                    let pairs: Vec<(Id, Id)> = operands(a).into_iter().zip(operands(b)).collect();
                    self.equal.extend(pairs);
                }
            }
        }
        Ok(())
    }

    fn behind_step(&mut self, step: usize) -> Result<(), String> {
        let Some((left, right)) = self.sides.get(step).copied() else { return Ok(()) };
        self.need(left);
        self.need(right);
        let Some(application) = self.log.applications.get(step) else { return Ok(()) };
        self.same_keys(&application.keys)?;
        for (class, term) in &application.terms {
            let (class, term) = (self.of(*class)?, self.push(term)?);
            self.need_equal(class, term)?;
        }
        for (id, evidence) in &application.read {
            self.evidence(*id, *evidence)?;
        }
        Ok(())
    }

    fn behind_rows(&mut self, row: usize) -> Result<(), String> {
        let Some(candidate) = self.loaded.graph.analysis.candidates.get(row) else { return Ok(()) };
        let (mask, (witness, evidence)) = (self.of(candidate.mask)?, candidate.witness);
        self.need(mask);
        self.evidence(witness, evidence)?;
        self.same_keys(self.log.masks.get(row).map_or(&[], Vec::as_slice))
    }

    fn same_keys(&mut self, keys: &[(Id, Id)]) -> Result<(), String> {
        for (key, class) in keys {
            let (key, class) = (self.of(*key)?, self.of(*class)?);
            self.need_equal(key, class)?;
        }
        Ok(())
    }

    /// What is known of a class rests on a derivation about an equal term.
    fn evidence(&mut self, id: Id, evidence: Evidence) -> Result<(), String> {
        let mut open = vec![(id, evidence)];
        while let Some((id, evidence)) = open.pop() {
            for number in evidence.numbers() {
                let Some(derivation) = self.derivation(number) else { continue };
                let term = match self.derivations.get(&number).copied() {
                    Some(term) => term,
                    None => {
                        let term = self.push(&derivation.term)?;
                        self.derivations.insert(number, term);
                        let class = self.of(derivation.class)?;
                        self.need_equal(class, term)?;
                        open.extend(
                            derivation.term.operands.iter().copied().zip(derivation.operands.clone()),
                        );
                        term
                    }
                };
                let id = self.of(id)?;
                self.need_equal(id, term)?;
            }
        }
        Ok(())
    }

    fn derivation(&self, number: u32) -> Option<Derivation> {
        self.loaded.graph.analysis.derivations.as_ref()?.get(number as usize).cloned()
    }

    fn proof(
        &self,
        function: &Function,
        results: &[(Id, Id)],
        axes: &BTreeMap<AxisId, AxisId>,
    ) -> Result<(Function, FunctionProof), String> {
        let mut writer = Writer::new(function, self);
        for id in &self.needed {
            writer.term(*id).map_err(|error| error.to_string())?;
        }
        let mut rows = self.rows.iter().peekable();
        for step in &self.steps {
            let chosen = |row: &&usize| self.log.before_masks.get(**row).is_none_or(|before| before <= step);
            while let Some(row) = rows.next_if(chosen) {
                writer.rows(*row)?;
            }
            writer.step(*step)?;
        }
        for row in rows {
            writer.rows(*row)?;
        }
        for (written, form) in results {
            let pair = (writer.node(*written)?, writer.node(*form)?);
            writer.proof.results.push(pair);
        }
        // Outputs are the first of what must be computed; calls of this function look for them.
        for (output, (written, _)) in function.outputs.iter().zip(&writer.proof.results) {
            writer.builder.output(output.name.clone(), *written, output.axes.clone(), output.kind);
        }
        writer.proof.axes = axes.iter().map(|(old, new)| (*old, *new)).collect();
        Ok((writer.builder.finish(), writer.proof))
    }
}

struct Writer<'a> {
    recorder: &'a Recorder<'a>,
    builder: Builder,
    nodes: HashMap<Id, NodeId>,
    known: HashMap<u32, u32>,
    proof: FunctionProof,
}

impl<'a> Writer<'a> {
    fn new(function: &Function, recorder: &'a Recorder<'a>) -> Self {
        let mut builder = Builder::new(function.name.clone());
        for axis in &recorder.bank.knowledge.function.axes {
            if axis.ragged {
                builder.ragged_axis(axis.name.clone(), axis.size.clone());
            } else {
                builder.axis(axis.name.clone(), axis.size.clone());
            }
        }
        for parameter in &function.parameters {
            builder.parameter(parameter.name.clone(), parameter.kind, parameter.ty.clone());
        }
        let given = &recorder.bank.knowledge.given;
        for (index, values) in recorder.bank.knowledge.tables.iter().enumerate() {
            if let Some(ty) = given.get(&Operation::Table(index as u32)) {
                builder.table(ty.clone(), values.clone());
            }
        }
        Writer {
            recorder,
            builder,
            nodes: HashMap::new(),
            known: HashMap::new(),
            proof: FunctionProof::default(),
        }
    }

    fn node(&self, id: Id) -> Result<NodeId, String> {
        self.nodes.get(&id).copied().ok_or_else(|| "a term that was not written".to_owned())
    }

    /// Writes a term whose operands are written.
    fn term(&mut self, id: Id) -> Result<(), TypeError> {
        let Some(term) = self.recorder.bank.term(id) else { return Ok(()) };
        let operands: Vec<NodeId> =
            term.operands.iter().filter_map(|operand| self.nodes.get(operand).copied()).collect();
        let node = match (&term.operation, self.recorder.bank.knowledge.given.get(&term.operation)) {
            (Operation::Constant(value), _) => self.builder.constant(*value),
            (operation, Some(ty)) if is_given(operation) => {
                self.builder.add_typed(operation.clone(), &operands, ty.clone())
            }
            (operation, _) => self.builder.add(operation.clone(), &operands)?,
        };
        self.nodes.insert(id, node);
        Ok(())
    }

    fn step(&mut self, step: usize) -> Result<(), String> {
        let application: &Application = self.recorder.log.applications.get(step).ok_or("no such step")?;
        let (left, right) = self.recorder.sides.get(step).copied().ok_or("no such step")?;
        // What is needed for a fact comes before what is needed for a sign, which may say another fact of the same value: that it is 0, or -0.
        let mut uses = Vec::new();
        for (id, evidence) in &application.read {
            for number in evidence.numbers() {
                let used = (self.node(self.recorder.of(*id)?)?, self.known(number)?);
                if !uses.contains(&used) {
                    uses.push(used);
                }
            }
        }
        let (rule, left, right) = (application.rule.to_owned(), self.node(left)?, self.node(right)?);
        self.proof.lines.push(Line::Step { rule, left, right, uses });
        Ok(())
    }

    fn rows(&mut self, row: usize) -> Result<(), String> {
        let candidate = self.recorder.loaded.graph.analysis.candidates.get(row).ok_or("no such mask")?;
        let number = candidate.witness.1.fact.ok_or("a mask without a reason")?;
        let known = self.known(number)?;
        let (mask, witness) = (self.recorder.of(candidate.mask)?, self.recorder.of(candidate.witness.0)?);
        let (mask, witness) = (self.node(mask)?, self.node(witness)?);
        self.proof.lines.push(Line::Rows { axis: candidate.axis, mask, witness, known });
        Ok(())
    }

    /// The line that says what a derivation says, after those that it needs.
    fn known(&mut self, number: u32) -> Result<u32, String> {
        let mut open = vec![number];
        while let Some(next) = open.last().copied() {
            if self.known.contains_key(&next) {
                open.pop();
                continue;
            }
            let derivation = self.recorder.derivation(next).ok_or("no such derivation")?;
            let needs: Vec<Vec<u32>> = derivation.operands.iter().map(Evidence::numbers).collect();
            let missing: Vec<u32> =
                needs.iter().flatten().copied().filter(|need| !self.known.contains_key(need)).collect();
            if missing.is_empty() {
                let term =
                    self.recorder.derivations.get(&next).copied().ok_or("a derivation without a term")?;
                let lines = |needs: &Vec<u32>| {
                    needs.iter().filter_map(|need| self.known.get(need).copied()).collect()
                };
                let operands = needs.iter().map(lines).collect();
                let line = self.proof.lines.len() as u32;
                let term = self.node(term)?;
                self.proof.lines.push(Line::Known { term, operands });
                self.known.insert(next, line);
                open.pop();
            } else {
                open.extend(missing);
            }
        }
        self.known.get(&number).copied().ok_or_else(|| "a derivation that was not written".to_owned())
    }
}

fn is_given(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Parameter(_)
            | Operation::Table(_)
            | Operation::Call { .. }
            | Operation::Repeat { .. }
            | Operation::Fold { .. }
    )
}
