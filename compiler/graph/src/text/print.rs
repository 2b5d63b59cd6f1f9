//! Writing the text form.

use crate::function::{
    Axis, AxisId, Function, FunctionId, Module, Node, NodeId, OutputKind, ParameterKind, Type,
};
use crate::operation::{Absorb, Operation};
use crate::support::{Fact, SupportExpression, SupportOperand};
use crate::Scalar;
use std::fmt::Write;

/// A module in its text form.
pub fn print_module(module: &Module) -> String {
    let mut text = String::new();
    for function in &module.functions {
        text.push_str(&print_function(module, function));
        text.push('\n');
    }
    let _ = writeln!(text, "entry {}", module.entry);
    for offsets in &module.offsets {
        let (parameter, longest) = (offsets.parameter, quoted(&offsets.longest));
        let _ = writeln!(text, "offsets {parameter} of {} longest {longest}", offsets.rows);
    }
    text
}

/// One function of a module in its text form.
pub fn print_function(module: &Module, function: &Function) -> String {
    let printer = Printer { module, function };
    let mut text = format!("function {} {{\n", quoted(&function.name));
    for (index, axis) in function.axes.iter().enumerate() {
        let _ = writeln!(text, "  {}", printer.declaration(AxisId(index as u32), axis));
    }
    for parameter in &function.parameters {
        let (kind, ty) = (parameter_kind(parameter.kind), printer.ty(&parameter.ty));
        let _ = writeln!(text, "  parameter {kind} {}: {ty}", quoted(&parameter.name));
    }
    for (index, table) in function.tables.iter().enumerate() {
        let entries: Vec<String> = table.iter().map(|entry| scalar(*entry)).collect();
        let _ = writeln!(text, "  table {index} = {{{}}}", entries.join(", "));
    }
    for (id, node) in function.node_ids().zip(&function.nodes) {
        let _ = writeln!(text, "  {}", printer.node(id, node));
    }
    for output in &function.outputs {
        let (kind, name) = (output_kind(output.kind), quoted(&output.name));
        let axes = printer.list(&output.axes);
        let _ = writeln!(text, "  output {kind} {name} = %{}[{axes}]", output.node.0);
    }
    text.push_str("}\n");
    text
}

/// What is known of a node of a function, as a person reads it.
pub fn print_fact(module: &Module, function: &Function, fact: &Fact) -> String {
    Printer { module, function }.fact(fact)
}

pub(super) fn parameter_kind(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::Input => "input",
        ParameterKind::Weight => "weight",
        ParameterKind::State => "state",
    }
}

pub(super) fn output_kind(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Result => "result",
        OutputKind::Next => "next",
        OutputKind::Observed => "observed",
        OutputKind::Initial => "initial",
    }
}

pub(super) fn absorb_name(absorb: Absorb) -> &'static str {
    match absorb {
        Absorb::Neither => "neither",
        Absorb::Left => "left",
        Absorb::Right => "right",
        Absorb::Both => "both",
    }
}

/// A name as it is, if it reads as one word; otherwise in quotation marks.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    if plain && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.to_owned()
    } else {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("\"{escaped}\"")
    }
}

/// A number with its type, to the bit.
fn scalar(value: Scalar) -> String {
    let element = value.element();
    if value.is_nan() {
        format!("{element} nan {:x}", value.as_f64().to_bits())
    } else {
        format!("{element} {value}")
    }
}

struct Printer<'a> {
    module: &'a Module,
    function: &'a Function,
}

impl Printer<'_> {
    fn declaration(&self, id: AxisId, axis: &Axis) -> String {
        let name = axis_name(self.function, id);
        if axis.ragged {
            format!("ragged axis {name} <= {}", axis.size)
        } else {
            format!("axis {name} = {}", axis.size)
        }
    }

    fn axis(&self, id: AxisId) -> String {
        axis_name(self.function, id)
    }

    fn list(&self, axes: &[AxisId]) -> String {
        axes.iter().map(|axis| self.axis(*axis)).collect::<Vec<_>>().join(", ")
    }

    fn ty(&self, ty: &Type) -> String {
        if ty.axes.is_empty() {
            ty.element.to_string()
        } else {
            format!("{}[{}]", ty.element, self.list(&ty.axes))
        }
    }

    fn node(&self, id: NodeId, node: &Node) -> String {
        let operands: Vec<String> = node.operands.iter().map(|operand| format!("%{}", operand.0)).collect();
        let operands = if operands.is_empty() { String::new() } else { format!(" {}", operands.join(", ")) };
        let attributes = self.attributes(&node.operation);
        let span = node.span.map(|span| format!(" @ {}:{}..{}", span.file.0, span.start, span.end));
        let fact = node.fact.as_ref().map(|fact| format!("  // {}", self.fact(fact)));
        format!(
            "%{} = {}{attributes}{operands}: {}{}{}",
            id.0,
            node.operation.name(),
            self.ty(&node.ty),
            span.unwrap_or_default(),
            fact.unwrap_or_default()
        )
    }

    fn attributes(&self, operation: &Operation) -> String {
        let inside = match operation {
            Operation::Map { absorb: Absorb::Neither, .. } => return String::new(),
            Operation::Map { absorb, .. } => absorb_name(*absorb).to_owned(),
            Operation::Parameter(index) | Operation::Table(index) => index.to_string(),
            Operation::Constant(value) => scalar(*value),
            Operation::SizeOf(size) => size.to_string(),
            Operation::Cast(element) => element.to_string(),
            Operation::Reduce { axes, .. } => self.list(axes),
            Operation::Expect { count, axes } => format!("{count} over {}", self.list(axes)),
            Operation::LargestMask { count, axis } => format!("{count} over {}", self.axis(*axis)),
            Operation::Coordinate(axis)
            | Operation::Gather { axis }
            | Operation::ArgMax { axis }
            | Operation::CumulativeSum { axis }
            | Operation::Sort { axis }
            | Operation::Pack { into: axis } => self.axis(*axis),
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => {
                self.call(operation)
            }
            Operation::Unpack { from, background } => {
                format!("{}, {}", self.axis(*from), scalar(*background))
            }
            Operation::SegmentReduce { kind, from, over } => {
                format!("{}, {} over {}", kind.name(), self.axis(*from), self.list(over))
            }
            _ => self.movement(operation),
        };
        format!("[{inside}]")
    }

    fn movement(&self, operation: &Operation) -> String {
        let arrow = |from: &[AxisId], into: &[AxisId]| format!("{} -> {}", self.list(from), self.list(into));
        match operation {
            Operation::Rename { from, to } => arrow(&[*from], &[*to]),
            Operation::Merge { from, into }
            | Operation::Concatenate { from, into }
            | Operation::ScatterAdd { over: from, into }
            | Operation::Scatter { over: from, axis: into } => arrow(from, &[*into]),
            Operation::Split { from, into } => arrow(&[*from], into),
            Operation::Slice { from, into, start } => format!("{}, from {start}", arrow(&[*from], &[*into])),
            Operation::Pad { from, into, before, value } => {
                format!("{}, before {before}, {}", arrow(&[*from], &[*into]), scalar(*value))
            }
            Operation::Window { from, places, taps, stride, dilation, before, value } => format!(
                "{}, stride {stride}, dilation {dilation}, before {before}, {}",
                arrow(&[*from], &[*places, *taps]),
                scalar(*value)
            ),
            _ => String::new(),
        }
    }

    fn call(&self, operation: &Operation) -> String {
        match operation {
            Operation::Call { function, axes, result } => {
                format!("{}, {result}{}", self.callee(*function), self.pairs(*function, axes))
            }
            Operation::Repeat { function, axes, over, carried, stacked, result } => format!(
                "{}, {result} over {}, carried {carried}, stacked {stacked}{}",
                self.callee(*function),
                self.axis(*over),
                self.pairs(*function, axes)
            ),
            Operation::Fold { function, axes, carried, result } => format!(
                "{}, {result}, carried {carried}{}",
                self.callee(*function),
                self.pairs(*function, axes)
            ),
            _ => String::new(),
        }
    }

    fn callee(&self, id: FunctionId) -> String {
        let name = self.module.function(id).map_or("", |function| &function.name);
        format!("{}#{}", quoted(name), id.0)
    }

    fn pairs(&self, id: FunctionId, axes: &[(AxisId, AxisId)]) -> String {
        let inside = |axis: AxisId| match self.module.function(id) {
            Some(function) => axis_name(function, axis),
            None => format!("_#{}", axis.0),
        };
        let pair = |(own, here): &(AxisId, AxisId)| format!(", {} -> {}", inside(*own), self.axis(*here));
        axes.iter().map(pair).collect()
    }

    fn fact(&self, fact: &Fact) -> String {
        if fact.support.is_empty() {
            return format!("{} everywhere", fact.background);
        }
        let degrees = fact.support.degrees.iter().map(|(axes, bound)| {
            let axes: Vec<AxisId> = axes.iter().copied().collect();
            format!("; at most {bound} over {}", self.list(&axes))
        });
        let degrees: String = degrees.collect();
        format!("{} off {}{degrees}", fact.background, self.support(&fact.support.expression))
    }

    fn support(&self, expression: &SupportExpression) -> String {
        let joined = |parts: &std::collections::BTreeSet<SupportExpression>, sign: &str| {
            let parts: Vec<String> = parts.iter().map(|part| self.support(part)).collect();
            format!("({})", parts.join(sign))
        };
        match expression {
            SupportExpression::Empty => "nothing".to_owned(),
            SupportExpression::Mask(node) => format!("%{node}"),
            SupportExpression::Union(parts) => joined(parts, " or "),
            SupportExpression::Intersection(parts) => joined(parts, " and "),
            SupportExpression::Apply(operation, operands) => {
                let operands = operands.iter().map(|operand| match operand {
                    SupportOperand::Support(expression) => self.support(expression),
                    SupportOperand::Value(node) => format!("%{node}"),
                });
                let operands: Vec<String> = operands.collect();
                format!("{}{}({})", operation.name(), self.attributes(operation), operands.join(", "))
            }
        }
    }
}

/// The name of an axis, with its index where an axis before it has the same name.
fn axis_name(function: &Function, id: AxisId) -> String {
    let Some(axis) = function.axis(id) else { return format!("_#{}", id.0) };
    let first = function.axes.iter().position(|other| other.name == axis.name);
    if first == Some(id.0 as usize) {
        quoted(&axis.name)
    } else {
        format!("{}#{}", quoted(&axis.name), id.0)
    }
}
