//! The tensor graph: what a model means, in a small closed set of primitives over named axes.
//!
//! A [`Module`] holds [`Function`]s; a function is an arena of nodes, each an [`Operation`] on nodes before it. Axes have identity, so
//! operands align by axis and never by position; there is no transpose, no broadcast and no binder. Build functions with
//! [`Builder`], which shares equal nodes and works out the type and the [`Fact`] of each.

mod arithmetic;
mod builder;
mod fact_rules;
mod function;
mod infer;
mod operation;
mod scalar;
mod size;
mod support;

pub use builder::Builder;
pub use fact_rules::{absorb, fact, Known};
pub use function::{
    Axis, AxisId, Function, FunctionId, Module, Node, NodeId, Output, OutputKind, Parameter, ParameterKind,
    Type,
};
pub use infer::{infer, TypeError};
pub use moe_runtime::Element;
pub use operation::{Absorb, Absorption, Operation, ReduceKind, ScalarFunction, Signature};
pub use scalar::Scalar;
pub use size::{Atom, Size};
pub use support::{Fact, Sizes, Support, SupportExpression, SupportOperand};
