//! The form in which proofs are saved: the terms in the text form of the graph, then a line for each line, with remarks for people.
//!
//! ```text
//! moe proof 1
//!
//! function main { … }
//! entry 0
//!
//! proof 0 {
//!   0: known %12
//!   1: known %14 from 0, -
//!   2: rows 5 = %9 because 1 of %14
//!   3: pack-bounded: %14 = %20 using %14: 1
//!   result %14 = %20
//!   axis 5 is 6
//! }
//! ```

use super::{FunctionProof, Line, Proof};
use crate::RuleDescription;
use moe_graph::{parse_module, print_fact, print_module, AxisId, NodeId};
use std::fmt::Write;

const HEADER: &str = "moe proof 1";

/// Why a text is no proof.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TextProblem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Proof {
    /// The text that [`Proof::parse`] reads; `rules` are what remarks are taken from.
    pub fn text(&self, rules: &[RuleDescription]) -> String {
        let mut text = format!("{HEADER}\n\n{}", print_module(&self.terms));
        for (index, proof) in self.functions.iter().enumerate() {
            let _ = write!(text, "\nproof {index} {{");
            let name = self.terms.functions.get(index).map_or("", |function| &function.name);
            let _ = writeln!(text, "  // {name}");
            for (number, line) in proof.lines.iter().enumerate() {
                let (said, remark) = (said(line), self.remark(index, line, rules));
                let remark = remark.map(|remark| format!("  // {remark}")).unwrap_or_default();
                let _ = writeln!(text, "  {number}: {said}{remark}");
            }
            for (written, chosen) in &proof.results {
                let _ = writeln!(text, "  result %{} = %{}", written.0, chosen.0);
            }
            for (old, new) in &proof.axes {
                let _ = writeln!(text, "  axis {} is {}", old.0, new.0);
            }
            text.push_str("}\n");
        }
        text
    }

    fn remark(&self, function: usize, line: &Line, rules: &[RuleDescription]) -> Option<String> {
        let function = self.terms.functions.get(function)?;
        match line {
            Line::Known { term, .. } => {
                let fact = function.node(*term)?.fact.as_ref()?;
                Some(print_fact(&self.terms, function, fact))
            }
            Line::Rows { axis, .. } => {
                let axis = function.axis(*axis)?;
                Some(format!("{} has the true entries of the mask, at most {}", axis.name, axis.size))
            }
            Line::Step { rule, .. } => {
                rules.iter().find(|known| known.name == rule).map(|rule| rule.equation.to_owned())
            }
        }
    }

    /// Reads proofs that [`Proof::text`] wrote, one after the other.
    ///
    /// # Errors
    /// If the text is not of that form.
    pub fn parse_all(text: &str) -> Result<Vec<Proof>, TextProblem> {
        let lines: Vec<&str> = text.lines().collect();
        let starts = lines.iter().enumerate().filter(|(_, line)| **line == HEADER).map(|(place, _)| place);
        // A text without a header is one that cannot be read.
        let starts: Vec<usize> = std::iter::once(0).chain(starts.filter(|place| *place > 0)).collect();
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| {
                let part = lines.get(*start..end).unwrap_or_default().join("\n");
                Proof::parse(&part).map_err(|problem| TextProblem { line: problem.line + start, ..problem })
            })
            .collect()
    }

    /// Reads what [`Proof::text`] wrote.
    ///
    /// # Errors
    /// If the text is not of that form.
    pub fn parse(text: &str) -> Result<Proof, TextProblem> {
        let fault = |line: usize, message: &str| TextProblem { line, message: message.to_owned() };
        let mut lines = text.lines().enumerate().peekable();
        match lines.next() {
            Some((_, HEADER)) => {}
            _ => return Err(fault(1, "a proof begins with `moe proof 1`")),
        }
        let mut module = String::from("\n");
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("proof ")) {
            module.push_str(line);
            module.push('\n');
        }
        let terms = parse_module(&module)
            .map_err(|error| TextProblem { line: error.line, message: error.message })?;
        let mut functions: Vec<FunctionProof> = Vec::new();
        for (index, line) in lines {
            let line = line.split("//").next().unwrap_or_default().trim();
            let number = index + 1;
            if line.is_empty() || line == "}" {
                continue;
            }
            if line.starts_with("proof ") {
                functions.push(FunctionProof::default());
                continue;
            }
            let proof = functions.last_mut().ok_or_else(|| fault(number, "a line of no proof"))?;
            read(line, proof).ok_or_else(|| fault(number, "this cannot be read"))?;
        }
        Ok(Proof { terms, functions })
    }
}

fn said(line: &Line) -> String {
    match line {
        Line::Known { term, operands } => {
            let each = |lines: &Vec<u32>| match lines.as_slice() {
                [] => "-".to_owned(),
                lines => lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
            };
            let from: Vec<String> = operands.iter().map(each).collect();
            let from = if from.is_empty() { String::new() } else { format!(" from {}", from.join(", ")) };
            format!("known %{}{from}", term.0)
        }
        Line::Rows { axis, mask, witness, known } => {
            format!("rows {} = %{} because {known} of %{}", axis.0, mask.0, witness.0)
        }
        Line::Step { rule, left, right, uses } => {
            let uses: Vec<String> = uses.iter().map(|(id, line)| format!("%{}: {line}", id.0)).collect();
            let uses = if uses.is_empty() { String::new() } else { format!(" using {}", uses.join(", ")) };
            format!("{rule}: %{} = %{}{uses}", left.0, right.0)
        }
    }
}

fn read(line: &str, proof: &mut FunctionProof) -> Option<()> {
    if let Some(rest) = line.strip_prefix("result ") {
        let (written, chosen) = rest.split_once('=')?;
        proof.results.push((node(written)?, node(chosen)?));
        return Some(());
    }
    if let Some(rest) = line.strip_prefix("axis ") {
        let (old, new) = rest.split_once(" is ")?;
        proof.axes.push((axis(old)?, axis(new)?));
        return Some(());
    }
    let (number, rest) = line.split_once(':')?;
    if number.trim().parse::<usize>().ok()? != proof.lines.len() {
        return None;
    }
    let rest = rest.trim();
    let line = if let Some(rest) = rest.strip_prefix("known ") {
        let (term, from) = rest.split_once(" from ").unwrap_or((rest, ""));
        let each = |word: &str| match word.trim() {
            "-" => Some(Vec::new()),
            numbers => numbers.split(" and ").map(|number| number.trim().parse().ok()).collect(),
        };
        let operands: Option<Vec<Vec<u32>>> =
            from.split(',').filter(|word| !word.trim().is_empty()).map(each).collect();
        Line::Known { term: node(term)?, operands: operands? }
    } else if let Some(rest) = rest.strip_prefix("rows ") {
        let (own, rest) = rest.split_once('=')?;
        let (mask, rest) = rest.split_once(" because ")?;
        let (known, witness) = rest.split_once(" of ")?;
        let known = known.trim().parse().ok()?;
        Line::Rows { axis: axis(own)?, mask: node(mask)?, witness: node(witness)?, known }
    } else {
        let (rule, rest) = rest.split_once(':')?;
        let (sides, uses) = rest.split_once(" using ").unwrap_or((rest, ""));
        let (left, right) = sides.split_once('=')?;
        let each = |word: &str| {
            let (id, line) = word.split_once(':')?;
            Some((node(id)?, line.trim().parse().ok()?))
        };
        let uses: Option<Vec<(NodeId, u32)>> =
            uses.split(',').filter(|word| !word.trim().is_empty()).map(each).collect();
        Line::Step { rule: rule.trim().to_owned(), left: node(left)?, right: node(right)?, uses: uses? }
    };
    proof.lines.push(line);
    Some(())
}

fn node(word: &str) -> Option<NodeId> {
    word.trim().strip_prefix('%')?.parse().ok().map(NodeId)
}

fn axis(word: &str) -> Option<AxisId> {
    word.trim().parse().ok().map(AxisId)
}
