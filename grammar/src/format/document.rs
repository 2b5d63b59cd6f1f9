//! Documents that choose their line breaks by the width of the page.
//!
//! Source: Wadler 2003, "A prettier printer", with groups that break from the outside inward.

/// The width that lines are kept under where there is a place to break them.
pub(super) const WIDTH: usize = 110;
const STEP: usize = 4;

/// A piece of text with places where it may break.
#[derive(Clone, Debug)]
pub(super) enum Document {
    /// Text without line breaks.
    Text(String),
    /// A comment that ends its line; its length is no reason to break anything.
    Comment(String),
    /// A space, or a line break where the group is broken.
    Line,
    /// Nothing, or a line break where the group is broken.
    SoftLine,
    /// A line break.
    HardLine,
    /// An empty line's worth of line breaks.
    BlankLine,
    /// Text only where the group is broken.
    IfBroken(&'static str),
    /// One after another.
    Sequence(Vec<Document>),
    /// Either wholly on one line as far as its lines are its own, or broken everywhere.
    Group {
        /// What it holds.
        content: Box<Document>,
        /// Whether it is broken in any case.
        broken: bool,
    },
    /// Four columns further in where the group is broken.
    Indent(Box<Document>),
    /// Four columns further in.
    Nest(Box<Document>),
}

impl Document {
    pub fn text(text: impl Into<String>) -> Document {
        Document::Text(text.into())
    }

    pub fn indent(content: Vec<Document>) -> Document {
        Document::Indent(Box::new(Document::Sequence(content)))
    }

    pub fn nest(content: Vec<Document>) -> Document {
        Document::Nest(Box::new(Document::Sequence(content)))
    }

    pub fn group(content: Vec<Document>, broken: bool) -> Document {
        Document::Group { content: Box::new(Document::Sequence(content)), broken }
    }
}

#[derive(Clone, Copy)]
struct Command<'d> {
    indent: usize,
    broken: bool,
    document: &'d Document,
}

/// The text of a document.
pub(super) fn print(document: &Document) -> String {
    let mut text = String::new();
    let mut column = 0;
    let mut commands = vec![Command { indent: 0, broken: true, document }];
    while let Some(command) = commands.pop() {
        let Command { indent, broken, document } = command;
        match document {
            Document::Text(words) | Document::Comment(words) => {
                // Indentation is written only before text, so that no line ends in spaces.
                if text.ends_with('\n') && !words.is_empty() {
                    text.extend(std::iter::repeat_n(' ', column));
                }
                text.push_str(words);
                column += words.chars().count();
            }
            Document::Line if !broken => {
                text.push(' ');
                column += 1;
            }
            Document::SoftLine if !broken => {}
            Document::Line | Document::SoftLine | Document::HardLine | Document::BlankLine => {
                text.push('\n');
                if matches!(document, Document::BlankLine) {
                    text.push('\n');
                }
                column = indent;
            }
            Document::IfBroken(words) => {
                if broken {
                    text.push_str(words);
                    column += words.len();
                }
            }
            Document::Sequence(parts) => {
                commands.extend(parts.iter().rev().map(|document| Command { indent, broken, document }));
            }
            Document::Group { content, broken: always } => {
                let flat = Command { indent, broken: false, document: content };
                let broken = *always || !fits(flat, &commands, WIDTH.saturating_sub(column));
                commands.push(Command { indent, broken, document: content });
            }
            Document::Indent(content) => {
                let indent = if broken { indent + STEP } else { indent };
                commands.push(Command { indent, broken, document: content });
            }
            Document::Nest(content) => {
                commands.push(Command { indent: indent + STEP, broken, document: content });
            }
        }
    }
    text
}

/// Whether everything up to the next line break has room.
fn fits(first: Command<'_>, rest: &[Command<'_>], mut room: usize) -> bool {
    let mut commands = vec![first];
    let mut rest = rest.iter().rev();
    while let Some(command) = commands.pop().or_else(|| rest.next().copied()) {
        let Command { indent, broken, document } = command;
        let used = match document {
            Document::Text(words) => words.chars().count(),
            Document::Comment(_) => return true,
            Document::Line if !broken => 1,
            Document::SoftLine if !broken => 0,
            Document::Line | Document::SoftLine | Document::HardLine | Document::BlankLine => return true,
            Document::IfBroken(words) => {
                if broken {
                    words.len()
                } else {
                    0
                }
            }
            Document::Sequence(parts) => {
                commands.extend(parts.iter().rev().map(|document| Command { indent, broken, document }));
                0
            }
            Document::Group { content, broken: always } => {
                // A group after the one in question may still break itself.
                let broken = *always || broken;
                commands.push(Command { indent, broken, document: content });
                0
            }
            Document::Indent(content) | Document::Nest(content) => {
                commands.push(Command { indent, broken, document: content });
                0
            }
        };
        let Some(left) = room.checked_sub(used) else { return false };
        room = left;
    }
    true
}
