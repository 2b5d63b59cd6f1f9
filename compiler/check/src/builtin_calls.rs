//! Calls of built-in functions.

use crate::arguments::{Actual, Actuals};
use crate::axes::{AxisKey, SizeKey};
use crate::builtins::{Builtin, Rule};
use crate::elaborator::Elaborator;
use crate::reductions::Reduction;
use crate::value::{Number, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Argument, BracketArgument, Expression};
use moe_grammar::Span;
use moe_graph::{Element, Operation, ReduceKind, Scalar, ScalarFunction, Size};
use std::collections::BTreeSet;

/// A call of a built-in function.
pub(crate) struct BuiltinCall<'c> {
    pub builtin: &'static Builtin,
    pub brackets: &'c [BracketArgument],
    pub actuals: Actuals,
    pub span: Span,
}

impl Elaborator<'_> {
    /// The value of a built-in function.
    pub fn call_builtin(
        &mut self,
        builtin: &'static Builtin,
        brackets: &[BracketArgument],
        arguments: &[Argument],
        span: Span,
        like: Option<Element>,
    ) -> Value {
        match builtin.rule {
            Rule::Coordinate | Rule::SizeOf | Rule::Present => {
                return self.axis_call(builtin, arguments, span)
            }
            Rule::SizeFunction => return self.size_function(builtin, arguments, span),
            Rule::Expect => {
                return self.expect_builtin(builtin, arguments, span).map_or(Value::Poison, Value::Tensor)
            }
            _ => {}
        }
        let actuals = self.actuals(arguments);
        let poisoned = actuals.positional.iter().any(|actual| matches!(actual.value, Value::Poison));
        if poisoned {
            return Value::Poison;
        }
        let takes_brackets = matches!(
            builtin.rule,
            Rule::LargestMask
                | Rule::ScatterAdd
                | Rule::Scatter
                | Rule::Merge
                | Rule::Split
                | Rule::Pad
                | Rule::Window
                | Rule::Concatenate
        );
        if !takes_brackets && !brackets.is_empty() {
            let message = format!("`{}` takes no static arguments", builtin.name);
            let mistake = Diagnostic::error("E0208", span, message).hint(format!("write {}", builtin.usage));
            self.error(mistake);
            return Value::Poison;
        }
        let call = BuiltinCall { builtin, brackets, actuals, span };
        if self.not_a_name_of(&call) {
            return Value::Poison;
        }
        if let Some(value) = self.folded(&call) {
            return value;
        }
        self.builtin_value(&call, like).unwrap_or(Value::Poison)
    }

    /// Reports an argument given by a name that the function does not have.
    fn not_a_name_of(&mut self, call: &BuiltinCall) -> bool {
        let known: &[&str] = match call.builtin.rule {
            Rule::Pad => &["before", "value"],
            Rule::Window => &["stride", "dilation", "before", "value"],
            _ => &[],
        };
        let unknown = call.actuals.named.iter().find(|(name, _)| !known.contains(&name.text.as_str()));
        let Some((name, _)) = unknown else { return false };
        let message = format!("`{}` takes no argument by the name `{}`", call.builtin.name, name.text);
        let hint = match name.text.as_str() {
            value if self.frame().value(value).is_some() => "`==` compares; `=` names an argument".to_owned(),
            _ => format!("write {}", call.builtin.usage),
        };
        self.error(Diagnostic::error("E0209", name.span, message).label(call.builtin.summary).hint(hint));
        true
    }

    /// Scalar functions of numbers as written are numbers.
    fn folded(&mut self, call: &BuiltinCall) -> Option<Value> {
        let numbers: Option<Vec<Number>> = call
            .actuals
            .positional
            .iter()
            .map(|actual| match &actual.value {
                Value::Number(number) => Some(*number),
                _ => None,
            })
            .collect();
        let function = match (call.builtin.rule, call.builtin.name) {
            (Rule::Unary(function), _) | (Rule::Binary(function), _) if function != ScalarFunction::IsNan => {
                function
            }
            (Rule::Reduce, "max") => ScalarFunction::Maximum,
            (Rule::Reduce, "min") => ScalarFunction::Minimum,
            _ => return None,
        };
        match (numbers?.as_slice(), function.arity()) {
            ([a], 1) => Some(Value::Number(Number::float(function.float(a.value, 0.0)))),
            ([a, b], 2) => {
                let value = function.float(a.value, b.value);
                let whole = matches!(function, ScalarFunction::Maximum | ScalarFunction::Minimum)
                    && a.integer.is_some()
                    && b.integer.is_some();
                Some(Value::Number(if whole { Number::integer(value as i128) } else { Number::float(value) }))
            }
            _ => None,
        }
    }

    fn builtin_value(&mut self, call: &BuiltinCall, like: Option<Element>) -> Option<Value> {
        let span = call.span;
        let tensor = match call.builtin.rule {
            Rule::Unary(function) => {
                let [x] = self.operands::<1>(call)?;
                let x = self.float_operand(&x)?;
                self.map(function, &[&x], span)
            }
            Rule::Binary(function) => {
                let [x, y] = self.operands::<2>(call)?;
                let (x, y) = self.both(&x.value, &y.value, span)?;
                self.map(function, &[&x, &y], span)
            }
            Rule::Reduce => self.reduce_builtin(call),
            Rule::Where => {
                let [condition, x, y] = self.operands::<3>(call)?;
                if let Some(chosen) = chosen_now(&condition.value, &x.value, &y.value) {
                    return Some(chosen);
                }
                let condition = self.condition(&condition, &x.value, &y.value)?;
                return Some(self.select(&condition, &x.value, &y.value, like, span));
            }
            Rule::LargestMask => self.largest_mask(call),
            Rule::ArgMax | Rule::CumulativeSum | Rule::Sort => self.along(call),
            Rule::ScatterAdd => self.scatter_add(call),
            Rule::Scatter => self.scatter(call),
            Rule::Merge => self.merge(call),
            Rule::Split => self.split(call),
            Rule::Pad => self.pad(call),
            Rule::Window => self.window(call),
            Rule::Concatenate => self.concatenate(call),
            Rule::Close => self.close(call),
            Rule::Coordinate | Rule::SizeOf | Rule::Present | Rule::SizeFunction | Rule::Expect => None,
            Rule::Random => self.random(call),
        };
        tensor.map(Value::Tensor)
    }

    /// What `where` chooses by: a table lies along the last axes of the values.
    fn condition(&mut self, condition: &Actual, then: &Value, other: &Value) -> Option<Tensor> {
        match (&condition.value, then, other) {
            (Value::Array(_), Value::Tensor(tensor), _) | (Value::Array(_), _, Value::Tensor(tensor)) => {
                self.beside(&condition.value, tensor, Element::Bool, condition.span)
            }
            (value, _, _) => self.materialize(value, None, condition.span),
        }
    }

    pub(crate) fn usage(&mut self, call: &BuiltinCall, what: &str) {
        let message = format!("`{}` {what}", call.builtin.name);
        let mistake = Diagnostic::error("E0209", call.span, message)
            .label(call.builtin.summary)
            .hint(format!("write {}", call.builtin.usage));
        self.error(mistake);
    }

    pub(crate) fn operands<const COUNT: usize>(&mut self, call: &BuiltinCall) -> Option<[Actual; COUNT]> {
        match <[Actual; COUNT]>::try_from(call.actuals.positional.clone()) {
            Ok(operands) => Some(operands),
            Err(given) => {
                let operands = if COUNT == 1 { "operand" } else { "operands" };
                self.usage(call, &format!("takes {COUNT} {operands} and was given {}", given.len()));
                None
            }
        }
    }

    /// An operand of a function of floats: whole numbers become `f32`.
    fn float_operand(&mut self, actual: &Actual) -> Option<Tensor> {
        let element = match &actual.value {
            Value::Size(..) => Some(Element::F32),
            _ => None,
        };
        self.materialize(&actual.value, element, actual.span)
    }

    /// The axes after `over`, or the last axis.
    fn over_axes(&mut self, call: &BuiltinCall, tensor: &Tensor) -> Option<Vec<AxisKey>> {
        if call.actuals.over.is_empty() {
            let last = self.last_axis(tensor);
            if last.is_none() {
                let shown = self.show(tensor);
                self.usage(call, &format!("needs an axis, and the operand is {shown}"));
            }
            return last.map(|axis| vec![axis]);
        }
        let axes: Option<Vec<AxisKey>> =
            call.actuals.over.iter().map(|name| self.axis_named(name, Some(tensor))).collect();
        let axes = axes?;
        let missing = axes.iter().position(|axis| !tensor.axes.contains(axis));
        if let Some(name) = missing.and_then(|place| call.actuals.over.get(place)) {
            let mistake = Diagnostic::error(
                "E0205",
                name.span,
                format!("the operand is taken at one entry of `{}`", name.text),
            )
            .label("it is indexed by a name that ranges over this axis");
            self.error(mistake);
            return None;
        }
        Some(axes)
    }

    pub(crate) fn one_axis(&mut self, call: &BuiltinCall, tensor: &Tensor) -> Option<AxisKey> {
        match self.over_axes(call, tensor)?.as_slice() {
            [axis] => Some(*axis),
            _ => {
                self.usage(call, "takes one axis");
                None
            }
        }
    }

    fn reduce_builtin(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let reduction = Reduction::named(call.builtin.name)?;
        if let ([x, y], Reduction::Kind(kind @ (ReduceKind::Maximum | ReduceKind::Minimum))) =
            (call.actuals.positional.as_slice(), reduction)
        {
            let (x, y) = self.both(&x.value, &y.value, call.span)?;
            return self.map(kind.function(), &[&x, &y], call.span);
        }
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let axes = self.over_axes(call, &tensor)?;
        self.reduce_over(reduction, &tensor, &axes, call.span)
    }

    pub(crate) fn bracket_expressions<'c>(
        &mut self,
        call: &BuiltinCall<'c>,
        count: usize,
    ) -> Option<Vec<&'c Expression>> {
        let values: Vec<&Expression> = call
            .brackets
            .iter()
            .filter_map(|argument| match argument {
                BracketArgument::Value(value) => Some(value),
                _ => None,
            })
            .collect();
        if values.len() == call.brackets.len()
            && (values.len() == count || (count == 0 && !values.is_empty()))
        {
            return Some(values);
        }
        self.usage(call, "takes its new axes and counts in brackets");
        None
    }

    pub(crate) fn bracket_axis(&mut self, name: &str, expression: &Expression) -> Option<AxisKey> {
        let key: SizeKey = self.size_entry(name, expression)?;
        Some(self.axes.axis_of(key))
    }

    fn largest_mask(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let counts = self.bracket_expressions(call, 1)?;
        let count = self.size_expression(counts.first()?)?;
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let axis = self.one_axis(call, &tensor)?;
        self.expect_free(axis, &tensor.axes, call.span, "chosen from")?;
        let tensor = self.chosen_last(&tensor, axis, ReduceKind::Maximum, call.span)?;
        let node = self.here(&tensor);
        let node = self.spread(node, axis, call.span)?;
        let operation = Operation::LargestMask { count, axis: self.id(axis) };
        let node = self.add(operation, &[node], call.span)?;
        let mask = self.tensor(node, Element::Bool, tensor.axes, tensor.bound);
        match self.presence(axis, &mask.axes, &mask.bound) {
            Some(present) => self.map(ScalarFunction::And, &[&mask, &present], call.span),
            None => Some(mask),
        }
    }

    fn along(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let axis = self.one_axis(call, &tensor)?;
        let tensor = match call.builtin.rule {
            Rule::ArgMax => self.chosen_last(&tensor, axis, ReduceKind::Maximum, call.span)?,
            Rule::Sort => self.chosen_last(&tensor, axis, ReduceKind::Minimum, call.span)?,
            _ => self.only_present(&tensor, &[axis], ReduceKind::Sum, call.span)?,
        };
        self.expect_free(axis, &tensor.axes, call.span, "gone along")?;
        let node = self.here(&tensor);
        let node = self.spread(node, axis, call.span)?;
        let axis_id = self.id(axis);
        let operation = match call.builtin.rule {
            Rule::ArgMax => Operation::ArgMax { axis: axis_id },
            Rule::Sort => Operation::Sort { axis: axis_id },
            _ => Operation::CumulativeSum { axis: axis_id },
        };
        let ends = matches!(operation, Operation::ArgMax { .. });
        let node = self.add(operation, &[node], call.span)?;
        let axes = tensor.axes.iter().copied().filter(|own| !ends || *own != axis).collect();
        let element = self.element_of(node);
        Some(self.tensor(node, element, axes, tensor.bound))
    }

    fn scatter_add(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let into = self.bracket_expressions(call, 1)?;
        let into = self.bracket_axis("scattered", into.first()?)?;
        let [updates, index] = self.operands::<2>(call)?;
        let updates = self.materialize(&updates.value, None, updates.span)?;
        let index_span = index.span;
        let index = self.materialize(&index.value, None, index_span)?;
        if !index.element.is_integer() {
            self.no_index(&Value::Tensor(index), index_span);
            return None;
        }
        let (axes, bound) = self.union(&[&updates, &index], call.span)?;
        let mut over = Vec::new();
        for name in &call.actuals.over {
            let holder = if self.frame().size(&name.text).is_some() || !index.axes.is_empty() {
                &index
            } else {
                &updates
            };
            over.push(self.axis_named(name, Some(holder))?);
        }
        if over.is_empty() {
            over = index.axes.clone();
        }
        for axis in &over {
            self.expect_even(*axis, &axes, call.span, "scattered")?;
        }
        let mut ids = self.ids(&over);
        ids.sort();
        let operation = Operation::ScatterAdd { over: ids, into: self.id(into) };
        let nodes = [self.here(&updates), self.here(&index)];
        let node = self.add(operation, &nodes, call.span)?;
        let rest = axes.into_iter().filter(|axis| !over.contains(axis));
        let axes: Vec<AxisKey> = [into].into_iter().chain(rest).collect();
        Some(self.tensor(node, updates.element, axes, bound))
    }

    /// Numbers drawn by key and place.
    fn random(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let given = call.actuals.positional.len();
        let (key, like) = if given == 2 {
            let [key, like] = self.operands::<2>(call)?;
            (key, Some(self.materialize(&like.value, None, like.span)?))
        } else {
            let [key] = self.operands::<1>(call)?;
            (key, None)
        };
        let key_span = key.span;
        let key = self.materialize(&key.value, Some(Element::I64), key_span)?;
        if !key.element.is_integer() {
            let mistake = Diagnostic::error("E0202", key_span, "a key is a whole number")
                .label(format!("this is {}", self.show(&key)))
                .hint("give a seed: an input of type i64, or a number");
            self.error(mistake);
            return None;
        }
        let mut axes: Vec<AxisKey> = like.iter().flat_map(|like| like.axes.iter().copied()).collect();
        for name in &call.actuals.over {
            axes.push(self.axis_named(name, None)?);
        }
        let bound = like.map(|like| like.bound).unwrap_or_default();
        self.drawn(&key, &axes, &bound, call.span)
    }

    /// Entries replaced where an index says.
    fn scatter(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let axis = self.bracket_expressions(call, 1)?;
        let [base, updates, index] = self.operands::<3>(call)?;
        let base = self.materialize(&base.value, None, base.span)?;
        let axis = self.axis_of_bracket(axis.first()?, &base)?;
        let updates_span = updates.span;
        let updates = self.materialize(&updates.value, Some(base.element), updates_span)?;
        let index_span = index.span;
        let index = self.materialize(&index.value, None, index_span)?;
        if !index.element.is_integer() {
            self.no_index(&Value::Tensor(index), index_span);
            return None;
        }
        if updates.element != base.element {
            self.elements_differ(updates_span, base.element, updates.element);
            return None;
        }
        let mut over: Vec<AxisKey> = Vec::new();
        for name in &call.actuals.over {
            let holder = if index.axes.is_empty() { &updates } else { &index };
            over.push(self.axis_named(name, Some(holder))?);
        }
        if over.is_empty() {
            over = index.axes.iter().copied().filter(|own| !base.axes.contains(own)).collect();
        }
        let (axes, bound) = self.union(&[&base, &updates, &index], call.span)?;
        for own in over.iter().chain([&axis]) {
            self.expect_even(*own, &axes, call.span, "scattered")?;
        }
        let twice = over.iter().copied().find(|own| base.axes.contains(own)).map(|own| (own, call.span));
        let along = |tensor: &Tensor, span| tensor.axes.contains(&axis).then_some((axis, span));
        let mistake = twice.or(along(&updates, updates_span)).or(along(&index, index_span));
        if let Some((wrong, span)) = mistake {
            let name = self.axes.name(wrong);
            let mistake = Diagnostic::error(
                "E0205",
                span,
                format!("the base and its updates both have the axis `{name}`"),
            )
            .label("the updates have an axis of their own where the index says which entry each replaces")
            .hint(format!("call the updates' axis otherwise: `x as [New = {name}]`"));
            self.error(mistake);
            return None;
        }
        let nodes = [self.here(&base), self.here(&updates), self.here(&index)];
        let whole = self.spread(nodes[0], axis, call.span)?;
        let operation = Operation::Scatter { over: self.ids(&over), axis: self.id(axis) };
        let node = self.add(operation, &[whole, nodes[1], nodes[2]], call.span)?;
        let axes = axes.into_iter().filter(|own| !over.contains(own)).collect();
        Some(self.tensor(node, base.element, axes, bound))
    }

    /// The axis of a tensor that a bracket names.
    fn axis_of_bracket(&mut self, expression: &Expression, tensor: &Tensor) -> Option<AxisKey> {
        if let moe_grammar::tree::ExpressionKind::Path(path) = &expression.kind {
            if let [name] = path.as_slice() {
                return self.axis_named(name, Some(tensor));
            }
        }
        let mistake = Diagnostic::error("E0201", expression.span, "an axis is named here")
            .label(format!("expected an axis of {}", self.show(tensor)));
        self.error(mistake);
        None
    }

    fn size_of_axes(&self, axes: &[AxisKey]) -> Size {
        axes.iter().fold(Size::constant(1), |product, axis| product.multiply(&self.axes.axis_size(*axis)))
    }

    fn sizes_fit(&mut self, found: &Size, wanted: &Size, span: Span) -> Option<()> {
        if self.sizes_agree(found, wanted) {
            return Some(());
        }
        let mistake = Diagnostic::error("E0206", span, format!("{found} entries do not become {wanted}"))
            .label("the sizes do not agree");
        self.error(mistake);
        None
    }

    fn merge(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let into = self.bracket_expressions(call, 1)?;
        let into = self.bracket_axis("merged", into.first()?)?;
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let from = self.over_axes(call, &tensor)?;
        for axis in &from {
            self.expect_even(*axis, &tensor.axes, call.span, "merged")?;
        }
        self.sizes_fit(&self.size_of_axes(&from), &self.axes.axis_size(into), call.span)?;
        let mut node = self.here(&tensor);
        for axis in &from {
            node = self.spread(node, *axis, call.span)?;
        }
        let operation = Operation::Merge { from: self.ids(&from), into: self.id(into) };
        let node = self.add(operation, &[node], call.span)?;
        let mut axes = Vec::new();
        for axis in &tensor.axes {
            if from.first() == Some(axis) {
                axes.push(into);
            } else if !from.contains(axis) {
                axes.push(*axis);
            }
        }
        Some(self.tensor(node, tensor.element, axes, tensor.bound))
    }

    fn split(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let names = self.bracket_expressions(call, 0)?;
        let into: Option<Vec<AxisKey>> = names.iter().map(|name| self.bracket_axis("split", name)).collect();
        let into = into?;
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let from = self.one_axis(call, &tensor)?;
        self.expect_even(from, &tensor.axes, call.span, "split")?;
        self.sizes_fit(&self.axes.axis_size(from), &self.size_of_axes(&into), call.span)?;
        let node = self.here(&tensor);
        let node = self.spread(node, from, call.span)?;
        let operation = Operation::Split { from: self.id(from), into: self.ids(&into) };
        let node = self.add(operation, &[node], call.span)?;
        let mut axes = Vec::new();
        for axis in &tensor.axes {
            if *axis == from {
                axes.extend_from_slice(&into);
            } else {
                axes.push(*axis);
            }
        }
        Some(self.tensor(node, tensor.element, axes, tensor.bound))
    }

    fn concatenate(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let into = self.bracket_expressions(call, 1)?;
        let into = self.bracket_axis("concatenated", into.first()?)?;
        let (mut tensors, mut from) = (Vec::new(), Vec::new());
        for (place, actual) in call.actuals.positional.iter().enumerate() {
            let tensor = self.materialize(&actual.value, None, actual.span)?;
            let name = call.actuals.over.get(place).or(call.actuals.over.first()).cloned();
            let axis = match name {
                Some(name) => self.axis_named(&name, Some(&tensor)),
                None => self.last_axis(&tensor),
            };
            let Some(axis) = axis else {
                self.usage(call, "needs an axis of each operand");
                return None;
            };
            self.expect_even(axis, &tensor.axes, call.span, "put after others")?;
            from.push(axis);
            tensors.push(tensor);
        }
        let first = tensors.first()?.clone();
        if let Some(other) = tensors.iter().find(|tensor| tensor.element != first.element) {
            self.elements_differ(call.span, first.element, other.element);
            return None;
        }
        let total = from.iter().fold(Size::constant(0), |sum, axis| sum.add(&self.axes.axis_size(*axis)));
        self.sizes_fit(&total, &self.axes.axis_size(into), call.span)?;
        let (mut axes, mut bound, mut nodes) = (Vec::new(), BTreeSet::new(), Vec::new());
        for (tensor, own) in tensors.iter().zip(&from) {
            bound.extend(tensor.bound.iter().copied());
            let renamed: Vec<AxisKey> =
                tensor.axes.iter().map(|axis| if axis == own { into } else { *axis }).collect();
            axes = crate::reductions::merged(&axes, &renamed);
            let node = self.here(tensor);
            nodes.push(self.spread(node, *own, call.span)?);
        }
        let operation = Operation::Concatenate { from: self.ids(&from), into: self.id(into) };
        let node = self.add(operation, &nodes, call.span)?;
        Some(self.tensor(node, first.element, axes, bound))
    }

    fn close(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let span = call.span;
        let [x, y, tolerance] = self.operands::<3>(call)?;
        let (x, mut y) = self.both(&x.value, &y.value, span)?;
        if x.axes != y.axes {
            y = self.renamed_by_place(y, &x.axes, span)?;
        }
        // Compared as `f64`, so that any numbers can be, and equal infinities are close.
        let (x, y) = (self.cast(&x, Element::F64, span)?, self.cast(&y, Element::F64, span)?);
        let tolerance = self.materialize(&tolerance.value, Some(Element::F64), tolerance.span)?;
        let tolerance = self.cast(&tolerance, Element::F64, span)?;
        let difference = self.map(ScalarFunction::Subtract, &[&x, &y], span)?;
        let difference = self.map(ScalarFunction::Absolute, &[&difference], span)?;
        let size = self.map(ScalarFunction::Absolute, &[&y], span)?;
        let one = self.constant(Scalar::f64(1.0), span)?;
        let scale = self.map(ScalarFunction::Maximum, &[&size, &one], span)?;
        let allowed = self.map(ScalarFunction::Multiply, &[&tolerance, &scale], span)?;
        let near = self.map(ScalarFunction::LessEqual, &[&difference, &allowed], span)?;
        let equal = self.map(ScalarFunction::Equal, &[&x, &y], span)?;
        let either = self.map(ScalarFunction::Or, &[&near, &equal], span)?;
        self.reduce(ReduceKind::All, &either.axes.clone(), &either, span)
    }

    fn axis_call(&mut self, builtin: &'static Builtin, arguments: &[Argument], span: Span) -> Value {
        let [Argument::Value(argument)] = arguments else {
            let mistake =
                Diagnostic::error("E0209", span, format!("`{}` takes the name of an axis", builtin.name))
                    .hint(format!("write {}", builtin.usage));
            self.error(mistake);
            return Value::Poison;
        };
        let Some(key) = self.named_size(argument) else {
            let mistake = Diagnostic::error("E0203", argument.span, "this is no axis")
                .label("expected the name of an axis")
                .hint("give the name of a static parameter, or of an axis of a parameter");
            self.error(mistake);
            return Value::Poison;
        };
        if builtin.rule == Rule::SizeOf {
            return self.size_of_name(key);
        }
        let axis = self.axes.axis_of(key);
        if builtin.rule == Rule::Present {
            return self.present(axis);
        }
        let id = self.id(axis);
        match self.add(Operation::Coordinate(id), &[], span) {
            Some(node) => Value::Tensor(self.tensor(node, Element::I64, vec![axis], BTreeSet::new())),
            None => Value::Poison,
        }
    }

    fn size_function(&mut self, builtin: &'static Builtin, arguments: &[Argument], span: Span) -> Value {
        let sizes: Option<Vec<Size>> = arguments
            .iter()
            .map(|argument| match argument {
                Argument::Value(value) => self.size_expression(value),
                _ => None,
            })
            .collect();
        let size = match (builtin.name, sizes.as_deref()) {
            ("ceil_div", Some([a, b])) => a.ceiling_divide(b),
            ("round_up", Some([a, b])) => a.round_up(b),
            _ => None,
        };
        size.map_or_else(
            || {
                let mistake = Diagnostic::error("E0209", span, format!("`{}` takes two sizes", builtin.name))
                    .hint(format!("write {}", builtin.usage));
                self.error(mistake);
                Value::Poison
            },
            Value::Size,
        )
    }

    fn expect_builtin(
        &mut self,
        builtin: &'static Builtin,
        arguments: &[Argument],
        span: Span,
    ) -> Option<Tensor> {
        let [Argument::Value(value), Argument::Bound(count, names, _)] = arguments else {
            let mistake = Diagnostic::error("E0209", span, "`expect` takes a value and a bound")
                .label(builtin.summary)
                .hint(format!("write {}", builtin.usage));
            self.error(mistake);
            return None;
        };
        let tensor = self.tensor_expression(value, None)?;
        let axes: Option<Vec<AxisKey>> =
            names.iter().map(|name| self.axis_named(name, Some(&tensor))).collect();
        let count = self.size_expression(count)?;
        self.expect_call(&Value::Tensor(tensor), &count, &axes?, span)
    }
}

/// What `where` chooses by a condition that is known now: the tensor on one side, if a number stands on the other.
fn chosen_now(condition: &Value, then: &Value, other: &Value) -> Option<Value> {
    match (condition, then, other) {
        (Value::Bool(true), Value::Tensor(_), Value::Number(_)) => Some(then.clone()),
        (Value::Bool(false), Value::Number(_), Value::Tensor(_)) => Some(other.clone()),
        _ => None,
    }
}
