//! Products with right sides in panels: blocks of rows by groups of panels, in them register tiles as large as the registers allow. Weights are
//! brought into panels once; other right sides while running, where there are so many rows that it pays.
//!
//! A group of panels stays in the second cache while the rows of a block go by, and a block of rows while the panels do. Several
//! contractions that read the same left side are one product with as many sums at each point, so that what is computed from all of them is
//! computed in registers.

use super::classify::Contraction;
use super::grid::{self, Places};
use super::lay::laid_if;
use super::panels::{panelled, Panels};
use super::parts::{choose, Together};
use super::shape::Shape;
use super::tile::Product;
use crate::assembly::Assembly;
use crate::emit::Emitter;
use crate::error::ScheduleError;
use crate::nest::{Innermost, Stretch};
use crate::point::Point;
use crate::scene::Scene;
use crate::sizes::{self, ceiling};
use moe_graph::{AxisId, NodeId, Size};
use moe_kernel::{Comparison, ProductShape, Target, Value};
use std::collections::BTreeMap;

/// Schedules a product; false if its right sides are neither weights nor worth being laid in panels.
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
    let count = product.contractions.len() as i64;
    let kind = |scene: &Scene, parts| ProductShape {
        element: product.element,
        products: count,
        terms: sizes::product(&scene.sizes(&first.reduced)).as_constant(),
        columns: scene.size(first.column).as_constant(),
        packed: first.grouped.is_some(),
        parts,
    };
    let shape = |assembly: &Assembly, scene: &Scene, parts| {
        Shape::new(target, kind(scene, parts), scene.size(first.column), &assembly.tuning)
    };
    let Some(single) = shape(assembly, scene, None) else { return Ok(false) };
    let contractions: Vec<Contraction> = product
        .contractions
        .iter()
        .map(|contraction| Contraction { reduced: first.by_columns(scene), ..contraction.clone() })
        .collect();
    let by_columns = Product { contractions: &contractions, ..*product };
    let right = contractions.iter().map(|own| panelled(scene, assembly, own, single.lanes));
    if let Some(right) = right.collect::<Option<Vec<_>>>() {
        let choice = choose(scene, target, &by_columns)
            .and_then(|own| Some((shape(assembly, &own.scene(scene), Some(own.parts))?, own)));
        let parts = choice.as_ref().map(|(_, own)| own.parts);
        let panels = right
            .into_iter()
            .map(|own| own.panels(scene, assembly, target, parts))
            .collect::<Result<_, _>>()?;
        let (shape, together) = match choice {
            Some((shape, own)) => (shape, Some(own.together(scene, assembly, target)?)),
            None => (single, None),
        };
        let sides = Sides { panels, together: together.as_ref() };
        by_columns.launch(scene, assembly, target, &shape, sides, &Size::constant(1))?;
        return Ok(true);
    }
    let Some(active) = laid_if(scene, product) else { return Ok(false) };
    if active.as_constant().is_none() && count > 1 {
        return Ok(false);
    }
    let panels = by_columns.lay(scene, assembly, target, &single, &active)?;
    let sides = Sides { panels, together: None };
    by_columns.launch(scene, assembly, target, &single, sides, &active)?;
    if active.as_constant().is_none() {
        let otherwise = Size::constant(1).subtract(&active);
        grid::schedule(scene, assembly, target, product, &otherwise)?;
    }
    Ok(true)
}

/// How the sides of a product are read.
struct Sides<'a> {
    /// Right sides, and the left one where it is laid too.
    panels: BTreeMap<NodeId, Panels>,
    /// How several entries of them are read at a time, if they are.
    together: Option<&'a Together<'a>>,
}

/// Where the vectors of a tile begin, and which of their lanes are columns.
type Vectors = [(Value, Option<Value>)];

impl Product<'_> {
    /// The kernel that reads these panels, launched `active` times: once or not at all.
    fn launch(
        &self,
        scene: &Scene,
        assembly: &mut Assembly,
        target: &Target,
        shape: &Shape,
        sides: Sides,
        active: &Size,
    ) -> Result<(), ScheduleError> {
        let mut emitter = Emitter::new(scene, &mut assembly.faults, target, shape.lanes);
        (emitter.panels, emitter.together) = (sides.panels, sides.together);
        emitter.output(self.storage);
        let places = self.items(&mut emitter, shape)?;
        let mut kernel = self.written(scene, &mut assembly.symbols, emitter, &places, active)?;
        kernel.product = Some(shape.product.clone());
        assembly.launch(kernel)
    }

    fn items(&self, e: &mut Emitter, shape: &Shape) -> Result<Vec<Size>, ScheduleError> {
        let first = self.first()?;
        let groups = ceiling(&shape.tiles(), shape.group);
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
        let (length, end) = (e.w.index(shape.group), e.w.size(&shape.tiles()));
        let (columns, width) = (e.w.size(&shape.columns), e.w.index(shape.width()));
        let whole = e.w.divide(columns, width);
        let begin = e.w.multiply(group, length);
        let last = e.w.add(begin, length);
        let fits = e.w.known(end).is_some_and(|tiles| tiles % shape.group == 0);
        let last = if fits { last } else { e.w.minimum(last, end) };
        let exact = e.w.known(whole).is_some() && e.w.known(whole) == e.w.known(end);
        let stop = if exact { last } else { e.w.minimum(last, whole) };
        if e.w.known(whole) != Some(0) {
            let open = e.w.open_loop(begin, stop, 1, &[]);
            let count = e.w.index(shape.vectors);
            let panel = e.w.multiply(open.index, count);
            let vectors = self.vectors(e, shape, panel, shape.vectors, false);
            self.row_tiles(e, shape, point, rows, &vectors)?;
            e.w.close_loop(open, &[]);
        }
        if exact {
            return Ok(());
        }
        let has_rest = e.w.compare(Comparison::Greater, last, whole);
        let guard = e.w.open_if(has_rest);
        self.rest_of_columns(e, shape, point, rows, whole)?;
        e.w.close_if(guard, &[]);
        Ok(())
    }

    /// What is left of the columns after so many whole tiles: one tile as wide as that is, or panel by panel where it is not known.
    fn rest_of_columns(
        &self,
        e: &mut Emitter,
        shape: &Shape,
        point: &Point,
        rows: Option<Stretch>,
        whole: Value,
    ) -> Result<(), ScheduleError> {
        let lanes = i64::from(shape.lanes);
        let count = e.w.index(shape.vectors);
        let first = e.w.multiply(whole, count);
        let panels = e.w.size(&ceiling(&shape.columns, lanes));
        if let (Some(first_number), Some(end)) = (e.w.known(first), e.w.known(panels)) {
            let masked = shape.columns.as_constant().is_none_or(|columns| columns % lanes != 0);
            let vectors = self.vectors(e, shape, first, end - first_number, masked);
            return self.row_tiles(e, shape, point, rows, &vectors);
        }
        let open = e.w.open_loop(first, panels, 1, &[]);
        let vectors = self.vectors(e, shape, open.index, 1, true);
        self.row_tiles(e, shape, point, rows, &vectors)?;
        e.w.close_loop(open, &[]);
        Ok(())
    }

    /// Where the vectors of a tile begin, and which lanes of the last are columns if not all are.
    fn vectors(
        &self,
        e: &mut Emitter,
        shape: &Shape,
        first: Value,
        count: i64,
        masked: bool,
    ) -> Vec<(Value, Option<Value>)> {
        let lanes = e.w.index(shape.lanes.into());
        let vector = |number| {
            let panel = e.w.offset(first, number);
            let begin = e.w.multiply(panel, lanes);
            let mask = (masked && number + 1 == count).then(|| {
                let end = e.w.size(&shape.columns);
                e.lanes_before(begin, end)
            });
            (begin, mask)
        };
        (0..count).map(vector).collect()
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
        e.ahead = shape.near;
        let Some(rows) = rows else { return self.panel_tile(e, std::slice::from_ref(point), vectors) };
        let count = self.known_rows(e)?;
        if let Some(count) = count.filter(|count| *count <= shape.rows as i64) {
            let points = self.row_points(e, point, rows, count as usize, count as usize)?;
            return self.panel_tile(e, &points, vectors);
        }
        let step = shape.rows as i64;
        let stop = e.whole_steps(rows.begin, rows.end, step);
        // Where blocks are whole tiles a tile's number is what is counted: what lies in panels of rows is found by it.
        let (counted, by) = if self.first()?.grouped.is_some() { (step, 1) } else { (1, step) };
        let length = e.w.index(by);
        let (from, to) = (e.w.divide(rows.begin, length), e.w.divide(stop, length));
        let open = e.w.open_loop(from, to, counted, &[]);
        let full = Stretch { begin: e.w.multiply(open.index, length), ..rows };
        let points = self.row_points(e, point, full, shape.rows, shape.rows)?;
        e.ahead = shape.ahead;
        self.panel_tile(e, &points, vectors)?;
        e.ahead = shape.near;
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

    /// How many rows there are, where that is known and they are no segment's.
    fn known_rows(&self, e: &Emitter) -> Result<Option<i64>, ScheduleError> {
        let first = self.first()?;
        let ragged = first.rows.iter().any(|axis| e.scene.is_ragged(*axis));
        Ok(sizes::product(&e.scene.sizes(&first.rows)).as_constant().filter(|_| !ragged))
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
