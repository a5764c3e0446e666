//! Step 1: records, as they come from a partition.
//!
//! A [`connector`] says what a kind of source is; the [`connectors`] of the product are one file each.
//! Kafka is read by `streamgauge_kafka`, files and the demo's generator here. A
//! [`Chunk`](streamgauge_common::chunk::Chunk) is a run of records of one partition in its order; everything behind it keeps that order.

pub mod connector;
pub mod connectors;
pub mod input_file;
pub mod file;
pub mod generator;

use std::io;

use streamgauge_kafka::ClientError;

/// A source that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file that cannot be opened or read on.
    #[error("cannot read \"{name}\": {cause}")]
    File {
        /// Its path.
        name: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// What Kafka's client says.
    #[error(transparent)]
    Kafka(#[from] ClientError),
    /// The machine gives no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}
