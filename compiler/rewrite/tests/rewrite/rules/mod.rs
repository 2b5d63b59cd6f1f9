//! Every rule by itself: where it fires the graph keeps its meaning, on several shapes with edges; and it does not fire where it must not.

mod algebra;
mod contraction;
mod folding;
mod integers;
mod lookup;
mod packing;
mod places;
mod selection;
mod structure;
mod weights;

use crate::compare::{assert_equal, DATA};
use crate::model::{shape, Model, Shape};
use moe_rewrite::{rewrite, Options, Rewritten};
use std::collections::BTreeSet;

/// A graph for a rule.
pub struct Case {
    /// The rule.
    pub rule: &'static str,
    /// Rules that must have fired before.
    pub with: &'static [&'static str],
    /// The graph.
    pub build: fn(&mut Model),
}

/// A graph for a rule that needs no others.
pub const fn case(rule: &'static str, build: fn(&mut Model)) -> Case {
    Case { rule, with: &[], build }
}

pub fn fires() -> Vec<&'static Case> {
    let all = [
        folding::FIRES,
        structure::FIRES,
        selection::FIRES,
        contraction::FIRES,
        integers::FIRES,
        algebra::FIRES,
        weights::FIRES,
        lookup::FIRES,
        packing::FIRES,
        places::FIRES,
    ];
    all.into_iter().flatten().collect()
}

fn refuses() -> Vec<&'static Case> {
    let all = [
        folding::REFUSES,
        structure::REFUSES,
        selection::REFUSES,
        contraction::REFUSES,
        integers::REFUSES,
        algebra::REFUSES,
        weights::REFUSES,
        lookup::REFUSES,
        packing::REFUSES,
        places::REFUSES,
    ];
    all.into_iter().flatten().collect()
}

/// Shapes with the edges: as many kept as there are, one kept, one to choose from, more kept than there are.
fn shapes() -> Vec<Shape> {
    [(4, 2), (3, 1), (3, 3), (1, 1), (2, 3)]
        .map(|(e, k)| {
            shape(&[
                ("D", 3),
                ("Out", 3),
                ("H", 4),
                ("E", e),
                ("K", k),
                ("I", 2),
                ("J", 3),
                ("P", 2),
                ("Q", 2),
            ])
        })
        .into()
}

fn run(case: &Case, shape: &Shape) -> (moe_graph::Module, Rewritten) {
    let mut model = Model::new(shape);
    (case.build)(&mut model);
    let module = model.module();
    let rules = [case.rule].iter().chain(case.with).map(|name| (*name).to_owned()).collect();
    let fast_math =
        moe_rewrite::rules().iter().filter_map(|rule| rule.fast_math.map(str::to_owned)).collect();
    let options = Options { rules: Some(rules), fast_math, prefer_rewritten: true, ..Options::default() };
    let rewritten = rewrite(&module, &options).unwrap();
    (module, rewritten)
}

fn fired(case: &Case, rewritten: &Rewritten) -> usize {
    let uses = rewritten.report.functions[0].rules.iter().filter(|own| own.name == case.rule);
    uses.map(|own| own.fired).sum()
}

#[test]
fn where_a_rule_fires_the_meaning_stays() {
    for (number, case) in fires().into_iter().enumerate() {
        let what = format!("{} (case {number})", case.rule);
        let mut shown = false;
        for shape in shapes() {
            let (module, rewritten) = run(case, &shape);
            let function = &rewritten.report.functions[0];
            shown |= fired(case, &rewritten) > 0 && function.before != function.after;
            for (rows, data) in [0, 1, 4].into_iter().flat_map(|rows| DATA.map(|data| (rows, data))) {
                let what = format!("{what}, {shape:?}, {rows} rows, {data:?}\n{}", rewritten.report.render());
                assert_equal(&module, &rewritten.module, rows, data, 11, &what);
            }
        }
        assert!(shown, "{what} never fired, or what it made was never chosen");
    }
}

#[test]
fn rules_do_not_fire_where_they_must_not() {
    for (number, case) in refuses().into_iter().enumerate() {
        for shape in shapes() {
            let (_, rewritten) = run(case, &shape);
            let text = rewritten.report.render();
            assert_eq!(fired(case, &rewritten), 0, "{} (case {number}), {shape:?}\n{text}", case.rule);
        }
    }
}

#[test]
fn every_rule_has_its_tests_and_its_reason() {
    let names = |cases: Vec<&'static Case>| cases.iter().map(|case| case.rule).collect::<BTreeSet<_>>();
    let all: BTreeSet<_> = moe_rewrite::rules().iter().map(|rule| rule.name).collect();
    assert_eq!(all.len(), moe_rewrite::rules().len(), "two rules of one name");
    assert_eq!(all, names(fires()), "rules without a case where they fire, or cases without a rule");
    assert_eq!(
        all,
        names(refuses()),
        "rules without a case where they must not fire, or cases without a rule"
    );
    assert!(moe_rewrite::rules().iter().all(|rule| rule.reason.len() > 10 && !rule.equation.is_empty()));
}
