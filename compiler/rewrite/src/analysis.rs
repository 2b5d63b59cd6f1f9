//! What is known of each class: its type, and where it is known to hold one value.
//!
//! Facts come from the support rules of the graph, with classes as the keys of masks. A class keeps the best fact of its terms, by a
//! total order, so that the result does not depend on the order in which terms are found.

use crate::classes::Classes;
use crate::cost::reading;
use crate::language::{class, key, Term};
use crate::masks::Candidate;
use crate::sign::{sign, Sign};
use crate::sizes::Nominal;
use crate::statics::Places;
use egg::{Analysis, DidMerge, EGraph, Id};
use moe_graph::{
    infer, AxisId, Element, Fact, Function, Known, Operation, Scalar, Size, Support, SupportExpression,
    SupportOperand, Type,
};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The e-graph of one function.
pub type Graph = EGraph<Term, Knowledge>;

/// What the rules may ask about.
#[derive(Clone, Debug)]
pub struct Data {
    /// The type; the order of its axes is that of their ids.
    pub ty: Type,
    /// The best fact of the class's terms.
    pub fact: Option<Fact>,
    /// What is known of the sign of its entries.
    pub sign: Sign,
    /// If it is the same in every step: the bytes that a step reads where it uses it. This says what pays, never what is equal, so it has no
    /// evidence.
    pub invariant: Option<u64>,
    /// Where what is known comes from, if that is recorded.
    pub evidence: Evidence,
}

/// The derivations that the parts of [`Data`] come from, by index in [`Knowledge::derivations`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Evidence {
    /// That of the fact.
    pub fact: Option<u32>,
    /// That of the sign.
    pub sign: Option<u32>,
}

impl Evidence {
    /// The derivations, each once.
    pub fn numbers(&self) -> Vec<u32> {
        let other = self.sign.filter(|sign| self.fact != Some(*sign));
        self.fact.into_iter().chain(other).collect()
    }
}

/// What was known of a term from what was known of its operands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Derivation {
    /// The term.
    pub term: Term,
    /// The class that it was in then: the key of a mask that it made.
    pub class: Id,
    /// What its operands' data came from.
    pub operands: Vec<Evidence>,
}

impl Data {
    /// Nothing is known but the type.
    pub fn of_type(ty: Type) -> Self {
        Data { ty, fact: None, sign: Sign::Any, invariant: None, evidence: Evidence::default() }
    }

    /// The number it is everywhere, if it is one.
    pub fn constant(&self) -> Option<Scalar> {
        self.fact.as_ref().filter(|fact| fact.support.is_empty()).map(|fact| fact.background)
    }
}

/// What the analysis needs besides the terms.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// The axes, as the function that types are inferred in. It has no nodes.
    pub function: Function,
    /// The packed axes that parameters and outputs have.
    pub edge: BTreeSet<AxisId>,
    /// The tables of numbers, by index.
    pub tables: Vec<Vec<Scalar>>,
    /// The types of operations that operands do not determine: parameters, tables and calls.
    pub given: BTreeMap<Operation, Type>,
    /// Which parameters are the same in every step.
    pub invariant: Vec<bool>,
    /// Whether a proof is checked: what makes a rule pay, or its search end, is no part of it.
    pub checks: bool,
    /// The masks that values may be packed by.
    pub candidates: Vec<Candidate>,
    /// Lists of places along axes.
    pub places: Vec<Places>,
    /// Values whose bounds found no place among them.
    pub left_out: Vec<Id>,
    /// The sizes that the cost is worked out at.
    pub nominal: Nominal,
    /// The first thing that went wrong: a bug in a rule.
    pub problem: Option<String>,
    /// Where all data come from; `None` if that is not recorded.
    pub derivations: Option<Vec<Derivation>>,
}

impl Knowledge {
    /// The size of an axis.
    pub fn size(&self, axis: AxisId) -> Size {
        self.function.size(axis)
    }

    /// The mask whose packed axis this is.
    pub fn candidate(&self, axis: AxisId) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.axis == axis)
    }

    /// The entries along `axis` at the nominal sizes; of packed rows those expected.
    pub fn entries(&self, axis: AxisId) -> f64 {
        let rows = self.candidate(axis).map(|candidate| candidate.rows.clone());
        self.nominal.value(&rows.unwrap_or_else(|| self.size(axis)))
    }

    /// Facts in order of how much they say; the better one is less.
    fn compare(&self, a: &Fact, b: &Fact) -> Ordering {
        let density = |support: &Support| {
            let known = support.degree(&support.axes, &|axis| self.size(axis));
            let full: f64 =
                support.axes.iter().map(|axis| self.nominal.value(&self.size(*axis)).max(1.0)).product();
            self.nominal.value(&known) / full
        };
        let empty = b.support.is_empty().cmp(&a.support.is_empty());
        empty
            .then_with(|| density(&a.support).total_cmp(&density(&b.support)))
            // The shorter one first: where an operation is undone by another, what is known of a value by way of itself is longer each time.
            .then_with(|| length(&a.support.expression).cmp(&length(&b.support.expression)))
            .then_with(|| a.support.expression.cmp(&b.support.expression))
            .then_with(|| a.background.cmp(&b.background))
    }

    fn report(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }
}

impl Analysis<Term> for Knowledge {
    type Data = Data;

    fn make(graph: &mut Graph, term: &Term, id: Id) -> Data {
        match type_of(graph, &term.operation, &term.operands) {
            Ok(ty) => {
                let (fact, sign) = (fact_of(graph, term, &ty, id), sign(graph, term));
                let evidence = derive(graph, term, id, (fact.is_some(), sign != Sign::Any));
                let invariant = invariant(graph, term, &ty);
                Data { ty, fact, sign, invariant, evidence }
            }
            Err(problem) => {
                graph.analysis.report(problem);
                Data::of_type(Type::scalar(Element::F32))
            }
        }
    }

    fn merge(&mut self, a: &mut Data, b: Data) -> DidMerge {
        if a.ty != b.ty {
            self.report(format!("values of types {:?} and {:?} were made equal", a.ty, b.ty));
        }
        let order = match (&a.fact, &b.fact) {
            (Some(left), Some(right)) => self.compare(left, right),
            (left, right) => right.is_some().cmp(&left.is_some()),
        };
        let sign = a.sign.max(b.sign);
        let invariant = [a.invariant, b.invariant].into_iter().flatten().min();
        let mut merged =
            DidMerge(a.sign != sign || a.invariant != invariant, b.sign != sign || b.invariant != invariant);
        a.invariant = invariant;
        if a.sign != sign {
            (a.sign, a.evidence.sign) = (sign, b.evidence.sign);
        }
        match order {
            Ordering::Less => merged.1 = true,
            Ordering::Equal => {}
            Ordering::Greater => {
                a.fact = b.fact;
                a.evidence.fact = b.evidence.fact;
                merged.0 = true;
            }
        }
        merged
    }
}

/// How many parts a support is made of.
fn length(expression: &SupportExpression) -> usize {
    match expression {
        SupportExpression::Empty | SupportExpression::Mask(_) => 1,
        SupportExpression::Union(parts) | SupportExpression::Intersection(parts) => {
            1 + parts.iter().map(length).sum::<usize>()
        }
        SupportExpression::Apply(_, operands) => {
            let operand = |operand: &SupportOperand| match operand {
                SupportOperand::Support(inner) => length(inner),
                SupportOperand::Value(_) => 1,
            };
            1 + operands.iter().map(operand).sum::<usize>()
        }
    }
}

/// Records where the data of a term come from, if its fact or its sign is known.
fn derive(graph: &mut Graph, term: &Term, class: Id, (fact, sign): (bool, bool)) -> Evidence {
    let operands = term.operands.iter().map(|operand| graph[*operand].data.evidence).collect();
    let Some(derivations) = graph.analysis.derivations.as_mut().filter(|_| fact || sign) else {
        return Evidence::default();
    };
    let number = derivations.len() as u32;
    derivations.push(Derivation { term: term.clone(), class, operands });
    Evidence { fact: fact.then_some(number), sign: sign.then_some(number) }
}

/// What a step reads of a term, if it is the same in every step.
fn invariant(graph: &Graph, term: &Term, ty: &Type) -> Option<u64> {
    let operands: Vec<(&Type, Option<u64>)> = term
        .operands
        .iter()
        .map(|operand| (&graph[*operand].data.ty, graph[*operand].data.invariant))
        .collect();
    let known = &graph.analysis;
    reading(&known.function, &term.operation, &operands, ty, &|index| {
        known.invariant.get(index as usize) == Some(&true)
    })
}

/// The type of an operation on classes, its axes in order of their ids.
pub fn type_of(graph: &dyn Classes, operation: &Operation, operands: &[Id]) -> Result<Type, String> {
    let types: Vec<&Type> = operands.iter().map(|operand| &graph.data(*operand).ty).collect();
    let inferred =
        infer(&graph.knowledge().function, operation, &types).map_err(|error| error.to_string())?;
    let mut ty = inferred
        .or_else(|| graph.knowledge().given.get(operation).cloned())
        .ok_or_else(|| format!("{} has no type", operation.name()))?;
    ty.axes.sort();
    Ok(ty)
}

/// What is known of a term that is in the class `id`, from what is known of its operands.
pub fn fact_of(graph: &dyn Classes, term: &Term, ty: &Type, id: Id) -> Option<Fact> {
    if let Operation::Table(index) = &term.operation {
        let knowledge = graph.knowledge();
        let (values, ty) = (knowledge.tables.get(*index as usize)?, knowledge.given.get(&term.operation)?);
        if let Some(fact) = moe_graph::table_fact(values, ty, key(id), &|axis| knowledge.size(axis)) {
            return Some(fact);
        }
    }
    let facts: Vec<Option<Fact>> = term
        .operands
        .iter()
        .map(|operand| {
            let fact = graph.data(*operand).fact.as_ref()?;
            let expression = canonical(graph, &fact.support.expression);
            let support = Support { expression, ..fact.support.clone() };
            Some(Fact { background: fact.background, support })
        })
        .collect();
    let known: Vec<Known> = term
        .operands
        .iter()
        .zip(&facts)
        .map(|(operand, fact)| {
            // One-hot comparisons are recognized by their coordinate.
            let coordinate = |term: &&Term| matches!(term.operation, Operation::Coordinate(_));
            Known {
                key: key(graph.find(*operand)),
                operation: graph.terms(*operand).iter().find(coordinate).map(|term| &term.operation),
                ty: &graph.data(*operand).ty,
                fact: fact.as_ref(),
            }
        })
        .collect();
    moe_graph::fact(&term.operation, &known, ty, key(id), &|axis| graph.knowledge().size(axis))
}

/// The expression with the classes that its keys have become.
pub fn canonical(graph: &dyn Classes, expression: &SupportExpression) -> SupportExpression {
    let found = |id: u32| key(graph.find(class(id)));
    match expression {
        SupportExpression::Empty => SupportExpression::Empty,
        SupportExpression::Mask(id) => SupportExpression::Mask(found(*id)),
        SupportExpression::Union(parts) => {
            SupportExpression::Union(parts.iter().map(|part| canonical(graph, part)).collect())
        }
        SupportExpression::Intersection(parts) => {
            SupportExpression::Intersection(parts.iter().map(|part| canonical(graph, part)).collect())
        }
        SupportExpression::Apply(operation, operands) => SupportExpression::Apply(
            operation.clone(),
            operands
                .iter()
                .map(|operand| match operand {
                    SupportOperand::Support(inner) => SupportOperand::Support(canonical(graph, inner)),
                    SupportOperand::Value(id) => SupportOperand::Value(found(*id)),
                })
                .collect(),
        ),
    }
}
