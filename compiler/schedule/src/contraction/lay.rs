//! Panels that are laid while running, in a launch of their own: right sides that are no weights, and left sides whose rows lie closer
//! together than what is summed.

use super::classify::{Contraction, Form};
use super::panels::Panels;
use super::shape::Shape;
use super::tile::Product;
use crate::assembly::Assembly;
use crate::contiguity::score;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{blocks, extended, extent_of, Stretch};
use crate::point::{Coordinate, Point};
use crate::pointwise::written;
use crate::scene::{computed, Scene};
use crate::sizes::{ceiling, product};
use moe_graph::{AxisId, NodeId, Size};
use moe_kernel::{Comparison, Target, Value};
use moe_runtime::program::SizeExpression;
use std::collections::BTreeMap;

/// How many vectors of columns that lie together are read side by side.
const SIDE_BY_SIDE: i64 = 8;
/// How many places along the first reduced axis an item has.
const PLACES: i64 = 64;

/// Other right sides of fewer entries, for each point of the axes that both sides have, stay in the second cache as they are.
const NEAR_BY: i64 = 1 << 15;
/// From how many rows on other right sides are laid in panels.
const LAID_FROM: i64 = 32;
/// Right sides of so many entries or more come from memory whichever way they are read, and are laid from fewer rows on.
const FAR_AWAY: i64 = 1 << 21;
const FAR_LAID_FROM: i64 = 8;

/// What is laid out, in which panels.
pub(crate) struct Layout<'a> {
    pub name: &'a str,
    pub node: NodeId,
    pub column: AxisId,
    /// At least one. Panels follow one another for the other axes of the node.
    pub reduced: Vec<AxisId>,
    /// The columns of a panel, a multiple of `lanes`.
    pub width: i64,
    pub lanes: u32,
}

impl Layout<'_> {
    /// Lays the panels, `active` times: once or not at all.
    pub fn lay(
        &self,
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        active: &Size,
    ) -> Result<Panels, ScheduleError> {
        let node = scene.node(self.node)?;
        let is_outer = |axis: &AxisId| *axis != self.column && !self.reduced.contains(axis);
        let outer: Vec<AxisId> = node.ty.axes.iter().copied().filter(is_outer).collect();
        let element = computed(node.ty.element);
        let count = ceiling(&scene.size(self.column), self.width);
        let points = product(&scene.sizes(&self.reduced));
        let width = Size::constant(self.width);
        let length = product(&scene.sizes(&outer)).multiply(&count).multiply(&points).multiply(&width);
        let storage = assembly.storage(self.name, element, Vec::new(), length);
        let (column, reduced) = (self.column, self.reduced.clone());
        let panels = Panels { storage, outer, column, reduced, count, width: self.width, begins: false };
        let first = self.reduced.first().map_or(Size::constant(1), |axis| scene.size(*axis));
        let together = if score(scene, self.node, self.column) > 0 { SIDE_BY_SIDE } else { 1 };
        let vectors = panels.count.multiply(&Size::constant(self.width / i64::from(self.lanes)));
        let mut places = scene.sizes(&panels.outer);
        places.extend([blocks(&first, PLACES), blocks(&vectors, together)]);
        let mut emitter = Emitter::new(scene, &mut assembly.faults, target, self.lanes);
        emitter.output(&panels.storage);
        self.items(&mut emitter, &panels, &places, &vectors, together)?;
        let rest = self.reduced.get(1..).unwrap_or_default();
        let entries = PLACES.saturating_mul(together).saturating_mul(self.lanes.into());
        let work = product(&scene.sizes(rest)).multiply(&Size::constant(entries));
        let extent = extent_of(&places).multiply(active);
        let mut kernel = written(emitter, "panels", extent, work, SizeExpression::Constant(0));
        kernel.span = node.span;
        assembly.launch(kernel)?;
        Ok(panels)
    }

    /// An item is a stretch of the first reduced axis in some vectors of columns, at one point of the outer axes.
    fn items(
        &self,
        e: &mut Emitter,
        panels: &Panels,
        places: &[Size],
        vectors: &Size,
        together: i64,
    ) -> Result<(), ScheduleError> {
        let (mut items, digits) = e.open_items(places);
        let point = Point::of(&panels.outer, &digits);
        e.guard(&mut items, &panels.outer, &point)?;
        let at = |place: usize| digits.get(panels.outer.len() + place).copied().unwrap_or(Value(0));
        let (number, group) = (at(0), at(1));
        let Some(first) = self.reduced.first() else {
            return Err(ScheduleError::Malformed("a product over nothing"));
        };
        let stretch = e.block(*first, PLACES, number);
        let [begin, last] = e.w.span(group, together);
        let lanes = i64::from(self.lanes);
        let exact = e.scene.size(self.column).as_constant().is_some_and(|columns| {
            columns % (lanes * together) == 0 && columns % self.width == 0 && !e.scene.is_ragged(self.column)
        });
        if exact {
            self.fill(e, panels, &point, stretch, begin, (together, false))?;
            e.close_items(items);
            return Ok(());
        }
        let lanes = e.w.index(lanes);
        let (filled, columns) = (e.w.multiply(last, lanes), e.extent(self.column));
        let whole = e.w.compare(Comparison::LessEqual, filled, columns);
        let mut choice = e.w.open_if(whole);
        self.fill(e, panels, &point, stretch, begin, (together, false))?;
        e.w.otherwise(&mut choice);
        let end = e.w.size(vectors);
        let end = e.w.minimum(last, end);
        let each = e.w.open_loop(begin, end, 1, &[]);
        self.fill(e, panels, &point, stretch, each.index, (1, true))?;
        e.w.close_loop(each, &[]);
        e.w.close_if(choice, &[]);
        e.close_items(items);
        Ok(())
    }

    /// Fills so many vectors from one on, of which some lanes may be beyond the columns.
    fn fill(
        &self,
        e: &mut Emitter,
        panels: &Panels,
        point: &Point,
        stretch: Stretch,
        first: Value,
        (count, may_end): (i64, bool),
    ) -> Result<(), ScheduleError> {
        let zero = e.w.index(0);
        let mut at = Vec::new();
        let mut open = Vec::new();
        for (place, axis) in self.reduced.iter().enumerate() {
            let (begin, end) =
                if place == 0 { (stretch.begin, stretch.end) } else { (zero, e.extent(*axis)) };
            let own = e.w.open_loop(begin, end, 1, &[]);
            at.push((*axis, Coordinate::Scalar(own.index)));
            open.push(own);
        }
        let inner = extended(point, &at);
        let (outer, reduced) = (e.address(&panels.outer, point)?, e.address(&self.reduced, &inner)?);
        let (outer, reduced) = (e.forced(&outer), e.forced(&reduced));
        let width = e.w.index(self.width);
        let row = e.w.multiply(reduced, width);
        let lanes = e.w.index(self.lanes.into());
        let output = e.output(&panels.storage);
        for number in 0..count {
            let vector = e.w.offset(first, number);
            let begin = e.w.multiply(vector, lanes);
            let mask = may_end.then(|| {
                let end = e.extent(self.column);
                e.lanes_before(begin, end)
            });
            let along = e.lanes_at(&inner, self.column, begin, mask);
            let value = e.emit(self.node, &along)?;
            let value = e.w.splat(value, self.lanes);
            let nothing = e.w.number(value, 0.0);
            let value = mask.map_or(value, |mask| e.w.select(mask, value, nothing));
            let base = e.panel(panels, outer, begin);
            let index = e.w.add(base, row);
            e.w.store(output, index, value, None);
        }
        for own in open.into_iter().rev() {
            e.w.close_loop(own, &[]);
        }
        Ok(())
    }
}

/// The entries of a right side for each point of the axes that both sides have, if they are known.
fn entries(scene: &Scene, contraction: &Contraction) -> Option<i64> {
    let reduced = product(&scene.sizes(&contraction.reduced));
    scene.size(contraction.column).multiply(&reduced).as_constant()
}

/// Whether a right side is known to be small.
pub(super) fn is_near(scene: &Scene, contraction: &Contraction) -> bool {
    entries(scene, contraction).is_some_and(|entries| entries < NEAR_BY)
}

/// 1 where a product's operands are laid in panels while running and 0 where not; `None` if they never are.
pub(super) fn laid_if(scene: &Scene, whole: &Product) -> Option<Size> {
    let first = whole.contractions.first()?;
    let ragged = |contraction: &Contraction| {
        let right = scene.function.node(contraction.right);
        let mut axes = right.into_iter().flat_map(|node| &node.ty.axes).chain(&contraction.rows);
        axes.any(|axis| scene.is_ragged(*axis))
    };
    // Lanes along the reduced axis sum in another order: the number of rows must not decide between the two.
    let by_columns =
        |contraction: &Contraction| contraction.form == Form::Columns && contraction.grouped.is_none();
    if whole.contractions.iter().any(|own| ragged(own) || !by_columns(own)) {
        return None;
    }
    if is_near(scene, first) {
        return None;
    }
    let is_far = entries(scene, first).is_some_and(|entries| entries >= FAR_AWAY);
    let least = if is_far { FAR_LAID_FROM } else { LAID_FROM };
    let rows = product(&scene.sizes(&first.rows));
    let (zero, one) = (Size::constant(0), Size::constant(1));
    let active = rows.subtract(&Size::constant(least - 1)).maximum(&zero).minimum(&one);
    Some(active).filter(|active| *active != zero)
}

impl Product<'_> {
    /// Lays the right sides in panels, and the left side too if its rows lie closer together than what is summed.
    pub fn lay(
        &self,
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        shape: &Shape,
        active: &Size,
    ) -> Result<BTreeMap<NodeId, Panels>, ScheduleError> {
        let first = self.first()?;
        let mut layouts = Vec::new();
        let mut layout = |name, id: NodeId, column: AxisId, width: i64, lanes: u32| {
            let axes = &scene.node(id)?.ty.axes;
            let reduced: Vec<AxisId> =
                first.reduced.iter().copied().filter(|axis| axes.contains(axis)).collect();
            if !reduced.is_empty() {
                layouts.push(Layout { name, node: id, column, reduced, width, lanes });
            }
            Ok(())
        };
        for own in self.contractions {
            layout("right", own.right, own.column, shape.lanes.into(), shape.lanes)?;
        }
        if let ([row], Some(inner)) = (first.rows.as_slice(), first.reduced.last()) {
            if score(scene, first.left, *inner) <= 0 && score(scene, first.left, *row) > 0 {
                let lanes = 1 << shape.rows.trailing_zeros();
                layout("left", first.left, *row, shape.rows as i64, lanes)?;
            }
        }
        let laid = layouts.iter().map(|own| Ok((own.node, own.lay(scene, assembly, target, active)?)));
        laid.collect()
    }
}
