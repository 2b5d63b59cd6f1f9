//! The whole plan: the program's edge, the steps, the arena.

use crate::arena::{self, Arena};
use crate::assembly::{Assembly, Draft, Home};
use crate::deliver::{deliver, Delivery};
use crate::error::ScheduleError;
use crate::hoist::{hoist, Hoisted};
use crate::scene::{Scene, Storage};
use crate::sizes::{entries, product};
use crate::uses::behind;
use moe_grammar::Span;
use moe_graph::{
    AxisId, Element, Function, Module, NodeId, Operation, Output, OutputKind, Parameter, ParameterKind, Size,
};
use moe_kernel::{Plan, Target, Tuning};
use moe_runtime::program::{
    AxisDescription, Buffer, Form, KernelDescription, Observation, Offsets, Place, Program, SizeExpression,
    StateDescription, Step, Symbol, TensorDescription, WeightDescription, WeightSource,
};
use std::collections::BTreeMap;

/// What to plan, and for what.
pub struct PlanRequest<'a> {
    /// The graphs, rewritten or not, that compute the same, for growing numbers of rows; the first is for the fewest. All have the same
    /// parameters and outputs.
    pub forms: &'a [FormRequest<'a>],
    /// The free sizes whose product the number of rows is.
    pub rows: &'a [String],
    /// The model's name.
    pub model: &'a str,
    /// The machine and the printer.
    pub target: &'a Target,
    /// Where weights come from, by dotted name, as far as a `weights` block says.
    pub weight_sources: &'a BTreeMap<String, WeightSource>,
    /// Observed outputs to compute: dotted names, in which `*` stands for anything.
    pub observe: &'a [String],
    /// What was measured to be faster for products on this machine than what is chosen without.
    pub tuning: &'a Tuning,
    /// A place in the source as `file:line:column`.
    pub origin: &'a dyn Fn(Span) -> String,
}

/// A form of the graph.
#[derive(Clone, Copy)]
pub struct FormRequest<'a> {
    /// From how many rows on it is used; 0 for the first form.
    pub from: i64,
    /// The graph.
    pub module: &'a Module,
}

impl<'a> FormRequest<'a> {
    /// A graph for any number of rows.
    pub fn only(module: &'a Module) -> Self {
        FormRequest { from: 0, module }
    }
}

/// Plans kernels and a program for the forms of a graph. Forms share kernels that are equal, constants, and weights as they are prepared.
///
/// Results do not depend on how a launch's items are shared among threads, and each entry of a result is summed in an order that depends on
/// the sizes summed over alone.
///
/// # Errors
/// If the graph is malformed or says something that cannot be scheduled.
pub fn plan(request: &PlanRequest) -> Result<Plan, ScheduleError> {
    let wanted = |output: &Output| is_wanted(request.observe, output);
    let cut = |(place, form): (usize, &FormRequest)| {
        // States get their first values in the first form.
        hoist(form.module, &|output| wanted(output) || place == 0 && output.kind == OutputKind::Initial)
    };
    let cut: Vec<Hoisted> = request.forms.iter().enumerate().map(cut).collect::<Result<_, _>>()?;
    let first = cut.first().ok_or(ScheduleError::Malformed("a program without a form"))?;
    let mut edge = Edge::new(request);
    edge.parameters(&first.whole);
    edge.outputs(&first.whole)?;
    let mut begin = Planned::default();
    for (place, (form, hoisted)) in request.forms.iter().zip(&cut).enumerate() {
        let storages = edge.storages(&hoisted.whole)?;
        let storages = edge.prepare(hoisted, storages)?;
        let source = Source { module: &hoisted.module, function: &hoisted.step };
        if place == 0 {
            begin = edge.begin(source, &storages)?;
        }
        edge.form(source, storages, form.from, &begin)?;
    }
    Ok(edge.finish(begin))
}

/// A form as it is planned.
#[derive(Clone, Copy)]
struct Source<'a> {
    module: &'a Module,
    /// The entry with its calls in place and without what is prepared.
    function: &'a Function,
}

/// Steps and the memory that they need.
#[derive(Default)]
struct Planned {
    from: i64,
    steps: Vec<Step>,
    arena: Arena,
    thread_bytes: Size,
}

struct Edge<'a> {
    request: &'a PlanRequest<'a>,
    program: Program,
    assembly: Assembly,
    forms: Vec<Planned>,
    /// What is prepared, by how it is worked out: forms share what is the same.
    prepared: BTreeMap<String, Storage>,
}

impl<'a> Edge<'a> {
    fn new(request: &'a PlanRequest<'a>) -> Self {
        let (program, assembly) = (Program::empty(request.model), Assembly::new(request.tuning.clone()));
        Edge { request, program, assembly, forms: Vec::new(), prepared: BTreeMap::new() }
    }

    fn description(
        &mut self,
        function: &Function,
        name: &str,
        element: Element,
        axes: &[AxisId],
    ) -> TensorDescription {
        let axes = axes
            .iter()
            .map(|axis| AxisDescription {
                name: function.axis(*axis).map_or_else(String::new, |axis| axis.name.clone()),
                size: self.assembly.symbols.expression(&function.size(*axis)),
            })
            .collect();
        TensorDescription { name: name.to_owned(), element, axes }
    }

    /// A buffer that the caller, a file or a context has.
    fn fixed(&mut self, function: &Function, name: &str, element: Element, axes: &[AxisId], place: Place) {
        let (length, home) = (entries(function, axes), Home::Fixed(place));
        self.assembly.buffer(Draft { name: name.to_owned(), element, length, home, kept: false });
    }

    /// Describes the inputs that hold offsets.
    fn offsets(&mut self, function: &Function) {
        for offsets in self.request.forms.first().iter().flat_map(|form| &form.module.offsets) {
            let before = function.parameters.iter().take(offsets.parameter as usize);
            let input = before.filter(|parameter| parameter.kind == ParameterKind::Input).count() as u32;
            let rows = self.assembly.symbols.expression(&offsets.rows);
            let longest = self.assembly.symbols.place(&offsets.longest);
            self.program.offsets.push(Offsets { input, rows, longest });
        }
    }

    /// The buffer at a place of the edge.
    fn at(&self, place: &Place) -> Result<(u32, Element), ScheduleError> {
        let found = self
            .assembly
            .buffers
            .iter()
            .position(|draft| matches!(&draft.home, Home::Fixed(known) if known == place));
        let found = found.ok_or(ScheduleError::Malformed("forms of different edges"))?;
        let element = self.assembly.buffers.get(found).map_or(Element::F32, |draft| draft.element);
        Ok((found as u32, element))
    }

    /// Describes the parameters.
    fn parameters(&mut self, function: &Function) {
        let places = places(function);
        for (parameter, place) in function.parameters.iter().zip(places) {
            let (name, ty) = (&parameter.name, &parameter.ty);
            let tensor = self.description(function, name, ty.element, &ty.axes);
            match parameter.kind {
                ParameterKind::Input => self.program.inputs.push(tensor),
                ParameterKind::Weight => {
                    let source = self.request.weight_sources.get(name).cloned();
                    self.program.weights.push(WeightDescription { tensor, source, left_out: Vec::new() });
                }
                ParameterKind::State => self.program.states.push(StateDescription { tensor }),
            }
            self.fixed(function, name, ty.element, &ty.axes, place);
        }
        self.offsets(function);
    }

    /// Where the nodes that name parameters lie.
    fn storages(&self, function: &Function) -> Result<BTreeMap<NodeId, Storage>, ScheduleError> {
        let mut known = Vec::new();
        for (parameter, place) in function.parameters.iter().zip(places(function)) {
            let (buffer, element) = self.at(&place)?;
            let layout = parameter.ty.axes.clone();
            known.push(Storage { buffer, name: parameter.name.clone(), element, layout });
        }
        let mut storages = BTreeMap::new();
        for id in function.node_ids() {
            if let Some(Operation::Parameter(index)) = function.node(id).map(|node| &node.operation) {
                storages.extend(known.get(*index as usize).map(|storage| (id, storage.clone())));
            }
        }
        Ok(storages)
    }

    /// Works out what steps find in prepared memory; gives where that lies too.
    fn prepare(
        &mut self,
        hoisted: &Hoisted,
        mut storages: BTreeMap<NodeId, Storage>,
    ) -> Result<BTreeMap<NodeId, Storage>, ScheduleError> {
        let function = &hoisted.whole;
        let (mut targets, mut known) = (Vec::new(), Vec::new());
        self.assembly.preparing = true;
        let parameters = hoisted.step.parameters.iter().skip(function.parameters.len());
        for (id, Parameter { name, ty, .. }) in hoisted.prepared.iter().zip(parameters) {
            let key = recipe(function, *id);
            if let Some(storage) = key.as_ref().and_then(|key| self.prepared.get(key)) {
                known.push((*id, storage.clone()));
                continue;
            }
            let length = entries(function, &ty.axes);
            let storage = self.assembly.storage(name, ty.element, ty.axes.clone(), length);
            self.prepared.extend(key.map(|key| (key, storage.clone())));
            targets.push(Delivery { node: *id, storage });
        }
        storages.extend(known);
        if !targets.is_empty() {
            self.deliver(Source { module: &hoisted.module, function }, storages.clone(), &targets)?;
        }
        self.assembly.preparing = false;
        storages.extend(targets.into_iter().map(|target| (target.node, target.storage)));
        Ok(storages)
    }

    /// Describes what comes out.
    fn outputs(&mut self, function: &Function) -> Result<(), ScheduleError> {
        let request = self.request;
        for output in function.outputs.iter().filter(|output| is_wanted(request.observe, output)) {
            let node = function.node(output.node).ok_or(ScheduleError::Malformed("no such node"))?;
            let element = node.ty.element;
            let tensor = self.description(function, &output.name, element, &output.axes);
            match output.kind {
                OutputKind::Result => {
                    let place = Place::Output(self.program.outputs.len() as u32);
                    self.program.outputs.push(tensor);
                    self.fixed(function, &output.name, element, &output.axes, place);
                }
                OutputKind::Observed => {
                    self.program.observations.push(Observation { tensor, buffers: Vec::new() });
                }
                OutputKind::Next | OutputKind::Initial => {}
            }
        }
        Ok(())
    }

    /// The steps that give states their first values, where those are not zeros.
    fn begin(
        &mut self,
        source: Source,
        storages: &BTreeMap<NodeId, Storage>,
    ) -> Result<Planned, ScheduleError> {
        let function = source.function;
        let mut targets = Vec::new();
        for output in function.outputs.iter().filter(|output| output.kind == OutputKind::Initial) {
            targets.push(Delivery { node: output.node, storage: self.state(output)? });
        }
        if targets.is_empty() {
            return Ok(Planned::default());
        }
        let states = |storage: &Storage| targets.iter().any(|target| target.storage.buffer == storage.buffer);
        let known = storages.iter().filter(|(_, storage)| !states(storage));
        self.deliver(source, known.map(|(id, storage)| (*id, storage.clone())).collect(), &targets)?;
        Ok(self.planned(0))
    }

    /// The steps of a form.
    fn form(
        &mut self,
        source: Source,
        storages: BTreeMap<NodeId, Storage>,
        from: i64,
        begin: &Planned,
    ) -> Result<(), ScheduleError> {
        let (request, function) = (self.request, source.function);
        let mut targets = Vec::new();
        let (mut results, mut observed) = (0, 0);
        for output in function.outputs.iter().filter(|output| is_wanted(request.observe, output)) {
            let storage = match output.kind {
                OutputKind::Result => {
                    results += 1;
                    let (buffer, element) = self.at(&Place::Output(results - 1))?;
                    Storage { buffer, name: output.name.clone(), element, layout: output.axes.clone() }
                }
                OutputKind::Next | OutputKind::Initial => self.state(output)?,
                OutputKind::Observed => {
                    observed += 1;
                    self.observed(function, output, observed - 1)?
                }
            };
            targets.push(Delivery { node: output.node, storage });
        }
        self.deliver(source, storages, &targets)?;
        let mut planned = self.planned(from);
        // Nothing is handed from the beginning to a step but states.
        planned.arena.bytes = planned.arena.bytes.maximum(&begin.arena.bytes);
        planned.thread_bytes = planned.thread_bytes.maximum(&begin.thread_bytes);
        self.forms.push(planned);
        Ok(())
    }

    /// What has been planned since the last time.
    fn planned(&mut self, from: i64) -> Planned {
        let steps = self.assembly.steps.first_mut().map(std::mem::take).unwrap_or_default();
        let arena = arena::plan(&self.assembly.buffers, &steps);
        Planned { from, steps, arena, thread_bytes: std::mem::take(&mut self.assembly.thread_bytes) }
    }

    fn deliver(
        &mut self,
        source: Source,
        storages: BTreeMap<NodeId, Storage>,
        targets: &[Delivery],
    ) -> Result<(), ScheduleError> {
        let (function, origin) = (source.function, self.request.origin);
        let packings = BTreeMap::new();
        let scene = Scene { function, storages, packings, origin, counted: None };
        deliver(source.module, self.request.target, &mut self.assembly, scene, targets)
    }

    /// Where an observed value stays until the step ends.
    fn observed(
        &mut self,
        function: &Function,
        output: &Output,
        index: usize,
    ) -> Result<Storage, ScheduleError> {
        let node = function.node(output.node).ok_or(ScheduleError::Malformed("no such node"))?;
        let (axes, length) = (output.axes.clone(), entries(function, &output.axes));
        let storage = self.assembly.storage(&output.name, node.ty.element, axes, length);
        if let Some(draft) = self.assembly.buffers.get_mut(storage.buffer as usize) {
            draft.kept = true;
        }
        let observation = self.program.observations.get_mut(index);
        observation.into_iter().for_each(|observation| observation.buffers.push(storage.buffer));
        Ok(storage)
    }

    /// The memory of a state.
    fn state(&self, output: &Output) -> Result<Storage, ScheduleError> {
        let index = self.program.states.iter().position(|state| state.tensor.name == output.name);
        let index = index.ok_or(ScheduleError::Malformed("a next value of no state"))?;
        let (buffer, element) = self.at(&Place::State(index as u32))?;
        Ok(Storage { buffer, name: output.name.clone(), element, layout: output.axes.clone() })
    }

    fn finish(mut self, begin: Planned) -> Plan {
        let mut program = self.program;
        let all = || std::iter::once(&begin).chain(&self.forms);
        let steps = all().map(|planned| planned.steps.as_slice());
        let prepared = arena::plan_prepared(&self.assembly.buffers, &self.assembly.prepare, steps);
        let offset = |buffer: u32| {
            let found = all().find_map(|planned| planned.arena.offsets.get(&buffer));
            found.cloned().unwrap_or_default()
        };
        let symbols = &mut self.assembly.symbols;
        for (id, draft) in self.assembly.buffers.iter().enumerate() {
            let place = match &draft.home {
                Home::Fixed(place) => place.clone(),
                Home::Arena => Place::Arena(symbols.expression(&offset(id as u32))),
                Home::Thread(offset) => Place::Thread(symbols.expression(offset)),
                Home::Prepared => {
                    let offset = prepared.offsets.get(&(id as u32)).cloned().unwrap_or_default();
                    Place::Prepared(symbols.expression(&offset))
                }
                Home::Round { buffer, depth, stride } => {
                    Place::Round { buffer: *buffer, depth: *depth, stride: symbols.expression(stride) }
                }
            };
            let length = symbols.expression(&draft.length);
            program.buffers.push(Buffer { name: draft.name.clone(), element: draft.element, length, place });
        }
        program.prepared_bytes = symbols.expression(&prepared.bytes);
        let rows = self.request.rows.iter().map(|name| Size::symbol(name)).collect::<Vec<_>>();
        program.rows = if self.forms.len() > 1 { symbols.expression(&product(&rows)) } else { ZERO };
        for form in self.forms {
            let arena_bytes = symbols.expression(&form.arena.bytes);
            let thread_bytes = symbols.expression(&form.thread_bytes);
            program.forms.push(Form { from: form.from, arena_bytes, thread_bytes, step: form.steps });
        }
        program.symbols = symbols.names().iter().map(|name| Symbol { name: name.clone() }).collect();
        program.prepare = self.assembly.prepare;
        program.begin = begin.steps;
        program.constants = self.assembly.constants;
        program.faults = self.assembly.faults.list;
        let origin = self.request.origin;
        let kernels = self.assembly.kernels;
        let describe = |kernel: &moe_kernel::Kernel| KernelDescription {
            name: kernel.name.clone(),
            origin: kernel.span.map(origin),
        };
        program.kernels = kernels.iter().map(describe).collect();
        Plan { program, kernels, products: self.assembly.products }
    }
}

/// No bytes, no rows.
const ZERO: SizeExpression = SizeExpression::Constant(0);

/// Where the parameters lie: each kind counted by itself.
fn places(function: &Function) -> Vec<Place> {
    let (mut inputs, mut weights, mut states) = (0.., 0.., 0..);
    let place = |kind: ParameterKind| match kind {
        ParameterKind::Input => inputs.next().map(Place::Input),
        ParameterKind::Weight => weights.next().map(Place::Weight),
        ParameterKind::State => states.next().map(Place::State),
    };
    function.parameters.iter().map(|parameter| parameter.kind).filter_map(place).collect()
}

/// Whether an output is worked out at every step.
fn is_wanted(observe: &[String], output: &Output) -> bool {
    matches!(output.kind, OutputKind::Result | OutputKind::Next)
        || output.kind == OutputKind::Observed && observe.iter().any(|pattern| matches(pattern, &output.name))
}

/// How a value is worked out from weights and constants, the same in all functions where it is; `None` where that is in functions of their own.
fn recipe(function: &Function, id: NodeId) -> Option<String> {
    let cone = behind(function, vec![id]);
    let places: BTreeMap<NodeId, usize> = cone.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut text = String::new();
    for node in cone.iter().map(|id| function.node(*id)) {
        let node = node?;
        let operands: Vec<_> = node.operands.iter().map(|operand| places.get(operand)).collect();
        let axes: Vec<_> = node.ty.axes.iter().map(|axis| (axis, function.size(*axis))).collect();
        text += &match &node.operation {
            Operation::Call { .. } | Operation::Repeat { .. } | Operation::Fold { .. } => return None,
            Operation::Table(index) => format!("{:?}", function.tables.get(*index as usize)),
            other => format!("{other:?}"),
        };
        text += &format!("{operands:?}{axes:?}{};", node.ty.element);
    }
    Some(text)
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
