//! Checks what a graph claims to know of its values against the values themselves.

use moe_evaluate::{evaluate, Options};
use moe_graph::{
    verify, Absorb, AxisId, Builder, Element, Fact, Function, Module, NodeId, Operation, OutputKind,
    ReduceKind, ScalarFunction,
};
use moe_runtime::Tensor;

/// Evaluates a module and checks the fact of every node of its entry function: off its support each value equals the background (zeros of either sign are
/// equal), and the entries counted along each set of axes are within the bounds.
///
/// # Errors
/// What does not hold, or why the module cannot be evaluated.
pub fn check_facts(module: &Module, inputs: &[Tensor]) -> Result<usize, String> {
    verify(module).map_err(|errors| format!("{errors:?}"))?;
    let (checked, claims) = with_claims(module).ok_or("a fact that cannot be written as a graph")?;
    let evaluation = evaluate(&checked, inputs, &Options::default()).map_err(|error| error.to_string())?;
    for (claim, found) in claims.iter().zip(&evaluation.outputs) {
        if found.bytes() != [1] {
            return Err(format!("{claim}\n{}", moe_graph::print_module(module)));
        }
    }
    Ok(claims.len())
}

/// The module with one truth value for each claim as its outputs, and what each claims.
fn with_claims(module: &Module) -> Option<(Module, Vec<String>)> {
    let entry = module.entry()?;
    let mut extended = Extended { function: entry.clone() };
    extended.function.outputs.clear();
    let mut claims = Vec::new();
    for (id, node) in entry.node_ids().zip(&entry.nodes) {
        let Some(fact) = &node.fact else { continue };
        let text = moe_graph::print_fact(module, entry, fact);
        let (background, degrees) = extended.claims(id, fact)?;
        for claim in [background].into_iter().chain(degrees) {
            extended.output(claim);
            claims.push(format!("%{}: {text}", id.0));
        }
    }
    let mut checked = module.clone();
    *checked.functions.get_mut(module.entry as usize)? = extended.function;
    Some((checked, claims))
}

/// A function to which nodes are added at the end.
struct Extended {
    function: Function,
}

impl Extended {
    fn add(&mut self, operation: Operation, operands: &[NodeId]) -> Option<NodeId> {
        let types: Vec<_> =
            operands.iter().map(|id| self.function.node(*id).map(|node| &node.ty)).collect::<Option<_>>()?;
        let ty = moe_graph::infer(&self.function, &operation, &types).ok()??;
        let node = moe_graph::Node { operation, operands: operands.to_vec(), ty, fact: None, span: None };
        self.function.nodes.push(node);
        Some(NodeId(self.function.nodes.len() as u32 - 1))
    }

    fn map(&mut self, function: ScalarFunction, operands: &[NodeId]) -> Option<NodeId> {
        self.add(Operation::Map { function, absorb: Absorb::Neither }, operands)
    }

    fn everywhere(&mut self, truth: NodeId) -> Option<NodeId> {
        let axes = self.sorted_axes(truth)?;
        self.add(Operation::Reduce { kind: ReduceKind::All, axes }, &[truth])
    }

    fn sorted_axes(&self, node: NodeId) -> Option<Vec<AxisId>> {
        let mut axes = self.function.node(node)?.ty.axes.clone();
        axes.sort();
        Some(axes)
    }

    fn output(&mut self, node: NodeId) {
        let name = format!("claim{}", self.function.outputs.len());
        let (axes, kind) = (Vec::new(), OutputKind::Result);
        self.function.outputs.push(moe_graph::Output { name, node, axes, kind });
    }

    /// That the background is off the support, and that each degree is within its bound.
    fn claims(&mut self, node: NodeId, fact: &Fact) -> Option<(NodeId, Vec<NodeId>)> {
        let add = &mut |operation, operands: Vec<NodeId>| self.add(operation, &operands);
        let support = fact.support.expression.realize(&NodeId, add)?;
        let background = self.add(Operation::Constant(fact.background), &[])?;
        let same = self.map(ScalarFunction::Equal, &[node, background])?;
        let either = self.map(ScalarFunction::Or, &[same, support])?;
        let background = self.everywhere(either)?;
        let mut degrees = Vec::new();
        for (axes, bound) in &fact.support.degrees {
            let counted = self.add(Operation::Cast(Element::I64), &[support])?;
            let axes = axes.iter().copied().collect();
            let count = self.add(Operation::Reduce { kind: ReduceKind::Sum, axes }, &[counted])?;
            let bound = self.add(Operation::SizeOf(bound.clone()), &[])?;
            let within = self.map(ScalarFunction::LessEqual, &[count, bound])?;
            degrees.push(self.everywhere(within)?);
        }
        Some((background, degrees))
    }
}

/// The same for a function that is still being built: every node so far is checked.
///
/// # Errors
/// As [`check_facts`].
pub fn check_built(builder: Builder, inputs: &[Tensor]) -> Result<usize, String> {
    check_facts(&Module { functions: vec![builder.finish()], entry: 0, offsets: Vec::new() }, inputs)
}
