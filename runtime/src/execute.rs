//! The inner loop of a step: launches in order, repeats round by round.
#![allow(unsafe_code)]

use crate::error::{codes, Error};
use crate::model::Kernels;
use crate::pool::{Call, Pool};
use crate::program::Program;
use crate::record::Record;
use crate::resolve::{Location, ReadyBuffer, ReadyCount, ReadyLaunch, ReadyStep, Work};
use crate::sizes;
use std::time::Duration;

/// Launches with less work than this (operations and bytes together) stay on the calling thread: to wake another costs more.
const SMALL_WORK: u64 = 1 << 16;

/// Everything a run of launches needs.
pub struct Execution<'a> {
    /// The program.
    pub program: &'a Program,
    /// The machine code.
    pub kernels: &'a Kernels,
    /// The free sizes.
    pub symbols: &'a [i64],
    /// All buffers.
    pub buffers: &'a [ReadyBuffer],
    /// The address of each buffer; those that move from round to round have none.
    pub addresses: &'a [*mut u8],
    /// The bytes from one thread's scratch memory to the next one's; `addresses` are those of the first.
    pub thread_bytes: usize,
    /// The threads.
    pub pool: &'a mut Pool,
    /// What is noted of the step.
    pub record: &'a mut Record,
    /// The numbers of the current rounds, outermost first.
    pub rounds: Vec<usize>,
    /// Room for a launch's arguments.
    pub arguments: Vec<*mut u8>,
}

impl Execution<'_> {
    /// Does steps in order.
    ///
    /// # Errors
    /// The fault of the first kernel that stopped, or that a count is beyond the room there is for it.
    ///
    /// # Safety
    /// The program was verified and resolved, `addresses` points at as many bytes as `buffers` says, and the kernels keep to
    /// their buffers.
    pub unsafe fn steps(&mut self, steps: &[ReadyStep]) -> Result<(), Error> {
        for step in steps {
            match step {
                // SAFETY: as for this function.
                ReadyStep::Launch(launch) => unsafe { self.launch(launch) }?,
                ReadyStep::Repeat { count, room, body } => {
                    let rounds = self.count(*count, *room)?;
                    for round in 0..rounds {
                        self.rounds.push(round);
                        // SAFETY: as for this function, and there is room for so many rounds.
                        let done = unsafe { self.steps(body) };
                        self.rounds.pop();
                        done?;
                    }
                }
            }
        }
        Ok(())
    }

    /// # Safety
    /// As for [`Execution::steps`].
    pub unsafe fn launch(&mut self, launch: &ReadyLaunch) -> Result<(), Error> {
        self.arguments.clear();
        for index in &launch.buffers {
            let address = self.address(*index);
            self.arguments.push(address);
        }
        let stride = self.arguments_by_thread(launch);
        let Some(function) = self.kernels.function(launch.kernel) else {
            return Err(Error::new(codes::BUG, "a kernel is missing"));
        };
        let call = Call {
            function,
            buffers: self.arguments.as_ptr(),
            stride,
            sizes: launch.sizes.as_ptr(),
            extent: launch.extent,
            grain: launch.grain,
        };
        let begin = self.record.now();
        // SAFETY: the buffers are as long as the program says, which is what the kernel was compiled for.
        let status = unsafe { self.pool.run(&call, is_small(launch)) }?;
        if status != 0 {
            return Err(self.fault(launch.kernel, status));
        }
        if launch.extent > 0 {
            self.note(launch, begin);
        }
        Ok(())
    }

    /// Where a launch uses scratch memory of threads, arguments for each thread; gives how many pointers lie from one's to the next one's.
    fn arguments_by_thread(&mut self, launch: &ReadyLaunch) -> usize {
        let buffers = self.buffers;
        let is_own = |index: &usize| {
            buffers.get(*index).is_some_and(|buffer| matches!(buffer.location, Location::Thread(_)))
        };
        if !launch.buffers.iter().any(is_own) {
            return 0;
        }
        let first = self.arguments.len();
        for thread in 1..self.pool.threads() {
            let shift = thread.wrapping_mul(self.thread_bytes);
            self.arguments.extend_from_within(..first);
            let moved = self.arguments.iter_mut().skip(thread * first).zip(&launch.buffers);
            for (address, _) in moved.filter(|(_, index)| is_own(index)) {
                *address = address.wrapping_add(shift);
            }
        }
        first
    }

    fn count(&self, count: ReadyCount, room: u64) -> Result<usize, Error> {
        let rounds = match count {
            ReadyCount::Known(rounds) => rounds,
            ReadyCount::Buffer(index) => u64::try_from(self.read(index, 0).unwrap_or(0)).unwrap_or(0),
        };
        match usize::try_from(rounds) {
            Ok(small) if rounds <= room => Ok(small),
            _ => Err(Error::new(
                codes::BUG,
                format!("a repeat counted {rounds} rounds where there is room for {room}"),
            )),
        }
    }

    /// Where a buffer lies in this round.
    fn address(&self, index: usize) -> *mut u8 {
        match self.buffers.get(index).map(|buffer| buffer.location) {
            Some(Location::Round { buffer, depth, stride }) => {
                let round = self.rounds.get(depth).copied().unwrap_or(0);
                self.address(buffer).wrapping_add(round.wrapping_mul(stride))
            }
            _ => self.addresses.get(index).copied().unwrap_or(std::ptr::null_mut()),
        }
    }

    /// An entry of an `i64` buffer.
    fn read(&self, index: usize, entry: i64) -> Option<i64> {
        let entries = self.buffers.get(index)?.bytes / size_of::<i64>();
        let entry = usize::try_from(entry).ok().filter(|entry| *entry < entries)?;
        let address = self.address(index).cast::<i64>().cast_const();
        // SAFETY: the entry is within the buffer, and no launch is running.
        Some(unsafe { address.wrapping_add(entry).read_unaligned() })
    }

    fn note(&mut self, launch: &ReadyLaunch, begin: Option<Duration>) {
        if !self.record.counts_work() {
            return;
        }
        let of = |work: &Work| match work {
            Work::Known(amount) => *amount,
            Work::Counted(expression) => {
                let read = |buffer: u32, entry: i64| self.read(buffer as usize, entry);
                let amount = sizes::evaluate_counted(expression, self.symbols, &read);
                amount.and_then(|amount| u64::try_from(amount).ok()).unwrap_or(0)
            }
        };
        let (flops, bytes) = (of(&launch.flops), of(&launch.bytes));
        self.record.note(launch.kernel, begin, flops, bytes);
    }

    fn fault(&self, kernel: usize, status: i32) -> Error {
        let description = self.program.kernels.get(kernel);
        let name = description.map_or("", |kernel| kernel.name.as_str());
        let fault =
            usize::try_from(status).ok().and_then(|status| self.program.faults.get(status.checked_sub(1)?));
        let error = match fault {
            Some(fault) => Error::of_program(&fault.code, fault.message.clone()),
            None => {
                Error::new(codes::BUG, format!("kernel `{name}` stopped with the unknown status {status}"))
            }
        };
        match description.and_then(|kernel| kernel.origin.as_deref()) {
            Some(origin) => error.note(format!("in `{name}`, from {origin}")),
            None => error.note(format!("in `{name}`")),
        }
    }
}

fn is_small(launch: &ReadyLaunch) -> bool {
    match (&launch.flops, &launch.bytes) {
        (Work::Known(flops), Work::Known(bytes)) => flops.saturating_add(*bytes) < SMALL_WORK,
        _ => false,
    }
}
