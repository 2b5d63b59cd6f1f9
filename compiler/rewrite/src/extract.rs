//! Choosing one term for each class: greedy from the leaves up, with the cost of shared work counted once.
//!
//! For each class the cheapest term known is kept with the set of classes it needs and the cost of each; a term's cost is that of the union of its operands' sets.
//! Where sets disagree on the cost of a class the higher is taken, so that a term is never cheaper than an operand; with choices only replaced by
//! strictly cheaper ones, and never by one whose set holds the class itself, what is chosen has no cycles. Ties go to the first term.
//!
//! What one class needs says nothing of what others share with it, so single choices are then changed as long as that makes the whole cheaper.
//! Some forms only pay when several choices change together: the forward and the gradient of one mixture, or two sums that could share the rows of both.
//! So this is done from two beginnings, with and without what it takes to start loop nests, and then again without each packed axis that the
//! best form has; the cheapest of all is kept.

use crate::analysis::Graph;
use crate::convert::found;
use crate::language::{packed_axis, Term};
use egg::Id;
use moe_graph::AxisId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Added to every term, in seconds: the model is no finer than this, and of nearly equal forms the one with fewer terms is better.
const EACH: f64 = 1e-7;

/// The term chosen for each class that the roots need.
pub type Chosen = BTreeMap<Id, Term>;

/// The predicted time of a term.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Price {
    /// Arithmetic and memory, in seconds.
    pub work: f64,
    /// Starting loop nests, in seconds.
    pub launches: f64,
    /// Whether it is worked out once and not in each step.
    pub once: bool,
}

impl Price {
    /// What every term costs.
    fn each(&self) -> f64 {
        if self.once {
            EACH * 1e-3
        } else {
            EACH
        }
    }
}

struct Entry {
    place: usize,
    class: usize,
    term: Term,
    operands: Vec<usize>,
    price: Price,
    /// What it costs in the search that is under way.
    cost: f64,
    seen: u64,
}

impl Entry {
    fn whole(&self) -> f64 {
        self.price.work + self.price.launches + self.price.each()
    }
}

#[derive(Clone, Default)]
struct Best {
    entry: Option<usize>,
    total: f64,
    needs: Vec<(usize, f64)>,
    stamp: u64,
}

/// The cheapest acyclic form found; `None` if a root has none, which cannot be where roots come from a graph.
///
/// Of the roots, those in `always` decide what is cheap.
pub fn extract(
    graph: &Graph,
    roots: &[Id],
    always: &[Id],
    price: &dyn Fn(&Term, Id) -> Price,
) -> Option<Chosen> {
    let (mut search, ids) = Search::new(graph, roots, always, price)?;
    let choices = search.best()?;
    collect(graph, roots, &ids, &search.entries, &choices)
}

/// A quick look at whether a search would find something that costs less than `share` of what `chosen` does at these prices: one beginning, without
/// trying to do without packed axes.
pub fn is_beaten(
    graph: &Graph,
    roots: &[Id],
    always: &[Id],
    price: &dyn Fn(&Term, Id) -> Price,
    (chosen, share): (&Chosen, f64),
) -> Option<bool> {
    let (mut search, ids) = Search::new(graph, roots, always, price)?;
    let (best, _) = search.from(|price| price.work + price.launches + EACH)?;
    let mut choices: Choices = vec![None; ids.len()];
    for entry in &search.entries {
        let own = ids.get(entry.class).and_then(|id| chosen.get(id));
        if own.is_some_and(|own| *own == found(graph, &entry.term)) {
            choices.get_mut(entry.class).into_iter().for_each(|choice| *choice = Some(entry.place));
        }
    }
    let known = whole(&search.entries, &choices, &search.always)?.total;
    Some(best < known * share)
}

/// The most visits of terms and classes that a search may take.
const VISITS: usize = 10_000_000;

type Choices = Vec<Option<usize>>;

struct Search {
    entries: Vec<Entry>,
    components: Vec<Vec<Id>>,
    always: Vec<usize>,
    /// Packed axes that forms must do without.
    left_out: BTreeSet<AxisId>,
    visits: usize,
}

impl Search {
    /// The terms that roots may need in any form, with their prices; and the class of each place.
    fn new(
        graph: &Graph,
        roots: &[Id],
        always: &[Id],
        price: &dyn Fn(&Term, Id) -> Price,
    ) -> Option<(Self, Vec<Id>)> {
        let components = components(graph, roots);
        let ids: Vec<Id> = components.iter().flatten().copied().collect();
        let places: HashMap<Id, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let mut entries = Vec::new();
        for (class, id) in ids.iter().enumerate() {
            for term in &graph[*id].nodes {
                let operands: Option<Vec<usize>> =
                    term.operands.iter().map(|operand| places.get(&graph.find(*operand)).copied()).collect();
                let (place, price) = (entries.len(), price(term, *id));
                let (term, operands) = (term.clone(), operands?);
                entries.push(Entry { place, class, term, operands, price, cost: 0.0, seen: 0 });
            }
        }
        let always = always.iter().filter_map(|root| places.get(&graph.find(*root)).copied()).collect();
        Some((Search { entries, components, always, left_out: BTreeSet::new(), visits: 0 }, ids))
    }

    fn best(&mut self) -> Option<Choices> {
        let (mut total, mut choices) = self.cheaper_of_both()?;
        for axis in self.packed(&choices) {
            if self.visits > VISITS {
                break;
            }
            self.left_out.insert(axis);
            match self.cheaper_of_both() {
                Some((less, without)) if less < total * (1.0 - 1e-9) => (total, choices) = (less, without),
                _ => {
                    self.left_out.remove(&axis);
                }
            }
        }
        Some(choices)
    }

    /// The cheaper of what the two beginnings lead to, and its cost; the first of equals.
    fn cheaper_of_both(&mut self) -> Option<(f64, Choices)> {
        let first = self.from(|price| price.work + price.launches + price.each());
        if self.visits > VISITS {
            return first;
        }
        let second = self.from(|price| price.work + price.each() * 1e-3);
        match (first, second) {
            (Some(first), Some(second)) if second.0 < first.0 * (1.0 - 1e-9) => Some(second),
            (Some(first), _) => Some(first),
            (None, second) => second,
        }
    }

    /// Each class by itself with terms at these costs, then single choices changed; and what it really costs.
    fn from(&mut self, cost: fn(&Price) -> f64) -> Option<(f64, Choices)> {
        for entry in &mut self.entries {
            let out = packed_axis(&entry.term.operation).is_some_and(|axis| self.left_out.contains(&axis));
            (entry.cost, entry.seen) = (if out { f64::INFINITY } else { cost(&entry.price) }, 0);
        }
        self.visits += self.entries.len();
        let best = settle(&mut self.entries, &self.components);
        for entry in &mut self.entries {
            entry.cost = if entry.cost.is_finite() { entry.whole() } else { entry.cost };
        }
        let mut choices: Choices = best.iter().map(|best| best.entry).collect();
        let total = improve(&self.entries, &mut choices, &self.always, &mut self.visits)?;
        total.is_finite().then_some((total, choices))
    }

    /// The packed axes that chosen terms have.
    fn packed(&self, choices: &Choices) -> BTreeSet<AxisId> {
        let Some(whole) = whole(&self.entries, choices, &self.always) else { return BTreeSet::new() };
        let entries = whole.classes.iter().filter_map(|class| self.entries.get((*choices.get(*class)?)?));
        entries.filter_map(|entry| packed_axis(&entry.term.operation)).collect()
    }
}

/// The classes that the roots may need in any form: sets that need each other, those before others that the others need (Kosaraju's algorithm).
fn components(graph: &Graph, roots: &[Id]) -> Vec<Vec<Id>> {
    let order = ordered(graph, roots);
    let places: HashMap<Id, usize> = order.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut users: HashMap<Id, Vec<Id>> = HashMap::new();
    for class in &order {
        for operand in graph[*class].nodes.iter().flat_map(|term| &term.operands) {
            users.entry(graph.find(*operand)).or_default().push(*class);
        }
    }
    let mut seen = HashSet::new();
    let mut components = Vec::new();
    for class in order.iter().rev() {
        let (mut open, mut component) = (vec![*class], Vec::new());
        while let Some(class) = open.pop() {
            if seen.insert(class) {
                component.push(class);
                open.extend(users.get(&class).into_iter().flatten());
            }
        }
        component.sort_by_key(|class| places.get(class));
        components.push(component);
    }
    components.reverse();
    components
}

/// The classes that the roots may need, operands before users as far as there are no cycles.
fn ordered(graph: &Graph, roots: &[Id]) -> Vec<Id> {
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    let mut open: Vec<(Id, bool)> = roots.iter().rev().map(|root| (graph.find(*root), false)).collect();
    while let Some((class, done)) = open.pop() {
        if done {
            order.push(class);
        } else if seen.insert(class) {
            open.push((class, true));
            let operands = graph[class].nodes.iter().flat_map(|term| &term.operands);
            open.extend(
                operands.map(|operand| (graph.find(*operand), false)).filter(|(id, _)| !seen.contains(id)),
            );
        }
    }
    order
}

/// Changes single choices as long as that makes the whole cheaper; what it costs then, `None` if the roots have no form without cycles.
fn improve(
    entries: &[Entry],
    choices: &mut [Option<usize>],
    roots: &[usize],
    visits: &mut usize,
) -> Option<f64> {
    let mut forms = vec![Vec::new(); choices.len()];
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.cost.is_finite()) {
        forms.get_mut(entry.class).into_iter().for_each(|forms: &mut Vec<usize>| forms.push(place));
    }
    let mut whole = whole(entries, choices, roots)?;
    loop {
        let mut improved = false;
        for class in whole.classes.clone() {
            for form in forms.get(class).into_iter().flatten() {
                let Some(choice) = choices.get_mut(class) else { continue };
                let Some(old) = choice.replace(*form).filter(|old| old != form) else { continue };
                let changed = self::whole(entries, choices, roots);
                *visits += whole.classes.len();
                match changed {
                    Some(changed) if changed.total < whole.total * (1.0 - 1e-9) => {
                        (whole, improved) = (changed, true);
                    }
                    _ => choices.get_mut(class).into_iter().for_each(|choice| *choice = Some(old)),
                }
            }
            if *visits > VISITS {
                return Some(whole.total);
            }
        }
        if !improved {
            return Some(whole.total);
        }
    }
}

struct Whole {
    total: f64,
    /// In the order in which they can be computed.
    classes: Vec<usize>,
}

/// What the roots need under the choices, and its cost; `None` if the choices have a cycle.
fn whole(entries: &[Entry], choices: &[Option<usize>], roots: &[usize]) -> Option<Whole> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; choices.len()];
    let mut found = Whole { total: 0.0, classes: Vec::new() };
    let mut open: Vec<usize> = roots.to_vec();
    while let Some(class) = open.last().copied() {
        let entry = entries.get((*choices.get(class)?)?)?;
        let state = states.get_mut(class)?;
        match state {
            State::New => {
                *state = State::Open;
                for operand in &entry.operands {
                    match states.get(*operand)? {
                        State::New => open.push(*operand),
                        State::Open => return None,
                        State::Done => {}
                    }
                }
            }
            State::Open => {
                *state = State::Done;
                open.pop();
                found.total += entry.cost;
                found.classes.push(class);
            }
            State::Done => {
                open.pop();
            }
        }
    }
    Some(found)
}

/// The best term of each class: component by component, so that what is settled never changes again.
fn settle(entries: &mut [Entry], components: &[Vec<Id>]) -> Vec<Best> {
    let mut best = vec![Best::default(); components.iter().map(Vec::len).sum()];
    let (mut clock, mut first, mut rest) = (1, 0, entries);
    for component in components {
        first += component.len();
        let count = rest.iter().take_while(|entry| entry.class < first).count();
        let (own, others) = rest.split_at_mut(count);
        while pass(own, &mut best, &mut clock) {}
        rest = others;
    }
    best
}

/// Looks at each term whose operands have changed; whether a class found a better one.
fn pass(entries: &mut [Entry], best: &mut [Best], clock: &mut u64) -> bool {
    let before = *clock;
    for entry in entries {
        let stamps = entry.operands.iter().map(|operand| best.get(*operand).map_or(0, |best| best.stamp));
        let newest = stamps.clone().max().unwrap_or(1);
        if stamps.clone().any(|stamp| stamp == 0) || newest <= entry.seen {
            continue;
        }
        entry.seen = newest;
        let Some(needs) = needs(entry, best) else { continue };
        let total: f64 = needs.iter().map(|(_, cost)| cost).sum();
        let Some(known) = best.get_mut(entry.class) else { continue };
        if known.stamp == 0 || total < known.total * (1.0 - 1e-9) {
            *clock += 1;
            *known = Best { entry: Some(entry.place), total, needs, stamp: *clock };
        }
    }
    *clock != before
}

/// The classes that a term needs, its own included; `None` if its operands need its own.
fn needs(entry: &Entry, best: &[Best]) -> Option<Vec<(usize, f64)>> {
    let own = vec![(entry.class, entry.cost)];
    entry.operands.iter().try_fold(own, |all, operand| {
        let needs = &best.get(*operand)?.needs;
        let circular = needs.binary_search_by_key(&entry.class, |(class, _)| *class).is_ok();
        (!circular).then(|| union(&all, needs))
    })
}

fn union(a: &[(usize, f64)], b: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (Some((x, cost)), Some((y, other))) if x == y => {
                all.push((*x, cost.max(*other)));
                left.next();
                right.next();
            }
            (Some((x, _)), Some((y, _))) if x < y => all.extend(left.next()),
            (_, Some(_)) => all.extend(right.next()),
            (Some(_), None) => all.extend(left.next()),
            (None, None) => return all,
        }
    }
}

fn collect(
    graph: &Graph,
    roots: &[Id],
    ids: &[Id],
    entries: &[Entry],
    choices: &[Option<usize>],
) -> Option<Chosen> {
    let places: HashMap<Id, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut chosen = Chosen::new();
    let mut open: Vec<usize> =
        roots.iter().filter_map(|root| places.get(&graph.find(*root)).copied()).collect();
    while let Some(place) = open.pop() {
        let id = *ids.get(place)?;
        if chosen.contains_key(&id) {
            continue;
        }
        let entry = entries.get((*choices.get(place)?)?)?;
        chosen.insert(id, found(graph, &entry.term));
        open.extend(&entry.operands);
    }
    Some(chosen)
}
