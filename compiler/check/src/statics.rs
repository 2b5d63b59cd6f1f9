//! Static parameters: given by position or by name, taken from the types of arguments, or left at their defaults.

use crate::elaborator::Elaborator;
use crate::value::{Number, Static, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{BracketArgument, Definition, Expression, StaticParameter};
use moe_grammar::Span;
use moe_graph::Element;
use std::collections::BTreeMap;

/// The kinds of static parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StaticKind {
    /// A size or an axis.
    Size,
    /// A truth value.
    Bool,
    /// A number.
    Number(Element),
}

/// The kind of a static parameter; `None` for a kind that is not known.
pub(crate) fn kind_of(parameter: &StaticParameter) -> Option<StaticKind> {
    match parameter.kind.as_ref().map(|kind| kind.text.as_str()) {
        None | Some("size") => Some(StaticKind::Size),
        Some("bool") => Some(StaticKind::Bool),
        Some("f32") => Some(StaticKind::Number(Element::F32)),
        Some("f64") => Some(StaticKind::Number(Element::F64)),
        Some(_) => None,
    }
}

impl Elaborator<'_> {
    /// The static arguments of a definition as given in brackets, evaluated in the present frame.
    pub fn statics_given(
        &mut self,
        definition: &Definition,
        arguments: &[BracketArgument],
        span: Span,
    ) -> Option<BTreeMap<String, Static>> {
        let mut given = BTreeMap::new();
        let mut fine = true;
        for (place, argument) in arguments.iter().enumerate() {
            let chosen = match argument {
                BracketArgument::Value(value) => {
                    self.static_at(definition, place, value.span).map(|p| (p, value))
                }
                BracketArgument::Named(name, value) => {
                    let found = definition.statics.iter().find(|own| own.name.text == name.text);
                    if found.is_none() {
                        self.no_static(definition, &name.text, name.span);
                    }
                    found.map(|parameter| (parameter, value))
                }
                BracketArgument::Whole(place) | BracketArgument::Range(_, _, place) => {
                    let mistake = Diagnostic::error("E0208", *place, "this is no static argument")
                        .label(format!("`{}` takes sizes, numbers and truth values", definition.name.text));
                    self.error(mistake);
                    None
                }
            };
            let Some((parameter, value)) = chosen else {
                fine = false;
                continue;
            };
            let name = parameter.name.text.clone();
            if given.contains_key(&name) {
                let message = format!("the static parameter `{name}` is given twice");
                self.error(Diagnostic::error("E0208", value.span, message));
                fine = false;
                continue;
            }
            match self.static_value(parameter, value) {
                Some(value) => drop(given.insert(name, value)),
                None => fine = false,
            }
        }
        let _ = span;
        fine.then_some(given)
    }

    fn static_at<'d>(
        &mut self,
        definition: &'d Definition,
        place: usize,
        span: Span,
    ) -> Option<&'d StaticParameter> {
        let found = definition.statics.get(place);
        if found.is_none() {
            let (name, count) = (&definition.name.text, definition.statics.len());
            let mistake = Diagnostic::error(
                "E0208",
                span,
                format!("`{name}` has {count} static parameters, and this is one more"),
            )
            .label("one too many")
            .also(definition.name.span, "defined here");
            self.error(mistake);
        }
        found
    }

    fn no_static(&mut self, definition: &Definition, name: &str, span: Span) {
        let mistake = Diagnostic::error(
            "E0208",
            span,
            format!("`{}` has no static parameter `{name}`", definition.name.text),
        )
        .label("not found")
        .also(definition.name.span, "defined here");
        let known = definition.statics.iter().map(|parameter| parameter.name.text.as_str());
        let mistake = crate::names::suggest(mistake, name, known);
        self.error(mistake);
    }

    /// The value of a static argument, by the kind of its parameter.
    pub fn static_value(&mut self, parameter: &StaticParameter, value: &Expression) -> Option<Static> {
        let Some(kind) = kind_of(parameter) else {
            let written = parameter.kind.as_ref();
            let mistake = Diagnostic::error(
                "E0208",
                written.map_or(parameter.name.span, |kind| kind.span),
                format!("`{}` is no kind of static parameter", written.map_or("", |kind| kind.text.as_str())),
            )
            .hint("the kinds are size, bool, f32 and f64");
            self.error(mistake);
            return None;
        };
        match kind {
            StaticKind::Size => self.size_entry(&parameter.name.text, value).map(Static::Size),
            StaticKind::Bool => match self.expression(value, None) {
                Value::Bool(truth) => Some(Static::Bool(truth)),
                other => self.wrong_static(parameter, &other, "true or false", value.span),
            },
            StaticKind::Number(element) => match self.expression(value, Some(element)) {
                Value::Number(number) => Some(Static::Number(number.value, element)),
                Value::Size(size) if size.as_constant().is_some() => {
                    Some(Static::Number(size.as_constant().unwrap_or(0) as f64, element))
                }
                Value::Tensor(tensor) => match self.constant_of(&tensor) {
                    Some(value) => Some(Static::Number(value, element)),
                    None => self.wrong_static(parameter, &Value::Tensor(tensor), "a number", value.span),
                },
                other => self.wrong_static(parameter, &other, "a number", value.span),
            },
        }
    }

    /// The number that a tensor is, if it is a constant.
    fn constant_of(&self, tensor: &crate::value::Tensor) -> Option<f64> {
        let level = self.levels.get(tensor.level)?;
        match level.builder.function().node(tensor.node)?.operation {
            moe_graph::Operation::Constant(value) => Some(value.as_f64()),
            _ => None,
        }
    }

    fn wrong_static(
        &mut self,
        parameter: &StaticParameter,
        value: &Value,
        wanted: &str,
        span: Span,
    ) -> Option<Static> {
        if !matches!(value, Value::Poison) {
            let name = &parameter.name.text;
            let mistake =
                Diagnostic::error("E0208", span, format!("the static parameter `{name}` is {wanted}"))
                    .label(format!("this is {}", value.describe()))
                    .also(parameter.name.span, "declared here");
            self.error(mistake);
        }
        None
    }

    /// Gives a static parameter of the present frame its value.
    pub fn bind_static(&mut self, name: &str, value: Static) {
        match value {
            Static::Size(key) => self.frame().set_size(name, key),
            Static::Bool(truth) => self.frame().set(name, Value::Bool(truth)),
            Static::Number(number, element) => {
                let scalar =
                    moe_graph::Scalar::float(element, number).unwrap_or(moe_graph::Scalar::f64(number));
                let value = match self.constant(scalar, Span::default()) {
                    Some(tensor) => Value::Tensor(tensor),
                    None => Value::Number(Number::float(number)),
                };
                self.frame().set(name, value);
            }
        }
    }

    /// Whether a name is a size parameter of the present frame's definition that has no value yet.
    pub fn open_static(&mut self, name: &str) -> bool {
        let Some(definition) = self.frame().definition.and_then(|id| self.program.definition(id)) else {
            return false;
        };
        let known = self.frame().size(name).is_some();
        !known
            && definition
                .statics
                .iter()
                .any(|own| own.name.text == name && kind_of(own) == Some(StaticKind::Size))
    }

    /// Whether a static parameter of the present frame has a value.
    pub fn has_static(&mut self, parameter: &StaticParameter) -> bool {
        let name = &parameter.name.text;
        match kind_of(parameter) {
            Some(StaticKind::Size) => self.frame().size(name).is_some(),
            _ => self.frame().value(name).is_some(),
        }
    }

    /// Gives the static parameters that are still open their defaults, in order; one without a default stays open.
    pub fn default_statics(&mut self, definition: &Definition) {
        for parameter in &definition.statics {
            if self.has_static(parameter) {
                continue;
            }
            if let Some(default) = &parameter.default {
                if let Some(value) = self.static_value(parameter, default) {
                    let named = matches!(value, Static::Size(key) if self.axes.is_anonymous(key));
                    let value = match value {
                        // A default is no longer a bare number: the axis has the parameter's name.
                        Static::Size(key) if named => {
                            let size = self.axes.size_value(key);
                            Static::Size(self.axes.size(&parameter.name.text, size, parameter.name.span))
                        }
                        other => other,
                    };
                    self.bind_static(&parameter.name.text, value);
                }
            }
        }
    }
}
