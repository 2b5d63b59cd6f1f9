//! Proofs that what was chosen equals what was written: made of what saturation noted, checked without an e-graph.
//!
//! A proof of a function is a function in the text form of the graph that holds every term it speaks of, and lines about these terms:
//! what is known of some, which masks have packed axes, and steps, each of which is an instance of a rule. What the steps say, closed under
//! congruence, must make the outputs that were written equal to those that were chosen.
//!
//! - `log.rs`: what saturation notes. `bank.rs`: terms closed under congruence, with explanations. `record.rs`: from a log to the few lines
//!   that are needed. `check.rs`: each line checked, facts derived anew. `text.rs`: the form in which proofs are saved and read.

mod bank;
mod check;
mod log;
mod record;
mod text;

pub use check::{check, Refusal};
pub use log::{Application, Log};
pub use record::record;
pub use text::TextProblem;

use crate::convert::roots;
use check::same_terms;
use moe_graph::{AxisId, Function, Module, NodeId};

/// A proof for each function of a module.
#[derive(Clone, PartialEq, Debug)]
pub struct Proof {
    /// For each function of the module one that holds all terms that its proof speaks of; its outputs are those that were written.
    pub terms: Module,
    /// What each function's proof says.
    pub functions: Vec<FunctionProof>,
}

impl Proof {
    /// Whether it proves something of what `written` computes, and what `made` computes: its results are their outputs and claims.
    ///
    /// # Errors
    /// With what is not the same.
    pub fn connects(&self, written: &Module, made: &Module) -> Result<(), String> {
        let count = self.functions.len();
        if written.functions.len() != count || made.functions.len() != count {
            return Err("there are as many proofs as functions".to_owned());
        }
        let functions = self.terms.functions.iter().zip(&self.functions);
        for ((terms, proof), (written, made)) in functions.zip(written.functions.iter().zip(&made.functions))
        {
            begins(terms, proof, written)?;
            ends(terms, proof, written, made)?;
        }
        Ok(())
    }
}

fn begins(terms: &Function, proof: &FunctionProof, written: &Function) -> Result<(), String> {
    let same = terms.axes.starts_with(&written.axes)
        && terms.parameters == written.parameters
        && terms.tables.starts_with(&written.tables);
    if !same {
        return Err(format!("`{}` has other axes, parameters or tables", written.name));
    }
    let nodes = same_terms(terms, written, &[])?;
    let roots: Vec<Option<NodeId>> = roots(written).iter().map(|root| nodes.get(root).copied()).collect();
    let results: Vec<Option<NodeId>> = proof.results.iter().map(|(root, _)| Some(*root)).collect();
    if roots == results {
        Ok(())
    } else {
        Err(format!("the results are not those of `{}`", written.name))
    }
}

fn ends(terms: &Function, proof: &FunctionProof, written: &Function, made: &Function) -> Result<(), String> {
    let size = |(old, new): &(AxisId, AxisId)| {
        terms.axis(*old).is_some_and(|old| made.axis(*new).is_some_and(|new| old.size == new.size))
    };
    let packed: Vec<AxisId> = proof.axes.iter().map(|(_, new)| *new).collect();
    let same = |axis: AxisId| packed.contains(&axis) || terms.axis(axis) == made.axis(axis);
    let all = (0..made.axes.len() as u32).map(AxisId).all(same);
    if made.parameters != written.parameters || !proof.axes.iter().all(size) || !all {
        return Err(format!("what was made of `{}` has other parameters or axes", made.name));
    }
    let nodes = same_terms(terms, made, &proof.axes)?;
    for (output, (_, chosen)) in made.outputs.iter().zip(&proof.results) {
        if nodes.get(&output.node) != Some(chosen) {
            return Err(format!("`{}` of `{}` is not what was proven", output.name, made.name));
        }
    }
    Ok(())
}

/// What the proof of one function says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FunctionProof {
    /// In order.
    pub lines: Vec<Line>,
    /// Terms that were written, and those that were chosen for them.
    pub results: Vec<(NodeId, NodeId)>,
    /// Packed axes, and what they are in the function that was made.
    pub axes: Vec<(AxisId, AxisId)>,
}

/// One line of a proof.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// What follows for a term from what is known of its operands; lines that have one use its number.
    Known {
        /// The term.
        term: NodeId,
        /// For each operand the lines that say what is known of it, of those before.
        operands: Vec<Vec<u32>>,
    },
    /// The true entries of a mask have an axis of their own.
    Rows {
        /// The axis.
        axis: AxisId,
        /// The mask.
        mask: NodeId,
        /// A value that is its background off the mask, and how often the mask can be true.
        witness: NodeId,
        /// The line that says so.
        known: u32,
    },
    /// An instance of a rule.
    Step {
        /// The rule.
        rule: String,
        /// What was found.
        left: NodeId,
        /// What it is equal to.
        right: NodeId,
        /// What the rule's conditions use: values, and the lines that say what is known of them. Of two facts of one value the first counts.
        uses: Vec<(NodeId, u32)>,
    },
}
