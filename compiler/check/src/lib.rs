//! The checker: from syntax trees to the tensor graph.
//!
//! One road does both checking and elaborating. [`Program::check_file`] elaborates every definition of a file with its static
//! parameters as free sizes, and collects every mistake; [`Program::elaborate`] does one model with the sizes it is compiled for.
//! Definitions are inlined where they are called; only the bodies of `repeat` and `fold` become functions of the graph.

mod arguments;
mod arrays;
mod axes;
mod bounds;
mod builtin_calls;
mod builtins;
mod calls;
mod definitions;
mod elaborated;
mod elaborator;
mod expressions;
mod files;
mod frame;
mod index;
mod levels;
mod limits;
mod loops;
mod mapping;
mod messages;
mod models;
mod names;
mod observed;
mod operators;
mod parts;
mod program;
mod ragged;
mod randomness;
mod reductions;
mod sizes;
mod sources;
mod statements;
mod states;
mod statics;
mod tensors;
mod test_items;
mod types;
mod value;
mod windows;

pub use builtins::{Builtin, BUILTINS};
pub use elaborated::{
    Assertion, Elaborated, ElaboratedTest, KnownPlaces, KnownWeights, ModelInfo, Setting, TestInfo,
    WeightDeclaration,
};
pub use mapping::{Mapping, WeightInfo};
pub use program::{load, load_parsed, Program};
pub use sources::{SourceFile, Sources};
