//! Rewritten graphs equal the originals, and cost what somebody who wrote the dispatch by hand would pay.

mod compare;
mod mixtures;
mod model;
mod report;
mod rules;
