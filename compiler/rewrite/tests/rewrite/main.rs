//! Rewritten graphs equal the originals, and cost what somebody who wrote the dispatch by hand would pay.

mod compare;
mod functions;
mod generated;
mod mixtures;
mod model;
mod report;
mod rules;
