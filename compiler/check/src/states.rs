//! State: values that last from step to step, also in loops and in parts that are in several places.

use crate::axes::AxisKey;
use crate::elaborator::{Elaborator, Mode, State, Weight};
use crate::levels::Loop;
use crate::value::{StackIndex, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Expression, ExpressionKind, Name, TypeExpression};
use moe_grammar::Span;
use moe_graph::{Operation, OutputKind, ParameterKind, Scalar, Type};
use std::collections::{BTreeMap, BTreeSet};

impl Elaborator<'_> {
    /// `state k: T = e`
    pub fn state_statement(&mut self, name: &Name, ty: &TypeExpression, initial: &Expression, span: Span) {
        let state = if self.may_have_weights(span, "state") && self.declare(name) {
            self.state(name, ty, initial, span)
        } else {
            None
        };
        self.frame().set(&name.text, state.map_or(Value::Poison, Value::Tensor));
    }

    fn state(
        &mut self,
        name: &Name,
        ty: &TypeExpression,
        initial: &Expression,
        span: Span,
    ) -> Option<Tensor> {
        let shape = self.shape(ty)?;
        let own = self.own_axes(&shape)?;
        let stack = self.state_stack(name)?;
        let dotted = self.frame().dotted(&name.text);
        if !self.may_be_called(&dotted, &stack, name.span) {
            return None;
        }
        if !self.states.contains_key(&dotted) {
            let state = self.new_state(&dotted, shape.element, &stack, &own, initial, span)?;
            self.states.insert(dotted.clone(), state);
        }
        let level = self.levels.current();
        let state = self.states.get_mut(&dotted)?;
        let entry = state.axes.iter().skip(stack.len()).copied().collect::<Vec<_>>();
        state.called = Some(span);
        state.next = None;
        state.level = level;
        state.places.push(places(&stack));
        state.renamed = own.iter().copied().zip(entry.iter().copied()).filter(|(a, b)| a != b).collect();
        state.stack.clone_from(&stack);
        let mut tensor = self.state_at(&dotted, level)?;
        for index in stack.iter().filter(|index| !matches!(index, StackIndex::Round(..))) {
            tensor = self.take(&tensor, index.axis(), index, span)?;
        }
        let others: Vec<AxisKey> = tensor.axes.iter().copied().filter(|axis| !entry.contains(axis)).collect();
        let inner = Tensor { axes: entry, ..tensor };
        let mut tensor = self.renamed_by_place(inner, &own, span)?;
        tensor.axes.splice(0..0, others);
        self.verified(tensor, &shape)
    }

    /// How a state is indexed: as weights of its part, and in a loop of its own body by the round.
    fn state_stack(&mut self, name: &Name) -> Option<Vec<StackIndex>> {
        let mut stack = self.frame().stack.clone();
        for level in self.frame().level + 1..=self.levels.current() {
            if let Some(Loop::Repeat(axis)) = self.levels.get(level).and_then(|level| level.kind) {
                stack.push(StackIndex::Round(axis, level));
            }
        }
        let covered = |level: usize| {
            stack.iter().any(|index| matches!(index, StackIndex::Round(_, own) if *own == level))
        };
        for level in 1..=self.levels.current() {
            let Some(Loop::Repeat(axis)) = self.levels.get(level).and_then(|level| level.kind) else {
                continue;
            };
            if !covered(level) {
                let (axis, call) = (self.axes.name(axis), self.frame().call.unwrap_or(name.span));
                let mistake = Diagnostic::error(
                    "E0405",
                    call,
                    format!("the state `{}` would be set once in each round", name.text),
                )
                .label("this part is the same one in all rounds")
                .also(name.span, "the state")
                .hint(format!(
                    "make one part for each round: `part parts = [...; {axis}]`, and call `parts[i]`"
                ));
                self.error(mistake);
                return None;
            }
        }
        Some(stack)
    }

    /// Whether a state may be there once more: in a test each call of a part is a step, and calls of different parts of a stack set
    /// different entries.
    fn may_be_called(&mut self, dotted: &str, stack: &[StackIndex], span: Span) -> bool {
        let Some(state) = self.states.get(dotted) else { return true };
        let own = places(stack);
        let apart = |other: &Vec<Option<i64>>| {
            own.iter().zip(other).any(|pair| matches!(pair, (Some(a), Some(b)) if a != b))
        };
        if state.called.is_none() || self.mode == Mode::Test || state.places.iter().all(apart) {
            return true;
        }
        let call = self.frame().call.unwrap_or(span);
        let mistake = Diagnostic::error("E0405", call, format!("the state `{dotted}` would be set twice"))
            .label("its part is called twice")
            .also(span, "the state")
            .hint("make two parts of it");
        self.error(mistake);
        false
    }

    fn new_state(
        &mut self,
        dotted: &str,
        element: moe_graph::Element,
        stack: &[StackIndex],
        own: &[AxisKey],
        initial: &Expression,
        span: Span,
    ) -> Option<State> {
        let axes: Vec<AxisKey> = stack.iter().map(StackIndex::axis).chain(own.iter().copied()).collect();
        let distinct: BTreeSet<AxisKey> = axes.iter().copied().collect();
        if distinct.len() != axes.len() {
            let message = "the state's axes and those of the stacks and loops it is in are not distinct";
            let mistake = Diagnostic::error("E0205", span, message)
                .label("this state")
                .hint("give the state, the stack or the loop another axis of that size");
            self.error(mistake);
            return None;
        }
        let first = self.first_value(stack, element, &axes, initial)?;
        let zero =
            self.levels.get(0).and_then(|level| level.builder.function().node(first.node)).is_some_and(
                |node| matches!(node.operation, Operation::Constant(value) if value == Scalar::zero(element)),
            );
        let node = if self.mode == Mode::Test {
            first.node
        } else {
            let node = self.entry_parameter(dotted, ParameterKind::State, element, &axes, span)?;
            if !zero {
                self.entry_output(dotted, &first, &axes, OutputKind::Initial);
            }
            node
        };
        Some(State {
            node,
            axes,
            element,
            stack: stack.to_vec(),
            level: 0,
            called: None,
            next: None,
            places: Vec::new(),
            renamed: Vec::new(),
        })
    }

    /// What a state begins as, for all that it is stacked for: made of numbers, sizes and weights.
    fn first_value(
        &mut self,
        stack: &[StackIndex],
        element: moe_graph::Element,
        axes: &[AxisKey],
        initial: &Expression,
    ) -> Option<Tensor> {
        let named = match &initial.kind {
            ExpressionKind::Path(path) => path.first().map(|name| name.text.as_str()),
            _ => None,
        };
        let number = match named {
            Some("zeros") => Scalar::of(element, 0.0),
            Some("ones") => Scalar::of(element, 1.0),
            _ => None,
        };
        let frame = self.first_frame(stack);
        let tensor = self.at_entry(true, |this| match number {
            Some(number) => this.constant(number, initial.span),
            None => this.first_expression(element, axes, initial),
        });
        *self.frame() = frame;
        tensor
    }

    /// Leaves in the frame what is there before a step; gives the frame as it was.
    fn first_frame(&mut self, stack: &[StackIndex]) -> crate::frame::Frame {
        let frame = self.frame().clone();
        let mut values = BTreeMap::new();
        for (name, value) in frame.scopes.iter().flat_map(|scope| &scope.values) {
            let value = match value {
                Value::Tensor(_) => self.first_weight(name, stack).map_or(Value::Poison, Value::Tensor),
                Value::Index(_) => Value::Poison,
                other => other.clone(),
            };
            values.insert(name.clone(), value);
        }
        if let Some(scope) = self.frame().scopes.last_mut() {
            scope.values = values;
        }
        let keep = self.frame().scopes.len().saturating_sub(1);
        self.frame().scopes.iter_mut().take(keep).for_each(|scope| scope.values.clear());
        frame
    }

    /// A weight of the present part for all entries of the stacks it is in.
    fn first_weight(&mut self, name: &str, stack: &[StackIndex]) -> Option<Tensor> {
        let dotted = self.frame().dotted(name);
        if let Some(given) = self.given.get(&dotted) {
            return match &given.value {
                Value::Tensor(tensor) if tensor.level == 0 && stack.is_empty() => Some(tensor.clone()),
                _ => None,
            };
        }
        self.weights.get(&dotted).map(Weight::tensor)
    }

    fn first_expression(
        &mut self,
        element: moe_graph::Element,
        axes: &[AxisKey],
        initial: &Expression,
    ) -> Option<Tensor> {
        let mistakes = self.report.len();
        let value = self.expression(initial, Some(element));
        if matches!(value, Value::Poison) && self.report.len() == mistakes {
            let mistake = Diagnostic::error("E0414", initial.span, "a state begins before there is a step")
                .label("this is only there in a step")
                .hint("make it of numbers, sizes and weights of this part");
            self.error(mistake);
        }
        let tensor = match value {
            Value::Array(array) => {
                let named: Vec<Option<AxisKey>> = axes.iter().copied().map(Some).collect();
                self.array_with(&array, element, &named, &[])?
            }
            value => self.materialize(&value, Some(element), initial.span)?,
        };
        let fits = tensor.element == element && tensor.axes.iter().all(|axis| axes.contains(axis));
        if !fits {
            let wanted = format!("{element}{}", self.show_axes(axes));
            let mistake = Diagnostic::error("E0210", initial.span, format!("the state is {wanted}"))
                .label(format!("this is {}", self.show(&tensor)));
            self.error(mistake);
            return None;
        }
        Some(tensor)
    }

    /// The value of a state in one of the functions under construction: a `repeat` hands in the round's entry, a `fold` carries it.
    fn state_at(&mut self, dotted: &str, level: usize) -> Option<Tensor> {
        let state = self.states.get(dotted)?;
        if level == 0 {
            let stepped = self.levels.get(0).and_then(|level| level.next.get(dotted));
            if let (Mode::Test, Some(tensor)) = (self.mode, stepped) {
                return Some(Tensor { axes: state.axes.clone(), bound: BTreeSet::new(), ..tensor.clone() });
            }
            let (node, element, axes) = (state.node, state.element, state.axes.clone());
            return Some(Tensor { level, node, element, axes, bound: BTreeSet::new() });
        }
        if let Some(known) = self.levels.get(level)?.states.get(dotted) {
            return Some(known.clone());
        }
        let outer = self.state_at(dotted, level - 1)?;
        let (mut axes, table) = (outer.axes.clone(), &self.axes);
        let node = match self.levels.get(level)?.kind {
            Some(Loop::Repeat(axis)) => {
                axes.retain(|own| *own != axis);
                self.levels.bring_round(&outer, level, axis, table)
            }
            _ => {
                let level = self.levels.get_mut(level)?;
                let ty = Type { element: outer.element, axes: level.axes(&axes, table) };
                let (index, node) = level.parameter(dotted, ParameterKind::Input, ty);
                level.carried.push(index);
                level.stepped.push((dotted.to_owned(), outer.node));
                node
            }
        };
        let tensor = Tensor { level, node, element: outer.element, axes, bound: BTreeSet::new() };
        self.levels.get_mut(level)?.states.insert(dotted.to_owned(), tensor.clone());
        Some(tensor)
    }

    /// `next k = e`
    pub fn next_statement(&mut self, name: &Name, value: &Expression, span: Span) {
        let dotted = self.frame().dotted(&name.text);
        let tensor = self.tensor_expression(value, None);
        let Some(state) = self.states.get(&dotted).cloned() else {
            if matches!(self.frame().value(&name.text), Some(Value::Poison)) {
                return;
            }
            let known: Vec<String> = self.states.keys().cloned().collect();
            let mistake =
                Diagnostic::error("E0401", name.span, format!("there is no state `{}` here", name.text))
                    .label("not declared with `state`");
            let mistake = crate::names::suggest(mistake, &name.text, known.iter().map(String::as_str));
            self.error(mistake);
            return;
        };
        if let Some(first) = state.next {
            let mistake = Diagnostic::error("E0401", span, format!("the state `{}` is set twice", name.text))
                .label("again here")
                .also(first, "first here");
            self.error(mistake);
            return;
        }
        if let Some(state) = self.states.get_mut(&dotted) {
            state.next = Some(span);
        }
        if state.level != self.levels.current() {
            let mistake = Diagnostic::error(
                "E0401",
                span,
                format!("the state `{}` would be set once in each round", name.text),
            )
            .label("set in a loop, and declared outside of it")
            .hint("carry a value through the loop, and set the state to it afterwards; or declare the state in the loop");
            self.error(mistake);
            return;
        }
        let Some(tensor) = tensor.and_then(|tensor| self.next_value(&dotted, &state, tensor, value.span))
        else {
            return;
        };
        let current = self.levels.current();
        if let Some(level) = self.levels.get_mut(current) {
            level.next.insert(dotted, tensor);
        }
    }

    /// The next value of all of a state, with the axes it has at the entry.
    fn next_value(&mut self, dotted: &str, state: &State, tensor: Tensor, span: Span) -> Option<Tensor> {
        let mut tensor = tensor;
        for (now, entry) in &state.renamed {
            if tensor.axes.contains(now) {
                tensor = self.rename(&tensor, *now, *entry, span)?;
            }
        }
        let current = self.levels.current();
        let whole = self.state_at(dotted, current)?;
        let all: BTreeSet<AxisKey> = tensor.axes.iter().chain(&tensor.bound).copied().collect();
        let taken: Vec<StackIndex> = state.stack.iter().filter(|index| index.chooses()).cloned().collect();
        self.expect_one_entry(&taken, dotted, span)?;
        let is_taken = |axis: &AxisKey| taken.iter().any(|index| index.axis() == *axis);
        let fits = all.iter().all(|axis| whole.axes.contains(axis) && !is_taken(axis));
        if tensor.element != state.element || !fits {
            let own: Vec<AxisKey> = whole.axes.iter().copied().filter(|axis| !is_taken(axis)).collect();
            let wanted = format!("{}{}", state.element, self.show_axes(&own));
            let name = dotted.rsplit('.').next().unwrap_or(dotted);
            let mistake = Diagnostic::error("E0210", span, format!("the state `{name}` is {wanted}"))
                .label(format!("this is {}", self.show(&tensor)));
            self.error(mistake);
            return None;
        }
        if taken.is_empty() {
            return Some(tensor);
        }
        // Entries of the stack: the others stay, or are what other calls set them to.
        let pending = self.levels.get(current).and_then(|level| level.next.get(dotted)).cloned();
        let set = self.with_entry(&pending.unwrap_or(whole), tensor, &taken, span)?;
        let axes = self.states.get(dotted).map_or_else(Vec::new, |state| state.axes.clone());
        Some(Tensor { axes, ..set })
    }

    /// Checks that a state is set for one entry of a stack, and not for each entry of an index: several of these may name one part.
    fn expect_one_entry(&mut self, indices: &[StackIndex], dotted: &str, span: Span) -> Option<()> {
        let axis = indices.iter().find_map(|index| match index {
            StackIndex::Gathered(_, index) => index.axes.iter().chain(&index.bound).next().copied(),
            _ => None,
        });
        let Some(axis) = axis else { return Some(()) };
        let (name, state) = (self.axes.name(axis), dotted.rsplit('.').next().unwrap_or(dotted));
        let message = format!("the state `{state}` would be set for each entry of `{name}`");
        let mistake = Diagnostic::error("E0415", span, message)
            .label(format!("its part is chosen for each entry of `{name}`, and several may choose the same"))
            .hint("choose one part by a number without axes, or go through all parts: `sum e: E { … }`");
        self.error_of_axes(mistake, &[axis]);
        None
    }

    /// A value with another entry at indices along its axes, the outermost first.
    fn with_entry(
        &mut self,
        base: &Tensor,
        entry: Tensor,
        indices: &[StackIndex],
        span: Span,
    ) -> Option<Tensor> {
        let Some((index, inner)) = indices.split_first() else { return Some(entry) };
        let axis = index.axis();
        let entry = if inner.is_empty() {
            entry
        } else {
            let whole = self.take(base, axis, index, span)?;
            self.with_entry(&whole, entry, inner, span)?
        };
        let at = match index {
            StackIndex::Fixed(_, place) => self.constant(Scalar::index(*place), span)?,
            StackIndex::Gathered(_, index) => index.clone(),
            StackIndex::Bound(_) | StackIndex::Round(..) => return Some(entry),
        };
        let nodes = [self.here(base), self.here(&entry), self.here(&at)];
        let whole = self.spread(nodes[0], axis, span)?;
        let operation = Operation::Scatter { over: Vec::new(), axis: self.id(axis) };
        let node = self.add(operation, &[whole, nodes[1], nodes[2]], span)?;
        Some(self.tensor(node, entry.element, base.axes.clone(), BTreeSet::new()))
    }

    /// What states become when a step ends; those that nothing sets stay as they are.
    pub fn set_states(&mut self) {
        let states: Vec<(String, State)> =
            self.states.iter().map(|(name, state)| (name.clone(), state.clone())).collect();
        if self.mode == Mode::Test {
            return;
        }
        for (name, state) in states {
            let next = self.levels.get(0).and_then(|level| level.next.get(&name)).cloned();
            let tensor = next.or_else(|| self.state_at(&name, 0));
            if let Some(tensor) = tensor {
                self.entry_output(&name, &tensor, &state.axes, OutputKind::Next);
            }
        }
    }

    /// States as they were before a body was elaborated that is now elaborated anew. Their parameters stay.
    pub fn forget_states(&mut self, before: &BTreeMap<String, State>) {
        for (name, state) in &mut self.states {
            match before.get(name) {
                Some(old) => state.clone_from(old),
                None => {
                    state.called = None;
                    state.places.clear();
                }
            }
        }
    }
}

/// The places that are known along the axes of a stack.
fn places(stack: &[StackIndex]) -> Vec<Option<i64>> {
    let place = |index: &StackIndex| match index {
        StackIndex::Fixed(_, place) => Some(*place),
        _ => None,
    };
    stack.iter().map(place).collect()
}
