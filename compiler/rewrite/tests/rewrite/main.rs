//! Rewritten graphs equal the originals, and cost what somebody who wrote the dispatch by hand would pay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod backward;
mod compare;
mod functions;
mod generated;
mod language;
mod mixtures;
mod model;
mod proof;
mod report;
mod rules;
mod size;
mod texts;
