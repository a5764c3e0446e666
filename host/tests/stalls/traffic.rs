//! What goes in: events whose time is the time of day, at a rate of its own for each partition.

use std::{
    collections::BTreeMap,
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Sender, bounded, select, tick};
use streamgauge_common::clock::{self, Stopwatch};
use streamgauge_kafka::{Connection, Producer, Record};

const LOOK_EVERY: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(60);
/// How far behind the last event are those that close all windows.
const BEHIND_MS: i64 = 60_000;
/// The windows of the query.
const SIZE_MS: i64 = 1_000;

/// How many events a window has, and the sum of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) n: i64,
    pub(crate) ids: i64,
}

/// By the end of the window, in milliseconds since the epoch.
pub(crate) type Windows = BTreeMap<i64, Counted>;

/// The next event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    count: i64,
    windows: Windows,
}

impl Events {
    /// An event of now, which counts.
    pub(crate) fn next(&mut self) -> String {
        let ts = clock::now_us() / 1000;
        self.count += 1;
        let window = self.windows.entry(ts.div_euclid(SIZE_MS) * SIZE_MS + SIZE_MS).or_default();
        window.n += 1;
        window.ids += self.count;
        format!("{{\"id\":{},\"ts\":{ts}}}", self.count)
    }

    /// An event of now that nobody must ever see.
    pub(crate) fn lost(&self) -> String {
        format!("{{\"id\":-1000000,\"ts\":{}}}", clock::now_us() / 1000)
    }

    /// An event behind which no window of the others is open.
    pub(crate) fn closing(&self) -> String {
        format!("{{\"id\":0,\"ts\":{}}}", clock::now_us() / 1000 + BEHIND_MS)
    }

    pub(crate) fn windows(&self) -> &Windows {
        &self.windows
    }
}

/// A producer at work.
pub(crate) struct Traffic {
    stop: Sender<()>,
    writing: JoinHandle<Events>,
}

impl Traffic {
    /// Writes an event to each of these partitions, as often as it says.
    pub(crate) fn start(connection: &Connection, topic: &str, partitions: &[(u32, Duration)]) -> Self {
        let producer = Producer::new(connection, topic).unwrap();
        let (stop, stopped) = bounded(0);
        let partitions = partitions.to_vec();
        let writing = thread::spawn(move || {
            let (due, since, mut events) = (tick(LOOK_EVERY), Stopwatch::start(), Events::default());
            let mut written = vec![0_u32; partitions.len()];
            loop {
                select! {
                    recv(due) -> _ => {}
                    recv(stopped) -> _ => break,
                }
                for ((partition, every), written) in partitions.iter().zip(&mut written) {
                    while *every * *written <= since.elapsed() {
                        send(&producer, *partition, &events.next());
                        *written += 1;
                    }
                }
            }
            producer.flush(PATIENCE).unwrap();
            events
        });
        Self { stop, writing }
    }

    /// Waits until all is written.
    pub(crate) fn finish(self) -> Events {
        self.stop.send(()).expect("it writes");
        self.writing.join().expect("all events were written")
    }
}

/// Writes an event.
pub(crate) fn send(producer: &Producer, partition: u32, event: &str) {
    let record =
        Record { partition: Some(partition), key: None, value: Some(event.as_bytes()), time_us: None };
    producer.send(&record).unwrap();
}

/// Writes to all partitions what closes the windows of all events before.
pub(crate) fn close(connection: &Connection, topic: &str, partitions: u32, events: &Events) {
    let producer = Producer::new(connection, topic).unwrap();
    (0..partitions).for_each(|partition| send(&producer, partition, &events.closing()));
    producer.flush(PATIENCE).unwrap();
}
