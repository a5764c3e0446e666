//! Whether a task takes too much of the time of the tasks that it shares a reader with.
//!
//! Tasks that are level share a reader and a thread, so one that is slow makes all of them slow. What is built in is fast; the plugins of
//! users may be anything. A task that calls them and is slow goes on by a reader of its own, and stays there.

use std::time::Duration;

use streamgauge_common::clock::{Stopwatch, thread_cpu_ns};

/// What a task may take of the thread in a period: in one batch or in many.
const MOST: Duration = Duration::from_millis(100);
/// Half of the thread, for so short a time that the others are not late for long.
const PERIOD: Duration = Duration::from_millis(200);

/// How much of the thread a task takes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// None = it is not watched.
    period: Option<Period>,
    /// While it works, and is not slow yet: when it has taken as much as it may, as [`thread_cpu_ns`] counts.
    pause_at: Option<u64>,
    slow: bool,
}

/// What it has taken of the thread since a moment.
#[derive(Debug)]
struct Period {
    since: Stopwatch,
    taken: Duration,
}

/// What the thread had used when work began, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before(u64);

impl Pace {
    /// From now on it is watched.
    pub(super) fn watch(&mut self) {
        self.period = Some(Period::begin());
    }

    /// Work begins; none where nobody measures.
    pub(super) fn begin(&mut self) -> Option<Before> {
        let period = self.period.as_mut()?;
        if period.since.elapsed() >= PERIOD {
            *period = Period::begin();
        }
        let now = thread_cpu_ns();
        let left = u64::try_from(MOST.saturating_sub(period.taken).as_nanos()).unwrap_or(u64::MAX);
        self.pause_at = (!self.slow).then(|| now.saturating_add(left));
        Some(Before(now))
    }

    /// When its work is to pause, so that it can leave the others before it goes on: one batch may close any number of windows. Where it
    /// has left them, or there is nowhere to go, it never pauses.
    pub(super) fn pause_at(&self) -> Option<u64> {
        self.pause_at
    }

    /// Work that has begun ends.
    pub(super) fn end(&mut self, before: Before) {
        let taken = Duration::from_nanos(thread_cpu_ns().saturating_sub(before.0));
        self.pause_at = None;
        let Some(period) = &mut self.period else { return };
        period.taken += taken;
        self.slow |= period.taken >= MOST;
    }

    /// One of its plugins took longer than a call may, or more memory: where it is watched, it is slow.
    pub(super) fn exhausted(&mut self) {
        self.slow |= self.period.is_some();
    }

    pub(super) fn is_slow(&self) -> bool {
        self.slow
    }
}

impl Period {
    fn begin() -> Self {
        Self { since: Stopwatch::start(), taken: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works(pace: &mut Pace, millis: u64) {
        let Some(before) = pace.begin() else { return };
        let since = thread_cpu_ns();
        while thread_cpu_ns() - since < millis * 1_000_000 {}
        pace.end(before);
    }

    fn watched() -> Pace {
        let mut pace = Pace::default();
        pace.watch();
        pace
    }

    #[test]
    fn what_takes_long_at_once_is_slow() {
        let mut pace = watched();
        works(&mut pace, 5);
        assert!(!pace.is_slow());
        works(&mut pace, 101);
        assert!(pace.is_slow());
        works(&mut pace, 1);
        assert!(pace.is_slow(), "it stays so");
        pace.begin();
        assert_eq!(pace.pause_at(), None, "and goes on to the end of its work");
    }

    #[test]
    fn what_is_not_watched_is_not_slow() {
        let mut pace = Pace::default();
        works(&mut pace, 101);
        assert!(!pace.is_slow());
    }

    #[test]
    fn what_takes_most_of_a_period_is_slow_and_each_period_begins_at_nothing() {
        let taken = |taken: u64, ended: bool| {
            let mut pace = watched();
            pace.period.as_mut().into_iter().for_each(|period| period.taken = Duration::from_millis(taken));
            while ended && pace.period.as_ref().is_some_and(|period| period.since.elapsed() < PERIOD) {
                streamgauge_common::clock::pause(Duration::from_millis(20));
            }
            works(&mut pace, 10);
            pace.is_slow()
        };
        assert!(!taken(50, false));
        assert!(taken(95, false));
        assert!(!taken(95, true), "that was in the period before");
    }
}
