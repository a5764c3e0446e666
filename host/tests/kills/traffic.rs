//! What goes in: a steady stream of events, of which some are out of order, some late and some unusable.

use std::{
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded, select, tick};
use fastrand::Rng;
use streamgauge_kafka::{Connection, Producer, Record};

/// How many partitions the events' topic has.
pub(crate) const PARTITIONS: u32 = 4;
/// How many groups there are.
const MODELS: u32 = 24;
/// The first event: 2026-01-01T01:00:00Z. What is late is late on the same day.
const START_MS: i64 = 1_767_225_600_000 + 3_600_000;
/// How often events are written, and how many at once: 2,000 a second.
const WRITE_EVERY: Duration = Duration::from_millis(10);
const EVENTS_A_WRITE: u64 = 20;
/// How many events there are in two milliseconds of their own time, which runs as the clock does.
const EVENTS_IN_2_MS: u64 = 4;
/// How far events are out of order; below the watermark's delay.
const DISORDER_MS: i64 = 400;
/// How late a late one is at most: for some windows, or for all.
const LATE_MS: i64 = 6_000;
/// How far behind the last event are those that close all windows.
const BEHIND_MS: i64 = 60_000;
/// How long the brokers may take to write.
const PATIENCE: Duration = Duration::from_secs(30);

/// A producer at work.
pub(crate) struct Traffic {
    stop: Sender<()>,
    writing: Option<JoinHandle<u64>>,
}

impl Traffic {
    /// Begins to write; the first events are there when it returns.
    pub(crate) fn start(connection: &Connection, topic: &str, seed: u64) -> Self {
        let producer = Producer::new(connection, topic).unwrap();
        let mut events = Events::new(seed);
        write(&producer, &mut events);
        producer.flush(PATIENCE).unwrap();
        let (stop, stopped) = bounded(0);
        let writing = thread::spawn(move || keep_writing(&producer, events, &stopped));
        Self { stop, writing: Some(writing) }
    }

    /// Writes what closes all windows, waits until all is written, and says how many events there are.
    pub(crate) fn finish(mut self) -> u64 {
        self.end().expect("it is finished once")
    }

    fn end(&mut self) -> Option<u64> {
        let writing = self.writing.take()?;
        // A thread that failed does not listen: joining it says why.
        self.stop.send(()).ok();
        Some(writing.join().expect("all events were written"))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
    }
}

fn keep_writing(producer: &Producer, mut events: Events, stopped: &Receiver<()>) -> u64 {
    let due = tick(WRITE_EVERY);
    loop {
        select! {
            recv(due) -> _ => write(producer, &mut events),
            recv(stopped) -> _ => break,
        }
    }
    for partition in 0..PARTITIONS {
        send(producer, partition, &events.closing());
    }
    producer.flush(PATIENCE).unwrap();
    events.count
}

fn write(producer: &Producer, events: &mut Events) {
    for _ in 0..EVENTS_A_WRITE {
        let (partition, event) = events.next();
        send(producer, partition, &event);
    }
}

fn send(producer: &Producer, partition: u32, event: &str) {
    // A record is as old as the event is: nothing is from the future.
    let time_us = Some((START_MS + 86_400_000) * 1000);
    let record = Record { partition: Some(partition), key: None, value: Some(event.as_bytes()), time_us };
    producer.send(&record).unwrap();
}

/// Events, the same for the same seed.
pub(crate) struct Events {
    random: Rng,
    count: u64,
}

impl Events {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), count: 0 }
    }

    /// The next event and its partition.
    pub(crate) fn next(&mut self) -> (u32, String) {
        let id = self.count;
        self.count += 1;
        let random = &mut self.random;
        let late_ms = if random.u32(..100) == 0 { LATE_MS } else { DISORDER_MS };
        let time_ms = now_ms(id) - random.i64(0..late_ms);
        let model = random.u32(..MODELS);
        let latency_quarters = random.u32(1..40_000);
        let (tokens, ok) = (random.u32(1..5_000), random.u32(..10) > 0);
        let latency_ms = f64::from(latency_quarters) / 4.0;
        let start = format!("{{\"id\":{id},\"model\":\"m{model:02}\",\"latency_ms\":{latency_ms}");
        let event = match random.u32(..1000) {
            0 => format!("{start},\"tokens\":{tokens},\"ok\":{ok}}}"),
            1 => format!("{start},\"tokens\":\"{tokens}\",\"ok\":{ok},\"ts\":{time_ms}}}"),
            2 => format!("{start},\"tokens\":{tokens},\"ok\":{ok},\"ts\":{time_ms}}} and more"),
            3 => "no event".to_owned(),
            _ => format!("{start},\"tokens\":{tokens},\"ok\":{ok},\"ts\":{time_ms}}}"),
        };
        (random.u32(..PARTITIONS), event)
    }

    /// An event behind which no window of the others is open; WHERE does not keep it.
    pub(crate) fn closing(&mut self) -> String {
        let (id, time_ms) = (self.count, now_ms(self.count) + BEHIND_MS);
        self.count += 1;
        format!("{{\"id\":{id},\"model\":\"\",\"latency_ms\":0,\"tokens\":0,\"ok\":false,\"ts\":{time_ms}}}")
    }
}

/// The event time that it is when an event is written.
fn now_ms(id: u64) -> i64 {
    START_MS + (id * 2 / EVENTS_IN_2_MS).cast_signed()
}
