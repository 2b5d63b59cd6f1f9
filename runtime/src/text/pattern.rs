//! The regular expressions of `tokenizer.json` files: choices, groups, classes with Unicode categories, greedy repeats, and what
//! must not follow. Matched by backtracking, the first alternative that fits wins, as in Perl.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// How deep groups may stand in one another.
const DEPTH: usize = 50;

/// How often a group is repeated at most, as each time needs room on the stack.
const GROUPS: usize = 1000;

/// A regular expression.
#[derive(Debug)]
pub struct Pattern(Node);

#[derive(Debug)]
enum Node {
    /// One character.
    One(Class),
    /// All, one after the other.
    All(Vec<Node>),
    /// The first that fits.
    Any(Vec<Node>),
    /// As often as possible.
    Repeat { node: Box<Node>, least: usize, most: usize },
    /// Nothing, where the inner one fits (or does not) from here on.
    Ahead { node: Box<Node>, fits: bool },
}

#[derive(Debug, Default)]
struct Class {
    negated: bool,
    items: Vec<Item>,
}

#[derive(Debug)]
enum Item {
    Range(char, char),
    Category(String),
    Space,
    Word,
    Inner(Class),
}

impl Class {
    fn has(&self, character: char) -> bool {
        self.items.iter().any(|item| item.has(character)) != self.negated
    }

    fn of(item: Item, negated: bool) -> Self {
        Class { negated, items: vec![item] }
    }
}

impl Item {
    fn has(&self, character: char) -> bool {
        match self {
            Item::Range(first, last) => (*first..=*last).contains(&character),
            Item::Category(name) => is_of(name, character),
            Item::Space => character.is_whitespace(),
            Item::Word => character.is_alphanumeric() || character == '_' || is_of("M", character),
            Item::Inner(class) => class.has(character),
        }
    }
}

/// The two-letter name of a category, where patterns use it.
fn short(category: GeneralCategory) -> &'static str {
    match category {
        GeneralCategory::UppercaseLetter => "Lu",
        GeneralCategory::LowercaseLetter => "Ll",
        GeneralCategory::TitlecaseLetter => "Lt",
        GeneralCategory::ModifierLetter => "Lm",
        GeneralCategory::OtherLetter => "Lo",
        GeneralCategory::NonspacingMark => "Mn",
        GeneralCategory::SpacingMark => "Mc",
        GeneralCategory::EnclosingMark => "Me",
        GeneralCategory::DecimalNumber => "Nd",
        GeneralCategory::LetterNumber => "Nl",
        GeneralCategory::OtherNumber => "No",
        _ => "",
    }
}

const CATEGORIES: [&str; 17] =
    ["L", "M", "N", "P", "S", "Z", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No"];

fn is_of(name: &str, character: char) -> bool {
    let group = character.general_category_group();
    match name {
        "L" => group == GeneralCategoryGroup::Letter,
        "M" => group == GeneralCategoryGroup::Mark,
        "N" => group == GeneralCategoryGroup::Number,
        "P" => group == GeneralCategoryGroup::Punctuation,
        "S" => group == GeneralCategoryGroup::Symbol,
        "Z" => group == GeneralCategoryGroup::Separator,
        name => short(character.general_category()) == name,
    }
}

impl Pattern {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// What of it is not known here, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text, folded: false, depth: 0 };
        let node = parser.choice()?;
        match parser.rest.chars().next() {
            None => Ok(Pattern(node)),
            Some(character) => Err(format!("`{character}` is where nothing can be")),
        }
    }

    /// A pattern of one plain text.
    pub fn plain(text: &str) -> Self {
        let one = |character| Node::One(Class::of(Item::Range(character, character), false));
        Pattern(Node::All(text.chars().map(one).collect()))
    }

    /// The stretches of `text` that match, from left to right, none of them empty.
    pub fn find_all(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let mut end = at;
            self.0.fits(text, at, &mut |stop| {
                end = stop;
                true
            });
            if end > at {
                found.push((at, end));
                at = end;
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        found
    }
}

impl Node {
    /// Whether it fits from `at` on such that `then` fits from its end on.
    fn fits(&self, text: &str, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Node::One(class) => step(class, text, at).is_some_and(then),
            Node::All(nodes) => all(nodes, text, at, then),
            Node::Any(nodes) => nodes.iter().any(|node| node.fits(text, at, then)),
            Node::Ahead { node, fits } => (node.fits(text, at, &mut |_| true) == *fits) && then(at),
            Node::Repeat { node, least, most } => match node.as_ref() {
                Node::One(class) => run(class, *least, *most, text, at, then),
                node => repeat(node, *least, (*most).min(GROUPS), text, at, then),
            },
        }
    }
}

fn step(class: &Class, text: &str, at: usize) -> Option<usize> {
    let character = text.get(at..)?.chars().next()?;
    class.has(character).then_some(at + character.len_utf8())
}

fn all(nodes: &[Node], text: &str, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
    match nodes.split_first() {
        None => then(at),
        Some((first, rest)) => first.fits(text, at, &mut |end| all(rest, text, end, then)),
    }
}

/// A repeat of single characters, without recursion, as it may be long.
fn run(
    class: &Class,
    least: usize,
    most: usize,
    text: &str,
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let mut ends = vec![at];
    while let Some(end) = ends.last().filter(|_| ends.len() <= most).and_then(|end| step(class, text, *end)) {
        ends.push(end);
    }
    ends.iter().skip(least).rev().any(|end| then(*end))
}

fn repeat(
    node: &Node,
    least: usize,
    most: usize,
    text: &str,
    at: usize,
    then: &mut dyn FnMut(usize) -> bool,
) -> bool {
    let once_more = most > 0
        && node.fits(text, at, &mut |end| {
            end > at && repeat(node, least.saturating_sub(1), most - 1, text, end, then)
        });
    once_more || (least == 0 && then(at))
}

struct Parser<'t> {
    rest: &'t str,
    /// Whether upper and lower case are the same.
    folded: bool,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn choice(&mut self) -> Result<Node, String> {
        let mut nodes = vec![self.sequence()?];
        while self.take("|") {
            nodes.push(self.sequence()?);
        }
        Ok(Node::Any(nodes))
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let node = self.one()?;
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::All(nodes))
    }

    fn repeated(&mut self, node: Node) -> Result<Node, String> {
        let (least, most) = if self.take("?") {
            (0, 1)
        } else if self.take("*") {
            (0, usize::MAX)
        } else if self.take("+") {
            (1, usize::MAX)
        } else if self.take("{") {
            self.counts()?
        } else {
            return Ok(node);
        };
        if self.rest.starts_with(['?', '*', '+', '{']) {
            return Err("repeats that are lazy or possessive are not known".to_owned());
        }
        Ok(Node::Repeat { node: Box::new(node), least, most })
    }

    /// `3}`, `1,}` or `1,3}`
    fn counts(&mut self) -> Result<(usize, usize), String> {
        let wrong = || "a count in `{ }` is no number".to_owned();
        let (inside, rest) = self.rest.split_once('}').ok_or_else(wrong)?;
        self.rest = rest;
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
        match inside.split_once(',') {
            None => number(inside).map(|count| (count, count)),
            Some((least, "")) => Ok((number(least)?, usize::MAX)),
            Some((least, most)) => Ok((number(least)?, number(most)?)),
        }
    }

    fn one(&mut self) -> Result<Node, String> {
        match self.next() {
            Some('(') => self.group(),
            Some('[') => self.class().map(Node::One),
            Some('\\') => self.escaped().map(|item| Node::One(Class::of(item, false))),
            Some('.') => Ok(Node::One(Class::of(Item::Range('\n', '\n'), true))),
            Some(character @ ('^' | '$' | '*' | '+' | '?' | '{')) => {
                Err(format!("`{character}` is not known here"))
            }
            Some(character) => Ok(Node::One(self.literal(character))),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn literal(&self, character: char) -> Class {
        let mut items = vec![Item::Range(character, character)];
        if self.folded {
            let other = |character: char| Item::Range(character, character);
            items.extend(character.to_lowercase().map(other));
            items.extend(character.to_uppercase().map(other));
        }
        Class { negated: false, items }
    }

    fn group(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("groups stand too deep in one another".to_owned());
        }
        let folded = self.folded;
        let ahead = match (self.take("?!"), self.take("?=")) {
            (true, _) => Some(false),
            (_, true) => Some(true),
            _ => None,
        };
        if ahead.is_none() && self.take("?i:") {
            self.folded = true;
        } else if ahead.is_none() && !self.take("?:") && self.rest.starts_with('?') {
            return Err("a group of this kind is not known".to_owned());
        }
        let node = self.choice()?;
        self.folded = folded;
        self.depth -= 1;
        if !self.take(")") {
            return Err("a group is not closed".to_owned());
        }
        Ok(match ahead {
            Some(fits) => Node::Ahead { node: Box::new(node), fits },
            None => node,
        })
    }

    fn class(&mut self) -> Result<Class, String> {
        let mut class = Class { negated: self.take("^"), items: Vec::new() };
        loop {
            let first = match self.next() {
                Some(']') if !class.items.is_empty() => return Ok(class),
                Some('\\') => self.escaped()?,
                Some('[') => return Err("a class in a class is not known".to_owned()),
                Some(character) => Item::Range(character, character),
                None => return Err("a class is not closed".to_owned()),
            };
            let item = match first {
                Item::Range(first, _) if self.rest.starts_with('-') && !self.rest.starts_with("-]") => {
                    self.take("-");
                    Item::Range(first, self.last()?)
                }
                item => item,
            };
            class.items.push(item);
        }
    }

    /// The end of a range in a class.
    fn last(&mut self) -> Result<char, String> {
        let item = match self.next() {
            Some('\\') => self.escaped()?,
            Some(character) => Item::Range(character, character),
            None => return Err("a class is not closed".to_owned()),
        };
        match item {
            Item::Range(last, _) => Ok(last),
            _ => Err("a range in a class has no end".to_owned()),
        }
    }

    fn escaped(&mut self) -> Result<Item, String> {
        let one = |character| Ok(Item::Range(character, character));
        match self.next() {
            Some('n') => one('\n'),
            Some('r') => one('\r'),
            Some('t') => one('\t'),
            Some('s') => Ok(Item::Space),
            Some('S') => Ok(Item::Inner(Class::of(Item::Space, true))),
            Some('w') => Ok(Item::Word),
            Some('W') => Ok(Item::Inner(Class::of(Item::Word, true))),
            Some('d') => Ok(Item::Category("Nd".to_owned())),
            Some('p') => self.category().map(Item::Category),
            Some('P') => Ok(Item::Inner(Class::of(Item::Category(self.category()?), true))),
            Some(character) if !character.is_alphanumeric() => one(character),
            Some(character) => Err(format!("`\\{character}` is not known")),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn category(&mut self) -> Result<String, String> {
        let braced = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, rest)) = braced else { return Err("`\\p` without a name in braces".to_owned()) };
        self.rest = rest;
        match CATEGORIES.contains(&name) {
            true => Ok(name.to_owned()),
            false => Err(format!("the category `{name}` is not known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(pattern: &str, text: &'t str) -> Vec<&'t str> {
        let pattern = Pattern::parse(pattern).unwrap();
        pattern.find_all(text).into_iter().map(|(begin, end)| &text[begin..end]).collect()
    }

    #[test]
    fn the_pattern_of_gpt2() {
        let pattern = super::super::json::GPT2;
        assert_eq!(
            found(pattern, "I'll  go, now!\n\n x"),
            ["I", "'ll", " ", " go", ",", " now", "!", "\n\n", " x"]
        );
        assert_eq!(found(pattern, "été 12½ ٣ a  "), ["été", " 12½", " ٣", " a", "  "]);
        // A combining vowel sign is no letter, though it is alphabetic.
        assert_eq!(found(pattern, "कि"), ["क", "ि"]);
    }

    #[test]
    fn folded_counted_and_looked_ahead() {
        let pattern = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
        assert_eq!(found(pattern, "It'S 12345.\n  a"), ["It", "'S", " ", "123", "45", ".\n", " ", " a"]);
        assert_eq!(found("a{2}|b{1,}|[x-z]", "aaabbz"), ["aa", "bb", "z"]);
        assert_eq!(found("(?:ab)+(?=c)", "ababc ab"), ["abab"]);
    }

    #[test]
    fn long_runs_need_no_stack() {
        let text = " ".repeat(300_000);
        assert_eq!(found(r"\s+(?!\S)|\s+", &text).len(), 1);
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (pattern, why) in [
            (r"\p{Greek}", "the category `Greek` is not known"),
            ("(?<=a)b", "a group of this kind is not known"),
            ("a++", "repeats that are lazy or possessive are not known"),
            ("(a", "a group is not closed"),
            ("a)", "`)` is where nothing can be"),
            ("[a", "a class is not closed"),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap_err(), why, "{pattern}");
        }
    }
}
