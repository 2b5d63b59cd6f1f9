//! Classes of equal values, and what is known of each, whoever keeps them: the e-graph, or a checker of proofs.

use crate::analysis::{Data, Graph, Knowledge};
use crate::language::{Id, Term};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What rules may ask.
pub trait Classes {
    /// The class that a value is in.
    fn find(&self, id: Id) -> Id;
    /// What is known of it.
    fn data(&self, id: Id) -> &Data;
    /// The terms that make its value.
    fn terms(&self, id: Id) -> &[Term];
    /// The axes, given types and packed axes.
    fn knowledge(&self) -> &Knowledge;
    /// Whether a value is the same in every step. A proof takes that for granted.
    fn is_invariant(&self, id: Id) -> bool {
        self.data(id).invariant.is_some() || self.knowledge().checks
    }
    /// Says that a condition looked at this term of a class.
    fn rests_on(&self, _class: Id, _term: &Term) {}
}

impl Classes for Graph {
    fn find(&self, id: Id) -> Id {
        Graph::find(self, id)
    }

    fn data(&self, id: Id) -> &Data {
        &self[id].data
    }

    fn terms(&self, id: Id) -> &[Term] {
        &self[id].nodes
    }

    fn knowledge(&self) -> &Knowledge {
        &self.analysis
    }
}

/// Classes that remember whose data were read, and which of their terms: what an application of a rule rests on.
pub struct Watched<'a> {
    classes: &'a dyn Classes,
    read: RefCell<BTreeSet<Id>>,
    terms: RefCell<BTreeSet<(Id, Term)>>,
}

impl<'a> Watched<'a> {
    /// Nothing was read yet.
    pub fn new(classes: &'a dyn Classes) -> Self {
        Watched { classes, read: RefCell::default(), terms: RefCell::default() }
    }

    /// The classes that were asked about.
    pub fn read(&self) -> BTreeSet<Id> {
        self.read.borrow().clone()
    }

    /// The terms that were looked at, with their classes.
    pub fn terms(&self) -> BTreeSet<(Id, Term)> {
        self.terms.borrow().clone()
    }
}

impl Classes for Watched<'_> {
    fn find(&self, id: Id) -> Id {
        self.classes.find(id)
    }

    fn data(&self, id: Id) -> &Data {
        self.read.borrow_mut().insert(self.classes.find(id));
        self.classes.data(id)
    }

    fn terms(&self, id: Id) -> &[Term] {
        self.classes.terms(id)
    }

    fn knowledge(&self) -> &Knowledge {
        self.classes.knowledge()
    }

    fn is_invariant(&self, id: Id) -> bool {
        self.classes.is_invariant(id)
    }

    fn rests_on(&self, class: Id, term: &Term) {
        self.terms.borrow_mut().insert((class, term.clone()));
    }
}

/// Classes to which terms can be added.
pub trait Growing: Classes {
    /// The value of a term; `None` if the operation does not take these operands.
    fn grow(&mut self, term: Term) -> Option<Id>;
}

impl Growing for Graph {
    fn grow(&mut self, term: Term) -> Option<Id> {
        crate::analysis::type_of(self, &term.operation, &term.operands).ok()?;
        Some(self.add(term))
    }
}
