//! `observe`: values that are there for whoever asks, also from inside loops.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::levels::{Loop, Observed};
use moe_grammar::tree::{Expression, Name};
use moe_graph::OutputKind;

impl Elaborator<'_> {
    /// `observe load = e`
    pub fn observe_statement(&mut self, name: &Name, value: &Expression) {
        let declared = self.declare(name);
        let Some(mut tensor) = self.tensor_expression(value, None) else { return };
        if !declared {
            return;
        }
        // What rounds give out is stacked along the loop's axis, so that axis must not be among its own.
        for level in 1..=self.levels.current() {
            let Some(Loop::Repeat(axis)) = self.levels.get(level).and_then(|level| level.kind) else {
                continue;
            };
            if tensor.axes.contains(&axis) {
                let other = self.axes.axis(&self.axes.name(axis), self.axes.axis_size(axis), name.span);
                let Some(renamed) = self.rename(&tensor, axis, other, name.span) else { return };
                tensor = renamed;
            }
        }
        let name = self.frame().dotted(&name.text);
        let axes: Vec<AxisKey> = tensor.bound.iter().chain(&tensor.axes).copied().collect();
        self.observed(Observed { name, tensor, axes });
    }

    /// Notes an observed value, the first of its name.
    pub fn observed(&mut self, observed: Observed) {
        let current = self.levels.current();
        if current == 0 {
            let function = self.levels.get(0).map(|level| level.builder.function());
            let known = |output: &moe_graph::Output| {
                output.kind == OutputKind::Observed && output.name == observed.name
            };
            if !function.is_some_and(|function| function.outputs.iter().any(known)) {
                self.entry_output(&observed.name, &observed.tensor, &observed.axes, OutputKind::Observed);
            }
        } else if let Some(level) = self.levels.get_mut(current) {
            if level.observed.iter().all(|known| known.name != observed.name) {
                level.observed.push(observed);
            }
        }
    }
}
