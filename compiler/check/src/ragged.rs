//! Ragged axes: `T[B]`, an axis whose size depends on where one is along another.
//!
//! A value over `[B, T[B], D]` is the dense value over `[B, T, D]`, where `T` is as long as the longest, of which only the entries before the
//! length at `B` are there. At a model's edge it lies as packed rows, and an input named after the axis says where the rows of each entry of `B`
//! begin; inside it is those rows unpacked, so that packing has nothing new to learn. Reductions go over the entries that are there.

use crate::axes::{AxisKey, SizeKey};
use crate::elaborator::Elaborator;
use crate::types::{Entry, Shape};
use crate::value::{Tensor, Value};
use moe_diagnostics::Diagnostic;
use moe_grammar::tree::{Definition, Parameter};
use moe_grammar::Span;
use moe_graph::{
    AxisId, Element, NodeId, Offsets, Operation, ParameterKind, ReduceKind, Scalar, ScalarFunction, Size,
};
use std::collections::BTreeSet;

/// What is known of a ragged axis. The nodes are the entry's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ragged {
    /// The axis that its size depends on.
    pub over: AxisKey,
    /// The rows: all entries that are there, one stretch after the other.
    pub rows: AxisKey,
    /// Which entries are there: `bool` over both axes.
    pub mask: NodeId,
    /// How many are there: `i64` over the other axis.
    pub lengths: NodeId,
    /// The axis of the type that this is a copy of, by another name.
    pub origin: AxisKey,
}

impl Ragged {
    /// How many entries are there, for each entry of the other axis.
    fn lengths(&self) -> Tensor {
        Tensor::of_entry(self.lengths, Element::I64, vec![self.over])
    }

    /// Which entries are there of `axis`, of which this is known.
    fn mask(&self, axis: AxisKey) -> Tensor {
        Tensor::of_entry(self.mask, Element::Bool, vec![self.over, axis])
    }
}

impl Elaborator<'_> {
    /// Checks that an axis that a type writes as `T[B]` is ragged along that axis.
    pub fn expect_ragged(&mut self, axis: AxisKey, over: AxisKey, span: Span) -> Option<()> {
        let found = self.axes.ragged(axis).map(|ragged| ragged.over);
        if found == Some(over) {
            return Some(());
        }
        let (name, wanted) = (self.axes.name(axis), self.axes.name(over));
        let message = match found {
            Some(found) => {
                format!("the size of `{name}` depends on `{}` and not on `{wanted}`", self.axes.name(found))
            }
            None => format!("`{name}` has one size, which does not depend on `{wanted}`"),
        };
        let mistake = Diagnostic::error("E0220", span, message)
            .label("written as an axis of many sizes")
            .hint(format!("write `{name}`: that stands for axes of either kind"));
        self.error_of_axes(mistake, &[axis]);
        None
    }

    /// A parameter of the entry with a ragged axis: packed rows, and offsets if these are the first rows of the axis.
    pub fn ragged_parameter(
        &mut self,
        definition: &Definition,
        parameter: &Parameter,
        element: Element,
        axes: &[AxisKey],
        (axis, over): (AxisKey, AxisKey),
    ) -> Option<NodeId> {
        let (name, span) = (&parameter.name.text, parameter.name.span);
        let known = self.axes.ragged(axis);
        let rows = known.map(|ragged| ragged.rows).unwrap_or_else(|| {
            let name = format!("{}.rows", self.axes.name(axis));
            self.axes.packed_axis(&name, Size::symbol(&name), self.axes.origin(axis))
        });
        let packed = at_the_edge(axes, axis, over, rows);
        let values = self.entry_parameter(name, ParameterKind::Input, element, &packed, span)?;
        let ragged = match known {
            Some(ragged) => ragged,
            None => self.offsets(definition, axis, over, rows)?,
        };
        let operation = Operation::Unpack { from: self.id(rows), background: Scalar::zero(element) };
        self.add(operation, &[ragged.mask, values], span)
    }

    /// The ragged axis of a type, if it has one, and the axis that it is written to depend on.
    pub fn written_ragged(&mut self, shape: &Shape, axes: &[AxisKey]) -> Option<Option<(AxisKey, AxisKey)>> {
        let first = axes.len().checked_sub(shape.entries.len())?;
        let mut found = None;
        for (entry, axis) in shape.entries.iter().zip(axes.iter().skip(first)) {
            let Entry::Named { over, span, .. } = entry else { continue };
            let known = self.axes.ragged(*axis).map(|ragged| ragged.over);
            let over = match (known, over) {
                (Some(known), _) => known,
                (None, Some(name)) => self.axis_named(name, None)?,
                (None, None) => continue,
            };
            self.expect_only(&mut found, (*axis, over), axes, *span)?;
        }
        Some(found)
    }

    /// Notes a ragged axis of a value, and the axis that its size depends on. Checks that it is the only one.
    fn expect_only(
        &mut self,
        found: &mut Option<(AxisKey, AxisKey)>,
        (axis, over): (AxisKey, AxisKey),
        axes: &[AxisKey],
        span: Span,
    ) -> Option<()> {
        if found.replace((axis, over)).is_some() {
            self.not_yet(span, "values with two axes whose size depends on others");
            return None;
        }
        self.beside_its_own(axis, over, axes, span)
    }

    /// Checks that a type with a ragged axis has the axis that its size depends on, which has one size itself.
    fn beside_its_own(&mut self, axis: AxisKey, over: AxisKey, axes: &[AxisKey], span: Span) -> Option<()> {
        if self.axes.ragged(over).is_some() {
            self.not_yet(span, "axes whose size depends on an axis of many sizes");
            return None;
        }
        if axes.contains(&over) && axis != over {
            return Some(());
        }
        let (name, own) = (self.axes.name(axis), self.axes.name(over));
        let mistake = Diagnostic::error(
            "E0220",
            span,
            format!("`{name}` has a size for each entry of `{own}`, and none without it"),
        )
        .label(format!("`{own}` is no axis of this"))
        .hint(format!("sum over `{name}` first, or over both"));
        self.error_of_axes(mistake, &[axis]);
        None
    }

    /// The input that says where the rows of each entry begin; from it the lengths, and which entries are there.
    fn offsets(
        &mut self,
        definition: &Definition,
        axis: AxisKey,
        over: AxisKey,
        rows: AxisKey,
    ) -> Option<Ragged> {
        let (name, span) = (self.axes.name(axis), self.axes.origin(axis));
        if let Some(other) = definition.parameters.iter().find(|own| own.name.text == name) {
            let mistake = crate::names::duplicate(&other.name, span)
                .hint(format!("the offsets of the axis `{name}` are an input by this name"));
            self.error(mistake);
            return None;
        }
        let count = self.axes.axis_size(over);
        let ends = self.axes.axis(&format!("{name}.offsets"), count.add(&Size::constant(1)), span);
        let parameter = self.levels.get(0)?.builder.function().parameters.len() as u32;
        let offsets = self.entry_parameter(&name, ParameterKind::Input, Element::I64, &[ends], span)?;
        let total = self.axes.axis_size(rows);
        self.offsets.push(Offsets { parameter, rows: total.clone(), longest: name });
        let (from, into) = (self.id(ends), self.id(over));
        let slice = |start| Operation::Slice { from, into, start: Size::constant(start) };
        let begin = self.add(slice(0), &[offsets], span)?;
        let end = self.add(slice(1), &[offsets], span)?;
        let lengths = self.build(span, |b| b.map(ScalarFunction::Subtract, &[end, begin]))?;
        let place = Operation::Coordinate(self.id(axis));
        let place = self.add(place, &[], span)?;
        // The axis of the stretches comes first, so that rows lie one stretch after the other.
        let mask = self.build(span, |b| b.map(ScalarFunction::Greater, &[lengths, place]))?;
        let mut both: Vec<AxisId> = self.ids(&[over, axis]);
        both.sort();
        let mask = self.add(Operation::Expect { count: total, axes: both }, &[mask], span)?;
        let ragged = Ragged { over, rows, mask, lengths, origin: axis };
        self.axes.set_ragged(axis, ragged);
        Some(ragged)
    }

    /// A new axis like a given one: of the same size, or of the same sizes.
    pub fn axis_like(&mut self, name: &str, axis: AxisKey, origin: Span) -> Option<AxisKey> {
        let new = self.axes.axis(name, self.axes.axis_size(axis), origin);
        let Some(ragged) = self.axes.ragged(axis) else { return Some(new) };
        let own =
            self.axes.packed_axis(&self.axes.name(ragged.rows), self.axes.axis_size(ragged.rows), origin);
        let mask = self.at_entry(true, |this| {
            let operation = Operation::Rename { from: this.id(axis), to: this.id(new) };
            this.add(operation, &[ragged.mask], origin)
        })?;
        self.axes.set_ragged(new, Ragged { mask, rows: own, ..ragged });
        Some(new)
    }

    /// Checks that an axis may be called by the name of another: both have one size, or the same sizes.
    pub fn expect_alike(&mut self, from: AxisKey, to: AxisKey, axes: &[AxisKey], span: Span) -> Option<()> {
        let origin = |axis| self.axes.ragged(axis).map(|ragged| (ragged.origin, ragged.over));
        if origin(from) != origin(to) {
            let (name, other) = (self.axes.name(from), self.axes.name(to));
            let mistake = Diagnostic::error(
                "E0220",
                span,
                format!("`{name}` and `{other}` do not have the same sizes"),
            )
            .label("the size of one depends on another axis");
            self.error_of_axes(mistake, &[from, to]);
            return None;
        }
        self.expect_free(from, axes, span, "called otherwise")
    }

    /// Checks that no axis of a value has a size that depends on `axis`, which is about to go.
    pub fn expect_free(&mut self, axis: AxisKey, axes: &[AxisKey], span: Span, what: &str) -> Option<()> {
        let depends = |own: &&AxisKey| self.axes.ragged(**own).is_some_and(|ragged| ragged.over == axis);
        let Some(ragged) = axes.iter().find(depends).copied() else { return Some(()) };
        let (name, own) = (self.axes.name(axis), self.axes.name(ragged));
        let mistake = Diagnostic::error(
            "E0220",
            span,
            format!("the size of `{own}` depends on `{name}`, which is {what} here"),
        )
        .label(format!("`{own}` would have no size any more"))
        .hint(format!("sum over `{own}` first, or over both"));
        self.error_of_axes(mistake, &[ragged]);
        None
    }

    /// Checks that entries along an axis may be moved: it has one size, and no other axis of the value depends on it.
    pub fn expect_even(&mut self, axis: AxisKey, axes: &[AxisKey], span: Span, what: &str) -> Option<()> {
        if self.axes.ragged(axis).is_some() {
            let name = self.axes.name(axis);
            let mistake = Diagnostic::error("E0410", span, format!("axes whose size depends on others are not {what} so far"))
                .label(format!("`{name}` has a size for each entry of another axis"))
                .hint(format!(
                    "the entry `i` of each is `sum(where(coordinate({name}) == i, x, 0), over {name})`; elementwise work, reductions, `largest_mask`, `sort` and sums so far go along `{name}`"
                ));
            self.error_of_axes(mistake, &[axis]);
            return None;
        }
        self.expect_free(axis, axes, span, what)
    }

    /// Which entries of an axis are there, beside a value: taken at the indices at which the value is. `None` where all are.
    pub fn presence(&mut self, axis: AxisKey, axes: &[AxisKey], bound: &BTreeSet<AxisKey>) -> Option<Tensor> {
        Some(taken(self.axes.ragged(axis)?.mask(axis), axes, bound))
    }

    /// A value whose entries that are not there do not count in a reduction along `axes`.
    pub fn only_present(
        &mut self,
        tensor: &Tensor,
        axes: &[AxisKey],
        kind: ReduceKind,
        span: Span,
    ) -> Option<Tensor> {
        self.where_present(tensor, axes, kind.identity(tensor.element), span)
    }

    /// A value whose entries that are not there come after all others when entries are put in order: they are NaN, which comes last both where the largest
    /// and where the smallest come first, and follow those that are there and NaN too. Of whole numbers they are the identity of `kind`.
    pub fn chosen_last(
        &mut self,
        tensor: &Tensor,
        axis: AxisKey,
        kind: ReduceKind,
        span: Span,
    ) -> Option<Tensor> {
        let last = Scalar::float(tensor.element, f64::NAN).unwrap_or(kind.identity(tensor.element));
        self.where_present(tensor, &[axis], last, span)
    }

    /// A value with a number at entries of `axes` that are not there.
    pub fn where_present(
        &mut self,
        tensor: &Tensor,
        axes: &[AxisKey],
        otherwise: Scalar,
        span: Span,
    ) -> Option<Tensor> {
        let mut counted = tensor.clone();
        let gone: BTreeSet<AxisKey> = tensor.bound.iter().chain(axes).copied().collect();
        for axis in axes {
            let Some(mask) = self.presence(*axis, &tensor.axes, &gone) else { continue };
            if self.is_known_off(&counted, &mask, otherwise) {
                continue;
            }
            let otherwise = self.constant(otherwise, span)?;
            let chosen = self.map(ScalarFunction::Select, &[&mask, &counted, &otherwise], span)?;
            let axes = crate::reductions::merged(&counted.axes, &chosen.axes);
            counted = Tensor { axes, ..chosen };
        }
        Some(counted)
    }

    /// Checks that windows on an axis whose size depends on another have places of the same sizes. Gives the axis of the places in the graph, which is
    /// another one where both have one name.
    pub fn places_like(
        &mut self,
        from: AxisKey,
        places: AxisKey,
        stride: &Size,
        span: Span,
    ) -> Option<AxisKey> {
        if stride.as_constant() != Some(1) {
            self.not_yet(span, "windows that step over entries of an axis whose size depends on another");
            return None;
        }
        let origin = |axis| self.axes.ragged(axis).map(|ragged| (ragged.origin, ragged.over));
        if origin(from) != origin(places) {
            let (name, other) = (self.axes.name(from), self.axes.name(places));
            let mistake = Diagnostic::error(
                "E0220",
                span,
                format!(
                    "`{name}` has a size for each entry of another axis, and `{other}` has not these sizes"
                ),
            )
            .label(format!("as many places as `{name}` has entries"))
            .hint(format!("call the places `{name}` too, as in `window[{name}, W](x, over {name})`"));
            self.error_of_axes(mistake, &[from, places]);
            return None;
        }
        if from == places {
            self.axis_like(&self.axes.name(from), from, span)
        } else {
            Some(places)
        }
    }

    /// Whether a value is known to be a number wherever a mask is false.
    fn is_known_off(&mut self, tensor: &Tensor, mask: &Tensor, value: Scalar) -> bool {
        let (node, mask) = (self.here(tensor), self.here(mask));
        let Some(level) = self.levels.get(self.levels.current()) else { return false };
        let (Some(fact), Some(mask)) = (level.builder.fact(node), level.builder.fact(mask)) else {
            return false;
        };
        let same = fact.background == value || (fact.background.is_zero() && value.is_zero());
        same && fact.support.is_within_support(&mask.support)
    }

    /// The first factor of a product that is summed along an axis: zero at entries that are not there, where the product would count them.
    pub fn factor(&mut self, left: &Tensor, right: &Tensor, axis: AxisKey, span: Span) -> Option<Tensor> {
        let Some(mask) = self.presence(axis, &left.axes, &left.bound) else { return Some(left.clone()) };
        let zero = Scalar::zero(left.element);
        if self.is_known_off(left, &mask, zero) || self.is_known_off(right, &mask, zero) {
            return Some(left.clone());
        }
        self.only_present(left, &[axis], ReduceKind::Sum, span)
    }

    /// How many entries there are along axes, beside a value taken at indices along `bound`: a size, and a number of entries for each axis whose
    /// size depends on another that is not among them.
    pub fn counted_along(&self, axes: &[AxisKey], bound: &BTreeSet<AxisKey>) -> (Size, Vec<Tensor>) {
        let (mut size, mut lengths) = (Size::constant(1), Vec::new());
        // The rows count for both axes.
        let counted: Vec<AxisKey> =
            axes.iter().filter_map(|axis| Some(self.axes.ragged(*axis)?.over)).collect();
        for axis in axes.iter().filter(|axis| !counted.contains(axis)) {
            match self.axes.ragged(*axis) {
                None => size = size.multiply(&self.axes.axis_size(*axis)),
                Some(ragged) if axes.contains(&ragged.over) => {
                    size = size.multiply(&self.axes.axis_size(ragged.rows));
                }
                Some(ragged) => lengths.push(taken(ragged.lengths(), &[], bound)),
            }
        }
        (size, lengths)
    }

    /// What the name of a size or an axis stands for as a value.
    pub fn size_of_name(&self, key: SizeKey) -> Value {
        let ragged = self.axes.known_axis(key).and_then(|axis| self.axes.ragged(axis));
        ragged
            .map_or_else(|| Value::Size(self.axes.size_value(key)), |ragged| Value::Tensor(ragged.lengths()))
    }

    /// The value of `present(T)`: which entries of an axis are there; `true` where all are.
    pub fn present(&self, axis: AxisKey) -> Value {
        self.axes.ragged(axis).map_or(Value::Bool(true), |ragged| Value::Tensor(ragged.mask(axis)))
    }

    /// What leaves the model: rows of the entries that are there, in the place of a ragged axis and the one its size depends on.
    pub fn edge_of(
        &mut self,
        tensor: &Tensor,
        axes: &[AxisKey],
        span: Span,
    ) -> Option<(NodeId, Vec<AxisKey>)> {
        let mut found = None;
        for axis in axes {
            if let Some(ragged) = self.axes.ragged(*axis) {
                self.expect_only(&mut found, (*axis, ragged.over), axes, span)?;
            }
        }
        let found = found.and_then(|(axis, _)| Some((axis, self.axes.ragged(axis)?)));
        let Some((axis, ragged)) = found else { return Some((tensor.node, axes.to_vec())) };
        let mut node = self.here(tensor);
        for own in [ragged.over, axis] {
            node = self.spread(node, own, span)?;
        }
        let operation = Operation::Pack { into: self.id(ragged.rows) };
        let node = self.add(operation, &[ragged.mask, node], span)?;
        Some((node, at_the_edge(axes, axis, ragged.over, ragged.rows)))
    }
}

/// A value of the entry beside one with `axes` that is taken at the indices of `bound`: taken at the same.
fn taken(tensor: Tensor, axes: &[AxisKey], bound: &BTreeSet<AxisKey>) -> Tensor {
    let is_taken = |own: &AxisKey| bound.contains(own) && !axes.contains(own);
    let (taken, full): (Vec<AxisKey>, Vec<AxisKey>) = tensor.axes.iter().partition(|own| is_taken(own));
    Tensor { axes: full, bound: taken.into_iter().collect(), ..tensor }
}

/// The axes at the edge: the rows in the place of the ragged axis, and nothing in the place of the other.
fn at_the_edge(axes: &[AxisKey], ragged: AxisKey, over: AxisKey, rows: AxisKey) -> Vec<AxisKey> {
    let others = axes.iter().copied().filter(|axis| *axis != over);
    others.map(|axis| if axis == ragged { rows } else { axis }).collect()
}
