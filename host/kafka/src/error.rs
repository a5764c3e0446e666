//! What a client of Kafka cannot do.

use rdkafka::error::RDKafkaErrorCode;

/// A client that cannot be made, or that Kafka refuses.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What its options say is wrong or incomplete.
    #[error("{0}")]
    Setting(String),
    /// What Kafka did not do.
    #[error("{0}")]
    Kafka(String),
}

/// Whether an error code says that a topic or partition is not there.
pub(crate) fn is_missing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
    )
}
