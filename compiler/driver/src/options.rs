//! What a selection says of rewriting: the sizes and the machine that forms are compared for, whether there may be several, and which rules are used.

use crate::machine::Machine;
use crate::session::{Failure, Selection, Session};
use moe_check::Elaborated;
use moe_diagnostics::Diagnostic;
use moe_rewrite::Options;
use std::collections::BTreeMap;

/// The chosen model as a graph, how it is rewritten, and for which machine. A free size that is set is taken as that, and then there is one form.
///
/// # Errors
/// The mistakes of the sources, or a setting of nothing that the model has.
pub fn elaborate(
    session: &Session,
    selection: &Selection,
) -> Result<(Elaborated, Options, Machine), Failure> {
    let (own, free) = split(session, selection)?;
    let elaborated = session.elaborate(&own)?;
    let known = elaborated.module.free_sizes();
    if free.iter().any(|(name, _)| !known.contains(name)) {
        // The checker says what there is instead.
        session.elaborate(selection)?;
    }
    let sizes: BTreeMap<String, i64> = sizes(free).map_err(Failure::plain)?.into_iter().collect();
    let machine = Machine::open(&selection.machine).map_err(Failure::plain)?;
    let mut options = Options {
        machine: machine.description,
        fast_math: selection.fast_math.clone(),
        // Forms may add up in different orders; within one, the order of a sum depends on what is summed alone.
        forms: sizes.is_empty() && !selection.deterministic,
        ..Options::default()
    };
    // Functions have names of their own for the sizes that they are called with.
    let mut values = sizes.values();
    if let Some(first) = values.next().filter(|first| values.all(|other| other == *first)) {
        options.default_size = *first;
    }
    Ok((elaborated, Options { sizes, ..options }, machine))
}

/// The settings of static parameters, and the others.
///
/// # Errors
/// If there is no such model.
pub fn split(
    session: &Session,
    selection: &Selection,
) -> Result<(Selection, Vec<(String, String)>), Failure> {
    let statics: Vec<String> = session.model(selection)?.statics.into_iter().map(|(name, _)| name).collect();
    let (own, free): (Vec<_>, Vec<_>) =
        selection.settings.iter().cloned().partition(|(name, _)| statics.contains(name));
    Ok((Selection { settings: own, ..selection.clone() }, free))
}

/// Free sizes given on the command line.
///
/// # Errors
/// If one is no size.
pub fn sizes(given: Vec<(String, String)>) -> Result<Vec<(String, i64)>, Diagnostic> {
    let size = |(name, value): (String, String)| match value.parse() {
        Ok(size) if size >= 0 => Ok((name, size)),
        _ => Err(Diagnostic::plain_error("E0012", format!("`{value}` is no size for {name}"))
            .hint("give a whole number, as in --set N=4096")),
    };
    given.into_iter().map(size).collect()
}
