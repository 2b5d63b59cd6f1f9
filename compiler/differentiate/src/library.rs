//! The functions of a module, and those that differentiation adds.

use crate::adjoint::Adjoint;
use crate::error::DifferentiateError;
use moe_graph::{Function, FunctionId, Module, Offsets, ParameterKind, Type};
use std::collections::BTreeMap;

/// A function made from another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Made {
    /// From parameters and cotangents of float results to cotangents of float parameters.
    Adjoint(FunctionId),
    /// One round that also stores the carried values.
    Storing { function: FunctionId, carried: usize },
    /// One round backwards over stored values.
    Backward { function: FunctionId, carried: usize, stacked: usize },
    /// One round backwards that works out the carried values anew.
    Recomputing { function: FunctionId, carried: usize },
}

/// The functions so far.
pub(crate) struct Library {
    functions: Vec<Function>,
    offsets: Vec<Offsets>,
    made: BTreeMap<Made, FunctionId>,
}

impl Library {
    pub fn new(module: &Module) -> Self {
        Library {
            functions: module.functions.clone(),
            offsets: module.offsets.clone(),
            made: BTreeMap::new(),
        }
    }

    pub fn finish(mut self, entry: Function) -> Module {
        self.functions.push(entry);
        let entry = self.functions.len() as u32 - 1;
        Module { functions: self.functions, entry, offsets: self.offsets }
    }

    pub fn function(&self, id: FunctionId) -> Result<Function, DifferentiateError> {
        let function = self.functions.get(id.0 as usize);
        function.cloned().ok_or(DifferentiateError::Malformed("no such function"))
    }

    /// The function of that kind, built by `build` where there is none yet.
    pub fn make(
        &mut self,
        made: Made,
        build: impl FnOnce(&mut Library) -> Result<Function, DifferentiateError>,
    ) -> Result<FunctionId, DifferentiateError> {
        if let Some(id) = self.made.get(&made) {
            return Ok(*id);
        }
        let function = build(self)?;
        self.functions.push(function);
        let id = FunctionId(self.functions.len() as u32 - 1);
        self.made.insert(made, id);
        Ok(id)
    }

    /// The adjoint of a function: its parameters are the function's, then a cotangent for each float result; its results the cotangents of the float
    /// parameters. It has the function's axes, by the same ids.
    pub fn adjoint(&mut self, id: FunctionId) -> Result<FunctionId, DifferentiateError> {
        self.make(Made::Adjoint(id), |library| {
            let function = library.function(id)?;
            let wanted: Vec<bool> =
                function.parameters.iter().map(|parameter| parameter.ty.element.is_float()).collect();
            let mut adjoint = Adjoint::new(library, &function, &wanted)?;
            for output in float_results(&function) {
                let ty = result_type(&function, output)?;
                let name = format!("cotangent.{}", output_name(&function, output));
                let cotangent = adjoint.builder.parameter(name, ParameterKind::Input, ty);
                adjoint.seed_result(output, cotangent)?;
            }
            adjoint.run()?;
            for index in float_parameters(&function) {
                adjoint.gradient_output(index, &format!("gradient{index}"))?;
            }
            let mut built = adjoint.builder.finish();
            built.name = format!("{}.adjoint", function.name);
            Ok(built)
        })
    }
}

fn output_name(function: &Function, index: usize) -> &str {
    function.outputs.get(index).map_or("", |output| &output.name)
}

/// The indices of the float parameters.
pub(crate) fn float_parameters(function: &Function) -> Vec<usize> {
    let floats =
        function.parameters.iter().enumerate().filter(|(_, parameter)| parameter.ty.element.is_float());
    floats.map(|(index, _)| index).collect()
}

/// The indices of the float results.
pub(crate) fn float_results(function: &Function) -> Vec<usize> {
    let is_float = |index: &usize| result_type(function, *index).is_ok_and(|ty| ty.element.is_float());
    (0..function.outputs.len()).filter(is_float).collect()
}

/// The type of a result, with all axes that it is given out with.
pub(crate) fn result_type(function: &Function, index: usize) -> Result<Type, DifferentiateError> {
    let output = function.outputs.get(index);
    let found = output.and_then(|output| Some((output, function.node(output.node)?)));
    let (output, node) = found.ok_or(DifferentiateError::Malformed("no such result"))?;
    Ok(Type { element: node.ty.element, axes: output.axes.clone() })
}
