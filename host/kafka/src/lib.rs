//! Kafka: the only crate that knows rdkafka.
//!
//! 1. [`Connection`] is where brokers are and how they are spoken to; `refused` says which client properties may not be set.
//! 2. [`KafkaSource`] reads a topic, partition by partition, in order.
//! 3. [`Transactions`] writes messages once for whoever reads what is committed; [`Control`] is the topic that remembers them.
//!    [`AckedWriter`] writes each once while this process lives.
//! 4. [`create_topic`] and [`delete_topic`] ask brokers for topics; [`MockCluster`] is librdkafka's own broker, for the demo.

mod error;
mod settings;
mod refused;
mod client;
mod native;
mod source;
mod producer;
mod outgoing;
mod acknowledged;
mod control;
mod transactions;
mod admin;
mod mock;

pub use self::{
    acknowledged::AckedWriter,
    admin::{create_topic, delete_topic},
    control::Control,
    error::ClientError,
    mock::MockCluster,
    outgoing::{KeepWaiting, WriteError},
    producer::{Producer, Record},
    refused::{Depth, Role, wrong_property},
    settings::Connection,
    source::{Event, KafkaSource, Position, Reading, StartAt, count_records},
    transactions::Transactions,
};
