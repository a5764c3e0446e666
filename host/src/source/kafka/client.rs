//! Clients of librdkafka, and what they report beside records.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::settings::Connection;
use crate::source::SourceError;

/// What is set for every consumer; the connection's properties may change the first part only.
const TUNING: &[(&str, &str)] = &[
    ("client.id", "streamgauge"),
    // A client that is handed its partitions needs a group's name, though it never joins, nor commits.
    ("group.id", "streamgauge"),
    ("fetch.queue.backoff.ms", "10"),
    ("isolation.level", "read_committed"),
    ("queued.max.messages.kbytes", "32768"),
    ("reconnect.backoff.max.ms", "1000"),
];
const PROMISES: &[(&str, &str)] = &[
    ("allow.auto.create.topics", "false"),
    ("auto.offset.reset", "error"),
    ("check.crcs", "true"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    // How long a topic that was there may be unknown to its brokers before it counts as deleted.
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// What a client said last about its troubles.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    last: Arc<Mutex<Option<String>>>,
}

impl Reports {
    /// The last trouble in the client's words, once.
    pub(super) fn take(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The last trouble in the client's words, as long as it is not forgotten.
    pub(super) fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was said before now is no news.
    pub(super) fn forget(&self) {
        drop(self.take());
    }
}

impl ClientContext for Reports {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {
        // What matters comes as an error too.
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_string());
    }
}

impl ConsumerContext for Reports {}

pub(super) type Consumer = BaseConsumer<Reports>;

pub(super) fn consumer(connection: &Connection) -> Result<Consumer, SourceError> {
    consumer_with(connection, &[])
}

/// A consumer with settings that the connection's properties do not change.
pub(super) fn consumer_with(
    connection: &Connection,
    settings: &[(&str, &str)],
) -> Result<Consumer, SourceError> {
    let mut config = tuned(connection, TUNING);
    extend(&mut config, PROMISES);
    extend(&mut config, settings);
    config.create_with_context(Reports::default()).map_err(setting)
}

/// A client without the consumer's settings: for producers and administration.
pub(super) fn plain(connection: &Connection) -> ClientConfig {
    tuned(connection, &[("client.id", "streamgauge")])
}

/// A client's settings, which the connection's properties may change.
pub(super) fn tuned(connection: &Connection, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    extend(&mut config, settings);
    apply(connection, &mut config);
    config
}

pub(super) fn extend(config: &mut ClientConfig, settings: &[(&str, &str)]) {
    config.extend(settings.iter().map(|&(name, value)| (name.to_string(), value.to_string())));
}

fn apply(connection: &Connection, config: &mut ClientConfig) {
    config.set("bootstrap.servers", &connection.brokers);
    config.extend(connection.properties.clone());
    config.set_log_level(RDKafkaLogLevel::Critical);
}

/// A client that could not be made: its settings are wrong.
pub(super) fn setting(error: KafkaError) -> SourceError {
    SourceError::Setting(format!("the Kafka client cannot be made: {error}"))
}
