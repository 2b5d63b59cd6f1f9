//! The whole plan: the program's edge, the steps, the arena.

use crate::arena;
use crate::assembly::{Assembly, Draft, Home};
use crate::deliver::{deliver, Delivery};
use crate::error::ScheduleError;
use crate::hoist::{hoist, Hoisted};
use crate::scene::{Scene, Storage};
use crate::sizes::product;
use moe_grammar::Span;
use moe_graph::{AxisId, Element, Function, Module, NodeId, Operation, Output, OutputKind, ParameterKind};
use moe_kernel::{Plan, Target};
use moe_runtime::program::{
    AxisDescription, Buffer, KernelDescription, Observation, Offsets, Place, Program, SizeExpression,
    StateDescription, Step, Symbol, TensorDescription, WeightDescription, WeightSource, FORMAT_VERSION,
};
use std::collections::BTreeMap;

/// What to plan, and for what.
pub struct PlanRequest<'a> {
    /// The graph, rewritten or not.
    pub module: &'a Module,
    /// The model's name.
    pub model: &'a str,
    /// The machine and the printer.
    pub target: &'a Target,
    /// Where weights come from, by dotted name, as far as a `weights` block says.
    pub weight_sources: &'a BTreeMap<String, WeightSource>,
    /// Observed outputs to compute: dotted names, in which `*` stands for anything.
    pub observe: &'a [String],
    /// A place in the source as `file:line:column`.
    pub origin: &'a dyn Fn(Span) -> String,
}

/// Plans kernels and a program for a graph.
///
/// Results do not depend on how a launch's items are shared among threads, and each entry of a result is summed in an order that depends on
/// the sizes summed over alone.
///
/// # Errors
/// If the graph is malformed or says something that cannot be scheduled.
pub fn plan(request: &PlanRequest) -> Result<Plan, ScheduleError> {
    let hoisted = hoist(request.module, &|output| {
        output.kind == OutputKind::Initial || is_wanted(request.observe, output)
    })?;
    let (program, assembly) = (empty(request), Assembly::new());
    let mut edge = Edge { request, module: &hoisted.module, function: &hoisted.whole, program, assembly };
    let storages = edge.parameters();
    let storages = edge.prepare(&hoisted, storages)?;
    edge.function = &hoisted.step;
    edge.begin(&storages)?;
    edge.steps(storages)?;
    Ok(edge.finish())
}

fn empty(request: &PlanRequest) -> Program {
    Program {
        version: FORMAT_VERSION,
        model: request.model.to_owned(),
        backend: String::new(),
        symbols: Vec::new(),
        inputs: Vec::new(),
        offsets: Vec::new(),
        outputs: Vec::new(),
        weights: Vec::new(),
        states: Vec::new(),
        constants: Vec::new(),
        buffers: Vec::new(),
        arena_bytes: SizeExpression::Constant(0),
        thread_bytes: SizeExpression::Constant(0),
        prepared_bytes: SizeExpression::Constant(0),
        kernels: Vec::new(),
        faults: Vec::new(),
        prepare: Vec::new(),
        begin: Vec::new(),
        step: Vec::new(),
        observations: Vec::new(),
    }
}

struct Edge<'a> {
    request: &'a PlanRequest<'a>,
    module: &'a Module,
    function: &'a Function,
    program: Program,
    assembly: Assembly,
}

impl Edge<'_> {
    fn description(&mut self, name: &str, element: Element, axes: &[AxisId]) -> TensorDescription {
        let axes = axes
            .iter()
            .map(|axis| AxisDescription {
                name: self.function.axis(*axis).map_or_else(String::new, |axis| axis.name.clone()),
                size: self.assembly.symbols.expression(&self.function.size(*axis)),
            })
            .collect();
        TensorDescription { name: name.to_owned(), element, axes }
    }

    fn fixed(&mut self, name: &str, element: Element, axes: &[AxisId], place: Place) -> Storage {
        let sizes: Vec<_> = axes.iter().map(|axis| self.function.size(*axis)).collect();
        let (length, home) = (product(&sizes), Home::Fixed(place));
        let name = name.to_owned();
        let buffer = self.assembly.buffer(Draft { name: name.clone(), element, length, home, kept: false });
        Storage { buffer, name, element, layout: axes.to_vec() }
    }

    /// Describes the inputs that hold offsets.
    fn offsets(&mut self) {
        for offsets in &self.request.module.offsets {
            let before = self.function.parameters.iter().take(offsets.parameter as usize);
            let input = before.filter(|parameter| parameter.kind == ParameterKind::Input).count() as u32;
            let rows = self.assembly.symbols.expression(&offsets.rows);
            let longest = self.assembly.symbols.place(&offsets.longest);
            self.program.offsets.push(Offsets { input, rows, longest });
        }
    }

    /// Describes the parameters; gives where the nodes that name them lie.
    fn parameters(&mut self) -> BTreeMap<NodeId, Storage> {
        let mut places = Vec::new();
        for parameter in &self.function.parameters {
            let (name, ty) = (&parameter.name, &parameter.ty);
            let tensor = self.description(name, ty.element, &ty.axes);
            let place = match parameter.kind {
                ParameterKind::Input => {
                    self.program.inputs.push(tensor);
                    Place::Input(self.program.inputs.len() as u32 - 1)
                }
                ParameterKind::Weight => {
                    let source = self.request.weight_sources.get(name).cloned();
                    self.program.weights.push(WeightDescription { tensor, source });
                    Place::Weight(self.program.weights.len() as u32 - 1)
                }
                ParameterKind::State => {
                    self.program.states.push(StateDescription { tensor });
                    Place::State(self.program.states.len() as u32 - 1)
                }
            };
            places.push(self.fixed(name, ty.element, &ty.axes, place));
        }
        self.offsets();
        let mut storages = BTreeMap::new();
        for id in self.function.node_ids() {
            if let Some(Operation::Parameter(index)) = self.function.node(id).map(|node| &node.operation) {
                storages.extend(places.get(*index as usize).map(|storage| (id, storage.clone())));
            }
        }
        storages
    }

    /// Works out what steps find in prepared memory; gives where their parameters lie.
    fn prepare(
        &mut self,
        hoisted: &Hoisted,
        mut storages: BTreeMap<NodeId, Storage>,
    ) -> Result<BTreeMap<NodeId, Storage>, ScheduleError> {
        self.assembly.preparing = true;
        let mut targets = Vec::new();
        for id in &hoisted.prepared {
            let node = self.function.node(*id).ok_or(ScheduleError::Malformed("no such node"))?;
            let sizes: Vec<_> = node.ty.axes.iter().map(|axis| self.function.size(*axis)).collect();
            let (name, axes) = (format!("prepared {}", node.operation.name()), node.ty.axes.clone());
            let storage = self.assembly.storage(&name, node.ty.element, axes, product(&sizes));
            targets.push(Delivery { node: *id, storage });
        }
        if !targets.is_empty() {
            self.deliver(storages.clone(), &targets)?;
        }
        self.assembly.preparing = false;
        storages.extend(targets.into_iter().map(|target| (target.node, target.storage)));
        Ok(storages)
    }

    fn steps(&mut self, storages: BTreeMap<NodeId, Storage>) -> Result<(), ScheduleError> {
        let function = self.function;
        let outputs: Vec<&Output> =
            function.outputs.iter().filter(|output| is_wanted(self.request.observe, output)).collect();
        let mut targets = Vec::new();
        for output in outputs {
            targets.push(Delivery { node: output.node, storage: self.output(output)? });
        }
        self.deliver(storages, &targets)
    }

    /// The steps that give states their first values, where those are not zeros.
    fn begin(&mut self, storages: &BTreeMap<NodeId, Storage>) -> Result<(), ScheduleError> {
        let function = self.function;
        let mut targets = Vec::new();
        for output in function.outputs.iter().filter(|output| output.kind == OutputKind::Initial) {
            targets.push(Delivery { node: output.node, storage: self.state(output)? });
        }
        if targets.is_empty() {
            return Ok(());
        }
        let states = |storage: &Storage| targets.iter().any(|target| target.storage.buffer == storage.buffer);
        let weights = storages.iter().filter(|(_, storage)| !states(storage));
        self.deliver(weights.map(|(id, storage)| (*id, storage.clone())).collect(), &targets)?;
        self.program.begin = self.assembly.steps.first_mut().map(std::mem::take).unwrap_or_default();
        Ok(())
    }

    fn deliver(
        &mut self,
        storages: BTreeMap<NodeId, Storage>,
        targets: &[Delivery],
    ) -> Result<(), ScheduleError> {
        let (function, origin) = (self.function, self.request.origin);
        let scene = Scene { function, storages, packings: BTreeMap::new(), origin };
        deliver(self.module, self.request.target, &mut self.assembly, scene, targets)
    }

    /// Where an output goes.
    fn output(&mut self, output: &Output) -> Result<Storage, ScheduleError> {
        let node = self.function.node(output.node).ok_or(ScheduleError::Malformed("no such node"))?;
        let element = node.ty.element;
        match output.kind {
            OutputKind::Result => {
                let tensor = self.description(&output.name, element, &output.axes);
                self.program.outputs.push(tensor);
                let place = Place::Output(self.program.outputs.len() as u32 - 1);
                Ok(self.fixed(&output.name, element, &output.axes, place))
            }
            OutputKind::Next | OutputKind::Initial => self.state(output),
            OutputKind::Observed => {
                let storage = self.arena(output, element);
                if let Some(draft) = self.assembly.buffers.get_mut(storage.buffer as usize) {
                    draft.kept = true;
                }
                let tensor = self.description(&output.name, element, &output.axes);
                self.program.observations.push(Observation { tensor, buffer: storage.buffer });
                Ok(storage)
            }
        }
    }

    fn arena(&mut self, output: &Output, element: Element) -> Storage {
        let sizes: Vec<_> = output.axes.iter().map(|axis| self.function.size(*axis)).collect();
        self.assembly.storage(&output.name, element, output.axes.clone(), product(&sizes))
    }

    /// The memory of a state.
    fn state(&self, output: &Output) -> Result<Storage, ScheduleError> {
        let unknown = ScheduleError::Malformed("a next value of no state");
        let index = self.program.states.iter().position(|state| state.tensor.name == output.name);
        let index = index.ok_or(unknown.clone())? as u32;
        let buffer = self
            .assembly
            .buffers
            .iter()
            .position(|draft| matches!(draft.home, Home::Fixed(Place::State(state)) if state == index));
        let buffer = buffer.ok_or(unknown)? as u32;
        let element = self.assembly.buffers.get(buffer as usize).map_or(Element::F32, |draft| draft.element);
        Ok(Storage { buffer, name: output.name.clone(), element, layout: output.axes.clone() })
    }

    fn finish(mut self) -> Plan {
        let mut assembly = self.assembly;
        let steps: Vec<Step> = assembly.steps.pop().unwrap_or_default();
        let begin = arena::plan(&assembly.buffers, &self.program.begin);
        let mut arena = arena::plan(&assembly.buffers, &steps);
        // Nothing is handed from the one to the other but states.
        arena.offsets.extend(begin.offsets);
        arena.bytes = arena.bytes.maximum(&begin.bytes);
        let prepared =
            arena::plan_prepared(&assembly.buffers, &assembly.prepare, [&self.program.begin, &steps]);
        let zero = moe_graph::Size::constant(0);
        let mut program = self.program;
        for (id, draft) in assembly.buffers.iter().enumerate() {
            let place = match &draft.home {
                Home::Fixed(place) => place.clone(),
                Home::Arena => {
                    let offset = arena.offsets.get(&(id as u32)).unwrap_or(&zero);
                    Place::Arena(assembly.symbols.expression(offset))
                }
                Home::Thread(offset) => Place::Thread(assembly.symbols.expression(offset)),
                Home::Prepared => {
                    let offset = prepared.offsets.get(&(id as u32)).unwrap_or(&zero);
                    Place::Prepared(assembly.symbols.expression(offset))
                }
                Home::Round { buffer, depth, stride } => {
                    let stride = assembly.symbols.expression(stride);
                    Place::Round { buffer: *buffer, depth: *depth, stride }
                }
            };
            let length = assembly.symbols.expression(&draft.length);
            let (name, element) = (draft.name.clone(), draft.element);
            program.buffers.push(Buffer { name, element, length, place });
        }
        program.prepared_bytes = assembly.symbols.expression(&prepared.bytes);
        program.prepare = assembly.prepare;
        program.arena_bytes = assembly.symbols.expression(&arena.bytes);
        let of_thread = assembly.thread_bytes.clone();
        program.thread_bytes = assembly.symbols.expression(&of_thread);
        program.symbols = assembly.symbols.names().iter().map(|name| Symbol { name: name.clone() }).collect();
        program.constants = assembly.constants;
        program.faults = assembly.faults.list;
        program.step = steps;
        let origin = self.request.origin;
        program.kernels = assembly
            .kernels
            .iter()
            .map(|kernel| KernelDescription { name: kernel.name.clone(), origin: kernel.span.map(origin) })
            .collect();
        self.program = empty(self.request);
        Plan { program, kernels: assembly.kernels }
    }
}

/// Whether an output is worked out at every step.
fn is_wanted(observe: &[String], output: &Output) -> bool {
    matches!(output.kind, OutputKind::Result | OutputKind::Next)
        || output.kind == OutputKind::Observed && observe.iter().any(|pattern| matches(pattern, &output.name))
}

/// Whether a dotted name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|skip| rest.get(skip..).is_some_and(|rest| matches(after, rest)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("layers.3.*", "layers.3.gate.scores"));
        assert!(matches("*.scores", "layers.3.gate.scores"));
        assert!(!matches("layers.3.*", "layers.4.gate"));
        assert!(!matches("gate", "gates"));
    }
}
