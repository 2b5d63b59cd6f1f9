//! The tokens of a text as lines and groups, with every comment at its place.

use super::roles::{Braces, Roles};
use crate::layout::Layout;
use crate::scan::TokenKind;
use std::ops::Range;

/// One thing on a line.
pub(super) enum Node {
    /// The index of a token.
    Token(usize),
    /// A comment that is no doc comment.
    Comment {
        /// The index of its token.
        token: usize,
        /// Whether it stood on a line of its own.
        own_line: bool,
    },
    /// Brackets with what is in them.
    Group(Group),
}

impl Node {
    pub fn is_comment(&self) -> bool {
        matches!(self, Node::Comment { .. })
    }

    /// The first and the last token.
    pub fn ends(&self) -> (usize, usize) {
        match self {
            Node::Token(token) | Node::Comment { token, .. } => (*token, *token),
            Node::Group(group) => (group.open, group.close),
        }
    }
}

/// Brackets with what is in them.
pub(super) struct Group {
    pub open: usize,
    pub close: usize,
    pub content: Content,
}

/// What stands between brackets.
pub(super) enum Content {
    /// Things between commas.
    List(Vec<Node>),
    /// Statements or entries.
    Lines {
        lines: Vec<Line>,
        /// Whether it stood on one line and may stay there.
        inline: bool,
    },
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    /// A statement, an entry or an item.
    Code,
    /// A comment by itself.
    Comment,
    /// A comment on the line of the brace that opens the block.
    Head,
    /// `///`
    Doc,
    /// `//!` at the top of the file
    FileDoc,
}

/// A statement, an entry, an item or a comment by itself.
pub(super) struct Line {
    pub kind: LineKind,
    /// Whether an empty line stood before it.
    pub blank: bool,
    pub nodes: Vec<Node>,
}

/// Makes nodes of tokens.
pub(super) struct Gatherer<'a> {
    pub layout: &'a Layout,
    pub roles: &'a Roles,
}

impl Gatherer<'_> {
    /// The lines of some tokens; `separators` end a line like a line break.
    pub fn lines(&self, within: Range<usize>, separators: &str) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut open = false;
        let mut breaks = 0;
        let mut index = within.start;
        while index < within.end {
            let token = self.layout.token(index);
            if token.kind == TokenKind::Newline {
                breaks += 1;
                open &= !self.layout.ends_line(index);
                index += 1;
                continue;
            }
            let separates = token.kind == TokenKind::Sign && separators.contains(self.layout.word(index));
            if separates {
                open = false;
                index += 1;
                continue;
            }
            if token.is_comment() {
                open = self.comment(index, breaks, open, &mut lines);
            } else {
                if !open {
                    lines.push(Line { kind: LineKind::Code, blank: breaks > 1, nodes: Vec::new() });
                    open = true;
                }
                let node = self.node(index);
                index = node.ends().1;
                if let Some(line) = lines.last_mut() {
                    line.nodes.push(node);
                }
            }
            breaks = 0;
            index += 1;
        }
        lines
    }

    /// Takes in a comment; gives back whether the line it is in goes on.
    fn comment(&self, token: usize, breaks: usize, open: bool, lines: &mut Vec<Line>) -> bool {
        let node = Node::Comment { token, own_line: breaks > 0 };
        let is_file_doc = self.layout.file_docs.contains(&self.layout.token(token).range());
        let first = lines.is_empty();
        let last = lines.last_mut().filter(|line| line.kind == LineKind::Code);
        let kind = match last {
            _ if self.layout.is_doc(token) => LineKind::Doc,
            _ if is_file_doc => LineKind::FileDoc,
            // Behind a statement, or behind the `;` that ends it.
            Some(line) if open || breaks == 0 => {
                line.nodes.push(node);
                return open;
            }
            _ if first && breaks == 0 && token > 0 => LineKind::Head,
            _ => LineKind::Comment,
        };
        lines.push(Line { kind, blank: breaks > 1, nodes: vec![node] });
        false
    }

    fn node(&self, index: usize) -> Node {
        let token = self.layout.token(index);
        if token.kind != TokenKind::Open {
            return Node::Token(index);
        }
        let close = self.layout.end_of_group(index);
        let inside = index + 1..close;
        let braces = self.roles.braces.get(&token.start).copied();
        let content = match braces {
            None | Some(Braces::Uses | Braces::Pattern) => Content::List(self.list(inside)),
            Some(Braces::Entries) => Content::Lines { lines: self.lines(inside, ";,"), inline: false },
            Some(kind) => {
                let spread = inside.clone().any(|at| self.layout.token(at).kind == TokenKind::Newline);
                let lines = self.lines(inside, ";");
                let inline = kind == Braces::Block && !spread && lines.len() == 1;
                Content::Lines { lines, inline }
            }
        };
        Node::Group(Group { open: index, close, content })
    }

    fn list(&self, within: Range<usize>) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut own_line = false;
        let mut index = within.start;
        while index < within.end {
            let token = self.layout.token(index);
            if token.kind == TokenKind::Newline {
                own_line = true;
                index += 1;
                continue;
            }
            let node =
                if token.is_comment() { Node::Comment { token: index, own_line } } else { self.node(index) };
            own_line = false;
            index = node.ends().1 + 1;
            nodes.push(node);
        }
        nodes
    }
}
