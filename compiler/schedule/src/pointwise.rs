//! Kernels for values that are worked out entry by entry, and copies.

use crate::assembly::{Assembly, Written};
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{blocks, extent_of, Items, Stretch};
use crate::point::Point;
use crate::scene::{computed, Scene, Storage};
use moe_graph::{AxisId, Element, NodeId, Size};
use moe_kernel::{Target, Value};
use moe_runtime::program::SizeExpression;

/// How long a block of the innermost axis is that one item works on.
pub(crate) const BLOCK: i64 = 1024;

/// How many lanes vectors have in a kernel for values of this type, along an axis of this size.
pub(crate) fn lanes(target: &Target, element: Element, size: &Size) -> u32 {
    let width = computed(element).bytes().max(4) as u32;
    let most = (target.vector_bytes / width).max(1);
    match size.as_constant() {
        Some(size) => {
            let fits = u32::try_from(size.max(1)).unwrap_or(most);
            most.min(1 << fits.ilog2())
        }
        None => most,
    }
}

/// The kernel as it was written, when all its loops are closed.
pub(crate) fn written(
    mut emitter: Emitter,
    name: &str,
    extent: Size,
    work: Size,
    flops: SizeExpression,
) -> Written {
    Written {
        name: name.to_owned(),
        span: None,
        body: emitter.w.body(),
        parameters: emitter.w.buffers,
        buffers: emitter.buffers,
        sizes: emitter.w.sizes,
        values: emitter.w.values,
        extent,
        work,
        flops,
        bytes: None,
        by_segment: None,
        product: None,
    }
}

/// The places of items over the outer axes of a layout and blocks of its last, and the axes.
pub(crate) fn rows_and_blocks(scene: &Scene, layout: &[AxisId], block: i64) -> Vec<Size> {
    let Some((last, outer)) = layout.split_last() else { return Vec::new() };
    let mut places = scene.sizes(outer);
    places.push(blocks(&scene.size(*last), block));
    places
}

impl Emitter<'_> {
    /// Opens items over all points of axes.
    pub fn open_points(&mut self, axes: &[AxisId]) -> Result<(Items, Point), ScheduleError> {
        let (mut items, digits) = self.open_items(&self.scene.sizes(axes));
        let point = Point::of(axes, &digits);
        self.guard(&mut items, axes, &point)?;
        Ok((items, point))
    }

    /// Opens items over the outer axes of a layout and blocks of its last; gives the point of the item and its block.
    pub fn open_rows(
        &mut self,
        layout: &[AxisId],
        block: i64,
    ) -> Result<(Items, Point, Option<Stretch>), ScheduleError> {
        let places = rows_and_blocks(self.scene, layout, block);
        let (mut items, digits) = self.open_items(&places);
        let Some((last, outer)) = layout.split_last() else { return Ok((items, Point::default(), None)) };
        let point = Point::of(outer, &digits);
        self.guard(&mut items, outer, &point)?;
        let number = digits.last().copied().unwrap_or(Value(0));
        let stretch = self.block(*last, block, number);
        Ok((items, point, Some(stretch)))
    }
}

/// Works out a node at every point of its storage.
pub(crate) fn pointwise(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    root: NodeId,
    storage: &Storage,
) -> Result<(), ScheduleError> {
    let layout = &storage.layout;
    let inner = layout.last().map_or(Size::constant(1), |axis| scene.size(*axis));
    let lanes = lanes(target, storage.element, &inner);
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
    emitter.output(storage);
    let (items, point, stretch) = emitter.open_rows(layout, BLOCK)?;
    match (stretch, layout.last()) {
        (Some(stretch), Some(last)) => emitter.chunks(stretch, 1, &mut |emitter, chunk| {
            let point = emitter.lanes_at(&point, *last, chunk.begin, chunk.mask);
            let value = emitter.emit(root, &point)?;
            emitter.store(storage, &point, value)
        })?,
        _ => {
            let value = emitter.emit(root, &point)?;
            emitter.store(storage, &point, value)?;
        }
    }
    emitter.close_items(items);
    let extent = extent_of(&rows_and_blocks(scene, layout, BLOCK));
    let work = inner.minimum(&Size::constant(BLOCK)).multiply(&Size::constant(8));
    let flops = assembly.symbols.expression(&crate::sizes::product(&scene.sizes(layout)));
    let node = scene.node(root)?;
    let mut kernel = written(emitter, node.operation.name(), extent, work, flops);
    kernel.span = node.span;
    assembly.launch(kernel)
}

/// Copies a buffer to another of the same type and length.
pub(crate) fn copy(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    from: u32,
    to: u32,
    element: Element,
    length: &Size,
) -> Result<(), ScheduleError> {
    let lanes = (target.vector_bytes / element.bytes() as u32).max(1);
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
    let output = emitter.buffer(to, "copy", element, true);
    let input = emitter.buffer(from, "original", element, false);
    let (items, digits) = emitter.open_items(&[blocks(length, BLOCK)]);
    let (step, end) = (emitter.w.index(BLOCK), emitter.w.size(length));
    let begin = emitter.w.multiply(digits.first().copied().unwrap_or(step), step);
    let last = emitter.w.add(begin, step);
    let end = emitter.w.minimum(last, end);
    let stretch = Stretch { begin, end, whole: None };
    emitter.chunks(stretch, 1, &mut |emitter, chunk| {
        let value = emitter.w.load(input, chunk.begin, chunk.mask, lanes);
        emitter.w.store(output, chunk.begin, value, chunk.mask);
        Ok(())
    })?;
    emitter.close_items(items);
    let extent = blocks(length, BLOCK);
    let copied = written(emitter, "copy", extent, Size::constant(BLOCK), SizeExpression::Constant(0));
    assembly.launch(copied)
}
