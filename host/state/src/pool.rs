//! The threads that write the state of all queries of a process: some for decision logs, others for checkpoints.
//!
//! A server runs hundreds of queries, so a query has no threads of its own. Its log and its checkpoints are two *actors*: each
//! has a bounded mailbox, and at most one thread of the pool runs it at a time, so its messages are handled in their order and
//! need no locks. The states of an actor ([`phase`] has them as one enum, and every transition):
//!
//! ```text
//!                 a message arrives, or              a thread takes it
//!                 the last handle goes               from the ready queue
//!        +------+ -----------------> +-----------+ -----------------> +---------+  it failed or panicked,
//!        | Idle |                    | Scheduled |                    | Running | ----------------------+
//!        +------+                    +-----------+ <----------------- +---------+  or nothing waits and  |
//!            ^                                     messages wait:          |       no handle is left     v
//!            |                                     to the queue's end      |                         +-------+
//!            +-------------------------------------------------------------+                         | Ended |
//!                                        nothing waits                                               +-------+
//! ```
//!
//! A message that arrives while the actor is Scheduled or Running is put into the mailbox and changes nothing else: the thread
//! looks at the mailbox, under its lock, before it gives the actor back. A running actor gives its thread back after
//! [`GROUPS_A_TURN`](actor::GROUPS_A_TURN) groups of messages and waits behind the other queries that are scheduled.
//!
//! *Logs and checkpoints have separate threads*: a checkpoint may take seconds, a decision must be synced in milliseconds.
//!
//! *A slow disk*: an actor that waits for its disk or bucket holds one thread. The logs of other queries go on as long as fewer
//! logs are stuck than there are log threads; when all threads are held, the others wait until one sync returns.
//!
//! *The end*: handles to actors keep the pool alive. When the last [`StatePool`] and the last handle are dropped, everything
//! that was put into a mailbox has been handled, and the threads end.

mod actor;
mod phase;
mod threads;

use std::io;

pub(crate) use self::{
    actor::{Actor, ActorFailure, Mailbox, Refused, WeakMailbox},
    threads::Threads,
};

/// How many threads a pool has. They are started at once: a query never finds that there is no thread for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Threads that sync decision logs; at least one. A thread sleeps while the disk syncs, so there may be more of them than
    /// cores: so many syncs can be under way at once.
    pub log_threads: usize,
    /// Threads that write checkpoints; at least one. Checkpoints encode whole states, so more of them would take the cores from
    /// the pipelines.
    pub checkpoint_threads: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { log_threads: 4, checkpoint_threads: 2 }
    }
}

/// The threads that write state. A clone is the same pool; a process makes one.
#[derive(Clone)]
pub struct StatePool {
    logs: Threads,
    checkpoints: Threads,
}

impl StatePool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start(settings: PoolSettings) -> io::Result<Self> {
        Ok(Self {
            logs: Threads::start("log", settings.log_threads)?,
            checkpoints: Threads::start("checkpoint", settings.checkpoint_threads)?,
        })
    }

    /// Those for decision logs.
    pub(crate) fn logs(&self) -> &Threads {
        &self.logs
    }

    /// Those for checkpoints.
    pub(crate) fn checkpoints(&self) -> &Threads {
        &self.checkpoints
    }
}
