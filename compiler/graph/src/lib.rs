//! The tensor graph: what a model means, in a small closed set of primitives over named axes.
//!
//! A [`Module`] holds [`Function`]s; a function is an arena of nodes, each an [`Operation`] on nodes before it. Axes have identity, so
//! operands align by axis and never by position; there is no transpose, no broadcast and no binder. Build functions with
//! [`Builder`], which shares equal nodes and works out the type and the [`Fact`] of each.

mod arithmetic;
mod axes;
mod builder;
mod fact_rules;
mod function;
mod infer;
mod invariant;
mod operation;
mod passes;
mod random;
mod scalar;
mod size;
mod support;
mod text;
mod verify;

pub use builder::Builder;
pub use fact_rules::{absorb, fact, table as table_fact, Known};
pub use function::{
    Axis, AxisId, Function, FunctionId, Module, Node, NodeId, Offsets, Output, OutputKind, Parameter,
    ParameterKind, Type,
};
pub use infer::{infer, TypeError};
pub use invariant::{invariant_parameters, invariants, keeps_invariance};
pub use moe_runtime::Element;
pub use operation::{Absorb, Absorption, Operation, ReduceKind, ScalarFunction, Signature};
pub use passes::{live_nodes, simplify};
pub use random::{philox, uniform, PHILOX_MULTIPLIERS, PHILOX_ROUNDS, PHILOX_WEYL};
pub use scalar::Scalar;
pub use size::{Atom, Size};
pub use support::{Fact, Sizes, Support, SupportExpression, SupportOperand};
pub use text::{parse_module, print_fact, print_function, print_module, TextError};
pub use verify::{verify, Problem, VerifyError};
