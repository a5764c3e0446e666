//! A reader of a Kafka topic.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use streamgauge_common::clock::Stopwatch;
use streamgauge_kafka::KafkaSource;

use super::{Event, Gone, Out, ReaderControl, SourceReader, start};
use crate::{decode::schema::SharedSchema, source::SourceError, timings::Timings};

/// How long a reader of Kafka waits for records before it looks what it is told: the client wakes it for records only.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it says where its partitions end.
const ENDS_EVERY: Duration = Duration::from_secs(2);

/// A Kafka topic; where it is bounded it is over when all its partitions are done.
///
/// # Errors
/// Settings that the client does not take.
pub fn kafka(
    name: &str,
    connection: &streamgauge_kafka::Connection,
    reading: streamgauge_kafka::Reading,
    queue_batches: usize,
    schema: Arc<SharedSchema>,
    timings: Arc<Timings>,
) -> Result<SourceReader, SourceError> {
    let bounded = reading.bounded;
    let source = KafkaSource::new(connection, reading)?;
    let name = format!("source '{name}' at {}", connection.brokers);
    let read = move |out: &mut Out, reader: &ReaderControl| read_kafka(source, &name, bounded, out, reader);
    start(queue_batches, schema, timings, read).map_err(SourceError::Thread)
}

fn read_kafka(
    mut source: KafkaSource,
    name: &str,
    bounded: bool,
    out: &mut Out,
    reader: &ReaderControl,
) -> Result<(), Gone> {
    let mut unfinished = BTreeSet::new();
    let mut paused = BTreeSet::new();
    let mut since_ends: Option<Stopwatch> = None;
    while !reader.is_over() {
        let held = reader.held();
        if held != paused {
            let list =
                |from: &BTreeSet<u32>, to: &BTreeSet<u32>| to.difference(from).copied().collect::<Vec<_>>();
            let told =
                source.pause(&list(&paused, &held)).and_then(|()| source.resume(&list(&held, &paused)));
            if let Err(error) = told {
                return out.event(Event::Failed(error.to_string()));
            }
            paused = held;
        }
        if since_ends.is_none_or(|since| since.elapsed() >= ENDS_EVERY) {
            since_ends = Some(Stopwatch::start());
            let ends = source.ends();
            if !ends.is_empty() {
                out.event(Event::EndsNow(ends))?;
            }
        }
        source.set_closes_after(reader.closes_after());
        let Some(event) = source.next(LOOK_EVERY) else { continue };
        match event {
            streamgauge_kafka::Event::Started(position) => {
                let streamgauge_kafka::Position { partition, start, end } = position;
                unfinished.insert(partition);
                out.event(Event::Assigned { partition, start, end })?;
            }
            streamgauge_kafka::Event::Records(chunk) => out.chunk(chunk)?,
            streamgauge_kafka::Event::ReachedEnd { partition } => {
                out.event(Event::ReachedEnd { partition })?
            }
            streamgauge_kafka::Event::Done { partition } => {
                unfinished.remove(&partition);
                out.event(Event::Done { partition })?;
                if bounded && unfinished.is_empty() {
                    return Ok(());
                }
            }
            streamgauge_kafka::Event::Topic { id } => out.event(Event::Topic(id))?,
            streamgauge_kafka::Event::Asked => out.event(Event::Asked)?,
            streamgauge_kafka::Event::Idle { partitions, silent } => {
                out.event(Event::Idle { partitions, silent })?;
            }
            streamgauge_kafka::Event::Waiting { message } => {
                out.event(Event::Waits(format!("{name} waits: {message}")))?;
            }
            streamgauge_kafka::Event::Resumed => {
                out.event(Event::GoesOn(format!("{name} goes on")))?;
            }
            streamgauge_kafka::Event::Failed { message } => {
                return out.event(Event::Failed(message));
            }
        }
    }
    Ok(())
}
