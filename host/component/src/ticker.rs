//! Counts the engine's epochs, so that calls that take too long are stopped, and sleeps while there are no calls.
//!
//! A call is counted first, and then looks whether the ticker sleeps; the ticker first notes that it sleeps, and then looks at the count
//! of calls. In any order of these steps at least one of the two sees the other, so no call runs without ticks.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;

/// After how many ticks without a call it sleeps: many, so that calls which come one soon after the other do not wake it each time.
const QUIET_TICKS: u32 = 200;

/// The thread that ticks. It ends when this is dropped.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

/// A call that is under way.
pub(super) struct Calling<'a>(&'a Shared);

#[derive(Default)]
struct Shared {
    /// Calls that have begun, and that have ended.
    begun: AtomicU64,
    ended: AtomicU64,
    is_asleep: AtomicBool,
    is_over: AtomicBool,
}

impl Ticker {
    /// Calls `tick` every `period` until that is false, as long as there are calls.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(period: Duration, tick: impl FnMut() -> bool + Send + 'static) -> io::Result<Self> {
        Self::sleeping_after(QUIET_TICKS, period, tick)
    }

    fn sleeping_after(
        quiet_ticks: u32,
        period: Duration,
        tick: impl FnMut() -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let seen = shared.clone();
        let thread = thread::Builder::new().name("guest-ticker".to_owned());
        let thread = thread.spawn(move || seen.run(quiet_ticks, period, tick))?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// A call begins; it is under way until what this gives is dropped. A tick that would end it is a whole period later at least.
    pub(super) fn begin(&self) -> Calling<'_> {
        self.shared.begun.fetch_add(1, SeqCst);
        if self.shared.is_asleep.load(SeqCst) {
            self.thread.unpark();
        }
        Calling(&self.shared)
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn run(&self, quiet_ticks: u32, period: Duration, mut tick: impl FnMut() -> bool) {
        let (mut quiet, mut seen) = (0, None);
        while self.wait(period) && tick() {
            let calls = self.calls_at_rest();
            quiet = if calls.is_some() && calls == seen { quiet + 1 } else { 0 };
            seen = calls;
            if quiet >= quiet_ticks {
                self.is_asleep.store(true, SeqCst);
                while self.calls_at_rest() == seen && !self.is_over.load(SeqCst) {
                    thread::park();
                }
                self.is_asleep.store(false, SeqCst);
                quiet = 0;
            }
        }
    }

    /// Waits for a period; false once the [`Ticker`] is dropped.
    fn wait(&self, period: Duration) -> bool {
        let since = Stopwatch::start();
        while let Some(left) = period.checked_sub(since.elapsed())
            && !self.is_over.load(SeqCst)
        {
            thread::park_timeout(left);
        }
        !self.is_over.load(SeqCst)
    }

    /// How many calls there were; none where one is under way.
    fn calls_at_rest(&self) -> Option<u64> {
        // In this order: what begins and ends in between has begun, and not ended.
        let ended = self.ended.load(SeqCst);
        Some(self.begun.load(SeqCst)).filter(|&begun| begun == ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_micros(100);
    const QUIET: u32 = 4;

    fn ticker() -> (Ticker, Arc<AtomicU64>) {
        let ticks = Arc::new(AtomicU64::new(0));
        let count = ticks.clone();
        let tick = move || {
            count.fetch_add(1, SeqCst);
            true
        };
        (Ticker::sleeping_after(QUIET, PERIOD, tick).unwrap(), ticks)
    }

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let since = Stopwatch::start();
        while !is_so() {
            assert!(since.elapsed() < Duration::from_secs(20), "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn it_sleeps_without_calls_and_ticks_for_each_that_comes() {
        let (ticker, ticks) = ticker();
        for _ in 0..50 {
            until("it sleeps", || ticker.shared.is_asleep.load(SeqCst));
            let before = ticks.load(SeqCst);
            drop(ticker.begin());
            until("a call that has ended wakes it as well", || ticks.load(SeqCst) > before);
        }
    }

    #[test]
    fn it_ticks_as_long_as_a_call_takes() {
        let (ticker, ticks) = ticker();
        until("it sleeps", || ticker.shared.is_asleep.load(SeqCst));
        let call = ticker.begin();
        drop(ticker.begin());
        let before = ticks.load(SeqCst);
        until("it ticks on", || ticks.load(SeqCst) > before + 20 * u64::from(QUIET));
        drop(call);
        until("it sleeps again", || ticker.shared.is_asleep.load(SeqCst));
    }

    #[test]
    fn its_thread_ends_with_it_awake_or_asleep() {
        for asleep in [false, true] {
            let (ticker, _) = ticker();
            until("it sleeps", || !asleep || ticker.shared.is_asleep.load(SeqCst));
            let shared = ticker.shared.clone();
            drop(ticker);
            until("the thread has ended and dropped its reference", || Arc::strong_count(&shared) == 1);
        }
    }
}
