//! Bounds: proven from what is known of a value, or verified while running.

use crate::axes::AxisKey;
use crate::elaborator::Elaborator;
use crate::types::Shape;
use crate::value::{Static, Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::ExpressionKind;
use moe_grammar::Span;
use moe_graph::{AxisId, Builder, NodeId, Operation, Scalar, ScalarFunction, Size};
use std::collections::BTreeSet;

/// A bound that a value is held against.
struct Claim<'c> {
    axes: &'c [AxisKey],
    count: Size,
    background: Scalar,
    span: Span,
    what: &'c str,
}

impl Elaborator<'_> {
    /// Checks the bounds of a type; the tensor's axes end with those of the type's entries.
    pub fn assert_bounds(&mut self, tensor: &Tensor, shape: &Shape, what: &str) -> Option<()> {
        if shape.bounds.is_empty() {
            return Some(());
        }
        let background = self.background(shape)?;
        let first = tensor.axes.len().checked_sub(shape.entries.len())?;
        let own: Vec<AxisKey> = tensor.axes.iter().skip(first).copied().collect();
        let mut fine = Some(());
        for bound in &shape.bounds {
            let axes: Vec<AxisKey> =
                bound.entries.iter().filter_map(|place| own.get(*place)).copied().collect();
            let Some(count) = self.bound_count(tensor, bound.count, &axes) else {
                fine = None;
                continue;
            };
            let claim = Claim { axes: &axes, count, background, span: bound.span, what };
            fine = fine.and(self.prove(tensor, &claim));
        }
        fine
    }

    /// The count of a bound. A static parameter that is still open takes the bound that is known.
    fn bound_count(
        &mut self,
        tensor: &Tensor,
        count: &moe_grammar::tree::Expression,
        axes: &[AxisKey],
    ) -> Option<Size> {
        if let ExpressionKind::Path(path) = &count.kind {
            if let [name] = path.as_slice() {
                if self.open_static(&name.text) {
                    let known = self.degree(tensor, axes).unwrap_or_else(|| self.size_of(axes));
                    let key = self.axes.size(&name.text, known.clone(), count.span);
                    self.bind_static(&name.text, Static::Size(key));
                    return Some(known);
                }
            }
        }
        self.size_expression(count)
    }

    fn size_of(&self, axes: &[AxisKey]) -> Size {
        axes.iter().fold(Size::constant(1), |product, axis| product.multiply(&self.axes.axis_size(*axis)))
    }

    /// The degree over axes that is known of a tensor.
    fn degree(&self, tensor: &Tensor, axes: &[AxisKey]) -> Option<Size> {
        let level = self.levels.get(tensor.level)?;
        let fact = level.builder.fact(tensor.node)?;
        let ids: Option<BTreeSet<AxisId>> = axes.iter().map(|axis| level.known_axis(*axis)).collect();
        let function = level.builder.function();
        Some(fact.support.degree(&ids?, &|axis| function.size(axis)))
    }

    fn prove(&mut self, tensor: &Tensor, claim: &Claim) -> Option<()> {
        if self.size_of(claim.axes).at_most(&claim.count) {
            return Some(());
        }
        let level = self.levels.get(tensor.level)?;
        let ids: Option<BTreeSet<AxisId>> = claim.axes.iter().map(|axis| level.known_axis(*axis)).collect();
        let proven = ids.as_ref().is_some_and(|ids| holds(&level.builder, tensor.node, ids, claim));
        if proven {
            return Some(());
        }
        let names: Vec<String> = claim.axes.iter().map(|axis| self.axes.name(*axis)).collect();
        let over = if names.len() == 1 { names.join("") } else { format!("({})", names.join(", ")) };
        let fact = level.builder.fact(tensor.node);
        let other =
            fact.map(|fact| fact.background).filter(|background| !same(*background, claim.background));
        let (wanted, bound) = (shown(claim.background), format!("{} of {over}", claim.count));
        let known = match (fact, other, self.degree(tensor, claim.axes)) {
            (_, Some(other), _) => format!("off its support it is {} and not {wanted}", shown(other)),
            (Some(_), None, Some(degree)) => format!("at most {degree} of {over} can be proven"),
            _ => format!("nothing is known of where it is {wanted}"),
        };
        let lost = ids.as_ref().and_then(|ids| lost_at(&level.builder, tensor.node, ids, claim));
        let message = format!("{} is declared {bound}, which cannot be proven", claim.what);
        let mut mistake = Diagnostic::error("E0301", claim.span, message).label(known);
        mistake = match (other, lost.filter(|(span, _)| *span != claim.span)) {
            (Some(other), None) if other.element() == claim.background.element() => {
                mistake.hint(format!("say what it holds elsewhere: `{bound} else {}`", shown(other)))
            }
            (_, Some((span, name))) => mistake.also(span, format!("the bound is lost here, in `{name}`")),
            _ => mistake,
        };
        let mistake = mistake
            .note("a bound is proven from how the value is computed,")
            .note(format!(
                "or made by an operation, such as `keep_largest[{}](…)` or `where(mask, x, {wanted})`,",
                claim.count
            ))
            .note(format!("or claimed and verified while running: `expect(x, {bound})`"));
        self.error(mistake);
        None
    }

    /// A tensor that comes from outside, with the bounds of its type verified while running.
    pub fn verified(&mut self, tensor: Tensor, shape: &Shape) -> Option<Tensor> {
        let background = if shape.bounds.is_empty() { None } else { Some(self.background(shape)?) };
        let mut tensor = tensor;
        for bound in &shape.bounds {
            let first = tensor.axes.len().checked_sub(shape.entries.len())?;
            let axes: Vec<AxisKey> =
                bound.entries.iter().filter_map(|place| tensor.axes.get(first + place)).copied().collect();
            let count = self.size_expression(bound.count)?;
            tensor = self.expected(&tensor, &axes, &count, background?, bound.span)?;
        }
        Some(tensor)
    }

    /// A tensor with a claim that is verified while running: at most so many entries over `axes` differ from the background.
    pub fn expected(
        &mut self,
        tensor: &Tensor,
        axes: &[AxisKey],
        count: &Size,
        background: Scalar,
        span: Span,
    ) -> Option<Tensor> {
        let constant = self.constant(background, span)?;
        let mask = self.map(ScalarFunction::NotEqual, &[tensor, &constant], span)?;
        let mut node = self.here(&mask);
        for axis in axes {
            node = self.spread(node, *axis, span)?;
        }
        let mut ids = self.ids(axes);
        ids.sort();
        let node = self.add(Operation::Expect { count: count.clone(), axes: ids }, &[node], span)?;
        let mask = Tensor { node, ..mask };
        let made = self.map(ScalarFunction::Select, &[&mask, tensor, &constant], span)?;
        Some(Tensor { axes: tensor.axes.clone(), ..made })
    }

    /// The built-in `expect(x, K of E)`.
    pub fn expect_call(
        &mut self,
        value: &Value,
        count: &Size,
        axes: &[AxisKey],
        span: Span,
    ) -> Option<Tensor> {
        let tensor = self.materialize(value, None, span)?;
        let known = self.levels.get(tensor.level).and_then(|level| level.builder.fact(tensor.node));
        let background = known.map_or(Scalar::zero(tensor.element), |fact| fact.background);
        self.expected(&tensor, axes, count, background, span)
    }
}

fn same(left: Scalar, right: Scalar) -> bool {
    left == right || (left.is_zero() && right.is_zero() && left.element() == right.element())
}

fn shown(value: Scalar) -> String {
    if value.is_zero() && value.element().is_float() {
        "0".to_owned()
    } else {
        value.to_string()
    }
}

fn holds(builder: &Builder, node: NodeId, axes: &BTreeSet<AxisId>, claim: &Claim) -> bool {
    let function = builder.function();
    builder.fact(node).is_some_and(|fact| {
        same(fact.background, claim.background)
            && fact.support.is_within(axes, &claim.count, &|axis| function.size(axis))
    })
}

/// Where a bound disappeared: the first operation, walking back, of which an operand still has it.
fn lost_at(
    builder: &Builder,
    node: NodeId,
    axes: &BTreeSet<AxisId>,
    claim: &Claim,
) -> Option<(Span, &'static str)> {
    let function = builder.function();
    let bounded = |id: NodeId| {
        builder.fact(id).is_some_and(|fact| {
            !fact.support.is_empty()
                && fact.support.is_within(axes, &claim.count, &|axis| function.size(axis))
        })
    };
    if bounded(node) {
        return None;
    }
    let mut waiting = vec![node];
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = function.node(id)?;
        if node.operands.iter().any(|operand| bounded(*operand)) {
            return Some((node.span?, node.operation.name()));
        }
        waiting.extend(node.operands.iter().rev());
    }
    None
}
