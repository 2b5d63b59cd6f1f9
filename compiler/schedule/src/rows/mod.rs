//! Rows: reductions along one axis and what is worked out of them along the same axis, such as shares, norms and normalizations, in one kernel
//! whose items are the rows.
//!
//! Found from the graph's structure (`find.rs`): nodes that depend on reductions along an axis, up to one that alone is read by others. Short
//! rows stay in registers. Of long rows only what is costly and wanted again is kept, in scratch memory of the thread. Each sum goes over its row
//! in vectors from the first entry, a partial sum in each lane, which are brought together at the end.

mod find;
mod kernel;

pub(crate) use find::{find, RowGroup};
pub(crate) use kernel::schedule;
