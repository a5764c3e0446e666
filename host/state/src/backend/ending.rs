//! When the actors of a query's state have ended: its folder is free for another process, or another start of the query.

use std::{convert::Infallible, time::Duration};

use crossbeam_channel::{Receiver, Sender, bounded};
use streamgauge_common::clock::Stopwatch;

/// An actor of the state is there.
#[derive(Clone)]
pub(super) struct Alive {
    _sender: Sender<Infallible>,
}

/// Waits for the end of the actors.
#[derive(Clone)]
pub struct Ending(Receiver<Infallible>);

/// What each actor holds, and what waits until none of it is left.
pub(super) fn ending() -> (Alive, Ending) {
    let (sender, receiver) = bounded(0);
    (Alive { _sender: sender }, Ending(receiver))
}

impl Ending {
    /// Waits until the state is not written any more; false where that takes longer.
    pub fn wait(&self, within: Duration) -> bool {
        // Nothing is ever sent: what is waited for is that no sender is left.
        matches!(self.0.recv_timeout(within), Err(crossbeam_channel::RecvTimeoutError::Disconnected))
    }

    /// Waits until none of these states is written any more; false where that takes longer, for all of them together.
    pub fn wait_for_all(endings: &[Self], within: Duration) -> bool {
        let since = Stopwatch::start();
        endings.iter().all(|ending| ending.wait(within.saturating_sub(since.elapsed())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_limit_is_for_all_states_together() {
        let (alive, waits): (Vec<Alive>, Vec<Ending>) = (0..100).map(|_| ending()).unzip();
        let since = Stopwatch::start();
        assert!(!Ending::wait_for_all(&waits, Duration::from_millis(200)));
        let waited = since.elapsed();
        assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(10), "{waited:?}");
        drop(alive);
        assert!(Ending::wait_for_all(&waits, Duration::ZERO), "what has ended is not waited for");
    }
}
