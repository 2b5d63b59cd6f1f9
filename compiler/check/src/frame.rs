//! Frames: one for each definition whose body is being elaborated, and scopes in them.

use crate::axes::{AxisKey, SizeKey};
use crate::names::DefinitionId;
use crate::value::{StackIndex, Value};
use moe_grammar::tree::{AxisExpression, DefinitionKind, TypeExpression};
use moe_grammar::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The names of a block.
#[derive(Clone, Default, Debug)]
pub(crate) struct Scope {
    /// Values.
    pub values: BTreeMap<String, Value>,
    /// Sizes and axes.
    pub sizes: BTreeMap<String, SizeKey>,
    /// Values that a `repeat` may set.
    pub carried: BTreeSet<String>,
    /// The types that values were declared with, where those say bounds.
    pub types: BTreeMap<String, Rc<TypeExpression>>,
}

/// A definition whose body is being elaborated.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The definition; `None` for a test.
    pub definition: Option<DefinitionId>,
    /// The file.
    pub file: u32,
    /// What it calls itself.
    pub kind: DefinitionKind,
    /// Its name, for messages.
    pub name: String,
    /// The dotted name of the instance, empty for a model.
    pub path: String,
    /// How stacked weights are indexed.
    pub stack: Vec<StackIndex>,
    /// The names, innermost block last.
    pub scopes: Vec<Scope>,
    /// The axes that `..` stands for.
    pub rest: Vec<AxisKey>,
    /// Names of weights, parts, states and observed values declared here.
    pub declared: BTreeMap<String, Span>,
    /// Where it was called.
    pub call: Option<Span>,
    /// The function under construction in which it was called.
    pub level: usize,
}

impl Frame {
    /// A frame with one empty scope.
    pub fn new(file: u32, kind: DefinitionKind, name: &str) -> Self {
        Frame {
            definition: None,
            file,
            kind,
            name: name.to_owned(),
            path: String::new(),
            stack: Vec::new(),
            scopes: vec![Scope::default()],
            rest: Vec::new(),
            declared: BTreeMap::new(),
            call: None,
            level: 0,
        }
    }

    /// A value by name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.values.get(name))
    }

    /// The type that a value was declared with, where that says bounds.
    pub fn declared_type(&self, name: &str) -> Option<Rc<TypeExpression>> {
        let scope = self.scopes.iter().rev().find(|scope| scope.values.contains_key(name))?;
        scope.types.get(name).cloned()
    }

    /// Notes the type that a value of the innermost scope is declared with.
    pub fn declare_type(&mut self, name: &str, ty: Option<&TypeExpression>) {
        let bounded = |axis: &AxisExpression| matches!(axis, AxisExpression::Bounded { .. });
        let ty = ty.filter(|ty| ty.axes.iter().flatten().any(bounded));
        let Some(scope) = self.scopes.last_mut() else { return };
        match ty {
            Some(ty) => scope.types.insert(name.to_owned(), Rc::new(ty.clone())),
            None => scope.types.remove(name),
        };
    }

    /// A size or axis by name.
    pub fn size(&self, name: &str) -> Option<SizeKey> {
        self.scopes.iter().rev().find_map(|scope| scope.sizes.get(name)).copied()
    }

    /// Binds a value in the innermost scope.
    pub fn set(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.values.insert(name.to_owned(), value);
        }
    }

    /// Binds a size in the innermost scope.
    pub fn set_size(&mut self, name: &str, key: SizeKey) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.sizes.insert(name.to_owned(), key);
        }
    }

    /// Changes a value where it is bound.
    pub fn assign(&mut self, name: &str, value: Value) {
        let scope = self.scopes.iter_mut().rev().find(|scope| scope.values.contains_key(name));
        if let Some(scope) = scope {
            scope.values.insert(name.to_owned(), value);
        }
    }

    /// All names that can be seen.
    pub fn names(&self) -> Vec<String> {
        let scopes = self.scopes.iter();
        scopes.flat_map(|scope| scope.values.keys().chain(scope.sizes.keys())).cloned().collect()
    }

    /// The dotted name of something declared here.
    pub fn dotted(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}
