//! Proofs: made for what is chosen, checked anew, read back, and refused when somebody has changed them.

use crate::language::elaborate;
use crate::model::{shape, Model};
use moe_graph::Module;
use moe_rewrite::{check_proof, prove, rules, Line, Options, Proof};

const MIXTURE: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k

model Block[D = 64, H = 96, E = 8, K = 2](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [swiglu[H]; E]
    let g = gate(x)
    sum e: E { g[_, e] * experts[e](x) }
}
";

fn block() -> (Module, Module, Proof) {
    let module = elaborate(MIXTURE, &[]);
    let (rewritten, proof) = prove(&module, &Options::default()).unwrap();
    (module, rewritten.module, proof)
}

#[test]
fn a_mixture_is_proven_and_the_proof_reads_back() {
    let (_, _, proof) = block();
    let text = proof.text(&rules());
    insta::assert_snapshot!(format!("{MIXTURE}\n{text}"));
    let read = Proof::parse(&text).unwrap();
    assert_eq!(read.functions, proof.functions);
    assert_eq!(check_proof(&read), Ok(()));
    assert_eq!(read.text(&rules()), text);
}

/// Each change must be noticed.
fn refused(change: impl Fn(&mut Proof)) -> String {
    let (written, made, mut proof) = block();
    change(&mut proof);
    match check_proof(&proof) {
        Err(refusal) => refusal.to_string(),
        Ok(()) => proof.connects(&written, &made).expect_err("a changed proof was accepted"),
    }
}

fn lines(proof: &mut Proof) -> &mut Vec<Line> {
    &mut proof.functions.last_mut().unwrap().lines
}

/// Changes the first step of a rule.
fn step(proof: &mut Proof, name: &str, change: impl Fn(&mut Line)) {
    let step = lines(proof).iter_mut().find(|line| matches!(line, Line::Step { rule, .. } if rule == name));
    change(step.unwrap());
}

#[test]
fn a_changed_proof_is_refused() {
    let renamed = refused(|proof| {
        step(proof, "pack-reduce", |line| {
            let Line::Step { rule, .. } = line else { return };
            *rule = "pack-map".to_owned();
        });
    });
    let unknown = refused(|proof| {
        step(proof, "pack-reduce", |line| {
            let Line::Step { rule, .. } = line else { return };
            *rule = "magic".to_owned();
        });
    });
    let swapped = refused(|proof| {
        step(proof, "pack-reduce", |line| {
            let Line::Step { left, right, .. } = line else { return };
            std::mem::swap(left, right);
        });
    });
    let unfounded = refused(|proof| {
        step(proof, "pack-bounded", |line| {
            let Line::Step { uses, .. } = line else { return };
            uses.clear();
        });
    });
    let elsewhere = refused(|proof| {
        step(proof, "segment-reduce", |line| {
            let Line::Step { left, right, .. } = line else { return };
            *right = *left;
        });
    });
    let masked = refused(|proof| {
        lines(proof).iter_mut().for_each(|line| {
            if let Line::Rows { mask, witness, .. } = line {
                *mask = *witness;
            }
        });
    });
    let result = refused(|proof| {
        let results = &mut proof.functions.last_mut().unwrap().results;
        results[0].1 = results[0].0;
    });
    let shown = [renamed, unknown, swapped, unfounded, elsewhere, masked, result];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_proof_with_any_step_left_out_is_refused() {
    let (_, _, proof) = block();
    let count = proof.functions.last().unwrap().lines.len();
    for place in (0..count).rev() {
        let mut changed = proof.clone();
        // The step stays, and says that something is itself.
        let Line::Step { left, right, .. } = &mut lines(&mut changed)[place] else { continue };
        *right = *left;
        assert!(check_proof(&changed).is_err(), "without line {place}");
    }
}

/// A sum of -0 over no axis is 0, and is -0 too: the class that is both has a fact from one and a sign from the other.
#[test]
fn a_fact_counts_before_one_that_a_sign_came_with() {
    for prefer_rewritten in [false, true] {
        let mut model = Model::new(&shape(&[("E", 3)]));
        let (x, one, zero) = (model.input("x", &["N", "E"]), model.number(1.0), model.number(-0.0));
        let shifted = model.add(x, one);
        let product = model.multiply(shifted, zero);
        let sum = model.sum("E", product);
        model.output(sum);
        prove(&model.module(), &Options { prefer_rewritten, ..Options::default() }).unwrap();
    }
}

/// The factors of the product are equal, as is found later, and have other backgrounds: 1 off the second choice and 0 off the first.
#[test]
fn what_followed_from_two_backgrounds_of_equal_values_follows_again() {
    for prefer_rewritten in [false, true] {
        let mut model = Model::new(&shape(&[("E", 4), ("K", 2), ("All", 4), ("D", 3)]));
        let (x, y) = (model.input("x", &["E"]), model.input("y", &["D"]));
        let some = model.keep_largest(x, "K", "E", 0.0);
        let all = model.keep_largest(some, "All", "E", 1.0);
        let product = model.multiply(all, some);
        let rows = model.multiply(y, product);
        let chosen = model.keep_largest(rows, "All", "E", 0.0);
        model.output(chosen);
        prove(&model.module(), &Options { prefer_rewritten, ..Options::default() }).unwrap();
    }
}

#[test]
fn a_proof_of_another_model_does_not_fit() {
    let (_, made, proof) = block();
    let other = elaborate(&MIXTURE.replace("g[_, e] *", "2 * g[_, e] *"), &[]);
    assert!(proof.connects(&other, &made).is_err());
}

#[test]
fn what_cannot_be_read_says_where() {
    let (_, _, proof) = block();
    let text = proof.text(&rules());
    assert_eq!(Proof::parse("moe proof 9\n").unwrap_err().line, 1);
    let broken = text.replacen("  result %", "  result ", 1);
    let line = text.lines().position(|line| line.starts_with("  result %")).unwrap() + 1;
    assert_eq!(Proof::parse(&broken).unwrap_err().line, line);
}
