//! The Kafka source and the Kafka sink against librdkafka's mock broker, and against real ones.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do"
)]

mod broker;
#[path = "../common/real_broker.rs"]
mod real_broker;
mod cluster;
mod headers;
mod keys;
mod mock;
mod outage;
mod secure;
mod sink;
mod told;
mod transactions;

use std::{collections::BTreeMap, time::Duration};

use streamgauge_common::{chunk::Chunk, clock::Stopwatch, offset::Offset};
use streamgauge_kafka::{Connection, Event, KafkaSource, Producer, Reading, Record, StartAt};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads all of a topic, from its start.
fn reading(topic: &str) -> Reading {
    Reading { topic: topic.into(), ..Reading::default() }
}

fn open(connection: &Connection, reading: Reading) -> KafkaSource {
    KafkaSource::new(connection, reading).unwrap()
}

/// The next event but those that every source has; a test that waits in vain fails.
fn next(source: &mut KafkaSource) -> Event {
    let since = Stopwatch::start();
    while since.elapsed() < PATIENCE {
        match source.next(Duration::from_millis(100)) {
            None | Some(Event::Topic { .. } | Event::Asked | Event::Idle { .. }) => {}
            Some(event) => return event,
        }
    }
    panic!("an event in time")
}

/// Fails if anything comes within a time but what every source has.
fn assert_quiet(source: &mut KafkaSource, time: Duration, why: &str) {
    let since = Stopwatch::start();
    while since.elapsed() < time {
        match source.next(Duration::from_millis(100)) {
            None | Some(Event::Topic { .. } | Event::Asked | Event::Idle { .. }) => {}
            Some(event) => panic!("{why}: {event:?}"),
        }
    }
}

/// What came of a topic, by partition.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    started: BTreeMap<u32, (i64, Option<i64>)>,
    records: BTreeMap<u32, Vec<(i64, String)>>,
    ended: Vec<u32>,
    done: Vec<u32>,
}

impl Seen {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Started(position) => {
                let before = self
                    .started
                    .insert(position.partition, (position.start.0, position.end.map(|end| end.0)));
                assert_eq!(before, None, "a partition starts once");
            }
            Event::Records(chunk) => self.take_chunk(chunk),
            Event::ReachedEnd { partition } => self.ended.push(*partition),
            Event::Done { partition } => self.done.push(*partition),
            Event::Topic { .. } | Event::Asked | Event::Idle { .. } => {}
            // Somebody writes at this moment.
            Event::Waiting { message } if message.starts_with("a transaction is open") => {}
            Event::Resumed => {}
            other => panic!("{other:?}"),
        }
    }

    fn take_chunk(&mut self, chunk: &Chunk) {
        assert!(!chunk.is_empty() && chunk.len() <= 4096);
        assert_eq!((chunk.offsets.len(), chunk.arrived_us.len()), (chunk.len(), chunk.len()));
        assert!(self.started.contains_key(&chunk.partition) && !self.done.contains(&chunk.partition));
        let records = self.records.entry(chunk.partition).or_default();
        for row in 0..chunk.len() {
            assert!(records.last().is_none_or(|last| last.0 < chunk.offsets[row].0), "in order, each once");
            records.push((chunk.offsets[row].0, String::from_utf8_lossy(chunk.record(row)).into_owned()));
        }
    }

    fn count(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }
}

/// Reads until `enough`.
fn read_until(source: &mut KafkaSource, enough: impl Fn(&Seen) -> bool) -> Seen {
    let mut seen = Seen::default();
    read_on(source, &mut seen, enough);
    seen
}

fn read_on(source: &mut KafkaSource, seen: &mut Seen, enough: impl Fn(&Seen) -> bool) {
    while !enough(seen) {
        seen.take(&next(source));
    }
}

/// Writes numbered records to one partition, a millisecond of time apart.
fn write(connection: &Connection, topic: &str, partition: u32, numbers: std::ops::Range<u32>) {
    let producer = Producer::new(connection, topic).unwrap();
    for number in numbers {
        let value = format!("{{\"n\":{number}}}");
        let time_us = Some(1_700_000_000_000_000 + i64::from(number) * 1000);
        let value = Some(value.as_bytes());
        producer.send(&Record { partition: Some(partition), key: Some(b"k"), value, time_us }).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// The records of a partition as they are written by [`write`].
fn numbered(numbers: std::ops::Range<u32>) -> Vec<(i64, String)> {
    numbers.map(|number| (i64::from(number), format!("{{\"n\":{number}}}"))).collect()
}
