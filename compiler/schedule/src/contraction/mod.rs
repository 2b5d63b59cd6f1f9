//! Kernels for contractions: sums of products, in register tiles.

mod classify;
mod grid;
mod tile;

pub(crate) use classify::{product_of, Form};
pub(crate) use grid::schedule;
