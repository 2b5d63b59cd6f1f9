//! Entries replaced where an index says: only those are written.

use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, extent_of, Innermost};
use crate::point::Point;
use crate::pointwise::{lanes, rows_and_blocks, written, BLOCK};
use crate::scene::{Scene, Storage};
use crate::sizes::product;
use moe_graph::{AxisId, Element, Node, Size};
use moe_kernel::Target;
use moe_runtime::program::SizeExpression;

/// Puts updates where the index says, into a storage that holds the base: one item for a block of each row of the axes that stay, which goes
/// over the updates in order.
pub(crate) fn scatter(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    node: &Node,
    storage: &Storage,
    over: &[AxisId],
    axis: AxisId,
) -> Result<(), ScheduleError> {
    let rest: Vec<AxisId> = storage.layout.iter().copied().filter(|own| *own != axis).collect();
    let inner = rest.last().map_or(Size::constant(1), |last| scene.size(*last));
    let along_rows = storage.layout.last() != Some(&axis);
    let lanes = if along_rows { lanes(target, storage.element, &inner) } else { 1 };
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
    emitter.output(storage);
    let (items, point, stretch) = emitter.open_rows(&rest, BLOCK)?;
    let end = emitter.extent(axis);
    let put = |emitter: &mut Emitter, point: &Point| {
        emitter.reduce(over, Innermost::SINGLE, Vec::new(), &mut |emitter, at, _, _| {
            let point = extended(point, at);
            let place = emitter.operand(node, 2, &point)?;
            let place = emitter.w.convert(place, Element::I64);
            emitter.checked_index(node, axis, place, end, &point);
            let update = emitter.operand(node, 1, &point)?;
            let place = emitter.of_value(place);
            emitter.store(storage, &point.with(axis, place), update)?;
            Ok(Vec::new())
        })
    };
    match (stretch, rest.last()) {
        (Some(stretch), Some(last)) => emitter.chunks(stretch, 1, &mut |emitter, chunk| {
            let point = emitter.lanes_at(&point, *last, chunk.begin, chunk.mask);
            put(emitter, &point).map(|_| ())
        })?,
        _ => {
            put(&mut emitter, &point)?;
        }
    }
    emitter.close_items(items);
    let updates = product(&scene.sizes(over));
    let work = inner.minimum(&Size::constant(BLOCK)).multiply(&updates).multiply(&Size::constant(4));
    let extent = extent_of(&rows_and_blocks(scene, &rest, BLOCK));
    let mut kernel = written(emitter, "scatter", extent, work, SizeExpression::Constant(0));
    let entries = product(&scene.sizes(&rest)).multiply(&updates);
    kernel.bytes = Some(entries.multiply(&Size::constant(2 * storage.element.bytes() as i64)));
    kernel.span = node.span;
    assembly.launch(kernel)
}
