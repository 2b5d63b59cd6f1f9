//! A model ready to run: a program, its machine code, its weights. It never changes and may be shared between threads.
#![allow(unsafe_code)]

use crate::error::Error;
use crate::execute::Execution;
use crate::memory::AlignedBytes;
use crate::pool::{thread_count, Pool};
use crate::program::{KernelFunction, Launch, Place, Program};
use crate::record::Record;
use crate::resolve::{self, Location, ReadyBuffer};
use crate::verify::verify;
use crate::weights::{self, LoadedWeight, WeightFile};
use std::any::Any;
use std::sync::{Arc, Mutex};

/// The machine code of a program's kernels, and what keeps it in memory.
pub struct Kernels {
    functions: Vec<KernelFunction>,
    /// Never touched again; the lock lets it be of a kind that only one thread may look at.
    owner: Arc<Mutex<Box<dyn Any + Send>>>,
}

impl Kernels {
    /// Functions in the order of [`Program::kernels`], and their owner, which is dropped after their last call.
    ///
    /// # Safety
    /// Each function must do what [`KernelFunction`] says for the buffers and sizes that the program launches it with, for
    /// as long as `owner` lives, from any thread.
    pub unsafe fn new(functions: Vec<KernelFunction>, owner: Box<dyn Any + Send>) -> Self {
        Kernels { functions, owner: Arc::new(Mutex::new(owner)) }
    }

    /// Some of them, for a program of its own; they share the owner.
    pub fn part(&self, first: usize, count: usize) -> Self {
        let functions = self.functions.iter().skip(first).take(count).copied().collect();
        Kernels { functions, owner: Arc::clone(&self.owner) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The code of a kernel.
    pub fn function(&self, index: usize) -> Option<KernelFunction> {
        self.functions.get(index).copied()
    }
}

/// A model ready to run. Copies share everything.
#[derive(Clone)]
pub struct Model {
    parts: Arc<Parts>,
}

struct Parts {
    program: Program,
    kernels: Kernels,
    weights: Vec<LoadedWeight>,
    file: Option<WeightFile>,
    prepared: AlignedBytes,
}

impl Model {
    /// Checks the program, fits the weights to it, and prepares them, on as many threads as [`thread_count`] says.
    ///
    /// # Errors
    /// If the program cannot be used, the weights are not those it needs, what is made of them stops (an index that a weight holds is outside
    /// its axis), or there is not enough memory.
    pub fn new(program: Program, kernels: Kernels, weights: Option<WeightFile>) -> Result<Self, Error> {
        Model::with_threads(program, kernels, weights, None)
    }

    /// Like [`Model::new`], preparing on so many threads.
    ///
    /// # Errors
    /// As for [`Model::new`], or if the number of threads is 0.
    pub fn with_threads(
        program: Program,
        kernels: Kernels,
        weights: Option<WeightFile>,
        threads: Option<usize>,
    ) -> Result<Self, Error> {
        verify(&program, kernels.len())?;
        let threads = thread_count(threads)?;
        let loaded = weights::load(&program, weights.as_ref())?;
        let prepared_bytes = resolve::bytes(&program, &[], &program.prepared_bytes, "prepared weights")?;
        let what = format!("preparing the weights of `{}`", program.model);
        let prepared = AlignedBytes::zeroed(prepared_bytes, &what)?;
        let mut parts = Parts { program, kernels, weights: loaded, file: weights, prepared };
        parts.prepare(threads)?;
        Ok(Model { parts: Arc::new(parts) })
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.parts.program
    }

    /// The weights file, when there is one.
    pub fn weight_file(&self) -> Option<&WeightFile> {
        self.parts.file.as_ref()
    }

    /// The bytes of weights that were put together in memory of their own, and of those prepared.
    pub fn owned_weight_bytes(&self) -> usize {
        let copied: usize = self.parts.weights.iter().map(LoadedWeight::owned_bytes).sum();
        copied + self.parts.prepared.len()
    }

    pub(crate) fn kernels(&self) -> &Kernels {
        &self.parts.kernels
    }

    /// The address of something that all contexts share; null for what is not shared.
    pub(crate) fn shared_address(&self, location: Location) -> *mut u8 {
        self.parts.address(location, self.parts.prepared.read_address().cast_mut())
    }
}

impl Parts {
    fn address(&self, location: Location, prepared: *mut u8) -> *mut u8 {
        match location {
            Location::Weight(index) => self
                .weights
                .get(index)
                .map_or(std::ptr::null_mut(), |weight| weight.bytes(self.file.as_ref()).as_ptr().cast_mut()),
            Location::Constant(index) => self
                .program
                .constants
                .get(index)
                .map_or(std::ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut()),
            Location::Prepared(offset) => prepared.wrapping_add(offset),
            _ => std::ptr::null_mut(),
        }
    }

    /// Brings the weights into the layouts that the kernels read.
    fn prepare(&mut self, threads: usize) -> Result<(), Error> {
        if self.program.prepare.is_empty() {
            return Ok(());
        }
        let (buffers, launches) = resolve::resolve_prepare(&self.program)?;
        let prepared = self.prepared.address();
        let address = |buffer: &ReadyBuffer| self.address(buffer.location, prepared);
        let addresses: Vec<*mut u8> = buffers.iter().map(address).collect();
        let mut execution = Execution {
            program: &self.program,
            kernels: &self.kernels,
            symbols: &[],
            buffers: &buffers,
            addresses: &addresses,
            thread_bytes: 0,
            pool: &mut Pool::new(threads),
            record: &mut Record::default(),
            rounds: Vec::new(),
            arguments: Vec::new(),
        };
        for (launch, described) in launches.iter().zip(&self.program.prepare) {
            // SAFETY: the program was verified, each address has the bytes that `resolve_prepare` checked, and whoever made the
            // kernels vouches for them.
            unsafe { execution.launch(launch) }?;
            self.release(described);
        }
        Ok(())
    }

    /// Lets go of the weights that a launch has read: with few exceptions they are never read again, and would fill twice the memory.
    fn release(&self, launch: &Launch) {
        let Some(file) = &self.file else { return };
        let places = launch.buffers.iter().filter_map(|id| self.program.buffers.get(*id as usize));
        for buffer in places {
            if let Place::Weight(index) = buffer.place {
                if let Some(LoadedWeight::InFile(range)) = self.weights.get(index as usize) {
                    file.release(range);
                }
            }
        }
    }
}
