//! The Kafka that the demo speaks with.

use streamgauge_kafka::{ClientError, Connection, MockCluster, create_topic};

use super::Failure;

const PARTITIONS: u32 = 4;

/// A Kafka with the demo's topic.
pub(super) struct Broker {
    connection: Connection,
    topic: String,
    /// None = it is somebody's.
    embedded: Option<MockCluster>,
}

impl Broker {
    /// Starts one inside the process where none is named, and makes the topic.
    pub(super) fn start(brokers: Option<&str>, topic: &str) -> Result<Self, Failure> {
        let embedded = if brokers.is_none() { Some(MockCluster::start().map_err(failed)?) } else { None };
        let connection = match &embedded {
            Some(cluster) => cluster.connection(),
            None => Connection { brokers: brokers.unwrap_or_default().to_owned(), ..Connection::default() },
        };
        let made = match &embedded {
            Some(cluster) => cluster.create_topic(topic, PARTITIONS),
            None => create_topic(&connection, topic, PARTITIONS),
        };
        made.map_err(|error| Failure::Runtime(format!("error: Kafka at {}: {error}", connection.brokers)))?;
        Ok(Self { connection, topic: topic.to_owned(), embedded })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn address(&self) -> &str {
        &self.connection.brokers
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Whether it is inside the process.
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }
}

/// Kafka does not do what the demo needs.
pub(super) fn failed(error: ClientError) -> Failure {
    Failure::Runtime(format!("error: {error}"))
}
