//! A Kafka in this process: speaks the protocol on loopback, keeps its records in memory.

use rdkafka::{mocking, producer::DefaultProducerContext};

use crate::{error::ClientError, settings::Connection};

/// One broker of librdkafka's mock cluster, gone when dropped.
///
/// It takes any client. What it does not have: finding offsets by time ([`super::StartAt::Time`] begins at the end),
/// deleting records, making topics through the protocol.
pub struct MockCluster {
    cluster: mocking::MockCluster<'static, DefaultProducerContext>,
}

impl MockCluster {
    /// Starts it on a free port.
    pub fn start() -> Result<Self, ClientError> {
        let cluster = mocking::MockCluster::new(1).map_err(|error| ClientError::Kafka(error.to_string()))?;
        Ok(Self { cluster })
    }

    /// Its address: `host:port`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// How to speak with it.
    pub fn connection(&self) -> Connection {
        Connection { brokers: self.bootstrap_servers(), ..Connection::default() }
    }

    /// Makes a topic.
    pub fn create_topic(&self, topic: &str, partitions: u32) -> Result<(), ClientError> {
        let created = self.cluster.create_topic(topic, partitions as i32, 1);
        created.map_err(|error| ClientError::Kafka(format!("cannot create topic '{topic}': {error}")))
    }

    /// Lets the broker refuse connections, as one that is down, or take them again.
    pub fn set_down(&self, down: bool) -> Result<(), ClientError> {
        let set = if down { self.cluster.broker_down(1) } else { self.cluster.broker_up(1) };
        set.map_err(|error| ClientError::Kafka(error.to_string()))
    }
}
