//! Rules as data: a left side to find, and a function that checks the conditions and gives the right side as a pattern.
//!
//! Operators carry attributes (axes, scalar functions), so a left side matches operators by a test, and the right side is built of
//! operators and of the classes found. Both sides of every application are patterns without conditions: each step can be explained.

use crate::analysis::Data;
use crate::classes::Classes;
use crate::language::{packed_axis, Term};
use egg::{ENodeOrVar, Id, PatternAst, RecExpr, Subst, Var};
use moe_graph::{AxisId, Element, Fact, Operation, Scalar, Type};

/// One rule.
pub struct Rule {
    /// Its name, in reports and proofs.
    pub name: &'static str,
    /// The equation, for people.
    pub equation: &'static str,
    /// Why the right side can be cheaper, or what it makes possible.
    pub reason: &'static str,
    /// The group it must be asked for by, if it is equal in real arithmetic only: it may move a tie, or assume that nothing overflows.
    pub fast_math: Option<&'static str>,
    /// Whether it names packed axes, and so waits until masks are chosen.
    pub packs: bool,
    /// What it is tried on: any of these.
    pub left: Vec<Shape>,
    /// The right sides where the conditions hold; otherwise which did not.
    pub right: Right,
}

/// Gives right sides, or says which condition does not hold.
pub type Right = fn(&Site) -> Result<Vec<Tree>, &'static str>;

impl Rule {
    /// A rule that is always on and names no packed axis.
    pub fn new(
        name: &'static str,
        equation: &'static str,
        reason: &'static str,
        left: Vec<Shape>,
        right: Right,
    ) -> Self {
        Rule { name, equation, reason, fast_math: None, packs: false, left, right }
    }

    /// The same as one that names packed axes.
    pub fn packing(self) -> Self {
        Rule { packs: true, ..self }
    }
}

/// A left side.
#[derive(Clone)]
pub enum Shape {
    /// Any class.
    Any(&'static str),
    /// A term whose operation passes the test; both it and its class go by the name.
    Term(&'static str, fn(&Operation) -> bool, Vec<Shape>),
    /// The same, with any number of operands.
    Every(&'static str, fn(&Operation) -> bool),
}

/// Any class, by a name.
pub fn any(name: &'static str) -> Shape {
    Shape::Any(name)
}

/// A term with operands.
pub fn term<const N: usize>(name: &'static str, test: fn(&Operation) -> bool, operands: [Shape; N]) -> Shape {
    Shape::Term(name, test, operands.into())
}

/// A term with any operands.
pub fn every(name: &'static str, test: fn(&Operation) -> bool) -> Shape {
    Shape::Every(name, test)
}

/// Either side of an application: operators over classes.
#[derive(Clone, PartialEq, Debug)]
pub enum Tree {
    /// A class.
    Class(Id),
    /// An operator.
    Term(Operation, Vec<Tree>),
}

impl Tree {
    /// As a pattern of the e-graph library, with classes as variables; the substitution gives each variable its class.
    pub fn pattern(&self) -> (PatternAst<Term>, Subst) {
        let (mut pattern, mut classes) = (RecExpr::default(), Subst::default());
        self.write(&mut pattern, &mut classes);
        (pattern, classes)
    }

    /// Whether it packs or unpacks along an axis.
    pub fn names(&self, axis: AxisId) -> bool {
        match self {
            Tree::Class(_) => false,
            Tree::Term(operation, operands) => {
                packed_axis(operation) == Some(axis) || operands.iter().any(|operand| operand.names(axis))
            }
        }
    }

    fn write(&self, pattern: &mut PatternAst<Term>, classes: &mut Subst) -> Id {
        match self {
            Tree::Class(id) => {
                let variable = Var::from_u32(usize::from(*id) as u32);
                classes.insert(variable, *id);
                pattern.add(ENodeOrVar::Var(variable))
            }
            Tree::Term(operation, operands) => {
                let operands = operands.iter().map(|operand| operand.write(pattern, classes)).collect();
                pattern.add(ENodeOrVar::ENode(Term { operation: operation.clone(), operands }))
            }
        }
    }
}

/// A place where a left side was found.
pub struct Site<'a> {
    /// The e-graph.
    pub graph: &'a dyn Classes,
    /// The class of the whole left side.
    pub root: Id,
    /// What was found there.
    pub left: Tree,
    names: Vec<(&'static str, Id, Option<Term>)>,
}

impl Site<'_> {
    /// The same place, with questions answered by somebody else.
    pub fn with(self, graph: &dyn Classes) -> Site<'_> {
        Site { graph, root: self.root, left: self.left, names: self.names }
    }
}

impl Site<'_> {
    /// The class that goes by a name; the root for a name that is not in the left side.
    pub fn class(&self, name: &str) -> Id {
        self.names.iter().find(|(own, ..)| *own == name).map_or(self.root, |(_, id, _)| *id)
    }

    /// The operand of the right side that goes by a name.
    pub fn tree(&self, name: &str) -> Tree {
        Tree::Class(self.class(name))
    }

    fn term(&self, name: &str) -> Option<&Term> {
        self.names.iter().find(|(own, ..)| *own == name)?.2.as_ref()
    }

    /// The operation that goes by a name.
    ///
    /// # Errors
    /// If the name is that of a class.
    pub fn operation(&self, name: &str) -> Result<&Operation, &'static str> {
        self.term(name).map(|term| &term.operation).ok_or("no such operation")
    }

    /// The operands of the term that goes by a name.
    pub fn operands(&self, name: &str) -> &[Id] {
        self.term(name).map_or(&[], |term| &term.operands)
    }

    /// What is known of a class.
    pub fn data(&self, name: &str) -> &Data {
        self.graph.data(self.class(name))
    }

    /// Its type.
    pub fn ty(&self, name: &str) -> &Type {
        &self.data(name).ty
    }

    /// Its element type.
    pub fn element(&self, name: &str) -> Element {
        self.ty(name).element
    }

    /// Its fact.
    pub fn fact(&self, name: &str) -> Option<&Fact> {
        self.data(name).fact.as_ref()
    }

    /// The number it is everywhere.
    pub fn constant(&self, name: &str) -> Option<Scalar> {
        self.data(name).constant()
    }

    /// A condition that makes a rule pay, or its search end, and has nothing to do with what is equal: a proof takes it for granted.
    ///
    /// # Errors
    /// Where it does not hold.
    pub fn pays(&self, condition: bool, otherwise: &'static str) -> Result<(), &'static str> {
        require(condition || self.graph.knowledge().checks, otherwise)
    }

    /// Whether it is the same in every step, so that what is made of it is worked out once. A proof takes that for granted too: rules may ask that
    /// it holds, and never that it does not.
    pub fn is_invariant(&self, name: &str) -> bool {
        self.graph.is_invariant(self.class(name))
    }

    /// Whether it varies along any of the axes.
    pub fn varies(&self, name: &str, axes: &[AxisId]) -> bool {
        axes.iter().any(|axis| self.ty(name).has(*axis))
    }

    /// The class by itself, if it has the type of the whole.
    ///
    /// # Errors
    /// If it lacks axes along which the whole is constant.
    pub fn alone(&self, name: &str) -> Result<Vec<Tree>, &'static str> {
        require(self.ty(name) == &self.graph.data(self.root).ty, "it lacks an axis of the result")?;
        Ok(vec![self.tree(name)])
    }
}

/// A condition, and what to say where it does not hold.
///
/// # Errors
/// Where it does not hold.
pub fn require(condition: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if condition {
        Ok(())
    } else {
        Err(otherwise)
    }
}

/// All places in a class where a shape is found.
pub fn matches<'a>(graph: &'a dyn Classes, shape: &Shape, class: Id) -> Vec<Site<'a>> {
    let partial = Partial::default();
    let found = find(graph, shape, class, &partial);
    found.into_iter().map(|(left, partial)| Site { graph, root: class, left, names: partial.names }).collect()
}

/// The places where a term itself has a shape, its operands' own terms taken as they are.
pub fn structural<'a>(
    graph: &'a dyn Classes,
    term: &dyn Fn(Id) -> Option<&'a Term>,
    shape: &Shape,
    id: Id,
) -> Option<Site<'a>> {
    let names = fits(graph, term, shape, id, &Partial::default())?.names;
    Some(Site { graph, root: graph.find(id), left: Tree::Class(id), names })
}

fn fits<'a>(
    graph: &'a dyn Classes,
    term: &dyn Fn(Id) -> Option<&'a Term>,
    shape: &Shape,
    id: Id,
    partial: &Partial,
) -> Option<Partial> {
    match shape {
        Shape::Any(name) => partial.with(name, graph.find(id), None),
        Shape::Every(name, test) => {
            let own = term(id).filter(|term| test(&term.operation))?;
            partial.with(name, graph.find(id), Some(own))
        }
        Shape::Term(name, test, shapes) => {
            let own = term(id).filter(|term| test(&term.operation) && term.operands.len() == shapes.len())?;
            let mut partial = partial.with(name, graph.find(id), Some(own))?;
            for (operand, shape) in own.operands.iter().zip(shapes) {
                partial = fits(graph, term, shape, *operand, &partial)?;
            }
            Some(partial)
        }
    }
}

#[derive(Clone, Default)]
struct Partial {
    names: Vec<(&'static str, Id, Option<Term>)>,
}

impl Partial {
    /// With one more name; `None` if the name stands for another class already.
    fn with(&self, name: &'static str, id: Id, term: Option<&Term>) -> Option<Partial> {
        match self.names.iter().find(|(own, ..)| *own == name) {
            Some((_, known, _)) if *known != id => None,
            Some(_) => Some(self.clone()),
            None => {
                let mut names = self.names.clone();
                names.push((name, id, term.cloned()));
                Some(Partial { names })
            }
        }
    }
}

fn find(graph: &dyn Classes, shape: &Shape, class: Id, partial: &Partial) -> Vec<(Tree, Partial)> {
    let class = graph.find(class);
    match shape {
        Shape::Any(name) => {
            partial.with(name, class, None).map(|partial| (Tree::Class(class), partial)).into_iter().collect()
        }
        Shape::Every(name, test) => {
            let terms = graph.terms(class).iter().filter(|term| test(&term.operation));
            terms
                .filter_map(|term| {
                    let operands = term.operands.iter().map(|id| Tree::Class(graph.find(*id))).collect();
                    Some((
                        Tree::Term(term.operation.clone(), operands),
                        partial.with(name, class, Some(term))?,
                    ))
                })
                .collect()
        }
        Shape::Term(name, test, shapes) => {
            let fits = |term: &&Term| term.operands.len() == shapes.len() && test(&term.operation);
            let mut found = Vec::new();
            for term in graph.terms(class).iter().filter(fits) {
                let Some(partial) = partial.with(name, class, Some(term)) else { continue };
                let mut ways = vec![(Vec::new(), partial)];
                for (operand, shape) in term.operands.iter().zip(shapes) {
                    ways = ways
                        .into_iter()
                        .flat_map(|(trees, partial)| {
                            find(graph, shape, *operand, &partial).into_iter().map(move |(tree, partial)| {
                                let mut trees: Vec<Tree> = trees.clone();
                                trees.push(tree);
                                (trees, partial)
                            })
                        })
                        .collect();
                }
                let whole = ways
                    .into_iter()
                    .map(|(trees, partial)| (Tree::Term(term.operation.clone(), trees), partial));
                found.extend(whole);
            }
            found
        }
    }
}
