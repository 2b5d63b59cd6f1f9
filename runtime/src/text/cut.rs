//! Cutting a text into words, within which tokens stay.

use super::pattern::Pattern;
use super::MARK;

/// One way to cut.
#[derive(Debug)]
pub enum Cut {
    /// At what matches, or where `invert`, at what does not.
    Split { pattern: Pattern, behavior: Behavior, invert: bool },
    /// A space before a text that begins with none.
    Space,
    /// Spaces become marks, one stands before the text, and each begins a word.
    Marks { prepend: Prepend, split: bool },
}

/// What becomes of the places where a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// Gone.
    Removed,
    /// A word by itself.
    Isolated,
    /// The end of the word before.
    Before,
    /// The beginning of the word after.
    After,
}

/// Which texts get a mark before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepend {
    /// Each that has none.
    Always,
    /// That at the beginning of all.
    First,
    /// None.
    Never,
}

impl Cut {
    /// The words, cut further. `first` says that the first of them begins the whole text.
    pub fn apply(&self, words: Vec<String>, first: bool) -> Vec<String> {
        let mut result = Vec::new();
        for (place, word) in words.into_iter().enumerate() {
            match self {
                Cut::Space if place == 0 && !word.starts_with(' ') => result.push(format!(" {word}")),
                Cut::Space => result.push(word),
                Cut::Split { pattern, behavior, invert } => {
                    result.extend(split(&word, &pattern.find_all(&word), *behavior, *invert));
                }
                Cut::Marks { prepend, split: cut } => {
                    let prepend = match prepend {
                        Prepend::Always => true,
                        Prepend::First => first && place == 0,
                        Prepend::Never => false,
                    };
                    let marked = marked(&word, prepend);
                    if *cut {
                        let places: Vec<(usize, usize)> =
                            marked.match_indices(MARK).map(|(at, mark)| (at, at + mark.len())).collect();
                        result.extend(split(&marked, &places, Behavior::After, false));
                    } else {
                        result.push(marked);
                    }
                }
            }
        }
        result
    }
}

fn marked(word: &str, prepend: bool) -> String {
    let text = word.replace(' ', MARK);
    if prepend && !text.starts_with(MARK) {
        format!("{MARK}{text}")
    } else {
        text
    }
}

fn split(word: &str, found: &[(usize, usize)], behavior: Behavior, invert: bool) -> Vec<String> {
    // All stretches, and whether each is where the text is cut.
    let mut stretches = Vec::new();
    let mut at = 0;
    for (begin, end) in found {
        if *begin > at {
            stretches.push((at, *begin, invert));
        }
        stretches.push((*begin, *end, !invert));
        at = *end;
    }
    if at < word.len() {
        stretches.push((at, word.len(), invert));
    }
    let mut words: Vec<(usize, usize)> = Vec::new();
    let mut glue = false;
    for (begin, end, cuts) in stretches {
        let joined = match behavior {
            Behavior::Removed if cuts => continue,
            Behavior::Before => cuts && !words.is_empty() && !glue,
            Behavior::After => glue && !cuts,
            _ => false,
        };
        glue = cuts;
        match words.last_mut().filter(|_| joined) {
            Some(last) => last.1 = end,
            None => words.push((begin, end)),
        }
    }
    words.into_iter().filter_map(|(begin, end)| word.get(begin..end).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_behavior() {
        let pattern = || Pattern::parse("-").unwrap();
        let cut = |behavior, invert| {
            Cut::Split { pattern: pattern(), behavior, invert }.apply(vec!["a-b--c".to_owned()], true)
        };
        assert_eq!(cut(Behavior::Isolated, false), ["a", "-", "b", "-", "-", "c"]);
        assert_eq!(cut(Behavior::Removed, false), ["a", "b", "c"]);
        assert_eq!(cut(Behavior::Removed, true), ["-", "-", "-"]);
        assert_eq!(cut(Behavior::Before, false), ["a-", "b-", "-", "c"]);
        assert_eq!(cut(Behavior::After, false), ["a", "-b", "-", "-c"]);
    }

    #[test]
    fn spaces_become_marks() {
        let cut =
            |prepend, text: &str| Cut::Marks { prepend, split: true }.apply(vec![text.to_owned()], true);
        assert_eq!(cut(Prepend::Always, "a  b"), ["▁a", "▁", "▁b"]);
        assert_eq!(cut(Prepend::First, " a"), ["▁a"]);
        assert_eq!(cut(Prepend::Never, "a b"), ["a", "▁b"]);
    }
}
