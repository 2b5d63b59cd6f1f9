//! The codes of diagnostics and the text that explains each.

include!(concat!(env!("OUT_DIR"), "/codes.rs"));

/// The explanation of a code, as Markdown: a title, prose, a wrong and a right example.
pub fn explain(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}

/// The example of a code that is marked `wrong` or `right`, for the tests: the text between the fences.
pub fn example<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let fence = format!("```moe {kind}\n");
    let start = text.find(&fence)? + fence.len();
    let rest = text.get(start..)?;
    rest.get(..rest.find("```")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_title_and_prose() {
        for (code, text) in CODES {
            let mut lines = text.lines();
            let title = lines.next().unwrap_or_default();
            assert!(title.starts_with("# ") && title.len() > 5, "{code}: no title");
            assert!(lines.any(|line| line.len() > 20 && !line.starts_with('`')), "{code}: no prose");
        }
    }

    #[test]
    fn the_examples_of_syntax_are_wrong_and_right() {
        for (code, text) in CODES.iter().filter(|(code, _)| ("E0001".."E0010").contains(code)) {
            let codes = |kind| {
                let parse = moe_grammar::parse(moe_grammar::FileId(0), example(text, kind)?);
                Some(parse.errors.iter().map(|error| error.code).collect::<Vec<_>>())
            };
            assert!(codes("wrong").is_none_or(|wrong| wrong == [*code]), "{code}: {:?}", codes("wrong"));
            assert!(codes("right").is_none_or(|right| right.is_empty()), "{code}: {:?}", codes("right"));
        }
    }

    #[test]
    fn codes_are_found_in_either_case() {
        let (code, text) = CODES[0];
        assert_eq!(explain(&code.to_lowercase()), Some(text));
        assert_eq!(explain("E9999"), None);
    }
}
