//! Parts: instances of definitions with dotted names, stacks and lists of them; and the weights they hold.

use crate::axes::AxisKey;
use crate::elaborated::{KnownPlaces, WeightDeclaration};
use crate::elaborator::{Elaborator, Mode, Weight};
use crate::types::Shape;
use crate::value::{Index, Instance, Part, PartKind, StackIndex, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{
    BracketArgument, DefinitionKind, Expression, ExpressionKind, Name, PartExpression, TypeExpression,
};
use moe_grammar::Span;
use moe_graph::{Element, NodeId, ParameterKind, Scalar, ScalarFunction, Type};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What a `weight` statement says besides names and type.
pub(crate) struct WeightOptions<'t> {
    /// The initializer.
    pub initial: Option<&'t Expression>,
    /// Whether training leaves it alone.
    pub frozen: bool,
    /// The proximal operator.
    pub prox: Option<&'t Expression>,
}

impl Elaborator<'_> {
    /// `part name = …`
    pub fn part_statement(&mut self, name: &Name, value: &PartExpression, span: Span) {
        if !self.declare(name) || !self.may_have_weights(span, "parts") {
            self.frame().set(&name.text, Value::Poison);
            return;
        }
        let part = self.part_kind(value).map(|kind| {
            let (path, stack) = (self.frame().dotted(&name.text), self.frame().stack.clone());
            Value::Part(Part { kind, path, stack, span: name.span })
        });
        self.frame().set(&name.text, part.unwrap_or(Value::Poison));
    }

    /// A `fn` has no weights, parts or state.
    pub fn may_have_weights(&mut self, span: Span, what: &str) -> bool {
        if self.frame().kind != DefinitionKind::Function {
            return true;
        }
        let mistake = Diagnostic::error("E0404", span, format!("a `fn` has no {what}"))
            .label("not in a `fn`")
            .hint("make it a `layer`, `gate`, `expert` or `adapter`");
        self.error(mistake);
        false
    }

    fn part_kind(&mut self, value: &PartExpression) -> Option<PartKind> {
        match value {
            PartExpression::Instance { path, arguments, span } => {
                let definition = match self.program.lookup(self.file(), path) {
                    Ok(definition) => definition,
                    Err(mistake) => {
                        self.error(mistake);
                        return None;
                    }
                };
                let statics = self.statics_given(self.definition(definition)?, arguments, *span)?;
                Some(PartKind::Instance(Rc::new(Instance { definition, statics })))
            }
            PartExpression::Stack { element, axis, .. } => {
                let element = self.part_kind(element);
                let axis = self.size_entry("stack", axis)?;
                Some(PartKind::Stack(Rc::new(element?), axis))
            }
            PartExpression::List { elements, .. } => {
                let kinds: Vec<Option<PartKind>> =
                    elements.iter().map(|element| self.part_kind(element)).collect();
                let kinds: Option<Vec<PartKind>> = kinds.into_iter().collect();
                Some(PartKind::List(Rc::new(kinds?)))
            }
        }
    }

    /// One of several parts: `experts[e]`.
    pub fn index_part(&mut self, part: &Part, arguments: &[BracketArgument], span: Span) -> Value {
        let [BracketArgument::Value(index)] = arguments else {
            let mistake = Diagnostic::error("E0402", span, "parts are indexed by one index")
                .label("expected one index, as in `experts[e]`");
            self.error(mistake);
            return Value::Poison;
        };
        let value = self.expression(index, None);
        let chosen = match &part.kind {
            PartKind::Stack(element, axis) => {
                let axis = self.axes.axis_of(*axis);
                self.stack_index(&value, axis, index.span)
                    .map(|index| ((**element).clone(), part.path.clone(), Some(index)))
            }
            PartKind::List(elements) => {
                let place = self.list_index(&value, elements.len(), index.span);
                place.and_then(|place| {
                    let kind = elements.get(place)?.clone();
                    Some((kind, format!("{}.{place}", part.path), None))
                })
            }
            PartKind::Instance(_) => {
                let mistake = Diagnostic::error("E0402", span, "this is one part and has no index")
                    .label("indexed here")
                    .also(part.span, "declared here");
                self.error(mistake);
                None
            }
        };
        match chosen {
            Some((kind, path, index)) => {
                let stack = part.stack.iter().cloned().chain(index).collect();
                Value::Part(Part { kind, path, stack, span: part.span })
            }
            None => Value::Poison,
        }
    }

    fn stack_index(&mut self, value: &Value, axis: AxisKey, span: Span) -> Option<StackIndex> {
        match value {
            Value::Index(Index::Axis(own)) if *own == axis => Some(StackIndex::Bound(axis)),
            Value::Index(Index::Round(own, level)) if *own == axis => Some(StackIndex::Round(axis, *level)),
            Value::Index(Index::Fixed(place)) => Some(StackIndex::Fixed(axis, *place)),
            Value::Number(number) if number.integer.is_some() => {
                let place = number.integer.and_then(|value| i64::try_from(value).ok()).unwrap_or(-1);
                let size = self.axes.axis_size(axis).as_constant();
                if place < 0 || size.is_some_and(|size| place >= size) {
                    self.out_of_range(place, axis, span);
                    return None;
                }
                Some(StackIndex::Fixed(axis, place))
            }
            Value::Index(_) | Value::Tensor(_) => {
                let tensor = self.materialize(value, None, span)?;
                if tensor.element.is_integer() {
                    return Some(StackIndex::Gathered(axis, tensor));
                }
                self.no_index(&Value::Tensor(tensor), span);
                None
            }
            Value::Poison => None,
            other => {
                self.no_index(other, span);
                None
            }
        }
    }

    fn list_index(&mut self, value: &Value, count: usize, span: Span) -> Option<usize> {
        let place = match value {
            Value::Index(Index::Fixed(place)) => Some(*place),
            Value::Number(number) => number.integer.and_then(|value| i64::try_from(value).ok()),
            Value::Poison => return None,
            _ => None,
        };
        let place = place.and_then(|place| usize::try_from(place).ok()).filter(|place| *place < count);
        if place.is_none() {
            let mistake = Diagnostic::error(
                "E0402",
                span,
                format!("a list of {count} different parts has no such entry"),
            )
            .label("expected a number, or a name that a reduction such as `sum` ranges")
            .hint("parts of different kinds cannot be chosen by a computed index");
            self.error(mistake);
        }
        place
    }

    /// `weight a, b: T = …`
    pub fn weight_statement(
        &mut self,
        names: &[Name],
        ty: &TypeExpression,
        options: &WeightOptions,
        span: Span,
    ) {
        let fine = self.may_have_weights(span, "weights");
        let initial = self.initializer(options.initial);
        if let Some(prox) = options.prox {
            self.proximal(prox);
        }
        for name in names {
            let declared = self.declare(name);
            let tensor =
                if fine && declared { self.weight(name, ty, options, initial.clone()) } else { None };
            self.frame().set(&name.text, tensor.map_or(Value::Poison, Value::Tensor));
        }
    }

    fn weight(
        &mut self,
        name: &Name,
        ty: &TypeExpression,
        options: &WeightOptions,
        initial: Option<String>,
    ) -> Option<Tensor> {
        let shape = self.shape(ty)?;
        let own = self.own_axes(&shape)?;
        let dotted = self.frame().dotted(&name.text);
        self.asked.insert(dotted.clone());
        if let Some(given) = self.given.get_mut(&dotted) {
            given.taken = true;
            let given = given.clone();
            return self.given_weight(&given.value, &shape, &own, given.span);
        }
        if self.mode == Mode::Test {
            let call = self.frames.get(1).and_then(|frame| frame.call).unwrap_or(name.span);
            let short = dotted.split_once('.').map_or(dotted.as_str(), |(_, rest)| rest).to_owned();
            let mistake = Diagnostic::error("E0602", call, format!("the weight `{short}` is not given"))
                .label("a test gives every weight as a named argument")
                .also(name.span, "declared here")
                .hint(format!("write `{short} = [[…]]`"));
            self.error(mistake);
            return None;
        }
        if !self.weights.contains_key(&dotted) {
            let declaration = WeightDeclaration {
                span: name.span,
                initial,
                frozen: options.frozen,
                prox: options.prox.map(|prox| self.program.text(prox.span).to_owned()),
            };
            self.new_weight(&dotted, &shape, &own, declaration)?;
        }
        let weight = self.weights.get(&dotted)?.clone();
        let tensor = self.indexed_weight(&weight, &own, name.span)?;
        self.verified(tensor, &shape)
    }

    /// The axes of a weight's or state's type, all distinct.
    pub fn own_axes(&mut self, shape: &Shape) -> Option<Vec<AxisKey>> {
        if shape.rest {
            let mistake =
                Diagnostic::error("E0404", shape.span, "the type of a weight or state says all its axes")
                    .label("`..` is for parameters and results");
            self.error(mistake);
            return None;
        }
        let mut own = Vec::new();
        for entry in &shape.entries {
            let axis = self.entry_axis(entry)?;
            self.expect_even(axis, &[], entry.span(), "axes of weights and states")?;
            if own.contains(&axis) {
                let name = self.axes.name(axis);
                let mistake = Diagnostic::error(
                    "E0205",
                    entry.span(),
                    format!("the axis `{name}` stands twice in one type"),
                )
                .label("again here")
                .hint(format!("declare another of that size, `axis Other = {name}`, and use it here"));
                self.error(mistake);
                return None;
            }
            own.push(axis);
        }
        Some(own)
    }

    /// A weight given as an argument: with the axes of the stacks it is in, then its own.
    fn given_weight(&mut self, value: &Value, shape: &Shape, own: &[AxisKey], span: Span) -> Option<Tensor> {
        let stack = self.frame().stack.clone();
        let axes: Vec<AxisKey> = stack.iter().map(StackIndex::axis).chain(own.iter().copied()).collect();
        // A tensor made inside a loop stays there.
        let inside = matches!(value, Value::Tensor(tensor) if tensor.level > 0);
        let mut tensor = self.at_entry(!inside, |this| this.given_whole(value, shape, &axes, span))?;
        for index in &stack {
            tensor = self.take(&tensor, index.axis(), index, span)?;
        }
        Some(tensor)
    }

    fn given_whole(&mut self, value: &Value, shape: &Shape, axes: &[AxisKey], span: Span) -> Option<Tensor> {
        let Value::Array(array) = value else {
            let tensor = self.materialize(value, Some(shape.element), span)?;
            let mut tensor = self.renamed_by_place(tensor, axes, span)?;
            if tensor.element != shape.element {
                self.elements_differ(span, shape.element, tensor.element);
                return None;
            }
            tensor.axes = axes.to_vec();
            return Some(tensor);
        };
        if array.shape.len() != axes.len() {
            let (wanted, found) = (axes.len(), array.shape.len());
            let message =
                format!("the weight has {wanted} axes, {}, and this array {found}", self.show_axes(axes));
            let mistake = Diagnostic::error("E0201", span, message)
                .label("given here")
                .also(shape.span, "declared here");
            self.error(mistake);
            return None;
        }
        let named: Vec<Option<AxisKey>> = axes.iter().copied().map(Some).collect();
        self.array_with(&array.clone(), shape.element, &named, &[])
    }

    /// A tensor with its axes renamed, in order, to others of the same sizes.
    pub fn renamed_by_place(&mut self, tensor: Tensor, own: &[AxisKey], span: Span) -> Option<Tensor> {
        if own.iter().all(|axis| tensor.axes.contains(axis)) && own.len() == tensor.axes.len() {
            return Some(tensor);
        }
        let sizes = |axes: &[AxisKey]| axes.iter().map(|axis| self.axes.axis_size(*axis)).collect::<Vec<_>>();
        if sizes(&tensor.axes) != sizes(own) {
            let (found, wanted) = (self.show(&tensor), self.show_axes(own));
            let mistake = Diagnostic::error("E0206", span, format!("{found} does not fit {wanted}"))
                .label(format!("this is {found}"));
            let axes: Vec<AxisKey> = tensor.axes.iter().chain(own).copied().collect();
            self.error_of_axes(mistake, &axes);
            return None;
        }
        self.rename_all(tensor, own, span)
    }

    /// Renames axes in order; through new axes where a target is still in use.
    fn rename_all(&mut self, tensor: Tensor, own: &[AxisKey], span: Span) -> Option<Tensor> {
        let from = tensor.axes.clone();
        let mut tensor = tensor;
        let mut steps = Vec::new();
        for (old, new) in from.iter().zip(own) {
            if old == new {
                continue;
            }
            if from.contains(new) {
                let middle = self.axis_like(&self.axes.name(*new), *new, span)?;
                tensor = self.rename(&tensor, *old, middle, span)?;
                steps.push((middle, *new));
            } else {
                steps.push((*old, *new));
            }
        }
        for (old, new) in steps {
            tensor = self.rename(&tensor, old, new, span)?;
        }
        Some(tensor)
    }

    fn new_weight(
        &mut self,
        dotted: &str,
        shape: &Shape,
        own: &[AxisKey],
        declaration: WeightDeclaration,
    ) -> Option<()> {
        let span = declaration.span;
        let stack: Vec<AxisKey> = self.frame().stack.iter().map(StackIndex::axis).collect();
        let axes: Vec<AxisKey> = stack.iter().chain(own).copied().collect();
        self.distinct_from_stacks(&axes, span)?;
        let node = self.entry_parameter(dotted, ParameterKind::Weight, shape.element, &axes, span)?;
        let node = self.with_what_is_known(dotted, node, shape.element, &axes);
        let weight = Weight { node, element: shape.element, stack, own: own.to_vec(), declaration };
        self.weights.insert(dotted.to_owned(), weight);
        Some(())
    }

    /// A weight that is one number at the places where that is known.
    fn with_what_is_known(
        &mut self,
        dotted: &str,
        weight: NodeId,
        element: Element,
        axes: &[AxisKey],
    ) -> NodeId {
        let Some(known) = self.known.get(dotted).cloned() else { return weight };
        let fits = |places: &KnownPlaces| {
            let size = axes.get(places.axis).and_then(|axis| self.axes.axis_size(*axis).as_constant());
            size == i64::try_from(places.needed.len()).ok()
        };
        let known: Vec<KnownPlaces> = known.into_iter().filter(fits).collect();
        let table = &self.axes;
        let Some(level) = self.levels.get_mut(0) else { return weight };
        let mut node = weight;
        for places in &known {
            let otherwise = Scalar::of(element, places.otherwise.number());
            let (Some(axis), Some(otherwise)) = (axes.get(places.axis), otherwise) else { continue };
            let ty = Type { element: Element::Bool, axes: vec![level.axis(*axis, table)] };
            let needed = places.needed.iter().map(|needed| Scalar::boolean(*needed)).collect();
            let (needed, otherwise) = (level.builder.table(ty, needed), level.builder.constant(otherwise));
            let chosen = level.builder.map(ScalarFunction::Select, &[needed, node, otherwise]);
            node = chosen.unwrap_or(node);
        }
        self.known_used.insert(dotted.to_owned(), known);
        node
    }

    /// A parameter of the entry.
    pub fn entry_parameter(
        &mut self,
        name: &str,
        kind: ParameterKind,
        element: Element,
        axes: &[AxisKey],
        span: Span,
    ) -> Option<NodeId> {
        let table = &self.axes;
        let level = self.levels.get_mut(0)?;
        let axes = level.axes(axes, table);
        level.builder.set_span(Some(span));
        Some(level.parameter(name, kind, Type { element, axes }).1)
    }

    /// A weight with axes of its own, at the indices of the stacks it is in.
    pub fn indexed_weight(&mut self, weight: &Weight, own: &[AxisKey], span: Span) -> Option<Tensor> {
        let stack = self.frame().stack.clone();
        let mut tensor = self.whole_weight(weight, &stack, own, span)?;
        for index in &stack {
            tensor = self.take(&tensor, index.axis(), index, span)?;
        }
        Some(tensor)
    }

    /// A weight with the axes of the stacks it is in and its own, which are others than those it was first used with where a part is called twice.
    fn whole_weight(
        &mut self,
        weight: &Weight,
        stack: &[StackIndex],
        own: &[AxisKey],
        span: Span,
    ) -> Option<Tensor> {
        let tensor = weight.tensor();
        let now: Vec<AxisKey> = stack.iter().map(StackIndex::axis).chain(own.iter().copied()).collect();
        if tensor.axes == now {
            return Some(tensor);
        }
        let sizes = |axes: &[AxisKey]| axes.iter().map(|axis| self.axes.axis_size(*axis)).collect::<Vec<_>>();
        if sizes(&tensor.axes) != sizes(&now) {
            let (first, now) = (self.show_axes(&tensor.axes), self.show_axes(&now));
            let call = self.frame().call.unwrap_or(span);
            let mistake = Diagnostic::error(
                "E0405",
                call,
                format!(
                    "a part called twice shares its weights, and here they would be {now} instead of {first}"
                ),
            )
            .label("called with other sizes")
            .also(weight.declaration.span, "this weight")
            .hint("make two parts of it");
            self.error(mistake);
            return None;
        }
        self.distinct_from_stacks(&now, weight.declaration.span)?;
        self.at_entry(true, |this| this.rename_all(tensor, &now, span))
    }

    /// Says so where the axes of stacks and those of a weight are not distinct.
    fn distinct_from_stacks(&mut self, axes: &[AxisKey], span: Span) -> Option<()> {
        let distinct: BTreeSet<AxisKey> = axes.iter().copied().collect();
        if distinct.len() == axes.len() {
            return Some(());
        }
        let mistake = Diagnostic::error(
            "E0205",
            span,
            "the weight's axes and those of the stacks it is in are not distinct",
        )
        .label("this weight")
        .hint("stack over another axis of that size");
        self.error(mistake);
        None
    }

    /// The initializer of a weight, as text.
    fn initializer(&mut self, initial: Option<&Expression>) -> Option<String> {
        let initial = initial?;
        let name = match &initial.kind {
            ExpressionKind::Path(path) => path.as_slice(),
            ExpressionKind::Call(callee, _) => match &callee.kind {
                ExpressionKind::Path(path) => path.as_slice(),
                _ => &[],
            },
            ExpressionKind::Number(_) | ExpressionKind::Unary(..) => {
                return Some(self.program.text(initial.span).to_owned());
            }
            _ => &[],
        };
        let known = ["zeros", "ones", "normal", "glorot", "uniform"];
        match name {
            [name] if known.contains(&name.text.as_str()) => Some(self.program.text(initial.span).to_owned()),
            _ => {
                let mistake = Diagnostic::error("E0406", initial.span, "this is no initializer")
                    .label("not known")
                    .hint("initializers are zeros, ones, normal(s), uniform(a), glorot, or a number");
                self.error(mistake);
                None
            }
        }
    }

    fn proximal(&mut self, prox: &Expression) {
        let call = match &prox.kind {
            ExpressionKind::Call(callee, _) => {
                matches!(&callee.kind, ExpressionKind::Path(path) if path.len() == 1)
            }
            ExpressionKind::Path(path) => path.len() == 1,
            _ => false,
        };
        if !call {
            let mistake = Diagnostic::error("E0406", prox.span, "this is no proximal operator")
                .label("expected one such as `l1(0.1)`");
            self.error(mistake);
        }
    }

    /// `part.weight`: a weight of a part that has been called, or a part of it.
    pub fn part_field(&mut self, part: &Part, name: &Name, span: Span) -> Value {
        let dotted = format!("{}.{}", part.path, name.text);
        match self.weights.get(&dotted).cloned() {
            Some(weight) => {
                let stack = std::mem::replace(&mut self.frame().stack, part.stack.clone());
                let tensor = self.indexed_weight(&weight, &weight.own, span);
                self.frame().stack = stack;
                tensor.map_or(Value::Poison, Value::Tensor)
            }
            None => {
                let start = format!("{}.", part.path);
                let known: Vec<String> = self
                    .weights
                    .keys()
                    .filter_map(|known| known.strip_prefix(&start))
                    .map(str::to_owned)
                    .collect();
                let below = format!("{dotted}.");
                if self.weights.keys().any(|known| known.starts_with(&below)) {
                    let kind = part.kind.clone();
                    return Value::Part(Part {
                        kind,
                        path: dotted,
                        stack: part.stack.clone(),
                        span: part.span,
                    });
                }
                let mistake = Diagnostic::error(
                    "E0402",
                    name.span,
                    format!("the part has no weight `{}` so far", name.text),
                )
                .label("not found")
                .hint("the weights of a part are there once it has been called");
                let mistake = crate::names::suggest(mistake, &name.text, known.iter().map(String::as_str));
                self.error(mistake);
                Value::Poison
            }
        }
    }
}
