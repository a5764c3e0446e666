//! Writing to a topic, as the demo and the tests do.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};

use crate::{client, error::ClientError, settings::Connection};

/// How long a full queue is waited for before it is looked at again.
const PAUSE: Duration = Duration::from_millis(10);
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
    pub fn new(connection: &Connection, topic: &str) -> Result<Self, ClientError> {
        let mut config = client::plain(connection);
        config.set("linger.ms", "5").set("enable.idempotence", "true");
        let producer = config.create_with_context(Deliveries::default()).map_err(client::setting)?;
        Ok(Self { producer, topic: topic.to_string() })
    }

    /// Takes a record over; waits while the client's queue is full. Whether it was delivered [`Producer::flush`] says.
    pub fn send(&self, record: &Record<'_>) -> Result<(), ClientError> {
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
                Err((error, _)) => return Err(ClientError::Kafka(format!("cannot write: {error}"))),
            }
        }
    }

    /// Waits until all records are delivered; an error if one was not, in that time or at all.
    pub fn flush(&self, patience: Duration) -> Result<(), ClientError> {
        let flushed = self.producer.flush(patience);
        let failed = self.producer.context().failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let failed = failed.or(flushed.err().map(|error| error.to_string()));
        failed.map_or(Ok(()), |why| Err(ClientError::Kafka(format!("cannot write: {why}"))))
    }
}
