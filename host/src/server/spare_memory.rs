//! Memory that nobody uses any more and the allocator still keeps, in pieces: a host at rest gives it back to the system. Each reader of a
//! topic that a deployment starts with, until it shares that of the others, leaves some behind, and so does each burst of events.

use std::{sync::Arc, time::Duration};

use streamgauge_common::clock::Stopwatch;

use super::Deployments;

/// For how long nothing must have happened. The tasks of queries give back their memory before.
const REST: Duration = Duration::from_secs(90);

/// Looks whether there may be memory to give back.
pub struct SpareMemory {
    /// The uses of sources, and how many events each has read.
    seen: Vec<(usize, u64)>,
    /// Since when that is so.
    since: Stopwatch,
    is_given_back: bool,
}

impl Default for SpareMemory {
    fn default() -> Self {
        Self { seen: Vec::new(), since: Stopwatch::start(), is_given_back: false }
    }
}

impl SpareMemory {
    /// Gives memory back if nothing has happened for long; once until something does.
    pub fn look(&mut self, deployments: &Deployments) {
        let subscriptions = deployments.subscriptions().into_values().flatten();
        let now: Vec<(usize, u64)> =
            subscriptions.map(|one| (Arc::as_ptr(&one).addr(), one.progress.events())).collect();
        if now != self.seen {
            *self = Self { seen: now, ..Self::default() };
        } else if !self.is_given_back && self.since.elapsed() >= REST {
            give_back();
            self.is_given_back = true;
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    #[expect(unsafe_code, reason = "it may be called at any time, by any thread")]
    // Whether there was something to give back is nobody's concern.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Other allocators have no such function.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
