//! A small machine for programs: buffers as bytes, kernels by the interpreter, items in odd ranges, memory poisoned.

mod sources;

use moe_graph::{Builder, Module};
use moe_kernel::{interpret, Kernel, Plan, Target, Tuning};
use moe_runtime::program::{Count, Form, Launch, Place, Program, SizeExpression, Step};
use moe_runtime::sizes::evaluate;
use moe_runtime::Tensor;
use moe_schedule::FormRequest;
use std::collections::BTreeMap;

pub use sources::{agree, first_model, model, sized};

pub const CRANELIFT: Target = Target::new(16, 16, false);
pub const AVX2: Target = Target::new(32, 16, true);
pub const AVX512: Target = Target::new(64, 32, true);

/// How a launch's items are split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    Whole,
    Odd,
}

/// A module of one function.
pub fn module(b: Builder) -> Module {
    Module { functions: vec![b.finish()], ..Module::default() }
}

/// What the evaluator says comes out.
pub fn expected(module: &Module, given: &[Tensor]) -> Vec<Tensor> {
    moe_evaluate::evaluate(module, given, &moe_evaluate::Options::default()).unwrap().outputs
}

pub fn plan(module: &Module, target: &Target) -> Plan {
    plan_observed(module, target, &[])
}

pub fn plan_observed(module: &Module, target: &Target, observe: &[String]) -> Plan {
    plan_forms(&[FormRequest::only(module)], &[], target, observe)
}

/// Plans forms of a module that the product of `rows` chooses among.
pub fn plan_forms(forms: &[FormRequest], rows: &[String], target: &Target, observe: &[String]) -> Plan {
    plan_tuned(forms, rows, target, observe, &Tuning::new())
}

/// The same with products cut up as given.
pub fn plan_tuned(
    forms: &[FormRequest],
    rows: &[String],
    target: &Target,
    observe: &[String],
    tuning: &Tuning,
) -> Plan {
    let request = moe_schedule::PlanRequest {
        forms,
        rows,
        model: "Test",
        target,
        weight_sources: &BTreeMap::new(),
        observe,
        tuning,
        origin: &|span| format!("test.moe:{}", span.start),
    };
    let plan = moe_schedule::plan(&request).unwrap();
    for kernel in &plan.kernels {
        if let Err(error) = moe_kernel::verify(kernel) {
            panic!("{error}\n{}", moe_kernel::print(kernel));
        }
    }
    moe_runtime::verify(&plan.program, plan.kernels.len()).unwrap();
    plan
}

/// Bytes that no kernel wrote.
const POISON: u8 = 0xcd;

pub struct Machine<'a> {
    program: &'a Program,
    /// The form that the sizes choose, and which buffers it uses.
    form: &'a Form,
    used: Vec<bool>,
    kernels: &'a [Kernel],
    symbols: Vec<i64>,
    inputs: Vec<Vec<u8>>,
    weights: Vec<Vec<u8>>,
    pub states: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    arena: Vec<u8>,
    thread: Vec<u8>,
    prepared: Vec<u8>,
    rounds: Vec<i64>,
    split: Split,
    /// For each launch done, its kernel's name and the operations it counted.
    pub log: Vec<(String, i64)>,
}

impl<'a> Machine<'a> {
    /// `given` are tensors for the entry's parameters, in their order.
    pub fn new(plan: &'a Plan, module: &Module, given: &[Tensor], split: Split) -> Self {
        let program = &plan.program;
        let (mut inputs, mut weights, mut states) = (vec![], vec![], vec![]);
        let mut bound = BTreeMap::new();
        let entry = module.entry().unwrap();
        for (parameter, tensor) in entry.parameters.iter().zip(given) {
            for (axis, size) in parameter.ty.axes.iter().zip(tensor.shape()) {
                if let Some(symbol) = entry.size(*axis).as_symbol() {
                    bound.insert(symbol.to_owned(), *size as i64);
                }
            }
            let bytes = tensor.bytes().to_vec();
            match parameter.kind {
                moe_graph::ParameterKind::Input => inputs.push(bytes),
                moe_graph::ParameterKind::Weight => weights.push(bytes),
                moe_graph::ParameterKind::State => states.push(bytes),
            }
        }
        let symbols: Vec<i64> = program.symbols.iter().map(|symbol| bound[&symbol.name]).collect();
        let chosen = moe_runtime::forms::choose(program, &symbols);
        let form = &program.forms[chosen];
        let arena = vec![POISON; evaluate(&form.arena_bytes, &symbols).unwrap() as usize];
        let thread = vec![POISON; evaluate(&form.thread_bytes, &symbols).unwrap() as usize];
        let prepared = vec![POISON; evaluate(&program.prepared_bytes, &[]).unwrap() as usize];
        let mut machine = Machine {
            program,
            form,
            used: moe_runtime::forms::used(program, chosen),
            kernels: &plan.kernels,
            symbols,
            inputs,
            weights,
            states,
            outputs: vec![],
            arena,
            thread,
            prepared,
            rounds: vec![],
            split,
            log: vec![],
        };
        for output in &program.outputs {
            let sizes = output.axes.iter().map(|axis| machine.size(&axis.size) as usize);
            let bytes = sizes.product::<usize>() * output.element.bytes();
            machine.outputs.push(vec![POISON; bytes]);
        }
        machine
    }

    fn size(&self, size: &SizeExpression) -> i64 {
        evaluate(size, &self.symbols).unwrap()
    }

    /// The memory that a buffer lies in and where it begins there.
    fn memory(&mut self, buffer: u32) -> (&mut Vec<u8>, usize) {
        match self.program.buffers[buffer as usize].place.clone() {
            Place::Input(index) => (&mut self.inputs[index as usize], 0),
            Place::Output(index) => (&mut self.outputs[index as usize], 0),
            Place::Weight(index) => (&mut self.weights[index as usize], 0),
            Place::State(index) => (&mut self.states[index as usize], 0),
            Place::Constant(_) => panic!("constants are not written"),
            Place::Prepared(offset) => {
                let offset = self.size(&offset) as usize;
                (&mut self.prepared, offset)
            }
            Place::Arena(offset) => {
                let offset = self.size(&offset) as usize;
                (&mut self.arena, offset)
            }
            Place::Thread(offset) => {
                let offset = self.size(&offset) as usize;
                (&mut self.thread, offset)
            }
            Place::Round { buffer, depth, stride } => {
                let shift = (self.rounds[depth as usize] * self.size(&stride)) as usize;
                let (memory, begin) = self.memory(buffer);
                (memory, begin + shift)
            }
        }
    }

    fn range(&self, buffer: u32) -> usize {
        let buffer = &self.program.buffers[buffer as usize];
        self.size(&buffer.length) as usize * buffer.element.bytes()
    }

    pub fn read(&mut self, buffer: u32) -> Vec<u8> {
        if let Place::Constant(index) = self.program.buffers[buffer as usize].place {
            return self.program.constants[index as usize].clone();
        }
        let length = self.range(buffer);
        let (memory, begin) = self.memory(buffer);
        memory[begin..begin + length].to_vec()
    }

    /// Does all steps. A fault ends it.
    pub fn run(&mut self) -> Result<Vec<Tensor>, moe_runtime::program::Fault> {
        let program = self.program;
        for launch in &program.prepare {
            self.launch(launch)?;
        }
        self.log.clear();
        self.steps(&self.form.step)?;
        let outputs = program.outputs.iter().enumerate().map(|(index, output)| {
            let shape = output.axes.iter().map(|axis| self.size(&axis.size) as usize).collect();
            Tensor::new(output.element, shape, self.outputs[index].clone()).unwrap()
        });
        Ok(outputs.collect())
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), moe_runtime::program::Fault> {
        for step in steps {
            match step {
                Step::Launch(launch) => self.launch(launch)?,
                Step::Repeat(repeat) => {
                    let count = match &repeat.count {
                        Count::Size(size) => self.size(size),
                        Count::Buffer(buffer) => {
                            i64::from_le_bytes(self.read(*buffer)[..8].try_into().unwrap())
                        }
                    };
                    for round in 0..count.max(0) {
                        self.rounds.push(round);
                        let done = self.steps(&repeat.body);
                        self.rounds.pop();
                        done?;
                    }
                }
            }
        }
        Ok(())
    }

    fn launch(&mut self, launch: &Launch) -> Result<(), moe_runtime::program::Fault> {
        let kernel = &self.kernels[launch.kernel as usize];
        let sizes: Vec<i64> = launch.sizes.iter().map(|size| self.size(size)).collect();
        let extent = self.size(&launch.extent);
        let mut buffers: Vec<Vec<u8>> = launch.buffers.iter().map(|buffer| self.read(*buffer)).collect();
        self.check_apart(kernel, launch);
        for (begin, end) in self.ranges(extent) {
            // Another thread's scratch memory may hold anything.
            for (buffer, bytes) in launch.buffers.iter().zip(&mut buffers) {
                if matches!(self.program.buffers[*buffer as usize].place, Place::Thread(_)) {
                    bytes.fill(POISON);
                }
            }
            let status = interpret(kernel, &mut buffers, &sizes, begin, end);
            let status = status.unwrap_or_else(|error| panic!("{error}\n{}", moe_kernel::print(kernel)));
            if status != 0 {
                return Err(self.program.faults[status as usize - 1].clone());
            }
        }
        for ((buffer, bytes), parameter) in launch.buffers.iter().zip(buffers).zip(&kernel.buffers) {
            if parameter.written {
                let (memory, begin) = self.memory(*buffer);
                memory[begin..begin + bytes.len()].copy_from_slice(&bytes);
            }
        }
        let flops = self.counted(&launch.flops);
        self.log.push((kernel.name.clone(), flops));
        Ok(())
    }

    /// That what is written overlaps with nothing else.
    fn check_apart(&mut self, kernel: &Kernel, launch: &Launch) {
        let places: Vec<(usize, usize)> = launch
            .buffers
            .iter()
            .map(|buffer| {
                if matches!(self.program.buffers[*buffer as usize].place, Place::Constant(_)) {
                    return (0, 0);
                }
                let length = self.range(*buffer);
                let (memory, begin) = self.memory(*buffer);
                let begin = memory.as_ptr() as usize + begin;
                (begin, begin + length)
            })
            .collect();
        for (a, (begin, end)) in places.iter().enumerate() {
            for (b, (other_begin, other_end)) in places.iter().enumerate() {
                let written = kernel.buffers[a].written || kernel.buffers[b].written;
                assert!(
                    a == b || !written || end <= other_begin || other_end <= begin,
                    "{} writes over what it reads: {launch:?}",
                    kernel.name
                );
            }
        }
    }

    fn counted(&mut self, size: &SizeExpression) -> i64 {
        let mut buffers = BTreeMap::new();
        for buffer in 0..self.program.buffers.len() as u32 {
            let place = &self.program.buffers[buffer as usize];
            if place.name == "offsets" && self.used[buffer as usize] {
                buffers.insert(buffer, self.read(buffer));
            }
        }
        moe_runtime::sizes::evaluate_counted(size, &self.symbols, &|buffer, entry| {
            let bytes = buffers.get(&buffer)?;
            let at = entry as usize * 8;
            Some(i64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
        })
        .unwrap()
    }

    fn ranges(&self, extent: i64) -> Vec<(i64, i64)> {
        if self.split == Split::Whole {
            return vec![(0, extent)];
        }
        let mut ranges = Vec::new();
        let (mut begin, mut length) = (0, 1);
        while begin < extent {
            let end = (begin + length).min(extent);
            ranges.push((begin, end));
            begin = end;
            length = length * 3 + 1;
        }
        // The last ranges first: no range may need another.
        ranges.reverse();
        ranges
    }
}

/// Plans and runs a module.
pub fn run(module: &Module, given: &[Tensor], target: &Target, split: Split) -> Vec<Tensor> {
    let plan = plan(module, target);
    Machine::new(&plan, module, given, split).run().unwrap()
}

/// The fault that a program ends with.
pub fn fault(module: &Module, given: &[Tensor]) -> String {
    let plan = plan(module, &AVX2);
    let fault = Machine::new(&plan, module, given, Split::Whole).run().unwrap_err();
    format!("{}: {}", fault.code, fault.message)
}

/// Runs a model at several sizes on all machines, whole and in parts, against the evaluator; `look` is given the names of the kernels.
pub fn check(module: &Module, sizes: &[&[(&str, i64)]], look: impl Fn(&[&str])) {
    for sizes in sizes {
        let given = sized(module, sizes);
        let expected = expected(module, &given);
        for target in [CRANELIFT, AVX2, AVX512] {
            for split in [Split::Whole, Split::Odd] {
                let plan = plan(module, &target);
                let mut machine = Machine::new(&plan, module, &given, split);
                agree(&machine.run().unwrap(), &expected);
                let kernels: Vec<&str> = machine.log.iter().map(|(name, _)| name.as_str()).collect();
                look(&kernels);
            }
        }
    }
}

/// That the first rows of the first output have the same bits where there are no others. Of the inputs the first so many have the rows first.
pub fn check_rows(module: &Module, given: &[Tensor], inputs: usize, target: &Target, counts: &[usize]) {
    let plan = plan(module, target);
    let run = |given: &[Tensor], split| Machine::new(&plan, module, given, split).run().unwrap().remove(0);
    let all = run(given, Split::Whole);
    for count in counts {
        let first = |tensor: &Tensor| {
            let shape = [&[*count], &tensor.shape()[1..]].concat();
            let bytes = tensor.bytes().len() / tensor.shape()[0] * count;
            Tensor::new(tensor.element(), shape, tensor.bytes()[..bytes].to_vec()).unwrap()
        };
        let mut fewer = given.to_vec();
        fewer.iter_mut().take(inputs).for_each(|tensor| *tensor = first(tensor));
        assert_eq!(run(&fewer, Split::Odd), first(&all), "{count} rows on {target:?}");
    }
}

/// Numbers whose sums are rounded, so that the order of every sum shows.
pub fn rough(tensor: &Tensor, step: usize) -> Tensor {
    let rough =
        |(at, value): (usize, &f64)| (*value as f32 + 0.37) * (1.0 + 0.001 * (at * step % 101) as f32);
    let entries: Vec<f32> = tensor.to_f64().iter().enumerate().map(rough).collect();
    Tensor::from_f32(tensor.shape().to_vec(), &entries).unwrap()
}

/// Small multiples of a quarter, so that all sums are exact, and small integers; of bytes all there are, the extreme ones often.
pub fn random(element: moe_graph::Element, shape: Vec<usize>, seed: u64) -> Tensor {
    let mut random = moe_generate::Random::new(seed);
    let count: usize = shape.iter().product();
    if matches!(element, moe_graph::Element::I8 | moe_graph::Element::U8) {
        let bytes = (0..count).map(|_| match random.below(4) {
            0 => 0x80,
            1 => 0xff,
            _ => random.below(256) as u8,
        });
        return Tensor::new(element, shape, bytes.collect()).unwrap();
    }
    let values = (0..count).map(|_| (random.below(17) as f64 - 8.0) / 4.0);
    let bytes = values.flat_map(|value| {
        let value = if element.is_integer() { value * 4.0 } else { value };
        let scalar = moe_graph::Scalar::of(element, value).unwrap();
        let wide = scalar.as_f64();
        match element {
            moe_graph::Element::F64 => wide.to_le_bytes().to_vec(),
            moe_graph::Element::Bf16 => half::bf16::from_f64(wide).to_le_bytes().to_vec(),
            moe_graph::Element::F16 => half::f16::from_f64(wide).to_le_bytes().to_vec(),
            moe_graph::Element::I32 => (wide as i32).to_le_bytes().to_vec(),
            _ => (wide as f32).to_le_bytes().to_vec(),
        }
    });
    Tensor::new(element, shape, bytes.collect()).unwrap()
}
