//! When the actors of a query's state have ended: its folder is free for another process, or another start of the query.

use std::{convert::Infallible, time::Duration};

use crossbeam_channel::{Receiver, Sender, bounded};

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
}
