//! The functions that repetitions and folds are differentiated with: one round that stores, and one round backwards.

use crate::error::DifferentiateError;
use crate::library::{float_parameters, float_results, result_type, Library, Made as Kind};
use moe_graph::{
    AxisId, Builder, Element, Function, FunctionId, NodeId, Operation, OutputKind, ParameterKind, Scalar,
    ScalarFunction, Size, Type,
};

type Made<T> = Result<T, DifferentiateError>;
type Pairs = Vec<(AxisId, AxisId)>;

pub(crate) fn parameter_type(function: &Function, index: usize) -> Made<Type> {
    let parameter = function.parameters.get(index);
    Ok(parameter.ok_or(DifferentiateError::Malformed("no such parameter"))?.ty.clone())
}

/// A new function with the axes of another, by the same ids.
fn with_axes(function: &Function, suffix: &str) -> Builder {
    let mut builder = Builder::new(format!("{}.{suffix}", function.name));
    for axis in &function.axes {
        if axis.ragged {
            builder.ragged_axis(axis.name.clone(), axis.size.clone());
        } else {
            builder.axis(axis.name.clone(), axis.size.clone());
        }
    }
    builder
}

/// The axes of a function's parameters and results, each as itself.
pub(crate) fn identity(function: &Function) -> Pairs {
    let parameters = function.parameters.iter().flat_map(|parameter| &parameter.ty.axes);
    let mut axes: Vec<AxisId> =
        parameters.chain(function.outputs.iter().flat_map(|output| &output.axes)).copied().collect();
    axes.sort();
    axes.dedup();
    axes.into_iter().map(|axis| (axis, axis)).collect()
}

/// An axis of rounds, whose size is a free size that the function does not know yet.
fn rounds_axis(builder: &mut Builder) -> AxisId {
    let mut name = "rounds".to_owned();
    let taken = |name: &str| {
        builder.function().axes.iter().any(|axis| {
            let mut found = false;
            axis.size.symbols(&mut |symbol| found |= symbol == name);
            found
        })
    };
    while taken(&name) {
        name.push('_');
    }
    builder.axis("rounds", Size::symbol(&name))
}

fn input(builder: &mut Builder, name: String, ty: Type) -> NodeId {
    builder.parameter(name, ParameterKind::Input, ty)
}

fn result(builder: &mut Builder, name: String, node: NodeId, axes: Vec<AxisId>) {
    builder.output(name, node, axes, OutputKind::Result);
}

/// `entry` at the round `counter`, `store` elsewhere.
fn stored(
    builder: &mut Builder,
    rounds: AxisId,
    counter: NodeId,
    entry: NodeId,
    store: NodeId,
) -> Made<NodeId> {
    let place = builder.add(Operation::Coordinate(rounds), &[])?;
    let here = builder.map(ScalarFunction::Equal, &[place, counter])?;
    Ok(builder.map(ScalarFunction::Select, &[here, entry, store])?)
}

fn along(ty: &Type, axis: AxisId) -> Type {
    let mut axes = vec![axis];
    axes.extend(&ty.axes);
    Type { element: ty.element, axes }
}

/// One round that also stores what it was given: `(carried…, stores…, counter, stacked…, shared…)` to the next carried values, stores,
/// counter, and what the function's rounds collect.
pub(crate) fn storing(library: &mut Library, id: FunctionId, carried: usize) -> Made<FunctionId> {
    library.make(Kind::Storing { function: id, carried }, |library| {
        let function = library.function(id)?;
        let mut builder = with_axes(&function, "storing");
        let rounds = rounds_axis(&mut builder);
        let types: Vec<Type> = function.parameters.iter().map(|parameter| parameter.ty.clone()).collect();
        let mut values = Vec::new();
        for (index, ty) in types.iter().take(carried).enumerate() {
            values.push(input(&mut builder, format!("carried{index}"), ty.clone()));
        }
        let mut stores = Vec::new();
        for (index, ty) in types.iter().take(carried).enumerate() {
            stores.push(input(&mut builder, format!("store{index}"), along(ty, rounds)));
        }
        let counter = input(&mut builder, "counter".to_owned(), Type::scalar(Element::I64));
        for (index, ty) in types.iter().enumerate().skip(carried) {
            values.push(input(&mut builder, format!("other{index}"), ty.clone()));
        }
        for index in 0..carried {
            let ty = result_type(&function, index)?;
            let call = Operation::Call { function: id, axes: identity(&function), result: index as u32 };
            let next = builder.add_typed(call, &values, ty.clone());
            result(&mut builder, format!("next{index}"), next, ty.axes);
        }
        for ((index, ty), (value, store)) in types.iter().enumerate().zip(values.iter().zip(&stores)) {
            let store = stored(&mut builder, rounds, counter, *value, *store)?;
            result(&mut builder, format!("store{index}"), store, along(ty, rounds).axes);
        }
        count(&mut builder, counter, ScalarFunction::Add)?;
        for (index, output) in function.outputs.iter().enumerate().skip(carried) {
            let ty = result_type(&function, index)?;
            let call = Operation::Call { function: id, axes: identity(&function), result: index as u32 };
            let collected = builder.add_typed(call, &values, ty.clone());
            builder.output(output.name.clone(), collected, ty.axes, output.kind);
        }
        Ok(builder.finish())
    })
}

fn count(builder: &mut Builder, counter: NodeId, step: ScalarFunction) -> Made<()> {
    let one = builder.constant(Scalar::index(1));
    let next = builder.map(step, &[counter, one])?;
    result(builder, "counter".to_owned(), next, Vec::new());
    Ok(())
}

/// The pieces of a round backwards: which of a function's parameters are floats among the carried, stacked and shared ones.
pub(crate) struct Backward {
    pub function: Function,
    id: FunctionId,
    pub carried: Vec<usize>,
    pub stacked: Vec<usize>,
    pub shared: Vec<usize>,
}

impl Backward {
    pub fn new(library: &Library, id: FunctionId, carried: usize, stacked: usize) -> Made<Self> {
        let function = library.function(id)?;
        let floats = float_parameters(&function);
        let part = |range: std::ops::Range<usize>| -> Vec<usize> {
            floats.iter().copied().filter(|index| range.contains(index)).collect()
        };
        let first_shared = carried + stacked;
        Ok(Backward {
            carried: part(0..carried),
            stacked: part(carried..first_shared),
            shared: part(first_shared..function.parameters.len()),
            function,
            id,
        })
    }

    fn cotangents(&self, builder: &mut Builder, indices: &[usize]) -> Made<Vec<NodeId>> {
        let parameter = |index: &usize| {
            let ty = parameter_type(&self.function, *index)?;
            Ok(input(builder, format!("cotangent{index}"), ty))
        };
        indices.iter().map(parameter).collect()
    }

    /// Calls the adjoint and gives the cotangent of each float parameter.
    fn call(
        &self,
        library: &mut Library,
        builder: &mut Builder,
        values: &[NodeId],
        cotangents: &[NodeId],
    ) -> Made<Vec<(usize, NodeId)>> {
        let adjoint = library.adjoint(self.id)?;
        let mut operands = values.to_vec();
        for index in float_results(&self.function) {
            let place = self.carried.iter().position(|carried| *carried == index);
            let given = place.and_then(|place| cotangents.get(place)).copied();
            let element = result_type(&self.function, index)?.element;
            operands.push(given.unwrap_or_else(|| builder.constant(Scalar::zero(element))));
        }
        let mut found = Vec::new();
        for (place, index) in float_parameters(&self.function).into_iter().enumerate() {
            let axes = identity(&self.function);
            let call = Operation::Call { function: adjoint, axes, result: place as u32 };
            let ty = parameter_type(&self.function, index)?;
            found.push((index, builder.add_typed(call, &operands, ty)));
        }
        Ok(found)
    }

    fn share(&self, shares: &[(usize, NodeId)], index: usize) -> Made<NodeId> {
        let found = shares.iter().find(|(own, _)| *own == index);
        found.map(|(_, node)| *node).ok_or(DifferentiateError::Malformed("no such cotangent"))
    }

    /// The next carried cotangents, and those of shared values with this round's added.
    fn results(&self, builder: &mut Builder, shares: &[(usize, NodeId)], sums: &[NodeId]) -> Made<()> {
        for index in &self.carried {
            let axes = parameter_type(&self.function, *index)?.axes;
            result(builder, format!("cotangent{index}"), self.share(shares, *index)?, axes);
        }
        for (index, sum) in self.shared.iter().zip(sums) {
            let axes = parameter_type(&self.function, *index)?.axes;
            let sum = builder.map(ScalarFunction::Add, &[*sum, self.share(shares, *index)?])?;
            result(builder, format!("cotangent{index}"), sum, axes);
        }
        Ok(())
    }
}

/// One round backwards over stored values: `(cotangents of carried…, of shared…, stores of stacked…, counter; carried…, stacked…; shared…)`.
pub(crate) fn backward(
    library: &mut Library,
    id: FunctionId,
    carried: usize,
    stacked: usize,
) -> Made<FunctionId> {
    library.make(Kind::Backward { function: id, carried, stacked }, |library| {
        let parts = Backward::new(library, id, carried, stacked)?;
        let mut builder = with_axes(&parts.function, "backward");
        let rounds = rounds_axis(&mut builder);
        let cotangents = parts.cotangents(&mut builder, &parts.carried)?;
        let sums = parts.cotangents(&mut builder, &parts.shared)?;
        let mut stores = Vec::new();
        for index in &parts.stacked {
            let ty = along(&parameter_type(&parts.function, *index)?, rounds);
            stores.push(input(&mut builder, format!("store{index}"), ty));
        }
        let counter = input(&mut builder, "counter".to_owned(), Type::scalar(Element::I64));
        let values: Vec<NodeId> = parts
            .function
            .parameters
            .iter()
            .map(|parameter| input(&mut builder, parameter.name.clone(), parameter.ty.clone()))
            .collect();
        let shares = parts.call(library, &mut builder, &values, &cotangents)?;
        parts.results(&mut builder, &shares, &sums)?;
        for (index, store) in parts.stacked.iter().zip(&stores) {
            let share = parts.share(&shares, *index)?;
            let store = stored(&mut builder, rounds, counter, share, *store)?;
            let axes = along(&parameter_type(&parts.function, *index)?, rounds).axes;
            result(&mut builder, format!("store{index}"), store, axes);
        }
        count(&mut builder, counter, ScalarFunction::Subtract)?;
        Ok(builder.finish())
    })
}

/// One round backwards that works out the carried values anew: `(cotangents of carried…, of shared…, counter; first carried…, shared…)`.
pub(crate) fn recomputing(library: &mut Library, id: FunctionId, carried: usize) -> Made<FunctionId> {
    library.make(Kind::Recomputing { function: id, carried }, |library| {
        let parts = Backward::new(library, id, carried, 0)?;
        let mut builder = with_axes(&parts.function, "recomputing");
        let cotangents = parts.cotangents(&mut builder, &parts.carried)?;
        let sums = parts.cotangents(&mut builder, &parts.shared)?;
        let counter = input(&mut builder, "counter".to_owned(), Type::scalar(Element::I64));
        let first: Vec<NodeId> = parts
            .function
            .parameters
            .iter()
            .map(|parameter| input(&mut builder, parameter.name.clone(), parameter.ty.clone()))
            .collect();
        let mut values = first.clone();
        let operands: Vec<NodeId> = [counter].into_iter().chain(first).collect();
        for (index, value) in values.iter_mut().take(carried).enumerate() {
            let axes = identity(&parts.function);
            let fold = Operation::Fold { function: id, axes, carried: carried as u32, result: index as u32 };
            *value = builder.add_typed(fold, &operands, result_type(&parts.function, index)?);
        }
        let shares = parts.call(library, &mut builder, &values, &cotangents)?;
        parts.results(&mut builder, &shares, &sums)?;
        count(&mut builder, counter, ScalarFunction::Subtract)?;
        Ok(builder.finish())
    })
}
