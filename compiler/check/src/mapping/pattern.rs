//! Patterns of dotted names.

use moe_grammar::tree::{Name, PatternPart};

/// How a pattern matched a weight's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Which of how many names the last choice took.
    pub choice: Option<(u64, u64)>,
    /// The name it took.
    pub chosen: String,
    /// Index variables that stood for a number in the name, and the number.
    pub bound: Vec<(String, String)>,
    /// Index variables that stand for leading axes, in order.
    pub stacked: Vec<Name>,
    /// What each `*` stood for.
    pub any: Vec<String>,
}

/// How `pattern` matches `name`, if it does.
pub fn matches(pattern: &[PatternPart], name: &str) -> Option<Match> {
    let parts: Vec<&str> = name.split('.').collect();
    let mut found = Match::default();
    fit(pattern, &parts, &mut found).then_some(found)
}

fn fit(pattern: &[PatternPart], parts: &[&str], found: &mut Match) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return parts.is_empty() };
    if let PatternPart::Variable(variable) = first {
        return fit_variable(variable, rest, parts, found);
    }
    let Some((part, others)) = parts.split_first() else { return false };
    match first {
        PatternPart::Name(name) if name.text == *part => fit(rest, others, found),
        PatternPart::Choice(names, _) => match names.iter().position(|name| name.text == *part) {
            Some(index) => {
                found.choice = Some((index as u64, names.len() as u64));
                found.chosen = (*part).to_owned();
                fit(rest, others, found)
            }
            None => false,
        },
        PatternPart::Any(_) => {
            found.any.push((*part).to_owned());
            fit(rest, others, found)
        }
        PatternPart::Name(_) | PatternPart::Variable(_) => false,
    }
}

/// A number in the name, or else a leading axis, which leaves no trace in the name.
fn fit_variable(variable: &Name, rest: &[PatternPart], parts: &[&str], found: &mut Match) -> bool {
    if let Some((part, others)) = parts.split_first() {
        if !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit()) {
            let mut attempt = found.clone();
            attempt.bound.push((variable.text.clone(), (*part).to_owned()));
            if fit(rest, others, &mut attempt) {
                *found = attempt;
                return true;
            }
        }
    }
    found.stacked.push(variable.clone());
    fit(rest, parts, found)
}

/// The pattern as it is written.
pub fn spelled(pattern: &[PatternPart]) -> String {
    let part = |part: &PatternPart| match part {
        PatternPart::Name(name) => name.text.clone(),
        PatternPart::Choice(names, _) => {
            format!("{{{}}}", names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(", "))
        }
        PatternPart::Variable(name) => format!("{{{}}}", name.text),
        PatternPart::Any(_) => "*".to_owned(),
    };
    pattern.iter().map(part).collect::<Vec<_>>().join(".")
}
