//! Attention: a product with keys, what is worked out of it key by key, perhaps shares along the keys, and a product with values, in one
//! kernel that never writes the scores.
//!
//! Recognized from what is computed (`find.rs`): a sum over keys of a weight and a value, where the weight is worked out entry by entry from
//! contractions with the keys (the scores), perhaps as `exp(z - μ)` with μ from the row's largest `z`, and multiplied or divided by what is
//! one number a row. Nothing else may read what lies between, and keys or values must be more than weights.
//!
//! A kernel's item is a block of rows (queries, and the heads that share keys). It goes over the keys block by block; blocks that a mask leaves
//! out by its comparisons alone are skipped (`mask.rs`), and so are tiles of rows in the others. Scores of a block lie in scratch memory of the
//! thread. Shares are kept with a running largest `z` (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"): only where a
//! block raises it are its lanes brought together and sums so far scaled down; a row without such a block has no step that waits for all of
//! its keys. Each sum goes over the keys block by block, from the first, within a block key by key (of values) or in each lane vector by vector
//! (of weights), so a result depends on the number of lanes, but neither on the block of rows it is in nor on threads.

mod find;
mod kernel;
mod mask;
mod tile;
mod weights;

pub(crate) use find::{find, Attention};
pub(crate) use kernel::schedule;

/// How many keys a block has.
const KEYS: i64 = 64;
/// How many rows a block has, at most: each goes over keys and values that no second cache holds.
const ROWS: i64 = 96;
/// How many rows a register tile has.
const TILE: i64 = 6;
