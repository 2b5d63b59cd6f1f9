//! Definitions by themselves: a model to compile, or any definition to check, with free sizes for what nothing gives.

use crate::axes::AxisKey;
use crate::elaborated::Setting;
use crate::elaborator::{Elaborator, Mode};
use crate::frame::Frame;
use crate::names::DefinitionId;
use crate::statics::{kind_of, StaticKind};
use crate::types::{element_of, Entry, Shape};
use crate::value::{Instance, Part, PartKind, Static, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{
    AxisExpression, Definition, DefinitionKind, ExpressionKind, Parameter, StaticParameter,
};
use moe_graph::{OutputKind, ParameterKind, Size};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The name of the only result of a model whose result has none.
pub(crate) const ONLY_RESULT: &str = "output";

impl<'a> Elaborator<'a> {
    /// Elaborates a definition that nobody calls.
    pub fn top(&mut self, id: DefinitionId, settings: &BTreeMap<String, Setting>) {
        let Some(definition) = self.definition(id) else { return };
        let mut frame = Frame::new(id.file, definition.kind, &definition.name.text);
        frame.definition = Some(id);
        self.frames.push(frame);
        self.distinct_names(definition);
        for parameter in &definition.statics {
            self.top_static(definition, parameter, settings.get(&parameter.name.text));
        }
        self.top_rest(definition);
        for parameter in &definition.parameters {
            let value = self.top_parameter(definition, parameter).unwrap_or(Value::Poison);
            self.frame().set(&parameter.name.text, value);
        }
        let value = self.body(definition);
        self.outputs(&value);
        self.set_states();
        self.frames.pop();
    }

    fn distinct_names(&mut self, definition: &Definition) {
        let statics = definition.statics.iter().map(|own| &own.name);
        let mut seen = BTreeMap::new();
        for name in statics.chain(definition.parameters.iter().map(|own| &own.name)) {
            if let Some(first) = seen.insert(name.text.clone(), name.span) {
                self.error(crate::names::duplicate(name, first));
            }
        }
    }

    fn top_static(
        &mut self,
        definition: &Definition,
        parameter: &StaticParameter,
        setting: Option<&Setting>,
    ) {
        let name = &parameter.name.text;
        if let Some(setting) = setting {
            self.set_static(parameter, *setting);
            return;
        }
        if self.mode != Mode::Check {
            self.default_statics(definition);
            if !self.has_static(parameter) {
                let own = &definition.name.text;
                let mistake = Diagnostic::error(
                    "E0214",
                    parameter.name.span,
                    format!("`{own}` needs a value for `{name}`"),
                )
                .label("it has no default")
                .hint(format!("give one: --set {name}=…"));
                self.error(mistake);
                let key = self.axes.size(name, Size::symbol(name), parameter.name.span);
                self.bind_static(name, Static::Size(key));
            }
            return;
        }
        match kind_of(parameter) {
            Some(StaticKind::Number(element)) => {
                let default =
                    parameter.default.as_ref().and_then(|default| self.static_value(parameter, default));
                self.bind_static(name, default.unwrap_or(Static::Number(0.5, element)));
            }
            Some(StaticKind::Bool) => self.bind_static(name, Static::Bool(false)),
            _ => {
                // The default is read for its mistakes; the size stays free.
                if let Some(default) = &parameter.default {
                    self.static_value(parameter, default);
                }
                let key = self.axes.size(name, Size::symbol(name), parameter.name.span);
                self.bind_static(name, Static::Size(key));
            }
        }
    }

    fn set_static(&mut self, parameter: &StaticParameter, setting: Setting) {
        let name = &parameter.name.text;
        let value = match (kind_of(parameter), setting) {
            (Some(StaticKind::Size), Setting::Integer(size)) if size >= 0 => {
                Some(Static::Size(self.axes.size(name, Size::constant(size), parameter.name.span)))
            }
            (Some(StaticKind::Bool), Setting::Boolean(truth)) => Some(Static::Bool(truth)),
            (Some(StaticKind::Number(element)), Setting::Number(value)) => {
                Some(Static::Number(value, element))
            }
            (Some(StaticKind::Number(element)), Setting::Integer(value)) => {
                Some(Static::Number(value as f64, element))
            }
            _ => None,
        };
        match value {
            Some(value) => self.bind_static(name, value),
            None => {
                let wanted = match kind_of(parameter) {
                    Some(StaticKind::Bool) => "`true` or `false`",
                    Some(StaticKind::Number(_)) => "a number",
                    _ => "a whole number that is not negative",
                };
                let mistake = Diagnostic::error(
                    "E0214",
                    parameter.name.span,
                    format!("the value set for `{name}` does not fit"),
                )
                .label(format!("it is {wanted}"));
                self.error(mistake);
                let key = self.axes.size(name, Size::symbol(name), parameter.name.span);
                self.bind_static(name, Static::Size(key));
            }
        }
    }

    /// The axes that stand for all that `..` may stand for.
    fn top_rest(&mut self, definition: &'a Definition) {
        let rest = definition.parameters.iter().find_map(|parameter| {
            parameter.ty.axes.iter().flatten().find_map(|axis| match axis {
                AxisExpression::Rest(span) => Some(*span),
                _ => None,
            })
        });
        let Some(span) = rest else { return };
        if definition.kind == DefinitionKind::Model {
            let mistake = Diagnostic::error("E0218", span, "a model's inputs say all their axes")
                .label("`..` is for definitions that are called");
            self.error(mistake);
        }
        for place in 1..=self.rest_axes {
            let name = if self.rest_axes == 1 { "..".to_owned() } else { format!("..{place}") };
            let axis = self.axes.axis(&name, Size::symbol(&name), span);
            self.frame().rest.push(axis);
        }
    }

    fn top_parameter(&mut self, definition: &Definition, parameter: &'a Parameter) -> Option<Value> {
        if element_of(&parameter.ty).is_none() {
            return self.top_part(definition, parameter);
        }
        let shape = self.shape(&parameter.ty)?;
        let mut axes: Vec<AxisKey> = if shape.rest { self.frame().rest.clone() } else { Vec::new() };
        for entry in &shape.entries {
            let axis = self.top_axis(entry)?;
            if axes.contains(&axis) {
                let name = self.axes.name(axis);
                let mistake = Diagnostic::error(
                    "E0205",
                    entry.span(),
                    format!("the axis `{name}` stands twice in one type"),
                )
                .label("again here")
                .hint("give the second another name");
                self.error(mistake);
                return None;
            }
            axes.push(axis);
        }
        let node = match self.written_ragged(&shape, &axes)? {
            Some(ragged) => self.ragged_parameter(definition, parameter, shape.element, &axes, ragged)?,
            None => {
                let (name, span) = (&parameter.name.text, parameter.name.span);
                self.entry_parameter(name, ParameterKind::Input, shape.element, &axes, span)?
            }
        };
        let tensor = Tensor::of_entry(node, shape.element, axes);
        Some(Value::Tensor(self.top_bounds(tensor, &shape)?))
    }

    fn top_bounds(&mut self, tensor: Tensor, shape: &Shape) -> Option<Tensor> {
        // The bound of a definition that is checked by itself may name sizes that only its bounds name.
        for bound in &shape.bounds {
            if let ExpressionKind::Path(path) = &bound.count.kind {
                if let [name] = path.as_slice() {
                    if self.frame().size(&name.text).is_none() && self.frame().value(&name.text).is_none() {
                        self.unknown(name);
                        return None;
                    }
                }
            }
        }
        self.verified(tensor, shape)
    }

    fn top_axis(&mut self, entry: &Entry) -> Option<AxisKey> {
        let Entry::Named { name, size, span, .. } = entry else { return self.entry_axis(entry) };
        if self.frame().size(name).is_some() {
            return self.entry_axis(entry);
        }
        let size = match size {
            Some(size) => self.size_expression(size)?,
            None => Size::symbol(name),
        };
        // The offsets of an axis of many sizes become an input later, beside its first values.
        let axis = self.axes.axis(name, size, *span);
        let key = self.axes.size_of_axis(name, axis);
        self.frame().set_size(name, key);
        Some(axis)
    }

    /// A parameter that is a part: an instance nobody has made yet.
    fn top_part(&mut self, definition: &Definition, parameter: &Parameter) -> Option<Value> {
        let id = match self.program.lookup(self.file(), &parameter.ty.head) {
            Ok(id) => id,
            Err(mistake) => {
                let is_name = parameter.ty.head.len() == 1;
                if is_name {
                    self.shape(&parameter.ty);
                } else {
                    self.error(mistake);
                }
                return None;
            }
        };
        if definition.kind == DefinitionKind::Model {
            let mistake = Diagnostic::error("E0402", parameter.ty.span, "a model's inputs are tensors")
                .label("this is a part");
            self.error(mistake);
            return None;
        }
        let own = self.definition(id)?;
        let mut statics = BTreeMap::new();
        for (axis, formal) in parameter.ty.axes.iter().flatten().zip(&own.statics) {
            let AxisExpression::Axis { name: None, size, span } = axis else { continue };
            if let ExpressionKind::Path(path) = &size.kind {
                if let [name] = path.as_slice() {
                    if self.frame().size(&name.text).is_none() {
                        let key = self.axes.size(&name.text, Size::symbol(&name.text), *span);
                        self.frame().set_size(&name.text, key);
                    }
                }
            }
            if let Some(value) = self.static_value(formal, size) {
                statics.insert(formal.name.text.clone(), value);
            }
        }
        let path = self.frame().dotted(&parameter.name.text);
        let kind = PartKind::Instance(Rc::new(Instance { definition: id, statics }));
        Some(Value::Part(Part { kind, path, stack: Vec::new(), span: parameter.name.span }))
    }

    fn outputs(&mut self, value: &Value) {
        match value {
            Value::Tensor(tensor) => self.entry_output(ONLY_RESULT, tensor, &tensor.axes, OutputKind::Result),
            Value::Tuple(values) => {
                for (name, value) in values {
                    if let (Some(name), Value::Tensor(tensor)) = (name, value) {
                        self.entry_output(name, tensor, &tensor.axes, OutputKind::Result);
                    }
                }
            }
            _ => {}
        }
    }
}
