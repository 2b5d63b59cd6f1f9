//! Packing a mask: numbering its true entries, segment by segment, so that kernels can go over them alone.

use crate::assembly::{Assembly, Written};
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, extent_of, Innermost};
use crate::point::{Coordinate, Point};
use crate::pointwise::written;
use crate::prefix::{self, Prefix};
use crate::scene::{Packing, RowsOf, Scene};
use crate::sizes::product;
use moe_graph::{AxisId, Element, NodeId, Size};
use moe_kernel::{Comparison, Target, Value};
use moe_runtime::program::SizeExpression;

/// Makes the buffers of a mask's packing. `segments` are the axes that come first, in order; `bound` is the most rows there can be.
pub(crate) fn declare(
    scene: &Scene,
    assembly: &mut Assembly,
    mask: NodeId,
    segments: &[AxisId],
    bound: &Size,
) -> Result<Packing, ScheduleError> {
    let own = &scene.node(mask)?.ty.axes;
    let mut axes = segments.to_vec();
    axes.extend(own.iter().filter(|axis| !segments.contains(axis)));
    let count = product(&scene.sizes(segments)).add(&Size::constant(1));
    let offsets = assembly.scratch("offsets", Element::I64, count);
    let rows = axes
        .iter()
        .map(|axis| {
            assembly.scratch(&format!("rows_{}", scene.axis_name(*axis)), Element::I64, bound.clone())
        })
        .collect();
    let prefix = prefix::find(scene.function, mask).filter(|prefix| prefix.fits(segments, &axes));
    let rows_of = match prefix {
        Some(prefix) => RowsOf::Prefix(prefix),
        None => RowsOf::Table(assembly.scratch("inverse", Element::I64, product(&scene.sizes(&axes)))),
    };
    Ok(Packing { mask, axes, segment: segments.len(), offsets, rows, rows_of })
}

/// Adds the launches that pack a mask: count each segment, add the counts up and check them, number the rows.
pub(crate) fn schedule(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    packing: &Packing,
    bound: &Size,
) -> Result<(), ScheduleError> {
    let segments = product(&scene.sizes(packing.segments()));
    let counts = assembly.scratch("counts", Element::I64, segments);
    count(scene, assembly, target, packing, counts)?;
    add_up(scene, assembly, target, packing, counts, bound)?;
    number(scene, assembly, target, packing)
}

fn count(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    packing: &Packing,
    counts: u32,
) -> Result<(), ScheduleError> {
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, 1);
    let e = &mut emitter;
    let output = e.buffer(counts, "counts", Element::I64, true);
    let (items, digits) = e.open_items(&scene.sizes(packing.segments()));
    let point = Point::of(packing.segments(), &digits);
    let found = match packing.rows_of {
        RowsOf::Prefix(prefix) => e.prefix_count(prefix, &point)?,
        RowsOf::Table(_) => counted(e, packing, &point)?,
    };
    let address = e.address(packing.segments(), &point)?;
    let index = e.forced(&address);
    e.w.store(output, index, found, None);
    e.close_items(items);
    let kernel = segment_kernel(scene, packing, emitter, "count_rows")?;
    assembly.launch(kernel)
}

/// How many entries of a segment are true, one looked at after the other.
fn counted(e: &mut Emitter, packing: &Packing, point: &Point) -> Result<Value, ScheduleError> {
    let zero = e.w.index(0);
    let found = e.reduce(packing.rest(), Innermost::SINGLE, vec![zero], &mut |e, at, counts, _| {
        let is_true = e.emit(packing.mask, &extended(point, at))?;
        let so_far = counts.first().copied().unwrap_or(zero);
        let more = e.w.offset(so_far, 1);
        Ok(vec![e.w.select(is_true, more, so_far)])
    })?;
    Ok(found.first().copied().unwrap_or(zero))
}

/// A kernel whose items are the segments.
fn segment_kernel(
    scene: &Scene,
    packing: &Packing,
    emitter: Emitter,
    name: &str,
) -> Result<Written, ScheduleError> {
    let extent = extent_of(&scene.sizes(packing.segments()));
    let work = product(&scene.sizes(packing.rest()));
    let mut kernel = written(emitter, name, extent, work, SizeExpression::Constant(0));
    kernel.span = scene.node(packing.mask)?.span;
    Ok(kernel)
}

/// One item: where each segment begins, and whether there are more rows than there is room for.
fn add_up(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    packing: &Packing,
    counts: u32,
    bound: &Size,
) -> Result<(), ScheduleError> {
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, 1);
    let e = &mut emitter;
    let output = e.buffer(packing.offsets, "offsets", Element::I64, true);
    let input = e.buffer(counts, "counts", Element::I64, false);
    let (items, _) = e.open_items(&[]);
    let (zero, end) = (e.w.index(0), e.w.size(&product(&scene.sizes(packing.segments()))));
    let open = e.w.open_loop(zero, end, 1, &[zero]);
    let so_far = open.inner.first().copied().unwrap_or(zero);
    e.w.store(output, open.index, so_far, None);
    let count = e.read(input, &Coordinate::Scalar(open.index), None, None);
    let next = e.w.add(so_far, count);
    let results = e.w.close_loop(open, &[next]);
    let total = results.first().copied().unwrap_or(zero);
    let bound_value = e.w.size(bound);
    let exceeds = e.w.compare(Comparison::Greater, total, bound_value);
    let node = scene.node(packing.mask)?;
    let message = format!("dispatch{}: more than {bound} entries of the mask are true", scene.place(node));
    let fault = e.faults.add("E0903", message);
    e.w.fail_if(exceeds, fault);
    e.w.store(output, end, total, None);
    e.close_items(items);
    let one = Size::constant(1);
    let mut kernel = written(emitter, "add_up_rows", one.clone(), one, SizeExpression::Constant(0));
    kernel.span = node.span;
    assembly.launch(kernel)
}

/// The rows of each segment: their coordinates, and where each place of the mask went.
fn number(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    packing: &Packing,
) -> Result<(), ScheduleError> {
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, 1);
    let e = &mut emitter;
    let (items, digits) = e.open_items(&scene.sizes(packing.segments()));
    let point = Point::of(packing.segments(), &digits);
    match packing.rows_of {
        RowsOf::Prefix(prefix) => number_stretch(e, packing, prefix, &point)?,
        RowsOf::Table(inverse) => number_each(e, packing, inverse, &point)?,
    }
    e.close_items(items);
    let kernel = segment_kernel(scene, packing, emitter, "number_rows")?;
    assembly.launch(kernel)
}

/// The rows of a segment, each place of which is looked at.
fn number_each(e: &mut Emitter, packing: &Packing, inverse: u32, point: &Point) -> Result<(), ScheduleError> {
    let inverse = e.buffer(inverse, "inverse", Element::I64, true);
    let rows = row_buffers(e, packing);
    let address = e.address(packing.segments(), point)?;
    let segment = e.forced(&address);
    let first = e.offset_of(packing, segment);
    e.reduce(packing.rest(), Innermost::SINGLE, vec![first], &mut |e, at, next, _| {
        let inner = extended(point, at);
        let row = next.first().copied().unwrap_or(first);
        let is_true = e.emit(packing.mask, &inner)?;
        let address = e.address(&packing.axes, &inner)?;
        let place = e.forced(&address);
        let minus = e.w.index(-1);
        let numbered = e.w.select(is_true, row, minus);
        e.w.store(inverse, place, numbered, None);
        let guard = e.w.open_if(is_true);
        store_coordinates(e, packing, &rows, row, &inner)?;
        e.w.close_if(guard, &[]);
        let more = e.w.offset(row, 1);
        Ok(vec![e.w.select(is_true, more, row)])
    })?;
    Ok(())
}

/// The rows of a segment that are its first entries.
fn number_stretch(
    e: &mut Emitter,
    packing: &Packing,
    prefix: Prefix,
    point: &Point,
) -> Result<(), ScheduleError> {
    let rows = row_buffers(e, packing);
    let (begin, end) = e.stretch(packing, point)?;
    let open = e.w.open_loop(begin, end, 1, &[]);
    let row = open.index;
    let place = e.w.subtract(row, begin);
    let inner = point.at(prefix.axis, place);
    store_coordinates(e, packing, &rows, row, &inner)?;
    e.w.close_loop(open, &[]);
    Ok(())
}

/// Where the coordinates of rows go, for each axis of the mask.
fn row_buffers(e: &mut Emitter, packing: &Packing) -> Vec<u32> {
    let rows = packing.rows.iter().enumerate();
    rows.map(|(place, rows)| e.buffer(*rows, &format!("rows_{place}"), Element::I64, true)).collect()
}

fn store_coordinates(
    e: &mut Emitter,
    packing: &Packing,
    rows: &[u32],
    row: Value,
    point: &Point,
) -> Result<(), ScheduleError> {
    for (axis, buffer) in packing.axes.iter().zip(rows) {
        let coordinate = e.coordinate(point, *axis)?;
        let value = e.forced(&coordinate);
        e.w.store(*buffer, row, value, None);
    }
    Ok(())
}
