//! Rows to a Kafka topic: the worker of one outbox.
//!
//! With a control topic each message is there exactly once for whoever reads what is committed
//! ([`streamgauge_kafka::Transactions`]); without, once while this process lives. Kafka may be away for as long as it
//! likes: the worker says so once and goes on when it is back.

use std::{cell::Cell, sync::Arc, time::Duration};

use streamgauge_common::{
    clock::Stopwatch,
    crash::{self, Phase},
    message::Message,
    wakeup::Stop,
};
use streamgauge_kafka::{AckedWriter, Connection, Control, Transactions, WriteError};
use streamgauge_state::outbox::Outbox;

use super::{connector::SinkConnector as _, connectors::kafka::KafkaConnector};
use crate::traces::Span;

/// The most that one transaction holds.
const MESSAGES_MAX: usize = 4096;
const BYTES_MAX: usize = 8 << 20;
/// Transactions begin at least so far apart, unless one is full: under load they are few, and the first goes at once.
const APART: Duration = Duration::from_millis(10);
/// How long nothing may come before Kafka is said to be away.
const TOLD_AFTER: Duration = Duration::from_secs(5);
/// How long to wait before Kafka is tried again: doubled each time.
const BACK_OFF: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSink {
    /// How to speak with the brokers.
    pub connection: Connection,
    /// The topic.
    pub topic: String,
    /// Where what was delivered is remembered; none where nothing is.
    pub control: Option<Control>,
}

/// Who is told what becomes of a sink.
pub trait DeliveryEvents {
    /// The sink will never take a message. It is acknowledged if this is true: then that is written down for good. After a crash it
    /// may be told again.
    fn rejected(&self, message: &Message, why: &str) -> bool;
    /// The sink is away, or not as it should be; why, for people. Said once.
    fn down(&self, why: &str);
    /// What was down works again.
    fn back(&self);
    /// A try to deliver begins: its span, where work is traced.
    fn attempt(&self) -> Option<Span> {
        None
    }
}

impl KafkaSink {
    /// Delivers what is in the outbox, until all is acknowledged and it is closed, `stop` is set, or nothing goes any more:
    /// then the outbox has failed. Blocks.
    pub fn deliver(&self, outbox: &Outbox, stop: &Stop, watch: &dyn DeliveryEvents) {
        let worker = Worker {
            sink: self,
            outbox,
            stop,
            watch,
            writer: None,
            delivered: 0,
            pending: Vec::new(),
            tried: 0,
            messages_max: MESSAGES_MAX,
            began: None,
            failures: 0,
            down: Cell::new(false),
            forbidden: None,
        };
        worker.run();
    }
}

enum Writer {
    Transactions(Box<Transactions>),
    AckedWriter(AckedWriter),
}

struct Worker<'a> {
    sink: &'a KafkaSink,
    outbox: &'a Outbox,
    stop: &'a Stop,
    watch: &'a dyn DeliveryEvents,
    writer: Option<Writer>,
    /// Up to this number all was delivered.
    delivered: u64,
    /// Taken and not acknowledged, in order.
    pending: Vec<Arc<Message>>,
    /// How many of them were written last, or tried to be.
    tried: usize,
    /// How many go into one transaction: halved by each that fails, so that the message that is at fault is found.
    messages_max: usize,
    /// When the last transaction began.
    began: Option<Stopwatch>,
    /// One behind the other.
    failures: u32,
    /// Whether it was said that Kafka is away.
    down: Cell<bool>,
    /// The permission that was missing last.
    forbidden: Option<String>,
}

impl Worker<'_> {
    fn run(mut self) {
        while !self.is_over() {
            let done = self.make_ready().and_then(|()| {
                self.gather();
                self.write()
            });
            match done {
                Ok(()) => self.went_well(),
                Err(WriteError::Refused { sequences, why, others_written }) => {
                    self.sort_out(&sequences, &why, others_written);
                }
                Err(WriteError::Away(why)) => self.back_off(&why),
                Err(WriteError::Forbidden(why)) => {
                    // Each permission that is missing is told.
                    if self.forbidden.as_ref() != Some(&why) {
                        self.down.set(false);
                    }
                    self.back_off(&why);
                    self.forbidden = Some(why);
                }
                Err(WriteError::Stopped) => return,
                Err(error @ (WriteError::Setting(_) | WriteError::Superseded(_))) => {
                    return self.outbox.fail(error.to_string());
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_set() || self.outbox.is_drained()
    }

    /// Opens the writer, and acknowledges what turns out to be delivered.
    fn make_ready(&mut self) -> Result<(), WriteError> {
        let KafkaSink { connection, topic, control } = self.sink;
        match (self.writer.take(), control) {
            (Some(Writer::Transactions(mut transactions)), _) if !transactions.is_ready() => {
                let opened = transactions.reopen(&|quiet, why| self.keep_waiting(quiet, why));
                self.writer = Some(Writer::Transactions(transactions));
                self.delivered = opened?;
            }
            (Some(writer), _) => self.writer = Some(writer),
            (None, Some(control)) => {
                let opened = Transactions::open(connection, topic, control, &|quiet, why| {
                    self.keep_waiting(quiet, why)
                });
                let (transactions, delivered) = opened?;
                self.writer = Some(Writer::Transactions(Box::new(transactions)));
                self.delivered = delivered;
            }
            (None, None) => {
                self.writer = Some(Writer::AckedWriter(AckedWriter::open(connection, topic)?));
            }
        }
        self.settle_delivered();
        Ok(())
    }

    /// Nothing comes from Kafka: says so where that lasts, and gives whether to wait on.
    fn keep_waiting(&self, nothing_for: Duration, why: &str) -> bool {
        if nothing_for >= TOLD_AFTER {
            self.tell_down(&format!("Kafka does not answer: {why}"));
        }
        !self.is_over()
    }

    /// Takes messages for the next transaction, if there are any.
    fn gather(&mut self) {
        self.take();
        // Where Kafka was away, that it is back is told before there is something to write.
        if self.pending.is_empty() && !self.down.get() {
            self.pending = self.outbox.take_next(MESSAGES_MAX, self.stop);
        }
        let since = self.began.map_or(APART, |began| began.elapsed());
        if let Some(early) = APART.checked_sub(since)
            && !self.pending.is_empty()
        {
            self.outbox.pause(early, self.stop);
            self.take();
        }
        self.settle_delivered();
    }

    fn take(&mut self) {
        let room = MESSAGES_MAX.saturating_sub(self.pending.len());
        self.pending.extend(self.outbox.take(room));
    }

    /// Writes the first of the messages that were taken.
    fn write(&mut self) -> Result<(), WriteError> {
        let sizes = self.pending.iter().scan(0, |bytes, message| {
            *bytes += message.bytes();
            Some(*bytes)
        });
        let fitting = sizes.take(self.messages_max).take_while(|&bytes| bytes <= BYTES_MAX).count();
        let batch = self.pending.get(..fitting.max(1)).unwrap_or_default();
        let Some(last) = batch.last().map(|message| message.sequence) else { return Ok(()) };
        self.tried = batch.len();
        let traced = self.watch.attempt();
        let sending = crash::during(Phase::Send);
        self.began = Some(Stopwatch::start());
        let mut writer = self.writer.take();
        let keep_waiting = |quiet, why: &str| self.keep_waiting(quiet, why);
        let written = match &mut writer {
            Some(Writer::Transactions(transactions)) => transactions.write(batch, &keep_waiting),
            Some(Writer::AckedWriter(acknowledged)) => acknowledged.write(batch, &keep_waiting),
            None => Err(WriteError::Away("nothing is open".into())),
        };
        // An acknowledged writer keeps what it was given: what failed with it is not known, and written again by another.
        let spent =
            matches!((&writer, &written), (Some(Writer::AckedWriter(_)), Err(error)) if !error.is_refusal());
        self.writer = writer.filter(|_| !spent);
        // What was given up is tried by the next start.
        if let Some(mut span) = traced.filter(|_| !matches!(written, Err(WriteError::Stopped))) {
            span.set("messaging.system", KafkaConnector.name().to_owned());
            span.set("messaging.destination.name", self.sink.topic.clone());
            let failed = written.as_ref().err().map(ToString::to_string);
            span.end_write(batch, failed.as_deref());
        }
        written?;
        self.delivered = last;
        crash::point("kafka.before_settle");
        self.settle_delivered();
        drop(sending);
        Ok(())
    }

    /// Acknowledges what was taken up to the last that was delivered.
    fn settle_delivered(&mut self) {
        let count = self.pending.partition_point(|message| message.sequence <= self.delivered);
        if count > 0 {
            let acknowledged: Vec<Arc<Message>> = self.pending.drain(..count).collect();
            self.outbox.acknowledge(acknowledged.iter().map(|message| &**message));
        }
    }

    fn went_well(&mut self) {
        self.failures = 0;
        self.forbidden = None;
        self.messages_max = (self.messages_max * 2).min(MESSAGES_MAX);
        if self.down.replace(false) {
            self.watch.back();
        }
    }

    /// One of these messages is at fault. One alone is it; of several each half is tried.
    fn sort_out(&mut self, accused: &[u64], why: &str, others_written: bool) {
        if others_written {
            let (accused, done): (Vec<_>, Vec<_>) = self
                .pending
                .drain(..self.tried.min(self.pending.len()))
                .partition(|message| accused.contains(&message.sequence));
            self.pending.splice(0..0, accused);
            self.outbox.acknowledge(done.iter().map(|message| &**message));
        }
        let [guilty] = accused else {
            self.messages_max = (accused.len().min(self.tried) / 2).max(1);
            return;
        };
        if let Some(at) = self.pending.iter().position(|message| message.sequence == *guilty) {
            let message = self.pending.remove(at);
            if self.watch.rejected(&message, why) {
                self.outbox.acknowledge([&*message]);
            } else {
                self.pending.insert(at, message);
                self.outbox.pause(BACK_OFF_MAX, self.stop);
            }
        }
    }

    /// Says that Kafka is away, and waits before it is tried again, with less.
    fn back_off(&mut self, why: &str) {
        self.tell_down(why);
        self.messages_max = (self.messages_max / 2).max(1);
        let longest = BACK_OFF.saturating_mul(1 << self.failures.min(16)).min(BACK_OFF_MAX);
        self.failures = self.failures.saturating_add(1);
        self.outbox.pause(longest.mul_f64(0.5 + fastrand::f64() / 2.0), self.stop);
    }

    fn tell_down(&self, why: &str) {
        self.outbox.note_trouble(why);
        if !self.down.replace(true) {
            self.watch.down(why);
        }
    }
}
