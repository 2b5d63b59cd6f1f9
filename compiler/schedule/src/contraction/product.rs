//! Products with weights in panels: blocks of rows by groups of panels, in them register tiles as large as the registers allow.
//!
//! A group of panels stays in the second cache while the rows of a block go by, and a block of rows while the panels do. Several
//! contractions that read the same left side are one product with as many sums at each point, so that what is computed from all of them is
//! computed in registers.

use super::classify::Contraction;
use super::grid::Places;
use super::panels::panelled;
use super::tile::Product;
use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{Innermost, Stretch};
use crate::point::Point;
use crate::scene::{computed, Scene};
use crate::sizes::{product, rounded_up};
use moe_graph::{AxisId, Element, Size};
use moe_kernel::{Comparison, Target, Value};

/// The bytes of the panels that an item reads again for each tile of rows, about: a part of a second cache.
const PANEL_BYTES: i64 = 1 << 19;
/// The bytes of an item's rows, about.
const ROW_BYTES: i64 = 1 << 20;
/// The most rows of an item.
const MOST_ROWS: i64 = 192;
/// About how many groups of panels there are at least, for threads to share.
const GROUPS: i64 = 8;
/// Weights of fewer entries for each product are read as they are.
const SMALL: i64 = 512;
/// The rows of tiles at the edge of the columns.
const EDGE_ROWS: usize = 4;

/// The shape of a product's tiles and items.
struct Shape {
    lanes: u32,
    /// The rows of a tile.
    rows: usize,
    /// The vectors of columns of a tile, for each contraction.
    vectors: i64,
    columns: i64,
    /// How many tiles are in an item's group of panels.
    group: i64,
    /// How many rows an item has.
    row_block: i64,
}

impl Shape {
    fn new(
        target: &Target,
        element: Element,
        contractions: i64,
        columns: i64,
        reduced: i64,
    ) -> Option<Shape> {
        let width = computed(element).bytes().max(4) as i64;
        let lanes = i64::from(target.vector_bytes) / width;
        if lanes < 2 || columns < lanes || columns.saturating_mul(reduced) < SMALL {
            return None;
        }
        let sums = match (target.vector_registers, target.fused_multiply_add) {
            (32.., _) => 24,
            (_, true) => 12,
            (_, false) => 8,
        };
        let vectors = if contractions == 1 && columns > lanes { 2 } else { 1 };
        let rows = (sums / (contractions * vectors)).clamp(1, 12);
        let tile_bytes = (contractions * vectors * lanes * reduced).saturating_mul(width).max(1);
        let tiles = rounded_up(columns, vectors * lanes);
        let group = (PANEL_BYTES / tile_bytes).min(rounded_up(tiles, GROUPS)).max(1);
        let row_block = (ROW_BYTES / reduced.saturating_mul(width).max(1)).min(MOST_ROWS) / rows * rows;
        let (lanes, row_block) = (lanes as u32, row_block.max(4 * rows));
        Some(Shape { lanes, rows: rows as usize, vectors, columns, group, row_block })
    }

    /// The columns of a tile.
    fn width(&self) -> i64 {
        self.vectors * i64::from(self.lanes)
    }

    fn tiles(&self) -> i64 {
        rounded_up(self.columns, self.width())
    }

    /// The rows of the tiles for what is left when full tiles are done.
    fn rests(&self) -> Vec<usize> {
        (1..=self.rows).filter(|rows| *rows < 3 || rows % 2 == 0 || *rows == self.rows).collect()
    }
}

/// Schedules a product; false if its right sides are no weights.
pub(crate) fn schedule(
    scene: &Scene,
    assembly: &mut Assembly,
    target: &Target,
    product: &Product,
) -> Result<bool, ScheduleError> {
    let Some(first) = product.contractions.first() else { return Ok(false) };
    let alike = |other: &Contraction| {
        let same = |a: &[AxisId], b: &[AxisId]| a.len() == b.len() && a.iter().all(|axis| b.contains(axis));
        other.left == first.left
            && other.rows == first.rows
            && other.column == first.column
            && other.common == first.common
            && other.grouped == first.grouped
            && same(&other.reduced, &first.reduced)
    };
    if !product.contractions.iter().all(alike) {
        return Ok(false);
    }
    let contractions: Vec<Contraction> = product
        .contractions
        .iter()
        .map(|contraction| Contraction { reduced: first.by_columns(scene), ..contraction.clone() })
        .collect();
    let reduced: Option<i64> = first.reduced.iter().map(|axis| scene.size(*axis).as_constant()).product();
    let (Some(columns), Some(reduced)) = (scene.size(first.column).as_constant(), reduced) else {
        return Ok(false);
    };
    let count = contractions.len() as i64;
    let Some(shape) = Shape::new(target, product.element, count, columns, reduced) else { return Ok(false) };
    let right = contractions.iter().map(|own| panelled(scene, assembly, own, shape.lanes, shape.vectors));
    let Some(right) = right.collect::<Option<Vec<_>>>() else { return Ok(false) };
    let panels =
        right.into_iter().map(|own| own.panels(scene, assembly, target)).collect::<Result<_, _>>()?;
    let product = Product { contractions: &contractions, ..*product };
    let mut emitter = Emitter::new(scene, &mut assembly.faults, target, shape.lanes);
    emitter.panels = panels;
    emitter.ahead = shape.vectors;
    emitter.output(product.storage);
    let places = product.items(&mut emitter, &shape)?;
    let kernel = product.written(scene, &mut assembly.symbols, emitter, &places)?;
    assembly.launch(kernel)?;
    Ok(true)
}

/// Where the vectors of a tile begin, and which of their lanes are columns.
type Vectors = [(Value, Option<Value>)];

impl Product<'_> {
    fn items(&self, e: &mut Emitter, shape: &Shape) -> Result<Vec<Size>, ScheduleError> {
        let first = self.first()?;
        let groups = Size::constant(rounded_up(shape.tiles(), shape.group));
        let places = Places::new(e.scene, first, groups, shape.row_block)?;
        let (mut items, digits) = e.open_items(&places.sizes);
        let mut point = places.point(&digits);
        e.guard(&mut items, &places.common, &point)?;
        let [group, block] = places.inner(&digits);
        let rows = e.rows(first, &places, &mut items, &mut point, block, shape.row_block)?;
        self.tile_columns(e, shape, &point, rows, group)?;
        e.close_items(items);
        Ok(places.sizes)
    }

    /// The tiles of a group of panels, for all rows of the item.
    fn tile_columns(
        &self,
        e: &mut Emitter,
        shape: &Shape,
        point: &Point,
        rows: Option<Stretch>,
        group: Value,
    ) -> Result<(), ScheduleError> {
        let tiles = shape.tiles();
        let whole = shape.columns / shape.width();
        let (length, end) = (e.w.index(shape.group), e.w.index(tiles));
        let begin = e.w.multiply(group, length);
        let last = e.w.add(begin, length);
        let last = if tiles % shape.group == 0 { last } else { e.w.minimum(last, end) };
        let stop = match whole == tiles {
            true => last,
            false => {
                let whole = e.w.index(whole);
                e.w.minimum(last, whole)
            }
        };
        let open = e.w.open_loop(begin, stop, 1, &[]);
        let vectors = self.vectors(e, shape, open.index, false);
        self.row_tiles(e, shape, point, rows, &vectors)?;
        e.w.close_loop(open, &[]);
        if whole < tiles {
            let stop = e.w.index(whole);
            let has_edge = e.w.compare(Comparison::Greater, last, stop);
            let guard = e.w.open_if(has_edge);
            let vectors = self.vectors(e, shape, stop, true);
            self.edge_tiles(e, point, rows, &vectors)?;
            e.w.close_if(guard, &[]);
        }
        Ok(())
    }

    /// Where the vectors of a tile begin, and which of their lanes are columns.
    fn vectors(
        &self,
        e: &mut Emitter,
        shape: &Shape,
        tile: Value,
        masked: bool,
    ) -> Vec<(Value, Option<Value>)> {
        let (count, lanes) = (e.w.index(shape.vectors), e.w.index(shape.lanes.into()));
        let first = e.w.multiply(tile, count);
        (0..shape.vectors)
            .map(|vector| {
                let panel = e.w.offset(first, vector);
                let begin = e.w.multiply(panel, lanes);
                let mask = masked.then(|| {
                    let columns = e.w.lane_indices(begin, shape.lanes);
                    let end = e.w.index(shape.columns);
                    e.w.compare(Comparison::Less, columns, end)
                });
                (begin, mask)
            })
            .collect()
    }

    /// Full tiles of rows, then one tile for those that are left.
    fn row_tiles(
        &self,
        e: &mut Emitter,
        shape: &Shape,
        point: &Point,
        rows: Option<Stretch>,
        vectors: &Vectors,
    ) -> Result<(), ScheduleError> {
        let Some(rows) = rows else { return self.panel_tile(e, std::slice::from_ref(point), vectors) };
        let count = self.known_rows(e)?;
        if let Some(count) = count.filter(|count| *count <= shape.rows as i64) {
            let points = self.row_points(e, point, rows, count as usize, count as usize)?;
            return self.panel_tile(e, &points, vectors);
        }
        let step = shape.rows as i64;
        let stop = e.whole_steps(rows.begin, rows.end, step);
        let open = e.w.open_loop(rows.begin, stop, step, &[]);
        let full = Stretch { begin: open.index, ..rows };
        let points = self.row_points(e, point, full, shape.rows, shape.rows)?;
        self.panel_tile(e, &points, vectors)?;
        e.w.close_loop(open, &[]);
        if count.is_some_and(|count| count % step == 0) {
            return Ok(());
        }
        let rest = Stretch { begin: stop, ..rows };
        let (left, zero) = (e.w.subtract(rows.end, stop), e.w.index(0));
        let any = e.w.compare(Comparison::Greater, left, zero);
        let guard = e.w.open_if(any);
        self.rest(e, point, rest, vectors, 1, &shape.rests())?;
        e.w.close_if(guard, &[]);
        Ok(())
    }

    /// One tile for the rows that are left, of the least of these numbers of rows that is enough. `certain` are there anyway.
    fn rest(
        &self,
        e: &mut Emitter,
        point: &Point,
        rest: Stretch,
        vectors: &Vectors,
        certain: usize,
        counts: &[usize],
    ) -> Result<(), ScheduleError> {
        let Some((count, more)) = counts.split_first() else { return Ok(()) };
        if more.is_empty() {
            let points = self.row_points(e, point, rest, certain, *count)?;
            return self.panel_tile(e, &points, vectors);
        }
        let left = e.w.subtract(rest.end, rest.begin);
        let enough = e.w.index(*count as i64);
        let fits = e.w.compare(Comparison::LessEqual, left, enough);
        let mut choice = e.w.open_if(fits);
        let points = self.row_points(e, point, rest, certain, *count)?;
        self.panel_tile(e, &points, vectors)?;
        e.w.otherwise(&mut choice);
        self.rest(e, point, rest, vectors, count + 1, more)?;
        e.w.close_if(choice, &[]);
        Ok(())
    }

    /// Tiles at the edge of the columns.
    fn edge_tiles(
        &self,
        e: &mut Emitter,
        point: &Point,
        rows: Option<Stretch>,
        vectors: &Vectors,
    ) -> Result<(), ScheduleError> {
        let Some(rows) = rows else { return self.panel_tile(e, std::slice::from_ref(point), vectors) };
        let known = self.known_rows(e)?.map_or(EDGE_ROWS, |count| EDGE_ROWS.min(count.max(1) as usize));
        let open = e.w.open_loop(rows.begin, rows.end, known as i64, &[]);
        let points = self.row_points(e, point, Stretch { begin: open.index, ..rows }, 1, known)?;
        self.panel_tile(e, &points, vectors)?;
        e.w.close_loop(open, &[]);
        Ok(())
    }

    /// How many rows there are, where that is known and they are no segment's.
    fn known_rows(&self, e: &Emitter) -> Result<Option<i64>, ScheduleError> {
        let first = self.first()?;
        let ragged = first.rows.iter().any(|axis| e.scene.is_ragged(*axis));
        Ok(product(&e.scene.sizes(&first.rows)).as_constant().filter(|_| !ragged))
    }

    fn panel_tile(&self, e: &mut Emitter, rows: &[Point], vectors: &Vectors) -> Result<(), ScheduleError> {
        let column = self.first()?.column;
        let mut points = Vec::new();
        for row in rows {
            for (begin, mask) in vectors {
                points.push(e.lanes_at(row, column, *begin, *mask));
            }
        }
        let unroll = match rows.len() {
            0..=4 => 4,
            5..=8 => 2,
            _ => 1,
        };
        self.tile(e, &points, vectors.len(), Innermost::Places(unroll))
    }
}
