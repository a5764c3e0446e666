//! A topic that is read.
//!
//! Partitions are assigned, never subscribed to, and read from offsets that the caller keeps: nothing is committed.
//! Whatever happens to the brokers, the source says so once and goes on by itself when they are back; only offsets that
//! are gone for good, or a topic that is no longer the one that was read, end it.

mod asking;
mod builder;
mod count;
mod event;
mod missing;
mod positions;
mod reading;
mod silence;
mod topic;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ffi::CString,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, tick};
use rdkafka::{Message, TopicPartitionList, consumer::Consumer as _, error::KafkaError};
use streamgauge_common::{
    clock::{AwakeClock, Stopwatch},
    offset::Offset,
};

use self::{
    asking::Asking,
    builder::ChunkBuilder,
    missing::{ALL_BUT_LEADERS, Missing},
    positions::NoPosition,
    silence::Silence,
};
use crate::{
    ClientError, Connection,
    client::{self, Consumer},
    native,
};

pub use self::{
    count::count_records,
    event::Event,
    positions::{Position, StartAt},
    reading::Reading,
};

/// How often it is looked whether the topic is the same, and has new partitions.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How often brokers that were away are asked whether they are back.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long a first look at the client's reports takes.
const FIRST_REPORT_WITHIN: Duration = Duration::from_millis(50);
/// After how many chunks' worth of records a partition with few of them is handed over although others have many.
const CHUNKS_HELD_MAX: usize = 4;

/// A topic that is read.
pub struct KafkaSource {
    /// What leaders are being asked; before the client that asks, which must outlive it.
    asking: Option<Asking>,
    /// Asks what is not waited for by reading: over connections of its own, since on one connection a broker answers nothing while
    /// it waits for records to fetch.
    asker: Consumer,
    consumer: Consumer,
    reading: Reading,
    /// The topic's name, as the client's own functions take it.
    topic: CString,
    state: State,
    /// The time in which this source was looked after.
    awake: AwakeClock,
    /// What that clock said when the client was last waited for.
    now: Duration,
    /// How often it was not looked after for a while.
    gaps: u64,
    silence: Silence,
    /// The partition of the last record, if `silence` knows of it: records mostly come in runs of one partition.
    heard: Option<u32>,
    /// By partition number.
    partitions: BTreeMap<u32, Partition>,
    /// The brokers' addresses, as the source has them.
    bootstrap: String,
    /// The brokers' ids; the first is asked first.
    brokers: VecDeque<i32>,
    events: VecDeque<Event>,
    /// What it is waiting for, each of which was told.
    waiting: BTreeSet<Missing>,
    /// Since when it waits, and what for, where it waits for something.
    waiting_since: Option<(Stopwatch, String)>,
    /// Whether reading was forbidden, and nothing has come since.
    forbidden: bool,
    /// Whether the topic may be another one than before: nothing is handed over until that is known.
    in_doubt: bool,
    /// How many questions to leaders, one behind the other, some leader did not answer.
    unanswered: u32,
    /// What was polled when that doubt arose.
    postponed: Option<Polled>,
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

/// What the client had.
enum Polled {
    Nothing,
    /// A record, which is kept now.
    Record {
        partition: u32,
        is_last: bool,
        is_full: bool,
    },
    /// A record that is not wanted.
    Passed,
    News(KafkaError),
}

/// A partition that is read.
#[derive(Debug, Default)]
struct Partition {
    builder: ChunkBuilder,
    /// The offset behind the last record.
    next: Offset,
    end: Option<Offset>,
    done: bool,
}

impl KafkaSource {
    /// Makes a client; it speaks with no broker yet.
    pub fn new(connection: &Connection, reading: Reading) -> Result<Self, ClientError> {
        let topic = CString::new(reading.topic.as_str()).map_err(|_| {
            ClientError::Setting(format!("topic {:?} has a zero byte in its name", reading.topic))
        })?;
        Ok(Self {
            asking: None,
            asker: client::consumer_with(connection, &[])?,
            consumer: client::reader(connection)?,
            topic,
            state: State::Starting,
            awake: AwakeClock::start(),
            now: Duration::ZERO,
            gaps: 0,
            silence: Silence::new(reading.idle_timeout),
            heard: None,
            reading,
            partitions: BTreeMap::new(),
            bootstrap: connection.brokers.clone(),
            brokers: VecDeque::new(),
            events: VecDeque::new(),
            waiting: BTreeSet::new(),
            waiting_since: None,
            forbidden: false,
            in_doubt: false,
            unanswered: 0,
            postponed: None,
            held: 0,
            refresh: tick(REFRESH_EVERY),
            retry: tick(RETRY_EVERY),
        })
    }

    /// What comes next, if it comes about within `patience`. Brokers that do not answer may take some seconds longer.
    pub fn next(&mut self, patience: Duration) -> Option<Event> {
        if self.events.is_empty() {
            self.now = self.awake.look();
            if std::mem::replace(&mut self.gaps, self.awake.gaps()) != self.gaps {
                self.silence.doubt_all();
            }
            match self.state {
                State::Starting => self.start(patience),
                State::Running => {
                    self.look_after();
                    self.read(patience);
                }
                State::Failed => {}
            }
            self.give_up_waiting();
        }
        self.events.pop_front()
    }

    /// Where partitions end, as the last answers to fetches had it: the offsets behind their last records. Asks nobody.
    pub fn ends(&self) -> BTreeMap<u32, Offset> {
        let end = |&number: &u32| Some((number, native::fetched_end(&self.consumer, &self.topic, number)?));
        self.partitions.keys().filter_map(end).collect()
    }

    /// Before all partitions have been silent for so long, nobody waits for the word that they are idle: see [`Event::Idle`].
    pub fn set_closes_after(&mut self, silence: Duration) {
        self.silence.set_closes_after(silence);
    }

    /// Stops reading partitions until they are resumed: nothing of them is fetched or handed over.
    pub fn pause(&mut self, partitions: &[u32]) -> Result<(), ClientError> {
        for &partition in partitions {
            self.hand_over(partition);
            self.silence.paused(partition);
        }
        self.consumer.pause(&self.list(partitions)).map_err(client::setting)
    }

    /// Reads partitions on, from where they were paused.
    pub fn resume(&mut self, partitions: &[u32]) -> Result<(), ClientError> {
        let now = self.awake.look();
        partitions.iter().for_each(|&partition| self.silence.resumed(partition, now));
        self.consumer.resume(&self.list(partitions)).map_err(client::setting)
    }

    /// Finds the partitions and their positions, and starts.
    fn start(&mut self, patience: Duration) {
        // Serves the client's queue, which has nothing but reports yet: they say why there is no answer.
        drop(self.consumer.poll(FIRST_REPORT_WITHIN.min(patience)));
        let found = positions::topic(&self.consumer, &self.reading.topic).and_then(|topic| {
            self.note_brokers(&topic.brokers);
            self.identify()?;
            if self.reading.bounded {
                self.fix_ends(&topic.partitions)?;
            }
            self.assign(&topic.partitions, self.reading.start)
        });
        match found {
            Ok(()) => {
                self.state = State::Running;
                self.found(&[Missing::Transactions]);
                return self.found(&ALL_BUT_LEADERS);
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
        let now = self.awake.look();
        let mut assigned = TopicPartitionList::new();
        let mut done_at_once = Vec::new();
        for mut position in starts {
            let Position { partition, start, .. } = position;
            if self.reading.bounded {
                position.end = self.reading.ends.get(&partition).copied();
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
                self.silence.assigned(partition, now);
                // Only offsets below 0 are refused.
                let added =
                    assigned.add_partition_offset(topic, partition as i32, rdkafka::Offset::Offset(start.0));
                added.map_err(|error| NoPosition::Lost(error.to_string()))?;
            }
        }
        self.events.extend(done_at_once);
        self.consumer.incremental_assign(&assigned).map_err(|error| NoPosition::Lost(error.to_string()))
    }

    /// What is due beside reading: new partitions now and then, brokers that were away, leaders of silent partitions.
    fn look_after(&mut self) {
        let refresh = self.refresh.try_recv().is_ok();
        let tick = self.retry.try_recv().is_ok();
        // What this client reports the other one reports too.
        while self.asker.poll(Duration::ZERO).is_some() {}
        if refresh || (tick && self.lacks_more_than_leaders()) {
            self.check_topic();
        }
        self.in_doubt |= self.consumer.context().take_topic_changed();
        self.hear_leaders();
        self.ask_leaders();
    }

    /// Takes what the client has, until a chunk is full or nothing more is there.
    fn read(&mut self, patience: Duration) {
        // Records that came before other news the last time wait for nobody.
        let mut patience = if self.held > 0 { Duration::ZERO } else { self.patience(patience) };
        self.heard = None;
        while self.events.is_empty() && self.state == State::Running {
            if self.in_doubt && !self.confirm_topic() {
                return;
            }
            let polled = self.postponed.take().unwrap_or_else(|| self.poll(patience));
            patience = Duration::ZERO;
            match polled {
                Polled::Nothing => {
                    self.hand_over_all();
                    return self.hear_leaders();
                }
                polled => self.take(polled),
            }
        }
    }

    /// Asks the client for the next thing that it has, and keeps it if it is a record.
    fn poll(&mut self, patience: Duration) -> Polled {
        let polled = self.consumer.poll(patience);
        if !patience.is_zero() {
            self.now = self.awake.look();
        }
        let message = match polled {
            None => return Polled::Nothing,
            Some(Err(error)) => return Polled::News(error),
            Some(Ok(message)) => message,
        };
        self.forbidden = false;
        let (Ok(number), offset) = (u32::try_from(message.partition()), Offset(message.offset())) else {
            return Polled::Passed;
        };
        let Some(partition) = self.partitions.get_mut(&number).filter(|partition| !partition.done) else {
            return Polled::Passed;
        };
        if self.heard != Some(number) {
            self.silence.arrived(number, self.now);
            self.heard = Some(number);
        }
        partition.next = offset.next();
        if partition.end.is_none_or(|end| offset < end) {
            partition.builder.push(&message, self.reading.chunks.record_bytes_max);
            self.held += 1;
        }
        let is_last = partition.end.is_some_and(|end| partition.next >= end);
        Polled::Record {
            partition: number,
            is_last,
            is_full: partition.builder.is_full(&self.reading.chunks),
        }
    }

    /// Goes on from what was polled.
    fn take(&mut self, polled: Polled) {
        // Noticed before the first record of the other topic comes.
        self.in_doubt |= self.consumer.context().take_topic_changed();
        if self.in_doubt && !self.confirm_topic() {
            self.postponed = Some(polled);
            return;
        }
        match polled {
            Polled::Nothing | Polled::Passed => {}
            Polled::Record { partition, is_last: true, .. } => self.done(partition),
            Polled::Record { partition, is_full: true, .. } => self.hand_over(partition),
            Polled::Record { .. } if self.held >= CHUNKS_HELD_MAX * self.reading.chunks.records_max => {
                self.hand_over_all()
            }
            Polled::Record { .. } => {}
            Polled::News(KafkaError::PartitionEOF(partition)) => {
                self.forbidden = false;
                self.reached_end(partition);
            }
            Polled::News(error) => self.trouble(&error),
        }
    }

    /// The log's end: behind it there is nothing that was there when the ends were taken down, gaps or not.
    fn reached_end(&mut self, partition: i32) {
        let Ok(number) = u32::try_from(partition) else { return };
        match self.partitions.get(&number) {
            Some(Partition { done: false, end: Some(_), .. }) => self.done(number),
            Some(Partition { done: false, end: None, .. }) => {
                self.heard = None;
                self.silence.reached_end(number, native::fetched_end(&self.consumer, &self.topic, number));
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
        self.silence.over(number);
        self.events.push_back(Event::Done { partition: number });
        if let Err(error) = self.consumer.incremental_unassign(&self.list(&[number])) {
            // It goes on being fetched, and is passed over.
            self.wait(Missing::Brokers, error.to_string());
        }
    }

    fn fail(&mut self, message: String) {
        self.hand_over_all();
        self.state = State::Failed;
        self.asking = None;
        self.events.push_back(Event::Failed { message });
    }

    fn hand_over(&mut self, number: u32) {
        if self.in_doubt {
            return;
        }
        let chunk = self.partitions.get_mut(&number).and_then(|partition| partition.builder.take(number));
        if let Some(chunk) = chunk {
            self.held -= chunk.len();
            self.events.push_back(Event::Records(chunk));
        }
    }

    fn hand_over_all(&mut self) {
        if self.held == 0 || self.in_doubt {
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
