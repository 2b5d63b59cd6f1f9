//! Concrete terms and the equations known between them, closed under congruence, each equality with its explanation.
//!
//! Source: Nelson and Oppen 1980, "Fast decision procedures based on congruence closure"; Nieuwenhuis and Oliveras 2005,
//! "Proof-producing congruence closure", for the forest that explains equalities.

use crate::analysis::{type_of, Data, Knowledge};
use crate::classes::{Classes, Growing};
use crate::language::{Id, Term};
use std::collections::HashMap;

/// Why two terms are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A step of the proof.
    Step(usize),
    /// They do the same with equal operands.
    Congruence,
}

/// A step to take, or two values whose operands are equal pair by pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// A step of the proof.
    Step(usize),
    /// Two terms that do the same with equal operands.
    Congruence(Id, Id),
}

/// Terms by number, in classes of equal ones.
pub struct Bank {
    /// The axes, given types and packed axes.
    pub knowledge: Knowledge,
    terms: Vec<Term>,
    data: Vec<Data>,
    parents: Vec<usize>,
    members: Vec<Vec<Term>>,
    users: Vec<Vec<usize>>,
    table: HashMap<Term, usize>,
    /// The forest of explanations: another term of the same class, and why it is equal.
    edges: Vec<Option<(usize, Reason)>>,
}

impl Bank {
    /// No terms yet.
    pub fn new(knowledge: Knowledge) -> Self {
        Bank {
            knowledge,
            terms: Vec::new(),
            data: Vec::new(),
            parents: Vec::new(),
            members: Vec::new(),
            users: Vec::new(),
            table: HashMap::new(),
            edges: Vec::new(),
        }
    }

    /// A new term; equal to others if these do the same with equal operands.
    ///
    /// # Errors
    /// If the operation does not take these operands, or they are not there.
    pub fn push(&mut self, term: Term) -> Result<Id, String> {
        if term.operands.iter().any(|id| usize::from(*id) >= self.terms.len()) {
            return Err("an operand comes after its use".to_owned());
        }
        let ty = type_of(self, &term.operation, &term.operands)?;
        let place = self.terms.len();
        self.data.push(Data::of_type(ty));
        self.parents.push(place);
        self.members.push(vec![term.clone()]);
        self.users.push(Vec::new());
        self.edges.push(None);
        for operand in &term.operands {
            let class = self.root(usize::from(*operand));
            self.users.get_mut(class).into_iter().for_each(|users| users.push(place));
        }
        let canonical = self.canonical(&term);
        self.terms.push(term);
        match self.table.get(&canonical).copied() {
            Some(other) => self.unite(Id::from(place), Id::from(other), Reason::Congruence),
            None => {
                self.table.insert(canonical, place);
            }
        }
        Ok(Id::from(place))
    }

    /// A term.
    pub fn term(&self, id: Id) -> Option<&Term> {
        self.terms.get(usize::from(id))
    }

    /// Whether two terms are known to be equal.
    pub fn equal(&self, a: Id, b: Id) -> bool {
        self.root(usize::from(a)) == self.root(usize::from(b))
    }

    /// Makes two terms equal, and all that follows from it.
    pub fn unite(&mut self, a: Id, b: Id, reason: Reason) {
        let mut open = vec![(usize::from(a), usize::from(b), reason)];
        while let Some((a, b, reason)) = open.pop() {
            let (into, from) = (self.root(a), self.root(b));
            if into == from {
                continue;
            }
            self.link(b, a, reason);
            let (into, from) =
                if self.users_of(into) < self.users_of(from) { (from, into) } else { (into, from) };
            self.parents.get_mut(from).into_iter().for_each(|parent| *parent = into);
            let members = self.members.get_mut(from).map(std::mem::take).unwrap_or_default();
            self.members.get_mut(into).into_iter().for_each(|all| all.extend(members.iter().cloned()));
            let users = self.users.get_mut(from).map(std::mem::take).unwrap_or_default();
            for user in users {
                self.users.get_mut(into).into_iter().for_each(|all| all.push(user));
                let Some(term) = self.terms.get(user) else { continue };
                let canonical = self.canonical(term);
                match self.table.get(&canonical).copied() {
                    Some(other) => open.push((user, other, Reason::Congruence)),
                    None => {
                        self.table.insert(canonical, user);
                    }
                }
            }
        }
    }

    /// The links that make two equal terms equal.
    pub fn explain(&self, a: Id, b: Id) -> Vec<Link> {
        let above = |start: Id| {
            let mut path = vec![usize::from(start)];
            while let Some((next, _)) = path.last().and_then(|last| self.edges.get(*last).copied().flatten())
            {
                path.push(next);
            }
            path
        };
        let (mut left, mut right) = (above(a), above(b));
        while left.len() > 1 && right.len() > 1 && left.iter().rev().nth(1) == right.iter().rev().nth(1) {
            left.pop();
            right.pop();
        }
        let mut links = Vec::new();
        for path in [left, right] {
            for pair in path.windows(2) {
                let [from, to] = pair else { continue };
                match self.edges.get(*from).copied().flatten() {
                    Some((_, Reason::Step(step))) => links.push(Link::Step(step)),
                    _ => links.push(Link::Congruence(Id::from(*from), Id::from(*to))),
                }
            }
        }
        links
    }

    fn root(&self, mut place: usize) -> usize {
        while let Some(parent) = self.parents.get(place).filter(|parent| **parent != place) {
            place = *parent;
        }
        place
    }

    fn users_of(&self, class: usize) -> usize {
        self.users.get(class).map_or(0, Vec::len)
    }

    fn canonical(&self, term: &Term) -> Term {
        let operands = term.operands.iter().map(|id| Id::from(self.root(usize::from(*id)))).collect();
        Term { operation: term.operation.clone(), operands }
    }

    /// Hangs the tree of `child` below `parent`: the edges above `child` are turned round.
    fn link(&mut self, child: usize, parent: usize, reason: Reason) {
        let (mut place, mut next) = (child, Some((parent, reason)));
        while let Some((above, reason)) = next {
            let old = self.edges.get_mut(place).and_then(|edge| edge.replace((above, reason)));
            next = old.map(|(_, reason)| (place, reason));
            match old {
                Some((old, _)) => place = old,
                None => break,
            }
        }
    }
}

impl Classes for Bank {
    fn find(&self, id: Id) -> Id {
        Id::from(self.root(usize::from(id)))
    }

    fn data(&self, id: Id) -> &Data {
        static NOTHING: std::sync::OnceLock<Data> = std::sync::OnceLock::new();
        let nothing =
            || NOTHING.get_or_init(|| Data::of_type(moe_graph::Type::scalar(moe_graph::Element::F32)));
        self.data.get(usize::from(id)).unwrap_or_else(nothing)
    }

    fn terms(&self, id: Id) -> &[Term] {
        self.members.get(self.root(usize::from(id))).map_or(&[], Vec::as_slice)
    }

    fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }
}

impl Growing for Bank {
    fn grow(&mut self, term: Term) -> Option<Id> {
        self.push(term).ok()
    }
}

/// A bank in which more is known of some classes.
pub struct Informed<'a> {
    /// The terms.
    pub bank: &'a Bank,
    /// What is known, by class or by one term of it.
    pub known: HashMap<Id, Data>,
}

impl Informed<'_> {
    /// Adds what is known of a class.
    pub fn learn(&mut self, id: Id, more: &Data) {
        self.learn_of_term(self.bank.find(id), more);
    }

    /// Adds what is known by way of one term of a class. Another may have another background, and what followed from both when they were
    /// not known to be equal need not follow from one of them.
    pub fn learn_of_term(&mut self, id: Id, more: &Data) {
        let data = self.known.entry(id).or_insert_with(|| self.bank.data(id).clone());
        data.fact = data.fact.take().or_else(|| more.fact.clone());
        data.sign = data.sign.max(more.sign);
    }
}

impl Classes for Informed<'_> {
    fn find(&self, id: Id) -> Id {
        self.bank.find(id)
    }

    fn data(&self, id: Id) -> &Data {
        let known = self.known.get(&id).or_else(|| self.known.get(&self.bank.find(id)));
        known.unwrap_or_else(|| self.bank.data(id))
    }

    fn terms(&self, id: Id) -> &[Term] {
        self.bank.terms(id)
    }

    fn knowledge(&self) -> &Knowledge {
        &self.bank.knowledge
    }
}
