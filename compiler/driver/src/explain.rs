//! What can be said of a rewritten model beyond the report: proofs, why a rule did not fire, and both forms compared on random inputs.

use crate::compile::{bug, compile};
use crate::drawn;
use crate::evaluation::diagnostic;
use crate::options;
use crate::session::{Failure, Selection, Session};
use crate::starting::starting_weights;
use moe_diagnostics::{position, Diagnostic, Texts};
use moe_evaluate::{evaluate, Evaluation};
use moe_graph::{Module, Parameter, ParameterKind};
use moe_rewrite::Proof;
use moe_runtime::files::PendingFile;
use moe_runtime::weights::closest;
use moe_runtime::Tensor;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The proof that the chosen model computes what was written, as text: one after the other for each of its forms.
///
/// # Errors
/// The mistakes of the sources.
pub fn proof(session: &Session, selection: &Selection) -> Result<String, Failure> {
    let (elaborated, options, _) = options::elaborate(session, selection)?;
    let proven = moe_rewrite::prove_forms(&elaborated.module, &options);
    let (_, proofs) = proven.map_err(|error| bug(session, &error))?;
    let texts: Vec<String> = proofs.iter().map(|proof| proof.text(&moe_rewrite::rules())).collect();
    Ok(texts.join("\n"))
}

/// Writes the proof to a file, whole or not at all.
///
/// # Errors
/// The mistakes of the sources, or a file that cannot be written.
pub fn save_proof(session: &Session, selection: &Selection, output: &Path) -> Result<(), Failure> {
    let text = proof(session, selection)?;
    PendingFile::whole(output, text.as_bytes())
        .map_err(|error| Failure::plain(crate::run::diagnostic(&error)))
}

/// Checks the text of a proof, and that it is about the chosen model as it is compiled; how many steps and facts it has.
///
/// # Errors
/// The mistakes of the sources, a text that is no proof, or what does not hold.
pub fn check_proof(session: &Session, selection: &Selection, text: &str) -> Result<(usize, usize), Failure> {
    let refused = |why: String| {
        Failure::plain(Diagnostic::plain_error("E0707", format!("the proof is not accepted: {why}")))
    };
    let proofs = Proof::parse_all(text).map_err(|problem| refused(problem.to_string()))?;
    for proof in &proofs {
        moe_rewrite::check_proof(proof).map_err(|refusal| refused(refusal.to_string()))?;
    }
    let (elaborated, options, _) = options::elaborate(session, selection)?;
    let made = moe_rewrite::forms(&elaborated.module, &options).map_err(|error| bug(session, &error))?;
    if proofs.len() != made.forms.len() {
        let (found, needed) = (proofs.len(), made.forms.len());
        return Err(refused(format!("there are {found} proofs, and the model has {needed} forms")));
    }
    for (proof, form) in proofs.iter().zip(&made.forms) {
        proof.connects(&elaborated.module, &form.rewritten.module).map_err(refused)?;
    }
    let lines = || proofs.iter().flat_map(|proof| &proof.functions).flat_map(|function| &function.lines);
    let steps = lines().filter(|line| matches!(line, moe_rewrite::Line::Step { .. })).count();
    Ok((steps, lines().count() - steps))
}

/// Where a rule could have been applied and why it was not, with the source of each place.
///
/// # Errors
/// The mistakes of the sources, or a rule that there is not.
pub fn why_not(session: &Session, selection: &Selection, rule: &str) -> Result<String, Failure> {
    let known = moe_rewrite::rules();
    let Some(found) = known.iter().find(|known| known.name == rule) else {
        let error = Diagnostic::plain_error("E0708", format!("there is no rule `{rule}`"));
        let hint = match closest(rule, known.iter().map(|known| known.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "moe explain --rules lists them".to_owned(),
        };
        return Err(Failure::plain(error.hint(hint)));
    };
    let (elaborated, options, _) = options::elaborate(session, selection)?;
    let found_misses = moe_rewrite::why_not(&elaborated.module, &options, rule);
    let (times, misses) = found_misses.map_err(|error| bug(session, &error))?;
    let mut text = format!("{}: {}\n  {}\n", found.name, found.equation, found.reason);
    let _ = writeln!(text, "found and applied {times} times");
    // The same place may be found in many forms: a line for each condition, with the places.
    let texts = session.texts();
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for miss in misses {
        let text = miss.span.and_then(|span| Some((span, texts.text(span.file)?)));
        let place = match text {
            Some((span, (path, text))) => format!("{path}:{}", position(text, span.start as usize).line),
            None => format!("in `{}`", miss.function),
        };
        let places = reasons.entry(miss.why).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if reasons.is_empty() {
        text.push_str("nowhere else is there anything of its form\n");
    }
    for (why, places) in reasons {
        let _ = writeln!(text, "not applied, because {why}:");
        places.iter().for_each(|place| {
            let _ = writeln!(text, "  {place}");
        });
    }
    Ok(text)
}

/// The rules, a paragraph each.
pub fn rules() -> String {
    moe_rewrite::rules()
        .iter()
        .map(|rule| format!("{}\n  {}\n  {}\n", rule.name, rule.equation, rule.reason))
        .collect()
}

/// How far a model as written and as rewritten are apart on some inputs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Comparison {
    /// The largest difference of two entries of a result, beside the largest entry of that result.
    pub difference: f64,
    /// How near the nearest choice behind any result came to falling out otherwise.
    pub margin: f64,
    /// How many entries were compared.
    pub entries: usize,
}

/// Computes the chosen model as written and as rewritten, in each of its forms, with the reference evaluator, on starting weights and random inputs; each free size
/// that is not set is `rows`.
///
/// # Errors
/// The mistakes of the sources, or inputs that the model cannot take.
pub fn compare(
    session: &Session,
    selection: &Selection,
    rows: usize,
    seed: u64,
) -> Result<Comparison, Failure> {
    let compiled = compile(session, selection)?;
    let module = &compiled.elaborated.module;
    let weights: BTreeMap<String, Tensor> =
        starting_weights(&compiled.elaborated, seed)?.into_iter().collect();
    let size = |name: &str| compiled.sizes.get(name).copied().or_else(|| i64::try_from(rows).ok());
    let inputs = inputs(module, &weights, &size, seed).ok_or_else(|| {
        let message = format!("no inputs can be made with {rows} for every free size");
        session.failure(vec![Diagnostic::plain_error("E0012", message).hint("try another number for --rows")])
    })?;
    let run = |module: &Module| {
        evaluate(module, &inputs, &moe_evaluate::Options::default())
            .map_err(|error| session.failure(vec![diagnostic(&error, None)]))
    };
    let written = run(module)?;
    let mut found: Option<Comparison> = None;
    for form in &compiled.forms.forms {
        let own = apart(&written, &run(&form.rewritten.module)?);
        found = Some(found.map_or(own, |found| Comparison {
            difference: found.difference.max(own.difference),
            margin: found.margin.min(own.margin),
            entries: found.entries + own.entries,
        }));
    }
    Ok(found.unwrap_or(Comparison { difference: 0.0, margin: f64::INFINITY, entries: 0 }))
}

fn apart(written: &Evaluation, rewritten: &Evaluation) -> Comparison {
    let mut found = Comparison { difference: 0.0, margin: f64::INFINITY, entries: 0 };
    for (index, (a, b)) in written.outputs.iter().zip(&rewritten.outputs).enumerate() {
        let (a, b) = (a.to_f64(), b.to_f64());
        let largest = a.iter().map(|entry| entry.abs()).filter(|entry| entry.is_finite()).fold(0.0, f64::max);
        let scale = if largest > 0.0 { largest } else { 1.0 };
        for (a, b) in a.iter().zip(&b) {
            let same = a == b || (a.is_nan() && b.is_nan());
            let difference = if same { 0.0 } else { (a - b).abs() / scale };
            found.difference =
                if difference.is_nan() { f64::INFINITY } else { found.difference.max(difference) };
        }
        found.entries += a.len();
        found.margin = found.margin.min(written.smallest_margin(index));
    }
    found
}

fn inputs(
    module: &Module,
    weights: &BTreeMap<String, Tensor>,
    size: &dyn Fn(&str) -> Option<i64>,
    seed: u64,
) -> Option<Vec<Tensor>> {
    let given = |(place, parameter): (usize, &Parameter)| match weights.get(&parameter.name) {
        Some(weight) if parameter.kind == ParameterKind::Weight => Some(weight.clone()),
        _ => drawn::value(module, place, size, seed),
    };
    module.entry()?.parameters.iter().enumerate().map(given).collect()
}
