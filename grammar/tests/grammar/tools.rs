//! What several tests need.

use moe_grammar::{parse, FileId, Parse};

/// The tree of a text without the places, as text.
pub fn tree(parse: &Parse) -> String {
    without_places(&format!("{:?}", parse.tree))
}

/// The tree with names as plain words and a line for each item and statement.
pub fn short_tree(parse: &Parse) -> String {
    let text = tree(parse).replace(", span: ", "").replace("Expression { kind: ", "( ");
    let (mut kept, mut rest) = (String::new(), text.as_str());
    while let Some(place) = rest.find("Name { text: \"") {
        kept.push_str(&rest[..place]);
        rest = &rest[place + 14..];
        let end = rest.find('"').unwrap();
        kept.push_str(&rest[..end]);
        rest = rest[end + 1..].trim_start_matches(" }");
    }
    kept.push_str(rest);
    kept.replace("Statement {", "\n    Statement {")
        .replace("value: Some(( ", "\n    value: Some(( ")
        .replace("Item {", "\nItem {")
}

/// Leaves out `12..34`, which is how places are printed.
pub fn without_places(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(dots) = rest.find("..") {
        let before = rest[..dots].trim_end_matches(|c: char| c.is_ascii_digit());
        let after = rest[dots + 2..].trim_start_matches(|c: char| c.is_ascii_digit());
        kept.push_str(before);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The text of every comment, sorted.
pub fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let (mut quoted, mut escaped) = (false, false);
        for (place, character) in line.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '/' if !quoted && line[place..].starts_with("//") => {
                    found.push(line[place..].trim_end().to_owned());
                    break;
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Everything that must hold of a text and its formatted form. Does nothing for a text with mistakes.
pub fn check_format(text: &str) {
    let before = parse(FileId(0), text);
    let Ok(formatted) = moe_grammar::format(text) else {
        assert!(!before.errors.is_empty(), "refused without a mistake:\n{text}");
        return;
    };
    assert_eq!(before.errors, [], "formatted in spite of mistakes:\n{text}");
    let after = parse(FileId(0), &formatted);
    assert_eq!(after.errors, [], "formatting broke it:\n{text}\n---\n{formatted}");
    assert_eq!(tree(&before), tree(&after), "the tree changed:\n{text}\n---\n{formatted}");
    assert_eq!(comments(text), comments(&formatted), "comments were lost:\n{text}\n---\n{formatted}");
    let again = moe_grammar::format(&formatted).unwrap();
    assert_eq!(formatted, again, "not settled at once:\n{text}");
    assert!(!formatted.contains("\n\n\n"), "two empty lines:\n{formatted}");
    assert!(
        formatted.lines().all(|line| line == line.trim_end()),
        "spaces at the end of a line:\n{formatted}"
    );
}

/// The mistakes of a text as a person would read them.
pub fn mistakes(text: &str) -> String {
    let mut printed = String::new();
    for error in parse(FileId(0), text).errors {
        let before = &text[..error.span.start as usize];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        printed
            .push_str(&format!("{line}:{column}: {}: {}\n    {}\n", error.code, error.message, error.label));
        if let Some(hint) = error.hint {
            printed.push_str(&format!("    hint: {hint}\n"));
        }
    }
    printed
}
