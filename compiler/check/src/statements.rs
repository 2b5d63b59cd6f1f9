//! Blocks and statements.

use crate::axes::AxisKey;
use crate::elaborator::{Elaborator, Mode, State};
use crate::parts::WeightOptions;
use crate::value::{StackIndex, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Block, Expression, ExpressionKind, Name, Statement, StatementKind, TypeExpression};
use moe_grammar::Span;
use moe_graph::{Element, OutputKind, ParameterKind};
use std::collections::BTreeSet;

impl<'a> Elaborator<'a> {
    /// The value of a block, whose statements see the present scope.
    pub fn block(&mut self, block: &Block, like: Option<Element>) -> Value {
        for statement in &block.statements {
            self.statement(statement);
        }
        match &block.value {
            Some(value) => self.expression(value, like),
            None => Value::Tuple(Vec::new()),
        }
    }

    /// One statement.
    pub fn statement(&mut self, statement: &Statement) {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Let { names, ty, value, tuple } => {
                self.let_statement(names, *tuple, ty.as_ref(), value)
            }
            StatementKind::Weight { names, ty, initial, frozen, prox } => {
                let options =
                    WeightOptions { initial: initial.as_ref(), frozen: *frozen, prox: prox.as_ref() };
                self.weight_statement(names, ty, &options, span);
            }
            StatementKind::Part { name, value } => self.part_statement(name, value, span),
            StatementKind::Axis { name, size } => self.axis_statement(name, size),
            StatementKind::State { name, ty, initial } => self.state_statement(name, ty, initial, span),
            StatementKind::Next { name, value } => self.next_statement(name, value, span),
            StatementKind::Observe { name, value } => self.observe_statement(name, value),
            StatementKind::Repeat { index, count, body } => self.repeat(index, count, body, span),
            StatementKind::Assign { name, value } => self.assign_statement(name, value),
            StatementKind::Assert(value) => self.assert_statement(value, span),
        }
    }

    fn let_statement(
        &mut self,
        names: &[Name],
        tuple: bool,
        ty: Option<&TypeExpression>,
        value: &Expression,
    ) {
        let like = ty.and_then(crate::types::element_of);
        let mut result = self.expression(value, like);
        if let (Some(ty), false) = (ty, matches!(result, Value::Poison)) {
            let what = format!("`{}`", names.first().map_or("", |name| name.text.as_str()));
            result = self.assert_type(&result, ty, value.span, &what);
        }
        if let (false, [name]) = (tuple, names) {
            self.frame().set(&name.text, result);
            return;
        }
        let entries = match result {
            Value::Tuple(entries) if entries.len() == names.len() => entries,
            Value::Poison => Vec::new(),
            other => {
                let mistake = Diagnostic::error(
                    "E0409",
                    value.span,
                    format!(
                        "{} names for {}",
                        names.len(),
                        match &other {
                            Value::Tuple(entries) => format!("{} values", entries.len()),
                            other => self.show_value(other),
                        }
                    ),
                );
                self.error(mistake);
                Vec::new()
            }
        };
        for (place, name) in names.iter().enumerate() {
            // A named result goes to the name it has, if there is one.
            let by_name = entries.iter().find(|(own, _)| own.as_deref() == Some(&name.text));
            let value = by_name.or(entries.get(place)).map_or(Value::Poison, |(_, value)| value.clone());
            self.frame().set(&name.text, value);
        }
    }

    fn axis_statement(&mut self, name: &Name, size: &Expression) {
        if let Some(key) = self.frame().scopes.last().and_then(|scope| scope.sizes.get(&name.text)).copied() {
            let axis = self.axes.axis_of(key);
            let mistake = crate::names::duplicate(name, self.axes.origin(axis));
            self.error(mistake);
            return;
        }
        // A size that is wrong is told once: the axis is there all the same.
        let size = self.size_expression(size).unwrap_or_else(|| moe_graph::Size::symbol(&name.text));
        let axis = self.axes.axis(&name.text, size, name.span);
        let key = self.axes.size_of_axis(&name.text, axis);
        self.frame().set_size(&name.text, key);
    }

    fn state_statement(&mut self, name: &Name, ty: &TypeExpression, initial: &Expression, span: Span) {
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
        if self.levels.current() > 0 {
            self.not_yet(span, "states inside `repeat`");
            return None;
        }
        let zeros = match &initial.kind {
            ExpressionKind::Path(path) => path.first().is_some_and(|name| name.text == "zeros"),
            ExpressionKind::Number(text) => text.parse::<f64>() == Ok(0.0),
            _ => false,
        };
        if !zeros {
            self.not_yet(initial.span, "states that do not begin as zeros");
            return None;
        }
        let shape = self.shape(ty)?;
        let own = self.own_axes(&shape)?;
        let stack: Vec<AxisKey> = self.frame().stack.iter().map(StackIndex::axis).collect();
        let axes: Vec<AxisKey> = stack.iter().chain(&own).copied().collect();
        let dotted = self.frame().dotted(&name.text);
        if self.states.contains_key(&dotted) {
            let mistake =
                Diagnostic::error("E0405", name.span, format!("the state `{dotted}` would be set twice"))
                    .label("its part is called twice")
                    .hint("make two parts of it");
            self.error(mistake);
            return None;
        }
        let node = self.entry_parameter(&dotted, ParameterKind::State, shape.element, &axes, span)?;
        let state = State { axes: axes.clone(), element: shape.element, next: None };
        self.states.insert(dotted, state);
        let mut tensor = Tensor { level: 0, node, element: shape.element, axes, bound: BTreeSet::new() };
        for index in self.frame().stack.clone() {
            tensor = self.take(&tensor, index.axis(), &index, span)?;
        }
        Some(tensor)
    }

    fn next_statement(&mut self, name: &Name, value: &Expression, span: Span) {
        let dotted = self.frame().dotted(&name.text);
        let tensor = self.tensor_expression(value, None);
        let Some(state) = self.states.get(&dotted).cloned() else {
            let known: Vec<String> = self.states.keys().cloned().collect();
            let mistake =
                Diagnostic::error("E0401", name.span, format!("there is no state `{}` here", name.text))
                    .label("not declared with `state`");
            let mistake = crate::names::suggest(mistake, &name.text, known.iter().map(String::as_str));
            self.error(mistake);
            return;
        };
        let Some(tensor) = tensor else { return };
        if let Some(first) = state.next {
            let mistake = Diagnostic::error("E0401", span, format!("the state `{}` is set twice", name.text))
                .label("again here")
                .also(first, "first here");
            self.error(mistake);
            return;
        }
        let all: BTreeSet<AxisKey> = tensor.axes.iter().chain(&tensor.bound).copied().collect();
        let fits = tensor.element == state.element && all.iter().all(|axis| state.axes.contains(axis));
        if self.levels.current() > 0 {
            self.not_yet(span, "states that are set inside `repeat` and `fold`");
            return;
        }
        if !fits {
            let wanted = format!("{}{}", state.element, self.show_axes(&state.axes));
            let mistake =
                Diagnostic::error("E0210", value.span, format!("the state `{}` is {wanted}", name.text))
                    .label(format!("this is {}", self.show(&tensor)));
            self.error(mistake);
            return;
        }
        if let Some(state) = self.states.get_mut(&dotted) {
            state.next = Some(span);
        }
        self.entry_output(&dotted, &tensor, &state.axes, OutputKind::Next);
    }

    fn observe_statement(&mut self, name: &Name, value: &Expression) {
        let declared = self.declare(name);
        let Some(tensor) = self.tensor_expression(value, None) else { return };
        if !declared {
            return;
        }
        if self.levels.current() > 0 {
            self.not_yet(name.span, "observed values inside `repeat` and `fold`");
            return;
        }
        let dotted = self.frame().dotted(&name.text);
        let known = self
            .levels
            .get(0)
            .is_some_and(|level| level.builder.function().outputs.iter().any(|output| output.name == dotted));
        if known {
            return;
        }
        let axes: Vec<AxisKey> = tensor.bound.iter().chain(&tensor.axes).copied().collect();
        self.entry_output(&dotted, &tensor, &axes, OutputKind::Observed);
    }

    /// An output of the entry.
    pub fn entry_output(&mut self, name: &str, tensor: &Tensor, axes: &[AxisKey], kind: OutputKind) {
        let table = &self.axes;
        if let Some(level) = self.levels.get_mut(0) {
            let axes = level.axes(axes, table);
            level.builder.output(name, tensor.node, axes, kind);
        }
    }

    fn assign_statement(&mut self, name: &Name, value: &Expression) {
        let value = self.expression(value, None);
        let carried = self.frame().scopes.iter().rev().any(|scope| scope.carried.contains(&name.text));
        if carried {
            self.frame().assign(&name.text, value);
            return;
        }
        let known = self.frame().value(&name.text).is_some();
        let mistake = if known {
            Diagnostic::error("E0411", name.span, format!("`{}` is set outside of `repeat`", name.text))
                .label("values do not change")
                .hint(format!("bind a new one: `let {} = …`", name.text))
        } else {
            let local = self.frame().names();
            let mistake = self.program.unknown(self.file(), name, &local);
            self.frame().set(&name.text, Value::Poison);
            match mistake.hint {
                Some(_) => mistake,
                None => mistake.hint(format!("give the value a name: `let {} = …`", name.text)),
            }
        };
        self.error(mistake);
    }

    fn assert_statement(&mut self, value: &Expression, span: Span) {
        if self.mode != Mode::Test || self.frames.len() != 1 {
            let mistake = Diagnostic::error("E0603", span, "`assert` is for tests")
                .label("not in a test")
                .hint("`let x: T = …` asserts a type, `expect(x, K of E)` a bound");
            self.error(mistake);
            return;
        }
        let value_of = self.expression(value, None);
        let Some(tensor) = self.materialize(&value_of, None, value.span) else { return };
        if tensor.element != Element::Bool {
            let mistake = Diagnostic::error("E0601", value.span, "an assertion is a truth value")
                .label(format!("this is {}", self.show(&tensor)))
                .hint("compare: `assert close(x, y, 1e-6)`, `assert all(x == y)`");
            self.error(mistake);
            return;
        }
        let axes: Vec<AxisKey> = tensor.axes.clone();
        let all = if axes.is_empty() {
            Some(tensor)
        } else {
            self.reduce(moe_graph::ReduceKind::All, &axes, &tensor, span)
        };
        if let Some(all) = all {
            let name = format!("a{}", self.assertions.len());
            self.entry_output(&name, &all, &[], OutputKind::Result);
            self.assertions.push(value.span);
        }
    }
}
