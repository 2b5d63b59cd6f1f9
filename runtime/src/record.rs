//! What is noted of a step while it runs: the work of each kernel and, where it is asked for, the time of each launch.

use std::time::{Duration, Instant};

/// Work done, as counted while running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of kernels that had something to do.
    pub calls: u64,
    /// Floating-point operations; what was skipped was not done.
    pub flops: u64,
    /// Bytes read and written.
    pub bytes: u64,
}

impl Counts {
    /// Both together.
    pub fn and(self, other: Counts) -> Counts {
        Counts {
            calls: self.calls + other.calls,
            flops: self.flops.saturating_add(other.flops),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// One launch of a kernel, as timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedLaunch {
    /// The kernel, as an index into [`crate::program::Program::kernels`].
    pub kernel: usize,
    /// From the beginning of the step.
    pub begin: Duration,
    /// Until all threads were done.
    pub length: Duration,
    /// What it did, as one call.
    pub work: Counts,
}

/// What is to be noted of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Nothing.
    #[default]
    Nothing,
    /// The work of each kernel.
    Work,
    /// The work of each kernel, and each launch with its time.
    Time,
}

/// What was noted of a step.
#[derive(Debug, Default)]
pub struct Record {
    /// Where times are noted.
    begin: Option<Instant>,
    /// For each kernel, where work is noted.
    counts: Vec<Counts>,
    launches: Vec<TimedLaunch>,
}

impl Record {
    /// A record of a step of so many kernels that begins now.
    pub fn begin(watch: Watch, kernels: usize) -> Self {
        let counted = if watch == Watch::Nothing { 0 } else { kernels };
        let begin = (watch == Watch::Time).then(Instant::now);
        Record { begin, counts: vec![Counts::default(); counted], launches: Vec::new() }
    }

    /// Whether the work of launches is noted.
    pub fn counts_work(&self) -> bool {
        !self.counts.is_empty()
    }

    /// How long the step has run, where that is noted.
    pub fn now(&self) -> Option<Duration> {
        self.begin.map(|begin| begin.elapsed())
    }

    /// Notes a launch that began when `begin` says and ends now.
    pub fn note(&mut self, kernel: usize, begin: Option<Duration>, flops: u64, bytes: u64) {
        let work = Counts { calls: 1, flops, bytes };
        if let Some(counts) = self.counts.get_mut(kernel) {
            *counts = counts.and(work);
        }
        if let Some((begin, end)) = begin.zip(self.now()) {
            let length = end.saturating_sub(begin);
            self.launches.push(TimedLaunch { kernel, begin, length, work });
        }
    }

    /// The work of each kernel; empty if it was not noted.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }

    /// The launches in their order; empty if times were not noted.
    pub fn launches(&self) -> &[TimedLaunch] {
        &self.launches
    }
}
