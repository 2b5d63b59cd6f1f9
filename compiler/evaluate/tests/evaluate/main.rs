//! What each primitive means, on small examples.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;
mod margins;
mod meaning;
mod structure;
