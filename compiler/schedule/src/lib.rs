//! From a tensor graph to kernels: which loop nests, in which order, on which memory.
//!
//! [`plan`] puts calls in place, decides which values are stored, writes a kernel for each stored value with everything that is worked out on the
//! way, and lays the stored values out in one arena.

mod addends;
mod arena;
mod assembly;
mod attention;
mod contiguity;
mod contraction;
mod deliver;
mod emit;
mod error;
mod function;
mod hoist;
mod inline;
mod lookup;
mod materialize;
mod mathematics;
mod moves;
mod nest;
mod packing;
mod plan;
mod point;
mod pointwise;
mod prefix;
mod reduction;
mod repetition;
mod rows;
mod scalar;
mod scatter;
mod scene;
mod selection;
mod sizes;
mod threshold;
mod uses;
mod writer;

pub use contraction::usual_blocking;
pub use error::ScheduleError;
pub use plan::{plan, FormRequest, PlanRequest};
