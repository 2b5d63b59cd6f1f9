//! `repeat` and `fold`: their bodies are functions of the graph, elaborated once.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::levels::{reorder, Level, Loop, Observed};
use crate::value::{Index, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Block, Carried, Expression, Name, StatementKind, TypeExpression};
use moe_grammar::Span;
use moe_graph::{AxisId, Element, FunctionId, NodeId, Operation, OutputKind, ParameterKind, Type};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What the number of the round is called among the states that a fold carries; no state has such a name.
pub(crate) const ROUND: &str = "the round";

/// How often a body's carried values may turn out to have more axes than they began with.
const WIDENINGS: usize = 4;

/// The types that carried values are declared with.
type Types = Vec<Option<Rc<TypeExpression>>>;

/// A finished body.
struct Finished {
    function: FunctionId,
    axes: Vec<(AxisId, AxisId)>,
    stacked: Vec<NodeId>,
    shared: Vec<NodeId>,
    /// The first values of what is carried besides the values named.
    first: Vec<First>,
    /// What goes outside besides the values named.
    exports: Vec<Export>,
}

/// The first value of something carried.
enum First {
    Node(NodeId),
    Zero(Element),
}

/// A next state or an observed value that a body gives out.
struct Export {
    name: String,
    observed: bool,
    element: Element,
    axes: Vec<AxisKey>,
    /// Which result of the function it is.
    result: u32,
}

/// What a body's elaboration gave.
enum Outcome {
    Finished(Finished),
    /// Carried values have more indexed axes than they began with.
    Wider(Vec<BTreeSet<AxisKey>>),
    Wrong,
}

/// The names that a body of `repeat` sets.
fn assigned(body: &Block, names: &mut Vec<String>) {
    for statement in &body.statements {
        match &statement.kind {
            StatementKind::Assign { name, .. } if !names.contains(&name.text) => {
                names.push(name.text.clone())
            }
            StatementKind::Repeat { body, .. } => assigned(body, names),
            _ => {}
        }
    }
}

impl Elaborator<'_> {
    /// `repeat i in L { x = block[i](x) }`
    pub fn repeat(&mut self, index: &Name, count: &Expression, body: &Block, span: Span) {
        let mut names = Vec::new();
        assigned(body, &mut names);
        names.retain(|name| self.frame().value(name).is_some());
        let Some(key) = self.size_entry(&index.text, count) else {
            self.poison(&names);
            return;
        };
        let axis = self.axes.axis_of(key);
        if self.expect_even(axis, &[], span, "gone along in rounds").is_none() {
            self.poison(&names);
            return;
        }
        let Some(first) = self.first_values(&names, span) else {
            self.poison(&names);
            return;
        };
        let types: Types = names.iter().map(|name| self.frame().declared_type(name)).collect();
        let mut carried = first;
        for _ in 0..WIDENINGS {
            let (frame, states, drawn) = (self.frame().clone(), self.states.clone(), self.drawn.clone());
            let outcome = self.repeat_body(index, axis, (&names, &types), &carried, body, span);
            match outcome {
                Outcome::Finished(finished) => {
                    self.repeat_results(axis, (&names, &types), &carried, &finished, span);
                    return;
                }
                Outcome::Wider(bounds) => {
                    *self.frame() = frame;
                    self.forget_states(&states);
                    self.drawn = drawn;
                    for (tensor, bound) in carried.iter_mut().zip(bounds) {
                        tensor.bound.extend(bound);
                    }
                }
                Outcome::Wrong => {
                    self.poison(&names);
                    return;
                }
            }
        }
    }

    fn poison(&mut self, names: &[String]) {
        for name in names {
            self.frame().assign(name, Value::Poison);
        }
    }

    fn first_values(&mut self, names: &[String], span: Span) -> Option<Vec<Tensor>> {
        let mut carried = Vec::new();
        for name in names {
            let value = self.frame().value(name).cloned()?;
            carried.push(self.materialize(&value, None, span)?);
        }
        Some(carried)
    }

    fn repeat_body(
        &mut self,
        index: &Name,
        axis: AxisKey,
        (names, types): (&[String], &Types),
        carried: &[Tensor],
        body: &Block,
        span: Span,
    ) -> Outcome {
        let parameters = self.enter_body("repeat", Loop::Repeat(axis), (names, types), carried);
        let level = self.levels.current();
        let mistakes = self.report.len();
        let results = self.scoped(|this| {
            this.frame().set(&index.text, Value::Index(Index::Round(axis, level)));
            for (name, tensor) in names.iter().zip(parameters) {
                this.frame().set(name, Value::Tensor(tensor));
                if let Some(scope) = this.frame().scopes.last_mut() {
                    scope.carried.insert(name.clone());
                }
            }
            this.block(body, None);
            let values: Vec<Value> =
                names.iter().map(|name| this.frame().value(name).cloned().unwrap_or(Value::Poison)).collect();
            values
        });
        let wrong = self.report.len() > mistakes;
        self.leave_body((names, types), carried, &results, wrong, span)
    }

    /// Begins a function with parameters for the carried values.
    fn enter_body(
        &mut self,
        name: &str,
        kind: Loop,
        (names, types): (&[String], &Types),
        carried: &[Tensor],
    ) -> Vec<Tensor> {
        let name = format!("{name}{}", self.functions.len());
        self.levels.push(&name, kind);
        let current = self.levels.current();
        let mut parameters = Vec::new();
        for ((name, declared), tensor) in names.iter().zip(types).zip(carried) {
            let all: Vec<AxisKey> = tensor.bound.iter().chain(&tensor.axes).copied().collect();
            let ty = self.graph_type(tensor.element, &all);
            let Some(level) = self.levels.get_mut(current) else { continue };
            let (index, node) = level.parameter(name, ParameterKind::Input, ty);
            level.carried.push(index);
            let inside = self.tensor(node, tensor.element, tensor.axes.clone(), tensor.bound.clone());
            parameters.push(self.as_declared(inside, declared.as_deref()));
        }
        parameters
    }

    /// A carried value with the bounds it is declared with, which hold in every round.
    fn as_declared(&mut self, tensor: Tensor, ty: Option<&TypeExpression>) -> Tensor {
        let shape = ty.and_then(|ty| self.shape(ty));
        shape.and_then(|shape| self.verified(tensor.clone(), &shape)).unwrap_or(tensor)
    }

    /// Ends a function whose results are the next carried values.
    fn leave_body(
        &mut self,
        (names, types): (&[String], &Types),
        carried: &[Tensor],
        results: &[Value],
        wrong: bool,
        span: Span,
    ) -> Outcome {
        let mut tensors = Vec::new();
        for (((name, ty), first), value) in names.iter().zip(types).zip(carried).zip(results) {
            let tensor = self.materialize(value, Some(first.element), span);
            let tensor = tensor.and_then(|tensor| self.carried_like(name, first, tensor, span));
            match tensor.filter(|tensor| self.keeps(name, ty.as_deref(), tensor)) {
                Some(tensor) => tensors.push(tensor),
                None => {
                    self.levels.pop();
                    return Outcome::Wrong;
                }
            }
        }
        let wider = tensors.iter().zip(carried).any(|(tensor, first)| !tensor.bound.is_subset(&first.bound));
        if wider || wrong {
            self.levels.pop();
            let bounds = tensors.into_iter().map(|tensor| tensor.bound).collect();
            return if wrong { Outcome::Wrong } else { Outcome::Wider(bounds) };
        }
        let current = self.levels.current();
        for ((name, first), tensor) in names.iter().zip(carried).zip(&tensors) {
            let node = self.here(tensor);
            let all: Vec<AxisKey> = first.bound.iter().chain(&first.axes).copied().collect();
            let axes = self.ids(&all);
            if let Some(level) = self.levels.get_mut(current) {
                level.builder.output(name, node, axes, OutputKind::Result);
            }
        }
        let exports = self.exports();
        match self.levels.pop() {
            Some(level) => Outcome::Finished(self.finish_body(level, exports)),
            None => Outcome::Wrong,
        }
    }

    /// Adds what the body gives out besides the values named: next states and observed values. A `repeat` collects them; a `fold` carries
    /// states from round to round, and keeps what the last round observed.
    fn exports(&mut self) -> Vec<Export> {
        let current = self.levels.current();
        let Some(level) = self.levels.get(current) else { return Vec::new() };
        let (next, states, observed) = (level.next.clone(), level.states.clone(), level.observed.clone());
        let stepped = level.stepped.iter().map(|(name, _)| (name.clone(), true));
        let collected = next.keys().filter(|_| matches!(level.kind, Some(Loop::Repeat(_))));
        let named: Vec<(String, bool)> = stepped.chain(collected.map(|name| (name.clone(), false))).collect();
        let mut exports = Vec::new();
        for (name, carried) in named.iter().cloned() {
            let Some(state) = states.get(&name) else { continue };
            let set = next.get(&name);
            let result = self.body_output(&name, set.unwrap_or(state), &state.axes, OutputKind::Result);
            if (set.is_some() || !carried) && name != ROUND {
                let (element, axes) = (state.element, state.axes.clone());
                exports.push(Export { name, observed: false, element, axes, result });
            }
        }
        for Observed { name, tensor, axes } in observed {
            let result = self.body_output(&name, &tensor, &axes, OutputKind::Observed);
            let element = tensor.element;
            let ty = self.graph_type(element, &axes);
            if let Some(level) =
                self.levels.get_mut(current).filter(|level| matches!(level.kind, Some(Loop::Fold)))
            {
                let (index, _) = level.parameter(&name, ParameterKind::Input, ty);
                level.carried.push(index);
            }
            exports.push(Export { name, observed: true, element, axes, result });
        }
        exports
    }

    /// An output of the body; gives its index.
    fn body_output(&mut self, name: &str, tensor: &Tensor, axes: &[AxisKey], kind: OutputKind) -> u32 {
        let (node, ids, current) = (self.here(tensor), self.ids(axes), self.levels.current());
        let Some(level) = self.levels.get_mut(current) else { return 0 };
        level.builder.output(name, node, ids, kind);
        level.builder.function().outputs.len() as u32 - 1
    }

    /// Hands on what a loop gives out besides the values named.
    fn hand_on(
        &mut self,
        export: &Export,
        over: Option<AxisKey>,
        operation: Operation,
        operands: &[NodeId],
        span: Span,
    ) {
        let axes: Vec<AxisKey> = over.into_iter().chain(export.axes.iter().copied()).collect();
        let ty: Type = self.graph_type(export.element, &axes);
        let Some(node) = self.build(span, |builder| Ok(builder.add_typed(operation, operands, ty))) else {
            return;
        };
        let tensor = self.tensor(node, export.element, axes.clone(), BTreeSet::new());
        if export.observed {
            self.observed(Observed { name: export.name.clone(), tensor, axes });
            return;
        }
        let current = self.levels.current();
        if let Some(level) = self.levels.get_mut(current) {
            level.next.insert(export.name.clone(), tensor);
        }
    }

    /// Whether a round leaves a carried value with the bounds it is declared with.
    fn keeps(&mut self, name: &str, ty: Option<&TypeExpression>, tensor: &Tensor) -> bool {
        let Some(ty) = ty else { return true };
        let what = format!("`{name}` after a round");
        let shape = self.shape(ty);
        shape.and_then(|shape| self.assert_bounds(tensor, &shape, &what)).is_some()
    }

    fn carried_like(&mut self, name: &str, first: &Tensor, tensor: Tensor, span: Span) -> Option<Tensor> {
        let fits =
            tensor.element == first.element && tensor.axes.iter().all(|axis| first.axes.contains(axis));
        if fits {
            return Some(Tensor { axes: first.axes.clone(), ..tensor });
        }
        let (before, after) = (self.show(first), self.show(&tensor));
        let mistake =
            Diagnostic::error("E0412", span, format!("`{name}` changes its type from round to round"))
                .label(format!("it begins as {before}, and a round makes it {after}"))
                .hint("a carried value keeps its element type and axes");
        self.error(mistake);
        None
    }

    fn finish_body(&mut self, level: Level, exports: Vec<Export>) -> Finished {
        let outside = self.levels.current();
        let stacked: Vec<NodeId> = level.stacked.iter().map(|(_, node)| *node).collect();
        let shared: Vec<NodeId> = level.shared.iter().map(|(_, node)| *node).collect();
        let order: Vec<u32> = level
            .carried
            .iter()
            .copied()
            .chain(level.stacked.iter().map(|(index, _)| *index))
            .chain(level.shared.iter().map(|(index, _)| *index))
            .collect();
        let inner = level.builder.function();
        let mut used: BTreeSet<AxisId> =
            inner.parameters.iter().flat_map(|own| own.ty.axes.iter().copied()).collect();
        used.extend(inner.outputs.iter().flat_map(|output| output.axes.iter().copied()));
        let mut axes = Vec::new();
        for id in used {
            let Some(key) = level.key(id) else { continue };
            let table = &self.axes;
            if let Some(outer) = self.levels.get_mut(outside) {
                axes.push((id, outer.axis(key, table)));
            }
        }
        self.functions.push(reorder(level.builder.finish(), &order));
        let function = FunctionId(self.functions.len() as u32 - 1);
        let states = level.stepped.iter().map(|(_, node)| First::Node(*node));
        let folds = matches!(level.kind, Some(Loop::Fold));
        let observed = exports.iter().filter(|export| folds && export.observed);
        let first = states.chain(observed.map(|export| First::Zero(export.element))).collect();
        Finished { function, axes, stacked, shared, first, exports }
    }

    fn repeat_results(
        &mut self,
        axis: AxisKey,
        (names, types): (&[String], &Types),
        carried: &[Tensor],
        finished: &Finished,
        span: Span,
    ) {
        let over = self.id(axis);
        let mut operands: Vec<NodeId> = carried.iter().map(|tensor| self.here(tensor)).collect();
        operands.extend(finished.stacked.iter().chain(&finished.shared).copied());
        for (place, ((name, ty), tensor)) in names.iter().zip(types).zip(carried).enumerate() {
            let operation = Operation::Repeat {
                function: finished.function,
                axes: finished.axes.clone(),
                over,
                carried: carried.len() as u32,
                stacked: finished.stacked.len() as u32,
                result: place as u32,
            };
            let value = self.loop_result(operation, &operands, tensor, ty.as_deref(), span);
            self.frame().assign(name, value);
        }
        for export in &finished.exports {
            let operation = Operation::Repeat {
                function: finished.function,
                axes: finished.axes.clone(),
                over,
                carried: carried.len() as u32,
                stacked: finished.stacked.len() as u32,
                result: export.result,
            };
            self.hand_on(export, Some(axis), operation, &operands, span);
        }
    }

    fn loop_result(
        &mut self,
        operation: Operation,
        operands: &[NodeId],
        like: &Tensor,
        declared: Option<&TypeExpression>,
        span: Span,
    ) -> Value {
        let all: Vec<AxisKey> = like.bound.iter().chain(&like.axes).copied().collect();
        let ty: Type = self.graph_type(like.element, &all);
        match self.build(span, |builder| Ok(builder.add_typed(operation, operands, ty))) {
            Some(node) => {
                let tensor = self.tensor(node, like.element, like.axes.clone(), like.bound.clone());
                Value::Tensor(self.as_declared(tensor, declared))
            }
            None => Value::Poison,
        }
    }

    /// `fold n with x = a, y = b { … }`
    pub fn fold(&mut self, count: &Expression, carried: &[Carried], body: &Block, span: Span) -> Value {
        let times = self.tensor_expression(count, Some(Element::I64));
        let names: Vec<String> = carried.iter().map(|own| own.name.text.clone()).collect();
        let types: Types = carried.iter().map(|own| own.ty.clone().map(Rc::new)).collect();
        let values: Vec<Option<Tensor>> = carried.iter().map(|own| self.first_of(own)).collect();
        let values: Option<Vec<Tensor>> = values.into_iter().collect();
        let (Some(times), Some(mut values)) = (times, values) else { return Value::Poison };
        if !times.element.is_integer() || !times.axes.is_empty() || !times.bound.is_empty() {
            let mistake = Diagnostic::error("E0413", count.span, "the number of rounds is one whole number")
                .label(format!("this is {}", self.show(&times)));
            self.error(mistake);
            return Value::Poison;
        }
        let Some(times) = self.cast(&times, Element::I64, count.span) else { return Value::Poison };
        for _ in 0..WIDENINGS {
            let (states, drawn) = (self.states.clone(), self.drawn.clone());
            match self.fold_body((&names, &types), &values, body, span) {
                Outcome::Finished(finished) => {
                    return self.fold_results(&times, (&names, &types), &values, &finished, span)
                }
                Outcome::Wider(bounds) => {
                    self.forget_states(&states);
                    self.drawn = drawn;
                    for (tensor, bound) in values.iter_mut().zip(bounds) {
                        tensor.bound.extend(bound);
                    }
                }
                Outcome::Wrong => return Value::Poison,
            }
        }
        Value::Poison
    }

    /// The first value of what a fold carries.
    fn first_of(&mut self, carried: &Carried) -> Option<Tensor> {
        let Some(ty) = &carried.ty else { return self.tensor_expression(&carried.value, None) };
        let value = self.expression(&carried.value, crate::types::element_of(ty));
        if matches!(value, Value::Poison) {
            return None;
        }
        let what = format!("`{}`", carried.name.text);
        match self.assert_type(&value, ty, carried.value.span, &what) {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    fn fold_body(
        &mut self,
        (names, types): (&[String], &Types),
        carried: &[Tensor],
        body: &Block,
        span: Span,
    ) -> Outcome {
        let parameters = self.enter_body("fold", Loop::Fold, (names, types), carried);
        let mistakes = self.report.len();
        let value = self.scoped(|this| {
            for (name, tensor) in names.iter().zip(parameters) {
                this.frame().set(name, Value::Tensor(tensor));
            }
            this.block(body, None)
        });
        let results: Vec<Value> = match value {
            Value::Tuple(entries) => names
                .iter()
                .enumerate()
                .map(|(place, name)| {
                    let by_name = entries.iter().find(|(own, _)| own.as_deref() == Some(name));
                    by_name.or(entries.get(place)).map_or(Value::Poison, |(_, value)| value.clone())
                })
                .collect(),
            single => vec![single],
        };
        let poisoned = results.iter().any(|value| matches!(value, Value::Poison));
        let wrong = self.report.len() > mistakes;
        if results.len() != names.len() || (poisoned && !wrong) {
            let mistake = Diagnostic::error(
                "E0413",
                body.span,
                format!("a round of this `fold` gives {} values", names.len()),
            )
            .label("the body's value is the next carried values")
            .hint("write `(a, b)` in the order in which they are declared");
            self.error(mistake);
            self.levels.pop();
            return Outcome::Wrong;
        }
        self.leave_body((names, types), carried, &results, wrong || poisoned, span)
    }

    fn fold_results(
        &mut self,
        times: &Tensor,
        (names, types): (&[String], &Types),
        carried: &[Tensor],
        finished: &Finished,
        span: Span,
    ) -> Value {
        let mut operands = vec![self.here(times)];
        for tensor in carried {
            operands.push(self.here(tensor));
        }
        for first in &finished.first {
            let node = match first {
                First::Node(node) => Some(*node),
                First::Zero(element) => {
                    let zero = moe_graph::Scalar::zero(*element);
                    self.build(span, |builder| Ok(builder.constant(zero)))
                }
            };
            operands.extend(node);
        }
        let fed_back = (carried.len() + finished.first.len()) as u32;
        operands.extend(finished.shared.iter().copied());
        let mut results = Vec::new();
        for (place, ((name, ty), tensor)) in names.iter().zip(types).zip(carried).enumerate() {
            let operation = Operation::Fold {
                function: finished.function,
                axes: finished.axes.clone(),
                carried: fed_back,
                result: place as u32,
            };
            let value = self.loop_result(operation, &operands, tensor, ty.as_deref(), span);
            results.push((Some(name.clone()), value));
        }
        for export in &finished.exports {
            let (function, axes) = (finished.function, finished.axes.clone());
            let operation = Operation::Fold { function, axes, carried: fed_back, result: export.result };
            self.hand_on(export, None, operation, &operands, span);
        }
        match results.len() {
            1 => results.pop().map_or(Value::Poison, |(_, value)| value),
            _ => Value::Tuple(results),
        }
    }
}
