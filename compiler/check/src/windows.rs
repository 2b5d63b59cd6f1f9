//! Calls of `pad` and `window`, which show an axis with more beside it.

use crate::arguments::Actual;
use crate::builtin_calls::BuiltinCall;
use crate::elaborator::Elaborator;
use crate::value::{Number, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_graph::{Element, Operation, Scalar, Size};

impl Elaborator<'_> {
    pub(crate) fn pad(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let into = self.bracket_expressions(call, 1)?;
        let into = self.bracket_axis("padded", into.first()?)?;
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let from = self.one_axis(call, &tensor)?;
        self.expect_even(from, &tensor.axes, call.span, "padded")?;
        let before = self.size_argument(call, "before", 0)?;
        let value = self.value_beside(call, tensor.element)?;
        let node = self.here(&tensor);
        let node = self.spread(node, from, call.span)?;
        let operation = Operation::Pad { from: self.id(from), into: self.id(into), before, value };
        let node = self.add(operation, &[node], call.span)?;
        let axes = tensor.axes.iter().map(|axis| if *axis == from { into } else { *axis }).collect();
        Some(self.tensor(node, tensor.element, axes, tensor.bound))
    }

    pub(crate) fn window(&mut self, call: &BuiltinCall) -> Option<Tensor> {
        let into = self.bracket_expressions(call, 2)?;
        let places = self.bracket_axis("places", into.first()?)?;
        let taps = self.bracket_axis("taps", into.last()?)?;
        let [x] = self.operands::<1>(call)?;
        let tensor = self.materialize(&x.value, None, x.span)?;
        let from = self.one_axis(call, &tensor)?;
        let stride = self.step_argument(call, "stride")?;
        let dilation = self.step_argument(call, "dilation")?;
        let before = self.size_argument(call, "before", 0)?;
        let value = self.value_beside(call, tensor.element)?;
        self.expect_free(from, &tensor.axes, call.span, "shown in windows")?;
        let is_ragged = self.axes.ragged(from).or(self.axes.ragged(places)).is_some();
        let shown = if is_ragged { self.places_like(from, places, &stride, call.span)? } else { places };
        let tensor = self.where_present(&tensor, &[from], value, call.span)?;
        let node = self.here(&tensor);
        let node = self.spread(node, from, call.span)?;
        let [from_id, places_id, taps_id] = [from, shown, taps].map(|axis| self.id(axis));
        let operation = Operation::Window {
            from: from_id,
            places: places_id,
            taps: taps_id,
            stride,
            dilation,
            before,
            value,
        };
        let node = self.add(operation, &[node], call.span)?;
        let mut axes = Vec::new();
        for axis in &tensor.axes {
            if *axis == from {
                axes.extend([shown, taps]);
            } else {
                axes.push(*axis);
            }
        }
        let windows = self.tensor(node, tensor.element, axes, tensor.bound);
        if shown == places {
            Some(windows)
        } else {
            self.rename(&windows, shown, places, call.span)
        }
    }

    fn named_argument(call: &BuiltinCall, name: &str) -> Option<Actual> {
        call.actuals.named.iter().find(|(own, _)| own.text == name).map(|(_, actual)| actual.clone())
    }

    fn size_argument(&mut self, call: &BuiltinCall, name: &str, default: i64) -> Option<Size> {
        match Self::named_argument(call, name).map(|actual| actual.value) {
            None => Some(Size::constant(default)),
            Some(Value::Size(size)) => Some(size),
            Some(Value::Number(Number { integer: Some(value), .. })) => {
                i64::try_from(value).ok().map(Size::constant)
            }
            Some(_) => {
                self.usage(call, &format!("takes a size as `{name}`"));
                None
            }
        }
    }

    /// A size that is at least 1.
    fn step_argument(&mut self, call: &BuiltinCall, name: &str) -> Option<Size> {
        let step = self.size_argument(call, name, 1)?;
        if step.as_constant().is_none_or(|step| step >= 1) {
            return Some(step);
        }
        let span = Self::named_argument(call, name).map_or(call.span, |actual| actual.span);
        let mistake =
            Diagnostic::error("E0206", span, format!("`{name}` is {step}, and has to be at least 1"))
                .label("this is no step forward");
        self.error(mistake);
        None
    }

    fn value_beside(&mut self, call: &BuiltinCall, element: Element) -> Option<Scalar> {
        match Self::named_argument(call, "value") {
            None => Some(Scalar::zero(element)),
            Some(Actual { value: Value::Number(number), span }) => self.number(number, element, span),
            Some(_) => {
                self.usage(call, "takes a number as `value`");
                None
            }
        }
    }
}
