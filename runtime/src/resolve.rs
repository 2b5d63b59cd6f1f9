//! A program at given free sizes: every expression worked out, every range checked. What it holds is executed without
//! looking back, and kept from step to step while the sizes stay.

use crate::error::{codes, Error};
use crate::forms;
use crate::program::{Buffer, Count, Form, Launch, Place, Program, SizeExpression, Step, TensorDescription};
use crate::sizes;
use crate::tensor::byte_length;

/// Where a buffer lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Location {
    /// The start of an input.
    Input(usize),
    /// The start of an output.
    Output(usize),
    /// The start of a weight.
    Weight(usize),
    /// The start of a constant.
    Constant(usize),
    /// Bytes from the start of the prepared weights.
    Prepared(usize),
    /// Bytes from the start of the arena.
    Arena(usize),
    /// Bytes from the start of the scratch memory of the thread that calls.
    Thread(usize),
    /// The start of a state.
    State(usize),
    /// `stride` bytes for each round of the repeat at `depth`, from the start of another buffer.
    Round {
        /// The other buffer.
        buffer: usize,
        /// Which enclosing repeat.
        depth: usize,
        /// Bytes from round to round.
        stride: usize,
    },
}

/// A buffer at given sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadyBuffer {
    /// Where it lies.
    pub location: Location,
    /// How long it is.
    pub bytes: usize,
}

/// A report of work: known, or counted while running.
#[derive(Clone, Debug)]
pub enum Work {
    /// Known.
    Known(u64),
    /// Read from buffers after the launch.
    Counted(Box<SizeExpression>),
}

/// A launch at given sizes.
#[derive(Clone, Debug)]
pub struct ReadyLaunch {
    /// The kernel's index.
    pub kernel: usize,
    /// The buffers' indices.
    pub buffers: Vec<usize>,
    /// The sizes the kernel takes.
    pub sizes: Vec<i64>,
    /// How many items there are; not negative.
    pub extent: i64,
    /// How many items a thread takes at a time, at least.
    pub grain: i64,
    /// Floating-point operations.
    pub flops: Work,
    /// Bytes read and written.
    pub bytes: Work,
}

/// One step at given sizes.
#[derive(Clone, Debug)]
pub enum ReadyStep {
    /// A kernel called.
    Launch(ReadyLaunch),
    /// Steps done several times.
    Repeat {
        /// How many rounds.
        count: ReadyCount,
        /// For how many rounds there is room in the buffers.
        room: u64,
        /// What a round does.
        body: Vec<ReadyStep>,
    },
}

/// How many rounds a repeat has.
#[derive(Clone, Copy, Debug)]
pub enum ReadyCount {
    /// Known, and there is room for them.
    Known(u64),
    /// The first entry of this buffer.
    Buffer(usize),
}

/// How the scratch memories of threads are aligned, so that no two share a line of a cache.
pub const THREAD_ALIGNMENT: usize = 128;

/// A program at given free sizes.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The free sizes.
    pub symbols: Vec<i64>,
    /// Which of [`Program::forms`] is used.
    pub form: usize,
    /// The shapes of the outputs.
    pub outputs: Vec<Vec<usize>>,
    /// The shapes of the states.
    pub states: Vec<Vec<usize>>,
    /// The shapes of what can be observed.
    pub observations: Vec<Vec<usize>>,
    /// All buffers; those that only other forms use are empty.
    pub buffers: Vec<ReadyBuffer>,
    /// The bytes of the arena.
    pub arena_bytes: usize,
    /// What gives states their first values.
    pub begin: Vec<ReadyStep>,
    /// The bytes of each thread's scratch memory, a multiple of [`THREAD_ALIGNMENT`].
    pub thread_bytes: usize,
    /// The steps.
    pub steps: Vec<ReadyStep>,
}

/// A step of a program at given free sizes, in the form that they choose.
///
/// # Errors
/// If a size overflows or is negative, or a buffer reaches beyond its place.
pub fn resolve(program: &Program, symbols: &[i64]) -> Result<Resolved, Error> {
    let resolver = Resolver { program, symbols };
    let form = forms::choose(program, symbols);
    let chosen = program.forms.get(form).ok_or_else(|| damaged(program, "it has no form"))?;
    let shapes = |tensors: &mut dyn Iterator<Item = &TensorDescription>| {
        tensors.map(|tensor| resolver.shape(tensor)).collect::<Result<Vec<_>, _>>()
    };
    let mut resolved = Resolved {
        symbols: symbols.to_vec(),
        form,
        outputs: shapes(&mut program.outputs.iter())?,
        states: shapes(&mut program.states.iter().map(|state| &state.tensor))?,
        observations: shapes(&mut program.observations.iter().map(|observation| &observation.tensor))?,
        buffers: resolver.buffers(form)?,
        arena_bytes: resolver.bytes(&chosen.arena_bytes, "the arena")?,
        begin: Vec::new(),
        thread_bytes: resolver.thread_bytes(chosen)?,
        steps: Vec::new(),
    };
    let used = program.buffers.iter().zip(&resolved.buffers).filter(|(_, ready)| **ready != NOWHERE);
    for (buffer, ready) in used {
        resolver.check_room(buffer, ready, resolved.arena_bytes, resolved.thread_bytes)?;
    }
    for (observation, shape) in program.observations.iter().zip(&resolved.observations) {
        let buffer = observation.buffers.get(form).and_then(|buffer| resolved.buffers.get(*buffer as usize));
        let have = buffer.map_or(0, |buffer| buffer.bytes);
        if byte_length(observation.tensor.element, shape).is_none_or(|needed| needed > have) {
            return Err(damaged(
                program,
                &format!("`{}` is larger than its buffer", observation.tensor.name),
            ));
        }
    }
    resolved.begin = resolver.steps(&program.begin, &resolved.buffers, 0)?;
    resolved.steps = resolver.steps(&chosen.step, &resolved.buffers, 0)?;
    Ok(resolved)
}

/// A program's `prepare`: its buffers (those that need free sizes are empty) and its launches.
///
/// # Errors
/// If a size overflows or is negative, or a buffer reaches beyond its place.
pub fn resolve_prepare(program: &Program) -> Result<(Vec<ReadyBuffer>, Vec<ReadyLaunch>), Error> {
    let resolver = Resolver { program, symbols: &[] };
    let mut buffers = Vec::new();
    for buffer in &program.buffers {
        let known = matches!(buffer.place, Place::Weight(_) | Place::Constant(_) | Place::Prepared(_));
        if !known {
            buffers.push(NOWHERE);
            continue;
        }
        let ready = resolver.buffer(buffer)?;
        resolver.check_room(buffer, &ready, 0, 0)?;
        buffers.push(ready);
    }
    let launches = program.prepare.iter().map(|launch| resolver.launch(launch)).collect::<Result<_, _>>()?;
    Ok((buffers, launches))
}

/// The shape of a tensor at given free sizes.
///
/// # Errors
/// If a size overflows or is negative.
pub fn shape(program: &Program, symbols: &[i64], tensor: &TensorDescription) -> Result<Vec<usize>, Error> {
    Resolver { program, symbols }.shape(tensor)
}

/// An expression that counts bytes, at given free sizes.
///
/// # Errors
/// If it overflows or is negative.
pub fn bytes(program: &Program, symbols: &[i64], size: &SizeExpression, what: &str) -> Result<usize, Error> {
    Resolver { program, symbols }.bytes(size, what)
}

/// A buffer that is not used.
const NOWHERE: ReadyBuffer = ReadyBuffer { location: Location::Arena(0), bytes: 0 };

struct Resolver<'a> {
    program: &'a Program,
    symbols: &'a [i64],
}

fn damaged(program: &Program, what: &str) -> Error {
    Error::new(codes::PROGRAM, format!("the program of `{}` is damaged: {what}", program.model))
        .hint("compile the model again")
}

impl Resolver<'_> {
    fn wrong_size(&self, what: &str) -> Error {
        let bound: Vec<String> = self
            .program
            .symbols
            .iter()
            .zip(self.symbols)
            .map(|(symbol, size)| format!("{} = {size}", symbol.name))
            .collect();
        let at = if bound.is_empty() { String::new() } else { format!(" with {}", bound.join(", ")) };
        Error::new(codes::SIZES, format!("{what} would have a size that is negative or beyond 64 bits{at}"))
    }

    fn value(&self, size: &SizeExpression, what: &str) -> Result<i64, Error> {
        sizes::evaluate(size, self.symbols).ok_or_else(|| self.wrong_size(what))
    }

    fn bytes(&self, size: &SizeExpression, what: &str) -> Result<usize, Error> {
        usize::try_from(self.value(size, what)?).map_err(|_| self.wrong_size(what))
    }

    fn thread_bytes(&self, form: &Form) -> Result<usize, Error> {
        let what = "the scratch memory of a thread";
        let bytes = self.bytes(&form.thread_bytes, what)?;
        bytes.checked_next_multiple_of(THREAD_ALIGNMENT).ok_or_else(|| self.wrong_size(what))
    }

    fn shape(&self, tensor: &TensorDescription) -> Result<Vec<usize>, Error> {
        let what = format!("`{}`", tensor.name);
        let shape: Vec<usize> =
            tensor.axes.iter().map(|axis| self.bytes(&axis.size, &what)).collect::<Result<_, _>>()?;
        let total = byte_length(tensor.element, &shape).filter(|total| isize::try_from(*total).is_ok());
        total.map(|_| shape).ok_or_else(|| self.wrong_size(&what))
    }

    /// All buffers, those that a form does not use empty.
    fn buffers(&self, form: usize) -> Result<Vec<ReadyBuffer>, Error> {
        let used = forms::used(self.program, form);
        let buffers = self.program.buffers.iter().zip(used);
        buffers.map(|(buffer, used)| if used { self.buffer(buffer) } else { Ok(NOWHERE) }).collect()
    }

    fn buffer(&self, buffer: &Buffer) -> Result<ReadyBuffer, Error> {
        let what = format!("buffer `{}`", buffer.name);
        let length = self.bytes(&buffer.length, &what)?;
        let bytes = length.checked_mul(buffer.element.bytes()).ok_or_else(|| self.wrong_size(&what))?;
        let location = match &buffer.place {
            Place::Input(index) => Location::Input(*index as usize),
            Place::Output(index) => Location::Output(*index as usize),
            Place::Weight(index) => Location::Weight(*index as usize),
            Place::Constant(index) => Location::Constant(*index as usize),
            Place::Prepared(offset) => Location::Prepared(self.bytes(offset, &what)?),
            Place::Arena(offset) => Location::Arena(self.bytes(offset, &what)?),
            Place::Thread(offset) => Location::Thread(self.bytes(offset, &what)?),
            Place::State(index) => Location::State(*index as usize),
            Place::Round { buffer, depth, stride } => Location::Round {
                buffer: *buffer as usize,
                depth: *depth as usize,
                stride: self.bytes(stride, &what)?,
            },
        };
        Ok(ReadyBuffer { location, bytes })
    }

    /// That a buffer fits the place where it lies. Parts of others are checked with their repeat.
    fn check_room(
        &self,
        buffer: &Buffer,
        ready: &ReadyBuffer,
        arena_bytes: usize,
        thread_bytes: usize,
    ) -> Result<(), Error> {
        let program = self.program;
        let of = |tensor: Option<&TensorDescription>| {
            let Some(tensor) = tensor else { return Ok(0) };
            Ok(byte_length(tensor.element, &self.shape(tensor)?).unwrap_or(0))
        };
        let (begin, room) = match ready.location {
            Location::Input(index) => (0, of(program.inputs.get(index))?),
            Location::Output(index) => (0, of(program.outputs.get(index))?),
            Location::Weight(index) => (0, of(program.weights.get(index).map(|weight| &weight.tensor))?),
            Location::State(index) => (0, of(program.states.get(index).map(|state| &state.tensor))?),
            Location::Constant(index) => (0, program.constants.get(index).map_or(0, Vec::len)),
            Location::Prepared(offset) => (offset, self.bytes(&program.prepared_bytes, "prepared weights")?),
            Location::Arena(offset) => (offset, arena_bytes),
            Location::Thread(offset) => (offset, thread_bytes),
            Location::Round { .. } => return Ok(()),
        };
        match begin.checked_add(ready.bytes) {
            Some(end) if end <= room => Ok(()),
            _ => Err(damaged(program, &format!("buffer `{}` reaches beyond its place", buffer.name))),
        }
    }

    fn launch(&self, launch: &Launch) -> Result<ReadyLaunch, Error> {
        let name = self.program.kernels.get(launch.kernel as usize).map_or("", |kernel| kernel.name.as_str());
        let what = format!("a launch of `{name}`");
        Ok(ReadyLaunch {
            kernel: launch.kernel as usize,
            buffers: launch.buffers.iter().map(|index| *index as usize).collect(),
            sizes: launch.sizes.iter().map(|size| self.value(size, &what)).collect::<Result<_, _>>()?,
            extent: self.value(&launch.extent, &what)?.max(0),
            grain: self.value(&launch.grain, &what)?.max(1),
            flops: self.work(&launch.flops, &what)?,
            bytes: self.work(&launch.bytes, &what)?,
        })
    }

    fn work(&self, size: &SizeExpression, what: &str) -> Result<Work, Error> {
        if sizes::is_counted(size) || (self.symbols.is_empty() && !sizes::is_fixed(size)) {
            return Ok(Work::Counted(Box::new(size.clone())));
        }
        Ok(Work::Known(u64::try_from(self.value(size, what)?).unwrap_or(0)))
    }

    fn steps(&self, steps: &[Step], buffers: &[ReadyBuffer], depth: usize) -> Result<Vec<ReadyStep>, Error> {
        steps.iter().map(|step| self.step(step, buffers, depth)).collect()
    }

    fn step(&self, step: &Step, buffers: &[ReadyBuffer], depth: usize) -> Result<ReadyStep, Error> {
        let repeat = match step {
            Step::Launch(launch) => return Ok(ReadyStep::Launch(self.launch(launch)?)),
            Step::Repeat(repeat) => repeat,
        };
        let body = self.steps(&repeat.body, buffers, depth + 1)?;
        let room = room(&body, buffers, depth);
        let count = match &repeat.count {
            Count::Size(size) => {
                let count = u64::try_from(self.value(size, "a repeat")?).unwrap_or(0);
                if count > room {
                    return Err(damaged(self.program, "a repeat reaches beyond its buffers"));
                }
                ReadyCount::Known(count)
            }
            Count::Buffer(index) => {
                let index = *index as usize;
                if buffers.get(index).is_none_or(|buffer| buffer.bytes < size_of::<i64>()) {
                    return Err(damaged(self.program, "a repeat's count is empty"));
                }
                ReadyCount::Buffer(index)
            }
        };
        Ok(ReadyStep::Repeat { count, room, body })
    }
}

/// For how many rounds of the repeat at `depth` the buffers used in its body have room.
fn room(body: &[ReadyStep], buffers: &[ReadyBuffer], depth: usize) -> u64 {
    let of_step = |step: &ReadyStep| match step {
        ReadyStep::Launch(launch) => {
            launch.buffers.iter().map(|index| buffer_room(*index, buffers, depth)).min().unwrap_or(u64::MAX)
        }
        ReadyStep::Repeat { count, body, .. } => {
            let counter = match count {
                ReadyCount::Buffer(index) => buffer_room(*index, buffers, depth),
                ReadyCount::Known(_) => u64::MAX,
            };
            counter.min(room(body, buffers, depth))
        }
    };
    body.iter().map(of_step).min().unwrap_or(u64::MAX)
}

fn buffer_room(index: usize, buffers: &[ReadyBuffer], depth: usize) -> u64 {
    let mut least = u64::MAX;
    let mut current = buffers.get(index);
    // A chain is no longer than there are buffers: that was checked when the program was loaded.
    while let Some(ReadyBuffer { location: Location::Round { buffer, depth: at, stride }, bytes }) = current {
        let whole = buffers.get(*buffer);
        if *at == depth && *bytes > 0 {
            let length = whole.map_or(0, |whole| whole.bytes);
            let rounds = match length.checked_sub(*bytes) {
                None => 0,
                Some(rest) => rest.checked_div(*stride).map_or(u64::MAX, |more| more as u64 + 1),
            };
            least = least.min(rounds);
        }
        if *at != depth && *bytes > whole.map_or(0, |whole| whole.bytes) {
            least = 0;
        }
        current = whole;
    }
    least
}
