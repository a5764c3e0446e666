//! The control topic: what was delivered, told in the transactions that deliver it.
//!
//! It is compacted and has one partition. A writer has two keys in it:
//!
//! | key | number | written |
//! |---|---|---|
//! | `delivered/ID` | of the last message that was delivered | in each transaction, with the messages |
//! | `opened/ID` | drawn by lot | in a transaction of its own, by whoever opens |
//!
//! A value is `SGCT`, the version (1 byte), the number (8 bytes, least first) and the XXH3 of key and all that (8 bytes).
//!
//! Who opens writes a *mark* and reads until it meets it. What was delivered before stands before the mark, whatever the
//! brokers say of the partition's end: one that lost its place as leader does not have the mark, and a transaction of
//! somebody else that is still open holds the mark back too.

use std::time::Duration;

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    admin::{self, Creation},
    client::{self, Consumer},
    outgoing::{KeepWaiting, STEP, Step, WriteError, wait},
    settings::Connection,
};

const MAGIC: &[u8; 4] = b"SGCT";
const VERSION: u8 = 1;
const CHECKED_BYTES: usize = MAGIC.len() + 1 + size_of::<u64>();

/// How a control topic is made: compacted early, so that little is read at an opening.
const SETTINGS: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "3600000"),
];
/// The most that a reader fetches ahead.
const FETCHED_KIB_MAX: &str = "4096";
/// How long nothing may come from the control topic: longer than any transaction that holds the reader back.
const SILENT_MAX: Duration = Duration::from_secs(75);

/// Where a writer keeps what it has delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The control topic; made if there is none.
    pub topic: String,
    /// The writer's name, of which there is one for each state, query and sink.
    pub id: String,
}

/// An opening, as it stands in the control topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) number: u64,
    /// 0 where it has not been read yet.
    pub(super) offset: i64,
}

impl Control {
    pub(super) fn delivered_key(&self) -> Vec<u8> {
        format!("delivered/{}", self.id).into_bytes()
    }

    pub(super) fn opened_key(&self) -> Vec<u8> {
        format!("opened/{}", self.id).into_bytes()
    }

    /// Makes the topic if there is none; one that forgets is refused.
    pub(super) fn prepare(&self, connection: &Connection) -> Result<(), WriteError> {
        let topic = &self.topic;
        match admin::topic_settings(connection, topic)?.get("cleanup.policy").map(String::as_str) {
            Some("compact") => Ok(()),
            Some(other) => Err(WriteError::Setting(format!(
                "control topic '{topic}' has cleanup.policy '{other}' and would forget what was delivered: set it to \
                 'compact'"
            ))),
            None => match admin::create(connection, topic, 1, SETTINGS)? {
                Creation::Made => Ok(()),
                // Made by somebody else at this moment; if not, we are not allowed to see what is set.
                Creation::Existed => Err(WriteError::Forbidden(format!(
                    "the settings of control topic '{topic}' cannot be seen: allow its user DescribeConfigs"
                ))),
                Creation::Forbidden => Err(WriteError::Forbidden(format!(
                    "control topic '{topic}' may not be seen, or made: allow its user Create, Read, Write and \
                     DescribeConfigs, or make it with one partition and cleanup.policy=compact and allow the last three"
                ))),
            },
        }
    }

    /// Reads up to `mark`, from the start or behind an earlier offset: the mark as it stands there, and the last
    /// delivered number if there is one.
    pub(super) fn read(
        &self,
        connection: &Connection,
        from: Option<i64>,
        mark: u64,
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<(Mark, Option<u64>), WriteError> {
        let consumer = self.consumer(connection, from, "read_committed")?;
        let (delivered_key, opened_key) = (self.delivered_key(), self.opened_key());
        let mut delivered = None;
        wait(keep_waiting, SILENT_MAX, || {
            let record = match consumer.poll(STEP) {
                Some(Ok(record)) => record,
                Some(Err(KafkaError::PartitionEOF(_))) | None => {
                    let why = "the control topic has a transaction that is not ended".to_string();
                    return Ok(Step::Nothing(consumer.context().take().unwrap_or(why)));
                }
                Some(Err(error)) => return self.failed(&consumer, &error),
            };
            let Some(key) = record.key() else { return Ok(Step::Further) };
            if key == delivered_key {
                delivered = Some(self.decode(key, record.payload())?);
            } else if key == opened_key && self.decode(key, record.payload())? == mark {
                return Ok(Step::Done((Mark { number: mark, offset: record.offset() }, delivered)));
            }
            Ok(Step::Further)
        })
    }

    /// Whether somebody has opened, or begun to, since this mark was written.
    pub(super) fn opened_since(
        &self,
        connection: &Connection,
        mark: Mark,
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<bool, WriteError> {
        let consumer = self.consumer(connection, Some(mark.offset + 1), "read_uncommitted")?;
        let opened_key = self.opened_key();
        wait(keep_waiting, SILENT_MAX, || match consumer.poll(STEP) {
            Some(Ok(record)) if record.key() == Some(opened_key.as_slice()) => Ok(Step::Done(true)),
            Some(Ok(_)) => Ok(Step::Further),
            Some(Err(KafkaError::PartitionEOF(_))) => Ok(Step::Done(false)),
            Some(Err(error)) => self.failed(&consumer, &error),
            None => Ok(Step::Nothing(consumer.context().take().unwrap_or_default())),
        })
    }

    fn consumer(
        &self,
        connection: &Connection,
        from: Option<i64>,
        isolation: &str,
    ) -> Result<Consumer, WriteError> {
        let settings = [("isolation.level", isolation), ("queued.max.messages.kbytes", FETCHED_KIB_MAX)];
        let consumer = client::consumer_with(connection, &settings)?;
        let mut assigned = TopicPartitionList::new();
        let added =
            assigned.add_partition_offset(&self.topic, 0, from.map_or(Offset::Beginning, Offset::Offset));
        let assigned = added.and_then(|()| consumer.assign(&assigned));
        assigned.map_err(|error| WriteError::Away(error.to_string()))?;
        Ok(consumer)
    }

    /// An error of the reader: brokers that are away come back, offsets that are gone do not.
    fn failed<T>(&self, consumer: &Consumer, error: &KafkaError) -> Result<Step<T>, WriteError> {
        let why = consumer.context().take().unwrap_or_else(|| error.to_string());
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Err(WriteError::Setting(format!("control topic '{}' was made anew: {why}", self.topic)))
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Err(WriteError::Forbidden(format!(
                "control topic '{}' may not be read: allow its user Read",
                self.topic
            ))),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(WriteError::Away(why)),
            _ => Ok(Step::Nothing(why)),
        }
    }

    /// The number in a value, or why this topic cannot be trusted.
    fn decode(&self, key: &[u8], value: Option<&[u8]>) -> Result<u64, WriteError> {
        decode(key, value.unwrap_or_default()).map_err(|why| {
            let (topic, key) = (&self.topic, String::from_utf8_lossy(key));
            WriteError::Setting(format!("control topic '{topic}' has a bad record under '{key}': {why}"))
        })
    }
}

/// The value that says a number under a key.
pub(super) fn encode(key: &[u8], number: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(CHECKED_BYTES + size_of::<u64>());
    value.extend_from_slice(MAGIC);
    value.push(VERSION);
    value.extend_from_slice(&number.to_le_bytes());
    let checksum = checksum(key, &value);
    value.extend_from_slice(&checksum.to_le_bytes());
    value
}

fn decode(key: &[u8], value: &[u8]) -> Result<u64, String> {
    let Some((&[version], rest)) = value.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<1>())
    else {
        return Err("it was not written by streamgauge".into());
    };
    if version != VERSION {
        return Err(format!(
            "it has version {version}, this streamgauge reads version {VERSION}: use a newer one"
        ));
    }
    match (rest.split_first_chunk::<8>(), value.split_at_checked(CHECKED_BYTES)) {
        (Some((number, sum)), Some((checked, _))) if sum == checksum(key, checked).to_le_bytes() => {
            Ok(u64::from_le_bytes(*number))
        }
        _ => Err("its checksum does not fit".into()),
    }
}

fn checksum(key: &[u8], checked: &[u8]) -> u64 {
    xxh3_64(&[key, checked].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_under_its_own_key_only() {
        let value = encode(b"delivered/a", 77);
        assert_eq!(decode(b"delivered/a", &value), Ok(77));
        assert_eq!(decode(b"delivered/b", &value), Err("its checksum does not fit".into()));
    }

    #[test]
    fn no_change_of_a_value_goes_unseen() {
        let value = encode(b"k", u64::MAX / 3);
        for bit in 0..value.len() * 8 {
            let mut changed = value.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(b"k", &changed).is_err(), "bit {bit}");
        }
        for length in 0..value.len() {
            assert!(decode(b"k", &value[..length]).is_err(), "length {length}");
        }
        assert!(decode(b"k", &[value.as_slice(), b"x"].concat()).is_err());
    }

    #[test]
    fn another_version_is_named() {
        let mut value = encode(b"k", 1);
        value[4] = 2;
        let told = decode(b"k", &value).unwrap_err();
        assert_eq!(told, "it has version 2, this streamgauge reads version 1: use a newer one");
    }
}
