//! Sends the [generator](crate::source::generator)'s events to Kafka when they are due.

use std::{
    iter::Peekable,
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use streamgauge_common::clock;
use streamgauge_kafka::{ClientError, Connection, Producer, Record};

use super::{
    Failure,
    broker::{Broker, failed},
    say,
};
use crate::source::generator::Generator;

/// How often events that are due are sent.
const TICK: Duration = Duration::from_millis(50);
/// How long the broker may take for the history.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Events on their way to a topic.
pub(super) struct Traffic {
    producer: Producer,
    events: Peekable<Generator>,
    live_us: i64,
}

impl Traffic {
    /// Traffic that goes live now, with so much history.
    pub(super) fn new(broker: &Broker, history: Duration, rate: f64) -> Result<Self, Failure> {
        let mut connection: Connection = broker.connection().clone();
        // The broker inside the process keeps 5 MiB a partition.
        connection.properties.insert("compression.type".to_owned(), "zstd".to_owned());
        let producer = Producer::new(&connection, broker.topic()).map_err(failed)?;
        let live_us = clock::now_us();
        let start_us = live_us.saturating_sub(i64::try_from(history.as_micros()).unwrap_or(i64::MAX));
        let events = Generator::new(live_us.cast_unsigned(), start_us, live_us, rate).peekable();
        Ok(Self { producer, events, live_us })
    }

    /// Sends what happened before it went live, and waits until the broker has it.
    pub(super) fn write_history(&mut self) -> Result<(), Failure> {
        self.send_until(self.live_us).and_then(|()| self.producer.flush(WRITE_WITHIN)).map_err(failed)
    }

    /// Sends events when they are due, on a thread of its own.
    pub(super) fn go_live(mut self) -> Result<Live, Failure> {
        let (stop, stopped) = bounded(0);
        let thread = thread::Builder::new().name("traffic".to_owned()).spawn(move || {
            if let Err(error) = self.flow(&stopped) {
                say(&format!("the traffic has ended: {error}"));
            }
        });
        let thread =
            thread.map_err(|error| Failure::Runtime(format!("error: cannot start a thread: {error}")))?;
        Ok(Live { stop, thread })
    }

    fn flow(&mut self, stopped: &Receiver<()>) -> Result<(), ClientError> {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            self.send_until(clock::now_us())?;
        }
        Ok(())
    }

    fn send_until(&mut self, time_us: i64) -> Result<(), ClientError> {
        while let Some(event) = self.events.next_if(|event| event.sent_us < time_us) {
            self.producer.send(&Record {
                partition: None,
                key: Some(event.key.as_bytes()),
                value: Some(&event.record),
                time_us: Some(event.sent_us),
            })?;
        }
        Ok(())
    }
}

/// Traffic that flows.
pub(super) struct Live {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Live {
    /// Sends nothing more.
    pub(super) fn stop(self) {
        drop(self.stop);
        // One that panicked has stopped, too.
        drop(self.thread.join());
    }
}
