//! Writing to a topic, as the demo and the tests do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext, Message,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult},
    client::DefaultClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};

use super::{client, settings::Connection};
use crate::source::SourceError;

/// How long a full queue is waited for before it is looked at again.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the brokers have to do what they are asked.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

type Admin = AdminClient<DefaultClientContext>;

/// A record to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// Where to; none = by the key, or anywhere.
    pub partition: Option<u32>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none = a tombstone.
    pub value: Option<&'a [u8]>,
    /// When it was made, in microseconds since the epoch, of which Kafka keeps the milliseconds; none = now.
    pub time_us: Option<i64>,
}

/// Writes records to a topic.
pub struct Producer {
    producer: BaseProducer<Deliveries>,
    topic: String,
}

/// What became of the records: the first failure.
#[derive(Clone, Default)]
struct Deliveries {
    failed: Arc<Mutex<Option<String>>>,
}

impl ClientContext for Deliveries {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {
        // A broker that is away is tried again; what cannot be delivered is told below.
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, record)) = result {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| format!("a record for topic '{}': {error}", record.topic()));
        }
    }
}

impl Producer {
    /// Makes a client for a topic; it speaks with no broker yet.
    pub fn new(connection: &Connection, topic: &str) -> Result<Self, SourceError> {
        let mut config = client::plain(connection);
        config.set("linger.ms", "5").set("enable.idempotence", "true");
        let producer = config.create_with_context(Deliveries::default()).map_err(client::setting)?;
        Ok(Self { producer, topic: topic.to_string() })
    }

    /// Takes a record over; waits while the client's queue is full. Whether it was delivered [`Producer::flush`] says.
    pub fn send(&self, record: &Record<'_>) -> Result<(), SourceError> {
        loop {
            let mut written: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic);
            written.partition = record.partition.map(|partition| partition as i32);
            written.key = record.key;
            written.payload = record.value;
            written.timestamp = record.time_us.map(|time_us| time_us.div_euclid(1000));
            match self.producer.send(written) {
                Ok(()) => {
                    self.producer.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(PAUSE)
                }
                Err((error, _)) => return Err(SourceError::Kafka(format!("cannot write: {error}"))),
            }
        }
    }

    /// Waits until all records are delivered; an error if one was not, in that time or at all.
    pub fn flush(&self, patience: Duration) -> Result<(), SourceError> {
        let flushed = self.producer.flush(patience);
        let failed = self.producer.context().failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let failed = failed.or(flushed.err().map(|error| error.to_string()));
        failed.map_or(Ok(()), |why| Err(SourceError::Kafka(format!("cannot write: {why}"))))
    }
}

/// Makes a topic, with as many replicas as the brokers do by default. One that exists is left as it is.
pub fn create_topic(connection: &Connection, topic: &str, partitions: u32) -> Result<(), SourceError> {
    let new = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(-1));
    let done = administer(connection, async |admin, options| admin.create_topics([&new], options).await);
    match done? {
        Ok(()) | Err(RDKafkaErrorCode::TopicAlreadyExists) => Ok(()),
        Err(why) => Err(SourceError::Kafka(format!("cannot create topic '{topic}': {why}"))),
    }
}

/// Deletes a topic and its records.
pub fn delete_topic(connection: &Connection, topic: &str) -> Result<(), SourceError> {
    let done = administer(connection, async |admin, options| admin.delete_topics(&[topic], options).await);
    done?.map_err(|why| SourceError::Kafka(format!("cannot delete topic '{topic}': {why}")))
}

/// Asks the brokers for one thing, and waits for it.
fn administer(
    connection: &Connection,
    ask: impl AsyncFnOnce(&Admin, &AdminOptions) -> KafkaResult<Vec<TopicResult>>,
) -> Result<Result<(), RDKafkaErrorCode>, SourceError> {
    let failed = |why: String| SourceError::Kafka(format!("Kafka did not answer: {why}"));
    let admin: Admin = client::plain(connection).create().map_err(client::setting)?;
    let options =
        AdminOptions::new().request_timeout(Some(ASKED_WITHIN)).operation_timeout(Some(ASKED_WITHIN));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let answers = runtime.block_on(ask(&admin, &options)).map_err(|error| failed(error.to_string()))?;
    Ok(answers.into_iter().try_for_each(|answer| answer.map(drop).map_err(|(_, why)| why)))
}
