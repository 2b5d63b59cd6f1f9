//! Nodes as documents: where spaces stand, and where lines may break.

use super::document::{Document, WIDTH};
use super::nodes::{Content, Group, Line, LineKind, Node};
use super::roles::{Braces, Roles};
use crate::layout::Layout;
use crate::scan::TokenKind;

/// Makes documents of nodes.
pub(super) struct Writer<'a> {
    pub layout: &'a Layout,
    pub text: &'a str,
    pub roles: &'a Roles,
}

impl Writer<'_> {
    /// The items of a file.
    pub fn file(&self, lines: &[Line]) -> Document {
        let mut parts = Vec::new();
        let mut previous: Option<&Line> = None;
        for line in lines {
            if let Some(previous) = previous {
                let blank = self.blank_between(previous, line);
                parts.push(if blank { Document::BlankLine } else { Document::HardLine });
            }
            parts.push(self.line(line, 0));
            previous = Some(line);
        }
        if !parts.is_empty() {
            parts.push(Document::HardLine);
        }
        Document::Sequence(parts)
    }

    /// Items are kept apart by an empty line, uses and comments as they were.
    fn blank_between(&self, previous: &Line, line: &Line) -> bool {
        let keyword =
            |line: &Line| line.nodes.iter().map(|node| self.word(node.ends().0)).find(|word| *word != "pub");
        match previous.kind {
            LineKind::Doc => false,
            LineKind::FileDoc => line.blank || line.kind != LineKind::FileDoc,
            LineKind::Comment | LineKind::Head => line.blank,
            LineKind::Code => match (keyword(previous), line.kind) {
                (Some("moe"), LineKind::FileDoc) => false,
                (Some("moe"), _) => true,
                (Some("use"), LineKind::Comment) => line.blank,
                (Some("use"), LineKind::Code) => line.blank || keyword(line) != Some("use"),
                _ => true,
            },
        }
    }

    /// A token as it is written. Comments alone can end in a space, which is one of those that do not end them, such as a vertical tab.
    fn word(&self, token: usize) -> &str {
        self.layout.token(token).text(self.text).trim_end()
    }

    fn start(&self, token: usize) -> usize {
        self.layout.token(token).start
    }

    fn line(&self, line: &Line, depth: usize) -> Document {
        match line.kind {
            LineKind::Code => {
                let code = line.nodes.iter().rposition(|node| !node.is_comment()).map_or(0, |last| last + 1);
                let (code, comments) = line.nodes.split_at_checked(code).unwrap_or_default();
                let expand = self.is_too_long(code, depth) || has_spread_block(code);
                let mut parts = vec![self.sequence(code, &Place { depth, expand })];
                parts.extend(self.comments(comments));
                Document::Sequence(parts)
            }
            _ => Document::Sequence(
                line.nodes.iter().map(|node| Document::text(self.word(node.ends().0))).collect(),
            ),
        }
    }

    /// Whether a line whose blocks stay on it would be too long.
    fn is_too_long(&self, nodes: &[Node], depth: usize) -> bool {
        let mut flat = String::new();
        self.flatten(nodes, &mut flat);
        let indent = 4 * depth;
        flat.lines().any(|line| indent + line.chars().count() > WIDTH)
    }

    /// The line as it is when nothing breaks but blocks that have lines of their own, which are left out.
    fn flatten(&self, nodes: &[Node], flat: &mut String) {
        let mut previous: Option<&Node> = None;
        for node in nodes.iter().filter(|node| !node.is_comment()) {
            if previous.is_some_and(|previous| self.space_between(previous, node)) {
                flat.push(' ');
            }
            previous = Some(node);
            let Node::Group(group) = node else {
                flat.push_str(self.word(node.ends().0));
                continue;
            };
            flat.push_str(self.word(group.open));
            match &group.content {
                Content::List(nodes) => self.flatten(nodes, flat),
                Content::Lines { lines, inline: true } => {
                    flat.push(' ');
                    lines.iter().for_each(|line| self.flatten(&line.nodes, flat));
                    flat.push(' ');
                }
                Content::Lines { .. } => flat.push('\n'),
            }
            flat.push_str(self.word(group.close));
        }
    }

    /// A statement, an element or an operand: broken at its loosest operators, then within the operands.
    fn sequence(&self, nodes: &[Node], place: &Place) -> Document {
        let strength = nodes.iter().filter_map(|node| self.strength(node)).min();
        let Some(strength) = strength else { return self.run(nodes, place) };
        let broken = nodes.iter().any(Node::is_comment);
        let mut operands = nodes.split(|node| self.strength(node) == Some(strength));
        let mut operators = nodes.iter().filter(|node| self.strength(node) == Some(strength));
        let first = operands.next().unwrap_or_default();
        let mut after_comment = first.last().is_some_and(Node::is_comment);
        let mut rest = Vec::new();
        for (operand, operator) in operands.zip(&mut operators) {
            rest.push(if after_comment { Document::HardLine } else { Document::text(" ") });
            rest.push(Document::text(self.word(operator.ends().0)));
            let comments = operand.iter().take_while(|node| node.is_comment()).count();
            let (comments, operand) = operand.split_at_checked(comments).unwrap_or_default();
            rest.extend(self.comments(comments));
            let aside = after_comment && comments.is_empty();
            rest.push(match comments {
                [] if aside => Document::text(" "),
                [] => Document::Line,
                _ => Document::HardLine,
            });
            rest.push(self.sequence(operand, place));
            after_comment = operand.last().is_some_and(Node::is_comment);
        }
        Document::group(vec![self.sequence(first, place), Document::indent(rest)], broken)
    }

    fn strength(&self, node: &Node) -> Option<u8> {
        match node {
            Node::Token(token) => self.roles.operators.get(&self.start(*token)).copied(),
            _ => None,
        }
    }

    /// Comments behind something: the first on its line or on the next as it was, the others on lines of their own.
    fn comments<'n>(&self, nodes: impl IntoIterator<Item = &'n Node>) -> Vec<Document> {
        let mut parts = Vec::new();
        for node in nodes {
            if parts.is_empty() {
                parts.extend(self.comment(node));
            } else {
                parts.extend([Document::HardLine, Document::text(self.word(node.ends().0))]);
            }
        }
        parts
    }

    fn comment(&self, node: &Node) -> Vec<Document> {
        let words = self.word(node.ends().0);
        match node {
            Node::Comment { own_line: true, .. } => vec![Document::HardLine, Document::text(words)],
            _ => vec![Document::Comment(format!(" {words}"))],
        }
    }

    /// Nodes without operators between them.
    fn run(&self, nodes: &[Node], place: &Place) -> Document {
        let mut parts = Vec::new();
        let mut previous: Option<&Node> = None;
        let mut begun = false;
        for node in nodes {
            let after_comment = previous.is_some_and(Node::is_comment);
            if node.is_comment() && begun {
                parts.push(Document::nest(self.comment(node)));
            } else {
                if after_comment {
                    let line = Document::HardLine;
                    parts.push(if begun { Document::nest(vec![line]) } else { line });
                } else if previous.is_some_and(|previous| self.space_between(previous, node)) {
                    parts.push(Document::text(" "));
                }
                parts.push(self.node(node, place));
            }
            begun |= !node.is_comment();
            previous = Some(node);
        }
        Document::Sequence(parts)
    }

    fn node(&self, node: &Node, place: &Place) -> Document {
        let Node::Group(group) = node else { return Document::text(self.word(node.ends().0)) };
        match &group.content {
            Content::Lines { lines, inline } => {
                self.block(group, lines, *inline && !place.expand, place.depth)
            }
            Content::List(nodes) => self.list(group, nodes, place),
        }
    }

    fn block(&self, group: &Group, lines: &[Line], inline: bool, depth: usize) -> Document {
        let (open, close) = (Document::text(self.word(group.open)), Document::text(self.word(group.close)));
        if inline {
            let content =
                lines.iter().map(|line| self.sequence(&line.nodes, &Place { depth, expand: false }));
            let mut parts = vec![open, Document::text(" ")];
            parts.extend(content);
            parts.extend([Document::text(" "), close]);
            return Document::Sequence(parts);
        }
        if lines.is_empty() {
            return Document::Sequence(vec![open, close]);
        }
        let mut inside = Vec::new();
        let mut previous: Option<&Line> = None;
        for line in lines {
            let after_doc = previous.is_some_and(|previous| previous.kind == LineKind::Doc);
            inside.push(match previous {
                _ if line.kind == LineKind::Head => Document::text(" "),
                Some(_) if line.blank && !after_doc => Document::BlankLine,
                _ => Document::HardLine,
            });
            inside.push(self.line(line, depth + 1));
            previous = Some(line);
        }
        Document::Sequence(vec![open, Document::nest(inside), Document::HardLine, close])
    }

    /// Elements between commas: on one line, or each on its own.
    fn list(&self, group: &Group, nodes: &[Node], place: &Place) -> Document {
        let (open, close) = (Document::text(self.word(group.open)), Document::text(self.word(group.close)));
        if nodes.is_empty() {
            return Document::Sequence(vec![open, close]);
        }
        let start = self.start(group.open);
        let pattern = self.roles.braces.get(&start) == Some(&Braces::Pattern);
        let broken = nodes.iter().any(Node::is_comment);
        let elements = self.elements(nodes);
        let trails = !self.roles.parentheses.contains(&start)
            && !elements.iter().any(|element| element.separator == ";");
        let last = elements.len().saturating_sub(1);
        let mut inside = Vec::new();
        for (number, element) in elements.iter().enumerate() {
            let leading = element.nodes.iter().take_while(|node| node.is_comment()).count();
            let (leading, code) = element.nodes.split_at_checked(leading).unwrap_or_default();
            for (place, comment) in leading.iter().enumerate() {
                inside.extend((place > 0).then_some(Document::HardLine));
                inside.push(Document::text(self.word(comment.ends().0)));
            }
            inside.extend((!leading.is_empty() && !code.is_empty()).then_some(Document::HardLine));
            let expand = place.expand || has_spread_block(code);
            inside.push(self.sequence(code, &Place { expand, ..*place }));
            inside.push(match element.separator {
                _ if number == last && trails && !pattern && !code.is_empty() => Document::IfBroken(","),
                _ if number == last => Document::text(""),
                separator => Document::text(separator),
            });
            inside.extend(self.comments(element.comments.iter().copied()));
            if number < last {
                inside.push(Document::Line);
            }
        }
        if pattern {
            return Document::Sequence(vec![open, Document::group(inside, broken), close]);
        }
        inside.insert(0, Document::SoftLine);
        Document::group(vec![open, Document::indent(inside), Document::SoftLine, close], broken)
    }

    /// Cuts a list at its commas. Comments at an element's end go behind its comma, as do those on the comma's line.
    fn elements<'n>(&self, nodes: &'n [Node]) -> Vec<Element<'n>> {
        let mut elements: Vec<Element<'n>> = Vec::new();
        let mut rest = nodes;
        while !rest.is_empty() {
            let end = rest.iter().position(|node| self.is_separator(node)).unwrap_or(rest.len());
            let (element, after) = rest.split_at_checked(end).unwrap_or_default();
            let separator =
                after.first().map_or("", |node| if self.word(node.ends().0) == ";" { ";" } else { "," });
            rest = after.get(1..).unwrap_or_default();
            let code = element.iter().rposition(|node| !node.is_comment()).map_or(0, |last| last + 1);
            let (code, comments) = element.split_at_checked(code).unwrap_or_default();
            let behind =
                rest.iter().take_while(|node| matches!(node, Node::Comment { own_line: false, .. })).count();
            let (behind, after) = rest.split_at_checked(behind).unwrap_or_default();
            rest = after;
            match elements.last_mut() {
                // Comments after the last comma.
                Some(last) if code.is_empty() => last.comments.extend(comments.iter().chain(behind)),
                None if code.is_empty() => {
                    elements.push(Element { nodes: element, separator: "", comments: Vec::new() })
                }
                _ => elements.push(Element {
                    nodes: code,
                    separator,
                    comments: comments.iter().chain(behind).collect(),
                }),
            }
        }
        elements
    }

    fn is_separator(&self, node: &Node) -> bool {
        matches!(node, Node::Token(token) if matches!(self.word(*token), "," | ";"))
    }

    fn space_between(&self, left: &Node, right: &Node) -> bool {
        let (left, right) = (left.ends().1, right.ends().0);
        let (before, after) = (self.word(left), self.word(right));
        let attached = self.roles.attached.contains(&self.start(right));
        let prefix = self.roles.prefixes.contains(&self.start(left));
        if attached
            || prefix
            || matches!(after, "," | ";" | ":" | "." | "::")
            || matches!(before, "." | "::" | "..")
        {
            return false;
        }
        after != ".." || self.layout.token(left).kind == TokenKind::Sign
    }
}

/// Whether a block has lines of its own; then those beside it get them too.
fn has_spread_block(nodes: &[Node]) -> bool {
    let spread = |node: &Node| match node {
        Node::Group(group) => matches!(group.content, Content::Lines { inline: false, .. }),
        _ => false,
    };
    nodes.iter().any(spread)
}

/// Where something is written.
struct Place {
    /// How many blocks it is in.
    depth: usize,
    /// Whether blocks that stood on one line get lines of their own.
    expand: bool,
}

/// One element of a list.
struct Element<'n> {
    nodes: &'n [Node],
    separator: &'static str,
    comments: Vec<&'n Node>,
}
