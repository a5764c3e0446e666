//! What a client of Kafka cannot do.

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
