//! Threads that run what is ready, in the order in which it became ready.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use streamgauge_common::telling::as_here;

/// Something that a thread runs for a turn.
pub(super) trait Runnable: Send + Sync {
    /// One turn. A panic in it must be caught: the thread is needed by others.
    fn run(self: Arc<Self>);
}

/// A handle to some threads. They end when the last handle is dropped and nothing is ready any more.
#[derive(Clone)]
pub(crate) struct Threads {
    owner: Arc<Owner>,
}

/// What handles share and threads do not, so that its drop means that no handle is left.
struct Owner {
    ready: Arc<ReadyQueue>,
}

struct ReadyQueue {
    state: Mutex<Ready>,
    changed: Condvar,
}

#[derive(Default)]
struct Ready {
    queue: VecDeque<Arc<dyn Runnable>>,
    /// No handle is left, so nothing more comes.
    closed: bool,
}

impl Threads {
    /// Starts threads `NAME-0`, `NAME-1`, ...; at least one.
    ///
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let ready = Arc::new(ReadyQueue { state: Mutex::default(), changed: Condvar::new() });
        // Where a later thread cannot be started, dropping the handle ends those before it.
        let threads = Self { owner: Arc::new(Owner { ready: ready.clone() }) };
        for number in 0..count.max(1) {
            let ready = ready.clone();
            thread::Builder::new().name(format!("{name}-{number}")).spawn(as_here(move || ready.work()))?;
        }
        Ok(threads)
    }

    /// Lets a thread run this, behind what is ready already.
    pub(super) fn schedule(&self, runnable: Arc<dyn Runnable>) {
        self.owner.ready.lock().queue.push_back(runnable);
        self.owner.ready.changed.notify_one();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Not joined: the last handle may be dropped by one of the threads, with the last actor.
        self.ready.lock().closed = true;
        self.ready.changed.notify_all();
    }
}

impl ReadyQueue {
    /// What each thread does until no handle is left.
    fn work(&self) {
        while let Some(runnable) = self.next() {
            runnable.run();
        }
    }

    fn next(&self) -> Option<Arc<dyn Runnable>> {
        let waits = |ready: &mut Ready| ready.queue.is_empty() && !ready.closed;
        let mut ready = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        ready.queue.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Ready> {
        // Nothing that could panic happens while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
