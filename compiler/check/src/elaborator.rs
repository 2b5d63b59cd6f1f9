//! The state of one elaboration.

use crate::axes::{AxisKey, AxisTable};
use crate::elaborated::{KnownWeights, WeightDeclaration};
use crate::frame::{Frame, Scope};
use crate::levels::Levels;
use crate::limits::Budget;
use crate::mapping::WeightInfo;
use crate::messages::Report;
use crate::program::Program;
use crate::value::{StackIndex, Tensor, Value};
use moe_diagnostics::{Diagnostic, Severity};
use moe_grammar::tree::{Definition, DefinitionKind, Name};
use moe_grammar::Span;
use moe_graph::{Element, Function, Module, NodeId, Offsets};
use std::collections::{BTreeMap, BTreeSet};

/// What the elaboration is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// To find mistakes: sizes are free.
    Check,
    /// To compile a model.
    Compile,
    /// To run a test.
    Test,
}

/// A weight of the model.
#[derive(Clone, Debug)]
pub(crate) struct Weight {
    /// Its parameter, in the entry.
    pub node: NodeId,
    /// Its element type.
    pub element: Element,
    /// The axes of stacks it is in, outermost first, which come before its own.
    pub stack: Vec<AxisKey>,
    /// Its own axes.
    pub own: Vec<AxisKey>,
    /// What its declaration says besides.
    pub declaration: WeightDeclaration,
}

impl Weight {
    /// All of it, with the axes that it was first used with.
    pub fn tensor(&self) -> Tensor {
        Tensor::of_entry(self.node, self.element, [self.stack.as_slice(), &self.own].concat())
    }
}

/// A weight given as a named argument.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// Its value.
    pub value: Value,
    /// Where.
    pub span: Span,
    /// Whether a weight took it.
    pub taken: bool,
}

/// A state of the model.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Its parameter in the entry; in a test its first value.
    pub node: NodeId,
    /// The axes of stacks and loops it is in, then its own.
    pub axes: Vec<AxisKey>,
    /// Its element type.
    pub element: Element,
    /// How the call that is being elaborated indexes it.
    pub stack: Vec<StackIndex>,
    /// The function under construction in which it is declared.
    pub level: usize,
    /// Where it is declared, once it has been.
    pub called: Option<Span>,
    /// Where its next value is set.
    pub next: Option<Span>,
    /// The entries of stacks that calls have taken, as far as they are known.
    pub places: Vec<Vec<Option<i64>>>,
    /// Axes of the present call that the entry calls otherwise.
    pub renamed: Vec<(AxisKey, AxisKey)>,
}

/// One elaboration.
pub(crate) struct Elaborator<'a> {
    /// The sources.
    pub program: &'a Program,
    /// The mistakes found.
    pub report: Report,
    /// Axes and sizes.
    pub axes: AxisTable,
    /// The functions under construction.
    pub levels: Levels,
    /// The definitions under elaboration, outermost first.
    pub frames: Vec<Frame>,
    /// Finished functions.
    pub functions: Vec<Function>,
    /// The weights, by dotted name.
    pub weights: BTreeMap<String, Weight>,
    /// Weights given as arguments, by dotted name.
    pub given: BTreeMap<String, Given>,
    /// The states, by dotted name.
    pub states: BTreeMap<String, State>,
    /// Whether `training` holds.
    pub training: bool,
    /// How many axes `..` stands for in a definition that nobody calls.
    pub rest_axes: usize,
    /// What it is for.
    pub mode: Mode,
    /// How many inline calls a test has made; they name its weights.
    pub inline_calls: u32,
    /// What may still be elaborated.
    pub budget: Budget,
    /// The places of a test's assertions.
    pub assertions: Vec<Span>,
    /// How many numbers parts have asked for at random, by dotted name.
    pub drawn: BTreeMap<String, u32>,
    /// The dotted names of weights that definitions have asked for.
    pub asked: BTreeSet<String>,
    /// The inputs that hold offsets.
    pub offsets: Vec<Offsets>,
    /// What is known of weights.
    pub known: KnownWeights,
    /// What of that was taken for granted.
    pub known_used: KnownWeights,
}

impl<'a> Elaborator<'a> {
    /// An elaboration that has not begun.
    pub fn new(program: &'a Program, name: &str, mode: Mode) -> Self {
        Elaborator {
            program,
            report: Report::default(),
            axes: AxisTable::default(),
            levels: Levels::new(name),
            frames: Vec::new(),
            functions: Vec::new(),
            weights: BTreeMap::new(),
            given: BTreeMap::new(),
            states: BTreeMap::new(),
            training: false,
            rest_axes: 1,
            mode,
            inline_calls: 0,
            budget: Budget::default(),
            assertions: Vec::new(),
            drawn: BTreeMap::new(),
            asked: BTreeSet::new(),
            offsets: Vec::new(),
            known: KnownWeights::new(),
            known_used: KnownWeights::new(),
        }
    }

    /// The innermost frame's file.
    pub fn file(&self) -> u32 {
        self.frames.last().map_or(0, |frame| frame.file)
    }

    /// The innermost frame.
    pub fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(0, DefinitionKind::Function, ""));
        }
        let last = self.frames.len() - 1;
        // The list is not empty: see above.
        #[allow(clippy::indexing_slicing)]
        &mut self.frames[last]
    }

    /// A definition.
    pub fn definition(&self, id: crate::names::DefinitionId) -> Option<&'a Definition> {
        self.program.definition(id)
    }

    /// Reports a mistake; inside a called definition it says which call.
    pub fn error(&mut self, mistake: Diagnostic) {
        let call = self.frames.get(1).and_then(|frame| frame.call);
        let outside = self.frames.first().map(|frame| frame.file);
        let inside = mistake.primary.as_ref().map(|label| label.span.file.0);
        let mistake = match call {
            Some(call)
                if self.frames.len() > 1 && (inside != outside || self.is_below_call(&mistake, call)) =>
            {
                let name = self.frames.get(1).map(|frame| frame.name.clone()).unwrap_or_default();
                mistake.also(call, format!("in this call of `{name}`"))
            }
            _ => mistake,
        };
        self.report.push(mistake);
    }

    fn is_below_call(&self, mistake: &Diagnostic, call: Span) -> bool {
        let Some(primary) = &mistake.primary else { return false };
        let inside = primary.span.file == call.file
            && primary.span.start >= call.start
            && primary.span.end <= call.end;
        !inside
    }

    /// Does something with one more scope.
    pub fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.frame().scopes.push(Scope::default());
        let result = work(self);
        self.frame().scopes.pop();
        result
    }

    /// Does something whose nodes go to the entry, or to the innermost function.
    pub fn at_entry<T>(&mut self, at_entry: bool, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.levels.at_entry(at_entry);
        let result = work(self);
        self.levels.at_entry(before);
        result
    }

    /// Notes that a name is declared in this definition; a second time is a mistake.
    pub fn declare(&mut self, name: &Name) -> bool {
        let first = self.frame().declared.get(&name.text).copied();
        match first {
            Some(first) if first != name.span => {
                self.error(crate::names::duplicate(name, first));
                false
            }
            _ => {
                self.frame().declared.insert(name.text.clone(), name.span);
                true
            }
        }
    }
}

impl Elaborator<'_> {
    /// The module, if there are no mistakes.
    pub fn finish(self) -> Result<Module, Vec<Diagnostic>> {
        let mistakes = self.report.into_list();
        if mistakes.iter().any(|mistake| mistake.severity == Severity::Error) {
            return Err(mistakes);
        }
        let mut levels = self.levels;
        let mut functions = self.functions;
        if let Some(level) = levels.pop() {
            functions.push(level.builder.finish());
        }
        let entry = functions.len().saturating_sub(1) as u32;
        Ok(Module { functions, entry, offsets: self.offsets })
    }

    /// The weights, as far as their shapes are known.
    pub fn weight_infos(&self) -> Vec<WeightInfo> {
        let shape = |axes: &mut dyn Iterator<Item = &AxisKey>| -> Option<Vec<u64>> {
            axes.map(|axis| u64::try_from(self.axes.axis_size(*axis).as_constant()?).ok()).collect()
        };
        self.weights
            .iter()
            .filter_map(|(name, weight)| {
                let shape = shape(&mut weight.stack.iter().chain(&weight.own))?;
                Some(WeightInfo { name: name.clone(), element: weight.element, shape })
            })
            .collect()
    }

    /// What the declarations of the weights say.
    pub fn declarations(&self) -> BTreeMap<String, WeightDeclaration> {
        self.weights.iter().map(|(name, weight)| (name.clone(), weight.declaration.clone())).collect()
    }
}
