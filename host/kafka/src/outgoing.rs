//! What all writers of messages share: a client whose acknowledgements are waited for, and why they may not come.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};
use streamgauge_common::{
    clock::Stopwatch,
    message::{Message, Payload},
};

use crate::{
    client::{self, Reports},
    error::{ClientError, is_missing},
    settings::Connection,
};

/// How long one look at the client takes.
pub(super) const STEP: Duration = Duration::from_millis(100);
/// The same while acknowledgements are due any moment, and how many such looks there are.
const SHORT_STEP: Duration = Duration::from_millis(1);
const SHORT_LOOKS: usize = 500;
/// How long a question to the brokers may take.
const ASKED_WITHIN: Duration = Duration::from_secs(2);
/// A header that every record has: its message's key.
const KEY_HEADER: &str = "idempotency-key";
/// What the transactional ids of all writers begin with.
pub(super) const TRANSACTIONS_PREFIX: &str = "streamgauge/";
/// The number of a record that is no message.
const NO_MESSAGE: usize = 0;

/// What is set for every writer; the connection's properties may change the first part only.
const TUNING: &[(&str, &str)] =
    &[("client.id", "streamgauge"), ("linger.ms", "0"), ("reconnect.backoff.max.ms", "1000")];
const PROMISES: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // As Kafka's own clients do: a key has one partition, whoever writes it.
    ("partitioner", "murmur2_random"),
    // How long a topic that was there may be unknown to its brokers before its records fail.
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// Asked some times a second by whoever waits for Kafka, and told for how long nothing has come and why, as far as is
/// known: whether to wait on.
pub type KeepWaiting<'a> = dyn Fn(Duration, &str) -> bool + 'a;

/// Why messages were not written, or nobody may write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The settings are wrong: it never works.
    #[error("{0}")]
    Setting(String),
    /// Kafka will never take one of these messages.
    #[error("Kafka does not take a record: {why}")]
    Refused {
        /// The poison message's number is among these; if it is the only one, it is poison.
        sequences: Vec<u64>,
        /// Why, for people.
        why: String,
        /// Whether all others were written; else none was.
        others_written: bool,
    },
    /// It is not known what was written; open again, and see.
    #[error("{0}")]
    Away(String),
    /// As [`WriteError::Away`]: a permission is missing, and may be given later.
    #[error("{0}")]
    Forbidden(String),
    /// Somebody else has opened under the same name since, and this one may never write again.
    #[error("another streamgauge with this state writes to topic '{0}': stop one of them")]
    Superseded(String),
    /// Whoever waited does not wait any longer; as [`WriteError::Away`].
    #[error("stopped")]
    Stopped,
}

impl WriteError {
    /// Whether Kafka answers and does not take a message.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

impl From<ClientError> for WriteError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Setting(why) => Self::Setting(why),
            other => Self::Away(other.to_string()),
        }
    }
}

/// How far a step of waiting came.
pub(super) enum Step<T> {
    Done(T),
    /// Something came.
    Further,
    /// Nothing came; why, as far as is known.
    Nothing(String),
}

/// Takes steps until one is the last, or nothing has come for too long.
pub(super) fn wait<T>(
    keep_waiting: &KeepWaiting<'_>,
    patience: Duration,
    mut step: impl FnMut() -> Result<Step<T>, WriteError>,
) -> Result<T, WriteError> {
    let mut quiet = Stopwatch::start();
    loop {
        let why = match step()? {
            Step::Done(done) => return Ok(done),
            Step::Further => {
                quiet = Stopwatch::start();
                String::new()
            }
            Step::Nothing(why) => why,
        };
        let nothing_for = quiet.elapsed();
        if !keep_waiting(nothing_for, &why) {
            return Err(WriteError::Stopped);
        }
        if nothing_for >= patience {
            return Err(WriteError::Away(why));
        }
    }
}

/// What became of records.
#[derive(Default)]
pub(super) struct Fates {
    reports: Reports,
    bad: Mutex<Bad>,
}

#[derive(Default)]
struct Bad {
    /// The numbers of those that Kafka will never take, and why.
    refused: Vec<u64>,
    why: Option<RDKafkaErrorCode>,
    /// Why others were not written.
    failed: Option<RDKafkaErrorCode>,
    /// Others were given up by the client because of something else, whose report may come after theirs.
    purged: Option<RDKafkaErrorCode>,
}

impl Bad {
    fn note(&mut self, code: RDKafkaErrorCode, sequence: usize) {
        if is_refusal(code) && sequence != NO_MESSAGE {
            self.refused.push(sequence as u64);
            self.why.get_or_insert(code);
        } else if matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) {
            self.purged.get_or_insert(code);
        } else {
            self.failed.get_or_insert(code);
        }
    }

    /// Takes the cause of what was not written, if it is known.
    fn cause(&mut self) -> Option<Cause> {
        let refused = std::mem::take(&mut self.refused);
        match (self.why.take(), self.failed.take()) {
            (Some(why), _) => Some(Cause::Refused(refused, why)),
            (None, failed) => failed.map(Cause::Failed),
        }
    }
}

/// Why records were not written.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    Refused(Vec<u64>, RDKafkaErrorCode),
    Failed(RDKafkaErrorCode),
}

impl Fates {
    fn bad(&self) -> MutexGuard<'_, Bad> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Fates {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.reports.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(error, reason);
    }
}

impl ProducerContext for Fates {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, sequence: usize) {
        let Err((error, _)) = result else { return };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        self.bad().note(code, sequence);
    }
}

/// Whether an error is the record's own fault: it will be so each time.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::MessageBatchTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTimestamp
    )
}

/// Whether an error says that somebody else has our name: or so it seems.
fn is_fence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

/// A record as the client takes it, with the number of its message.
type Given<'a> = BaseRecord<'a, [u8], [u8], usize>;

pub(super) type Client = BaseProducer<Fates>;

/// A client that writes to one topic.
pub(super) struct Outgoing {
    producer: Client,
    topic: String,
}

impl Outgoing {
    /// Makes the client; it speaks with no broker yet.
    pub(super) fn new(
        connection: &Connection,
        topic: &str,
        promises: &[(&str, &str)],
    ) -> Result<Self, WriteError> {
        let mut config = client::tuned(connection, TUNING);
        client::extend(&mut config, PROMISES);
        client::extend(&mut config, promises);
        let producer = config.create_with_context(Fates::default()).map_err(client::setting)?;
        Ok(Self { producer, topic: topic.to_owned() })
    }

    /// The client, for what only some writers do.
    pub(super) fn client(&self) -> &Client {
        &self.producer
    }

    /// Whether the topic is there; brokers that make topics make it now.
    pub(super) fn find_topic(&self) -> Result<(), WriteError> {
        let topic = &self.topic;
        let found = self.producer.client().fetch_metadata(Some(topic), ASKED_WITHIN);
        let found = found.map_err(|error| WriteError::Away(self.why(&error)))?;
        let error = found.topics().iter().find(|found| found.name() == topic).and_then(|found| found.error());
        match error.map(RDKafkaErrorCode::from) {
            None => Ok(()),
            Some(code) if is_missing(code) => {
                Err(WriteError::Away(format!("topic '{topic}' does not exist; waiting for it")))
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Err(self.not_allowed()),
            Some(code) => Err(WriteError::Away(format!("topic '{topic}': {code}"))),
        }
    }

    /// Takes a message over. The only error that is the message's fault is [`WriteError::Refused`].
    pub(super) fn send(&self, message: &Message, keep_waiting: &KeepWaiting<'_>) -> Result<(), WriteError> {
        let refused =
            |why| WriteError::Refused { sequences: vec![message.sequence], why, others_written: false };
        let Payload::Record(record) = &message.payload else {
            return Err(refused("it is made for another kind of sink".into()));
        };
        let own = (!record.headers.iter().any(|(name, _)| name == KEY_HEADER))
            .then_some((KEY_HEADER, message.key.as_bytes()));
        let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).chain(own);
        let headers = headers.fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let mut outgoing: Given<'_> =
            BaseRecord::with_opaque_to(&self.topic, message.sequence as usize).headers(headers);
        outgoing.key = record.key.as_deref();
        outgoing.payload = record.value.as_deref();
        match self.give(outgoing, keep_waiting)? {
            None => Ok(()),
            Some(error) if error.rdkafka_error_code().is_some_and(is_refusal) => {
                Err(refused(error.to_string()))
            }
            Some(error) => Err(self.trouble(&error)),
        }
    }

    /// Takes a record over that is no message, for the first partition of some topic.
    pub(super) fn send_beside(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<(), WriteError> {
        let record = BaseRecord::with_opaque_to(topic, NO_MESSAGE).partition(0).key(key).payload(value);
        self.give(record, keep_waiting)?.map_or(Ok(()), |error| Err(self.trouble(&error)))
    }

    /// Takes a record over, or says why the client does not; waits while its queue is full.
    fn give(
        &self,
        record: Given<'_>,
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<Option<KafkaError>, WriteError> {
        let mut next = Some(record);
        wait(keep_waiting, Duration::MAX, || {
            let Some(record) = next.take() else { return Ok(Step::Done(None)) };
            match self.producer.send(record) {
                Ok(()) => Ok(Step::Done(None)),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                    next = Some(record);
                    self.producer.poll(STEP);
                    Ok(Step::Nothing(String::new()))
                }
                Err((error, _)) => Ok(Step::Done(Some(error))),
            }
        })
    }

    /// Waits until all records are acknowledged, or one is not.
    pub(super) fn acknowledged(
        &self,
        keep_waiting: &KeepWaiting<'_>,
        patience: Duration,
    ) -> Result<(), WriteError> {
        let mut left = self.producer.in_flight_count();
        let mut looks = 0;
        let waited = wait(keep_waiting, patience, || {
            // A look takes its whole time even if all is acknowledged at once, so first they are short.
            looks += 1;
            let flushed = self.producer.flush(if looks <= SHORT_LOOKS { SHORT_STEP } else { STEP });
            self.verdict()?;
            let before = std::mem::replace(&mut left, self.producer.in_flight_count());
            Ok(match flushed {
                Ok(()) => Step::Done(()),
                Err(_) if left < before => Step::Further,
                Err(error) => Step::Nothing(self.why(&error)),
            })
        });
        // What could not be written may have been told while we gave up.
        waited.and_then(|()| self.verdict())?;
        // All reports are there, and none of them says why records were given up.
        let purged = self.producer.context().bad().purged.take();
        purged.map_or(Ok(()), |code| Err(self.trouble(&KafkaError::MessageProduction(code))))
    }

    /// The bad news of the records since the last time.
    fn verdict(&self) -> Result<(), WriteError> {
        let cause = self.producer.context().bad().cause();
        match cause {
            Some(Cause::Refused(sequences, why)) => {
                Err(WriteError::Refused { sequences, why: why.to_string(), others_written: false })
            }
            Some(Cause::Failed(code)) => Err(self.trouble(&KafkaError::MessageProduction(code))),
            None => Ok(()),
        }
    }

    /// What an error means for the writer.
    pub(super) fn trouble(&self, error: &KafkaError) -> WriteError {
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        match error.rdkafka_error_code() {
            code if code.into_iter().chain(fatal).any(is_fence) => WriteError::Superseded(self.topic.clone()),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => self.not_allowed(),
            Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => WriteError::Forbidden(format!(
                "transactions for topic '{}' are not allowed: allow its user Write on transactional ids that begin with \
                 '{TRANSACTIONS_PREFIX}'",
                self.topic
            )),
            _ => WriteError::Away(self.why(error)),
        }
    }

    /// What is behind an error, for people: in the client's words if it has some.
    pub(super) fn why(&self, error: &KafkaError) -> String {
        self.producer.poll(Duration::ZERO);
        let text = || match error {
            KafkaError::Transaction(error) => error.string(),
            error => error.to_string(),
        };
        self.producer.context().reports.last().unwrap_or_else(text)
    }

    fn not_allowed(&self) -> WriteError {
        WriteError::Forbidden(format!(
            "topic '{}', or its control topic, may not be written: allow their user Write on both",
            self.topic
        ))
    }

    /// Waits until the client has nothing more to say of records, and forgets what it said of them and of brokers.
    pub(super) fn forget(
        &self,
        keep_waiting: &KeepWaiting<'_>,
        patience: Duration,
    ) -> Result<(), WriteError> {
        wait(keep_waiting, patience, || {
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() == 0 {
                return Ok(Step::Done(()));
            }
            self.producer.poll(SHORT_STEP);
            Ok(Step::Nothing(String::new()))
        })?;
        self.producer.context().reports.forget();
        drop(std::mem::take(&mut *self.producer.context().bad()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_the_client_gave_up_because_of_others_are_no_cause() {
        let mut bad = Bad::default();
        bad.note(RDKafkaErrorCode::PurgeQueue, 1);
        assert_eq!(bad.cause(), None, "the report of the cause may still come");
        bad.note(RDKafkaErrorCode::MessageSizeTooLarge, 7);
        bad.note(RDKafkaErrorCode::PurgeInflight, NO_MESSAGE);
        assert_eq!(bad.cause(), Some(Cause::Refused(vec![7], RDKafkaErrorCode::MessageSizeTooLarge)));
        assert_eq!(bad.cause(), None);
        bad.note(RDKafkaErrorCode::RequestTimedOut, 8);
        assert_eq!(bad.cause(), Some(Cause::Failed(RDKafkaErrorCode::RequestTimedOut)));
        assert_eq!(bad.purged, Some(RDKafkaErrorCode::PurgeQueue));
    }
}
