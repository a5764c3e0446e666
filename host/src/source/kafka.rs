//! A Kafka topic: the only place that knows rdkafka.
//!
//! Partitions are assigned, never subscribed to, and read from offsets that the caller keeps: nothing is committed.
//! Whatever happens to the brokers, the source says so once and goes on by itself when they are back; only offsets that
//! are gone for good end it.

mod acknowledged;
mod admin;
mod builder;
mod client;
mod control;
mod event;
mod mock;
mod outgoing;
mod positions;
mod producer;
mod refused;
mod settings;
mod transactions;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, tick};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};

pub use self::{
    acknowledged::Acknowledged,
    admin::{create_topic, delete_topic},
    control::Control,
    event::Event,
    mock::MockCluster,
    outgoing::{GoOn, WriteError},
    positions::{Position, StartAt},
    producer::{Producer, Record},
    refused::{Depth, Role, wrong_property},
    settings::Connection,
    transactions::Transactions,
};
use self::{builder::Builder, client::Consumer, positions::NoPosition};
use super::{CHUNK_RECORDS_MAX, SourceError};

/// How often the topic is asked for new partitions.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// How often brokers that were away are asked whether they are back.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long a first look at the client's reports takes.
const FIRST_REPORT_WITHIN: Duration = Duration::from_millis(50);
/// How long a broker may take to say where a partition ends.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// After how many records a partition with few of them is handed over although others have many.
const RECORDS_HELD_MAX: usize = 4 * CHUNK_RECORDS_MAX;

/// What to read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The topic.
    pub topic: String,
    /// The offset to go on with, of each partition of which the caller has one.
    pub offsets: BTreeMap<u32, i64>,
    /// From where to read the others.
    pub start: StartAt,
    /// Whether to stop at the end that each partition has at first start.
    pub bounded: bool,
    /// Those ends, where an earlier run took them down.
    pub ends: BTreeMap<u32, i64>,
    /// Longer records are cut to one byte more.
    pub record_bytes_max: usize,
}

/// A topic that is read.
pub struct KafkaSource {
    consumer: Consumer,
    reading: Reading,
    state: State,
    /// By partition number.
    partitions: BTreeMap<u32, Partition>,
    events: VecDeque<Event>,
    /// What it is waiting for, each of which was told.
    waiting: BTreeSet<Lack>,
    /// Whether reading was forbidden, and nothing has come since.
    forbidden: bool,
    /// Whether no record came since the last tick.
    quiet: bool,
    /// Records that wait in the partitions' builders.
    held: usize,
    refresh: Receiver<Instant>,
    retry: Receiver<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not all brokers have answered where to start.
    Starting,
    Running,
    Failed,
}

/// What a source cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lack {
    Brokers,
    Topic,
    Permission,
}

/// A partition that is read.
#[derive(Debug, Default)]
struct Partition {
    builder: Builder,
    /// The offset behind the last record.
    next: i64,
    end: Option<i64>,
    done: bool,
}

impl KafkaSource {
    /// Makes a client; it speaks with no broker yet.
    pub fn new(connection: &Connection, reading: Reading) -> Result<Self, SourceError> {
        Ok(Self {
            consumer: client::consumer(connection)?,
            reading,
            state: State::Starting,
            partitions: BTreeMap::new(),
            events: VecDeque::new(),
            waiting: BTreeSet::new(),
            forbidden: false,
            quiet: true,
            held: 0,
            refresh: tick(REFRESH_EVERY),
            retry: tick(RETRY_EVERY),
        })
    }

    /// What comes next, if it comes about within `patience`. Brokers that do not answer may take some seconds longer.
    pub fn next(&mut self, patience: Duration) -> Option<Event> {
        if self.events.is_empty() {
            match self.state {
                State::Starting => self.start(patience),
                State::Running => {
                    self.look_after();
                    self.read(patience);
                }
                State::Failed => {}
            }
        }
        self.events.pop_front()
    }

    /// Stops reading partitions until they are resumed: nothing of them is fetched or handed over.
    pub fn pause(&mut self, partitions: &[u32]) -> Result<(), SourceError> {
        partitions.iter().for_each(|&partition| self.hand_over(partition));
        self.consumer.pause(&self.list(partitions)).map_err(client::setting)
    }

    /// Reads partitions on, from where they were paused.
    pub fn resume(&mut self, partitions: &[u32]) -> Result<(), SourceError> {
        self.consumer.resume(&self.list(partitions)).map_err(client::setting)
    }

    /// Finds the partitions and their positions, and starts.
    fn start(&mut self, patience: Duration) {
        // Serves the client's queue, which has nothing but reports yet: they say why there is no answer.
        drop(self.consumer.poll(FIRST_REPORT_WITHIN.min(patience)));
        let found = positions::partitions(&self.consumer, &self.reading.topic)
            .and_then(|partitions| self.assign(&partitions, self.reading.start));
        match found {
            Ok(()) => {
                self.state = State::Running;
                return self.resumed();
            }
            Err(why) => {
                if why == NoPosition::Missing && self.reading.start == StartAt::Latest {
                    // When it is made, what comes from now on is all that it has.
                    self.reading.start = StartAt::Earliest;
                }
                // Says more of why there is no answer.
                drop(self.consumer.poll(FIRST_REPORT_WITHIN.min(patience)));
                self.no_position(why);
            }
        }
        drop(self.consumer.poll(patience.min(RETRY_EVERY)));
    }

    /// Starts reading partitions.
    fn assign(&mut self, partitions: &[u32], start: StartAt) -> Result<(), NoPosition> {
        let Reading { topic, offsets, .. } = &self.reading;
        let starts = positions::starts(&self.consumer, topic, partitions, offsets, start)?;
        let mut assigned = TopicPartitionList::new();
        let mut done_at_once = Vec::new();
        for (mut position, high) in starts {
            let Position { partition, start, .. } = position;
            if self.reading.bounded {
                position.end = Some(self.reading.ends.get(&partition).copied().unwrap_or(high));
            }
            let done = position.end.is_some_and(|end| end <= start);
            self.events.push_back(Event::Started(position));
            self.partitions.insert(
                partition,
                Partition { next: start, end: position.end, done, ..Partition::default() },
            );
            if done {
                done_at_once.push(Event::Done { partition });
            } else {
                // Only offsets below 0 are refused.
                let added = assigned.add_partition_offset(topic, partition as i32, Offset::Offset(start));
                added.map_err(|error| NoPosition::Lost(error.to_string()))?;
            }
        }
        self.events.extend(done_at_once);
        self.consumer.incremental_assign(&assigned).map_err(|error| NoPosition::Lost(error.to_string()))
    }

    /// What is due beside reading: new partitions now and then, brokers that were away.
    fn look_after(&mut self) {
        let refresh = self.refresh.try_recv().is_ok() && !self.reading.bounded;
        let tick = self.retry.try_recv().is_ok();
        if refresh || (tick && !self.waiting.is_empty()) {
            self.check_topic();
        }
        if tick && self.waiting.is_empty() && std::mem::replace(&mut self.quiet, true) {
            self.check_ends();
        }
    }

    /// Asks the leaders where their partitions end. Nothing came of late: is that so, or does nobody answer? A connection
    /// that hangs looks like silence, and would make a partition idle.
    fn check_ends(&mut self) {
        let reading = self.partitions.iter().filter(|(_, partition)| !partition.done);
        let reading: Vec<(u32, i64)> = reading.map(|(&number, partition)| (number, partition.next)).collect();
        for (number, next) in reading {
            match self.consumer.fetch_watermarks(&self.reading.topic, number as i32, ANSWER_WITHIN) {
                Ok((_, high)) if high < next => {
                    let topic = &self.reading.topic;
                    return self.fail(format!(
                        "topic '{topic}' partition {number} ends at {high}, but {next} is next: the topic was made anew"
                    ));
                }
                Ok(_) => {}
                Err(error) => {
                    let message = format!("the leader of partition {number} does not answer: {error}");
                    return self.wait(Lack::Brokers, message);
                }
            }
        }
    }

    fn check_topic(&mut self) {
        match positions::partitions(&self.consumer, &self.reading.topic) {
            // Whoever may not read a topic may still see it.
            Ok(_) if self.forbidden => {}
            Ok(partitions) => {
                self.resumed();
                self.add_new(&partitions);
            }
            Err(NoPosition::Missing) => {
                self.fail(format!("topic '{}' was deleted, its offsets are lost", self.reading.topic));
            }
            Err(why) => self.no_position(why),
        }
    }

    /// Reads partitions that the topic did not have before: all of theirs is new.
    fn add_new(&mut self, partitions: &[u32]) {
        let new: Vec<u32> =
            partitions.iter().copied().filter(|partition| !self.partitions.contains_key(partition)).collect();
        if new.is_empty() || self.reading.bounded {
            return;
        }
        match self.assign(&new, StartAt::Earliest) {
            // The next look brings it up again.
            Ok(()) | Err(NoPosition::Missing) => {}
            Err(why) => self.no_position(why),
        }
    }

    /// Takes what the client has, until a chunk is full or nothing more is there.
    fn read(&mut self, patience: Duration) {
        // Records that came before other news the last time wait for nobody.
        let mut patience = if self.held > 0 { Duration::ZERO } else { patience };
        while self.events.is_empty() {
            let Some(polled) = self.consumer.poll(patience) else {
                self.hand_over_all();
                return;
            };
            patience = Duration::ZERO;
            self.forbidden &= polled.is_err();
            match polled {
                Ok(message) => {
                    let (Ok(number), offset) = (u32::try_from(message.partition()), message.offset()) else {
                        continue;
                    };
                    let Some(partition) =
                        self.partitions.get_mut(&number).filter(|partition| !partition.done)
                    else {
                        continue;
                    };
                    self.quiet = false;
                    partition.next = offset + 1;
                    if partition.end.is_none_or(|end| offset < end) {
                        partition.builder.push(&message, self.reading.record_bytes_max);
                        self.held += 1;
                    }
                    let done = partition.end.is_some_and(|end| offset + 1 >= end);
                    let full = partition.builder.is_full();
                    drop(message);
                    match (done, full) {
                        (true, _) => self.done(number),
                        (false, true) => self.hand_over(number),
                        (false, false) if self.held >= RECORDS_HELD_MAX => self.hand_over_all(),
                        (false, false) => {}
                    }
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    self.forbidden = false;
                    self.reached_end(partition);
                }
                Err(error) => self.trouble(&error),
            }
        }
    }

    /// The log's end: behind it there is nothing that was there when the ends were taken down, gaps or not.
    fn reached_end(&mut self, partition: i32) {
        let Ok(number) = u32::try_from(partition) else { return };
        match self.partitions.get(&number) {
            Some(Partition { done: false, end: Some(_), .. }) => self.done(number),
            Some(Partition { done: false, end: None, .. }) => {
                self.hand_over(number);
                self.events.push_back(Event::ReachedEnd { partition: number });
            }
            _ => {}
        }
    }

    fn done(&mut self, number: u32) {
        self.hand_over(number);
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.done = true;
        }
        self.events.push_back(Event::Done { partition: number });
        if let Err(error) = self.consumer.incremental_unassign(&self.list(&[number])) {
            // It goes on being fetched, and is passed over.
            self.wait(Lack::Brokers, error.to_string());
        }
    }

    /// What the client says beside records.
    fn trouble(&mut self, error: &KafkaError) {
        let reason = self.consumer.context().take().unwrap_or_else(|| error.to_string());
        let topic = &self.reading.topic;
        match (error, error.rdkafka_error_code()) {
            (KafkaError::MessageConsumptionFatal(_), _) => {
                self.fail(format!("the Kafka client failed: {reason}"))
            }
            (_, Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) => {
                let message = format!(
                    "topic '{topic}' no longer has the next offset, records were lost to retention or the topic was \
                     made anew: {reason}"
                );
                self.fail(message);
            }
            // Nothing is asked of a group.
            (
                _,
                Some(RDKafkaErrorCode::GroupAuthorizationFailed | RDKafkaErrorCode::CoordinatorNotAvailable),
            ) => {}
            (_, Some(RDKafkaErrorCode::TopicAuthorizationFailed)) => {
                self.forbidden = true;
                self.no_position(NoPosition::Forbidden);
            }
            (_, Some(code)) if positions::is_missing(code) => self.check_topic(),
            // What a client says of an outage may reach us when it is over: asked, the brokers answer.
            _ if self.waiting.is_empty() && positions::partitions(&self.consumer, topic).is_ok() => {}
            _ => self.wait(Lack::Brokers, format!("Kafka is away: {reason}")),
        }
    }

    /// Waits for what keeps it from reading on, or gives up.
    fn no_position(&mut self, why: NoPosition) {
        let topic = &self.reading.topic;
        match why {
            NoPosition::Waiting(message) => self.wait(Lack::Brokers, message),
            NoPosition::Missing => {
                self.wait(Lack::Topic, format!("topic '{topic}' does not exist; waiting for it"));
            }
            NoPosition::Forbidden => {
                self.wait(Lack::Permission, format!("topic '{topic}' may not be read: allow its user Read"));
            }
            NoPosition::Unanswered(error) => {
                // In the client's words, if it has some.
                let why = self.consumer.context().take().unwrap_or(error);
                self.wait(Lack::Brokers, format!("Kafka does not answer: {why}"));
            }
            NoPosition::Lost(message) => self.fail(message),
        }
    }

    fn wait(&mut self, lack: Lack, message: String) {
        if self.waiting.insert(lack) {
            self.events.push_back(Event::Waiting { message });
        }
    }

    fn resumed(&mut self) {
        if !std::mem::take(&mut self.waiting).is_empty() {
            self.consumer.context().forget();
            self.events.push_back(Event::Resumed);
        }
    }

    fn fail(&mut self, message: String) {
        self.hand_over_all();
        self.state = State::Failed;
        self.events.push_back(Event::Failed { message });
    }

    fn hand_over(&mut self, number: u32) {
        let chunk = self.partitions.get_mut(&number).and_then(|partition| partition.builder.take(number));
        if let Some(chunk) = chunk {
            self.held -= chunk.len();
            self.events.push_back(Event::Records(chunk));
        }
    }

    fn hand_over_all(&mut self) {
        if self.held == 0 {
            return;
        }
        let chunks =
            self.partitions.iter_mut().filter_map(|(&number, partition)| partition.builder.take(number));
        self.events.extend(chunks.map(Event::Records));
        self.held = 0;
    }

    fn list(&self, partitions: &[u32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for &partition in partitions {
            list.add_partition(&self.reading.topic, partition as i32);
        }
        list
    }
}
