//! The shape of a product's register tiles and items, by the machine and by what is known of the sizes.

use crate::scene::computed;
use crate::sizes::{ceiling, rounded_up};
use moe_graph::{Element, Size};
use moe_kernel::Target;

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
/// How many places a sum that is not known is taken to go over.
const TYPICAL: i64 = 1024;

/// The shape of a product's tiles and items.
pub(super) struct Shape {
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
}

impl Shape {
    pub fn new(
        target: &Target,
        element: Element,
        contractions: i64,
        columns: Size,
        reduced: &Size,
    ) -> Option<Shape> {
        let width = computed(element).bytes().max(4) as i64;
        let lanes = i64::from(target.vector_bytes) / width;
        let small = |columns: i64| {
            columns < lanes
                || reduced.as_constant().is_some_and(|reduced| columns.saturating_mul(reduced) < SMALL)
        };
        if lanes < 2 || columns.as_constant().is_some_and(small) {
            return None;
        }
        // As many sums as leave registers for the operands.
        let (sums, most) = match (target.vector_registers, target.fused_multiply_add) {
            (32.., _) => (24, 3),
            (_, true) => (12, 3),
            (_, false) => (8, 2),
        };
        let known = columns.as_constant();
        let vectors =
            if contractions > 1 { 1 } else { known.map_or(most, |own| rounded_up(own, lanes).min(most)) };
        let rows = (sums / (contractions * vectors)).clamp(1, 12);
        let reduced = reduced.as_constant().unwrap_or(TYPICAL);
        let tile_bytes = (contractions * vectors * lanes * reduced).saturating_mul(width).max(1);
        let most = known.map_or(i64::MAX, |own| rounded_up(rounded_up(own, vectors * lanes), GROUPS));
        let group = (PANEL_BYTES / tile_bytes).min(most).max(1);
        let row_block = (ROW_BYTES / reduced.saturating_mul(width).max(1)).min(MOST_ROWS) / rows * rows;
        let ahead = vectors * lanes * reduced;
        let (lanes, row_block) = (lanes as u32, row_block.max(4 * rows));
        Some(Shape { lanes, rows: rows as usize, vectors, columns, group, row_block, ahead })
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
