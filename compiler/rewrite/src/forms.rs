//! Several forms of one module, for few rows and for many.
//!
//! What is cheapest may depend on the free sizes of the entry. One e-graph is saturated, then terms are chosen from it at several sizes, and each
//! different module that comes of it is a candidate. Their predicted times as functions of the size say where one takes over from another
//! (found by bisection), and a candidate that is nowhere much cheaper than all others is dropped, until at most three forms are left.
//!
//! All free sizes are taken as the same number, which varies. A program compares the product of some of its free sizes, the number of rows: of all,
//! as the work on most values grows, or of one, as where only the length of sequences decides and their number does not. On a grid of sizes the
//! one is chosen by which forms are chosen best.

use crate::machine::MachineDescription;
use crate::proof::Proof;
use crate::sizes::Nominal;
use crate::totals::seconds;
use crate::{checked, rewrite_each, Made, Options, RewriteError, Rewritten};
use moe_graph::{invariant_parameters, Module};
use std::collections::BTreeMap;

/// The most forms that a module may have.
const MOST: usize = 3;

/// A form stays if somewhere it takes less than this part of the time of each other one.
const SHARE: f64 = 0.9;

/// A search for other sizes is worth its time where a quick look finds something that takes less than this part of the time.
pub const LOOK: f64 = 0.95;

/// The sizes of the grid on which it is seen which free sizes decide.
const GRID: [i64; 5] = [1, 8, 64, 512, 4096];

/// How many times the usual size the largest size is that terms are chosen at: for one free size, and for more.
const LARGE: [i64; 2] = [32, 4];

/// The forms of a module: all compute the same.
#[derive(Clone, Debug)]
pub struct Forms {
    /// The free sizes whose product is the number of rows, by name; none where there is one form.
    pub rows: Vec<String>,
    /// The forms, for growing numbers of rows; there is at least one.
    pub forms: Vec<Form>,
    /// Which of them is used where free sizes are what they are taken to be by default.
    pub usual: usize,
}

/// One form of a module.
#[derive(Clone, Debug)]
pub struct Form {
    /// It is used from so many rows on; 0 for the first.
    pub from: i64,
    /// What was made, and a report at sizes that it is for.
    pub rewritten: Rewritten,
}

impl Forms {
    /// The form for the usual sizes.
    pub fn usual(&self) -> Option<&Form> {
        self.forms.get(self.usual)
    }

    /// The form that is used at these free sizes; `None` where one that decides is not known.
    pub fn at(&self, sizes: &dyn Fn(&str) -> Option<i64>) -> Option<&Form> {
        let rows = self.rows.iter().try_fold(1_i64, |rows, name| Some(rows.saturating_mul(sizes(name)?)))?;
        self.forms.iter().rev().find(|form| form.from <= rows)
    }

    /// What was done, as text; `ranges` say in words which numbers of rows each form is for.
    pub fn render(&self, ranges: &[String]) -> String {
        if let [form] = self.forms.as_slice() {
            return form.rewritten.report.render();
        }
        let mut text = format!("{} forms, by {}\n", self.forms.len(), self.rows.join(" * "));
        let width = ranges.iter().map(String::len).max().unwrap_or(0);
        for (form, range) in self.forms.iter().zip(ranges) {
            text += &format!("  {range:width$}  {}\n", form.rewritten.report.summary());
        }
        for (place, (form, range)) in self.forms.iter().zip(ranges).enumerate() {
            let report = form.rewritten.report.render_with(place == 0);
            text += &format!("\nthe form for {range}\n\n{report}");
        }
        text
    }
}

/// Rewrites each function of a module by itself, in as many forms as pay.
///
/// # Errors
/// If the module is not well formed, or a rule is wrong.
pub fn forms(module: &Module, options: &Options) -> Result<Forms, RewriteError> {
    Ok(select(module, options, false)?.0)
}

/// As [`forms`], with a proof for each form. They have been checked.
///
/// # Errors
/// If the module is not well formed, a rule is wrong, or what was done cannot be proven.
pub fn prove_forms(module: &Module, options: &Options) -> Result<(Forms, Vec<Proof>), RewriteError> {
    let (forms, proofs) = select(module, options, true)?;
    for (form, proof) in forms.forms.iter().zip(&proofs) {
        checked(module, &form.rewritten, proof)?;
    }
    Ok((forms, proofs))
}

fn select(module: &Module, options: &Options, proofs: bool) -> Result<(Forms, Vec<Proof>), RewriteError> {
    let mut rows: Vec<String> = module.free_sizes().into_iter().collect();
    rows.retain(|name| !options.sizes.contains_key(name));
    let usual = options.default_size;
    let mut points = vec![usual];
    let mut last = usual;
    if options.forms && !options.prefer_rewritten && !rows.is_empty() && usual > 1 {
        last = usual.saturating_mul(if rows.len() > 1 { LARGE[1] } else { LARGE[0] });
        points.extend([1, last]);
    }
    let mut candidates: Vec<Made> = Vec::new();
    for made in rewrite_each(module, options, &points, proofs)? {
        if candidates.iter().all(|known| known.rewritten.module != made.rewritten.module) {
            candidates.push(made);
        }
    }
    let price = |candidate: usize, nominal: &Nominal| match candidates.get(candidate) {
        Some(made) => predicted(made, &options.machine, nominal),
        None => f64::INFINITY,
    };
    let at = |size: i64| Nominal::at(module, &options.sizes, size);
    let chosen = choose(candidates.len(), last, &|candidate, size| price(candidate, &at(size)));
    let place = chosen.iter().rposition(|(from, _)| *from <= usual).unwrap_or(0);
    let rows = if chosen.len() > 1 { deciding(rows, &chosen, &at(usual), &price) } else { Vec::new() };
    let (mut forms, mut kept) = (Vec::new(), Vec::new());
    for (from, candidate) in chosen {
        let Some(made) = candidates.get(candidate) else { continue };
        let from = if from > 1 { from.saturating_pow(rows.len() as u32) } else { 0 };
        forms.push(Form { from, rewritten: made.rewritten.clone() });
        kept.push(made.proof.clone());
    }
    Ok((Forms { rows, forms, usual: place }, kept))
}

/// The free sizes whose product best says which form to use: all of them, or one.
fn deciding(
    rows: Vec<String>,
    chosen: &[(i64, usize)],
    nominal: &Nominal,
    price: &dyn Fn(usize, &Nominal) -> f64,
) -> Vec<String> {
    // What two sizes decide together is seen on a grid; so many sizes that there is none are rare.
    if !(2..=3).contains(&rows.len()) {
        return rows;
    }
    let each: Vec<Vec<String>> = rows.iter().map(|name| vec![name.clone()]).collect();
    let grid = grid(&rows);
    let ways = std::iter::once(rows).chain(each);
    let loss = |way: &Vec<String>| -> f64 {
        let lost = |sizes: &BTreeMap<String, i64>| {
            let product = way.iter().filter_map(|name| sizes.get(name)).product::<i64>();
            let reached = |from: &i64| *from <= 1 || from.saturating_pow(way.len() as u32) <= product;
            let mut sizes = sizes.clone();
            sizes.extend(nominal.sizes.clone());
            let nominal = Nominal { sizes, default: nominal.default };
            let used = chosen.iter().rev().find(|(from, _)| reached(from));
            let best = chosen.iter().map(|(_, own)| price(*own, &nominal)).fold(f64::INFINITY, f64::min);
            used.map_or(0.0, |(_, own)| (price(*own, &nominal) / best).ln())
        };
        grid.iter().map(lost).sum()
    };
    let losses = ways.map(|way| (loss(&way), way));
    losses.reduce(|a, b| if b.0 < a.0 * (1.0 - 1e-9) { b } else { a }).map(|(_, way)| way).unwrap_or_default()
}

/// All combinations of some sizes.
fn grid(names: &[String]) -> Vec<BTreeMap<String, i64>> {
    let mut points = vec![BTreeMap::new()];
    for name in names {
        let with = |point: &BTreeMap<String, i64>| {
            GRID.map(|size| {
                point.iter().map(|(a, b)| (a.clone(), *b)).chain([(name.clone(), size)]).collect()
            })
        };
        points = points.iter().flat_map(with).collect();
    }
    points
}

fn predicted(made: &Made, machine: &MachineDescription, nominal: &Nominal) -> f64 {
    let module = &made.rewritten.module;
    let mut callees = Vec::new();
    let invariant = invariant_parameters(module);
    for ((function, rows), invariant) in module.functions.iter().zip(&made.rows).zip(&invariant) {
        callees.push(seconds(function, invariant, rows, &callees, machine, nominal));
    }
    callees.get(module.entry as usize).copied().unwrap_or_default()
}

/// Which candidates to use from which size on: sizes from 1 to `last` are looked at.
fn choose(count: usize, last: i64, price: &dyn Fn(usize, i64) -> f64) -> Vec<(i64, usize)> {
    let sizes = sizes(last);
    let mut kept: Vec<usize> = (0..count).collect();
    loop {
        if let [only] = kept[..] {
            return vec![(1, only)];
        }
        let ranges = ranges(&kept, &sizes, price);
        let worth = |candidate: usize| {
            let own = sizes.iter().filter(|size| candidate_at(&ranges, **size) == Some(candidate));
            let others = |size: i64| {
                let others = kept.iter().filter(|other| **other != candidate);
                others.map(|other| price(*other, size)).fold(f64::INFINITY, f64::min)
            };
            own.map(|size| price(candidate, *size) / others(*size)).fold(1.0, f64::min)
        };
        let weakest = kept.iter().map(|candidate| (worth(*candidate), *candidate)).reduce(|a, b| {
            if b.0 >= a.0 {
                b
            } else {
                a
            }
        });
        match weakest {
            Some((worth, weakest)) if worth > SHARE || ranges.len() > MOST => {
                kept.retain(|candidate| *candidate != weakest);
            }
            _ => return ranges,
        }
    }
}

/// Powers of two, and the last.
fn sizes(last: i64) -> Vec<i64> {
    let powers = std::iter::successors(Some(1_i64), |size| size.checked_mul(2));
    powers.take_while(|size| *size < last).chain([last.max(1)]).collect()
}

fn candidate_at(ranges: &[(i64, usize)], size: i64) -> Option<usize> {
    ranges.iter().rev().find(|(from, _)| *from <= size).map(|(_, candidate)| *candidate)
}

/// From where on each candidate is cheapest.
fn ranges(kept: &[usize], sizes: &[i64], price: &dyn Fn(usize, i64) -> f64) -> Vec<(i64, usize)> {
    let cheapest = |size: i64| {
        let priced = kept.iter().map(|candidate| (price(*candidate, size), *candidate));
        priced
            .reduce(|a, b| if b.0 < a.0 * (1.0 - 1e-9) { b } else { a })
            .map_or(0, |(_, candidate)| candidate)
    };
    let mut found = vec![(1, cheapest(1))];
    for pair in sizes.windows(2) {
        let [mut low, high] = *pair else { continue };
        let end = cheapest(high);
        while let Some((_, current)) = found.last().copied().filter(|(_, current)| *current != end) {
            // At `low` the current one is cheapest, at `above` another.
            let mut above = high;
            while above - low > 1 {
                let middle = low + (above - low) / 2;
                if cheapest(middle) == current {
                    low = middle;
                } else {
                    above = middle;
                }
            }
            found.push((above, cheapest(above)));
            low = above;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::choose;

    /// A time that begins with something and grows with the size.
    fn line(first: f64, slope: f64) -> impl Fn(i64) -> f64 {
        move |size| first + slope * size as f64
    }

    #[test]
    fn forms_take_over_where_their_times_cross() {
        let times = [line(100.0, 1.0), line(1.0, 5.0), line(1000.0, 0.1)];
        let chosen = choose(3, 4096, &|candidate, size| times[candidate](size));
        // 1 + 5 n = 100 + n at 24.75, and 100 + n = 1000 + n / 10 at 1000, where the one before stays.
        assert_eq!(chosen, [(1, 1), (25, 0), (1001, 2)]);
        for (from, candidate) in chosen.into_iter().skip(1) {
            let least = |size| times.iter().map(|time| time(size)).fold(f64::INFINITY, f64::min);
            assert_eq!(times[candidate](from), least(from));
            assert!(times[candidate](from - 1) > least(from - 1) - 1e-9);
        }
    }

    #[test]
    fn what_is_hardly_better_is_dropped() {
        let times = [line(100.0, 1.0), line(95.0, 1.1)];
        assert_eq!(choose(2, 4096, &|candidate, size| times[candidate](size)), [(1, 0)]);
        let times = [line(100.0, 1.0), line(50.0, 1.3)];
        assert_eq!(choose(2, 4096, &|candidate, size| times[candidate](size)), [(1, 1), (167, 0)]);
    }

    #[test]
    fn there_are_at_most_three() {
        // Four lines, each cheapest somewhere.
        let times = [line(1.0, 64.0), line(100.0, 8.0), line(1000.0, 1.0), line(4000.0, 0.1)];
        let chosen = choose(4, 1 << 20, &|candidate, size| times[candidate](size));
        assert_eq!(chosen.len(), 3, "{chosen:?}");
        // One that comes back.
        let waves = |candidate: usize, size: i64| match (candidate, size.ilog2() % 2) {
            (0, 0) | (1, 1) => 1.0,
            _ => 2.0,
        };
        assert!(choose(2, 4096, &waves).len() <= 3);
    }

    #[test]
    fn one_is_for_all() {
        assert_eq!(choose(1, 128, &|_, _| 1.0), [(1, 0)]);
    }
}
