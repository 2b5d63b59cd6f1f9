//! `moe explain`: every code has its page, and an example that names a command does what the page says.
//!
//! A block ```` ```moe wrong: test ```` is a file for `moe test FILE`, which gives the code; with `right:` it is fine.

use crate::person::Person;
use moe_diagnostics::CODES;

/// The examples of a page that name a command: `wrong` or `right`, the words of the command, the file.
fn examples(text: &str) -> Vec<(&str, Vec<&str>, &str)> {
    let fences = text.split("```moe ").skip(1).filter_map(|part| part.split_once('\n'));
    fences
        .filter_map(|(info, rest)| {
            let (kind, command) = info.split_once(": ")?;
            Some((kind, command.split(' ').collect(), rest.split("```").next()?))
        })
        .collect()
}

#[test]
fn every_code_is_explained() {
    let person = Person::new();
    for (code, text) in CODES {
        let said = person.moe(&["explain", code]).fine();
        assert_eq!(said.out.trim_end(), text.trim_end(), "{code}");
    }
    person.moe(&["explain", "E9999"]).wrong(&["no error code E9999"]);
}

#[test]
fn examples_that_name_a_command_do_what_they_say() {
    let mut count = 0;
    for (code, text) in CODES {
        for (kind, command, file) in examples(text) {
            let person = Person::new();
            person.write("example.moe", file);
            let (first, rest) = command.split_first().unwrap();
            let said = person.moe(&[&[*first, "example.moe"], rest].concat());
            match kind {
                "wrong" => said.wrong(&[code]),
                "right" => said.fine(),
                _ => panic!("{code}: what is `{kind}`?"),
            };
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}
