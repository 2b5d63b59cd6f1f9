//! Threads that share the items of a launch, and sleep when there is nothing to do.
//!
//! The calling thread does its share. Chunks are taken in order from one counter, so whoever is quick takes more. Nobody
//! spins: a thread that waits for others sleeps, since another program may need the core. Workers that wake up too late
//! find nothing and sleep on; the caller waits only for those that took part.
#![allow(unsafe_code)]

use crate::error::{codes, Error};
use crate::program::KernelFunction;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Chunks each thread gets on average, so that a slow one does not hold up the rest.
const CHUNKS_PER_THREAD: i64 = 32;

/// One launch, ready to be called.
pub struct Call {
    /// The kernel.
    pub function: KernelFunction,
    /// Its buffers.
    pub buffers: *const *mut u8,
    /// How many pointers after those of one thread those of the next lie; 0 where all have the same.
    pub stride: usize,
    /// Its sizes.
    pub sizes: *const i64,
    /// How many items there are.
    pub extent: i64,
    /// How many items a thread takes at a time, at least.
    pub grain: i64,
}

impl Call {
    /// SAFETY: the caller of [`Pool::run`] vouches for the function and its arguments.
    unsafe fn range(&self, thread: usize, begin: i64, end: i64) -> i32 {
        let buffers = self.buffers.wrapping_add(thread.wrapping_mul(self.stride));
        // SAFETY: as above.
        unsafe { (self.function)(buffers, self.sizes, begin, end) }
    }
}

/// The state of a launch that several threads share; it lies on the stack of the thread that launched.
struct Work<'a> {
    call: &'a Call,
    chunk: i64,
    chunks: u64,
    next: AtomicU64,
    /// The first item of the lowest chunk that failed, and the status.
    failure: Mutex<Option<(i64, i32)>>,
}

impl Work<'_> {
    /// Takes chunks until there are none. Chunks are taken in order, so all below a failing one are done, and the lowest
    /// failure is the same whoever finds it.
    fn help(&self, thread: usize) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.chunks {
                return;
            }
            let begin = index as i64 * self.chunk;
            let end = begin.saturating_add(self.chunk).min(self.call.extent);
            // SAFETY: the caller of `Pool::run` vouches for the call, which outlives the launch.
            let status = unsafe { self.call.range(thread, begin, end) };
            if status != 0 {
                self.next.fetch_max(self.chunks, Ordering::Relaxed);
                let mut failure = lock(&self.failure);
                if failure.is_none_or(|(lowest, _)| begin < lowest) {
                    *failure = Some((begin, status));
                }
                return;
            }
        }
    }
}

/// A pointer to the work of the moment.
#[derive(Clone, Copy)]
struct WorkPointer(*const Work<'static>);

// SAFETY: the work is only read, by methods that are safe on several threads at once, and outlives its use: `Pool::run`
// takes it back and waits for all that took it before it returns.
unsafe impl Send for WorkPointer {}

#[derive(Default)]
struct Slot {
    work: Option<WorkPointer>,
    generation: u64,
    helping: usize,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    slot: Mutex<Slot>,
    wake: Condvar,
    idle: Condvar,
    broken: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads for the launches of one context. They start with the first launch that needs them.
pub struct Pool {
    threads: usize,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of so many threads, the caller's among them; at least one.
    pub fn new(threads: usize) -> Self {
        Pool { threads: threads.max(1), shared: Arc::default(), workers: Vec::new() }
    }

    /// How many threads share a launch.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Does all items of a launch; the status of the lowest chunk that failed, or 0.
    ///
    /// # Errors
    /// If a thread cannot be started.
    ///
    /// # Safety
    /// The function may be called with the buffers of a thread, one for each thread, and sizes for any disjoint ranges below the extent, from several
    /// threads at once.
    pub unsafe fn run(&mut self, call: &Call, alone: bool) -> Result<i32, Error> {
        if call.extent <= 0 {
            return Ok(0);
        }
        let chunk = chunk(call.extent, call.grain, self.threads);
        let chunks = call.extent.unsigned_abs().div_ceil(chunk.unsigned_abs());
        if alone || self.threads == 1 || chunks == 1 {
            // SAFETY: the caller vouches for it.
            return Ok(unsafe { call.range(0, 0, call.extent) });
        }
        self.start()?;
        let work = Work { call, chunk, chunks, next: AtomicU64::new(0), failure: Mutex::new(None) };
        self.share(&work);
        if self.shared.broken.load(Ordering::Relaxed) {
            return Err(Error::new(codes::BUG, "a thread of the runtime has stopped unexpectedly"));
        }
        let failure = *lock(&work.failure);
        Ok(failure.map_or(0, |(_, status)| status))
    }

    fn share(&self, work: &Work<'_>) {
        let pointer = WorkPointer(std::ptr::from_ref(work).cast());
        {
            let mut slot = lock(&self.shared.slot);
            slot.work = Some(pointer);
            slot.generation = slot.generation.wrapping_add(1);
        }
        let helpers = (work.chunks - 1).min(self.workers.len() as u64);
        for _ in 0..helpers {
            self.shared.wake.notify_one();
        }
        work.help(0);
        let mut slot = lock(&self.shared.slot);
        slot.work = None;
        while slot.helping > 0 {
            slot = self.shared.idle.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn start(&mut self) -> Result<(), Error> {
        while self.workers.len() + 1 < self.threads {
            let shared = Arc::clone(&self.shared);
            let thread = self.workers.len() + 1;
            let builder = Builder::new().name(format!("moe-{thread}"));
            let worker = builder.spawn(move || serve(&shared, thread)).map_err(|error| {
                Error::new(codes::THREADS, format!("cannot start a thread: {error}")).hint(format!(
                    "{} were asked for; ask for fewer with --threads or MOE_THREADS",
                    self.threads
                ))
            })?;
            self.workers.push(worker);
        }
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.slot).closed = true;
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that has panicked has nothing more to say.
            let _ = worker.join();
        }
    }
}

/// Says that a worker has left its work, however it left.
struct Helping<'a>(&'a Shared);

impl Drop for Helping<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
        let mut slot = lock(&self.0.slot);
        slot.helping -= 1;
        if slot.helping == 0 {
            self.0.idle.notify_one();
        }
    }
}

/// The life of a worker, by its number; the caller's is 0.
fn serve(shared: &Shared, thread: usize) {
    let mut seen = 0;
    let mut slot = lock(&shared.slot);
    loop {
        if slot.closed {
            return;
        }
        match slot.work {
            Some(work) if slot.generation != seen => {
                seen = slot.generation;
                slot.helping += 1;
                drop(slot);
                let helping = Helping(shared);
                // SAFETY: `share` does not return, and so the work lives, before `helping` is dropped.
                unsafe { &*work.0 }.help(thread);
                drop(helping);
                slot = lock(&shared.slot);
            }
            _ => slot = shared.wake.wait(slot).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// How many items are taken at a time: a multiple of the grain, and few enough chunks that the counter costs nothing.
fn chunk(extent: i64, grain: i64, threads: usize) -> i64 {
    let grain = grain.max(1);
    let share = extent / (threads as i64).saturating_mul(CHUNKS_PER_THREAD);
    (share / grain).max(1).saturating_mul(grain)
}

/// More threads than any machine has cores; a larger number is a mistake.
const MOST_THREADS: usize = 4096;

/// How many threads to use: as asked, else as the environment variable MOE_THREADS says, else as many as there are cores.
///
/// # Errors
/// If the number is 0 or beyond all sense, or the variable is not a number.
pub fn thread_count(asked: Option<usize>) -> Result<usize, Error> {
    let wrong = |text: &str| {
        Error::new(codes::USAGE, format!("`{text}` is no number of threads"))
            .hint(format!("give a whole number from 1 to {MOST_THREADS}"))
    };
    let sensible = |threads: &usize| (1..=MOST_THREADS).contains(threads);
    if let Some(threads) = asked {
        return Some(threads).filter(sensible).ok_or_else(|| wrong(&threads.to_string()));
    }
    match std::env::var("MOE_THREADS") {
        Ok(text) if !text.is_empty() => text.trim().parse().ok().filter(sensible).ok_or_else(|| wrong(&text)),
        _ => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;

    unsafe extern "C" fn add(buffers: *const *mut u8, sizes: *const i64, begin: i64, end: i64) -> i32 {
        // SAFETY: the tests pass one `AtomicI64` and one size.
        let (sum, fail_from) = unsafe { (&*(*buffers).cast::<AtomicI64>(), *sizes) };
        for item in begin..end {
            if item >= fail_from {
                return 1 + (item % 1000) as i32;
            }
            sum.fetch_add(item + 1, Ordering::Relaxed);
        }
        0
    }

    fn launch(pool: &mut Pool, extent: i64, grain: i64, fail_from: i64) -> (i32, i64) {
        let sum = AtomicI64::new(0);
        let buffers = [std::ptr::from_ref(&sum).cast_mut().cast::<u8>()];
        let sizes = [fail_from];
        let call = Call {
            function: add,
            buffers: buffers.as_ptr(),
            stride: 0,
            sizes: sizes.as_ptr(),
            extent,
            grain,
        };
        // SAFETY: `add` takes one atomic and one size.
        let status = unsafe { pool.run(&call, false) }.unwrap();
        (status, sum.into_inner())
    }

    #[test]
    fn every_item_is_done_once() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads);
            for round in 0..2000_i64 {
                let extent = round % 97;
                let (status, sum) = launch(&mut pool, extent, 1 + round % 7, i64::MAX);
                assert_eq!((status, sum), (0, extent * (extent + 1) / 2));
            }
        }
    }

    #[test]
    fn the_lowest_failure_wins() {
        for threads in [2, 3, 8] {
            let mut pool = Pool::new(threads);
            for round in 0..500 {
                let fail_from = round % 90;
                assert_eq!(launch(&mut pool, 100, 1, fail_from).0, 1 + fail_from as i32);
                assert_eq!(launch(&mut pool, 100, 1, i64::MAX), (0, 5050));
            }
        }
    }

    #[test]
    fn no_thread_is_started_without_need() {
        let mut pool = Pool::new(8);
        assert_eq!(launch(&mut pool, 4, 4, i64::MAX), (0, 10));
        assert_eq!(launch(&mut pool, 0, 1, i64::MAX), (0, 0));
        assert!(pool.workers.is_empty());
    }

    #[test]
    fn chunks_are_whole_grains() {
        assert_eq!(chunk(1000, 4, 2), 12);
        assert_eq!(chunk(10_000, 16, 2), 144);
        assert_eq!(chunk(100, 0, 1), 3);
        assert_eq!(chunk(3, 16, 2), 16);
        assert_eq!(chunk(i64::MAX, i64::MAX, 64), i64::MAX);
        assert_eq!(chunk(10, 0, 1), 1);
    }

    #[test]
    fn a_number_of_threads_is_positive() {
        assert_eq!(thread_count(Some(3)), Ok(3));
        assert_eq!(thread_count(Some(0)).unwrap_err().code(), codes::USAGE);
        assert!(thread_count(None).is_ok_and(|threads| threads > 0));
    }
}
