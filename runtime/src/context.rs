//! One thread of work on a model: scratch memory, state, and threads. Several contexts may run on one model at once.
#![allow(unsafe_code)]

use crate::bind::{bind, check_contents};
use crate::error::{codes, Error};
use crate::execute::Execution;
use crate::memory::{ensure_available, zeroed_vector, AlignedBytes};
use crate::model::Model;
use crate::pool::{thread_count, Pool};
use crate::record::{Counts, Record, TimedLaunch, Watch};
use crate::resolve::{resolve, Location, ReadyStep, Resolved, THREAD_ALIGNMENT};
use crate::tensor::{byte_length, Tensor, TensorMut, TensorRef};

/// What one caller needs to run a model step by step.
pub struct Context {
    model: Model,
    pool: Pool,
    /// Memory for the launches of a step, then that of each thread.
    arena: AlignedBytes,
    states: Vec<State>,
    /// The program at the sizes of the latest step.
    resolved: Option<Resolved>,
    watch: Watch,
    record: Record,
    /// A step stopped half-way, so the state is of no step.
    interrupted: bool,
    observable: bool,
}

struct State {
    shape: Vec<usize>,
    memory: AlignedBytes,
}

// SAFETY: the memory belongs to the context, and the model is shared read-only.
unsafe impl Send for Context {}

impl Context {
    /// A context on a model, with so many threads, or as many as [`thread_count`] says. Its state is at its beginning.
    ///
    /// # Errors
    /// If the number of threads is 0, or MOE_THREADS is not a number.
    pub fn new(model: &Model, threads: Option<usize>) -> Result<Self, Error> {
        Ok(Context {
            model: model.clone(),
            pool: Pool::new(thread_count(threads)?),
            arena: AlignedBytes::default(),
            states: Vec::new(),
            resolved: None,
            watch: Watch::Nothing,
            record: Record::default(),
            interrupted: false,
            observable: false,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// What is noted of steps from now on.
    pub fn watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    /// The work of the latest step, if it was noted.
    pub fn counts(&self) -> Counts {
        self.record.counts().iter().copied().fold(Counts::default(), Counts::and)
    }

    /// The same for each kernel, in the order of [`crate::program::Program::kernels`]; empty if it was not noted.
    pub fn counts_of_kernels(&self) -> &[Counts] {
        self.record.counts()
    }

    /// The launches of the latest step in their order; empty if their times were not noted.
    pub fn launches(&self) -> &[TimedLaunch] {
        self.record.launches()
    }

    /// The bytes of scratch memory and state that it holds now.
    pub fn memory_bytes(&self) -> usize {
        self.arena.len() + self.states.iter().map(|state| state.memory.len()).sum::<usize>()
    }

    /// Brings the state back to its beginning.
    pub fn reset(&mut self) {
        self.states.clear();
        self.interrupted = false;
    }

    /// One step: the inputs in the order of the program, and so the outputs.
    ///
    /// # Errors
    /// If the inputs do not fit the program or each other, there is not enough memory, or a kernel stops.
    pub fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let inputs: Vec<TensorRef<'_>> = inputs.iter().map(TensorRef::from).collect();
        self.run_borrowed(&inputs)
    }

    /// Like [`Context::run`], with inputs that somebody else owns.
    ///
    /// # Errors
    /// As for [`Context::run`].
    pub fn run_borrowed(&mut self, inputs: &[TensorRef<'_>]) -> Result<Vec<Tensor>, Error> {
        let mut outputs = self.allocate_outputs(inputs)?;
        let mut views: Vec<TensorMut<'_>> = outputs.iter_mut().map(TensorMut::from).collect();
        self.check_state()?;
        self.step(inputs, &mut views)?;
        Ok(outputs)
    }

    /// The shapes of the outputs for these inputs, of which only element types, shapes and the entries of offsets matter.
    ///
    /// # Errors
    /// If the inputs do not fit the program or each other.
    pub fn output_shapes(&mut self, inputs: &[TensorRef<'_>]) -> Result<Vec<Vec<usize>>, Error> {
        Ok(self.resolve(inputs)?.outputs.clone())
    }

    fn allocate_outputs(&mut self, inputs: &[TensorRef<'_>]) -> Result<Vec<Tensor>, Error> {
        let shapes = self.output_shapes(inputs)?;
        let describe = self.model.program().outputs.iter().zip(shapes);
        let allocate = |(output, shape): (&crate::program::TensorDescription, Vec<usize>)| {
            let what = format!("output `{}`", output.name);
            let length = byte_length(output.element, &shape).unwrap_or(usize::MAX);
            let bytes = zeroed_vector(length, &what)?;
            Tensor::new(output.element, shape, bytes)
                .ok_or_else(|| Error::new(codes::SIZES, format!("{what} has a size beyond 64 bits")))
        };
        describe.map(allocate).collect()
    }

    /// Like [`Context::run`], with the outputs written to memory that somebody else owns: as many, of the element types and
    /// shapes that [`Context::output_shapes`] says. After an error their entries are of no meaning.
    ///
    /// # Errors
    /// As for [`Context::run`], or if an output has not the right element type or shape.
    pub fn run_into(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [TensorMut<'_>]) -> Result<(), Error> {
        self.check_state()?;
        self.resolve(inputs)?;
        self.step(inputs, outputs)
    }

    /// Before a step: that the one before did not stop half-way.
    fn check_state(&mut self) -> Result<(), Error> {
        self.observable = false;
        if self.interrupted {
            return Err(Error::new(
                codes::STATE,
                "an earlier step stopped half-way, so the state is not to be trusted",
            )
            .hint("reset the state"));
        }
        Ok(())
    }

    /// A step for which the program has been resolved.
    fn step(&mut self, inputs: &[TensorRef<'_>], outputs: &mut [TensorMut<'_>]) -> Result<(), Error> {
        check_contents(self.model.program(), inputs)?;
        let Some(resolved) = self.resolved.take() else { return Ok(()) };
        let done = self.run_resolved(&resolved, inputs, outputs);
        self.resolved = Some(resolved);
        self.observable = done.is_ok();
        done
    }

    fn run_resolved(
        &mut self,
        resolved: &Resolved,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
    ) -> Result<(), Error> {
        self.check_outputs(resolved, outputs)?;
        let begins = self.make_room(resolved)?;
        let addresses = self.addresses(resolved, inputs, outputs);
        if begins {
            let begun = self.execute(resolved, &addresses, &resolved.begin, Watch::Nothing);
            if begun.is_err() {
                self.states.clear();
            }
            begun?;
        }
        let done = self.execute(resolved, &addresses, &resolved.steps, self.watch);
        self.interrupted = done.is_err() && !self.states.is_empty();
        done
    }

    /// Runs steps on buffers at these addresses.
    fn execute(
        &mut self,
        resolved: &Resolved,
        addresses: &[*mut u8],
        steps: &[ReadyStep],
        watch: Watch,
    ) -> Result<(), Error> {
        self.record = Record::begin(watch, self.model.program().kernels.len());
        let mut execution = Execution {
            program: self.model.program(),
            kernels: self.model.kernels(),
            symbols: &resolved.symbols,
            buffers: &resolved.buffers,
            addresses,
            thread_bytes: resolved.thread_bytes,
            pool: &mut self.pool,
            record: &mut self.record,
            rounds: Vec::new(),
            arguments: Vec::new(),
        };
        // SAFETY: the program was verified and resolved, the tensors have the shapes it was resolved for, arena and state have
        // been made large enough, and whoever made the kernels vouches for them.
        unsafe { execution.steps(steps) }
    }

    /// The program at the sizes of these inputs: as kept from the step before, if they are the same.
    fn resolve(&mut self, inputs: &[TensorRef<'_>]) -> Result<&Resolved, Error> {
        let program = self.model.program();
        let symbols = bind(program, inputs)?;
        let kept = self.resolved.take().filter(|resolved| resolved.symbols == symbols);
        let resolved = match kept {
            Some(resolved) => resolved,
            None => resolve(program, &symbols)?,
        };
        Ok(self.resolved.insert(resolved))
    }

    fn check_outputs(&self, resolved: &Resolved, outputs: &[TensorMut<'_>]) -> Result<(), Error> {
        let program = self.model.program();
        if outputs.len() != program.outputs.len() {
            let (expected, found) = (program.outputs.len(), outputs.len());
            let message =
                format!("`{}` has {expected} outputs and room for {found} was given", program.model);
            return Err(Error::new(codes::CALL, message));
        }
        for ((description, shape), output) in program.outputs.iter().zip(&resolved.outputs).zip(outputs) {
            let fits = output.element == description.element
                && output.shape == shape
                && byte_length(output.element, shape) == Some(output.bytes.len());
            if !fits {
                return Err(Error::new(
                    codes::CALL,
                    format!(
                        "output `{}` is {}{shape:?} and room for {}{:?} was given",
                        description.name, description.element, output.element, output.shape
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Memory for the arena and, in a first step, for the state; whether it is such a step.
    fn make_room(&mut self, resolved: &Resolved) -> Result<bool, Error> {
        let program = self.model.program();
        let of_threads = resolved.thread_bytes.checked_mul(self.pool.threads());
        let needed = of_threads.and_then(|bytes| bytes.checked_add(thread_begin(resolved)));
        let needed = needed.unwrap_or(usize::MAX);
        if self.arena.len() < needed {
            // The old one is given back first: both at once may be too much.
            self.arena = AlignedBytes::default();
            self.arena = AlignedBytes::zeroed(needed, &arena_in_words(program, resolved))?;
        }
        let begun = !self.states.is_empty();
        if begun {
            for ((state, shape), described) in self.states.iter().zip(&resolved.states).zip(&program.states) {
                if state.shape != *shape {
                    let message = format!(
                        "state `{}` has shape {:?} from the step before and would need {shape:?}",
                        described.tensor.name, state.shape
                    );
                    return Err(Error::new(codes::STATE, message).hint("keep the sizes, or reset the state"));
                }
            }
            return Ok(false);
        }
        let allocate = |(described, shape): (&crate::program::StateDescription, &Vec<usize>)| {
            let length = byte_length(described.tensor.element, shape).unwrap_or(usize::MAX);
            let memory = AlignedBytes::zeroed(length, &format!("state `{}`", described.tensor.name))?;
            Ok(State { shape: shape.clone(), memory })
        };
        self.states =
            program.states.iter().zip(&resolved.states).map(allocate).collect::<Result<_, Error>>()?;
        Ok(!self.states.is_empty())
    }

    fn addresses(
        &mut self,
        resolved: &Resolved,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
    ) -> Vec<*mut u8> {
        let arena = self.arena.address();
        let mut address = |location: Location| match location {
            // Kernels only read what lies in inputs.
            Location::Input(index) => inputs.get(index).map(|input| input.bytes.as_ptr().cast_mut()),
            Location::Output(index) => outputs.get_mut(index).map(|output| output.bytes.as_mut_ptr()),
            Location::State(index) => self.states.get_mut(index).map(|state| state.memory.address()),
            Location::Arena(offset) => Some(arena.wrapping_add(offset)),
            Location::Thread(offset) => Some(arena.wrapping_add(thread_begin(resolved)).wrapping_add(offset)),
            shared => Some(self.model.shared_address(shared)),
        };
        let locations = resolved.buffers.iter().map(|buffer| buffer.location);
        locations.map(|location| address(location).unwrap_or(std::ptr::null_mut())).collect()
    }

    /// Which of [`crate::program::Program::forms`] the latest step had; `None` before the first.
    pub fn form(&self) -> Option<usize> {
        self.resolved.as_ref().map(|resolved| resolved.form)
    }

    /// The names of what can be observed, whatever the step.
    pub fn observable(&self) -> impl Iterator<Item = &str> {
        self.model.program().observations.iter().map(|observation| observation.tensor.name.as_str())
    }

    /// The value that an observed name had in the latest step; `None` if there is no such name, or no step that ended well.
    ///
    /// # Errors
    /// If there is not enough memory for a copy.
    pub fn observe(&self, name: &str) -> Result<Option<Tensor>, Error> {
        let program = self.model.program();
        let found = program.observations.iter().position(|observation| observation.tensor.name == name);
        let (Some(index), Some(resolved), true) = (found, &self.resolved, self.observable) else {
            return Ok(None);
        };
        let (Some(observation), Some(shape)) =
            (program.observations.get(index), resolved.observations.get(index))
        else {
            return Ok(None);
        };
        let buffer = observation.buffers.get(resolved.form);
        let buffer = buffer.and_then(|buffer| resolved.buffers.get(*buffer as usize));
        let Some(buffer) = buffer else { return Ok(None) };
        let length = byte_length(observation.tensor.element, shape).unwrap_or(0);
        let bytes = match buffer.location {
            Location::Arena(offset) => self.arena.bytes().get(offset..).and_then(|bytes| bytes.get(..length)),
            Location::State(state) => {
                self.states.get(state).and_then(|state| state.memory.bytes().get(..length))
            }
            _ => None,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        ensure_available(length, name)?;
        Ok(Tensor::new(observation.tensor.element, shape.clone(), bytes.to_vec()))
    }
}

/// Where the scratch memory of the first thread begins, from the start of the arena.
fn thread_begin(resolved: &Resolved) -> usize {
    if resolved.thread_bytes == 0 {
        return resolved.arena_bytes;
    }
    resolved.arena_bytes.next_multiple_of(THREAD_ALIGNMENT)
}

fn arena_in_words(program: &crate::program::Program, resolved: &Resolved) -> String {
    let sizes: Vec<String> = program
        .symbols
        .iter()
        .zip(&resolved.symbols)
        .map(|(symbol, size)| format!("{} = {size}", symbol.name))
        .collect();
    if sizes.is_empty() {
        format!("running `{}`", program.model)
    } else {
        format!("running `{}` with {}", program.model, sizes.join(", "))
    }
}
