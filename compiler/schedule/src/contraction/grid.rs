//! The items of a contraction: blocks of rows and columns, for each point of the common axes or each segment of packed rows.

use super::classify::{Contraction, Form};
use super::lay::is_near;
use super::tile::{Product, Tiles, ROWS};
use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{blocks, Items, Stretch};
use crate::point::Point;
use crate::pointwise::lanes;
use crate::scene::Scene;
use crate::sizes::product;
use moe_graph::{AxisId, Size};
use moe_kernel::{BinaryOperation, Comparison, Target, Value};

/// How many rows an item has.
const ROW_BLOCK: i64 = 64;
/// How many places ahead along the sum a right side is asked for that comes from afar.
const BEYOND: i64 = 16;

/// Schedules a product of one contraction with what is computed from it in the same place, launched `active` times: once or not at all.
pub(super) fn schedule(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    product: &Product,
    active: &Size,
) -> Result<(), ScheduleError> {
    let contraction = product.first()?;
    let along = match contraction.form {
        Form::Columns => contraction.column,
        Form::Dot(axis) => axis,
    };
    let lanes = lanes(target, product.element, &scene.size(along));
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, lanes);
    if contraction.form == Form::Columns && !is_near(scene, contraction) {
        let axis = contraction.reduced.last();
        emitter.beyond = axis.map(|axis| (*axis, BEYOND));
    }
    emitter.output(product.storage);
    let places = emitter.contraction(&Tiles { product, contraction })?;
    let kernel = product.written(scene, &mut assembly.symbols, emitter, &places, active)?;
    assembly.launch(kernel)
}

/// Places of items by what they stand for: points of the common axes, segments, blocks of columns, blocks of rows.
pub(super) struct Places {
    pub common: Vec<AxisId>,
    segments: Vec<AxisId>,
    pub sizes: Vec<Size>,
}

impl Places {
    pub fn new(
        scene: &Scene,
        contraction: &Contraction,
        columns: Size,
        row_block: i64,
    ) -> Result<Places, ScheduleError> {
        let (segments, rows) = match contraction.grouped {
            Some(packed) => {
                let packing = scene.packing(packed)?;
                let most = product(&scene.sizes(packing.rest())).minimum(&scene.size(packed));
                (packing.segments().to_vec(), most)
            }
            None => (Vec::new(), product(&scene.sizes(&contraction.rows))),
        };
        let common = contraction.common.clone();
        let mut sizes = scene.sizes(&common);
        sizes.extend(scene.sizes(&segments));
        sizes.push(columns);
        sizes.push(blocks(&rows, row_block));
        Ok(Places { common, segments, sizes })
    }

    /// The point of the common axes and the segments.
    pub fn point(&self, digits: &[Value]) -> Point {
        Point::of(self.common.iter().chain(&self.segments), digits)
    }

    /// The numbers of the blocks of columns and of rows.
    pub fn inner(&self, digits: &[Value]) -> [Value; 2] {
        let at = self.common.len() + self.segments.len();
        [0, 1].map(|place| digits.get(at + place).copied().unwrap_or(Value(0)))
    }
}

impl Emitter<'_> {
    fn contraction(&mut self, tiles: &Tiles) -> Result<Vec<Size>, ScheduleError> {
        let contraction = tiles.contraction;
        let column_block = tiles.column_block(self);
        let columns = blocks(&self.scene.size(contraction.column), column_block);
        let places = Places::new(self.scene, contraction, columns, ROW_BLOCK)?;
        let (mut items, digits) = self.open_items(&places.sizes);
        let mut point = places.point(&digits);
        self.guard(&mut items, &places.common, &point)?;
        let [column, row] = places.inner(&digits);
        let columns = self.block(contraction.column, column_block, column);
        let rows = self.rows(contraction, &places, &mut items, &mut point, row, ROW_BLOCK)?;
        self.row_tiles(tiles, &point, rows, columns)?;
        self.close_items(items);
        Ok(places.sizes)
    }

    /// The item's rows; `None` where there is just one.
    pub(super) fn rows(
        &mut self,
        contraction: &Contraction,
        places: &Places,
        items: &mut Items,
        point: &mut Point,
        number: Value,
        block: i64,
    ) -> Result<Option<Stretch>, ScheduleError> {
        if let Some(packed) = contraction.grouped {
            return self.segment_rows(packed, places, items, point, number, block).map(Some);
        }
        let Some((first, rest)) = contraction.rows.split_first() else { return Ok(None) };
        let sizes = self.scene.sizes(rest);
        let inner = self.w.size(&product(&sizes));
        let end = self.extent(*first);
        let end = self.w.multiply(end, inner);
        let [begin, last] = self.w.span(number, block);
        let end = self.block_end(*first, begin, last, end);
        Ok(Some(Stretch { begin, end, whole: None }))
    }

    fn segment_rows(
        &mut self,
        packed: AxisId,
        places: &Places,
        items: &mut Items,
        point: &mut Point,
        number: Value,
        block: i64,
    ) -> Result<Stretch, ScheduleError> {
        let packing = self.scene.packing(packed)?.clone();
        let segment = self.address(&places.segments, point)?;
        let segment = self.forced(&segment);
        let first = self.offset_of(&packing, segment);
        let next = self.w.offset(segment, 1);
        let end = self.offset_of(&packing, next);
        let length = self.w.index(block);
        let skipped = self.w.multiply(number, length);
        let begin = self.w.add(first, skipped);
        let last = self.w.add(begin, length);
        let end = self.w.minimum(last, end);
        let any = self.w.compare(Comparison::Less, begin, end);
        self.only_if(items, any);
        let known = places.segments.iter().filter_map(|axis| Some((*axis, point.get(*axis)?.clone())));
        let known = known.collect();
        point.rows.insert(packed, known);
        Ok(Stretch { begin, end, whole: None })
    }

    /// Tiles of [`ROWS`] rows, then of as few as are left.
    fn row_tiles(
        &mut self,
        tiles: &Tiles,
        point: &Point,
        rows: Option<Stretch>,
        columns: Stretch,
    ) -> Result<(), ScheduleError> {
        let Some(rows) = rows else {
            return tiles.columns(self, std::slice::from_ref(point), columns);
        };
        let product = tiles.product;
        let step = ROWS as i64;
        let stop = self.whole_steps(rows.begin, rows.end, step);
        let open = self.w.open_loop(rows.begin, stop, step, &[]);
        let points = product.row_points(self, point, Stretch { begin: open.index, ..rows }, ROWS, ROWS)?;
        tiles.columns(self, &points, columns)?;
        self.w.close_loop(open, &[]);
        let mut begin = stop;
        let mut count = ROWS / 2;
        while count > 0 {
            let left = self.w.subtract(rows.end, begin);
            let bit = self.w.index(count as i64);
            let taken = self.w.binary(BinaryOperation::And, left, bit);
            let zero = self.w.index(0);
            let any = self.w.compare(Comparison::Greater, taken, zero);
            let guard = self.w.open_if(any);
            let points = product.row_points(self, point, Stretch { begin, ..rows }, count, count)?;
            tiles.columns(self, &points, columns)?;
            self.w.close_if(guard, &[]);
            begin = self.w.add(begin, taken);
            count /= 2;
        }
        Ok(())
    }
}
