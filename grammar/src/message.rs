//! What is said about text that the grammar does not accept: what was found, and what could stand there instead.

use crate::grammar::Rule;
use crate::layout::Layout;
use crate::scan::{Token, TokenKind};
use crate::span::{FileId, Span};
use crate::SyntaxError;
use pest::error::{Error, ErrorVariant, InputLocation};

/// Explains where and why a piece that begins at byte `offset` could not be read.
pub(crate) fn explain(
    file: FileId,
    layout: &Layout,
    offset: usize,
    piece: Rule,
    error: &Error<Rule>,
) -> SyntaxError {
    let place = offset
        + match error.location {
            InputLocation::Pos(place) => place,
            InputLocation::Span((place, _)) => place,
        };
    let found = Found::at(layout, place);
    let rules = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => &[],
    };
    let expected = expected(rules, piece);
    let hint = hint(layout, &found, rules, piece);
    SyntaxError {
        code: "E0001",
        message: format!("{} cannot stand here", found.words),
        span: Span::new(file, found.token.start, found.token.end),
        label: if expected.is_empty() {
            "unexpected".to_owned()
        } else {
            format!("expected {}", join(&expected))
        },
        hint,
    }
}

/// What stands at a place.
struct Found {
    index: usize,
    token: Token,
    words: String,
}

impl Found {
    fn at(layout: &Layout, place: usize) -> Found {
        let mut index = layout.tokens.partition_point(|token| token.end <= place);
        while layout.token(index).is_comment() && !layout.is_doc(index) {
            index += 1;
        }
        let token = layout.token(index);
        let words = match token.kind {
            TokenKind::Newline if index >= layout.tokens.len() => "the end of the file".to_owned(),
            TokenKind::Newline => "the end of the line".to_owned(),
            TokenKind::Unknown if !layout.word(index).is_ascii() => unusual(layout.word(index)),
            TokenKind::Doc => "a doc comment".to_owned(),
            _ => format!("`{}`", layout.word(index)),
        };
        let token = match token.kind {
            // Point behind the last token rather than at a character that cannot be seen.
            TokenKind::Newline => {
                let before =
                    layout.tokens.get(..index).unwrap_or_default().iter().rev().find(|token| token.is_code());
                let end = before.map_or(token.start, |token| token.end);
                Token { start: end, end, ..token }
            }
            _ => token,
        };
        Found { index, token, words }
    }
}

/// A character that may look like another, or like nothing.
fn unusual(character: &str) -> String {
    let number = character.chars().next().map_or(0, u32::from);
    let visible = character.chars().all(|c| !c.is_whitespace() && !c.is_control());
    let shown = if visible { format!("`{character}` ") } else { String::new() };
    format!("the character {shown}(U+{number:04X})")
}

/// The sign that a character was probably meant to be.
fn look_alike(character: &str) -> Option<&'static str> {
    Some(match character {
        "−" | "–" | "—" => "`-`",
        "×" | "·" | "∗" => "`*`, or for tensors `@`",
        "÷" => "`/`",
        "≤" => "`<=`",
        "≥" => "`>=`",
        "≠" => "`!=`",
        "→" => "`->`",
        "“" | "”" | "„" | "‘" | "’" => "`\"`",
        "∞" => "`inf`",
        "…" => "`..`",
        "Σ" | "∑" => "`sum e: E { … }`",
        "\u{a0}" | "\u{2009}" | "\u{200b}" | "\u{3000}" => "an ordinary space",
        _ => return None,
    })
}

/// What could have stood there, most telling first, without the many ways in which an expression can go on.
fn expected(rules: &[Rule], piece: Rule) -> Vec<&'static str> {
    let goes_on = rules.contains(&Rule::binary);
    let mut phrases: Vec<(u8, &'static str)> = Vec::new();
    for rule in rules {
        let continuation = matches!(
            rule,
            Rule::call
                | Rule::bracket
                | Rule::field
                | Rule::cast
                | Rule::dots
                | Rule::kw_else
                | Rule::kw_as
                | Rule::dot
                | Rule::colons
                | Rule::axes
                | Rule::open_paren
                | Rule::open_bracket
                | Rule::equals
        );
        if goes_on && continuation {
            continue;
        }
        if let Some(phrase) = phrase(*rule, piece) {
            if !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        }
    }
    phrases.sort();
    phrases.into_iter().map(|(_, words)| words).collect()
}

const AN_ITEM: &str =
    "an item: `use`, `model`, `gate`, `expert`, `layer`, `adapter`, `fn`, `test`, `weights`, \
                       `quantize`, `adapt` or `train`";

/// A rule in the user's words, with its place in a list of several.
fn phrase(rule: Rule, piece: Rule) -> Option<(u8, &'static str)> {
    Some(match rule {
        Rule::item
        | Rule::one_item
        | Rule::use_item
        | Rule::definition
        | Rule::definition_kind
        | Rule::test
        | Rule::weights_block
        | Rule::settings_block
        | Rule::settings_kind => (0, AN_ITEM),
        Rule::statement | Rule::one_statement => (0, "a statement or an expression"),
        Rule::type_expression => (1, "a type"),
        Rule::expression | Rule::operand | Rule::argument | Rule::bracket_argument | Rule::entry => {
            (1, "an expression")
        }
        Rule::axis | Rule::plain_axis | Rule::bounded_axes => (1, "an axis"),
        Rule::part_value | Rule::part_instance | Rule::part_group => {
            (1, "a definition such as `linear[H]`, or a list of them in `[ ]`")
        }
        Rule::name
        | Rule::path
        | Rule::static_kind
        | Rule::use_name
        | Rule::dotted_name
        | Rule::binder
        | Rule::axis_names
        | Rule::renaming
        | Rule::carried
        | Rule::static_parameter
        | Rule::parameter
        | Rule::bound_binder => (1, "a name"),
        Rule::string => (1, "a string in `\"`"),
        Rule::pattern
        | Rule::pattern_part
        | Rule::one_entry
        | Rule::one_setting
        | Rule::weight_entry
        | Rule::setting => (1, "a name, `*` or names in `{ }`"),
        Rule::split_kind => (1, "`rows`, `columns` or `interleaved`"),
        Rule::weight_step => (2, "`split`, `transpose`, `cast` or `stack`"),
        Rule::statics => (2, "`[`"),
        Rule::parameters | Rule::open_paren | Rule::named_results => (2, "`(`"),
        Rule::block | Rule::open_brace | Rule::settings | Rule::weight_entries | Rule::use_list => (2, "`{`"),
        Rule::open_bracket | Rule::bracket | Rule::axes | Rule::names_in_brackets | Rule::rename => {
            (2, "`[`")
        }
        Rule::binary => (2, "an operator"),
        Rule::arrow => (2, "`->` and the type of the result"),
        Rule::equals => (2, "`=`"),
        Rule::colon => (2, "`:`"),
        Rule::colons => (2, "`::`"),
        Rule::comma => (3, "`,`"),
        Rule::semicolon => (3, "`;`"),
        Rule::dots => (3, "`..`"),
        Rule::dot => (3, "`.`"),
        Rule::kw_from => (2, "`from`"),
        Rule::kw_in => (2, "`in`"),
        Rule::kw_with => (2, "`with`"),
        Rule::kw_of => (3, "`of`"),
        Rule::kw_as | Rule::use_alias => (3, "`as`"),
        Rule::kw_where => (3, "`where`"),
        Rule::kw_else | Rule::background => (3, "`else`"),
        Rule::kw_frozen => (3, "`frozen`"),
        Rule::kw_prox => (3, "`prox`"),
        Rule::close_paren => (4, "`)`"),
        Rule::close_bracket => (4, "`]`"),
        Rule::close_brace => (4, "`}`"),
        Rule::EOI | Rule::separator | Rule::end_of_entry => match piece {
            Rule::one_item => (5, "the end of the item"),
            Rule::one_statement => (5, "the end of the statement"),
            _ => (5, "the end of the entry"),
        },
        _ => return None,
    })
}

fn join(phrases: &[&str]) -> String {
    match phrases {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// What the user probably meant, where that is plain.
fn hint(layout: &Layout, found: &Found, rules: &[Rule], piece: Rule) -> Option<String> {
    let word = layout.word(found.index);
    let next = layout.word(found.index + 1);
    let touches =
        found.index.checked_sub(1).is_some_and(|before| layout.token(before).end == found.token.start);
    let is_word = found.token.kind == TokenKind::Word;
    let before = found.index.checked_sub(1).map_or("", |before| layout.word(before));
    if let Some(meant) = look_alike(word) {
        return Some(format!("write {meant}"));
    }
    let hint = match word {
        "=" if rules.contains(&Rule::binary) => "`==` compares; `=` only follows the name that it sets",
        "=" if touches && matches!(before, "+" | "-" | "*" | "/") => {
            "values do not change: `let x = …` binds a new one"
        }
        ":" if next == "=" => "a value is given a name by `let name = …`",
        ":" if matches!(before, "[" | ",") && matches!(next, "]" | ",") => {
            "`_` takes a whole axis, `a..b` a part of it"
        }
        ":" if before == ")" && piece == Rule::one_item => "a result's type follows `->`",
        "if" if rules.contains(&Rule::binary) => "`if c { a } else { b }` chooses between two values",
        "&" | "|" => "`&&` is and, `||` is or, `!` is not",
        "and" | "or" | "not" => "`&&` is and, `||` is or, `!` is not",
        "'" => "strings stand in `\"`",
        "#" => "a comment begins with `//`",
        "*" if touches && before == "*" => "`pow(x, y)` is x to the power of y",
        "^" => "`pow(x, y)` is x to the power of y",
        ";" if piece == Rule::one_item => "an item ends with its line or its `}`, without `;`",
        "=>" => "there is no `=>`; a result's type follows `->`",
        "?" => "`if c { a } else { b }` chooses between two values",
        "of" | "over" | "as" | "if" | "else" | "true" | "false" if rules.contains(&Rule::name) => {
            return Some(format!("`{word}` is a word of the language and cannot be a name"));
        }
        _ if is_word && before == "return" => "the last expression of a block is its value",
        _ if is_word && matches!(before, "for" | "while") => {
            "`repeat i in N { … }` repeats; `sum e: E { … }` adds up"
        }
        _ if is_word && matches!(before, "var" | "const" | "mut") => {
            "a value is given a name by `let name = …`"
        }
        _ if before == "." && layout.token(found.index.saturating_sub(2)).kind == TokenKind::Number => {
            "digits stand on both sides of a point: `1.0`, `0.5`"
        }
        _ if found.token.kind == TokenKind::Number && word.contains(|c: char| c.is_ascii_alphabetic()) => {
            "a name begins with a letter; a number has digits, `.` and `e`"
        }
        "let" | "weight" | "part" if piece == Rule::one_item => {
            "statements stand in the body of a definition"
        }
        "def" | "func" | "function" | "struct" | "class" if piece == Rule::one_item => {
            "a function begins with `fn`"
        }
        "import" | "from" if piece == Rule::one_item => "`use std::nn::linear::linear` brings in a name",
        _ if piece == Rule::one_statement && ITEM_LIKE.contains(&before) && is_word => {
            "definitions and tests stand outside of others"
        }
        _ if next == "=" && rules.contains(&Rule::binary) && is_word => {
            "a value is given a name by `let name = …`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

const ITEM_LIKE: [&str; 7] = ["model", "gate", "expert", "layer", "adapter", "fn", "test"];
