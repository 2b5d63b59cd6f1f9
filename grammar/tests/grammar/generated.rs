//! Generated programs, and the library's with tokens taken out and put in.

use crate::library::sources;
use crate::tools::check_format;
use moe_grammar::{parse, FileId};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What may stand between two tokens inside parentheses.
fn gap() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(" ".to_owned()),
        3 => Just(String::new()),
        1 => Just("\n".to_owned()),
        1 => Just("\n\n  ".to_owned()),
        1 => Just(" // c\n".to_owned()),
        1 => Just("\n // d\n // e\n".to_owned()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "x",
        "gate",
        "E",
        "weight",
        "a_rather_long_name_for_a_value",
        "std::nn::linear",
        "inf",
    ])
    .prop_map(str::to_owned)
}

fn operator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["+", "-", "*", "/", "%", "@", "&&", "||"])
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        name(),
        prop::sample::select(vec!["1", "0.5", "1e-5", "true", "\"a // b\"", "[]"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), gap(), operator(), gap(), inner.clone())
                .prop_map(|(a, before, sign, after, b)| format!("({a}{before} {sign} {after}{b})")),
            2 => (inner.clone(), operator(), prop::bool::ANY, inner.clone()).prop_map(|(a, sign, line, b)| {
                let gap = if line { " // op\n" } else { " " };
                format!("{a} {sign}{gap}{b}")
            }),
            2 => (name(), gap(), prop::collection::vec((inner.clone(), gap()), 0..4)).prop_map(|(f, gap, arguments)| {
                let arguments: Vec<String> = arguments.into_iter().map(|(a, gap)| format!("{a}{gap}")).collect();
                format!("{f}({gap}{})", arguments.join(","))
            }),
            1 => (name(), gap(), inner.clone(), gap()).prop_map(|(x, a, e, b)| format!("{x}[{a}_,{e}..{b},k = {e}]")),
            1 => (gap(), inner.clone(), gap(), inner.clone())
                .prop_map(|(a, x, b, y)| format!("[{a}{x},{b}{y},{a}]")),
            1 => inner.clone().prop_map(|x| format!("-{x}")),
            1 => (inner.clone(), prop::bool::ANY).prop_map(|(x, line)| {
                let (open, close) = if line { ("{ // b\n", "\n // z\n}") } else { ("{ ", " }") };
                format!("sum e: E {open}{x}{close}")
            }),
            1 => (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(c, a, b)| format!("if {c} {{ {a} }} else {{\n let t = {b}\n\n\n t }}")),
            1 => (inner.clone(), gap()).prop_map(|(x, gap)| format!("({x}{gap}) as f32")),
            1 => (inner.clone(), inner).prop_map(|(x, y)| format!("f({x}, over ( A,B ), p.q = {y}, K of E)")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    (expression(), 0usize..9).prop_map(|(value, form)| match form {
        0 => format!("let y: f32[N,2 of E else -inf] = {value}"),
        1 => format!("weight a,b : f32[ D ]={value} frozen"),
        2 => format!("// own\n/// doc\npart p=[swiglu[{value}] ;E]"),
        3 => format!("repeat i in L {{ x = {value} }}"),
        4 => format!("observe o={value} // trailing"),
        5 => format!("let (a,b)={value};axis F=4*D"),
        6 => format!("state k : f32 = {value}\n\n\n"),
        7 => format!("next k={value} /// not a doc"),
        _ => format!("let z = {value}"),
    })
}

fn program() -> impl Strategy<Value = String> {
    let item =
        (prop::collection::vec(statement(), 0..5), gap(), expression()).prop_map(|(lines, gap, value)| {
            format!(
                "/// doc\nfn f[A,B = 2]({gap}x: f32[..,D]{gap},)->f32{{\n{}\n{value}\n}} // end",
                lines.join("\n")
            )
        });
    prop::collection::vec(item, 1..3).prop_map(|items| format!("moe 1\nuse a::b\n{}\n", items.join("\n")))
}

/// A text as tokens of a rough kind, with the space before each.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for character in text.chars() {
        let joins = |last: &String| {
            last.chars().last().is_some_and(|last| {
                last.is_alphanumeric() == character.is_alphanumeric() && last.is_alphanumeric()
            })
        };
        match tokens.last_mut() {
            Some(last) if joins(last) => last.push(character),
            _ => tokens.push(character.to_string()),
        }
    }
    tokens
}

const STRAY: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "//",
    "\n",
    ";",
    ",",
    ":",
    "=",
    "..",
    "-",
    "@",
    " let ",
    " fn ",
    " if ",
    " of ",
    "\\",
    "é",
    " 1e ",
    "\n    weight ",
];

/// Lines that are wrong by themselves.
const BROKEN: [&str; 13] = [
    "let y = x * * 2",
    "weight w f32[D]",
    "let s = f(x y)",
    "y z",
    "part p = linear[H",
    "let t = (x, [1, 2)",
    "observe load",
    "let u = \"open",
    "assert a < b < c",
    "let v = x ^ 2",
    "sum e: E { g[_, e] * }",
    "let w = if c { a } else",
    "x",
];
const FINE: [&str; 6] = [
    "let a = f(x, [1, 2])",
    "weight w: f32[D] = ones // why",
    "part p = [swiglu[H]; E]",
    "// a comment",
    "let b = sum e: E { g[_, e] }; let c = a +\n    b",
    "if c {\n    a\n} else {\n    let d = x\n    d\n}",
];

/// The lines of a body, and which of them are wrong.
fn body() -> impl Strategy<Value = (String, Vec<usize>)> {
    prop::collection::vec((any::<bool>(), 0usize..100), 1..8).prop_map(|lines| {
        let (mut text, mut wrong) = ("fn f(x: f32) -> f32 {\n".to_owned(), Vec::new());
        for (broken, which) in lines {
            let which = if broken { BROKEN[which % BROKEN.len()] } else { FINE[which % (FINE.len() - 1)] };
            if broken {
                wrong.push(text.matches('\n').count() + 1);
            }
            text.push_str(&format!("    {which}\n"));
        }
        text.push_str("    let last = x\n");
        text.push_str(FINE[FINE.len() - 1]);
        (text + "\n}\n", wrong)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn generated_programs_are_read_and_formatted(text in program()) {
        prop_assert_eq!(crate::tools::mistakes(&text), "", "{}", text);
        check_format(&text);
    }

    #[test]
    fn every_broken_line_is_reported_and_no_other((text, wrong) in body()) {
        let errors = parse(FileId(0), &text).errors;
        let lines = errors.iter().map(|error| text[..error.span.start as usize].matches('\n').count() + 1);
        let mut lines: Vec<usize> = lines.collect();
        lines.dedup();
        prop_assert_eq!(lines, wrong, "{}\n{}", text, crate::tools::mistakes(&text));
    }

    #[test]
    fn mutated_programs_never_fail(file in 0usize..100, edits in prop::collection::vec((0usize..10_000, 0usize..26), 1..6)) {
        let sources = sources();
        let mut tokens = tokens(&sources[file % sources.len()].1);
        for (place, edit) in edits {
            let place = place % tokens.len();
            match STRAY.get(edit) {
                Some(stray) => tokens.insert(place, (*stray).to_owned()),
                None if edit == 24 => { tokens.remove(place); }
                None => tokens.truncate(place.max(10)),
            }
        }
        let text = tokens.concat();
        let parse = parse(FileId(0), &text);
        for error in &parse.errors {
            prop_assert!(text.get(error.span.range()).is_some(), "{:?}", error);
        }
        check_format(&text);
    }

    #[test]
    fn any_text_is_read(text in "\\PC*") {
        check_format(&text);
    }
}
