//! Calls: definitions are inlined, their statics and axes bound to the caller's.

use crate::arguments::{Actual, Actuals, Binding};
use crate::builtins;
use crate::elaborator::{Elaborator, Given, Mode};
use crate::frame::Frame;
use crate::names::DefinitionId;
use crate::types::element_of;
use crate::value::{Instance, Part, PartKind, StackIndex, Static, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{
    Argument, BracketArgument, Definition, DefinitionKind, Expression, ExpressionKind, Name, ResultType,
};
use moe_grammar::Span;
use moe_graph::Element;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How deep calls may go.
const DEEPEST: usize = 128;

/// A call of a definition.
pub(crate) struct Call {
    /// The definition.
    pub definition: DefinitionId,
    /// Its static arguments.
    pub statics: BTreeMap<String, Static>,
    /// The instance's dotted name.
    pub path: String,
    /// How its stacked weights are indexed.
    pub stack: Vec<StackIndex>,
    /// Where.
    pub span: Span,
}

impl<'a> Elaborator<'a> {
    /// The value of `f(...)`.
    pub fn call(
        &mut self,
        callee: &Expression,
        arguments: &[Argument],
        span: Span,
        like: Option<Element>,
    ) -> Value {
        let (target, brackets): (&Expression, &[BracketArgument]) = match &callee.kind {
            ExpressionKind::Bracket(target, brackets) => (target, brackets),
            _ => (callee, &[]),
        };
        let ExpressionKind::Path(path) = &target.kind else {
            return self.call_value(callee, arguments, span);
        };
        if let [name] = path.as_slice() {
            if self.frame().value(&name.text).is_some() {
                return self.call_value(callee, arguments, span);
            }
            if !self.program.is_defined(self.file(), name) {
                if let Some(builtin) = builtins::find(&name.text) {
                    return self.call_builtin(builtin, brackets, arguments, span, like);
                }
            }
        }
        match self.program.lookup(self.file(), path) {
            Ok(id) => self.call_inline(id, brackets, arguments, span),
            Err(mistake) => {
                let mistake = match path.as_slice() {
                    [name] => {
                        let local = self.frame().names();
                        self.program.unknown(self.file(), name, &local)
                    }
                    _ => mistake,
                };
                self.error(mistake);
                self.actuals(arguments);
                Value::Poison
            }
        }
    }

    fn call_value(&mut self, callee: &Expression, arguments: &[Argument], span: Span) -> Value {
        let value = self.expression(callee, None);
        match value {
            Value::Part(part) => self.call_part(&part, arguments, span),
            Value::Poison => {
                self.actuals(arguments);
                Value::Poison
            }
            other => {
                let mistake =
                    Diagnostic::error("E0107", callee.span, format!("{} cannot be called", other.describe()))
                        .label("only definitions and parts are called");
                self.error(mistake);
                Value::Poison
            }
        }
    }

    /// The arguments of a call, evaluated.
    pub fn actuals(&mut self, arguments: &[Argument]) -> Actuals {
        let mut actuals = Actuals::default();
        for argument in arguments {
            match argument {
                Argument::Value(value) => {
                    let actual = Actual { value: self.expression(value, None), span: value.span };
                    actuals.positional.push(actual);
                }
                Argument::Named(name, value) => {
                    let actual = Actual { value: self.expression(value, None), span: value.span };
                    actuals.named.push((name.clone(), actual));
                }
                Argument::Over(names, _) => actuals.over.extend(names.iter().cloned()),
                Argument::Bound(_, _, span) => {
                    let mistake =
                        Diagnostic::error("E0209", *span, "a bound is an argument of `expect` only")
                            .label("not taken here");
                    self.error(mistake);
                }
            }
        }
        actuals
    }

    /// A definition used in place: its weights are named after it.
    fn call_inline(
        &mut self,
        id: DefinitionId,
        brackets: &[BracketArgument],
        arguments: &[Argument],
        span: Span,
    ) -> Value {
        let Some(definition) = self.definition(id) else { return Value::Poison };
        let statics = self.statics_given(definition, brackets, span);
        let actuals = self.actuals(arguments);
        let Some(statics) = statics else { return Value::Poison };
        let mut path = String::new();
        if definition.kind != DefinitionKind::Function {
            if self.frame().kind == DefinitionKind::Function {
                let name = &definition.name.text;
                let message = format!("a `fn` has no parts, and `{name}` may have weights");
                let mistake = Diagnostic::error("E0404", span, message)
                    .label("used in a `fn`")
                    .hint("make it a `layer`, or take the part as a parameter");
                self.error(mistake);
                return Value::Poison;
            }
            let Some(name) = self.inline_name(definition, span) else { return Value::Poison };
            path = self.frame().dotted(&name);
        }
        let stack = self.frame().stack.clone();
        self.call_definition(Call { definition: id, statics, path, stack, span }, actuals)
    }

    fn inline_name(&mut self, definition: &Definition, span: Span) -> Option<String> {
        let name = definition.name.text.clone();
        let in_test = self.frames.len() == 1 && self.mode == Mode::Test;
        if in_test {
            self.inline_calls += 1;
            return Some(format!("{name}#{}", self.inline_calls));
        }
        let place = Name { text: name.clone(), span };
        let first = self.frame().declared.get(&name).copied();
        match first {
            Some(first) if first != span => {
                let mistake = Diagnostic::error(
                    "E0403",
                    span,
                    format!("`{name}` is used twice here, and its weights need two names"),
                )
                .label("again here")
                .also(first, "first here")
                .hint(format!("name them: `part first = {name}[…]`, and call `first(…)`"));
                self.error(mistake);
                None
            }
            _ => {
                self.frame().declared.insert(name.clone(), place.span);
                Some(name)
            }
        }
    }

    /// A part called.
    pub fn call_part(&mut self, part: &Part, arguments: &[Argument], span: Span) -> Value {
        let actuals = self.actuals(arguments);
        let PartKind::Instance(instance) = &part.kind else {
            let mistake =
                Diagnostic::error("E0402", span, "these are several parts: say which one is called")
                    .label("called without an index")
                    .also(part.span, "declared here")
                    .hint("index it, as in `sum e: E { … experts[e](x) … }`");
            self.error(mistake);
            return Value::Poison;
        };
        let instance: Rc<Instance> = instance.clone();
        let call = Call {
            definition: instance.definition,
            statics: instance.statics.clone(),
            path: part.path.clone(),
            stack: part.stack.clone(),
            span,
        };
        self.call_definition(call, actuals)
    }

    /// A definition, inlined.
    pub fn call_definition(&mut self, call: Call, mut actuals: Actuals) -> Value {
        let Some(definition) = self.definition(call.definition) else { return Value::Poison };
        if !self.may_enter(&call, definition) {
            return Value::Poison;
        }
        let prefix = call.path.clone();
        let given = self.take_weights(definition, &prefix, &mut actuals);
        let mistakes = self.report.len();
        let Some(binding) = self.bind(definition, &call.statics, &actuals, &call.stack, call.span) else {
            return Value::Poison;
        };
        let back = binding.back.clone();
        let span = call.span;
        let complete = self.enter(call, definition, binding);
        let mut value = self.body(definition);
        self.frames.pop();
        if !complete {
            // What has no size cannot be held against anything: it was told once.
            value = Value::Poison;
        }
        self.untaken(&prefix, &given, self.report.len() > mistakes);
        self.rename_back(value, &back, span)
    }

    fn may_enter(&mut self, call: &Call, definition: &Definition) -> bool {
        let start = self.frames.iter().position(|frame| frame.definition == Some(call.definition));
        if start.is_none() && self.frames.len() < DEEPEST {
            return true;
        }
        let name = &definition.name.text;
        if start.is_none() {
            let message = format!("definitions call each other more than {DEEPEST} deep");
            let mistake = Diagnostic::error("E0108", call.span, message)
                .label(format!("`{name}` is one too deep"))
                .hint("use `repeat` or `fold` for rounds, or let one definition do the work of several");
            self.error(mistake);
            return false;
        }
        let around: Vec<String> =
            self.frames.iter().skip(start.unwrap_or(0)).map(|frame| format!("`{}`", frame.name)).collect();
        let mistake = Diagnostic::error("E0106", call.span, format!("`{name}` is defined by itself"))
            .label("needed here again")
            .also(definition.name.span, "defined here")
            .note(format!("{} → `{name}`", around.join(" → ")))
            .hint("definitions are put in place where they are used; for rounds use `repeat` or `fold`");
        // The same circle is found from each of its definitions; it is reported where it closes.
        self.error(mistake);
        false
    }

    /// Named arguments that are no parameters give weights.
    fn take_weights(&mut self, definition: &Definition, prefix: &str, actuals: &mut Actuals) -> Vec<String> {
        let mut given = Vec::new();
        let is_parameter =
            |name: &Name| definition.parameters.iter().any(|parameter| parameter.name.text == name.text);
        let (parameters, weights): (Vec<_>, Vec<_>) =
            actuals.named.drain(..).partition(|(name, _)| is_parameter(name));
        actuals.named = parameters;
        for (name, actual) in weights {
            if definition.kind == DefinitionKind::Function {
                let known = definition.parameters.iter().map(|parameter| parameter.name.text.as_str());
                let message = format!("`{}` has no parameter `{}`", definition.name.text, name.text);
                let mistake = Diagnostic::error("E0209", name.span, message).label("not found");
                let mistake = crate::names::suggest(mistake, &name.text, known);
                self.error(mistake);
                continue;
            }
            let dotted =
                if prefix.is_empty() { name.text.clone() } else { format!("{prefix}.{}", name.text) };
            given.push(dotted.clone());
            self.given.insert(dotted, Given { value: actual.value, span: name.span, taken: false });
        }
        given
    }

    /// Reports weights that were given and that nobody asked for. After other mistakes only those that are like one that was asked for.
    fn untaken(&mut self, prefix: &str, given: &[String], wrong: bool) {
        let start = format!("{prefix}.");
        for name in given {
            let Some(given) = self.given.remove(name).filter(|given| !given.taken) else { continue };
            let short = name.strip_prefix(&start).unwrap_or(name).to_owned();
            let known: Vec<String> =
                self.asked.iter().filter_map(|name| name.strip_prefix(&start)).map(str::to_owned).collect();
            let near = crate::names::closest(&short, known.iter().map(String::as_str)).is_some();
            if wrong && !near {
                continue;
            }
            let mistake =
                Diagnostic::error("E0209", given.span, format!("there is no parameter or weight `{short}`"))
                    .label("not found");
            let mistake = crate::names::suggest(mistake, &short, known.iter().map(String::as_str));
            self.error(mistake);
        }
    }

    /// Begins a definition's body; whether all static parameters have values.
    fn enter(&mut self, call: Call, definition: &'a Definition, binding: Binding) -> bool {
        let mut frame = Frame::new(call.definition.file, definition.kind, &definition.name.text);
        frame.definition = Some(call.definition);
        frame.path = call.path;
        frame.stack = call.stack;
        frame.rest = binding.rest.clone();
        frame.call = Some(call.span);
        frame.level = self.levels.current();
        self.frames.push(frame);
        for (name, value) in &binding.statics {
            self.bind_static(name, *value);
        }
        for (name, value, _) in &binding.values {
            self.frame().set(name, value.clone());
        }
        self.obligations(definition, &binding);
        self.default_statics(definition);
        self.open_statics(definition)
    }

    /// Bounds and sizes that parameters declare, held against the arguments.
    fn obligations(&mut self, definition: &'a Definition, binding: &Binding) {
        for parameter in &definition.parameters {
            if element_of(&parameter.ty).is_none() {
                continue;
            }
            let Some((_, Value::Tensor(tensor), span)) =
                binding.values.iter().find(|(name, _, _)| *name == parameter.name.text)
            else {
                continue;
            };
            let Some(shape) = self.shape(&parameter.ty) else { continue };
            let tensor = self.in_order(tensor, &shape);
            let what = format!("the argument `{}`", parameter.name.text);
            let frame_call = self.frame().call;
            let _ = (span, frame_call);
            self.argument_sizes(&tensor, &shape, *span);
            if self.assert_bounds(&tensor, &shape, &what).is_some() {
                self.frame().set(&parameter.name.text, Value::Tensor(tensor));
            }
        }
    }

    /// An argument with its axes in the order of the parameter's type.
    fn in_order(&mut self, tensor: &Tensor, shape: &crate::types::Shape) -> Tensor {
        let named: Vec<_> = shape
            .entries
            .iter()
            .map(|entry| match entry {
                crate::types::Entry::Named { name, .. } => {
                    let key = self.frame().size(name)?;
                    self.axes.known_axis(key)
                }
                crate::types::Entry::Sized { .. } => None,
            })
            .collect();
        let mut left: Vec<_> =
            tensor.axes.iter().copied().filter(|axis| !named.contains(&Some(*axis))).collect();
        let mut ordered = Vec::new();
        for axis in named.iter().rev() {
            ordered.extend(axis.or_else(|| left.pop()));
        }
        left.extend(ordered.into_iter().rev());
        Tensor { axes: left, ..tensor.clone() }
    }

    fn argument_sizes(&mut self, tensor: &Tensor, shape: &crate::types::Shape, span: Span) {
        let first = tensor.axes.len().saturating_sub(shape.entries.len());
        for (entry, axis) in shape.entries.iter().zip(tensor.axes.iter().skip(first)) {
            let size = match entry {
                crate::types::Entry::Named { size: Some(size), .. }
                | crate::types::Entry::Sized { size, .. } => size,
                crate::types::Entry::Named { .. } => continue,
            };
            if let Some(wanted) = self.size_expression(size) {
                self.expect_size(*axis, &wanted, span);
            }
        }
    }

    /// Reports static parameters that nothing gives; whether there are none.
    fn open_statics(&mut self, definition: &Definition) -> bool {
        let mut complete = true;
        for parameter in &definition.statics {
            if self.has_static(parameter) {
                continue;
            }
            let (name, own) = (&parameter.name.text, &definition.name.text);
            let span = self.frame().call.unwrap_or(parameter.name.span);
            let mistake =
                Diagnostic::error("E0207", span, format!("`{own}` needs its static parameter `{name}`"))
                    .label("the arguments do not say it")
                    .also(parameter.name.span, "declared here")
                    .hint(format!("give it in brackets: `{own}[{name} = …]`"));
            self.error(mistake);
            let key = self.axes.size(name, moe_graph::Size::symbol(name), parameter.name.span);
            self.bind_static(name, Static::Size(key));
            complete = false;
        }
        complete
    }

    /// The value of a definition's body, held against its result type.
    pub fn body(&mut self, definition: &'a Definition) -> Value {
        self.declare_results(definition);
        let like = match &definition.result {
            ResultType::Single(ty) => element_of(ty),
            ResultType::Named(_) => None,
        };
        let value = self.block(&definition.body, like);
        let span = definition.body.value.as_ref().map_or(definition.body.span, |value| value.span);
        self.result(&value, &definition.result, span, &definition.name.text)
    }

    /// Axes that only the result's type declares: `Class = 10`.
    fn declare_results(&mut self, definition: &'a Definition) {
        let types: Vec<_> = match &definition.result {
            ResultType::Single(ty) => vec![ty],
            ResultType::Named(types) => types.iter().map(|(_, ty)| ty).collect(),
        };
        for ty in types {
            let Some(shape) = self.shape(ty) else { continue };
            for entry in &shape.entries {
                let crate::types::Entry::Named { name, size: Some(size), span, .. } = entry else { continue };
                if self.frame().size(name).is_none() {
                    if let Some(size) = self.size_expression(size) {
                        let key = self.axes.size(name, size, *span);
                        self.frame().set_size(name, key);
                    }
                }
            }
        }
    }

    fn result(&mut self, value: &Value, ty: &ResultType, span: Span, name: &str) -> Value {
        if matches!(value, Value::Poison) {
            return Value::Poison;
        }
        let types = match ty {
            ResultType::Single(ty) => {
                return self.assert_type(value, ty, span, &format!("the result of `{name}`"));
            }
            ResultType::Named(types) => types,
        };
        let Value::Tuple(found) = value else {
            let mistake = Diagnostic::error(
                "E0210",
                span,
                format!("`{name}` gives {} results with names", types.len()),
            )
            .label(format!("this is {}", self.show_value(value)))
            .hint("write `(a = …, b = …)`");
            self.error(mistake);
            return Value::Poison;
        };
        let mut results = Vec::new();
        for (place, (own, ty)) in types.iter().enumerate() {
            let by_name = found.iter().find(|(name, _)| name.as_deref() == Some(&own.text));
            let by_place = found.get(place).filter(|(name, _)| name.is_none());
            let Some((_, value)) = by_name.or(by_place) else {
                let mistake =
                    Diagnostic::error("E0210", span, format!("the result `{}` is missing", own.text))
                        .label("not among these")
                        .also(own.span, "declared here");
                self.error(mistake);
                return Value::Poison;
            };
            let checked = self.assert_type(value, ty, span, &format!("the result `{}`", own.text));
            results.push((Some(own.text.clone()), checked));
        }
        Value::Tuple(results)
    }

    fn rename_back(
        &mut self,
        value: Value,
        back: &[(crate::axes::SizeKey, crate::axes::AxisKey)],
        span: Span,
    ) -> Value {
        match value {
            Value::Tensor(mut tensor) => {
                for (key, old) in back {
                    let Some(new) = self.axes.known_axis(*key) else { continue };
                    if !tensor.axes.contains(&new) {
                        continue;
                    }
                    if tensor.axes.contains(old) || tensor.bound.contains(old) {
                        let name = self.axes.name(*old);
                        let mistake = Diagnostic::error(
                            "E0205",
                            span,
                            format!("the result would have the axis `{name}` twice"),
                        )
                        .label("of this call")
                        .hint("give one of the arguments another axis of that size, with `as [Other = …]`");
                        self.error(mistake);
                        return Value::Poison;
                    }
                    match self.rename(&tensor, new, *old, span) {
                        Some(renamed) => tensor = renamed,
                        None => return Value::Poison,
                    }
                }
                Value::Tensor(tensor)
            }
            Value::Tuple(values) => Value::Tuple(
                values.into_iter().map(|(name, value)| (name, self.rename_back(value, back, span))).collect(),
            ),
            other => other,
        }
    }
}
