//! Brackets that are not closed, close nothing or stand too deep.

use super::{closing, opening, Arranger, Frame, ITEM_WORDS, JOINING_WORDS, STATEMENT_WORDS};
use crate::scan::TokenKind;
use crate::SyntaxError;

/// How deep brackets, operators and postfixes may stand inside one another: everything that walks the tree recurs.
const DEEPEST: usize = 200;

impl Arranger<'_> {
    /// An item or statement that begins at a line's start although a bracket is open shows that its end was forgotten.
    pub(super) fn close_what_is_forgotten(&mut self, index: usize, end: usize) {
        if self.open.is_empty() {
            return;
        }
        let forgotten = |frame: &Frame| self.end_with_line.contains(&frame.token);
        if let Some(frame) = self.open.iter().rposition(forgotten) {
            if self.open.iter().skip(frame).all(|frame| self.word(frame.token) != "{") {
                self.give_up(frame, end, "the end of the line");
            }
        }
        let found = format!("`{}`", self.word(index));
        let first_column = index.checked_sub(1).is_some() && self.column_is_first(index);
        if first_column && self.starts_item(index) {
            self.give_up(0, end, &found);
        } else if self.innermost() != "{" && self.starts_statement(index) {
            let brace = self.open.iter().rposition(|frame| self.word(frame.token) == "{");
            if let Some(brace) = brace {
                self.give_up(brace + 1, end, &found);
            }
        }
    }

    fn column_is_first(&self, index: usize) -> bool {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        start == 0 || self.text.as_bytes().get(start - 1) == Some(&b'\n')
    }

    pub(super) fn starts_item(&self, index: usize) -> bool {
        let index = if self.word(index) == "pub" { self.next_code(index) } else { index };
        let (name, after) = (index + 1, index + 2);
        let shape = matches!(self.word(after), "(" | "[" | "{" | "::" | "from") || self.word(index) == "use";
        ITEM_WORDS.contains(&self.word(index)) && self.kind(name) == Some(TokenKind::Word) && shape
    }

    pub(super) fn starts_statement(&self, index: usize) -> bool {
        let next = index + 1;
        STATEMENT_WORDS.contains(&self.word(index))
            && self.kind(next) == Some(TokenKind::Word)
            && !JOINING_WORDS.contains(&self.word(next))
    }

    /// Takes the brackets from `keep` on as unclosed; they end before the token `end`.
    pub(super) fn give_up(&mut self, keep: usize, end: usize, found: &str) {
        while self.open.len() > keep {
            let Some(frame) = self.open.pop() else { return };
            self.depth = self.depth.saturating_sub(frame.depth);
            self.set_end(frame.token, end);
            let more_follows = self
                .tokens
                .get(frame.token + 1)
                .is_some_and(|token| !token.is_comment() && token.kind != TokenKind::Newline);
            if more_follows && self.word(frame.token) != "{" && frame.line != self.line {
                self.forgotten.insert(frame.token);
            }
            let error = self.unclosed(frame.token, end, found);
            self.errors.push(error);
        }
    }

    fn unclosed(&self, token: usize, end: usize, found: &str) -> SyntaxError {
        let bracket = self.word(token);
        let close = closing(bracket);
        let few = self.errors.len() < 20;
        let suspicious = if few && bracket == "{" { self.suspicious_brace(token, end) } else { None };
        SyntaxError {
            code: "E0002",
            message: format!("this `{bracket}` is not closed"),
            span: self.span(token),
            label: format!("`{close}` is missing before {found}"),
            hint: suspicious.map(|brace| {
                let line = self.line_of(brace);
                format!("by its indentation, the `{{` of line {line} is the one whose `}}` is missing")
            }),
        }
    }

    /// An inner brace whose counterpart stands further left than its line does.
    fn suspicious_brace(&self, token: usize, end: usize) -> Option<usize> {
        (token + 1..end.min(self.tokens.len())).find(|at| {
            let close = self.ends.get(*at).copied().unwrap_or(*at);
            self.word(*at) == "{" && self.word(close) == "}" && self.indent(*at) > self.indent(close)
        })
    }

    fn line_of(&self, index: usize) -> usize {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        self.text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
    }

    fn indent(&self, index: usize) -> usize {
        let start = self.tokens.get(index).map_or(0, |token| token.start);
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line..).unwrap_or_default();
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    fn set_end(&mut self, token: usize, end: usize) {
        if let Some(place) = self.ends.get_mut(token) {
            *place = end;
        }
    }

    pub(super) fn end_of_statement(&mut self) {
        let frame = self.open.last_mut().map_or(&mut self.base, |frame| &mut frame.depth);
        self.depth = self.depth.saturating_sub(*frame);
        *frame = 0;
        if self.open.is_empty() {
            self.reported_depth = false;
        }
    }

    pub(super) fn deepen(&mut self, index: usize) {
        *self.open.last_mut().map_or(&mut self.base, |frame| &mut frame.depth) += 1;
        self.depth += 1;
        if self.depth > DEEPEST && !self.reported_depth {
            self.reported_depth = true;
            let span = self.span(index);
            self.errors.push(SyntaxError {
                code: "E0003",
                message: "this is nested too deeply".to_owned(),
                span,
                label: format!("more than {DEEPEST} brackets and operators inside one another"),
                hint: Some("give parts of it names with `let`".to_owned()),
            });
        }
    }

    pub(super) fn close(&mut self, index: usize, before: usize) {
        let close = self.word(index).to_owned();
        let matching = |frame: &Frame| closing(self.word(frame.token)) == close;
        let found = match self.open.iter().rposition(matching) {
            // `)` does not reach over a `{` that began on an earlier line.
            Some(place) if close != "}" => {
                let brace = self.open.iter().skip(place).find(|frame| self.word(frame.token) == "{");
                let near = brace.is_none_or(|frame| frame.line == self.line);
                near.then_some(place)
            }
            found => found,
        };
        let Some(place) = found else {
            if close != "}" && matches!(self.innermost(), "(" | "[") {
                self.wrong_close(index, &close);
                return;
            }
            self.errors.push(SyntaxError {
                code: "E0002",
                message: format!("this `{close}` closes nothing"),
                span: self.span(index),
                label: format!("no `{}` is open here", opening(&close)),
                hint: None,
            });
            return;
        };
        self.give_up(place + 1, before, &format!("`{close}`"));
        if let Some(frame) = self.open.pop() {
            self.depth = self.depth.saturating_sub(frame.depth);
            self.set_end(frame.token, index);
        }
    }

    /// `(a]`
    fn wrong_close(&mut self, index: usize, close: &str) {
        let Some(frame) = self.open.pop() else { return };
        let open = self.word(frame.token).to_owned();
        self.depth = self.depth.saturating_sub(frame.depth);
        self.set_end(frame.token, index + 1);
        self.errors.push(SyntaxError {
            code: "E0002",
            message: format!("`{close}` cannot close `{open}`"),
            span: self.span(index),
            label: format!("`{}` is missing here", closing(&open)),
            hint: None,
        });
    }
}
