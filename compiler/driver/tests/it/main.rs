//! Whole roads: from a graph to results, by every back end, against the reference evaluator.

mod generated;
mod reference;
mod road;
mod stages;
