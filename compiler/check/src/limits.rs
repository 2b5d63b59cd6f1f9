//! Limits: what no program that people write comes near, and what a short text could otherwise ask for without end.

use crate::elaborator::Elaborator;
use moe_diagnostics::Diagnostic;
use moe_grammar::Span;
use moe_graph::Size;

/// How many expressions and statements one model, test or definition may come to once everything it calls is in place.
const MOST_STEPS: u64 = 300_000;

/// The same for all that is checked of one file.
pub(crate) const MOST_STEPS_OF_A_FILE: u64 = 3_000_000;

/// How many operations a model may come to, `repeat` and `fold` counted once.
const MOST_OPERATIONS: usize = 200_000;

/// How many axes a tensor may have.
const MOST_AXES: usize = 32;

/// How many numbers and names an expression of sizes may come to once names are put in.
const LARGEST_SIZE: usize = 64;

/// How deep minima, maxima and quotients of sizes may stand in each other.
const DEEPEST_SIZE: usize = 6;

/// Counts what is left to one elaboration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    begun: u64,
    left: u64,
    told: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::within(MOST_STEPS)
    }
}

impl Budget {
    /// What one elaboration may use where a file has `left`.
    pub fn within(left: u64) -> Self {
        let begun = left.min(MOST_STEPS);
        Budget { begun, left: begun, told: false }
    }

    /// What has been used.
    pub fn used(&self) -> u64 {
        self.begun - self.left
    }

    /// Whether a limit was met.
    pub fn is_spent(&self) -> bool {
        self.told
    }
}

impl Elaborator<'_> {
    /// Counts one expression or statement; `false` if there have been too many, which is told once.
    pub fn step(&mut self, span: Span) -> bool {
        if self.budget.left > 0 {
            self.budget.left -= 1;
            return true;
        }
        let message = format!("this comes to more than {MOST_STEPS} expressions");
        let mistake = Diagnostic::error("E0108", span, message)
            .label("the limit is met here")
            .hint("a definition that calls two others, and so on, doubles each time: use `repeat`, or a stack of parts");
        self.beyond(mistake);
        false
    }

    /// Tells of a limit, once for each elaboration: whatever comes after would be told of, too.
    fn beyond(&mut self, mistake: Diagnostic) {
        if !self.budget.told {
            self.budget.told = true;
            self.error(mistake);
        }
        self.budget.begun -= self.budget.left;
        self.budget.left = 0;
    }

    /// Whether a node with so many axes may be added to the function under construction.
    pub fn room_for(&mut self, axes: usize, span: Span) -> bool {
        if axes > MOST_AXES {
            let message = format!("a tensor has at most {MOST_AXES} axes");
            let mistake =
                Diagnostic::error("E0108", span, message).label(format!("this one would have {axes}"));
            self.error(mistake);
            return false;
        }
        let operations = self.levels.current_operations();
        if operations > MOST_OPERATIONS {
            let message = format!("the model comes to more than {MOST_OPERATIONS} operations");
            let mistake = Diagnostic::error("E0108", span, message)
                .label("the limit is met here")
                .hint("use `repeat` for layers, and a stack `[expert[…]; E]` for parts of one kind");
            self.beyond(mistake);
            return false;
        }
        true
    }

    /// A size that has been computed, unless nobody could count it.
    pub fn counted(&mut self, size: Size, span: Span) -> Option<Size> {
        let what = if size.is_saturated() {
            "this size is beyond 64 bits"
        } else if size.parts() > LARGEST_SIZE || size.nesting() > DEEPEST_SIZE {
            "this size is too complicated"
        } else {
            return Some(size);
        };
        let mistake = Diagnostic::error("E0219", span, what)
            .label("with the sizes of this call put in")
            .hint("name a free size for it in an input's type: `x: f32[N, Pairs]`");
        self.error(mistake);
        None
    }
}
