//! What is known entry by entry before any weight is: values made of tables, numbers and coordinates alone. Supports that are such values say which
//! places along an axis can be left out.

use crate::analysis::Graph;
use crate::classes::Classes;
use crate::language::{class, Term};
use egg::Id;
use moe_graph::{
    Axis, AxisId, Element, Operation, ReduceKind, Scalar, ScalarFunction, SupportExpression, SupportOperand,
    Type,
};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// The most entries of a value that are worked out.
const ENTRIES: usize = 1 << 16;
/// The most lists of places that one function gets.
const LISTS: usize = 32;

/// A value, entry by entry.
#[derive(Clone, Debug)]
pub struct Entries {
    /// Its axes.
    pub axes: Vec<AxisId>,
    lengths: Vec<usize>,
    values: Vec<Scalar>,
}

/// A list of places along an axis as a table, and the axis of the list.
#[derive(Clone, Debug)]
pub struct Places {
    /// The axis that they are places of; where a proof is checked it is not said.
    pub of: Option<AxisId>,
    /// The axis of the list.
    pub into: AxisId,
    /// The table, by index: the places in ascending order.
    pub table: u32,
}

impl Entries {
    fn scalar(value: Scalar) -> Self {
        Entries { axes: Vec::new(), lengths: Vec::new(), values: vec![value] }
    }

    /// The entries in the order of the axes, the last one fastest.
    pub fn values(&self) -> &[Scalar] {
        &self.values
    }

    /// For each place along an axis whether any entry there is true; of a value that lacks the axis, everywhere the same.
    fn any_along(&self, axis: AxisId, length: usize) -> Vec<bool> {
        let Some(place) = self.axes.iter().position(|own| *own == axis) else {
            return vec![self.values.iter().any(|value| value.is_true()); length];
        };
        let inner: usize = self.lengths.iter().skip(place + 1).product();
        let mut found = vec![false; length];
        for (entry, value) in self.values.iter().enumerate().filter(|(_, value)| value.is_true()) {
            let at = entry / inner.max(1) % length.max(1);
            found.get_mut(at).into_iter().for_each(|found| *found |= value.is_true());
        }
        found
    }

    /// The entry at these places along the axes.
    fn at(&self, axes: &[AxisId], places: &[usize]) -> Option<Scalar> {
        let mut entry = 0;
        for (axis, length) in self.axes.iter().zip(&self.lengths) {
            let place = axes.iter().position(|own| own == axis).and_then(|place| places.get(place))?;
            entry = entry * length + place;
        }
        self.values.get(entry).copied()
    }
}

/// The entries of a class, if they are known. The terms that they were found by are noted with [`Classes::rests_on`].
pub fn entries(graph: &dyn Classes, id: Id) -> Option<Rc<Entries>> {
    Search { graph, found: HashMap::new() }.class(id)
}

/// The length of an axis that has as many entries in every step.
fn length(graph: &dyn Classes, axis: AxisId) -> Option<usize> {
    let axis = graph.knowledge().function.axis(axis).filter(|axis| !axis.ragged)?;
    usize::try_from(axis.size.as_constant()?).ok()
}

struct Search<'a> {
    graph: &'a dyn Classes,
    found: HashMap<Id, Option<Rc<Entries>>>,
}

impl Search<'_> {
    fn class(&mut self, id: Id) -> Option<Rc<Entries>> {
        let id = self.graph.find(id);
        if let Some(known) = self.found.get(&id) {
            return known.clone();
        }
        // A value that is made of itself is known by other terms, or not at all.
        self.found.insert(id, None);
        if !self.graph.is_invariant(id) {
            return None;
        }
        let (term, entries) =
            self.graph.terms(id).iter().find_map(|term| Some((term, Rc::new(self.term(term)?))))?;
        self.graph.rests_on(id, term);
        self.found.insert(id, Some(entries.clone()));
        Some(entries)
    }

    fn length(&self, axis: AxisId) -> Option<usize> {
        length(self.graph, axis)
    }

    fn term(&mut self, term: &Term) -> Option<Entries> {
        let knowledge = self.graph.knowledge();
        match &term.operation {
            Operation::Constant(value) => Some(Entries::scalar(*value)),
            Operation::Coordinate(axis) => {
                let length = self.length(*axis).filter(|length| *length <= ENTRIES)?;
                let values = (0..length).map(|place| Scalar::index(place as i64)).collect();
                Some(Entries { axes: vec![*axis], lengths: vec![length], values })
            }
            Operation::Table(index) => {
                let values = knowledge.tables.get(*index as usize).filter(|all| all.len() <= ENTRIES)?;
                let axes = knowledge.given.get(&term.operation)?.axes.clone();
                let lengths = axes.iter().map(|axis| self.length(*axis)).collect::<Option<_>>()?;
                Some(Entries { axes, lengths, values: values.clone() })
            }
            Operation::Map { function, absorb } => {
                self.each(&term.operands, &|operands| function.apply(*absorb, operands))
            }
            Operation::Cast(element) => {
                self.each(&term.operands, &|operands| Some(operands.first()?.cast(*element)))
            }
            Operation::Gather { axis } => self.gather(*axis, &term.operands),
            _ => None,
        }
    }

    /// A scalar function of operands, entry by entry.
    fn each(&mut self, operands: &[Id], function: &dyn Fn(&[Scalar]) -> Option<Scalar>) -> Option<Entries> {
        let operands: Vec<Rc<Entries>> =
            operands.iter().map(|operand| self.class(*operand)).collect::<Option<_>>()?;
        let axes = operands.iter().flat_map(|operand| operand.axes.iter().copied()).collect();
        self.by_place(axes, |axes, places| {
            let own: Option<Vec<Scalar>> = operands.iter().map(|operand| operand.at(axes, places)).collect();
            function(&own?)
        })
    }

    /// The entries of a table that an index names.
    fn gather(&mut self, axis: AxisId, operands: &[Id]) -> Option<Entries> {
        let [table, index] = operands else { return None };
        let (table, index) = (self.class(*table)?, self.class(*index)?);
        let others = table.axes.iter().copied().filter(|own| *own != axis);
        self.by_place(others.chain(index.axes.iter().copied()).collect(), |axes, places| {
            let row = usize::try_from(index.at(axes, places)?.as_integer()?).ok()?;
            let length = table.axes.iter().zip(&table.lengths).find(|(own, _)| **own == axis)?.1;
            if row >= *length {
                return None;
            }
            table.at(&[axes, &[axis]].concat(), &[places, &[row]].concat())
        })
    }

    /// A value worked out place by place.
    fn by_place(
        &self,
        axes: BTreeSet<AxisId>,
        entry: impl Fn(&[AxisId], &[usize]) -> Option<Scalar>,
    ) -> Option<Entries> {
        let axes: Vec<AxisId> = axes.into_iter().collect();
        let lengths: Vec<usize> = axes.iter().map(|axis| self.length(*axis)).collect::<Option<_>>()?;
        let count = lengths.iter().try_fold(1_usize, |all, length| all.checked_mul(*length))?;
        if count > ENTRIES {
            return None;
        }
        let mut places = vec![0; axes.len()];
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(entry(&axes, &places)?);
            for (place, length) in places.iter_mut().zip(&lengths).rev() {
                *place += 1;
                if *place < *length {
                    break;
                }
                *place = 0;
            }
        }
        Some(Entries { axes, lengths, values })
    }
}

/// Where along an axis a relation may be true at all; `None` if nothing is known of it.
pub fn possible(
    graph: &dyn Classes,
    expression: &SupportExpression,
    axis: AxisId,
    length: usize,
) -> Option<Vec<bool>> {
    let parts = |parts: &mut dyn Iterator<Item = &SupportExpression>, both: fn(bool, bool) -> bool| {
        let known = parts.map(|part| possible(graph, part, axis, length));
        known.map(|part| part.unwrap_or_else(|| vec![true; length])).reduce(|mut all, part| {
            all.iter_mut().zip(part).for_each(|(own, other)| *own = both(*own, other));
            all
        })
    };
    match expression {
        SupportExpression::Empty => Some(vec![false; length]),
        SupportExpression::Mask(key) => Some(entries(graph, class(*key))?.any_along(axis, length)),
        SupportExpression::Union(all) => parts(&mut all.iter(), |a, b| a || b),
        SupportExpression::Intersection(all) => parts(&mut all.iter(), |a, b| a && b),
        SupportExpression::Apply(operation, operands) => {
            let supports = operands.iter().filter_map(|operand| match operand {
                SupportOperand::Support(inner) => Some(inner),
                SupportOperand::Value(_) => None,
            });
            match &**operation {
                // A part of what it is joined with by `and`; what is no support of its own may be true anywhere.
                Operation::Map { function: ScalarFunction::And, .. } => {
                    parts(&mut supports.into_iter(), |a, b| a && b)
                }
                Operation::Reduce { kind: ReduceKind::Any, axes } if !axes.contains(&axis) => {
                    possible(graph, supports.into_iter().next()?, axis, length)
                }
                Operation::Rename { from, to } if *to == axis => {
                    possible(graph, supports.into_iter().next()?, *from, length)
                }
                _ => None,
            }
        }
    }
}

/// Finds the reductions along an axis of values that are the identity at places that are known, and adds a list of the others for each; whether there
/// is one that was not there.
pub fn choose(graph: &mut Graph) -> bool {
    let mut classes: Vec<Id> = graph.classes().map(|class| class.id).collect();
    classes.sort();
    let mut lists: Vec<(AxisId, Vec<i64>)> = Vec::new();
    for term in classes.iter().flat_map(|class| &graph[*class].nodes) {
        let (Operation::Reduce { kind, axes }, [operand]) = (&term.operation, term.operands.as_slice())
        else {
            continue;
        };
        for axis in axes {
            let found = left(graph, *kind, *axis, *operand).filter(|places| !places.is_empty());
            let found = found.map(|places| (*axis, places));
            lists.extend(found.filter(|found| !lists.contains(found)));
        }
    }
    lists.truncate(LISTS);
    for (axis, places) in &lists {
        add(graph, *axis, places);
    }
    !lists.is_empty()
}

/// The places along an axis at which a value may be something else than what a reduction begins with; `None` if that may be everywhere.
pub fn left(graph: &dyn Classes, kind: ReduceKind, axis: AxisId, operand: Id) -> Option<Vec<i64>> {
    let data = graph.data(operand);
    let fact = data.fact.as_ref().filter(|_| data.ty.has(axis))?;
    let identity = kind.identity(data.ty.element);
    let neutral = fact.background == identity || (fact.background.is_zero() && identity.is_zero());
    let length = length(graph, axis)?;
    let possible = possible(graph, &fact.support.expression, axis, length).filter(|_| neutral)?;
    let places: Vec<i64> = possible
        .iter()
        .enumerate()
        .filter(|(_, possible)| **possible)
        .map(|(place, _)| place as i64)
        .collect();
    (places.len() < length).then_some(places)
}

fn add(graph: &mut Graph, axis: AxisId, places: &[i64]) {
    let knowledge = &mut graph.analysis;
    let name = format!("{}_left", knowledge.function.axis(axis).map_or("", |axis| &axis.name));
    let size = (places.len() as i64).into();
    knowledge.function.axes.push(Axis { name, size, ragged: false });
    let into = AxisId(knowledge.function.axes.len() as u32 - 1);
    knowledge.tables.push(places.iter().map(|place| Scalar::index(*place)).collect());
    let table = knowledge.tables.len() as u32 - 1;
    let ty = Type { element: Element::I64, axes: vec![into] };
    knowledge.given.insert(Operation::Table(table), ty);
    knowledge.places.push(Places { of: Some(axis), into, table });
}
