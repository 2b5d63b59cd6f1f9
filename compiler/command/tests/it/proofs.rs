//! `moe explain` with proofs: saved, checked, and refused when they are not what they were; why a rule was not applied; both forms compared.

use crate::person::{root, Person};
use std::fs;

fn block() -> String {
    root().join("examples/deepseek_v3/deepseek_v3.moe").display().to_string()
}

#[test]
fn a_saved_proof_is_checked_and_a_changed_one_is_refused() {
    let (person, block) = (Person::new(), block());
    let shown = person.moe(&["explain", &block, "--proof"]).fine().out;
    person.moe(&["explain", &block, "--save-proof", "proof.txt"]).fine();
    assert_eq!(fs::read_to_string(person.path("proof.txt")).unwrap(), shown);
    let said = person.moe(&["explain", &block, "--check-proof", "proof.txt"]).fine().out;
    assert!(said.starts_with("the proof holds: "), "{said}");

    let changed = shown.replacen("pack-reduce:", "pack-map:", 1);
    assert_ne!(changed, shown);
    fs::write(person.path("changed.txt"), changed).unwrap();
    person
        .moe(&["explain", &block, "--check-proof", "changed.txt"])
        .wrong(&["E0707", "is not of the rule's form"]);
    fs::write(person.path("empty.txt"), "").unwrap();
    person.moe(&["explain", &block, "--check-proof", "empty.txt"]).wrong(&["E0707", "begins with"]);
    person.moe(&["explain", &block, "--check-proof", "missing.txt"]).wrong(&["E0010", "missing.txt"]);

    let other = root().join("examples/mixtral/mixtral.moe").display().to_string();
    person.moe(&["explain", &other, "--check-proof", "proof.txt"]).wrong(&["E0707"]);
    person
        .moe(&["explain", &block, "--check-proof", "proof.txt", "--set", "D=32"])
        .wrong(&["E0707", "other axes, parameters or tables"]);
}

#[test]
fn every_example_is_proven() {
    let person = Person::new();
    let models = [
        ("fashion", "Fashion"),
        ("hierarchy", "Hierarchy"),
        ("mixtral", "Mixtral"),
        ("qwen3_moe", "Qwen3Moe"),
        ("deepseek_v3", "DeepseekV3"),
        ("transformer", "Story"),
        ("transformer", "Mixture"),
        ("vision", "Vision"),
    ];
    for (folder, model) in models {
        let source = root().join(format!("examples/{folder}/{folder}.moe")).display().to_string();
        person.moe(&["explain", &source, "--model", model, "--save-proof", "proof.txt"]).fine();
        let arguments = ["explain", &source, "--model", model, "--check-proof", "proof.txt"];
        let said = person.moe(&arguments).fine().out;
        assert!(said.starts_with("the proof holds: "), "{model}: {said}");
    }
}

#[test]
fn a_rule_says_why_it_was_not_applied() {
    let (person, block) = (Person::new(), block());
    let said = person.moe(&["explain", &block, "--why-not", "pack-bounded"]).fine().out;
    assert!(said.contains("found and applied"), "{said}");
    assert!(said.contains("not applied, because "), "{said}");
    person
        .moe(&["explain", &block, "--why-not", "pack-reduse"])
        .wrong(&["E0708", "did you mean `pack-reduce`?"]);
    let rules = person.moe(&["explain", "--rules"]).fine().out;
    assert!(rules.contains("pack-reduce\n  pack(m, sum d t)"), "{rules}");
}

#[test]
fn what_was_written_and_what_is_computed_are_compared() {
    let (person, block) = (Person::new(), block());
    let said = person.moe(&["explain", &block, "--check", "--rows", "5", "--seed", "3"]).fine().out;
    assert!(said.contains("entries compared: the largest difference is "), "{said}");
    let words: Vec<&str> = said.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "is").unwrap();
    let difference: f64 = words[at + 1].parse().unwrap();
    assert!(difference < 1e-5, "{said}");
}
