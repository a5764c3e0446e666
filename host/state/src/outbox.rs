//! What is decided for a sink and not yet acknowledged, in order; one for each query and sink.
//!
//! The pipeline pushes messages that are durable already and asks whether there is room; one worker takes them, sends them
//! and says what became of each. A message that was taken stays in the outbox until it is acknowledged. `life` has the states of an
//! outbox; whoever waits for one to change is a listener of it ([`Outbox::add_listener`]).

mod life;
mod waiting_times;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use metrics::Gauge;
use streamgauge_common::{
    message::Message,
    wakeup::{Listeners, Stop, Wakeup},
};
use tokio::sync::Notify;

use self::{
    life::{Life, Load},
    waiting_times::WaitingTimes,
};

/// How much may wait: beyond it the query takes no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Whether the sink keeps its last messages until newer ones come: they are not waited for.
    pub keeps_last: bool,
    /// `outbox_rows`.
    pub rows_max: usize,
    /// `outbox_bytes`.
    pub bytes_max: usize,
    /// `outbox_span`: how many messages there may be from the oldest that is not acknowledged to the newest, as the log holds all of
    /// them.
    pub span_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { keeps_last: false, rows_max: 100_000, bytes_max: 64 << 20, span_max: 1_000_000 }
    }
}

/// What has become of an outbox's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// All messages up to this number are acknowledged.
    pub upto: u64,
    /// And these runs behind it, each from its first number to its last; they do not touch. There are never more of them than
    /// messages that are not acknowledged.
    pub beyond: BTreeMap<u64, u64>,
}

impl Acknowledged {
    /// Whether a message is acknowledged.
    pub fn has(&self, sequence: u64) -> bool {
        let run = self.beyond.range(..=sequence).next_back();
        sequence <= self.upto || run.is_some_and(|(_, &last)| sequence <= last)
    }

    /// Acknowledges a message.
    pub fn add(&mut self, sequence: u64) {
        if self.has(sequence) {
            return;
        }
        let last = self.beyond.remove(&(sequence + 1)).unwrap_or(sequence);
        match self.beyond.range_mut(..sequence).next_back() {
            Some((_, before)) if *before + 1 == sequence => *before = last,
            _ => drop(self.beyond.insert(sequence, last)),
        }
        if let Some(last) = self.beyond.remove(&(self.upto + 1)) {
            self.upto = last;
        }
    }

    /// Acknowledges all messages up to a number.
    pub fn add_upto(&mut self, sequence: u64) {
        self.upto = self.upto.max(sequence);
        while let Some(run) = self.beyond.first_entry().filter(|run| *run.key() <= self.upto + 1) {
            self.upto = self.upto.max(run.remove());
        }
    }
}

/// A queue of messages. A clone is the same outbox.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
    /// Told after each change of what is acknowledged, before room is given for it.
    on_acknowledged: Arc<dyn Fn(&Acknowledged) + Send + Sync>,
    /// Shows how many rows are waited for.
    rows_gauge: Gauge,
}

/// What is acknowledged of an outbox's messages, without whoever is told of it: the log keeps this and is told itself.
#[derive(Clone)]
pub(super) struct Acknowledgements {
    shared: Arc<Shared>,
}

/// Shows how long the oldest message of an outbox has waited, for as long as the outbox is there.
#[derive(Clone)]
pub struct OutboxAge(Weak<Shared>);

impl OutboxAge {
    /// How long it has waited in this process; zero where none is waited for, none where the outbox is gone.
    pub fn oldest(&self) -> Option<Duration> {
        let shared = self.0.upgrade()?;
        let queue = shared.lock();
        let waits = queue.rows_waited_for(&shared.bounds) > 0;
        Some(queue.times.oldest().filter(|_| waits).unwrap_or_default())
    }
}

struct Shared {
    bounds: Bounds,
    queue: Mutex<Queue>,
    /// For a worker that is a thread.
    worker: Arc<Wakeup>,
    /// For a worker that is a task.
    notify: Notify,
    /// For whoever waits for room, or for what is in flight.
    listeners: Listeners,
}

struct Queue {
    life: Life,
    /// Not yet taken.
    waiting: VecDeque<Arc<Message>>,
    /// Since when what is not acknowledged waits.
    times: WaitingTimes,
    /// Of all that is not acknowledged.
    rows: usize,
    bytes: usize,
    in_flight: usize,
    acknowledged: Acknowledged,
    /// How often that has changed.
    changes: u64,
    /// The number of the last message.
    last: u64,
    /// Why the last try to deliver failed.
    trouble: Option<String>,
}

impl Outbox {
    /// An empty outbox; messages in `acknowledged` are passed over when they are handed to it; `on_acknowledged` is told of every change.
    pub fn new(
        bounds: Bounds,
        acknowledged: Acknowledged,
        on_acknowledged: impl Fn(&Acknowledged) + Send + Sync + 'static,
    ) -> Self {
        let queue = Queue {
            life: Life::default(),
            waiting: VecDeque::new(),
            times: WaitingTimes::default(),
            rows: 0,
            bytes: 0,
            in_flight: 0,
            acknowledged,
            changes: 0,
            last: 0,
            trouble: None,
        };
        let shared = Shared {
            bounds,
            queue: Mutex::new(queue),
            worker: Arc::default(),
            notify: Notify::new(),
            listeners: Listeners::default(),
        };
        let on_acknowledged = Arc::new(on_acknowledged);
        Self { shared: Arc::new(shared), on_acknowledged, rows_gauge: Gauge::noop() }
    }

    /// The same, whose clones show in a gauge how many [rows](Self::rows) are waited for.
    #[must_use]
    pub fn shown_in(self, rows_gauge: Gauge) -> Self {
        rows_gauge.set(self.rows() as f64);
        Self { rows_gauge, ..self }
    }

    /// Notifies this one, too, when messages are acknowledged, and when nothing more will be: whoever waits for room or for the end.
    pub fn add_listener(&self, wakeup: &Arc<Wakeup>) {
        self.shared.listeners.add(wakeup);
    }

    /// Adds messages in the order of their numbers; those that are acknowledged already are passed over, and those that nobody would
    /// read are not kept: the log has them.
    pub fn push(&self, messages: impl IntoIterator<Item = Arc<Message>>) {
        let mut queue = self.lock();
        for message in messages {
            queue.last = queue.last.max(message.sequence);
            if !queue.life.is_unread() && !queue.acknowledged.has(message.sequence) {
                queue.rows += message.rows as usize;
                queue.bytes += message.bytes();
                queue.in_flight += 1;
                queue.times.push(message.sequence);
                queue.waiting.push_back(message);
            }
        }
        queue.carry(&self.shared.bounds);
        self.show(&queue);
        drop(queue);
        self.wake_worker();
    }

    /// Whether more may be decided for this sink.
    pub fn has_room(&self) -> bool {
        self.lock().life.has_room()
    }

    /// The next messages that were not taken yet, in order, up to so many.
    pub fn take(&self, messages_max: usize) -> Vec<Arc<Message>> {
        let mut queue = self.lock();
        let count = queue.waiting.len().min(messages_max);
        queue.waiting.drain(..count).collect()
    }

    /// As [`Outbox::take`], but waits until there is a message, nothing is left to do, or `stop` is set. For the one worker that is a
    /// thread.
    pub fn take_next(&self, messages_max: usize, stop: &Stop) -> Vec<Arc<Message>> {
        self.take_within(messages_max, Duration::MAX, stop)
    }

    /// As [`Outbox::take_next`], but gives none where none comes within `patience`.
    pub fn take_within(&self, messages_max: usize, patience: Duration, stop: &Stop) -> Vec<Arc<Message>> {
        self.wait(patience, stop, |queue| !queue.waiting.is_empty());
        self.take(messages_max)
    }

    /// Lets time pass, unless nothing is left to do or `stop` is set. For the one worker that is a thread.
    pub fn pause(&self, duration: Duration, stop: &Stop) {
        self.wait(duration, stop, |_| false);
    }

    fn wait(&self, patience: Duration, stop: &Stop, is_done: impl Fn(&Queue) -> bool) {
        stop.add_listener(&self.shared.worker);
        self.shared.worker.wait_until(patience, || {
            let queue = self.lock();
            is_done(&queue) || queue.life.is_drained() || stop.is_set()
        });
    }

    /// Waits until something was pushed, acknowledged or closed since the last call. For the one worker that is a task.
    pub async fn changed(&self) {
        self.shared.notify.notified().await;
    }

    /// Says that messages are acknowledged: delivered, or rejected and told so elsewhere.
    pub fn acknowledge<'a>(&self, messages: impl IntoIterator<Item = &'a Message>) {
        let mut queue = self.lock();
        for message in messages {
            debug_assert!(!queue.acknowledged.has(message.sequence), "a message is settled once");
            queue.acknowledged.add(message.sequence);
            queue.rows -= message.rows as usize;
            queue.bytes -= message.bytes();
            queue.in_flight -= 1;
        }
        queue.changes += 1;
        let upto = queue.acknowledged.upto;
        queue.times.forget(upto);
        queue.carry(&self.shared.bounds);
        self.show(&queue);
        (self.on_acknowledged)(&queue.acknowledged);
        drop(queue);
        self.wake_all();
    }

    /// What has become of its messages.
    pub fn acknowledged(&self) -> Acknowledged {
        self.acknowledgements().acknowledged()
    }

    /// What is acknowledged, now and later.
    pub(super) fn acknowledgements(&self) -> Acknowledgements {
        Acknowledgements { shared: self.shared.clone() }
    }

    /// Rows that are waited for: not acknowledged, not only kept, and somebody reads them.
    pub fn rows(&self) -> usize {
        self.lock().rows_waited_for(&self.shared.bounds)
    }

    /// Shows how long the oldest message has waited. It does not keep the outbox.
    pub fn age(&self) -> OutboxAge {
        OutboxAge(Arc::downgrade(&self.shared))
    }

    /// Shows in the gauge what [`Outbox::rows`] gives; under the lock, so that the last change is shown last.
    fn show(&self, queue: &Queue) {
        self.rows_gauge.set(queue.rows_waited_for(&self.shared.bounds) as f64);
    }

    /// Nothing more will be decided for it.
    pub fn close(&self) {
        let mut queue = self.lock();
        let load = queue.load(&self.shared.bounds);
        queue.life.close(load);
        drop(queue);
        self.wake_all();
    }

    /// Whether nothing is left to do: closed, and all is acknowledged.
    pub fn is_drained(&self) -> bool {
        self.lock().life.is_drained()
    }

    /// Whether everything that was pushed is acknowledged.
    pub fn is_empty(&self) -> bool {
        self.lock().in_flight == 0
    }

    /// Nobody reads what is sent any more, which is no failure: `streamgauge ... | head`.
    pub fn abandon(&self) {
        let mut queue = self.lock();
        queue.life.abandon();
        self.show(&queue);
        drop(queue);
        self.wake_all();
    }

    /// Whether nobody reads what is sent any more.
    pub fn is_unread(&self) -> bool {
        self.lock().life.is_unread()
    }

    /// The worker cannot go on, ever; why, for people.
    pub fn fail(&self, why: String) {
        self.lock().life.fail(why);
        self.wake_all();
    }

    /// A try to deliver failed; why, for people.
    pub fn note_trouble(&self, why: &str) {
        self.lock().trouble = Some(why.to_owned());
    }

    /// Why the last try that failed did, where messages wait.
    pub fn trouble(&self) -> Option<String> {
        let queue = self.lock();
        queue.trouble.clone().filter(|_| queue.in_flight > 0)
    }

    /// Why the worker cannot go on.
    pub fn failure(&self) -> Option<String> {
        self.lock().life.failure().map(str::to_owned)
    }

    fn wake_worker(&self) {
        self.shared.worker.notify();
        self.shared.notify.notify_one();
    }

    fn wake_all(&self) {
        self.wake_worker();
        self.shared.listeners.notify();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.lock()
    }
}

impl Queue {
    /// What is in it has changed.
    fn carry(&mut self, bounds: &Bounds) {
        let load = self.load(bounds);
        self.life.carry(load);
    }

    /// Rows that are not acknowledged, not only kept, and that somebody reads.
    fn rows_waited_for(&self, bounds: &Bounds) -> usize {
        if bounds.keeps_last || self.life.is_unread() { 0 } else { self.rows }
    }

    fn load(&self, bounds: &Bounds) -> Load {
        let Bounds { keeps_last, rows_max, bytes_max, span_max } = *bounds;
        let span = self.last.saturating_sub(self.acknowledged.upto);
        let is_full = self.rows >= rows_max || self.bytes >= bytes_max || span >= span_max;
        match self.in_flight {
            0 => Load::Nothing,
            _ if is_full && !keeps_last => Load::Full,
            _ => Load::Some,
        }
    }
}

impl Acknowledgements {
    /// What has become of the messages.
    pub(super) fn acknowledged(&self) -> Acknowledged {
        self.shared.lock().acknowledged.clone()
    }

    /// How often that has changed.
    pub(super) fn changes(&self) -> u64 {
        self.shared.lock().changes
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Each change is complete before anything that could panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
