//! Where the processor's time goes, step by step: `run --timings` and `make bench`. And where spans of the work go.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use streamgauge_common::{
    clock,
    column::{Column, Texts},
};
use streamgauge_engine::{Accumulators, Evaluated, Fault};

use crate::traces::Traces;

/// A step of the way of an event, as far as it is timed apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waiting for and cutting input is the rest; this is JSON to columns.
    Decode,
    /// The query component: `ingest` and `emit`.
    Query,
    /// Groups, slices, slots and closing, without the reducers.
    Grouping,
    /// The reducer components.
    Reducers,
    /// Rows to lines.
    Output,
}

const STEPS: [(Step, &str); 5] = [
    (Step::Decode, "decode"),
    (Step::Query, "query"),
    (Step::Grouping, "grouping"),
    (Step::Reducers, "reducers"),
    (Step::Output, "output"),
];

/// Processor time by step, over all threads, and spans; or nothing, which costs nothing.
#[derive(Debug, Default)]
pub struct Timings {
    wanted: bool,
    spent_ns: [AtomicU64; STEPS.len()],
    traces: Traces,
}

impl Timings {
    /// Counts if it is wanted.
    pub fn new(wanted: bool) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// The same, with spans of the work.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// Where spans go.
    #[inline]
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// The processor time that this thread has used, in nanoseconds; 0 where nothing is counted.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        if self.wanted { clock::thread_cpu_ns() } else { 0 }
    }

    /// Runs `work` and counts the processor time of this thread for `step`.
    #[inline]
    pub fn of<T>(&self, step: Step, work: impl FnOnce() -> T) -> T {
        let before = self.now_ns();
        let done = work();
        self.add(step, self.now_ns().saturating_sub(before));
        done
    }

    /// Counts time for a step.
    pub fn add(&self, step: Step, spent_ns: u64) {
        if let Some(spent) = self.spent_ns.get(step as usize) {
            spent.fetch_add(spent_ns, Relaxed);
        }
    }

    /// What a step took so far, in nanoseconds.
    pub fn spent_ns(&self, step: Step) -> u64 {
        self.spent_ns.get(step as usize).map_or(0, |spent| spent.load(Relaxed))
    }
}

impl Timings {
    /// What each step took so far, by its name.
    pub fn by_step(&self) -> impl Iterator<Item = (&'static str, Duration)> + '_ {
        STEPS.into_iter().map(|(step, name)| (name, Duration::from_nanos(self.spent_ns(step))))
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cpu_ms")?;
        for (step, name) in STEPS {
            write!(f, " {name}={}", Duration::from_nanos(self.spent_ns(step)).as_millis())?;
        }
        Ok(())
    }
}

/// An aggregate call whose time is counted for the reducers.
pub struct Timed<A> {
    inner: A,
    timings: Arc<Timings>,
}

impl<A> Timed<A> {
    /// Counts the time of `inner`'s calls.
    pub fn new(inner: A, timings: Arc<Timings>) -> Self {
        Self { inner, timings }
    }
}

impl<A: Accumulators> Accumulators for Timed<A> {
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
        self.timings.of(Step::Reducers, || self.inner.accumulate(slots, arguments))
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
        self.timings.of(Step::Reducers, || self.inner.merge(into, source))
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        self.timings.of(Step::Reducers, || self.inner.evaluate(slots))
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        self.timings.of(Step::Reducers, || self.inner.release(slots))
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        self.timings.of(Step::Reducers, || self.inner.snapshot(slots))
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
        self.timings.of(Step::Reducers, || self.inner.restore(state_version, slots, states))
    }

    fn state_version(&self) -> u32 {
        self.inner.state_version()
    }

    fn restores(&self) -> &[u32] {
        self.inner.restores()
    }
}
