//! What `moe emit` prints: pictures that any viewer takes, colours where they are asked for.

use crate::person::{root, Person, SMALL};

/// Whether every element of an XML text is closed, in order, and no text or attribute has a character that must be escaped.
fn is_well_formed(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>") else {
        return false;
    };
    let mut open: Vec<&str> = Vec::new();
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        let Some((tag, after)) = tag[1..].split_once('>') else { return false };
        let entities = ["amp;", "lt;", "gt;", "quot;"];
        if before.split('&').skip(1).any(|part| !entities.iter().any(|entity| part.starts_with(entity))) {
            return false;
        }
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        if tag.matches('"').count() % 2 != 0 || (open.is_empty() && !before.trim().is_empty()) {
            return false;
        }
        rest = after;
    }
    open.is_empty() && rest.trim().is_empty()
}

#[test]
fn a_model_is_drawn_with_its_parts_bounds_and_packed_rows() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    for stage in ["graph", "rewritten"] {
        let arguments = ["emit", "small.moe", "--stage", stage, "--format", "svg"];
        let said = person.moe(&arguments).fine();
        assert!(is_well_formed(&said.out), "{}", said.out);
        for word in
            [">gate</text>", ">experts</text>", ">experts.up.weight</text>", ">2 of E</text>", "box packed"]
        {
            assert!(said.out.contains(word), "{stage}: {word} is not in\n{}", said.out);
        }
        assert_eq!(said.out, person.moe(&arguments).fine().out);
    }
    person
        .moe(&["emit", "small.moe", "--stage", "kernels", "--format", "svg"])
        .wrong(&["E0019", "--stage graph"]);
}

#[test]
fn a_repeated_layer_is_drawn_once_with_its_count() {
    let person = Person::new();
    let source = "moe 1
use std::nn::linear::linear

layer block(x: f32[.., D]) -> f32[.., D] {
    part up = linear[D]
    x + up(x)
}

model Deep[D = 4, L = 24](x: f32[N, D]) -> f32[N, D] {
    part layers = [block; L]
    let h = x
    repeat l in L {
        h = layers[l](h)
    }
    h
}
";
    person.write("deep.moe", source);
    let said = person.moe(&["emit", "deep.moe", "--stage", "graph", "--format", "svg"]).fine();
    assert!(is_well_formed(&said.out), "{}", said.out);
    for word in ["24 times", ">layers.up.weight</text>"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    assert_eq!(said.out.matches("class=\"heading\"").count(), 2, "{}", said.out);
}

#[test]
fn every_example_is_drawn() {
    let person = Person::new();
    let mut drawn = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            let source = file.unwrap().path();
            if source.extension().is_none_or(|extension| extension != "moe") {
                continue;
            }
            let source = source.to_str().unwrap();
            let said = person.moe(&["emit", source, "--stage", "graph", "--format", "svg"]);
            if said.status == 1 && said.err.contains("E0011") {
                // It has no model, or several.
                continue;
            }
            assert!(said.status == 0 && is_well_formed(&said.out), "{source}: {:.2000}", said.err);
            drawn += 1;
        }
    }
    assert!(drawn >= 4);
}

#[test]
fn colors_come_when_asked_for_and_change_no_text() {
    let person = Person::new();
    person.write("small.moe", SMALL);
    for stage in ["syntax", "typed", "graph", "rewritten", "program", "clif"] {
        let plain = person.moe(&["emit", "small.moe", "--stage", stage]).fine().out;
        assert!(!plain.contains('\u{1b}'), "{stage}");
        let colored = person.moe(&["emit", "small.moe", "--stage", stage, "--color", "always"]).fine().out;
        assert!(colored.contains('\u{1b}'), "{stage}");
        let mut text = String::new();
        for (number, part) in colored.split('\u{1b}').enumerate() {
            text += if number == 0 { part } else { part.split_once('m').unwrap().1 };
        }
        assert_eq!(text, plain, "{stage}");
    }
}
