//! What comes of a topic.

use super::positions::Position;
use crate::source::Chunk;

/// What a source has to say, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// A partition is read from here on, to its end if it has one. Those that are there at start come before all else.
    Started(Position),
    /// The next records of a partition.
    Records(Chunk),
    /// All that a partition has at the moment was handed over.
    ReachedEnd {
        /// The partition.
        partition: u32,
    },
    /// A partition was read to the end that it was to be read to.
    Done {
        /// The partition.
        partition: u32,
    },
    /// Kafka is not there, or not as it should be; the source goes on trying. Said once of each that it lacks:
    /// brokers, the topic, permission.
    Waiting {
        /// Why, for people.
        message: String,
    },
    /// What it waited for has come.
    Resumed,
    /// The source cannot go on: offsets are lost. Nothing comes behind it.
    Failed {
        /// Why, for people.
        message: String,
    },
}
