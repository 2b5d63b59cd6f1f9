//! Keys in panels: for each block of keys the summed axis, and for each place along it the block's keys side by side, so that lanes run along
//! keys. Places beyond the last key hold 0.

use super::find::{Attention, Score};
use super::KEYS;
use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{blocks, extent_of};
use crate::point::{Coordinate, Point};
use crate::pointwise::written;
use crate::scene::Scene;
use crate::sizes::product;
use moe_graph::{AxisId, Element, Size};
use moe_kernel::{Comparison, Target, Value};
use moe_runtime::program::SizeExpression;

/// Where the keys of a score lie in panels.
pub(super) struct Panels {
    pub buffer: u32,
    /// The axes of the keys but the summed one and that of keys.
    batch: Vec<AxisId>,
    keys: AxisId,
    inner: AxisId,
}

impl Panels {
    /// The address of the first entry of a block.
    pub fn block(&self, e: &mut Emitter, point: &Point, block: Value) -> Result<Value, ScheduleError> {
        let place = e.address(&self.batch, point)?;
        let place = e.forced(&place);
        let count = e.w.size(&blocks(&e.scene.size(self.keys), KEYS));
        let place = e.w.multiply(place, count);
        let place = e.w.add(place, block);
        let length = e.w.size(&e.scene.size(self.inner).multiply(&Size::constant(KEYS)));
        Ok(e.w.multiply(place, length))
    }

    /// Lays the keys out, in a launch of its own.
    pub fn lay(
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        attention: &Attention,
        score: &Score,
        lanes: u32,
    ) -> Result<Panels, ScheduleError> {
        let (keys, inner) = (attention.keys, score.inner);
        let node = scene.node(score.key)?;
        let batch: Vec<AxisId> =
            node.ty.axes.iter().copied().filter(|axis| *axis != keys && *axis != inner).collect();
        let mut sizes = scene.sizes(&batch);
        sizes.push(blocks(&scene.size(keys), KEYS));
        let length = product(&sizes).multiply(&scene.size(inner)).multiply(&Size::constant(KEYS));
        let buffer = assembly.scratch("keys", Element::F32, length);
        let panels = Panels { buffer, batch, keys, inner };
        let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
        let e = &mut emitter;
        let output = e.buffer(buffer, "keys", Element::F32, true);
        let (items, digits) = e.open_items(&sizes);
        let mut point = Point::default();
        for (axis, digit) in panels.batch.iter().zip(&digits) {
            point.set(*axis, Coordinate::Scalar(*digit));
        }
        let block = digits.last().copied().unwrap_or(Value(0));
        let base = panels.block(e, &point, block)?;
        let width = e.w.index(KEYS);
        let begin = e.w.multiply(block, width);
        let (zero, end) = (e.w.index(0), e.extent(inner));
        let last = e.extent(keys);
        let vectors = e.w.open_loop(zero, width, i64::from(lanes), &[]);
        let key = e.w.add(begin, vectors.index);
        let places = e.w.lane_indices(key, lanes);
        let there = e.w.compare(Comparison::Less, places, last);
        let open = e.w.open_loop(zero, end, 1, &[]);
        let along = e.lanes_at(&point.at(inner, open.index), keys, key, Some(there));
        let value = e.emit(score.key, &along)?;
        let value = e.w.convert(value, Element::F32);
        let nothing = e.w.number(value, 0.0);
        let value = e.w.select(there, value, nothing);
        let row = e.w.multiply(open.index, width);
        let index = e.w.add(base, row);
        let index = e.w.add(index, vectors.index);
        e.w.store(output, index, value, None);
        e.w.close_loop(open, &[]);
        e.w.close_loop(vectors, &[]);
        e.close_items(items);
        let work = scene.size(inner).multiply(&Size::constant(4 * KEYS));
        let nothing = SizeExpression::Constant(0);
        let mut kernel = written(emitter, "keys", extent_of(&sizes), work, nothing);
        kernel.span = node.span;
        assembly.launch(kernel)?;
        Ok(panels)
    }
}
