//! Adding to the graph: nodes of the function under construction, with the axes of the language.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::value::{Index, Number, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::Span;
use moe_graph::{
    Element, NodeId, Operation, ReduceKind, Scalar, ScalarFunction, Signature, Size, SupportExpression, Type,
    TypeError,
};
use std::collections::BTreeSet;

impl Elaborator<'_> {
    /// A tensor of the function under construction.
    pub fn tensor(
        &self,
        node: NodeId,
        element: Element,
        axes: Vec<AxisKey>,
        bound: BTreeSet<AxisKey>,
    ) -> Tensor {
        Tensor { level: self.levels.current(), node, element, axes, bound }
    }

    /// The node of a tensor in the function under construction.
    pub fn here(&mut self, tensor: &Tensor) -> NodeId {
        let current = self.levels.current();
        let node = self.levels.bring(tensor, current, &self.axes);
        if tensor.level >= current {
            return node;
        }
        self.with_fact(tensor, node).unwrap_or(node)
    }

    /// A value that came in from outside, with what is known of it there: where it may be other than its background comes in too, as a mask whose
    /// degrees are verified while running.
    fn with_fact(&mut self, tensor: &Tensor, node: NodeId) -> Option<NodeId> {
        let current = self.levels.current();
        // What is made inside is known there by itself.
        if self.levels.get(current)?.builder.fact(node).is_some() {
            return None;
        }
        let outside = self.levels.get_mut(tensor.level)?;
        let fact = outside.builder.fact(tensor.node)?.clone();
        let is_mask = matches!(fact.support.expression, SupportExpression::Mask(_));
        // What is made of several masks is worth a value of its own where it says how much is left out.
        if fact.support.is_empty() || (!is_mask && fact.support.degrees.is_empty()) {
            return None;
        }
        let add = &mut |operation, operands: Vec<NodeId>| outside.builder.add(operation, &operands).ok();
        let mask = fact.support.expression.realize(&NodeId, add)?;
        let place = outside.builder.function().node(mask)?.span.unwrap_or_default();
        let mut degrees = Vec::new();
        for (axes, count) in &fact.support.degrees {
            let keys: Option<Vec<AxisKey>> = axes.iter().map(|axis| outside.key(*axis)).collect();
            degrees.push((keys?, count.clone()));
        }
        let mask = Tensor { node: mask, element: Element::Bool, ..tensor.clone() };
        let mask = self.levels.bring(&mask, current, &self.axes);
        let mut verified = mask;
        for (axes, count) in degrees {
            let mut axes = self.ids(&axes);
            axes.sort();
            let claim = self.add(Operation::Expect { count, axes }, &[mask], place)?;
            verified = if verified == mask {
                claim
            } else {
                self.build(place, |builder| builder.map(ScalarFunction::And, &[verified, claim]))?
            };
        }
        if node == mask {
            return Some(verified);
        }
        let background = self.build(place, |builder| Ok(builder.constant(fact.background)))?;
        self.build(place, |builder| builder.map(ScalarFunction::Select, &[verified, node, background]))
    }

    /// The id of an axis in the function under construction.
    pub fn id(&mut self, axis: AxisKey) -> moe_graph::AxisId {
        let current = self.levels.current();
        let table = &self.axes;
        self.levels.get_mut(current).map_or(moe_graph::AxisId(0), |level| level.axis(axis, table))
    }

    /// The ids of axes in the function under construction.
    pub fn ids(&mut self, axes: &[AxisKey]) -> Vec<moe_graph::AxisId> {
        axes.iter().map(|axis| self.id(*axis)).collect()
    }

    /// Does something with the builder of the function under construction, its nodes coming from `span`.
    pub fn build(
        &mut self,
        span: Span,
        work: impl FnOnce(&mut moe_graph::Builder) -> Result<NodeId, TypeError>,
    ) -> Option<NodeId> {
        let current = self.levels.current();
        let level = self.levels.get_mut(current)?;
        level.builder.set_span(Some(span));
        match work(&mut level.builder) {
            Ok(node) => {
                let axes = level.builder.ty(node).axes.len();
                self.room_for(axes, span).then_some(node)
            }
            Err(error) => {
                // Every mistake of a user should have been found before the graph refuses it.
                let message = format!("the graph does not take this: {error}");
                self.error(Diagnostic::error("E0299", span, message));
                None
            }
        }
    }

    /// A node.
    pub fn add(&mut self, operation: Operation, operands: &[NodeId], span: Span) -> Option<NodeId> {
        let agree = |left: &Size, right: &Size| self.sizes_agree(left, right);
        let current = self.levels.current();
        let trial = self.levels.get(current).and_then(|level| {
            let function = level.builder.function();
            let types: Option<Vec<&Type>> = operands.iter().map(|id| Some(&function.node(*id)?.ty)).collect();
            moe_graph::infer(function, &operation, &types?).err()
        });
        // Quotients of free sizes are taken to come out even; the graph cannot tell, so it is given the type.
        match trial {
            Some(TypeError::Size { left, right, .. }) if agree(&left, &right) => {
                let ty = self.replaced(&operation, operands);
                self.build(span, |builder| Ok(builder.add_typed(operation, operands, ty)))
            }
            _ => self.build(span, |builder| builder.add(operation, operands)),
        }
    }

    /// The type of an operation that puts axes in the place of others.
    fn replaced(&self, operation: &Operation, operands: &[NodeId]) -> Type {
        let level = self.levels.get(self.levels.current());
        let operand = operands.first().zip(level).map(|(node, level)| level.builder.ty(*node));
        let mut ty = operand.unwrap_or(Type::scalar(Element::F32));
        let (from, into) = match operation {
            Operation::Rename { from, to } => (vec![*from], vec![*to]),
            Operation::Merge { from, into } => (from.clone(), vec![*into]),
            Operation::Split { from, into } => (vec![*from], into.clone()),
            _ => return ty,
        };
        let place = ty.axes.iter().position(|axis| from.contains(axis)).unwrap_or(0);
        ty.axes.retain(|axis| !from.contains(axis));
        let place = place.min(ty.axes.len());
        ty.axes.splice(place..place, into);
        ty
    }

    /// A number without axes.
    pub fn constant(&mut self, value: Scalar, span: Span) -> Option<Tensor> {
        let node = self.build(span, |builder| Ok(builder.constant(value)))?;
        Some(self.tensor(node, value.element(), Vec::new(), BTreeSet::new()))
    }

    /// A number as written, in an element type.
    pub fn number(&mut self, number: Number, element: Element, span: Span) -> Option<Scalar> {
        let scalar = match number.integer {
            Some(integer) if element.is_integer() => Scalar::integer(element, integer),
            None if element.is_integer() => None,
            _ if element == Element::Bool => None,
            _ => Scalar::float(element, number.value),
        };
        if scalar.is_none() {
            let shown =
                number.integer.map_or_else(|| number.value.to_string(), |integer| integer.to_string());
            let mistake = Diagnostic::error("E0213", span, format!("{shown} is no {element}"))
                .label(format!("this has to be of type {element}"))
                .hint("write a number of that type, or convert the other operand with `as`");
            self.error(mistake);
        }
        scalar
    }

    /// A size as a tensor without axes.
    pub fn size_tensor(&mut self, size: &Size, element: Element, span: Span) -> Option<Tensor> {
        if let Some(value) = size.as_constant() {
            let scalar = self.number(Number::integer(i128::from(value)), element, span)?;
            return self.constant(scalar, span);
        }
        let node = self.add(Operation::SizeOf(size.clone()), &[], span)?;
        let tensor = self.tensor(node, Element::I64, Vec::new(), BTreeSet::new());
        self.cast(&tensor, element, span)
    }

    /// A value as a tensor; numbers take the type `element`, or the one they have by themselves.
    pub fn materialize(&mut self, value: &Value, element: Option<Element>, span: Span) -> Option<Tensor> {
        match value {
            Value::Tensor(tensor) => Some(tensor.clone()),
            Value::Number(number) => {
                let element = element.unwrap_or(number.default_element());
                let scalar = self.number(*number, element, span)?;
                self.constant(scalar, span)
            }
            Value::Size(size) => self.size_tensor(size, element.unwrap_or(Element::I64), span),
            Value::Bool(truth) => self.constant(Scalar::boolean(*truth), span),
            Value::Index(index) => self.index_tensor(&index.clone(), span),
            Value::Array(array) => self.array_alone(&array.clone(), element),
            Value::Poison => None,
            Value::Tuple(_) | Value::Part(_) => {
                let mistake = Diagnostic::error("E0107", span, format!("this is {}", value.describe()))
                    .label("a tensor is wanted here");
                self.error(mistake);
                None
            }
        }
    }

    /// The coordinate that a name stands for.
    pub fn index_tensor(&mut self, index: &Index, span: Span) -> Option<Tensor> {
        match index {
            Index::Axis(axis) => {
                let id = self.id(*axis);
                let node = self.add(Operation::Coordinate(id), &[], span)?;
                Some(self.tensor(node, Element::I64, Vec::new(), BTreeSet::from([*axis])))
            }
            Index::Fixed(place) => self.constant(Scalar::index(*place), span),
            Index::Round(axis, level) => self.round_coordinate(*axis, *level, span),
        }
    }

    /// The number of the present round of a `repeat`.
    pub fn round_coordinate(&mut self, axis: AxisKey, level: usize, span: Span) -> Option<Tensor> {
        let outside = level.checked_sub(1)?;
        let table = &self.axes;
        let outer = self.levels.get_mut(outside)?;
        let id = outer.axis(axis, table);
        outer.builder.set_span(Some(span));
        let node = outer.builder.add(Operation::Coordinate(id), &[]).ok()?;
        let coordinate =
            Tensor { level: outside, node, element: Element::I64, axes: vec![axis], bound: BTreeSet::new() };
        let node = self.levels.bring_round(&coordinate, level, axis, &self.axes);
        Some(Tensor { level, node, element: Element::I64, axes: Vec::new(), bound: BTreeSet::new() })
    }

    /// The axes of several operands together: the first's, then those of the next that are new.
    pub fn union(&mut self, tensors: &[&Tensor], span: Span) -> Option<(Vec<AxisKey>, BTreeSet<AxisKey>)> {
        let (mut axes, mut bound) = (Vec::new(), BTreeSet::new());
        for tensor in tensors {
            bound.extend(tensor.bound.iter().copied());
            for axis in &tensor.axes {
                if !axes.contains(axis) {
                    axes.push(*axis);
                }
            }
        }
        let both: Vec<AxisKey> = axes.iter().copied().filter(|axis| bound.contains(axis)).collect();
        match both.first() {
            None => Some((axes, bound)),
            Some(axis) => {
                let name = self.axes.name(*axis);
                let message =
                    format!("`{name}` is here in full, and elsewhere taken at an index that ranges over it");
                let mistake = Diagnostic::error("E0205", span, message)
                    .label(format!("one operand has all of `{name}`, another just one entry of it"))
                    .hint(format!(
                        "index the one that has `{name}` too, as in `g[_, {}]`",
                        name.to_lowercase()
                    ));
                self.error(mistake);
                None
            }
        }
    }

    /// A scalar function of tensors, entry by entry.
    pub fn map(&mut self, function: ScalarFunction, operands: &[&Tensor], span: Span) -> Option<Tensor> {
        self.check_elements(function, operands, span)?;
        let (axes, bound) = self.union(operands, span)?;
        let nodes: Vec<NodeId> = operands.iter().map(|tensor| self.here(tensor)).collect();
        let node = self.build(span, |builder| builder.map(function, &nodes))?;
        let element = self.element_of(node);
        Some(self.tensor(node, element, axes, bound))
    }

    /// The element type of a node of the function under construction.
    pub fn element_of(&self, node: NodeId) -> Element {
        self.levels.get(self.levels.current()).map_or(Element::F32, |level| level.builder.ty(node).element)
    }

    fn check_elements(&mut self, function: ScalarFunction, operands: &[&Tensor], span: Span) -> Option<()> {
        let numbers: &[&Tensor] = match function.signature() {
            Signature::Choice => operands.get(1..).unwrap_or_default(),
            _ => operands,
        };
        let first = numbers.first()?.element;
        if let Some(other) = numbers.iter().find(|tensor| tensor.element != first) {
            self.elements_differ(span, first, other.element);
            return None;
        }
        let subject = match function.signature() {
            Signature::Choice => operands.first()?.element,
            _ => first,
        };
        let (fits, wanted) = match function.signature() {
            Signature::Float | Signature::FloatTest => (subject.is_float(), "floating-point numbers"),
            Signature::Number => (subject != Element::Bool, "numbers"),
            Signature::Boolean | Signature::Choice => (subject == Element::Bool, "truth values"),
            Signature::Comparison => (true, ""),
            Signature::Draw => (subject == Element::I64, "whole numbers of type i64"),
        };
        if fits {
            return Some(());
        }
        let mistake =
            Diagnostic::error("E0202", span, format!("`{}` does not take {subject}", function.name()))
                .label(format!("it takes {wanted}"))
                .hint("convert the operand with `as`");
        self.error(mistake);
        None
    }

    /// All entries along axes brought together.
    pub fn reduce(
        &mut self,
        kind: ReduceKind,
        axes: &[AxisKey],
        tensor: &Tensor,
        span: Span,
    ) -> Option<Tensor> {
        let logical = matches!(kind, ReduceKind::Any | ReduceKind::All);
        if logical != (tensor.element == Element::Bool) {
            let message = format!("`{}` does not take {}", kind.name(), tensor.element);
            let wanted = if logical { "it takes truth values" } else { "it takes numbers" };
            self.error(Diagnostic::error("E0202", span, message).label(wanted));
            return None;
        }
        let others: Vec<AxisKey> =
            tensor.axes.iter().chain(&tensor.bound).copied().filter(|axis| !axes.contains(axis)).collect();
        for axis in axes {
            self.expect_free(*axis, &others, span, "reduced")?;
        }
        let tensor = &self.only_present(tensor, axes, kind, span)?;
        let node = self.here(tensor);
        let ids = self.ids(axes);
        let node = self.build(span, |builder| builder.reduce(kind, &ids, node))?;
        let rest = tensor.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        let bound = tensor.bound.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        Some(self.tensor(node, tensor.element, rest, bound))
    }

    /// A tensor in another element type.
    pub fn cast(&mut self, tensor: &Tensor, element: Element, span: Span) -> Option<Tensor> {
        if tensor.element == element {
            return Some(tensor.clone());
        }
        let node = self.here(tensor);
        let node = self.add(Operation::Cast(element), &[node], span)?;
        Some(self.tensor(node, element, tensor.axes.clone(), tensor.bound.clone()))
    }

    /// A tensor with one axis called by another of the same size.
    pub fn rename(&mut self, tensor: &Tensor, from: AxisKey, to: AxisKey, span: Span) -> Option<Tensor> {
        if from == to {
            return Some(tensor.clone());
        }
        self.expect_alike(from, to, &tensor.axes, span)?;
        let mut node = self.here(tensor);
        if self.node_has(node, from) {
            let operation = Operation::Rename { from: self.id(from), to: self.id(to) };
            node = self.add(operation, &[node], span)?;
        }
        let swap = |axis: &AxisKey| if *axis == from { to } else { *axis };
        let axes = tensor.axes.iter().map(swap).collect();
        let bound = tensor.bound.iter().map(swap).collect();
        Some(self.tensor(node, tensor.element, axes, bound))
    }

    /// Whether a node of the function under construction varies along an axis.
    pub fn node_has(&self, node: NodeId, axis: AxisKey) -> bool {
        let level = self.levels.get(self.levels.current());
        level.is_some_and(|level| level.known_axis(axis).is_some_and(|id| level.builder.ty(node).has(id)))
    }

    /// A node that really has an axis: one that is constant along it is repeated.
    pub fn spread(&mut self, node: NodeId, axis: AxisKey, span: Span) -> Option<NodeId> {
        if self.node_has(node, axis) {
            return Some(node);
        }
        let id = self.id(axis);
        let coordinate = self.add(Operation::Coordinate(id), &[], span)?;
        // Every coordinate is at least zero, so the choice is always the node itself.
        let zero = self.build(span, |builder| Ok(builder.constant(Scalar::index(0))))?;
        let always =
            self.build(span, |builder| builder.map(ScalarFunction::GreaterEqual, &[coordinate, zero]))?;
        self.build(span, |builder| builder.map(ScalarFunction::Select, &[always, node, node]))
    }

    /// A type of the function under construction.
    pub fn graph_type(&mut self, element: Element, axes: &[AxisKey]) -> Type {
        Type { element, axes: self.ids(axes) }
    }
}
