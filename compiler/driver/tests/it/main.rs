//! Whole roads: from a graph to results, by every back end, against the reference evaluator.
// What the tests share may fail as they do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod counted;
mod deterministic;
mod forms;
mod generated;
mod integers;
mod programs;
mod ragged;
mod reference;
mod road;
mod stages;
mod states;
