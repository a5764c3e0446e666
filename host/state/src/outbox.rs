//! What is decided for a sink and not yet acknowledged, in order; one for each query and sink.
//!
//! The pipeline pushes messages that are durable already and asks whether there is room; one worker takes them, sends them
//! and says what became of each. A message that was taken stays in the outbox until it is acknowledged.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use streamgauge_common::message::Message;
use tokio::sync::Notify;

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
}

/// What is acknowledged of an outbox's messages, without whoever is told of it: the log keeps this and is told itself.
#[derive(Clone)]
pub(super) struct Acknowledgements {
    shared: Arc<Shared>,
}

struct Shared {
    bounds: Bounds,
    queue: Mutex<Queue>,
    /// For workers that are threads.
    pushed: Condvar,
    /// For workers that are tasks.
    notify: Notify,
}

#[derive(Default)]
struct Queue {
    /// Not yet taken.
    waiting: VecDeque<Arc<Message>>,
    /// Of all that is not acknowledged.
    rows: usize,
    bytes: usize,
    in_flight: usize,
    acknowledged: Acknowledged,
    /// How often that has changed.
    changes: u64,
    /// The number of the last message.
    last: u64,
    /// Nothing more will be pushed.
    closed: bool,
    /// The worker cannot go on, ever.
    failed: Option<String>,
    /// Nobody reads what is sent any more.
    unread: bool,
    /// Why the last try to deliver failed.
    trouble: Option<String>,
}

impl Outbox {
    /// An empty outbox behind which `acknowledged` is done already; `on_acknowledged` is told of every change.
    pub fn new(
        bounds: Bounds,
        acknowledged: Acknowledged,
        on_acknowledged: impl Fn(&Acknowledged) + Send + Sync + 'static,
    ) -> Self {
        let queue = Mutex::new(Queue { acknowledged, ..Queue::default() });
        let shared = Shared { bounds, queue, pushed: Condvar::new(), notify: Notify::new() };
        Self { shared: Arc::new(shared), on_acknowledged: Arc::new(on_acknowledged) }
    }

    /// Adds messages in the order of their numbers; those that are acknowledged already are passed over.
    pub fn push(&self, messages: impl IntoIterator<Item = Arc<Message>>) {
        let mut queue = self.lock();
        for message in messages {
            queue.last = queue.last.max(message.sequence);
            if !queue.acknowledged.has(message.sequence) {
                queue.rows += message.rows as usize;
                queue.bytes += message.bytes();
                queue.in_flight += 1;
                queue.waiting.push_back(message);
            }
        }
        drop(queue);
        self.wake();
    }

    /// Whether more may be decided for this sink.
    pub fn has_room(&self) -> bool {
        let Bounds { keeps_last, rows_max, bytes_max, span_max } = self.shared.bounds;
        let queue = self.lock();
        let span = queue.last.saturating_sub(queue.acknowledged.upto);
        keeps_last || (queue.rows < rows_max && queue.bytes < bytes_max && span < span_max)
    }

    /// The next messages that were not taken yet, in order, up to so many.
    pub fn take(&self, messages_max: usize) -> Vec<Arc<Message>> {
        let mut queue = self.lock();
        let count = queue.waiting.len().min(messages_max);
        queue.waiting.drain(..count).collect()
    }

    /// As [`Outbox::take`], but waits until there is a message, the outbox is closed, or `patience` is over.
    pub fn take_within(&self, messages_max: usize, patience: Duration) -> Vec<Arc<Message>> {
        let queue = self.lock();
        let waits = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
        let waited = self.shared.pushed.wait_timeout_while(queue, patience, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.take(messages_max)
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
        (self.on_acknowledged)(&queue.acknowledged);
        drop(queue);
        self.wake();
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
        let queue = self.lock();
        if self.shared.bounds.keeps_last || queue.unread { 0 } else { queue.rows }
    }

    /// Nothing more will be pushed.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake();
    }

    /// Whether nothing is left to do: closed, and all is acknowledged.
    pub fn is_drained(&self) -> bool {
        let queue = self.lock();
        queue.closed && queue.in_flight == 0
    }

    /// Whether everything that was pushed is acknowledged.
    pub fn is_empty(&self) -> bool {
        self.lock().in_flight == 0
    }

    /// Nobody reads what is sent any more, which is no failure: `streamgauge ... | head`.
    pub fn abandon(&self) {
        self.lock().unread = true;
        self.wake();
    }

    /// Whether nobody reads what is sent any more.
    pub fn is_unread(&self) -> bool {
        self.lock().unread
    }

    /// The worker cannot go on, ever; why, for people.
    pub fn fail(&self, why: String) {
        self.lock().failed.get_or_insert(why);
        self.wake();
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
        self.lock().failed.clone()
    }

    fn wake(&self) {
        self.shared.pushed.notify_all();
        self.shared.notify.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.lock()
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
mod tests {
    use super::*;
    use streamgauge_common::message::Payload;

    fn message(sequence: u64) -> Arc<Message> {
        let payload = Payload::Lines(vec![0; 10]);
        Arc::new(Message { sequence, key: sequence.to_string(), lane: 0, rows: 2, payload })
    }

    #[test]
    fn what_is_settled_is_a_number_and_a_few_behind_it() {
        let mut acknowledged = Acknowledged::default();
        [2, 4, 1, 4].into_iter().for_each(|sequence| acknowledged.add(sequence));
        assert_eq!(acknowledged, Acknowledged { upto: 2, beyond: [(4, 4)].into() });
        [9, 7, 8, 5].into_iter().for_each(|sequence| acknowledged.add(sequence));
        assert_eq!(acknowledged, Acknowledged { upto: 2, beyond: [(4, 5), (7, 9)].into() });
        assert!(acknowledged.has(8) && !acknowledged.has(6) && !acknowledged.has(10));
        acknowledged.add(3);
        assert_eq!(acknowledged, Acknowledged { upto: 5, beyond: [(7, 9)].into() });
        acknowledged.add_upto(6);
        assert_eq!(acknowledged, Acknowledged { upto: 9, beyond: BTreeMap::new() });
    }

    #[test]
    fn there_is_room_until_what_was_taken_is_settled() {
        let outbox =
            Outbox::new(Bounds { rows_max: 4, ..Bounds::default() }, Acknowledged::default(), |_| {});
        outbox.push([message(1), message(2)]);
        assert!(!outbox.has_room());
        let taken = outbox.take_within(10, Duration::ZERO);
        assert_eq!(taken.iter().map(|message| message.sequence).collect::<Vec<_>>(), [1, 2]);
        assert!(!outbox.has_room(), "it is still in the outbox");
        outbox.acknowledge(taken.iter().map(|message| &**message).skip(1));
        assert!(outbox.has_room());
        assert!(!outbox.is_empty());
        outbox.acknowledge(taken.iter().map(|message| &**message).take(1));
        outbox.close();
        assert!(outbox.is_drained());
        assert_eq!(outbox.acknowledged().upto, 2);
    }

    #[test]
    fn what_was_settled_before_is_passed_over() {
        let acknowledged = Acknowledged { upto: 1, beyond: [(3, 3)].into() };
        let outbox = Outbox::new(Bounds::default(), acknowledged, |_| {});
        outbox.push((1..=4).map(message));
        assert_eq!(outbox.take(9).iter().map(|message| message.sequence).collect::<Vec<_>>(), [2, 4]);
    }
}
