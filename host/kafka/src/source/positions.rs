//! Where each partition is read from, and to.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use rdkafka::{
    TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataPartition,
};

use streamgauge_common::offset::Offset;

use crate::{client::Consumer, error::is_missing};

/// How long one question to the brokers may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// From where to read a partition of which no offset is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// What the topic still has.
    Earliest,
    /// What comes from now on.
    Latest,
    /// The first record written at this time or later, in microseconds since the epoch.
    Time(i64),
}

/// A partition's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: u32,
    /// The first offset that is read.
    pub start: Offset,
    /// The first offset that is not, if it is read to an end.
    pub end: Option<Offset>,
}

/// Why there are no positions.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPosition {
    /// It may work later.
    Waiting(String),
    /// The brokers do not answer; their client may know more.
    Unanswered(String),
    /// The topic does not exist.
    Missing,
    /// It may not be read.
    Forbidden,
    /// A transaction is open before its end.
    Open(String),
    /// It never will.
    Lost(String),
}

impl NoPosition {
    fn unanswered(error: KafkaError) -> Self {
        Self::Unanswered(error.to_string())
    }
}

/// A topic as the brokers know it now.
pub(super) struct Topic {
    /// Its partitions, ascending.
    pub(super) partitions: Vec<u32>,
    /// Who leads each.
    pub(super) leaders: BTreeMap<u32, i32>,
    /// The brokers, by id.
    pub(super) brokers: VecDeque<i32>,
}

/// The partitions that a topic has now, and the brokers that there are.
pub(super) fn topic(consumer: &Consumer, topic: &str) -> Result<Topic, NoPosition> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(NoPosition::unanswered)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or(NoPosition::Missing)?;
    match found.error().map(RDKafkaErrorCode::from) {
        Some(code) if is_missing(code) => return Err(NoPosition::Missing),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => return Err(NoPosition::Forbidden),
        Some(error) => return Err(NoPosition::Waiting(format!("topic '{topic}': {error}"))),
        None if found.partitions().is_empty() => return Err(NoPosition::Missing),
        None => {}
    }
    if let Some(without) = found.partitions().iter().find(|partition| partition.leader() < 0) {
        return Err(NoPosition::Waiting(format!("topic '{topic}' partition {} has no leader", without.id())));
    }
    let led = |partition: &MetadataPartition| Some((u32::try_from(partition.id()).ok()?, partition.leader()));
    let leaders: BTreeMap<u32, i32> = found.partitions().iter().filter_map(led).collect();
    let partitions = leaders.keys().copied().collect();
    Ok(Topic { partitions, leaders, brokers: metadata.brokers().iter().map(|broker| broker.id()).collect() })
}

/// Where to read these partitions from: the known offset, if the topic still has it, or by `start`.
pub(super) fn starts(
    consumer: &Consumer,
    topic: &str,
    partitions: &[u32],
    known: &BTreeMap<u32, Offset>,
    start: StartAt,
) -> Result<Vec<Position>, NoPosition> {
    // The ends come first: what is written while we ask is then behind them, and read.
    let mut bounds = Vec::new();
    for &partition in partitions {
        let (low, high) =
            consumer.fetch_watermarks(topic, partition as i32, PATIENCE).map_err(NoPosition::unanswered)?;
        bounds.push((partition, (Offset(low), Offset(high))));
    }
    let mut from = BTreeMap::new();
    if let StartAt::Time(time_us) = start {
        from = at_time(consumer, topic, partitions, time_us)?;
    }
    let position = |(partition, (low, high)): (u32, (Offset, Offset))| {
        let start = match (known.get(&partition), start) {
            (Some(&offset), _) if (low..=high).contains(&offset) => offset,
            (Some(&offset), _) => return Err(lost(topic, partition, offset, low, high)),
            (None, StartAt::Earliest) => low,
            (None, StartAt::Latest) => high,
            (None, StartAt::Time(_)) => from.get(&partition).copied().unwrap_or(high),
        };
        Ok(Position { partition, start, end: None })
    };
    bounds.into_iter().map(position).collect()
}

/// The first offsets written at a time or later; none where nothing was.
fn at_time(
    consumer: &Consumer,
    topic: &str,
    partitions: &[u32],
    time_us: i64,
) -> Result<BTreeMap<u32, Offset>, NoPosition> {
    let mut times = TopicPartitionList::new();
    // Kafka counts milliseconds, and negative ones mean something else to it.
    let time = rdkafka::Offset::Offset(time_us.div_euclid(1000).max(0));
    for &partition in partitions {
        times.add_partition_offset(topic, partition as i32, time).map_err(NoPosition::unanswered)?;
    }
    let found = consumer.offsets_for_times(times, PATIENCE).map_err(NoPosition::unanswered)?;
    let mut offsets = BTreeMap::new();
    for element in found.elements_for_topic(topic) {
        element.error().map_err(NoPosition::unanswered)?;
        if let (Ok(partition), rdkafka::Offset::Offset(offset)) =
            (u32::try_from(element.partition()), element.offset())
        {
            offsets.insert(partition, Offset(offset));
        }
    }
    Ok(offsets)
}

fn lost(topic: &str, partition: u32, offset: Offset, low: Offset, high: Offset) -> NoPosition {
    NoPosition::Lost(format!(
        "topic '{topic}' partition {partition} has offsets {low} to {high}, but {offset} is next: records were lost to \
         retention, or the topic was made anew"
    ))
}
