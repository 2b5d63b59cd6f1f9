//! Applying rules until nothing new is found, or a limit on terms or rounds is met; never a limit on time.

use crate::analysis::Graph;
use crate::classes::Watched;
use crate::language::Id;
use crate::proof::{Application, Log};
use crate::rule::{matches, Rule, Tree};
use moe_grammar::Span;

/// Where terms come from, by the id under which each was added.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// The rule that added it; `None` for terms of the source.
    pub rules: Vec<Option<&'static str>>,
    /// The source it comes from, or that the rule was applied to.
    pub spans: Vec<Option<Span>>,
}

impl Origins {
    /// Gives all terms that are new since the last call an origin.
    pub fn extend(&mut self, graph: &Graph, rule: Option<&'static str>, span: Option<Span>) {
        self.rules.resize(graph.nodes().len(), rule);
        self.spans.resize(graph.nodes().len(), span);
    }

    /// The span of a class, or rather of the term that it is called by.
    pub fn span(&self, id: Id) -> Option<Span> {
        self.spans.get(usize::from(id)).copied().flatten()
    }
}

/// Limits on saturation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Terms ever added.
    pub terms: usize,
    /// Rounds.
    pub rounds: usize,
}

struct Step {
    rule: usize,
    root: Id,
    left: Tree,
    right: Tree,
    rests: Option<Application>,
}

/// Applies the rules; `fired` counts for each how often it made two classes one, `log` notes each time in full.
pub fn saturate(
    graph: &mut Graph,
    rules: &[&Rule],
    limits: Limits,
    origins: &mut Origins,
    fired: &mut [usize],
    mut log: Option<&mut Log>,
) {
    for _ in 0..limits.rounds {
        let mut changed = false;
        for step in search(graph, rules, limits.terms, log.is_some()) {
            if graph.nodes().len() >= limits.terms {
                break;
            }
            if apply(graph, rules, &step, origins) {
                changed = true;
                if let (Some(log), Some(rests)) = (&mut log, step.rests) {
                    log.applied(rests);
                }
                if let Some(count) = fired.get_mut(step.rule) {
                    *count += 1;
                }
            }
        }
        graph.rebuild();
        if !changed || graph.nodes().len() >= limits.terms || graph.analysis.problem.is_some() {
            break;
        }
    }
}

/// What can be applied now, at most `limit` steps.
fn search(graph: &Graph, rules: &[&Rule], limit: usize, logged: bool) -> Vec<Step> {
    let mut classes: Vec<Id> = graph.classes().map(|class| class.id).collect();
    classes.sort();
    let mut steps = Vec::new();
    for (rule, entry) in rules.iter().enumerate() {
        for (shape, class) in
            entry.left.iter().flat_map(|shape| classes.iter().map(move |class| (shape, class)))
        {
            if steps.len() >= limit {
                return steps;
            }
            for site in matches(graph, shape, *class) {
                let watched = Watched::new(graph);
                let site = if logged { site.with(&watched) } else { site };
                let Ok(trees) = (entry.right)(&site) else { continue };
                let (root, left) = (site.root, site.left);
                steps.extend(trees.into_iter().map(|right| {
                    let rests =
                        logged.then(|| Application::new(graph, entry.name, (&left, &right), &watched));
                    Step { rule, root, left: left.clone(), right, rests }
                }));
            }
        }
    }
    steps
}

fn apply(graph: &mut Graph, rules: &[&Rule], step: &Step, origins: &mut Origins) -> bool {
    let Some(name) = rules.get(step.rule).map(|rule| rule.name) else { return false };
    let ((left, mut classes), (right, others)) = (step.left.pattern(), step.right.pattern());
    for node in right.as_ref() {
        if let egg::ENodeOrVar::Var(variable) = node {
            if let Some(id) = others.get(*variable) {
                classes.insert(*variable, *id);
            }
        }
    }
    let span = origins.span(graph.find(step.root));
    let (_, united) = graph.union_instantiations(&left, &right, &classes, name);
    origins.extend(graph, Some(name), span);
    united
}
