//! How many records would be read.

use rdkafka::consumer::Consumer as _;
use streamgauge_common::offset::Offset;

use super::positions::{self, PATIENCE, StartAt};
use crate::{Connection, client};

/// How many records a topic has from a start to its end as it is now. Offsets that hold no record, as those of transactions do, are
/// counted too. None where the brokers do not answer, or there is no such topic.
pub fn count_records(connection: &Connection, topic: &str, start: StartAt) -> Option<u64> {
    let consumer = client::consumer_with(connection, &[]).ok()?;
    let partitions = positions::topic(&consumer, topic).ok()?.partitions;
    let starts = positions::starts(&consumer, topic, &partitions, &Default::default(), start);
    let mut count = 0;
    for position in starts.ok()? {
        let (_, end) = consumer.fetch_watermarks(topic, position.partition as i32, PATIENCE).ok()?;
        let Offset(start) = position.start;
        count += u64::try_from(end.saturating_sub(start)).unwrap_or(0);
    }
    Some(count)
}
