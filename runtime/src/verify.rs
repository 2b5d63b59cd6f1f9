//! What is checked of a program when it is loaded, so that running it needs no checks: every index is in range, every
//! free size can be bound, and `prepare` needs nothing but weights and constants.

use crate::element::Element;
use crate::error::{codes, Error};
use crate::program::{
    Buffer, Count, Launch, Observation, Offsets, Place, Program, SizeExpression, Step, TensorDescription,
    FORMAT_VERSION,
};
use crate::sizes;
use std::collections::BTreeSet;

/// # Errors
/// If the program is of another version, has not so many kernels as `functions`, or points beyond itself.
pub fn verify(program: &Program, functions: usize) -> Result<(), Error> {
    if program.version != FORMAT_VERSION {
        let found = program.version;
        return Err(Error::new(
            codes::PROGRAM,
            format!("the program has format {found} and this runtime reads format {FORMAT_VERSION}"),
        )
        .hint("compile the model again with the `moe` of this version"));
    }
    Verifier { program }.all(functions).map_err(|what| {
        Error::new(codes::PROGRAM, format!("the program of `{}` is damaged: {what}", program.model))
            .hint("compile the model again")
    })
}

struct Verifier<'a> {
    program: &'a Program,
}

type Checked = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(what())
    }
}

impl Verifier<'_> {
    fn all(&self, functions: usize) -> Checked {
        let program = self.program;
        ensure(program.kernels.len() == functions, || {
            format!("{} kernels are described and {functions} are there", program.kernels.len())
        })?;
        self.edges()?;
        program.buffers.iter().try_for_each(|buffer| self.buffer(buffer))?;
        self.fixed(&program.prepared_bytes, "prepared weights")?;
        for launch in &program.prepare {
            self.launch(launch, 0)?;
            self.prepare(launch)?;
        }
        self.steps(&program.begin, 0)?;
        self.begin(&program.begin)?;
        self.forms()?;
        program.observations.iter().try_for_each(|observation| self.observation(observation))
    }

    /// The forms: each by itself, and that any number of rows has one.
    fn forms(&self) -> Checked {
        let program = self.program;
        self.size(&program.rows, "the number of rows")?;
        ensure(program.forms.first().is_some_and(|form| form.from == 0), || {
            "no form is for the smallest sizes".to_owned()
        })?;
        let ordered = program.forms.windows(2).all(|pair| matches!(pair, [a, b] if a.from < b.from));
        ensure(ordered, || "its forms are not in order".to_owned())?;
        ensure(!program.deterministic || program.forms.len() == 1, || {
            "it is deterministic and has several forms".to_owned()
        })?;
        program.forms.iter().try_for_each(|form| {
            self.size(&form.arena_bytes, "the arena")?;
            self.size(&form.thread_bytes, "the scratch memory of a thread")?;
            self.steps(&form.step, 0)
        })
    }

    fn observation(&self, observation: &Observation) -> Checked {
        let Observation { tensor, buffers } = observation;
        let name = &tensor.name;
        self.tensor(tensor)?;
        ensure(buffers.len() == self.program.forms.len(), || {
            format!("`{name}` is not observed in every form")
        })?;
        buffers.iter().try_for_each(|index| {
            let buffer = self.get(*index)?;
            let stays = matches!(buffer.place, Place::Arena(_) | Place::State(_));
            ensure(stays, || format!("`{name}` cannot be observed where it lies"))?;
            ensure(buffer.element == tensor.element, || format!("`{name}` has two element types"))
        })
    }

    /// Tensors at the edge: their sizes, their names, and that each free size can be bound.
    fn edges(&self) -> Checked {
        let program = self.program;
        let states = || program.states.iter().map(|state| &state.tensor);
        let weights = || program.weights.iter().map(|weight| &weight.tensor);
        program
            .inputs
            .iter()
            .chain(&program.outputs)
            .chain(states())
            .try_for_each(|tensor| self.tensor(tensor))?;
        for tensor in weights() {
            tensor.axes.iter().try_for_each(|axis| self.fixed(&axis.size, &tensor.name))?;
        }
        unique(program.inputs.iter())?;
        unique(program.outputs.iter())?;
        unique(weights())?;
        program.offsets.iter().try_for_each(|offsets| self.offsets(offsets))?;
        let axes = || program.inputs.iter().flat_map(|input| &input.axes).map(|axis| &axis.size);
        (0..).zip(&program.symbols).try_for_each(|(index, symbol)| {
            let bound = axes().any(|size| matches!(sizes::free(size), Some((own, _)) if own == index));
            let longest = program.offsets.iter().any(|offsets| offsets.longest == index);
            ensure(bound || longest, || format!("no input has the free size {} as an axis", symbol.name))
        })
    }

    fn offsets(&self, offsets: &Offsets) -> Checked {
        let input = self.program.inputs.get(offsets.input as usize);
        let fits = input.is_some_and(|input| input.element == Element::I64 && input.axes.len() == 1);
        ensure(fits, || format!("input {} holds no offsets", offsets.input))?;
        self.size(&SizeExpression::Symbol(offsets.longest), "offsets")?;
        self.size(&offsets.rows, "offsets")
    }

    fn tensor(&self, tensor: &TensorDescription) -> Checked {
        tensor.axes.iter().try_for_each(|axis| self.size(&axis.size, &tensor.name))
    }

    fn buffer(&self, buffer: &Buffer) -> Checked {
        let program = self.program;
        let name = &buffer.name;
        self.size(&buffer.length, name)?;
        let there_is = |index: u32, count: usize| {
            ensure((index as usize) < count, || format!("buffer `{name}` lies at number {index} of {count}"))
        };
        match &buffer.place {
            Place::Input(index) => there_is(*index, program.inputs.len()),
            Place::Output(index) => there_is(*index, program.outputs.len()),
            Place::State(index) => there_is(*index, program.states.len()),
            Place::Weight(index) => {
                there_is(*index, program.weights.len())?;
                self.fixed(&buffer.length, name)
            }
            Place::Constant(index) => {
                there_is(*index, program.constants.len())?;
                self.fixed(&buffer.length, name)
            }
            Place::Prepared(offset) => {
                self.fixed(offset, name)?;
                self.fixed(&buffer.length, name)
            }
            Place::Arena(offset) | Place::Thread(offset) => self.size(offset, name),
            Place::Round { stride, .. } => {
                self.size(stride, name)?;
                self.depth(buffer).map(|_| ())
            }
        }
    }

    /// How many enclosing repeats a buffer's place needs.
    fn depth(&self, buffer: &Buffer) -> Result<u32, String> {
        let mut needed = 0;
        let mut place = &buffer.place;
        for _ in 0..=self.program.buffers.len() {
            let Place::Round { buffer: other, depth, .. } = place else { return Ok(needed) };
            needed = needed.max(depth.saturating_add(1));
            place = &self.get(*other)?.place;
        }
        Err(format!("buffer `{}` is part of itself", buffer.name))
    }

    fn get(&self, index: u32) -> Result<&Buffer, String> {
        let count = self.program.buffers.len();
        self.program
            .buffers
            .get(index as usize)
            .ok_or_else(|| format!("buffer {index} is named and there are {count}"))
    }

    fn steps(&self, steps: &[Step], depth: u32) -> Checked {
        steps.iter().try_for_each(|step| match step {
            Step::Launch(launch) => self.launch(launch, depth),
            Step::Repeat(repeat) => {
                match &repeat.count {
                    Count::Size(size) => self.size(size, "a repeat")?,
                    Count::Buffer(index) => self.counter(*index, depth)?,
                }
                self.steps(&repeat.body, depth + 1)
            }
        })
    }

    /// A buffer that counts something.
    fn counter(&self, index: u32, depth: u32) -> Checked {
        let buffer = self.get(index)?;
        ensure(buffer.element == Element::I64, || format!("`{}` counts and is not i64", buffer.name))?;
        self.reachable(buffer, depth)
    }

    fn reachable(&self, buffer: &Buffer, depth: u32) -> Checked {
        let needed = self.depth(buffer)?;
        ensure(needed <= depth, || format!("buffer `{}` is used outside its repeat", buffer.name))
    }

    fn launch(&self, launch: &Launch, depth: u32) -> Checked {
        let kernels = self.program.kernels.len();
        ensure((launch.kernel as usize) < kernels, || {
            format!("kernel {} of {kernels} is launched", launch.kernel)
        })?;
        launch.buffers.iter().try_for_each(|index| self.reachable(self.get(*index)?, depth))?;
        launch
            .sizes
            .iter()
            .chain([&launch.extent, &launch.grain])
            .try_for_each(|size| self.size(size, "a launch"))?;
        for report in [&launch.flops, &launch.bytes] {
            let mut result = Ok(());
            sizes::visit(report, &mut |leaf| {
                let checked = match leaf {
                    SizeExpression::Counted { buffer, .. } => self.counter(*buffer, depth),
                    other => self.size(other, "a launch's work"),
                };
                if result.is_ok() {
                    result = checked;
                }
            });
            result?;
        }
        Ok(())
    }

    /// That a launch of `prepare` needs no input and no free size.
    fn prepare(&self, launch: &Launch) -> Checked {
        for index in &launch.buffers {
            let buffer = self.get(*index)?;
            let known = matches!(buffer.place, Place::Weight(_) | Place::Constant(_) | Place::Prepared(_));
            ensure(known, || format!("`{}` is not there when weights are prepared", buffer.name))?;
        }
        let sizes = launch.sizes.iter().chain([&launch.extent, &launch.grain]);
        sizes.into_iter().try_for_each(|size| self.fixed(size, "preparing weights"))
    }

    /// That what gives states their first values reads no input and no output.
    fn begin(&self, steps: &[Step]) -> Checked {
        steps.iter().try_for_each(|step| match step {
            Step::Launch(launch) => launch.buffers.iter().try_for_each(|index| {
                let buffer = self.get(*index)?;
                let edge = matches!(buffer.place, Place::Input(_) | Place::Output(_));
                ensure(!edge, || format!("`{}` is not there when states begin", buffer.name))
            }),
            Step::Repeat(repeat) => self.begin(&repeat.body),
        })
    }

    /// A size that only free sizes decide.
    fn size(&self, size: &SizeExpression, of: &str) -> Checked {
        let symbols = self.program.symbols.len();
        let mut result = Ok(());
        sizes::visit(size, &mut |leaf| match leaf {
            SizeExpression::Symbol(index) if *index as usize >= symbols => {
                result = Err(format!("{of} is sized by free size {index} of {symbols}"));
            }
            SizeExpression::Counted { .. } => result = Err(format!("{of} is sized by a count")),
            _ => {}
        });
        result
    }

    fn fixed(&self, size: &SizeExpression, of: &str) -> Checked {
        ensure(sizes::is_fixed(size), || format!("the size of {of} is not fixed"))
    }
}

fn unique<'a>(tensors: impl Iterator<Item = &'a TensorDescription>) -> Checked {
    let mut seen = BTreeSet::new();
    for tensor in tensors {
        ensure(seen.insert(tensor.name.as_str()), || format!("two tensors are named `{}`", tensor.name))?;
    }
    Ok(())
}
