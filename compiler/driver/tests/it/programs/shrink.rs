//! A smaller program that fails the same way, for a person to read.

use moe_generate::programs::Program;

/// How many smaller programs are tried.
const TRIES: usize = 600;

/// The text of a program and why it fails, made smaller by leaving out lines, blocks and names while it still fails.
pub fn shrunk(
    program: &Program,
    why: String,
    fails: impl Fn(&Program) -> Option<String>,
) -> (String, String) {
    let mut best = (program.clone(), why);
    let mut tries = 0;
    loop {
        let before = best.0.text.len();
        for candidate in smaller(&best.0.text) {
            tries += 1;
            if tries > TRIES {
                return (best.0.text, best.1);
            }
            let program = Program { text: candidate, ..best.0.clone() };
            if let Some(why) = fails(&program).filter(|why| kind(why) == kind(&best.1)) {
                best = (program, why);
                break;
            }
        }
        if best.0.text.len() >= before {
            return (best.0.text, best.1);
        }
    }
}

/// What went wrong, without numbers.
fn kind(why: &str) -> String {
    let first = why.split(':').next().unwrap_or(why);
    first.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// Texts with something left out, those with the most left out first.
fn smaller(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let end = block(&lines, place);
        let rest = [&lines[..place], &lines[end..]].concat().join("\n") + "\n";
        // A value that is read: another takes its place.
        let bound = line.trim().strip_prefix("let ").and_then(|rest| rest.split([':', ' ', '=']).next());
        let before = lines[..place].iter().filter_map(|line| {
            let line = line.trim();
            let name = line.strip_prefix("let ").or_else(|| line.strip_prefix("weight "))?;
            name.split([':', ' ', '=']).next()
        });
        if let Some(bound) = bound.filter(|bound| !bound.is_empty()) {
            let others: Vec<&str> = before.chain(["x"]).collect();
            found.extend(others.iter().rev().take(6).map(|other| renamed(&rest, bound, other)));
        }
        found.push(rest);
    }
    found.sort_by_key(String::len);
    found
}

/// Where the block that begins on a line ends.
fn block(lines: &[&str], begin: usize) -> usize {
    let mut depth = 0_i64;
    for (place, line) in lines.iter().enumerate().skip(begin) {
        depth += line.matches('{').count() as i64 - line.matches('}').count() as i64;
        if depth <= 0 {
            return place + 1;
        }
    }
    begin + 1
}

/// The text with another word for a word.
fn renamed(text: &str, word: &str, by: &str) -> String {
    let mut out = String::new();
    let mut own = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            own.push(letter);
            continue;
        }
        out += if own == word { by } else { &own };
        own.clear();
        out.push(letter);
    }
    out
}
