//! What the actors of a query's state and the query see of each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use streamgauge_common::wakeup::{Listeners, Wakeup};
use streamgauge_engine::SegmentId;

use crate::{
    manifest::Offsets,
    outbox::{Acknowledged, Acknowledgements},
    pool::ActorFailure,
};

/// How far the writing has come.
pub(super) struct Standing {
    progress: Mutex<Progress>,
    /// A checkpoint was written, or something failed.
    changed: Condvar,
    /// For whoever waits for what cannot come after a failure.
    listeners: Listeners,
    durable: Mutex<Durable>,
    /// What was acknowledged before.
    acknowledged: BTreeMap<String, Acknowledged>,
    /// Who knows what is acknowledged now.
    outboxes: Mutex<BTreeMap<String, Acknowledgements>>,
}

#[derive(Default)]
struct Progress {
    failure: Option<String>,
    /// Whether a checkpoint was asked for and is not durable yet.
    busy: bool,
}

/// The last durable checkpoint.
#[derive(Default)]
pub(super) struct Durable {
    /// Where the query stood; none = there is no checkpoint.
    pub(super) offsets: Option<Offsets>,
    /// How many forced closes are before it.
    pub(super) forced_closes: u64,
    /// Parts in many pieces.
    pub(super) whole: BTreeSet<SegmentId>,
}

impl Standing {
    /// As recovery found it.
    pub(super) fn new(offsets: Option<Offsets>, acknowledged: BTreeMap<String, Acknowledged>) -> Self {
        Self {
            progress: Mutex::default(),
            changed: Condvar::new(),
            listeners: Listeners::default(),
            durable: Mutex::new(Durable { offsets, ..Durable::default() }),
            acknowledged,
            outboxes: Mutex::default(),
        }
    }

    /// A checkpoint is asked for: waits until the one before is written. False where something has failed.
    pub(super) fn begin_checkpoint(&self) -> bool {
        let waited = self.changed.wait_while(lock(&self.progress), |progress| progress.is_busy());
        let mut progress = waited.unwrap_or_else(PoisonError::into_inner);
        progress.busy = progress.failure.is_none();
        progress.busy
    }

    /// A checkpoint is durable.
    pub(super) fn end_checkpoint(&self, durable: Durable) {
        *lock(&self.durable) = durable;
        lock(&self.progress).busy = false;
        self.changed.notify_all();
    }

    /// Whether a checkpoint is being written; none is after a failure.
    pub(super) fn is_busy(&self) -> bool {
        lock(&self.progress).is_busy()
    }

    /// Waits until no checkpoint is being written, or something has failed.
    pub(super) fn wait_for_checkpoint(&self) {
        self.wait_while(Progress::is_busy);
    }

    /// Waits until something has failed.
    pub(super) fn wait_for_failure(&self) {
        self.wait_while(|progress| progress.failure.is_none());
    }

    fn wait_while(&self, waits: impl Fn(&Progress) -> bool) {
        let waited = self.changed.wait_while(lock(&self.progress), |progress| waits(progress));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Nothing can be kept any more; the first reason counts.
    pub(super) fn fail(&self, why: String) {
        lock(&self.progress).failure.get_or_insert(why);
        self.changed.notify_all();
        self.listeners.notify();
    }

    /// Notifies this one, too, of a failure.
    pub(super) fn add_listener(&self, wakeup: &Arc<Wakeup>) {
        self.listeners.add(wakeup);
    }

    /// One of the actors has failed.
    pub(super) fn fail_of(&self, failure: ActorFailure) {
        self.fail(match failure {
            ActorFailure::Error(why) => why,
            ActorFailure::Panic(why) => format!("the thread that keeps its state: {why}"),
        });
    }

    /// Why nothing can be kept any more.
    pub(super) fn failure(&self) -> Option<String> {
        lock(&self.progress).failure.clone()
    }

    /// The last durable checkpoint.
    pub(super) fn durable(&self) -> MutexGuard<'_, Durable> {
        lock(&self.durable)
    }

    /// What is acknowledged of a query's messages is known here from now on.
    pub(super) fn watch(&self, query: &str, acknowledgements: Acknowledgements) {
        lock(&self.outboxes).insert(query.to_owned(), acknowledgements);
    }

    /// By query, who knows what is acknowledged.
    pub(super) fn outboxes(&self) -> BTreeMap<String, Acknowledgements> {
        lock(&self.outboxes).clone()
    }

    /// What is acknowledged now, by query.
    pub(super) fn acknowledged(&self) -> BTreeMap<String, Acknowledged> {
        let mut acknowledged = self.acknowledged.clone();
        for (query, acknowledgements) in self.outboxes() {
            acknowledged.insert(query, acknowledgements.acknowledged());
        }
        acknowledged
    }
}

impl Progress {
    fn is_busy(&self) -> bool {
        self.busy && self.failure.is_none()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that could panic happens while it is held.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
