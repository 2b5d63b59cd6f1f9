//! Arguments meet parameters: which of the caller's axes each formal axis is.
//!
//! The named axes of a parameter's type are matched from the right. A formal axis that is known already, from a static argument, from
//! `over` or from an earlier argument, is found by identity instead. What is left are the axes that `..` stands for. Formal axes stay
//! distinct: where two would be the same axis of the caller, one of them is renamed on the way in, and back on the way out.

use crate::axes::{AxisKey, SizeKey};
use crate::elaborator::Elaborator;
use crate::statics::{kind_of, StaticKind};
use crate::types::{element_of, Entry, Shape};
use crate::value::{Array, PartKind, StackIndex, Static, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{AxisExpression, Definition, ExpressionKind, Name, Parameter};
use moe_grammar::Span;
use moe_graph::Size;
use std::collections::{BTreeMap, BTreeSet};

/// An argument as evaluated by the caller.
#[derive(Clone, Debug)]
pub(crate) struct Actual {
    /// Its value.
    pub value: Value,
    /// Where it is.
    pub span: Span,
}

/// The arguments of a call.
#[derive(Clone, Default, Debug)]
pub(crate) struct Actuals {
    /// By position.
    pub positional: Vec<Actual>,
    /// By name.
    pub named: Vec<(Name, Actual)>,
    /// The axes after `over`.
    pub over: Vec<Name>,
}

/// What a definition's names stand for in one call.
#[derive(Default, Debug)]
pub(crate) struct Binding {
    /// Static parameters and formal axes.
    pub statics: Vec<(String, Static)>,
    /// Parameters.
    pub values: Vec<(String, Value, Span)>,
    /// The axes that `..` stands for.
    pub rest: Vec<AxisKey>,
    /// Renamed formal axes, and the caller's axes they are.
    pub back: Vec<(SizeKey, AxisKey)>,
}

#[derive(Default)]
struct Matching {
    formals: BTreeMap<String, AxisKey>,
    order: Vec<String>,
    sizes: BTreeMap<String, Size>,
    rest: Vec<AxisKey>,
    bound: BTreeSet<AxisKey>,
}

impl Matching {
    fn set(&mut self, name: &str, axis: AxisKey) {
        if self.formals.insert(name.to_owned(), axis).is_none() {
            self.order.push(name.to_owned());
        }
    }
}

impl<'a> Elaborator<'a> {
    /// Binds the arguments of a call; mistakes are reported.
    pub fn bind(
        &mut self,
        definition: &'a Definition,
        statics: &BTreeMap<String, Static>,
        actuals: &Actuals,
        stack: &[StackIndex],
        span: Span,
    ) -> Option<Binding> {
        let chosen = self.choose(definition, actuals, span)?;
        if chosen.iter().any(|(_, actual)| matches!(actual.value, Value::Poison)) {
            return None;
        }
        let mut shapes = Vec::new();
        for (parameter, actual) in &chosen {
            let is_part = element_of(&parameter.ty).is_none() && matches!(actual.value, Value::Part(_));
            shapes.push(if is_part { None } else { Some(self.shape(&parameter.ty)?) });
        }
        let mut matching =
            Matching { bound: stack.iter().map(StackIndex::axis).collect(), ..Matching::default() };
        self.known_formals(definition, statics, &shapes, &mut matching);
        self.over(definition, statics, actuals, &shapes, &chosen, &mut matching, span)?;
        let mut binding = Binding::default();
        let mut tensors = Vec::new();
        for ((parameter, actual), shape) in chosen.iter().zip(&shapes) {
            let Some(shape) = shape else {
                self.bind_part(parameter, actual, &mut binding)?;
                tensors.push(None);
                continue;
            };
            let tensor = self.match_argument(definition, parameter, shape, actual, &mut matching)?;
            tensors.push(Some(tensor));
        }
        self.separate(definition, statics, &shapes, &chosen, tensors, matching, &mut binding)?;
        Some(binding)
    }

    /// Which argument each parameter gets.
    fn choose<'s>(
        &mut self,
        definition: &'a Definition,
        actuals: &'s Actuals,
        span: Span,
    ) -> Option<Vec<(&'a Parameter, &'s Actual)>> {
        let name = &definition.name.text;
        if let Some(extra) = actuals.positional.get(definition.parameters.len()) {
            let count = definition.parameters.len();
            let mistake = Diagnostic::error(
                "E0209",
                extra.span,
                format!("`{name}` takes {count} arguments, and this is one more"),
            )
            .label("one too many")
            .also(definition.name.span, "defined here");
            let fixed = matches!(extra.value, Value::Number(_) | Value::Bool(_) | Value::Size(_));
            self.error(match definition.statics.first() {
                Some(first) if fixed => {
                    let first = &first.name.text;
                    mistake.hint(format!("static parameters stand in brackets: `{name}[{first} = …](…)`"))
                }
                _ => mistake,
            });
            return None;
        }
        let mut chosen = Vec::new();
        for (place, parameter) in definition.parameters.iter().enumerate() {
            let by_name = actuals.named.iter().find(|(name, _)| name.text == parameter.name.text);
            match (actuals.positional.get(place), by_name) {
                (Some(actual), None) => chosen.push((parameter, actual)),
                (None, Some((_, actual))) => chosen.push((parameter, actual)),
                (Some(_), Some((again, _))) => {
                    let message = format!("the argument `{}` is given twice", again.text);
                    self.error(Diagnostic::error("E0209", again.span, message));
                    return None;
                }
                (None, None) => {
                    let missing = &parameter.name.text;
                    let mistake =
                        Diagnostic::error("E0209", span, format!("`{name}` needs the argument `{missing}`"))
                            .label("not given here")
                            .also(parameter.name.span, "declared here");
                    self.error(mistake);
                    return None;
                }
            }
        }
        Some(chosen)
    }

    /// Formal axes that static arguments name.
    fn known_formals(
        &mut self,
        definition: &Definition,
        statics: &BTreeMap<String, Static>,
        shapes: &[Option<Shape>],
        matching: &mut Matching,
    ) {
        for parameter in &definition.statics {
            let Some(Static::Size(key)) = statics.get(&parameter.name.text) else { continue };
            if !mentioned(shapes, &parameter.name.text) {
                continue;
            }
            if self.axes.is_anonymous(*key) {
                matching.sizes.insert(parameter.name.text.clone(), self.axes.size_value(*key));
            } else {
                let axis = self.axes.axis_of(*key);
                matching.set(&parameter.name.text, axis);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn over(
        &mut self,
        definition: &Definition,
        statics: &BTreeMap<String, Static>,
        actuals: &Actuals,
        shapes: &[Option<Shape>],
        chosen: &[(&Parameter, &Actual)],
        matching: &mut Matching,
        span: Span,
    ) -> Option<()> {
        let open: Vec<String> = definition
            .statics
            .iter()
            .map(|own| own.name.text.clone())
            .filter(|name| !statics.contains_key(name) && mentioned(shapes, name))
            .collect();
        let first = chosen.iter().find_map(|(_, actual)| match &actual.value {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        });
        for (place, name) in actuals.over.iter().enumerate() {
            let Some(formal) = open.get(place) else {
                let message = format!("`{}` has no axis left that `over` could name", definition.name.text);
                let mistake = Diagnostic::error("E0215", name.span, message)
                    .label("one too many")
                    .also(definition.name.span, "defined here");
                self.error(mistake);
                return None;
            };
            let axis = self.axis_named(name, first)?;
            matching.set(formal, axis);
        }
        let _ = span;
        Some(())
    }

    /// The axis that a name stands for, of a tensor when there is one.
    pub fn axis_named(&mut self, name: &Name, tensor: Option<&Tensor>) -> Option<AxisKey> {
        let key = self.frame().size(&name.text);
        let known = key.map(|key| self.axes.axis_of(key));
        let Some(tensor) = tensor else {
            if known.is_none() {
                self.unknown_axis(&name.text, name.span);
            }
            return known;
        };
        if let Some(axis) = known.filter(|axis| tensor.axes.contains(axis) || tensor.bound.contains(axis)) {
            return Some(axis);
        }
        let alike: Vec<AxisKey> =
            tensor.axes.iter().copied().filter(|axis| self.axes.name(*axis) == name.text).collect();
        match (alike.as_slice(), known) {
            ([axis], _) => Some(*axis),
            (_, None) if key.is_none() => {
                self.unknown_axis(&name.text, name.span);
                None
            }
            _ => {
                let shown = self.show(tensor);
                let mistake =
                    Diagnostic::error("E0201", name.span, format!("the operand has no axis `{}`", name.text))
                        .label(format!("it is {shown}"));
                let axes = tensor.axes.clone();
                self.error_of_axes(mistake, &axes);
                None
            }
        }
    }

    fn bind_part(&mut self, parameter: &Parameter, actual: &Actual, binding: &mut Binding) -> Option<()> {
        let Value::Part(part) = &actual.value else { return None };
        let wanted = self.program.lookup(self.file_of(parameter.name.span), &parameter.ty.head);
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(mistake) => {
                self.error(mistake);
                return None;
            }
        };
        let PartKind::Instance(instance) = &part.kind else {
            let mistake = Diagnostic::error("E0402", actual.span, "several parts where one is wanted")
                .label("index it to choose one");
            self.error(mistake);
            return None;
        };
        if instance.definition != wanted {
            let name = self.program.text(parameter.ty.span).to_owned();
            let mistake = Diagnostic::error(
                "E0402",
                actual.span,
                format!("the parameter `{}` is a {name}", parameter.name.text),
            )
            .label("this part is an instance of another definition")
            .also(parameter.ty.span, "declared here");
            self.error(mistake);
            return None;
        }
        let statics = self.program.definition(wanted).map(|own| own.statics.as_slice()).unwrap_or_default();
        for (axis, own) in parameter.ty.axes.iter().flatten().zip(statics) {
            let AxisExpression::Axis { name: None, size, .. } = axis else { continue };
            if let (ExpressionKind::Path(path), Some(value)) =
                (&size.kind, instance.statics.get(&own.name.text))
            {
                if let [name] = path.as_slice() {
                    binding.statics.push((name.text.clone(), *value));
                }
            }
        }
        binding.values.push((parameter.name.text.clone(), actual.value.clone(), actual.span));
        Some(())
    }

    fn file_of(&self, span: Span) -> u32 {
        span.file.0
    }

    /// The tensor of an argument, and the axis of each entry of the parameter's type.
    fn match_argument(
        &mut self,
        definition: &Definition,
        parameter: &Parameter,
        shape: &Shape,
        actual: &Actual,
        matching: &mut Matching,
    ) -> Option<(Tensor, Vec<AxisKey>)> {
        if let Value::Array(array) = &actual.value {
            return self.match_array(shape, &array.clone(), matching);
        }
        let tensor = self.materialize(&actual.value, Some(shape.element), actual.span)?;
        if tensor.element != shape.element {
            let (name, wanted) = (&parameter.name.text, shape.element);
            let mistake = Diagnostic::error(
                "E0202",
                actual.span,
                format!(
                    "the argument `{name}` of `{}` is {wanted} and not {}",
                    definition.name.text, tensor.element
                ),
            )
            .label(format!("this is {}", self.show(&tensor)))
            .also(parameter.ty.span, "declared here")
            .hint(format!("convert it: `x as {wanted}`"));
            self.error(mistake);
            return None;
        }
        let mut left = tensor.axes.clone();
        let mut found: Vec<Option<AxisKey>> = vec![None; shape.entries.len()];
        for (entry, place) in shape.entries.iter().zip(found.iter_mut()) {
            let Entry::Named { name, .. } = entry else { continue };
            let Some(axis) = matching.formals.get(*name).copied() else { continue };
            let Some(at) = left.iter().position(|own| *own == axis) else {
                // A formal axis that an earlier argument decided can still be another axis here, if it is free to be found by place.
                self.no_axis(definition, parameter, shape, &tensor, actual.span, Some(axis));
                return None;
            };
            left.remove(at);
            *place = Some(axis);
        }
        for (entry, place) in shape.entries.iter().zip(found.iter_mut()).rev() {
            if place.is_some() {
                continue;
            }
            let Some(axis) = left.pop() else {
                self.no_axis(definition, parameter, shape, &tensor, actual.span, None);
                return None;
            };
            *place = Some(axis);
            if let Entry::Named { name, .. } = entry {
                self.fits_static(name, axis, actual.span, matching)?;
                matching.set(name, axis);
            }
        }
        if !shape.rest && !left.is_empty() {
            self.no_axis(definition, parameter, shape, &tensor, actual.span, None);
            return None;
        }
        for axis in left {
            if !matching.rest.contains(&axis) {
                matching.rest.push(axis);
            }
        }
        matching.bound.extend(tensor.bound.iter().copied());
        Some((tensor, found.into_iter().flatten().collect()))
    }

    /// A static argument that is a bare number only says how long the axis is.
    fn fits_static(&mut self, name: &str, axis: AxisKey, span: Span, matching: &Matching) -> Option<()> {
        match matching.sizes.get(name) {
            Some(size) => self.expect_size(axis, &size.clone(), span),
            None => Some(()),
        }
    }

    fn match_array(
        &mut self,
        shape: &Shape,
        array: &Array,
        matching: &mut Matching,
    ) -> Option<(Tensor, Vec<AxisKey>)> {
        let missing = array.shape.len().checked_sub(shape.entries.len());
        let mut named = Vec::new();
        for (place, entry) in shape.entries.iter().enumerate() {
            let length = missing.and_then(|missing| array.shape.get(missing + place)).copied();
            named.push(match entry {
                Entry::Named { name, span, .. } => {
                    let known = matching.formals.get(*name).copied();
                    let axis = match (known, length) {
                        (Some(axis), _) => axis,
                        (None, length) => {
                            let size = Size::constant(length.unwrap_or(0) as i64);
                            let axis = self.axes.axis(name, size, *span);
                            self.fits_static(name, axis, array.span, matching)?;
                            axis
                        }
                    };
                    matching.set(name, axis);
                    Some(axis)
                }
                Entry::Sized { .. } => None,
            });
        }
        if missing.is_some_and(|missing| missing > 0) && !shape.rest {
            let mistake =
                Diagnostic::error("E0201", array.span, "the array has more axes than the parameter")
                    .label("too many brackets")
                    .also(shape.span, "declared here");
            self.error(mistake);
            return None;
        }
        let tensor = self.array_with(array, shape.element, &named, &matching.rest.clone())?;
        let first = tensor.axes.len() - shape.entries.len();
        for axis in tensor.axes.iter().take(first) {
            if !matching.rest.contains(axis) {
                matching.rest.push(*axis);
            }
        }
        let own = tensor.axes.iter().skip(first).copied().collect();
        Some((tensor, own))
    }

    fn no_axis(
        &mut self,
        definition: &Definition,
        parameter: &Parameter,
        shape: &Shape,
        tensor: &Tensor,
        span: Span,
        missing: Option<AxisKey>,
    ) {
        let (found, wanted) = (self.show(tensor), self.show_shape(shape));
        let name = &definition.name.text;
        let message = match missing {
            Some(axis) => {
                format!("`{name}` needs the axis `{}` here, and the argument has none", self.axes.name(axis))
            }
            None => {
                format!("`{name}` takes {wanted} as `{}`, and the argument is {found}", parameter.name.text)
            }
        };
        let mut mistake = Diagnostic::error("E0201", span, message)
            .label(format!("this is {found}"))
            .also(shape.span, format!("`{}` is {wanted}", parameter.name.text));
        let twin = missing.and_then(|axis| {
            let size = self.axes.axis_size(axis);
            tensor.axes.iter().copied().find(|other| self.axes.axis_size(*other) == size).zip(Some(axis))
        });
        if let Some((from, to)) = twin {
            let (from, to) = (self.axes.name(from), self.axes.name(to));
            mistake = mistake
                .hint(format!("axes go by name: `as [{to} = {from}]` calls `{from}` by the name `{to}`"));
        }
        let axes: Vec<AxisKey> = tensor.axes.iter().copied().chain(missing).collect();
        self.error_of_axes(mistake, &axes);
    }

    /// Keeps formal axes apart, and completes the binding.
    #[allow(clippy::too_many_arguments)]
    fn separate(
        &mut self,
        definition: &Definition,
        statics: &BTreeMap<String, Static>,
        shapes: &[Option<Shape>],
        chosen: &[(&Parameter, &Actual)],
        tensors: Vec<Option<(Tensor, Vec<AxisKey>)>>,
        matching: Matching,
        binding: &mut Binding,
    ) -> Option<()> {
        let mut taken: BTreeSet<AxisKey> = matching.rest.iter().chain(&matching.bound).copied().collect();
        let mut fresh: BTreeMap<String, AxisKey> = BTreeMap::new();
        for name in &matching.order {
            let Some(axis) = matching.formals.get(name).copied() else { continue };
            let given = match statics.get(name) {
                Some(Static::Size(key)) if self.axes.known_axis(*key) == Some(axis) => Some(*key),
                _ => None,
            };
            if taken.insert(axis) {
                let key = given.unwrap_or_else(|| self.axes.size_of_axis(name, axis));
                binding.statics.push((name.clone(), Static::Size(key)));
            } else {
                let new = self.axis_like(name, axis, self.axes.origin(axis))?;
                let key = self.axes.size_of_axis(name, new);
                fresh.insert(name.clone(), new);
                binding.back.push((key, axis));
                binding.statics.push((name.clone(), Static::Size(key)));
            }
        }
        for (place, tensor) in tensors.into_iter().enumerate() {
            let (Some((mut tensor, own)), Some(Some(shape)), Some((parameter, actual))) =
                (tensor, shapes.get(place), chosen.get(place))
            else {
                continue;
            };
            for (entry, axis) in shape.entries.iter().zip(own) {
                let Entry::Named { name, over, span, .. } = entry else { continue };
                if let Some(over) = over {
                    let Some(over) = matching.formals.get(&over.text).copied() else {
                        self.unknown_axis(&over.text, over.span);
                        return None;
                    };
                    self.expect_ragged(axis, over, *span)?;
                }
                if let Some(new) = fresh.get(*name) {
                    tensor = self.rename(&tensor, axis, *new, actual.span)?;
                }
            }
            binding.values.push((parameter.name.text.clone(), Value::Tensor(tensor), actual.span));
        }
        self.other_statics(definition, statics, taken, binding);
        binding.rest = matching.rest;
        Some(())
    }

    /// Static arguments that are no axes of parameters.
    fn other_statics(
        &mut self,
        definition: &Definition,
        statics: &BTreeMap<String, Static>,
        mut taken: BTreeSet<AxisKey>,
        binding: &mut Binding,
    ) {
        let mut keys: BTreeSet<SizeKey> = BTreeSet::new();
        for parameter in &definition.statics {
            let name = &parameter.name.text;
            let Some(value) = statics.get(name).copied() else { continue };
            if binding.statics.iter().any(|(known, _)| known == name) {
                continue;
            }
            let value = match value {
                Static::Size(key) if kind_of(parameter) == Some(StaticKind::Size) => {
                    let again = !keys.insert(key);
                    let axis = if again { Some(self.axes.axis_of(key)) } else { self.axes.known_axis(key) };
                    match axis {
                        Some(axis) if again || !taken.insert(axis) => {
                            let size = self.axes.axis_size(axis);
                            let new = self.axes.size(name, size, parameter.name.span);
                            binding.back.push((new, axis));
                            Static::Size(new)
                        }
                        _ => value,
                    }
                }
                other => other,
            };
            binding.statics.push((name.clone(), value));
        }
    }
}

fn mentioned(shapes: &[Option<Shape>], name: &str) -> bool {
    shapes.iter().flatten().any(|shape| {
        shape.entries.iter().any(|entry| matches!(entry, Entry::Named { name: own, .. } if *own == name))
    })
}
