//! The verifier: what must hold of a module between passes.

use crate::builder::fact_of;
use crate::function::{
    AxisId, Function, FunctionId, Module, Node, NodeId, Offsets, Output, OutputKind, ParameterKind, Type,
};
use crate::infer::{infer, TypeError};
use crate::operation::Operation;
use crate::support::Fact;
use crate::{Element, Size};
use std::collections::{BTreeMap, BTreeSet};

/// Something that does not hold of a module: a bug of the pass before.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("function `{function}`{}: {problem}", node.map_or_else(String::new, |node| format!(", node %{}", node.0)))]
pub struct VerifyError {
    /// The function.
    pub function: String,
    /// The node, if it is about one.
    pub node: Option<NodeId>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The module's entry is no function.
    #[error("the entry is no function")]
    NoEntry,
    /// An operand that does not come before its user.
    #[error("operand %{} does not come before its user", .0 .0)]
    OperandOrder(NodeId),
    /// An id of an axis that is not there.
    #[error("no axis #{}", .0 .0)]
    NoAxis(AxisId),
    /// An axis named twice where axes must be distinct.
    #[error("the axis `{0}` stands twice where axes must be distinct")]
    TwiceAxis(String),
    /// A list of axes that must be sorted.
    #[error("the list of axes is not sorted, or names one twice")]
    NotSorted,
    /// An operation that does not take its operands.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// A type other than the one that follows from the operands.
    #[error("its type is not the one that follows from its operands")]
    WrongType,
    /// An id of a parameter that is not there.
    #[error("no parameter {0}")]
    NoParameter(u32),
    /// An id of a table that is not there, or a table that does not fit its type.
    #[error("table {0} is not there or does not fit its type")]
    Table(u32),
    /// A call of a function that does not come before the caller.
    #[error("function {0} does not come before its caller")]
    CallOrder(u32),
    /// A call that does not fit the function's parameters and results.
    #[error("the call does not fit: {0}")]
    Call(&'static str),
    /// A fact that does not follow from the operands.
    #[error("what is claimed to be known does not follow from the operands")]
    Fact,
    /// An output of a node that is not there.
    #[error("the output `{0}` is of no node")]
    NoOutput(String),
    /// An output that leaves out axes of its node.
    #[error("the output `{0}` leaves out an axis of its node")]
    OutputAxes(String),
    /// A next or first value of something that is no state of that type.
    #[error("`{0}` is no state of that type")]
    NoState(String),
    /// A first value of a state that is not the same in every step.
    #[error("the first value of `{0}` depends on more than weights")]
    Unsteady(String),
    /// Offsets that are no input of `i64` with one axis.
    #[error("parameter {0} holds no offsets")]
    Offsets(u32),
}

/// Checks a module: operands before uses, types as inferred, axes there and distinct, lists sorted, calls that fit, outputs with all axes of their
/// nodes, facts that follow from the operands (what is recomputed may be stronger than what is recorded).
///
/// # Errors
/// Everything that does not hold.
pub fn verify(module: &Module) -> Result<(), Vec<VerifyError>> {
    let mut errors = Vec::new();
    for (index, function) in module.functions.iter().enumerate() {
        let mut verifier =
            Verifier { module, function, index: index as u32, node: None, errors: &mut errors };
        verifier.function();
    }
    let mut report = |function: &str, problem| {
        errors.push(VerifyError { function: function.to_owned(), node: None, problem });
    };
    match module.entry() {
        None => report("", Problem::NoEntry),
        Some(entry) => {
            for offsets in module.offsets.iter().filter(|offsets| !can_hold(entry, offsets)) {
                report(&entry.name, Problem::Offsets(offsets.parameter));
            }
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Whether the parameter can hold offsets.
fn can_hold(entry: &Function, offsets: &Offsets) -> bool {
    entry.parameters.get(offsets.parameter as usize).is_some_and(|parameter| {
        let (kind, ty) = (parameter.kind, &parameter.ty);
        kind == ParameterKind::Input && ty.element == Element::I64 && ty.axes.len() == 1
    })
}

struct Verifier<'a> {
    module: &'a Module,
    function: &'a Function,
    index: u32,
    node: Option<NodeId>,
    errors: &'a mut Vec<VerifyError>,
}

impl Verifier<'_> {
    fn report(&mut self, problem: Problem) {
        let (function, node) = (self.function.name.clone(), self.node);
        self.errors.push(VerifyError { function, node, problem });
    }

    fn function(&mut self) {
        for parameter in &self.function.parameters {
            self.distinct(&parameter.ty.axes);
        }
        for (id, node) in self.function.node_ids().zip(&self.function.nodes) {
            self.node = Some(id);
            self.node(id, node);
        }
        self.node = None;
        for output in &self.function.outputs {
            self.output(output);
        }
    }

    /// Whether the axes are there and distinct.
    fn distinct(&mut self, axes: &[AxisId]) {
        for (place, axis) in axes.iter().enumerate() {
            match self.function.axis(*axis) {
                None => self.report(Problem::NoAxis(*axis)),
                Some(found) if axes.iter().take(place).any(|other| other == axis) => {
                    self.report(Problem::TwiceAxis(found.name.clone()));
                }
                Some(_) => {}
            }
        }
    }

    fn node(&mut self, id: NodeId, node: &Node) {
        if let Some(late) = node.operands.iter().find(|operand| **operand >= id) {
            return self.report(Problem::OperandOrder(*late));
        }
        if let Some(missing) =
            node.operation.axes().into_iter().find(|axis| self.function.axis(*axis).is_none())
        {
            return self.report(Problem::NoAxis(missing));
        }
        self.distinct(&node.ty.axes);
        self.sorted(&node.operation);
        let types: Vec<&Type> = node
            .operands
            .iter()
            .filter_map(|operand| self.function.node(*operand).map(|node| &node.ty))
            .collect();
        match infer(self.function, &node.operation, &types) {
            Err(error) => return self.report(error.into()),
            Ok(Some(ty)) if ty != node.ty => return self.report(Problem::WrongType),
            Ok(Some(_)) => {}
            Ok(None) => self.declared(node, &types),
        }
        if let Some(claimed) = &node.fact {
            let known = fact_of(self.function, &node.operation, &node.operands, &node.ty, id);
            if !known.is_some_and(|known| self.follows(claimed, &known)) {
                self.report(Problem::Fact);
            }
        }
    }

    fn sorted(&mut self, operation: &Operation) {
        let mut operation = operation.clone();
        let sorted = operation
            .sorted_list()
            .is_none_or(|list| list.iter().zip(list.iter().skip(1)).all(|(a, b)| a < b));
        if !sorted {
            self.report(Problem::NotSorted);
        }
    }

    /// Whether a fact says no more than another.
    fn follows(&self, claimed: &Fact, known: &Fact) -> bool {
        let size = |axis| self.function.size(axis);
        claimed == known
            || (claimed.background == known.background
                && known.support.is_within_support(&claimed.support)
                && claimed
                    .support
                    .degrees
                    .iter()
                    .all(|(axes, bound)| known.support.is_within(axes, bound, &size)))
    }

    /// Nodes whose type does not follow from their operands.
    fn declared(&mut self, node: &Node, types: &[&Type]) {
        match &node.operation {
            Operation::Parameter(index) => match self.function.parameters.get(*index as usize) {
                None => self.report(Problem::NoParameter(*index)),
                Some(parameter) if parameter.ty != node.ty => self.report(Problem::WrongType),
                Some(_) => {}
            },
            Operation::Table(index) => self.table(*index, &node.ty),
            Operation::Call { function, axes, result } => {
                self.call(*function, axes, types, *result, &node.ty)
            }
            Operation::Repeat { function, axes, over, carried, stacked, result } => {
                let first = *carried as usize;
                let mut seen: Vec<Type> = types.iter().map(|ty| (*ty).clone()).collect();
                seen.iter_mut()
                    .skip(first)
                    .take(*stacked as usize)
                    .for_each(|ty| ty.axes.retain(|axis| axis != over));
                let seen: Vec<&Type> = seen.iter().collect();
                if result < carried {
                    self.call(*function, axes, &seen, *result, &node.ty);
                } else {
                    let mut round = node.ty.clone();
                    if round.axes.first() != Some(over) {
                        self.report(Problem::Call("a collected result begins with the axis of the rounds"));
                    }
                    round.axes.retain(|axis| axis != over);
                    self.call(*function, axes, &seen, *result, &round);
                }
                self.carried(*function, *carried);
            }
            Operation::Fold { function, axes, carried, result } => {
                match types.split_first() {
                    Some((count, rest)) if **count == Type::scalar(Element::I64) => {
                        self.call(*function, axes, rest, *result, &node.ty);
                    }
                    _ => self.report(Problem::Call("the count is no i64 without axes")),
                }
                if result >= carried {
                    self.report(Problem::Call("the result is not carried"));
                }
                self.carried(*function, *carried);
            }
            _ => {}
        }
    }

    fn table(&mut self, index: u32, ty: &Type) {
        let entries = self.function.tables.get(index as usize);
        let fits = entries.is_some_and(|entries| {
            let size = |product: Size, axis: &AxisId| product.multiply(&self.function.size(*axis));
            let size = ty.axes.iter().fold(Size::constant(1), size).as_constant();
            size == i64::try_from(entries.len()).ok()
                && entries.iter().all(|entry| entry.element() == ty.element)
        });
        if !fits {
            self.report(Problem::Table(index));
        }
    }

    fn carried(&mut self, function: FunctionId, carried: u32) {
        let Some(callee) = self.module.function(function) else { return };
        let fits = |(output, parameter): (&Output, &crate::function::Parameter)| {
            let element = callee.node(output.node).map(|node| node.ty.element);
            element == Some(parameter.ty.element)
                && output.axes.len() == parameter.ty.axes.len()
                && output.axes.iter().all(|axis| parameter.ty.has(*axis))
        };
        let count = carried as usize;
        if callee.outputs.len() < count || callee.parameters.len() < count {
            self.report(Problem::Call("too many values are carried"));
        } else if !callee.outputs.iter().zip(&callee.parameters).take(count).all(fits) {
            self.report(Problem::Call("a carried value changes its type"));
        }
    }

    fn call(&mut self, id: FunctionId, axes: &[(AxisId, AxisId)], types: &[&Type], result: u32, ty: &Type) {
        let callee = match self.module.function(id) {
            Some(callee) if id.0 < self.index => callee,
            _ => return self.report(Problem::CallOrder(id.0)),
        };
        if let Some(reason) = misfit(self.function, callee, axes, types, result, ty) {
            self.report(Problem::Call(reason));
        }
    }

    fn output(&mut self, output: &Output) {
        self.distinct(&output.axes);
        let Some(node) = self.function.node(output.node) else {
            return self.report(Problem::NoOutput(output.name.clone()));
        };
        if !node.ty.axes.iter().all(|axis| output.axes.contains(axis)) {
            self.report(Problem::OutputAxes(output.name.clone()));
        }
        if matches!(output.kind, OutputKind::Next | OutputKind::Initial) {
            let state =
                self.function.parameters.iter().find(|parameter| {
                    parameter.kind == ParameterKind::State && parameter.name == output.name
                });
            let same = |ty: &Type| ty.element == node.ty.element && ty.axes.len() == output.axes.len();
            if !state.is_some_and(|state| same(&state.ty)) {
                self.report(Problem::NoState(output.name.clone()));
            }
        }
        if output.kind == OutputKind::Initial && !self.is_fixed(output.node) {
            self.report(Problem::Unsteady(output.name.clone()));
        }
    }

    /// Whether a value is the same in every step: it depends on no input and no state.
    fn is_fixed(&self, node: NodeId) -> bool {
        let mut open = vec![node];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(node) = self.function.node(id).filter(|_| seen.insert(id)) else { continue };
            if let Operation::Parameter(index) = node.operation {
                let kind = self.function.parameters.get(index as usize).map(|parameter| parameter.kind);
                if kind != Some(ParameterKind::Weight) {
                    return false;
                }
            }
            open.extend(&node.operands);
        }
        true
    }
}

/// Why a call does not fit a function.
fn misfit(
    caller: &Function,
    callee: &Function,
    axes: &[(AxisId, AxisId)],
    types: &[&Type],
    result: u32,
    ty: &Type,
) -> Option<&'static str> {
    let outside: BTreeMap<AxisId, AxisId> = axes.iter().copied().collect();
    let image =
        |axes: &[AxisId]| axes.iter().map(|axis| outside.get(axis).copied()).collect::<Option<Vec<_>>>();
    if outside.len() != axes.len() {
        return Some("an axis of the function is given twice");
    }
    if types.len() != callee.parameters.len() {
        return Some("another number of operands than parameters");
    }
    for (parameter, operand) in callee.parameters.iter().zip(types) {
        let Some(image) = image(&parameter.ty.axes) else {
            return Some("an axis of a parameter is not given");
        };
        if parameter.ty.element != operand.element {
            return Some("an operand of another element type than the parameter");
        }
        if !operand.axes.iter().all(|axis| image.contains(axis)) {
            return Some("an operand has an axis that the parameter lacks");
        }
    }
    let Some(output) = callee.outputs.get(result as usize) else { return Some("no such result") };
    let Some(image) = image(&output.axes) else { return Some("an axis of the result is not given") };
    let same = image.len() == ty.axes.len() && image.iter().all(|axis| ty.has(*axis));
    if !same || callee.node(output.node).map(|node| node.ty.element) != Some(ty.element) {
        return Some("a type other than the function's result");
    }
    sizes_differ(caller, callee, axes).then_some("an axis of another size than the function's")
}

/// Whether some axis is given one of another size, where the function's free sizes are what its axes say.
fn sizes_differ(caller: &Function, callee: &Function, axes: &[(AxisId, AxisId)]) -> bool {
    let mut symbols: BTreeMap<String, Size> = BTreeMap::new();
    for (inside, outside) in axes {
        let size = callee.size(*inside);
        if let Some(symbol) = size.as_symbol() {
            symbols.entry(symbol.to_owned()).or_insert_with(|| caller.size(*outside));
        }
    }
    axes.iter().any(|(inside, outside)| {
        let (Some(own), Some(given)) = (callee.axis(*inside), caller.axis(*outside)) else { return true };
        own.ragged != given.ragged || own.size.substitute(&|name| symbols.get(name).cloned()) != given.size
    })
}
