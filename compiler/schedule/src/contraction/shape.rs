//! The shape of a product's register tiles and items, by the machine and by what is known of the sizes.

use super::parts::entries;
use crate::scene::computed;
use crate::sizes::{ceiling, rounded_up};
use moe_graph::Size;
use moe_kernel::{Blocking, LaneParts, ProductShape, Target, Tuning};

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
/// How many entries ahead of those that are read panels are asked for that are read once.
const NEAR: i64 = 256;
/// How many places a sum that is not known is taken to go over.
const TYPICAL: i64 = 1024;

/// The shape of a product's tiles and items.
pub(super) struct Shape {
    pub product: ProductShape,
    pub lanes: u32,
    /// The rows of a tile.
    pub rows: usize,
    /// The vectors of columns of a tile, for each contraction.
    pub vectors: i64,
    pub columns: Size,
    /// How many tiles are in an item's group of panels.
    pub group: i64,
    /// How many rows an item has.
    pub row_block: i64,
    /// How many entries the next tile's panels lie behind this one's.
    pub ahead: i64,
    /// How many entries ahead of those that are read panels are asked for that are read once.
    pub near: i64,
}

/// How a product is cut up if nothing else was measured to be faster; `None` if panels do not serve it.
pub fn usual(target: &Target, product: &ProductShape) -> Option<Blocking> {
    let lanes = lanes(target, product);
    let entries = product.parts.map_or(1, entries);
    let small = |columns: i64| {
        let entries = product.terms.map(|terms| columns.saturating_mul(terms).saturating_mul(entries));
        columns < lanes || entries.is_some_and(|entries| entries < SMALL)
    };
    if lanes < 2 || product.columns.is_some_and(small) {
        return None;
    }
    let most = match (product.parts, sums(target, product)) {
        // Each vector is widened to two.
        (Some(LaneParts::WordPairs), 12..) => 2,
        (Some(LaneParts::WordPairs), _) => 1,
        (_, 13..) => 3,
        _ => 2,
    };
    let columns = |own: i64| rounded_up(own, lanes).min(most);
    let vectors = if product.products > 1 { 1 } else { product.columns.map_or(most, columns) };
    Some(Blocking { vectors, panel_bytes: PANEL_BYTES, rows: MOST_ROWS, ahead: NEAR })
}

fn lanes(target: &Target, product: &ProductShape) -> i64 {
    i64::from(target.vector_bytes) / computed(product.element).bytes().max(4) as i64
}

/// As many sums as leave registers for the operands, and for products where those are not added at once.
fn sums(target: &Target, product: &ProductShape) -> i64 {
    match (target.vector_registers, product.parts) {
        (32.., Some(LaneParts::WordPairs)) => 20,
        (_, Some(LaneParts::WordPairs)) => 10,
        (32.., _) => 24,
        _ if target.fused_multiply_add && product.element.is_float() => 12,
        (_, Some(LaneParts::ByteQuads)) => 12,
        _ => 8,
    }
}

impl Shape {
    pub fn new(target: &Target, product: ProductShape, columns: Size, tuning: &Tuning) -> Option<Shape> {
        let usual = usual(target, &product)?;
        let Blocking { vectors, panel_bytes, rows: most_rows, ahead: near } =
            *tuning.get(&product).unwrap_or(&usual);
        let width = computed(product.element).bytes().max(4) as i64;
        let lanes = lanes(target, &product);
        let known = product.columns;
        let vectors = known.map_or(vectors, |own| rounded_up(own, lanes).min(vectors)).max(1);
        let rows = (sums(target, &product) / (product.products * vectors)).clamp(1, 12);
        let terms = product.terms.unwrap_or(TYPICAL);
        let tile_bytes = (product.products * vectors * lanes * terms).saturating_mul(width).max(1);
        let most = known.map_or(i64::MAX, |own| rounded_up(rounded_up(own, vectors * lanes), GROUPS));
        let group = (panel_bytes / tile_bytes).min(most).max(1);
        let row_block = (ROW_BYTES / terms.saturating_mul(width).max(1)).min(most_rows) / rows * rows;
        let ahead = vectors * lanes * terms;
        let (lanes, row_block) = (lanes as u32, row_block.max(4 * rows));
        Some(Shape { lanes, rows: rows as usize, vectors, columns, group, row_block, ahead, near, product })
    }

    /// The columns of a tile.
    pub fn width(&self) -> i64 {
        self.vectors * i64::from(self.lanes)
    }

    pub fn tiles(&self) -> Size {
        ceiling(&self.columns, self.width())
    }

    /// The rows of the tiles for what is left when full tiles are done.
    pub fn rests(&self) -> Vec<usize> {
        (1..=self.rows).filter(|rows| *rows < 3 || rows % 2 == 0 || *rows == self.rows).collect()
    }
}
