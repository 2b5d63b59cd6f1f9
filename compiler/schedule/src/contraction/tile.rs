//! Register tiles: a few rows times a few vectors of columns, summed over the reduced axes, stored with what is computed from them.

use super::classify::{Contraction, Form};
use super::parts::Reading;
use crate::assembly::{BySegment, Written};
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{extended, extent_of, operations, rows_found, Innermost, Stretch};
use crate::point::{parts, Coordinate, Point};
use crate::pointwise::written;
use crate::scalar::{absorbed, rounded};
use crate::scene::{computed, is_storage, Scene, Storage};
use crate::sizes::{product, Symbols};
use moe_graph::{AxisId, Element, NodeId, Scalar, ScalarFunction, Size};
use moe_kernel::{BinaryOperation, Value};

/// The rows of a tile.
pub(super) const ROWS: usize = 4;

/// Contractions of one left side, and where what is computed from them goes.
pub(crate) struct Product<'a> {
    pub contractions: &'a [Contraction],
    pub nodes: &'a [NodeId],
    pub root: NodeId,
    pub storage: &'a Storage,
    pub element: Element,
}

impl Product<'_> {
    pub fn first(&self) -> Result<&Contraction, ScheduleError> {
        self.contractions.first().ok_or(ScheduleError::Malformed("a product of nothing"))
    }

    /// The points of so many rows. Beyond those that are certain to be there, the last row stands in: it is written twice.
    pub fn row_points(
        &self,
        e: &mut Emitter,
        point: &Point,
        rows: Stretch,
        certain: usize,
        count: usize,
    ) -> Result<Vec<Point>, ScheduleError> {
        let axes = &self.first()?.rows;
        let sizes = e.scene.sizes(axes);
        let points = (0..count).map(|number| {
            let mut row = e.w.offset(rows.begin, number as i64);
            if number >= certain {
                let last = e.w.offset(rows.end, -1);
                row = e.w.minimum(row, last);
            }
            let mut point = point.clone();
            for (axis, part) in axes.iter().zip(parts(Coordinate::Scalar(row), sizes.clone())) {
                point.set(*axis, part);
            }
            point
        });
        Ok(points.collect())
    }

    /// The tile whose points are given row by row, `width` to a row: each point's sums, then what is computed from them is stored.
    pub fn tile(
        &self,
        e: &mut Emitter,
        points: &[Point],
        width: usize,
        innermost: Innermost,
    ) -> Result<(), ScheduleError> {
        let zero = Scalar::zero(computed(self.element));
        let zero = e.w.constant(zero, e.lanes);
        let count = self.contractions.len();
        let reduced = &self.first()?.reduced;
        let outer = e.scene;
        e.scene = e.together.and_then(|together| together.scenes.first()).unwrap_or(outer);
        let start = match e.together.filter(|together| together.begins) {
            Some(_) => self.starts(e, points, width)?,
            None => vec![zero; points.len() * count],
        };
        let sums = e.reduce(reduced, innermost, start, &mut |e, at, sums, mask| {
            let mut next = Vec::with_capacity(sums.len());
            let each =
                points.iter().enumerate().flat_map(|own| self.contractions.iter().map(move |c| (own, c)));
            for (((place, point), contraction), sum) in each.zip(sums) {
                // The left is read at the first column's point, the right at the first row's: they are the same for all.
                let row = points.get(place - place % width.max(1)).unwrap_or(point);
                let column = points.get(place % width.max(1)).unwrap_or(point);
                next.push(step(e, contraction, self.element, [row, column], at, sum, mask)?);
            }
            Ok(next)
        })?;
        e.scene = outer;
        points.iter().zip(sums.chunks(count.max(1))).try_for_each(|(point, sums)| {
            for (node, sum) in self.nodes.iter().zip(sums) {
                let sum = match innermost {
                    Innermost::Lanes => e.w.reduce_lanes(BinaryOperation::Add, *sum),
                    Innermost::Places(_) => *sum,
                };
                let value = rounded(&mut e.w, self.element, sum);
                e.bind(*node, point, value)?;
            }
            let value = e.emit(self.root, point)?;
            e.store(self.storage, point, value)
        })
    }

    /// What sums begin at that panels begin with.
    fn starts(&self, e: &mut Emitter, points: &[Point], width: usize) -> Result<Vec<Value>, ScheduleError> {
        let zero = e.w.index(0);
        let mut starts = Vec::new();
        e.reading = Reading::Start;
        for place in 0..points.len() {
            let Some(column) = points.get(place % width.max(1)) else { continue };
            for contraction in self.contractions {
                let along = |axis: &AxisId| (*axis, Coordinate::Scalar(zero));
                let at: Vec<_> = contraction.reduced.iter().map(along).collect();
                let point = right_point(e, contraction, column, &at, None);
                let start = e.emit(contraction.right, &point)?;
                let start = e.w.splat(start, e.lanes);
                starts.push(e.w.reinterpret(start, self.element));
            }
        }
        e.reading = Reading::Entries;
        Ok(starts)
    }

    /// The kernel, with places of items of these sizes, launched `active` times: once or not at all.
    pub fn written(
        &self,
        scene: &Scene,
        symbols: &mut Symbols,
        emitter: Emitter,
        places: &[Size],
        active: &Size,
    ) -> Result<Written, ScheduleError> {
        let first = self.first()?;
        let mut axes: Vec<AxisId> = self.storage.layout.clone();
        axes.extend(&first.reduced);
        let flops = operations(scene, symbols, &axes, 2 * self.contractions.len() as i64);
        let work = Size::constant(1 << 20);
        let name = if first.grouped.is_some() { "grouped_product" } else { "product" };
        let packed = first.grouped.filter(|_| !emitter.panels.is_empty());
        let by_segment = packed.map(|packed| by_segment(scene, symbols, &emitter, packed)).transpose()?;
        let mut kernel = written(emitter, name, extent_of(places).multiply(active), work, flops);
        kernel.by_segment = by_segment;
        kernel.span = self.nodes.first().and_then(|id| scene.function.node(*id)).and_then(|node| node.span);
        Ok(kernel)
    }
}

/// The weights in panels that segments of packed rows read their parts of.
fn by_segment(
    scene: &Scene,
    symbols: &mut Symbols,
    emitter: &Emitter,
    packed: AxisId,
) -> Result<BySegment, ScheduleError> {
    let packing = scene.packing(packed)?;
    let segments = product(&scene.sizes(packing.segments()));
    let rows = rows_found(scene, symbols, packing);
    let buffers = emitter.panels.values().map(|panels| panels.storage.buffer).collect();
    Ok(BySegment { buffers, segments, rows })
}

/// One contraction whose operands are read as they lie.
pub(super) struct Tiles<'a> {
    pub product: &'a Product<'a>,
    pub contraction: &'a Contraction,
}

impl Tiles<'_> {
    /// How many vectors of columns a tile of so many rows has: with [`ROWS`] rows they leave registers for the operands, with fewer there are
    /// more, so that there are always enough sums that do not wait for one another.
    fn vectors(&self, e: &Emitter, rows: usize) -> usize {
        let full = if e.target.vector_registers >= 32 { 4 } else { 2 };
        (full * ROWS / rows.max(1)).min(8)
    }

    /// How many columns an item has.
    pub fn column_block(&self, e: &Emitter) -> i64 {
        match self.contraction.form {
            Form::Columns => (8 * i64::from(e.lanes)).max(64),
            Form::Dot(_) => 32,
        }
    }

    /// All columns of a stretch for these rows.
    pub fn columns(&self, e: &mut Emitter, rows: &[Point], columns: Stretch) -> Result<(), ScheduleError> {
        match self.contraction.form {
            Form::Columns => {
                let widest = self.vectors(e, rows.len());
                e.chunks(columns, widest, &mut |e, chunk| {
                    let width = i64::from(e.lanes);
                    let begins: Vec<Value> = (0..chunk.count)
                        .map(|number| e.w.offset(chunk.begin, width * number as i64))
                        .collect();
                    let points = self.points(e, rows, &begins, |e, point, begin| {
                        e.lanes_at(point, self.contraction.column, begin, chunk.mask)
                    });
                    self.product.tile(e, &points, begins.len(), Innermost::SINGLE)
                })
            }
            Form::Dot(_) => self.dot_columns(e, rows, columns),
        }
    }

    fn points(
        &self,
        e: &mut Emitter,
        rows: &[Point],
        begins: &[Value],
        at: impl Fn(&mut Emitter, &Point, Value) -> Point,
    ) -> Vec<Point> {
        let mut points = Vec::new();
        for row in rows {
            for begin in begins {
                points.push(at(e, row, *begin));
            }
        }
        points
    }

    fn dot_columns(&self, e: &mut Emitter, rows: &[Point], columns: Stretch) -> Result<(), ScheduleError> {
        let mut begin = columns.begin;
        // As many vectors are read for a step of such a tile as leave room for the sums.
        let most = if e.target.vector_registers >= 32 { ROWS } else { ROWS / 2 };
        for count in [most, 1] {
            let stop = e.whole_steps(begin, columns.end, count as i64);
            let open = e.w.open_loop(begin, stop, count as i64, &[]);
            let begins: Vec<Value> = (0..count).map(|number| e.w.offset(open.index, number as i64)).collect();
            let points =
                self.points(e, rows, &begins, |_, point, begin| point.at(self.contraction.column, begin));
            self.product.tile(e, &points, count, Innermost::Lanes)?;
            e.w.close_loop(open, &[]);
            begin = stop;
        }
        Ok(())
    }
}

/// Where the right side is read for a column, the same for all rows.
fn right_point(
    e: &mut Emitter,
    contraction: &Contraction,
    column: &Point,
    at: &[(AxisId, Coordinate)],
    mask: Option<Value>,
) -> Point {
    let mut point = extended(column, at);
    point.lane_mask = e.both(point.lane_mask, mask);
    if contraction.grouped.is_none() {
        for axis in &contraction.rows {
            point.coordinates.remove(axis);
        }
    }
    point
}

/// The sum with one more product.
fn step(
    e: &mut Emitter,
    contraction: &Contraction,
    element: Element,
    [row, column]: [&Point; 2],
    at: &[(AxisId, Coordinate)],
    sum: Value,
    mask: Option<Value>,
) -> Result<Value, ScheduleError> {
    let mut left_point = extended(row, at);
    // The left has no lanes along the columns: where they end does not matter to it.
    left_point.lane_mask = mask;
    left_point.coordinates.remove(&contraction.column);
    let right_point = right_point(e, contraction, column, at, mask);
    if let Some(together) = e.together {
        let outer = e.scene;
        let mut sum = sum;
        for (scene, reading) in together.scenes.iter().zip([Reading::Entries, Reading::Odd]) {
            (e.scene, e.reading) = (scene, reading);
            let sides = [e.emit(contraction.left, &left_point)?, e.emit(contraction.right, &right_point)?];
            sum = together.add(&mut e.w, sides, sum, reading);
        }
        (e.scene, e.reading) = (outer, Reading::Entries);
        return Ok(sum);
    }
    let left = e.emit(contraction.left, &left_point)?;
    let right = e.emit(contraction.right, &right_point)?;
    let is_plain = contraction.absorbs == [false, false] && !is_storage(element);
    if is_plain && mask.is_none() {
        return Ok(e.w.multiply_add(left, right, sum));
    }
    let mut product = e.w.multiply(left, right);
    let [absorbs_left, absorbs_right] = contraction.absorbs;
    let [absorption, _] = ScalarFunction::Multiply.absorbing();
    if absorbs_right {
        product = absorbed(&mut e.w, Some(right), absorption, product);
    }
    if absorbs_left {
        product = absorbed(&mut e.w, Some(left), absorption, product);
    }
    product = rounded(&mut e.w, element, product);
    if let Some(mask) = mask {
        let zero = e.w.number(product, 0.0);
        product = e.w.select(mask, product, zero);
    }
    Ok(e.w.add(sum, product))
}
