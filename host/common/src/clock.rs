//! The only file that reads a clock.
#![expect(clippy::disallowed_methods, reason = "clocks are read here and nowhere else")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// The time of day, in microseconds since the epoch.
pub fn now_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

/// The processor time that this thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

/// Lets this thread rest.
pub fn pause(pause: Duration) {
    std::thread::sleep(pause);
}

/// Measures what has passed since it was started; never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// What has passed since then.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Counts the time in which a loop kept coming round. A process that is stopped, frozen, paged out or starved does not see what happens
/// meanwhile, so that time says nothing about what did not happen.
#[derive(Clone, Copy, Debug)]
pub struct AwakeClock {
    last: Stopwatch,
    awake: Duration,
    gaps: u64,
}

/// Between two looks of a loop that is awake there is less.
const GAP_MIN: Duration = Duration::from_secs(1);

impl AwakeClock {
    /// Starts now, at zero.
    pub fn start() -> Self {
        Self { last: Stopwatch::start(), awake: Duration::ZERO, gaps: 0 }
    }

    /// The loop has come round: how long it was awake until now. A gap counts nothing.
    pub fn look(&mut self) -> Duration {
        self.look_after(Duration::ZERO)
    }

    /// The same after a wait of up to `waited`, which is no gap.
    pub fn look_after(&mut self, waited: Duration) -> Duration {
        let step = self.last.elapsed();
        self.last = Stopwatch::start();
        match step < GAP_MIN + waited {
            true => self.awake += step,
            false => self.gaps += 1,
        }
        self.awake
    }

    /// How many gaps there were.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
}
