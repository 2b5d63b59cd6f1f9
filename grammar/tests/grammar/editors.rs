//! The editor files know the language's words.

use std::collections::BTreeSet;

const PEST: &str = include_str!("../../src/moe.pest");
const TEXT_MATE: &str = include_str!("../../editors/moe.tmLanguage.json");

/// The words in quotation marks in the grammar: its keywords.
pub fn keywords() -> BTreeSet<&'static str> {
    let rules = PEST.lines().filter(|line| !line.starts_with("//"));
    let quoted = rules.flat_map(|line| line.split('"').skip(1).step_by(2));
    quoted.filter(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase())).collect()
}

/// All strings in a JSON value.
fn strings(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Array(entries) => entries.iter().for_each(|entry| strings(entry, found)),
        serde_json::Value::Object(entries) => entries.values().for_each(|entry| strings(entry, found)),
        _ => {}
    }
}

#[test]
fn every_keyword_is_highlighted() {
    let keywords = keywords();
    for word in ["model", "weights", "repeat", "interleaved", "over", "mean"] {
        assert!(keywords.contains(word), "{word} is not found in the grammar");
    }
    let mut found = Vec::new();
    strings(&serde_json::from_str(TEXT_MATE).unwrap(), &mut found);
    let words: BTreeSet<String> = found
        .iter()
        .flat_map(|text| {
            text.replace("\\b", " ")
                .replace("\\s", " ")
                .split(|c: char| !c.is_ascii_alphanumeric())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    for keyword in keywords {
        assert!(words.contains(keyword), "{keyword} is not in the editor's grammar");
    }
}

#[test]
fn what_the_patterns_include_is_there() {
    let grammar: serde_json::Value = serde_json::from_str(TEXT_MATE).unwrap();
    let mut found = Vec::new();
    strings(&grammar, &mut found);
    for name in found.iter().filter_map(|text| text.strip_prefix('#')) {
        assert!(grammar["repository"].get(name).is_some(), "{name}");
    }
    assert_eq!(grammar["scopeName"], "source.moe");
}
