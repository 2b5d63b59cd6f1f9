//! What the rewriter did, for people.

use crate::convert::Stored;
use crate::dense::DenseWork;
use crate::listing::{listing, name};
use crate::machine::MachineDescription;
use crate::rule::Rule;
use crate::sizes::Nominal;
use crate::totals::{totals, Totals};
use crate::Source;
use moe_graph::{Axis, AxisId, Function, Operation, Size};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What was done to a module.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each function, in the order of the module.
    pub functions: Vec<FunctionReport>,
    /// Bounded work that stayed dense.
    pub dense: Vec<DenseWork>,
    /// The index of the function where a step begins.
    pub(crate) entry: usize,
    nominal: Nominal,
    machine: MachineDescription,
}

/// What was done to a function.
#[derive(Clone, Debug)]
pub struct FunctionReport {
    /// Its name.
    pub name: String,
    /// As it was, a line for each node.
    pub before: Vec<String>,
    /// As it is.
    pub after: Vec<String>,
    /// The packed axes.
    pub packed: Vec<PackedAxis>,
    /// What it cost, calls included.
    pub cost_before: Totals,
    /// What it costs, calls included.
    pub cost_after: Totals,
    /// The rules that fired.
    pub rules: Vec<RuleUse>,
    /// How many terms its e-graph came to hold.
    pub terms: usize,
}

/// An axis of packed rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedAxis {
    /// Its name.
    pub name: String,
    /// The mask whose true entries it has: `%8`.
    pub mask: String,
    /// How many rows there are at most.
    pub most: Size,
    /// How many to expect.
    pub expected: Size,
}

/// What a rule did in a function.
#[derive(Clone, PartialEq, Debug)]
pub struct RuleUse {
    /// Its name.
    pub name: &'static str,
    /// Its equation.
    pub equation: &'static str,
    /// Why it pays.
    pub reason: &'static str,
    /// How often it made two values one.
    pub fired: usize,
    /// How many nodes of the chosen form it made.
    pub chosen: usize,
}

impl Report {
    pub(crate) fn new(nominal: Nominal, machine: MachineDescription) -> Self {
        Report { functions: Vec::new(), dense: Vec::new(), entry: 0, nominal, machine }
    }

    pub(crate) fn add(&mut self, source: &Source, after: &Stored, rules: &[&Rule], fired: &[usize]) {
        let before = source.function;
        let costs = |side: fn(&FunctionReport) -> &Totals| -> Vec<Totals> {
            self.functions.iter().map(|function| side(function).clone()).collect()
        };
        let cost = |function: &Function, rows: &BTreeMap<AxisId, Size>, callees: &[Totals]| {
            totals(function, source.invariant, rows, callees, &self.machine, &self.nominal)
        };
        let cost_before = cost(before, &BTreeMap::new(), &costs(|function| &function.cost_before));
        let cost_after = cost(&after.function, &after.rows, &costs(|function| &function.cost_after));
        self.functions.push(FunctionReport {
            name: before.name.clone(),
            before: listing(before),
            after: listing(&after.function),
            packed: packed(after),
            cost_before,
            cost_after,
            rules: uses(after, rules, fired),
            terms: after.terms,
        });
    }

    /// What a step of the whole module cost as written.
    pub fn before(&self) -> Option<&Totals> {
        Some(&self.functions.get(self.entry)?.cost_before)
    }

    /// What it costs now.
    pub fn after(&self) -> Option<&Totals> {
        Some(&self.functions.get(self.entry)?.cost_after)
    }

    /// The report as text.
    pub fn render(&self) -> String {
        self.render_with(true)
    }

    /// The report as text, with or without the functions as written.
    pub(crate) fn render_with(&self, written: bool) -> String {
        let mut text = String::new();
        if let (Some(before), Some(after)) = (self.before(), self.after()) {
            self.render_costs(&mut text, before, after);
        }
        for function in &self.functions {
            if written {
                line(&mut text, "");
                line(&mut text, &format!("{}, as written", function.name));
                function.before.iter().for_each(|own| line(&mut text, &format!("  {own}")));
            }
            self.render_function(&mut text, function);
        }
        self.render_dense(&mut text);
        text
    }

    /// What a step costs now, in a line.
    pub fn summary(&self) -> String {
        let Some(after) = self.after() else { return String::new() };
        let flops = separated(&format!("{:.0}", self.nominal.value(&after.flops)));
        let (at, time) = (self.free_sizes(&[after]), microseconds(after.seconds));
        format!("at {at}: {flops} FLOPs, predicted {time}")
    }

    fn render_costs(&self, text: &mut String, before: &Totals, after: &Totals) {
        let sizes = self.free_sizes(&[before, after]);
        let at = if sizes.is_empty() { String::new() } else { format!(" at {sizes}") };
        line(text, &format!("a step{at}"));
        let value = |size: &Size| separated(&format!("{:.0}", self.nominal.value(size)));
        let rows = [
            ("", "before".to_owned(), "after".to_owned()),
            ("FLOPs", value(&before.flops), value(&after.flops)),
            ("bytes", value(&before.bytes), value(&after.bytes)),
            ("predicted", microseconds(before.seconds), microseconds(after.seconds)),
        ];
        let width = rows.iter().flat_map(|(_, a, b)| [a.len(), b.len()]).max().unwrap_or(0);
        for (name, before, after) in rows {
            line(text, &format!("  {name:<10} {before:>width$}  {after:>width$}"));
        }
        if !sizes.is_empty() {
            line(text, "");
            for (name, size) in [("FLOPs before", &before.flops), ("FLOPs after", &after.flops)] {
                line(text, &format!("  {name:<13} {}", separated(&size.to_string())));
            }
            for (name, size) in [("bytes before", &before.bytes), ("bytes after", &after.bytes)] {
                line(text, &format!("  {name:<13} {}", separated(&size.to_string())));
            }
        }
    }

    fn free_sizes(&self, totals: &[&Totals]) -> String {
        let mut names = BTreeSet::new();
        for size in totals.iter().flat_map(|totals| [&totals.flops, &totals.bytes]) {
            size.symbols(&mut |name| {
                names.insert(name.to_owned());
            });
        }
        let value = |name: &String| format!("{name} = {}", self.nominal.value(&Size::symbol(name)));
        names.iter().map(value).collect::<Vec<_>>().join(", ")
    }

    fn render_function(&self, text: &mut String, function: &FunctionReport) {
        line(text, "");
        if function.before == function.after {
            line(text, &format!("{} stays as it is", function.name));
        } else {
            line(text, &format!("{}, rewritten", function.name));
            function.after.iter().for_each(|own| line(text, &format!("  {own}")));
        }
        for PackedAxis { name, mask, most, expected } in &function.packed {
            let most = separated(&most.to_string());
            let expected = separated(&expected.to_string());
            let also = if most == expected { String::new() } else { format!(", expected {expected}") };
            line(text, &format!("  {name}: where {mask} is true, at most {most}{also}"));
        }
        let won: Vec<&RuleUse> = function.rules.iter().filter(|rule| rule.chosen > 0).collect();
        if !won.is_empty() {
            line(text, "");
            let title = format!("rules of {}", function.name);
            let names = won.iter().map(|rule| rule.name.len());
            let width = names.max().unwrap_or(0).max(title.len() - 2);
            line(text, &format!("{title:<0$}  made fired", width + 2));
            for rule in won {
                line(
                    text,
                    &format!(
                        "  {:<width$}  {:>4} {:>5}  {}",
                        rule.name, rule.chosen, rule.fired, rule.equation
                    ),
                );
            }
        }
    }

    fn render_dense(&self, text: &mut String) {
        if self.dense.is_empty() {
            return;
        }
        line(text, "");
        line(text, "bounded work that stays dense");
        let width = self.dense.iter().map(|work| work.what.chars().count()).max().unwrap_or(0).min(48);
        for work in &self.dense {
            line(text, &format!("  {:width$}  {}", work.what, work.why));
        }
    }
}

fn packed(after: &Stored) -> Vec<PackedAxis> {
    let function = &after.function;
    let mask = |axis: AxisId| {
        let packs = |operation: &Operation| match operation {
            Operation::Pack { into: own } => *own == axis,
            Operation::Unpack { from: own, .. } | Operation::SegmentReduce { from: own, .. } => *own == axis,
            _ => false,
        };
        let node = function.nodes.iter().find(|node| packs(&node.operation))?;
        Some(name(function, *node.operands.first()?))
    };
    let packed = |(axis, rows): (&AxisId, &Size)| {
        let Axis { name, size, .. } = function.axis(*axis)?.clone();
        Some(PackedAxis { name, mask: mask(*axis)?, most: size, expected: rows.clone() })
    };
    after.rows.iter().filter_map(packed).collect()
}

fn uses(after: &Stored, rules: &[&Rule], fired: &[usize]) -> Vec<RuleUse> {
    let counted = |name: &str| after.rules.iter().filter(|rule| **rule == Some(name)).count();
    rules
        .iter()
        .zip(fired)
        .filter(|(_, fired)| **fired > 0)
        .map(|(rule, fired)| RuleUse {
            name: rule.name,
            equation: rule.equation,
            reason: rule.reason,
            fired: *fired,
            chosen: counted(rule.name),
        })
        .collect()
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

fn microseconds(seconds: f64) -> String {
    format!("{} µs", separated(&format!("{:.1}", seconds * 1e6)))
}

/// Numbers with a comma between groups of three digits; digits inside names and after a point stay.
pub fn separated(text: &str) -> String {
    let mut result = String::new();
    let mut digits = String::new();
    let mut inside = false;
    let flush = |digits: &mut String, result: &mut String, inside: bool| {
        for (place, digit) in digits.chars().enumerate() {
            if !inside && place > 0 && (digits.len() - place).is_multiple_of(3) {
                result.push(',');
            }
            result.push(digit);
        }
        digits.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        flush(&mut digits, &mut result, inside);
        inside = letter.is_alphanumeric() || letter == '_' || letter == '.';
        result.push(letter);
    }
    flush(&mut digits, &mut result, inside);
    result
}

#[cfg(test)]
mod tests {
    use super::separated;

    #[test]
    fn numbers_get_separators_and_names_do_not() {
        assert_eq!(separated("1605632 * N + 12"), "1,605,632 * N + 12");
        assert_eq!(separated("H1024 * 100 + 1000"), "H1024 * 100 + 1,000");
        assert_eq!(separated("12345.67891"), "12,345.67891");
    }
}
