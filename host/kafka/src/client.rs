//! Clients of librdkafka, and what they report beside records.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
};
use streamgauge_common::clock::Stopwatch;

use crate::{error::ClientError, settings::Connection};

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

/// Where librdkafka logs that a connection failed.
const CONNECTION_FAILED: &str = "FAIL";

/// Where and how librdkafka logs that a topic has another id than before. It has no other way to say so, and goes on reading at the
/// old offset.
const METADATA: &str = "METADATA";
const ID_CHANGED: &str = " changed id from ";

/// How long a trouble is a reason for what fails. The client repeats one that lasts every 30 seconds.
const NEWS_FOR: Duration = Duration::from_secs(60);

/// What a client said last about its troubles.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    last: Arc<Mutex<Option<(Stopwatch, String)>>>,
    /// Whether a topic got another id.
    topic_changed: Arc<AtomicBool>,
}

impl Reports {
    /// Whether a topic got another id since the last call: it may have been deleted and made anew.
    pub(super) fn take_topic_changed(&self) -> bool {
        self.topic_changed.swap(false, Relaxed)
    }

    /// The last trouble in the client's words, once.
    pub(super) fn take(&self) -> Option<String> {
        let last = self.last();
        self.forget();
        last
    }

    /// The last trouble in the client's words, as long as it is news.
    pub(super) fn last(&self) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(since, _)| since.elapsed() < NEWS_FOR).map(|(_, trouble)| trouble.clone())
    }

    fn note(&self, trouble: &str) {
        // What a broker does that is spoken to in a way that it does not expect.
        let hung_up = trouble.contains("Disconnected") && trouble.contains("in state APIVERSION_QUERY");
        let hint = if hung_up { "; does security_protocol fit this address?" } else { "" };
        let trouble = format!("{trouble}{hint}");
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Stopwatch::start(), trouble));
    }

    /// What was said before now is no news.
    pub(super) fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A line of the log without the thread that wrote it: `[thrd:name]: text`.
fn without_thread(line: &str) -> &str {
    line.strip_prefix("[thrd:").and_then(|line| line.split_once("]: ")).map_or(line, |(_, text)| text)
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // Most of what matters comes as an error too; that a broker hung up, and what may be behind it, does not.
        if facility == CONNECTION_FAILED && !matches!(level, RDKafkaLogLevel::Debug) {
            self.note(without_thread(text));
        } else if facility == METADATA && text.contains(ID_CHANGED) {
            self.topic_changed.store(true, Relaxed);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            // It follows what each broker's trouble is, and says less.
            Some(RDKafkaErrorCode::AllBrokersDown) if self.last().is_some() => {}
            _ => self.note(reason),
        }
    }
}

impl ConsumerContext for Reports {}

pub(super) type Consumer = BaseConsumer<Reports>;

/// A consumer that notices when a topic is made anew: see [`Reports::take_topic_changed`].
pub(super) fn reader(connection: &Connection) -> Result<Consumer, ClientError> {
    let mut config = consumer_config(connection, &[("debug", "metadata")]);
    config.set_log_level(RDKafkaLogLevel::Debug);
    config.create_with_context(Reports::default()).map_err(setting)
}

/// A consumer with settings that the connection's properties do not change.
pub(super) fn consumer_with(connection: &Connection, own: &[(&str, &str)]) -> Result<Consumer, ClientError> {
    consumer_config(connection, own).create_with_context(Reports::default()).map_err(setting)
}

/// How a consumer is made.
pub(super) fn consumer_config(connection: &Connection, own: &[(&str, &str)]) -> ClientConfig {
    let mut config = tuned(connection, TUNING);
    extend(&mut config, PROMISES);
    extend(&mut config, own);
    config
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
    config.set_log_level(RDKafkaLogLevel::Info);
}

/// A client that could not be made: its settings are wrong.
pub(super) fn setting(error: KafkaError) -> ClientError {
    ClientError::Setting(format!("the Kafka client cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_all_brokers_are_down_says_less_than_what_each_of_them_said() {
        let reports = Reports::default();
        let down = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        reports.error(down.clone(), "1/1 brokers are down");
        assert_eq!(reports.last().as_deref(), Some("1/1 brokers are down"));
        let line = "[thrd:a:1/bootstrap]: a:1/bootstrap: Disconnected (after 0ms in state APIVERSION_QUERY)";
        reports.log(RDKafkaLogLevel::Info, "FAIL", line);
        reports.log(RDKafkaLogLevel::Info, "REBALANCE", "[thrd:main]: something else");
        reports.error(down.clone(), "1/1 brokers are down");
        let told = "a:1/bootstrap: Disconnected (after 0ms in state APIVERSION_QUERY); does security_protocol fit this \
                    address?";
        assert_eq!(reports.take().as_deref(), Some(told));
        reports.error(down, "1/1 brokers are down");
        assert_eq!(reports.take().as_deref(), Some("1/1 brokers are down"));
    }
}
