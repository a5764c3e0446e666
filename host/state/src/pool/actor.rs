//! An actor: a value that handles messages in their order, one group at a time, on whichever thread of a pool is free.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
};

use streamgauge_common::panics::caught;

use super::{
    phase::{Left, Phase},
    threads::{Runnable, Threads},
};

/// After how many groups an actor goes behind the others that are ready. A group is a sync of a log: few, so that a query
/// with many decisions does not hold a thread while others wait; more than one, so that a thread is not changed for each group.
pub(super) const GROUPS_A_TURN: usize = 4;

/// What handles messages.
pub(crate) trait Actor: Send + Sized + 'static {
    /// What it is told.
    type Message: Send;
    /// How many messages it is given at once at most.
    const GROUP_MAX: usize;
    /// How many messages wait for it at most; at least one.
    fn waiting_max(&self) -> usize;

    /// Handles what waited, in its order; never empty.
    ///
    /// # Errors
    /// Why it cannot go on: it is dropped, and so is what waits.
    fn handle(&mut self, messages: Vec<Self::Message>) -> Result<(), String>;
}

/// Why an actor has ended before its handles were dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ActorFailure {
    /// It said that it cannot go on, and why.
    Error(String),
    /// It panicked; the end of a sentence about who did.
    Panic(String),
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many wait as may.
    Full,
    /// The actor has ended.
    Ended,
}

/// A handle to an actor; a clone is the same one. When the last is dropped, the actor handles what waits and ends.
pub(crate) struct Mailbox<A: Actor> {
    handle: Arc<Handle<A>>,
}

/// A handle that does not keep its actor from ending.
pub(crate) struct WeakMailbox<A: Actor> {
    handle: Weak<Handle<A>>,
}

/// What handles share and threads do not, so that its drop means that no handle is left.
struct Handle<A: Actor> {
    cell: Arc<Cell<A>>,
}

struct Cell<A: Actor> {
    waiting_max: usize,
    state: Mutex<State<A>>,
    /// Messages were taken, or the actor has ended.
    room: Condvar,
    threads: Threads,
}

struct State<A: Actor> {
    phase: Phase<A>,
    waiting: VecDeque<A::Message>,
    has_handles: bool,
    /// Told once of a failure.
    on_failure: Option<Box<dyn FnOnce(ActorFailure) + Send>>,
}

impl<A: Actor> Mailbox<A> {
    /// An actor that these threads run. Of its failure `on_failure` is told, before what waits is dropped and senders are refused.
    pub(crate) fn new(
        threads: &Threads,
        actor: A,
        on_failure: impl FnOnce(ActorFailure) + Send + 'static,
    ) -> Self {
        Self::new_cyclic(threads, |_| actor, on_failure)
    }

    /// As [`Mailbox::new`], for an actor that is given a handle to itself, which does not keep it from ending.
    pub(crate) fn new_cyclic(
        threads: &Threads,
        actor: impl FnOnce(WeakMailbox<A>) -> A,
        on_failure: impl FnOnce(ActorFailure) + Send + 'static,
    ) -> Self {
        let handle = Arc::new_cyclic(|handle: &Weak<Handle<A>>| {
            let actor = actor(WeakMailbox { handle: handle.clone() });
            let waiting_max = actor.waiting_max();
            let state = State {
                phase: Phase::Idle(actor),
                waiting: VecDeque::new(),
                has_handles: true,
                on_failure: Some(Box::new(on_failure)),
            };
            let (state, room) = (Mutex::new(state), Condvar::new());
            let cell = Cell { waiting_max, state, room, threads: threads.clone() };
            Handle { cell: Arc::new(cell) }
        });
        Self { handle }
    }

    /// Tells the actor something; waits while its mailbox is full.
    ///
    /// # Errors
    /// The actor has ended.
    pub(crate) fn send(&self, message: A::Message) -> Result<(), Refused> {
        let cell = &self.handle.cell;
        let full = |state: &mut State<A>| state.waiting.len() >= cell.waiting_max && !state.phase.is_ended();
        let state = cell.room.wait_while(cell.lock(), full).unwrap_or_else(PoisonError::into_inner);
        cell.put(state, message)
    }

    /// Tells the actor something. Never waits.
    ///
    /// # Errors
    /// The mailbox is full, or the actor has ended.
    pub(crate) fn try_send(&self, message: A::Message) -> Result<(), Refused> {
        let cell = &self.handle.cell;
        cell.put(cell.lock(), message)
    }
}

impl<A: Actor> Clone for Mailbox<A> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone() }
    }
}

impl<A: Actor> WeakMailbox<A> {
    /// As [`Mailbox::try_send`]; an actor whose handles were dropped takes nothing more.
    pub(crate) fn try_send(&self, message: A::Message) -> Result<(), Refused> {
        let handle = self.handle.upgrade().ok_or(Refused::Ended)?;
        Mailbox { handle }.try_send(message)
    }
}

impl<A: Actor> Drop for Handle<A> {
    fn drop(&mut self) {
        let mut state = self.cell.lock();
        state.has_handles = false;
        // It ends on a thread of the pool: to drop it may take as long as to run it.
        self.cell.wake(state);
    }
}

impl<A: Actor> Cell<A> {
    fn put(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<A>>,
        message: A::Message,
    ) -> Result<(), Refused> {
        if state.phase.is_ended() {
            return Err(Refused::Ended);
        }
        if state.waiting.len() >= self.waiting_max {
            return Err(Refused::Full);
        }
        state.waiting.push_back(message);
        self.wake(state);
        Ok(())
    }

    fn wake(self: &Arc<Self>, mut state: MutexGuard<'_, State<A>>) {
        let schedule = state.phase.schedule();
        drop(state);
        if schedule {
            self.threads.schedule(self.clone());
        }
    }

    /// The next messages; none where nothing waits.
    fn next_group(&self) -> Option<Vec<A::Message>> {
        let mut state = self.lock();
        let count = state.waiting.len().min(A::GROUP_MAX);
        let group: Vec<A::Message> = state.waiting.drain(..count).collect();
        drop(state);
        (count > 0).then(|| {
            self.room.notify_all();
            group
        })
    }

    fn fail(&self, failure: ActorFailure) {
        let on_failure = self.lock().on_failure.take();
        if let Some(on_failure) = on_failure {
            on_failure(failure);
        }
        let mut state = self.lock();
        state.phase.fail();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
        self.room.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        // Nothing that could panic happens while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Actor> Runnable for Cell<A> {
    fn run(self: Arc<Self>) {
        let Some(mut actor) = self.lock().phase.take() else { return };
        for _ in 0..GROUPS_A_TURN {
            let Some(group) = self.next_group() else { break };
            let failure = match caught(|| actor.handle(group)) {
                Ok(Ok(())) => continue,
                Ok(Err(why)) => ActorFailure::Error(why),
                Err(panic) => ActorFailure::Panic(panic),
            };
            self.fail(failure);
            // What a panic left behind may panic once more; it is told already.
            return drop(caught(|| drop(actor)));
        }
        let mut state = self.lock();
        let left = match (state.waiting.is_empty(), state.has_handles) {
            (false, _) => Left::Messages,
            (true, true) => Left::Nothing,
            (true, false) => Left::NoHandles,
        };
        let (schedule, ended) = state.phase.give_back(actor, left);
        drop(state);
        drop(caught(|| drop(ended)));
        if schedule {
            self.threads.schedule(self.clone());
        }
    }
}

#[cfg(test)]
mod tests;
