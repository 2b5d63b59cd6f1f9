//! Rewriting: from the dense graph that was written to the cheapest equal one that the rules find.
//!
//! Each function becomes an e-graph of its own. Rules run in two phases: folding and the shape of contractions first; then, with a
//! packed axis for each mask that bounds a value, the algebra of packing. What is cheapest is decided on the graph with shared work counted once
//! (`cost.rs`, `extract.rs`). The report says what was chosen, what it saves, which rules made it, and which bounded work stayed dense.
//!
//! `README.md` has the rules for writing rules.

mod analysis;
mod classes;
mod convert;
mod cost;
mod dense;
mod extract;
mod forms;
mod language;
mod listing;
mod machine;
mod masks;
mod proof;
mod report;
mod rule;
mod rules;
mod saturate;
mod sign;
mod sizes;
mod statics;
mod totals;

pub use dense::DenseWork;
pub use forms::{forms, prove_forms, Form, Forms};
pub use machine::MachineDescription;
pub use proof::{FunctionProof, Line, Proof, Refusal, TextProblem};
pub use report::{separated, FunctionReport, PackedAxis, Report, RuleUse};
pub use totals::Totals;

use analysis::Graph;
use convert::{classes, load, roots, store, Loaded};
use extract::{extract, Chosen, Price};
use language::Term;
use moe_grammar::Span;
use moe_graph::{invariant_parameters, AxisId, Function, Module, Size, TypeError};
use proof::Log;
use rule::Rule;
use saturate::{saturate, Limits};
use sizes::Nominal;
use std::collections::{BTreeMap, HashSet};

/// How to rewrite.
#[derive(Clone, Debug)]
pub struct Options {
    /// What free sizes are taken to be when forms are compared; others are `default_size`.
    pub sizes: BTreeMap<String, i64>,
    /// What every other free size is taken to be.
    pub default_size: i64,
    /// The machine that forms are compared for.
    pub machine: MachineDescription,
    /// The most terms an e-graph may hold; rewriting stops there with what it has.
    pub term_limit: usize,
    /// The most rounds of rules in each phase.
    pub round_limit: usize,
    /// The most masks that values of one function are packed by.
    pub mask_limit: usize,
    /// The names of the rules to use; `None` for all.
    pub rules: Option<Vec<String>>,
    /// The groups of rules that are equal in real arithmetic only, and that were asked for; see [`RuleDescription::fast_math`].
    pub fast_math: Vec<String>,
    /// Whether [`forms`] may give several forms for several numbers of rows.
    pub forms: bool,
    /// Whether to choose what rules made over what was written, whatever it costs: for tests of rules.
    pub prefer_rewritten: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sizes: BTreeMap::new(),
            default_size: 128,
            machine: MachineDescription::default(),
            term_limit: 20_000,
            round_limit: 40,
            mask_limit: 256,
            rules: None,
            fast_math: Vec::new(),
            forms: true,
            prefer_rewritten: false,
        }
    }
}

/// A rewritten module, and what was done.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The module: the same functions, parameters and outputs.
    pub module: Module,
    /// What was done.
    pub report: Report,
}

/// Why a module cannot be rewritten: each is a bug of whoever built the graph, or of a rule.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RewriteError {
    /// Operands that do not come before the nodes that use them.
    #[error("in `{function}`, a node uses one that does not come before it")]
    Order {
        /// The function.
        function: String,
    },
    /// A rule made values of different types equal.
    #[error("in `{function}`, an output or operation changed its type")]
    Type {
        /// The function.
        function: String,
    },
    /// What a rule built is no graph.
    #[error("in `{function}`, a rule made an operation that cannot be: {problem}")]
    Rule {
        /// The function.
        function: String,
        /// What is wrong.
        problem: String,
    },
    /// An operation does not take its operands.
    #[error(transparent)]
    Graph(#[from] TypeError),
    /// What was done has no proof.
    #[error("what was chosen cannot be proven equal to what was written: {why}")]
    Proof {
        /// What is missing.
        why: String,
    },
    /// The proof does not hold.
    #[error("the proof does not hold: {0}")]
    Refused(#[from] Refusal),
}

/// A rule as people see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuleDescription {
    /// Its name.
    pub name: &'static str,
    /// Its equation.
    pub equation: &'static str,
    /// Why it pays.
    pub reason: &'static str,
    /// The group it is asked for by, if it changes results by more than the rounding of sums and products in another order.
    pub fast_math: Option<&'static str>,
}

/// All rules there are.
pub fn rules() -> Vec<RuleDescription> {
    let describe = |rule: &Rule| RuleDescription {
        name: rule.name,
        equation: rule.equation,
        reason: rule.reason,
        fast_math: rule.fast_math,
    };
    rules::all().iter().map(describe).collect()
}

/// Rewrites each function of a module by itself, in the one form that is cheapest where free sizes are what the options say.
///
/// # Errors
/// If the module is not well formed, or a rule is wrong.
pub fn rewrite(module: &Module, options: &Options) -> Result<Rewritten, RewriteError> {
    Ok(rewrite_once(module, options, false)?.rewritten)
}

/// As [`rewrite`], with a proof that each function made computes what was written. It has been checked.
///
/// # Errors
/// If the module is not well formed, a rule is wrong, or what was done cannot be proven.
pub fn prove(module: &Module, options: &Options) -> Result<(Rewritten, Proof), RewriteError> {
    let Made { rewritten, proof, .. } = rewrite_once(module, options, true)?;
    checked(module, &rewritten, &proof)?;
    Ok((rewritten, proof))
}

/// That a proof holds, and that it is about what was made.
fn checked(module: &Module, rewritten: &Rewritten, proof: &Proof) -> Result<(), RewriteError> {
    check_proof(proof)?;
    proof.connects(module, &rewritten.module).map_err(|why| RewriteError::Proof { why })
}

fn rewrite_once(module: &Module, options: &Options, proofs: bool) -> Result<Made, RewriteError> {
    let mut made = rewrite_each(module, options, &[options.default_size], proofs)?;
    made.pop().ok_or_else(|| RewriteError::Order { function: String::new() })
}

/// Checks a proof by itself: that each line holds and that its results follow. [`Proof::connects`] says what it is a proof of.
///
/// # Errors
/// With the first line that does not hold.
pub fn check_proof(proof: &Proof) -> Result<(), Refusal> {
    let rules = rules::all();
    proof::check(proof, &rules.iter().collect::<Vec<_>>())
}

/// A place where a rule's left side is found and a condition does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Miss {
    /// The function.
    pub function: String,
    /// The source of the value.
    pub span: Option<Span>,
    /// The condition that does not hold.
    pub why: &'static str,
}

/// Why a rule did not fire where it could have: each place once the other rules have done what they can, and how often it did fire.
///
/// # Errors
/// If the module is not well formed, or a rule is wrong.
pub fn why_not(module: &Module, options: &Options, name: &str) -> Result<(usize, Vec<Miss>), RewriteError> {
    let rules = rules::all();
    let rules: Vec<&Rule> = rules.iter().collect();
    let (mut times, mut misses) = (0, Vec::new());
    for (function, invariant) in module.functions.iter().zip(invariant_parameters(module)) {
        let mut loaded = load(function, &invariant, Nominal::usual(module, options), false)?;
        let fired = explore(&mut loaded, &rules, options, None)?;
        for (rule, fired) in rules.iter().zip(fired).filter(|(rule, _)| rule.name == name) {
            times += fired;
            misses.extend(missed(function, &loaded, rule));
        }
    }
    misses.dedup();
    Ok((times, misses))
}

fn missed(function: &Function, loaded: &Loaded, rule: &Rule) -> Vec<Miss> {
    let mut classes: Vec<_> = loaded.graph.classes().map(|class| class.id).collect();
    classes.sort();
    let mut misses: Vec<Miss> = Vec::new();
    for (shape, class) in rule.left.iter().flat_map(|shape| classes.iter().map(move |class| (shape, class))) {
        for site in rule::matches(&loaded.graph, shape, *class) {
            let Err(why) = (rule.right)(&site) else { continue };
            let miss = Miss { function: function.name.clone(), span: loaded.origins.span(*class), why };
            if !misses.contains(&miss) {
                misses.push(miss);
            }
        }
    }
    misses
}

/// A module made, with what is needed to say what it costs.
struct Made {
    rewritten: Rewritten,
    /// The rows to expect along the packed axes of each function.
    rows: Vec<BTreeMap<AxisId, Size>>,
    /// A proof of it, empty where none was asked for.
    proof: Proof,
}

impl Made {
    fn empty(module: &Module, options: &Options, nominal: Nominal) -> Self {
        let empty = || Module { functions: Vec::new(), entry: module.entry, offsets: module.offsets.clone() };
        let mut report = Report::new(nominal, options.machine);
        report.entry = module.entry as usize;
        Made {
            rewritten: Rewritten { module: empty(), report },
            rows: Vec::new(),
            proof: Proof { terms: empty(), functions: Vec::new() },
        }
    }
}

/// Makes each function anew, once for each number that free sizes are taken to be.
fn rewrite_each(
    module: &Module,
    options: &Options,
    points: &[i64],
    proofs: bool,
) -> Result<Vec<Made>, RewriteError> {
    let rules = rules::all();
    let chosen = |rule: &&Rule| {
        let asked = |group: &str| options.fast_math.iter().any(|name| name == group);
        options.rules.as_ref().is_none_or(|names| names.iter().any(|name| name == rule.name))
            && rule.fast_math.is_none_or(asked)
    };
    let rules: Vec<&Rule> = rules.iter().filter(chosen).collect();
    let usual = Nominal::usual(module, options);
    let points: Vec<Nominal> =
        points.iter().map(|point| Nominal::at(module, &options.sizes, *point)).collect();
    let mut made: Vec<Made> =
        points.iter().map(|point| Made::empty(module, options, point.clone())).collect();
    for (function, invariant) in module.functions.iter().zip(invariant_parameters(module)) {
        let source = Source { function, invariant: &invariant };
        let mut log = proofs.then(Log::default);
        let mut loaded = load(function, source.invariant, usual.clone(), proofs)?;
        let fired = explore(&mut loaded, &rules, options, log.as_mut())?;
        let mut first: Option<Chosen> = None;
        for (made, point) in made.iter_mut().zip(&points) {
            loaded.graph.analysis.nominal = point.clone();
            let chosen = match &first {
                Some(first) if !is_beaten(function, &loaded, options, first) => first.clone(),
                _ => choose(function, &loaded, options)?,
            };
            make(&source, &loaded, &chosen, log.as_ref(), made, (&rules, &fired))?;
            first.get_or_insert(chosen);
        }
    }
    Ok(made)
}

/// A function, and which of its parameters are the same in every step.
struct Source<'a> {
    function: &'a Function,
    invariant: &'a [bool],
}

/// Adds a function of these terms, and its report at the sizes that the e-graph has now.
fn make(
    source: &Source,
    loaded: &Loaded,
    chosen: &Chosen,
    log: Option<&Log>,
    made: &mut Made,
    (rules, fired): (&[&Rule], &[usize]),
) -> Result<(), RewriteError> {
    let function = source.function;
    let stored = store(function, loaded, chosen)?;
    if let Some(log) = log {
        let roots = roots(function);
        let recorded = proof::record(function, loaded, chosen, log, &roots, &stored.axes);
        let (terms, lines) = recorded.map_err(|why| RewriteError::Proof { why })?;
        made.proof.terms.functions.push(terms);
        made.proof.functions.push(lines);
    }
    let report = &mut made.rewritten.report;
    report.dense.extend(dense::find(function, loaded, chosen));
    report.add(source, &stored, rules, fired);
    made.rewritten.module.functions.push(stored.function);
    made.rows.push(stored.rows);
    Ok(())
}

/// Both phases; how often each rule fired.
fn explore(
    loaded: &mut Loaded,
    rules: &[&Rule],
    options: &Options,
    mut log: Option<&mut Log>,
) -> Result<Vec<usize>, RewriteError> {
    let limits = Limits { terms: options.term_limit, rounds: options.round_limit };
    let mut fired = vec![0; rules.len()];
    let (graph, origins) = (&mut loaded.graph, &mut loaded.origins);
    let first: Vec<&Rule> = rules.iter().copied().filter(|rule| !rule.packs).collect();
    let mut counts = vec![0; first.len()];
    saturate(graph, &first, limits, origins, &mut counts, log.as_deref_mut());
    // Once the shape of things is clear, it is seen what is known to be nothing.
    if statics::choose(graph) {
        saturate(graph, &first, limits, origins, &mut counts, log.as_deref_mut());
    }
    let mut counts = counts.into_iter();
    for (count, rule) in fired.iter_mut().zip(rules) {
        if !rule.packs {
            *count += counts.next().unwrap_or(0);
        }
    }
    if rules.iter().any(|rule| rule.packs) {
        let times = if masks::edges(graph).is_empty() { 1 } else { 2 };
        for _ in 0..times {
            masks::choose(graph, options.mask_limit);
            origins.extend(graph, None, None);
            log.iter_mut().for_each(|log| log.chose_masks(graph));
            saturate(graph, rules, limits, origins, &mut fired, log.as_deref_mut());
        }
    }
    match graph.analysis.problem.take() {
        Some(problem) => Err(RewriteError::Rule { function: graph.analysis.function.name.clone(), problem }),
        None => Ok(fired),
    }
}

fn choose(function: &Function, loaded: &Loaded, options: &Options) -> Result<Chosen, RewriteError> {
    let graph = &loaded.graph;
    let roots = classes(roots(function), loaded);
    let always = classes(convert::always(function), loaded);
    let written: HashSet<Term> = if options.prefer_rewritten { written(loaded) } else { HashSet::new() };
    let chosen = extract(graph, &roots, &always, &|term, id| {
        if options.prefer_rewritten {
            let work = if written.contains(&convert::found(graph, term)) { 1.0 } else { 1e-6 };
            return Price { work, launches: 0.0, once: false };
        }
        price(graph, term, id, &options.machine)
    });
    chosen.ok_or_else(|| RewriteError::Order { function: function.name.clone() })
}

/// Whether terms chosen for other sizes cost clearly more than what a quick look finds for those that the e-graph has now.
fn is_beaten(function: &Function, loaded: &Loaded, options: &Options, usual: &Chosen) -> bool {
    let roots = classes(roots(function), loaded);
    let always = classes(convert::always(function), loaded);
    let price = |term: &Term, id| price(&loaded.graph, term, id, &options.machine);
    extract::is_beaten(&loaded.graph, &roots, &always, &price, (usual, forms::LOOK)).unwrap_or(true)
}

/// The terms that the source has, as they are now.
fn written(loaded: &Loaded) -> HashSet<Term> {
    let terms = loaded.graph.nodes().iter().zip(&loaded.origins.rules);
    terms.filter(|(_, rule)| rule.is_none()).map(|(term, _)| convert::found(&loaded.graph, term)).collect()
}

/// The predicted time of one term in a step. Of what is the same in every step only a small share is its own.
fn price(graph: &Graph, term: &Term, id: egg::Id, machine: &MachineDescription) -> Price {
    let data = |id: &egg::Id| &graph[*id].data;
    let operands: Vec<_> = term.operands.iter().map(|operand| &data(operand).ty).collect();
    let ty = &graph[id].data.ty;
    let packed = |axis: &AxisId| graph.analysis.function.axis(*axis).is_some_and(|axis| axis.ragged);
    let ragged = ty.axes.iter().chain(operands.iter().flat_map(|ty| &ty.axes)).any(packed);
    let readings: Vec<Option<u64>> = term.operands.iter().map(|operand| data(operand).invariant).collect();
    let once = data(&id).invariant.is_some() && readings.iter().all(Option::is_some);
    let work = cost::work(&term.operation, &operands, ty);
    let entries = |axis| graph.analysis.entries(axis);
    if once {
        let work = work.prepared_seconds(machine, data(&id).invariant, &entries);
        return Price { work, launches: 0.0, once };
    }
    let launches = work.launch_seconds(machine);
    let read = cost::read(&term.operation, &readings) as f64 / (machine.bandwidth * 1e9);
    let all = work.seconds(machine, ragged, &entries);
    Price { work: all + read - launches, launches, once }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moe_graph::{
        Builder, Element, OutputKind, ParameterKind, ReduceKind, Scalar, ScalarFunction, Size, Type,
    };

    /// Σ_e g[n, e] · x[n, d] · w[e, d], where two of eight g are not zero.
    fn mixture() -> Function {
        let mut b = Builder::new("mixture");
        let (n, e, d) = (b.axis("N", Size::symbol("N")), b.axis("E", 8), b.axis("D", 64));
        let mut input = |name: &str, axes: Vec<_>| {
            b.parameter(name, ParameterKind::Input, Type { element: Element::F32, axes })
        };
        let (s, x, w) = (input("s", vec![n, e]), input("x", vec![n, d]), input("w", vec![e, d]));
        let zero = b.constant(Scalar::f32(0.0));
        let mask =
            b.add(moe_graph::Operation::LargestMask { count: Size::constant(2), axis: e }, &[s]).unwrap();
        let g = b.map(ScalarFunction::Select, &[mask, s, zero]).unwrap();
        let product = b.map(ScalarFunction::Multiply, &[x, w]).unwrap();
        let y = b.reduce(ReduceKind::Sum, &[d], product).unwrap();
        let weighed = b.map(ScalarFunction::Multiply, &[g, y]).unwrap();
        let sum = b.reduce(ReduceKind::Sum, &[e], weighed).unwrap();
        b.output("y", sum, vec![n], OutputKind::Result);
        b.finish()
    }

    #[test]
    fn a_limit_on_terms_ends_rewriting_and_what_is_there_is_used() {
        let module = Module { functions: vec![mixture()], entry: 0, offsets: Vec::new() };
        for term_limit in [1, 20, 30, 60] {
            let options = Options { term_limit, ..Options::default() };
            let rewritten = rewrite(&module, &options).unwrap();
            assert_eq!(moe_graph::verify(&rewritten.module), Ok(()), "{term_limit}");
        }
    }
}
