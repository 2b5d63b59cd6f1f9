//! Blocks and statements.

use crate::axes::AxisKey;
use crate::elaborator::{Elaborator, Mode};
use crate::parts::WeightOptions;
use crate::value::{Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Block, Expression, Name, Statement, StatementKind, TypeExpression};
use moe_grammar::Span;
use moe_graph::{Element, OutputKind};

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
        if !self.step(span) {
            return;
        }
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
            self.frame().declare_type(&name.text, ty);
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

    /// An output of the entry.
    pub fn entry_output(&mut self, name: &str, tensor: &Tensor, axes: &[AxisKey], kind: OutputKind) {
        let span = self.levels.get(0).and_then(|level| level.builder.function().node(tensor.node)?.span);
        let Some((node, axes)) = self.edge_of(tensor, axes, span.unwrap_or_default()) else { return };
        let table = &self.axes;
        if let Some(level) = self.levels.get_mut(0) {
            let axes = level.axes(&axes, table);
            level.builder.output(name, node, axes, kind);
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
