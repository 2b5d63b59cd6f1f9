//! What saturation did, noted so that a proof can be made of it.

use crate::analysis::{Evidence, Graph};
use crate::classes::Watched;
use crate::language::{class, Id, Term};
use crate::rule::Tree;
use moe_graph::{SupportExpression, SupportOperand};
use std::collections::BTreeSet;

/// All that made classes equal, in order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The applications of rules.
    pub applications: Vec<Application>,
    /// For each packed axis, how many of them there were when its mask was chosen.
    pub before_masks: Vec<usize>,
    /// For each packed axis, the keys of its support and the classes that they were in.
    pub masks: Vec<Vec<(Id, Id)>>,
}

/// A rule applied: an equation, and what its conditions read.
#[derive(Clone, Debug)]
pub struct Application {
    /// The rule.
    pub rule: &'static str,
    /// What was found, over classes as they were called then.
    pub left: Tree,
    /// What it is equal to.
    pub right: Tree,
    /// The classes whose data the conditions read, and where these came from.
    pub read: Vec<(Id, Evidence)>,
    /// Keys of masks in what was read, and the classes that they were in.
    pub keys: Vec<(Id, Id)>,
    /// Terms of classes that the conditions looked at.
    pub terms: Vec<(Id, Term)>,
}

impl Log {
    /// Notes an application.
    pub fn applied(&mut self, application: Application) {
        self.applications.push(application);
    }

    /// Notes the masks that the graph has just been given.
    pub fn chose_masks(&mut self, graph: &Graph) {
        self.before_masks.resize(graph.analysis.candidates.len(), self.applications.len());
        // Those of masks chosen before stay as they were.
        let known = graph.analysis.candidates.iter().map(|candidate| {
            let fact = graph[candidate.witness.0].data.fact.as_ref();
            let mut keys = Vec::new();
            fact.into_iter().for_each(|fact| keys_of(&fact.support.expression, &mut keys));
            keys.extend([candidate.mask]);
            together(graph, keys)
        });
        self.masks.extend(known.skip(self.masks.len()).collect::<Vec<_>>());
    }
}

impl Application {
    /// An application as things stand, whose conditions read what was watched.
    pub fn new(graph: &Graph, rule: &'static str, (left, right): (&Tree, &Tree), watched: &Watched) -> Self {
        let (read, mut keys) = (watched.read(), Vec::new());
        for id in &read {
            let fact = graph[*id].data.fact.as_ref();
            fact.into_iter().for_each(|fact| keys_of(&fact.support.expression, &mut keys));
        }
        for candidate in &graph.analysis.candidates {
            if right.names(candidate.axis) {
                keys_of(&candidate.expression, &mut keys);
                keys.push(candidate.mask);
            }
        }
        let read = read.iter().map(|id| (*id, graph[*id].data.evidence)).collect();
        let (left, right, keys) = (left.clone(), right.clone(), together(graph, keys));
        let terms = watched.terms().into_iter().collect();
        Application { rule, left, right, read, keys, terms }
    }
}

fn together(graph: &Graph, keys: Vec<Id>) -> Vec<(Id, Id)> {
    let keys: BTreeSet<Id> = keys.into_iter().collect();
    keys.into_iter().map(|key| (key, graph.find(key))).collect()
}

fn keys_of(expression: &SupportExpression, keys: &mut Vec<Id>) {
    match expression {
        SupportExpression::Empty => {}
        SupportExpression::Mask(key) => keys.push(class(*key)),
        SupportExpression::Union(parts) | SupportExpression::Intersection(parts) => {
            parts.iter().for_each(|part| keys_of(part, keys));
        }
        SupportExpression::Apply(_, operands) => {
            for operand in operands {
                match operand {
                    SupportOperand::Support(inner) => keys_of(inner, keys),
                    SupportOperand::Value(key) => keys.push(class(*key)),
                }
            }
        }
    }
}
