//! How many records would be read.

use rdkafka::consumer::Consumer as _;
use streamgauge_common::offset::Offset;

use super::positions::{self, NoPosition, PATIENCE, StartAt};
use crate::{ClientError, Connection, client};

/// How many records a topic has from a start to its end as it is now. Offsets that hold no record, as those of transactions do, are
/// counted too.
///
/// # Errors
/// The brokers do not answer, or there is no such topic.
pub fn count_records(connection: &Connection, topic: &str, start: StartAt) -> Result<u64, ClientError> {
    let consumer = client::consumer_with(connection, &[])?;
    let failed = |error: NoPosition| ClientError::Kafka(format!("topic '{topic}': {error:?}"));
    let partitions = positions::topic(&consumer, topic).map_err(failed)?.partitions;
    let starts = positions::starts(&consumer, topic, &partitions, &Default::default(), start);
    let mut count = 0;
    for position in starts.map_err(failed)? {
        let ends = consumer.fetch_watermarks(topic, position.partition as i32, PATIENCE);
        let (_, end) = ends.map_err(|error| failed(NoPosition::unanswered(error)))?;
        let Offset(start) = position.start;
        count += u64::try_from(end.saturating_sub(start)).unwrap_or(0);
    }
    Ok(count)
}
