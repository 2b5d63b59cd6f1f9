//! What people read.

use crate::model::{shape, Model};
use moe_rewrite::{rewrite, Options};
use std::fmt::Write;

#[test]
fn the_report_of_a_mixture() {
    let mut model = Model::new(&shape(&[("D", 64), ("Out", 64), ("H", 96), ("E", 8), ("K", 2)]));
    let x = model.input("x", &["N", "D"]);
    let weight = model.input("gate", &["D", "E"]);
    let g = model.top_k(x, weight, "E", "K");
    let y = model.mlp("experts", x, &["E"]);
    let weighed = model.multiply(g, y);
    let sum = model.sum("E", weighed);
    let sum = model.add(x, sum);
    model.output(sum);
    let rewritten = rewrite(&model.module(), &Options::default()).unwrap();
    insta::assert_snapshot!(rewritten.report.render());
}

#[test]
fn rewriting_is_deterministic() {
    let render = || {
        let mut model = Model::new(&shape(&[("D", 64), ("Out", 64), ("H", 96), ("E", 8), ("K", 2)]));
        let x = model.input("x", &["N", "D"]);
        let weight = model.input("gate", &["D", "E"]);
        let g = model.top_k(x, weight, "E", "K");
        let y = model.mlp("experts", x, &["E"]);
        let weighed = model.multiply(g, y);
        let sum = model.sum("E", weighed);
        model.output(sum);
        rewrite(&model.module(), &Options::default()).unwrap()
    };
    let (first, second) = (render(), render());
    assert_eq!(first.module, second.module);
    assert_eq!(first.report.render(), second.report.render());
}

/// The rules as a table; a new rule shows up here.
#[test]
fn the_list_of_rules() {
    let mut text = String::new();
    for rule in moe_rewrite::rules() {
        writeln!(text, "{:<26} {}\n{:<26} because {}", rule.name, rule.equation, "", rule.reason).unwrap();
        if let Some(group) = rule.fast_math {
            writeln!(text, "{:<26} with --fast-math {group}", "").unwrap();
        }
    }
    insta::assert_snapshot!(text);
}
